//! `meta.json` of a block of Prometheus.

use serde::{Deserialize, Serialize};

/// The version that there is.
pub(super) const VERSION: u32 = 1;
/// Says in the hints that a block holds samples that came late.
pub(super) const OUT_OF_ORDER: &str = "from-out-of-order";

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

/// How a block came about.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Compaction {
    pub(super) level: u32,
    pub(super) sources: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) hints: Vec<String>,
}

impl Meta {
    /// Whether the block holds samples that came late, so that it says nothing of what the head has.
    pub(super) fn is_out_of_order(&self) -> bool {
        self.compaction.hints.iter().any(|hint| hint == OUT_OF_ORDER)
    }
}
