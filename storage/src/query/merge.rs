//! Joins the parts that head and blocks have of one series.
//!
//! The same series has an id in the head and a number in each block. A block remembers which id goes with
//! which number, so that parts are joined and sorted by numbers; labels are compared only for series that
//! the head does not have.

use super::lost::Lost;
use super::masks::{Masks, retain_living};
use super::postings::resolve;
use super::rows::Wanted;
use super::tidy::Joints;
use super::{Columns, Newest, SelectHints, Series, StorageError};
use crate::block::{EntriesOfBlock, ServedBlock};
use crate::db::Inner;
use crate::head::Head;
use crate::head::index::Index;
use crate::head::order::rank;
use crate::head::select::HeadSeries;
use crate::head::series::MemSeries;
use crate::labels::matcher::Matcher;
use crate::labels::{Labels, LabelsBuf};
use crate::retention::Expiry;
use crate::sample::is_stale_nan;
use crate::tombstones::Intervals;
use foldhash::fast::RandomState;
use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock};

/// No link.
const NONE: u32 = u32::MAX;

/// A part of a series in a block, and the next one.
#[derive(Clone, Copy)]
pub(super) struct Link {
    block: u32,
    number: u32,
    next: u32,
}

/// What the series of one selection share.
pub(super) struct Selection {
    pub(super) db: Arc<Inner>,
    /// Blocks that were cut from the head before it was looked at.
    pub(super) cuts: u64,
    /// What is older is in the blocks of the selection, ms.
    pub(super) cut_ms: i64,
    pub(super) blocks: Vec<Arc<ServedBlock>>,
    pub(super) links: Vec<Link>,
    pub(super) masks: Option<Masks>,
    /// What is wanted of downsampled samples.
    pub(super) wanted: Wanted,
    /// What is not shown any more.
    pub(super) expiry: Option<Expiry>,
    pub(super) lost: Arc<Lost>,
}

impl Selection {
    /// Whether all samples of a block are in selected ones.
    fn knows(&self, block: &ServedBlock) -> bool {
        let mut sources = block.meta().compaction.sources.iter();
        sources.all(|one| self.blocks.iter().any(|old| old.meta().compaction.sources.contains(one)))
    }
}

enum Origin {
    Head(HeadSeries, OnceLock<Labels>),
    /// In blocks only, at least in the time that was asked for; the head knows the labels.
    Known(Arc<MemSeries>, OnceLock<Labels>),
    Unknown(Labels),
}

/// A selected series.
pub(super) struct Found {
    origin: Origin,
    /// Its place in the order; 0 when the head gives it none.
    rank: u64,
    /// First and last of its links.
    links: (u32, u32),
}

impl Found {
    pub(super) fn head(series: HeadSeries, rank: u64) -> Self {
        Self { origin: Origin::Head(series, OnceLock::new()), rank, links: (NONE, NONE) }
    }

    pub(super) fn labels(&self) -> &Labels {
        self.origin.labels()
    }

    fn link(&mut self, block: u32, number: u32, links: &mut Vec<Link>) {
        let at = u32::try_from(links.len()).unwrap_or(NONE);
        links.push(Link { block, number, next: NONE });
        match links.get_mut(self.links.1 as usize) {
            Some(last) => last.next = at,
            None => self.links.0 = at,
        }
        self.links.1 = at;
    }

    pub(super) fn series(self, selection: &Arc<Selection>) -> Box<dyn Series> {
        Box::new(SelectedSeries { selection: Arc::clone(selection), origin: self.origin, link: self.links.0 })
    }
}

impl Origin {
    fn labels(&self) -> &Labels {
        match self {
            // The head shares label pairs between series: a set of its own is made when somebody asks.
            Self::Head(HeadSeries { series, .. }, labels) | Self::Known(series, labels) => {
                labels.get_or_init(|| series.labels.to_labels())
            }
            Self::Unknown(labels) => labels,
        }
    }
}

