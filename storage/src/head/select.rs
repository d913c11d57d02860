//! What a query sees of the head: for each series the newest sample at the moment of the selection.
//!
//! A series only ever grows behind its newest sample. So that one timestamp is a snapshot: whatever is read
//! later up to it is what was there, and nothing has to be copied when the series is selected.

use super::Head;
use super::cell::CellSnapshot;
use super::entry::{Entry, SampleValue};
use super::group::Group;
use super::owners::Owners;
use super::series::{MemSeries, SeriesState};
use crate::codec::CodecError;
use crate::level0::{self, Level0};
use crate::query::tidy::Joints;
use crate::query::{Columns, Newest, StorageError};
use arc_swap::ArcSwap;
use foldhash::fast::RandomState;
use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, MutexGuard, PoisonError};

/// How often samples outside of groups are looked at without stopping their commits.
const ATTEMPTS: usize = 2;

/// A series of the head as it was at one moment.
pub(crate) struct HeadSeries {
    pub(crate) series: Arc<MemSeries>,
    newest: Entry,
}

/// The cells of a group that belong to selected series: position in the selection, and slot.
struct Cells {
    group: Arc<Group>,
    slots: Vec<(u32, u32)>,
}

impl Head {
    /// The snapshots of series, `None` for one without a sample. Of a row, and of what was committed
    /// together, all is in them or nothing.
    pub(crate) fn snapshot(&self, selected: Vec<Arc<MemSeries>>) -> Vec<Option<HeadSeries>> {
        let (mut newest, mut cells) = (Vec::with_capacity(selected.len()), Vec::new());
        for attempt in 0..=ATTEMPTS {
            let stopped =
                (attempt == ATTEMPTS).then(|| self.commits.lock().unwrap_or_else(PoisonError::into_inner));
            let before = self.epoch.load(Ordering::Acquire);
            newest.clear();
            cells.clear();
            let private = self.tails(&selected, &mut newest, &mut cells);
            // An odd epoch is a commit that is becoming visible.
            let after = self.epoch.load(Ordering::Acquire);
            if !private || (before == after && before.is_multiple_of(2)) || stopped.is_some() {
                break;
            }
        }
        for Cells { group, slots } in &cells {
            group.newest_of(slots, |at, open| {
                let (Some(newest), Some(series)) = (newest.get_mut(at as usize), selected.get(at as usize))
                else {
                    return;
                };
                match open {
                    Some((timestamp, _)) if newest.as_ref().is_some_and(|n| n.timestamp > timestamp) => {}
                    Some((timestamp, value)) => *newest = Some(Entry::float(timestamp, value)),
                    // Its cell may have been sealed since its tail was read.
                    None if !series.shared.load(Ordering::Relaxed) => *newest = self.settled(series).tail(),
                    None => {}
                }
            });
        }
        let pairs = selected.into_iter().zip(newest);
        pairs.map(|(series, newest)| newest.map(|newest| HeadSeries { series, newest })).collect()
    }

    /// Collects the newest sample outside of open cells of each series, and the cells; whether any of the
    /// series has samples outside of groups.
    fn tails(
        &self,
        selected: &[Arc<MemSeries>],
        newest: &mut Vec<Option<Entry>>,
        cells: &mut Vec<Cells>,
    ) -> bool {
        let mut places: HashMap<u64, usize, RandomState> = HashMap::default();
        let mut last = (u64::MAX, 0);
        let mut private = false;
        for (at, series) in (0u32..).zip(selected) {
            let state = self.settled(series);
            private |= series.shared.load(Ordering::Relaxed);
            newest.push(state.tail());
            for (group, slot) in state.owners.iter() {
                // A group that is gone sealed its cells before, under the lock that is held here.
                let Some(group) = group.upgrade() else { continue };
                if last.0 != group.id {
                    let place = *places.entry(group.id).or_insert(cells.len());
                    last = (group.id, place);
                }
                match cells.get_mut(last.1) {
                    Some(cells) => cells.slots.push((at, slot)),
                    None => cells.push(Cells { group, slots: vec![(at, slot)] }),
                }
            }
        }
        private
    }

