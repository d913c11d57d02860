//! Native histograms.
//!
//! Observations are assumed to lie evenly in buckets with listed bounds and in the zero bucket, evenly by their
//! logarithm in exponential buckets. NaN observations are in the count, but in no bucket; the sum tells of them.

use crate::numeric::KahanSum;
use narthex_storage::FloatHistogram;
use narthex_storage::histogram::Bucket;

/// What NaN observations do to a quantile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NanRemark {
    /// There are none.
    Absent,
    /// The quantile is one of them.
    Result,
    /// They count as infinitely high.
    Skewed,
}

impl NanRemark {
    /// What the result is because of them, for a remark.
    pub(crate) fn text(self) -> Option<&'static str> {
        match self {
            Self::Absent => None,
            Self::Result => Some("NaN"),
            Self::Skewed => Some("skewed higher"),
        }
    }
}

/// The φ-quantile.
pub(crate) fn quantile(q: f64, h: &FloatHistogram) -> (f64, NanRemark) {
    let plain = |value| (value, NanRemark::Absent);
    if q < 0.0 {
        return plain(f64::NEG_INFINITY);
    }
    if q > 1.0 {
        return plain(f64::INFINITY);
    }
    if h.count == 0.0 || q.is_nan() {
        return plain(f64::NAN);
    }
    // From the nearer end; with NaN observations, which are above all others, only from below.
    let ascending = h.sum.is_nan() || q < 0.5;
    let rank = if ascending { q * h.count } else { (1.0 - q) * h.count };
    let (mut bucket, count) = match ascending {
        true => find(h.all_buckets(), rank),
        false => find(h.all_buckets().rev(), rank),
    };
    if h.uses_custom_buckets() {
        if bucket.lower == f64::NEG_INFINITY {
            if bucket.upper <= 0.0 {
                return plain(bucket.upper);
            }
            bucket.lower = 0.0;
        } else if bucket.upper == f64::INFINITY {
            return plain(bucket.lower);
        }
    } else if bucket.lower < 0.0 && bucket.upper > 0.0 {
        halve_zero_bucket(&mut bucket, h);
    }
    // Rounding may make the buckets hold more than there is.
    let count = if count > h.count { h.count } else { count };
    if count < rank {
        return if h.sum.is_nan() { (f64::NAN, NanRemark::Result) } else { plain(bucket.upper) };
    }
    let within = if ascending { rank - (count - bucket.count) } else { count - rank };
    let skewed = h.sum.is_nan() && observed(h) < h.count;
    let remark = if skewed { NanRemark::Skewed } else { NanRemark::Absent };
    (interpolate(&bucket, within / bucket.count, h.uses_custom_buckets()), remark)
}

/// The first bucket at which populations add up to a rank, or the last one, and the sum up to there. Empty
/// buckets are passed over.
fn find(buckets: impl Iterator<Item = Bucket>, rank: f64) -> (Bucket, f64) {
    let mut count = 0.0;
    let mut last = None;
    for bucket in buckets {
        last = Some(bucket);
        if bucket.count == 0.0 {
            continue;
        }
        count += bucket.count;
        if count >= rank {
            break;
        }
    }
    let none = Bucket {
        lower: 0.0,
        upper: 0.0,
        lower_inclusive: false,
        upper_inclusive: false,
        count: 0.0,
        index: 0,
    };
    (last.unwrap_or(none), count)
}

/// Where all other buckets are on one side of zero the zero bucket is taken to be there too.
fn halve_zero_bucket(bucket: &mut Bucket, h: &FloatHistogram) {
    if h.negative.is_empty() && !h.positive.is_empty() {
        bucket.lower = 0.0;
    } else if h.positive.is_empty() && !h.negative.is_empty() {
        bucket.upper = 0.0;
    }
}

/// Observations that are in buckets.
fn observed(h: &FloatHistogram) -> f64 {
    h.all_buckets().fold(0.0, |sum, bucket| sum + bucket.count)
}

