//! `rate` and its kin over nothing but floats, the everyday case.
//!
//! Scrapes are regular: from step to step the samples lie in their windows in the same way, and the divisions
//! that follow from how they lie need not be made again.

use super::drops::Drops;
use super::extrapolate::Lie;
use super::rate::Change;
use crate::batch::ColumnMut;
use crate::functions::input::RangeInput;

/// How the samples of a window lie in it: all that the stretching depends on besides the values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Shape {
    /// From the window's start to the first sample, ms.
    before: i64,
    /// From the last sample to the window's end, ms.
    after: i64,
    /// From the first sample to the last, ms.
    sampled: i64,
    count: u32,
}

/// What follows from a shape.
#[derive(Debug, Clone, Copy)]
struct Stretch {
    /// By what the change is multiplied; `None` when there is nothing to measure a change from.
    factor: Option<f64>,
    /// The stretch to the left as a share of the sampled time. A counter whose first value is a greater share
    /// of the change was surely above zero all the way.
    left: f64,
}

/// What rounding may cost in comparing shares; far more than it does.
const DOUBT: f64 = 1.0 + 1e-9;

/// Evaluates all steps of a series without histograms and start timestamps.
pub(super) fn evaluate(
    change: Change,
    input: &RangeInput<'_>,
    drops: &Drops,
    per: Option<f64>,
    out: &mut ColumnMut<'_>,
) {
    let (times, values) = (&*input.samples.timestamps, &*input.samples.values);
    let scaled = |factor: f64| per.map_or(factor, |seconds| factor / seconds);
    let mut known: Option<(Shape, Stretch)> = None;
    for (step, ((from, to), end)) in input.windows.iter().zip(input.ends).enumerate() {
        let (from, to) = (*from as usize, *to as usize);
        let Some(last_at) = to.checked_sub(1).filter(|last| *last >= from) else { continue };
        let (Some(&first_time), Some(&last_time)) = (times.get(from), times.get(last_at)) else { continue };
        let (Some(&first), Some(&last)) = (values.get(from), values.get(last_at)) else { continue };
        let start = end.saturating_sub(input.range_ms);
        let shape = Shape {
            before: first_time - start,
            after: end - last_time,
            sampled: last_time - first_time,
            count: (to - from) as u32,
        };
        let lie =
            Lie { window: (start, *end), first: first_time, last: last_time, count: to - from, zero: None };
        let stretch = match known {
            Some((same, stretch)) if same == shape => stretch,
            _ => {
                let stretch = Stretch { factor: lie.factor(None).map(scaled), left: lie.left_share() };
                known = Some((shape, stretch));
                stretch
            }
        };
        let Some(mut factor) = stretch.factor else { continue };
        let mut difference = last - first;
        if change.counter {
            drops.within(from, to).for_each(|before| difference += before);
            let near_zero = difference > 0.0 && first >= 0.0 && first <= difference * stretch.left * DOUBT;
            if near_zero {
                let Some(bounded) = lie.factor(Some(first / difference)) else { continue };
                factor = scaled(bounded);
            }
        }
        out.set(step, difference * factor);
    }
}
