//! `meta.json` of a block of Prometheus.

use crate::block::Compaction;
use serde::{Deserialize, Serialize};

/// The version that there is.
pub(super) const VERSION: u32 = 1;

/// What a block holds and what it was made from.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Meta {
    pub(super) ulid: String,
    /// First timestamp that may be inside, ms.
    pub(super) min_time: i64,
    /// First timestamp after the block, ms.
    pub(super) max_time: i64,
    #[serde(default)]
    pub(super) stats: Stats,
    #[serde(default)]
    pub(super) compaction: Compaction,
    pub(super) version: u32,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Stats {
    pub(super) num_samples: u64,
    pub(super) num_series: u64,
    pub(super) num_chunks: u64,
}