/// The value below which a share of a bucket's observations lies.
fn interpolate(bucket: &Bucket, share: f64, custom: bool) -> f64 {
    let Bucket { lower, upper, .. } = *bucket;
    if custom || (lower <= 0.0 && upper >= 0.0) {
        return lower + (upper - lower) * share;
    }
    let (log_lower, log_upper) = (lower.abs().log2(), upper.abs().log2());
    if lower > 0.0 {
        (log_lower + (log_upper - log_lower) * share).exp2()
    } else {
        -(log_upper + (log_lower - log_upper) * (1.0 - share)).exp2()
    }
}

/// The share of observations between two bounds, and whether NaN observations, which are in none, lower it.
pub(crate) fn fraction(lower: f64, upper: f64, h: &FloatHistogram) -> (f64, bool) {
    if h.count == 0.0 || lower.is_nan() || upper.is_nan() {
        return (f64::NAN, false);
    }
    if lower >= upper {
        return (0.0, false);
    }
    let total = if h.sum.is_nan() { observed(h) } else { h.count };
    // Rounding may make the buckets hold more than there is.
    let below = |value| match rank(value, h) {
        Some(rank) if rank > total => total,
        rank => rank.unwrap_or(total),
    };
    ((below(upper) - below(lower)) / h.count, total < h.count)
}

/// How many observations lie below a value; `None` when all buckets do.
fn rank(value: f64, h: &FloatHistogram) -> Option<f64> {
    let custom = h.uses_custom_buckets();
    let mut below = 0.0;
    for mut bucket in h.all_buckets() {
        let linear = bucket.lower <= 0.0 && bucket.upper >= 0.0;
        if linear {
            halve_zero_bucket(&mut bucket, h);
        }
        if bucket.lower >= value {
            return Some(below);
        }
        if bucket.upper > value {
            return Some(rank_within(&bucket, value, below, custom || linear));
        }
        below += bucket.count;
    }
    None
}

fn rank_within(bucket: &Bucket, value: f64, below: f64, linear: bool) -> f64 {
    let Bucket { lower, upper, count, .. } = *bucket;
    if linear {
        // Nothing is known of how observations lie in a bucket without a lower bound: all of them are counted.
        if lower == f64::NEG_INFINITY {
            return count;
        }
        return below + count * (value - lower) / (upper - lower);
    }
    let [log_lower, log_upper, log_value] = [lower, upper, value].map(|bound| bound.abs().log2());
    let share = if value > 0.0 {
        (log_value - log_lower) / (log_upper - log_lower)
    } else {
        1.0 - (log_value - log_upper) / (log_lower - log_upper)
    };
    below + count * share
}

/// The population variance, each observation taken to be in the middle of its bucket: the geometric one of
/// exponential buckets, zero in the zero bucket.
pub(crate) fn stdvar(h: &FloatHistogram) -> f64 {
    let mean = h.sum / h.count;
    let mut squares = KahanSum::default();
    for bucket in h.all_buckets().filter(|bucket| bucket.count != 0.0) {
        let Bucket { lower, upper, count, .. } = bucket;
        let middle = if h.uses_custom_buckets() {
            (upper + lower) / 2.0
        } else if lower <= 0.0 && upper >= 0.0 {
            0.0
        } else {
            (upper * lower).sqrt().copysign(upper)
        };
        let delta = middle - mean;
        squares.add(count * delta * delta);
    }
    squares.value() / h.count
}

