//! Buckets with their bounds, in order.

use super::FloatHistogram;
use super::bounds::{custom_bound, exponential_bound};

/// A bucket and what it covers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bucket {
    /// Lower bound.
    pub lower: f64,
    /// Upper bound.
    pub upper: f64,
    /// Whether an observation equal to the lower bound is in it.
    pub lower_inclusive: bool,
    /// Whether an observation equal to the upper bound is in it.
    pub upper_inclusive: bool,
    /// Population.
    pub count: f64,
    /// Index within its side; 0 for the zero bucket.
    pub index: i32,
}

impl FloatHistogram {
    /// The buckets above zero (all buckets, where bounds are listed) in ascending order of their indices.
    pub fn positive_buckets(&self) -> impl DoubleEndedIterator<Item = Bucket> + '_ {
        self.positive.iter().map(move |(index, count)| self.positive_bucket(index, count))
    }

    /// The buckets below zero in ascending order of their indices: the one next to zero first.
    pub fn negative_buckets(&self) -> impl DoubleEndedIterator<Item = Bucket> + '_ {
        let schema = self.schema;
        self.negative.iter().map(move |(index, count)| {
            let lower = -exponential_bound(index, schema);
            let upper = -exponential_bound(index.saturating_sub(1), schema);
            Bucket { lower, upper, lower_inclusive: lower < 0.0, upper_inclusive: upper > 0.0, count, index }
        })
    }

    /// The zero bucket, populated or not. Where bounds are listed there is none.
    #[must_use]
    pub fn zero_bucket(&self) -> Option<Bucket> {
        (!self.uses_custom_buckets()).then_some(Bucket {
            lower: -self.zero_threshold,
            upper: self.zero_threshold,
            lower_inclusive: true,
            upper_inclusive: true,
            count: self.zero_count,
            index: 0,
        })
    }

    /// All listed buckets, and the zero bucket where it is populated, from the lowest to the highest. A bucket
    /// that overlaps with the zero bucket ends, or begins, at the zero threshold.
    pub fn all_buckets(&self) -> impl DoubleEndedIterator<Item = Bucket> + '_ {
        let threshold = self.zero_threshold;
        let below = self.negative_buckets().rev().map(move |mut bucket| {
            if bucket.upper < 0.0 && bucket.upper > -threshold {
                bucket.upper = -threshold;
            }
            bucket
        });
        let above = self.positive_buckets().map(move |mut bucket| {
            if bucket.lower > 0.0 && bucket.lower < threshold {
                bucket.lower = threshold;
            }
            bucket
        });
        below.chain(self.zero_bucket().filter(|zero| zero.count > 0.0)).chain(above)
    }

    fn positive_bucket(&self, index: i32, count: f64) -> Bucket {
        if self.uses_custom_buckets() {
            return Bucket {
                lower: custom_bound(index.saturating_sub(1), &self.custom_values),
                upper: custom_bound(index, &self.custom_values),
                lower_inclusive: index == 0,
                upper_inclusive: true,
                count,
                index,
            };
        }
        let lower = exponential_bound(index.saturating_sub(1), self.schema);
        let upper = exponential_bound(index, self.schema);
        Bucket { lower, upper, lower_inclusive: lower < 0.0, upper_inclusive: upper > 0.0, count, index }
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{buckets, custom};
    use super::*;

    fn spans(h: &FloatHistogram) -> Vec<(f64, f64, f64)> {
        h.all_buckets().map(|b| (b.lower, b.upper, b.count)).collect()
    }

    #[test]
    fn all_buckets_ascend_through_the_zero_bucket() {
        let h = FloatHistogram {
            zero_threshold: 0.75,
            zero_count: 3.0,
            positive: buckets(&[(0, 1.0), (2, 4.0)]),
            negative: buckets(&[(0, 2.0), (1, 5.0)]),
            ..FloatHistogram::default()
        };
        let ascending =
            [(-2.0, -1.0, 5.0), (-1.0, -0.75, 2.0), (-0.75, 0.75, 3.0), (0.75, 1.0, 1.0), (2.0, 4.0, 4.0)];
        assert_eq!(spans(&h), ascending);
        let mut descending: Vec<_> = h.all_buckets().rev().map(|b| (b.lower, b.upper, b.count)).collect();
        descending.reverse();
        assert_eq!(descending, ascending);
    }

    #[test]
    fn bounds_away_from_zero_are_inclusive() {
        let h = FloatHistogram {
            positive: buckets(&[(1, 1.0)]),
            negative: buckets(&[(1, 1.0)]),
            ..FloatHistogram::default()
        };
        let ends: Vec<_> = h.all_buckets().map(|b| (b.lower_inclusive, b.upper_inclusive)).collect();
        assert_eq!(ends, [(true, false), (false, true)]);
        let h = custom(&[1.0], &[(0, 1.0), (1, 1.0)]);
        let ends: Vec<_> = h.all_buckets().map(|b| (b.lower_inclusive, b.upper_inclusive)).collect();
        assert_eq!(ends, [(true, true), (false, true)]);
        assert_eq!(spans(&h), [(f64::NEG_INFINITY, 1.0, 1.0), (1.0, f64::INFINITY, 1.0)]);
        assert_eq!(h.zero_bucket(), None);
    }
}
