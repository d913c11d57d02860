//! Late samples: older than the newest of their series, or than what the head takes, and within the window that
//! the configuration leaves for them.
//!
//! They are kept in memory in time order, apart from the others, and in records of their own in the log. Those
//! that still belong to the head leave it with the rest; the older ones wait for a block beside the one that
//! has their time already.

use super::entry::Entry;
use super::series::{Chunk, MemSeries};
use super::timelines::Timelines;
use super::{AppendError, Head, ROWS_MAX};
use crate::codec::frame;
use crate::query::Columns;
use crate::wal::record::Kind;
use crate::wal::runs;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

/// The late samples of one series, by time; of two for one timestamp the first stays.
#[derive(Default)]
pub(crate) struct Late(Vec<Entry>);

impl Late {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds a sample; whether its timestamp was free.
    pub(crate) fn insert(&mut self, entry: Entry) -> bool {
        let at = self.0.partition_point(|one| one.timestamp < entry.timestamp);
        let free = self.0.get(at).is_none_or(|one| one.timestamp != entry.timestamp);
        if free {
            self.0.insert(at, entry);
        }
        free
    }

    /// The samples within `[mint, maxt]`.
    pub(crate) fn within(&self, mint: i64, maxt: i64) -> &[Entry] {
        let begin = self.0.partition_point(|one| one.timestamp < mint);
        let end = self.0.partition_point(|one| one.timestamp <= maxt);
        self.0.get(begin..end).unwrap_or_default()
    }

    /// Lets go of samples that a block has: those with these timestamps, in order.
    pub(crate) fn forget(&mut self, timestamps: &[i64]) {
        self.0.retain(|one| timestamps.binary_search(&one.timestamp).is_err());
    }

    /// Lets go of the samples before a time, ms, but those at the timestamps `waiting`, in order; how many went.
    pub(crate) fn settle(&mut self, before_ms: i64, waiting: &[i64]) -> usize {
        let before = self.0.len();
        self.0.retain(|one| one.timestamp >= before_ms || waiting.binary_search(&one.timestamp).is_ok());
        before - self.0.len()
    }

    /// Takes the samples from `mint` on, as chunks.
    pub(crate) fn seal_from(&mut self, mint: i64, timelines: &Timelines, mut each: impl FnMut(Chunk)) {
        let begin = self.0.partition_point(|one| one.timestamp < mint);
        let mut columns = Columns::default();
        self.0.drain(begin..).for_each(|entry| entry.push_to(&mut columns));
        for piece in frame::pieces(&columns, ROWS_MAX) {
            let timestamps = columns.timestamps.get(piece.clone()).unwrap_or_default();
            each(Chunk::seal(timelines.share(timestamps), &columns, piece));
        }
    }
}

impl Head {
    /// Whether a sample that comes too late for its series' order is still taken.
    ///
    /// # Errors
    /// It is not: `otherwise`, or that it is too old when there is a window at all.
    pub(crate) fn takes_late(&self, timestamp: i64, otherwise: AppendError) -> Result<(), AppendError> {
        let window = self.late_window_ms.load(Ordering::Acquire);
        if window <= 0 {
            return Err(otherwise);
        }
        match timestamp >= self.max_ms.load(Ordering::Acquire).saturating_sub(window) {
            true => Ok(()),
            false => Err(AppendError::TooOld),
        }
    }

    /// Writes the records of late samples.
    pub(super) fn log_late(&self, samples: &[(Arc<MemSeries>, Entry)], out: &mut Vec<u8>) {
        self.log_series(samples.iter().map(|(series, _)| series), out);
        let runs = samples.iter().map(|(series, entry)| (series.id, std::slice::from_ref(entry)));
        runs::put(out, Kind::Late, runs);
    }

    /// Logs late samples and makes them visible; how many there were.
    ///
    /// # Errors
    /// The log failed; nothing is visible.
    pub(super) fn append_late(&self, samples: &[(Arc<MemSeries>, Entry)]) -> Result<usize, AppendError> {
        let _commit = self.commits.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = self.wal.append(|_, out| self.log_late(samples, out)) {
            samples.iter().for_each(|(series, _)| series.logged.store(false, Ordering::Release));
            return Err(error.into());
        }
        Ok(self.show_late(samples.iter().cloned()))
    }

    /// Makes late samples visible that the log has; how many there were.
    pub(super) fn show_late(&self, samples: impl Iterator<Item = (Arc<MemSeries>, Entry)>) -> usize {
        let newest = self.max_ms.load(Ordering::Acquire);
        let mut count = 0;
        for (series, entry) in samples {
            let is_histogram = entry.value.histogram().is_some();
            self.counters.late.add(is_histogram, 1);
            self.counters.histograms_appended.fetch_add(u64::from(is_histogram), Ordering::Relaxed);
            if let Some(watcher) = self.counters.watcher() {
                watcher.late(newest.saturating_sub(entry.timestamp));
            }
            self.push_late(&series, entry);
            count += 1;
        }
        self.samples_appended.fetch_add(count as u64, Ordering::Relaxed);
        count
    }

    /// Adds a late sample.
    pub(crate) fn push_late(&self, series: &MemSeries, entry: Entry) {
        let timestamp = entry.timestamp;
        let mut state = self.settled(series);
        if state.insert_late(entry.clone()) {
            self.late.fetch_add(1, Ordering::Relaxed);
        }
        // A series that has nothing else has to be found by this one.
        state.note(entry);
        series.last_ms.fetch_max(timestamp, Ordering::AcqRel);
        drop(state);
        self.late_min_ms.fetch_min(timestamp, Ordering::AcqRel);
        self.max_ms.fetch_max(timestamp, Ordering::AcqRel);
        if timestamp >= self.min_valid_ms.load(Ordering::Acquire) {
            self.note_time(timestamp);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    proptest! {
        #[test]
        fn samples_are_in_time_order_and_the_first_of_a_timestamp_stays(
            samples in proptest::collection::vec((0i64..40, 0i32..5), 0..60), mint in 0i64..40, maxt in 0i64..40,
        ) {
            let (mut late, mut model) = (Late::default(), BTreeMap::new());
            for (timestamp, value) in samples {
                let free = late.insert(Entry::float(timestamp, f64::from(value)));
                prop_assert_eq!(free, !model.contains_key(&timestamp));
                model.entry(timestamp).or_insert(value);
            }
            let found: Vec<i64> = late.within(mint, maxt).iter().map(|one| one.timestamp).collect();
            let want: Vec<i64> = model.keys().copied().filter(|t| (mint..=maxt).contains(t)).collect();
            prop_assert_eq!(&found, &want);
            late.forget(&want);
            prop_assert!(late.within(mint, maxt).is_empty());
            let rest = model.keys().filter(|t| !want.contains(t)).count();
            let mut sealed = 0;
            late.seal_from(i64::MIN, &Timelines::default(), |chunk| sealed += chunk.timeline().len());
            prop_assert_eq!(sealed, rest);
            prop_assert!(late.is_empty());
        }
    }
}
