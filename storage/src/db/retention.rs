//! What is kept for how long.

use super::{Inner, MaintainReport};
use crate::filenames;
use crate::query::StorageError;
use std::path::Path;
use std::sync::Arc;

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
            let path = block.dir().to_owned();
            let mut doomed = path.clone().into_os_string();
            doomed.push(filenames::DELETING_SUFFIX);
            self.files.rename_durably(&path, Path::new(&doomed))?;
            self.files.remove_tree(Path::new(&doomed))?;
            report.blocks_deleted.push(path);
        }
        Ok(())
    }

    pub(crate) fn wal_bytes(&self) -> u64 {
        self.files.tree_bytes(&self.dir.join(filenames::WAL_DIR))
    }
}
