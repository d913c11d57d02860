//! Whether a counter started over between two histograms.

use super::bounds::{exponential_bound, same_bounds};
use super::compact::coarser_index;
use super::{Buckets, CounterResetHint, FloatHistogram, custom};

impl FloatHistogram {
    /// Whether a counter was reset between the previous histogram and this one: some population is smaller
    /// than it was, a populated bucket is gone, or the layout changed in a way that only a restart explains
    /// (a finer resolution, a narrower zero bucket, a zero bucket that ends within a populated one, another
    /// kind of bounds). The hint of this histogram, where it says so or says the opposite, decides alone.
    #[must_use]
    pub fn detect_reset(&self, previous: &Self) -> bool {
        match self.hint {
            CounterResetHint::Reset => return true,
            CounterResetHint::NotReset => return false,
            // A gauge is taken for a counter here: whoever asks wants to treat it as one.
            CounterResetHint::Unknown | CounterResetHint::Gauge => {}
        }
        if self.count < previous.count {
            return true;
        }
        if self.uses_custom_buckets() || previous.uses_custom_buckets() {
            return self.detect_custom_reset(previous);
        }
        if self.schema > previous.schema || self.zero_threshold < previous.zero_threshold {
            return true;
        }
        let ((zero_count, _), threshold) = previous.zero_count_within(self.zero_threshold, None);
        if threshold != self.zero_threshold || self.zero_count < zero_count {
            return true;
        }
        let steps = previous.schema.abs_diff(self.schema);
        let outside = |side: &Buckets, steps: u32| {
            let mut outside = side.clone();
            outside.coarsen(steps);
            let covered = |index: &&i32| exponential_bound(**index, self.schema) <= self.zero_threshold;
            let covered = outside.indices.iter().take_while(covered).count();
            outside.indices.drain(..covered);
            outside.counts.drain(..covered);
            outside
        };
        let sides = [(&self.positive, &previous.positive), (&self.negative, &previous.negative)];
        sides.into_iter().any(|(now, before)| {
            // The usual case, nothing to merge and nothing covered, copies nothing.
            let first = before
                .indices
                .first()
                .map(|index| if steps == 0 { *index } else { coarser_index(*index, steps) });
            if steps == 0
                && first.is_none_or(|index| exponential_bound(index, self.schema) > self.zero_threshold)
            {
                return shrunk(now, before);
            }
            shrunk(now, &outside(before, steps))
        })
    }

    fn detect_custom_reset(&self, previous: &Self) -> bool {
        if self.uses_custom_buckets() != previous.uses_custom_buckets() {
            return true;
        }
        if same_bounds(&self.custom_values, &previous.custom_values) {
            return shrunk(&self.positive, &previous.positive);
        }
        let bounds = custom::intersection(&self.custom_values, &previous.custom_values);
        let mut difference = vec![(0.0, 0.0); bounds.len() + 1];
        custom::each_target(self, &bounds, |at, _, count| {
            if let Some((now, _)) = difference.get_mut(at) {
                *now += count;
            }
        });
        custom::each_target(previous, &bounds, |at, _, count| {
            if let Some((_, before)) = difference.get_mut(at) {
                *before += count;
            }
        });
        difference.into_iter().any(|(now, before)| now < before)
    }
}

