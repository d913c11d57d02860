//! Reads a block through memory maps. Every byte is checked before it is believed.

use super::meta::{BlockMeta, VERSIONS};
use super::pages::Pages;
use super::table::{self, Table};
use crate::codec::CodecError;
use crate::codec::timestamp::Timeline;
use crate::filenames;
use crate::io::mmap::Bytes;
use crate::io::{Files, corrupt};
use crate::query::StorageError;
use foldhash::fast::RandomState;
use std::collections::HashMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU32;
use std::sync::{OnceLock, PoisonError, RwLock};

/// Decoded timestamp columns that a block keeps; they are shared by all series of a target.
const TIMELINE_CACHE_MAX: usize = 4096;

/// An open block.
pub struct Block {
    dir: PathBuf,
    meta: BlockMeta,
    pub(super) index: Bytes,
    pub(super) chunks: Pages,
    timelines: Bytes,
    pub(super) symbols: Table,
    pub(super) series: Table,
    pub(super) pairs: Range<usize>,
    pub(super) lists: Range<usize>,
    timeline_cache: RwLock<HashMap<usize, Timeline, RandomState>>,
    /// By series number: the id in the head of the series with the same labels, plus one; 0 when not known.
    twins: OnceLock<Box<[AtomicU32]>>,
}

impl Block {
    /// Opens the block in `dir` and checks its index.
    ///
    /// # Errors
    /// A file is missing, or holds what no block writer wrote.
    pub fn open(files: &Files, dir: &Path) -> Result<Self, StorageError> {
        let path = dir.join(filenames::META);
        let text = files.map(&path)?;
        let meta: BlockMeta = serde_json::from_slice(&text).map_err(|e| corrupt(&path, "meta", e))?;
        if meta.format != "narthex" || !VERSIONS.contains(&meta.version) {
            return Err(corrupt(
                &path,
                "meta",
                format!("format {} version {} is not ours", meta.format, meta.version),
            ));
        }
        let index_path = dir.join(filenames::INDEX);
        let index = files.map(&index_path)?;
        let bad = |e: CodecError| corrupt(&index_path, "index", e);
        let [symbols, series, pairs, lists] = table::sections(&index).map_err(bad)?;
        let symbols = Table::open(&index, symbols).map_err(bad)?;
        let series = Table::open(&index, series).map_err(bad)?;
        Ok(Self {
            dir: dir.to_owned(),
            meta,
            index,
            chunks: Pages::new(files.map(&dir.join(filenames::CHUNKS))?),
            timelines: files.map(&dir.join(filenames::TIMELINES))?,
            symbols,
            series,
            pairs,
            lists,
            timeline_cache: RwLock::default(),
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
        (self.index.len() + self.chunks.len() + self.timelines.len()) as u64
    }

    /// Whether everything in the block is within `[mint, maxt]`.
    pub(super) fn is_within(&self, mint: i64, maxt: i64) -> bool {
        mint <= self.meta.min_time && self.meta.max_time <= maxt
    }

    pub(super) fn damaged(&self, file: &str, detail: impl ToString) -> StorageError {
        corrupt(&self.dir.join(file), "read", detail)
    }

    /// Where the id in the head of a series is remembered.
    pub(crate) fn twin(&self, number: u32) -> Option<&AtomicU32> {
        let twins = self.twins.get_or_init(|| (0..self.series.len()).map(|_| AtomicU32::new(0)).collect());
        twins.get(number as usize)
    }

    /// The timestamp column at an offset.
    pub(super) fn timeline(&self, offset: usize) -> Result<Timeline, StorageError> {
        let cache = || self.timeline_cache.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(column) = cache().get(&offset) {
            return Ok(column.clone());
        }
        let decode = || -> Result<Timeline, CodecError> {
            let mut bytes = self.timelines.get(offset..).ok_or(CodecError("timeline out of bounds"))?;
            Timeline::decode(&mut super::pages::checked(&mut bytes)?)
        };
        let column = decode().map_err(|e| self.damaged(filenames::TIMELINES, e))?;
        let mut cache = self.timeline_cache.write().unwrap_or_else(PoisonError::into_inner);
        if cache.len() >= TIMELINE_CACHE_MAX {
            cache.clear();
        }
        cache.insert(offset, column.clone());
        Ok(column)
    }
}
