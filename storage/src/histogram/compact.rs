//! Fewer buckets: without the empty ones, or at a coarser resolution.

use super::{Buckets, FloatHistogram};

impl Buckets {
    /// Removes the buckets that are listed and empty.
    pub fn compact(&mut self) {
        if !self.counts.contains(&0.0) {
            return;
        }
        let mut counts = self.counts.iter();
        self.indices.retain(|_| counts.next().is_none_or(|count| *count != 0.0));
        self.counts.retain(|count| *count != 0.0);
    }

    /// Merges buckets of a schema into those of a schema that is `steps` coarser.
    pub(super) fn coarsen(&mut self, steps: u32) {
        if steps == 0 {
            return;
        }
        // The write position never overtakes the read position, so both columns are rewritten in place.
        let mut kept: usize = 0;
        for at in 0..self.indices.len() {
            let (Some(index), Some(count)) = (self.indices.get(at), self.counts.get(at).copied()) else {
                break;
            };
            let index = coarser_index(*index, steps);
            let last = kept.checked_sub(1);
            match last.filter(|last| self.indices.get(*last) == Some(&index)) {
                Some(last) => {
                    if let Some(sum) = self.counts.get_mut(last) {
                        *sum += count;
                    }
                }
                None => {
                    if let (Some(i), Some(c)) = (self.indices.get_mut(kept), self.counts.get_mut(kept)) {
                        (*i, *c) = (index, count);
                    }
                    kept += 1;
                }
            }
        }
        self.indices.truncate(kept);
        self.counts.truncate(kept);
    }
}

/// The index, in a schema `steps` coarser, of the bucket that holds the bucket of this index.
#[inline]
pub(super) fn coarser_index(index: i32, steps: u32) -> i32 {
    // One below the smallest index is no i32; with a shift of at least one the result always is.
    (((i64::from(index) - 1) >> steps.min(40)) + 1) as i32
}

impl FloatHistogram {
    /// Removes the buckets that are listed and empty.
    pub fn compact(&mut self) {
        self.positive.compact();
        self.negative.compact();
    }

    /// Merges buckets until the histogram has a coarser schema. A schema that is no coarser, and histograms
    /// with listed bounds, change nothing.
    pub fn reduce_resolution(&mut self, schema: i32) {
        if self.uses_custom_buckets() || schema >= self.schema {
            return;
        }
        let steps = self.schema.abs_diff(schema);
        self.positive.coarsen(steps);
        self.negative.coarsen(steps);
        self.schema = schema;
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{any_histogram, buckets, population};
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn empty_buckets_go() {
        let mut b = buckets(&[(-3, 0.0), (-2, 1.0), (0, -0.0), (5, f64::NAN), (6, 0.0)]);
        b.compact();
        assert_eq!(b.indices, [-2, 5]);
    }

    #[test]
    fn neighbours_merge_into_the_bucket_around_them() {
        // Schema 1 to 0: (0.5, 0.7] and (0.7, 1] become (0.5, 1], (1, 1.4] and (1.4, 2] become (1, 2].
        let mut b = buckets(&[(-1, 1.0), (0, 2.0), (1, 4.0), (2, 8.0), (4, 16.0)]);
        b.coarsen(1);
        assert_eq!(b, buckets(&[(0, 3.0), (1, 12.0), (2, 16.0)]));
        assert_eq!(coarser_index(i32::MIN, 12), i32::MIN >> 12);
        assert_eq!(coarser_index(i32::MAX, 1), i32::MAX / 2 + 1);
    }

    proptest! {
        #[test]
        fn no_observation_is_lost(mut h in any_histogram(), steps in 0..6i32) {
            let before = population(&h);
            let schema = h.schema;
            h.compact();
            prop_assert_eq!(population(&h), before);
            prop_assert!(!h.positive.counts.contains(&0.0));
            h.reduce_resolution((schema - steps).max(-4));
            prop_assert_eq!(population(&h), before);
            prop_assert!(h.positive.indices.is_sorted_by(|a, b| a < b));
        }

        #[test]
        fn coarser_buckets_hold_the_finer_ones(index in -2000..2000i32, schema in -3..=8i32) {
            use super::super::bounds::exponential_bound;
            let coarse = coarser_index(index, 1);
            prop_assert!(exponential_bound(coarse, schema - 1) >= exponential_bound(index, schema));
            prop_assert!(exponential_bound(coarse - 1, schema - 1) <= exponential_bound(index - 1, schema));
        }
    }
}
