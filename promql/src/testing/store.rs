//! A store in memory, for scripts and tests.

use narthex_storage::{
    Columns, LabelQuery, Labels, Matcher, Querier, Queryable, SelectHints, Series, StorageError,
};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

type Samples = BTreeMap<i64, f64>;

/// Series by their labels.
#[derive(Debug, Clone, Default)]
pub struct MemoryStore {
    series: Arc<BTreeMap<Labels, Samples>>,
}

impl MemoryStore {
    /// Adds a sample; one that is there already is replaced.
    pub fn add(&mut self, labels: &Labels, timestamp: i64, value: f64) {
        Arc::make_mut(&mut self.series).entry(labels.clone()).or_default().insert(timestamp, value);
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.series = Arc::default();
    }
}

impl Queryable for MemoryStore {
    fn querier(&self, _: i64, _: i64) -> Result<Box<dyn Querier>, StorageError> {
        Ok(Box::new(self.clone()))
    }
}

impl MemoryStore {
    fn matching<'a>(
        &'a self,
        sets: &'a [Vec<Matcher>],
        mint: i64,
        maxt: i64,
    ) -> impl Iterator<Item = (&'a Labels, &'a Samples)> {
        self.series.iter().filter(move |(labels, samples)| {
            let all =
                |set: &Vec<Matcher>| set.iter().all(|m| m.matches(labels.get(&m.name).unwrap_or_default()));
            (sets.is_empty() || sets.iter().any(all)) && samples.range(mint..=maxt).next().is_some()
        })
    }
}

impl Querier for MemoryStore {
    fn select(
        &self,
        matchers: &[Matcher],
        hints: &SelectHints,
    ) -> Result<Vec<Box<dyn Series>>, StorageError> {
        if hints.mint > hints.maxt {
            return Ok(Vec::new());
        }
        let sets = [matchers.to_vec()];
        let found = self.matching(&sets, hints.mint, hints.maxt);
        let series = |(labels, samples): (&Labels, &Samples)| -> Box<dyn Series> {
            Box::new(MemorySeries { labels: labels.clone(), samples: samples.clone() })
        };
        Ok(found.map(series).collect())
    }

    fn label_names(&self, query: &LabelQuery) -> Result<Vec<String>, StorageError> {
        let found = self.matching(&query.matcher_sets, query.mint, query.maxt);
        let names: BTreeSet<&str> = found.flat_map(|(labels, _)| labels.iter().map(|(n, _)| n)).collect();
        Ok(names.into_iter().map(str::to_owned).collect())
    }

    fn label_values(&self, name: &str, query: &LabelQuery) -> Result<Vec<String>, StorageError> {
        let found = self.matching(&query.matcher_sets, query.mint, query.maxt);
        let values: BTreeSet<&str> = found.filter_map(|(labels, _)| labels.get(name)).collect();
        Ok(values.into_iter().map(str::to_owned).collect())
    }
}

struct MemorySeries {
    labels: Labels,
    samples: Samples,
}

impl Series for MemorySeries {
    fn labels(&self) -> &Labels {
        &self.labels
    }

    fn read(&self, mint: i64, maxt: i64, out: &mut Columns) -> Result<(), StorageError> {
        if mint <= maxt {
            self.samples.range(mint..=maxt).for_each(|(t, v)| out.push(*t, *v));
        }
        Ok(())
    }
}
