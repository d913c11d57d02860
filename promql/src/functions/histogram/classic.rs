//! Classic histograms: cumulative counts by upper bound.

/// Relative difference between the counts of neighbours below which they are taken to be equal.
const TOLERANCE: f64 = 1e-12;

/// A bucket of a classic histogram.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Bucket {
    /// Upper bound, inclusive.
    pub(crate) upper: f64,
    /// Observations up to the bound.
    pub(crate) count: f64,
}

/// Counts that fell from one bucket to the next and were raised.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Raised {
    /// Lowest bound of a bucket that was raised.
    pub(crate) lowest: f64,
    /// Highest such bound.
    pub(crate) highest: f64,
    /// By how much at most.
    pub(crate) max_diff: f64,
}

/// The φ-quantile, linear within its bucket, and what had to be done to the buckets, which may be in any order.
/// NaN when there is no bucket for +Inf, no other one or no observation. Below the lowest bound observations
/// begin at zero, unless the bound is no higher; above the last finite bound nothing is known, it is the answer.
pub(crate) fn quantile(q: f64, buckets: &mut Vec<Bucket>) -> (f64, Option<Raised>) {
    if q.is_nan() {
        return (f64::NAN, None);
    }
    if !(0.0..=1.0).contains(&q) {
        return (if q < 0.0 { f64::NEG_INFINITY } else { f64::INFINITY }, None);
    }
    if !sort(buckets) {
        return (f64::NAN, None);
    }
    let raised = make_monotonic(buckets);
    (interpolate(q, buckets).unwrap_or(f64::NAN), raised)
}

fn interpolate(q: f64, buckets: &[Bucket]) -> Option<f64> {
    let (last, finite) = buckets.split_last()?;
    let highest = finite.last()?;
    if last.count == 0.0 {
        return None;
    }
    let rank = q * last.count;
    // A rank that is NaN is reached nowhere.
    let at = finite.partition_point(|bucket| bucket.count < rank || rank.is_nan());
    let Some(bucket) = finite.get(at) else { return Some(highest.upper) };
    let below = at.checked_sub(1).and_then(|below| finite.get(below)).copied();
    if below.is_none() && bucket.upper <= 0.0 {
        return Some(bucket.upper);
    }
    let below = below.unwrap_or(Bucket { upper: 0.0, count: 0.0 });
    let share = (rank - below.count) / (bucket.count - below.count);
    Some(below.upper + (bucket.upper - below.upper) * share)
}

/// The share of observations between two bounds. Counts that fall are taken as they are.
pub(crate) fn fraction(lower: f64, upper: f64, buckets: &mut Vec<Bucket>) -> f64 {
    if !sort(buckets) {
        return f64::NAN;
    }
    let total = buckets.last().map_or(0.0, |bucket| bucket.count);
    if total == 0.0 || lower.is_nan() || upper.is_nan() {
        return f64::NAN;
    }
    if lower >= upper {
        return 0.0;
    }
    (rank(upper, buckets, total) - rank(lower, buckets, total)) / total
}

/// How many observations lie below a value.
fn rank(value: f64, buckets: &[Bucket], total: f64) -> f64 {
    let positive = buckets.first().is_some_and(|bucket| bucket.upper > 0.0);
    let mut start = if positive { 0.0 } else { f64::NEG_INFINITY };
    let mut below = 0.0;
    for bucket in buckets {
        if start >= value {
            return at_most(below, total);
        }
        if bucket.upper > value {
            // Nothing is known of how observations lie in a bucket without a lower bound: all of them are counted.
            if start == f64::NEG_INFINITY {
                return at_most(bucket.count, total);
            }
            let share = (bucket.count - below) * (value - start) / (bucket.upper - start);
            return at_most(below + share, total);
        }
        (start, below) = (bucket.upper, bucket.count);
    }
    total
}

fn at_most(rank: f64, total: f64) -> f64 {
    if rank > total { total } else { rank }
}

/// Sorts the buckets and merges those of equal bounds. Whether the last one holds all observations.
fn sort(buckets: &mut Vec<Bucket>) -> bool {
    buckets.sort_by(|a, b| a.upper.total_cmp(&b.upper));
    buckets.dedup_by(|later, kept| {
        let same = later.upper == kept.upper;
        if same {
            kept.count += later.count;
        }
        same
    });
    buckets.last().is_some_and(|bucket| bucket.upper == f64::INFINITY)
}

