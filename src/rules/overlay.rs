//! A store with samples in memory over it: what rules that are evaluated over the past have written so far, where the
//! store itself is not to be written.

use narthex_promql::testing::MemoryStore;
use narthex_storage::{
    Columns, LabelQuery, Labels, Matcher, Querier, Queryable, SelectHints, Series, StorageError,
};
use std::collections::{BTreeSet, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

/// A store with samples over it.
pub struct Overlay<'a> {
    /// What lies below.
    pub below: &'a dyn Queryable,
    /// What lies above.
    pub above: Arc<Mutex<MemoryStore>>,
    /// Metrics of which what lies below is not seen from `hidden_from_ms` on.
    pub hidden: Arc<HashSet<String>>,
    /// See `hidden`; ms since the epoch.
    pub hidden_from_ms: i64,
}

impl Queryable for Overlay<'_> {
    fn querier(&self, mint: i64, maxt: i64) -> Result<Box<dyn Querier>, StorageError> {
        Ok(Box::new(OverlayQuerier {
            below: self.below.querier(mint, maxt)?,
            above: self.above.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            hidden: Arc::clone(&self.hidden),
            hidden_from_ms: self.hidden_from_ms,
        }))
    }
}

struct OverlayQuerier {
    below: Box<dyn Querier>,
    above: MemoryStore,
    hidden: Arc<HashSet<String>>,
    hidden_from_ms: i64,
}

impl Querier for OverlayQuerier {
    fn select(
        &self,
        matchers: &[Matcher],
        hints: &SelectHints,
    ) -> Result<Vec<Box<dyn Series>>, StorageError> {
        let ordered = SelectHints { unsorted: false, ..hints.clone() };
        let mut below = self.below.select(matchers, &ordered)?;
        if !self.hidden.is_empty() {
            let last_ms = self.hidden_from_ms.saturating_sub(1);
            let cut = |series: Box<dyn Series>| match self.hidden.contains(series.labels().metric_name()) {
                true => Box::new(Early { series, last_ms }),
                false => series,
            };
            below = below.into_iter().map(cut).collect();
        }
        let above = self.above.select(matchers, &ordered)?;
        let mut both = Vec::with_capacity(below.len() + above.len());
        let (mut below, mut above) = (below.into_iter().peekable(), above.into_iter().peekable());
        loop {
            let order = match (below.peek(), above.peek()) {
                (Some(one), Some(other)) => one.labels().cmp(other.labels()),
                (Some(_), None) => std::cmp::Ordering::Less,
                (None, Some(_)) => std::cmp::Ordering::Greater,
                (None, None) => return Ok(both),
            };
            match order {
                std::cmp::Ordering::Less => both.extend(below.next()),
                std::cmp::Ordering::Greater => both.extend(above.next()),
                std::cmp::Ordering::Equal => {
                    if let (Some(below), Some(above)) = (below.next(), above.next()) {
                        both.push(Box::new(Joined { below, above }));
                    }
                }
            }
        }
    }

    fn label_names(&self, query: &LabelQuery) -> Result<Vec<String>, StorageError> {
        united(self.below.label_names(query)?, self.above.label_names(query)?)
    }

    fn label_values(&self, name: &str, query: &LabelQuery) -> Result<Vec<String>, StorageError> {
        united(self.below.label_values(name, query)?, self.above.label_values(name, query)?)
    }

    fn resolution_ms(&self, mint: i64, maxt: i64) -> i64 {
        self.below.resolution_ms(mint, maxt)
    }
}

fn united(one: Vec<String>, other: Vec<String>) -> Result<Vec<String>, StorageError> {
    Ok(one.into_iter().chain(other).collect::<BTreeSet<_>>().into_iter().collect())
}

/// The samples of a series up to a time.
struct Early {
    series: Box<dyn Series>,
    last_ms: i64,
}

impl Series for Early {
    fn labels(&self) -> &Labels {
        self.series.labels()
    }

    fn read(&self, mint: i64, maxt: i64, out: &mut Columns) -> Result<(), StorageError> {
        let maxt = maxt.min(self.last_ms);
        if mint > maxt { Ok(()) } else { self.series.read(mint, maxt, out) }
    }
}

/// A series that both have; where both have a sample for a time, that of below counts.
struct Joined {
    below: Box<dyn Series>,
    above: Box<dyn Series>,
}

impl Series for Joined {
    fn labels(&self) -> &Labels {
        self.below.labels()
    }

    fn read(&self, mint: i64, maxt: i64, out: &mut Columns) -> Result<(), StorageError> {
        let (mut below, mut above) = (Columns::default(), Columns::default());
        self.below.read(mint, maxt, &mut below)?;
        self.above.read(mint, maxt, &mut above)?;
        let (mut at, mut over) = (0, 0);
        loop {
            match (below.timestamps.get(at), above.timestamps.get(over)) {
                (Some(one), Some(other)) if other < one => push(&above, &mut over, out),
                (Some(one), other) => {
                    over += usize::from(other == Some(one));
                    push(&below, &mut at, out);
                }
                (None, Some(_)) => push(&above, &mut over, out),
                (None, None) => return Ok(()),
            }
        }
    }
}

/// Copies a sample and moves on.
fn push(from: &Columns, at: &mut usize, out: &mut Columns) {
    out.push_from(from, *at);
    *at += 1;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn series_of_both_are_joined_and_hidden_ones_are_not_seen() {
        let series = |name: &str| Labels::from_pairs([("__name__", name)]);
        let (mut below, mut above) = (MemoryStore::default(), MemoryStore::default());
        for (name, at, value) in [("a", 1, 1.0), ("b", 1, 1.0), ("b", 3, 3.0), ("d", 1, 1.0), ("d", 2, 2.0)] {
            below.add(&series(name), at, value);
        }
        for (name, at, value) in
            [("b", 2, 20.0), ("b", 3, 30.0), ("b", 4, 40.0), ("c", 1, 10.0), ("d", 3, 30.0)]
        {
            above.add(&series(name), at, value);
        }
        let hidden = Arc::new(HashSet::from(["d".to_owned()]));
        let above = Arc::new(Mutex::new(above));
        let overlay = Overlay { below: &below, above, hidden, hidden_from_ms: 2 };
        let hints = SelectHints { mint: 0, maxt: 9, ..SelectHints::default() };
        let found = overlay.querier(0, 9).unwrap().select(&[], &hints).unwrap();
        let shown: Vec<_> = found
            .iter()
            .map(|series| {
                let mut columns = Columns::default();
                series.read(0, 9, &mut columns).unwrap();
                (series.labels().metric_name().to_owned(), columns.timestamps, columns.values)
            })
            .collect();
        let want = [
            ("a", vec![1], vec![1.0]),
            ("b", vec![1, 2, 3, 4], vec![1.0, 20.0, 3.0, 40.0]),
            ("c", vec![1], vec![10.0]),
            ("d", vec![1, 3], vec![1.0, 30.0]),
        ];
        assert_eq!(shown, want.map(|(name, times, values)| (name.to_owned(), times, values)));
    }
}
