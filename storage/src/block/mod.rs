//! Sealed blocks: directories of memory-mapped files that nobody changes any more.
//!
//! `meta.json` says what a block holds, `chunks` has pages of frames, `timelines` the distinct timestamp
//! columns, `index` series, label pairs and postings. FORMAT.md draws every byte.

mod chunk;
#[cfg(test)]
pub(crate) mod earlier_tests;
mod file;
mod index;
mod meta;
mod pages;
mod postings;
mod reader;
mod sealed;
mod served;
#[cfg(test)]
pub(crate) mod tests;
mod tombstones;
mod v2;
mod writer;

pub(crate) use chunk::ChunkRef;
pub use meta::{BlockMeta, BlockStats, Compaction, Downsampled, Parent, Shaped};
pub(crate) use pages::Packing;
pub use reader::Block;
pub(crate) use reader::Entries;
pub(crate) use served::EntriesOfBlock;
pub use served::{SeriesOfBlock, ServedBlock};
pub(crate) use tombstones::BlockTombstones;
pub(crate) use writer::{BlockPlan, BlockWriter};

/// Brings blocks into the order in which they are listed, read and merged: by their first timestamp, then by
/// their age. Of two samples for one timestamp that of the block listed first counts.
pub(crate) fn in_order(blocks: &mut [std::sync::Arc<ServedBlock>]) {
    blocks.sort_by(|a, b| {
        let key = |block: &ServedBlock| block.meta().min_time;
        key(a).cmp(&key(b)).then_with(|| a.meta().ulid.cmp(&b.meta().ulid))
    });
}

/// Samples of one frame in a block.
pub(crate) const CHUNK_SAMPLES: usize = 480;
/// A page of frames is closed when it is this long, bytes.
pub(crate) const PAGE_BYTES: usize = 16 << 10;