/// Makes the counts rise: differences that only arithmetic makes are levelled in silence, in either direction,
/// real falls are raised and reported.
fn make_monotonic(buckets: &mut [Bucket]) -> Option<Raised> {
    let mut raised: Option<Raised> = None;
    let (first, rest) = buckets.split_first_mut()?;
    let mut highest = first.count;
    for bucket in rest {
        let Bucket { upper, count } = *bucket;
        if nearly(highest, count) {
            bucket.count = highest;
        } else if count < highest {
            bucket.count = highest;
            let so_far = raised.get_or_insert(Raised { lowest: upper, highest: upper, max_diff: 0.0 });
            so_far.highest = upper;
            so_far.max_diff = so_far.max_diff.max(highest - count);
        } else {
            highest = count;
        }
    }
    raised
}

fn nearly(a: f64, b: f64) -> bool {
    if a == b {
        return true;
    }
    let (difference, magnitude) = ((a - b).abs(), a.abs() + b.abs());
    if a == 0.0 || b == 0.0 || magnitude < f64::MIN_POSITIVE {
        return difference < TOLERANCE * f64::MIN_POSITIVE;
    }
    difference / magnitude.min(f64::MAX) < TOLERANCE
}

#[cfg(test)]
mod tests {
    use super::*;

    fn buckets(pairs: &[(f64, f64)]) -> Vec<Bucket> {
        pairs.iter().map(|(upper, count)| Bucket { upper: *upper, count: *count }).collect()
    }

    fn latencies() -> Vec<Bucket> {
        buckets(&[(f64::INFINITY, 4.0), (0.1, 1.0), (0.5, 3.0)])
    }

    #[test]
    fn quantiles_are_linear_within_a_bucket() {
        let of = |q| quantile(q, &mut latencies()).0;
        assert_eq!(of(0.25), 0.1);
        assert!((of(0.5) - 0.3).abs() < 1e-12);
        assert_eq!(of(0.0), 0.0);
        assert_eq!(of(0.99), 0.5);
        assert_eq!((of(-0.1), of(1.1)), (f64::NEG_INFINITY, f64::INFINITY));
        assert!(of(f64::NAN).is_nan());
    }

    #[test]
    fn without_observations_or_their_total_there_is_no_quantile() {
        for pairs in
            [&[(0.1, 1.0), (0.5, 3.0)][..], &[(f64::INFINITY, 3.0)], &[(0.1, 0.0), (f64::INFINITY, 0.0)], &[]]
        {
            assert!(quantile(0.5, &mut buckets(pairs)).0.is_nan());
        }
    }

    #[test]
    fn a_lowest_bound_below_zero_is_its_buckets_quantile() {
        let mut all = buckets(&[(-0.5, 2.0), (0.0, 4.0), (f64::INFINITY, 4.0)]);
        assert_eq!(quantile(0.25, &mut all).0, -0.5);
        assert_eq!(quantile(0.75, &mut all).0, -0.25);
    }

    #[test]
    fn falling_counts_are_raised_and_reported() {
        let mut all = buckets(&[(1.0, 5.0), (2.0, 4.0), (3.0, 6.0), (4.0, 3.0), (f64::INFINITY, 10.0)]);
        let (_, raised) = quantile(0.5, &mut all);
        assert_eq!(raised, Some(Raised { lowest: 2.0, highest: 4.0, max_diff: 3.0 }));
        assert_eq!(all.iter().map(|b| b.count).collect::<Vec<_>>(), [5.0, 5.0, 6.0, 6.0, 10.0]);
    }

    #[test]
    fn rounding_errors_are_levelled_in_silence() {
        let noise = 1.0 + 1e-13;
        let mut all = buckets(&[(1.0, 1.0), (2.0, noise), (3.0, 1.0 - 1e-13), (f64::INFINITY, 1.0)]);
        assert_eq!(quantile(1.0, &mut all), (1.0, None));
    }

    #[test]
    fn buckets_of_equal_bounds_are_one() {
        let mut all = buckets(&[(1.0, 1.0), (f64::INFINITY, 2.0), (1.0, 1.0), (f64::INFINITY, 2.0)]);
        assert_eq!(quantile(0.5, &mut all).0, 1.0);
        assert_eq!(all, buckets(&[(1.0, 2.0), (f64::INFINITY, 4.0)]));
    }

    #[test]
    fn fractions_are_linear_within_a_bucket() {
        let of = |lower, upper| fraction(lower, upper, &mut latencies());
        assert_eq!(of(0.0, 0.1), 0.25);
        assert!((of(0.1, 0.3) - 0.25).abs() < 1e-12);
        assert_eq!(of(f64::NEG_INFINITY, f64::INFINITY), 1.0);
        assert_eq!(of(0.5, 100.0), 0.0);
        assert_eq!(of(0.3, 0.1), 0.0);
        assert!(of(f64::NAN, 1.0).is_nan());
        assert!(fraction(0.0, 1.0, &mut buckets(&[(1.0, 1.0)])).is_nan());
    }
}
