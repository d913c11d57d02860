//! Prometheus's own data directory: its blocks as they lie, and blocks for it.

mod block;
mod bytes;
mod chunk;
mod export;
mod head_chunks;
mod index;
mod late;
mod meta;
mod segments;
mod takeover;
mod tombstones;
mod wal;
mod writer;

pub use block::{Damage, PrometheusBlock};
pub use export::{EXPORT_BLOCK_MS, ExportQuery, ExportedBlock, export_blocks};
pub use late::LateSamples;
pub use takeover::TakeoverReport;
pub(crate) use takeover::{take_over, verify_head};
pub use writer::PrometheusBlockWriter;

#[cfg(test)]
mod beside_tests;
#[cfg(test)]
mod block_tests;
#[cfg(test)]
mod delete_tests;
#[cfg(test)]
mod takeover_tests;
