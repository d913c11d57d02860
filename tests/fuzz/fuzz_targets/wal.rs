//! Any bytes as a segment of the log, and as the payloads of whole records: no panic, gaps in order and
//! inside the segment, and a database that opens and answers whatever the log says.
#![no_main]

use libfuzzer_sys::fuzz_target;
use narthex_fuzz::base::Base;
use narthex_fuzz::look;
use narthex_storage::wal::reader::read_segment;
use narthex_storage::wal::record::{self, Kind};
use std::path::Path;

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
        Kind::Late,
        Kind::Settled,
        Kind::Exemplars,
        Kind::Void,
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
    let path = Path::new(look::DIR).join("wal.narthex/00000000");
    let base = Base::of([(path, segment.to_vec())], |_| true);
    let disk = base.disk();
    let db = look::open(&disk);
    look::look(&db);
    db.close().unwrap();
    drop(db);
    look::look(&look::open(&disk));
}
