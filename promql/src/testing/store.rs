//! A store in memory, for scripts and tests.

use super::chunk::hint_read_back;
use narthex_storage::histogram::InvalidHistogram;
use narthex_storage::{
    Columns, FloatHistogram, LabelQuery, Labels, Matcher, Querier, Queryable, SelectHints, Series,
    StorageError,
};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// One sample.
#[derive(Debug, Clone, PartialEq)]
pub struct MemorySample {
    /// The value; without meaning where the sample is a histogram.
    pub value: f64,
    /// The native histogram, if it is one.
    pub histogram: Option<Arc<FloatHistogram>>,
    /// Start timestamp, ms, 0 for none.
    pub start: i64,
}

/// A sample that the store does not take.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum MemoryStoreError {
    /// The series is further already.
    #[error("out of order sample of {labels:?} at {at}ms: the series is at {newest}ms already")]
    OutOfOrder {
        /// The series.
        labels: Labels,
        /// Time of the sample, ms.
        at: i64,
        /// Time of the series' newest sample, ms.
        newest: i64,
    },
    /// The series has another value at this time.
    #[error("duplicate sample of {labels:?} at {at}ms with a different value")]
    Duplicate {
        /// The series.
        labels: Labels,
        /// Time of the sample, ms.
        at: i64,
    },
    /// A histogram that cannot be.
    #[error("invalid histogram of {labels:?} at {at}ms: {reason}")]
    Histogram {
        /// The series.
        labels: Labels,
        /// Time of the sample, ms.
        at: i64,
        /// What is wrong with it.
        reason: InvalidHistogram,
    },
}

type Samples = BTreeMap<i64, MemorySample>;

/// Series by their labels.
#[derive(Debug, Clone, Default)]
pub struct MemoryStore {
    series: Arc<BTreeMap<Labels, Arc<Samples>>>,
}

impl MemoryStore {
    /// Adds a float wherever it belongs; a sample that is there already is replaced.
    pub fn add(&mut self, labels: &Labels, timestamp: i64, value: f64) {
        self.samples(labels).insert(timestamp, MemorySample { value, histogram: None, start: 0 });
    }

    /// Adds a sample at the end of a series. A histogram's counter reset hint becomes what it would be when
    /// read from chunks. A sample that is there already is left alone.
    ///
    /// # Errors
    /// See [`MemoryStoreError`].
    pub fn append(
        &mut self,
        labels: &Labels,
        at: i64,
        sample: &MemorySample,
    ) -> Result<(), MemoryStoreError> {
        let mut sample = sample.clone();
        if let Some(histogram) = &sample.histogram {
            histogram.validate().map_err(|reason| MemoryStoreError::Histogram {
                labels: labels.clone(),
                at,
                reason,
            })?;
        }
        let samples = self.samples(labels);
        if let Some(there) = samples.get(&at) {
            let same = same(there, &sample);
            return if same {
                Ok(())
            } else {
                Err(MemoryStoreError::Duplicate { labels: labels.clone(), at })
            };
        }
        let newest = samples.last_key_value();
        if let Some((&newest, _)) = newest.filter(|(newest, _)| **newest > at) {
            return Err(MemoryStoreError::OutOfOrder { labels: labels.clone(), at, newest });
        }
        if let Some(histogram) = &mut sample.histogram {
            let last = newest.and_then(|(before, last)| Some((*before, last.histogram.as_ref()?)));
            let hint = hint_read_back(last, (at, histogram));
            if hint != histogram.hint {
                Arc::make_mut(histogram).hint = hint;
            }
        }
        samples.insert(at, sample);
        Ok(())
    }

    /// Forgets the samples before a time, ms.
    pub fn forget_before(&mut self, time: i64) {
        Arc::make_mut(&mut self.series).retain(|_, samples| {
            if samples.first_key_value().is_some_and(|(first, _)| *first < time) {
                *samples = Arc::new(Arc::make_mut(samples).split_off(&time));
            }
            !samples.is_empty()
        });
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.series = Arc::default();
    }

    fn samples(&mut self, labels: &Labels) -> &mut Samples {
        let series = Arc::make_mut(&mut self.series);
        if !series.contains_key(labels) {
            series.insert(labels.clone(), Arc::default());
        }
        Arc::make_mut(series.entry(labels.clone()).or_default())
    }

