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
    pub(crate) records: u64,
    pub(crate) samples: u64,
    /// Records that could not be applied: damaged, or after a lost one.
    pub(crate) dropped: u64,
    /// Newest timestamp since the caller last took it.
    newest_ms: i64,
}

impl Replay {
    pub(crate) fn new(head: Arc<Head>, min_valid_ms: i64) -> Self {
        Self {
            head,
            groups: HashMap::new(),
            slots: HashMap::new(),
            claimed: 0,
            series: HashMap::new(),
            tombstones: Tombstones::default(),
            min_valid_ms,
            records: 0,
            samples: 0,
            dropped: 0,
            newest_ms: i64::MIN,
        }
    }

    pub(crate) fn record(&mut self, kind: Kind, payload: &[u8]) {
        self.records += 1;
        let applied = match kind {
            Kind::Series => self.labels(payload),
            Kind::Schema => self.schema(payload),
            Kind::Full => self.full(payload),
            Kind::Row => self.row(payload),
            Kind::Samples => self.samples(payload),
            Kind::Runs => self.runs(payload),
            Kind::Tombstones => self.tombstones(payload),
        };
        if applied.is_err() {
            self.dropped += 1;
        }
    }

    /// The newest timestamp of the records since the last call.
    pub(crate) fn take_newest_ms(&mut self) -> i64 {
        std::mem::replace(&mut self.newest_ms, i64::MIN)
    }

    /// Ends the replay: open rows become chunks, since the groups of the log have no scraper any more.
    pub(crate) fn finish(mut self) {
        self.tombstones.retain(self.min_valid_ms, |_| true);
        self.head.set_tombstones(self.tombstones);
        self.groups.values().for_each(|group| group.seal());
    }

    fn labels(&mut self, mut payload: &[u8]) -> Result<(), CodecError> {
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
                Some(series) => series,
                None if index.get(id).is_none() => index.insert_with_id(id, &labels),
                None => index.insert(&labels),
            };
            self.series.insert(id, series);
        }
        Ok(())
    }

    fn group(&mut self, id: u64) -> Arc<Group> {
        self.head.next_group.fetch_max(id.saturating_add(1), Ordering::AcqRel);
        let head = &self.head;
        Arc::clone(self.groups.entry(id).or_insert_with(|| Arc::new(Group::new(id, Arc::clone(head)))))
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
        self.newest_ms = self.newest_ms.max(timestamp);
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
        if timestamp < self.min_valid_ms {
            // In a block already; the values still are what the next rows are told against.
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
        self.newest_ms = self.newest_ms.max(timestamp);
        let group = self.group(group_id);
        let keep = timestamp >= self.min_valid_ms;
        let present = group.replay_row(sequence, timestamp, payload, keep);
        self.samples += present.ok_or(CodecError("a row before this one is missing"))? as u64;
        Ok(())
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
        let mut all = file::take_entries(payload)?;
        // Of what is in blocks, the blocks know what is deleted.
        all.retain(self.min_valid_ms, |_| true);
        let mut known = true;
        for (id, intervals) in all.iter() {
            match self.series.get(&id) {
                Some(series) => {
                    intervals.iter().for_each(|(min, max)| self.tombstones.add(series.id, min, max))
                }
                None => known = false,
            }
        }
        if known { Ok(()) } else { Err(CodecError("tombstones of an unknown series")) }
    }

    fn sample(&mut self, id: u32, entry: Entry) -> Result<(), CodecError> {
        self.newest_ms = self.newest_ms.max(entry.timestamp);
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
