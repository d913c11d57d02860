//! Any bytes as a segment of the log, and as the payloads of whole records: no panic, gaps in order and
//! inside the segment, and a database that opens and answers whatever the log says.
#![no_main]

use libfuzzer_sys::fuzz_target;
use narthex_storage::wal::reader::read_segment;
use narthex_storage::wal::record::{self, Kind};
use narthex_storage::{Columns, Db, DbOptions, LabelQuery, MatchOp, Matcher, Queryable, SelectHints, WalSync};
use std::path::PathBuf;
use std::sync::LazyLock;

fuzz_target!(|bytes: &[u8]| {
    damage_is_told_in_order(bytes);
    open(bytes);
    open(&records(bytes));
});

fn damage_is_told_in_order(segment: &[u8]) {
    let mut payload = 0usize;
    let damage = read_segment(segment, |_, bytes| payload += bytes.len());
    assert!(payload <= segment.len(), "a payload is part of the segment");
    let mut last = 0;
    for (at, len) in &damage.gaps {
        assert!(*at >= last && *len > 0 && at + len <= segment.len(), "gaps are inside and in order");
        last = at + len;
    }
    if let Some(at) = damage.torn_at {
        assert!(at >= last && at < segment.len(), "the torn tail is the last thing");
        // What stands before the tear reads the same without it.
        let mut again = 0usize;
        let whole = read_segment(&segment[..at], |_, bytes| again += bytes.len());
        assert_eq!((again, whole.torn_at, whole.gaps), (payload, None, damage.gaps));
    }
}

/// Whole records out of any bytes, so that what stands behind the checksum is reached: type, length, payload.
fn records(mut bytes: &[u8]) -> Vec<u8> {
    let kinds = [
        Kind::Series,
        Kind::Full,
        Kind::Schema,
        Kind::Row,
        Kind::Samples,
        Kind::Runs,
        Kind::Tombstones,
    ];
    let mut segment = Vec::new();
    while let [kind, len, rest @ ..] = bytes {
        let (payload, rest) = rest.split_at(usize::from(*len).min(rest.len()));
        record::put(&mut segment, kinds[usize::from(*kind) % kinds.len()], |out| out.extend_from_slice(payload));
        bytes = rest;
    }
    segment
}

fn open(segment: &[u8]) {
    static DIR: LazyLock<PathBuf> = LazyLock::new(|| {
        let memory = PathBuf::from("/dev/shm");
        let base = if memory.is_dir() { memory } else { std::env::temp_dir() };
        base.join(format!("narthex-fuzz-{}", std::process::id()))
    });
    let _ = std::fs::remove_dir_all(&*DIR);
    std::fs::create_dir_all(DIR.join("wal.narthex")).unwrap();
    std::fs::write(DIR.join("wal.narthex/00000000"), segment).unwrap();
    let options = DbOptions { wal_sync: WalSync::Never, ..DbOptions::default() };
    let db = Db::open(&DIR, options).expect("damage never prevents the start");
    let querier = db.querier(i64::MIN, i64::MAX).unwrap();
    let every = [Matcher::new(MatchOp::NotEqual, "no such label", "x").unwrap()];
    let hints = SelectHints { mint: i64::MIN, maxt: i64::MAX, ..SelectHints::default() };
    for series in querier.select(&every, &hints).unwrap() {
        let mut columns = Columns::default();
        series.read(i64::MIN, i64::MAX, &mut columns).unwrap();
        assert!(columns.timestamps.is_sorted_by(|a, b| a < b), "time moves on");
        assert_eq!(columns.values.len(), columns.len());
        assert!(columns.starts.is_empty() || columns.starts.len() == columns.len());
        assert!(columns.histograms.iter().all(|(at, _)| (*at as usize) < columns.len()));
    }
    let query = LabelQuery { mint: i64::MIN, maxt: i64::MAX, ..LabelQuery::default() };
    querier.label_names(&query).unwrap();
    drop(querier);
    db.close().unwrap();
    let _ = std::fs::remove_dir_all(&*DIR);
}
