//! Reads a block through memory maps. Every byte is checked before it is believed.

use super::chunk::{ChunkRef, Place};
use super::index::{self, Index};
use super::meta::{BlockMeta, VERSION_COMPACT};
use super::pages::{FrameBytes, Pages};
use super::tombstones::BlockTombstones;
use super::v2;
use crate::codec::CodecError;
use crate::codec::timestamp::Timeline;
use crate::codec::{frame, rows};
use crate::damage::{DamageKind, DamageList};
use crate::filenames;
use crate::io::mmap::Bytes;
use crate::io::{Files, corrupt};
use crate::labels::{Labels, LabelsBuf};
use crate::query::rows::Wanted;
use crate::query::tidy::Joints;
use crate::query::{Columns, StorageError};
use foldhash::fast::RandomState;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU32;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

/// Decoded timestamp columns that a block keeps; they are shared by all series of a target.
const TIMELINE_CACHE_MAX: usize = 4096;

/// An open block.
pub struct Block {
    dir: PathBuf,
    damage: Arc<DamageList>,
    meta: BlockMeta,
    pub(super) layout: Layout,
    timelines: Bytes,
    timeline_cache: RwLock<HashMap<u64, Timeline, RandomState>>,
    pub(super) tombstones: BlockTombstones,
    /// By series number: the id in the head of the series with the same labels, plus one; 0 when not known.
    twins: OnceLock<Box<[AtomicU32]>>,
}

/// Index and pages, by the version of the format.
pub(super) enum Layout {
    /// Versions 1 and 2.
    Two { index: v2::Index, pages: v2::Pages },
    /// From version 3 on.
    Three { index: Index, pages: Pages },
}

impl Block {
    /// Opens the block in `dir` and checks its index.
    ///
    /// # Errors
    /// A file is missing, or holds what no block writer wrote.
    pub fn open(files: &Files, dir: &Path) -> Result<Self, StorageError> {
        let path = dir.join(filenames::META);
        let text = files.map(&path)?;
        let meta = BlockMeta::decode(&text).map_err(|e| corrupt(&path, "meta", e))?;
        let index_path = dir.join(filenames::INDEX);
        let index = files.map(&index_path)?;
        let bad = |e: CodecError| corrupt(&index_path, "index", e);
        let chunks = files.map(&dir.join(filenames::CHUNKS))?;
        let layout = if meta.version < VERSION_COMPACT {
            Layout::Two { index: v2::Index::open(index).map_err(bad)?, pages: v2::Pages::new(chunks) }
        } else {
            let index = Index::open(index).map_err(bad)?;
            Layout::Three { pages: Pages::new(chunks, &index), index }
        };
        let series = match &layout {
            Layout::Two { index, .. } => index.series_count(),
            Layout::Three { index, .. } => index.series_count(),
        };
        let tombstones = BlockTombstones::within(files, dir, series as usize)?;
        Ok(Self {
            dir: dir.to_owned(),
            damage: Arc::clone(files.damage()),
            meta,
            layout,
            timelines: files.map(&dir.join(filenames::TIMELINES))?,
            timeline_cache: RwLock::default(),
            tombstones,
            twins: OnceLock::new(),
        })
    }

    /// What the block holds.
    #[must_use]
    pub fn meta(&self) -> &BlockMeta {
        &self.meta
    }

    /// Where the block lies.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Bytes of its files.
    #[must_use]
    pub fn size_bytes(&self) -> u64 {
        let (index, chunks) = match &self.layout {
            Layout::Two { index, pages } => (index.len_bytes(), pages.len()),
            Layout::Three { index, pages } => (index.len_bytes(), pages.len()),
        };
        (index + chunks + self.timelines.len() + self.tombstones.bytes()) as u64
    }

    /// Whether everything in the block is within `[mint, maxt]`.
    fn is_within(&self, mint: i64, maxt: i64) -> bool {
        mint <= self.meta.min_time && self.meta.max_time <= maxt
    }

    /// The error of a read that met damage, which is noted.
    pub(super) fn damaged(&self, file: &str, detail: impl ToString) -> StorageError {
        let path = self.dir.join(file);
        let error = corrupt(&path, "read", detail);
        let range = (self.meta.min_time, self.meta.max_time.saturating_sub(1));
        self.damage.met(&path, DamageKind::Page, range, error)
    }

