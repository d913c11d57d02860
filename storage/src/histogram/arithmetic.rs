//! Histograms times numbers, and histograms plus and minus histograms.
//!
//! Operands may differ: the coarser resolution, the wider zero bucket and the bounds that both have are what
//! the result has.

use super::bounds::{exponential_bound, same_bounds};
use super::{Buckets, CounterResetHint, FloatHistogram, custom};
use std::borrow::Cow;

/// One operand has exponential buckets and the other one listed bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("cannot apply this operation on histograms with a mix of exponential and custom bucket schemas")]
pub struct IncompatibleSchemas;

/// What had to be overlooked to combine two histograms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[must_use]
pub struct Combination {
    /// One hint says that the counter was reset, the other that it was not. The result's hint is unknown.
    pub hint_collision: bool,
    /// Listed bounds differ. The result has those that both have.
    pub bounds_reconciled: bool,
}

impl Combination {
    /// What either overlooked.
    pub fn merge(&mut self, other: Self) {
        self.hint_collision |= other.hint_collision;
        self.bounds_reconciled |= other.bounds_reconciled;
    }
}

/// Adds to a sum and to what rounding left out of it (Neumaier). An infinite sum has no error.
#[inline]
pub(super) fn compensated_add(value: f64, (sum, error): (f64, f64)) -> (f64, f64) {
    let total = sum + value;
    let error = if total.is_infinite() {
        0.0
    } else if sum.abs() >= value.abs() {
        error + ((sum - total) + value)
    } else {
        error + ((value - total) + sum)
    };
    (total, error)
}

impl CounterResetHint {
    /// The hint of a sum or difference, and whether the two contradict each other: a gauge makes all a gauge,
    /// the unknown makes everything else unknown.
    #[must_use]
    pub fn combine(self, other: Self) -> (Self, bool) {
        use CounterResetHint::{Gauge, Unknown};
        match (self, other) {
            (a, b) if a == b => (a, false),
            (Gauge, _) | (_, Gauge) => (Gauge, false),
            (Unknown, _) | (_, Unknown) => (Unknown, false),
            _ => (Unknown, true),
        }
    }
}

impl FloatHistogram {
    /// Multiplies every population and the sum. A negative factor makes a gauge.
    pub fn mul(&mut self, factor: f64) {
        self.scale(|value| value * factor);
        if factor < 0.0 {
            self.hint = CounterResetHint::Gauge;
        }
    }

    /// Divides every population and the sum. A negative divisor makes a gauge; division by zero leaves no
    /// buckets but the zero bucket.
    pub fn div(&mut self, divisor: f64) {
        if divisor == 0.0 {
            self.positive = Buckets::default();
            self.negative = Buckets::default();
        }
        self.scale(|value| value / divisor);
        if divisor < 0.0 {
            self.hint = CounterResetHint::Gauge;
        }
    }

    fn scale(&mut self, scale: impl Fn(f64) -> f64) {
        for value in [&mut self.zero_count, &mut self.count, &mut self.sum] {
            *value = scale(*value);
        }
        for count in self.positive.counts.iter_mut().chain(&mut self.negative.counts) {
            *count = scale(*count);
        }
    }

    /// Adds another histogram. Buckets that come out empty stay listed.
    ///
    /// # Errors
    /// Where one histogram has exponential buckets and the other listed bounds; nothing changes then.
    pub fn add(&mut self, other: &Self) -> Result<Combination, IncompatibleSchemas> {
        self.accumulate(other, |ours, theirs| ours + theirs)
    }

    /// Subtracts another histogram. The hint is that of a sum: who subtracts for the operator `-` makes the
    /// result a gauge.
    ///
    /// # Errors
    /// As for [`FloatHistogram::add`].
    pub fn sub(&mut self, other: &Self) -> Result<Combination, IncompatibleSchemas> {
        self.accumulate(other, |ours, theirs| ours - theirs)
    }

    fn accumulate(
        &mut self,
        other: &Self,
        combine: impl Fn(f64, f64) -> f64 + Copy,
    ) -> Result<Combination, IncompatibleSchemas> {
        let mut combination = self.combine_hints(other)?;
        let their_zero_count = match self.uses_custom_buckets() {
            true => 0.0,
            false => self.reconcile_zero_buckets(other, None).0,
        };
        self.zero_count = combine(self.zero_count, their_zero_count);
        self.count = combine(self.count, other.count);
        self.sum = combine(self.sum, other.sum);
        if self.uses_custom_buckets() {
            if same_bounds(&self.custom_values, &other.custom_values) {
                self.positive.accumulate(&other.positive, combine);
                return Ok(combination);
            }
            combination.bounds_reconciled = true;
            let bounds = custom::intersection(&self.custom_values, &other.custom_values);
            let mut counts = vec![0.0; bounds.len() + 1];
            custom::each_target(self, &bounds, |at, _, count| add_at(&mut counts, at, |sum| sum + count));
            custom::each_target(other, &bounds, |at, _, count| {
                add_at(&mut counts, at, |sum| combine(sum, count));
            });
            self.positive = custom::populated(&counts);
            self.custom_values = bounds;
            return Ok(combination);
        }
        self.reduce_resolution(other.schema);
        let steps = other.schema.abs_diff(self.schema);
        let (schema, threshold) = (self.schema, self.zero_threshold);
        for (ours, theirs) in [(&mut self.positive, &other.positive), (&mut self.negative, &other.negative)] {
            ours.accumulate(&operand(theirs, steps, schema, threshold), combine);
        }
        Ok(combination)
    }

