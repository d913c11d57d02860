//! One slot of a group's open rows: what changed, and the samples that follow from it.

use super::slab::{Chain, Slabs};
use crate::codec::{CodecError, cell};
use crate::query::Columns;
use crate::sample::{STALE_NAN, is_stale_nan};
use std::ops::Range;
use std::sync::Arc;

/// Changes of one slot since the rows were opened. With the first change its bytes begin with the value before.
#[derive(Clone, Copy)]
pub(super) struct Cell {
    /// The newest value; the staleness marker when the slot is absent.
    last: f64,
    last_row: u32,
    chain: Chain,
}

impl Cell {
    /// A cell without changes; `value` is what the slot had in the row before, if anything.
    pub(super) fn new(value: Option<f64>) -> Self {
        Self { last: value.unwrap_or(STALE_NAN), last_row: 0, chain: Chain::default() }
    }

    /// Adds a change in row `row`; `scratch` is for its bytes.
    #[inline]
    pub(super) fn push(&mut self, row: u32, value: f64, slabs: &mut Slabs, scratch: &mut Vec<u8>) {
        scratch.clear();
        if self.chain.is_empty() {
            scratch.extend_from_slice(&self.last.to_bits().to_le_bytes());
        }
        cell::put_change(scratch, u64::from(row - self.last_row), self.last, value);
        slabs.append(&mut self.chain, scratch);
        (self.last, self.last_row) = (value, row);
    }

    /// The newest sample, given the timestamps of the open rows and that of the row before them.
    pub(super) fn newest(&self, rows: &[i64], before: Option<i64>) -> Option<(i64, f64)> {
        if is_stale_nan(self.last) {
            // Absent: since the row of its staleness marker, if that is among the open ones.
            let row = rows.get(self.last_row as usize)?;
            return (!self.chain.is_empty()).then_some((*row, STALE_NAN));
        }
        rows.last().copied().or(before).map(|row| (row, self.last))
    }

    /// A copy, if there is a sample.
    pub(super) fn snapshot(&self, rows: &Arc<Vec<i64>>, slabs: &Slabs) -> Option<CellSnapshot> {
        let mut snapshot = CellSnapshot { timestamps: Arc::clone(rows), base: None, bytes: Vec::new() };
        self.copy(slabs, &mut snapshot).then_some(snapshot)
    }

    /// Puts the cell into a snapshot, whose memory is used again; whether there is a sample.
    pub(super) fn copy(&self, slabs: &Slabs, out: &mut CellSnapshot) -> bool {
        out.bytes.clear();
        slabs.read(self.chain, &mut out.bytes);
        let base = match out.bytes.first_chunk() {
            Some(bits) => f64::from_bits(u64::from_le_bytes(*bits)),
            None => self.last,
        };
        out.base = (!is_stale_nan(base)).then_some(base);
        out.base.is_some() || !out.bytes.is_empty()
    }
}

/// An open cell as it was at one moment.
pub(crate) struct CellSnapshot {
    pub(super) timestamps: Arc<Vec<i64>>,
    pub(super) base: Option<f64>,
    /// The bits of `base`, then the changes; nothing when there is none.
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
        let mut bytes = self.bytes.get(8..).unwrap_or_default();
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
