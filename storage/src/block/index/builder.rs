//! Writes an index while series come in label order. What cannot be written before the last one came is held
//! in a few bytes a series: entries with provisional numbers of the pairs.

use super::blocked::BlockedWriter;
use super::chunk_list::State;
use super::dictionary::DictionaryWriter;
use super::entries::Entry;
use super::pool::Pool;
use super::sections::SectionWriter;
use super::{lists, put_column, put_page};
use crate::codec::CodecError;
use crate::io::{Files, corrupt};
use crate::labels::Labels;
use crate::query::StorageError;
use std::path::{Path, PathBuf};

/// An index that is being written.
#[derive(Debug)]
pub(in crate::block) struct IndexBuilder {
    path: PathBuf,
    out: SectionWriter,
    chunks: BlockedWriter,
    state: State,
    item: Vec<u8>,
    pool: Pool,
    /// The entries of all series, without blocks, by provisional numbers.
    entries: Vec<u8>,
    entry: Entry,
    pairs: Vec<u32>,
    count: u32,
    columns: Vec<u8>,
    pages: Vec<u8>,
}

impl IndexBuilder {
    pub(in crate::block) fn create(files: &Files, path: &Path) -> Result<Self, StorageError> {
        Ok(Self {
            path: path.to_owned(),
            out: SectionWriter::create(files, path)?,
            chunks: BlockedWriter::default(),
            state: State::default(),
            item: Vec::new(),
            pool: Pool::default(),
            entries: Vec::new(),
            entry: Entry::default(),
            pairs: Vec::new(),
            count: 0,
            columns: Vec::new(),
            pages: Vec::new(),
        })
    }

    /// The series so far.
    pub(in crate::block) fn series_count(&self) -> u32 {
        self.count
    }

    /// Adds a series behind all others: its labels, and length and timestamp column of each of its frames.
    pub(in crate::block) fn add_series(
        &mut self,
        labels: &Labels,
        frames: &[(u64, u32)],
    ) -> Result<(), StorageError> {
        self.pairs.clear();
        for (at, (name, value)) in labels.iter().enumerate() {
            let guess = self.entry.pairs().get(at).copied();
            let pair = self.pool.number(name, value, guess);
            self.pairs.push(pair.ok_or_else(|| self.out.refuse("more than 4 billion label pairs"))?);
        }
        self.entry.encode(&self.pairs, &mut self.entries);
        self.item.clear();
        if self.chunks.begins_block() {
            self.state.encode(&mut self.item);
        }
        self.state.put_list(frames, &mut self.item);
        self.chunks.add(&self.item, &mut self.out)?;
        self.count += 1;
        Ok(())
    }

    /// Adds the timestamp column with the next number.
    pub(in crate::block) fn add_column(
        &mut self,
        offset: u64,
        first: u64,
        span: u64,
    ) -> Result<(), StorageError> {
        put_column(&mut self.columns, offset, first, span)
            .ok_or_else(|| self.out.refuse("a block covers more than 34 years"))
    }

    /// Adds a page: how many bytes of frames are before it, and its place in the file.
    pub(in crate::block) fn add_page(&mut self, frames: u64, offset: u64) {
        put_page(&mut self.pages, frames, offset);
    }

    /// Writes the rest and waits until all is on the disk.
    pub(in crate::block) fn finish(mut self) -> Result<(), StorageError> {
        std::mem::take(&mut self.chunks).finish(&mut self.out)?;
        let sorted = self.pool.sorted();
        let mut ranks = vec![0u32; sorted.len()];
        for (rank, number) in (0u32..).zip(&sorted) {
            if let Some(place) = ranks.get_mut(*number as usize) {
                *place = rank;
            }
        }
        let mut sizes = vec![0u64; sorted.len()];
        let (mut entries, mut entry, mut item) = (BlockedWriter::default(), Entry::default(), Vec::new());
        let out = &mut self.out;
        each_entry(&self.path, &self.entries, self.count, &ranks, |_, pairs| {
            if entries.begins_block() {
                entry.restart();
            }
            item.clear();
            entry.encode(pairs, &mut item);
            for pair in pairs {
                if let Some(size) = sizes.get_mut(*pair as usize) {
                    *size += 1;
                }
            }
            entries.add(&item, out)
        })?;
        entries.finish(out)?;
        for rows in [&self.columns, &self.pages] {
            out.write(rows)?;
            out.end_section();
        }
        let lens = write_lists(&self.path, &self.entries, self.count, &ranks, &sizes, out)?;
        let mut dictionary = DictionaryWriter::default();
        let mut last = None;
        for (number, len) in sorted.iter().zip(lens) {
            let (name, value) = self.pool.get(*number);
            if last != Some(name) {
                dictionary.name(name);
                last = Some(name);
            }
            dictionary.value(value, len, out)?;
        }
        dictionary.finish(out)?;
        self.out.finish()
    }
}

/// Hands the entries to `each`, with the series' number and the pairs' final numbers.
fn each_entry(
    path: &Path,
    mut entries: &[u8],
    count: u32,
    ranks: &[u32],
    mut each: impl FnMut(u32, &[u32]) -> Result<(), StorageError>,
) -> Result<(), StorageError> {
    let (mut entry, mut pairs) = (Entry::default(), Vec::new());
    for number in 0..count {
        entry.decode(&mut entries).map_err(|e: CodecError| corrupt(path, "entries in memory", e))?;
        pairs.clear();
        pairs.extend(entry.pairs().iter().map(|pair| ranks.get(*pair as usize).copied().unwrap_or(0)));
        each(number, &pairs)?;
    }
    Ok(())
}

/// Writes the lists of all pairs; `sizes` says how many series each has. The bytes of each.
fn write_lists(
    path: &Path,
    entries: &[u8],
    count: u32,
    ranks: &[u32],
    sizes: &[u64],
    out: &mut SectionWriter,
) -> Result<Vec<u64>, StorageError> {
    // All lists behind one another, each filled from its beginning.
    let total: u64 = sizes.iter().sum();
    let mut numbers = vec![0u32; usize::try_from(total).map_err(|_| out.refuse("too many labels"))?];
    let mut next = Vec::with_capacity(sizes.len());
    let mut start = 0usize;
    for size in sizes {
        next.push(start);
        start += *size as usize;
    }
    each_entry(path, entries, count, ranks, |number, pairs| {
        for pair in pairs {
            if let Some(next) = next.get_mut(*pair as usize) {
                if let Some(place) = numbers.get_mut(*next) {
                    *place = number;
                }
                *next += 1;
            }
        }
        Ok(())
    })?;
    let (mut lens, mut list, mut start) = (Vec::with_capacity(sizes.len()), Vec::new(), 0usize);
    for end in next {
        list.clear();
        lists::encode(numbers.get(start..end).unwrap_or_default(), &mut list);
        out.write(&list)?;
        lens.push(list.len() as u64);
        start = end;
    }
    out.end_section();
    Ok(lens)
}
