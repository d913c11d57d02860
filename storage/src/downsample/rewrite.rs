//! Writes a block again as retention rules want it: without the series whose time has passed, and with fewer
//! samples of others. Frames of series that stay as they are are copied; of the others one series' samples are
//! held at a time.

use super::downsample;
use crate::block::{Block, BlockPlan, BlockWriter, Compaction, Packing, ServedBlock};
use crate::compact::Merged;
use crate::io::Files;
use crate::labels::{Labels, LabelsBuf};
use crate::query::postings::Postings;
use crate::query::rows::Wanted;
use crate::query::{Columns, StorageError};
use crate::retention::{Action, Plan};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

/// All of time.
const ALWAYS: (i64, i64) = (i64::MIN, i64::MAX);

/// Whether a block written by the plan would be another one.
pub(crate) fn has_work(block: &ServedBlock, plan: &Plan) -> Result<bool, StorageError> {
    any_series(block, |number, labels| match plan.action(labels) {
        Action::Drop => Ok(true),
        Action::Keep { resolution: 0 } => Ok(false),
        Action::Keep { resolution } => match block.own() {
            Some(block) => Ok(block.finest(number)? < resolution),
            None => Ok(true),
        },
    })
}

/// Whether the plan keeps any series of the block.
pub(crate) fn has_kept(block: &ServedBlock, plan: &Plan) -> Result<bool, StorageError> {
    any_series(block, |_, labels| Ok(plan.action(labels) != Action::Drop))
}

fn any_series(
    block: &ServedBlock,
    mut wanted: impl FnMut(u32, &Labels) -> Result<bool, StorageError>,
) -> Result<bool, StorageError> {
    let (mut entries, mut labels) = (block.entries(), LabelsBuf::default());
    for number in &block.everything() {
        entries.labels(number, &mut labels)?;
        if wanted(number, &labels.to_labels())? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Writes a new, durable block in `dir` of what the plan leaves of `block`; how many series were downsampled.
pub(crate) fn rewrite(
    files: &Files,
    dir: &Path,
    ulid: String,
    block: &ServedBlock,
    plan: &Plan,
    cancel: &AtomicBool,
) -> Result<(Merged, u64), StorageError> {
    let meta = block.meta();
    let new = BlockPlan {
        ulid,
        min_time: meta.min_time,
        max_time: meta.max_time,
        compaction: Compaction::of_parents(std::iter::once(meta)),
        packing: Packing::Zstd,
        applied: plan.fingerprint(),
    };
    let mut writer = BlockWriter::new(files, dir, new)?;
    let (mut entries, mut buffer) = (block.entries(), LabelsBuf::default());
    let (mut samples, mut downsampled) = (Columns::default(), 0);
    for number in &block.everything() {
        if cancel.load(Ordering::Relaxed) {
            return Ok((Merged::Cancelled, 0));
        }
        entries.labels(number, &mut buffer)?;
        let labels = buffer.to_labels();
        let Action::Keep { resolution } = plan.action(&labels) else { continue };
        let finest = block.own().map_or(Ok(0), |block| block.finest(number))?;
        if finest >= resolution {
            copy(block, number, &labels, &mut writer, &mut samples)?;
            continue;
        }
        samples.clear();
        block.series(number).read_wanted(Wanted::All, &mut samples)?;
        writer.add_series(&labels, &downsample(&labels, &samples, resolution))?;
        downsampled += 1;
    }
    Ok((writer.finish()?.map_or(Merged::Empty, Merged::Block), downsampled))
}

/// Writes a series as it is, but for what is deleted of it.
fn copy(
    block: &ServedBlock,
    number: u32,
    labels: &Labels,
    writer: &mut BlockWriter,
    samples: &mut Columns,
) -> Result<(), StorageError> {
    let deleted = block.tombstones().is_some_and(|tombstones| tombstones.get(number).is_some());
    match block.own().filter(|block| !deleted && block.has_lengths()) {
        Some(block) => {
            copy_frames(block, number, writer, samples)?;
            writer.end_series(labels)
        }
        None => {
            samples.clear();
            block.series(number).read_wanted(Wanted::All, samples)?;
            writer.add_series(labels, samples)
        }
    }
}

fn copy_frames(
    block: &Block,
    number: u32,
    writer: &mut BlockWriter,
    scratch: &mut Columns,
) -> Result<(), StorageError> {
    block.entries().each_chunk(number, ALWAYS, |chunk| {
        let timeline = block.timeline(&chunk)?;
        scratch.clear();
        timeline.extend(0..timeline.len(), &mut scratch.timestamps);
        let column = writer.column(&scratch.timestamps)?;
        writer.add_frame(&block.frame(&chunk)?, column, timeline.len())?;
        Ok(true)
    })
}
