//! A block that Prometheus wrote, read as it lies.

use super::index::Index;
use super::meta::{Meta, VERSION};
use super::segments::Segments;
use super::tombstones::{self, Tombstones, visible};
use crate::block::{BlockMeta, BlockStats, BlockTombstones};
use crate::codec::CodecError;
use crate::filenames;
use crate::io::{Files, corrupt};
use crate::labels::{Labels, LabelsBuf};
use crate::query::postings::Postings;
use crate::query::tidy::Joints;
use crate::query::{Columns, StorageError};
use std::cmp::Ordering;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::AtomicU32;

/// An open block of Prometheus.
pub struct PrometheusBlock {
    dir: PathBuf,
    meta: BlockMeta,
    pub(super) index: Index,
    segments: Segments,
    tombstones: Tombstones<u32>,
    /// What we were told to delete, in a file of ours.
    pub(crate) ours: BlockTombstones,
    /// Bytes of its small files.
    small_bytes: u64,
    /// By series number: the id in the head of the series with the same labels, plus one; 0 when not known.
    twins: OnceLock<Box<[AtomicU32]>>,
}

/// Something that is wrong with a file of a block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// The file.
    pub path: PathBuf,
    /// Where in it, bytes.
    pub offset: u64,
    /// What is wrong.
    pub detail: String,
}

