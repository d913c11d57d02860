//! Histograms of which only count and sum are asked for.

use narthex_storage::{Columns, CounterResetHint, FloatHistogram};
use std::sync::Arc;

/// Reduces every histogram of a series to count and sum. What the buckets say of a counter reset between
/// neighbouring samples goes into the hint, since nobody can ask the buckets any more. Numbers and staleness
/// markers in between change nothing: the histogram before them is the neighbour.
pub(crate) fn to_stats(samples: &mut Columns) {
    let mut previous: Option<Arc<FloatHistogram>> = None;
    for (_, histogram) in &mut samples.histograms {
        if histogram.is_stale() {
            continue;
        }
        let hint = match (histogram.hint, &previous) {
            (CounterResetHint::Unknown, Some(previous)) if histogram.detect_reset(previous) => {
                CounterResetHint::Reset
            }
            (CounterResetHint::Unknown, Some(_)) => CounterResetHint::NotReset,
            (hint, _) => hint,
        };
        // The schema stays, so that exponential and listed bounds still do not mix.
        let stats = FloatHistogram {
            schema: histogram.schema,
            count: histogram.count,
            sum: histogram.sum,
            hint,
            ..FloatHistogram::default()
        };
        previous = Some(std::mem::replace(histogram, Arc::new(stats)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::syntax::histogram_literal::parse;
    use narthex_storage::STALE_NAN;

    #[test]
    fn buckets_leave_what_they_know_of_resets_in_the_hint() {
        let mut samples = Columns::default();
        for (at, body) in [
            "count:4 sum:5 buckets:[1 2 1]",
            "count:5 sum:6 buckets:[1 1 3]",
            "count:6 sum:7 buckets:[1 2 3]",
            "count:9 schema:-53 custom_values:[1] counter_reset_hint:gauge",
        ]
        .into_iter()
        .enumerate()
        {
            samples.timestamps.push(at as i64);
            samples.values.push(0.0);
            samples.histograms.push((at as u32, Arc::new(parse(body).unwrap().histogram)));
        }
        let stale = FloatHistogram { sum: STALE_NAN, ..FloatHistogram::default() };
        samples.histograms.insert(1, (1, Arc::new(stale.clone())));
        to_stats(&mut samples);
        use CounterResetHint::{Gauge, NotReset, Reset, Unknown};
        let hints: Vec<_> = samples.histograms.iter().map(|(_, h)| h.hint).collect();
        assert_eq!(hints, [Unknown, Unknown, Reset, NotReset, Gauge]);
        assert!(samples.histograms[1].1.same(&stale));
        assert!(samples.histograms.iter().all(|(_, h)| h.positive.is_empty() && h.custom_values.is_empty()));
        assert_eq!((samples.histograms[4].1.schema, samples.histograms[2].1.count), (-53, 5.0));
    }
}
