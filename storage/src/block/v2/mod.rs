//! The index of format versions 1 and 2: tables of whole strings and whole entries. Read, no longer written.

mod pages;
mod table;
#[cfg(test)]
pub(super) mod writer;

pub(super) use pages::{Pages, checked};

use super::chunk::{ChunkRef, Place};
use crate::codec::{CodecError, varint};
use crate::io::mmap::Bytes;
use crate::labels::{Labels, LabelsBuf};
use roaring::RoaringBitmap;
use std::cmp::Ordering;
use std::ops::Range;
use table::Table;

/// First bytes of an index.
const MAGIC: &[u8; 8] = b"NXINDEX1";
/// Last part of an index: four section ends as u64, their checksums as u32, and a checksum of both.
const TOC_LEN: usize = 4 * 8 + 4 * 4 + 4;

/// An open index.
pub(super) struct Index {
    bytes: Bytes,
    symbols: Table,
    series: Table,
    pairs: Range<usize>,
    lists: Range<usize>,
}

/// The label pairs of an entry as symbol numbers; then what stands behind them.
struct Pairs<'a> {
    left: usize,
    bytes: &'a [u8],
}

impl<'a> Pairs<'a> {
    fn open(mut bytes: &'a [u8]) -> Result<Self, CodecError> {
        let left = varint::take_count(&mut bytes, 16)?;
        Ok(Self { left, bytes })
    }

    fn next(&mut self) -> Result<Option<(u32, u32)>, CodecError> {
        let Some(left) = self.left.checked_sub(1) else { return Ok(None) };
        self.left = left;
        let symbol = |bytes: &mut &[u8]| {
            u32::try_from(varint::take(bytes)?).map_err(|_| CodecError("symbol out of bounds"))
        };
        Ok(Some((symbol(&mut self.bytes)?, symbol(&mut self.bytes)?)))
    }

    /// Passes the pairs without a look at them.
    fn skip(self) -> Result<&'a [u8], CodecError> {
        let mut rest = self.left * 2;
        let mut at = 0;
        while rest > 0 {
            let byte = self.bytes.get(at).ok_or(CodecError("truncated entry"))?;
            rest -= usize::from(*byte < 0x80);
            at += 1;
        }
        Ok(self.bytes.get(at..).unwrap_or_default())
    }
}

impl Index {
    pub(super) fn open(bytes: Bytes) -> Result<Self, CodecError> {
        let [symbols, series, pairs, lists] = table::sections(&bytes)?;
        let symbols = Table::open(&bytes, symbols)?;
        let series = Table::open(&bytes, series)?;
        Ok(Self { bytes, symbols, series, pairs, lists })
    }

    pub(super) fn len_bytes(&self) -> usize {
        self.bytes.len()
    }

    pub(super) fn series_count(&self) -> u32 {
        u32::try_from(self.series.len()).unwrap_or(u32::MAX)
    }

    fn entry(&self, number: u32) -> &[u8] {
        self.series.get(&self.bytes, number as usize).unwrap_or_default()
    }

    /// Writes the labels of a series to `out`.
    pub(super) fn labels(&self, number: u32, out: &mut LabelsBuf) -> Result<(), CodecError> {
        out.clear();
        let mut pairs = Pairs::open(self.entry(number))?;
        while let Some((name, value)) = pairs.next()? {
            let text = |symbol| self.symbol(symbol).ok_or(CodecError("symbol out of bounds"));
            out.push(text(name)?, text(value)?);
        }
        Ok(())
    }

