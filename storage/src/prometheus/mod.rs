//! Prometheus's own data directory: its blocks as they lie, and blocks for it.

mod block;
mod bytes;
mod chunk;
mod index;
mod meta;
mod segments;
mod tombstones;

pub use block::{Damage, PrometheusBlock};