    /// Takes over the common hint.
    pub(super) fn combine_hints(&mut self, other: &Self) -> Result<Combination, IncompatibleSchemas> {
        if self.uses_custom_buckets() != other.uses_custom_buckets() {
            return Err(IncompatibleSchemas);
        }
        let (hint, hint_collision) = self.hint.combine(other.hint);
        self.hint = hint;
        Ok(Combination { hint_collision, bounds_reconciled: false })
    }
}

fn add_at(counts: &mut [f64], at: usize, add: impl Fn(f64) -> f64) {
    if let Some(count) = counts.get_mut(at) {
        *count = add(*count);
    }
}

/// One side of the right operand at the left one's resolution, without what lies in its zero bucket.
fn operand(side: &Buckets, steps: u32, schema: i32, threshold: f64) -> Cow<'_, Buckets> {
    let covered = |side: &Buckets| {
        side.indices.iter().take_while(|index| exponential_bound(**index, schema) <= threshold).count()
    };
    if steps == 0 && covered(side) == 0 {
        return Cow::Borrowed(side);
    }
    let mut side = side.clone();
    side.coarsen(steps);
    let covered = covered(&side);
    side.indices.drain(..covered);
    side.counts.drain(..covered);
    Cow::Owned(side)
}

impl Buckets {
    /// Combines populations bucket by bucket; a bucket that is not listed has none.
    fn accumulate(&mut self, other: &Self, combine: impl Fn(f64, f64) -> f64) {
        self.list(&other.indices, None);
        let mut at = 0;
        for (index, theirs) in other.iter() {
            while self.indices.get(at).is_some_and(|ours| *ours < index) {
                at += 1;
            }
            if let Some(count) = self.counts.get_mut(at) {
                *count = combine(*count, theirs);
            }
        }
    }

