//! The sections of an index, and the tables of byte strings in them.

use super::{MAGIC, TOC_LEN};
use crate::codec::{CodecError, varint};
use std::ops::Range;

/// A counted list of byte strings inside the index.
#[derive(Clone)]
pub(super) struct Table {
    count: usize,
    ends: usize,
    items: usize,
    limit: usize,
}

impl Table {
    pub(super) fn open(index: &[u8], section: Range<usize>) -> Result<Self, CodecError> {
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

    /// The number of strings.
    pub(super) fn len(&self) -> usize {
        self.count
    }

    pub(super) fn get<'a>(&self, index: &'a [u8], number: usize) -> Option<&'a [u8]> {
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

/// The four sections of the index, each checked against its checksum.
pub(super) fn sections(index: &[u8]) -> Result<[Range<usize>; 4], CodecError> {
    let toc_at = index.len().checked_sub(TOC_LEN).ok_or(CodecError("index too short"))?;
    let (body, toc) = index.split_at(toc_at);
    let (fields, crc) = toc.split_at(TOC_LEN - 4);
    if varint::take_u32(&mut &*crc)? != crc32fast::hash(fields) {
        return Err(CodecError("checksum mismatch in the table of contents"));
    }
    if !body.starts_with(MAGIC) {
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
        *range = (if number == 0 { MAGIC.len() } else { start })..end;
        start = end;
    }
    Ok(ranges)
}
