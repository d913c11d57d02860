//! The floats and the histograms of a series, each with its own windows.
//!
//! Almost every series has only floats; then nothing is copied. Of a series that has both, each kind becomes
//! a series of its own, so that a kernel never asks a sample for its kind.

use crate::functions::input::RangeInput;
use crate::syntax::ast::Bounds;
use narthex_storage::{Columns, FloatHistogram};
use std::borrow::Cow;
use std::sync::Arc;

/// A series taken apart.
pub(super) struct Split<'a> {
    pub(super) floats: Floats<'a>,
    pub(super) histograms: Histograms<'a>,
}

/// What a window holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kinds {
    Nothing,
    Floats,
    Histograms,
    Both,
}

/// The floats: columns of equal length.
pub(super) struct Floats<'a> {
    pub(super) timestamps: Cow<'a, [i64]>,
    pub(super) values: Cow<'a, [f64]>,
    /// Empty where start timestamps do not count or there are none.
    pub(super) starts: Cow<'a, [i64]>,
    windows: Cow<'a, [(u32, u32)]>,
}

/// The histograms.
pub(super) struct Histograms<'a> {
    pub(super) points: &'a [Point],
    pub(super) samples: &'a Columns,
    use_starts: bool,
    /// Empty when there is no histogram.
    windows: Vec<(u32, u32)>,
}

/// Position among all samples, and the histogram.
pub(super) type Point = (u32, Arc<FloatHistogram>);

impl<'a> Split<'a> {
    pub(super) fn of(input: &RangeInput<'a>) -> Self {
        let samples = input.samples;
        let use_starts = input.use_starts && !input.subquery && input.bounds == Bounds::Plain;
        let starts: &[i64] = if use_starts { &samples.starts } else { &[] };
        let points = samples.histograms.as_slice();
        if points.is_empty() {
            return Self {
                floats: Floats {
                    timestamps: Cow::Borrowed(&samples.timestamps),
                    values: Cow::Borrowed(&samples.values),
                    starts: Cow::Borrowed(starts),
                    windows: Cow::Borrowed(input.windows),
                },
                histograms: Histograms { points, samples, use_starts, windows: Vec::new() },
            };
        }
        let before = |position: u32| points.partition_point(|(at, _)| *at < position) as u32;
        let among_histograms: Vec<_> =
            input.windows.iter().map(|(from, to)| (before(*from), before(*to))).collect();
        let among_floats = input.windows.iter().zip(&among_histograms);
        let among_floats =
            among_floats.map(|((from, to), (h_from, h_to))| (from - h_from, to - h_to)).collect();
        Self {
            floats: Floats {
                timestamps: Cow::Owned(without(&samples.timestamps, points)),
                values: Cow::Owned(without(&samples.values, points)),
                starts: Cow::Owned(without(starts, points)),
                windows: Cow::Owned(among_floats),
            },
            histograms: Histograms { points, samples, use_starts, windows: among_histograms },
        }
    }

    /// What the window of a step holds.
    #[inline]
    pub(super) fn kinds(&self, step: usize) -> Kinds {
        let (from, to) = self.floats.window(step);
        if self.histograms.points.is_empty() {
            return if to > from { Kinds::Floats } else { Kinds::Nothing };
        }
        match (to > from, !self.histograms.window(step).is_empty()) {
            (false, false) => Kinds::Nothing,
            (true, false) => Kinds::Floats,
            (false, true) => Kinds::Histograms,
            (true, true) => Kinds::Both,
        }
    }
}

/// The values of a column at the positions that are no histogram's.
fn without<T: Copy>(column: &[T], points: &[Point]) -> Vec<T> {
    let mut kept = Vec::with_capacity(column.len().saturating_sub(points.len()));
    let mut from = 0;
    for (at, _) in points {
        let at = *at as usize;
        kept.extend_from_slice(column.get(from..at).unwrap_or_default());
        from = at + 1;
    }
    kept.extend_from_slice(column.get(from..).unwrap_or_default());
    kept
}

impl Floats<'_> {
    /// The positions `from..to` of a step's window.
    #[inline]
    pub(super) fn window(&self, step: usize) -> (usize, usize) {
        let (from, to) = self.windows.get(step).copied().unwrap_or((0, 0));
        let to = (to as usize).min(self.values.len());
        ((from as usize).min(to), to)
    }

    /// Times and values of a step's window.
    #[inline]
    pub(super) fn slices(&self, step: usize) -> (&[i64], &[f64]) {
        let (from, to) = self.window(step);
        (self.timestamps.get(from..to).unwrap_or_default(), self.values.get(from..to).unwrap_or_default())
    }

    /// The start timestamp of a sample, 0 for none.
    #[inline]
    pub(super) fn start(&self, position: usize) -> i64 {
        self.starts.get(position).copied().unwrap_or(0)
    }
}

impl<'a> Histograms<'a> {
    /// The positions `from..to` of a step's window.
    #[inline]
    pub(super) fn positions(&self, step: usize) -> (usize, usize) {
        let (from, to) = self.windows.get(step).copied().unwrap_or((0, 0));
        (from as usize, to as usize)
    }

    /// The histograms of a step's window.
    #[inline]
    pub(super) fn window(&self, step: usize) -> &'a [Point] {
        let (from, to) = self.positions(step);
        self.points.get(from..to).unwrap_or_default()
    }

    /// When a histogram was sampled, ms.
    #[inline]
    pub(super) fn time(&self, point: &Point) -> i64 {
        self.samples.timestamps.get(point.0 as usize).copied().unwrap_or(0)
    }

    /// When all histograms were sampled, ms.
    pub(super) fn times(&self) -> Vec<i64> {
        self.points.iter().map(|point| self.time(point)).collect()
    }

    /// The start timestamp of a histogram, 0 where it has none or start timestamps do not count.
    #[inline]
    pub(super) fn start(&self, point: &Point) -> i64 {
        if self.use_starts { self.samples.start(point.0 as usize) } else { 0 }
    }
}
