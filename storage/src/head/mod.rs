//! The head: everything that is not yet in a block.
//!
//! A **group** is the series of one scrape target: one timeline, one value per slot and row, and per slot
//! a cell that grows only when the value changes. Samples with timestamps of their own go straight to
//! their series. Both end as chunks of the series, compressed by `codec`, until a block takes them.
//!
//! Lock order: exemplars' commit → commits, or a group's writer → write-ahead log → a group's rows → a series; the index
//! stands alone, with the budgets of series under it.

pub mod append;
pub mod budget;
mod cell;
pub mod entry;
pub mod group;
pub(crate) mod index;
pub(crate) mod labels;
pub(crate) mod late;
mod load;
mod open;
pub(crate) mod order;
mod owners;
pub(crate) mod replay;
pub mod row;
pub(crate) mod select;
pub(crate) mod series;
mod slab;
mod timelines;

use crate::exemplar::Exemplars;
use crate::histogram::InvalidHistogram;
use crate::level0::Level0;
use crate::query::StorageError;
use crate::tombstones::Tombstones;
use crate::wal::Wal;
use crate::wal::record::{self, Kind};
use crate::work::Counters;
use arc_swap::{ArcSwap, ArcSwapOption};
use budget::Budgets;
use index::Index;
use series::MemSeries;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard};
use timelines::Timelines;

/// Rows of an open cell, and samples of a chunk before it is sealed.
pub(crate) const ROWS_MAX: usize = 120;
/// An open cell is sealed after this time, ms, however few rows it has.
pub(crate) const OPEN_MAX_MS: i64 = 30 * 60 * 1000;

/// A sample that the head refuses; the texts are Prometheus's.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AppendError {
    /// Older than the newest sample of the series.
    #[error("out of order sample")]
    OutOfOrder,
    /// Another value for a timestamp that the series already has.
    #[error("duplicate sample for timestamp")]
    Duplicate,
    /// Older than what the head still takes.
    #[error("out of bounds")]
    OutOfBounds,
    /// Out of order, and older than the window for such samples.
    #[error("too old sample")]
    TooOld,
    /// A histogram that contradicts itself.
    #[error(transparent)]
    Histogram(#[from] InvalidHistogram),
    /// The series would be new, and the database has as many as it may have.
    #[error("new series refused: the limit of {0} series is reached")]
    TooManySeries(u64),
    /// The series would be new, and whoever brings it has as many as they may bring.
    #[error("new series refused: the budget of {0} series is spent")]
    BudgetSpent(u64),
    /// The slot does not belong to the group, or the series is gone.
    #[error("unknown series reference")]
    UnknownSeries,
    /// The write-ahead log failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl AppendError {
    /// Counts a sample that is refused.
    fn note(&self, is_histogram: bool, counters: &Counters) {
        match self {
            Self::OutOfOrder => counters.out_of_order.add(is_histogram, 1),
            Self::OutOfBounds => counters.out_of_bounds.add(is_histogram, 1),
            Self::TooOld => counters.too_old.add(is_histogram, 1),
            _ => {}
        }
    }

    /// Whether there is no room for one more series; it may be taken once others have left.
    #[must_use]
    pub fn is_no_room(&self) -> bool {
        matches!(self, Self::TooManySeries(_) | Self::BudgetSpent(_))
    }
}

