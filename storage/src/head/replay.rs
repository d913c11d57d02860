//! Rebuilds the head from the write-ahead log.

use super::Head;
use super::entry::{Entry, SampleValue};
use super::group::Group;
use super::series::MemSeries;
use crate::codec::{CodecError, varint};
use crate::labels::Labels;
use crate::tombstones::{Tombstones, file};
use crate::wal::record::Kind;
use crate::wal::runs;
use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

/// Slots that the groups of the log may claim together; more is damage, not data.
const SLOTS_MAX: u64 = 16 << 20;

/// Applies records in the order of the log.
pub(crate) struct Replay {
    head: Arc<Head>,
    groups: HashMap<u64, Arc<Group>>,
    /// How many slots each group has claimed, and all of them together.
    slots: HashMap<u64, u32>,
    claimed: u64,
    series: HashMap<u32, Arc<MemSeries>>,
    tombstones: Tombstones,
    /// Samples before this are in blocks already.
    min_valid_ms: i64,
    /// Rows of a group before this one of its sequence are in level 0 already.
    marks: HashMap<u64, u64>,
    pub(crate) records: u64,
    pub(crate) samples: u64,
    /// Records that could not be applied: damaged, or after a lost one.
    pub(crate) dropped: u64,
}

impl Replay {
    pub(crate) fn new(head: Arc<Head>, min_valid_ms: i64, marks: HashMap<u64, u64>) -> Self {
        Self {
            head,
            groups: HashMap::new(),
            slots: HashMap::new(),
            claimed: 0,
            series: HashMap::new(),
            tombstones: Tombstones::default(),
            min_valid_ms,
            marks,
            records: 0,
            samples: 0,
            dropped: 0,
        }
    }

    pub(crate) fn record(&mut self, kind: Kind, payload: &[u8]) {
        self.records += 1;
        let applied = match kind {
            Kind::Series => self.labels(payload, |_| {}),
            Kind::Schema => self.schema(payload),
            Kind::Full => self.full(payload),
            Kind::Row => self.row(payload),
            Kind::Samples => self.samples(payload),
            Kind::Runs => self.runs(payload),
            Kind::Tombstones => self.tombstones(payload),
            Kind::Late => self.late(payload),
        };
        if applied.is_err() {
            self.dropped += 1;
        }
    }

    /// All labels were read.
    pub(crate) fn labels_end(&self) {
        self.head.index.write().unwrap_or_else(PoisonError::into_inner).tidy();
    }

    /// Ends the replay: open rows become chunks, since the groups of the log have no scraper any more.
    pub(crate) fn finish(mut self) {
        self.forget_tombstones();
        self.head.set_tombstones(self.tombstones);
        for group in self.groups.values() {
            group.retire();
        }
    }

    /// Takes the labels of series, and tells their ids.
    ///
    /// # Errors
    /// The payload is damaged; what stands before the damage is taken.
    pub(crate) fn labels(&mut self, mut payload: &[u8], mut each: impl FnMut(u32)) -> Result<(), CodecError> {
        while !payload.is_empty() {
            let id = id(&mut payload)?;
            let len = varint::take_count(&mut payload, 8)?;
            let text = std::str::from_utf8(varint::take_bytes(&mut payload, len)?);
            let labels = text.ok().and_then(Labels::from_encoded).ok_or(CodecError("damaged label set"))?;
            if self.series.get(&id).is_some_and(|s| s.labels == labels) {
                continue;
            }
            let mut index = self.head.index.write().unwrap_or_else(PoisonError::into_inner);
            index.reserve_id(id);
            let series = match index.find(&labels) {
                // Of two ids for the same labels the older one's series went, with all its samples, before
                // the other came.
                Some(old) if old.id < id && index.get(id).is_none() => {
                    index.remove(&old);
                    let new = index.insert_with_id(id, &labels);
                    self.series.insert(old.id, Arc::clone(&new));
                    new
                }
                Some(series) => series,
                None if index.get(id).is_none() => index.insert_with_id(id, &labels),
                None => index.insert(&labels),
            };
            // The catalogue has them, or will before the log is deleted.
            series.logged.store(true, Ordering::Release);
            if series.id == id {
                each(id);
            }
            self.series.insert(id, series);
        }
        Ok(())
    }

    fn group(&mut self, id: u64) -> Arc<Group> {
        self.head.next_group.fetch_max(id.saturating_add(1), Ordering::AcqRel);
        let head = &self.head;
        Arc::clone(self.groups.entry(id).or_insert_with(|| Arc::new(Group::new(id, Arc::clone(head), None))))
    }

    /// Checks a slot number of a group, and books it.
    fn slot(&mut self, group: u64, number: u64) -> Result<u32, CodecError> {
        let bad = CodecError("slot out of bounds");
        let slot = u32::try_from(number).ok().filter(|slot| *slot < u32::MAX).ok_or(bad)?;
        let held = self.slots.entry(group).or_default();
        if slot >= *held {
            let claimed = self.claimed + u64::from(slot + 1 - *held);
            if claimed > SLOTS_MAX {
                return Err(CodecError("more slots than any group can have"));
            }
            (*held, self.claimed) = (slot + 1, claimed);
        }
        Ok(slot)
    }

