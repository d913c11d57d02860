//! A scrape group: the rows of one target.

mod replay;
mod writer;

use super::budget::{Bringer, SeriesBudget};
use super::cell::{Cell, CellSnapshot};
use super::entry::Entry;
use super::row::{Row, RowOutcome, Slot};
use super::series::{Chunk, Frames, MemSeries};
use super::slab::Slabs;
use super::{AppendError, Head, OPEN_MAX_MS, ROWS_MAX};
use crate::codec::timestamp::Timeline;
use crate::codec::{frame, varint};
use crate::labels::Labels;
use crate::query::Columns;
use crate::sample::{STALE_NAN, is_stale_nan};
use crate::wal::record::{self, Kind};
use crate::work::count;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use writer::{Writer, grow};

/// The series that share a timeline. One writer at a time; readers never wait for its I/O.
pub struct Group {
    pub(crate) id: u64,
    head: Arc<Head>,
    /// What its series count towards.
    budget: Option<Arc<SeriesBudget>>,
    writer: Mutex<Writer>,
    rows: Mutex<Rows>,
    /// Some slot's series has another writer too.
    pub(crate) has_shared: AtomicBool,
}

impl Drop for Group {
    fn drop(&mut self) {
        self.head.counters.appenders.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The open rows, shared with readers.
#[derive(Default)]
struct Rows {
    timestamps: Arc<Vec<i64>>,
    /// The row before the open ones.
    before: Option<i64>,
    cells: Vec<Cell>,
    slabs: Slabs,
}

impl Rows {
    fn newest(&self, slot: u32) -> Option<(i64, f64)> {
        self.cells.get(slot as usize)?.newest(&self.timestamps, self.before)
    }
}

impl Group {
    pub(crate) fn new(id: u64, head: Arc<Head>, budget: Option<Arc<SeriesBudget>>) -> Self {
        let writer = Writer { last_ms: i64::MIN, floor_ms: i64::MIN, ..Writer::default() };
        head.counters.appenders.fetch_add(1, Ordering::Relaxed);
        count(&head.counters.appenders_created);
        Self {
            id,
            head,
            budget,
            writer: Mutex::new(writer),
            rows: Mutex::default(),
            has_shared: AtomicBool::new(false),
        }
    }

    fn writer(&self) -> MutexGuard<'_, Writer> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn rows(&self) -> MutexGuard<'_, Rows> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives the series a slot, or returns the one it has.
    ///
    /// # Errors
    /// The series would be new, and there is no room for it: nothing of it is kept.
    pub fn register(self: &Arc<Self>, labels: &Labels) -> Result<Slot, AppendError> {
        let series = self.head.series(labels, self.bringer(false))?;
        self.register_series(&series)
    }

    /// As [`Group::register`], also where there is no room: for the few series that tell of the group itself.
    ///
    /// # Errors
    /// None yet.
    pub fn register_always(self: &Arc<Self>, labels: &Labels) -> Result<Slot, AppendError> {
        let series = self.head.series(labels, self.bringer(true))?;
        self.register_series(&series)
    }

    /// Makes room for a series that gets no slot, since its samples have timestamps of their own.
    ///
    /// # Errors
    /// As [`Group::register`].
    pub fn admit(&self, labels: &Labels) -> Result<(), AppendError> {
        self.head.series(labels, self.bringer(false)).map(drop)
    }

    /// Changes when a series that was refused may be taken.
    #[must_use]
    pub fn room(&self) -> u64 {
        self.head.budgets.room(self.budget.as_deref())
    }

    /// The series in a slot.
    pub(crate) fn series_in(&self, slot: Slot) -> Option<Arc<MemSeries>> {
        self.writer().slots.get(slot.0 as usize)?.clone()
    }

    fn bringer(&self, always: bool) -> Bringer<'_> {
        Bringer { budget: self.budget.as_deref(), always }
    }

    pub(crate) fn register_series(self: &Arc<Self>, series: &Arc<MemSeries>) -> Result<Slot, AppendError> {
        let mut writer = self.writer();
        let own = |(group, slot): (&Weak<Group>, u32)| std::ptr::eq(group.as_ptr(), &**self).then_some(slot);
        let known = series.state().owners.iter().find_map(own);
        if let Some(slot) = known {
            writer.released.retain(|released| *released != slot);
            return Ok(Slot(slot));
        }
        let (newest, _) = self.head.newest(series);
        let slot = match writer.free.pop() {
            Some(slot) => slot,
            None => {
                let len = writer.slots.len() + 1;
                grow(&mut writer.slots, len, None);
                grow(&mut writer.last, len, STALE_NAN);
                writer.present.resize(len.div_ceil(64), 0);
                (len - 1) as u32
            }
        };
        if let Some(place) = writer.slots.get_mut(slot as usize) {
            *place = Some(Arc::clone(series));
        }
        writer.fresh.push(slot);
        if let Some(Entry { timestamp: newest_ms, .. }) = newest {
            writer.floor_ms = writer.floor_ms.max(newest_ms);
            series.last_ms.fetch_max(newest_ms, Ordering::AcqRel);
        }
        let mut state = series.state();
        state.owners.retain(|group, _| group.strong_count() > 0);
        for other in state.owners.iter().filter_map(|(group, _)| group.upgrade()) {
            series.shared.store(true, Ordering::Release);
            other.has_shared.store(true, Ordering::Release);
            self.has_shared.store(true, Ordering::Release);
        }
        if series.shared.load(Ordering::Acquire) {
            self.has_shared.store(true, Ordering::Release);
        }
        state.owners.push(Arc::downgrade(self), slot);
        Ok(Slot(slot))
    }

    /// Says that the scraper forgot the series: its slot is given away once it is absent.
    pub fn release(&self, slot: Slot) {
        self.writer().released.push(slot.0);
    }

    /// Makes one row visible: the values of `row`, and a staleness marker for each slot that had a value
    /// in the row before and has none now. The row is in the write-ahead log before any query sees it.
    ///
    /// # Errors
    /// The write-ahead log failed; nothing of the row is kept, or, when it failed for its late samples, what was in
    /// order is. Samples that are merely too old are counted in the outcome.
    pub fn append_row(self: &Arc<Self>, timestamp: i64, row: &Row) -> Result<RowOutcome, AppendError> {
        let mut late = Vec::new();
        let mut outcome = self.append_in_order(timestamp, row, &mut late)?;
        if !late.is_empty() {
            match self.head.takes_late(timestamp, AppendError::OutOfOrder) {
                Ok(()) => {
                    let taken = self.head.append_late(&late)?;
                    outcome.appended += taken;
                    outcome.out_of_order = outcome.out_of_order.saturating_sub(taken);
                }
                Err(_) => {
                    self.head.counters.too_old.add(false, late.len());
                    let out_of_order = outcome.out_of_order.saturating_sub(late.len());
                    return Ok(self.noted(RowOutcome { out_of_order, ..outcome }, outcome));
                }
            }
        }
        Ok(self.noted(outcome, outcome))
    }

    /// As [`Group::append_row`], but a sample that comes too late for its series' order is never kept, however wide
    /// the window for late samples.
    ///
    /// # Errors
    /// As [`Group::append_row`].
    pub fn append_row_in_order(
        self: &Arc<Self>,
        timestamp: i64,
        row: &Row,
    ) -> Result<RowOutcome, AppendError> {
        let outcome = self.append_in_order(timestamp, row, &mut Vec::new())?;
        Ok(self.noted(outcome, outcome))
    }

    /// Counts what was refused, and hands on what came of the row.
    fn noted(&self, refused: RowOutcome, outcome: RowOutcome) -> RowOutcome {
        self.head.counters.out_of_order.add(false, refused.out_of_order);
        self.head.counters.out_of_bounds.add(false, refused.out_of_bounds);
        outcome
    }

    /// What may be taken out of order is handed back in `late`.
    fn append_in_order(
        self: &Arc<Self>,
        timestamp: i64,
        row: &Row,
        late: &mut Vec<(Arc<MemSeries>, Entry)>,
    ) -> Result<RowOutcome, AppendError> {
        let mut guard = self.writer();
        let writer = &mut *guard;
        let windowed = self.head.late_window_ms.load(Ordering::Acquire) > 0;
        if timestamp < self.head.min_valid_ms.load(Ordering::Acquire) {
            if windowed {
                writer.collect_late(timestamp, row, late);
                return Ok(RowOutcome { out_of_order: row.len(), ..RowOutcome::default() });
            }
            return Ok(RowOutcome { out_of_bounds: row.len(), ..RowOutcome::default() });
        }
        if timestamp <= writer.last_ms {
            if windowed && timestamp < writer.last_ms {
                writer.collect_late(timestamp, row, late);
            }
            return Ok(writer.refuse(timestamp, row));
        }
        let mut outcome = RowOutcome::default();
        let checked = timestamp <= writer.floor_ms || self.has_shared.load(Ordering::Acquire);
        let late = windowed.then_some(late);
        writer.collect_changes(timestamp, row, checked, late, &mut outcome);
        if outcome.appended == 0 && outcome.stale == 0 {
            return Ok(outcome);
        }
        // A block boundary or a full cell ends the open rows before the new one begins.
        self.seal_if_due(writer, timestamp);
        self.end_silently(writer);
        self.log_row(writer, timestamp)?;
        self.apply(writer, timestamp);
        writer.settle_fresh(timestamp);
        self.head.note_time(timestamp);
        self.head.samples_appended.fetch_add((outcome.appended + outcome.stale) as u64, Ordering::Relaxed);
        Ok(outcome)
    }

    /// Ends every series of the group that is present: the target failed or went away.
    ///
    /// # Errors
    /// As [`Group::append_row`].
    pub fn append_stale(self: &Arc<Self>, timestamp: i64) -> Result<RowOutcome, AppendError> {
        self.append_row(timestamp, &Row::default())
    }

    fn log_row(&self, writer: &mut Writer, timestamp: i64) -> Result<(), AppendError> {
        let id = self.id;
        let mut full_in = writer.full_in;
        let written = self.head.wal.append(|segment, out| {
            let fresh = writer.fresh.iter().filter_map(|slot| writer.slots.get(*slot as usize)?.as_ref());
            self.head.log_series(fresh.clone(), out);
            if full_in != Some(segment) {
                full_in = Some(segment);
                let all = writer.slots.iter().flatten();
                self.head.log_series(all, out);
                record::put(out, Kind::Full, |out| writer.encode_full(id, timestamp, out));
                return;
            }
            if !writer.fresh.is_empty() {
                record::put(out, Kind::Schema, |out| {
                    varint::put(out, id);
                    for slot in &writer.fresh {
                        if let Some(Some(series)) = writer.slots.get(*slot as usize) {
                            varint::put(out, u64::from(*slot));
                            varint::put(out, u64::from(series.id));
                        }
                    }
                });
            }
            record::put(out, Kind::Row, |out| writer.encode_row(id, timestamp, out));
        });
        if let Err(error) = written {
            // Their labels may be in what was not written: the next record tells them again.
            writer.slots.iter().flatten().for_each(|s| s.logged.store(false, Ordering::Release));
            writer.give_back(timestamp);
            return Err(error.into());
        }
        writer.full_in = full_in;
        Ok(())
    }

    /// Applies `writer.changes` to the cells and publishes the row.
    fn apply(&self, writer: &mut Writer, timestamp: i64) {
        let mut rows = self.rows();
        let rows = &mut *rows;
        let row = rows.timestamps.len() as u32;
        if rows.cells.len() < writer.slots.len() {
            grow(&mut rows.cells, writer.slots.len(), Cell::new(None));
        }
        for &(slot, value) in &writer.changes {
            let index = slot as usize;
            let (Some(cell), Some(last)) = (rows.cells.get_mut(index), writer.last.get_mut(index)) else {
                continue;
            };
            cell.push(row, value, &mut rows.slabs, &mut writer.scratch);
            *last = value;
            if let Some(word) = writer.present.get_mut(index / 64) {
                let bit = 1u64 << (index % 64);
                *word = if is_stale_nan(value) { *word & !bit } else { *word | bit };
            }
        }
        Arc::make_mut(&mut rows.timestamps).push(timestamp);
        writer.last_ms = timestamp;
        writer.sequence += 1;
        // Groups are many, and rows come one at a time.
        writer.changes = Vec::new();
    }

    fn seal_if_due(&self, writer: &mut Writer, timestamp: i64) {
        let due = {
            let rows = self.rows();
            rows.timestamps.first().is_some_and(|first| {
                let range = self.head.block_range_ms;
                rows.timestamps.len() >= ROWS_MAX
                    || timestamp.saturating_sub(*first) >= OPEN_MAX_MS
                    || first.div_euclid(range) != timestamp.div_euclid(range)
            })
        };
        if due {
            self.seal_locked(writer);
        }
    }

    /// Makes the slots in `ended` absent without a marker. An open cell cannot say that, so the open rows end
    /// here, and the log tells the group anew.
    fn end_silently(&self, writer: &mut Writer) {
        if writer.ended.is_empty() {
            return;
        }
        let ended = std::mem::take(&mut writer.ended);
        {
            let rows = self.rows();
            for &slot in &ended {
                // The cell will not tell of it any more.
                if let (Some(Some(series)), Some((timestamp, value))) =
                    (writer.slots.get(slot as usize), rows.newest(slot))
                {
                    series.state().note(Entry::float(timestamp, value));
                }
            }
        }
        for slot in &ended {
            if let Some(word) = writer.present.get_mut(*slot as usize / 64) {
                *word &= !(1 << (slot % 64));
            }
            if let Some(last) = writer.last.get_mut(*slot as usize) {
                *last = STALE_NAN;
            }
        }
        self.seal_locked(writer);
        writer.full_in = None;
        let mut rows = self.rows();
        for slot in ended {
            if let Some(cell) = rows.cells.get_mut(slot as usize) {
                *cell = writer.cell_from(slot as usize);
            }
        }
    }

    /// Turns the open rows into chunks of the series; the place of the next row in the group's sequence.
    pub(crate) fn seal(&self) -> u64 {
        let mut writer = self.writer();
        self.seal_locked(&mut writer);
        writer.sequence
    }

    /// Seals for good: nobody appends to the group any more, and its cells go.
    pub(crate) fn retire(&self) {
        let mut writer = self.writer();
        self.seal_locked(&mut writer);
        let rows = self.rows();
        for (slot, series) in (0u32..).zip(&writer.slots) {
            if let (Some(series), Some((timestamp, value))) = (series, rows.newest(slot)) {
                series.state().note(Entry::float(timestamp, value));
            }
        }
    }

    fn seal_locked(&self, writer: &mut Writer) {
        let mut rows = self.rows();
        if rows.timestamps.is_empty() {
            writer.give_away(self);
            return;
        }
        let mut columns = Columns::default();
        let timestamps = std::mem::take(&mut rows.timestamps);
        rows.before = timestamps.last().copied();
        let mut snapshot = CellSnapshot { timestamps, base: None, bytes: Vec::new() };
        // The frames of the slots by timeline, the first one that of all rows; and for each slot where its frame
        // is, and its newest value.
        let whole = Timeline::of(&snapshot.timestamps);
        let rows_len = whole.len();
        let (mut batches, mut pieces) = (vec![(whole, Vec::new())], Vec::new());
        let Rows { cells, slabs, .. } = &mut *rows;
        for (index, cell) in cells.iter_mut().enumerate() {
            columns.clear();
            cell.copy(slabs, &mut snapshot);
            let decoded = snapshot.read(i64::MIN, i64::MAX, &mut columns);
            debug_assert!(decoded.is_ok(), "a cell of our own making decodes");
            if !columns.is_empty() {
                let batch = if columns.len() == rows_len {
                    0
                } else {
                    // Series that come or go together stand beside each other.
                    let timeline = Timeline::of(&columns.timestamps);
                    if batches.last().is_none_or(|(last, _)| *last != timeline) {
                        batches.push((timeline, Vec::new()));
                    }
                    batches.len() - 1
                };
                if let Some((_, frames)) = batches.get_mut(batch) {
                    let begin = frames.len();
                    frame::encode(&columns, 0..columns.len(), frames);
                    let last = columns.values.last().copied().unwrap_or(STALE_NAN);
                    pieces.push((index, batch, begin..frames.len(), last));
                }
            }
            *cell = writer.cell_from(index);
        }
        self.head.sealed.fetch_add(pieces.len() as u64, Ordering::Relaxed);
        self.head.counters.chunks_created.fetch_add(pieces.len() as u64, Ordering::Relaxed);
        let batches: Vec<Arc<Frames>> =
            batches.into_iter().map(|(timeline, bytes)| Frames::new(Arc::new(timeline), bytes)).collect();
        for (index, batch, place, last) in pieces {
            let (Some(Some(series)), Some(frames)) = (writer.slots.get(index), batches.get(batch)) else {
                continue;
            };
            let chunk = Chunk::within(frames, place);
            let mut state = series.state();
            if is_stale_nan(last) {
                // Nothing more comes to the cell that would tell of it.
                state.note(Entry::float(chunk.max(), last));
            }
            state.add(chunk);
        }
        slabs.clear();
        // From here on the log tells the group anew: what was lost before costs no more than it did.
        writer.full_in = None;
        writer.give_away(self);
        self.has_shared.store(writer.still_shared(), Ordering::Release);
    }

    /// The timestamp of the first open row, ms.
    pub(crate) fn first_ms(&self) -> Option<i64> {
        self.rows().timestamps.first().copied()
    }

    /// The newest sample of one slot's open cell.
    pub(crate) fn newest(&self, slot: u32) -> Option<(i64, f64)> {
        self.rows().newest(slot)
    }

    /// Hands the newest samples of some slots' open cells to `each`, all as of one row; a slot is told
    /// with any number of the caller's. While it runs no cell is sealed: where there is no open sample, the
    /// series' own newest one goes with those of the others.
    pub(crate) fn newest_of(&self, slots: &[(u32, u32)], mut each: impl FnMut(u32, Option<(i64, f64)>)) {
        let rows = self.rows();
        slots.iter().for_each(|(at, slot)| each(*at, rows.newest(*slot)));
    }

    /// A copy of one slot's open cell.
    pub(crate) fn cell(&self, slot: u32) -> Option<CellSnapshot> {
        let rows = self.rows();
        let cell = rows.cells.get(slot as usize)?;
        cell.snapshot(&rows.timestamps, &rows.slabs)
    }
}

impl RowOutcome {
    /// Counts a sample that is not newer than the series' newest one.
    fn refuse(&mut self, timestamp: i64, newest: i64) {
        if timestamp == newest { self.duplicate += 1 } else { self.out_of_order += 1 }
    }
}
