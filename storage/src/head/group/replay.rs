//! What the log says of a group, taken in again at a start.

use super::Group;
use super::writer::{Writer, bits, grow};
use crate::codec::cell;
use crate::head::series::MemSeries;
use crate::sample::STALE_NAN;
use std::sync::Arc;

impl Group {
    /// Replays a row of the log; `keep` is false for a row that a block holds already. The samples of
    /// the row, or `None` when it does not follow the group's last row.
    pub(crate) fn replay_row(
        &self,
        sequence: u64,
        timestamp: i64,
        mut changes: &[u8],
        keep: bool,
    ) -> Option<usize> {
        let mut guard = self.writer();
        let writer = &mut *guard;
        if sequence != writer.sequence || timestamp <= writer.last_ms {
            return None;
        }
        writer.changes.clear();
        let mut slot = 0u64;
        while !changes.is_empty() {
            let (gap, kind) = cell::take_head(&mut changes).ok()?;
            slot = slot.checked_add(gap)?;
            let index = usize::try_from(slot).ok()?;
            let previous = *writer.last.get(index)?;
            let value = cell::take_value(&mut changes, kind, previous).ok()?;
            writer.changes.push((u32::try_from(slot).ok()?, value));
        }
        self.replay_apply(writer, timestamp, keep);
        Some(writer.present.iter().map(|word| word.count_ones() as usize).sum())
    }

    fn replay_apply(&self, writer: &mut Writer, timestamp: i64, keep: bool) {
        if keep {
            self.seal_if_due(writer, timestamp);
        }
        self.apply(writer, timestamp);
        if keep {
            self.head.note_time(timestamp);
        } else {
            self.forget_rows(writer);
        }
    }

    /// Drops the open rows and keeps what they lead to.
    fn forget_rows(&self, writer: &Writer) {
        let mut rows = self.rows();
        rows.before = rows.timestamps.last().copied();
        rows.timestamps = Arc::default();
        rows.slabs.clear();
        for (index, cell) in rows.cells.iter_mut().enumerate() {
            *cell = writer.cell_from(index);
        }
    }

    /// Replays a FULL record that a block holds already.
    pub(crate) fn replay_base(&self, sequence: u64, timestamp: i64, values: &[(u32, f64)]) {
        let mut writer = self.writer();
        self.full_changes(&mut writer, values);
        writer.sequence = sequence;
        self.replay_apply(&mut writer, timestamp, false);
    }

    /// Replays a FULL record: from here on the group is known whatever was lost before.
    pub(crate) fn replay_full(&self, sequence: u64, timestamp: i64, values: &[(u32, f64)]) -> bool {
        let mut writer = self.writer();
        if timestamp <= writer.last_ms {
            return false;
        }
        self.full_changes(&mut writer, values);
        writer.sequence = sequence;
        self.replay_apply(&mut writer, timestamp, true);
        true
    }

    /// What turns the group's present values into exactly `values`.
    fn full_changes(&self, writer: &mut Writer, values: &[(u32, f64)]) {
        writer.changes.clear();
        let mut named = vec![0u64; writer.present.len()];
        for &(slot, value) in values {
            let index = slot as usize;
            let (Some(last), Some(word)) = (writer.last.get(index), named.get_mut(index / 64)) else {
                continue;
            };
            *word |= 1 << (index % 64);
            let present = writer.present.get(index / 64).is_some_and(|w| w >> (index % 64) & 1 == 1);
            if !present || last.to_bits() != value.to_bits() {
                writer.changes.push((slot, value));
            }
        }
        // Where rows were lost, or a slot's samples refused, nothing says when it became absent.
        let Writer { present, ended, .. } = writer;
        ended.clear();
        for (at, (was, is)) in present.iter().zip(&named).enumerate() {
            bits(was & !is, at, |slot| ended.push(slot));
        }
        self.end_silently(writer);
    }

    /// Replays a slot's assignment. A slot whose series has no labels any more (its samples are all in
    /// blocks, or the record was lost) stays empty: its values are followed and kept by nobody.
    pub(crate) fn replay_slot(&self, slot: u32, series: Option<&Arc<MemSeries>>) {
        let mut writer = self.writer();
        let index = slot as usize;
        let fresh = index >= writer.slots.len();
        if fresh {
            grow(&mut writer.slots, index + 1, None);
            grow(&mut writer.last, index + 1, STALE_NAN);
            writer.present.resize((index + 1).div_ceil(64), 0);
        }
        let old = writer.slots.get(index).and_then(|old| old.as_ref().map(|old| old.id));
        if old == series.map(|new| new.id) {
            return;
        }
        if !fresh {
            // The slot was given to another series: what it held so far belongs to the old one, which may be
            // present yet when rows were lost.
            writer.ended.push(slot);
            self.end_silently(&mut writer);
        }
        if let Some(place) = writer.slots.get_mut(index) {
            *place = series.cloned();
        }
    }
}
