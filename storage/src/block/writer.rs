//! Writes a block aside, syncs it, and renames it into place. Frames, timestamp columns and chunk lists go to
//! the disk as they come; what is held until the end takes a few dozen bytes a series.

use super::file::NewFile;
use super::index::IndexBuilder;
use super::meta::{BlockMeta, BlockStats, Compaction, FORMAT, Shaped, VERSION};
use super::pages::{Packing, PageWriter};
use super::{CHUNK_SAMPLES, PAGE_BYTES};
use crate::codec::{frame, rows, timestamp, value};
use crate::filenames;
use crate::io::{Files, corrupt, failed};
use crate::labels::Labels;
use crate::query::{Columns, StorageError};
use crate::work::{Counters, Watcher};
use foldhash::fast::RandomState;
use std::collections::HashMap;
use std::hash::BuildHasher;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use xxhash_rust::xxh3::xxh3_128_with_seed;

/// What a new block is.
pub(crate) struct BlockPlan {
    /// Its name.
    pub(crate) ulid: String,
    /// First timestamp that may be inside, ms.
    pub(crate) min_time: i64,
    /// First timestamp after it, ms.
    pub(crate) max_time: i64,
    /// What it is made of.
    pub(crate) compaction: Compaction,
    /// How its pages are written.
    pub(crate) packing: Packing,
    /// What the retention rules say that made it, as in [`Shaped::applied`].
    pub(crate) applied: String,
}

impl BlockPlan {
    /// A block that is cut from the head; `late` as in [`Compaction::of_head`].
    pub(crate) fn of_head(min_time: i64, max_time: i64, late: bool) -> Self {
        let ulid = ulid::Ulid::new().to_string();
        let compaction = Compaction::of_head(&ulid, late);
        Self { ulid, min_time, max_time, compaction, packing: Packing::Plain, applied: String::new() }
    }
}

/// Takes series in label order. Dropped before [`BlockWriter::finish`], it removes what it wrote; what a
/// crash leaves the next start deletes.
pub(crate) struct BlockWriter {
    files: Files,
    dir: PathBuf,
    temporary: PathBuf,
    meta: BlockMeta,
    parts: Option<Parts>,
    watcher: Option<Arc<dyn Watcher>>,
}

/// The files, and where they stand.
struct Parts {
    chunks: NewFile,
    pages: PageWriter,
    page: Vec<u8>,
    packed: Vec<u8>,
    /// Bytes of the frames in pages that were written.
    framed: u64,
    timelines: NewFile,
    /// Columns by a hash of 128 bits, which two that differ do not share.
    columns: HashMap<u128, u32, RandomState>,
    seed: u64,
    index: IndexBuilder,
    previous: Option<Labels>,
    /// Length and column of each frame of the series that is being written.
    frames: Vec<(u64, u32)>,
    /// Its resolutions, ms, but raw.
    resolutions: Vec<u32>,
    scratch: Vec<u8>,
}

impl BlockWriter {
    /// Starts a block in `data_dir`.
    pub(crate) fn new(files: &Files, data_dir: &Path, plan: BlockPlan) -> Result<Self, StorageError> {
        let BlockPlan { ulid, min_time, max_time, compaction, packing, applied } = plan;
        let temporary = data_dir.join(format!("{ulid}{}", filenames::CREATING_SUFFIX));
        files.create_dirs(&temporary)?;
        let stats = BlockStats::default();
        let (format, version) = (FORMAT.to_owned(), VERSION);
        let rules = Shaped { applied, ..Shaped::default() };
        let meta = BlockMeta { ulid, min_time, max_time, stats, compaction, rules, format, version };
        let (files, dir) = (files.clone(), data_dir.to_owned());
        let mut writer = Self { files, dir, temporary, meta, parts: None, watcher: None };
        writer.parts = Some(writer.open(packing)?);
        Ok(writer)
    }

    /// Tells whoever watches the database of frames that are made for the block.
    pub(crate) fn watched(mut self, counters: &Counters) -> Self {
        self.watcher = counters.watcher().cloned();
        self
    }

