//! The store that a test runs on: its input series grow as time goes on, and rules write beside them.

use super::file::Test;
use narthex_promql::syntax::series_notation::{self, Item};
use narthex_promql::testing::{MemorySample, MemoryStore};
use narthex_storage::{Labels, Querier, Queryable, StorageError};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// A store in memory that is read while it grows.
#[derive(Clone, Default)]
pub(super) struct LiveStore(pub(super) Arc<Mutex<MemoryStore>>);

impl Queryable for LiveStore {
    fn querier(&self, mint: i64, maxt: i64) -> Result<Box<dyn Querier>, StorageError> {
        // What a query reads is what was there when it began.
        let now = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        now.querier(mint, maxt)
    }
}

/// The samples of one input series that are still to come.
struct Coming {
    labels: Labels,
    items: std::iter::Enumerate<std::vec::IntoIter<Item>>,
    next: Option<(i64, Item)>,
}

/// The input series of a test.
pub(super) struct Input {
    series: Vec<Coming>,
    start_ms: i64,
    interval_ms: i64,
}

impl Input {
    /// Reads the series of a test; the last one of equal labels counts.
    ///
    /// # Errors
    /// A series or its values are malformed.
    pub(super) fn of(test: &Test) -> Result<Self, String> {
        let mut all: BTreeMap<Labels, Vec<Item>> = BTreeMap::new();
        for (series, values) in &test.series {
            let line = format!("{series} {values}");
            let (labels, items) =
                series_notation::parse(&line).map_err(|error| format!("{line}: {error}"))?;
            all.insert(labels, items);
        }
        let mut input = Self { series: Vec::new(), start_ms: test.start_ms, interval_ms: test.interval_ms };
        for (labels, items) in all {
            let mut coming = Coming { labels, items: items.into_iter().enumerate(), next: None };
            coming.next = input.following(&mut coming.items);
            input.series.push(coming);
        }
        Ok(input)
    }

    fn following(&self, items: &mut impl Iterator<Item = (usize, Item)>) -> Option<(i64, Item)> {
        let (at, item) = items.next()?;
        let offset = i64::try_from(at).ok()?.checked_mul(self.interval_ms)?;
        Some((self.start_ms.checked_add(offset)?, item))
    }

    /// Writes the samples up to a time, ms since the epoch.
    ///
    /// # Errors
    /// The first sample that the store does not take.
    pub(super) fn load_until(&mut self, until_ms: i64, store: &LiveStore) -> Result<(), String> {
        let mut series = std::mem::take(&mut self.series);
        let mut store = store.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut result = Ok(());
        for coming in &mut series {
            while let Some((at, item)) = coming.next.take_if(|(at, _)| *at <= until_ms) {
                let sample = match item {
                    Item::Missing => None,
                    Item::Float(value) => Some(MemorySample { value, histogram: None, start: 0 }),
                    Item::Histogram { histogram, .. } => {
                        Some(MemorySample { value: f64::NAN, histogram: Some(histogram), start: 0 })
                    }
                };
                if let Some(sample) = sample
                    && let Err(error) = store.append(&coming.labels, at, &sample)
                    && result.is_ok()
                {
                    result = Err(error.to_string());
                }
                coming.next = self.following(&mut coming.items);
            }
        }
        self.series = series;
        result
    }
}
