//! The index of format version 3: series, their chunks and their labels, in about ten bytes a series.
//!
//! ```text
//! chunk lists | series entries | timestamp columns | pages | postings lists | values | names
//! ```
//!
//! Series are numbered in label order. Their labels are numbers of label pairs, which are in order too, so
//! that series compare as their pairs do.

mod blocked;
mod builder;
mod chunk_list;
mod dictionary;
mod entries;
pub(super) mod fixed;
mod lists;
mod pool;
mod sections;

pub(super) use builder::IndexBuilder;
pub(super) use chunk_list::Frame;

use crate::codec::{CodecError, varint};
use crate::io::mmap::Bytes;
use crate::labels::{Labels, LabelsBuf};
use blocked::{Blocked, PER_BLOCK};
use chunk_list::State;
use dictionary::Dictionary;
use entries::Entry;
use roaring::RoaringBitmap;
use std::ops::Range;

/// Bytes of a row that tells of a timestamp column: offset u48, first u40, span u40.
const COLUMN_BYTES: usize = 16;
/// Bytes of a row that tells of a page: where it begins among the frames, and in the file, u48 each.
const PAGE_ROW_BYTES: usize = 12;
/// Where a row's fields end.
const MAX_40: u64 = (1 << 40) - 1;

/// An open index.
#[derive(Debug)]
pub(super) struct Index {
    bytes: Bytes,
    chunks: Blocked,
    entries: Blocked,
    columns: Range<usize>,
    pages: Range<usize>,
    lists: Range<usize>,
    dictionary: Dictionary,
}

impl Index {
    pub(super) fn open(bytes: Bytes) -> Result<Self, CodecError> {
        let [chunks, entries, columns, pages, lists, values, names] = sections::read(&bytes)?;
        let (chunks, entries) = (Blocked::open(&bytes, chunks)?, Blocked::open(&bytes, entries)?);
        if chunks.len() != entries.len() {
            return Err(CodecError("chunk lists and series differ in number"));
        }
        let dictionary = Dictionary::open(&bytes, names, values)?;
        Ok(Self { bytes, chunks, entries, columns, pages, lists, dictionary })
    }

    pub(super) fn len_bytes(&self) -> usize {
        self.bytes.len()
    }

    pub(super) fn series_count(&self) -> u32 {
        self.entries.len()
    }

    pub(super) fn page_count(&self) -> u32 {
        u32::try_from(self.pages.len() / PAGE_ROW_BYTES).unwrap_or(u32::MAX)
    }

    fn row(&self, table: &Range<usize>, number: u32, len: usize) -> Option<&[u8]> {
        let start = (number as usize).checked_mul(len)?.checked_add(table.start)?;
        self.bytes.get(start..start.checked_add(len)?).filter(|_| start + len <= table.end)
    }

    /// Where a page begins: among the frames, and in the file.
    pub(super) fn page(&self, number: u32) -> Option<(u64, u64)> {
        let row = self.row(&self.pages, number, PAGE_ROW_BYTES)?;
        Some((fixed::get::<6>(row, 0)?, fixed::get::<6>(row, 6)?))
    }

    /// Where a timestamp column lies, from its checksum on; the end of the last one is the file's.
    pub(super) fn timeline(&self, number: u32) -> Option<(u64, Option<u64>)> {
        let at = |number| {
            let row = self.row(&self.columns, number, COLUMN_BYTES)?;
            fixed::get::<6>(row, 0)
        };
        Some((at(number)?, at(number.checked_add(1)?)))
    }

    /// First and last timestamp of a column, counted from the block's first.
    fn span(&self, timeline: u32) -> Result<(u64, u64), CodecError> {
        let row = self.row(&self.columns, timeline, COLUMN_BYTES).unwrap_or_default();
        let field = |at| fixed::get::<5>(row, at).ok_or(CodecError("timeline out of bounds"));
        let first = field(6)?;
        Ok((first, first + field(11)?))
    }

