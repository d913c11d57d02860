//! Writes a block aside, syncs it, and renames it into place.

use super::meta::{BlockMeta, BlockStats, VERSION};
use super::{CHUNK_SAMPLES, INDEX_MAGIC, PAGE_BYTES};
use crate::codec::{frame, timestamp, varint};
use crate::filenames;
use crate::io::disk::DiskFile;
use crate::io::{Files, failed};
use crate::labels::Labels;
use crate::query::{Columns, StorageError};
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

/// Pages are handed to the disk in pieces of this size.
const WRITE_BYTES: usize = 256 << 10;

/// Takes series in label order. Dropped before [`BlockWriter::finish`], it leaves a directory that the
/// next start deletes.
pub(crate) struct BlockWriter {
    files: Files,
    dir: PathBuf,
    temporary: PathBuf,
    meta: BlockMeta,
    chunks: Box<dyn DiskFile>,
    page: Vec<u8>,
    /// Pages that are not yet in the file.
    out: Vec<u8>,
    /// Bytes of the file.
    written: u64,
    timelines: Vec<u8>,
    timeline_ids: HashMap<Vec<u8>, u64>,
    previous: Option<Labels>,
    series: Vec<PendingSeries>,
}

struct PendingSeries {
    labels: Labels,
    /// The chunk list as the index will hold it.
    chunks: Vec<u8>,
}

impl BlockWriter {
    /// Starts a block for `[min_time, max_time)`, ms, in `data_dir`.
    pub(crate) fn new(
        files: &Files,
        data_dir: &Path,
        ulid: String,
        min_time: i64,
        max_time: i64,
    ) -> Result<Self, StorageError> {
        let temporary = data_dir.join(format!("{ulid}{}", filenames::CREATING_SUFFIX));
        files.create_dirs(&temporary)?;
        let chunks = files.create(&temporary.join(filenames::CHUNKS))?;
        let stats = BlockStats::default();
        let meta =
            BlockMeta { ulid, min_time, max_time, stats, format: "narthex".to_owned(), version: VERSION };
        Ok(Self {
            files: files.clone(),
            dir: data_dir.to_owned(),
            temporary,
            meta,
            chunks,
            page: Vec::new(),
            out: Vec::new(),
            written: 0,
            timelines: Vec::new(),
            timeline_ids: HashMap::new(),
            previous: None,
            series: Vec::new(),
        })
    }

    /// Adds a series with all its samples, strictly increasing in time.
    pub(crate) fn add_series(&mut self, labels: &Labels, samples: &Columns) -> Result<(), StorageError> {
        if self.previous.as_ref().is_some_and(|previous| previous >= labels) {
            let source = std::io::Error::other(format!("series {labels:?} is out of order"));
            return Err(failed("add series to", &self.temporary)(source));
        }
        let pieces = frame::pieces(samples, CHUNK_SAMPLES);
        let count = pieces.len();
        let mut list = Vec::new();
        varint::put(&mut list, count as u64);
        for piece in pieces {
            let timestamps = samples.timestamps.get(piece.clone()).unwrap_or_default();
            let (Some(first), Some(last)) = (timestamps.first(), timestamps.last()) else { continue };
            let timeline = self.timeline(timestamps);
            if self.page.len() >= PAGE_BYTES {
                self.flush_page()?;
            }
            let in_page = self.page.len() as u64;
            frame::encode(samples, piece, &mut self.page);
            varint::put_signed(&mut list, first - self.meta.min_time);
            varint::put(&mut list, (last - first) as u64);
            varint::put(&mut list, timeline);
            varint::put(&mut list, self.written + self.out.len() as u64);
            varint::put(&mut list, in_page);
        }
        self.meta.stats.num_chunks += count as u64;
        self.meta.stats.num_samples += samples.len() as u64;
        self.previous = Some(labels.clone());
        self.series.push(PendingSeries { labels: labels.clone(), chunks: list });
        Ok(())
    }

    /// The place of a timestamp column; equal columns are written once.
    fn timeline(&mut self, timestamps: &[i64]) -> u64 {
        let mut encoded = Vec::new();
        timestamp::encode(timestamps, &mut encoded);
        if let Some(id) = self.timeline_ids.get(&encoded) {
            return *id;
        }
        let id = self.timelines.len() as u64;
        self.timelines.extend_from_slice(&(encoded.len() as u32).to_le_bytes());
        self.timelines.extend_from_slice(&crc32fast::hash(&encoded).to_le_bytes());
        self.timelines.extend_from_slice(&encoded);
        self.timeline_ids.insert(encoded, id);
        id
    }

    fn flush_page(&mut self) -> Result<(), StorageError> {
        self.out.extend_from_slice(&(self.page.len() as u32).to_le_bytes());
        self.out.extend_from_slice(&crc32fast::hash(&self.page).to_le_bytes());
        self.out.append(&mut self.page);
        if self.out.len() >= WRITE_BYTES { self.write_out() } else { Ok(()) }
    }

