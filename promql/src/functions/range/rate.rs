//! `rate`, `increase`, `delta`: the change over a window, stretched to its edges.

use super::drops::Drops;
use super::extrapolate::{Lie, seconds};
use super::remarks::{Remark, Remarks};
use super::split::{Kinds, Split};
use super::{counter_name, extended, starts};
use crate::annotations::Annotations;
use crate::batch::ColumnMut;
use crate::engine::EngineError;
use crate::functions::input::RangeInput;
use crate::syntax::ast::Bounds;

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
    let range_seconds = seconds(input.range_ms);
    for (step, end) in input.ends.iter().enumerate() {
        match split.kinds(step) {
            Kinds::Nothing => continue,
            Kinds::Both => {
                remarks.say(Remark::MixedKinds);
                continue;
            }
            Kinds::Histograms => continue,
            Kinds::Floats => {}
        }
        let (from, to) = split.floats.window(step);
        let (timestamps, values) = split.floats.slices(step);
        let (&[first_time, ..], &[.., last_time], &[first, ..], &[.., last]) =
            (timestamps, timestamps, values, values)
        else {
            continue;
        };
        let mut difference = last - first;
        let mut zero = None;
        let start = end - input.range_ms;
        if change.counter {
            drops.within(from, to).for_each(|before| difference += before);
            if drops.overlap_within(from, to) {
                remarks.overlap();
            }
            zero = starts::zero_within(start, split.floats.start(from), first_time);
        }
        let lie = Lie { window: (start, *end), first: first_time, last: last_time, count: to - from, zero };
        let to_zero = (change.counter && difference > 0.0 && first >= 0.0).then(|| first / difference);
        let Some(mut factor) = lie.factor(to_zero) else { continue };
        if zero.is_some() {
            difference += first;
        }
        if change.per_second {
            factor /= range_seconds;
        }
        out.set(step, difference * factor);
    }
}
