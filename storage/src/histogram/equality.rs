//! Whether two histograms are the same data.

use super::bounds::same_bounds;
use super::{Buckets, FloatHistogram};

impl FloatHistogram {
    /// Whether two histograms are the same to the bit (so NaN equals itself), listed empty buckets included.
    /// Hints do not count.
    #[must_use]
    pub fn same(&self, other: &Self) -> bool {
        let numbers = |h: &Self| [h.count, h.sum, h.zero_count].map(f64::to_bits);
        self.schema == other.schema
            && numbers(self) == numbers(other)
            && self.zero_threshold == other.zero_threshold
            && (!self.uses_custom_buckets() || same_bounds(&self.custom_values, &other.custom_values))
            && self.positive.same(&other.positive)
            && self.negative.same(&other.negative)
    }

    /// Whether this is a staleness marker.
    #[must_use]
    pub fn is_stale(&self) -> bool {
        crate::is_stale_nan(self.sum)
    }
}

impl Buckets {
    fn same(&self, other: &Self) -> bool {
        let mut counts = self.counts.iter().zip(&other.counts);
        self.indices == other.indices && counts.all(|(a, b)| a.to_bits() == b.to_bits())
    }
}

#[cfg(test)]
mod tests {
    use super::super::CounterResetHint;
    use super::super::fixtures::{buckets, custom};
    use super::*;

    #[test]
    fn equality_is_one_of_bits_and_layouts() {
        let h = FloatHistogram { sum: f64::NAN, positive: buckets(&[(1, 2.0)]), ..FloatHistogram::default() };
        assert!(h.same(&FloatHistogram { hint: CounterResetHint::Gauge, ..h.clone() }));
        assert!(!h.same(&FloatHistogram { sum: crate::STALE_NAN, ..h.clone() }));
        assert!(!h.same(&FloatHistogram { positive: buckets(&[(1, 2.0), (2, 0.0)]), ..h.clone() }));
        assert!(!h.same(&FloatHistogram { zero_count: -0.0, ..h.clone() }));
        assert!(!custom(&[1.0], &[]).same(&custom(&[2.0], &[])));
    }

    #[test]
    fn a_stale_sum_makes_a_marker() {
        assert!(FloatHistogram { sum: crate::STALE_NAN, ..FloatHistogram::default() }.is_stale());
        assert!(!FloatHistogram { sum: f64::NAN, ..FloatHistogram::default() }.is_stale());
    }
}
