//! Budgets and statistics of series, through restarts and the cutting of blocks.

use crate::{
    AppendError, CardinalityQuery, CardinalityReport, Db, DbOptions, Dimension, Group, Labels, Matcher, Row,
    SeriesBudget, WalSync,
};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

const HOUR: i64 = 3_600_000;
const NONE: [usize; 0] = [];

fn open(dir: &Path, max_series: Option<u64>) -> Db {
    let options =
        DbOptions { wal_sync: WalSync::Never, retention_ms: None, max_series, ..DbOptions::default() };
    Db::open(dir, options).unwrap()
}

fn labels(job: &str, n: usize) -> Labels {
    Labels::from_pairs([("__name__", "m"), ("job", job), ("instance", "i"), ("n", &n.to_string())])
}

/// Appends a row of these series; those that were refused.
fn scrape(group: &Arc<Group>, job: &str, series: &[usize], at: i64) -> Vec<usize> {
    let mut row = Row::new();
    let mut refused = Vec::new();
    for n in series {
        match group.register(&labels(job, *n)) {
            Ok(slot) => assert!(row.set(slot, at as f64)),
            Err(error) => {
                assert!(error.is_no_room(), "{error}");
                refused.push(*n);
            }
        }
    }
    group.append_row(at, &row).unwrap();
    refused
}

fn ask(by: Dimension) -> CardinalityQuery {
    CardinalityQuery {
        by,
        matchers: Vec::new(),
        focus: String::new(),
        now_ms: 0,
        compare_ms: 0,
        limit: 100,
        also: Vec::new(),
    }
}

fn report(db: &Db, by: Dimension) -> CardinalityReport {
    db.cardinality(&ask(by)).unwrap()
}

fn counts(report: &CardinalityReport) -> Vec<(String, u64)> {
    report.rows.iter().map(|row| (format!("{}|{}", row.name.0, row.name.1), row.series)).collect()
}

#[test]
fn a_refused_series_leaves_nothing_behind() {
    let dir = tempfile::tempdir().unwrap();
    let db = open(dir.path(), Some(2));
    let group = db.create_group();
    assert_eq!(scrape(&group, "j", &[0, 1], 1), NONE);
    let before = (db.stats(100), Dimension::ALL.map(|by| report(&db, by)));
    for at in 2..5 {
        assert_eq!(scrape(&group, "new", &[7, 8, 9], at), [7, 8, 9]);
        assert!(matches!(
            db.appender().append(&labels("new", 7), at, 1.0),
            Err(AppendError::TooManySeries(2))
        ));
        assert!(matches!(group.admit(&labels("new", 7)), Err(AppendError::TooManySeries(2))));
    }
    let after = db.stats(100);
    assert_eq!((after.series, after.series_created), (2, before.0.series_created));
    assert_eq!(after.label_pairs, before.0.label_pairs);
    assert_eq!(
        (after.series_by_pair, after.bytes_by_label),
        (before.0.series_by_pair, before.0.bytes_by_label)
    );
    assert_eq!(Dimension::ALL.map(|by| report(&db, by)), before.1);
    assert_eq!(after.series_refused, 15);
    // What tells of the target itself is taken, and what is known goes on.
    assert!(group.register_always(&labels("up", 0)).is_ok());
    assert_eq!(scrape(&group, "j", &[0, 1, 2], 6), [2]);
}

#[test]
fn the_log_brings_back_more_series_than_the_limit_lets_in() {
    let dir = tempfile::tempdir().unwrap();
    let db = open(dir.path(), None);
    let group = db.create_group();
    scrape(&group, "j", &[0, 1, 2, 3], 1);
    drop((group, db));
    let db = open(dir.path(), Some(2));
    assert_eq!(counts(&report(&db, Dimension::Job)), [("j|".to_owned(), 4)]);
    let budget = SeriesBudget::new(Some(1));
    let group = db.create_group_within(&budget);
    assert_eq!(scrape(&group, "j", &[0, 1, 2, 3, 4], 2), [4]);
    assert_eq!((budget.series(), budget.refused()), (4, 1));
}

