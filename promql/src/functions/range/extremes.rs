//! Greatest and least floats of sliding windows, by a queue in which each sample enters and leaves once.

use super::windows;
use crate::annotations::Annotations;
use crate::batch::ColumnMut;
use crate::engine::EngineError;
use crate::functions::input::RangeInput;

/// Shortens the kernels below.
type Outcome = Result<(), EngineError>;

pub(super) fn max(input: &RangeInput<'_>, out: &mut ColumnMut<'_>, notes: &mut Annotations) -> Outcome {
    values(input, out, notes, |new, old| new > old);
    Ok(())
}

pub(super) fn min(input: &RangeInput<'_>, out: &mut ColumnMut<'_>, notes: &mut Annotations) -> Outcome {
    values(input, out, notes, |new, old| new < old);
    Ok(())
}

pub(super) fn time_of_max(
    input: &RangeInput<'_>,
    out: &mut ColumnMut<'_>,
    notes: &mut Annotations,
) -> Outcome {
    times(input, out, notes, |new, old| new >= old);
    Ok(())
}

pub(super) fn time_of_min(
    input: &RangeInput<'_>,
    out: &mut ColumnMut<'_>,
    notes: &mut Annotations,
) -> Outcome {
    times(input, out, notes, |new, old| new <= old);
    Ok(())
}

fn values(
    input: &RangeInput<'_>,
    out: &mut ColumnMut<'_>,
    annotations: &mut Annotations,
    beats: impl Fn(f64, f64) -> bool,
) {
    let mut queue = Queue::default();
    windows::of_floats(input, annotations, |split, step| {
        let at = queue.best(&split.floats.values, split.floats.window(step), &beats);
        if let Some(value) = split.floats.values.get(at) {
            out.set(step, *value);
        }
    });
}

fn times(
    input: &RangeInput<'_>,
    out: &mut ColumnMut<'_>,
    annotations: &mut Annotations,
    beats: impl Fn(f64, f64) -> bool,
) {
    let mut queue = Queue::default();
    windows::of_floats(input, annotations, |split, step| {
        let at = queue.best(&split.floats.values, split.floats.window(step), &beats);
        if let Some(time) = split.floats.timestamps.get(at) {
            out.set(step, *time as f64 / 1000.0);
        }
    });
}

/// Positions of the samples that may still become the best: each is beaten by none after it. NaN is never
/// among them, because any number beats it.
#[derive(Debug, Default)]
struct Queue {
    positions: Vec<u32>,
    /// Those before it have left the window.
    head: usize,
    /// First sample that has not entered.
    next: usize,
    /// Start of the last window.
    from: usize,
}

impl Queue {
    /// The position of the best sample of a window that is not empty; the last one when all are NaN.
    #[inline]
    fn best(
        &mut self,
        values: &[f64],
        (from, to): (usize, usize),
        beats: &impl Fn(f64, f64) -> bool,
    ) -> usize {
        // Nothing of the last window is left, or the windows do not move forward.
        if from >= self.next || from < self.from || to < self.next {
            self.positions.clear();
            self.head = 0;
            self.next = from;
        }
        self.from = from;
        for (at, value) in values.iter().enumerate().take(to).skip(self.next) {
            if !value.is_nan() {
                self.enter(values, at, *value, beats);
            }
        }
        self.next = to;
        while self.positions.get(self.head).is_some_and(|at| (*at as usize) < from) {
            self.head += 1;
        }
        self.positions.get(self.head).map_or(to - 1, |at| *at as usize)
    }

    #[inline]
    fn enter(&mut self, values: &[f64], at: usize, value: f64, beats: &impl Fn(f64, f64) -> bool) {
        while let Some(last) = self.positions.get(self.head..).and_then(<[u32]>::last) {
            if !values.get(*last as usize).is_some_and(|last| beats(value, *last)) {
                break;
            }
            self.positions.pop();
        }
        if self.positions.len() == self.head {
            self.positions.clear();
            self.head = 0;
        }
        self.positions.push(at as u32);
    }
}