impl PrometheusBlock {
    /// Opens the block in `dir` and checks the parts of its index that are read as a whole.
    ///
    /// # Errors
    /// A file is missing, or holds what Prometheus does not write.
    pub fn open(files: &Files, dir: &Path) -> Result<Self, StorageError> {
        let path = dir.join(filenames::META);
        let text = files.map(&path)?;
        let meta: Meta = serde_json::from_slice(&text).map_err(|e| corrupt(&path, "meta", e))?;
        if meta.version != VERSION {
            return Err(corrupt(&path, "meta", format!("version {} is not known", meta.version)));
        }
        let small =
            files.list(dir)?.into_iter().filter(|one| !one.is_dir && !one.path.ends_with(filenames::INDEX));
        let small_bytes = small.map(|one| one.len).sum();
        let range = (meta.min_time, meta.max_time.saturating_sub(1));
        let index = Index::open(files, dir, range)?;
        let tombstones = tombstones::read(files, dir, |reference| index.number(reference))?;
        let stats = BlockStats {
            num_samples: meta.stats.num_samples,
            num_series: meta.stats.num_series,
            num_chunks: meta.stats.num_chunks,
        };
        let mut compaction = meta.compaction;
        if compaction.sources.is_empty() {
            compaction.sources.push(meta.ulid.clone());
        }
        let meta = BlockMeta {
            ulid: meta.ulid,
            min_time: meta.min_time,
            max_time: meta.max_time,
            stats,
            compaction,
            rules: crate::block::Shaped::default(),
            format: "prometheus".to_owned(),
            version: meta.version,
        };
        let segments = Segments::open(files, dir, range)?;
        let ours = BlockTombstones::beside(files, dir, index.series_count() as usize)?;
        Ok(Self {
            ours,
            dir: dir.to_owned(),
            meta,
            index,
            segments,
            tombstones,
            small_bytes,
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
        self.index.len() as u64 + self.segments.len() + self.small_bytes + self.ours.bytes() as u64
    }

    /// Intervals that were deleted.
    #[must_use]
    pub fn tombstones(&self) -> usize {
        self.tombstones.len()
    }

    /// Whether the block was made of a part of what came at its time, of late samples or of stale series, which
    /// hints say: others may not be in any block.
    #[must_use]
    pub fn is_partial(&self) -> bool {
        !self.meta.compaction.hints.is_empty()
    }

    /// Whether Prometheus wrote `other` in the place of this block, and had no time to delete it.
    pub(crate) fn is_replaced_by(&self, other: &Self) -> bool {
        let mut parents = other.meta.compaction.parents.iter();
        self.meta.ulid != other.meta.ulid && parents.any(|parent| parent.ulid == self.meta.ulid)
    }

    /// Verifies every checksum and decodes every chunk; the answer is what is wrong.
    #[must_use]
    pub fn verify(&self) -> Vec<Damage> {
        let mut damage = Vec::new();
        let mut note = |path: &Path, offset: u64, error: CodecError| {
            damage.push(Damage { path: path.to_owned(), offset, detail: error.to_string() });
        };
        let index = self.dir.join(filenames::INDEX);
        self.index.verify(|offset, error| note(&index, offset, error));
        self.segments.verify(&mut note);
        damage
    }

    /// Where the id in the head of a series is remembered.
    pub(crate) fn twin(&self, number: u32) -> Option<&AtomicU32> {
        let twins = || (0..self.index.series_count()).map(|_| AtomicU32::new(0)).collect();
        self.twins.get_or_init(twins).get(number as usize)
    }

    /// Writes the labels of a series to `out`.
    pub(crate) fn labels(&self, number: u32, out: &mut LabelsBuf) -> Result<(), StorageError> {
        self.index.labels(number, out)
    }

    /// The first and the last timestamp of a series, ms, as its chunks tell.
    pub(crate) fn span(&self, number: u32) -> Result<Option<(i64, i64)>, StorageError> {
        let mut span: Option<(i64, i64)> = None;
        self.index.each_chunk(number, |chunk| {
            let (min, max) = span.unwrap_or((chunk.min, chunk.max));
            span = Some((min.min(chunk.min), max.max(chunk.max)));
            Ok(true)
        })?;
        Ok(span)
    }

    /// Label names, sorted.
    pub(crate) fn label_names(&self) -> Vec<&str> {
        self.index.label_names()
    }

    /// Values of a label, sorted.
    pub(crate) fn label_values(&self, name: &str) -> Vec<&str> {
        self.index.label_values(name)
    }

    /// The number of the series with these labels.
    pub(crate) fn find(&self, labels: &Labels) -> Result<Option<u32>, StorageError> {
        let (mut low, mut high) = (0, self.index.series_count());
        let mut buffer = LabelsBuf::default();
        while low < high {
            let middle = u32::midpoint(low, high);
            self.labels(middle, &mut buffer)?;
            match buffer.to_labels().cmp(labels) {
                Ordering::Less => low = middle + 1,
                Ordering::Greater => high = middle,
                Ordering::Equal => return Ok(Some(middle)),
            }
        }
        Ok(None)
    }

    /// Lists of series by label pair.
    pub(crate) fn postings(&self) -> &impl Postings {
        &self.index
    }

    /// Whether a series has a chunk in `[mint, maxt]` that was not deleted as a whole.
    pub(crate) fn has_chunk(&self, number: u32, mint: i64, maxt: i64) -> Result<bool, StorageError> {
        let deleted = self.tombstones.of(&number);
        let mut any = false;
        self.index.each_chunk(number, |chunk| {
            let hidden = deleted.iter().any(|(first, last)| *first <= chunk.min && chunk.max <= *last);
            any = !hidden && chunk.min <= maxt && chunk.max >= mint;
            Ok(!any)
        })?;
        Ok(any)
    }

    /// Appends the samples of a series within `[mint, maxt]` that were not deleted, as parts.
    pub(crate) fn read(
        &self,
        number: u32,
        range: (i64, i64),
        out: &mut Columns,
        joints: &mut Joints<'_>,
    ) -> Result<(), StorageError> {
        let ranges = visible(range, self.tombstones.of(&number));
        self.index.each_chunk(number, |chunk| {
            for (mint, maxt) in &ranges {
                if chunk.min <= *maxt && chunk.max >= *mint {
                    let decoded = self.segments.get(chunk.place).and_then(|(encoding, bytes)| {
                        super::chunk::decode(encoding, bytes, (*mint, *maxt), out)
                            .map_err(|e| self.segments.damaged(chunk.place, e))
                    });
                    match decoded {
                        Ok(()) => joints.join(out),
                        Err(error) => joints.leave_out(out, error)?,
                    }
                }
            }
            Ok(true)
        })
    }
}
