//! The database: opens a directory, recovers, and keeps it in order.

mod cut;
mod flush;
#[cfg(test)]
mod histogram_tests;
mod late;
#[cfg(test)]
mod late_tests;
mod open;
mod retention;
#[cfg(test)]
mod select_tests;
#[cfg(test)]
mod tests;

pub use open::OpenReport;

use crate::block::ServedBlock;
use crate::catalogue::Catalogue;
use crate::head::Head;
use crate::head::append::Appender;
use crate::head::group::Group;
use crate::io::Files;
use crate::io::disk::DiskLock;
use crate::query::select::DbQuerier;
use crate::query::{Querier, Queryable, StorageError};
use crate::wal::WalSync;
use arc_swap::ArcSwap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How a database behaves.
#[derive(Debug, Clone)]
pub struct DbOptions {
    /// Time that one block covers, ms.
    pub block_range_ms: i64,
    /// Blocks that ended longer ago than this are deleted, ms; `None` keeps them.
    pub retention_ms: Option<i64>,
    /// The oldest blocks are deleted while blocks and log exceed this, bytes; `None` sets no limit.
    pub retention_bytes: Option<u64>,
    /// When the log is forced to the disk.
    pub wal_sync: WalSync,
    /// How much older than the newest sample one may be that comes out of order, ms; 0 refuses them all.
    pub out_of_order_window_ms: i64,
}

impl Default for DbOptions {
    fn default() -> Self {
        Self {
            block_range_ms: 2 * 3_600_000,
            retention_ms: Some(15 * 24 * 3_600_000),
            retention_bytes: None,
            wal_sync: WalSync::Interval(Duration::from_millis(100)),
            out_of_order_window_ms: 0,
        }
    }
}

/// What a round of maintenance did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MaintainReport {
    /// New files of level 0.
    pub flushed: Vec<PathBuf>,
    /// What could not be read of samples that went into a block.
    pub damaged: Vec<String>,
    /// New blocks.
    pub blocks_written: Vec<PathBuf>,
    /// Blocks deleted by retention.
    pub blocks_deleted: Vec<PathBuf>,
    /// Series that left the head.
    pub series_removed: usize,
}

pub(crate) struct Inner {
    pub(crate) files: Files,
    pub(crate) dir: PathBuf,
    pub(crate) options: DbOptions,
    pub(crate) head: Arc<Head>,
    pub(crate) blocks: ArcSwap<Vec<Arc<ServedBlock>>>,
    groups: Mutex<Vec<Arc<Group>>>,
    maintenance: Mutex<()>,
    catalogue: Mutex<Catalogue>,
    next_level0: AtomicU64,
    /// The newest sample at the last flush, ms.
    flushed_ms: AtomicI64,
    report: OpenReport,
    closed: AtomicBool,
    _lock: DiskLock,
}

/// An open database. Clones share it.
#[derive(Clone)]
pub struct Db {
    pub(crate) inner: Arc<Inner>,
}

impl Db {
    /// What was found when the directory was opened.
    #[must_use]
    pub fn open_report(&self) -> &OpenReport {
        &self.inner.report
    }

    /// A new scrape group.
    #[must_use]
    pub fn create_group(&self) -> Arc<Group> {
        let head = &self.inner.head;
        let id = head.next_group.fetch_add(1, Ordering::AcqRel);
        let group = Arc::new(Group::new(id, Arc::clone(head)));
        self.inner.groups.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&group));
        group
    }

    /// An appender of samples that have timestamps of their own.
    #[must_use]
    pub fn appender(&self) -> Appender {
        Appender::new(Arc::clone(&self.inner.head))
    }

    /// Keeps the directory in order: cuts blocks, deletes what retention says, lets idle series go.
    ///
    /// # Errors
    /// A file cannot be written or deleted. What was there before is still there.
    pub fn maintain(&self, now_ms: i64) -> Result<MaintainReport, StorageError> {
        let _one_at_a_time = self.inner.maintenance.lock().unwrap_or_else(PoisonError::into_inner);
        let mut report = MaintainReport::default();
        self.inner.retire_groups();
        if self.inner.is_flush_due() {
            self.inner.flush(&mut report)?;
        }
        if self.inner.late_is_due() {
            self.inner.write_late_blocks(&mut report)?;
        }
        let range = self.inner.options.block_range_ms;
        loop {
            let head = &self.inner.head;
            let (min, max) = (head.min_ms.load(Ordering::Acquire), head.max_ms.load(Ordering::Acquire));
            if min > max || max.saturating_sub(min) <= range + range / 2 {
                break;
            }
            self.inner.cut_block(min.div_euclid(range) * range, &mut report)?;
        }
        self.inner.apply_retention(now_ms, &mut report)?;
        // New series get their place in the order here rather than in a query.
        drop(self.inner.head.ranked_index());
        Ok(report)
    }

    /// Changes [`DbOptions::out_of_order_window_ms`].
    pub fn set_out_of_order_window(&self, window_ms: i64) {
        self.inner.head.late_window_ms.store(window_ms.max(0), Ordering::Release);
    }

    /// Forces everything to the disk, in the form that the next start reads fastest; the last act before the
    /// process ends.
    ///
    /// # Errors
    /// Something cannot be written. What was logged is.
    pub fn close(&self) -> Result<(), StorageError> {
        let _one_at_a_time = self.inner.maintenance.lock().unwrap_or_else(PoisonError::into_inner);
        self.inner.closed.store(true, Ordering::Release);
        self.inner.head.wal.sync()?;
        self.inner.flush(&mut MaintainReport::default())
    }

    /// Writes what is in memory to files now.
    ///
    /// # Errors
    /// A file cannot be written. What was there before is still there.
    pub fn flush(&self) -> Result<MaintainReport, StorageError> {
        let _one_at_a_time = self.inner.maintenance.lock().unwrap_or_else(PoisonError::into_inner);
        let mut report = MaintainReport::default();
        self.inner.flush(&mut report)?;
        Ok(report)
    }

    /// First and last time of which the blocks may have samples, ms; `None` without blocks.
    #[must_use]
    pub fn blocks_range(&self) -> Option<(i64, i64)> {
        let blocks = self.inner.blocks.load();
        let first = blocks.iter().map(|block| block.meta().min_time).min()?;
        let last = blocks.iter().map(|block| block.meta().max_time.saturating_sub(1)).max()?;
        Some((first, last))
    }

    /// Facts about the head and the blocks.
    #[must_use]
    pub fn stats(&self, limit: usize) -> crate::query::stats::DbStats {
        crate::query::stats::DbStats::of(&self.inner, limit)
    }
}

impl Queryable for Db {
    fn querier(&self, _mint: i64, _maxt: i64) -> Result<Box<dyn Querier>, StorageError> {
        Ok(Box::new(DbQuerier { db: Arc::clone(&self.inner) }))
    }
}
