//! Native histograms and start timestamps through log, head and blocks.

use crate::codec::histogram::tests::{any_histogram, bits_of};
use crate::head::entry::SampleValue;
use crate::{
    AppendError, Appender, Buckets, Columns, CounterResetHint, Db, DbOptions, FloatHistogram, Labels,
    Matcher, Queryable, STALE_NAN, SelectHints, WalSync, is_stale_nan, stored_hint,
};
use CounterResetHint::{Gauge, NotReset, Reset, Unknown};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

fn options() -> DbOptions {
    DbOptions { wal_sync: WalSync::Never, retention_ms: None, ..DbOptions::default() }
}

fn open(dir: &Path) -> Db {
    Db::open(dir, options()).unwrap()
}

fn labels(n: usize) -> Labels {
    Labels::from_pairs([("__name__", "h"), ("n", &n.to_string())])
}

fn columns(db: &Db, n: usize) -> Columns {
    let querier = db.querier(i64::MIN, i64::MAX).unwrap();
    let hints = SelectHints { mint: i64::MIN, maxt: i64::MAX, ..SelectHints::default() };
    let mut columns = Columns::default();
    for series in querier.select(&[Matcher::equal("n", n.to_string())], &hints).unwrap() {
        series.read(i64::MIN, i64::MAX, &mut columns).unwrap();
    }
    assert!(columns.timestamps.is_sorted_by(|a, b| a < b));
    assert_eq!(columns.timestamps.len(), columns.values.len());
    assert!(columns.starts.is_empty() || columns.starts.len() == columns.len());
    columns
}

/// One line a sample, every bit in it.
fn print(db: &Db, n: usize) -> Vec<String> {
    let columns = columns(db, n);
    let one = |at: usize| {
        let value = match columns.histogram(at) {
            Some(histogram) => bits_of(histogram),
            None => columns.values[at].to_bits().to_string(),
        };
        format!("{} {} {value}", columns.timestamps[at], columns.start(at))
    };
    (0..columns.len()).map(one).collect()
}

fn hints(db: &Db, n: usize) -> Vec<Option<CounterResetHint>> {
    let columns = columns(db, n);
    (0..columns.len()).map(|at| columns.histogram(at).map(|h| h.hint)).collect()
}

fn counter(count: f64) -> Arc<FloatHistogram> {
    let positive = Buckets { indices: vec![0, 2], counts: vec![count, 1.0] };
    Arc::new(FloatHistogram {
        schema: 1,
        count: count + 1.0,
        sum: count,
        positive,
        ..FloatHistogram::default()
    })
}

fn hinted(count: f64, hint: CounterResetHint) -> Arc<FloatHistogram> {
    Arc::new(FloatHistogram { hint, ..FloatHistogram::clone(&counter(count)) })
}

#[test]
fn hints_read_back_as_the_chunks_of_prometheus_give_them() {
    let dir = tempfile::tempdir().unwrap();
    let db = open(dir.path());
    let mut appender = db.appender();
    let mut at = 0;
    let mut add = |appender: &mut Appender, histogram: Option<Arc<FloatHistogram>>, value: f64| {
        at += 1000;
        match histogram {
            Some(histogram) => appender.append_histogram(&labels(0), at, histogram, 0).unwrap(),
            None => appender.append(&labels(0), at, value).unwrap(),
        }
    };
    for histogram in [counter(1.0), hinted(2.0, NotReset), counter(1.0), counter(5.0), hinted(6.0, Reset)] {
        add(&mut appender, Some(histogram), 0.0);
    }
    add(&mut appender, Some(hinted(7.0, Gauge)), 0.0);
    add(&mut appender, Some(hinted(1.0, Gauge)), 0.0);
    appender.commit().unwrap();
    add(&mut appender, Some(counter(8.0)), 0.0);
    add(&mut appender, Some(counter(8.0)), 0.0);
    add(&mut appender, None, 3.0);
    add(&mut appender, Some(counter(9.0)), 0.0);
    add(&mut appender, None, STALE_NAN);
    add(&mut appender, Some(counter(10.0)), 0.0);
    add(&mut appender, Some(counter(11.0)), 0.0);
    let ended = FloatHistogram { sum: STALE_NAN, ..FloatHistogram::default() };
    add(&mut appender, Some(Arc::new(ended)), 0.0);
    add(&mut appender, Some(counter(12.0)), 0.0);
    appender.commit().unwrap();
    let some = Some;
    let want = [
        some(Unknown),
        some(NotReset),
        some(Unknown),
        some(NotReset),
        some(Unknown),
        some(Gauge),
        some(Gauge),
        some(Unknown),
        some(NotReset),
        None,
        some(Unknown),
        None,
        some(Unknown),
        some(NotReset),
        None,
        some(Unknown),
    ];
    assert_eq!(hints(&db, 0), want);
    assert!(is_stale_nan(columns(&db, 0).values[14]), "the marker of a histogram is the float");
    drop((appender, db));
    assert_eq!(hints(&open(dir.path()), 0), want);
}

#[test]
fn histograms_are_judged_as_floats_are() {
    let dir = tempfile::tempdir().unwrap();
    let db = open(dir.path());
    let mut appender = db.appender();
    let mut add = |at: i64, histogram| appender.append_histogram(&labels(0), at, histogram, 0);
    add(10, counter(1.0)).unwrap();
    add(10, hinted(1.0, NotReset)).unwrap();
    assert!(matches!(add(10, counter(2.0)), Err(AppendError::Duplicate)));
    assert!(matches!(add(9, counter(2.0)), Err(AppendError::OutOfOrder)));
    let bad = FloatHistogram { schema: 9, ..FloatHistogram::default() };
    assert!(matches!(add(11, Arc::new(bad)), Err(AppendError::Histogram(_))));
    let bad = FloatHistogram { count: -1.0, ..FloatHistogram::default() };
    assert!(matches!(add(11, Arc::new(bad)), Err(AppendError::Histogram(_))));
    assert!(matches!(appender.append(&labels(0), 10, 1.0), Err(AppendError::Duplicate)));
    assert_eq!(appender.commit().unwrap(), 1);
}

