//! Which histograms a store takes.

use super::{Buckets, CUSTOM_BUCKETS_SCHEMA, EXPONENTIAL_SCHEMA_MAX, EXPONENTIAL_SCHEMA_MIN, FloatHistogram};
use crate::number::format_short;

/// Why a histogram cannot be one. Texts are Prometheus's.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum InvalidHistogram {
    /// No schema that is known.
    #[error(
        "histogram has an invalid schema, which must be between {EXPONENTIAL_SCHEMA_MIN} and {EXPONENTIAL_SCHEMA_MAX} for exponential buckets, or {CUSTOM_BUCKETS_SCHEMA} for custom buckets, got schema {0}"
    )]
    Schema(i32),
    /// Fewer observations than none.
    #[error("observation count is  {}: histogram's observation count is negative", format_short(*.0))]
    Count(f64),
    /// A negative population of the zero bucket.
    #[error("zero bucket has observation count of {}: histogram has a bucket whose observation count is negative", format_short(*.0))]
    ZeroCount(f64),
    /// A negative population of another bucket.
    #[error("{side} side: bucket number {number} has observation count of {}: histogram has a bucket whose observation count is negative", format_short(*.count))]
    BucketCount {
        /// Positive or negative.
        side: &'static str,
        /// Place among the listed buckets, from 1.
        number: usize,
        /// The population.
        count: f64,
    },
    /// Columns of unequal length, or indices that do not ascend.
    #[error("{0} side: bucket indices must be strictly ascending, one per bucket")]
    Layout(&'static str),
    /// Bounds are listed, but the schema has none.
    #[error("histogram with exponential schema must not have custom bounds")]
    BoundsOfExponential,
    /// A zero bucket beside listed bounds.
    #[error("custom buckets: must have zero count of 0")]
    CustomZeroCount,
    /// A zero threshold beside listed bounds.
    #[error("custom buckets: must have zero threshold of 0")]
    CustomZeroThreshold,
    /// Negative buckets beside listed bounds.
    #[error("custom buckets: must not have negative buckets")]
    CustomNegative,
    /// A bound that is no number.
    #[error("custom buckets: histogram custom bounds must not be NaN")]
    NanBound,
    /// A bound that is not above the one before.
    #[error(
        "custom buckets: previous bound is {0:.6} and current is {1:.6}: histogram custom bounds must be in strictly increasing order"
    )]
    BoundOrder(f64, f64),
    /// The last bucket's bound is listed.
    #[error(
        "custom buckets: last +Inf bound must not be explicitly defined: histogram custom bounds must be finite"
    )]
    InfiniteBound,
    /// A bucket above the one that ends at +Inf: bounds, buckets that they would have to tell apart.
    #[error(
        "custom buckets: only {0} custom bounds defined which is insufficient to cover total span length of {1}: histogram custom bounds are too few"
    )]
    FewBounds(usize, i64),
    /// A bucket below the first.
    #[error("custom buckets: span number 1 with offset {0}: histogram has a span whose offset is negative")]
    NegativeIndex(i32),
}

impl FloatHistogram {
    /// Checks what a store requires: a known schema, no negative population, and of histograms with listed
    /// bounds neither a zero bucket nor negative buckets. That populations add up to the count is not asked.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn validate(&self) -> Result<(), InvalidHistogram> {
        if self.uses_custom_buckets() {
            self.validate_custom()?;
        } else if (EXPONENTIAL_SCHEMA_MIN..=EXPONENTIAL_SCHEMA_MAX).contains(&self.schema) {
            validate_side("negative", &self.negative)?;
            if self.zero_count < 0.0 {
                return Err(InvalidHistogram::ZeroCount(self.zero_count));
            }
            if !self.custom_values.is_empty() {
                return Err(InvalidHistogram::BoundsOfExponential);
            }
        } else {
            return Err(InvalidHistogram::Schema(self.schema));
        }
        if self.count < 0.0 {
            return Err(InvalidHistogram::Count(self.count));
        }
        validate_side("positive", &self.positive)
    }

    fn validate_custom(&self) -> Result<(), InvalidHistogram> {
        let bounds = &self.custom_values;
        if bounds.iter().any(|bound| bound.is_nan()) {
            return Err(InvalidHistogram::NanBound);
        }
        for pair in bounds.windows(2) {
            if let [previous, current] = pair
                && current <= previous
            {
                return Err(InvalidHistogram::BoundOrder(*previous, *current));
            }
        }
        if bounds.last() == Some(&f64::INFINITY) {
            return Err(InvalidHistogram::InfiniteBound);
        }
        if let Some(first) = self.positive.indices.first().filter(|first| **first < 0) {
            return Err(InvalidHistogram::NegativeIndex(*first));
        }
        let span = self.positive.indices.last().map_or(0, |last| i64::from(*last) + 1);
        if span > bounds.len() as i64 + 1 {
            return Err(InvalidHistogram::FewBounds(bounds.len(), span));
        }
        if self.zero_count != 0.0 {
            return Err(InvalidHistogram::CustomZeroCount);
        }
        if self.zero_threshold != 0.0 {
            return Err(InvalidHistogram::CustomZeroThreshold);
        }
        if !self.negative.is_empty() {
            return Err(InvalidHistogram::CustomNegative);
        }
        Ok(())
    }
}