/// State shared by groups, appenders and queriers.
pub(crate) struct Head {
    pub(crate) index: RwLock<Index>,
    pub(crate) budgets: Budgets,
    pub(crate) wal: Wal,
    pub(crate) exemplars: Exemplars,
    pub(crate) counters: Arc<Counters>,
    /// Held while samples outside of groups are checked and become visible, and while `min_valid_ms` is
    /// raised: what was checked against the old bound is in the head before a block is cut from it.
    pub(crate) commits: Mutex<()>,
    /// Counts what may have changed under samples that are staged: by two for a commit, and odd while one
    /// is becoming visible; by two for a raised `min_valid_ms`. Changed under `commits`.
    pub(crate) epoch: AtomicU64,
    /// What left the memory and is in no block yet, oldest first.
    pub(crate) level0: ArcSwap<Vec<Arc<Level0>>>,
    /// Samples before this are in blocks, ms.
    pub(crate) cut_ms: AtomicI64,
    /// How much older than the newest sample a late one may be, ms; 0 takes none.
    pub(crate) late_window_ms: AtomicI64,
    /// Late samples in memory, and the oldest of them (or an older one).
    pub(crate) late: AtomicU64,
    pub(crate) late_min_ms: AtomicI64,
    /// Chunks that were sealed since the last flush, roughly.
    pub(crate) sealed: AtomicU64,
    /// Counts the blocks that were cut from the head; one more before it lets go of their samples.
    pub(crate) cuts: AtomicU64,
    pub(crate) timelines: Timelines,
    /// What is deleted, by series id; `None` when nothing is. Changed by one task at a time, the database's.
    pub(crate) tombstones: ArcSwapOption<Tombstones>,
    /// Samples before this are out of bounds: they would belong to a finished block.
    pub(crate) min_valid_ms: AtomicI64,
    pub(crate) min_ms: AtomicI64,
    pub(crate) max_ms: AtomicI64,
    pub(crate) block_range_ms: i64,
    pub(crate) next_group: AtomicU64,
    pub(crate) samples_appended: AtomicU64,
    pub(crate) series_created: AtomicU64,
    pub(crate) series_removed: AtomicU64,
}

impl Head {
    pub(crate) fn new(wal: Wal, block_range_ms: i64, max_series: Option<u64>) -> Self {
        Self {
            index: RwLock::new(Index::loading()),
            budgets: Budgets::new(max_series),
            counters: Arc::clone(&wal.counters),
            wal,
            exemplars: Exemplars::default(),
            commits: Mutex::default(),
            epoch: AtomicU64::new(0),
            level0: ArcSwap::default(),
            cut_ms: AtomicI64::new(i64::MIN),
            late_window_ms: AtomicI64::new(0),
            late: AtomicU64::new(0),
            late_min_ms: AtomicI64::new(i64::MAX),
            sealed: AtomicU64::new(0),
            cuts: AtomicU64::new(0),
            timelines: Timelines::default(),
            tombstones: ArcSwapOption::empty(),
            min_valid_ms: AtomicI64::new(i64::MIN),
            min_ms: AtomicI64::new(i64::MAX),
            max_ms: AtomicI64::new(i64::MIN),
            block_range_ms: block_range_ms.max(1),
            next_group: AtomicU64::new(1),
            samples_appended: AtomicU64::new(0),
            series_created: AtomicU64::new(0),
            series_removed: AtomicU64::new(0),
        }
    }

    /// The series whose labels have this encoded form, if it is known.
    pub(crate) fn find_encoded(&self, labels: &str) -> Option<Arc<MemSeries>> {
        self.index().find_encoded(labels).cloned()
    }

    /// Logs the labels of series that no segment holds yet; called inside [`Wal::append`].
    pub(crate) fn log_series<'a>(&self, series: impl Iterator<Item = &'a Arc<MemSeries>>, out: &mut Vec<u8>) {
        let fresh = series.filter(|s| !s.logged.swap(true, Ordering::AcqRel));
        record::put_list(out, Kind::Series, fresh, |out, series| series.encode(out));
    }

    /// The timestamp from which on files of level 0 have samples, ms.
    pub(crate) fn oldest_stored_ms(&self) -> i64 {
        self.level0.load().iter().map(|file| file.range().0).min().unwrap_or(i64::MAX)
    }

    pub(crate) fn note_time(&self, timestamp: i64) {
        self.min_ms.fetch_min(timestamp, Ordering::AcqRel);
        self.max_ms.fetch_max(timestamp, Ordering::AcqRel);
    }

    pub(crate) fn index(&self) -> RwLockReadGuard<'_, Index> {
        self.index.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The index after every series has got its rank.
    pub(crate) fn ranked_index(&self) -> RwLockReadGuard<'_, Index> {
        loop {
            let index = self.index();
            if index.order.is_complete() {
                return index;
            }
            drop(index);
            self.index.write().unwrap_or_else(PoisonError::into_inner).order.complete();
        }
    }

    /// Says what is deleted of its series.
    pub(crate) fn set_tombstones(&self, tombstones: Tombstones) {
        self.tombstones.store((!tombstones.is_empty()).then(|| Arc::new(tombstones)));
    }

    /// Every live series.
    pub(crate) fn all_series(&self) -> Vec<Arc<MemSeries>> {
        self.index().all()
    }
}