    /// Reads entries; cheapest in ascending order.
    pub(super) fn cursor(&self) -> Cursor<'_> {
        Cursor {
            index: self,
            labels: Walk::default(),
            entry: Entry::default(),
            texts: Vec::new(),
            chunks: Walk::default(),
            state: State::default(),
        }
    }

    /// The value of a pair.
    fn value(&self, pair: u32) -> Result<String, CodecError> {
        let mut values = self.dictionary.values(&self.bytes, pair..pair.saturating_add(1))?;
        values.advance()?.ok_or(CodecError("label pair out of bounds"))?;
        Ok(values.text()?.to_owned())
    }

    /// The number of the series with these labels.
    pub(super) fn find(&self, labels: &Labels) -> Result<Option<u32>, CodecError> {
        let mut wanted = Vec::new();
        for (name, value) in labels {
            let Some(pair) = self.find_pair(name, value)? else { return Ok(None) };
            wanted.push(pair.number);
        }
        // The last block whose first entry is not above, then through it.
        let (mut low, mut high) = (0, self.entries.len().div_ceil(PER_BLOCK));
        while low < high {
            let middle = u32::midpoint(low, high);
            let mut entry = Entry::default();
            entry.decode(&mut self.entries.block(&self.bytes, middle)?)?;
            if entry.pairs() <= wanted.as_slice() { low = middle + 1 } else { high = middle }
        }
        let Some(block) = low.checked_sub(1) else { return Ok(None) };
        let start = block * PER_BLOCK;
        let mut cursor = self.cursor();
        for number in start..start.saturating_add(PER_BLOCK).min(self.entries.len()) {
            cursor.go_to(number)?;
            if cursor.entry.pairs() == wanted {
                return Ok(Some(number));
            }
        }
        Ok(None)
    }

    fn find_pair(&self, name: &str, value: &str) -> Result<Option<dictionary::Pair>, CodecError> {
        let pairs = self.dictionary.pairs_of(name);
        let mut values = self.dictionary.values_from(&self.bytes, pairs, value)?;
        let found = values.advance()?;
        let same = found.is_some() && values.text()? == value;
        Ok(found.filter(|_| same))
    }

    fn add_list(&self, list: &Range<u64>, all: &mut RoaringBitmap) -> Result<(), CodecError> {
        let lists = self.bytes.get(self.lists.clone()).unwrap_or_default();
        let place = usize::try_from(list.start).ok().zip(usize::try_from(list.end).ok());
        let bytes = place.and_then(|(start, end)| lists.get(start..end));
        lists::decode(bytes.ok_or(CodecError("list out of bounds"))?, self.entries.len(), all)
    }

    /// Label names, sorted.
    pub(super) fn label_names(&self) -> Vec<&str> {
        self.dictionary.names().collect()
    }

    /// Values of a label, sorted.
    pub(super) fn label_values(&self, name: &str) -> Result<Vec<String>, CodecError> {
        let mut values = self.dictionary.values(&self.bytes, self.dictionary.pairs_of(name))?;
        let mut all = Vec::new();
        while values.advance()?.is_some() {
            all.push(values.text()?.to_owned());
        }
        Ok(all)
    }

    pub(super) fn value_count(&self, name: &str) -> usize {
        self.dictionary.pairs_of(name).len()
    }

    pub(super) fn with_value(&self, name: &str, value: &str) -> Result<RoaringBitmap, CodecError> {
        let mut all = RoaringBitmap::new();
        if let Some(pair) = self.find_pair(name, value)? {
            self.add_list(&pair.list, &mut all)?;
        }
        Ok(all)
    }

    /// The series with a value that begins with `prefix` and is `wanted`, which is asked once for each.
    pub(super) fn with_wanted(
        &self,
        name: &str,
        prefix: &str,
        wanted: &dyn Fn(&str) -> bool,
    ) -> Result<RoaringBitmap, CodecError> {
        let mut all = RoaringBitmap::new();
        let pairs = self.dictionary.pairs_of(name);
        let mut values = self.dictionary.values_from(&self.bytes, pairs, prefix)?;
        while let Some(pair) = values.advance()? {
            let value = values.text()?;
            if !value.starts_with(prefix) {
                break;
            }
            if wanted(value) {
                self.add_list(&pair.list, &mut all)?;
            }
        }
        Ok(all)
    }

    /// Keeps the series whose value of the label, empty when they have none, is `wanted`, which is asked once
    /// for each value.
    pub(super) fn filter(
        &self,
        series: &RoaringBitmap,
        name: &str,
        wanted: &dyn Fn(&str) -> bool,
    ) -> Result<RoaringBitmap, CodecError> {
        let pairs = self.dictionary.pairs_of(name);
        let absent = wanted("");
        let mut known = std::collections::HashMap::<u32, bool, foldhash::fast::RandomState>::default();
        let mut kept = RoaringBitmap::new();
        let mut cursor = self.cursor();
        for number in series {
            cursor.go_to(number)?;
            let keep = match cursor.entry.pairs().iter().find(|pair| pairs.contains(pair)) {
                Some(pair) => match known.get(pair) {
                    Some(keep) => *keep,
                    None => {
                        let keep = wanted(&self.value(*pair)?);
                        known.insert(*pair, keep);
                        keep
                    }
                },
                None => absent,
            };
            if keep {
                kept.insert(number);
            }
        }
        Ok(kept)
    }
}

