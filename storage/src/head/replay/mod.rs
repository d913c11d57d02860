//! Rebuilds the head from the write-ahead log.

mod names;
mod rows;

use super::Head;
use super::entry::{Entry, SampleValue};
use super::series::MemSeries;
use crate::codec::{CodecError, varint};
use crate::exemplar::Kept;
use crate::labels::Labels;
use crate::parallel;
use crate::tombstones::{Tombstones, file};
use crate::wal::record::Kind;
use crate::wal::settled::Settled;
use crate::wal::{exemplars, runs};
use names::Names;
use roaring::RoaringBitmap;
use rows::{Common, Share};
use std::collections::{HashMap, hash_map};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError};

/// Records that are worth threads.
const MANY: usize = 1024;

/// Applies records in the order of the log.
pub(crate) struct Replay {
    head: Arc<Head>,
    names: Names,
    /// The groups by their numbers, divided.
    shares: Vec<Share>,
    claimed: AtomicU64,
    tombstones: Tombstones,
    exemplars: Kept,
    /// The labels of series that have exemplars.
    exemplar_series: HashMap<u32, Labels>,
    min_valid_ms: i64,
    marks: HashMap<u64, u64>,
    /// Series whose labels are in the log.
    pub(crate) told: RoaringBitmap,
    pub(crate) records: u64,
    pub(crate) samples: u64,
    /// Records that could not be applied: damaged, or after a lost one.
    pub(crate) dropped: u64,
}

impl Replay {
    /// Samples before `min_valid_ms` are in blocks already, rows of a group before its mark in level 0.
    pub(crate) fn new(head: Arc<Head>, min_valid_ms: i64, marks: HashMap<u64, u64>) -> Self {
        Self {
            names: Names::default(),
            shares: (0..parallel::threads()).map(|_| Share::default()).collect(),
            claimed: AtomicU64::new(0),
            tombstones: Tombstones::default(),
            exemplars: Kept::new(head.exemplars.max()),
            exemplar_series: HashMap::new(),
            head,
            min_valid_ms,
            marks,
            told: RoaringBitmap::new(),
            records: 0,
            samples: 0,
            dropped: 0,
        }
    }

    /// Takes the labels in the payloads of the catalogue's records; the ids of its series. Of a damaged record what
    /// stands before the damage is taken.
    pub(crate) fn catalogue(&mut self, records: &[&[u8]]) -> RoaringBitmap {
        let mut known = RoaringBitmap::new();
        self.names.read(&self.head, records, &mut known);
        known
    }

    /// Takes the labels in the payloads of the log's SERIES records.
    pub(crate) fn labels(&mut self, records: &[&[u8]]) {
        self.records += records.len() as u64;
        self.dropped += self.names.read(&self.head, records, &mut self.told);
    }

    /// Applies records other than SERIES. Those of groups are divided by group; the others do not depend on them.
    pub(crate) fn records(&mut self, records: &[(Kind, &[u8])]) {
        self.records += records.len() as u64;
        let shares = self.shares.len().max(1) as u64;
        let mut divided: Vec<Vec<(Kind, &[u8])>> = self.shares.iter().map(|_| Vec::new()).collect();
        for (kind, payload) in records {
            if !matches!(kind, Kind::Schema | Kind::Full | Kind::Row) {
                if self.record(*kind, payload).is_err() {
                    self.dropped += 1;
                }
                continue;
            }
            // One without a number will be dropped wherever it goes.
            let group = varint::take(&mut &**payload).unwrap_or(0);
            if let Some(share) = divided.get_mut((group % shares) as usize) {
                share.push((*kind, payload));
            }
        }
        let common = Common {
            head: &self.head,
            names: &self.names,
            min_valid_ms: self.min_valid_ms,
            marks: &self.marks,
            claimed: &self.claimed,
        };
        let apply = |(share, records): (&mut Share, Vec<(Kind, &[u8])>)| {
            records.into_iter().for_each(|(kind, payload)| share.record(&common, kind, payload));
        };
        let work = self.shares.iter_mut().zip(divided);
        if records.len() < MANY {
            work.for_each(apply);
        } else {
            parallel::map(work.collect(), apply);
        }
    }

    fn record(&mut self, kind: Kind, payload: &[u8]) -> Result<(), CodecError> {
        match kind {
            Kind::Samples => self.samples(payload),
            Kind::Runs => self.runs(payload),
            Kind::Tombstones => self.tombstones(payload),
            Kind::Late => self.late(payload),
            Kind::Settled => self.settled(payload),
            Kind::Exemplars => self.exemplars(payload),
            // Labels and voids were read before everything else, and those of groups are the shares'.
            Kind::Void | Kind::Series | Kind::Schema | Kind::Full | Kind::Row => Ok(()),
        }
    }

