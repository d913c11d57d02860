//! The read side's only door: what the query engine asks of any store of series.

pub(crate) mod select;
pub mod stats;

use crate::labels::Labels;
use crate::labels::matcher::Matcher;

/// A read that failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StorageError {
    /// The kernel refused.
    #[error("cannot {action}: {source}")]
    Io {
        /// What was being done, with the file's name.
        action: String,
        /// The kernel's error.
        source: std::io::Error,
    },
    /// Bytes on disk that are not what was written.
    #[error("corrupt {what}: {detail}")]
    Corrupt {
        /// File and place.
        what: String,
        /// What is wrong there.
        detail: String,
    },
    /// Another process holds the directory.
    #[error("cannot lock {0}: another process uses this data directory")]
    Locked(String),
}

/// What a selection is for; a store may use it to read less, never to answer differently.
#[derive(Debug, Clone, Default)]
pub struct SelectHints {
    /// First timestamp of interest, inclusive, ms.
    pub mint: i64,
    /// Last timestamp of interest, inclusive, ms.
    pub maxt: i64,
    /// Step of the query, ms; 0 for an instant query.
    pub step: i64,
    /// Range of the range selector, ms; 0 for an instant selector.
    pub range: i64,
    /// Function or aggregation around the selector, empty for none.
    pub function: &'static str,
}

/// Samples of one series as columns of equal length, oldest first. Staleness markers are included.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Columns {
    /// Milliseconds since the Unix epoch, strictly increasing.
    pub timestamps: Vec<i64>,
    /// The values.
    pub values: Vec<f64>,
}

impl Columns {
    /// Empties the columns, keeps their memory.
    pub fn clear(&mut self) {
        self.timestamps.clear();
        self.values.clear();
    }

    /// The number of samples.
    #[must_use]
    pub fn len(&self) -> usize {
        self.timestamps.len()
    }

    /// Whether there is no sample.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.timestamps.is_empty()
    }

    /// Appends a sample.
    #[inline]
    pub fn push(&mut self, timestamp: i64, value: f64) {
        self.timestamps.push(timestamp);
        self.values.push(value);
    }
}

/// One selected series. It holds what it needs to be read later (a snapshot of the head's cell, a
/// reference to its blocks), so that reading takes no lock that an append waits for.
pub trait Series: Send + Sync {
    /// The series' labels.
    fn labels(&self) -> &Labels;

    /// Appends the samples with `mint <= timestamp <= maxt` to `out`.
    ///
    /// # Errors
    /// A page on disk cannot be read or is damaged.
    fn read(&self, mint: i64, maxt: i64, out: &mut Columns) -> Result<(), StorageError>;
}

/// Restricts a question about labels.
#[derive(Debug, Clone, Default)]
pub struct LabelQuery {
    /// Sets of matchers; a series counts when it satisfies any one set. Empty: every series.
    pub matcher_sets: Vec<Vec<Matcher>>,
    /// First timestamp, inclusive, ms.
    pub mint: i64,
    /// Last timestamp, inclusive, ms.
    pub maxt: i64,
}

/// A consistent view of a store.
pub trait Querier: Send + Sync {
    /// The series that satisfy all matchers and have a chunk that overlaps the hints' time range, in
    /// label order.
    ///
    /// # Errors
    /// The index cannot be read or is damaged.
    fn select(&self, matchers: &[Matcher], hints: &SelectHints)
    -> Result<Vec<Box<dyn Series>>, StorageError>;

    /// Sorted distinct label names.
    ///
    /// # Errors
    /// The index cannot be read or is damaged.
    fn label_names(&self, query: &LabelQuery) -> Result<Vec<String>, StorageError>;

    /// Sorted distinct values of one label.
    ///
    /// # Errors
    /// The index cannot be read or is damaged.
    fn label_values(&self, name: &str, query: &LabelQuery) -> Result<Vec<String>, StorageError>;
}

/// A store of series.
pub trait Queryable: Send + Sync {
    /// Opens a view for reads within `[mint, maxt]`, ms, inclusive.
    ///
    /// # Errors
    /// The store is closed or cannot be read.
    fn querier(&self, mint: i64, maxt: i64) -> Result<Box<dyn Querier>, StorageError>;
}
