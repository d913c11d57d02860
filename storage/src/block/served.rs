//! A block of either kind, ours or Prometheus's: what queries and retention need of one.

use super::{Block, BlockMeta, BlockTombstones, Entries};
use crate::filenames;
use crate::io::{Files, corrupt};
use crate::labels::{Labels, LabelsBuf};
use crate::prometheus::PrometheusBlock;
use crate::query::postings::Postings;
use crate::query::rows::Wanted;
use crate::query::tidy::Joints;
use crate::query::{Columns, StorageError};
use crate::tombstones::Tombstones;
use roaring::RoaringBitmap;
use serde::Deserialize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU32;

/// An open block, whoever wrote it.
pub enum ServedBlock {
    /// One of ours.
    Own(Arc<Block>),
    /// One that Prometheus wrote.
    Prometheus(Box<PrometheusBlock>),
}

/// What tells the two apart in `meta.json`.
#[derive(Deserialize)]
struct Kind {
    format: Option<String>,
}

/// Does the same with either kind.
macro_rules! either {
    ($self:ident, $block:ident => $what:expr) => {
        match $self {
            Self::Own($block) => $what,
            Self::Prometheus($block) => $what,
        }
    };
}

/// Does the same with the lists of either kind.
macro_rules! postings {
    ($self:ident, $lists:ident => $what:expr) => {
        match $self {
            Self::Own($lists) => $what,
            Self::Prometheus(block) => {
                let $lists = block.postings();
                $what
            }
        }
    };
}

impl ServedBlock {
    /// Opens the block in `dir`.
    ///
    /// # Errors
    /// A file is missing, or holds what no block writer wrote.
    pub fn open(files: &Files, dir: &Path) -> Result<Self, StorageError> {
        let path = dir.join(filenames::META);
        let text = files.map(&path)?;
        let kind: Kind = serde_json::from_slice(&text).map_err(|e| corrupt(&path, "meta", e))?;
        match kind.format {
            Some(_) => Block::open(files, dir).map(Arc::new).map(Self::Own),
            None => PrometheusBlock::open(files, dir).map(Box::new).map(Self::Prometheus),
        }
    }

    /// The directories of the blocks in a data directory, sorted by name.
    ///
    /// # Errors
    /// The directory cannot be listed.
    pub fn list(files: &Files, dir: &Path) -> Result<Vec<PathBuf>, StorageError> {
        let name = |path: &Path| path.file_name().and_then(|name| name.to_str()).map(str::to_owned);
        let listed = files.list(dir)?.into_iter().filter(|listed| listed.is_dir);
        let blocks =
            listed.filter(|listed| name(&listed.path).is_some_and(|name| filenames::is_block(&name)));
        Ok(blocks.map(|listed| listed.path).collect())
    }

    /// Hands each series to `each`, in label order, with its labels.
    ///
    /// # Errors
    /// The index is damaged, or `each` fails.
    pub fn each_series(
        &self,
        mut each: impl FnMut(&Labels, SeriesOfBlock<'_>) -> Result<(), StorageError>,
    ) -> Result<(), StorageError> {
        let (mut entries, mut labels) = (self.entries(), LabelsBuf::default());
        for number in &self.everything() {
            entries.labels(number, &mut labels)?;
            each(&labels.to_labels(), self.series(number))?;
        }
        Ok(())
    }

    /// The block, if it is one of ours: what may be merged and cleaned.
    #[must_use]
    pub fn own(&self) -> Option<&Arc<Block>> {
        match self {
            Self::Own(block) => Some(block),
            Self::Prometheus(_) => None,
        }
    }

    /// Whether this program wrote the block, in whatever format, so that it may be written again.
    pub(crate) fn is_ours(&self) -> bool {
        let name = self.dir().file_name().and_then(|name| name.to_str());
        self.own().is_some() || name.is_some_and(filenames::is_ours)
    }

    /// A series of the block, to be read.
    pub(crate) fn series(&self, number: u32) -> SeriesOfBlock<'_> {
        SeriesOfBlock { block: self, number }
    }

    /// What the block holds.
    #[must_use]
    pub fn meta(&self) -> &BlockMeta {
        either!(self, block => block.meta())
    }

    /// Where the block lies.
    #[must_use]
    pub fn dir(&self) -> &Path {
        either!(self, block => block.dir())
    }

    /// Bytes of its files.
    #[must_use]
    pub fn size_bytes(&self) -> u64 {
        either!(self, block => block.size_bytes())
    }

    /// Whether everything in our log before the end of the block is in it or in a block before it. Of late samples a
    /// block says nothing of what else came at their time.
    pub(crate) fn bounds_the_log(&self) -> bool {
        self.own().is_some_and(|block| !block.meta().is_late())
    }

    /// Whether everything before the end of the block is in blocks, so that the head takes nothing older.
    pub(crate) fn bounds_the_head(&self) -> bool {
        match self {
            Self::Own(block) => !block.meta().is_late(),
            Self::Prometheus(block) => !block.is_partial(),
        }
    }

