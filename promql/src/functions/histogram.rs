//! Quantiles and fractions of classic histograms.

/// A bucket of a classic histogram: upper bound and cumulative count.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Bucket {
    pub(crate) upper: f64,
    pub(crate) count: f64,
}

/// Sorts the buckets, merges equal bounds and makes the counts monotonic.
fn prepare(buckets: &mut Vec<Bucket>) {
    buckets.sort_by(|a, b| a.upper.total_cmp(&b.upper));
    let mut merged: Vec<Bucket> = Vec::with_capacity(buckets.len());
    for bucket in buckets.iter() {
        match merged.last_mut() {
            Some(last) if last.upper == bucket.upper => last.count += bucket.count,
            _ => merged.push(*bucket),
        }
    }
    let mut highest = merged.first().map_or(0.0, |b| b.count);
    for bucket in merged.iter_mut().skip(1) {
        // Differences that only arithmetic makes, up or down, are none.
        if bucket.count < highest || nearly(highest, bucket.count) {
            bucket.count = highest;
        } else {
            highest = bucket.count;
        }
    }
    *buckets = merged;
}

/// Whether two counts differ by no more than a relative 1e-12.
fn nearly(a: f64, b: f64) -> bool {
    let (difference, magnitude) = ((a - b).abs(), a.abs() + b.abs());
    if a == 0.0 || b == 0.0 || magnitude < f64::MIN_POSITIVE {
        return difference < 1e-12 * f64::MIN_POSITIVE;
    }
    difference / magnitude.min(f64::MAX) < 1e-12
}

/// The φ-quantile, linear within its bucket.
pub(crate) fn quantile(q: f64, mut buckets: Vec<Bucket>) -> f64 {
    if q.is_nan() {
        return f64::NAN;
    }
    if q < 0.0 {
        return f64::NEG_INFINITY;
    }
    if q > 1.0 {
        return f64::INFINITY;
    }
    prepare(&mut buckets);
    let (Some(first), Some(last)) = (buckets.first().copied(), buckets.last().copied()) else {
        return f64::NAN;
    };
    if last.upper != f64::INFINITY || buckets.len() < 2 || last.count == 0.0 || last.count.is_nan() {
        return f64::NAN;
    }
    let mut rank = q * last.count;
    let at = buckets.iter().position(|b| b.count >= rank).unwrap_or(buckets.len() - 1);
    let at = at.min(buckets.len() - 1);
    if at == buckets.len() - 1 {
        return buckets.get(at - 1).map_or(f64::NAN, |b| b.upper);
    }
    if at == 0 && first.upper <= 0.0 {
        return first.upper;
    }
    let bucket = buckets.get(at).copied().unwrap_or(first);
    let (mut start, mut count) = (0.0, bucket.count);
    if let Some(below) = at.checked_sub(1).and_then(|i| buckets.get(i)) {
        start = below.upper;
        count -= below.count;
        rank -= below.count;
    }
    start + (bucket.upper - start) * (rank / count)
}

/// The share of observations between two bounds.
pub(crate) fn fraction(lower: f64, upper: f64, mut buckets: Vec<Bucket>) -> f64 {
    prepare(&mut buckets);
    let Some(total) = buckets.last().filter(|b| b.upper == f64::INFINITY).map(|b| b.count) else {
        return f64::NAN;
    };
    if total == 0.0 || lower.is_nan() || upper.is_nan() {
        return f64::NAN;
    }
    if lower >= upper {
        return 0.0;
    }
    let rank = |bound: f64| {
        let (mut start, mut below) = (0.0f64, 0.0);
        for (i, bucket) in buckets.iter().enumerate() {
            if i == 0 && bucket.upper <= 0.0 {
                start = f64::NEG_INFINITY;
            }
            if bound <= start {
                return below;
            }
            if bound <= bucket.upper {
                if bound == bucket.upper {
                    return bucket.count;
                }
                if bucket.upper.is_infinite() || start.is_infinite() {
                    return below;
                }
                return below + (bucket.count - below) * (bound - start) / (bucket.upper - start);
            }
            (start, below) = (bucket.upper, bucket.count);
        }
        total
    };
    (rank(upper) - rank(lower)) / total
}

#[cfg(test)]
mod tests {
    use super::*;

    fn buckets() -> Vec<Bucket> {
        [(0.1, 1.0), (0.5, 3.0), (f64::INFINITY, 4.0)].map(|(upper, count)| Bucket { upper, count }).to_vec()
    }

    #[test]
    fn quantiles_are_linear_within_a_bucket() {
        assert_eq!(quantile(0.25, buckets()), 0.1);
        assert!((quantile(0.5, buckets()) - 0.3).abs() < 1e-12);
        assert_eq!(quantile(0.99, buckets()), 0.5);
        assert!(quantile(0.5, buckets()[..2].to_vec()).is_nan());
    }

    #[test]
    fn fractions_are_linear_within_a_bucket() {
        assert_eq!(fraction(0.0, 0.1, buckets()), 0.25);
        assert!((fraction(0.1, 0.3, buckets()) - 0.25).abs() < 1e-12);
        assert_eq!(fraction(f64::NEG_INFINITY, f64::INFINITY, buckets()), 1.0);
    }
}
pub(crate) mod native {
    use narthex_storage::FloatHistogram;
    pub(crate) fn stddev(_: &FloatHistogram) -> f64 {
        0.0
    }
    pub(crate) fn stdvar(_: &FloatHistogram) -> f64 {
        0.0
    }
    pub(crate) struct R;
    impl R {
        pub(crate) fn text(&self) -> Option<&'static str> {
            None
        }
    }
    pub(crate) fn quantile(_: f64, _: &FloatHistogram) -> (f64, R) {
        (0.0, R)
    }
    pub(crate) fn fraction(_: f64, _: f64, _: &FloatHistogram) -> (f64, bool) {
        (0.0, false)
    }
}
pub(crate) mod classic {
    use super::Bucket;
    pub(crate) struct F {
        pub(crate) lowest: f64,
        pub(crate) highest: f64,
        pub(crate) max_diff: f64,
    }
    pub(crate) fn quantile(q: f64, b: &mut Vec<Bucket>) -> (f64, Option<F>) {
        (super::quantile(q, b.clone()), None)
    }
    pub(crate) fn fraction(l: f64, u: f64, b: &mut Vec<Bucket>) -> f64 {
        super::fraction(l, u, b.clone())
    }
}
pub(crate) fn quantile_label(q: f64) -> String {
    crate::numeric::format_float(q)
}
