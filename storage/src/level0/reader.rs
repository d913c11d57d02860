//! Reads a file of level 0 through its map. Every byte is checked before it is believed.

use super::{FOOTER_LEN, MAGIC, Marks, PAGE_BITS, PAGE_BYTES, VERSIONS};
use crate::codec::timestamp::Timeline;
use crate::codec::{CodecError, frame, varint};
use crate::damage::{DamageKind, DamageList};
use crate::head::entry::{Entry, SampleValue};
use crate::io::mmap::Bytes;
use crate::io::{Files, corrupt};
use crate::query::tidy::Joints;
use crate::query::{Columns, StorageError};
use crate::sample::STALE_NAN;
use foldhash::fast::RandomState;
use std::collections::HashMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

/// Decoded timestamp columns that a file keeps; they are shared by all series of a target.
const TIMELINE_CACHE_MAX: usize = 1024;

/// An open file of level 0.
#[derive(Debug)]
pub(crate) struct Level0 {
    path: PathBuf,
    damage: Arc<DamageList>,
    bytes: Bytes,
    min: i64,
    max: i64,
    marks: Marks,
    timelines: Range<usize>,
    entries: Range<usize>,
    directory: Range<usize>,
    first_page: u32,
    pages: u32,
    cache: RwLock<HashMap<usize, Timeline, RandomState>>,
    /// A bit for each stretch of [`PAGE_BYTES`] in which a page begins whose checksum was found right. A page
    /// is at least that long, all but the last, so that no two begin in one stretch.
    checked: Box<[AtomicU64]>,
}

/// The newest sample of a series in any of the files.
pub(crate) fn newest(files: &[Arc<Level0>], id: u32) -> Option<Entry> {
    let mut newest: Option<Entry> = None;
    for file in files.iter().rev() {
        // Most often the last file has it, and all others end before.
        if newest.as_ref().is_none_or(|newest| newest.timestamp < file.max)
            && let Some(entry) = file.newest(id)
            && newest.as_ref().is_none_or(|newest| newest.timestamp <= entry.timestamp)
        {
            newest = Some(entry);
        }
    }
    newest
}

/// Where a chunk lies.
struct ChunkRef {
    timeline: usize,
    page: usize,
    in_page: usize,
}

impl Level0 {
    /// Opens a file and checks all of it but the pages.
    pub(crate) fn open(files: &Files, path: &Path) -> Result<Self, StorageError> {
        let bytes = files.map(path)?;
        let level0 = Self::parse(path, bytes, files.damage()).map_err(|e| corrupt(path, "footer", e))?;
        level0.bytes.release();
        Ok(level0)
    }

    fn parse(path: &Path, bytes: Bytes, damage: &Arc<DamageList>) -> Result<Self, CodecError> {
        let footer_at = bytes.len().checked_sub(FOOTER_LEN).ok_or(CodecError("file too short"))?;
        let (body, mut footer) = bytes.split_at_checked(footer_at).ok_or(CodecError("file too short"))?;
        let crc_at = FOOTER_LEN - 4;
        let mut crc = footer.get(crc_at..).unwrap_or_default();
        let told = footer.get(..crc_at).unwrap_or_default();
        if !body.starts_with(MAGIC) || varint::take_u32(&mut crc)? != crc32fast::hash(told) {
            return Err(CodecError("no whole file of level 0"));
        }
        let (min, max) = (varint::take_u64(&mut footer)? as i64, varint::take_u64(&mut footer)? as i64);
        let segment = varint::take_u64(&mut footer)?;
        let mut ends = [MAGIC.len(); 5];
        let mut before = MAGIC.len();
        for end in &mut ends {
            let told = usize::try_from(varint::take_u64(&mut footer)?);
            *end = told.ok().filter(|end| *end >= before).ok_or(CodecError("sections out of order"))?;
            before = *end;
        }
        let [pages_end, timelines_end, entries_end, directory_end, marks_end] = ends;
        if marks_end != body.len() {
            return Err(CodecError("sections do not fill the file"));
        }
        let (entries, directory) = (timelines_end..entries_end, entries_end..directory_end);
        let marks_at = directory_end..marks_end;
        for section in [&entries, &directory, &marks_at] {
            let found = crc32fast::hash(body.get(section.clone()).unwrap_or_default());
            if varint::take_u32(&mut footer)? != found {
                return Err(CodecError("checksum mismatch"));
            }
        }
        if !VERSIONS.contains(&varint::take_u32(&mut footer)?) {
            return Err(CodecError("written by a newer version"));
        }
        let mut head = body.get(directory.clone()).unwrap_or_default();
        let (first_page, pages) = (varint::take_u32(&mut head)?, varint::take_u32(&mut head)?);
        let marks = decode_marks(segment, body.get(marks_at).unwrap_or_default())?;
        let stretches = pages_end.div_ceil(PAGE_BYTES).div_ceil(64);
        let checked = (0..stretches).map(|_| AtomicU64::new(0)).collect();
        let timelines = pages_end..timelines_end;
        let (path, cache) = (path.to_owned(), RwLock::default());
        Ok(Self {
            path,
            damage: Arc::clone(damage),
            bytes,
            min,
            max,
            marks,
            timelines,
            entries,
            directory,
            first_page,
            pages,
            cache,
            checked,
        })
    }

