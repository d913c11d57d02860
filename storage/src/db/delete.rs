//! Deleting samples: tombstones for what is in blocks and in the head, and blocks cleaned of what they hide.

use super::retention::remove_block;
use super::{Db, Inner};
use crate::block::{Block, BlockMeta, ServedBlock, in_order};
use crate::compact::{Merged, merge};
use crate::filenames;
use crate::io::disk::Listed;
use crate::labels::matcher::Matcher;
use crate::query::StorageError;
use crate::query::postings::resolve;
use crate::tombstones::{Tombstones, file};
use crate::wal::record::{self, Kind};
use std::path::PathBuf;
use std::sync::{Arc, PoisonError};

/// What a cleaning did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CleanReport {
    /// New blocks, each in the place of one.
    pub blocks_written: Vec<PathBuf>,
    /// Blocks that are gone: replaced, or nothing was left of them.
    pub blocks_deleted: Vec<PathBuf>,
}

impl Db {
    /// Deletes the samples within `[mint, maxt]`, ms, of every series that satisfies any one set of matchers.
    /// Only what is there goes; samples that come later stay. When it returns, the deletion is on the disk and
    /// in every selection from then on; the samples are until their block is cleaned. Blocks of Prometheus are
    /// left as they are: what is deleted of them is told beside them, to nobody but us.
    ///
    /// # Errors
    /// An index cannot be read, or the tombstones cannot be written: then a part of it may be deleted.
    pub fn delete(&self, matcher_sets: &[Vec<Matcher>], mint: i64, maxt: i64) -> Result<(), StorageError> {
        let _one_at_a_time = self.inner.maintenance.lock().unwrap_or_else(PoisonError::into_inner);
        self.inner.settle_late()?;
        let (blocks, strays) = (self.inner.blocks.load(), self.inner.strays()?);
        for block in blocks.iter().chain(&strays).filter(|block| block.overlaps(mint, maxt)) {
            self.inner.delete_from_block(block, matcher_sets, (mint, maxt))?;
        }
        self.inner.delete_from_head(matcher_sets, (mint, maxt))
    }

    /// Writes the blocks that tombstones hide something of again, without it, and deletes those of which
    /// nothing is left. The newest block stays however little is left of it: where it ends, the log begins. So do
    /// those of Prometheus.
    ///
    /// # Errors
    /// A block cannot be read, written or deleted. What was there before is still there.
    pub fn clean_tombstones(&self) -> Result<CleanReport, StorageError> {
        let _one_at_a_time = self.inner.maintenance.lock().unwrap_or_else(PoisonError::into_inner);
        let mut report = CleanReport::default();
        for block in self.inner.blocks.load_full().iter().filter_map(|block| block.own()) {
            if block.tombstones().is_some_and(|tombstones| !tombstones.is_empty()) {
                self.inner.clean(block, &mut report)?;
            }
        }
        Ok(report)
    }
}

impl Inner {
    /// Blocks in the directory that are not served: they were written, and then the disk failed; or they are in others
    /// and could not be removed; or they could not be read at the start. The next start may serve them, and what is
    /// deleted meanwhile must not be in them.
    fn strays(&self) -> Result<Vec<Arc<ServedBlock>>, StorageError> {
        let blocks = self.blocks.load();
        let mut strays = Vec::new();
        for Listed { path, is_dir, .. } in self.files.list(&self.dir)? {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            let is_served = || blocks.iter().any(|block| block.dir() == path);
            if is_dir && filenames::is_block(name) && !is_served() {
                // One that cannot be read is left for people to look at.
                strays.extend(ServedBlock::open(&self.files, &path).map(Arc::new));
            }
        }
        Ok(strays)
    }

    fn delete_from_block(
        &self,
        block: &ServedBlock,
        matcher_sets: &[Vec<Matcher>],
        (mint, maxt): (i64, i64),
    ) -> Result<(), StorageError> {
        let before = block.tombstones();
        let mut tombstones = before.as_deref().cloned().unwrap_or_default();
        for matchers in matcher_sets {
            for number in &resolve(block, matchers)? {
                if block.entries().has_chunk(number, mint, maxt)?
                    && let Some((first, last)) = block.span(number)?
                {
                    tombstones.add(number, mint.max(first), maxt.min(last));
                }
            }
        }
        if tombstones == before.as_deref().cloned().unwrap_or_default() {
            return Ok(());
        }
        if block.own().is_none() {
            self.files.create_dirs(&self.dir.join(filenames::TOMBSTONES_DIR))?;
            self.files.sync_dir(&self.dir)?;
        }
        block.block_tombstones().set(&self.files, tombstones)
    }

    fn delete_from_head(
        &self,
        matcher_sets: &[Vec<Matcher>],
        (mint, maxt): (i64, i64),
    ) -> Result<(), StorageError> {
        let head = &self.head;
        let selected = {
            let index = head.index();
            let mut ids = roaring::RoaringBitmap::new();
            for matchers in matcher_sets {
                ids |= resolve(&*index, matchers)?;
            }
            index.pick(&ids).cloned().collect()
        };
        let mut deleted = Tombstones::default();
        for series in head.snapshot(selected).into_iter().flatten() {
            if let Some((first, last)) = series.span(&head.level0)? {
                deleted.add(series.series.id, mint.max(first), maxt.min(last));
            }
        }
        if deleted.is_empty() {
            return Ok(());
        }
        self.log_tombstones(&deleted)?;
        head.wal.sync()?;
        if let Some(before) = head.tombstones.load().as_deref() {
            deleted.add_all(before);
        }
        head.set_tombstones(deleted);
        Ok(())
    }

    /// Writes tombstones of the head to the log.
    pub(super) fn log_tombstones(&self, tombstones: &Tombstones) -> Result<(), StorageError> {
        self.head.wal.append(|_, out| {
            record::put_list(out, Kind::Tombstones, tombstones.iter(), |out, (series, intervals)| {
                file::put_entry(out, series, intervals);
            });
        })
    }

    /// Whether a block says where the log begins.
    pub(super) fn is_newest(&self, meta: &BlockMeta) -> bool {
        let blocks = self.blocks.load();
        let ends = blocks.iter().filter(|other| other.bounds_the_log()).map(|other| other.meta().max_time);
        !meta.is_late() && ends.max() <= Some(meta.max_time)
    }

    /// Puts a block without the deleted samples in the place of one.
    fn clean(&self, block: &Arc<Block>, report: &mut CleanReport) -> Result<(), StorageError> {
        let mut blocks = Vec::clone(&self.blocks.load());
        blocks.retain(|other| !other.own().is_some_and(|other| Arc::ptr_eq(other, block)));
        let name = ulid::Ulid::new().to_string();
        match merge(&self.files, &self.dir, name, std::slice::from_ref(block), &self.stopping)? {
            Merged::Cancelled => return Ok(()),
            Merged::Block(path) => {
                let cleaned = ServedBlock::open(&self.files, &path).inspect_err(|_| {
                    // Left there, it would take the place of the old one at the next start, without what is
                    // deleted until then.
                    let _ = remove_block(&self.files, &path);
                })?;
                blocks.push(Arc::new(cleaned));
                in_order(&mut blocks);
                report.blocks_written.push(path);
            }
            Merged::Empty if self.is_newest(block.meta()) => return Ok(()),
            Merged::Empty => {}
        }
        self.blocks.store(Arc::new(blocks));
        remove_block(&self.files, block.dir())?;
        report.blocks_deleted.push(block.dir().to_owned());
        Ok(())
    }
}
