//! The appending side of a group: which series its slots have, what they had in the last row, and what a new row
//! changes.

use super::Group;
use crate::codec::{cell, varint};
use crate::head::cell::Cell;
use crate::head::entry::Entry;
use crate::head::row::{Row, RowOutcome};
use crate::head::series::MemSeries;
use crate::sample::STALE_NAN;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};

/// What only the appending side needs.
#[derive(Default)]
pub(super) struct Writer {
    pub(super) slots: Vec<Option<Arc<MemSeries>>>,
    pub(super) free: Vec<u32>,
    pub(super) released: Vec<u32>,
    pub(super) present: Vec<u64>,
    pub(super) last: Vec<f64>,
    pub(super) last_ms: i64,
    /// No slot's series had a sample after this when it was registered.
    pub(super) floor_ms: i64,
    pub(super) sequence: u64,
    /// Segment that holds the group's newest FULL record.
    pub(super) full_in: Option<u64>,
    pub(super) fresh: Vec<u32>,
    pub(super) changes: Vec<(u32, f64)>,
    /// Slots with a value in the row before whose sample of this row was refused.
    pub(super) ended: Vec<u32>,
    /// Slots of series with several writers whose newest timestamp is the row's, and what it was before.
    pub(super) claimed: Vec<(u32, i64)>,
    pub(super) scratch: Vec<u8>,
}

/// Makes a list that grows with the slots longer. It has little room to spare: of most groups all series come at once.
pub(super) fn grow<T: Clone>(list: &mut Vec<T>, len: usize, value: T) {
    if list.capacity() < len {
        list.reserve_exact(len + len / 16 + 8 - list.len());
    }
    list.resize(len, value);
}

/// Calls `each` with the slot of every set bit of a word.
pub(super) fn bits(mut word: u64, at: usize, mut each: impl FnMut(u32)) {
    while word != 0 {
        each((at * 64) as u32 + word.trailing_zeros());
        word &= word - 1;
    }
}

impl Writer {
    /// A row that is not newer than the last one.
    pub(super) fn refuse(&self, timestamp: i64, row: &Row) -> RowOutcome {
        let mut outcome = RowOutcome::default();
        for (at, word) in row.present.iter().enumerate() {
            bits(*word, at, |slot| {
                let same = timestamp == self.last_ms
                    && row.values.get(slot as usize).map(|v| v.to_bits())
                        == self.last.get(slot as usize).map(|v| v.to_bits());
                match timestamp == self.last_ms {
                    true if same => outcome.unchanged += 1,
                    true => outcome.duplicate += 1,
                    false => outcome.out_of_order += 1,
                }
            });
        }
        outcome
    }

    /// The row at `timestamp` is logged and in the cells, and with it the new slots are: their cells tell now what
    /// the series' newest sample is.
    pub(super) fn settle_fresh(&mut self, timestamp: i64) {
        // Of most groups all series come at once: the memory is not needed again.
        for slot in std::mem::take(&mut self.fresh) {
            let index = slot as usize;
            let is_present = self.present.get(index / 64).is_some_and(|word| word >> (index % 64) & 1 == 1);
            if let (true, Some(Some(series))) = (is_present, self.slots.get(index))
                && !series.shared.load(Ordering::Acquire)
            {
                series.state().forget_before(timestamp);
            }
        }
    }

    /// The samples of a row that comes too late as a whole.
    pub(super) fn collect_late(&self, timestamp: i64, row: &Row, late: &mut Vec<(Arc<MemSeries>, Entry)>) {
        for (at, word) in row.present.iter().enumerate() {
            bits(*word, at, |slot| {
                let series = self.slots.get(slot as usize).and_then(Option::as_ref);
                if let (Some(series), Some(value)) = (series, row.values.get(slot as usize)) {
                    late.push((Arc::clone(series), Entry::float(timestamp, *value)));
                }
            });
        }
    }