#[test]
fn only_the_new_series_of_who_spent_a_budget_are_refused_until_the_head_lets_old_ones_go() {
    let dir = tempfile::tempdir().unwrap();
    let db = open(dir.path(), None);
    let (small, large) = (SeriesBudget::new(Some(3)), SeriesBudget::new(None));
    let (one, two) = (db.create_group_within(&small), db.create_group_within(&small));
    let other = db.create_group_within(&large);
    assert_eq!(scrape(&one, "a", &[0, 1], 1), NONE);
    assert_eq!(scrape(&two, "b", &[0, 1], 1), [1], "two targets share the budget of their job");
    assert_eq!(scrape(&other, "c", &[0, 1, 2, 3, 4, 5], 1), NONE);
    assert!(matches!(
        db.appender_within(&small).append(&labels("a", 9), 2, 1.0),
        Err(AppendError::BudgetSpent(3))
    ));
    let room = one.room();
    // A series that nobody exposes any more counts while the head has it.
    for slot in 0..2 {
        one.release(one.register(&labels("a", slot)).unwrap());
    }
    for hour in 1..=8 {
        assert_eq!(scrape(&two, "b", &[0], hour * HOUR), NONE);
        scrape(&other, "c", &[0], hour * HOUR);
        one.append_row(hour * HOUR, &Row::new()).unwrap();
        if one.room() == room {
            assert_eq!(scrape(&two, "b", &[0, 1], hour * HOUR + 1), [1]);
        }
        db.maintain(hour * HOUR).unwrap();
    }
    assert_ne!(one.room(), room);
    assert_eq!(small.series(), 1);
    assert_eq!(scrape(&two, "b", &[0, 1, 2, 3], 9 * HOUR), [3]);
    let room = two.room();
    small.set_limit(Some(4));
    assert_ne!(two.room(), room, "a raised limit is room");
    assert_eq!(scrape(&two, "b", &[0, 1, 2, 3], 9 * HOUR + 1), NONE);
}

