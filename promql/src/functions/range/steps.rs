//! Changes from one sample to the next, counted in windows: `changes` and `resets`.

use super::edges::Reach;
use super::starts;
use crate::annotations::Annotations;
use crate::batch::ColumnMut;
use crate::engine::EngineError;
use crate::functions::input::RangeInput;
use crate::syntax::ast::Bounds;
use narthex_storage::FloatHistogram;
use std::sync::Arc;

pub(super) fn changes(
    input: &RangeInput<'_>,
    out: &mut ColumnMut<'_>,
    _: &mut Annotations,
) -> Result<(), EngineError> {
    let floats = |before: f64, after: f64| before != after && !(before.is_nan() && after.is_nan());
    let counts = running(input, |before, after| match (before.histogram, after.histogram) {
        (None, None) => floats(before.value, after.value),
        (Some(before), Some(after)) => !after.same(before),
        _ => true,
    });
    count(input, &counts, out);
    Ok(())
}

pub(super) fn resets(
    input: &RangeInput<'_>,
    out: &mut ColumnMut<'_>,
    _: &mut Annotations,
) -> Result<(), EngineError> {
    let by_start = |before: &Sample<'_>, after: &Sample<'_>| {
        starts::is_reset(before.start, before.time, after.start, after.time)
    };
    let counts = running(input, |before, after| match (before.histogram, after.histogram) {
        (None, None) => after.value < before.value || by_start(before, after),
        (Some(older), Some(newer)) => by_start(before, after) || newer.detect_reset(older),
        _ => true,
    });
    count(input, &counts, out);
    Ok(())
}

/// One sample of either kind.
struct Sample<'a> {
    time: i64,
    value: f64,
    histogram: Option<&'a Arc<FloatHistogram>>,
    /// 0 for none.
    start: i64,
}

/// For each sample how many pairs up to it differ; the first has none before it.
fn running(input: &RangeInput<'_>, differ: impl Fn(&Sample<'_>, &Sample<'_>) -> bool) -> Vec<u32> {
    let samples = input.samples;
    let use_starts = input.use_starts && !input.subquery;
    let mut histograms = samples.histograms.iter().peekable();
    let mut counts = Vec::with_capacity(samples.len());
    let mut previous: Option<Sample<'_>> = None;
    let mut count = 0;
    for (at, (&time, &value)) in samples.timestamps.iter().zip(&samples.values).enumerate() {
        let histogram =
            histograms.next_if(|(place, _)| *place as usize == at).map(|(_, histogram)| histogram);
        let start = if use_starts { samples.start(at) } else { 0 };
        let sample = Sample { time, value, histogram, start };
        if previous.as_ref().is_some_and(|previous| differ(previous, &sample)) {
            count += 1;
        }
        counts.push(count);
        previous = Some(sample);
    }
    counts
}

/// Puts down for each step how many pairs of its window differ. An anchored window has one sample more, the
/// last one at or before its start.
fn count(input: &RangeInput<'_>, counts: &[u32], out: &mut ColumnMut<'_>) {
    for (step, end) in input.ends.iter().enumerate() {
        let window = if input.bounds == Bounds::Plain {
            let (from, to) = input.windows.get(step).copied().unwrap_or((0, 0));
            (to > from).then(|| (from as usize, to as usize - 1))
        } else {
            let (reach, times) = (Reach::of(input, *end), &input.samples.timestamps);
            reach.positions(times).and_then(|seen| reach.edges(times, seen))
        };
        let Some((first, last)) = window else { continue };
        if let (Some(before), Some(all)) = (counts.get(first), counts.get(last)) {
            out.set(step, f64::from(all - before));
        }
    }
}