/// Adds what blocks, oldest first, have of the selection, and brings all of it into label order unless that
/// has no meaning. `found` holds the head's part, in order. What is damaged is left out.
pub(super) fn merge(
    head: &Head,
    blocks: &[Arc<ServedBlock>],
    matchers: &[Matcher],
    hints: &SelectHints,
    (masks, lost): (Option<&Masks>, &Lost),
    found: &mut Vec<Found>,
    links: &mut Vec<Link>,
) -> Result<(), StorageError> {
    let mut by_id: HashMap<u32, u32, RandomState> = HashMap::default();
    by_id.reserve(found.len());
    for (at, one) in (0u32..).zip(found.iter()) {
        if let Origin::Head(series, _) = &one.origin {
            by_id.insert(series.series.id, at);
        }
    }
    let mut by_labels: HashMap<Labels, u32, RandomState> = HashMap::default();
    // One block alone is in order and has every series once.
    let alone = blocks.len() == 1 && found.is_empty();
    let mut buffer = LabelsBuf::default();
    for (block_number, block) in (0u32..).zip(blocks) {
        let mut numbers = match resolve(&**block, matchers) {
            Ok(numbers) => numbers,
            Err(error) => {
                lost.leave_out(error)?;
                continue;
            }
        };
        if let Some(tombstones) = masks.and_then(|masks| masks.block(block_number)) {
            retain_living(block, &mut numbers, tombstones, (hints.mint, hints.maxt))?;
        }
        found.reserve(if alone { usize::try_from(numbers.len()).unwrap_or(0) } else { 0 });
        let index = head.index();
        let mut entries = block.entries();
        for number in &numbers {
            let next = u32::try_from(found.len()).unwrap_or(NONE);
            let twin = match entries.has_chunk(number, hints.mint, hints.maxt) {
                Ok(false) => continue,
                Ok(true) => twin(&index, block, &mut entries, number, &mut buffer),
                Err(error) => Err(error),
            };
            let twin = match twin {
                Ok(twin) => twin,
                Err(error) => {
                    lost.leave_out(error)?;
                    continue;
                }
            };
            if alone {
                let origin = twin.map_or_else(
                    || Origin::Unknown(buffer.to_labels()),
                    |twin| Origin::Known(Arc::clone(twin), OnceLock::new()),
                );
                let mut one = Found { origin, rank: 0, links: (NONE, NONE) };
                one.link(block_number, number, links);
                found.push(one);
                continue;
            }
            let at = match twin {
                Some(series) => *by_id.entry(series.id).or_insert_with(|| {
                    let rank = rank(series);
                    found.push(Found {
                        origin: Origin::Known(Arc::clone(series), OnceLock::new()),
                        rank,
                        links: (NONE, NONE),
                    });
                    next
                }),
                None => {
                    let labels = buffer.to_labels();
                    *by_labels.entry(labels.clone()).or_insert_with(|| {
                        found.push(Found { origin: Origin::Unknown(labels), rank: 0, links: (NONE, NONE) });
                        next
                    })
                }
            };
            if let Some(one) = found.get_mut(at as usize) {
                one.link(block_number, number, links);
            }
        }
    }
    if !hints.unsorted && !alone {
        sort(found);
    }
    Ok(())
}

/// The head's series with the labels of a block's series; if there is none, `buffer` holds the labels.
fn twin<'a>(
    index: &'a Index,
    block: &ServedBlock,
    entries: &mut EntriesOfBlock<'_>,
    number: u32,
    buffer: &mut LabelsBuf,
) -> Result<Option<&'a Arc<MemSeries>>, StorageError> {
    let known = block.twin(number);
    let id = known.and_then(|known| known.load(Ordering::Relaxed).checked_sub(1));
    if let Some(series) = id.and_then(|id| index.get(id)) {
        return Ok(Some(series));
    }
    entries.labels(number, buffer)?;
    let series = index.find_encoded(buffer.as_encoded());
    if let (Some(known), Some(series)) = (known, series) {
        known.store(series.id.saturating_add(1), Ordering::Relaxed);
    }
    Ok(series)
}

/// Series with a rank are sorted by it, the others by their labels; then both are merged.
fn sort(found: &mut Vec<Found>) {
    let (mut ranked, mut others): (Vec<Found>, Vec<Found>) =
        std::mem::take(found).into_iter().partition(|one| one.rank != 0);
    if !ranked.is_sorted_by_key(|one| one.rank) {
        ranked.sort_unstable_by_key(|one| one.rank);
    }
    if !others.is_sorted_by(|a, b| a.labels() <= b.labels()) {
        others.sort_unstable_by(|a, b| a.labels().cmp(b.labels()));
    }
    found.reserve(ranked.len() + others.len());
    let mut ranked = ranked.into_iter();
    for other in others {
        let before = lower_bound(ranked.as_slice(), &other);
        found.extend(ranked.by_ref().take(before));
        found.push(other);
    }
    found.extend(ranked);
}

/// How many of the series are before another one, looked for in steps that double: most often it is few.
fn lower_bound(series: &[Found], other: &Found) -> usize {
    let mut end = 1;
    while series.get(end - 1).is_some_and(|one| one.labels() < other.labels()) {
        end *= 2;
    }
    let (begin, end) = (end / 2, end.min(series.len()));
    let part = series.get(begin..end).unwrap_or_default();
    begin + part.partition_point(|one| one.labels() < other.labels())
}

