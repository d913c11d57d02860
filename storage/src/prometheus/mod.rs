//! Prometheus's own data directory: its blocks as they lie, and blocks for it.

mod block;
mod bytes;
mod chunk;
mod export;
mod index;
mod meta;
mod segments;
mod tombstones;
mod writer;

pub use block::{Damage, PrometheusBlock};
pub use export::{EXPORT_BLOCK_MS, ExportQuery, ExportedBlock, export_blocks};
pub use writer::PrometheusBlockWriter;

#[cfg(test)]
mod block_tests;
