//! A `smoothed` instant selector: at each step the value between the samples around it.

use super::interpolate;
use super::remarks::{Marks, Remark, Remarks};
use super::split::Split;
use crate::annotations::Annotations;
use crate::batch::ColumnMut;
use crate::engine::EngineError;
use crate::functions::input::RangeInput;
use narthex_storage::CounterResetHint;
use std::sync::Arc;

/// Evaluates all steps of one series: the value between the last sample at or before a step and the first one
/// after it, each within the lookback; without a later one the last; without an earlier one nothing. Of the
/// input only the series, the ends, the lookback and the place count; the samples must reach one lookback to
/// both sides.
pub(crate) fn smoothed_selector(
    input: &RangeInput<'_>,
    out: &mut ColumnMut<'_>,
    annotations: &mut Annotations,
) -> Result<(), EngineError> {
    let split = Split::of(input);
    let times = split.histograms.times();
    let mut remarks = Remarks::new(input, annotations);
    for (step, now) in input.ends.iter().enumerate() {
        let around = Around { now: *now, lookback_ms: input.lookback_ms };
        let floats = around.samples(&split.floats.timestamps);
        let histograms = around.samples(&times);
        match (floats, histograms) {
            (Some(_), Some(_)) => remarks.say(Remark::MixedKinds),
            (Some(pair), None) => {
                if let Some(value) = float_at(&split, pair, *now) {
                    out.set(step, value);
                }
            }
            (None, Some(pair)) => histogram_at(&split, &times, pair, (step, *now), out, &mut remarks),
            (None, None) => {}
        }
    }
    Ok(())
}

/// The surroundings of a step, ms.
struct Around {
    now: i64,
    lookback_ms: i64,
}

impl Around {
    /// The positions of the samples at or before and after; `None` when there is neither.
    fn samples(&self, times: &[i64]) -> Option<(Option<usize>, Option<usize>)> {
        let after = times.partition_point(|time| *time <= self.now);
        let before = after.checked_sub(1).filter(|at| {
            times.get(*at).is_some_and(|time| *time > self.now.saturating_sub(self.lookback_ms))
        });
        let after = times
            .get(after)
            .is_some_and(|time| *time <= self.now.saturating_add(self.lookback_ms))
            .then_some(after);
        (before.is_some() || after.is_some()).then_some((before, after))
    }
}

fn float_at(split: &Split<'_>, (before, after): (Option<usize>, Option<usize>), now: i64) -> Option<f64> {
    let at = |position: usize| {
        Some((*split.floats.timestamps.get(position)?, *split.floats.values.get(position)?))
    };
    let before = at(before?)?;
    match after {
        Some(after) if before.0 != now => Some(interpolate::floats(before, at(after)?, now, false)),
        _ => Some(before.1),
    }
}

fn histogram_at(
    split: &Split<'_>,
    times: &[i64],
    (before, after): (Option<usize>, Option<usize>),
    (step, now): (usize, i64),
    out: &mut ColumnMut<'_>,
    remarks: &mut Remarks<'_>,
) {
    let at = |position: Option<usize>| {
        let position = position?;
        Some((*times.get(position)?, &split.histograms.points.get(position)?.1))
    };
    let (Some((time_before, before)), after) = (at(before), at(after)) else { return };
    let Some((time_after, after)) = after.filter(|_| time_before != now) else {
        return out.set_histogram(step, before.clone());
    };
    if before.uses_custom_buckets() != after.uses_custom_buckets() {
        return remarks.say(Remark::MixedBuckets);
    }
    let counter = [before, after].iter().any(|h| h.hint != CounterResetHint::Gauge);
    let mut marks = Marks::default();
    let between =
        interpolate::histograms((time_before, before), (time_after, after), now, counter, &mut marks);
    remarks.say(marks);
    if let Some(between) = between {
        out.set_histogram(step, Arc::new(between));
    }
}
