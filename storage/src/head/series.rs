//! One series of the head: its labels, its sealed chunks, and who is writing to it.

use super::ROWS_MAX;
use super::entry::{Entry, SampleValue};
use super::group::{CellSnapshot, Group};
use super::open::Open;
use crate::codec::{CodecError, frame, varint};
use crate::labels::Labels;
use crate::query::Columns;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicI64};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

/// Sealed samples: a timestamp column, shared where the group's rows allow, and a frame of the samples.
pub(crate) struct Chunk {
    pub(crate) timestamps: Arc<[i64]>,
    pub(crate) frame: Box<[u8]>,
}

impl Chunk {
    /// Seals the samples of `piece`, one of `frame::pieces`; the timestamps are theirs.
    pub(crate) fn seal(timestamps: Arc<[i64]>, columns: &Columns, piece: Range<usize>) -> Self {
        let mut bytes = Vec::new();
        frame::encode(columns, piece, &mut bytes);
        Self { timestamps, frame: bytes.into_boxed_slice() }
    }

    pub(crate) fn min(&self) -> i64 {
        self.timestamps.first().copied().unwrap_or(i64::MAX)
    }

    pub(crate) fn max(&self) -> i64 {
        self.timestamps.last().copied().unwrap_or(i64::MIN)
    }

    pub(crate) fn read(&self, out: &mut Columns) -> Result<(), CodecError> {
        let count = self.timestamps.len();
        frame::decode(&mut &*self.frame, count, 0..count, out)?;
        out.timestamps.extend_from_slice(&self.timestamps);
        Ok(())
    }
}

/// The newest sample that a series has outside of open cells of groups.
pub(crate) type Tail = Option<(i64, SampleValue)>;

#[derive(Default)]
pub(crate) struct SeriesState {
    pub(crate) chunks: Vec<Arc<Chunk>>,
    /// Samples with timestamps of their own that no chunk holds yet.
    pub(crate) open: Open,
    pub(crate) tail: Tail,
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
    pub(crate) fn push(&self, entry: Entry, block_range_ms: i64) {
        let mut state = self.state();
        if !state.open.takes(&entry, block_range_ms) {
            state.seal_open();
        }
        state.note(entry.timestamp, entry.value.clone());
        state.open.push(entry);
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
        let mut open = Columns::default();
        // Open samples are of our own making and decode; should memory be damaged, they merely end early.
        let _ = state.open.read(maxt, &mut open);
        SeriesSnapshot { labels: self.labels.clone(), chunks, cells, open }
    }

    /// The newest sample, however it was written, and whether a group may write another.
    pub(crate) fn newest(&self) -> (Tail, bool) {
        let (tail, owners) = {
            let state = self.state();
            if state.owners.is_empty() {
                return (state.tail.clone(), false);
            }
            (state.tail.clone(), state.owners.clone())
        };
        let cells = owners.iter().filter_map(|(group, slot)| group.upgrade()?.newest(*slot));
        let cells = cells.map(|(timestamp, value)| (timestamp, SampleValue::Float(value)));
        (tail.into_iter().chain(cells).max_by_key(|(timestamp, _)| *timestamp), true)
    }
}

impl SeriesState {
    pub(crate) fn seal_open(&mut self) {
        let mut columns = Columns::default();
        // Open samples are of our own making and decode; should memory be damaged, they merely end early.
        let _ = self.open.read(i64::MAX, &mut columns);
        for piece in frame::pieces(&columns, ROWS_MAX) {
            let timestamps = columns.timestamps.get(piece.clone()).unwrap_or_default();
            self.chunks.push(Arc::new(Chunk::seal(Arc::from(timestamps), &columns, piece)));
        }
        self.open.clear();
    }

    /// Remembers the newest sample.
    pub(crate) fn note(&mut self, timestamp: i64, value: SampleValue) {
        if self.tail.as_ref().is_none_or(|(newest, _)| *newest <= timestamp) {
            self.tail = Some((timestamp, value));
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
        out.append(&self.open);
        Ok(())
    }
}