    fn write_out(&mut self) -> Result<(), StorageError> {
        let path = self.temporary.join(filenames::CHUNKS);
        self.chunks.append(&self.out).map_err(failed("write", &path))?;
        self.written += self.out.len() as u64;
        self.out.clear();
        Ok(())
    }

    /// Makes the block durable and gives it its name; `None`, and nothing left, when it is empty.
    pub(crate) fn finish(mut self) -> Result<Option<PathBuf>, StorageError> {
        if self.series.is_empty() {
            self.files.remove_tree(&self.temporary)?;
            return Ok(None);
        }
        self.flush_page()?;
        let path = self.temporary.join(filenames::CHUNKS);
        self.write_out()?;
        self.chunks.sync().map_err(failed("sync", &path))?;
        self.meta.stats.num_series = self.series.len() as u64;
        self.files.write_durably(&self.temporary.join(filenames::TIMELINES), &self.timelines)?;
        let index_path = self.temporary.join(filenames::INDEX);
        let index = encode_index(&self.series).ok_or_else(|| {
            failed("write", &index_path)(std::io::Error::other("an index section exceeds 4 GiB"))
        })?;
        self.files.write_durably(&index_path, &index)?;
        let meta = serde_json::to_vec_pretty(&self.meta)
            .map_err(|e| failed("encode", &self.temporary)(std::io::Error::other(e)))?;
        self.files.write_durably(&self.temporary.join(filenames::META), &meta)?;
        self.files.sync_dir(&self.temporary)?;
        let target = self.dir.join(filenames::block(&self.meta.ulid));
        self.files.rename_durably(&self.temporary, &target)?;
        Ok(Some(target))
    }
}

/// Symbols, series, postings table, postings lists, and the table of contents behind them.
fn encode_index(series: &[PendingSeries]) -> Option<Vec<u8>> {
    let mut symbols: BTreeMap<&str, u32> = BTreeMap::new();
    for (name, value) in series.iter().flat_map(|s| &s.labels) {
        symbols.insert(name, 0);
        symbols.insert(value, 0);
    }
    symbols.values_mut().zip(0u32..).for_each(|(id, number)| *id = number);
    let mut out = INDEX_MAGIC.to_vec();
    let mut ends = Vec::new();
    put_table(&mut out, symbols.keys().map(|text| text.as_bytes()))?;
    ends.push(out.len());

    let mut postings: BTreeMap<(u32, u32), Vec<u32>> = BTreeMap::new();
    let mut entries = Vec::with_capacity(series.len());
    for (number, pending) in (0u32..).zip(series) {
        let mut entry = Vec::new();
        let pairs: Vec<(u32, u32)> = pending
            .labels
            .iter()
            .filter_map(|(name, value)| Some((*symbols.get(name)?, *symbols.get(value)?)))
            .collect();
        varint::put(&mut entry, pairs.len() as u64);
        for pair in pairs {
            varint::put(&mut entry, u64::from(pair.0));
            varint::put(&mut entry, u64::from(pair.1));
            postings.entry(pair).or_default().push(number);
        }
        entry.extend_from_slice(&pending.chunks);
        entries.push(entry);
    }
    put_table(&mut out, entries.iter().map(Vec::as_slice))?;
    ends.push(out.len());

    let mut lists = Vec::new();
    out.extend_from_slice(&u32::try_from(postings.len()).ok()?.to_le_bytes());
    for ((name, value), numbers) in &postings {
        let start = u32::try_from(lists.len()).ok()?;
        varint::put(&mut lists, numbers.len() as u64);
        let mut previous = 0;
        for number in numbers {
            varint::put(&mut lists, u64::from(number - previous));
            previous = *number;
        }
        for field in [*name, *value, start] {
            out.extend_from_slice(&field.to_le_bytes());
        }
    }
    ends.push(out.len());
    out.extend_from_slice(&lists);
    ends.push(out.len());

    let mut toc = Vec::new();
    ends.iter().for_each(|end| toc.extend_from_slice(&(*end as u64).to_le_bytes()));
    let mut start = 0;
    for end in ends {
        toc.extend_from_slice(&crc32fast::hash(out.get(start..end)?).to_le_bytes());
        start = end;
    }
    let crc = crc32fast::hash(&toc);
    out.extend_from_slice(&toc);
    out.extend_from_slice(&crc.to_le_bytes());
    Some(out)
}

/// Count, then the end of each item, then the items.
fn put_table<'a>(out: &mut Vec<u8>, items: impl Iterator<Item = &'a [u8]> + Clone) -> Option<()> {
    out.extend_from_slice(&u32::try_from(items.clone().count()).ok()?.to_le_bytes());
    let mut end = 0u32;
    for item in items.clone() {
        end = end.checked_add(u32::try_from(item.len()).ok()?)?;
        out.extend_from_slice(&end.to_le_bytes());
    }
    items.for_each(|item| out.extend_from_slice(item));
    Some(())
}
