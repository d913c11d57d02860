//! `rate`, `increase`, `delta` of `anchored` and `smoothed` windows: nothing is extrapolated, the series' own
//! samples tell its values at the bounds.

use super::drops::Drops;
use super::edges::Reach;
use super::extrapolate::seconds;
use super::rate::Change;
use super::remarks::{Remark, Remarks};
use super::split::{Floats, Split};
use crate::batch::ColumnMut;
use crate::functions::input::RangeInput;
use crate::syntax::ast::Bounds;

pub(super) fn change(
    change: Change,
    input: &RangeInput<'_>,
    out: &mut ColumnMut<'_>,
    remarks: &mut Remarks<'_>,
) {
    let split = Split::of(input);
    let histogram_times: Vec<i64> =
        split.histograms.points.iter().map(|point| split.histograms.time(point)).collect();
    let drops = if change.counter { Drops::falling(&split.floats.values) } else { Drops::default() };
    let range_seconds = seconds(input.range_ms);
    let smoothed = input.bounds == Bounds::Smoothed;
    for (step, end) in input.ends.iter().enumerate() {
        let reach = Reach::of(input, *end);
        let (from, to) = reach.positions(&split.floats.timestamps);
        let (histograms_from, histograms_to) = reach.positions(&histogram_times);
        if histograms_from == histograms_to {
            let floats =
                Window { floats: &split.floats, drops: &drops, reach, smoothed, counter: change.counter };
            if let Some(difference) = floats.change() {
                out.set(step, if change.per_second { difference / range_seconds } else { difference });
            }
        } else if from != to {
            remarks.say(Remark::MixedKinds);
        }
    }
}

/// One window of floats.
struct Window<'a> {
    floats: &'a Floats<'a>,
    drops: &'a Drops,
    reach: Reach,
    smoothed: bool,
    counter: bool,
}

impl Window<'_> {
    fn change(&self) -> Option<f64> {
        let (first, last) = self.reach.edges(&self.floats.timestamps)?;
        let (left, right) = (self.left(first)?, self.right(last)?);
        let difference = right - left;
        if self.counter {
            Some(difference + self.corrections(first, last, left, right)?)
        } else {
            Some(difference)
        }
    }

    /// The value at the start: between two samples when they enclose it and the window is smoothed, else that
    /// of the sample that stands for it.
    fn left(&self, first: usize) -> Option<f64> {
        let here = self.point(first)?;
        if self.smoothed && here.0 < self.reach.start {
            return Some(interpolate(here, self.point(first + 1)?, self.reach.start, self.counter));
        }
        Some(here.1)
    }

    /// The value at the end, likewise.
    fn right(&self, last: usize) -> Option<f64> {
        let here = self.point(last)?;
        match last.checked_sub(1) {
            Some(before) if self.smoothed && here.0 > self.reach.end => {
                Some(interpolate(self.point(before)?, here, self.reach.end, self.counter))
            }
            _ => Some(here.1),
        }
    }

    fn point(&self, at: usize) -> Option<(i64, f64)> {
        Some((*self.floats.timestamps.get(at)?, *self.floats.values.get(at)?))
    }

    /// What resets took from the counter. The values at the bounds have taken those into account that lie
    /// across a bound, so only the samples strictly between them are looked at.
    fn corrections(&self, first: usize, last: usize, left: f64, right: f64) -> Option<f64> {
        let from = if self.point(first)?.0 <= self.reach.start { first + 1 } else { first };
        let to = if self.point(last)?.0 >= self.reach.end { last } else { last + 1 };
        let mut correction = 0.0;
        let mut previous = left;
        if let (true, Some(inner), Some(newest)) =
            (from < to, self.floats.values.get(from), self.floats.values.get(to.wrapping_sub(1)))
        {
            if *inner < left {
                correction += left;
            }
            self.drops.within(from, to).for_each(|before| correction += before);
            previous = *newest;
        }
        if right < previous {
            correction += previous;
        }
        Some(correction)
    }
}

/// The value on the line between two samples. A counter that fell between them is taken to have started from
/// zero right after the first.
pub(super) fn interpolate(before: (i64, f64), after: (i64, f64), time: i64, counter: bool) -> f64 {
    let from = if counter && after.1 < before.1 { 0.0 } else { before.1 };
    from + (after.1 - from) * (time - before.0) as f64 / (after.0 - before.0) as f64
}
