//! What the series of the head are made of: how many there are by metric, label, pair, job and target, who
//! brought them, how they grew, and when a metric was queried last.
//!
//! Counts are kept as series come and go ([`counters`], in a bounded [`table`]), so that a question costs no
//! walk through the series. Every hour the largest counts go into the [`history`], which a file keeps.

pub(crate) mod counters;
mod history;
mod report;
mod sketch;
pub(crate) mod table;
mod usage;

pub use report::{CardinalityQuery, CardinalityReport, CardinalityRow};

use crate::filenames;
use crate::head::Head;
use crate::io::Files;
use crate::query::StorageError;
use history::{History, hour};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use usage::Usage;

const HOUR_MS: i64 = 3_600_000;
/// A file that is larger is none of ours, bytes.
const FILE_MAX: u64 = 64 << 20;

/// By what series are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Dimension {
    /// Metric name.
    Metric,
    /// Label name.
    Label,
    /// Label name and value.
    Pair,
    /// Value of the label `job`.
    Job,
    /// Values of the labels `job` and `instance`.
    Target,
}

impl Dimension {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Metric, Self::Label, Self::Pair, Self::Job, Self::Target];

    /// A name as it is shown: `label=value`, `job/instance`.
    #[must_use]
    pub fn shown(self, (first, second): (&str, &str)) -> String {
        match self {
            Self::Metric | Self::Label | Self::Job => first.to_owned(),
            Self::Pair => format!("{first}={second}"),
            Self::Target => format!("{first}/{second}"),
        }
    }
}

/// What is remembered beside the counters.
#[derive(Debug, Default)]
pub(crate) struct Cardinality {
    history: Mutex<History>,
    pub(crate) usage: Usage,
    /// The hour in which the first look was taken.
    began: Mutex<Option<i64>>,
    unsaved: AtomicBool,
}

impl Cardinality {
    /// Reads the file of a data directory; why it cannot be used, if there is one. Then all begins anew.
    pub(crate) fn open(files: &Files, dir: &Path) -> (Self, Option<(PathBuf, String)>) {
        let path = dir.join(filenames::CARDINALITY);
        let listed = files.list(dir).unwrap_or_default();
        let Some(found) = listed.iter().find(|one| one.path == path) else { return (Self::default(), None) };
        let read = match found.len {
            0..=FILE_MAX => files.map(&path).map_err(|error| error.to_string()),
            _ => Err(format!("{} bytes are more than such a file has", found.len)),
        };
        match read.and_then(|bytes| history::decode(&bytes).map_err(|error| error.to_string())) {
            Ok((history, usage)) => {
                let known = Self { history: Mutex::new(history), ..Self::default() };
                usage.iter().for_each(|(metric, seconds)| known.usage.note(metric, *seconds));
                (known, None)
            }
            Err(reason) => (Self::default(), Some((path, reason))),
        }
    }

    fn history(&self) -> MutexGuard<'_, History> {
        self.history.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a snapshot when an hour has begun since the last one, or since the first look.
    pub(crate) fn look(&self, head: &Head, now_ms: i64) {
        let began = *self.began.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(hour(now_ms));
        let mut history = self.history();
        if history.newest_ms().map_or(began, hour) == hour(now_ms) {
            return;
        }
        history.push(now_ms, &head.index().counters);
        self.unsaved.store(true, Ordering::Release);
    }

    /// Notes that a metric was queried, with the time in seconds since the epoch.
    pub(crate) fn note_queried(&self, metric: &str, seconds: u32) {
        self.usage.note(metric, seconds);
    }

    /// Writes the file if there is something new: with `all` the latest queries, too, which alone are no
    /// reason to write otherwise.
    pub(crate) fn save(&self, files: &Files, dir: &Path, all: bool) -> Result<(), StorageError> {
        if !self.unsaved.swap(false, Ordering::AcqRel) && !all {
            return Ok(());
        }
        let bytes = {
            let (history, usage) = (self.history(), self.usage.all());
            if history.newest_ms().is_none() && usage.is_empty() {
                return Ok(());
            }
            history::encode(&history, &usage)
        };
        let saved = files.replace_durably(&dir.join(filenames::CARDINALITY), &bytes);
        self.unsaved.fetch_or(saved.is_err(), Ordering::AcqRel);
        saved
    }
}
