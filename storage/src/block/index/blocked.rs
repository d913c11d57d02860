//! Items of various lengths that are found by number: every sixteenth begins a block and can be read without
//! those before it.
//!
//! ```text
//! section = items | (offset of a block u40) × blocks | count u32
//! ```

use super::fixed;
use super::sections::SectionWriter;
use crate::codec::{CodecError, varint};
use crate::query::StorageError;
use std::ops::Range;

/// Items of a block.
pub(super) const PER_BLOCK: u32 = 16;
const OFFSET_BYTES: usize = 5;

/// The items of a section.
#[derive(Debug, Clone)]
pub(super) struct Blocked {
    items: Range<usize>,
    offsets: usize,
    count: u32,
}

impl Blocked {
    pub(super) fn open(index: &[u8], section: Range<usize>) -> Result<Self, CodecError> {
        let bytes = index.get(section.clone()).ok_or(CodecError("section out of bounds"))?;
        let at = bytes.len().checked_sub(4).ok_or(CodecError("section too short"))?;
        let count = varint::take_u32(&mut bytes.get(at..).unwrap_or_default())?;
        let offsets = (count.div_ceil(PER_BLOCK) as usize).saturating_mul(OFFSET_BYTES);
        let items = at.checked_sub(offsets).ok_or(CodecError("count exceeds the section"))?;
        if (count as usize) > items {
            return Err(CodecError("count exceeds the items"));
        }
        let items = section.start..section.start + items;
        Ok(Self { offsets: items.end, items, count })
    }

    /// The number of items.
    pub(super) fn len(&self) -> u32 {
        self.count
    }

    /// All items from the one on that begins a block.
    pub(super) fn block<'a>(&self, index: &'a [u8], block: u32) -> Result<&'a [u8], CodecError> {
        let out = CodecError("item out of bounds");
        if block >= self.count.div_ceil(PER_BLOCK) {
            return Err(out);
        }
        let at = self.offsets + block as usize * OFFSET_BYTES;
        let offset = fixed::get::<OFFSET_BYTES>(index, at).and_then(|offset| usize::try_from(offset).ok());
        let start = offset.and_then(|offset| self.items.start.checked_add(offset)).ok_or(out)?;
        index.get(start..self.items.end).ok_or(out)
    }
}

/// Writes such a section.
#[derive(Debug, Default)]
pub(super) struct BlockedWriter {
    offsets: Vec<u8>,
    count: u32,
    len: u64,
}

impl BlockedWriter {
    /// Whether the next item begins a block.
    pub(super) fn begins_block(&self) -> bool {
        self.count.is_multiple_of(PER_BLOCK)
    }

    /// Writes an item.
    pub(super) fn add(&mut self, item: &[u8], out: &mut SectionWriter) -> Result<(), StorageError> {
        if self.begins_block() {
            fixed::put::<OFFSET_BYTES>(&mut self.offsets, self.len);
        }
        self.count = self.count.checked_add(1).ok_or_else(|| out.refuse("more than 4 billion items"))?;
        self.len += item.len() as u64;
        out.write(item)
    }

    /// Ends the section.
    pub(super) fn finish(self, out: &mut SectionWriter) -> Result<(), StorageError> {
        out.write(&self.offsets)?;
        out.write(&self.count.to_le_bytes())?;
        out.end_section();
        Ok(())
    }
}
