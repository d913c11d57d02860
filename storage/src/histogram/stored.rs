//! What a store says of counter resets: the hint under which a histogram reads.
//!
//! A counter histogram reads as [`CounterResetHint::NotReset`] when it goes on from the sample before it in
//! one chunk of the store, and as [`CounterResetHint::Unknown`] when it begins a chunk. A chunk begins with
//! the series, behind a float or a staleness marker, at a reset, and where resolution or bounds change.

use super::{Buckets, CounterResetHint, FloatHistogram};

/// The hint under which `next` reads after `previous`, the histogram just before it in its series; `None`
/// when there is no sample before it, or it is a float or a staleness marker.
#[must_use]
pub fn stored_hint(previous: Option<&FloatHistogram>, next: &FloatHistogram) -> CounterResetHint {
    match previous {
        _ if next.hint == CounterResetHint::Gauge => CounterResetHint::Gauge,
        Some(previous) if goes_on(previous, next) => CounterResetHint::NotReset,
        _ => CounterResetHint::Unknown,
    }
}

fn goes_on(previous: &FloatHistogram, next: &FloatHistogram) -> bool {
    next.hint != CounterResetHint::Reset
        && previous.hint != CounterResetHint::Gauge
        && next.schema == previous.schema
        && next.zero_threshold.to_bits() == previous.zero_threshold.to_bits()
        && next
            .custom_values
            .iter()
            .map(|bound| bound.to_bits())
            .eq(previous.custom_values.iter().map(|bound| bound.to_bits()))
        && !fell(previous.count, next.count)
        && !fell(previous.zero_count, next.zero_count)
        && !any_fell(&previous.positive, &next.positive)
        && !any_fell(&previous.negative, &next.negative)
}

/// A population that is no number did not fall.
fn fell(before: f64, after: f64) -> bool {
    after < before
}

/// Whether a bucket lost population; one that is not listed any more counts as empty.
fn any_fell(before: &Buckets, after: &Buckets) -> bool {
    let mut after = after.iter().peekable();
    before.iter().any(|(index, count)| {
        while after.next_if(|(at, _)| *at < index).is_some() {}
        let now = after.next_if(|(at, _)| *at == index).map_or(0.0, |(_, now)| now);
        fell(count, now)
    })
}

#[cfg(test)]
mod tests {
    use super::CounterResetHint::{Gauge, NotReset, Reset, Unknown};
    use super::*;
    use std::sync::Arc;

    fn histogram(buckets: &[(i32, f64)], hint: CounterResetHint) -> FloatHistogram {
        let positive = Buckets {
            indices: buckets.iter().map(|(index, _)| *index).collect(),
            counts: buckets.iter().map(|(_, count)| *count).collect(),
        };
        let count = positive.counts.iter().sum();
        FloatHistogram { schema: 1, count, positive, hint, ..FloatHistogram::default() }
    }

    #[test]
    fn a_counter_goes_on_until_a_bucket_falls_or_vanishes() {
        let before = histogram(&[(0, 1.0), (3, 2.0), (4, 0.0)], Unknown);
        let table: [(&[(i32, f64)], _, _); 7] = [
            (&[(0, 1.0), (3, 2.0), (4, 0.0)], Unknown, NotReset),
            (&[(-1, 5.0), (0, 1.0), (3, 2.0), (9, 1.0)], Unknown, NotReset),
            (&[(0, 9.0), (3, 1.0)], Unknown, Unknown),
            (&[(0, 9.0)], Unknown, Unknown),
            (&[(0, 1.0)], Unknown, Unknown),
            (&[(0, 5.0), (3, 5.0)], Reset, Unknown),
            (&[(0, 0.0)], Gauge, Gauge),
        ];
        for (buckets, hint, want) in table {
            assert_eq!(stored_hint(Some(&before), &histogram(buckets, hint)), want, "{buckets:?}");
        }
        assert_eq!(stored_hint(None, &before), Unknown);
        let gauge = histogram(&[(0, 1.0)], Gauge);
        assert_eq!(stored_hint(Some(&gauge), &histogram(&[(0, 2.0)], Unknown)), Unknown);
    }

    #[test]
    fn another_resolution_begins_a_chunk() {
        let before = histogram(&[(0, 1.0)], Unknown);
        let others = [
            FloatHistogram { schema: 2, ..before.clone() },
            FloatHistogram { zero_threshold: 0.5, ..before.clone() },
            FloatHistogram { custom_values: Arc::from([1.0]), ..before.clone() },
        ];
        for other in others {
            assert_eq!(stored_hint(Some(&before), &other), Unknown);
        }
    }
}