    pub(super) fn bad_index(&self, error: CodecError) -> StorageError {
        self.damaged(filenames::INDEX, error)
    }

    /// The number of series; they are numbered from 0 in label order.
    pub(crate) fn series_count(&self) -> u32 {
        match &self.layout {
            Layout::Two { index, .. } => index.series_count(),
            Layout::Three { index, .. } => index.series_count(),
        }
    }

    /// Where the id in the head of a series is remembered.
    pub(crate) fn twin(&self, number: u32) -> Option<&AtomicU32> {
        let twins = self.twins.get_or_init(|| (0..self.series_count()).map(|_| AtomicU32::new(0)).collect());
        twins.get(number as usize)
    }

    /// Reads the entries of series; cheapest in ascending order.
    pub(crate) fn entries(&self) -> Entries<'_> {
        let cursor = match &self.layout {
            Layout::Two { .. } => None,
            Layout::Three { index, .. } => Some(index.cursor()),
        };
        Entries { block: self, cursor }
    }

    /// The number of the series with these labels.
    pub(crate) fn find(&self, labels: &Labels) -> Result<Option<u32>, StorageError> {
        let found = match &self.layout {
            Layout::Two { index, .. } => index.find(labels),
            Layout::Three { index, .. } => index.find(labels),
        };
        found.map_err(|e| self.bad_index(e))
    }

    /// Appends the samples of a series within `[mint, maxt]`, as parts.
    pub(crate) fn read(
        &self,
        number: u32,
        range: (i64, i64),
        wanted: Wanted,
        out: &mut Columns,
        joints: &mut Joints<'_>,
    ) -> Result<(), StorageError> {
        self.entries().each_chunk(number, range, |chunk| {
            match self.read_chunk(&chunk, range, wanted, out) {
                Ok(()) => joints.join(out),
                Err(error) => joints.leave_out(out, error)?,
            }
            Ok(true)
        })
    }

    /// Whether it is known how long frames are, so that they may be copied.
    pub(crate) fn has_lengths(&self) -> bool {
        matches!(self.layout, Layout::Three { .. })
    }

    /// The shortest interval that a sample of a series stands for, ms; 0 where one is raw.
    pub(crate) fn finest(&self, number: u32) -> Result<u32, StorageError> {
        if self.meta.rules.downsampled.is_empty() {
            return Ok(0);
        }
        let mut finest = u32::MAX;
        self.entries().each_chunk(number, (i64::MIN, i64::MAX), |chunk| {
            let frame = self.frame(&chunk)?;
            let resolution = rows::resolution(&frame).map_err(|e| self.damaged(filenames::CHUNKS, e))?;
            finest = finest.min(resolution);
            Ok(finest > 0)
        })?;
        Ok(finest)
    }

    /// Appends the samples of a chunk within `[mint, maxt]`.
    pub(crate) fn read_chunk(
        &self,
        chunk: &ChunkRef,
        (mint, maxt): (i64, i64),
        wanted: Wanted,
        out: &mut Columns,
    ) -> Result<(), StorageError> {
        let timeline = self.timeline(chunk)?;
        let rows = timeline.within(mint, maxt);
        let frame = self.frame(chunk)?;
        frame::decode_wanted(&mut &*frame, timeline.len(), rows.clone(), wanted, out)
            .map_err(|e| self.damaged(filenames::CHUNKS, e))?;
        timeline.extend(rows, &mut out.timestamps);
        Ok(())
    }

    /// The frame of a chunk; in versions 1 and 2 with what stands behind it.
    pub(crate) fn frame(&self, chunk: &ChunkRef) -> Result<FrameBytes<'_>, StorageError> {
        let frame = match (&self.layout, chunk.place) {
            (Layout::Two { pages, .. }, Place::InPage { page, in_page }) => {
                pages.frame(page, in_page).map(FrameBytes::Mapped)
            }
            (Layout::Three { index, pages }, Place::Stretch { offset, len }) => {
                pages.frame(index, offset, len)
            }
            _ => Err(CodecError("frame out of bounds")),
        };
        frame.map_err(|e| self.damaged(filenames::CHUNKS, e))
    }

    /// The timestamp column of a chunk.
    pub(crate) fn timeline(&self, chunk: &ChunkRef) -> Result<Timeline, StorageError> {
        let cache = || self.timeline_cache.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(column) = cache().get(&chunk.timeline) {
            return Ok(column.clone());
        }
        let column =
            self.decode_timeline(chunk.timeline).map_err(|e| self.damaged(filenames::TIMELINES, e))?;
        let mut cache = self.timeline_cache.write().unwrap_or_else(PoisonError::into_inner);
        if cache.len() >= TIMELINE_CACHE_MAX {
            cache.clear();
        }
        cache.insert(chunk.timeline, column.clone());
        Ok(column)
    }

    fn decode_timeline(&self, timeline: u64) -> Result<Timeline, CodecError> {
        let out = CodecError("timeline out of bounds");
        let place = |offset: u64| usize::try_from(offset).map_err(|_| out);
        match &self.layout {
            Layout::Two { .. } => {
                let mut bytes = self.timelines.get(place(timeline)?..).ok_or(out)?;
                Timeline::decode(&mut v2::checked(&mut bytes)?)
            }
            Layout::Three { index, .. } => {
                let number = u32::try_from(timeline).map_err(|_| out)?;
                let (start, end) = index.timeline(number).ok_or(out)?;
                let end = end.map_or(Ok(self.timelines.len()), place)?;
                let bytes = self.timelines.get(place(start)?..end).ok_or(out)?;
                Timeline::decode(&mut index::checked_column(bytes)?)
            }
        }
    }
}