    /// The state of a series, whose tail is known now if there is one.
    pub(crate) fn settled<'a>(&self, series: &'a MemSeries) -> MutexGuard<'a, SeriesState> {
        let state = series.state();
        if !state.stored {
            return state;
        }
        drop(state);
        let newest = level0::newest(&self.level0.load(), series.id);
        let mut state = series.state();
        if std::mem::take(&mut state.stored)
            && let Some(newest) = newest
        {
            state.note(newest);
        }
        state
    }

    /// The newest sample of a series, however it was written, and whether a group may write another.
    pub(crate) fn newest(&self, series: &MemSeries) -> (Option<Entry>, bool) {
        let (tail, owners) = {
            let state = self.settled(series);
            (state.tail(), state.owners.clone())
        };
        // Samples only ever move on: from open cells into chunks, from chunks into level 0. So cells are copied
        // first, the list of chunks is taken after them and the files after that: what moves in between is read
        // twice, which `Joints` sorts out, and nothing is missed however fast the series grows.
        let cells = owners.iter().filter_map(|(group, slot)| group.upgrade()?.newest(slot));
        let cells = cells.map(|(timestamp, value)| Entry::float(timestamp, value));
        (tail.into_iter().chain(cells).max_by_key(|entry| entry.timestamp), !owners.is_empty())
    }
}

impl HeadSeries {
    /// A series with whatever it has when it is read.
    pub(crate) fn live(series: &Arc<MemSeries>) -> Self {
        Self { series: Arc::clone(series), newest: Entry::float(i64::MAX, f64::NAN) }
    }

