//! Writes blocks for Prometheus: index version 2, plain XOR chunks, histograms as histogram chunks.

use super::bytes::checksum;
use super::chunk::{self, chunk_len, encode_floats, encode_histograms};
use super::index::{ChunkRef, IndexWriter};
use super::meta::{Meta, Stats, VERSION};
use super::segments;
use crate::block::Compaction;
use crate::codec::varint;
use crate::filenames;
use crate::histogram::FloatHistogram;
use crate::io::disk::DiskFile;
use crate::io::{Files, failed};
use crate::is_stale_nan;
use crate::labels::Labels;
use crate::query::{Columns, StorageError};
use std::io::Error;
use std::path::{Path, PathBuf};

/// Samples of one chunk.
const CHUNK_SAMPLES: usize = 120;
/// A segment is closed before it exceeds this, bytes.
const SEGMENT_MAX: u64 = 512 << 20;
/// Bytes are handed to the disk in pieces of this size.
const WRITE_BYTES: usize = 256 << 10;

/// Takes series in label order. Dropped before [`PrometheusBlockWriter::finish`], it leaves a directory whose
/// name Prometheus and the next start delete.
pub struct PrometheusBlockWriter {
    files: Files,
    temporary: PathBuf,
    target: PathBuf,
    meta: Meta,
    segments: SegmentWriter,
    index: IndexWriter,
    previous: Option<Labels>,
}

impl PrometheusBlockWriter {
    /// Starts a block for `[min_time, max_time)`, ms, in `dir`.
    ///
    /// # Errors
    /// A file cannot be created.
    pub fn new(
        files: &Files,
        dir: &Path,
        ulid: String,
        min_time: i64,
        max_time: i64,
    ) -> Result<Self, StorageError> {
        let temporary = dir.join(format!("{ulid}{}", filenames::CREATING_SUFFIX));
        let chunks = temporary.join(segments::DIR);
        files.create_dirs(&chunks)?;
        let compaction = Compaction::of_head(&ulid, false);
        let meta = Meta { ulid, min_time, max_time, stats: Stats::default(), compaction, version: VERSION };
        Ok(Self {
            files: files.clone(),
            target: dir.join(&meta.ulid),
            temporary,
            meta,
            segments: SegmentWriter { files: files.clone(), dir: chunks, open: None, number: 0 },
            index: IndexWriter::default(),
            previous: None,
        })
    }

    /// Marks the block as one of samples that came late, and gives it a name that Prometheus takes for none of
    /// its own.
    pub(super) fn keep_late(mut self) -> Self {
        self.meta.compaction = Compaction::of_head(&self.meta.ulid, true);
        self.target.set_file_name(filenames::block(&self.meta.ulid));
        self
    }

    /// Adds a series with all its samples, strictly increasing in time. Start timestamps have no place in these
    /// chunks and are left out.
    ///
    /// # Errors
    /// The series does not come after the one before, or a file cannot be written.
    pub fn add_series(&mut self, labels: &Labels, samples: &Columns) -> Result<(), StorageError> {
        if self.previous.as_ref().is_some_and(|previous| previous >= labels) {
            let source = Error::other(format!("series {labels:?} is out of order"));
            return Err(failed("add series to", &self.temporary)(source));
        }
        let mut chunks = Vec::new();
        let mut at = 0;
        while at < samples.len() {
            let (encoding, bytes, len) = encode_chunk(samples, at);
            let time = |at: usize| samples.timestamps.get(at).copied().unwrap_or_default();
            let place = self.segments.put(encoding, &bytes)?;
            chunks.push(ChunkRef { min: time(at), max: time(at + len - 1), place });
            at += len;
        }
        if !chunks.is_empty() {
            self.meta.stats.num_chunks += chunks.len() as u64;
            self.meta.stats.num_samples += samples.len() as u64;
            self.index.add(labels.clone(), &chunks);
            self.previous = Some(labels.clone());
        }
        Ok(())
    }

