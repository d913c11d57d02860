//! Appends single samples with timestamps of their own: remote write, expositions with timestamps.

use super::{AppendError, Head};
use crate::codec::varint;
use crate::labels::Labels;
use crate::wal::record::{self, Kind};
use foldhash::fast::RandomState;
use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use super::series::MemSeries;

/// Stages samples, checks them, and makes them visible together. Dropping it rolls back.
pub struct Appender {
    head: Arc<Head>,
    staged: Vec<(Arc<MemSeries>, i64, f64)>,
    /// Newest staged sample of each series.
    newest: HashMap<u32, (i64, f64), RandomState>,
}

impl Appender {
    pub(crate) fn new(head: Arc<Head>) -> Self {
        Self { head, staged: Vec::new(), newest: HashMap::default() }
    }

    /// Stages a sample. A sample that is there already is accepted and not written twice.
    ///
    /// # Errors
    /// The sample is older than the series' newest one, contradicts it, or is older than the head takes.
    pub fn append(&mut self, labels: &Labels, timestamp: i64, value: f64) -> Result<(), AppendError> {
        if timestamp < self.head.min_valid_ms.load(Ordering::Acquire) {
            return Err(AppendError::OutOfBounds);
        }
        let series = self.head.series(labels);
        let newest = match self.newest.get(&series.id) {
            Some(newest) => Some(*newest),
            None => series.newest(),
        };
        if follows(newest, timestamp, value)? {
            self.newest.insert(series.id, (timestamp, value));
            self.staged.push((series, timestamp, value));
        }
        Ok(())
    }

    /// Samples staged so far.
    #[must_use]
    pub fn len(&self) -> usize {
        self.staged.len()
    }

    /// Whether nothing is staged.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.staged.is_empty()
    }

    /// Writes the staged samples to the log and makes them visible.
    ///
    /// # Errors
    /// The write-ahead log failed, or a sample does not fit any more: another appender was faster, or the
    /// head let go of its time. Nothing became visible.
    pub fn commit(&mut self) -> Result<usize, AppendError> {
        if self.staged.is_empty() {
            return Ok(0);
        }
        let head = Arc::clone(&self.head);
        let _commit = head.commits.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = self.check_again() {
            self.rollback();
            return Err(error);
        }
        let staged = &self.staged;
        let written = head.wal.append(|_, out| {
            head.log_series(staged.iter().map(|(series, _, _)| series), out);
            record::put_list(out, Kind::Samples, staged, |out, (series, timestamp, value)| {
                varint::put(out, u64::from(series.id));
                varint::put_signed(out, *timestamp);
                out.extend_from_slice(&value.to_bits().to_le_bytes());
            });
        });
        if let Err(error) = written {
            staged.iter().for_each(|(series, _, _)| series.logged.store(false, Ordering::Release));
            self.rollback();
            return Err(error.into());
        }
        for (series, timestamp, value) in staged {
            head.push_private(series, *timestamp, *value);
        }
        let count = staged.len();
        head.samples_appended.fetch_add(count as u64, Ordering::Relaxed);
        self.rollback();
        Ok(count)
    }

    /// What was true when the samples were staged may have changed until they are committed.
    fn check_again(&mut self) -> Result<(), AppendError> {
        let bound = self.head.min_valid_ms.load(Ordering::Acquire);
        let mut result = Ok(());
        let mut checked = None;
        self.staged.retain(|(series, timestamp, value)| {
            // The samples of one series follow each other: if the first one fits, so do the others.
            let first = checked.replace(series.id) != Some(series.id);
            let fits = match first {
                _ if *timestamp < bound => Err(AppendError::OutOfBounds),
                true => follows(series.newest(), *timestamp, *value),
                false => Ok(true),
            };
            fits.unwrap_or_else(|error| {
                result = Err(error);
                false
            })
        });
        result
    }

    /// Forgets what is staged.
    pub fn rollback(&mut self) {
        self.staged.clear();
        self.newest.clear();
    }
}

/// Whether a sample comes after the newest of its series; `false` when it is that sample itself.
fn follows(newest: Option<(i64, f64)>, timestamp: i64, value: f64) -> Result<bool, AppendError> {
    match newest {
        Some((t, v)) if t == timestamp && v.to_bits() == value.to_bits() => Ok(false),
        Some((t, _)) if t == timestamp => Err(AppendError::Duplicate),
        Some((t, _)) if t > timestamp => Err(AppendError::OutOfOrder),
        _ => Ok(true),
    }
}

impl Head {
    /// Adds a sample outside any group and tells the series' groups that they are no longer alone.
    pub(crate) fn push_private(&self, series: &MemSeries, timestamp: i64, value: f64) {
        if !series.shared.swap(true, Ordering::AcqRel) {
            for (group, _) in &series.state().owners {
                if let Some(group) = group.upgrade() {
                    group.has_shared.store(true, Ordering::Release);
                }
            }
        }
        series.last_ms.fetch_max(timestamp, Ordering::AcqRel);
        series.push(timestamp, value, self.block_range_ms);
        self.note_time(timestamp);
    }
}
