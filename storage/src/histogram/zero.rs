//! Zero buckets of different widths.

use super::arithmetic::compensated_add;
use super::bounds::exponential_bound;
use super::kahan::Compensation;
use super::{Buckets, FloatHistogram};

/// A population and what rounding left out of it.
pub(super) type Precise = (f64, f64);

impl FloatHistogram {
    /// The population that the zero bucket would have with a threshold no lower than the present one, and the
    /// threshold to use: within a populated bucket no threshold can lie, there it is moved to the far end of
    /// the bucket.
    pub(super) fn zero_count_within(
        &self,
        mut threshold: f64,
        compensation: Option<&Compensation>,
    ) -> (Precise, f64) {
        let start = (self.zero_count, compensation.map_or(0.0, |c| c.zero_count));
        if threshold == self.zero_threshold {
            return (start, threshold);
        }
        let errors = |side: fn(&Compensation) -> &Vec<f64>| compensation.map_or(&[][..], |c| side(c));
        loop {
            let mut total = start;
            let positive = errors(|c| &c.positive);
            self.absorb(&self.positive, positive, &mut threshold, &mut total);
            let negative = errors(|c| &c.negative);
            if !self.absorb(&self.negative, negative, &mut threshold, &mut total) {
                return (total, threshold);
            }
            // A negative bucket widened the zero bucket, so there may be more of the positive ones in it.
        }
    }

    /// Adds up one side's buckets below the threshold. Whether the threshold had to be moved.
    fn absorb(&self, side: &Buckets, errors: &[f64], threshold: &mut f64, total: &mut Precise) -> bool {
        let errors = errors.iter().copied().chain(std::iter::repeat(0.0));
        for ((index, count), error) in side.iter().zip(errors) {
            if self.bound(index.saturating_sub(1)) >= *threshold {
                break;
            }
            *total = compensated_add(count, *total);
            *total = compensated_add(error, *total);
            let upper = self.bound(index);
            if upper > *threshold {
                if count != 0.0 {
                    *threshold = upper;
                    return true;
                }
                break;
            }
        }
        false
    }

    /// Widens this histogram's zero bucket until both histograms can have one of its width, and says which
    /// population the other's would have.
    pub(super) fn reconcile_zero_buckets(
        &mut self,
        other: &Self,
        mut compensation: Option<&mut Compensation>,
    ) -> Precise {
        let mut theirs = (other.zero_count, 0.0);
        let mut their_threshold = other.zero_threshold;
        if self.zero_threshold.is_nan() || their_threshold.is_nan() {
            return theirs;
        }
        while their_threshold != self.zero_threshold {
            if self.zero_threshold > their_threshold {
                (theirs, their_threshold) = other.zero_count_within(self.zero_threshold, None);
            }
            if their_threshold > self.zero_threshold {
                let (total, threshold) = self.zero_count_within(their_threshold, compensation.as_deref());
                (self.zero_count, self.zero_threshold) = (total.0, threshold);
                if let Some(compensation) = compensation.as_deref_mut() {
                    compensation.zero_count = total.1;
                }
                self.drop_buckets_in_zero_bucket(compensation.as_deref_mut());
            }
        }
        theirs
    }

    /// Removes the buckets that the zero bucket covers, and the empty ones with them.
    fn drop_buckets_in_zero_bucket(&mut self, compensation: Option<&mut Compensation>) {
        let (schema, threshold) = (self.schema, self.zero_threshold);
        let mut none = Compensation::default();
        let Compensation { positive, negative, .. } = compensation.unwrap_or(&mut none);
        for (side, errors) in [(&mut self.positive, positive), (&mut self.negative, negative)] {
            let errors_or_none = errors.iter().copied().chain(std::iter::repeat(0.0));
            let keep: Vec<bool> = side
                .iter()
                .zip(errors_or_none)
                .map(|((index, count), error)| {
                    let lower = exponential_bound(index.saturating_sub(1), schema);
                    lower >= threshold && (count != 0.0 || error != 0.0)
                })
                .collect();
            retain(&mut side.indices, &keep);
            retain(&mut side.counts, &keep);
            retain(errors, &keep);
        }
    }
}

fn retain<T>(column: &mut Vec<T>, keep: &[bool]) {
    let mut keep = keep.iter();
    column.retain(|_| keep.next().copied().unwrap_or(true));
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{any_histogram, buckets, population};
    use super::*;
    use proptest::prelude::*;

    fn narrow() -> FloatHistogram {
        FloatHistogram {
            zero_threshold: 0.001,
            zero_count: 1.0,
            count: 31.0,
            positive: buckets(&[(-3, 2.0), (-1, 4.0), (2, 8.0)]),
            negative: buckets(&[(0, 16.0)]),
            ..FloatHistogram::default()
        }
    }

    #[test]
    fn a_wider_zero_bucket_takes_what_it_covers() {
        let h = narrow();
        // (0.0625, 0.125] is covered.
        assert_eq!(h.zero_count_within(0.2, None), ((3.0, 0.0), 0.2));
        // (0.25, 0.5] is touched, so all of it goes in.
        assert_eq!(h.zero_count_within(0.3, None), ((7.0, 0.0), 0.5));
        // Both sides move the threshold until neither is cut.
        assert_eq!(h.zero_count_within(0.6, None), ((23.0, 0.0), 1.0));
        assert_eq!(h.zero_count_within(0.001, None), ((1.0, 0.0), 0.001));
    }

    #[test]
    fn the_narrower_histogram_is_widened() {
        let mut h = narrow();
        let wide = FloatHistogram { zero_threshold: 0.3, zero_count: 100.0, ..FloatHistogram::default() };
        assert_eq!(h.reconcile_zero_buckets(&wide, None), (100.0, 0.0));
        assert_eq!((h.zero_threshold, h.zero_count), (0.5, 7.0));
        assert_eq!(h.positive, buckets(&[(2, 8.0)]));
        assert_eq!(h.negative, buckets(&[(0, 16.0)]));

        let mut wide = wide.clone();
        assert_eq!(wide.reconcile_zero_buckets(&narrow(), None), (7.0, 0.0));
        assert_eq!((wide.zero_threshold, wide.zero_count), (0.5, 100.0));
    }

    proptest! {
        #[test]
        fn widening_keeps_every_observation(mut h in any_histogram(), threshold in 0.0..1e4f64) {
            let wide = FloatHistogram { zero_threshold: threshold, ..FloatHistogram::default() };
            let before = population(&h);
            h.reconcile_zero_buckets(&wide, None);
            prop_assert!(h.zero_threshold >= threshold);
            prop_assert_eq!(population(&h), before);
        }
    }
}