    /// Compares the row with the last one; fills `changes` in slot order.
    pub(super) fn collect_changes(
        &mut self,
        timestamp: i64,
        row: &Row,
        checked: bool,
        mut late: Option<&mut Vec<(Arc<MemSeries>, Entry)>>,
        outcome: &mut RowOutcome,
    ) {
        self.changes.clear();
        // Most rows change no more.
        self.changes.reserve(self.slots.len() / 2);
        self.ended.clear();
        self.claimed.clear();
        for at in 0..self.present.len() {
            let was = self.present.get(at).copied().unwrap_or(0);
            let is = row.present.get(at).copied().unwrap_or(0);
            let (last, values) = (&self.last, &row.values);
            let (slots, changes, ended) = (&self.slots, &mut self.changes, &mut self.ended);
            let claimed = &mut self.claimed;
            bits(was | is, at, |slot| {
                let index = slot as usize;
                let bit = 1u64 << (index % 64);
                let value =
                    if is & bit != 0 { values.get(index).copied().unwrap_or(STALE_NAN) } else { STALE_NAN };
                let Some(Some(series)) = slots.get(index) else { return };
                if checked {
                    let before = series.last_ms.fetch_max(timestamp, Ordering::AcqRel);
                    if timestamp <= before {
                        if is & bit != 0 {
                            outcome.refuse(timestamp, before);
                            if let Some(late) = late.as_mut().filter(|_| timestamp < before) {
                                late.push((Arc::clone(series), Entry::float(timestamp, value)));
                            }
                        }
                        if was & bit != 0 {
                            ended.push(slot);
                        }
                        return;
                    }
                    claimed.push((slot, before));
                }
                if is & bit == 0 {
                    outcome.stale += 1;
                    changes.push((slot, STALE_NAN));
                } else {
                    outcome.appended += 1;
                    if was & bit != 0 && last.get(index).is_some_and(|l| l.to_bits() == value.to_bits()) {
                        outcome.unchanged += 1;
                    } else {
                        changes.push((slot, value));
                    }
                }
            });
        }
    }

    /// The row is not written: its timestamp is free again for every writer.
    pub(super) fn give_back(&mut self, timestamp: i64) {
        for (slot, before) in self.claimed.drain(..) {
            if let Some(Some(series)) = self.slots.get(slot as usize) {
                let _ =
                    series.last_ms.compare_exchange(timestamp, before, Ordering::AcqRel, Ordering::Relaxed);
            }
        }
    }

    /// An empty cell that goes on from the slot's present value.
    pub(super) fn cell_from(&self, index: usize) -> Cell {
        let present = self.present.get(index / 64).is_some_and(|word| word >> (index % 64) & 1 == 1);
        Cell::new(self.last.get(index).copied().filter(|_| present))
    }

    /// Whether a series still has another writer; forgets the writers that are gone.
    pub(super) fn still_shared(&self) -> bool {
        let mut any = false;
        for series in self.slots.iter().flatten() {
            if series.shared.load(Ordering::Acquire) {
                let mut state = series.state();
                state.owners.retain(|group, _| group.strong_count() > 0);
                let shared = state.owners.len() > 1 || state.open_range().is_some();
                series.shared.store(shared, Ordering::Release);
                any |= shared;
            }
        }
        any
    }

    pub(super) fn encode_head(&self, group: u64, timestamp: i64, out: &mut Vec<u8>) {
        varint::put(out, group);
        varint::put(out, self.sequence);
        varint::put_signed(out, timestamp);
    }

    pub(super) fn encode_row(&self, group: u64, timestamp: i64, out: &mut Vec<u8>) {
        self.encode_head(group, timestamp, out);
        let mut previous_slot = 0;
        for &(slot, value) in &self.changes {
            let previous = self.last.get(slot as usize).copied().unwrap_or(STALE_NAN);
            cell::put_change(out, u64::from(slot - previous_slot), previous, value);
            previous_slot = slot;
        }
    }

    /// Every slot with its series, and the values of those that are present after the changes.
    pub(super) fn encode_full(&self, group: u64, timestamp: i64, out: &mut Vec<u8>) {
        self.encode_head(group, timestamp, out);
        let mut changes = self.changes.iter().peekable();
        let mut previous_slot = 0;
        for (slot, series) in self.slots.iter().enumerate() {
            let change = changes.next_if(|(changed, _)| *changed as usize == slot).map(|(_, value)| *value);
            let present = self.present.get(slot / 64).is_some_and(|word| word >> (slot % 64) & 1 == 1);
            let value = change.or_else(|| self.last.get(slot).copied().filter(|_| present));
            let Some(series) = series else { continue };
            varint::put(out, (slot - previous_slot) as u64);
            varint::put(out, u64::from(series.id) << 1 | u64::from(value.is_some()));
            if let Some(value) = value {
                out.extend_from_slice(&value.to_bits().to_le_bytes());
            }
            previous_slot = slot;
        }
    }

    /// Frees released slots that are absent. Only right after a seal: an open cell may still hold rows of
    /// the old series.
    pub(super) fn give_away(&mut self, group: &Group) {
        let (slots, free) = (&mut self.slots, &mut self.free);
        let present = &self.present;
        self.released.retain(|&slot| {
            let index = slot as usize;
            if present.get(index / 64).is_some_and(|word| word >> (index % 64) & 1 == 1) {
                return true;
            }
            if let Some(series) = slots.get_mut(index).and_then(Option::take) {
                let own = |owner: &Weak<Group>, owned| owned == slot && std::ptr::eq(owner.as_ptr(), group);
                series.state().owners.retain(|owner, owned| !own(owner, owned));
                free.push(slot);
            }
            false
        });
    }
}