/// Whether a bucket has a smaller population than before; a populated one that is no longer listed has.
fn shrunk(now: &Buckets, before: &Buckets) -> bool {
    let mut at = 0;
    before.iter().any(|(index, count)| {
        while now.indices.get(at).is_some_and(|now| *now < index) {
            at += 1;
        }
        match now.indices.get(at) {
            Some(listed) if *listed == index => now.counts.get(at).is_some_and(|now| *now < count),
            _ => count != 0.0,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{any_custom, any_histogram, buckets, custom};
    use super::*;
    use proptest::prelude::*;

    fn h(pairs: &[(i32, f64)]) -> FloatHistogram {
        let mut h =
            FloatHistogram { zero_threshold: 0.01, positive: buckets(pairs), ..FloatHistogram::default() };
        h.count = super::super::fixtures::population(&h);
        h
    }

    #[test]
    fn a_bucket_that_shrinks_or_vanishes_is_a_reset() {
        let before = h(&[(1, 2.0), (2, 3.0)]);
        assert!(!h(&[(1, 2.0), (2, 3.0)]).detect_reset(&before));
        assert!(!h(&[(0, 1.0), (1, 2.0), (2, 4.0)]).detect_reset(&before));
        assert!(h(&[(1, 1.0), (2, 9.0)]).detect_reset(&before));
        assert!(h(&[(2, 9.0)]).detect_reset(&before));
        assert!(!h(&[(2, 9.0)]).detect_reset(&h(&[(1, 0.0), (2, 3.0), (7, 0.0)])));
        assert!(h(&[]).detect_reset(&before));
    }

    #[test]
    fn the_hint_decides_where_it_says_something() {
        let before = h(&[(1, 2.0)]);
        let now = |hint, count| FloatHistogram { hint, ..h(&[(1, count)]) };
        assert!(now(CounterResetHint::Reset, 9.0).detect_reset(&before));
        assert!(!now(CounterResetHint::NotReset, 1.0).detect_reset(&before));
        assert!(now(CounterResetHint::Gauge, 1.0).detect_reset(&before));
    }

    #[test]
    fn only_a_restart_makes_a_layout_finer() {
        let before = h(&[(1, 2.0)]);
        assert!(FloatHistogram { schema: 1, ..h(&[(2, 9.0)]) }.detect_reset(&before));
        assert!(FloatHistogram { schema: 1, ..before.clone() }.detect_reset(&before));
        assert!(!h(&[(1, 3.0)]).detect_reset(&FloatHistogram { schema: 1, ..h(&[(1, 1.0), (2, 2.0)]) }));
        assert!(h(&[(1, 2.5)]).detect_reset(&FloatHistogram { schema: 1, ..h(&[(1, 1.0), (2, 2.0)]) }));
        assert!(FloatHistogram { zero_threshold: 0.001, ..before.clone() }.detect_reset(&before));
    }

    #[test]
    fn a_wider_zero_bucket_has_to_take_whole_buckets() {
        let before = h(&[(-2, 2.0), (1, 3.0)]);
        let wide = |zero_threshold, zero_count| FloatHistogram {
            zero_threshold,
            zero_count,
            count: zero_count + 3.0,
            ..h(&[(1, 3.0)])
        };
        assert!(!wide(0.25, 2.0).detect_reset(&before));
        assert!(wide(0.25, 1.0).detect_reset(&before));
        assert!(wide(0.2, 2.0).detect_reset(&before));
    }

    #[test]
    fn listed_bounds_are_compared_where_they_agree() {
        let before = custom(&[1.0, 2.0, 3.0], &[(0, 1.0), (1, 1.0), (2, 1.0), (3, 1.0)]);
        assert!(!custom(&[2.0, 3.0], &[(0, 2.0), (1, 1.0), (2, 1.0)]).detect_reset(&before));
        assert!(custom(&[2.0, 3.0], &[(0, 1.0), (1, 2.0), (2, 1.0)]).detect_reset(&before));
        assert!(!custom(&[1.5], &[(0, 0.0), (1, 4.0)]).detect_reset(&before));
        assert!(FloatHistogram { count: 99.0, ..h(&[]) }.detect_reset(&before));
        assert!(custom(&[1.0], &[(0, 99.0)]).detect_reset(&h(&[])));
    }

    proptest! {
        #[test]
        fn what_only_grows_was_not_reset(a in any_histogram(), b in any_histogram(), c in any_custom(), d in any_custom()) {
            for (before, growth) in [(a, b), (c, d)] {
                let mut now = before.clone();
                prop_assert!(now.add(&growth).is_ok());
                prop_assert!(!now.detect_reset(&before));
                now.compact();
                prop_assert!(!now.detect_reset(&before));
            }
        }
    }
}
