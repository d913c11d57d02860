//! `smoothed` and `anchored` outside of functions: interpolated instant selectors, and range vectors that are
//! extended to their bounds.

use super::input::RangeInput;
use crate::annotations::Annotations;
use crate::batch::ColumnMut;
use crate::engine::EngineError;
use crate::syntax::ast::Bounds;
use narthex_storage::labels::quote;
use narthex_storage::{Columns, FloatHistogram};
use std::sync::Arc;

/// At each step the value on the line between the samples around it, within one lookback on either side; the
/// last sample's where there is none after it.
pub(crate) fn instant(
    input: &RangeInput<'_>,
    out: &mut ColumnMut<'_>,
    notes: &mut Annotations,
) -> Result<(), EngineError> {
    let samples = input.samples;
    let times = &samples.timestamps;
    for (step, &at) in input.ends.iter().enumerate() {
        let next = times.partition_point(|t| *t < at);
        let after = times.get(next).copied().filter(|t| *t <= at.saturating_add(input.lookback_ms));
        if after == Some(at) {
            put(samples, next, step, out);
            continue;
        }
        let Some(previous) = next.checked_sub(1) else { continue };
        let Some(&before) = times.get(previous) else { continue };
        if before <= at.saturating_sub(input.lookback_ms) {
            continue;
        }
        let Some(after) = after else {
            put(samples, previous, step, out);
            continue;
        };
        let share = (at - before) as f64 / (after - before) as f64;
        match (samples.histogram(previous), samples.histogram(next)) {
            (None, None) => {
                if let (Some(a), Some(b)) = (samples.values.get(previous), samples.values.get(next)) {
                    out.set(step, a + (b - a) * share);
                }
            }
            (Some(a), Some(b)) => match between(a, b, share) {
                Some(histogram) => out.set_histogram(step, histogram),
                None => {
                    let name = quote(input.labels.metric_name());
                    notes.warn(
                        format!("vector contains a mix of histograms with exponential and custom buckets schemas for metric name {name}"),
                        input.span,
                    );
                }
            },
            _ => {
                let name = quote(input.labels.metric_name());
                let text = format!("encountered a mix of histograms and floats for metric name {name}");
                notes.warn(text, input.span);
            }
        }
    }
    Ok(())
}

fn put(samples: &Columns, at: usize, step: usize, out: &mut ColumnMut<'_>) {
    match (samples.histogram(at), samples.values.get(at)) {
        (Some(histogram), _) => out.set_histogram(step, histogram.clone()),
        (None, Some(value)) => out.set(step, *value),
        (None, None) => {}
    }
}

/// The histogram that lies between two; `None` when their buckets do not go together.
fn between(a: &FloatHistogram, b: &FloatHistogram, share: f64) -> Option<Arc<FloatHistogram>> {
    let mut difference = b.clone();
    // Whatever the hints say of resets, the line goes straight from one to the other.
    let _ = difference.sub(a).ok()?;
    difference.mul(share);
    let mut result = a.clone();
    let _ = result.add(&difference).ok()?;
    result.hint = a.hint;
    result.compact();
    Some(Arc::new(result))
}

/// The samples of a window with one at each bound: the last one before it (`anchored`), or what lies between
/// those around it (`smoothed`).
///
/// # Errors
/// The series has histograms.
pub(crate) fn extend(
    samples: &Columns,
    start: i64,
    end: i64,
    bounds: Bounds,
) -> Result<Columns, EngineError> {
    let smoothed = bounds == Bounds::Smoothed;
    if !samples.histograms.is_empty() {
        let name = if smoothed { "smoothed" } else { "anchored" };
        return Err(EngineError::Exec(format!("{name} modifier is not supported with histograms")));
    }
    let mut out = Columns::default();
    let times = &samples.timestamps;
    let Some(mut last) = times.len().checked_sub(1) else { return Ok(out) };
    let before_last = times.get(..last).unwrap_or_default();
    let first = before_last.partition_point(|t| *t <= start).saturating_sub(1);
    if smoothed {
        last = before_last.partition_point(|t| *t < end);
    }
    let sample = |at: usize| times.get(at).copied().zip(samples.values.get(at).copied());
    let (Some((first_time, first_value)), Some((last_time, last_value))) = (sample(first), sample(last))
    else {
        return Ok(out);
    };
    if last_time <= start {
        return Ok(out);
    }
    let line = |at: i64, a: Option<(i64, f64)>, b: Option<(i64, f64)>| match (a, b) {
        (Some((ta, a)), Some((tb, b))) if ta < at && at < tb => {
            Some(a + (b - a) * (at - ta) as f64 / (tb - ta) as f64)
        }
        _ => None,
    };
    let interpolated = |at: i64, left: usize, right: usize| {
        if smoothed { line(at, sample(left), sample(right)) } else { None }
    };
    let left = interpolated(start, first, first + 1).unwrap_or(first_value);
    let right = match last.checked_sub(1) {
        Some(before) => interpolated(end, before, last).unwrap_or(last_value),
        None => last_value,
    };
    out.push(start, left);
    for at in first..=last {
        if let Some((t, value)) = sample(at).filter(|(t, _)| *t > start && *t < end) {
            debug_assert!(t >= first_time);
            out.push(t, value);
        }
    }
    out.push(end, right);
    Ok(out)
}
