//! What the workloads found, each by itself.

use super::disk::{Fault, FaultKind, SimDisk};
use super::samples::{Dump, Point, dump, labels};
use super::workload::{Mode, data_dir, open, options};
use crate::codec::varint;
use crate::wal::record::{self, Kind};
use crate::{Db, Group, Row};
use std::sync::Arc;

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

/// Appends a row in which each series has the time as its value.
fn append_row(group: &Arc<Group>, second: i64, present: &[u32], want: &mut Dump) {
    let mut row = Row::new();
    for series in present {
        assert!(row.set(group.register(&labels(*series)).unwrap(), second as f64));
        want.entry(*series).or_default().insert(second * 1000, Point::float(second as f64));
    }
    group.append_row(second * 1000, &row).unwrap();
}

#[test]
fn a_lost_row_costs_nothing_before_it_even_when_a_series_ended_there() {
    let disk = SimDisk::default();
    let db = open(&disk, &options(Mode::Always)).unwrap();
    let (group, mut want) = (db.create_group(), Dump::new());
    (0..3).for_each(|second| append_row(&group, second, &[1, 2, 3], &mut want));
    // Two end, and one of them leaves its slot to another when the next block begins.
    (3..6).for_each(|second| append_row(&group, second, &[1], &mut want));
    group.release(group.register(&labels(2)).unwrap());
    append_row(&group, 60, &[1], &mut want);
    (61..63).for_each(|second| append_row(&group, second, &[1, 4], &mut want));
    drop((group, db));
    let (log, bytes) = disk.files(&data_dir()).into_iter().find(|(_, bytes)| !bytes.is_empty()).unwrap();
    let (mut rest, mut rows) = (bytes.as_slice(), 0);
    while !rest.is_empty() {
        let at = bytes.len() - rest.len();
        let (kind, mut payload) = record::take(&mut rest).unwrap();
        if kind != Kind::Row {
            continue;
        }
        let _group_and_sequence = (varint::take(&mut payload).unwrap(), varint::take(&mut payload).unwrap());
        let lost_ms = varint::take_signed(&mut payload).unwrap();
        let mut damaged = bytes.clone();
        damaged[at + 12] ^= 1;
        let copy = SimDisk::of(disk.image());
        copy.overwrite(&log, damaged);
        let shown = dump(&open(&copy, &options(Mode::Always)).unwrap(), None).unwrap();
        for (series, samples) in &want {
            for timestamp in samples.keys().filter(|t| **t < lost_ms || lost_ms < 60_000 && **t >= 60_000) {
                let there = shown.get(series).is_some_and(|samples| samples.contains_key(timestamp));
                assert!(there, "series {series} at {timestamp} is gone with the row at {lost_ms}: {shown:?}");
            }
        }
        rows += 1;
    }
    assert!(rows >= 6, "{rows}");
}
