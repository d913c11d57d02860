//! The series and samples of the workload, and how the database shows them.

use super::rng::Rng;
use crate::head::entry::SampleValue;
use crate::{
    Buckets, Columns, CounterResetHint, FloatHistogram, Labels, Matcher, Queryable, STALE_NAN, SelectHints,
    StorageError,
};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What a sample says besides its time.
#[derive(Debug, Clone)]
pub struct Point {
    /// Start timestamp, ms, 0 for none.
    pub start: i64,
    /// The value.
    pub value: SampleValue,
}

impl Point {
    /// A float without a start timestamp.
    #[must_use]
    pub fn float(value: f64) -> Self {
        Self { start: 0, value: SampleValue::Float(value) }
    }

    /// Whether both are the same, bit for bit.
    #[must_use]
    pub fn same(&self, other: &Self) -> bool {
        self.start == other.start && self.value.same(&other.value)
    }
}

/// The samples of each series, by time.
pub type Dump = BTreeMap<u32, BTreeMap<i64, Point>>;

/// The labels of a series. Half of the series share a name.
#[must_use]
pub fn labels(series: u32) -> Labels {
    let name = if series.is_multiple_of(2) { "even" } else { "odd" };
    Labels::from_pairs([("__name__", name), ("s", &series.to_string()), ("tens", &(series / 10).to_string())])
}

/// The series that labels name.
///
/// # Errors
/// They are those of no series.
pub fn series_of(found: &Labels) -> Result<u32, String> {
    let number = found.get("s").and_then(|s| s.parse().ok());
    number.filter(|number| labels(*number) == *found).ok_or_else(|| format!("labels of no series: {found:?}"))
}

/// A value of a series that most often no other series has.
pub fn float(series: u32, rng: &mut Rng) -> f64 {
    let own = f64::from(series) * 1_000.0;
    match rng.below(24) {
        0 => f64::from_bits(rng.bits() | 1),
        1 => -0.0,
        2 => f64::INFINITY,
        3 => own + rng.below(1_000) as f64 / 7.0,
        4..10 => own,
        _ => own + rng.below(900) as f64,
    }
}

/// A histogram of a series.
pub fn histogram(series: u32, rng: &mut Rng) -> Arc<FloatHistogram> {
    let mut positive = Buckets::default();
    let mut index = rng.below(5) as i32 - 2;
    let custom = rng.once_in(4);
    if custom {
        index = 0;
    }
    for _ in 0..rng.below(4) {
        positive.push(index, rng.below(50) as f64);
        index += if custom { 1 } else { 1 + rng.below(3) as i32 };
    }
    let count = positive.counts.iter().sum::<f64>();
    let gauge = rng.once_in(4);
    Arc::new(FloatHistogram {
        schema: if custom { crate::histogram::CUSTOM_BUCKETS_SCHEMA } else { rng.below(3) as i32 },
        zero_threshold: if custom { 0.0 } else { 0.001 },
        count,
        sum: f64::from(series) * 1_000.0 + count / 3.0,
        positive,
        custom_values: if custom { Arc::from([1.0, 2.0, 4.0, 8.0]) } else { Arc::default() },
        hint: if gauge { CounterResetHint::Gauge } else { CounterResetHint::Unknown },
        ..FloatHistogram::default()
    })
}

/// A sample of a series outside of groups.
pub fn point(series: u32, timestamp: i64, rng: &mut Rng) -> Point {
    let value = match rng.below(6) {
        0 => SampleValue::Histogram(histogram(series, rng)),
        1 if rng.once_in(3) => SampleValue::Float(STALE_NAN),
        _ => SampleValue::Float(float(series, rng)),
    };
    let start = if rng.once_in(4) { timestamp - 1_000 } else { 0 };
    Point { start, value }
}

/// Everything that a database shows, or only one series of it.
///
/// # Errors
/// A read fails, or what it gives contradicts itself.
pub fn dump(db: &impl Queryable, only: Option<u32>) -> Result<Dump, String> {
    let failed = |error: StorageError| format!("query: {error}");
    let querier = db.querier(i64::MIN, i64::MAX).map_err(failed)?;
    let hints = SelectHints { mint: i64::MIN, maxt: i64::MAX, ..SelectHints::default() };
    let matchers: Vec<Matcher> =
        only.map(|series| Matcher::equal("s", series.to_string())).into_iter().collect();
    let selected = querier.select(&matchers, &hints).map_err(failed)?;
    if !selected.is_sorted_by(|a, b| a.labels() < b.labels()) {
        return Err("series that are not in label order".to_owned());
    }
    let mut all = Dump::new();
    let mut columns = Columns::default();
    for series in selected {
        let number = series_of(series.labels())?;
        columns.clear();
        series.read(i64::MIN, i64::MAX, &mut columns).map_err(failed)?;
        if !columns.timestamps.is_sorted_by(|a, b| a < b) {
            return Err(format!("series {number}: timestamps {:?} do not increase", columns.timestamps));
        }
        if columns.is_empty() {
            // The head remembers when a series was last seen, also when retention took that sample.
            continue;
        }
        let newest = series.newest(i64::MIN, i64::MAX, &mut Columns::default()).map_err(failed)?;
        if newest.map(|newest| newest.timestamp) != columns.timestamps.last().copied() {
            return Err(format!("series {number}: the newest sample is not the last one"));
        }
        all.insert(number, points(&columns));
    }
    Ok(all)
}

/// The samples of columns, by time.
#[must_use]
pub fn points(columns: &Columns) -> BTreeMap<i64, Point> {
    let one = |at: usize| -> Option<(i64, Point)> {
        let value = match columns.histogram(at) {
            Some(histogram) => SampleValue::Histogram(Arc::clone(histogram)),
            None => SampleValue::Float(*columns.values.get(at)?),
        };
        Some((*columns.timestamps.get(at)?, Point { start: columns.start(at), value }))
    };
    (0..columns.len()).filter_map(one).collect()
}
