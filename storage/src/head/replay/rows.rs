//! The rows of some of the log's groups. Groups have nothing to do with each other, so that they are replayed side
//! by side.

use super::Names;
use crate::codec::{CodecError, varint};
use crate::head::Head;
use crate::head::group::Group;
use crate::wal::record::Kind;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Slots that the groups of the log may claim together; more is damage, not data.
const SLOTS_MAX: u64 = 16 << 20;

/// What all groups have in common.
pub(super) struct Common<'a> {
    pub(super) head: &'a Arc<Head>,
    pub(super) names: &'a Names,
    /// Samples before this are in blocks already.
    pub(super) min_valid_ms: i64,
    /// Rows of a group before this one of its sequence are in level 0 already.
    pub(super) marks: &'a HashMap<u64, u64>,
    /// How many slots all groups have claimed.
    pub(super) claimed: &'a AtomicU64,
}

/// The groups of a share, and what became of their records.
#[derive(Default)]
pub(super) struct Share {
    groups: HashMap<u64, Replayed>,
    values: Vec<(u32, f64)>,
    /// The greatest id of a series that nobody named.
    pub(super) unknown: Option<u32>,
    pub(super) samples: u64,
    pub(super) dropped: u64,
}

struct Replayed {
    group: Arc<Group>,
    /// Slots that it has claimed.
    slots: u32,
}

impl Share {
    /// Applies a record of a group.
    pub(super) fn record(&mut self, common: &Common<'_>, kind: Kind, payload: &[u8]) {
        let applied = match kind {
            Kind::Schema => self.schema(common, payload),
            Kind::Full => self.full(common, payload),
            Kind::Row => self.row(common, payload),
            _ => Ok(()),
        };
        self.dropped += u64::from(applied.is_err());
    }

    /// Open rows become chunks, since the groups of the log have no scraper any more.
    pub(super) fn finish(&self) {
        self.groups.values().for_each(|replayed| replayed.group.retire());
    }

    fn group(&mut self, common: &Common<'_>, id: u64) -> &mut Replayed {
        self.groups.entry(id).or_insert_with(|| {
            common.head.next_group.fetch_max(id.saturating_add(1), Ordering::AcqRel);
            Replayed { group: Arc::new(Group::new(id, Arc::clone(common.head), None)), slots: 0 }
        })
    }

    /// Gives a slot of a group to the series with an id. One whose labels are lost keeps its id, lest a new series
    /// take over its samples at the next start.
    fn assign(&mut self, common: &Common<'_>, id: u64, slot: u64, series: u32) -> Result<u32, CodecError> {
        let replayed = self.group(common, id);
        let slot = replayed.claim(common, slot)?;
        let index = common.head.index();
        let known = common.names.find(&index, series);
        replayed.group.replay_slot(slot, known);
        if known.is_none() {
            self.unknown = self.unknown.max(Some(series));
        }
        Ok(slot)
    }

    fn schema(&mut self, common: &Common<'_>, mut payload: &[u8]) -> Result<(), CodecError> {
        let id = varint::take(&mut payload)?;
        self.group(common, id);
        while !payload.is_empty() {
            let slot = varint::take(&mut payload)?;
            let series = super::take_id(&mut payload)?;
            self.assign(common, id, slot, series)?;
        }
        Ok(())
    }

    fn full(&mut self, common: &Common<'_>, mut payload: &[u8]) -> Result<(), CodecError> {
        let id = varint::take(&mut payload)?;
        let sequence = varint::take(&mut payload)?;
        let timestamp = varint::take_signed(&mut payload)?;
        let group = Arc::clone(&self.group(common, id).group);
        let mut values = std::mem::take(&mut self.values);
        values.clear();
        let mut at = 0u64;
        while !payload.is_empty() {
            at = at.checked_add(varint::take(&mut payload)?).ok_or(CodecError("slot out of bounds"))?;
            let tagged = varint::take(&mut payload)?;
            let series = u32::try_from(tagged >> 1).map_err(|_| CodecError("series id out of bounds"))?;
            let slot = self.assign(common, id, at, series)?;
            if tagged & 1 == 1 {
                values.push((slot, f64::from_bits(varint::take_u64(&mut payload)?)));
            }
        }
        if !common.keeps(id, sequence, timestamp) {
            // In a file already; the values still are what the next rows are told against.
            group.replay_base(sequence, timestamp, &values);
        } else if group.replay_full(sequence, timestamp, &values) {
            self.samples += values.len() as u64;
        }
        self.values = values;
        Ok(())
    }

    fn row(&mut self, common: &Common<'_>, mut payload: &[u8]) -> Result<(), CodecError> {
        let id = varint::take(&mut payload)?;
        let sequence = varint::take(&mut payload)?;
        let timestamp = varint::take_signed(&mut payload)?;
        let keep = common.keeps(id, sequence, timestamp);
        let present = self.group(common, id).group.replay_row(sequence, timestamp, payload, keep);
        self.samples += present.ok_or(CodecError("a row before this one is missing"))? as u64;
        Ok(())
    }
}

impl Common<'_> {
    /// Whether no file has a group's row yet.
    fn keeps(&self, group: u64, sequence: u64, timestamp: i64) -> bool {
        timestamp >= self.min_valid_ms && self.marks.get(&group).is_none_or(|mark| sequence >= *mark)
    }
}

impl Replayed {
    /// Checks a slot number, and books it.
    fn claim(&mut self, common: &Common<'_>, number: u64) -> Result<u32, CodecError> {
        let bad = CodecError("slot out of bounds");
        let slot = u32::try_from(number).ok().filter(|slot| *slot < u32::MAX).ok_or(bad)?;
        if slot >= self.slots {
            let more = u64::from(slot + 1 - self.slots);
            if common.claimed.fetch_add(more, Ordering::Relaxed) + more > SLOTS_MAX {
                common.claimed.fetch_sub(more, Ordering::Relaxed);
                return Err(CodecError("more slots than any group can have"));
            }
            self.slots = slot + 1;
        }
        Ok(slot)
    }
}
