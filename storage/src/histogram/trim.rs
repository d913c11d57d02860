//! Histograms cut at a value: the operators `</` and `>/`.
//!
//! A bucket that contains the value is split where observations are assumed to lie: evenly between listed
//! bounds and in the zero bucket, evenly by their logarithm elsewhere. The sum is estimated from the middles
//! of what remains, as soon as anything was cut off.

use super::{Bucket, Buckets, FloatHistogram};

/// Which part remains.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Keep {
    Below,
    Above,
}

/// How observations are assumed to lie within a bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Spread {
    Even,
    Logarithmic { negative: bool },
}

/// What remains of a histogram or a bucket: observations and their sum.
#[derive(Debug, Clone, Copy, Default)]
struct Rest {
    count: f64,
    sum: f64,
}

impl Rest {
    fn add(&mut self, count: f64, middle: f64) {
        self.count += count;
        self.sum += middle * count;
    }
}

impl FloatHistogram {
    /// Keeps the observations up to a value (`</`).
    pub fn trim_upper(&mut self, value: f64) {
        self.trim(Keep::Below, value);
    }

    /// Keeps the observations from a value on (`>/`).
    pub fn trim_lower(&mut self, value: f64) {
        self.trim(Keep::Above, value);
    }

    fn trim(&mut self, keep: Keep, value: f64) {
        let custom = self.uses_custom_buckets();
        let spread = |negative| if custom { Spread::Even } else { Spread::Logarithmic { negative } };
        let populated = |side: &Buckets| side.counts.iter().any(|count| *count != 0.0);
        let sides = (populated(&self.negative), populated(&self.positive));
        let mut rest = Rest::default();
        let mut cut = false;

        let positive: Vec<f64> =
            self.positive_buckets().map(|b| keep.of_bucket(b, value, spread(false), &mut rest)).collect();
        cut |= replace(&mut self.positive.counts, positive);
        let negative: Vec<f64> =
            self.negative_buckets().map(|b| keep.of_bucket(b, value, spread(true), &mut rest)).collect();
        cut |= replace(&mut self.negative.counts, negative);
        if let Some(zero) = self.zero_bucket().filter(|zero| zero.count > 0.0) {
            let (count, middle) = keep.of_zero_bucket(zero, value, sides);
            cut |= self.zero_count != count;
            self.zero_count = count;
            rest.add(count, middle);
        }
        if cut {
            self.count = rest.count;
            self.sum = rest.sum;
            self.compact();
        }
    }
}

/// Takes new counts over and says whether any of them differs.
fn replace(counts: &mut Vec<f64>, new: Vec<f64>) -> bool {
    let differs = *counts != new;
    *counts = new;
    differs
}

impl Keep {
    /// How much of a bucket remains.
    fn of_bucket(self, bucket: Bucket, value: f64, spread: Spread, rest: &mut Rest) -> f64 {
        if bucket.count == 0.0 {
            return bucket.count;
        }
        let (whole, part) = match self {
            Self::Below => (bucket.upper <= value, bucket.lower < value),
            Self::Above => (bucket.lower >= value, bucket.upper > value),
        };
        let (count, middle) = if whole {
            (bucket.count, middle(bucket.lower, bucket.upper, spread))
        } else if !part {
            return 0.0;
        } else if bucket.lower.is_infinite() || bucket.upper.is_infinite() {
            self.of_unbounded(bucket, value)
        } else {
            let below = share_below(bucket, value, spread);
            match self {
                Self::Below => (below, middle(bucket.lower, value, spread)),
                Self::Above => (bucket.count - below, middle(value, bucket.upper, spread)),
            }
        };
        rest.add(count, middle);
        count
    }

    /// How much of a bucket that has an infinite bound remains where the value lies in it, and its middle.
    /// Nothing is known of how observations lie in there, so they go; unless the bucket can be taken to begin
    /// at zero, or the value is no finite one or is on the far side of all that could be cut.
    fn of_unbounded(self, bucket: Bucket, value: f64) -> (f64, f64) {
        let Bucket { lower, upper, count, .. } = bucket;
        let finite = |bound: f64| if bound.is_infinite() { 0.0 } else { bound };
        if lower == f64::NEG_INFINITY {
            let from_zero = upper > 0.0 && upper != f64::INFINITY;
            return match self {
                Self::Below if from_zero && value > 0.0 => (count * value / upper, value / 2.0),
                Self::Below if upper <= 0.0 => (count, value),
                Self::Above if from_zero && value >= 0.0 => {
                    (count * (1.0 - value / upper), (value + upper) / 2.0)
                }
                _ => (0.0, finite(upper)),
            };
        }
        match self {
            Self::Above if value >= lower => (count, value),
            _ => (0.0, finite(lower)),
        }
    }

    /// How much of the zero bucket remains, and its middle. Where only one side (negative, positive) is
    /// populated, the zero bucket is taken to lie on that side too.
    fn of_zero_bucket(self, zero: Bucket, value: f64, (negative, positive): (bool, bool)) -> (f64, f64) {
        let upper = if negative && !positive { 0.0 } else { zero.upper };
        let lower = if positive && !negative { 0.0 } else { zero.lower };
        let whole = (zero.count, (lower + upper) / 2.0);
        let nothing = (0.0, 0.0);
        if value <= lower {
            return if self == Self::Below { nothing } else { whole };
        }
        if value >= upper {
            return if self == Self::Below { whole } else { nothing };
        }
        let (part, middle) = match self {
            Self::Below => (value - lower, (lower + value) / 2.0),
            Self::Above => (upper - value, (value + upper) / 2.0),
        };
        (zero.count * (part / (upper - lower)), middle)
    }
}

