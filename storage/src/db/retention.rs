//! What is kept for how long.

use super::{Inner, MaintainReport};
use crate::filenames;
use crate::io::Files;
use crate::query::StorageError;
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
        let blocks = self.blocks.load();
        let cutoff = self.options.retention_ms.map(|keep| now_ms.saturating_sub(keep));
        let mut room = self.options.retention_bytes;
        if let Some(room) = &mut room {
            *room = room.saturating_sub(self.wal_bytes());
        }
        let mut keep = Vec::new();
        let mut drop = Vec::new();
        for block in blocks.iter().rev() {
            let expired = cutoff.is_some_and(|cutoff| block.meta().max_time <= cutoff);
            let fits = room.is_none_or(|room| block.size_bytes() <= room);
            if expired || !fits {
                // Everything older goes too: history has no holes.
                room = room.map(|_| 0);
                drop.push(Arc::clone(block));
            } else {
                room = room.map(|room| room - block.size_bytes());
                keep.push(Arc::clone(block));
            }
        }
        if drop.is_empty() {
            return Ok(());
        }
        keep.reverse();
        self.blocks.store(Arc::new(keep));
        for block in drop {
            remove_block(&self.files, block.dir())?;
            report.blocks_deleted.push(block.dir().to_owned());
        }
        Ok(())
    }

    pub(crate) fn wal_bytes(&self) -> u64 {
        self.files.tree_bytes(&self.dir.join(filenames::WAL_DIR))
    }
}
