//! What is kept for how long.

use super::{Inner, MaintainReport};
use crate::block::ServedBlock;
use crate::filenames;
use crate::io::Files;
use crate::query::StorageError;
use crate::work::count;
use std::path::Path;
use std::sync::Arc;

/// Takes a block away: its name first, so that no crash leaves a part of it that looks like a block.
pub(super) fn remove_block(files: &Files, dir: &Path) -> Result<(), StorageError> {
    let mut doomed = dir.to_owned().into_os_string();
    doomed.push(filenames::DELETING_SUFFIX);
    files.rename_durably(dir, Path::new(&doomed))?;
    files.remove_tree(Path::new(&doomed))
}

impl Inner {
    pub(super) fn apply_retention(
        &self,
        now_ms: i64,
        report: &mut MaintainReport,
    ) -> Result<(), StorageError> {
        let expired = |block: &&Arc<ServedBlock>| self.plan_for(block, now_ms).drops_all();
        let doomed: Vec<Arc<ServedBlock>> = self.blocks.load().iter().filter(expired).cloned().collect();
        if !doomed.is_empty() {
            count(&self.head.counters.retentions_by_time);
        }
        self.delete_blocks(&doomed, report)?;
        if let Some(limit) = self.options.retention_bytes {
            self.shrink_to(limit, |_| true, report)?;
        }
        Ok(())
    }

    /// Makes room for a block about as large as the one cut last, so that the limit holds while it is written.
    pub(super) fn make_room_for_cut(&self, report: &mut MaintainReport) -> Result<(), StorageError> {
        let Some(limit) = self.options.retention_bytes else { return Ok(()) };
        let blocks = self.blocks.load();
        let last = blocks.iter().rev().find_map(|block| block.own());
        let last = last.map_or(0, |block| self.files.tree_bytes(block.dir()));
        self.shrink_to(limit.saturating_sub(last + last / 4), |_| true, report)?;
        Ok(())
    }

    /// Deletes blocks, the oldest first, until everything in the directory takes at most `limit` bytes;
    /// whether it does. Only blocks that `may_go` go, and none that is newer than one that may not.
    pub(super) fn shrink_to(
        &self,
        limit: u64,
        may_go: impl Fn(&ServedBlock) -> bool,
        report: &mut MaintainReport,
    ) -> Result<bool, StorageError> {
        let mut total = self.files.tree_bytes(&self.dir);
        let mut blocks = Vec::clone(&self.blocks.load());
        blocks.sort_by_key(|block| block.meta().max_time);
        let mut doomed = Vec::new();
        for block in blocks {
            if total <= limit || !may_go(&block) {
                break;
            }
            total = total.saturating_sub(self.files.tree_bytes(block.dir()));
            doomed.push(block);
        }
        if !doomed.is_empty() {
            count(&self.head.counters.retentions_by_size);
        }
        self.delete_blocks(&doomed, report)?;
        Ok(total <= limit)
    }

    pub(super) fn delete_blocks(
        &self,
        doomed: &[Arc<ServedBlock>],
        report: &mut MaintainReport,
    ) -> Result<(), StorageError> {
        if doomed.is_empty() {
            return Ok(());
        }
        let mut blocks = Vec::clone(&self.blocks.load());
        blocks.retain(|block| !doomed.iter().any(|one| Arc::ptr_eq(one, block)));
        self.blocks.store(Arc::new(blocks));
        for block in doomed {
            // Whoever reads it still has its files.
            remove_block(&self.files, block.dir())?;
            // After the block: whatever is left of it must not be shown without them.
            if let Some(path) = block.block_tombstones().path().filter(|_| block.own().is_none()) {
                self.files.remove_file(path)?;
            }
            report.blocks_deleted.push(block.dir().to_owned());
        }
        Ok(())
    }

    pub(crate) fn wal_bytes(&self) -> u64 {
        self.files.tree_bytes(&self.dir.join(filenames::WAL_DIR))
    }
}
