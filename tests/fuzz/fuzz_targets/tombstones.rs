//! Any bytes as the tombstones of a block, as they are and behind a header that is right: the block is served or
//! set aside, never a panic, and what it answers is in order.
#![no_main]

use libfuzzer_sys::fuzz_target;
use narthex_storage::{Columns, Db, DbOptions, LabelQuery, Labels, Matcher, Queryable, SelectHints, WalSync};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

const HOUR: i64 = 3_600_000;

fuzz_target!(|bytes: &[u8]| {
    static DIR: LazyLock<(PathBuf, PathBuf)> = LazyLock::new(make);
    let (dir, block) = &*DIR;
    look(dir, block, bytes);
    let mut whole = b"NXTOMBS1".to_vec();
    whole.extend_from_slice(&crc32fast::hash(bytes).to_le_bytes());
    whole.extend_from_slice(bytes);
    look(dir, block, &whole);
});

fn options() -> DbOptions {
    DbOptions { wal_sync: WalSync::Never, retention_ms: None, ..DbOptions::default() }
}

/// A data directory with one block of a few series; also where the block lies.
fn make() -> (PathBuf, PathBuf) {
    let memory = PathBuf::from("/dev/shm");
    let base = if memory.is_dir() { memory } else { std::env::temp_dir() };
    let dir = base.join(format!("narthex-fuzz-tombstones-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&dir);
    let db = Db::open(&dir, options()).unwrap();
    let mut appender = db.appender();
    for n in 0..5 {
        let labels = Labels::from_pairs([("__name__", "m"), ("n", &*n.to_string())]);
        (0..9).for_each(|t| appender.append(&labels, t * HOUR / 2, t as f64).unwrap());
    }
    appender.commit().unwrap();
    let block = db.maintain(4 * HOUR).unwrap().blocks_written.remove(0);
    db.close().unwrap();
    (dir, block)
}

fn look(dir: &Path, block: &Path, file: &[u8]) {
    std::fs::write(block.join("tombstones"), file).unwrap();
    let db = Db::open(dir, options()).expect("damage never prevents the start");
    let report = db.open_report();
    assert_eq!(report.blocks + report.damaged_blocks.len(), 1);
    let querier = db.querier(i64::MIN, i64::MAX).unwrap();
    let hints = SelectHints { mint: 0, maxt: 2 * HOUR, ..SelectHints::default() };
    for series in querier.select(&[Matcher::equal("__name__", "m")], &hints).unwrap() {
        let mut columns = Columns::default();
        series.read(i64::MIN, i64::MAX, &mut columns).unwrap();
        assert!(columns.timestamps.is_sorted_by(|a, b| a < b), "time moves on");
        assert_eq!(columns.values.len(), columns.len());
    }
    let query = LabelQuery { mint: 0, maxt: HOUR, ..LabelQuery::default() };
    querier.label_values("n", &query).unwrap();
}