    fn open(&self, packing: Packing) -> Result<Parts, StorageError> {
        let path = |name| self.temporary.join(name);
        let columns: HashMap<_, _, RandomState> = HashMap::default();
        Ok(Parts {
            chunks: NewFile::create(&self.files, &path(filenames::CHUNKS))?,
            pages: PageWriter::new(packing).map_err(failed("pack pages of", &self.temporary))?,
            page: Vec::new(),
            packed: Vec::new(),
            framed: 0,
            timelines: NewFile::create(&self.files, &path(filenames::TIMELINES))?,
            seed: columns.hasher().hash_one(&self.meta.ulid),
            columns,
            index: IndexBuilder::create(&self.files, &path(filenames::INDEX))?,
            previous: None,
            frames: Vec::new(),
            resolutions: Vec::new(),
            scratch: Vec::new(),
        })
    }

    fn parts(&mut self) -> Result<&mut Parts, StorageError> {
        let temporary = &self.temporary;
        self.parts.as_mut().ok_or_else(|| failed("write", temporary)(std::io::Error::other("it is finished")))
    }

    /// Adds a series with all its samples, strictly increasing in time.
    pub(crate) fn add_series(&mut self, labels: &Labels, samples: &Columns) -> Result<(), StorageError> {
        self.add_samples(samples)?;
        self.end_series(labels)
    }

    /// Adds samples to the series that is being written, behind those that it has.
    pub(crate) fn add_samples(&mut self, samples: &Columns) -> Result<(), StorageError> {
        self.add_pieces(samples, pieces(samples))
    }

    /// Adds as many samples as make whole frames, and leaves the others.
    pub(crate) fn add_full_frames(&mut self, samples: &mut Columns) -> Result<(), StorageError> {
        let mut pieces = frame::pieces(samples, CHUNK_SAMPLES);
        let Some(last) = pieces.pop() else { return Ok(()) };
        self.add_pieces(samples, pieces)?;
        samples.keep(0, last);
        Ok(())
    }

    fn add_pieces(&mut self, samples: &Columns, pieces: Vec<Range<usize>>) -> Result<(), StorageError> {
        let (min_time, watcher) = (self.meta.min_time, self.watcher.clone());
        let mut count = 0;
        let parts = self.parts()?;
        for piece in pieces {
            let Some(timestamps) = samples.timestamps.get(piece.clone()) else { continue };
            let column = parts.column(min_time, timestamps)?;
            parts.begin_frame()?;
            let start = parts.page.len();
            let len = piece.len();
            count += len as u64;
            parts.note(samples.rows.resolution(piece.start));
            frame::encode(samples, piece, &mut parts.page);
            let bytes = parts.page.len() - start;
            parts.frames.push((bytes as u64, column));
            if let Some(watcher) = &watcher {
                let (first, last) = (timestamps.first().copied(), timestamps.last().copied());
                watcher.written(bytes, len, last.unwrap_or(0).saturating_sub(first.unwrap_or(0)));
            }
        }
        self.meta.stats.num_samples += count;
        Ok(())
    }

    /// The number of a timestamp column, for [`BlockWriter::add_frame`].
    pub(crate) fn column(&mut self, timestamps: &[i64]) -> Result<u32, StorageError> {
        let min_time = self.meta.min_time;
        self.parts()?.column(min_time, timestamps)
    }

    /// Adds a frame of `samples` samples, as it is, to the series that is being written.
    pub(crate) fn add_frame(
        &mut self,
        bytes: &[u8],
        column: u32,
        samples: usize,
    ) -> Result<(), StorageError> {
        let resolution = rows::resolution(bytes).map_err(|e| corrupt(&self.temporary, "frame", e))?;
        let parts = self.parts()?;
        parts.begin_frame()?;
        parts.note(resolution);
        parts.page.extend_from_slice(bytes);
        parts.frames.push((bytes.len() as u64, column));
        self.meta.stats.num_samples += samples as u64;
        Ok(())
    }

    /// Ends a series; one without samples is left out.
    pub(crate) fn end_series(&mut self, labels: &Labels) -> Result<(), StorageError> {
        let temporary = self.temporary.clone();
        let parts = self.parts()?;
        if parts.frames.is_empty() {
            return Ok(());
        }
        if parts.previous.as_ref().is_some_and(|previous| previous >= labels) {
            let source = std::io::Error::other(format!("series {labels:?} is out of order"));
            return Err(failed("add series to", &temporary)(source));
        }
        parts.index.add_series(labels, &parts.frames)?;
        parts.previous = Some(labels.clone());
        let frames = parts.frames.len() as u64;
        parts.frames.clear();
        let resolutions = std::mem::take(&mut parts.resolutions);
        resolutions.into_iter().for_each(|resolution| self.meta.rules.note(resolution));
        self.meta.stats.num_chunks += frames;
        Ok(())
    }