    /// Where the file lies.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// First and last timestamp, ms.
    pub(crate) fn range(&self) -> (i64, i64) {
        (self.min, self.max)
    }

    /// The first timestamp at or after `from`, ms. Where the file begins earlier its columns tell: there may be nothing
    /// for years. One that cannot be read counts for nothing, as do its samples.
    pub(crate) fn first_from(&self, from: i64) -> Option<i64> {
        if self.min >= from {
            return Some(self.min);
        }
        let mut bytes = self.bytes.get(self.timelines.clone()).unwrap_or_default();
        let mut first: Option<i64> = None;
        while !bytes.is_empty() {
            let before = bytes.len();
            match checked(&mut bytes).and_then(|mut column| Timeline::decode(&mut column)) {
                Ok(column) => first = first.into_iter().chain(column.first_from(from)).min(),
                // Behind a length that is none nothing can be found.
                Err(_) if bytes.len() == before => break,
                Err(_) => {}
            }
        }
        first
    }

    /// Where the log goes on.
    pub(crate) fn marks(&self) -> &Marks {
        &self.marks
    }

    pub(crate) fn overlaps(&self, mint: i64, maxt: i64) -> bool {
        self.min <= maxt && self.max >= mint
    }

    /// Bytes of the file.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether the file has samples of a series.
    pub(crate) fn has(&self, id: u32) -> bool {
        self.entry(id).is_some()
    }

    /// Whether a sample of a series may lie within `[mint, maxt]`, as far as chunks tell without being read.
    pub(crate) fn may_have(&self, id: u32, mint: i64, maxt: i64) -> Result<bool, StorageError> {
        if !self.overlaps(mint, maxt) || !self.has(id) {
            return Ok(false);
        }
        if mint <= self.min && self.max <= maxt {
            return Ok(true);
        }
        let mut any = false;
        self.each_chunk(id, |chunk| {
            let range = self.timeline(chunk.timeline)?.range();
            any |= range.is_some_and(|(first, last)| first <= maxt && last >= mint);
            Ok(())
        })?;
        Ok(any)
    }

    /// First and last timestamp of a series, ms.
    pub(crate) fn span(&self, id: u32) -> Result<Option<(i64, i64)>, StorageError> {
        let mut span: Option<(i64, i64)> = None;
        self.each_chunk(id, |chunk| {
            if let Some((first, last)) = self.timeline(chunk.timeline)?.range() {
                let (min, max) = span.unwrap_or((first, last));
                span = Some((min.min(first), max.max(last)));
            }
            Ok(())
        })?;
        Ok(span)
    }

    /// Appends the samples of a series within `[mint, maxt]`, as parts.
    pub(crate) fn read(
        &self,
        id: u32,
        mint: i64,
        maxt: i64,
        out: &mut Columns,
        joints: &mut Joints<'_>,
    ) -> Result<(), StorageError> {
        let mut failed = None;
        self.each_chunk(id, |chunk| {
            match self.read_chunk(&chunk, (mint, maxt), out) {
                Ok(()) => joints.join(out),
                Err(error) => {
                    joints.undo(out);
                    failed = Some(error);
                }
            }
            Ok(())
        })?;
        failed.map_or(Ok(()), |error| joints.leave_out(out, self.damaged(error)))
    }

    fn read_chunk(
        &self,
        chunk: &ChunkRef,
        (mint, maxt): (i64, i64),
        out: &mut Columns,
    ) -> Result<(), CodecError> {
        let timeline = self.timeline(chunk.timeline)?;
        let rows = timeline.within(mint, maxt);
        if !rows.is_empty() {
            frame::decode(&mut self.frame(chunk)?, timeline.len(), rows.clone(), out)?;
            timeline.extend(rows, &mut out.timestamps);
        }
        Ok(())
    }

    /// The newest sample of a series. One that is damaged reads as a staleness marker: its time is what
    /// appends have to know.
    fn newest(&self, id: u32) -> Option<Entry> {
        let mut newest: Option<(i64, ChunkRef, Timeline)> = None;
        // What cannot be read does not follow the rest.
        let _ = self.each_chunk(id, |chunk| {
            let timeline = self.timeline(chunk.timeline)?;
            if let Some((_, last)) = timeline.range()
                && newest.as_ref().is_none_or(|(before, ..)| *before <= last)
            {
                newest = Some((last, chunk, timeline));
            }
            Ok(())
        });
        let (timestamp, chunk, timeline) = newest?;
        let mut columns = Columns::default();
        let rows = timeline.len().saturating_sub(1)..timeline.len();
        let decoded = self
            .frame(&chunk)
            .and_then(|mut frame| frame::decode(&mut frame, timeline.len(), rows, &mut columns));
        columns.timestamps.push(timestamp);
        let value = match (decoded, columns.histogram(0), columns.values.first()) {
            (Ok(()), Some(histogram), _) => SampleValue::Histogram(Arc::clone(histogram)),
            (Ok(()), None, Some(value)) => SampleValue::Float(*value),
            (Err(error), ..) => {
                let _ = self.damaged(error);
                SampleValue::Float(STALE_NAN)
            }
            _ => SampleValue::Float(STALE_NAN),
        };
        Some(Entry { timestamp, start: columns.start(0), value })
    }