struct SelectedSeries {
    selection: Arc<Selection>,
    origin: Origin,
    link: u32,
}

impl SelectedSeries {
    /// The first time from `mint` on that has not expired.
    fn first_shown(&self, mint: i64) -> i64 {
        let expiry = self.selection.expiry.as_ref().filter(|expiry| mint < expiry.latest_ms);
        expiry.map_or(mint, |expiry| mint.max(expiry.first_ms(self.labels())))
    }

    /// Appends what the blocks have.
    fn read_blocks(
        &self,
        range: (i64, i64),
        out: &mut Columns,
        joints: &mut Joints<'_>,
    ) -> Result<(), StorageError> {
        let mut at = self.link;
        while let Some(link) = self.selection.links.get(at as usize) {
            if let Some(block) = self.selection.blocks.get(link.block as usize) {
                let start = out.len();
                let read = block.read(link.number, range, self.selection.wanted, out, joints);
                read.or_else(|error| joints.leave_out(out, error))?;
                let masks = self.selection.masks.as_ref();
                let tombstones = masks.and_then(|masks| masks.block(link.block));
                if let Some(deleted) = tombstones.and_then(|tombstones| tombstones.get(link.number)) {
                    joints.mask(out, start, deleted);
                }
            }
            at = link.next;
        }
        Ok(())
    }

    /// What is deleted of the head's part.
    fn deleted(&self, head: &HeadSeries) -> Option<&Intervals> {
        self.selection.masks.as_ref()?.head_series(head.series.id)
    }

    /// Appends what was the head's at the selection, wherever it is now.
    fn read_head(
        &self,
        head: &HeadSeries,
        (mint, maxt): (i64, i64),
        out: &mut Columns,
        joints: &mut Joints<'_>,
    ) -> Result<(), StorageError> {
        let db = &self.selection.db;
        let start = out.len();
        head.read(&db.head.level0, (mint, maxt), self.selection.cut_ms, out, joints)?;
        if let Some(deleted) = self.deleted(head) {
            joints.mask(out, start, deleted);
        }
        if db.head.cuts.load(Ordering::Acquire) != self.selection.cuts {
            let new = db.blocks.load();
            // A block may also have been merged from those that were selected.
            let known = |block: &Arc<ServedBlock>| self.selection.knows(block);
            for block in new.iter().filter(|block| block.overlaps(mint, maxt) && !known(block)) {
                let range = (mint, maxt.min(head.limit()));
                let read = match block.find(self.labels()) {
                    Ok(Some(number)) => block.read(number, range, self.selection.wanted, out, joints),
                    Ok(None) => Ok(()),
                    Err(error) => Err(error),
                };
                read.or_else(|error| joints.leave_out(out, error))?;
            }
        }
        Ok(())
    }
}

impl Series for SelectedSeries {
    fn labels(&self) -> &Labels {
        self.origin.labels()
    }

    fn read(&self, mint: i64, maxt: i64, out: &mut Columns) -> Result<(), StorageError> {
        let mint = self.first_shown(mint);
        let mut joints = Joints::without_damaged(out, &self.selection.lost);
        self.read_blocks((mint, maxt), out, &mut joints)?;
        if let Origin::Head(head, _) = &self.origin {
            self.read_head(head, (mint, maxt), out, &mut joints)?;
        }
        joints.tidy(out);
        Ok(())
    }

    fn newest(&self, mint: i64, maxt: i64, scratch: &mut Columns) -> Result<Option<Newest>, StorageError> {
        let mint = self.first_shown(mint);
        if let Origin::Head(head, _) = &self.origin
            && let Some(newest) = head.newest(maxt)
            // A late sample may be older than what blocks have, and a block of Prometheus newer than the head.
            && newest.timestamp >= self.selection.db.head.min_valid_ms.load(Ordering::Acquire)
            && !self.deleted(head).is_some_and(|deleted| deleted.covers(newest.timestamp, newest.timestamp))
            // A damaged sample is remembered as a staleness marker; the read tells what is the matter.
            && !(is_stale_nan(newest.value) && self.selection.db.files.damage().count() > 0)
        {
            return Ok((newest.timestamp >= mint).then_some(newest));
        }
        scratch.clear();
        self.read(mint, maxt, scratch)?;
        Ok(scratch.newest())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_selected_series_takes_less_than_a_hundred_bytes() {
        let boxed = size_of::<Box<dyn Series>>() + size_of::<SelectedSeries>();
        assert!(boxed <= 96, "{boxed} bytes, without what the allocator adds");
    }
}
