//! Writes a file of level 0 aside, syncs it, and renames it into place.

use super::{FOOTER_LEN, MAGIC, Marks, PAGE_BITS, PAGE_BYTES, VERSION};
use crate::codec::timestamp::{self, Timeline};
use crate::codec::varint;
use crate::filenames;
use crate::head::series::Chunk;
use crate::io::disk::DiskFile;
use crate::io::{Files, failed};
use crate::query::StorageError;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// Bytes are handed to the disk in pieces of this size.
const WRITE_BYTES: usize = 256 << 10;

/// Takes series in the order of their ids.
pub(crate) struct Writer {
    files: Files,
    path: PathBuf,
    aside: PathBuf,
    file: Box<dyn DiskFile>,
    /// What the file does not have yet, and how much it has.
    out: Vec<u8>,
    written: u64,
    page: Vec<u8>,
    timelines: Vec<u8>,
    known: HashMap<Vec<u8>, u64>,
    /// The column that was written last, and its place: neighbours mostly have the same.
    last: Option<(Timeline, u64)>,
    entries: Vec<u8>,
    /// Id, and where its entry begins.
    places: Vec<(u32, u32)>,
    range: (i64, i64),
}

impl Writer {
    /// Begins file `number` in `dir`.
    pub(crate) fn new(files: &Files, dir: &Path, number: u64) -> Result<Self, StorageError> {
        let path = dir.join(filenames::segment(number));
        let aside = dir.join(format!("{}{}", filenames::segment(number), filenames::CREATING_SUFFIX));
        let file = files.create(&aside)?;
        Ok(Self {
            files: files.clone(),
            path,
            aside,
            file,
            out: MAGIC.to_vec(),
            written: 0,
            page: Vec::new(),
            timelines: Vec::new(),
            known: HashMap::new(),
            last: None,
            entries: Vec::new(),
            places: Vec::new(),
            range: (i64::MAX, i64::MIN),
        })
    }

    /// Adds the chunks of a series, whose id is above those before.
    pub(crate) fn add(&mut self, id: u32, chunks: &[Chunk]) -> Result<(), StorageError> {
        let Some(place) = u32::try_from(self.entries.len()).ok().filter(|_| !chunks.is_empty()) else {
            return match chunks {
                [] => Ok(()),
                _ => Err(self.too_large()),
            };
        };
        self.places.push((id, place));
        varint::put(&mut self.entries, chunks.len() as u64);
        for chunk in chunks {
            let timeline = self.timeline(chunk.timeline());
            if self.page.len() >= PAGE_BYTES {
                self.end_page()?;
            }
            varint::put(&mut self.entries, timeline);
            varint::put(&mut self.entries, self.written + self.out.len() as u64);
            varint::put(&mut self.entries, self.page.len() as u64);
            self.page.extend_from_slice(chunk.frame());
            self.range = (self.range.0.min(chunk.min()), self.range.1.max(chunk.max()));
        }
        Ok(())
    }

    /// Where a timestamp column stands; equal ones stand once.
    fn timeline(&mut self, timeline: &Timeline) -> u64 {
        if let Some((last, at)) = &self.last
            && last.is(timeline)
        {
            return *at;
        }
        let (mut column, mut encoded) = (Vec::new(), Vec::new());
        timeline.extend(0..timeline.len(), &mut column);
        timestamp::encode(&column, &mut encoded);
        let at = match self.known.get(&encoded) {
            Some(at) => *at,
            None => {
                let at = self.timelines.len() as u64;
                put_checked(&mut self.timelines, &encoded);
                self.known.insert(encoded, at);
                at
            }
        };
        self.last = Some((timeline.clone(), at));
        at
    }

    fn end_page(&mut self) -> Result<(), StorageError> {
        put_checked(&mut self.out, &self.page);
        self.page.clear();
        if self.out.len() >= WRITE_BYTES { self.write_out() } else { Ok(()) }
    }

    fn write_out(&mut self) -> Result<(), StorageError> {
        self.file.append(&self.out).map_err(failed("write", &self.aside))?;
        self.written += self.out.len() as u64;
        self.out.clear();
        Ok(())
    }

    fn too_large(&self) -> StorageError {
        failed("write", &self.aside)(std::io::Error::other("a section exceeds 4 GiB"))
    }

