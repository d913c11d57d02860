//! The series that a rule writes: numbered, remembered by what they are made of, ended when they vanish.
//!
//! A rule gives mostly the same series, in the same order, at every evaluation. So what came at a place last time is
//! looked at first: then neither labels are built nor hashes computed.

use super::sink::{Appended, Output, OutputValue, RuleSink};
use foldhash::fast::RandomState;
use narthex_storage::{AppendError, Labels};
use std::collections::HashMap;

/// A series that no evaluation of this many gave is forgotten.
const FORGET_AFTER: u64 = 10;

/// The series of one rule.
pub struct Outputs {
    sink: Box<dyn RuleSink>,
    entries: Vec<Option<Entry>>,
    free: Vec<u32>,
    by_input: HashMap<Labels, u32, RandomState>,
    by_labels: HashMap<Labels, u32, RandomState>,
    /// What came in the last evaluation, in its order.
    order: Vec<(Labels, u32)>,
    /// What has come in this one.
    coming: Vec<(Labels, u32)>,
    /// The samples of this evaluation.
    row: Vec<Output>,
    /// The series with a sample in the last evaluation that was stored.
    present: Vec<u32>,
    /// Counts evaluations.
    run: u64,
}

struct Entry {
    labels: Labels,
    /// The last evaluation that gave it.
    seen: u64,
}

impl Outputs {
    /// No series yet.
    #[must_use]
    pub fn new(sink: Box<dyn RuleSink>) -> Self {
        Self {
            sink,
            entries: Vec::new(),
            free: Vec::new(),
            by_input: HashMap::default(),
            by_labels: HashMap::default(),
            order: Vec::new(),
            coming: Vec::new(),
            row: Vec::new(),
            present: Vec::new(),
            run: 0,
        }
    }

    /// Begins an evaluation.
    pub fn begin(&mut self) {
        self.run += 1;
        self.row.clear();
        self.coming.clear();
    }

    /// Adds a sample of the series that `make` makes of `input`, which it does once. `false`: the series has a sample
    /// in this evaluation already.
    pub fn add(&mut self, input: &Labels, make: impl FnOnce() -> Labels, value: OutputValue) -> bool {
        let at = self.coming.len();
        let id = match self.order.get(at).filter(|(known, _)| known == input) {
            Some((_, id)) => *id,
            None => match self.by_input.get(input) {
                Some(id) => *id,
                None => {
                    let id = self.id_of(&make());
                    self.by_input.insert(input.clone(), id);
                    id
                }
            },
        };
        self.coming.push((input.clone(), id));
        self.push(id, value)
    }

    /// Adds a sample of a series. `false`: the series has one in this evaluation already.
    pub fn add_series(&mut self, labels: &Labels, value: OutputValue) -> bool {
        let id = self.id_of(labels);
        self.push(id, value)
    }

    fn push(&mut self, id: u32, value: OutputValue) -> bool {
        let Some(Some(entry)) = self.entries.get_mut(id as usize) else { return false };
        let fresh = entry.seen != self.run;
        entry.seen = self.run;
        self.row.push(Output { id, labels: entry.labels.clone(), value });
        fresh
    }

    fn id_of(&mut self, labels: &Labels) -> u32 {
        if let Some(id) = self.by_labels.get(labels) {
            return *id;
        }
        let entry = Some(Entry { labels: labels.clone(), seen: 0 });
        let id = match self.free.pop() {
            Some(id) => {
                if let Some(place) = self.entries.get_mut(id as usize) {
                    *place = entry;
                }
                id
            }
            None => {
                self.entries.push(entry);
                // A rule with four billion series would not have come so far.
                u32::try_from(self.entries.len() - 1).unwrap_or(u32::MAX)
            }
        };
        self.by_labels.insert(labels.clone(), id);
        id
    }

    /// How many samples this evaluation has.
    #[must_use]
    pub fn samples(&self) -> usize {
        self.row.len()
    }

    /// Stores the samples of this evaluation, and ends the series that the one before had and this one has not.
    ///
    /// # Errors
    /// Nothing could be stored: it is as if the evaluation had not been.
    pub fn commit(&mut self, time_ms: i64) -> Result<Appended, AppendError> {
        let run = self.run;
        let mut vanished = Vec::new();
        for id in &self.present {
            if let Some(Some(entry)) = self.entries.get(*id as usize)
                && entry.seen != run
            {
                vanished.push((*id, entry.labels.clone()));
            }
        }
        if self.row.is_empty() && vanished.is_empty() {
            return Ok(Appended::default());
        }
        let appended = self.sink.append(time_ms, &self.row, &vanished)?;
        self.present.clear();
        self.present.extend(self.row.iter().map(|output| output.id));
        std::mem::swap(&mut self.order, &mut self.coming);
        if run.is_multiple_of(FORGET_AFTER) {
            self.forget();
        }
        Ok(appended)
    }

