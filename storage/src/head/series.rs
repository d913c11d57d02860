//! One series of the head: its labels, its sealed chunks, and who is writing to it.

use super::ROWS_MAX;
use super::entry::{Entry, SampleValue};
use super::labels::SeriesLabels;
use super::late::Late;
use super::open::Open;
use super::owners::Owners;
use super::timelines::Timelines;
use crate::codec::timestamp::Timeline;
use crate::codec::{CodecError, frame, varint};
use crate::query::Columns;
use std::ops::{Deref, Range};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What was sealed together: frames of several series that have one timestamp column.
pub(crate) struct Frames {
    timeline: Arc<Timeline>,
    bytes: Box<[u8]>,
}

impl Frames {
    /// Frames one behind the other, less than 4 GiB of them.
    pub(crate) fn new(timeline: Arc<Timeline>, bytes: Vec<u8>) -> Arc<Self> {
        Arc::new(Self { timeline, bytes: bytes.into() })
    }
}

/// Sealed samples of one series: where its frame is among those that were sealed together.
#[derive(Clone)]
pub(crate) struct Chunk {
    frames: Arc<Frames>,
    begin: u32,
    end: u32,
}

impl Chunk {
    /// Seals the samples of `piece`, one of `frame::pieces`; the timeline is theirs.
    pub(crate) fn seal(timeline: Arc<Timeline>, columns: &Columns, piece: Range<usize>) -> Self {
        let mut bytes = Vec::new();
        frame::encode(columns, piece, &mut bytes);
        let end = bytes.len();
        Self::within(&Frames::new(timeline, bytes), 0..end)
    }

    /// A chunk whose frame is at a place among others.
    pub(crate) fn within(frames: &Arc<Frames>, place: Range<usize>) -> Self {
        let word = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        Self { frames: Arc::clone(frames), begin: word(place.start), end: word(place.end) }
    }

    pub(crate) fn timeline(&self) -> &Timeline {
        &self.frames.timeline
    }

    pub(crate) fn frame(&self) -> &[u8] {
        self.frames.bytes.get(self.begin as usize..self.end as usize).unwrap_or_default()
    }

    pub(crate) fn min(&self) -> i64 {
        self.frames.timeline.range().map_or(i64::MAX, |(min, _)| min)
    }

    pub(crate) fn max(&self) -> i64 {
        self.frames.timeline.range().map_or(i64::MIN, |(_, max)| max)
    }

    /// Whether both are the same chunk.
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.frames, &other.frames) && self.begin == other.begin
    }

    pub(crate) fn overlaps(&self, mint: i64, maxt: i64) -> bool {
        self.frames.timeline.range().is_some_and(|(min, max)| min <= maxt && max >= mint)
    }

    /// Appends the samples within `[mint, maxt]`.
    pub(crate) fn read(&self, mint: i64, maxt: i64, out: &mut Columns) -> Result<(), CodecError> {
        let rows = self.frames.timeline.within(mint, maxt);
        frame::decode(&mut self.frame(), self.frames.timeline.len(), rows.clone(), out)?;
        self.frames.timeline.extend(rows, &mut out.timestamps);
        Ok(())
    }
}

/// The list of a series' chunks, which readers share. Most of the time most series have none, and after a start all
/// have one.
#[derive(Clone, Default)]
pub(crate) struct Chunks(Option<Arc<ChunkList>>);

enum ChunkList {
    One([Chunk; 1]),
    Many(Vec<Chunk>),
}

impl Chunks {
    fn of(mut chunks: Vec<Chunk>) -> Self {
        let list = match (chunks.pop(), chunks.is_empty()) {
            (None, _) => return Self(None),
            (Some(one), true) => ChunkList::One([one]),
            (Some(last), false) => {
                chunks.push(last);
                ChunkList::Many(chunks)
            }
        };
        Self(Some(Arc::new(list)))
    }

    fn push(&mut self, chunk: Chunk) {
        *self = Self::of(self.iter().cloned().chain([chunk]).collect());
    }

    /// Keeps the chunks for which `keep` says so; whether there were others.
    fn retain(&mut self, keep: impl Fn(usize, &Chunk) -> bool) -> bool {
        if self.iter().enumerate().all(|(at, chunk)| keep(at, chunk)) {
            return false;
        }
        let all = self.iter().enumerate();
        *self =
            Self::of(all.filter(|(at, chunk)| keep(*at, chunk)).map(|(_, chunk)| chunk.clone()).collect());
        true
    }
}

