//! Compaction: few long blocks out of many short ones, and one out of those that overlap.
//!
//! `plan` says which blocks to merge, from their facts alone; `merge` merges them into a new block, series by
//! series. Whoever calls them puts the new block in the place of the old ones.

mod merge;
mod plan;
#[cfg(test)]
mod tests;

pub(crate) use merge::{Merged, merge};
pub(crate) use plan::{plan, ranges};