    /// Makes the block durable and gives it its name; `None`, and nothing left, when it is empty.
    ///
    /// # Errors
    /// A file cannot be written, or the block is too large for its index.
    pub fn finish(mut self) -> Result<Option<PathBuf>, StorageError> {
        self.segments.close()?;
        if self.index.len() == 0 {
            self.files.remove_tree(&self.temporary)?;
            return Ok(None);
        }
        self.meta.stats.num_series = self.index.len() as u64;
        let path = self.temporary.join(filenames::INDEX);
        let mut file = Pieces { file: self.files.create(&path)?, bytes: Vec::new() };
        let written = self.index.finish(|bytes| file.put(bytes)).map_err(failed("write", &path))?;
        written.ok_or_else(|| failed("write", &path)(Error::other("a section exceeds 4 GiB")))?;
        file.close().map_err(failed("write", &path))?;
        let meta = serde_json::to_vec_pretty(&self.meta)
            .map_err(|e| failed("encode", &self.temporary)(Error::other(e)))?;
        self.files.write_durably(&self.temporary.join(filenames::META), &meta)?;
        self.files.sync_dir(&self.segments.dir)?;
        self.files.sync_dir(&self.temporary)?;
        self.files.rename_durably(&self.temporary, &self.target)?;
        Ok(Some(self.target))
    }
}

/// Encodes as many samples from `at` on as one chunk takes: encoding, chunk, samples.
fn encode_chunk(samples: &Columns, at: usize) -> (u8, Vec<u8>, usize) {
    let end = samples.len().min(at + CHUNK_SAMPLES);
    let timed = |at: usize| samples.timestamps.get(at).copied().unwrap_or_default();
    if samples.histogram(at).is_none() {
        let floats = (at..end).take_while(|at| samples.histogram(*at).is_none());
        let floats = floats.filter_map(|at| Some((timed(at), *samples.values.get(at)?)));
        let floats: Vec<(i64, f64)> = floats.collect();
        return (chunk::XOR, encode_floats(&floats), floats.len());
    }
    // A marker behind a histogram is the end of that.
    let belongs = |at: &usize| {
        samples.histogram(*at).is_some() || samples.values.get(*at).is_some_and(|v| is_stale_nan(*v))
    };
    let rows: Vec<Option<&FloatHistogram>> =
        (at..end).take_while(belongs).map(|at| samples.histogram(at).map(|h| &**h)).collect();
    let len = chunk_len(&rows);
    let timed: Vec<_> = (at..at + len).map(timed).zip(rows).collect();
    let (encoding, bytes) = encode_histograms(&timed);
    (encoding, bytes, len)
}

/// A file that is written in pieces.
struct Pieces {
    file: Box<dyn DiskFile>,
    bytes: Vec<u8>,
}

impl Pieces {
    fn put(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.bytes.extend_from_slice(bytes);
        if self.bytes.len() >= WRITE_BYTES {
            self.file.append(&self.bytes)?;
            self.bytes.clear();
        }
        Ok(())
    }

    fn close(self) -> std::io::Result<()> {
        self.file.append(&self.bytes)?;
        self.file.sync()
    }
}

struct SegmentWriter {
    files: Files,
    dir: PathBuf,
    /// The open segment, its path and its length.
    open: Option<(Pieces, PathBuf, u64)>,
    /// Segments begun.
    number: u64,
}

impl SegmentWriter {
    /// Appends a chunk; the answer is its place.
    fn put(&mut self, encoding: u8, chunk: &[u8]) -> Result<u64, StorageError> {
        let mut framed = Vec::with_capacity(chunk.len() + 10);
        varint::put(&mut framed, chunk.len() as u64);
        let from = framed.len();
        framed.push(encoding);
        framed.extend_from_slice(chunk);
        let crc = checksum(framed.get(from..).unwrap_or_default());
        framed.extend_from_slice(&crc.to_be_bytes());
        if self.open.as_ref().is_some_and(|(_, _, len)| len + framed.len() as u64 > SEGMENT_MAX) {
            self.close()?;
        }
        let (file, path, len) = match &mut self.open {
            Some(open) => open,
            none => {
                self.number += 1;
                let path = self.dir.join(format!("{:06}", self.number));
                let mut head = segments::MAGIC.to_be_bytes().to_vec();
                head.extend_from_slice(&[segments::VERSION, 0, 0, 0]);
                let file = Pieces { file: self.files.create(&path)?, bytes: head };
                none.insert((file, path, segments::HEADER_LEN as u64))
            }
        };
        file.put(&framed).map_err(failed("write", path))?;
        let place = (self.number - 1) << 32 | *len;
        *len += framed.len() as u64;
        Ok(place)
    }

    fn close(&mut self) -> Result<(), StorageError> {
        match self.open.take() {
            Some((file, path, _)) => file.close().map_err(failed("write", &path)),
            None => Ok(()),
        }
    }
}