/// Reads the entries of a block's series. In ascending order an entry costs a few bytes to decode; any other
/// order costs up to fifteen more of them.
pub(crate) struct Entries<'a> {
    block: &'a Block,
    cursor: Option<index::Cursor<'a>>,
}

impl Entries<'_> {
    /// Writes the labels of a series to `out`.
    pub(crate) fn labels(&mut self, number: u32, out: &mut LabelsBuf) -> Result<(), StorageError> {
        let read = match (&self.block.layout, &mut self.cursor) {
            (Layout::Two { index, .. }, _) => index.labels(number, out),
            (_, Some(cursor)) => cursor.labels(number, out),
            _ => Ok(()),
        };
        read.map_err(|e| self.block.bad_index(e))
    }

    /// Whether a series has a chunk in `[mint, maxt]`.
    pub(crate) fn has_chunk(&mut self, number: u32, mint: i64, maxt: i64) -> Result<bool, StorageError> {
        // Every series of a block has a chunk.
        let mut any = self.block.is_within(mint, maxt);
        if !any {
            self.each_chunk(number, (mint, maxt), |_| {
                any = true;
                Ok(false)
            })?;
        }
        Ok(any)
    }

    /// Hands the chunks of a series that overlap `[mint, maxt]` to `each`, while it says to go on.
    pub(crate) fn each_chunk(
        &mut self,
        number: u32,
        (mint, maxt): (i64, i64),
        mut each: impl FnMut(ChunkRef) -> Result<bool, StorageError>,
    ) -> Result<(), StorageError> {
        let base_ms = self.block.meta.min_time;
        let mut failed = None;
        let mut one = |chunk: ChunkRef| {
            !chunk.overlaps(mint, maxt)
                || each(chunk).unwrap_or_else(|error| {
                    failed = Some(error);
                    false
                })
        };
        let read = match (&self.block.layout, &mut self.cursor) {
            (Layout::Two { index, .. }, _) => index.each_chunk(number, base_ms, &mut one),
            (_, Some(cursor)) => cursor.each_chunk(number, &mut |first, last, frame| {
                one(ChunkRef {
                    min: base_ms.saturating_add_unsigned(first),
                    max: base_ms.saturating_add_unsigned(last),
                    timeline: u64::from(frame.timeline),
                    place: Place::Stretch { offset: frame.offset, len: frame.len },
                })
            }),
            _ => Ok(()),
        };
        read.map_err(|e| self.block.bad_index(e))?;
        failed.map_or(Ok(()), Err)
    }
}