    fn schema(&mut self, mut payload: &[u8]) -> Result<(), CodecError> {
        let group_id = varint::take(&mut payload)?;
        let group = self.group(group_id);
        while !payload.is_empty() {
            let number = varint::take(&mut payload)?;
            let slot = self.slot(group_id, number)?;
            let id = id(&mut payload)?;
            group.replay_slot(slot, self.series.get(&id));
        }
        Ok(())
    }

    fn full(&mut self, mut payload: &[u8]) -> Result<(), CodecError> {
        let group_id = varint::take(&mut payload)?;
        let sequence = varint::take(&mut payload)?;
        let timestamp = varint::take_signed(&mut payload)?;
        let group = self.group(group_id);
        let mut values = Vec::new();
        let mut at = 0u64;
        while !payload.is_empty() {
            at = at.checked_add(varint::take(&mut payload)?).ok_or(CodecError("slot out of bounds"))?;
            let slot = self.slot(group_id, at)?;
            let tagged = varint::take(&mut payload)?;
            let id = u32::try_from(tagged >> 1).map_err(|_| CodecError("series id out of bounds"))?;
            group.replay_slot(slot, self.series.get(&id));
            if tagged & 1 == 1 {
                values.push((slot, f64::from_bits(varint::take_u64(&mut payload)?)));
            }
        }
        if !self.keeps(group_id, sequence, timestamp) {
            // In a file already; the values still are what the next rows are told against.
            group.replay_base(sequence, timestamp, &values);
        } else if group.replay_full(sequence, timestamp, &values) {
            self.samples += values.len() as u64;
        }
        Ok(())
    }

    fn row(&mut self, mut payload: &[u8]) -> Result<(), CodecError> {
        let group_id = varint::take(&mut payload)?;
        let sequence = varint::take(&mut payload)?;
        let timestamp = varint::take_signed(&mut payload)?;
        let group = self.group(group_id);
        let keep = self.keeps(group_id, sequence, timestamp);
        let present = group.replay_row(sequence, timestamp, payload, keep);
        self.samples += present.ok_or(CodecError("a row before this one is missing"))? as u64;
        Ok(())
    }

    /// Whether no file has a group's row yet.
    fn keeps(&self, group: u64, sequence: u64, timestamp: i64) -> bool {
        timestamp >= self.min_valid_ms && self.marks.get(&group).is_none_or(|mark| sequence >= *mark)
    }

    fn samples(&mut self, mut payload: &[u8]) -> Result<(), CodecError> {
        while !payload.is_empty() {
            let id = id(&mut payload)?;
            let timestamp = varint::take_signed(&mut payload)?;
            let value = f64::from_bits(varint::take_u64(&mut payload)?);
            self.sample(id, Entry { timestamp, start: 0, value: SampleValue::Float(value) })?;
        }
        Ok(())
    }

    fn runs(&mut self, payload: &[u8]) -> Result<(), CodecError> {
        runs::read(payload, |id, entry| self.sample(id, entry))
    }

    fn tombstones(&mut self, payload: &[u8]) -> Result<(), CodecError> {
        let mut known = true;
        for (id, intervals) in file::take_entries(payload)?.iter() {
            match self.series.get(&id) {
                Some(series) => {
                    intervals.iter().for_each(|(min, max)| self.tombstones.add(series.id, min, max))
                }
                // Its samples are in blocks, and it is gone.
                None => known &= !intervals.overlaps(self.min_valid_ms, i64::MAX),
            }
        }
        if known { Ok(()) } else { Err(CodecError("tombstones of an unknown series")) }
    }

    /// Forgets what is deleted before the end of the blocks, which know it themselves, but of late samples.
    fn forget_tombstones(&mut self) {
        let index = self.head.index();
        for (id, intervals) in std::mem::take(&mut self.tombstones).iter() {
            let late = index.get(id).is_some_and(|series| series.state().late().is_some());
            let left = intervals.iter().filter(|(_, max)| late || *max >= self.min_valid_ms);
            left.for_each(|(min, max)| self.tombstones.add(id, min, max));
        }
    }

    fn late(&mut self, payload: &[u8]) -> Result<(), CodecError> {
        runs::read(payload, |id, entry| {
            let series = self.series.get(&id).ok_or(CodecError("unknown series"))?;
            self.head.push_late(series, entry);
            self.samples += 1;
            Ok(())
        })
    }

    fn sample(&mut self, id: u32, entry: Entry) -> Result<(), CodecError> {
        if entry.timestamp >= self.min_valid_ms {
            let series = self.series.get(&id).ok_or(CodecError("unknown series"))?;
            let timestamp = entry.timestamp;
            self.head.push_private(series, std::iter::once(entry));
            self.head.note_time(timestamp);
            self.samples += 1;
        }
        Ok(())
    }
}

fn id(payload: &mut &[u8]) -> Result<u32, CodecError> {
    u32::try_from(varint::take(payload)?).map_err(|_| CodecError("series id out of bounds"))
}
