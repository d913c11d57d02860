//! Selections: what they see, and that they keep seeing it.

use crate::{
    Columns, Db, DbOptions, Labels, Matcher, Queryable, Row, SelectHints, Series, Slot, StorageError, WalSync,
};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

const HOUR: i64 = 3_600_000;
const RANGE: (i64, i64) = (i64::MIN, i64::MAX);

fn open() -> (tempfile::TempDir, Db) {
    let dir = tempfile::tempdir().unwrap();
    let options = DbOptions { wal_sync: WalSync::Never, retention_ms: None, ..DbOptions::default() };
    let db = Db::open(dir.path(), options).unwrap();
    (dir, db)
}

fn labels(n: usize) -> Labels {
    Labels::from_pairs([("__name__", "m"), ("n", format!("{n:03}").as_str())])
}

fn select(db: &Db, (mint, maxt): (i64, i64), unsorted: bool) -> Vec<Box<dyn Series>> {
    let hints = SelectHints { mint, maxt, unsorted, ..SelectHints::default() };
    db.querier(mint, maxt).unwrap().select(&[Matcher::equal("__name__", "m")], &hints).unwrap()
}

type Read = Vec<(Labels, Vec<i64>)>;

fn read(series: &[Box<dyn Series>], (mint, maxt): (i64, i64)) -> Read {
    let mut columns = Columns::default();
    let mut one = |series: &dyn Series| {
        columns.clear();
        series.read(mint, maxt, &mut columns).unwrap();
        assert!(columns.timestamps.is_sorted_by(|a, b| a < b));
        (series.labels().clone(), columns.timestamps.clone())
    };
    series.iter().map(|series| one(series.as_ref())).collect()
}

fn append(db: &Db, series: impl Iterator<Item = usize>, at: i64) {
    let mut appender = db.appender();
    series.for_each(|n| appender.append(&labels(n), at, at as f64).unwrap());
    appender.commit().unwrap();
}

fn row(slots: &[Slot], value: f64) -> Row {
    let mut row = Row::new();
    slots.iter().for_each(|slot| assert!(row.set(*slot, value)));
    row
}

/// Six hours of samples: a group's series, series of their own, and one that only the first block has.
fn fill(db: &Db) -> Arc<crate::Group> {
    let group = db.create_group();
    let slots: Vec<Slot> = (0..10).map(|n| group.register(&labels(n * 3)).unwrap()).collect();
    append(db, [50, 1, 200].into_iter(), 5);
    for minute in 1..6 * 60 {
        group.append_row(minute * 60_000, &row(&slots, minute as f64)).unwrap();
        append(db, (0..10).map(|n| n * 3 + 1), minute * 60_000 + 7);
        if minute % 30 == 0 {
            db.maintain(minute * 60_000).unwrap();
        }
    }
    group
}

#[test]
fn a_selection_is_in_label_order_however_its_parts_are_spread() {
    let (_dir, db) = open();
    let _group = fill(&db);
    assert_eq!(db.stats(1).blocks, 2);
    for range in [RANGE, (0, HOUR), (0, 3 * HOUR), (5 * HOUR, 6 * HOUR), (HOUR + 1, HOUR + 2)] {
        let found = select(&db, range, false);
        let sorted: Vec<Labels> = found.iter().map(|series| series.labels().clone()).collect();
        assert!(sorted.is_sorted_by(|a, b| a < b), "{range:?}: {sorted:?}");
        let mut unsorted: Vec<Labels> =
            select(&db, range, true).iter().map(|series| series.labels().clone()).collect();
        unsorted.sort();
        assert_eq!(sorted, unsorted, "{range:?}");
        let old = sorted.contains(&labels(200));
        assert_eq!(old, range.0 < 5, "the series that ended early, in {range:?}");
    }
}

#[test]
fn the_newest_sample_is_the_last_that_is_read() {
    let (_dir, db) = open();
    let _group = fill(&db);
    let mut scratch = Columns::default();
    for range in [RANGE, (0, HOUR), (0, 6 * HOUR), (6 * HOUR - 300_000, 6 * HOUR), (4 * HOUR, 4 * HOUR + 1)] {
        for series in select(&db, range, false) {
            let mut columns = Columns::default();
            series.read(range.0, range.1, &mut columns).unwrap();
            assert_eq!(series.newest(range.0, range.1, &mut scratch).unwrap(), columns.newest(), "{range:?}");
        }
    }
}

