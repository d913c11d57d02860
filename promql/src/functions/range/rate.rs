//! `rate`, `increase`, `delta`: the change over a window, stretched to its edges.

use super::drops::Drops;
use super::extrapolate::{Lie, seconds};
use super::histograms::{self, Resets};
use super::remarks::{Marks, Remark, Remarks};
use super::split::{Histograms, Kinds, Split};
use super::{counter_name, extended, plain, starts};
use crate::annotations::Annotations;
use crate::batch::ColumnMut;
use crate::engine::EngineError;
use crate::functions::input::RangeInput;
use crate::syntax::ast::Bounds;
use narthex_storage::FloatHistogram;
use std::sync::Arc;

/// What makes the three functions differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Change {
    /// Resets are made up for.
    pub(super) counter: bool,
    /// Per second rather than over the whole window.
    pub(super) per_second: bool,
}

pub(super) fn rate(
    input: &RangeInput<'_>,
    out: &mut ColumnMut<'_>,
    annotations: &mut Annotations,
) -> Result<(), EngineError> {
    evaluate(Change { counter: true, per_second: true }, input, out, annotations);
    Ok(())
}

pub(super) fn increase(
    input: &RangeInput<'_>,
    out: &mut ColumnMut<'_>,
    annotations: &mut Annotations,
) -> Result<(), EngineError> {
    evaluate(Change { counter: true, per_second: false }, input, out, annotations);
    Ok(())
}

pub(super) fn delta(
    input: &RangeInput<'_>,
    out: &mut ColumnMut<'_>,
    annotations: &mut Annotations,
) -> Result<(), EngineError> {
    evaluate(Change { counter: false, per_second: false }, input, out, annotations);
    Ok(())
}

fn evaluate(change: Change, input: &RangeInput<'_>, out: &mut ColumnMut<'_>, annotations: &mut Annotations) {
    let mut remarks = Remarks::new(input, annotations);
    if input.bounds == Bounds::Plain {
        extrapolated(change, input, out, &mut remarks);
    } else {
        extended::change(change, input, out, &mut remarks);
    }
    if change.counter {
        counter_name::doubt(input, out, annotations);
    }
}

fn extrapolated(change: Change, input: &RangeInput<'_>, out: &mut ColumnMut<'_>, remarks: &mut Remarks<'_>) {
    let split = Split::of(input);
    let drops = if change.counter { Drops::of(&split.floats) } else { Drops::default() };
    let resets = if change.counter { Resets::of(&split.histograms) } else { Resets::default() };
    let per = change.per_second.then(|| seconds(input.range_ms));
    if split.histograms.points.is_empty() && split.floats.starts.is_empty() {
        plain::evaluate(change, input, &drops, per, out);
        return;
    }
    for (step, end) in input.ends.iter().enumerate() {
        let window = (end.saturating_sub(input.range_ms), *end);
        match split.kinds(step) {
            Kinds::Nothing => {}
            Kinds::Both => remarks.say(Remark::MixedKinds),
            Kinds::Floats => {
                if let Some(value) = of_floats(change, &split, &drops, step, window, per, remarks) {
                    out.set(step, value);
                }
            }
            Kinds::Histograms => {
                let points = split.histograms.positions(step);
                let mut marks = Marks::default();
                let rate = of_histograms(change, &split.histograms, &resets, points, window, per, &mut marks);
                remarks.say(marks);
                if resets.overlap_within(points.0, points.1) && !marks.has(Remark::MixedBuckets) {
                    remarks.overlap();
                }
                if let Some(rate) = rate {
                    out.set_histogram(step, Arc::new(rate));
                }
            }
        }
    }
}

/// One window (ms) of floats.
#[inline]
fn of_floats(
    change: Change,
    split: &Split<'_>,
    drops: &Drops,
    step: usize,
    window: (i64, i64),
    per: Option<f64>,
    remarks: &mut Remarks<'_>,
) -> Option<f64> {
    let (from, to) = split.floats.window(step);
    let (times, values) = split.floats.slices(step);
    let (&first_time, &last_time) = (times.first()?, times.last()?);
    let (&first, &last) = (values.first()?, values.last()?);
    let mut difference = last - first;
    let mut zero = None;
    if change.counter {
        drops.within(from, to).for_each(|before| difference += before);
        if drops.overlap_within(from, to) {
            remarks.overlap();
        }
        zero = starts::zero_within(window.0, split.floats.start(from), first_time);
    }
    let lie = Lie { window, first: first_time, last: last_time, count: to - from, zero };
    let to_zero = (change.counter && difference > 0.0 && first >= 0.0).then(|| first / difference);
    let factor = lie.factor(to_zero)?;
    if zero.is_some() {
        difference += first;
    }
    Some(difference * per.map_or(factor, |seconds| factor / seconds))
}

/// One window (ms) of histograms at the positions `from..to`; `None` when there are too few or they do not go
/// together.
fn of_histograms(
    change: Change,
    histograms: &Histograms<'_>,
    resets: &Resets,
    (from, to): (usize, usize),
    window: (i64, i64),
    per: Option<f64>,
    marks: &mut Marks,
) -> Option<FloatHistogram> {
    let (first, last) = (histograms.points.get(from)?, histograms.points.get(to.checked_sub(1)?)?);
    let mut difference = None;
    if to - from > 1 {
        difference = Some(histograms::change(histograms, resets, (from, to), change.counter, marks)?);
    }
    let times = (histograms.time(first), histograms.time(last));
    let zero = starts::zero_within(window.0, histograms.start(first), times.0).filter(|_| change.counter);
    let lie = Lie { window, first: times.0, last: times.1, count: to - from, zero };
    let to_zero = difference
        .as_ref()
        .filter(|difference| change.counter && difference.count > 0.0 && first.1.count >= 0.0)
        .map(|difference| first.1.count / difference.count);
    let factor = lie.factor(to_zero)?;
    let mut difference = match (difference, zero) {
        (Some(mut difference), Some(_)) => {
            histograms::add(&mut difference, &first.1, marks)?;
            difference
        }
        (Some(difference), None) => difference,
        (None, _) => FloatHistogram::clone(&first.1),
    };
    difference.mul(per.map_or(factor, |seconds| factor / seconds));
    Some(difference)
}
