//! The read side's only door: what the query engine asks of any store of series.

mod lost;
mod masks;
mod merge;
pub(crate) mod postings;
pub(crate) mod rows;
pub(crate) mod select;
pub mod stats;
pub(crate) mod tidy;

use crate::histogram::FloatHistogram;
use crate::labels::Labels;
use crate::labels::matcher::Matcher;
pub use rows::Rows;
use std::ops::Range;
use std::sync::Arc;

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

/// What a selection is for; a store may use it to read less. Of raw samples it never changes an answer; of
/// downsampled ones `function` says which aggregate takes the place of the values.
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
    /// The order of the series has no meaning to the reader, which spares the sorting.
    pub unsorted: bool,
}

/// Samples of one series as columns of equal length, oldest first. Staleness markers are included, as
/// floats, also those of histogram series.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Columns {
    /// Milliseconds since the Unix epoch, strictly increasing.
    pub timestamps: Vec<i64>,
    /// The values; NaN where the sample is a histogram.
    pub values: Vec<f64>,
    /// Histograms by position in the other columns, ascending; empty for a series of floats.
    pub histograms: Vec<(u32, Arc<FloatHistogram>)>,
    /// Start timestamps, ms, 0 for none. Empty when no sample has one, else as long as the others.
    pub starts: Vec<i64>,
    /// What those samples stand for that are downsampled.
    pub rows: Rows,
}

impl Columns {
    /// Empties the columns, keeps their memory.
    pub fn clear(&mut self) {
        self.timestamps.clear();
        self.values.clear();
        self.histograms.clear();
        self.starts.clear();
        self.rows.clear();
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

    /// Appends a float without a start timestamp.
    #[inline]
    pub fn push(&mut self, timestamp: i64, value: f64) {
        self.timestamps.push(timestamp);
        self.values.push(value);
        if !self.starts.is_empty() {
            self.starts.push(0);
        }
    }

    /// Appends a float; `start` is 0 for none.
    pub fn push_started(&mut self, timestamp: i64, value: f64, start: i64) {
        if start != 0 && self.starts.is_empty() {
            self.starts.resize(self.timestamps.len(), 0);
        }
        self.timestamps.push(timestamp);
        self.values.push(value);
        if start != 0 || !self.starts.is_empty() {
            self.starts.push(start);
        }
    }

    /// Appends a histogram; `start` is 0 for none.
    pub fn push_histogram(&mut self, timestamp: i64, histogram: Arc<FloatHistogram>, start: i64) {
        // Positions are 32 bits: a column of 4 billion samples is beyond any budget.
        self.histograms.push((u32::try_from(self.timestamps.len()).unwrap_or(u32::MAX), histogram));
        self.push_started(timestamp, f64::NAN, start);
    }

    /// Appends all samples of other columns.
    pub fn append(&mut self, other: &Self) {
        let base = self.timestamps.len();
        self.timestamps.extend_from_slice(&other.timestamps);
        self.values.extend_from_slice(&other.values);
        let at = |position: u32| u32::try_from(base + position as usize).unwrap_or(u32::MAX);
        self.histograms.extend(other.histograms.iter().map(|(p, h)| (at(*p), Arc::clone(h))));
        if !self.starts.is_empty() || !other.starts.is_empty() {
            self.starts.resize(base, 0);
            self.starts.extend_from_slice(&other.starts);
            self.starts.resize(self.timestamps.len(), 0);
        }
        self.rows.append(base, &other.rows);
    }

    /// Lets raw samples between downsampled ones share frames with those.
    pub(crate) fn adopt(&mut self) {
        if !self.rows.is_empty() {
            let mut rows = std::mem::take(&mut self.rows);
            rows.adopt(|at| if self.histogram(at).is_some() { None } else { self.values.get(at).copied() });
            self.rows = rows;
        }
    }

    /// Appends the sample of other columns at a position, if they have one there.
    pub fn push_from(&mut self, other: &Self, position: usize) {
        let value = other.timestamps.get(position).zip(other.values.get(position));
        let Some((timestamp, value)) = value else { return };
        self.rows.push_from(self.timestamps.len(), &other.rows, position);
        match other.histogram(position) {
            Some(histogram) => self.push_histogram(*timestamp, Arc::clone(histogram), other.start(position)),
            None => self.push_started(*timestamp, *value, other.start(position)),
        }
    }

    /// Keeps of the samples from `start` on those at `kept`, positions after `start`.
    pub(crate) fn keep(&mut self, start: usize, kept: Range<usize>) {
        let kept = start + kept.start..start + kept.end;
        for column in [&mut self.timestamps, &mut self.starts] {
            column.truncate(kept.end);
            column.drain(start.min(column.len())..kept.start.min(column.len()));
        }
        self.values.truncate(kept.end);
        self.values.drain(start..kept.start);
        self.rows.keep(start, kept.start, kept.end);
        if !self.histograms.is_empty() {
            let dropped = kept.start - start;
            self.histograms.retain_mut(|(position, _)| {
                let at = *position as usize;
                if at >= kept.start {
                    *position -= dropped as u32;
                }
                at < start || kept.contains(&at)
            });
        }
    }

    /// Takes out what was appended behind the first `len` samples, also to some of the columns only.
    pub(crate) fn cut_back(&mut self, len: usize) {
        self.timestamps.truncate(len);
        self.values.truncate(len);
        self.starts.truncate(len);
        let kept = self.histograms.partition_point(|(position, _)| (*position as usize) < len);
        self.histograms.truncate(kept);
        self.rows.keep(len, len, len);
    }

    /// The start timestamp of a sample, 0 for none.
    #[inline]
    #[must_use]
    pub fn start(&self, position: usize) -> i64 {
        self.starts.get(position).copied().unwrap_or(0)
    }

    /// The last sample.
    #[must_use]
    pub fn newest(&self) -> Option<Newest> {
        let last = self.len().checked_sub(1)?;
        let (timestamp, value) = (*self.timestamps.get(last)?, *self.values.get(last)?);
        let (histogram, resolution) = (self.histogram(last).cloned(), self.rows.resolution(last));
        Some(Newest { timestamp, value, histogram, start: self.start(last), resolution })
    }

    /// The histogram at a position, `None` where the sample is a float.
    #[inline]
    #[must_use]
    pub fn histogram(&self, position: usize) -> Option<&Arc<FloatHistogram>> {
        if self.histograms.is_empty() {
            return None;
        }
        let key = u32::try_from(position).ok()?;
        let at = self.histograms.binary_search_by_key(&key, |(at, _)| *at).ok()?;
        self.histograms.get(at).map(|(_, histogram)| histogram)
    }
}

/// The newest sample of a range.
#[derive(Debug, Clone, PartialEq)]
pub struct Newest {
    /// Milliseconds since the Unix epoch.
    pub timestamp: i64,
    /// The value; NaN where the sample is a histogram.
    pub value: f64,
    /// The histogram, if it is one.
    pub histogram: Option<Arc<FloatHistogram>>,
    /// Start timestamp, ms, 0 for none.
    pub start: i64,
    /// Length of the interval that it is the last one of, ms; 0 for a raw sample.
    pub resolution: u32,
}

/// One selected series. It holds what it needs to be read later (a snapshot of the head's cell, a
/// reference to its blocks), so that reading takes no lock that an append waits for.
pub trait Series: Send + Sync {
    /// The series' labels.
    fn labels(&self) -> &Labels;

