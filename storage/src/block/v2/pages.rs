//! Pages of frames, whose checksums are verified when they are first read.

use crate::block::PAGE_BYTES;
use crate::codec::{CodecError, varint};
use crate::io::mmap::Bytes;
use std::sync::atomic::{AtomicU32, Ordering};

/// The file of pages.
pub(in crate::block) struct Pages {
    bytes: Bytes,
    /// For each stretch of [`PAGE_BYTES`]: where in it the page begins whose checksum was found right, plus
    /// one. A page is at least that long, all but the last, so that no two begin in one stretch.
    checked: Box<[AtomicU32]>,
}

impl Pages {
    pub(in crate::block) fn new(bytes: Bytes) -> Self {
        let checked = (0..bytes.len().div_ceil(PAGE_BYTES)).map(|_| AtomicU32::new(0)).collect();
        Self { bytes, checked }
    }

    pub(in crate::block) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// What stands at a place of a page.
    pub(in crate::block) fn frame(&self, page: usize, in_page: usize) -> Result<&[u8], CodecError> {
        let mut bytes = self.bytes.get(page..).ok_or(CodecError("page out of bounds"))?;
        let mark = (page % PAGE_BYTES) as u32 + 1;
        let known = self.checked.get(page / PAGE_BYTES);
        let payload = if known.is_some_and(|known| known.load(Ordering::Relaxed) == mark) {
            let len = varint::take_u32(&mut bytes)? as usize;
            varint::take_u32(&mut bytes)?;
            varint::take_bytes(&mut bytes, len)?
        } else {
            let payload = checked(&mut bytes)?;
            if let Some(known) = known {
                known.store(mark, Ordering::Relaxed);
            }
            payload
        };
        payload.get(in_page..).ok_or(CodecError("frame out of bounds"))
    }
}

/// Length, checksum, payload.
pub(in crate::block) fn checked<'a>(bytes: &mut &'a [u8]) -> Result<&'a [u8], CodecError> {
    let len = varint::take_u32(bytes)? as usize;
    let crc = varint::take_u32(bytes)?;
    let payload = varint::take_bytes(bytes, len)?;
    if crc32fast::hash(payload) == crc { Ok(payload) } else { Err(CodecError("checksum mismatch")) }
}
