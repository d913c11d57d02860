//! Exemplars over restarts, flushes and changes of their number.

use super::*;
use crate::{Exemplar, Labels, Matcher, Row};
use tempfile::TempDir;

fn options(max_exemplars: usize) -> DbOptions {
    DbOptions { max_exemplars, retention_ms: None, ..DbOptions::default() }
}

fn open(dir: &TempDir, max: usize) -> Db {
    Db::open(dir.path(), options(max)).unwrap()
}

fn series(number: u32) -> Labels {
    Labels::from_pairs([("__name__", "seconds_bucket"), ("n", number.to_string().as_str())])
}

fn exemplar(trace: i64) -> Exemplar {
    let text = trace.to_string();
    let labels = Labels::from_pairs([("trace_id", text.as_str())]);
    Exemplar { labels, value: 0.5, timestamp: trace, has_timestamp: true }
}

/// Stores one exemplar of each series, and a sample that lets the head know it.
fn store(db: &Db, numbers: std::ops::Range<u32>, trace: i64) -> crate::ExemplarOutcome {
    let (mut samples, mut exemplars) = (db.appender(), db.exemplar_appender());
    for number in numbers {
        samples.append(&series(number), trace, 1.0).unwrap();
        exemplars.stage(&series(number), exemplar(trace)).unwrap();
    }
    samples.commit().unwrap();
    exemplars.commit().unwrap()
}

/// Series and traces, in the order of an answer.
fn found(db: &Db) -> Vec<(String, Vec<String>)> {
    let all = db.exemplars(i64::MIN, i64::MAX, &[vec![Matcher::equal("__name__", "seconds_bucket")]]);
    let trace = |one: &Exemplar| one.labels.get("trace_id").unwrap_or_default().to_owned();
    let number = |labels: &Labels| labels.get("n").unwrap_or_default().to_owned();
    all.iter().map(|one| (number(&one.labels), one.exemplars.iter().map(trace).collect())).collect()
}

#[test]
fn a_killed_database_has_its_exemplars_again() {
    let dir = TempDir::new().unwrap();
    let db = open(&dir, 100);
    assert_eq!(store(&db, 0..3, 1000).stored, 3);
    assert_eq!(store(&db, 1..3, 2000).stored, 2);
    let before = found(&db);
    assert_eq!(before.len(), 3);
    assert_eq!(before[1], ("1".to_owned(), vec!["1000".to_owned(), "2000".to_owned()]));
    // Nothing is flushed: the log alone has them.
    drop(db);
    let db = open(&dir, 100);
    assert_eq!(found(&db), before);
    let again = store(&db, 1..3, 2000);
    assert_eq!((again.stored, again.duplicate), (0, 2));
    assert_eq!(db.exemplar_stats().stored, 5);
}

#[test]
fn a_flush_tells_the_log_again_what_is_in_memory() {
    let dir = TempDir::new().unwrap();
    let db = open(&dir, 4);
    for round in 0..5 {
        store(&db, 0..2, 1000 * (round + 1));
        db.flush().unwrap();
    }
    let before = found(&db);
    let newest = vec!["4000".to_owned(), "5000".to_owned()];
    assert_eq!(before, [("0".to_owned(), newest.clone()), ("1".to_owned(), newest)]);
    // What came before the flush and behind it counts once.
    store(&db, 0..1, 6000);
    let before = found(&db);
    drop(db);
    for _ in 0..2 {
        let db = open(&dir, 4);
        assert_eq!(found(&db), before);
        // The next exemplar takes the place of the oldest one.
        assert_eq!(db.exemplar_stats().oldest_ms, Some(4000));
        db.close().unwrap();
    }
}

#[test]
fn exemplars_outlive_their_series() {
    let dir = TempDir::new().unwrap();
    let db = open(&dir, 10);
    store(&db, 0..2, 1000);
    db.flush().unwrap();
    // Blocks are cut, and series without samples leave the head.
    let (group, far) = (db.create_group(), 12 * 3_600_000);
    let mut row = Row::new();
    row.set(group.register(&Labels::from_pairs([("__name__", "other")])).unwrap(), 1.0);
    group.append_row(far, &row).unwrap();
    let removed = db.maintain(far).unwrap().series_removed;
    assert_eq!(removed, 2);
    assert!(db.exemplar_appender().stage(&series(0), exemplar(2000)).is_err());
    let before = found(&db);
    assert_eq!(before.len(), 2);
    db.close().unwrap();
    drop((group, db));
    let db = open(&dir, 10);
    assert_eq!(found(&db), before);
}

#[test]
fn the_newest_stay_when_fewer_are_kept_and_none_when_it_is_off() {
    let dir = TempDir::new().unwrap();
    let db = open(&dir, 10);
    store(&db, 0..5, 1000);
    let changes = db.exemplar_appender().changes();
    assert_eq!(db.set_max_exemplars(2), 2);
    let numbers: Vec<String> = found(&db).into_iter().map(|(number, _)| number).collect();
    assert_eq!(numbers, ["3", "4"]);
    assert!(db.exemplar_appender().changes() != changes);
    assert_eq!(db.set_max_exemplars(0), 0);
    assert_eq!(store(&db, 0..5, 2000), crate::ExemplarOutcome::default());
    assert!(found(&db).is_empty() && !db.exemplar_appender().is_on());
    drop(db);
    // What the log tells is not taken either.
    let db = open(&dir, 0);
    assert!(found(&db).is_empty());
    assert_eq!(db.open_report().dropped_records, 0);
    drop(db);
    // Nothing has been flushed: with room again they are there.
    let db = open(&dir, 3);
    let numbers: Vec<String> = found(&db).into_iter().map(|(number, _)| number).collect();
    assert_eq!(numbers, ["2", "3", "4"]);
}

#[test]
fn what_is_refused_is_told_and_neither_logged_nor_stored() {
    let dir = TempDir::new().unwrap();
    let db = open(&dir, 10);
    store(&db, 0..1, 5000);
    let before = db.work().log_writes;
    let mut appender = db.exemplar_appender();
    appender.stage(&series(0), exemplar(4000)).unwrap();
    let text = "x".repeat(121);
    let labels = Labels::from_pairs([("trace_id", text.as_str())]);
    appender.stage(&series(0), Exemplar { labels, ..exemplar(6000) }).unwrap();
    let outcome = appender.commit().unwrap();
    assert_eq!((outcome.out_of_order, outcome.too_long, outcome.stored), (1, 1, 0));
    assert_eq!(db.work().log_writes, before);
    // Out of order among those that come together.
    appender.stage(&series(0), exemplar(8000)).unwrap();
    appender.stage(&series(0), exemplar(7000)).unwrap();
    let outcome = appender.commit().unwrap();
    assert_eq!((outcome.out_of_order, outcome.stored), (1, 1));
    assert_eq!(db.exemplar_stats().out_of_order, 1);
    // Within the window it is taken.
    db.set_out_of_order_window(2000);
    appender.stage(&series(0), exemplar(6500)).unwrap();
    assert_eq!(appender.commit().unwrap().stored, 1);
    assert_eq!(found(&db), [("0".to_owned(), vec!["5000".to_owned(), "6500".to_owned(), "8000".to_owned()])]);
    appender.stage(&series(0), exemplar(9000)).unwrap();
    appender.rollback();
    assert_eq!(appender.commit().unwrap(), crate::ExemplarOutcome::default());
}
