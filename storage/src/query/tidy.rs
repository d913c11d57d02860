//! Brings the samples that several parts of a store gave into order.

use super::lost::Lost;
use super::{Columns, StorageError};
use crate::tombstones::Intervals;

/// Watches over the order of the parts that are appended to columns, each in order itself.
pub(crate) struct Joints<'a> {
    start: usize,
    end: usize,
    ordered: bool,
    /// Where damaged parts are noted, if the others are wanted without them.
    lost: Option<&'a Lost>,
}

impl<'a> Joints<'a> {
    /// Parts are appended from here on; damage is an error.
    pub(crate) fn new(out: &Columns) -> Self {
        Self { start: out.len(), end: out.len(), ordered: true, lost: None }
    }

    /// Parts are appended from here on, but for damaged ones.
    pub(crate) fn without_damaged(out: &Columns, lost: &'a Lost) -> Self {
        Self { lost: Some(lost), ..Self::new(out) }
    }

    /// The part that was being appended cannot be read: what there is of it is taken out again.
    ///
    /// # Errors
    /// The parts are wanted with all of them, or the error is no damage.
    pub(crate) fn leave_out(&self, out: &mut Columns, error: StorageError) -> Result<(), StorageError> {
        self.undo(out);
        match self.lost {
            Some(lost) => lost.leave_out(error),
            None => Err(error),
        }
    }

    /// Takes out what there is of a part that was being appended.
    pub(crate) fn undo(&self, out: &mut Columns) {
        out.cut_back(self.end);
    }

    /// A part was appended.
    #[inline]
    pub(crate) fn join(&mut self, out: &Columns) {
        if self.end > self.start {
            let (last, next) = (out.timestamps.get(self.end - 1), out.timestamps.get(self.end));
            self.ordered &= next.is_none() || last < next;
        }
        self.end = out.len();
    }

    /// Takes deleted samples out of the parts that were appended from position `start` on.
    pub(crate) fn mask(&mut self, out: &mut Columns, start: usize, deleted: &Intervals) {
        deleted.mask(out, start);
        self.end = out.len();
    }

    /// Brings the parts into strict time order, if they are not. Of two samples for one timestamp the one
    /// that was appended first, the older part's, stays.
    pub(crate) fn tidy(self, out: &mut Columns) {
        if !self.ordered {
            sort(out, self.start);
        }
    }
}

fn sort(out: &mut Columns, start: usize) {
    let tail = out.timestamps.get(start..).unwrap_or_default();
    let mut order: Vec<(i64, usize)> = tail.iter().enumerate().map(|(at, t)| (*t, start + at)).collect();
    order.sort_unstable();
    order.dedup_by_key(|(t, _)| *t);
    let all = out.clone();
    out.keep(start, 0..0);
    order.into_iter().for_each(|(_, at)| out.push_from(&all, at));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::histogram::FloatHistogram;
    use std::sync::Arc;

    #[test]
    fn parts_in_any_order_are_merged_with_all_their_columns() {
        let histogram = |count: f64| Arc::new(FloatHistogram { count, ..FloatHistogram::default() });
        let mut out = Columns::default();
        out.push(9, 9.0);
        let mut joints = Joints::new(&out);
        for (t, start) in [(5, 1), (7, 0)] {
            out.push_histogram(t, histogram(t as f64), start);
        }
        joints.join(&out);
        for (t, value) in [(4, 4.0), (5, 50.0), (6, 6.0)] {
            out.push(t, value);
        }
        joints.join(&out);
        joints.tidy(&mut out);
        assert_eq!(out.timestamps, [9, 4, 5, 6, 7]);
        assert_eq!(out.starts, [0, 0, 1, 0, 0]);
        assert_eq!(out.histograms, [(2, histogram(5.0)), (4, histogram(7.0))]);
        assert_eq!((out.values[0], out.values[1], out.values[3]), (9.0, 4.0, 6.0));
    }

    #[test]
    fn parts_in_order_are_left_alone() {
        let mut out = Columns::default();
        let mut joints = Joints::new(&out);
        for parts in [0..3, 3..3, 3..6] {
            parts.for_each(|t| out.push(t, 0.0));
            joints.join(&out);
        }
        assert!(joints.ordered);
        joints.tidy(&mut out);
        assert_eq!(out.timestamps, [0, 1, 2, 3, 4, 5]);
    }
}
