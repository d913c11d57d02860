//! Sums and means of histograms that do not lose small terms.

use super::arithmetic::{Combination, IncompatibleSchemas, compensated_add};
use super::bounds::{exponential_bound, same_bounds};
use super::compact::coarser_index;
use super::{Buckets, FloatHistogram, custom};

/// What rounding left out of each number of a histogram. The columns are as long as the histogram's.
#[derive(Debug, Clone, Default)]
pub(super) struct Compensation {
    pub(super) zero_count: f64,
    pub(super) count: f64,
    pub(super) sum: f64,
    pub(super) positive: Vec<f64>,
    pub(super) negative: Vec<f64>,
}

impl Compensation {
    fn of(h: &FloatHistogram) -> Self {
        Self {
            positive: vec![0.0; h.positive.len()],
            negative: vec![0.0; h.negative.len()],
            ..Self::default()
        }
    }

    fn scale(&mut self, scale: impl Fn(f64) -> f64) {
        for value in [&mut self.zero_count, &mut self.count, &mut self.sum] {
            *value = scale(*value);
        }
        self.positive.iter_mut().chain(&mut self.negative).for_each(|value| *value = scale(*value));
    }
}

/// A running sum of histograms with Neumaier's compensation in every number.
#[derive(Debug, Clone)]
pub struct HistogramSum {
    total: FloatHistogram,
    /// Absent until there is a second histogram.
    compensation: Option<Compensation>,
}

impl HistogramSum {
    /// The sum of one histogram.
    #[must_use]
    pub fn new(first: FloatHistogram) -> Self {
        Self { total: first, compensation: None }
    }

    /// Adds a histogram, as [`FloatHistogram::add`] does.
    ///
    /// # Errors
    /// As there; nothing changes then.
    pub fn add(&mut self, other: &FloatHistogram) -> Result<Combination, IncompatibleSchemas> {
        let h = &mut self.total;
        let mut combination = h.combine_hints(other)?;
        let c = self.compensation.get_or_insert_with(|| Compensation::of(h));
        if !h.uses_custom_buckets() {
            let (zero_count, error) = h.reconcile_zero_buckets(other, Some(c));
            add_to((&mut h.zero_count, &mut c.zero_count), zero_count);
            add_to((&mut h.zero_count, &mut c.zero_count), error);
        }
        add_to((&mut h.count, &mut c.count), other.count);
        add_to((&mut h.sum, &mut c.sum), other.sum);
        if h.uses_custom_buckets() {
            if same_bounds(&h.custom_values, &other.custom_values) {
                accumulate(&mut h.positive, &mut c.positive, other.positive.iter());
            } else {
                combination.bounds_reconciled = true;
                reconcile_bounds(h, c, other);
            }
            return Ok(combination);
        }
        if other.schema < h.schema {
            let steps = h.schema.abs_diff(other.schema);
            coarsen(&mut h.positive, &mut c.positive, steps);
            coarsen(&mut h.negative, &mut c.negative, steps);
            h.schema = other.schema;
        }
        let steps = other.schema.abs_diff(h.schema);
        let (schema, threshold) = (h.schema, h.zero_threshold);
        let sides = [
            (&mut h.positive, &mut c.positive, &other.positive),
            (&mut h.negative, &mut c.negative, &other.negative),
        ];
        for (ours, errors, theirs) in sides {
            let at_our_resolution = theirs.iter().map(|(index, count)| (coarser(index, steps), count));
            let covered = |row: &(i32, f64)| exponential_bound(row.0, schema) <= threshold;
            accumulate(ours, errors, at_our_resolution.skip_while(covered));
        }
        Ok(combination)
    }

    /// Multiplies the sum.
    pub fn mul(&mut self, factor: f64) {
        self.total.mul(factor);
        self.compensation.iter_mut().for_each(|c| c.scale(|value| value * factor));
    }

    /// Divides the sum by a number other than 0.
    pub fn div(&mut self, divisor: f64) {
        self.total.div(divisor);
        self.compensation.iter_mut().for_each(|c| c.scale(|value| value / divisor));
    }

    /// The sum as far as it is, without its compensation.
    #[must_use]
    pub fn uncompensated(&self) -> &FloatHistogram {
        &self.total
    }

