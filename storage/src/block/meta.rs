//! `meta.json` of a block.

use serde::{Deserialize, Serialize};

/// The version that this code writes: 2 has frames of histograms and of start timestamps.
pub(crate) const VERSION: u32 = 2;
/// The versions that it reads.
pub(crate) const VERSIONS: std::ops::RangeInclusive<u32> = 1..=VERSION;

/// What a block holds.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BlockMeta {
    /// Name of the directory.
    pub ulid: String,
    /// First timestamp that may be inside, ms.
    pub min_time: i64,
    /// First timestamp after the block, ms.
    pub max_time: i64,
    /// Counts.
    pub stats: BlockStats,
    /// Format: `narthex`, and its version.
    pub format: String,
    /// Version of the format.
    pub version: u32,
    /// Blocks in whose place it is: opening the directory deletes them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parents: Vec<String>,
}

/// Counts of a block.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BlockStats {
    /// Samples.
    pub num_samples: u64,
    /// Series.
    pub num_series: u64,
    /// Frames.
    pub num_chunks: u64,
}
