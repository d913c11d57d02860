//! Pages of frames. A page is checked when it is first read, and a packed one is unpacked for many frames at
//! once.
//!
//! ```text
//! page = stored u32 | crc32 u32 | codec u8 | length u32 | stored bytes
//! ```
//!
//! The checksum covers everything behind it.

use super::index::Index;
use crate::codec::{CodecError, varint};
use crate::io::mmap::Bytes;
use std::ops::{Deref, Range};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use zstd::bulk::{Compressor, Decompressor};

/// Bytes before those of a page.
const HEADER_BYTES: usize = 4 + 4 + 1 + 4;
/// A longer page is not packed, so that none unpacks into more.
const PACKED_MAX: usize = 1 << 20;
/// Unpacked pages that a block keeps, and the longest that it does.
const KEPT: usize = 8;
const KEPT_BYTES_MAX: usize = 64 << 10;
/// Unpackers that are kept for the next page; each has about 100 KB.
const IDLE_UNPACKERS: usize = 8;

const PLAIN: u8 = 0;
const ZSTD: u8 = 1;

/// How the pages of a block are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Packing {
    /// As they are: blocks that are soon read and merged.
    Plain,
    /// By zstd, level 1.
    Zstd,
}

type Kept = Mutex<Option<(u32, Arc<[u8]>)>>;

/// The file of pages.
pub(super) struct Pages {
    bytes: Bytes,
    checked: Box<[AtomicBool]>,
    /// The page that was found last; the next frame is most often in it or in the next one.
    last: AtomicU32,
    kept: Box<[Kept]>,
}

/// The bytes of a frame.
pub(crate) enum FrameBytes<'a> {
    Mapped(&'a [u8]),
    Unpacked(Arc<[u8]>, Range<usize>),
}

impl Deref for FrameBytes<'_> {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        match self {
            Self::Mapped(bytes) => bytes,
            Self::Unpacked(page, range) => page.get(range.clone()).unwrap_or_default(),
        }
    }
}

impl Pages {
    pub(super) fn new(bytes: Bytes, index: &Index) -> Self {
        let checked = (0..index.page_count()).map(|_| AtomicBool::new(false)).collect();
        let kept = (0..KEPT).map(|_| Kept::default()).collect();
        Self { bytes, checked, last: AtomicU32::new(0), kept }
    }

    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// The `len` bytes at `offset` of what all pages hold.
    pub(super) fn frame(&self, index: &Index, offset: u64, len: u64) -> Result<FrameBytes<'_>, CodecError> {
        let out = CodecError("frame out of bounds");
        let number = self.find(index, offset).ok_or(out)?;
        let (start, at) = index.page(number).ok_or(out)?;
        let start = usize::try_from(offset - start).map_err(|_| out)?;
        let range =
            usize::try_from(len).ok().and_then(|len| Some(start..start.checked_add(len)?)).ok_or(out)?;
        let at = usize::try_from(at).map_err(|_| out)?;
        let page = Page::read(self.bytes.get(at..).ok_or(CodecError("page out of bounds"))?)?;
        if page.codec == PLAIN {
            self.check(number, &page)?;
            return page.stored.get(range).map(FrameBytes::Mapped).ok_or(out);
        }
        let unpacked = self.unpacked(number, &page)?;
        if range.end > unpacked.len() { Err(out) } else { Ok(FrameBytes::Unpacked(unpacked, range)) }
    }

    /// The page that holds a place: the last that does not begin behind it.
    fn find(&self, index: &Index, offset: u64) -> Option<u32> {
        let begins = |page: u32| index.page(page).is_some_and(|(start, _)| start <= offset);
        let last = self.last.load(Ordering::Relaxed);
        if begins(last) && !begins(last.saturating_add(1)) {
            return Some(last);
        }
        let (mut low, mut high) = (0, index.page_count());
        if begins(last.saturating_add(1)) && !begins(last.saturating_add(2)) {
            (low, high) = (last.saturating_add(2), last.saturating_add(2));
        }
        while low < high {
            let middle = u32::midpoint(low, high);
            if begins(middle) { low = middle + 1 } else { high = middle }
        }
        let found = low.checked_sub(1)?;
        self.last.store(found, Ordering::Relaxed);
        Some(found)
    }

    fn check(&self, number: u32, page: &Page<'_>) -> Result<(), CodecError> {
        let checked = self.checked.get(number as usize);
        if !checked.is_some_and(|checked| checked.load(Ordering::Relaxed)) {
            page.check()?;
            if let Some(checked) = checked {
                checked.store(true, Ordering::Relaxed);
            }
        }
        Ok(())
    }

    fn unpacked(&self, number: u32, page: &Page<'_>) -> Result<Arc<[u8]>, CodecError> {
        let slot = self.kept.get(number as usize % KEPT);
        let lock = |slot: &'_ Kept| slot.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some((kept, bytes)) = slot.and_then(lock)
            && kept == number
        {
            return Ok(bytes);
        }
        self.check(number, page)?;
        let bytes = page.unpack()?;
        if let Some(slot) = slot.filter(|_| bytes.len() <= KEPT_BYTES_MAX) {
            *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some((number, Arc::clone(&bytes)));
        }
        Ok(bytes)
    }
}

struct Page<'a> {
    crc: u32,
    /// What the checksum covers.
    covered: &'a [u8],
    codec: u8,
    len: usize,
    stored: &'a [u8],
}

