//! Appends single samples with timestamps of their own: remote write, expositions with timestamps.

use super::{AppendError, Head};
use crate::codec::varint;
use crate::labels::Labels;
use crate::query::StorageError;
use crate::wal::record::{self, Kind};
use foldhash::fast::RandomState;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

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
        match newest {
            Some((t, v)) if t == timestamp && v.to_bits() == value.to_bits() => return Ok(()),
            Some((t, _)) if t == timestamp => return Err(AppendError::Duplicate),
            Some((t, _)) if t > timestamp => return Err(AppendError::OutOfOrder),
            _ => {}
        }
        self.newest.insert(series.id, (timestamp, value));
        self.staged.push((series, timestamp, value));
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
    /// The write-ahead log failed; nothing became visible.
    pub fn commit(&mut self) -> Result<usize, StorageError> {
        if self.staged.is_empty() {
            return Ok(0);
        }
        let (head, staged) = (&self.head, &self.staged);
        let written = head.wal.append(|_, out| {
            head.log_series(staged.iter().map(|(series, _, _)| series), out);
            record::put(out, Kind::Samples, |out| {
                for (series, timestamp, value) in staged {
                    varint::put(out, u64::from(series.id));
                    varint::put_signed(out, *timestamp);
                    out.extend_from_slice(&value.to_bits().to_le_bytes());
                }
            });
        });
        if let Err(error) = written {
            staged.iter().for_each(|(series, _, _)| series.logged.store(false, Ordering::Release));
            self.rollback();
            return Err(error);
        }
        for (series, timestamp, value) in staged {
            head.push_private(series, *timestamp, *value);
        }
        let count = staged.len();
        head.samples_appended.fetch_add(count as u64, Ordering::Relaxed);
        self.rollback();
        Ok(count)
    }

    /// Forgets what is staged.
    pub fn rollback(&mut self) {
        self.staged.clear();
        self.newest.clear();
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
