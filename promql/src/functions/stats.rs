//! Histograms of which only count and sum are asked for.

use narthex_storage::histogram::CUSTOM_BUCKETS_SCHEMA;
use narthex_storage::{Columns, CounterResetHint, FloatHistogram, is_stale_nan};
use std::sync::Arc;

/// Reduces every histogram of a series to count and sum. What the buckets say of a counter reset between
/// neighbouring samples goes into the hint, since nobody can ask the buckets any more.
pub(crate) fn to_stats(samples: &mut Columns) {
    let mut previous: Option<Arc<FloatHistogram>> = None;
    let values = &samples.values;
    let mut last_at = None;
    for (at, histogram) in &mut samples.histograms {
        // A staleness marker in between makes the neighbour unknown.
        let between = last_at.map_or(0, |last: u32| last as usize + 1)..*at as usize;
        if values.get(between).unwrap_or_default().iter().any(|v| is_stale_nan(*v)) {
            previous = None;
        }
        last_at = Some(*at);
        let hint = match (histogram.hint, &previous) {
            (CounterResetHint::Unknown, Some(previous)) if histogram.detect_reset(previous) => {
                CounterResetHint::Reset
            }
            (CounterResetHint::Unknown, Some(_)) => CounterResetHint::NotReset,
            (hint, _) => hint,
        };
        // The kinds of buckets still must not be mixed.
        let schema = if histogram.uses_custom_buckets() { CUSTOM_BUCKETS_SCHEMA } else { 0 };
        let (count, sum) = (histogram.count, histogram.sum);
        let stats = FloatHistogram { schema, count, sum, hint, ..FloatHistogram::default() };
        previous = Some(std::mem::replace(histogram, Arc::new(stats)));
    }
}