impl Deref for Chunks {
    type Target = [Chunk];
    fn deref(&self) -> &[Chunk] {
        match self.0.as_deref() {
            None => &[],
            Some(ChunkList::One(one)) => one,
            Some(ChunkList::Many(many)) => many,
        }
    }
}

/// Samples with timestamps of their own that no chunk holds yet: in order, and late ones.
#[derive(Default)]
struct Private {
    open: Open,
    late: Late,
}

/// What a series has besides chunks and cells.
#[derive(Default)]
struct Side {
    /// The newest sample, as far as it does not follow from a group's cell.
    tail: Option<Entry>,
    private: Option<Box<Private>>,
}

#[derive(Default)]
pub(crate) struct SeriesState {
    /// Oldest first as far as one writer made them. Readers take the list as it is.
    pub(crate) chunks: Chunks,
    /// Counts the changes of `chunks`.
    pub(crate) version: u32,
    /// Most series have nothing of it.
    side: Option<Box<Side>>,
    /// The newest sample may be in a file of level 0, and nobody looked yet.
    pub(crate) stored: bool,
    /// Groups in which the series has a slot.
    pub(crate) owners: Owners,
}

pub(crate) struct MemSeries {
    pub(crate) id: u32,
    pub(crate) labels: SeriesLabels,
    /// Grows along the label order; see `head::order`.
    pub(crate) rank: AtomicU64,
    pub(crate) state: Mutex<SeriesState>,
    /// More than one writer: each append then keeps `last_ms` and checks against it.
    pub(crate) shared: AtomicBool,
    /// The newest timestamp; exact while `shared`, a lower bound otherwise.
    pub(crate) last_ms: AtomicI64,
    /// Whether the current write-ahead log holds the labels.
    pub(crate) logged: AtomicBool,
}

impl MemSeries {
    pub(crate) fn new(id: u32, labels: SeriesLabels) -> Self {
        Self {
            id,
            labels,
            rank: AtomicU64::new(0),
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
        varint::put(out, u64::from(self.id));
        varint::put(out, self.labels.encoded_len() as u64);
        self.labels.encode(out);
    }
}

impl Side {
    /// Remembers the newest sample.
    fn note(&mut self, entry: Entry) {
        match (&mut self.tail, entry.value) {
            (Some(tail), _) if tail.timestamp > entry.timestamp => {}
            // Every sample but the first of a series of floats.
            (Some(tail), SampleValue::Float(value)) => {
                (tail.timestamp, tail.start) = (entry.timestamp, entry.start);
                tail.value = SampleValue::Float(value);
            }
            (tail, value) => *tail = Some(Entry { value, ..entry }),
        }
    }
}

impl SeriesState {
    fn private(&self) -> Option<&Private> {
        self.side.as_ref()?.private.as_deref()
    }

    fn private_mut(&mut self) -> Option<&mut Private> {
        self.side.as_mut()?.private.as_deref_mut()
    }

    fn newest(&self) -> Option<&Entry> {
        self.side.as_ref()?.tail.as_ref()
    }

    /// Appends a sample with its own timestamp; order was checked by the caller.
    pub(crate) fn push(&mut self, entry: Entry, block_range_ms: i64, timelines: &Timelines) {
        if self.private().is_some_and(|private| !private.open.takes(&entry, block_range_ms)) {
            self.seal_open(timelines);
        }
        let side = self.side.get_or_insert_default();
        side.note(entry.clone());
        side.private.get_or_insert_default().open.push(entry);
    }

    /// The newest sample, as far as it is known and does not follow from a group's cell.
    pub(crate) fn tail(&self) -> Option<Entry> {
        self.newest().cloned()
    }

    /// The number of buckets of the newest sample, if it is a native histogram. No group has those, so that it is
    /// known, but for what nobody looked for since a start.
    pub(crate) fn newest_buckets(&self) -> Option<usize> {
        let histogram = self.newest()?.value.histogram()?;
        Some(histogram.positive.len() + histogram.negative.len())
    }

    /// Makes chunks of the samples that no chunk holds yet.
    pub(crate) fn seal_open(&mut self, timelines: &Timelines) {
        let Some(private) = self.private_mut() else { return };
        let open = &mut private.open;
        let mut columns = Columns::default();
        // Open samples are of our own making and decode; should memory be damaged, they merely end early.
        let _ = open.read(i64::MIN, i64::MAX, &mut columns);
        open.clear();
        for piece in frame::pieces(&columns, ROWS_MAX) {
            let timestamps = columns.timestamps.get(piece.clone()).unwrap_or_default();
            self.add(Chunk::seal(timelines.share(timestamps), &columns, piece));
        }
    }