#[test]
fn a_selection_stays_what_it_was() {
    let (_dir, db) = open();
    let group = fill(&db);
    let selected = select(&db, RANGE, false);
    let before = read(&selected, RANGE);
    let slots: Vec<Slot> = (0..10).map(|n| group.register(&labels(n * 3)).unwrap()).collect();
    for minute in 6 * 60..12 * 60 {
        group.append_row(minute * 60_000, &row(&slots, 1.0)).unwrap();
        append(&db, (0..10).map(|n| n * 3 + 1), minute * 60_000 + 7);
        if minute % 60 == 0 {
            // Blocks take over what was selected from the head.
            db.maintain(minute * 60_000).unwrap();
            assert_eq!(read(&selected, RANGE), before, "after {minute} minutes");
        }
    }
    assert!(db.stats(1).blocks > 1, "blocks took over, and were merged");
}

/// How far the appending side may run ahead of the selections, in rows: what is read in each of them stays
/// bounded, however the two are scheduled.
const AHEAD: i64 = 300;

/// Appends and selects at the same time: every series has the same newest timestamp.
fn whole_or_nothing(db: &Db, series: usize, append: impl Fn(i64) + Sync) {
    append(1);
    let (stop, selections) = (AtomicBool::new(false), AtomicI64::new(0));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut at = 1;
            while !stop.load(Ordering::Relaxed) {
                if at > (selections.load(Ordering::Relaxed) + 1) * AHEAD {
                    std::thread::yield_now();
                    continue;
                }
                at += 1;
                append(at);
            }
        });
        let check = || -> Result<(), StorageError> {
            let mut scratch = Columns::default();
            for round in 0..200 {
                let found = select(db, RANGE, round % 2 == 0);
                let newest: Result<Vec<_>, _> =
                    found.iter().map(|s| s.newest(i64::MIN, i64::MAX, &mut scratch)).collect();
                let newest: Vec<i64> =
                    newest?.into_iter().map(|newest| newest.map_or(0, |n| n.timestamp)).collect();
                assert_eq!(newest.len(), series);
                assert!(newest.windows(2).all(|pair| pair[0] == pair[1]), "{newest:?}");
                let range = (newest.first().copied().unwrap_or(0) - 2 * AHEAD, i64::MAX);
                let last: Vec<_> = read(&found, range).into_iter().map(|(_, t)| t.last().copied()).collect();
                assert!(
                    last.iter().all(|last| *last == newest.first().copied()),
                    "{last:?} after {newest:?}"
                );
                selections.fetch_add(1, Ordering::Relaxed);
            }
            Ok(())
        };
        let checked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(check));
        stop.store(true, Ordering::Relaxed);
        checked.unwrap().unwrap();
    });
}

#[test]
fn a_row_is_seen_whole_or_not_at_all() {
    let (_dir, db) = open();
    let group = db.create_group();
    let slots: Vec<Slot> = (0..40).map(|n| group.register(&labels(n)).unwrap()).collect();
    whole_or_nothing(&db, 40, |at| {
        group.append_row(at, &row(&slots, at as f64)).unwrap();
    });
}

#[test]
fn what_is_sealed_while_it_is_read_is_read_once() {
    let (_dir, db) = open();
    let group = db.create_group();
    let slots = [group.register(&labels(0)).unwrap()];
    let rows = 20_000;
    let append = |at: i64| {
        group.append_row(at, &row(&slots, at as f64)).unwrap();
    };
    append(1);
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| (2..rows).for_each(append));
        while !writer.is_finished() {
            let selected = select(&db, RANGE, true);
            let newest = selected[0].newest(0, i64::MAX, &mut Columns::default()).unwrap().unwrap().timestamp;
            let [(_, read)] = &read(&selected, (newest - 1000, i64::MAX))[..] else { panic!("one series") };
            let want: Vec<i64> = (1.max(newest - 1000)..=newest).collect();
            assert_eq!(*read, want);
        }
    });
    assert_eq!(read(&select(&db, RANGE, true), RANGE)[0].1.len() as i64, rows - 1);
}

#[test]
fn a_commit_is_seen_whole_or_not_at_all() {
    let (_dir, db) = open();
    whole_or_nothing(&db, 40, |at| append(&db, 0..40, at));
}