fn validate_side(side: &'static str, buckets: &Buckets) -> Result<(), InvalidHistogram> {
    if buckets.indices.len() != buckets.counts.len() || !buckets.indices.is_sorted_by(|a, b| a < b) {
        return Err(InvalidHistogram::Layout(side));
    }
    match buckets.counts.iter().position(|count| *count < 0.0) {
        Some(at) => {
            let count = buckets.counts.get(at).copied().unwrap_or(f64::NAN);
            Err(InvalidHistogram::BucketCount { side, number: at + 1, count })
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{buckets, custom};
    use super::*;

    #[test]
    fn what_a_scrape_may_bring_is_taken() {
        assert_eq!(FloatHistogram::default().validate(), Ok(()));
        assert_eq!(custom(&[f64::NEG_INFINITY, 1.0], &[(0, 1.0), (2, 2.0)]).validate(), Ok(()));
        let odd = FloatHistogram {
            schema: -4,
            count: 1.0,
            sum: f64::NAN,
            positive: buckets(&[(-9, 5.0)]),
            negative: buckets(&[(0, 0.0)]),
            ..FloatHistogram::default()
        };
        assert_eq!(odd.validate(), Ok(()));
    }

    #[test]
    fn the_first_fault_is_named() {
        let h = FloatHistogram::default;
        let negative = buckets(&[(0, 1.0), (1, -2.0)]);
        for (histogram, text) in [
            (
                FloatHistogram { schema: 9, ..h() },
                "histogram has an invalid schema, which must be between -4 and 8 for exponential buckets, or -53 for custom buckets, got schema 9",
            ),
            (
                FloatHistogram { count: -1.5, ..h() },
                "observation count is  -1.5: histogram's observation count is negative",
            ),
            (
                FloatHistogram { zero_count: -1.0, ..h() },
                "zero bucket has observation count of -1: histogram has a bucket whose observation count is negative",
            ),
            (
                FloatHistogram { negative: negative.clone(), ..h() },
                "negative side: bucket number 2 has observation count of -2: histogram has a bucket whose observation count is negative",
            ),
            (
                FloatHistogram { positive: negative.clone(), ..h() },
                "positive side: bucket number 2 has observation count of -2: histogram has a bucket whose observation count is negative",
            ),
            (
                FloatHistogram { custom_values: [1.0].into(), ..h() },
                "histogram with exponential schema must not have custom bounds",
            ),
            (
                FloatHistogram { zero_count: 1.0, ..custom(&[1.0], &[]) },
                "custom buckets: must have zero count of 0",
            ),
            (
                FloatHistogram { zero_threshold: 1.0, ..custom(&[1.0], &[]) },
                "custom buckets: must have zero threshold of 0",
            ),
            (
                FloatHistogram { negative: negative.clone(), ..custom(&[1.0], &[]) },
                "custom buckets: must not have negative buckets",
            ),
            (
                custom(&[0.0, 0.0], &[]),
                "custom buckets: previous bound is 0.000000 and current is 0.000000: histogram custom bounds must be in strictly increasing order",
            ),
            (
                custom(&[1.0, f64::INFINITY], &[]),
                "custom buckets: last +Inf bound must not be explicitly defined: histogram custom bounds must be finite",
            ),
            (custom(&[1.0, f64::NAN], &[]), "custom buckets: histogram custom bounds must not be NaN"),
            (
                custom(&[1.0], &[(2, 1.0)]),
                "custom buckets: only 1 custom bounds defined which is insufficient to cover total span length of 3: histogram custom bounds are too few",
            ),
            (
                custom(&[1.0], &[(-1, 1.0)]),
                "custom buckets: span number 1 with offset -1: histogram has a span whose offset is negative",
            ),
            (
                FloatHistogram { positive: buckets(&[(1, 1.0), (1, 1.0)]), ..h() },
                "positive side: bucket indices must be strictly ascending, one per bucket",
            ),
        ] {
            assert_eq!(histogram.validate().unwrap_err().to_string(), text);
        }
    }
}
