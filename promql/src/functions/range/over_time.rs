//! What is known from the ends of a window alone: how many samples, which is first, which is last, and when.

use crate::annotations::Annotations;
use crate::batch::ColumnMut;
use crate::engine::EngineError;
use crate::functions::input::RangeInput;

/// Shortens the kernels below.
type Outcome = Result<(), EngineError>;

pub(super) fn count(input: &RangeInput<'_>, out: &mut ColumnMut<'_>, _: &mut Annotations) -> Outcome {
    let rows = &input.samples.rows;
    each(input, |step, first, last| match rows.is_empty() {
        true => out.set(step, (last - first + 1) as f64),
        // What is downsampled stands for more than one.
        false => out.set(step, (first..=last).map(|at| rows.count(at)).sum()),
    });
    Ok(())
}

pub(super) fn present(input: &RangeInput<'_>, out: &mut ColumnMut<'_>, _: &mut Annotations) -> Outcome {
    each(input, |step, _, _| out.set(step, 1.0));
    Ok(())
}

pub(super) fn first(input: &RangeInput<'_>, out: &mut ColumnMut<'_>, _: &mut Annotations) -> Outcome {
    each(input, |step, first, _| put(input, first, step, out));
    Ok(())
}

pub(super) fn last(input: &RangeInput<'_>, out: &mut ColumnMut<'_>, _: &mut Annotations) -> Outcome {
    each(input, |step, _, last| put(input, last, step, out));
    Ok(())
}

pub(super) fn time_of_first(input: &RangeInput<'_>, out: &mut ColumnMut<'_>, _: &mut Annotations) -> Outcome {
    each(input, |step, first, _| put_time(input, first, step, out));
    Ok(())
}

pub(super) fn time_of_last(input: &RangeInput<'_>, out: &mut ColumnMut<'_>, _: &mut Annotations) -> Outcome {
    each(input, |step, _, last| put_time(input, last, step, out));
    Ok(())
}

/// Calls `f` with each step that has samples, and the positions of the first and the last of them.
#[inline]
fn each(input: &RangeInput<'_>, mut f: impl FnMut(usize, usize, usize)) {
    for (step, (from, to)) in input.windows.iter().enumerate() {
        if to > from {
            f(step, *from as usize, *to as usize - 1);
        }
    }
}

/// The sample at a position becomes the value of a step.
#[inline]
fn put(input: &RangeInput<'_>, position: usize, step: usize, out: &mut ColumnMut<'_>) {
    if let Some(histogram) = input.samples.histogram(position) {
        out.set_histogram(step, histogram.clone());
    } else if let Some(value) = input.samples.values.get(position) {
        out.set(step, *value);
    }
}

#[inline]
fn put_time(input: &RangeInput<'_>, position: usize, step: usize, out: &mut ColumnMut<'_>) {
    if let Some(time) = input.samples.timestamps.get(position) {
        out.set(step, *time as f64 / 1000.0);
    }
}
