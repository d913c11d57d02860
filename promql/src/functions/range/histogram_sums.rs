//! Sums and means of the histograms in a window.

use super::remarks::{Marks, Remark};
use super::split::Point;
use narthex_storage::histogram::{Combination, HistogramMean, HistogramSum, IncompatibleSchemas};
use narthex_storage::{CounterResetHint, FloatHistogram};

/// The compensated sum; `None` where the kinds of buckets differ.
pub(super) fn sum(window: &[Point], marks: &mut Marks) -> Option<FloatHistogram> {
    let ((_, first), rest) = window.split_first()?;
    let mut sum = HistogramSum::new(FloatHistogram::clone(first));
    take_in(window, rest, |histogram| sum.add(histogram), marks)?;
    Some(sum.finish())
}

/// The mean; `None` where the kinds of buckets differ.
pub(super) fn mean(window: &[Point], marks: &mut Marks) -> Option<FloatHistogram> {
    let ((_, first), rest) = window.split_first()?;
    let mut mean = HistogramMean::new(FloatHistogram::clone(first));
    take_in(window, rest, |histogram| mean.add(histogram), marks)?;
    Some(mean.finish())
}

/// Adds all but the first, and remarks on how well they went together.
fn take_in(
    window: &[Point],
    rest: &[Point],
    mut add: impl FnMut(&FloatHistogram) -> Result<Combination, IncompatibleSchemas>,
    marks: &mut Marks,
) -> Option<()> {
    for (_, histogram) in rest {
        match add(histogram) {
            Ok(combination) if combination.bounds_reconciled => {
                marks.add(Remark::BoundsReconciledAggregating);
            }
            Ok(_) => {}
            Err(_) => {
                *marks = Remark::MixedBuckets.into();
                return None;
            }
        }
    }
    let hinted = |hint| window.iter().any(|(_, histogram)| histogram.hint == hint);
    if hinted(CounterResetHint::Reset) && hinted(CounterResetHint::NotReset) {
        marks.add(Remark::ResetsCollide);
    }
    Some(())
}