    /// Whether `other` was made of the block, by the same program, to take its place.
    pub(crate) fn is_replaced_by(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Own(block), Self::Own(other)) => block.meta().is_replaced_by(other.meta()),
            (Self::Prometheus(block), Self::Prometheus(other)) => block.is_replaced_by(other),
            // One of ours in Prometheus's format that retention rules had written again.
            (Self::Prometheus(block), Self::Own(other)) => {
                let mut parents = other.meta().compaction.parents.iter();
                self.is_ours() && parents.any(|parent| parent.ulid == block.meta().ulid)
            }
            (Self::Own(_), Self::Prometheus(_)) => false,
        }
    }

    /// What is deleted of the block by tombstones of ours.
    pub(crate) fn tombstones(&self) -> Option<Arc<Tombstones>> {
        self.block_tombstones().get()
    }

    /// The tombstones of ours, and their file.
    pub(crate) fn block_tombstones(&self) -> &BlockTombstones {
        match self {
            Self::Own(block) => &block.tombstones,
            Self::Prometheus(block) => &block.ours,
        }
    }

    /// A time, ms, that no sample of a series is before, and one that none is after.
    pub(crate) fn span(&self, number: u32) -> Result<Option<(i64, i64)>, StorageError> {
        either!(self, block => block.span(number))
    }

    pub(crate) fn overlaps(&self, mint: i64, maxt: i64) -> bool {
        self.meta().min_time <= maxt && self.meta().max_time > mint
    }

    /// Where the id in the head of a series is remembered.
    pub(crate) fn twin(&self, number: u32) -> Option<&AtomicU32> {
        either!(self, block => block.twin(number))
    }

    /// Reads the entries of series; cheapest in ascending order.
    pub(crate) fn entries(&self) -> EntriesOfBlock<'_> {
        match self {
            Self::Own(block) => EntriesOfBlock::Own(block.entries()),
            Self::Prometheus(block) => EntriesOfBlock::Prometheus(block),
        }
    }

    /// The number of the series with these labels.
    pub(crate) fn find(&self, labels: &Labels) -> Result<Option<u32>, StorageError> {
        either!(self, block => block.find(labels))
    }

    /// Appends the samples of a series within a range of time, as parts.
    pub(crate) fn read(
        &self,
        number: u32,
        range: (i64, i64),
        wanted: Wanted,
        out: &mut Columns,
        joints: &mut Joints<'_>,
    ) -> Result<(), StorageError> {
        match self {
            Self::Own(block) => block.read(number, range, wanted, out, joints),
            Self::Prometheus(block) => block.read(number, range, out, joints),
        }
    }

    /// Label names, sorted.
    pub(crate) fn label_names(&self) -> Vec<&str> {
        either!(self, block => block.label_names())
    }

    /// Values of a label, sorted.
    pub(crate) fn label_values(&self, name: &str) -> Result<Vec<String>, StorageError> {
        match self {
            Self::Own(block) => block.label_values(name),
            Self::Prometheus(block) => Ok(block.label_values(name).into_iter().map(str::to_owned).collect()),
        }
    }
}

/// Reads the entries of a block's series.
pub(crate) enum EntriesOfBlock<'a> {
    /// Of one of our blocks.
    Own(Entries<'a>),
    /// Of one of Prometheus's.
    Prometheus(&'a PrometheusBlock),
}

impl EntriesOfBlock<'_> {
    /// Writes the labels of a series to `out`.
    pub(crate) fn labels(&mut self, number: u32, out: &mut LabelsBuf) -> Result<(), StorageError> {
        match self {
            Self::Own(entries) => entries.labels(number, out),
            Self::Prometheus(block) => block.labels(number, out),
        }
    }

    /// Whether a series has a chunk in `[mint, maxt]`.
    pub(crate) fn has_chunk(&mut self, number: u32, mint: i64, maxt: i64) -> Result<bool, StorageError> {
        match self {
            Self::Own(entries) => entries.has_chunk(number, mint, maxt),
            Self::Prometheus(block) => block.has_chunk(number, mint, maxt),
        }
    }
}

/// A series of a block, to be read.
pub struct SeriesOfBlock<'a> {
    block: &'a ServedBlock,
    number: u32,
}

impl SeriesOfBlock<'_> {
    /// Appends all samples that are not deleted; of downsampled ones the last values.
    ///
    /// # Errors
    /// The block is damaged where they lie.
    pub fn read(&self, out: &mut Columns) -> Result<(), StorageError> {
        self.read_wanted(Wanted::Last, out)
    }

    /// Appends all samples that are not deleted, with what is wanted of downsampled ones.
    pub(crate) fn read_wanted(&self, wanted: Wanted, out: &mut Columns) -> Result<(), StorageError> {
        let start = out.len();
        let mut joints = Joints::new(out);
        self.block.read(self.number, (i64::MIN, i64::MAX), wanted, out, &mut joints)?;
        if let Some(deleted) = self.block.tombstones().as_deref().and_then(|all| all.get(self.number)) {
            joints.mask(out, start, deleted);
        }
        joints.tidy(out);
        Ok(())
    }
}

impl Postings for ServedBlock {
    fn everything(&self) -> RoaringBitmap {
        postings!(self, lists => lists.everything())
    }

    fn with_name(&self, name: &str) -> Result<RoaringBitmap, StorageError> {
        postings!(self, lists => lists.with_name(name))
    }

    fn with_value(&self, name: &str, value: &str) -> Result<RoaringBitmap, StorageError> {
        postings!(self, lists => lists.with_value(name, value))
    }

    fn with_wanted(&self, name: &str, wanted: &dyn Fn(&str) -> bool) -> Result<RoaringBitmap, StorageError> {
        postings!(self, lists => lists.with_wanted(name, wanted))
    }

    fn with_prefix(
        &self,
        name: &str,
        prefix: &str,
        wanted: &dyn Fn(&str) -> bool,
    ) -> Result<RoaringBitmap, StorageError> {
        postings!(self, lists => lists.with_prefix(name, prefix, wanted))
    }

    fn value_count(&self, name: &str) -> usize {
        postings!(self, lists => lists.value_count(name))
    }

    fn filter(
        &self,
        series: &RoaringBitmap,
        name: &str,
        wanted: &dyn Fn(&str) -> bool,
    ) -> Result<RoaringBitmap, StorageError> {
        postings!(self, lists => lists.filter(series, name, wanted))
    }
}
