//! Sealed blocks: directories of memory-mapped files that nobody changes any more.
//!
//! `meta.json` says what a block holds, `chunks` has pages of frames, `timelines` the distinct timestamp
//! columns, `index` symbols, series and postings. FORMAT.md draws every byte.

mod meta;
mod pages;
mod postings;
mod reader;
mod series;
mod served;
mod table;
mod writer;

pub use meta::{BlockMeta, BlockStats};
pub use reader::Block;
pub use served::{SeriesOfBlock, ServedBlock};
pub(crate) use writer::BlockWriter;

/// Samples of one frame in a block.
pub(crate) const CHUNK_SAMPLES: usize = 480;
/// A page of frames is closed when it is this long, bytes.
pub(crate) const PAGE_BYTES: usize = 16 << 10;
/// First bytes of an index.
pub(crate) const INDEX_MAGIC: &[u8; 8] = b"NXINDEX1";
/// Last part of an index: four section ends as u64, their checksums as u32, and a checksum of both.
pub(crate) const TOC_LEN: usize = 4 * 8 + 4 * 4 + 4;