    /// The compensated sum. Empty buckets may be listed.
    #[must_use]
    pub fn finish(self) -> FloatHistogram {
        let mut h = self.total;
        let Some(c) = self.compensation else { return h };
        h.zero_count += c.zero_count;
        h.count += c.count;
        h.sum += c.sum;
        for (side, errors) in [(&mut h.positive, c.positive), (&mut h.negative, c.negative)] {
            side.counts.iter_mut().zip(errors).for_each(|(count, error)| *count += error);
        }
        h
    }
}

#[inline]
fn coarser(index: i32, steps: u32) -> i32 {
    if steps == 0 { index } else { coarser_index(index, steps) }
}

#[inline]
fn add_to((sum, error): (&mut f64, &mut f64), value: f64) {
    (*sum, *error) = compensated_add(value, (*sum, *error));
}

/// Adds populations at indices that ascend or repeat.
fn accumulate(ours: &mut Buckets, errors: &mut Vec<f64>, theirs: impl Iterator<Item = (i32, f64)> + Clone) {
    let listed = ours.indices.as_slice();
    let mut at = 0;
    let mut known = |index: i32| {
        while listed.get(at).is_some_and(|ours| *ours < index) {
            at += 1;
        }
        listed.get(at) == Some(&index)
    };
    if !theirs.clone().all(|(index, _)| known(index)) {
        let mut wanted: Vec<i32> = theirs.clone().map(|(index, _)| index).collect();
        wanted.dedup();
        ours.list(&wanted, Some(errors));
    }
    let mut at = 0;
    for (index, count) in theirs {
        while ours.indices.get(at).is_some_and(|ours| *ours < index) {
            at += 1;
        }
        if let (Some(sum), Some(error)) = (ours.counts.get_mut(at), errors.get_mut(at)) {
            add_to((sum, error), count);
        }
    }
}

/// Merges buckets and their errors into those of a coarser schema.
fn coarsen(side: &mut Buckets, errors: &mut Vec<f64>, steps: u32) {
    let old = std::mem::take(side);
    for ((index, count), error) in old.iter().zip(std::mem::take(errors)) {
        let index = coarser_index(index, steps);
        if side.indices.last() != Some(&index) {
            side.push(index, count);
            errors.push(error);
        } else if let (Some(sum), Some(sum_error)) = (side.counts.last_mut(), errors.last_mut()) {
            add_to((sum, sum_error), count);
            add_to((sum, sum_error), error);
        }
    }
}

/// Adds a histogram with other bounds: the bounds that both have remain.
fn reconcile_bounds(h: &mut FloatHistogram, c: &mut Compensation, other: &FloatHistogram) {
    let bounds = custom::intersection(&h.custom_values, &other.custom_values);
    let mut sums = vec![(0.0, 0.0); bounds.len() + 1];
    let mut add = |at: usize, value: f64| {
        if let Some(sum) = sums.get_mut(at) {
            *sum = compensated_add(value, *sum);
        }
    };
    custom::each_target(h, &bounds, |at, row, count| {
        add(at, count);
        add(at, c.positive.get(row).copied().unwrap_or(0.0));
    });
    custom::each_target(other, &bounds, |at, _, count| add(at, count));
    h.positive = Buckets::default();
    c.positive.clear();
    for (index, (count, error)) in (0i32..).zip(sums) {
        if count != 0.0 || error != 0.0 {
            h.positive.push(index, count);
            c.positive.push(error);
        }
    }
    h.custom_values = bounds;
}

/// A running mean of histograms: a compensated sum to be divided, or, once the sum would overflow, a mean that
/// each histogram moves.
#[derive(Debug, Clone)]
pub struct HistogramMean {
    sum: HistogramSum,
    count: f64,
    /// Whether `sum` is a mean already.
    incremental: bool,
}

/// Above this no sum is made without a copy of what was there before.
const NEAR_OVERFLOW: f64 = f64::MAX / 1e15;

impl HistogramMean {
    /// The mean of one histogram.
    #[must_use]
    pub fn new(first: FloatHistogram) -> Self {
        Self { sum: HistogramSum::new(first), count: 1.0, incremental: false }
    }

    /// Takes in another histogram.
    ///
    /// # Errors
    /// Where one histogram has exponential buckets and the other listed bounds.
    pub fn add(&mut self, other: &FloatHistogram) -> Result<Combination, IncompatibleSchemas> {
        self.count += 1.0;
        if !self.incremental {
            let near = largest(&self.sum.total).max(largest(other)) > NEAR_OVERFLOW;
            let before = near.then(|| self.sum.clone());
            let combination = self.sum.add(other)?;
            match before.filter(|_| largest(&self.sum.total).is_infinite()) {
                None => return Ok(combination),
                Some(before) => self.sum = before,
            }
            self.sum.div(self.count - 1.0);
            self.incremental = true;
        }
        self.sum.mul((self.count - 1.0) / self.count);
        let mut share = other.clone();
        share.div(self.count);
        self.sum.add(&share)
    }

