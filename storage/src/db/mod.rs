//! The database: opens a directory, recovers, and keeps it in order.

mod aside;
#[cfg(test)]
mod cardinality_tests;
mod compact;
#[cfg(test)]
mod compact_tests;
mod cut;
mod delete;
#[cfg(test)]
mod delete_tests;
#[cfg(test)]
mod exemplar_tests;
mod exemplars;
mod flush;
#[cfg(test)]
mod histogram_tests;
mod late;
#[cfg(test)]
mod late_tests;
mod log;
mod open;
mod progress;
mod reshape;
#[cfg(test)]
mod reshape_tests;
mod retention;
#[cfg(test)]
mod select_tests;
mod snapshot;
mod stop;
#[cfg(test)]
mod tests;

pub use delete::CleanReport;
pub use open::OpenReport;
pub use progress::{ReplayProgress, ReplayState};
pub(crate) use reshape::Rewrites;

use crate::block::ServedBlock;
use crate::cardinality::Cardinality;
use crate::catalogue::Catalogue;
use crate::damage::Damage;
use crate::head::Head;
use crate::head::append::Appender;
use crate::head::budget::SeriesBudget;
use crate::head::group::Group;
use crate::io::Files;
use crate::io::disk::DiskLock;
use crate::query::select::DbQuerier;
use crate::query::{Querier, Queryable, StorageError};
use crate::retention::Rules;
use crate::wal::WalSync;
use crate::work::{Watcher, WorkStats};
use arc_swap::ArcSwap;
use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use stop::Stop;

/// How a database behaves.
#[derive(Debug, Clone)]
pub struct DbOptions {
    /// Time that a block covers that is cut from the head, ms.
    pub block_range_ms: i64,
    /// Time that a block covers at most that is merged from others, ms; `None` for 31 days or a tenth of the
    /// retention time, whichever is less. One below `block_range_ms` leaves blocks as they are cut.
    pub max_block_range_ms: Option<i64>,
    /// Blocks that ended longer ago than this are deleted, ms; `None` keeps them.
    pub retention_ms: Option<i64>,
    /// The oldest blocks are deleted while everything in the directory exceeds this, bytes; `None` sets no
    /// limit.
    pub retention_bytes: Option<u64>,
    /// Series of the head: while there are as many, new ones are refused; `None` sets no limit.
    pub max_series: Option<u64>,
    /// When the log is forced to the disk.
    pub wal_sync: WalSync,
    /// How much older than the newest sample one may be that comes out of order, ms; 0 refuses them all.
    pub out_of_order_window_ms: i64,
    /// Exemplars that are kept; 0 keeps none.
    pub max_exemplars: usize,
    /// Tells how far the log has been read while the database is being opened.
    pub replay: Arc<ReplayProgress>,
}

impl Default for DbOptions {
    fn default() -> Self {
        Self {
            block_range_ms: 2 * 3_600_000,
            max_block_range_ms: None,
            retention_ms: Some(15 * 24 * 3_600_000),
            retention_bytes: None,
            max_series: None,
            wal_sync: WalSync::Interval(Duration::from_millis(100)),
            out_of_order_window_ms: 0,
            max_exemplars: 0,
            replay: Arc::default(),
        }
    }
}

/// What a round of maintenance did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MaintainReport {
    /// New files of level 0.
    pub flushed: Vec<PathBuf>,
    /// What could not be read of samples that went into a block, or of blocks that were to be merged.
    pub damaged: Vec<String>,
    /// New blocks.
    pub blocks_written: Vec<PathBuf>,
    /// Blocks that took the place of others.
    pub blocks_merged: Vec<PathBuf>,
    /// Blocks that retention rules had written again.
    pub blocks_rewritten: Vec<PathBuf>,
    /// Blocks deleted by retention.
    pub blocks_deleted: Vec<PathBuf>,
    /// Series that left the head.
    pub series_removed: usize,
    /// Why the statistics of cardinality could not be saved, if so.
    pub statistics_unsaved: Option<String>,
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
    stop: Arc<Stop>,
    /// Blocks that cannot be merged: a part of them is damaged.
    unmergeable: Mutex<HashSet<String>>,
    /// What is kept of which series, and the present time as far as it is known, ms.
    pub(crate) rules: ArcSwap<Rules>,
    pub(crate) now_ms: AtomicI64,
    settled: Mutex<reshape::Settled>,
    pub(crate) rewrites: Rewrites,
    /// Ends a merge that is under way.
    stopping: AtomicBool,
    pub(crate) cardinality: Cardinality,
    _lock: DiskLock,
}

/// An open database. Clones share it.
#[derive(Clone)]
pub struct Db {
    pub(crate) inner: Arc<Inner>,
}

impl Db {
    /// How far the log was read when the directory was opened.
    #[must_use]
    pub fn replayed(&self) -> ReplayState {
        self.inner.options.replay.state()
    }

    /// What was found when the directory was opened.
    #[must_use]
    pub fn open_report(&self) -> &OpenReport {
        &self.inner.report
    }

    /// A new scrape group.
    #[must_use]
    pub fn create_group(&self) -> Arc<Group> {
        self.group_within(None)
    }

    /// A new scrape group whose series count towards a budget.
    #[must_use]
    pub fn create_group_within(&self, budget: &Arc<SeriesBudget>) -> Arc<Group> {
        self.group_within(Some(Arc::clone(budget)))
    }

