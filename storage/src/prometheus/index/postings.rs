//! Lists of series by label pair.
//!
//! ```text
//! length u32 | count u32 | reference u32 × count | checksum u32      references ascend
//! ```

use super::super::bytes::{section, take_u32};
use super::Index;
use crate::codec::CodecError;
use crate::query::StorageError;
use crate::query::postings::Postings;
use roaring::RoaringBitmap;
use std::ops::Range;

/// Where the references of the list at an offset are in the file; its checksum is verified.
pub(super) fn list(file: &[u8], offset: u64) -> Result<Range<usize>, CodecError> {
    let mut bytes = section(file, offset)?;
    let count = take_u32(&mut bytes)? as usize;
    if count.checked_mul(4) != Some(bytes.len()) {
        return Err(CodecError("count of a list does not fit its length"));
    }
    let start = usize::try_from(offset).map_err(|_| CodecError("section out of bounds"))? + 8;
    Ok(start..start + bytes.len())
}

/// The reference at a place of a list.
#[inline]
pub(super) fn reference(file: &[u8], list: &Range<usize>, at: usize) -> Option<u32> {
    let start = list.start + at.checked_mul(4)?;
    file.get(start..list.end)?.first_chunk().map(|bytes| u32::from_be_bytes(*bytes))
}

impl Index {
    /// Adds the numbers of the series of a list.
    fn add_list(&self, offset: u64, all: &mut RoaringBitmap) -> Result<(), CodecError> {
        let list = list(&self.bytes, offset)?;
        let count = self.series_count();
        let mut from = 0u32;
        for at in 0..list.len() / 4 {
            let wanted = reference(&self.bytes, &list, at).ok_or(CodecError("list out of bounds"))?;
            // Both lists ascend: the number is most often close to the last one.
            let mut step = 1;
            while from.saturating_add(step) < count
                && self.reference(from + step).is_some_and(|found| found <= wanted)
            {
                from += step;
                step *= 2;
            }
            while step > 0 {
                if from.saturating_add(step) < count
                    && self.reference(from + step).is_some_and(|found| found <= wanted)
                {
                    from += step;
                }
                step /= 2;
            }
            if self.reference(from) != Some(wanted) {
                return Err(CodecError("a list has a series that is not among all series"));
            }
            all.insert(from);
        }
        Ok(())
    }
}

impl Postings for Index {
    fn everything(&self) -> RoaringBitmap {
        (0..self.series_count()).collect()
    }

    fn with_name(&self, name: &str) -> Result<RoaringBitmap, StorageError> {
        self.with_wanted(name, &|_| true)
    }

    fn with_value(&self, name: &str, value: &str) -> Result<RoaringBitmap, StorageError> {
        let mut all = RoaringBitmap::new();
        let found = self.pairs.find(&self.bytes, name, value);
        let added = found.and_then(|offset| offset.map_or(Ok(()), |offset| self.add_list(offset, &mut all)));
        added.map_err(|e| self.damaged(e))?;
        Ok(all)
    }

    fn with_wanted(&self, name: &str, wanted: &dyn Fn(&str) -> bool) -> Result<RoaringBitmap, StorageError> {
        let mut all = RoaringBitmap::new();
        let added = self.pairs.each_value(&self.bytes, name, |value, offset| {
            if wanted(value) { self.add_list(offset, &mut all) } else { Ok(()) }
        });
        added.map_err(|e| self.damaged(e))?;
        Ok(all)
    }

    fn value_count(&self, name: &str) -> usize {
        self.pairs.value_count(&self.bytes, name)
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
