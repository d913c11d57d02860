//! Samples that come out of order, within the window for them.

use crate::{
    AppendError, Columns, Db, DbOptions, Labels, Matcher, Queryable, Row, SelectHints, Series, WalSync,
};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::path::Path;

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;

fn open(dir: &Path, window_ms: i64) -> Db {
    let options = DbOptions {
        wal_sync: WalSync::Never,
        retention_ms: None,
        out_of_order_window_ms: window_ms,
        ..DbOptions::default()
    };
    Db::open(dir, options).unwrap()
}

fn labels(n: usize) -> Labels {
    Labels::from_pairs([("__name__", "m"), ("n", n.to_string().as_str())])
}

fn append(db: &Db, n: usize, at: i64, value: f64) -> Result<usize, AppendError> {
    let mut appender = db.appender();
    appender.append(&labels(n), at, value)?;
    appender.commit()
}

fn select(db: &Db, mint: i64, maxt: i64) -> Vec<Box<dyn Series>> {
    let hints = SelectHints { mint, maxt, ..SelectHints::default() };
    db.querier(mint, maxt).unwrap().select(&[Matcher::equal("__name__", "m")], &hints).unwrap()
}

type Samples = BTreeMap<i64, u64>;

fn read(db: &Db, mint: i64, maxt: i64) -> BTreeMap<Labels, Samples> {
    let one = |series: &dyn Series| {
        let mut columns = Columns::default();
        series.read(mint, maxt, &mut columns).unwrap();
        assert!(columns.timestamps.is_sorted_by(|a, b| a < b));
        let values = columns.values.iter().map(|value| value.to_bits());
        (series.labels().clone(), columns.timestamps.iter().copied().zip(values).collect())
    };
    select(db, mint, maxt).iter().map(|series| one(series.as_ref())).collect()
}

#[test]
fn without_a_window_late_samples_are_refused_and_with_one_those_before_it() {
    let dir = tempfile::tempdir().unwrap();
    let db = open(dir.path(), 0);
    append(&db, 0, HOUR, 1.0).unwrap();
    assert!(matches!(append(&db, 0, HOUR - 1, 1.0), Err(AppendError::OutOfOrder)));
    db.set_out_of_order_window(10 * MINUTE);
    assert_eq!(append(&db, 0, HOUR - 10 * MINUTE, 2.0).unwrap(), 1);
    let error = append(&db, 0, HOUR - 10 * MINUTE - 1, 2.0).unwrap_err();
    assert_eq!(error.to_string(), "too old sample");
    assert!(matches!(append(&db, 0, HOUR, 3.0), Err(AppendError::Duplicate)));
    let found = read(&db, 0, 2 * HOUR);
    assert_eq!(found[&labels(0)].keys().copied().collect::<Vec<_>>(), [HOUR - 10 * MINUTE, HOUR]);
}

#[test]
fn a_row_that_comes_too_late_is_taken_within_the_window() {
    let dir = tempfile::tempdir().unwrap();
    let db = open(dir.path(), HOUR);
    let group = db.create_group();
    let slot = group.register(&labels(0)).unwrap();
    let mut row = Row::new();
    row.set(slot, 1.0);
    group.append_row(2 * HOUR, &row).unwrap();
    let outcome = group.append_row(2 * HOUR - MINUTE, &row).unwrap();
    assert_eq!((outcome.appended, outcome.out_of_order), (1, 0));
    let outcome = group.append_row(MINUTE, &row).unwrap();
    assert_eq!((outcome.appended, outcome.out_of_order), (0, 1));
    assert_eq!(read(&db, 0, 9 * HOUR)[&labels(0)].len(), 2);
}

#[derive(Debug, Clone)]
enum Step {
    InOrder(usize, i64),
    Late(usize, i64),
    Flush,
    Maintain,
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0usize..3, 1i64..40 * MINUTE).prop_map(|(n, gap)| Step::InOrder(n, gap)),
        6 => (0usize..5, 0i64..5 * HOUR).prop_map(|(n, back)| Step::Late(n, back)),
        1 => Just(Step::Flush),
        2 => Just(Step::Maintain),
        1 => Just(Step::Restart),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn late_samples_stay_wherever_the_others_went(
        steps in proptest::collection::vec(step(), 1..80), mint in 0i64..10 * HOUR, length in 0i64..10 * HOUR,
    ) {
        let dir = tempfile::tempdir().unwrap();
        let mut db = open(dir.path(), 4 * HOUR);
        let mut model: BTreeMap<Labels, Samples> = BTreeMap::new();
        let mut now = 100 * HOUR;
        for (at, step) in steps.into_iter().enumerate() {
            let value = at as f64;
            match step {
                Step::InOrder(n, gap) => {
                    now += gap;
                    append(&db, n, now, value).unwrap();
                    model.entry(labels(n)).or_default().insert(now, value.to_bits());
                }
                Step::Late(n, back) => {
                    let taken = append(&db, n, now - back, value);
                    if taken.is_ok() {
                        model.entry(labels(n)).or_default().entry(now - back).or_insert(value.to_bits());
                    } else {
                        let known = model.get(&labels(n)).is_some_and(|samples| samples.contains_key(&(now - back)));
                        prop_assert!(known || back > 4 * HOUR, "{:?} {}", taken, back);
                    }
                }
                Step::Flush => drop(db.flush().unwrap()),
                Step::Maintain => drop(db.maintain(now).unwrap()),
                Step::Restart => {
                    drop(db);
                    db = open(dir.path(), 4 * HOUR);
                    prop_assert_eq!(db.open_report().corruptions(), 0);
                }
            }
        }
        prop_assert_eq!(read(&db, i64::MIN, i64::MAX), model.clone());
        let (mint, maxt) = (100 * HOUR + mint, 100 * HOUR + mint + length);
        let mut some = model;
        some.values_mut().for_each(|samples| samples.retain(|t, _| (mint..=maxt).contains(t)));
        some.retain(|_, samples| !samples.is_empty());
        let mut found = read(&db, mint, maxt);
        found.retain(|_, samples| !samples.is_empty());
        prop_assert_eq!(found, some);
    }
}