    /// Appends the samples with `mint <= timestamp <= maxt` to `out`, without those that are damaged on the disk,
    /// of which [`Querier::warnings`] tells.
    ///
    /// # Errors
    /// A file cannot be read.
    fn read(&self, mint: i64, maxt: i64, out: &mut Columns) -> Result<(), StorageError>;

    /// The newest sample with `mint <= timestamp <= maxt`, a staleness marker included. A store that can
    /// answers without decoding the others; `scratch` is for one that cannot.
    ///
    /// # Errors
    /// As [`Series::read`].
    fn newest(&self, mint: i64, maxt: i64, scratch: &mut Columns) -> Result<Option<Newest>, StorageError> {
        scratch.clear();
        self.read(mint, maxt, scratch)?;
        Ok(scratch.newest())
    }
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

    /// The longest interval, ms, that a sample within `[mint, maxt]` may stand for, or one that lies less than
    /// such an interval before it; 0 where all samples are raw.
    fn resolution_ms(&self, _mint: i64, _maxt: i64) -> i64 {
        0
    }

    /// What the answers so far leave out, those of the selected series included: a store that can do so leaves out
    /// what is damaged and gives the rest.
    fn warnings(&self) -> Vec<String> {
        Vec::new()
    }
}

/// A store of series.
pub trait Queryable: Send + Sync {
    /// Opens a view for reads within `[mint, maxt]`, ms, inclusive.
    ///
    /// # Errors
    /// The store is closed or cannot be read.
    fn querier(&self, mint: i64, maxt: i64) -> Result<Box<dyn Querier>, StorageError>;
}
