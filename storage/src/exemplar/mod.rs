//! Exemplars: single observations with labels of their own, such as the number of a trace, beside the samples of a
//! series.
//!
//! They are kept in memory, as many as the configuration says, the newest ones; [`ring`] is where. The log has them
//! too, so that a start finds them again: what is in the ring is told again in the new segment by each flush.
//!
//! Lock order: `commit` → the log → the ring. The ring is never locked while something waits for the disk.

mod append;
mod kept;
mod ring;
#[cfg(test)]
mod ring_tests;

pub use append::{ExemplarAppender, ExemplarOutcome};
pub(crate) use kept::Kept;

use crate::labels::Labels;
use crate::labels::matcher::Matcher;
use crate::wal::exemplars;
use ring::Ring;
use std::cmp::Ordering::{Equal, Greater, Less};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Characters that names and values of an exemplar's labels may have together.
pub const EXEMPLAR_LABELS_MAX: usize = 128;

/// An observation.
#[derive(Debug, Clone)]
pub struct Exemplar {
    /// Its own labels.
    pub labels: Labels,
    /// What was observed.
    pub value: f64,
    /// When, ms.
    pub timestamp: i64,
    /// The source told the timestamp; otherwise it is the time at which the exemplar was read.
    pub has_timestamp: bool,
}

impl Exemplar {
    /// Whether it is the same observation. Where neither source told a time, that says nothing.
    #[must_use]
    pub fn same(&self, other: &Self) -> bool {
        let timed = self.has_timestamp || other.has_timestamp;
        self.value == other.value
            && self.labels == other.labels
            && (!timed || self.timestamp == other.timestamp)
    }

    /// Whether it would stand before another one of its series: by time, then by value, then by labels.
    fn precedes(&self, other: &Self) -> bool {
        match (self.timestamp.cmp(&other.timestamp), self.value.partial_cmp(&other.value)) {
            (Less, _) | (Equal, Some(Less)) => true,
            (Greater, _) | (Equal, Some(Greater) | None) => false,
            (Equal, Some(Equal)) => labels_hash(&self.labels) < labels_hash(&other.labels),
        }
    }

    /// Whether the labels are longer than they may be.
    fn is_too_long(&self) -> bool {
        // Names and values of which each byte is a character fit, or do not, by their bytes alone.
        self.labels.encoded_len() > EXEMPLAR_LABELS_MAX
            && self
                .labels
                .iter()
                .map(|(name, value)| name.chars().count() + value.chars().count())
                .sum::<usize>()
                > EXEMPLAR_LABELS_MAX
    }
}

/// The hash by which Prometheus orders exemplars of one time and value.
fn labels_hash(labels: &Labels) -> u64 {
    let mut text = Vec::with_capacity(labels.encoded_len());
    for part in labels.iter().flat_map(|(name, value)| [name, value]) {
        match u8::try_from(part.len()).ok().filter(|len| *len < u8::MAX) {
            Some(len) => text.push(len),
            None => {
                text.push(u8::MAX);
                text.extend(part.len().to_le_bytes().iter().take(3));
            }
        }
        text.extend_from_slice(part.as_bytes());
    }
    xxhash_rust::xxh64::xxh64(&text, 0)
}

/// The exemplars of a series that were found.
#[derive(Debug, Clone)]
pub struct ExemplarSeries {
    /// The series.
    pub labels: Labels,
    /// By time.
    pub exemplars: Vec<Exemplar>,
}

/// Facts about the exemplars in memory.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ExemplarStats {
    /// Taken since the start, those of the log included.
    pub appended: u64,
    /// Refused when they were to be stored, since they came out of order.
    pub out_of_order: u64,
    /// In memory.
    pub stored: usize,
    /// Series that have any.
    pub series: usize,
    /// Time of the one that came first, ms.
    pub oldest_ms: Option<i64>,
    /// How many there may be.
    pub max: usize,
}

/// The exemplars of a head.
#[derive(Default)]
pub(crate) struct Exemplars {
    /// Held while exemplars are logged and stored, and while a flush begins a segment: what an older segment tells is
    /// in the ring before the flush tells the ring again.
    commit: Mutex<()>,
    ring: Mutex<Ring>,
    max: AtomicUsize,
    /// Counts changes of `max`.
    changes: AtomicU64,
}

impl Exemplars {
    fn ring(&self) -> MutexGuard<'_, Ring> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps exemplars from being logged.
    pub(crate) fn hold(&self) -> MutexGuard<'_, ()> {
        self.commit.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many may be kept; 0 keeps none.
    pub(crate) fn max(&self) -> usize {
        self.max.load(Ordering::Acquire)
    }

    /// Changes how many may be kept; the newest stay. How many those are.
    pub(crate) fn resize(&self, max: usize) -> usize {
        let _no_commits = self.hold();
        let mut ring = self.ring();
        if ring.max() != max {
            ring.resize(max);
            self.max.store(ring.max(), Ordering::Release);
            self.changes.fetch_add(1, Ordering::AcqRel);
        }
        ring.len()
    }

    /// The number that the next exemplar will have.
    pub(crate) fn next_sequence(&self) -> u64 {
        self.ring().next_sequence()
    }

    /// Writes a record of the exemplars from number `from` on and before `until`, as many as fit; the number to go on
    /// with, if there are more.
    pub(crate) fn tell(&self, from: u64, until: u64, out: &mut Vec<u8>) -> Option<u64> {
        let ring = self.ring();
        exemplars::put(out, ring.told(from).take_while(|told| told.sequence < until))
    }

    /// Stores what the log told, by sequence.
    pub(crate) fn restore(&self, told: Vec<(u64, Labels, Exemplar)>, window_ms: i64) {
        let mut ring = self.ring();
        for (sequence, series, exemplar) in told {
            ring.add(&series, exemplar, sequence, window_ms);
        }
    }

    /// The exemplars within `[mint, maxt]` of series that one of the selectors matches, in label order.
    pub(crate) fn select(&self, mint: i64, maxt: i64, selectors: &[Vec<Matcher>]) -> Vec<ExemplarSeries> {
        let matches = |labels: &Labels| {
            let all = |matchers: &Vec<Matcher>| {
                matchers.iter().all(|matcher| matcher.matches(labels.get(&matcher.name).unwrap_or_default()))
            };
            selectors.iter().any(all)
        };
        // Matching may take long, and appends need the ring.
        let mut found = self.ring().series_within(mint, maxt);
        found.retain(matches);
        found.sort_unstable();
        let ring = self.ring();
        let within = |labels: Labels| {
            let exemplars = ring.within(&labels, mint, maxt);
            (!exemplars.is_empty()).then_some(ExemplarSeries { labels, exemplars })
        };
        found.into_iter().filter_map(within).collect()
    }

    pub(crate) fn stats(&self) -> ExemplarStats {
        self.ring().stats()
    }
}