    fn each_chunk(
        &self,
        id: u32,
        mut each: impl FnMut(ChunkRef) -> Result<(), CodecError>,
    ) -> Result<(), StorageError> {
        let Some(mut entry) = self.entry(id) else { return Ok(()) };
        let mut all = || -> Result<(), CodecError> {
            for _ in 0..varint::take_count(&mut entry, 24)? {
                let mut place =
                    || usize::try_from(varint::take(&mut entry)?).map_err(|_| CodecError("offset too large"));
                each(ChunkRef { timeline: place()?, page: place()?, in_page: place()? })?;
            }
            Ok(())
        };
        all().map_err(|error| self.damaged(error))
    }

    /// The error of a read that met damage, which is noted.
    fn damaged(&self, error: CodecError) -> StorageError {
        let error = corrupt(&self.path, "samples", error);
        self.damage.met(&self.path, DamageKind::Level0, (self.min, self.max), error)
    }

    /// The entry of a series, and what stands behind it.
    fn entry(&self, id: u32) -> Option<&[u8]> {
        let page = (id >> PAGE_BITS).checked_sub(self.first_page).filter(|page| *page < self.pages)?;
        let directory = self.bytes.get(self.directory.clone())?;
        let heads = 8usize;
        let body = take_at(directory, heads + page as usize * 4)?.checked_sub(1)? as usize;
        let page = directory.get(heads + self.pages as usize * 4 + body..)?;
        let bit = (id & ((1 << PAGE_BITS) - 1)) as usize;
        let mut before = 0;
        for word in 0..=bit / 64 {
            let bits = u64::from_le_bytes(page.get(word * 8..)?.first_chunk().copied()?);
            if word < bit / 64 {
                before += bits.count_ones() as usize;
            } else if bits >> (bit % 64) & 1 == 0 {
                return None;
            } else {
                before += (bits & ((1 << (bit % 64)) - 1)).count_ones() as usize;
            }
        }
        let place = take_at(page, 32 + before * 4)? as usize;
        self.bytes.get(self.entries.clone())?.get(place..)
    }

    fn frame(&self, chunk: &ChunkRef) -> Result<&[u8], CodecError> {
        let outside = CodecError("page out of bounds");
        let mut bytes = self.bytes.get(chunk.page..self.timelines.start).ok_or(outside)?;
        let stretch = chunk.page / PAGE_BYTES;
        let mark = self.checked.get(stretch / 64);
        let bit = 1u64 << (stretch % 64);
        let payload = if mark.is_some_and(|mark| mark.load(Ordering::Relaxed) & bit != 0) {
            let len = varint::take_u32(&mut bytes)? as usize;
            varint::take_u32(&mut bytes)?;
            varint::take_bytes(&mut bytes, len)?
        } else {
            let payload = checked(&mut bytes)?;
            if let Some(mark) = mark {
                mark.fetch_or(bit, Ordering::Relaxed);
            }
            payload
        };
        payload.get(chunk.in_page..).ok_or(CodecError("frame out of bounds"))
    }

    fn timeline(&self, at: usize) -> Result<Timeline, CodecError> {
        if let Some(column) = self.cache.read().unwrap_or_else(PoisonError::into_inner).get(&at) {
            return Ok(column.clone());
        }
        let section = self.bytes.get(self.timelines.clone()).unwrap_or_default();
        let mut bytes = section.get(at..).ok_or(CodecError("timeline out of bounds"))?;
        let column = Timeline::decode(&mut checked(&mut bytes)?)?;
        let mut cache = self.cache.write().unwrap_or_else(PoisonError::into_inner);
        if cache.len() >= TIMELINE_CACHE_MAX {
            cache.clear();
        }
        cache.insert(at, column.clone());
        Ok(column)
    }
}

fn decode_marks(segment: u64, mut bytes: &[u8]) -> Result<Marks, CodecError> {
    let next_group = varint::take(&mut bytes)?;
    let count = varint::take_count(&mut bytes, 16)?;
    let mut groups = HashMap::with_capacity(count);
    for _ in 0..count {
        groups.insert(varint::take(&mut bytes)?, varint::take(&mut bytes)?);
    }
    Ok(Marks { segment, next_group, groups })
}

/// The little-endian number at a place.
fn take_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|bytes| u32::from_le_bytes(*bytes))
}

/// Length, checksum, payload.
fn checked<'a>(bytes: &mut &'a [u8]) -> Result<&'a [u8], CodecError> {
    let len = varint::take_u32(bytes)? as usize;
    let crc = varint::take_u32(bytes)?;
    let payload = varint::take_bytes(bytes, len)?;
    if crc32fast::hash(payload) == crc { Ok(payload) } else { Err(CodecError("checksum mismatch")) }
}
