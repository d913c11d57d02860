//! Closed intervals of time that do not touch.

use crate::histogram::CounterResetHint;
use crate::query::Columns;
use std::ops::Range;
use std::sync::Arc;

/// Intervals `[min, max]`, ms, ascending, with at least a millisecond between two of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Intervals(Vec<(i64, i64)>);

impl Intervals {
    /// Adds an interval, which becomes one with those that it touches. An empty one adds nothing.
    pub(crate) fn add(&mut self, mut min: i64, mut max: i64) {
        if min > max {
            return;
        }
        let begin = self.0.partition_point(|(_, end)| end.saturating_add(1) < min);
        let end = self.0.partition_point(|(begin, _)| *begin <= max.saturating_add(1));
        for (first, last) in self.0.drain(begin..end.max(begin)) {
            (min, max) = (min.min(first), max.max(last));
        }
        self.0.insert(begin, (min, max));
    }

    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = (i64, i64)> {
        self.0.iter().copied()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether all of `[min, max]` is in it.
    pub(crate) fn covers(&self, min: i64, max: i64) -> bool {
        self.first_to(min).is_some_and(|(begin, end)| begin <= min && max <= end)
    }

    /// Whether some of `[min, max]` is in it.
    pub(crate) fn overlaps(&self, min: i64, max: i64) -> bool {
        self.first_to(min).is_some_and(|(begin, _)| begin <= max)
    }

    /// The first interval that does not end before a time.
    fn first_to(&self, time: i64) -> Option<(i64, i64)> {
        self.0.get(self.0.partition_point(|(_, end)| *end < time)).copied()
    }

    /// Lets go of the intervals that end before a time, ms.
    pub(crate) fn drop_before(&mut self, time: i64) {
        self.0.retain(|(_, end)| *end >= time);
    }

    /// Takes the samples in the intervals out of the columns, from position `start` on, where they ascend in
    /// time as far as one part goes. A histogram behind a gap says nothing of the one before any more.
    pub(crate) fn mask(&self, out: &mut Columns, start: usize) {
        let stamps = out.timestamps.get(start..).unwrap_or_default();
        let mut kept: Vec<Range<usize>> = Vec::new();
        let mut from = start;
        for (at, timestamp) in (start..).zip(stamps) {
            if self.covers(*timestamp, *timestamp) {
                if from < at {
                    kept.push(from..at);
                }
                from = at + 1;
            }
        }
        if from == start && kept.is_empty() {
            return;
        }
        kept.push(from..out.len());
        let all = out.clone();
        out.keep(start, 0..0);
        for range in kept {
            let behind_a_gap = range.start > start;
            for at in range.clone() {
                let Some(timestamp) = all.timestamps.get(at) else { continue };
                match all.histogram(at) {
                    Some(histogram) => {
                        let mut histogram = Arc::clone(histogram);
                        let told = histogram.hint == CounterResetHint::NotReset;
                        if behind_a_gap && at == range.start && told {
                            Arc::make_mut(&mut histogram).hint = CounterResetHint::Unknown;
                        }
                        out.push_histogram(*timestamp, histogram, all.start(at));
                    }
                    None => out.push_from(&all, at),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::histogram::FloatHistogram;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn intervals(list: &[(i64, i64)]) -> Intervals {
        let mut all = Intervals::default();
        list.iter().for_each(|(min, max)| all.add(*min, *max));
        all
    }

    #[test]
    fn intervals_that_touch_become_one() {
        assert_eq!(intervals(&[(5, 9), (1, 3), (4, 4)]).0, [(1, 9)]);
        assert_eq!(intervals(&[(5, 9), (1, 3)]).0, [(1, 3), (5, 9)]);
        assert_eq!(intervals(&[(3, 1)]).0, []);
        let ends = [(i64::MIN, i64::MIN), (i64::MAX, i64::MAX), (i64::MIN + 1, i64::MAX - 1)];
        assert_eq!(intervals(&ends).0, [(i64::MIN, i64::MAX)]);
    }

    #[test]
    fn a_histogram_behind_a_gap_has_an_unknown_reset() {
        let mut out = Columns::default();
        let hint = CounterResetHint::NotReset;
        let histogram = Arc::new(FloatHistogram { hint, ..FloatHistogram::default() });
        (0..5).for_each(|t| out.push_histogram(t, Arc::clone(&histogram), t + 100));
        intervals(&[(1, 2)]).mask(&mut out, 0);
        assert_eq!((&out.timestamps[..], &out.starts[..]), (&[0, 3, 4][..], &[100, 103, 104][..]));
        let hints: Vec<_> = (0..3).map(|at| out.histogram(at).unwrap().hint).collect();
        assert_eq!(hints, [hint, CounterResetHint::Unknown, hint]);
    }

    proptest! {
        #[test]
        fn intervals_agree_with_a_set_of_times(
            list in proptest::collection::vec((0i64..40, 0i64..8), 0..12),
            (min, len) in (0i64..48, 0i64..10),
        ) {
            let list: Vec<(i64, i64)> = list.into_iter().map(|(min, len)| (min, min + len)).collect();
            let times: BTreeSet<i64> = list.iter().flat_map(|(min, max)| *min..=*max).collect();
            let all = intervals(&list);
            prop_assert!(all.0.windows(2).all(|pair| pair[0].1 + 1 < pair[1].0));
            let max = min + len;
            prop_assert_eq!(all.covers(min, max), (min..=max).all(|t| times.contains(&t)));
            prop_assert_eq!(all.overlaps(min, max), (min..=max).any(|t| times.contains(&t)));
            let mut out = Columns::default();
            out.push(20, 1.0);
            (0..50).for_each(|t| out.push(t, t as f64));
            all.mask(&mut out, 1);
            let want: Vec<i64> = [20].into_iter().chain((0..50).filter(|t| !times.contains(t))).collect();
            prop_assert_eq!(&out.timestamps, &want);
            let values: Vec<f64> = [1.0].into_iter().chain(want[1..].iter().map(|t| *t as f64)).collect();
            prop_assert_eq!(out.values, values);
        }
    }
}
