//! Puts one block in the place of several. Those of Prometheus are left as they lie.

use super::retention::remove_block;
use super::{Inner, MaintainReport};
use crate::block::{Block, BlockMeta, ServedBlock, in_order};
use crate::compact::{self, Merged};
use crate::query::StorageError;
use crate::work::count;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

/// A block covers at most this time, ms.
const LONGEST_MS: i64 = 31 * 24 * 3_600_000;
/// And at most this part of the retention time, so that what has expired goes soon; a merge writes at most
/// this part of the retention size, for which older blocks have to go.
const PART_OF_RETENTION: u64 = 10;
/// And at most this part of the shortest time that a retention rule names, since rules are for whole blocks.
const PART_OF_RULES: i64 = 2;

/// Whether blocks have times in common; they are in order of their first timestamp.
fn overlap(blocks: &[Arc<Block>]) -> bool {
    blocks.windows(2).any(|pair| {
        let [first, second] = pair else { return false };
        second.meta().min_time < first.meta().max_time
    })
}

impl Inner {
    /// Merges the blocks whose turn it is; whether there were any.
    pub(super) fn compact_once(&self, report: &mut MaintainReport) -> Result<bool, StorageError> {
        let blocks = self.blocks.load_full();
        let own: Vec<&Arc<Block>> = blocks.iter().filter_map(|block| block.own()).collect();
        let metas: Vec<&BlockMeta> = own.iter().map(|block| block.meta()).collect();
        let mut left_alone = self.unmergeable.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let ranges = self.block_ranges();
        let parents = loop {
            let chosen = compact::plan(&metas, &ranges, |meta| !left_alone.contains(&meta.ulid));
            let parents: Vec<Arc<Block>> =
                chosen.iter().filter_map(|at| own.get(*at)).map(|block| Arc::clone(block)).collect();
            if parents.is_empty() || self.stopping.load(Ordering::Relaxed) {
                return Ok(false);
            }
            let dirs: Vec<&Path> = parents.iter().map(|block| block.dir()).collect();
            let before = parents.iter().map(|block| block.meta().min_time).min().unwrap_or(i64::MIN);
            if self.make_room(&dirs, before, report)? {
                break parents;
            }
            left_alone.extend(parents.iter().map(|block| block.meta().ulid.clone()));
        };
        let ulid = ulid::Ulid::new().to_string();
        let counters = &self.head.counters;
        counters.writing_block.store(true, Ordering::Relaxed);
        let merged = compact::merge(&self.files, &self.dir, ulid, &parents, &self.stopping);
        counters.writing_block.store(false, Ordering::Relaxed);
        let merged = match merged {
            Ok(Merged::Cancelled) => return Ok(false),
            Ok(Merged::Empty) => None,
            Ok(Merged::Block(path)) => Some(Arc::new(ServedBlock::open(&self.files, &path)?)),
            // The blocks are served as far as they can be read, and not looked at again before a restart.
            Err(StorageError::Corrupt { what, detail }) => {
                report.damaged.push(format!("{what}: {detail}"));
                let names = parents.iter().map(|block| block.meta().ulid.clone());
                self.unmergeable.lock().unwrap_or_else(PoisonError::into_inner).extend(names);
                return Ok(true);
            }
            Err(error) => return Err(error),
        };
        if overlap(&parents) {
            count(&counters.overlapping_merges);
        }
        report.blocks_merged.extend(merged.iter().map(|block| block.dir().to_owned()));
        // Read again: making room may have deleted some. A query sees the old ones or the new one.
        let mut now = Vec::clone(&self.blocks.load());
        let is_parent = |block: &Arc<Block>| parents.iter().any(|parent| Arc::ptr_eq(parent, block));
        now.retain(|block| !block.own().is_some_and(is_parent));
        now.extend(merged);
        in_order(&mut now);
        self.blocks.store(Arc::new(now));
        for parent in &parents {
            // Whoever reads it still has its files.
            remove_block(&self.files, parent.dir())?;
        }
        Ok(true)
    }

    /// The lengths that blocks grow through, ms.
    fn block_ranges(&self) -> Vec<i64> {
        let range = self.options.block_range_ms;
        let longest = self.options.max_block_range_ms.unwrap_or_else(|| {
            let part = self.options.retention_ms.map(|keep| keep / PART_OF_RETENTION.cast_signed());
            let longest = part.unwrap_or(LONGEST_MS).min(LONGEST_MS);
            let rules = self.rules.load().shortest_ms().map(|shortest| shortest / PART_OF_RULES);
            rules.map_or(longest, |rules| longest.min(rules))
        });
        compact::ranges(range, longest.max(range))
    }

    /// Whether a block as large as its parents may be written beside them. The oldest blocks go, if the
    /// retention size demands it, but none that ends after `before`, where the oldest parent begins.
    pub(super) fn make_room(
        &self,
        parents: &[&Path],
        before: i64,
        report: &mut MaintainReport,
    ) -> Result<bool, StorageError> {
        let needed: u64 = parents.iter().map(|dir| self.files.tree_bytes(dir)).sum();
        if self.files.free_bytes(&self.dir).is_some_and(|free| free < needed + needed / 8) {
            return Ok(false);
        }
        let Some(limit) = self.options.retention_bytes else { return Ok(true) };
        if needed > limit / PART_OF_RETENTION {
            return Ok(false);
        }
        self.shrink_to(limit - needed, |block| block.meta().max_time <= before, report)
    }
}