    /// Makes the block durable and gives it its name; `None`, and nothing left, when it is empty.
    pub(crate) fn finish(mut self) -> Result<Option<PathBuf>, StorageError> {
        let Some(mut parts) = self.parts.take() else { return Ok(None) };
        self.meta.stats.num_series = u64::from(parts.index.series_count());
        if self.meta.stats.num_series == 0 {
            return Ok(None);
        }
        parts.flush_page()?;
        parts.chunks.finish()?;
        parts.timelines.finish()?;
        parts.index.finish()?;
        let meta = self.meta.encode().map_err(failed("encode", &self.temporary))?;
        self.files.write_durably(&self.temporary.join(filenames::META), &meta)?;
        self.files.sync_dir(&self.temporary)?;
        let target = self.dir.join(filenames::block(&self.meta.ulid));
        if let Err(error) = self.files.rename_durably(&self.temporary, &target) {
            // If the name is there but not on the disk, the next start would find it beside whatever is written instead.
            let _ = self.files.rename_durably(&target, &self.temporary);
            return Err(error);
        }
        Ok(Some(target))
    }
}

impl Drop for BlockWriter {
    fn drop(&mut self) {
        // After a finish it has its name and this finds nothing. On a full disk the space is wanted at once.
        let _ = self.files.remove_tree(&self.temporary);
    }
}

impl Parts {
    /// The number of a timestamp column; equal columns are written once.
    fn column(&mut self, min_time: i64, timestamps: &[i64]) -> Result<u32, StorageError> {
        self.scratch.clear();
        timestamp::encode(timestamps, &mut self.scratch);
        let hash = xxh3_128_with_seed(&self.scratch, self.seed);
        if let Some(number) = self.columns.get(&hash) {
            return Ok(*number);
        }
        let number = u32::try_from(self.columns.len());
        let number = number.map_err(|_| self.timelines.refuse("more than 4 billion timestamp columns"))?;
        let (first, last) = timestamps.first().zip(timestamps.last()).unwrap_or((&0, &0));
        let first_ms = u64::try_from(first.wrapping_sub(min_time));
        let first_ms = first_ms.map_err(|_| self.timelines.refuse("a sample lies before the block"))?;
        let span = last.wrapping_sub(*first).cast_unsigned();
        self.index.add_column(self.timelines.len(), first_ms, span)?;
        self.timelines.append(&crc32fast::hash(&self.scratch).to_le_bytes())?;
        self.timelines.append(&self.scratch)?;
        self.columns.insert(hash, number);
        Ok(number)
    }

    /// The series that is being written has samples of a resolution.
    fn note(&mut self, resolution: u32) {
        if resolution > 0 && !self.resolutions.contains(&resolution) {
            self.resolutions.push(resolution);
        }
    }

    /// Makes room for a frame.
    fn begin_frame(&mut self) -> Result<(), StorageError> {
        if self.page.len() >= PAGE_BYTES { self.flush_page() } else { Ok(()) }
    }

    fn flush_page(&mut self) -> Result<(), StorageError> {
        self.packed.clear();
        let packed = self.pages.put(&self.page, &mut self.packed);
        packed.ok_or_else(|| self.chunks.refuse("a page exceeds 4 GiB"))?;
        self.index.add_page(self.framed, self.chunks.len());
        self.chunks.append(&self.packed)?;
        self.framed += self.page.len() as u64;
        self.page.clear();
        Ok(())
    }
}

/// The stretches of samples that become frames. What little is left behind the last full frame goes into it,
/// as far as a frame can hold it.
fn pieces(samples: &Columns) -> Vec<Range<usize>> {
    let mut pieces = frame::pieces(samples, CHUNK_SAMPLES);
    if samples.histograms.is_empty()
        && samples.rows.is_empty()
        && let [.., before, last] = pieces.as_mut_slice()
        && last.end - before.start <= value::FRAME_MAX
    {
        before.end = last.end;
        pieces.pop();
    }
    pieces
}