impl<'a> Page<'a> {
    #[inline]
    fn read(mut bytes: &'a [u8]) -> Result<Self, CodecError> {
        let stored = varint::take_u32(&mut bytes)? as usize;
        let crc = varint::take_u32(&mut bytes)?;
        let covered = bytes.get(..stored.saturating_add(5)).ok_or(CodecError("truncated page"))?;
        let mut rest = covered;
        let codec = varint::take_u8(&mut rest)?;
        let len = varint::take_u32(&mut rest)? as usize;
        match codec {
            PLAIN if len == stored => {}
            ZSTD if len <= PACKED_MAX => {}
            PLAIN | ZSTD => return Err(CodecError("page with a wrong length")),
            _ => return Err(CodecError("page with an unknown codec")),
        }
        Ok(Self { crc, covered, codec, len, stored: rest })
    }

    fn check(&self) -> Result<(), CodecError> {
        if crc32fast::hash(self.covered) == self.crc { Ok(()) } else { Err(CodecError("checksum mismatch")) }
    }

    fn unpack(&self) -> Result<Arc<[u8]>, CodecError> {
        static IDLE: Mutex<Vec<Decompressor<'static>>> = Mutex::new(Vec::new());
        let bad = |_| CodecError("page cannot be unpacked");
        let idle = IDLE.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut unpacker = idle.map_or_else(Decompressor::new, Ok).map_err(bad)?;
        let bytes = unpacker.decompress(self.stored, self.len);
        let mut idle = IDLE.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < IDLE_UNPACKERS {
            idle.push(unpacker);
        }
        drop(idle);
        let bytes = bytes.map_err(bad)?;
        if bytes.len() == self.len {
            Ok(Arc::from(bytes))
        } else {
            Err(CodecError("page with a wrong length"))
        }
    }
}

/// Turns frames into pages.
pub(super) struct PageWriter {
    packer: Option<Compressor<'static>>,
}

impl PageWriter {
    pub(super) fn new(packing: Packing) -> std::io::Result<Self> {
        let packer = match packing {
            Packing::Plain => None,
            Packing::Zstd => Some(Compressor::new(1)?),
        };
        Ok(Self { packer })
    }

    /// Appends a page that holds `frames`; `None` when they are more than a page can hold.
    pub(super) fn put(&mut self, frames: &[u8], out: &mut Vec<u8>) -> Option<()> {
        let packer = self.packer.as_mut().filter(|_| frames.len() <= PACKED_MAX);
        let packed = packer.and_then(|packer| packer.compress(frames).ok());
        let packed = packed.filter(|packed| packed.len() < frames.len());
        let (codec, stored) = packed.as_deref().map_or((PLAIN, frames), |packed| (ZSTD, packed));
        out.reserve(HEADER_BYTES + stored.len());
        out.extend_from_slice(&u32::try_from(stored.len()).ok()?.to_le_bytes());
        let crc_at = out.len();
        out.extend_from_slice(&[0; 4]);
        out.push(codec);
        out.extend_from_slice(&u32::try_from(frames.len()).ok()?.to_le_bytes());
        out.extend_from_slice(stored);
        let crc = crc32fast::hash(out.get(crc_at + 4..)?);
        out.get_mut(crc_at..crc_at + 4)?.copy_from_slice(&crc.to_le_bytes());
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn page(frames: &[u8], packing: Packing) -> Vec<u8> {
        let mut out = Vec::new();
        PageWriter::new(packing).unwrap().put(frames, &mut out).unwrap();
        out
    }

    fn unpack(bytes: &[u8]) -> Result<Vec<u8>, CodecError> {
        let page = Page::read(bytes)?;
        page.check()?;
        if page.codec == PLAIN { Ok(page.stored.to_vec()) } else { Ok(page.unpack()?.to_vec()) }
    }

    #[test]
    fn a_page_that_unpacks_into_more_than_it_says_is_refused() {
        let mut bytes = page(&vec![7; 100_000], Packing::Zstd);
        assert_eq!((bytes[8], bytes.len() < 1000), (ZSTD, true));
        for claim in [99_999u32, 100_001, PACKED_MAX as u32 + 1, u32::MAX] {
            bytes[9..13].copy_from_slice(&claim.to_le_bytes());
            let crc = crc32fast::hash(&bytes[8..]);
            bytes[4..8].copy_from_slice(&crc.to_le_bytes());
            assert!(unpack(&bytes).is_err(), "{claim}");
        }
    }

    #[test]
    fn a_page_too_long_to_be_packed_or_that_does_not_shrink_is_stored_as_it_is() {
        let long = vec![7; PACKED_MAX + 1];
        assert_eq!(page(&long, Packing::Zstd)[8], PLAIN);
        assert_eq!(page(&[1, 2, 3], Packing::Zstd)[8], PLAIN);
        assert_eq!(unpack(&page(&long, Packing::Zstd)).unwrap(), long);
    }

    proptest! {
        #[test]
        fn pages_come_back_and_a_changed_byte_is_noticed(
            frames in proptest::collection::vec(0u8..4, 0..3000), zstd in any::<bool>(), at in any::<prop::sample::Index>(),
        ) {
            let mut bytes = page(&frames, if zstd { Packing::Zstd } else { Packing::Plain });
            prop_assert_eq!(unpack(&bytes).unwrap(), frames);
            let at = at.index(bytes.len());
            bytes[at] ^= 0x41;
            prop_assert!(unpack(&bytes).is_err());
        }

        #[test]
        fn any_bytes_are_a_page_or_an_error(
            stored in proptest::collection::vec(any::<u8>(), 0..60), codec in 0u8..3, len in 0u32..2_000_000,
        ) {
            let mut bytes = (stored.len() as u32).to_le_bytes().to_vec();
            let mut covered = vec![codec];
            covered.extend_from_slice(&len.to_le_bytes());
            covered.extend_from_slice(&stored);
            bytes.extend_from_slice(&crc32fast::hash(&covered).to_le_bytes());
            bytes.extend_from_slice(&covered);
            let _ = unpack(&bytes);
        }
    }
}