    /// Lists the buckets of these ascending indices too, empty. A column beside the counts gets the same rows.
    pub(super) fn list(&mut self, wanted: &[i32], beside: Option<&mut Vec<f64>>) {
        let mut missing = wanted.len();
        let mut at = 0;
        for index in wanted {
            while self.indices.get(at).is_some_and(|ours| ours < index) {
                at += 1;
            }
            missing -= usize::from(self.indices.get(at) == Some(index));
        }
        if missing == 0 {
            return;
        }
        let length = self.len() + missing;
        let old = std::mem::take(self);
        self.indices.reserve(length);
        self.counts.reserve(length);
        // Where each row comes from; `None` for a new one.
        let mut rows: Vec<Option<usize>> = Vec::with_capacity(length);
        let mut wanted = wanted.iter().copied().peekable();
        for (row, (index, count)) in old.iter().enumerate() {
            while let Some(new) = wanted.next_if(|new| *new <= index) {
                if new < index {
                    self.push(new, 0.0);
                    rows.push(None);
                }
            }
            self.push(index, count);
            rows.push(Some(row));
        }
        for new in wanted {
            self.push(new, 0.0);
            rows.push(None);
        }
        if let Some(column) = beside {
            *column =
                rows.iter().map(|row| row.and_then(|row| column.get(row)).map_or(0.0, |v| *v)).collect();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{any_custom, any_histogram, buckets, custom, population};
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn buckets_that_only_one_has_are_inserted() {
        let mut a = buckets(&[(1, 1.0), (3, 2.0)]);
        a.accumulate(&buckets(&[(0, 5.0), (3, 1.0), (4, 7.0)]), |a, b| a + b);
        assert_eq!(a, buckets(&[(0, 5.0), (1, 1.0), (3, 3.0), (4, 7.0)]));
        a.accumulate(&buckets(&[(2, 1.0)]), |a, b| a - b);
        assert_eq!(a, buckets(&[(0, 5.0), (1, 1.0), (2, -1.0), (3, 3.0), (4, 7.0)]));
    }

    #[test]
    fn a_second_column_stays_beside_the_first() {
        let mut side = buckets(&[(1, 1.0), (3, 2.0)]);
        let mut beside = vec![0.1, 0.3];
        side.list(&[0, 1, 2, 9], Some(&mut beside));
        assert_eq!(side.indices, [0, 1, 2, 3, 9]);
        assert_eq!(beside, [0.0, 0.1, 0.0, 0.3, 0.0]);
    }

    #[test]
    fn the_coarser_schema_and_the_wider_zero_bucket_win() {
        let mut fine = FloatHistogram {
            schema: 1,
            zero_threshold: 0.0001,
            positive: buckets(&[(0, 1.0), (1, 2.0), (2, 4.0)]),
            ..FloatHistogram::default()
        };
        let coarse = FloatHistogram {
            schema: 0,
            zero_threshold: 0.5,
            zero_count: 8.0,
            positive: buckets(&[(-4, 0.0), (1, 16.0)]),
            ..FloatHistogram::default()
        };
        let mut other_way = coarse.clone();
        assert_eq!(fine.add(&coarse), Ok(Combination::default()));
        assert_eq!((fine.schema, fine.zero_threshold, fine.zero_count), (0, 0.5, 8.0));
        assert_eq!(fine.positive, buckets(&[(0, 1.0), (1, 22.0)]));
        let finer = FloatHistogram {
            schema: 1,
            positive: buckets(&[(1, 2.0), (2, 4.0)]),
            ..FloatHistogram::default()
        };
        assert!(other_way.sub(&finer).is_ok());
        other_way.compact();
        assert_eq!(other_way.positive, buckets(&[(1, 10.0)]));
    }

    #[test]
    fn only_bounds_that_both_have_remain() {
        let mut a = custom(&[1.0, 2.0, 5.0], &[(0, 1.0), (1, 2.0), (2, 4.0), (3, 8.0)]);
        let b = custom(&[2.0, 3.0, 5.0], &[(0, 16.0), (2, 32.0)]);
        assert_eq!(a.add(&b), Ok(Combination { hint_collision: false, bounds_reconciled: true }));
        assert_eq!(*a.custom_values, [2.0, 5.0]);
        assert_eq!(a.positive, buckets(&[(0, 19.0), (1, 36.0), (2, 8.0)]));

        let mut a = custom(&[1.0], &[(0, 1.0)]);
        let b = custom(&[2.0], &[(0, 1.0)]);
        assert!(a.sub(&b).unwrap().bounds_reconciled);
        assert!(a.custom_values.is_empty() && a.positive.is_empty());
    }

    #[test]
    fn exponential_and_listed_bounds_do_not_mix() {
        let mut a = custom(&[1.0], &[(0, 1.0)]);
        let before = a.clone();
        assert_eq!(a.add(&FloatHistogram::default()), Err(IncompatibleSchemas));
        assert_eq!(a, before);
    }

    #[test]
    fn division_by_zero_leaves_no_buckets() {
        let mut h = FloatHistogram {
            count: 1.0,
            zero_count: 0.0,
            positive: buckets(&[(0, 1.0)]),
            ..FloatHistogram::default()
        };
        h.div(0.0);
        assert!(h.count.is_infinite() && h.zero_count.is_nan() && h.positive.is_empty());
        let mut h = FloatHistogram { count: 1.0, ..FloatHistogram::default() };
        h.mul(-2.0);
        assert_eq!((h.count, h.hint), (-2.0, CounterResetHint::Gauge));
    }

    #[test]
    fn a_gauge_makes_all_a_gauge_and_opposites_collide() {
        use CounterResetHint::{Gauge, NotReset, Reset, Unknown};
        for (a, b, hint) in [
            (NotReset, NotReset, (NotReset, false)),
            (NotReset, Unknown, (Unknown, false)),
            (Reset, Gauge, (Gauge, false)),
            (Unknown, Gauge, (Gauge, false)),
            (Reset, NotReset, (Unknown, true)),
        ] {
            assert_eq!(a.combine(b), hint);
            assert_eq!(b.combine(a), hint);
        }
    }

    fn compacted(mut h: FloatHistogram) -> FloatHistogram {
        h.compact();
        h
    }

    proptest! {
        #[test]
        fn addition_commutes_and_keeps_every_observation(a in any_histogram(), b in any_histogram()) {
            let mut ab = a.clone();
            prop_assert!(ab.add(&b).is_ok());
            let mut ba = b.clone();
            prop_assert!(ba.add(&a).is_ok());
            prop_assert_eq!(population(&ab), population(&a) + population(&b));
            prop_assert_eq!(compacted(ab), compacted(ba));
        }

        #[test]
        fn listed_bounds_add_alike(a in any_custom(), b in any_custom()) {
            let mut ab = a.clone();
            prop_assert!(ab.add(&b).is_ok());
            let mut ba = b.clone();
            prop_assert!(ba.add(&a).is_ok());
            prop_assert_eq!(population(&ab), population(&a) + population(&b));
            prop_assert_eq!(compacted(ab), compacted(ba));
        }

        #[test]
        fn what_is_added_can_be_taken_away(a in any_histogram(), b in any_histogram()) {
            let mut sum = a.clone();
            prop_assert!(sum.add(&b).is_ok());
            prop_assert!(sum.sub(&b).is_ok());
            prop_assert_eq!(population(&sum), population(&a));
            prop_assert_eq!(sum.count, a.count);
        }
    }
}
