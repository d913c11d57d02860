//! The label order of the head's series, as numbers: a selection is sorted by them, not by its labels.

use super::series::MemSeries;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Series in label order, each with a rank that grows along it. Ranks have gaps, in which new series find
/// their place without another's rank being touched. A rank of 0 is none yet.
#[derive(Default)]
pub(crate) struct Order {
    ranked: Vec<Arc<MemSeries>>,
    fresh: Vec<Arc<MemSeries>>,
}

impl Order {
    /// The order of series that are in it already.
    pub(crate) fn of(ranked: Vec<Arc<MemSeries>>) -> Self {
        spread(&ranked, 0, u64::MAX);
        Self { ranked, fresh: Vec::new() }
    }

    /// Adds a series that has no rank yet.
    pub(crate) fn add(&mut self, series: Arc<MemSeries>) {
        self.fresh.push(series);
    }

    /// Whether every series has a rank.
    pub(crate) fn is_complete(&self) -> bool {
        self.fresh.is_empty()
    }

    pub(crate) fn retain(&mut self, keep: impl Fn(&MemSeries) -> bool) {
        self.ranked.retain(|series| keep(series));
        self.fresh.retain(|series| keep(series));
    }

    /// Gives every series its rank.
    pub(crate) fn complete(&mut self) {
        self.fresh.sort_unstable_by(|a, b| a.labels.cmp(&b.labels));
        let fresh = std::mem::take(&mut self.fresh);
        let old = std::mem::take(&mut self.ranked);
        let mut merged = Vec::with_capacity(old.len() + fresh.len());
        let mut old = old.into_iter();
        let mut fits = true;
        let mut fresh = fresh.into_iter().peekable();
        while let Some(first) = fresh.peek() {
            let left = old.as_slice();
            let before = left.partition_point(|series| series.labels < first.labels);
            let next = left.get(before).map(Arc::clone);
            merged.extend(old.by_ref().take(before));
            let begin = merged.len();
            let behind =
                |series: &mut &Arc<MemSeries>| next.as_ref().is_none_or(|next| series.labels < next.labels);
            while let Some(series) = fresh.next_if(|series| behind(&mut &*series)) {
                merged.push(series);
            }
            fits &= spread(&merged, begin, next.map_or(u64::MAX, |next| rank(&next)));
        }
        merged.extend(old);
        self.ranked = merged;
        if !fits {
            self.ranked.iter().for_each(|series| series.rank.store(0, Ordering::Relaxed));
            spread(&self.ranked, 0, u64::MAX);
        }
    }
}

pub(crate) fn rank(series: &MemSeries) -> u64 {
    series.rank.load(Ordering::Relaxed)
}

/// Gives the series from `begin` on ranks between that of the one before and `end`, at even distances;
/// `false` when there are not enough.
fn spread(series: &[Arc<MemSeries>], begin: usize, end: u64) -> bool {
    let (before, new) = series.split_at(begin.min(series.len()));
    let mut at = before.last().map_or(0, |series| rank(series));
    let distance = (end - at.min(end)) / (new.len() as u64 + 1);
    for series in new {
        at = at.saturating_add(distance);
        series.rank.store(at, Ordering::Relaxed);
    }
    distance > 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::head::labels::SeriesLabels;
    use crate::labels::Labels;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn ranks_follow_the_labels_however_series_come(
            rounds in proptest::collection::vec(proptest::collection::vec(0u32..500, 0..40), 1..8),
            crowd in any::<bool>(),
        ) {
            let mut order = Order::default();
            let mut known = std::collections::BTreeMap::new();
            for round in rounds {
                for n in round {
                    let labels = Labels::from_pairs([("n", format!("{n:04}").as_str())]);
                    known.entry(labels.clone()).or_insert_with(|| {
                        let series = Arc::new(MemSeries::new(n, SeriesLabels::of(&labels)));
                        order.add(Arc::clone(&series));
                        series
                    });
                }
                order.complete();
                prop_assert!(order.is_complete());
                if crowd {
                    // As after many series at one place: no gaps are left.
                    (1u64..).zip(&order.ranked).for_each(|(at, series)| series.rank.store(at, Ordering::Relaxed));
                }
                let ranks: Vec<u64> = known.values().map(|series| rank(series)).collect();
                prop_assert!(ranks.is_sorted_by(|a, b| a < b) && ranks.first().is_none_or(|first| *first > 0));
            }
            order.retain(|series| series.id % 2 == 0);
            prop_assert!(order.ranked.iter().all(|series| series.id % 2 == 0));
        }
    }
}
