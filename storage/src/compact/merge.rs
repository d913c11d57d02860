//! Merges blocks into one, series by series in label order. A frame that is long enough and overlaps no other
//! is copied as it is; short ones are joined, overlapping ones merged. What is held at a time is one series'
//! samples that overlap, and what the writer of a block holds.

use crate::block::{
    Block, BlockMeta, BlockPlan, BlockWriter, CHUNK_SAMPLES, ChunkRef, Compaction, Entries, Packing,
};
use crate::io::Files;
use crate::labels::{Labels, LabelsBuf};
use crate::query::rows::Wanted;
use crate::query::tidy::Joints;
use crate::query::{Columns, StorageError};
use crate::tombstones::{Intervals, Tombstones};
use foldhash::fast::RandomState;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A frame with this many samples is copied.
const COPIED_MIN: usize = CHUNK_SAMPLES * 3 / 4;
/// So many samples become a frame rather than that the next, long one is joined to them.
const KEPT_MIN: usize = CHUNK_SAMPLES / 2;
/// All of time.
const ALWAYS: (i64, i64) = (i64::MIN, i64::MAX);

/// How a merge ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Merged {
    /// With a block.
    Block(PathBuf),
    /// The parents hold no sample.
    Empty,
    /// It was told to stop and left nothing.
    Cancelled,
}

/// Merges `parents` into a new, durable block in `dir`. Of two samples of a series for one timestamp that of
/// the parent listed first stays.
pub(crate) fn merge(
    files: &Files,
    dir: &Path,
    ulid: String,
    parents: &[Arc<Block>],
    cancel: &AtomicBool,
) -> Result<Merged, StorageError> {
    let metas = || parents.iter().map(|block| block.meta());
    let plan = BlockPlan {
        ulid,
        min_time: metas().map(|meta| meta.min_time).min().unwrap_or(0),
        max_time: metas().map(|meta| meta.max_time).max().unwrap_or(0),
        compaction: Compaction::of_parents(metas()),
        packing: Packing::Zstd,
        applied: applied(metas()),
    };
    let mut merger = Merger {
        writer: BlockWriter::new(files, dir, plan)?,
        parents,
        columns: parents.iter().map(|_| HashMap::default()).collect(),
        tombstones: parents.iter().map(|block| block.tombstones()).collect(),
        deleted: HashMap::default(),
        pending: Columns::default(),
        scratch: Columns::default(),
    };
    let mut sources = Vec::new();
    for block in parents {
        sources.extend(Source::first(block)?);
    }
    let mut chunks = Vec::new();
    while let Some(labels) = sources.iter().map(|source| &source.labels).min().cloned() {
        if cancel.load(Ordering::Relaxed) {
            return Ok(Merged::Cancelled);
        }
        chunks.clear();
        merger.deleted.clear();
        let mut at = 0;
        while let Some(source) = sources.get_mut(at) {
            if source.labels != labels {
                at += 1;
                continue;
            }
            let number = parents.iter().position(|block| Arc::ptr_eq(block, source.block)).unwrap_or(0);
            merger.note_deleted(number, source.number);
            source.entries.each_chunk(source.number, ALWAYS, |chunk| {
                chunks.push((number, chunk));
                Ok(true)
            })?;
            if source.next()? {
                at += 1;
            } else {
                sources.remove(at);
            }
        }
        merger.series(&labels, &mut chunks)?;
    }
    Ok(merger.writer.finish()?.map_or(Merged::Empty, Merged::Block))
}

/// What the rules said of all parents, if they said the same.
fn applied<'a>(mut metas: impl Iterator<Item = &'a BlockMeta>) -> String {
    let first = metas.next().map_or(String::new(), |meta| meta.rules.applied.clone());
    if metas.all(|meta| meta.rules.applied == first) { first } else { String::new() }
}

/// A parent, and the series that it stands at.
struct Source<'a> {
    block: &'a Arc<Block>,
    entries: Entries<'a>,
    number: u32,
    labels: Labels,
    buffer: LabelsBuf,
}

impl<'a> Source<'a> {
    /// Stands at the first series; `None` where there is none.
    fn first(block: &'a Arc<Block>) -> Result<Option<Self>, StorageError> {
        if block.series_count() == 0 {
            return Ok(None);
        }
        let (mut entries, mut buffer) = (block.entries(), LabelsBuf::default());
        entries.labels(0, &mut buffer)?;
        Ok(Some(Self { block, entries, number: 0, labels: buffer.to_labels(), buffer }))
    }

    /// Goes to the next series, if there is one.
    fn next(&mut self) -> Result<bool, StorageError> {
        self.number += 1;
        if self.number >= self.block.series_count() {
            return Ok(false);
        }
        self.entries.labels(self.number, &mut self.buffer)?;
        self.labels = self.buffer.to_labels();
        Ok(true)
    }
}

/// What is known of a parent's timestamp column: its samples, and its number in the new block.
#[derive(Clone, Copy)]
struct Column {
    samples: usize,
    number: Option<u32>,
}

