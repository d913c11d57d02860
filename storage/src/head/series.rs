//! One series of the head: its labels, its sealed chunks, and who is writing to it.

use super::ROWS_MAX;
use super::group::{CellSnapshot, Group};
use crate::codec::{CodecError, value, varint};
use crate::labels::Labels;
use crate::query::Columns;
use std::sync::atomic::{AtomicBool, AtomicI64};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

/// Sealed samples: a timestamp column, shared where the group's rows allow, and a frame of values.
pub(crate) struct Chunk {
    pub(crate) timestamps: Arc<[i64]>,
    pub(crate) frame: Box<[u8]>,
}

impl Chunk {
    pub(crate) fn seal(timestamps: Arc<[i64]>, values: &[f64]) -> Self {
        let mut frame = Vec::new();
        value::encode(values, &mut frame);
        Self { timestamps, frame: frame.into_boxed_slice() }
    }

    pub(crate) fn min(&self) -> i64 {
        self.timestamps.first().copied().unwrap_or(i64::MAX)
    }

    pub(crate) fn max(&self) -> i64 {
        self.timestamps.last().copied().unwrap_or(i64::MIN)
    }

    pub(crate) fn read(&self, out: &mut Columns) -> Result<(), CodecError> {
        let before = out.values.len();
        value::decode(&mut &*self.frame, &mut out.values)?;
        if out.values.len() - before != self.timestamps.len() {
            return Err(CodecError("frame and timeline differ in length"));
        }
        out.timestamps.extend_from_slice(&self.timestamps);
        Ok(())
    }
}

#[derive(Default)]
pub(crate) struct SeriesState {
    pub(crate) chunks: Vec<Arc<Chunk>>,
    /// Samples with timestamps of their own that no chunk holds yet.
    pub(crate) open: Columns,
    /// Groups in which the series has a slot.
    pub(crate) owners: Vec<(Weak<Group>, u32)>,
}

pub(crate) struct MemSeries {
    pub(crate) id: u32,
    pub(crate) labels: Labels,
    pub(crate) state: Mutex<SeriesState>,
    /// More than one writer: each append then keeps `last_ms` and checks against it.
    pub(crate) shared: AtomicBool,
    /// The newest timestamp; exact while `shared`, a lower bound otherwise.
    pub(crate) last_ms: AtomicI64,
    /// Whether the current write-ahead log holds the labels.
    pub(crate) logged: AtomicBool,
}

impl MemSeries {
    pub(crate) fn new(id: u32, labels: Labels) -> Self {
        Self {
            id,
            labels,
            state: Mutex::default(),
            shared: AtomicBool::new(false),
            last_ms: AtomicI64::new(i64::MIN),
            logged: AtomicBool::new(false),
        }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, SeriesState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        let labels = self.labels.as_encoded();
        varint::put(out, u64::from(self.id));
        varint::put(out, labels.len() as u64);
        out.extend_from_slice(labels.as_bytes());
    }

    /// Appends a sample with its own timestamp; order was checked by the caller.
    pub(crate) fn push(&self, timestamp: i64, value: f64, block_range_ms: i64) {
        let mut state = self.state();
        let crosses =
            state.open.timestamps.first().is_some_and(|first| {
                first.div_euclid(block_range_ms) != timestamp.div_euclid(block_range_ms)
            });
        if state.open.len() >= ROWS_MAX || crosses {
            state.seal_open();
        }
        state.open.push(timestamp, value);
    }

    /// Everything that the head knows of the series, fit to be read without any lock.
    pub(crate) fn snapshot(&self, mint: i64, maxt: i64) -> SeriesSnapshot {
        let owners = self.state().owners.clone();
        // Cells before chunks: a cell that is sealed in between is then seen twice rather than never.
        let cells = owners
            .iter()
            .filter_map(|(group, slot)| group.upgrade()?.cell(*slot))
            .filter(|cell| cell.overlaps(mint, maxt))
            .collect();
        let state = self.state();
        let chunks = state.chunks.iter().filter(|c| c.min() <= maxt && c.max() >= mint).cloned().collect();
        SeriesSnapshot { labels: self.labels.clone(), chunks, cells, open: state.open.clone() }
    }

    /// The newest timestamp and value, however they were written.
    pub(crate) fn newest(&self) -> Option<(i64, f64)> {
        let mut out = Columns::default();
        let snapshot = self.snapshot(i64::MIN, i64::MAX);
        snapshot.read_newest(&mut out);
        out.timestamps.last().copied().zip(out.values.last().copied())
    }
}

impl SeriesState {
    pub(crate) fn seal_open(&mut self) {
        if !self.open.is_empty() {
            let chunk = Chunk::seal(Arc::from(self.open.timestamps.as_slice()), &self.open.values);
            self.chunks.push(Arc::new(chunk));
            self.open.clear();
        }
    }
}

/// A series as it was at one moment.
pub(crate) struct SeriesSnapshot {
    pub(crate) labels: Labels,
    chunks: Vec<Arc<Chunk>>,
    cells: Vec<CellSnapshot>,
    open: Columns,
}

impl SeriesSnapshot {
    pub(crate) fn is_empty(&self, mint: i64, maxt: i64) -> bool {
        let open = self.open.timestamps.first().zip(self.open.timestamps.last());
        self.chunks.is_empty()
            && self.cells.is_empty()
            && !open.is_some_and(|(a, b)| *a <= maxt && *b >= mint)
    }

    /// Appends every sample, in no particular order between parts.
    pub(crate) fn read(&self, out: &mut Columns) -> Result<(), CodecError> {
        for chunk in &self.chunks {
            chunk.read(out)?;
        }
        for cell in &self.cells {
            cell.read(out)?;
        }
        out.timestamps.extend_from_slice(&self.open.timestamps);
        out.values.extend_from_slice(&self.open.values);
        Ok(())
    }

    fn read_newest(&self, out: &mut Columns) {
        let newest = self.chunks.iter().max_by_key(|c| c.max());
        let mut all = Columns::default();
        // A chunk of our own making decodes; should memory be damaged, the series merely looks older.
        let _ = newest.map(|c| c.read(&mut all));
        for cell in &self.cells {
            let _ = cell.read(&mut all);
        }
        if let (Some(&t), Some(&v)) = (self.open.timestamps.last(), self.open.values.last()) {
            all.push(t, v);
        }
        let best = all.timestamps.iter().zip(&all.values).max_by_key(|(t, _)| **t);
        if let Some((&t, &v)) = best {
            out.push(t, v);
        }
    }
}
