//! `meta.json` of a block.

use serde::{Deserialize, Serialize};

/// The version that this code writes: 3 has a compact index and pages that may be packed.
pub(crate) const VERSION: u32 = 3;
/// The versions that it reads: 2 brought frames of histograms and of start timestamps.
pub(crate) const VERSIONS: std::ops::RangeInclusive<u32> = 1..=VERSION;
/// Format of our blocks.
pub(crate) const FORMAT: &str = "narthex";
/// Hint of a block whose samples all came late.
const LATE: &str = "from-out-of-order";

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
    /// What it was made of.
    #[serde(default)]
    pub compaction: Compaction,
    /// Format: `narthex`, and its version.
    pub format: String,
    /// Version of the format.
    pub version: u32,
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

/// What a block was made of.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Compaction {
    /// 1 for a block cut from the head, one more than its highest parent's otherwise.
    pub level: u32,
    /// The blocks cut from the head whose samples are inside, sorted.
    pub sources: Vec<String>,
    /// The blocks that it was merged from.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub parents: Vec<Parent>,
    /// Remarks; `from-out-of-order` for samples that all came late.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub hints: Vec<String>,
}

/// A block that another was merged from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Parent {
    /// Its name.
    pub ulid: String,
    /// First timestamp that may be inside, ms.
    pub min_time: i64,
    /// First timestamp after it, ms.
    pub max_time: i64,
}

impl Compaction {
    /// A block cut from the head; `late` says that its samples lie before what the head still takes in order.
    pub(crate) fn of_head(ulid: &str, late: bool) -> Self {
        let hints = if late { vec![LATE.to_owned()] } else { Vec::new() };
        Self { level: 1, sources: vec![ulid.to_owned()], parents: Vec::new(), hints }
    }

    /// A block merged from others.
    pub(crate) fn of_parents<'a>(parents: impl Iterator<Item = &'a BlockMeta> + Clone) -> Self {
        let level = parents.clone().map(|meta| meta.compaction.level).max().unwrap_or(0).saturating_add(1);
        let mut sources: Vec<String> = parents.clone().flat_map(|p| p.compaction.sources.clone()).collect();
        sources.sort_unstable();
        sources.dedup();
        let hints = if parents.clone().all(BlockMeta::is_late) { vec![LATE.to_owned()] } else { Vec::new() };
        let parent = |meta: &BlockMeta| Parent {
            ulid: meta.ulid.clone(),
            min_time: meta.min_time,
            max_time: meta.max_time,
        };
        Self { level, sources, parents: parents.map(parent).collect(), hints }
    }
}

impl BlockMeta {
    /// Whether all samples came late: the log may have samples of the same time that are in no block yet.
    #[must_use]
    pub fn is_late(&self) -> bool {
        self.compaction.hints.iter().any(|hint| hint == LATE)
    }

    /// What blocks without the field mean.
    pub(super) fn complete(&mut self) {
        if self.compaction.sources.is_empty() {
            self.compaction = Compaction::of_head(&self.ulid, false);
        }
    }

    /// Whether everything that this block holds is in `other` too, which was made of it.
    pub(crate) fn is_replaced_by(&self, other: &Self) -> bool {
        let (mine, theirs) = (&self.compaction, &other.compaction);
        let contained = mine.sources.iter().all(|source| theirs.sources.contains(source));
        let parent = theirs.parents.iter().any(|parent| parent.ulid == self.ulid);
        self.ulid != other.ulid && contained && (parent || mine.sources.len() < theirs.sources.len())
    }
}
