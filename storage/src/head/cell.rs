//! One slot of a group's open rows: what changed, and the samples that follow from it.

use crate::codec::{CodecError, cell};
use crate::query::Columns;
use crate::sample::{STALE_NAN, is_stale_nan};
use std::ops::Range;
use std::sync::Arc;

/// Changes of one slot since the rows were opened.
#[derive(Default, Clone)]
pub(super) struct Cell {
    /// Value before the first change; `None` when the slot was absent.
    pub(super) base: Option<f64>,
    pub(super) last: f64,
    pub(super) last_row: u32,
    pub(super) bytes: Vec<u8>,
}

impl Cell {
    /// The newest sample, given the timestamps of the open rows.
    pub(super) fn newest(&self, rows: &[i64]) -> Option<(i64, f64)> {
        if is_stale_nan(self.last) {
            // Absent: since the row of its staleness marker, if that is among the open ones.
            let row = rows.get(self.last_row as usize)?;
            return (!self.bytes.is_empty()).then_some((*row, STALE_NAN));
        }
        // A slot that was given to a series whose first row was refused has neither.
        let any = self.base.is_some() || !self.bytes.is_empty();
        rows.last().filter(|_| any).map(|row| (*row, self.last))
    }

    /// A copy, if there is a sample.
    pub(super) fn snapshot(&self, rows: &Arc<Vec<i64>>) -> Option<CellSnapshot> {
        (self.base.is_some() || !self.bytes.is_empty()).then(|| CellSnapshot {
            timestamps: Arc::clone(rows),
            base: self.base,
            bytes: self.bytes.clone(),
        })
    }
}

/// An open cell as it was at one moment.
pub(crate) struct CellSnapshot {
    pub(super) timestamps: Arc<Vec<i64>>,
    pub(super) base: Option<f64>,
    pub(super) bytes: Vec<u8>,
}

impl CellSnapshot {
    /// First and last timestamp of the group's open rows, ms.
    pub(crate) fn range(&self) -> Option<(i64, i64)> {
        Some((*self.timestamps.first()?, *self.timestamps.last()?))
    }

    pub(crate) fn overlaps(&self, mint: i64, maxt: i64) -> bool {
        self.range().is_some_and(|(first, last)| first <= maxt && last >= mint)
    }

    /// Appends the cell's samples within `[mint, maxt]`: a value holds for every row until the next change,
    /// a staleness marker for one.
    pub(crate) fn read(&self, mint: i64, maxt: i64, out: &mut Columns) -> Result<(), CodecError> {
        let begin = self.timestamps.partition_point(|row| *row < mint);
        let end = self.timestamps.partition_point(|row| *row <= maxt);
        let mut bytes = self.bytes.as_slice();
        let mut value = self.base;
        let mut running = cell::Running::new(self.base.unwrap_or(STALE_NAN));
        let mut row = 0usize;
        let mut change_row = 0usize;
        while !bytes.is_empty() && row < end {
            let (gap, kind) = cell::take_head(&mut bytes)?;
            change_row = change_row.saturating_add(usize::try_from(gap).unwrap_or(usize::MAX));
            self.fill(row.max(begin)..change_row.min(end), value, out);
            let changed = running.take(&mut bytes, kind)?;
            row = change_row;
            value = Some(changed);
            if is_stale_nan(changed) {
                self.fill(row.max(begin)..(row + 1).min(end), value, out);
                row += 1;
                value = None;
            }
        }
        self.fill(row.max(begin)..end, value, out);
        if !out.starts.is_empty() {
            out.starts.resize(out.timestamps.len(), 0);
        }
        Ok(())
    }

    fn fill(&self, rows: Range<usize>, value: Option<f64>, out: &mut Columns) {
        if let (Some(value), Some(timestamps)) = (value, self.timestamps.get(rows)) {
            out.timestamps.extend_from_slice(timestamps);
            out.values.resize(out.timestamps.len(), value);
        }
    }
}
