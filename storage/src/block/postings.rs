//! Symbols and postings of a block.

use super::Block;
use crate::codec::{CodecError, varint};
use crate::filenames;
use crate::query::StorageError;
use crate::query::postings::Postings;
use roaring::RoaringBitmap;
use std::cmp::Ordering;
use std::ops::Range;

impl Block {
    pub(super) fn symbol(&self, number: u32) -> Option<&str> {
        std::str::from_utf8(self.symbol_bytes(number)?).ok()
    }

    pub(super) fn symbol_bytes(&self, number: u32) -> Option<&[u8]> {
        self.symbols.get(&self.index, number as usize)
    }

    fn find_symbol(&self, text: &str) -> Option<u32> {
        let (mut low, mut high) = (0usize, self.symbols.len());
        while low < high {
            let middle = usize::midpoint(low, high);
            match self.symbols.get(&self.index, middle)?.cmp(text.as_bytes()) {
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

    fn rows_named(&self, name: &str) -> Range<usize> {
        self.find_symbol(name).map_or(0..0, |name| self.rows_of(name))
    }

    /// Adds the series of a list.
    fn add_list(&self, offset: u32, all: &mut RoaringBitmap) -> Result<(), StorageError> {
        let bytes = self.index.get(self.lists.clone()).and_then(|lists| lists.get(offset as usize..));
        let mut decode = |mut bytes: &[u8]| -> Result<(), CodecError> {
            let mut number = 0u64;
            for _ in 0..varint::take_count(&mut bytes, 8)? {
                number = number.saturating_add(varint::take(&mut bytes)?);
                let known = number < self.series.len() as u64;
                let number = u32::try_from(number).ok().filter(|_| known);
                all.insert(number.ok_or(CodecError("series number out of bounds"))?);
            }
            Ok(())
        };
        decode(bytes.unwrap_or_default()).map_err(|e| self.damaged(filenames::INDEX, e))
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
        self.rows_named(name).filter_map(|row| self.symbol(self.pair(row)?.1)).collect()
    }
}

impl Postings for Block {
    fn everything(&self) -> RoaringBitmap {
        (0..u32::try_from(self.series.len()).unwrap_or(u32::MAX)).collect()
    }

    fn with_name(&self, name: &str) -> Result<RoaringBitmap, StorageError> {
        self.with_wanted(name, &|_| true)
    }

    fn with_value(&self, name: &str, value: &str) -> Result<RoaringBitmap, StorageError> {
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

    fn with_wanted(&self, name: &str, wanted: &dyn Fn(&str) -> bool) -> Result<RoaringBitmap, StorageError> {
        let mut all = RoaringBitmap::new();
        for (_, value, offset) in self.rows_named(name).filter_map(|row| self.pair(row)) {
            if self.symbol(value).is_some_and(wanted) {
                self.add_list(offset, &mut all)?;
            }
        }
        Ok(all)
    }

    fn value_count(&self, name: &str) -> usize {
        self.rows_named(name).len()
    }

    fn filter(
        &self,
        series: &RoaringBitmap,
        name: &str,
        wanted: &dyn Fn(&str) -> bool,
    ) -> Result<RoaringBitmap, StorageError> {
        let mut kept = RoaringBitmap::new();
        for number in series {
            if wanted(self.value_of(number, name)?.unwrap_or_default()) {
                kept.insert(number);
            }
        }
        Ok(kept)
    }
}