    /// Whether a sample lies within `[mint, maxt]`, as far as chunks tell without being read.
    pub(crate) fn overlaps(
        &self,
        level0: &[Arc<Level0>],
        mint: i64,
        maxt: i64,
    ) -> Result<bool, StorageError> {
        let newest = self.newest.timestamp;
        if newest <= maxt {
            return Ok(newest >= mint);
        }
        let (chunks, open, owners) = {
            let state = self.series.state();
            if state.late().is_some_and(|late| !late.within(mint, maxt).is_empty()) {
                return Ok(true);
            }
            (state.chunks.clone(), state.open_range(), state.owners.clone())
        };
        let in_memory = chunks.iter().any(|chunk| chunk.overlaps(mint, maxt))
            || open.is_some_and(|(first, last)| first <= maxt && last >= mint)
            || owners.iter().any(|(group, slot)| {
                let cell = group.upgrade().and_then(|group| group.cell(slot));
                cell.is_some_and(|cell| cell.overlaps(mint, maxt))
            });
        if in_memory {
            return Ok(true);
        }
        for file in level0 {
            if file.may_have(self.series.id, mint, maxt)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// A time, ms, that no sample is before, and the time of the newest one.
    pub(crate) fn span(
        &self,
        level0: &ArcSwap<Vec<Arc<Level0>>>,
    ) -> Result<Option<(i64, i64)>, StorageError> {
        // In the order in which samples move on, as for `read`.
        let owners = self.series.state().owners.clone();
        let cells = owners.iter().filter_map(|(group, slot)| group.upgrade()?.cell(slot)?.range());
        let mut ranges: Vec<(i64, i64)> = cells.collect();
        {
            let state = self.series.state();
            ranges.extend(state.chunks.iter().map(|chunk| (chunk.min(), chunk.max())));
            ranges.extend(state.open_range());
            let late = state.late().map(|late| late.within(i64::MIN, i64::MAX)).unwrap_or_default();
            ranges
                .extend(late.first().zip(late.last()).map(|(first, last)| (first.timestamp, last.timestamp)));
        }
        for file in level0.load().iter() {
            ranges.extend(file.span(self.series.id)?);
        }
        let span = ranges.into_iter().reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)));
        Ok(span.map(|(first, last)| (first, last.min(self.newest.timestamp))))
    }

    /// Appends the samples within `[mint, maxt]`, as parts; of those that were not late, only what is not
    /// older than `cut_ms`, since blocks have the rest.
    pub(crate) fn read(
        &self,
        level0: &ArcSwap<Vec<Arc<Level0>>>,
        (mint, maxt): (i64, i64),
        cut_ms: i64,
        out: &mut Columns,
        joints: &mut Joints<'_>,
    ) -> Result<(), StorageError> {
        let maxt = maxt.min(self.newest.timestamp);
        if mint > maxt {
            return Ok(());
        }
        let (owners, late) = {
            let state = self.series.state();
            let late = state.late().map(|late| late.within(mint, maxt).to_vec());
            (state.owners.clone(), late.unwrap_or_default())
        };
        self.read_in_order((mint.max(cut_ms), maxt), level0, owners, out, joints)?;
        // Behind the others: of two samples for one timestamp the first stays.
        late.into_iter().for_each(|entry| entry.push_to(out));
        joints.join(out);
        Ok(())
    }

    fn read_in_order(
        &self,
        (mint, maxt): (i64, i64),
        level0: &ArcSwap<Vec<Arc<Level0>>>,
        owners: Owners,
        out: &mut Columns,
        joints: &mut Joints<'_>,
    ) -> Result<(), StorageError> {
        let cells = owners.iter().filter_map(|(group, slot)| group.upgrade()?.cell(slot));
        let cells: Vec<CellSnapshot> = cells.filter(|cell| cell.overlaps(mint, maxt)).collect();
        let (chunks, version) = {
            let state = self.series.state();
            (state.chunks.clone(), state.version)
        };
        let files = level0.load();
        for file in files.iter().filter(|file| file.overlaps(mint, maxt)) {
            file.read(self.series.id, mint, maxt, out, joints)?;
        }
        for chunk in chunks.iter().filter(|chunk| chunk.overlaps(mint, maxt)) {
            chunk.read(mint, maxt, out).map_err(|e| self.damaged(e))?;
            joints.join(out);
        }
        for cell in &cells {
            cell.read(mint, maxt, out).map_err(|e| self.damaged(e))?;
            joints.join(out);
        }
        let grown = {
            let state = self.series.state();
            state.read_open(mint, maxt, out).map_err(|e| self.damaged(e))?;
            joints.join(out);
            if state.version == version {
                return Ok(());
            }
            state.chunks.clone()
        };
        // Open samples were sealed meanwhile, into chunks behind the last one that was read, which may be on
        // their way into a file already.
        let known = chunks.last().and_then(|last| grown.iter().rposition(|chunk| chunk.is(last)));
        let new = grown.get(known.map_or(0, |known| known + 1)..).unwrap_or_default();
        for chunk in new.iter().filter(|chunk| chunk.overlaps(mint, maxt)) {
            chunk.read(mint, maxt, out).map_err(|e| self.damaged(e))?;
            joints.join(out);
        }
        let known = |file: &Arc<Level0>| files.iter().any(|known| Arc::ptr_eq(known, file));
        for file in level0.load().iter().filter(|file| file.overlaps(mint, maxt) && !known(file)) {
            file.read(self.series.id, mint, maxt, out, joints)?;
        }
        Ok(())
    }

    fn damaged(&self, error: CodecError) -> StorageError {
        StorageError::Corrupt {
            what: format!("head series {:?}", self.series.labels),
            detail: error.to_string(),
        }
    }

    /// The timestamp of the newest sample, ms.
    pub(crate) fn limit(&self) -> i64 {
        self.newest.timestamp
    }

    /// The newest sample, when it is not after `maxt`.
    pub(crate) fn newest(&self, maxt: i64) -> Option<Newest> {
        let Entry { timestamp, start, value } = &self.newest;
        let (value, histogram) = match value {
            SampleValue::Float(value) => (*value, None),
            SampleValue::Histogram(histogram) => (f64::NAN, Some(Arc::clone(histogram))),
        };
        let newest = Newest { timestamp: *timestamp, value, histogram, start: *start, resolution: 0 };
        (*timestamp <= maxt).then_some(newest)
    }
}