    /// Appends a chunk.
    pub(crate) fn add(&mut self, chunk: Chunk) {
        self.chunks.push(chunk);
        self.version = self.version.wrapping_add(1);
    }

    /// Remembers the newest sample.
    pub(crate) fn note(&mut self, entry: Entry) {
        self.side.get_or_insert_default().note(entry);
    }

    /// Forgets what was noted before a time, ms: a cell of the series' only writer tells of it.
    pub(crate) fn forget_before(&mut self, timestamp: i64) {
        let is_old = |tail: &Entry| tail.timestamp < timestamp;
        let is_only = |side: &Side| side.private.is_none() && side.tail.as_ref().is_none_or(is_old);
        if self.side.as_deref().is_some_and(is_only) {
            self.side = None;
        }
    }

    /// Lets go of the oldest chunks: a file of level 0 has them.
    pub(crate) fn flushed(&mut self, count: usize) {
        if self.chunks.retain(|at, _| at >= count) {
            self.version = self.version.wrapping_add(1);
        }
    }

    /// The first timestamp outside of cells, ms.
    pub(crate) fn first_ms(&self) -> Option<i64> {
        let open = self.open_range().map(|(first, _)| first);
        self.chunks.iter().map(Chunk::min).chain(open).min()
    }

    /// Lets go of what ended before a time, ms.
    pub(crate) fn drop_before(&mut self, before_ms: i64) {
        let dropped = self.chunks.retain(|_, chunk| chunk.max() >= before_ms);
        let ended = self.open_range().is_some_and(|(_, last)| last < before_ms);
        if ended && let Some(private) = self.private_mut() {
            private.open.clear();
        }
        self.version = self.version.wrapping_add(u32::from(dropped || ended));
    }

    /// First and last timestamp of the samples that no chunk holds yet.
    pub(crate) fn open_range(&self) -> Option<(i64, i64)> {
        self.private()?.open.range()
    }

    /// Appends the samples within `[mint, maxt]` that no chunk holds yet.
    pub(crate) fn read_open(&self, mint: i64, maxt: i64, out: &mut Columns) -> Result<(), CodecError> {
        match (self.private(), self.open_range()) {
            (Some(private), Some((first, last))) if first <= maxt && last >= mint => {
                private.open.read(mint, maxt, out)
            }
            _ => Ok(()),
        }
    }

    /// Adds a late sample; whether its timestamp was free.
    pub(crate) fn insert_late(&mut self, entry: Entry) -> bool {
        self.side.get_or_insert_default().private.get_or_insert_default().late.insert(entry)
    }

    /// The late samples, if there are any.
    pub(crate) fn late(&self) -> Option<&Late> {
        self.private().map(|private| &private.late).filter(|late| !late.is_empty())
    }

    /// Lets go of late samples that a block has, given their timestamps in order.
    pub(crate) fn forget_late(&mut self, timestamps: &[i64]) {
        if let Some(private) = self.private_mut() {
            private.late.forget(timestamps);
        }
    }

    /// Lets go of the late samples before a time, ms, but those at the timestamps `waiting`, in order; how many went.
    pub(crate) fn settle_late(&mut self, before_ms: i64, waiting: &[i64]) -> usize {
        self.private_mut().map_or(0, |private| private.late.settle(before_ms, waiting))
    }

    /// Makes chunks of the late samples from a time on, ms; how many samples there were.
    pub(crate) fn seal_late(&mut self, from_ms: i64, timelines: &Timelines) -> usize {
        let mut sealed = Vec::new();
        if let Some(private) = self.private_mut() {
            private.late.seal_from(from_ms, timelines, |chunk| sealed.push(chunk));
        }
        let samples = sealed.iter().map(|chunk| chunk.timeline().len()).sum();
        sealed.into_iter().for_each(|chunk| self.add(chunk));
        samples
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_series_takes_less_than_a_hundred_bytes_besides_its_labels() {
        assert!(size_of::<MemSeries>() <= 88, "{}", size_of::<MemSeries>());
        assert_eq!((size_of::<Chunk>(), size_of::<ChunkList>()), (16, 24));
    }
}
