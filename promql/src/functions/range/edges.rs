//! Where the windows of `anchored` and `smoothed` begin and end: they reach beyond the plain window by one
//! lookback, so as to know the series' value at its bounds.

use crate::functions::input::RangeInput;
use crate::syntax::ast::Bounds;

/// The bounds of one step's window, ms.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reach {
    /// Exclusive start of the window.
    pub(super) start: i64,
    /// Inclusive end of the window.
    pub(super) end: i64,
    /// Exclusive start of what is looked at.
    since: i64,
    /// Inclusive end of what is looked at.
    until: i64,
    smoothed: bool,
}

impl Reach {
    pub(super) fn of(input: &RangeInput<'_>, end: i64) -> Self {
        let start = end.saturating_sub(input.range_ms);
        let smoothed = input.bounds == Bounds::Smoothed;
        let ahead = if smoothed { input.lookback_ms } else { 0 };
        Self {
            start,
            end,
            since: start.saturating_sub(input.lookback_ms),
            until: end.saturating_add(ahead),
            smoothed,
        }
    }

    /// The positions `from..to` of the samples looked at; `None` when there is none.
    pub(super) fn positions(&self, times: &[i64]) -> Option<(usize, usize)> {
        let from = times.partition_point(|t| *t <= self.since);
        let to = from + times.get(from..)?.partition_point(|t| *t <= self.until);
        (to > from).then_some((from, to))
    }

    /// The positions of the samples that stand for the start and for the end (inclusive), among those looked
    /// at; `None` when these say nothing of the window. The first is the last one at or before the start, or
    /// the first one after it. The last is the last one within the window; for `smoothed` the first one from
    /// its end on.
    pub(super) fn edges(&self, times: &[i64], (from, to): (usize, usize)) -> Option<(usize, usize)> {
        let mut last = to.checked_sub(1)?;
        let all_but_last = times.get(from..last)?;
        let first = from + all_but_last.partition_point(|t| *t <= self.start).saturating_sub(1);
        if self.smoothed {
            last = from + all_but_last.partition_point(|t| *t < self.end);
        }
        let says_something =
            *times.get(last)? > self.start && (!self.smoothed || *times.get(first)? <= self.end);
        says_something.then_some((first, last))
    }
}