    /// The mean. Empty buckets may be listed.
    #[must_use]
    pub fn finish(mut self) -> FloatHistogram {
        if !self.incremental {
            self.sum.div(self.count);
        }
        self.sum.finish()
    }
}

/// The largest magnitude in a histogram; NaN does not count.
fn largest(h: &FloatHistogram) -> f64 {
    let counts = h.positive.counts.iter().chain(&h.negative.counts);
    [h.zero_count, h.count, h.sum]
        .iter()
        .chain(counts)
        .fold(0.0, |largest: f64, value| largest.max(value.abs()))
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{any_custom, any_histogram, buckets, custom};
    use super::*;
    use proptest::prelude::*;

    fn with(sum: f64, pairs: &[(i32, f64)]) -> FloatHistogram {
        FloatHistogram { sum, count: sum, positive: buckets(pairs), ..FloatHistogram::default() }
    }

    #[test]
    fn small_terms_survive_large_ones_in_every_number() {
        let mut sum = HistogramSum::new(with(1e100, &[(1, 1e100)]));
        for term in [with(1.0, &[(0, 7.0), (1, 1.0)]), with(-1e100, &[(1, -1e100)])] {
            assert!(sum.add(&term).is_ok());
        }
        let h = sum.finish();
        assert_eq!((h.sum, h.count), (1.0, 1.0));
        assert_eq!(h.positive, buckets(&[(0, 7.0), (1, 1.0)]));
    }

    #[test]
    fn small_terms_survive_other_bounds_and_resolutions() {
        let mut sum = HistogramSum::new(custom(&[1.0, 2.0], &[(0, 1e100), (1, 1.0)]));
        assert!(sum.add(&custom(&[2.0], &[(0, -1e100)])).unwrap().bounds_reconciled);
        assert_eq!(sum.finish().positive, buckets(&[(0, 1.0)]));

        let fine = FloatHistogram {
            schema: 1,
            positive: buckets(&[(1, 1.0), (2, 1e100)]),
            ..FloatHistogram::default()
        };
        let mut sum = HistogramSum::new(fine);
        assert!(sum.add(&with(0.0, &[(1, -1e100)])).is_ok());
        assert_eq!(sum.finish().positive, buckets(&[(1, 1.0)]));
    }

    #[test]
    fn a_mean_does_not_overflow() {
        let huge = with(1.5e308, &[(1, 1.5e308)]);
        let mut mean = HistogramMean::new(huge.clone());
        for _ in 0..3 {
            assert!(mean.add(&huge).is_ok());
        }
        let h = mean.finish();
        assert!((h.sum / 1.5e308 - 1.0).abs() < 1e-15);
        assert!((h.positive.counts[0] / 1.5e308 - 1.0).abs() < 1e-15);
    }

    #[test]
    fn the_mean_of_one_is_itself() {
        let h = with(3.0, &[(1, 2.0)]);
        assert_eq!(HistogramMean::new(h.clone()).finish(), h);
        assert_eq!(HistogramSum::new(h.clone()).finish(), h);
    }

    fn compacted(mut h: FloatHistogram) -> FloatHistogram {
        h.compact();
        h
    }

    proptest! {
        #[test]
        fn of_whole_numbers_the_sum_is_the_plain_one(terms in prop::collection::vec(any_histogram(), 1..5)) {
            let mut plain = terms[0].clone();
            let mut sum = HistogramSum::new(terms[0].clone());
            for term in &terms[1..] {
                prop_assert_eq!(plain.add(term), sum.add(term));
            }
            prop_assert_eq!(compacted(sum.finish()), compacted(plain));
        }

        #[test]
        fn listed_bounds_sum_likewise(terms in prop::collection::vec(any_custom(), 1..5)) {
            let mut plain = terms[0].clone();
            let mut sum = HistogramSum::new(terms[0].clone());
            for term in &terms[1..] {
                prop_assert_eq!(plain.add(term), sum.add(term));
            }
            prop_assert_eq!(compacted(sum.finish()), compacted(plain));
        }
    }
}
