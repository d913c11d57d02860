//! Reads a block through memory maps. Every byte is checked before it is believed.

use super::meta::{BlockMeta, VERSIONS};
use super::{INDEX_MAGIC, TOC_LEN};
use crate::codec::{CodecError, frame, timestamp, varint};
use crate::filenames;
use crate::io::mmap::Mapped;
use crate::io::{corrupt, failed};
use crate::labels::Labels;
use crate::labels::matcher::{MatchOp, Matcher};
use crate::query::{Columns, Series, StorageError};
use std::collections::HashMap;
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// Decoded timestamp columns that a block keeps; they are shared by all series of a target.
const TIMELINE_CACHE_MAX: usize = 1024;

/// An open block.
pub struct Block {
    dir: PathBuf,
    meta: BlockMeta,
    index: Mapped,
    chunks: Mapped,
    timelines: Mapped,
    symbols: Table,
    series: Table,
    pairs: Range<usize>,
    lists: Range<usize>,
    timeline_cache: Mutex<HashMap<usize, Arc<[i64]>>>,
    /// Offsets of pages whose checksum was found right.
    checked_pages: Mutex<std::collections::HashSet<usize>>,
}

/// A counted list of byte strings inside the index.
#[derive(Clone)]
struct Table {
    count: usize,
    ends: usize,
    items: usize,
    limit: usize,
}

impl Table {
    fn open(index: &[u8], section: Range<usize>) -> Result<Self, CodecError> {
        let mut bytes = index.get(section.clone()).ok_or(CodecError("section out of bounds"))?;
        let count = varint::take_u32(&mut bytes)? as usize;
        let ends = section.start + 4;
        let items = count
            .checked_mul(4)
            .and_then(|len| ends.checked_add(len))
            .ok_or(CodecError("count too large"))?;
        if items > section.end {
            return Err(CodecError("count exceeds the section"));
        }
        Ok(Self { count, ends, items, limit: section.end })
    }

    fn get<'a>(&self, index: &'a [u8], number: usize) -> Option<&'a [u8]> {
        if number >= self.count {
            return None;
        }
        let end_at = |n: usize| {
            let at = self.ends + n * 4;
            Some(u32::from_le_bytes(*index.get(at..at + 4)?.first_chunk()?) as usize)
        };
        let start = if number == 0 { 0 } else { end_at(number - 1)? };
        let end = end_at(number)?;
        (self.items + end <= self.limit).then(|| index.get(self.items + start..self.items + end)).flatten()
    }
}