    /// Ends the replay.
    pub(crate) fn finish(&mut self) {
        self.forget_tombstones();
        self.head.exemplars.restore(self.exemplars.take(), self.head.late_window_ms.load(Ordering::Acquire));
        self.head.set_tombstones(std::mem::take(&mut self.tombstones));
        let shares = std::mem::take(&mut self.shares);
        let mut index = self.head.index.write().unwrap_or_else(PoisonError::into_inner);
        for share in &shares {
            share.unknown.into_iter().for_each(|id| index.reserve_id(id));
            self.samples += share.samples;
            self.dropped += share.dropped;
        }
        drop(index);
        if self.records < MANY as u64 {
            shares.iter().for_each(Share::finish);
        } else {
            parallel::map(shares, |share| share.finish());
        }
    }

    fn exemplars(&mut self, payload: &[u8]) -> Result<(), CodecError> {
        let Self { head, names, exemplars: kept, exemplar_series: known, .. } = self;
        if kept.is_off() {
            return Ok(());
        }
        let index = head.index();
        let find = |id: u32| match known.entry(id) {
            hash_map::Entry::Occupied(known) => Some(known.get().clone()),
            hash_map::Entry::Vacant(new) => {
                Some(new.insert(names.find(&index, id)?.labels.to_labels()).clone())
            }
        };
        match exemplars::read(payload, find, |sequence, series, one| kept.add(sequence, series, one))? {
            0 => Ok(()),
            _ => Err(CodecError("exemplars of an unknown series")),
        }
    }

    fn samples(&mut self, mut payload: &[u8]) -> Result<(), CodecError> {
        while !payload.is_empty() {
            let id = take_id(&mut payload)?;
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
        let index = self.head.index();
        for (id, intervals) in file::take_entries(payload)?.iter() {
            match self.names.find(&index, id) {
                Some(series) => {
                    intervals.iter().for_each(|(min, max)| self.tombstones.add(series.id, min, max))
                }
                // Its samples are in blocks, and it is gone.
                None => known &= !intervals.overlaps(self.min_valid_ms, i64::MAX),
            }
        }
        if known { Ok(()) } else { Err(CodecError("tombstones of an unknown series")) }
    }

    /// Forgets what is deleted before the end of the blocks, which know it themselves, but of late samples and where a
    /// file of level 0 reaches back.
    fn forget_tombstones(&mut self) {
        let index = self.head.index();
        let before_ms = self.head.oldest_stored_ms().min(self.min_valid_ms);
        for (id, intervals) in std::mem::take(&mut self.tombstones).iter() {
            let late = index.get(id).is_some_and(|series| series.state().late().is_some());
            let left = intervals.iter().filter(|(_, max)| late || *max >= before_ms);
            left.for_each(|(min, max)| self.tombstones.add(id, min, max));
        }
    }

    /// The series with an id. One whose labels are lost keeps its id, lest a new series take over its samples at
    /// the next start.
    fn known(&self, id: u32) -> Result<Arc<MemSeries>, CodecError> {
        if let Some(known) = self.names.find(&self.head.index(), id) {
            return Ok(Arc::clone(known));
        }
        self.head.index.write().unwrap_or_else(PoisonError::into_inner).reserve_id(id);
        Err(CodecError("unknown series"))
    }

    fn late(&mut self, payload: &[u8]) -> Result<(), CodecError> {
        runs::read(payload, |id, entry| {
            let series = self.known(id)?;
            self.head.push_late(&series, entry);
            self.samples += 1;
            Ok(())
        })
    }

    /// Lets go of late samples that blocks have, where they may be deleted by now.
    fn settled(&mut self, payload: &[u8]) -> Result<(), CodecError> {
        let settled = Settled::take(payload)?;
        if self.head.late.load(Ordering::Relaxed) == 0 {
            return Ok(());
        }
        let mut waiting: HashMap<u32, &[i64]> = HashMap::new();
        for (id, timestamps) in &settled.waiting {
            waiting.insert(self.known(*id)?.id, timestamps);
        }
        for series in self.head.all_series() {
            let waiting = waiting.get(&series.id).copied().unwrap_or_default();
            let gone = series.state().settle_late(settled.before_ms, waiting);
            self.head.late.fetch_sub(gone as u64, Ordering::Relaxed);
        }
        Ok(())
    }

    fn sample(&mut self, id: u32, entry: Entry) -> Result<(), CodecError> {
        if entry.timestamp >= self.min_valid_ms {
            let series = self.known(id)?;
            let timestamp = entry.timestamp;
            self.head.push_private(&series, std::iter::once(entry));
            self.head.note_time(timestamp);
            self.samples += 1;
        }
        Ok(())
    }
}

fn take_id(payload: &mut &[u8]) -> Result<u32, CodecError> {
    u32::try_from(varint::take(payload)?).map_err(|_| CodecError("series id out of bounds"))
}