/// The part of a finite bucket's population that lies below a value within it.
fn share_below(bucket: Bucket, value: f64, spread: Spread) -> f64 {
    let Bucket { lower, upper, count, .. } = bucket;
    if value <= lower {
        return 0.0;
    }
    if value >= upper {
        return count;
    }
    let fraction = match spread {
        Spread::Even => (value - lower) / (upper - lower),
        Spread::Logarithmic { negative } => {
            let [lower, upper, value] = [lower, upper, value].map(|bound| bound.abs().log2());
            match negative {
                false => (value - lower) / (upper - lower),
                true => 1.0 - (value - upper) / (lower - upper),
            }
        }
    };
    count * fraction
}

/// The middle of an interval: the mean, the geometric one where observations lie logarithmically. Of a half
/// infinite interval it is the finite end; from -Inf to above zero only what lies above zero counts.
fn middle(lower: f64, upper: f64, spread: Spread) -> f64 {
    match (lower.is_infinite(), upper.is_infinite()) {
        (true, true) => 0.0,
        (true, false) => {
            if upper > 0.0 {
                upper / 2.0
            } else {
                upper
            }
        }
        (false, true) => lower,
        (false, false) => match spread {
            Spread::Even => (lower + upper) / 2.0,
            Spread::Logarithmic { negative: false } => (lower * upper).abs().sqrt(),
            Spread::Logarithmic { negative: true } => -(lower * upper).abs().sqrt(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{any_custom, any_histogram, buckets, custom, population};
    use super::*;
    use proptest::prelude::*;

    fn upper(mut h: FloatHistogram, value: f64) -> FloatHistogram {
        h.trim_upper(value);
        h
    }

    fn lower(mut h: FloatHistogram, value: f64) -> FloatHistogram {
        h.trim_lower(value);
        h
    }

    #[test]
    fn a_cut_between_buckets_leaves_them_whole() {
        let h = custom(&[5.0, 10.0, 15.0, 20.0], &[(0, 1.0), (1, 4.0), (2, 3.0), (4, 1.0)]);
        let below = upper(h.clone(), 15.0);
        assert_eq!(below.positive, buckets(&[(0, 1.0), (1, 4.0), (2, 3.0)]));
        assert_eq!((below.count, below.sum), (8.0, 2.5 + 4.0 * 7.5 + 3.0 * 12.5));
        let above = lower(h, 15.0);
        assert_eq!(above.positive, buckets(&[(4, 1.0)]));
        assert_eq!((above.count, above.sum), (1.0, 20.0));
    }

    #[test]
    fn listed_bounds_are_cut_evenly() {
        let h = custom(&[10.0, 20.0], &[(1, 10.0)]);
        assert_eq!(upper(h.clone(), 13.0).positive, buckets(&[(1, 3.0)]));
        let above = lower(h, 13.0);
        assert_eq!((above.count, above.sum), (7.0, 7.0 * 16.5));
    }

    #[test]
    fn exponential_buckets_are_cut_by_the_logarithm() {
        let h = FloatHistogram { count: 4.0, positive: buckets(&[(1, 4.0)]), ..FloatHistogram::default() };
        assert!((upper(h.clone(), 2f64.sqrt()).count - 2.0).abs() < 1e-12);
        let mirrored =
            FloatHistogram { count: 4.0, negative: buckets(&[(1, 4.0)]), ..FloatHistogram::default() };
        let rest = upper(mirrored, -(2f64.powf(0.25)));
        assert!((rest.count - 3.0).abs() < 1e-12);
        assert!(rest.sum < 0.0);
    }

    #[test]
    fn the_zero_bucket_lies_on_the_populated_side() {
        let h = |positive: Buckets| FloatHistogram {
            zero_threshold: 0.5,
            zero_count: 8.0,
            positive,
            ..FloatHistogram::default()
        };
        assert_eq!(upper(h(Buckets::default()), 0.25).zero_count, 6.0);
        assert_eq!(upper(h(buckets(&[(3, 1.0)])), 0.25).zero_count, 4.0);
        assert_eq!(lower(h(buckets(&[(3, 1.0)])), -0.25).zero_count, 8.0);
    }

    #[test]
    fn of_an_infinite_bucket_little_is_known() {
        let last = custom(&[10.0], &[(1, 4.0)]);
        assert_eq!(upper(last.clone(), 50.0).count, 0.0);
        assert_eq!(upper(last.clone(), f64::INFINITY).count, 4.0);
        let above = lower(last.clone(), 50.0);
        assert_eq!((above.count, above.sum), (4.0, 0.0));
        let first = custom(&[10.0], &[(0, 4.0)]);
        assert_eq!(upper(first.clone(), 5.0).count, 2.0);
        assert_eq!(lower(first.clone(), 5.0).count, 2.0);
        assert_eq!(lower(first.clone(), -5.0).count, 0.0);
        assert_eq!(upper(first, -5.0).count, 0.0);
    }

    #[test]
    fn what_is_not_cut_keeps_its_sum() {
        let h = FloatHistogram { sum: 100.0, ..custom(&[10.0], &[(0, 4.0), (1, 0.0)]) };
        assert_eq!(upper(h.clone(), 10.0), h);
        assert_eq!(lower(h.clone(), f64::NEG_INFINITY), h);
    }

    proptest! {
        #[test]
        fn both_parts_together_are_no_more_than_the_whole(
            a in any_histogram(), b in any_custom(), value in -100.0..100.0f64,
        ) {
            for h in [a, b] {
                let parts = population(&upper(h.clone(), value)) + population(&lower(h.clone(), value));
                prop_assert!(parts <= population(&h) * (1.0 + 1e-9));
                if !h.uses_custom_buckets() {
                    prop_assert!((parts - population(&h)).abs() <= population(&h) * 1e-9);
                }
            }
        }
    }
}
