//! What was deleted: intervals of time, by series.
//!
//! A deletion changes no sample. It says which ones are not shown any more, and whatever writes samples
//! elsewhere (a block from the head, a cleaned block) leaves them out. Of a block it stands in the file
//! `tombstones`, of the head in the write-ahead log; `file` has the bytes of both.

pub(crate) mod file;
mod intervals;

pub(crate) use intervals::Intervals;

use std::collections::BTreeMap;

/// The deleted intervals of a block, by the numbers of its series, or of the head, by the ids of its series.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Tombstones(BTreeMap<u32, Intervals>);

impl Tombstones {
    /// Adds `[min, max]`, ms, to what is deleted of a series.
    pub(crate) fn add(&mut self, series: u32, min: i64, max: i64) {
        if min <= max {
            self.0.entry(series).or_default().add(min, max);
        }
    }

    /// Adds all that others say.
    pub(crate) fn add_all(&mut self, others: &Self) {
        for (series, intervals) in &others.0 {
            intervals.iter().for_each(|(min, max)| self.add(*series, min, max));
        }
    }

    /// What is deleted of a series.
    pub(crate) fn get(&self, series: u32) -> Option<&Intervals> {
        self.0.get(&series)
    }

    /// Each series of which something is deleted, ascending.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, &Intervals)> {
        self.0.iter().map(|(series, intervals)| (*series, intervals))
    }

    /// Whether nothing is deleted.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Forgets what is deleted before a time, ms, and of series that are gone.
    pub(crate) fn retain(&mut self, from: i64, is_there: impl Fn(u32) -> bool) {
        self.0.retain(|series, intervals| {
            intervals.drop_before(from);
            !intervals.is_empty() && is_there(*series)
        });
    }
}