    /// Ends all series.
    ///
    /// # Errors
    /// As [`Outputs::commit`].
    pub fn end(&mut self, time_ms: i64) -> Result<Appended, AppendError> {
        self.begin();
        self.commit(time_ms)
    }

    /// Lets go of series that have not come for long.
    fn forget(&mut self) {
        let oldest = self.run.saturating_sub(FORGET_AFTER);
        let mut gone = false;
        for (id, place) in (0u32..).zip(&mut self.entries) {
            let Some(entry) = place.take_if(|entry| entry.seen <= oldest) else { continue };
            self.by_labels.remove(&entry.labels);
            self.free.push(id);
            self.sink.forget(id);
            gone = true;
        }
        if gone {
            let entries = &self.entries;
            self.by_input.retain(|_, id| entries.get(*id as usize).is_some_and(Option::is_some));
            // A number may soon be another series'.
            self.order.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::sink::{MemorySinks, Sinks};
    use narthex_storage::{Columns, Queryable, SelectHints, is_stale_nan};
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn labels(n: u8) -> Labels {
        Labels::from_pairs([("n", n.to_string().as_str())])
    }

    proptest! {
        /// Whatever comes and goes: each series has its values, and one marker after each row of values.
        #[test]
        fn every_series_ends_once_when_it_vanishes(
            runs in proptest::collection::vec(proptest::collection::btree_set(0u8..6, 0..6), 1..40),
        ) {
            let sinks = MemorySinks::default();
            let mut outputs = Outputs::new(sinks.sink());
            let mut want: BTreeMap<u8, Vec<(i64, Option<f64>)>> = BTreeMap::new();
            let mut before = std::collections::BTreeSet::new();
            for (time, run) in (1i64..).zip(&runs) {
                outputs.begin();
                for n in run {
                    let value = OutputValue::Float(time as f64);
                    prop_assert!(outputs.add(&labels(*n), || labels(*n), value));
                    want.entry(*n).or_default().push((time, Some(time as f64)));
                }
                for n in before.difference(run) {
                    want.entry(*n).or_default().push((time, None));
                }
                outputs.commit(time).unwrap();
                before = run.clone();
            }
            let store = sinks.store.lock().unwrap().clone();
            let hints = SelectHints { mint: 0, maxt: 100, ..SelectHints::default() };
            let series = store.querier(0, 100).unwrap().select(&[], &hints).unwrap();
            prop_assert_eq!(series.len(), want.len());
            for (series, (n, want)) in series.iter().zip(want) {
                prop_assert_eq!(series.labels(), &labels(n));
                let mut columns = Columns::default();
                series.read(0, 100, &mut columns).unwrap();
                let got: Vec<_> = columns.timestamps.iter().zip(&columns.values)
                    .map(|(t, v)| (*t, (!is_stale_nan(*v)).then_some(*v))).collect();
                prop_assert_eq!(got, want);
            }
        }
    }

    #[test]
    fn inputs_that_become_one_series_are_noticed() {
        let mut outputs = Outputs::new(MemorySinks::default().sink());
        outputs.begin();
        assert!(outputs.add(&labels(1), || labels(9), OutputValue::Float(1.0)));
        assert!(!outputs.add(&labels(2), || labels(9), OutputValue::Float(1.0)));
        // Nothing of it was stored, so nothing ends.
        outputs.begin();
        assert_eq!(outputs.commit(1).unwrap().out_of_order, 0);
        assert!(outputs.present.is_empty());
    }

    #[test]
    fn numbers_of_forgotten_series_are_used_again() {
        let mut outputs = Outputs::new(MemorySinks::default().sink());
        for time in 0..200u8 {
            outputs.begin();
            outputs.add(&labels(time), || labels(time), OutputValue::Float(1.0));
            outputs.commit(i64::from(time)).unwrap();
        }
        assert!(outputs.entries.len() < 40, "{}", outputs.entries.len());
        assert!(outputs.by_input.len() < 40 && outputs.by_labels.len() < 40);
    }
}
