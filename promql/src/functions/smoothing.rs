//! `smoothed` and `anchored` outside of functions: interpolated instant selectors, and range vectors that are
//! extended to their bounds.

use crate::engine::EngineError;
use crate::syntax::ast::Bounds;
use narthex_storage::Columns;

pub(crate) use super::range::smoothed_selector as instant;

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