    fn group_within(&self, budget: Option<Arc<SeriesBudget>>) -> Arc<Group> {
        let head = &self.inner.head;
        budget.iter().for_each(|budget| head.budgets.join(budget));
        let id = head.next_group.fetch_add(1, Ordering::AcqRel);
        let group = Arc::new(Group::new(id, Arc::clone(head), budget));
        self.inner.groups.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&group));
        group
    }

    /// An appender of samples that have timestamps of their own.
    #[must_use]
    pub fn appender(&self) -> Appender {
        Appender::new(Arc::clone(&self.inner.head), None)
    }

    /// An appender whose new series count towards a budget.
    #[must_use]
    pub fn appender_within(&self, budget: &Arc<SeriesBudget>) -> Appender {
        self.inner.head.budgets.join(budget);
        Appender::new(Arc::clone(&self.inner.head), Some(Arc::clone(budget)))
    }

    /// Keeps the directory in order: cuts blocks, deletes what retention says, merges blocks, writes those again
    /// of which the rules want less, lets idle series go.
    ///
    /// # Errors
    /// A file cannot be written or deleted. What was there before is still there.
    pub fn maintain(&self, now_ms: i64) -> Result<MaintainReport, StorageError> {
        let _one_at_a_time = self.inner.maintenance.lock().unwrap_or_else(PoisonError::into_inner);
        let mut report = MaintainReport::default();
        self.inner.now_ms.fetch_max(now_ms, Ordering::AcqRel);
        self.inner.retire_groups();
        if self.inner.is_flush_due() {
            self.inner.flush(&mut report)?;
        }
        if self.inner.late_is_due() {
            self.inner.write_late_blocks(&mut report)?;
        }
        while let Some(min_time) = self.inner.next_cut() {
            self.inner.make_room_for_cut(&mut report)?;
            self.inner.cut_block(min_time, &mut report)?;
        }
        self.inner.apply_retention(now_ms, &mut report)?;
        // What the head waits for comes first, also after a merge that took long.
        while self.inner.next_cut().is_none() && self.inner.compact_once(&mut report)? {}
        while self.inner.next_cut().is_none() && self.inner.reshape_once(now_ms, &mut report)? {}
        // New series get their place in the order here rather than in a query.
        drop(self.inner.head.ranked_index());
        self.inner.head.index.write().unwrap_or_else(PoisonError::into_inner).optimize();
        self.inner.cardinality.look(&self.inner.head, now_ms);
        let saved = self.inner.cardinality.save(&self.inner.files, &self.inner.dir, false);
        report.statistics_unsaved = saved.err().map(|error| error.to_string());
        Ok(report)
    }

    /// Forces what was written to the disk: what was appended before survives a power cut from then on.
    ///
    /// # Errors
    /// The log cannot be synced.
    pub fn sync(&self) -> Result<(), StorageError> {
        self.inner.head.wal.sync()
    }

    /// Ends a merge of blocks that is under way, and lets none begin; the blocks stay as they are.
    pub fn stop_compaction(&self) {
        self.inner.stopping.store(true, Ordering::Release);
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
        self.stop_compaction();
        let _one_at_a_time = self.inner.maintenance.lock().unwrap_or_else(PoisonError::into_inner);
        self.inner.stop.now();
        self.inner.head.wal.sync()?;
        let flushed = self.inner.flush(&mut MaintainReport::default());
        // Samples are not at stake: without the file there is less to compare with.
        let _ = self.inner.cardinality.save(&self.inner.files, &self.inner.dir, true);
        flushed
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

    /// What was found damaged on the disk since the database was opened.
    #[must_use]
    pub fn damage(&self) -> Vec<Damage> {
        self.inner.files.damage().list()
    }

    /// How many damaged places [`Db::damage`] has; cheap.
    #[must_use]
    pub fn damage_count(&self) -> u64 {
        self.inner.files.damage().count()
    }

    /// Whether appends fail at the moment because the log cannot be written, and how many have failed.
    #[must_use]
    pub fn log_failures(&self) -> (bool, u64) {
        let wal = &self.inner.head.wal;
        (wal.is_failing(), wal.failures())
    }

    /// Lets somebody watch the work of the database from now on; the first one stays.
    pub fn watch(&self, watcher: Arc<dyn Watcher>) {
        self.inner.head.counters.watch(watcher);
    }

    /// What was done since the database was opened.
    #[must_use]
    pub fn work(&self) -> WorkStats {
        WorkStats::of(&self.inner.head.counters, self.inner.head.wal.segment())
    }

    /// First and last time of which the blocks may have samples, ms; `None` without blocks.
    #[must_use]
    pub fn blocks_range(&self) -> Option<(i64, i64)> {
        let blocks = self.inner.blocks.load();
        let first = blocks.iter().map(|block| block.meta().min_time).min()?;
        let last = blocks.iter().map(|block| block.meta().max_time.saturating_sub(1)).max()?;
        Some((first, last))
    }

    /// What the blocks say about themselves, oldest first.
    #[must_use]
    pub fn block_metas(&self) -> Vec<crate::block::BlockMeta> {
        self.inner.blocks.load().iter().map(|block| block.meta().clone()).collect()
    }

    /// Facts about the head and the blocks.
    #[must_use]
    pub fn stats(&self, limit: usize) -> crate::query::stats::DbStats {
        crate::query::stats::DbStats::of(&self.inner, limit)
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.stop.now();
    }
}

impl Queryable for Db {
    fn querier(&self, _mint: i64, _maxt: i64) -> Result<Box<dyn Querier>, StorageError> {
        Ok(Box::new(DbQuerier::new(&self.inner)))
    }
}