    /// The number of the series with these labels.
    pub(super) fn find(&self, labels: &Labels) -> Result<Option<u32>, CodecError> {
        let (mut low, mut high) = (0, self.series_count());
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

    /// Hands the chunks of a series to `each`, while it says to go on. Times count from `base_ms`.
    pub(super) fn each_chunk(
        &self,
        number: u32,
        base_ms: i64,
        each: &mut dyn FnMut(ChunkRef) -> bool,
    ) -> Result<(), CodecError> {
        let mut bytes = Pairs::open(self.entry(number)).and_then(Pairs::skip)?;
        for _ in 0..varint::take_count(&mut bytes, 40)? {
            let min = base_ms.wrapping_add(varint::take_signed(&mut bytes)?);
            let max = min.wrapping_add_unsigned(varint::take(&mut bytes)?);
            let timeline = varint::take(&mut bytes)?;
            let mut offset =
                || usize::try_from(varint::take(&mut bytes)?).map_err(|_| CodecError("offset too large"));
            let place = Place::InPage { page: offset()?, in_page: offset()? };
            if !each(ChunkRef { min, max, timeline, place }) {
                break;
            }
        }
        Ok(())
    }

    /// The value of one label of a series.
    fn value_of(&self, number: u32, label: &str) -> Result<Option<&str>, CodecError> {
        let mut pairs = Pairs::open(self.entry(number))?;
        while let Some((name, value)) = pairs.next()? {
            if self.symbol_bytes(name) == Some(label.as_bytes()) {
                return Ok(self.symbol(value));
            }
        }
        Ok(None)
    }

    pub(super) fn filter(
        &self,
        series: &RoaringBitmap,
        name: &str,
        wanted: &dyn Fn(&str) -> bool,
    ) -> Result<RoaringBitmap, CodecError> {
        let mut kept = RoaringBitmap::new();
        for number in series {
            if wanted(self.value_of(number, name)?.unwrap_or_default()) {
                kept.insert(number);
            }
        }
        Ok(kept)
    }

    fn symbol(&self, number: u32) -> Option<&str> {
        std::str::from_utf8(self.symbol_bytes(number)?).ok()
    }

    fn symbol_bytes(&self, number: u32) -> Option<&[u8]> {
        self.symbols.get(&self.bytes, number as usize)
    }

    fn find_symbol(&self, text: &str) -> Option<u32> {
        let (mut low, mut high) = (0usize, self.symbols.len());
        while low < high {
            let middle = usize::midpoint(low, high);
            match self.symbols.get(&self.bytes, middle)?.cmp(text.as_bytes()) {
                Ordering::Less => low = middle + 1,
                Ordering::Greater => high = middle,
                Ordering::Equal => return u32::try_from(middle).ok(),
            }
        }
        None
    }

    /// Name, value and list offset of a row of the postings table.
    fn pair(&self, row: usize) -> Option<(u32, u32, u32)> {
        let start = self.pairs.start + 4 + row * 12;
        let bytes = self.bytes.get(start..start + 12).filter(|_| start + 12 <= self.pairs.end)?;
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

    fn rows_named(&self, name: &str) -> Range<usize> {
        self.find_symbol(name).map_or(0..0, |name| self.rows_of(name))
    }

    /// Adds the series of a list.
    fn add_list(&self, offset: u32, all: &mut RoaringBitmap) -> Result<(), CodecError> {
        let lists = self.bytes.get(self.lists.clone());
        let mut bytes = lists.and_then(|lists| lists.get(offset as usize..)).unwrap_or_default();
        let mut number = 0u64;
        for _ in 0..varint::take_count(&mut bytes, 8)? {
            number = number.saturating_add(varint::take(&mut bytes)?);
            let known = number < self.series.len() as u64;
            let number = u32::try_from(number).ok().filter(|_| known);
            all.insert(number.ok_or(CodecError("series number out of bounds"))?);
        }
        Ok(())
    }

    /// Label names, sorted.
    pub(super) fn label_names(&self) -> Vec<&str> {
        let mut names = Vec::new();
        let mut row = 0;
        while let Some((name, _, _)) = self.pair(row) {
            names.extend(self.symbol(name));
            row = self.rows_of(name).end.max(row + 1);
        }
        names
    }

    /// Values of a label, sorted.
    pub(super) fn label_values(&self, name: &str) -> Vec<String> {
        let value = |row| self.symbol(self.pair(row)?.1).map(str::to_owned);
        self.rows_named(name).filter_map(value).collect()
    }

    pub(super) fn value_count(&self, name: &str) -> usize {
        self.rows_named(name).len()
    }

    pub(super) fn with_value(&self, name: &str, value: &str) -> Result<RoaringBitmap, CodecError> {
        let mut all = RoaringBitmap::new();
        let rows = self.rows_named(name);
        let Some(value) = self.find_symbol(value) else { return Ok(all) };
        let (mut low, mut high) = (rows.start, rows.end);
        while low < high {
            let middle = usize::midpoint(low, high);
            match self.pair(middle) {
                Some((_, v, _)) if v < value => low = middle + 1,
                Some((_, v, offset)) if v == value => {
                    self.add_list(offset, &mut all)?;
                    break;
                }
                _ => high = middle,
            }
        }
        Ok(all)
    }

    pub(super) fn with_wanted(
        &self,
        name: &str,
        wanted: &dyn Fn(&str) -> bool,
    ) -> Result<RoaringBitmap, CodecError> {
        let mut all = RoaringBitmap::new();
        for (_, value, offset) in self.rows_named(name).filter_map(|row| self.pair(row)) {
            if self.symbol(value).is_some_and(wanted) {
                self.add_list(offset, &mut all)?;
            }
        }
        Ok(all)
    }
}
