//! What deletions hide from one selection: samples, and series of which none is left.

use super::lost::or_damaged;
use super::rows::Wanted;
use super::tidy::Joints;
use super::{Columns, StorageError};
use crate::block::ServedBlock;
use crate::head::Head;
use crate::head::select::HeadSeries;
use crate::query::postings::Postings;
use crate::tombstones::{Intervals, Tombstones};
use roaring::RoaringBitmap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// The tombstones of the head and of each block of a selection. A selection that nothing is deleted from
/// has none.
pub(super) struct Masks {
    head: Option<Arc<Tombstones>>,
    blocks: Vec<Option<Arc<Tombstones>>>,
}

impl Masks {
    /// Those of the blocks are what they are now; those of the head were taken before the head was looked at.
    pub(super) fn new(head: Option<Arc<Tombstones>>, blocks: &[Arc<ServedBlock>]) -> Option<Self> {
        let blocks: Vec<_> = blocks.iter().map(|block| block.tombstones()).collect();
        (head.is_some() || blocks.iter().any(Option::is_some)).then_some(Self { head, blocks })
    }

    /// What is deleted of a block.
    pub(super) fn block(&self, block: u32) -> Option<&Tombstones> {
        self.blocks.get(block as usize)?.as_deref()
    }

    /// What is deleted of a series of the head.
    pub(super) fn head_series(&self, id: u32) -> Option<&Intervals> {
        self.head.as_ref()?.get(id)
    }
}

/// Takes the series of a block out of a selection of which nothing is left within `[mint, maxt]`.
pub(super) fn retain_living(
    block: &ServedBlock,
    numbers: &mut RoaringBitmap,
    tombstones: &Tombstones,
    (mint, maxt): (i64, i64),
) -> Result<(), StorageError> {
    for (number, deleted) in tombstones.iter().filter(|(_, deleted)| deleted.overlaps(mint, maxt)) {
        if numbers.contains(number)
            && !is_living(block.span(number), (mint, maxt), deleted, |out, joints| {
                block.read(number, (mint, maxt), Wanted::Last, out, joints)
            })?
        {
            numbers.remove(number);
        }
    }
    Ok(())
}

/// Whether a series of the head has a sample within the range that is not deleted and in no block, which end at
/// `cut_ms`.
pub(super) fn is_living_in_head(
    head: &Head,
    series: &HeadSeries,
    range: (i64, i64),
    cut_ms: i64,
    deleted: &Intervals,
) -> Result<bool, StorageError> {
    is_living(series.span(&head.level0), range, deleted, |out, joints| {
        series.read(&head.level0, range, cut_ms, out, joints)
    })
}

/// What is damaged may be there; whoever reads it is told.
fn is_living(
    span: Result<Option<(i64, i64)>, StorageError>,
    range: (i64, i64),
    deleted: &Intervals,
    read: impl FnOnce(&mut Columns, &mut Joints<'_>) -> Result<(), StorageError>,
) -> Result<bool, StorageError> {
    or_damaged(span.and_then(|span| is_left(span, range, deleted, read)), true)
}

fn is_left(
    span: Option<(i64, i64)>,
    (mint, maxt): (i64, i64),
    deleted: &Intervals,
    read: impl FnOnce(&mut Columns, &mut Joints<'_>) -> Result<(), StorageError>,
) -> Result<bool, StorageError> {
    let Some((first, last)) = span else { return Ok(false) };
    let (from, to) = (first.max(mint), last.min(maxt));
    // Most often all of a series is deleted, which the times tell without the samples.
    if from > to || deleted.covers(from, to) {
        return Ok(false);
    }
    let mut left = Columns::default();
    let mut joints = Joints::new(&left);
    read(&mut left, &mut joints)?;
    deleted.mask(&mut left, 0);
    Ok(!left.is_empty())
}

/// The series of a block of which nothing is left.
pub(super) fn dead_in_block(block: &ServedBlock) -> Result<RoaringBitmap, StorageError> {
    let Some(tombstones) = block.tombstones() else { return Ok(RoaringBitmap::new()) };
    let all: RoaringBitmap = tombstones.iter().map(|(number, _)| number).collect();
    let mut living = all.clone();
    retain_living(block, &mut living, &tombstones, (i64::MIN, i64::MAX))?;
    Ok(all - living)
}

/// The series of the head of which nothing is left.
pub(super) fn dead_in_head(head: &Head) -> Result<RoaringBitmap, StorageError> {
    let mut dead = RoaringBitmap::new();
    let Some(tombstones) = head.tombstones.load_full() else { return Ok(dead) };
    // What is older is in blocks.
    let cut_ms = head.cut_ms.load(Ordering::Acquire);
    for (id, deleted) in tombstones.iter() {
        let series = head.index().get(id).cloned();
        let Some(series) = series else { continue };
        if !is_living_in_head(head, &HeadSeries::live(&series), (i64::MIN, i64::MAX), cut_ms, deleted)? {
            dead.insert(id);
        }
    }
    Ok(dead)
}

/// Adds the names that some series has that is not dead.
pub(super) fn living_names<'a>(
    postings: &impl Postings,
    names: impl Iterator<Item = &'a str>,
    dead: &RoaringBitmap,
    mut each: impl FnMut(&'a str),
) -> Result<(), StorageError> {
    for name in names {
        if dead.is_empty() || !postings.with_name(name)?.is_subset(dead) {
            each(name);
        }
    }
    Ok(())
}

/// Adds the values of a label that some series has that is not dead.
pub(super) fn living_values<'a>(
    postings: &impl Postings,
    name: &str,
    values: impl Iterator<Item = &'a str>,
    dead: &RoaringBitmap,
    mut each: impl FnMut(&'a str),
) -> Result<(), StorageError> {
    for value in values {
        if dead.is_empty() || !postings.with_value(name, value)?.is_subset(dead) {
            each(value);
        }
    }
    Ok(())
}
