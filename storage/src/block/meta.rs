//! `meta.json` of a block.

use super::sealed;
use serde::{Deserialize, Serialize};

/// The version that this code writes.
pub(crate) const VERSION: u32 = 6;
/// The first version with a compact index and pages that may be packed.
pub(crate) const VERSION_COMPACT: u32 = 3;
/// The first version whose `meta.json` has a checksum.
const VERSION_SEALED: u32 = 6;
/// The versions that it reads: 2 brought frames of histograms and of start timestamps, 4 those of downsampled samples, 5
/// those of whole and of packed numbers.
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
    /// What retention rules made of it.
    #[serde(default, skip_serializing_if = "Shaped::is_empty")]
    pub rules: Shaped,
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

/// What retention rules made of a block.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Shaped {
    /// Tells what the rules said of the block when it was written by them; empty for never. While they say the
    /// same, nothing is to be done.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub applied: String,
    /// What is downsampled, by resolution, ascending.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub downsampled: Vec<Downsampled>,
}

/// Series of a block that are downsampled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Downsampled {
    /// Length of the intervals, ms.
    pub resolution: u32,
    /// Series with samples of this resolution.
    pub num_series: u64,
}

impl Shaped {
    fn is_empty(&self) -> bool {
        self.applied.is_empty() && self.downsampled.is_empty()
    }

    /// One more series has samples of a resolution, ms.
    pub(crate) fn note(&mut self, resolution: u32) {
        let at = self.downsampled.partition_point(|one| one.resolution < resolution);
        match self.downsampled.get_mut(at).filter(|one| one.resolution == resolution) {
            Some(one) => one.num_series += 1,
            None => self.downsampled.insert(at, Downsampled { resolution, num_series: 1 }),
        }
    }
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
    /// The bytes of the file.
    pub(super) fn encode(&self) -> std::io::Result<Vec<u8>> {
        let text = serde_json::to_vec_pretty(self).map_err(std::io::Error::other)?;
        sealed::seal(text).ok_or_else(|| std::io::Error::other("meta is no object"))
    }

    /// Reads the bytes of a file; why they cannot be used, if so.
    pub(super) fn decode(bytes: &[u8]) -> Result<Self, String> {
        let mut meta: Self = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        if meta.format != FORMAT || !VERSIONS.contains(&meta.version) {
            return Err(format!("format {} version {} is not ours", meta.format, meta.version));
        }
        // One that is there counts, whatever the version says: its digit may be what has changed.
        match sealed::check(bytes) {
            Some(true) => {}
            Some(false) => return Err("checksum mismatch".to_owned()),
            None if meta.version >= VERSION_SEALED => return Err("checksum missing".to_owned()),
            None => {}
        }
        meta.complete();
        Ok(meta)
    }

    /// The longest interval that a sample stands for, ms; 0 where all are raw.
    #[must_use]
    pub fn resolution_ms(&self) -> i64 {
        self.rules.downsampled.last().map_or(0, |one| i64::from(one.resolution))
    }

    /// Whether all samples came late: the log may have samples of the same time that are in no block yet.
    #[must_use]
    pub fn is_late(&self) -> bool {
        self.compaction.hints.iter().any(|hint| hint == LATE)
    }

    /// What blocks without the field mean.
    fn complete(&mut self) {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_flipped_bit_of_meta_json_is_noticed() {
        let ulid = "01JDFX6B1N8VZ4M3T9QK7W2RCE";
        let meta = BlockMeta {
            ulid: ulid.to_owned(),
            min_time: 0,
            max_time: 7_200_000,
            stats: BlockStats { num_samples: 480, num_series: 1, num_chunks: 1 },
            compaction: Compaction::of_head(ulid, true),
            rules: Shaped::default(),
            format: FORMAT.to_owned(),
            version: VERSION,
        };
        let bytes = meta.encode().unwrap();
        assert_eq!(BlockMeta::decode(&bytes).unwrap().max_time, 7_200_000);
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(BlockMeta::decode(&flipped).is_err(), "bit {bit}");
        }
    }
}