struct Merger<'a> {
    writer: BlockWriter,
    parents: &'a [Arc<Block>],
    /// By parent, and by the column's name there.
    columns: Vec<HashMap<u64, Column, RandomState>>,
    /// By parent: what is deleted of it, and what of the present series.
    tombstones: Vec<Option<Arc<Tombstones>>>,
    deleted: HashMap<usize, Intervals, RandomState>,
    /// Samples of the series that are in no frame yet.
    pending: Columns,
    scratch: Columns,
}

impl Merger<'_> {
    /// Writes a series that has these chunks, each with the position of its parent.
    fn series(&mut self, labels: &Labels, chunks: &mut [(usize, ChunkRef)]) -> Result<(), StorageError> {
        chunks.sort_by_key(|(_, chunk)| chunk.min);
        let mut rest = chunks;
        while !rest.is_empty() {
            let (cluster, behind) = rest.split_at_mut(overlapping(rest));
            match cluster {
                [(parent, chunk)] if self.is_copied(*parent, chunk)? => self.copy(*parent, chunk)?,
                _ => self.join(cluster)?,
            }
            rest = behind;
        }
        self.flush()?;
        self.writer.end_series(labels)
    }

    fn note_deleted(&mut self, parent: usize, number: u32) {
        let tombstones = self.tombstones.get(parent).and_then(Option::as_ref);
        if let Some(intervals) = tombstones.and_then(|tombstones| tombstones.get(number)) {
            self.deleted.insert(parent, intervals.clone());
        }
    }

    fn parent(&self, at: usize) -> Result<&Arc<Block>, StorageError> {
        let missing =
            || StorageError::Corrupt { what: "merge".to_owned(), detail: "no such parent".to_owned() };
        self.parents.get(at).ok_or_else(missing)
    }

    fn column(&mut self, parent: usize, chunk: &ChunkRef) -> Result<Column, StorageError> {
        let known = self.columns.get(parent).and_then(|known| known.get(&chunk.timeline));
        if let Some(column) = known {
            return Ok(*column);
        }
        let samples = self.parent(parent)?.timeline(chunk)?.len();
        self.remember(parent, chunk, Column { samples, number: None })
    }

    fn remember(&mut self, parent: usize, chunk: &ChunkRef, column: Column) -> Result<Column, StorageError> {
        if let Some(known) = self.columns.get_mut(parent) {
            known.insert(chunk.timeline, column);
        }
        Ok(column)
    }

    fn is_copied(&mut self, parent: usize, chunk: &ChunkRef) -> Result<bool, StorageError> {
        let alone = self.pending.is_empty() || self.pending.len() >= KEPT_MIN;
        let deleted = self.deleted.get(&parent).is_some_and(|one| one.overlaps(chunk.min, chunk.max));
        Ok(alone && !deleted && chunk.has_length() && self.column(parent, chunk)?.samples >= COPIED_MIN)
    }

    fn copy(&mut self, parent: usize, chunk: &ChunkRef) -> Result<(), StorageError> {
        self.flush()?;
        let Column { samples, number } = self.column(parent, chunk)?;
        let number = match number {
            Some(number) => number,
            None => {
                let timeline = self.parent(parent)?.timeline(chunk)?;
                self.scratch.clear();
                timeline.extend(0..timeline.len(), &mut self.scratch.timestamps);
                let number = self.writer.column(&self.scratch.timestamps)?;
                self.remember(parent, chunk, Column { samples, number: Some(number) })?;
                number
            }
        };
        let block = Arc::clone(self.parent(parent)?);
        let frame = block.frame(chunk)?;
        self.writer.add_frame(&frame, number, samples)
    }

    /// Decodes chunks that overlap, or one that is short.
    fn join(&mut self, chunks: &mut [(usize, ChunkRef)]) -> Result<(), StorageError> {
        // Of two samples for one timestamp the one that is read first stays.
        chunks.sort_by_key(|(parent, chunk)| (*parent, chunk.min));
        self.scratch.clear();
        let mut joints = Joints::new(&self.scratch);
        for (parent, chunk) in chunks {
            let block = Arc::clone(self.parent(*parent)?);
            let start = self.scratch.len();
            block.read_chunk(chunk, ALWAYS, Wanted::All, &mut self.scratch)?;
            joints.join(&self.scratch);
            if let Some(deleted) = self.deleted.get(parent) {
                joints.mask(&mut self.scratch, start, deleted);
            }
        }
        joints.tidy(&mut self.scratch);
        self.scratch.adopt();
        self.pending.append(&self.scratch);
        if self.pending.len() >= 2 * CHUNK_SAMPLES {
            self.writer.add_full_frames(&mut self.pending)?;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), StorageError> {
        self.writer.add_samples(&self.pending)?;
        self.pending.clear();
        Ok(())
    }
}

/// How many of the chunks, of which there is one and which are in order of their first timestamp, overlap the first one, directly or
/// through others.
fn overlapping(chunks: &[(usize, ChunkRef)]) -> usize {
    let mut end = chunks.first().map_or(i64::MIN, |(_, chunk)| chunk.max);
    let more = chunks.iter().skip(1).take_while(|(_, chunk)| {
        let overlaps = chunk.min <= end;
        end = end.max(chunk.max);
        overlaps
    });
    1 + more.count()
}
