//! The change of histograms over an `anchored` or `smoothed` window.

use super::edges::Reach;
use super::histograms::{Resets, add, subtract};
use super::interpolate;
use super::remarks::{Marks, Remark};
use super::split::Histograms;
use narthex_storage::{CounterResetHint, FloatHistogram};
use std::sync::Arc;

/// One window.
pub(super) struct Window<'a> {
    pub(super) histograms: &'a Histograms<'a>,
    /// Times of the histograms, ms.
    pub(super) times: &'a [i64],
    /// Told by buckets and hints alone.
    pub(super) resets: &'a Resets,
    pub(super) reach: Reach,
    pub(super) smoothed: bool,
    pub(super) counter: bool,
}

impl Window<'_> {
    /// The change among the histograms that are looked at; `None` when they say nothing of the window, or the
    /// kinds of their buckets differ.
    pub(super) fn change(&self, seen: (usize, usize), marks: &mut Marks) -> Option<FloatHistogram> {
        let (first, last) = self.reach.edges(self.times, seen)?;
        self.check(first, last, marks)?;
        let left = self.left(first, marks)?;
        let right = self.right(last, marks)?;
        let gauge = |h: &FloatHistogram| h.hint == CounterResetHint::Gauge;
        if !self.counter && (!gauge(&left) || !gauge(&right)) {
            marks.add(Remark::NotGauge);
        }
        let mut change = FloatHistogram::clone(&right);
        subtract(&mut change, &left, marks)?;
        if self.counter {
            let mut correction = None;
            self.correct(first, last, &left, &right, &mut correction, marks)?;
            if let Some(correction) = correction {
                add(&mut change, &correction, marks)?;
            }
        }
        change.hint = CounterResetHint::Gauge;
        Some(change)
    }

    fn point(&self, at: usize) -> Option<(i64, &Arc<FloatHistogram>)> {
        Some((*self.times.get(at)?, &self.histograms.points.get(at)?.1))
    }

    /// Looks for buckets of another kind, and for gauges among counters.
    fn check(&self, first: usize, last: usize, marks: &mut Marks) -> Option<()> {
        let custom = self.point(first)?.1.uses_custom_buckets();
        for (_, histogram) in self.histograms.points.get(first..=last)? {
            if histogram.uses_custom_buckets() != custom {
                marks.add(Remark::MixedBuckets);
                return None;
            }
            if self.counter && histogram.hint == CounterResetHint::Gauge {
                marks.add(Remark::NotCounter);
            }
        }
        Some(())
    }

    /// Whether the start lies between the first histogram and the next.
    fn cuts_left(&self, first: usize) -> bool {
        self.smoothed && self.times.get(first).is_some_and(|time| *time < self.reach.start)
    }

    /// The histogram at the start: between two when they enclose it and the window is smoothed, else the one
    /// that stands for it.
    fn left(&self, first: usize, marks: &mut Marks) -> Option<Arc<FloatHistogram>> {
        let (time, here) = self.point(first)?;
        if !self.cuts_left(first) {
            return Some(here.clone());
        }
        let (time_after, after) = self.point(first + 1)?;
        self.between((time, here), (time_after, after), self.reach.start, marks)
    }

    /// The histogram at the end, likewise.
    fn right(&self, last: usize, marks: &mut Marks) -> Option<Arc<FloatHistogram>> {
        let (time, here) = self.point(last)?;
        match last.checked_sub(1) {
            Some(before) if self.smoothed && time > self.reach.end => {
                self.between(self.point(before)?, (time, here), self.reach.end, marks)
            }
            _ => Some(here.clone()),
        }
    }

    fn between(
        &self,
        before: (i64, &Arc<FloatHistogram>),
        after: (i64, &Arc<FloatHistogram>),
        bound: i64,
        marks: &mut Marks,
    ) -> Option<Arc<FloatHistogram>> {
        let (before, after) = ((before.0, &**before.1), (after.0, &**after.1));
        interpolate::histograms(before, after, bound, self.counter, marks).map(Arc::new)
    }

    /// Adds up what resets took from the counter.
    fn correct(
        &self,
        first: usize,
        last: usize,
        left: &FloatHistogram,
        right: &FloatHistogram,
        correction: &mut Option<FloatHistogram>,
        marks: &mut Marks,
    ) -> Option<()> {
        let (mut previous, mut from) = (left, first + 1);
        // A reset that the start cuts is within the histogram at the start already.
        if self.cuts_left(first) && self.resets.before(from) {
            previous = self.point(from)?.1;
            from += 1;
        }
        // Then both bounds lie within the same two histograms.
        if from > last {
            return Some(());
        }
        for at in from..last {
            let (_, histogram) = self.point(at)?;
            let reset =
                if at == first + 1 { histogram.detect_reset(previous) } else { self.resets.before(at) };
            if reset {
                accumulate(correction, previous, marks)?;
            }
            previous = histogram;
        }
        // The last histogram itself is not among these: the one at the end has its hint, and would be taken
        // for another reset.
        if right.detect_reset(previous) {
            accumulate(correction, previous, marks)?;
        }
        Some(())
    }
}

fn accumulate(sum: &mut Option<FloatHistogram>, other: &FloatHistogram, marks: &mut Marks) -> Option<()> {
    match sum {
        Some(sum) => add(sum, other, marks),
        None => {
            *sum = Some(other.clone());
            Some(())
        }
    }
}
