//! What the workloads found, each by itself.

use super::disk::{Fault, FaultKind, SimDisk};
use super::samples::{Dump, Point, dump, labels};
use super::workload::{Mode, open, options};
use crate::Db;

/// Appends a sample a second to a series, and says what it has then.
fn fill(db: &Db, series: u32, seconds: std::ops::Range<i64>) -> Dump {
    let mut appender = db.appender();
    let mut all = Dump::new();
    for second in seconds {
        appender.append(&labels(series), second * 1000, second as f64).unwrap();
        all.entry(series).or_default().insert(second * 1000, Point::float(second as f64));
    }
    appender.commit().unwrap();
    all
}

fn assert_same(shown: &Dump, want: &Dump) {
    assert!(shown.keys().eq(want.keys()), "{shown:?}");
    for (shown, want) in shown.values().zip(want.values()) {
        let same = shown.len() == want.len()
            && shown.iter().zip(want).all(|((a, shown), (b, want))| a == b && shown.same(want));
        assert!(same, "{shown:?} instead of {want:?}");
    }
}

#[test]
fn a_block_that_could_not_be_cut_is_cut_when_there_is_room_again() {
    for at in 0..40 {
        let disk = SimDisk::default();
        let db = open(&disk, &options(Mode::Always)).unwrap();
        let want = fill(&db, 1, 0..100);
        db.flush().unwrap();
        disk.fail(Some(Fault { kind: FaultKind::Full, first: disk.calls() + at, count: u64::MAX }));
        let _ = db.maintain(100_000);
        disk.fail(None);
        db.maintain(100_000).unwrap();
        assert_eq!(db.inner.blocks.load().len(), 1, "fault at {at}");
        assert_same(&dump(&db, None).unwrap(), &want);
        drop(db);
        assert_same(&dump(&open(&disk, &options(Mode::Always)).unwrap(), None).unwrap(), &want);
    }
}
