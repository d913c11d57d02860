//! Sealed blocks: directories of memory-mapped files that nobody changes any more.
//!
//! `meta.json` says what a block holds, `chunks` has pages of frames, `timelines` the distinct timestamp
//! columns, `index` series, label pairs and postings. FORMAT.md draws every byte.

mod chunk;
mod file;
mod index;
mod meta;
mod pages;
mod postings;
mod reader;
#[cfg(test)]
mod tests;
mod v2;
mod writer;

pub(crate) use chunk::ChunkRef;
pub use meta::{BlockMeta, BlockStats, Compaction, Parent};
pub(crate) use pages::FrameBytes;
pub(crate) use pages::Packing;
pub use reader::Block;
pub(crate) use reader::Entries;
pub(crate) use writer::{BlockPlan, BlockWriter};

/// Samples of one frame in a block.
pub(crate) const CHUNK_SAMPLES: usize = 480;
/// A page of frames is closed when it is this long, bytes.
pub(crate) const PAGE_BYTES: usize = 16 << 10;