#[test]
fn a_log_cut_anywhere_gives_back_every_whole_commit() {
    let dir = tempfile::tempdir().unwrap();
    let db = open(dir.path());
    let segment = dir.path().join("wal.narthex/00000000");
    let mut sizes = Vec::new();
    for t in 1..=5i64 {
        let mut appender = db.appender();
        appender.append_histogram(&labels(0), t * 100, counter(t as f64), 7).unwrap();
        appender.append_started(&labels(1), t * 100, 0.5, t).unwrap();
        appender.commit().unwrap();
        sizes.push(fs::metadata(&segment).unwrap().len());
    }
    let all = [print(&db, 0), print(&db, 1)];
    let whole = fs::read(&segment).unwrap();
    drop(db);
    for len in 0..=whole.len() {
        let copy = tempfile::tempdir().unwrap();
        fs::create_dir(copy.path().join("wal.narthex")).unwrap();
        fs::write(copy.path().join("wal.narthex/00000000"), &whole[..len]).unwrap();
        let db = open(copy.path());
        let kept = sizes.iter().filter(|size| **size <= len as u64).count();
        for (n, all) in all.iter().enumerate() {
            assert_eq!(print(&db, n), all[..kept], "log of {len} bytes");
        }
    }
}

#[test]
fn a_damaged_log_of_histograms_opens() {
    let dir = tempfile::tempdir().unwrap();
    let db = open(dir.path());
    let mut appender = db.appender();
    (0..3).for_each(|t| appender.append_histogram(&labels(0), t, counter(t as f64), 1).unwrap());
    appender.commit().unwrap();
    let whole = fs::read(dir.path().join("wal.narthex/00000000")).unwrap();
    drop((appender, db));
    for at in 0..whole.len() {
        let mut damaged = whole.clone();
        damaged[at] ^= 0xff;
        let copy = tempfile::tempdir().unwrap();
        fs::create_dir(copy.path().join("wal.narthex")).unwrap();
        fs::write(copy.path().join("wal.narthex/00000000"), &damaged).unwrap();
        let db = open(copy.path());
        assert!(db.open_report().corruptions() + db.open_report().dropped_records as usize > 0, "byte {at}");
    }
}

#[derive(Debug, Clone)]
enum Step {
    Sample(usize, i64, SampleValue, i64),
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    let value = prop_oneof![
        2 => (0i32..5).prop_map(|v| SampleValue::Float(f64::from(v))),
        1 => Just(SampleValue::Float(STALE_NAN)),
        4 => any_histogram().prop_map(|h| SampleValue::Histogram(Arc::new(h))),
        6 => (0i32..200).prop_map(|v| SampleValue::Histogram(counter(f64::from(v)))),
    ];
    let gap = prop_oneof![9 => 1i64..60_000, 1 => 1i64..4_000_000];
    let start = prop_oneof![2 => Just(0i64), 1 => 1i64..9];
    prop_oneof![
        40 => (0usize..3, gap, value, start).prop_map(|(n, gap, value, start)| Step::Sample(n, gap, value, start)),
        1 => Just(Step::Restart),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn mixed_series_agree_with_a_map(steps in proptest::collection::vec(step(), 1..200)) {
        let dir = tempfile::tempdir().unwrap();
        let mut db = open(dir.path());
        let mut model: BTreeMap<usize, Vec<String>> = BTreeMap::new();
        let mut newest: BTreeMap<usize, (i64, SampleValue)> = BTreeMap::new();
        let mut now = 1_000_000i64;
        let range = options().block_range_ms;
        for step in steps {
            let Step::Sample(n, gap, value, start) = step else {
                drop(db);
                db = open(dir.path());
                prop_assert_eq!(db.open_report().corruptions(), 0);
                prop_assert_eq!(db.open_report().dropped_records, 0);
                // What a block took over is not in the log: the store may have forgotten it.
                let bound = db.stats(1).min_time;
                newest.retain(|_, (t, _)| *t >= bound);
                continue;
            };
            now += gap;
            let mut appender = db.appender();
            let text = match &value {
                SampleValue::Float(value) => {
                    appender.append_started(&labels(n), now, *value, start).unwrap();
                    value.to_bits().to_string()
                }
                SampleValue::Histogram(histogram) => {
                    appender.append_histogram(&labels(n), now, Arc::clone(histogram), start).unwrap();
                    let previous = newest.get(&n).filter(|(t, _)| t / range == now / range);
                    let previous = previous.and_then(|(_, value)| value.histogram());
                    let hint = stored_hint(previous, histogram);
                    bits_of(&FloatHistogram { hint, ..FloatHistogram::clone(histogram) })
                }
            };
            let stored = match &value {
                SampleValue::Histogram(h) if is_stale_nan(h.sum) => STALE_NAN.to_bits().to_string(),
                _ => text,
            };
            appender.commit().unwrap();
            drop(appender);
            model.entry(n).or_default().push(format!("{now} {start} {stored}"));
            newest.insert(n, (now, value));
            db.maintain(now).unwrap();
        }
        for (n, want) in model {
            prop_assert_eq!(print(&db, n), want);
        }
    }
}
