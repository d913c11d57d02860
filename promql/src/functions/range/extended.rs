//! `rate`, `increase`, `delta` of `anchored` and `smoothed` windows: nothing is extrapolated, the series' own
//! samples tell its values at the bounds.

use super::drops::Drops;
use super::edges::Reach;
use super::extrapolate::seconds;
use super::histograms::Resets;
use super::rate::Change;
use super::remarks::{Marks, Remark, Remarks};
use super::split::{Floats, Split};
use super::{extended_histograms, interpolate};
use crate::batch::ColumnMut;
use crate::functions::input::RangeInput;
use crate::syntax::ast::Bounds;
use std::sync::Arc;

pub(super) fn change(
    change: Change,
    input: &RangeInput<'_>,
    out: &mut ColumnMut<'_>,
    remarks: &mut Remarks<'_>,
) {
    let split = Split::of(input);
    let times = split.histograms.times();
    let counter = change.counter;
    let drops = if counter { Drops::falling(&split.floats.values) } else { Drops::default() };
    let resets = if counter { Resets::of(&split.histograms) } else { Resets::default() };
    let per = if change.per_second { seconds(input.range_ms) } else { 1.0 };
    let smoothed = input.bounds == Bounds::Smoothed;
    for (step, end) in input.ends.iter().enumerate() {
        let reach = Reach::of(input, *end);
        match (reach.positions(&split.floats.timestamps), reach.positions(&times)) {
            (None, None) => {}
            (Some(_), Some(_)) => remarks.say(Remark::MixedKinds),
            (Some(seen), None) => {
                let window = Window { floats: &split.floats, drops: &drops, reach, smoothed, counter };
                if let Some(difference) = window.change(seen) {
                    out.set(step, if change.per_second { difference / per } else { difference });
                }
            }
            (None, Some(seen)) => {
                let (histograms, times, resets) = (&split.histograms, &times[..], &resets);
                let window =
                    extended_histograms::Window { histograms, times, resets, reach, smoothed, counter };
                let mut marks = Marks::default();
                let difference = window.change(seen, &mut marks);
                remarks.say(marks);
                if let Some(mut difference) = difference {
                    if change.per_second {
                        difference.div(per);
                    }
                    difference.compact();
                    out.set_histogram(step, Arc::new(difference));
                }
            }
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
    /// The change among the samples that are looked at.
    fn change(&self, seen: (usize, usize)) -> Option<f64> {
        let (first, last) = self.reach.edges(&self.floats.timestamps, seen)?;
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
            return Some(interpolate::floats(here, self.point(first + 1)?, self.reach.start, self.counter));
        }
        Some(here.1)
    }

    /// The value at the end, likewise.
    fn right(&self, last: usize) -> Option<f64> {
        let here = self.point(last)?;
        match last.checked_sub(1) {
            Some(before) if self.smoothed && here.0 > self.reach.end => {
                Some(interpolate::floats(self.point(before)?, here, self.reach.end, self.counter))
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