/// The square root of [`stdvar`].
pub(crate) fn stddev(h: &FloatHistogram) -> f64 {
    stdvar(h).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::syntax::histogram_literal::parse;

    fn h(body: &str) -> FloatHistogram {
        parse(body).unwrap().histogram
    }

    fn close(a: f64, b: f64) -> bool {
        a == b || (a - b).abs() < 1e-12 * b.abs()
    }

    #[test]
    fn exponential_quantiles_are_logarithmic() {
        let single = h("schema:0 sum:50 count:10 buckets:[0 10]");
        assert!(close(quantile(0.5, &single).0, 2f64.sqrt()));
        assert_eq!(quantile(1.0, &single).0, 2.0);
        assert_eq!(quantile(0.0, &single).0, 1.0);
        let negative = h("schema:0 sum:-50 count:10 n_buckets:[0 10]");
        assert!(close(quantile(0.25, &negative).0, -(2f64.powf(0.75))));
    }

    #[test]
    fn zero_and_listed_buckets_are_linear() {
        let zero = h("count:10 sum:1 z_bucket:10 z_bucket_w:0.5");
        assert_eq!(quantile(0.25, &zero).0, -0.25);
        let positive = h("count:12 sum:1 z_bucket:10 z_bucket_w:0.5 buckets:[0 2]");
        assert!(close(quantile(0.5, &positive).0, 0.3));
        let custom = h("schema:-53 sum:5 count:4 custom_values:[5 10] buckets:[1 3 0]");
        assert_eq!(quantile(0.25, &custom).0, 5.0);
        assert!(close(quantile(0.625, &custom).0, 7.5));
    }

    #[test]
    fn beyond_the_listed_bounds_the_nearest_is_the_answer() {
        let custom = h("schema:-53 sum:5 count:4 custom_values:[-5 10] buckets:[2 0 2]");
        assert_eq!(quantile(0.1, &custom).0, -5.0);
        assert_eq!(quantile(0.9, &custom).0, 10.0);
    }

    #[test]
    fn nan_observations_are_above_all_others() {
        let some = h("schema:0 sum:NaN count:10 buckets:[0 8]");
        assert_eq!(quantile(0.9, &some).1, NanRemark::Result);
        assert!(quantile(0.9, &some).0.is_nan());
        let (value, remark) = quantile(0.4, &some);
        assert!(close(value, 2f64.sqrt()));
        assert_eq!(remark, NanRemark::Skewed);
        // Infinities of both signs make the sum NaN too.
        assert_eq!(quantile(0.4, &h("schema:0 sum:NaN count:8 buckets:[0 8]")).1, NanRemark::Absent);
    }

    #[test]
    fn an_impossible_quantile_is_infinite_and_of_nothing_nan() {
        let single = h("count:1 sum:1 buckets:[1]");
        assert_eq!(quantile(-1.0, &single).0, f64::NEG_INFINITY);
        assert_eq!(quantile(1.5, &single).0, f64::INFINITY);
        assert!(quantile(f64::NAN, &single).0.is_nan());
        assert!(quantile(0.5, &h("")).0.is_nan());
    }

    #[test]
    fn fractions_invert_quantiles() {
        let mixed = h("schema:1 sum:3 count:20 z_bucket:4 z_bucket_w:0.01 buckets:[3 5 2] n_buckets:[1 5]");
        for q in [0.05, 0.2, 0.5, 0.7, 0.95] {
            let (share, excluded) = fraction(f64::NEG_INFINITY, quantile(q, &mixed).0, &mixed);
            assert!((share - q).abs() < 1e-9, "{q} {share}");
            assert!(!excluded);
        }
        assert_eq!(fraction(2.0, 1.0, &mixed).0, 0.0);
        assert!(fraction(f64::NAN, 1.0, &mixed).0.is_nan());
        assert_eq!(fraction(f64::NEG_INFINITY, f64::INFINITY, &mixed).0, 1.0);
    }

    #[test]
    fn nan_observations_are_in_no_fraction() {
        let some = h("schema:0 sum:NaN count:10 buckets:[0 8]");
        assert_eq!(fraction(0.0, f64::INFINITY, &some), (0.8, true));
    }

    #[test]
    fn variances_take_the_middle_of_each_bucket() {
        let single = h("schema:0 sum:20 count:10 buckets:[0 10]");
        assert!(close(stdvar(&single), (2f64.sqrt() - 2.0).powi(2)));
        let custom = h("schema:-53 sum:30 count:4 custom_values:[5 10] buckets:[0 4]");
        assert_eq!((stdvar(&custom), stddev(&custom)), (0.0, 0.0));
        assert!(stdvar(&h("count:0 sum:0")).is_nan());
    }
}
