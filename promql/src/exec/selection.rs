//! Finding the series of a selector.

use super::{Context, Meta, Scope, Steps};
use crate::budget::Charge;
use crate::engine::EngineError;
use crate::syntax::ast::{At, Bounds, TimeModifier, VectorSelector};
use narthex_storage::{SelectHints, Series};

/// What a selected series weighs beside its labels: the store's handle and ours.
const SERIES_BYTES: usize = 96;

/// The series of a selector, and the times that matter of them.
pub(crate) struct Selection {
    pub(crate) series: Vec<Box<dyn Series>>,
    /// Labels, in the order of the series.
    pub(crate) metas: Vec<Meta>,
    /// First and last millisecond to read, inclusive.
    pub(crate) reach: (i64, i64),
    /// How much beyond the last of them an interval may last whose sample is not yet to be seen, ms: 0 where all
    /// samples are raw.
    pub(crate) ahead_ms: i64,
    /// For each step the time at which the selector looks.
    pub(crate) ends: Vec<i64>,
    /// The handles and labels, for as long as they are held.
    pub(crate) charge: Charge,
}

/// For each step the time at which a selector or subquery looks: the step's, or what `@` says, less the offset.
pub(crate) fn ends(time: &TimeModifier, steps: Steps) -> Vec<i64> {
    (0..steps.count)
        .map(|i| fixed(time).unwrap_or_else(|| steps.time(i)).saturating_sub(time.offset_ms))
        .collect()
}

/// The time after `@`, ms.
fn fixed(time: &TimeModifier) -> Option<i64> {
    match time.at {
        Some(At::Timestamp(ms)) => Some(ms),
        // Resolved when the query is prepared.
        Some(At::Start | At::End) | None => None,
    }
}

impl Selection {
    /// Selects what `selector` sees with windows of `range_ms`; `None` is an instant selector, which sees the
    /// lookback, and so much more as samples stand for that are downsampled.
    pub(crate) fn of(
        cx: &Context<'_>,
        selector: &VectorSelector,
        range_ms: Option<i64>,
        function: &'static str,
        scope: Scope,
    ) -> Result<Self, EngineError> {
        let ends = ends(&selector.time, scope.steps);
        let first = ends.iter().copied().min().unwrap_or(0);
        let last = ends.iter().copied().max().unwrap_or(0);
        let (before, after) = match selector.bounds {
            Bounds::Plain => (0, 0),
            Bounds::Anchored => (cx.lookback_ms, 0),
            Bounds::Smoothed => (cx.lookback_ms, cx.lookback_ms),
        };
        // Windows are open at their start.
        let window_ms = range_ms.unwrap_or(cx.lookback_ms);
        let mut mint = first.saturating_sub(window_ms).saturating_sub(before).saturating_add(1);
        let maxt = last.saturating_add(after);
        let mut charge = cx.charge_bytes(0)?;
        if ends.is_empty() || mint > maxt {
            return Ok(Self {
                series: Vec::new(),
                metas: Vec::new(),
                reach: (mint, maxt),
                ahead_ms: 0,
                ends,
                charge,
            });
        }
        let mut querier = cx.store.querier(mint, maxt)?;
        let more_ms = if range_ms.is_none() { querier.resolution_ms(mint, maxt) } else { 0 };
        let beyond = maxt.saturating_add(more_ms);
        if more_ms > 0 {
            mint = mint.saturating_sub(more_ms);
            querier = cx.store.querier(mint, beyond)?;
        }
        let hints = SelectHints {
            mint,
            maxt: beyond,
            step: scope.steps.step,
            range: window_ms,
            function,
            unsorted: scope.unordered,
        };
        let series = cx.select(querier, &selector.matchers, &hints)?;
        let metas: Vec<Meta> = series.iter().map(|series| Meta::of(series.labels().clone())).collect();
        let labels: usize = metas.iter().map(|meta| meta.labels.encoded_len()).sum();
        charge.grow(0, (labels + metas.len() * SERIES_BYTES) as u64)?;
        Ok(Self { series, metas, reach: (mint, maxt), ahead_ms: more_ms, ends, charge })
    }
}