impl Block {
    /// Opens the block in `dir` and checks its index.
    ///
    /// # Errors
    /// A file is missing, or holds what no block writer wrote.
    pub fn open(dir: &Path) -> Result<Self, StorageError> {
        let path = dir.join(filenames::META);
        let text = fs::read(&path).map_err(failed("read", &path))?;
        let meta: BlockMeta = serde_json::from_slice(&text).map_err(|e| corrupt(&path, "meta", e))?;
        if meta.format != "narthex" || !VERSIONS.contains(&meta.version) {
            return Err(corrupt(
                &path,
                "meta",
                format!("format {} version {} is not ours", meta.format, meta.version),
            ));
        }
        let index_path = dir.join(filenames::INDEX);
        let index = Mapped::open(&index_path)?;
        let bad = |e: CodecError| corrupt(&index_path, "index", e);
        let sections = sections(&index).map_err(bad)?;
        let [symbols, series, pairs, lists] = sections;
        let symbols = Table::open(&index, symbols).map_err(bad)?;
        let series = Table::open(&index, series).map_err(bad)?;
        let chunks = Mapped::open(&dir.join(filenames::CHUNKS))?;
        let timelines = Mapped::open(&dir.join(filenames::TIMELINES))?;
        Ok(Self {
            dir: dir.to_owned(),
            meta,
            index,
            chunks,
            timelines,
            symbols,
            series,
            pairs,
            lists,
            timeline_cache: Mutex::default(),
            checked_pages: Mutex::default(),
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

    pub(crate) fn overlaps(&self, mint: i64, maxt: i64) -> bool {
        self.meta.min_time <= maxt && self.meta.max_time > mint
    }

    fn damaged(&self, file: &str, detail: impl ToString) -> StorageError {
        corrupt(&self.dir.join(file), "read", detail)
    }

    fn symbol(&self, number: u32) -> Option<&str> {
        std::str::from_utf8(self.symbols.get(&self.index, number as usize)?).ok()
    }

    fn find_symbol(&self, text: &str) -> Option<u32> {
        let (mut low, mut high) = (0usize, self.symbols.count);
        while low < high {
            let middle = usize::midpoint(low, high);
            match self.symbols.get(&self.index, middle)?.cmp(text.as_bytes()) {
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
                std::cmp::Ordering::Equal => return u32::try_from(middle).ok(),
            }
        }
        None
    }

    /// Name, value and list offset of a row of the postings table.
    fn pair(&self, row: usize) -> Option<(u32, u32, u32)> {
        let start = self.pairs.start + 4 + row * 12;
        let bytes = self.index.get(start..start + 12).filter(|_| start + 12 <= self.pairs.end)?;
        let field = |i: usize| Some(u32::from_le_bytes(*bytes.get(i..i + 4)?.first_chunk()?));
        Some((field(0)?, field(4)?, field(8)?))
    }

    fn pair_count(&self) -> usize {
        (self.pairs.len().saturating_sub(4)) / 12
    }

    /// Rows of the postings table that belong to a label name.
    fn rows_of(&self, name: u32) -> Range<usize> {
        let bound = |past: bool| {
            let (mut low, mut high) = (0, self.pair_count());
            while low < high {
                let middle = usize::midpoint(low, high);
                let less = self.pair(middle).is_some_and(|(n, _, _)| n < name || (past && n == name));
                if less { low = middle + 1 } else { high = middle }
            }
            low
        };
        bound(false)..bound(true)
    }

    fn list(&self, offset: u32) -> Result<Vec<u32>, StorageError> {
        let bytes = self.index.get(self.lists.clone()).and_then(|lists| lists.get(offset as usize..));
        let decode = |mut bytes: &[u8]| -> Result<Vec<u32>, CodecError> {
            let count = varint::take_count(&mut bytes, 8)?;
            let mut list = Vec::with_capacity(count);
            let mut number = 0u64;
            for _ in 0..count {
                number = number.saturating_add(varint::take(&mut bytes)?);
                list.push(u32::try_from(number).map_err(|_| CodecError("series number out of bounds"))?);
            }
            Ok(list)
        };
        decode(bytes.unwrap_or_default()).map_err(|e| self.damaged(filenames::INDEX, e))
    }

    /// Series numbers with a value of `name` that is `wanted`.
    fn union(&self, name: &str, wanted: &dyn Fn(&str) -> bool) -> Result<Vec<u32>, StorageError> {
        let mut all = Vec::new();
        let Some(name) = self.find_symbol(name) else { return Ok(all) };
        for row in self.rows_of(name) {
            let Some((_, value, offset)) = self.pair(row) else { continue };
            if self.symbol(value).is_some_and(wanted) {
                all.extend(self.list(offset)?);
            }
        }
        all.sort_unstable();
        Ok(all)
    }

    fn exactly(&self, name: &str, value: &str) -> Result<Vec<u32>, StorageError> {
        let (Some(name), Some(value)) = (self.find_symbol(name), self.find_symbol(value)) else {
            return Ok(Vec::new());
        };
        let rows = self.rows_of(name);
        let (mut low, mut high) = (rows.start, rows.end);
        while low < high {
            let middle = usize::midpoint(low, high);
            match self.pair(middle) {
                Some((_, v, _)) if v < value => low = middle + 1,
                Some((_, v, offset)) if v == value => return self.list(offset),
                _ => high = middle,
            }
        }
        Ok(Vec::new())
    }

    fn matching(&self, matcher: &Matcher) -> Result<Vec<u32>, StorageError> {
        match (matcher.op, matcher.regex().and_then(|r| r.set_matches())) {
            (MatchOp::Equal, _) => self.exactly(&matcher.name, &matcher.value),
            (MatchOp::Regex, Some(set)) => {
                let mut all = Vec::new();
                for value in set {
                    all.extend(self.exactly(&matcher.name, value)?);
                }
                all.sort_unstable();
                Ok(all)
            }
            _ => self.union(&matcher.name, &|value| matcher.matches(value)),
        }
    }

    /// Numbers of the series that satisfy all matchers, ascending.
    fn numbers(&self, matchers: &[Matcher]) -> Result<Vec<u32>, StorageError> {
        let mut found: Option<Vec<u32>> = None;
        for matcher in matchers.iter().filter(|m| !m.matches_empty()) {
            let list = self.matching(matcher)?;
            found = Some(match found {
                Some(found) => found.into_iter().filter(|n| list.binary_search(n).is_ok()).collect(),
                None => list,
            });
        }
        let mut found = match found {
            Some(found) => found,
            None => (0..u32::try_from(self.series.count).unwrap_or(u32::MAX)).collect(),
        };
        for matcher in matchers.iter().filter(|m| m.matches_empty()) {
            let excluded = self.union(&matcher.name, &|value| !matcher.matches(value))?;
            if !excluded.is_empty() {
                found.retain(|n| excluded.binary_search(n).is_err());
            }
        }
        Ok(found)
    }

    /// The series that satisfy all matchers and have a frame in `[mint, maxt]`, in label order.
    pub(crate) fn select(
        self: &Arc<Self>,
        matchers: &[Matcher],
        mint: i64,
        maxt: i64,
    ) -> Result<Vec<BlockSeries>, StorageError> {
        let mut all = Vec::new();
        for number in self.numbers(matchers)? {
            let (labels, chunks) = self.entry(number as usize)?;
            let chunks: Vec<ChunkRef> =
                chunks.into_iter().filter(|c| c.min <= maxt && c.max >= mint).collect();
            if !chunks.is_empty() {
                all.push(BlockSeries { block: Arc::clone(self), labels, chunks });
            }
        }
        Ok(all)
    }

    fn entry(&self, number: usize) -> Result<(Labels, Vec<ChunkRef>), StorageError> {
        let entry = self.series.get(&self.index, number).unwrap_or_default();
        self.decode_entry(entry).map_err(|e| self.damaged(filenames::INDEX, e))
    }

    fn decode_entry(&self, mut bytes: &[u8]) -> Result<(Labels, Vec<ChunkRef>), CodecError> {
        let count = varint::take_count(&mut bytes, 16)?;
        let mut pairs = Vec::with_capacity(count);
        for _ in 0..count {
            let mut text = || {
                let number = u32::try_from(varint::take(&mut bytes)?).ok();
                number.and_then(|n| self.symbol(n)).ok_or(CodecError("symbol out of bounds"))
            };
            pairs.push((text()?, text()?));
        }
        let count = varint::take_count(&mut bytes, 40)?;
        let mut chunks = Vec::with_capacity(count);
        for _ in 0..count {
            let min = self.meta.min_time.wrapping_add(varint::take_signed(&mut bytes)?);
            let max = min.wrapping_add_unsigned(varint::take(&mut bytes)?);
            let mut offset =
                || usize::try_from(varint::take(&mut bytes)?).map_err(|_| CodecError("offset too large"));
            chunks.push(ChunkRef { min, max, timeline: offset()?, page: offset()?, in_page: offset()? });
        }
        Ok((Labels::from_sorted(pairs), chunks))
    }

    /// Label names, sorted.
    pub(crate) fn label_names(&self) -> Vec<&str> {
        let mut names = Vec::new();
        let mut row = 0;
        while let Some((name, _, _)) = self.pair(row) {
            names.extend(self.symbol(name));
            row = self.rows_of(name).end.max(row + 1);
        }
        names
    }

    /// Values of a label, sorted.
    pub(crate) fn label_values(&self, name: &str) -> Vec<&str> {
        let Some(name) = self.find_symbol(name) else { return Vec::new() };
        self.rows_of(name).filter_map(|row| self.symbol(self.pair(row)?.1)).collect()
    }

    fn timeline(&self, offset: usize) -> Result<Arc<[i64]>, StorageError> {
        let mut cache = self.timeline_cache.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(column) = cache.get(&offset) {
            return Ok(Arc::clone(column));
        }
        let decode = || -> Result<Arc<[i64]>, CodecError> {
            let mut bytes = self.timelines.get(offset..).ok_or(CodecError("timeline out of bounds"))?;
            let mut payload = checked(&mut bytes)?;
            let mut column = Vec::new();
            timestamp::decode(&mut payload, &mut column)?;
            Ok(Arc::from(column))
        };
        let column = decode().map_err(|e| self.damaged(filenames::TIMELINES, e))?;
        if cache.len() >= TIMELINE_CACHE_MAX {
            cache.clear();
        }
        cache.insert(offset, Arc::clone(&column));
        Ok(column)
    }

    /// Appends the samples of `rows` to every column but the timestamps.
    fn frame(
        &self,
        (page, in_page): (usize, usize),
        count: usize,
        rows: Range<usize>,
        out: &mut Columns,
    ) -> Result<(), CodecError> {
        let mut bytes = self.chunks.get(page..).ok_or(CodecError("page out of bounds"))?;
        let known = self.checked_pages.lock().unwrap_or_else(PoisonError::into_inner).contains(&page);
        let payload = if known {
            let len = varint::take_u32(&mut bytes)? as usize;
            varint::take_u32(&mut bytes)?;
            varint::take_bytes(&mut bytes, len)?
        } else {
            let payload = checked(&mut bytes)?;
            self.checked_pages.lock().unwrap_or_else(PoisonError::into_inner).insert(page);
            payload
        };
        let mut bytes = payload.get(in_page..).ok_or(CodecError("frame out of bounds"))?;
        frame::decode(&mut bytes, count, rows, out)
    }
}

/// Length, checksum, payload.
fn checked<'a>(bytes: &mut &'a [u8]) -> Result<&'a [u8], CodecError> {
    let len = varint::take_u32(bytes)? as usize;
    let crc = varint::take_u32(bytes)?;
    let payload = varint::take_bytes(bytes, len)?;
    if crc32fast::hash(payload) == crc { Ok(payload) } else { Err(CodecError("checksum mismatch")) }
}

/// The four sections of the index, each checked against its checksum.
fn sections(index: &[u8]) -> Result<[Range<usize>; 4], CodecError> {
    let toc_at = index.len().checked_sub(TOC_LEN).ok_or(CodecError("index too short"))?;
    let (body, toc) = index.split_at(toc_at);
    let (fields, crc) = toc.split_at(TOC_LEN - 4);
    if varint::take_u32(&mut &*crc)? != crc32fast::hash(fields) {
        return Err(CodecError("checksum mismatch in the table of contents"));
    }
    if !body.starts_with(INDEX_MAGIC) {
        return Err(CodecError("not an index"));
    }
    let mut fields = fields;
    let mut ends = [0usize; 4];
    for end in &mut ends {
        *end = usize::try_from(varint::take_u64(&mut fields)?)
            .map_err(|_| CodecError("section out of bounds"))?;
    }
    let mut ranges = [0..0, 0..0, 0..0, 0..0];
    let mut start = 0;
    for (number, (range, end)) in ranges.iter_mut().zip(ends).enumerate() {
        let section = body.get(start..end).ok_or(CodecError("section out of bounds"))?;
        if varint::take_u32(&mut fields)? != crc32fast::hash(section) {
            return Err(CodecError("checksum mismatch in a section"));
        }
        // The first section begins behind the magic.
        *range = (if number == 0 { INDEX_MAGIC.len() } else { start })..end;
        start = end;
    }
    Ok(ranges)
}

#[derive(Debug, Clone, Copy)]
struct ChunkRef {
    min: i64,
    max: i64,
    timeline: usize,
    page: usize,
    in_page: usize,
}

/// One series of a block.
pub(crate) struct BlockSeries {
    block: Arc<Block>,
    labels: Labels,
    chunks: Vec<ChunkRef>,
}

impl Series for BlockSeries {
    fn labels(&self) -> &Labels {
        &self.labels
    }

    fn read(&self, mint: i64, maxt: i64, out: &mut Columns) -> Result<(), StorageError> {
        for chunk in self.chunks.iter().filter(|c| c.min <= maxt && c.max >= mint) {
            let column = self.block.timeline(chunk.timeline)?;
            let from = column.partition_point(|t| *t < mint);
            let to = column.partition_point(|t| *t <= maxt).max(from);
            self.block
                .frame((chunk.page, chunk.in_page), column.len(), from..to, out)
                .map_err(|e| self.block.damaged(filenames::CHUNKS, e))?;
            out.timestamps.extend_from_slice(column.get(from..to).unwrap_or_default());
        }
        Ok(())
    }
}