/// Where a cursor stands among the items of a section.
#[derive(Debug, Clone, Copy, Default)]
struct Walk<'a> {
    /// What follows the items that were passed.
    bytes: &'a [u8],
    /// The item that follows, plus one; 0 where no block was begun.
    next: u32,
}

impl Walk<'_> {
    /// Whether an item is ahead in the block, or the first of the next one.
    fn leads_to(&self, number: u32) -> bool {
        self.next.checked_sub(1).is_some_and(|next| {
            let block = next / PER_BLOCK;
            next <= number && number / PER_BLOCK == block && !next.is_multiple_of(PER_BLOCK)
        })
    }
}

/// Reads the entries of series. What the one before shares with the next is not read again.
#[derive(Debug)]
pub(super) struct Cursor<'a> {
    index: &'a Index,
    labels: Walk<'a>,
    entry: Entry,
    /// The values of the entry's labels, each with its pair.
    texts: Vec<(u32, String)>,
    chunks: Walk<'a>,
    state: State,
}

impl Cursor<'_> {
    /// Decodes the entry of a series.
    fn go_to(&mut self, number: u32) -> Result<(), CodecError> {
        if number >= self.index.entries.len() {
            return Err(CodecError("series number out of bounds"));
        }
        if self.labels.next == number.saturating_add(2) {
            return Ok(());
        }
        if !self.labels.leads_to(number) {
            let block = number / PER_BLOCK;
            self.labels = Walk {
                bytes: self.index.entries.block(&self.index.bytes, block)?,
                next: block * PER_BLOCK + 1,
            };
            self.entry.restart();
        }
        while self.labels.next <= number.saturating_add(1) {
            self.entry.decode(&mut self.labels.bytes)?;
            self.labels.next += 1;
        }
        Ok(())
    }

    /// Writes the labels of a series to `out`.
    pub(super) fn labels(&mut self, number: u32, out: &mut LabelsBuf) -> Result<(), CodecError> {
        out.clear();
        self.go_to(number)?;
        for (at, pair) in self.entry.pairs().iter().enumerate() {
            let name = self.index.dictionary.name_of(*pair).ok_or(CodecError("label pair out of bounds"))?;
            match self.texts.get_mut(at) {
                Some((known, _)) if known == pair => {}
                Some(text) => *text = (*pair, self.index.value(*pair)?),
                None => self.texts.push((*pair, self.index.value(*pair)?)),
            }
            out.push(name, self.texts.get(at).map_or("", |(_, value)| value.as_str()));
        }
        Ok(())
    }

    /// Hands the chunks of a series to `each`, while it says to go on: first and last timestamp, counted from
    /// the block's first, and the frame.
    pub(super) fn each_chunk(
        &mut self,
        number: u32,
        each: &mut dyn FnMut(u64, u64, Frame) -> bool,
    ) -> Result<(), CodecError> {
        let index = self.index;
        if !self.chunks.leads_to(number) {
            let block = number / PER_BLOCK;
            let mut bytes = index.chunks.block(&index.bytes, block)?;
            self.state = State::decode(&mut bytes)?;
            self.chunks = Walk { bytes, next: block * PER_BLOCK + 1 };
        }
        if number >= index.chunks.len() {
            return Err(CodecError("series number out of bounds"));
        }
        while self.chunks.next <= number {
            self.state.skip_list(&mut self.chunks.bytes)?;
            self.chunks.next += 1;
        }
        let mut failed = None;
        let mut one = |frame: Frame| match index.span(frame.timeline) {
            Ok((first, last)) => each(first, last, frame),
            Err(error) => {
                failed = Some(error);
                false
            }
        };
        self.state.each_of_list(&mut { self.chunks.bytes }, &mut one)?;
        failed.map_or(Ok(()), Err)
    }
}

/// Appends the row of a timestamp column; `None` when it does not fit.
fn put_column(out: &mut Vec<u8>, offset: u64, first: u64, span: u64) -> Option<()> {
    fixed::put::<6>(out, offset);
    fixed::put::<5>(out, first);
    fixed::put::<5>(out, span);
    (first <= MAX_40 && span <= MAX_40).then_some(())
}

/// Appends the row of a page.
fn put_page(out: &mut Vec<u8>, frames: u64, offset: u64) {
    fixed::put::<6>(out, frames);
    fixed::put::<6>(out, offset);
}

/// A column on the disk: a checksum, then the column up to where the next one begins.
pub(super) fn checked_column(mut bytes: &[u8]) -> Result<&[u8], CodecError> {
    let crc = varint::take_u32(&mut bytes)?;
    if crc32fast::hash(bytes) == crc { Ok(bytes) } else { Err(CodecError("checksum mismatch")) }
}
