//! Level 0: what left the head's memory and is in no block yet.
//!
//! A flush writes the sealed chunks of all series to one immutable file, which is mapped; from then on the log
//! that led to them is not needed. Series are told by their id in the head, whose labels the catalogue keeps, so
//! that a file needs no index of its own and a read costs two loads. When the head is cut, a block takes the
//! samples over and the file goes.
//!
//! ```text
//! magic "NXLEVEL0"
//! pages       length u32 | crc32 u32 | frames, as in a block
//! timelines   (length u32 | crc32 u32 | timestamp column)*
//! entries     per series: chunks varint, (timeline varint, page varint, in_page varint)*
//! directory   first page u32 | pages u32 | u32 × pages   where a page of 256 ids stands, plus one; 0: nowhere
//!             (bitmap u64 × 4 | entry u32 × bits)*
//! marks       next group varint | groups varint, (group varint, sequence varint)*
//! footer      min i64 | max i64 | segment u64
//!             | end u64 × 5, of pages to marks | crc32 u32 × 3, of entries, directory, marks
//!             | version u32 | crc32 u32 of the footer before
//! ```

mod reader;
mod writer;

pub(crate) use reader::{Level0, newest};
pub(crate) use writer::Writer;

#[cfg(test)]
mod tests;

use std::collections::HashMap;

const MAGIC: &[u8; 8] = b"NXLEVEL0";
/// The version that this code writes: 2 has frames of whole and of packed numbers.
const VERSION: u32 = 2;
/// The versions that it reads.
const VERSIONS: std::ops::RangeInclusive<u32> = 1..=VERSION;
/// Bytes of the footer.
const FOOTER_LEN: usize = 3 * 8 + 5 * 8 + 3 * 4 + 4 + 4;
/// Ids of a page of the directory, as a power of two.
const PAGE_BITS: u32 = 8;
/// A page of frames is closed when it has this many bytes.
const PAGE_BYTES: usize = 16 << 10;

/// Where the log goes on behind a flush.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Marks {
    /// The first segment of the log whose samples may not be in the file.
    pub(crate) segment: u64,
    /// No group has had this number yet.
    pub(crate) next_group: u64,
    /// Rows of a group before this one of its sequence are in the file.
    pub(crate) groups: HashMap<u64, u64>,
}
