//! What a chunk of native histograms makes of counter reset hints.
//!
//! A store keeps the histograms of a series in chunks that cannot express a counter reset within. So the
//! hint that is read back says where chunks begin, not what was written: nothing is known of the first
//! histogram of a chunk, and all others are no resets. Gauges stay gauges.
//!
//! Chunks end with the block range, too. That they also end at about a kilobyte is left out: it takes scores
//! of histograms in a row that have little in common.

use narthex_storage::{CounterResetHint, FloatHistogram, histogram::Buckets};
use std::sync::Arc;

/// Length of a block, ms; no chunk reaches over its end.
const BLOCK_RANGE_MS: i64 = 24 * 60 * 60 * 1000;

/// The hint that a histogram is read back with, when `last` is the sample before it in its series (`None`
/// for none, for a float, and for a staleness marker); times in ms.
pub(super) fn hint_read_back(
    last: Option<(i64, &Arc<FloatHistogram>)>,
    (at, next): (i64, &FloatHistogram),
) -> CounterResetHint {
    if next.hint == CounterResetHint::Gauge {
        return CounterResetHint::Gauge;
    }
    let block = |at: i64| at.div_euclid(BLOCK_RANGE_MS);
    match last {
        Some((before, last)) if block(before) == block(at) && continues(last, next) => {
            CounterResetHint::NotReset
        }
        _ => CounterResetHint::Unknown,
    }
}

/// Whether a counter goes on in the same chunk.
fn continues(last: &FloatHistogram, next: &FloatHistogram) -> bool {
    last.hint != CounterResetHint::Gauge
        && next.hint != CounterResetHint::Reset
        && last.schema == next.schema
        && last.zero_threshold == next.zero_threshold
        && last.custom_values == next.custom_values
        && last.count <= next.count
        && last.zero_count <= next.zero_count
        && grows(&last.positive, &next.positive)
        && grows(&last.negative, &next.negative)
}

/// Whether no bucket has lost observations.
fn grows(last: &Buckets, next: &Buckets) -> bool {
    last.iter().all(|(index, count)| {
        let place = next.indices.binary_search(&index).ok();
        count <= place.and_then(|place| next.counts.get(place)).copied().unwrap_or(0.0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::syntax::histogram_literal;

    #[track_caller]
    fn expect(last: &str, next: &str, hint: CounterResetHint) {
        let read = |text: &str| histogram_literal::parse(text).unwrap().histogram;
        let last = Arc::new(read(last));
        assert_eq!(hint_read_back(Some((0, &last)), (1, &read(next))), hint, "{last:?} then {next}");
        let after = hint_read_back(Some((0, &last)), (BLOCK_RANGE_MS, &read(next)));
        assert_ne!(after, CounterResetHint::NotReset);
    }

    #[test]
    fn counters_go_on_while_nothing_falls_and_the_layout_allows_it() {
        use CounterResetHint::{Gauge, NotReset, Unknown};
        expect("count:2 buckets:[1 0 1]", "count:3 buckets:[1 1] offset:0", Unknown);
        expect("count:2 buckets:[1 1 0]", "count:3 buckets:[2 1]", NotReset);
        expect("count:2 buckets:[1 1]", "count:3 buckets:[2 1 4]", NotReset);
        expect("count:2 buckets:[1 1]", "count:3 buckets:[2 1] counter_reset_hint:reset", Unknown);
        expect("count:2 buckets:[1 1]", "count:1 buckets:[1 1] counter_reset_hint:not_reset", Unknown);
        expect("count:2", "count:2 schema:1", Unknown);
        expect("count:2", "count:2 z_bucket_w:1", Unknown);
        expect("count:2 z_bucket:1", "count:2", Unknown);
        expect("schema:-53 custom_values:[1]", "schema:-53 custom_values:[1 2]", Unknown);
        expect("count:2", "count:1 counter_reset_hint:gauge", Gauge);
        expect("count:2 counter_reset_hint:gauge", "count:3", Unknown);
    }

    #[test]
    fn nothing_is_known_of_the_first_of_a_series() {
        let next = FloatHistogram { hint: CounterResetHint::NotReset, ..FloatHistogram::default() };
        assert_eq!(hint_read_back(None, (0, &next)), CounterResetHint::Unknown);
    }
}