    /// Makes the file durable and gives it its name; `None`, and nothing left, when it is empty.
    pub(crate) fn finish(mut self, marks: &Marks) -> Result<Option<PathBuf>, StorageError> {
        if self.places.is_empty() {
            self.files.remove_file(&self.aside)?;
            return Ok(None);
        }
        self.end_page()?;
        let mut ends = vec![self.end()];
        let timelines = std::mem::take(&mut self.timelines);
        self.section(&timelines, &mut ends)?;
        let entries = std::mem::take(&mut self.entries);
        let directory = directory(&self.places).ok_or_else(|| self.too_large())?;
        let marks_section = encode_marks(marks);
        let checked = [entries, directory, marks_section];
        for section in &checked {
            self.section(section, &mut ends)?;
        }
        let start = self.out.len();
        for field in [self.range.0, self.range.1] {
            self.out.extend_from_slice(&field.to_le_bytes());
        }
        for field in std::iter::once(&marks.segment).chain(&ends) {
            self.out.extend_from_slice(&field.to_le_bytes());
        }
        for section in &checked {
            self.out.extend_from_slice(&crc32fast::hash(section).to_le_bytes());
        }
        self.out.extend_from_slice(&VERSION.to_le_bytes());
        let crc = crc32fast::hash(self.out.get(start..).unwrap_or_default());
        self.out.extend_from_slice(&crc.to_le_bytes());
        debug_assert_eq!(self.out.len() - start, FOOTER_LEN);
        self.write_out()?;
        self.file.sync().map_err(failed("sync", &self.aside))?;
        self.files.rename_durably(&self.aside, &self.path)?;
        Ok(Some(self.path))
    }

    fn section(&mut self, bytes: &[u8], ends: &mut Vec<u64>) -> Result<(), StorageError> {
        self.out.extend_from_slice(bytes);
        ends.push(self.end());
        if self.out.len() >= WRITE_BYTES { self.write_out() } else { Ok(()) }
    }

    fn end(&self) -> u64 {
        self.written + self.out.len() as u64
    }
}

/// Length, checksum, bytes.
fn put_checked(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
    out.extend_from_slice(&crc32fast::hash(bytes).to_le_bytes());
    out.extend_from_slice(bytes);
}

fn encode_marks(marks: &Marks) -> Vec<u8> {
    let mut out = Vec::new();
    varint::put(&mut out, marks.next_group);
    varint::put(&mut out, marks.groups.len() as u64);
    for (group, sequence) in &marks.groups {
        varint::put(&mut out, *group);
        varint::put(&mut out, *sequence);
    }
    out
}

/// The directory of ascending ids and the places of their entries.
fn directory(places: &[(u32, u32)]) -> Option<Vec<u8>> {
    let page_of = |(id, _): &(u32, u32)| id >> PAGE_BITS;
    let first = places.first().map_or(0, page_of);
    let pages = places.last().map_or(0, |last| page_of(last) - first + 1);
    let mut heads = vec![0u32; usize::try_from(pages).ok()?];
    let mut bodies: Vec<u8> = Vec::new();
    for page in places.chunk_by(|a, b| page_of(a) == page_of(b)) {
        let number = page.first().map_or(0, page_of) - first;
        *heads.get_mut(usize::try_from(number).ok()?)? = u32::try_from(bodies.len()).ok()?.checked_add(1)?;
        let mut bitmap = [0u64; 4];
        for (id, _) in page {
            let bit = id & ((1 << PAGE_BITS) - 1);
            *bitmap.get_mut((bit / 64) as usize)? |= 1 << (bit % 64);
        }
        bitmap.iter().for_each(|word| bodies.extend_from_slice(&word.to_le_bytes()));
        page.iter().for_each(|(_, place)| bodies.extend_from_slice(&place.to_le_bytes()));
    }
    let mut out = Vec::with_capacity(8 + heads.len() * 4 + bodies.len());
    out.extend_from_slice(&first.to_le_bytes());
    out.extend_from_slice(&pages.to_le_bytes());
    heads.iter().for_each(|head| out.extend_from_slice(&head.to_le_bytes()));
    out.append(&mut bodies);
    Some(out)
}