#[test]
fn a_limit_holds_when_many_threads_bring_series_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let db = open(dir.path(), Some(150));
    let budget = SeriesBudget::new(Some(100));
    let counts: Vec<usize> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4)
            .map(|t| {
                let group = if t < 3 { db.create_group_within(&budget) } else { db.create_group() };
                scope.spawn(move || {
                    let new = (0..100).filter(|n| group.register(&labels("j", t * 1000 + n)).is_ok());
                    new.count()
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(budget.series() <= 100 && db.stats(1).series <= 150);
    assert_eq!(counts[..3].iter().sum::<usize>() as u64, budget.series());
    assert_eq!(counts.iter().sum::<usize>() as u64, db.stats(1).series);
    assert!(counts.iter().sum::<usize>() >= 100);
}

#[test]
fn growth_is_told_against_a_day_ago_also_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let mut db = open(dir.path(), None);
    let mut group = db.create_group();
    let all: Vec<usize> = (0..10).collect();
    for hour in 0..30 {
        scrape(&group, "j", if hour < 20 { &all[..4] } else { &all }, hour * HOUR);
        db.maintain(hour * HOUR).unwrap();
        if hour == 25 {
            db.note_queried("m", 77);
            db.close().unwrap();
            drop((group, db));
            db = open(dir.path(), None);
            assert_eq!(db.open_report().statistics_lost, None);
            group = db.create_group();
        }
    }
    let query = CardinalityQuery { now_ms: 29 * HOUR, compare_ms: 24 * HOUR, ..ask(Dimension::Metric) };
    let report = db.cardinality(&query).unwrap();
    assert_eq!((report.total, report.compared, report.exact), (10, Some((5 * HOUR, 4)), true));
    assert_eq!(report.rows.len(), 1);
    let row = &report.rows[0];
    assert_eq!((row.series, row.delta, row.last_queried), (10, Some(6), Some(77)));
    assert_eq!((row.top_job.as_deref(), row.top_label.as_deref()), (Some("j"), Some("n")));
    let query = CardinalityQuery { by: Dimension::Pair, focus: "n".to_owned(), ..query };
    let report = db.cardinality(&query).unwrap();
    assert_eq!((report.names, report.rows.len()), (10, 10));
    let grown = report.rows.iter().filter(|row| row.delta == Some(1)).count();
    assert_eq!(grown, 6, "{:?}", report.rows);
    // A share of the series has nothing to be compared with.
    let query = CardinalityQuery { matchers: vec![vec![Matcher::equal("n", "3")]], ..query };
    let report = db.cardinality(&query).unwrap();
    assert_eq!((report.total, report.compared, counts(&report)), (1, None, vec![("n|3".to_owned(), 1)]));
}

#[test]
fn statistics_that_cannot_be_read_begin_anew() {
    let dir = tempfile::tempdir().unwrap();
    let db = open(dir.path(), None);
    db.note_queried("m", 77);
    db.close().unwrap();
    drop(db);
    let path = dir.path().join("cardinality");
    let mut bytes = std::fs::read(&path).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&path, &bytes).unwrap();
    let db = open(dir.path(), None);
    let (lost, reason) = db.open_report().statistics_lost.clone().unwrap();
    assert_eq!((lost, reason.as_str(), db.open_report().corruptions()), (path, "wrong checksum", 1));
    assert_eq!(db.damage()[0].kind.as_str(), "statistics of cardinality");
    let group = db.create_group();
    scrape(&group, "j", &[0], 1);
    assert_eq!(report(&db, Dimension::Metric).rows[0].last_queried, None);
    db.note_queried("m", 78);
    db.close().unwrap();
    drop((group, db));
    assert_eq!(open(dir.path(), None).open_report().statistics_lost, None);
}

#[test]
fn what_series_share_is_paid_for_once() {
    let bytes = |value: &dyn Fn(usize) -> String| {
        let dir = tempfile::tempdir().unwrap();
        let db = open(dir.path(), None);
        let mut appender = db.appender();
        for n in 0..2_000 {
            let labels = [("__name__", "m"), ("job", "j"), ("long", &value(n)), ("n", &n.to_string())];
            appender.append(&Labels::from_pairs(labels), 1, 1.0).unwrap();
        }
        appender.commit().unwrap();
        let rows = Dimension::ALL.map(|by| report(&db, by).rows[0].bytes);
        let [metric, .., job, target] = rows;
        assert_eq!((metric, job), (target, target));
        metric as f64
    };
    let (shared, own) = (bytes(&|_| "x".repeat(1_000)), bytes(&|n| format!("{n:01000}")));
    assert!(shared < 2_000.0 * 700.0, "{shared}");
    // A value is in the pair and in the index.
    assert!(own - shared > 2_000.0 * 1_999.0, "{own} and {shared}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn counters_equal_the_series_that_are_there(
        steps in proptest::collection::vec(
            (0usize..3, proptest::collection::btree_set(0usize..12, 0..6), 0i64..3, 0usize..12), 1..40)
    ) {
        let dir = tempfile::tempdir().unwrap();
        let mut db = open(dir.path(), None);
        let mut groups: BTreeMap<usize, Arc<Group>> = BTreeMap::new();
        let mut now = 0;
        for (job, series, hours, kind) in steps {
            now += hours * HOUR + 1;
            let name = format!("j{job}");
            let group = groups.entry(job).or_insert_with(|| db.create_group());
            for n in 0..12 {
                // Whatever the target does not expose any more is given away.
                group.release(group.register(&labels(&name, n)).unwrap());
            }
            scrape(group, &name, &series.into_iter().collect::<Vec<_>>(), now);
            match kind {
                0 => {
                    groups.clear();
                    drop(db);
                    db = open(dir.path(), None);
                }
                1 => drop(groups.remove(&job)),
                _ => {}
            }
            db.maintain(now).unwrap();
            // The series that are there, gone through one by one: a matcher that all of them satisfy.
            for by in Dimension::ALL {
                let all = Matcher::new(crate::MatchOp::Regex, "job", ".*").unwrap();
                let scan = CardinalityQuery { matchers: vec![vec![all]], ..ask(by) };
                let scanned = db.cardinality(&scan).unwrap();
                let kept = report(&db, by);
                prop_assert_eq!(counts(&kept), counts(&scanned));
                prop_assert_eq!((kept.total, kept.names), (scanned.total, scanned.names));
                prop_assert_eq!(kept.total, db.stats(1).series);
                let bytes = |report: &CardinalityReport| report.rows.iter().map(|r| (r.bytes, r.values)).collect::<Vec<_>>();
                prop_assert_eq!(bytes(&kept), bytes(&scanned));
            }
        }
    }
}