    fn matching<'a>(
        &'a self,
        sets: &'a [Vec<Matcher>],
        mint: i64,
        maxt: i64,
    ) -> impl Iterator<Item = (&'a Labels, &'a Arc<Samples>)> {
        self.series.iter().filter(move |(labels, samples)| {
            let all =
                |set: &Vec<Matcher>| set.iter().all(|m| m.matches(labels.get(&m.name).unwrap_or_default()));
            (sets.is_empty() || sets.iter().any(all))
                && mint <= maxt
                && samples.range(mint..=maxt).next().is_some()
        })
    }
}

/// Whether two samples are the same; hints are the chunks' matter.
fn same(a: &MemorySample, b: &MemorySample) -> bool {
    match (&a.histogram, &b.histogram) {
        (None, None) => a.value.to_bits() == b.value.to_bits(),
        (Some(a), Some(b)) => FloatHistogram { hint: b.hint, ..(**a).clone() } == **b,
        _ => false,
    }
}

impl Queryable for MemoryStore {
    fn querier(&self, _: i64, _: i64) -> Result<Box<dyn Querier>, StorageError> {
        Ok(Box::new(self.clone()))
    }
}

impl Querier for MemoryStore {
    fn select(
        &self,
        matchers: &[Matcher],
        hints: &SelectHints,
    ) -> Result<Vec<Box<dyn Series>>, StorageError> {
        let sets = [matchers.to_vec()];
        let found = self.matching(&sets, hints.mint, hints.maxt);
        let series = |(labels, samples): (&Labels, &Arc<Samples>)| -> Box<dyn Series> {
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
    samples: Arc<Samples>,
}

impl Series for MemorySeries {
    fn labels(&self) -> &Labels {
        &self.labels
    }

    fn read(&self, mint: i64, maxt: i64, out: &mut Columns) -> Result<(), StorageError> {
        if mint > maxt {
            return Ok(());
        }
        for (at, sample) in self.samples.range(mint..=maxt) {
            match &sample.histogram {
                // A marker is read as a float whatever the series holds.
                Some(histogram) if histogram.is_stale() => {
                    out.push_started(*at, histogram.sum, sample.start);
                }
                Some(histogram) => out.push_histogram(*at, histogram.clone(), sample.start),
                None => out.push_started(*at, sample.value, sample.start),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::syntax::histogram_literal;

    fn float(value: f64) -> MemorySample {
        MemorySample { value, histogram: None, start: 0 }
    }

    fn histogram(text: &str) -> MemorySample {
        let histogram = histogram_literal::parse(text).unwrap().histogram;
        MemorySample { value: f64::NAN, histogram: Some(Arc::new(histogram)), start: 0 }
    }

    fn hints(samples: &[MemorySample]) -> Vec<narthex_storage::CounterResetHint> {
        let labels = Labels::from_pairs([("__name__", "m")]);
        let mut store = MemoryStore::default();
        for (at, sample) in samples.iter().enumerate() {
            store.append(&labels, at as i64, sample).unwrap();
        }
        let all = SelectHints { mint: 0, maxt: 1_000, ..SelectHints::default() };
        let mut columns = Columns::default();
        store.select(&[], &all).unwrap()[0].read(0, 1_000, &mut columns).unwrap();
        columns.histograms.iter().map(|(_, histogram)| histogram.hint).collect()
    }

    #[test]
    fn chunks_begin_after_floats_and_staleness_markers() {
        use narthex_storage::CounterResetHint::{NotReset, Unknown};
        let one = || histogram("count:1 counter_reset_hint:not_reset");
        let all = [one(), one(), float(1.0), one(), one(), float(narthex_storage::STALE_NAN), one()];
        assert_eq!(hints(&all), [Unknown, NotReset, Unknown, NotReset, Unknown]);
    }

    #[test]
    fn what_is_there_may_be_repeated_but_not_changed() {
        let labels = Labels::from_pairs([("__name__", "m")]);
        let mut store = MemoryStore::default();
        store.append(&labels, 0, &histogram("count:1")).unwrap();
        store.append(&labels, 5, &histogram("count:2")).unwrap();
        store.append(&labels, 0, &histogram("count:1")).unwrap();
        let other = store.append(&labels, 5, &histogram("count:1"));
        assert_eq!(other, Err(MemoryStoreError::Duplicate { labels: labels.clone(), at: 5 }));
        let late = store.append(&labels, 4, &float(1.0));
        assert_eq!(late, Err(MemoryStoreError::OutOfOrder { labels, at: 4, newest: 5 }));
    }
}
