//! What the database does, for whoever watches it: counters since it was opened, and how long work takes.

use std::fmt::Debug;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

/// Work that takes time worth watching.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Work {
    /// A sync of the write-ahead log.
    LogSync,
    /// A flush: what is in memory goes to level 0, and the log behind it is deleted.
    LogTruncation,
    /// The head lets go of what a new block has.
    HeadCollection,
}

/// Hears of work when it is done. It is called in the midst of it, and so must be quick.
pub trait Watcher: Debug + Send + Sync {
    /// Work took so long, well or not.
    fn took(&self, work: Work, time: Duration);
    /// A sample was taken that is so much older than the newest one, ms.
    fn late(&self, ms: i64);
    /// A frame was written to a block for the first time: its bytes, its samples, and the time between the first
    /// and the last of them, ms.
    fn written(&self, bytes: usize, samples: usize, ms: i64);
}

/// Floats or histograms, by which rejected and late samples are counted.
#[derive(Debug, Default)]
pub(crate) struct ByKind {
    floats: AtomicU64,
    histograms: AtomicU64,
}

impl ByKind {
    pub(crate) fn add(&self, is_histogram: bool, count: usize) {
        let counter = if is_histogram { &self.histograms } else { &self.floats };
        counter.fetch_add(count as u64, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> (u64, u64) {
        (self.floats.load(Ordering::Relaxed), self.histograms.load(Ordering::Relaxed))
    }
}

/// The counters, which the parts of the database share.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    watcher: OnceLock<Arc<dyn Watcher>>,
    pub(crate) histograms_appended: AtomicU64,
    pub(crate) late: ByKind,
    pub(crate) out_of_bounds: ByKind,
    pub(crate) out_of_order: ByKind,
    pub(crate) too_old: ByKind,
    pub(crate) appenders: AtomicI64,
    pub(crate) appenders_created: AtomicU64,
    pub(crate) chunks_created: AtomicU64,
    pub(crate) chunks_removed: AtomicU64,
    pub(crate) chunks_flushed: AtomicU64,
    pub(crate) log_writes: AtomicU64,
    pub(crate) log_truncations: AtomicU64,
    pub(crate) log_truncations_failed: AtomicU64,
    pub(crate) flushes: AtomicU64,
    pub(crate) flushes_failed: AtomicU64,
    pub(crate) level0_deletions: AtomicU64,
    pub(crate) level0_deletions_failed: AtomicU64,
    pub(crate) cuts: AtomicU64,
    pub(crate) cuts_failed: AtomicU64,
    pub(crate) overlapping_merges: AtomicU64,
    pub(crate) retentions_by_time: AtomicU64,
    pub(crate) retentions_by_size: AtomicU64,
    pub(crate) writing_block: AtomicBool,
}

impl Counters {
    pub(crate) fn watch(&self, watcher: Arc<dyn Watcher>) {
        // The first one stays: nobody else has asked.
        let _ = self.watcher.set(watcher);
    }

    pub(crate) fn watcher(&self) -> Option<&Arc<dyn Watcher>> {
        self.watcher.get()
    }

    /// Does work and tells how long it took.
    pub(crate) fn timed<T>(&self, work: Work, act: impl FnOnce() -> T) -> T {
        let begin = Instant::now();
        let done = act();
        if let Some(watcher) = self.watcher() {
            watcher.took(work, begin.elapsed());
        }
        done
    }
}

/// Adds one.
pub(crate) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

/// What the database has done since it was opened, all of it counted. Of pairs the first is of floats and the second
/// of native histograms.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WorkStats {
    /// Native histograms appended, which [`crate::DbStats::samples_appended`] has too.
    pub histograms_appended: u64,
    /// Samples that came too late for the order of their series, and were taken.
    pub late: (u64, u64),
    /// Samples refused since their time is in blocks.
    pub out_of_bounds: (u64, u64),
    /// Samples refused since their series has a newer one.
    pub out_of_order: (u64, u64),
    /// Samples refused since they are older than the window for late ones.
    pub too_old: (u64, u64),
    /// Appenders and scrape groups that there are.
    pub appenders: i64,
    /// Appenders and scrape groups that there were.
    pub appenders_created: u64,
    /// Chunks sealed in memory.
    pub chunks_created: u64,
    /// Chunks that left the memory.
    pub chunks_removed: u64,
    /// Chunks written to level 0.
    pub chunks_flushed: u64,
    /// The segment of the log that is written.
    pub log_segment: u64,
    /// Writes to the log.
    pub log_writes: u64,
    /// Attempts to delete old segments of the log.
    pub log_truncations: u64,
    /// Those that failed.
    pub log_truncations_failed: u64,
    /// Attempts to write what is in memory to level 0.
    pub flushes: u64,
    /// Those that failed.
    pub flushes_failed: u64,
    /// Files of level 0 that were to be deleted, since a block has what they hold.
    pub level0_deletions: u64,
    /// Those that could not be.
    pub level0_deletions_failed: u64,
    /// Attempts to cut a block from the head.
    pub cuts: u64,
    /// Those that failed.
    pub cuts_failed: u64,
    /// Merges of blocks that overlapped in time.
    pub overlapping_merges: u64,
    /// Rounds in which blocks were deleted because of their age.
    pub retentions_by_time: u64,
    /// Rounds in which blocks were deleted because of the size of the directory.
    pub retentions_by_size: u64,
    /// Whether a block is being written.
    pub writing_block: bool,
}

impl WorkStats {
    pub(crate) fn of(counters: &Counters, log_segment: u64) -> Self {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Self {
            histograms_appended: get(&counters.histograms_appended),
            late: counters.late.get(),
            out_of_bounds: counters.out_of_bounds.get(),
            out_of_order: counters.out_of_order.get(),
            too_old: counters.too_old.get(),
            appenders: counters.appenders.load(Ordering::Relaxed),
            appenders_created: get(&counters.appenders_created),
            chunks_created: get(&counters.chunks_created),
            chunks_removed: get(&counters.chunks_removed),
            chunks_flushed: get(&counters.chunks_flushed),
            log_segment,
            log_writes: get(&counters.log_writes),
            log_truncations: get(&counters.log_truncations),
            log_truncations_failed: get(&counters.log_truncations_failed),
            flushes: get(&counters.flushes),
            flushes_failed: get(&counters.flushes_failed),
            level0_deletions: get(&counters.level0_deletions),
            level0_deletions_failed: get(&counters.level0_deletions_failed),
            cuts: get(&counters.cuts),
            cuts_failed: get(&counters.cuts_failed),
            overlapping_merges: get(&counters.overlapping_merges),
            retentions_by_time: get(&counters.retentions_by_time),
            retentions_by_size: get(&counters.retentions_by_size),
            writing_block: counters.writing_block.load(Ordering::Relaxed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Db, DbOptions, Labels, WalSync};
    use std::collections::HashSet;
    use std::sync::Mutex;

    #[derive(Debug, Default)]
    struct Heard {
        work: Mutex<HashSet<Work>>,
        late: Mutex<Vec<i64>>,
        samples: AtomicU64,
    }

    impl Watcher for Heard {
        fn took(&self, work: Work, _: Duration) {
            self.work.lock().unwrap().insert(work);
        }
        fn late(&self, ms: i64) {
            self.late.lock().unwrap().push(ms);
        }
        fn written(&self, _: usize, samples: usize, _: i64) {
            self.samples.fetch_add(samples as u64, Ordering::Relaxed);
        }
    }

    #[test]
    fn what_the_database_does_is_counted_and_told() {
        let dir = tempfile::tempdir().unwrap();
        let options = DbOptions { block_range_ms: 1000, wal_sync: WalSync::Always, ..DbOptions::default() };
        let db = Db::open(dir.path(), options).unwrap();
        let heard = Arc::new(Heard::default());
        db.watch(heard.clone());
        let labels = Labels::from_pairs([("__name__", "a")]);
        let mut appender = db.appender();
        (0..=30).for_each(|i| appender.append(&labels, i * 100, i as f64).unwrap());
        appender.commit().unwrap();
        assert!(appender.append(&labels, 50, 1.0).is_err());
        db.set_out_of_order_window(1000);
        assert!(appender.append(&labels, 60, 1.0).is_err());
        appender.append(&labels, 2950, 1.0).unwrap();
        appender.commit().unwrap();
        db.maintain(3000).unwrap();
        let work = db.work();
        assert_eq!((work.out_of_order, work.too_old, work.late), ((1, 0), (1, 0), (1, 0)));
        assert_eq!((work.appenders, work.appenders_created), (1, 1));
        assert_eq!(work.chunks_created - work.chunks_removed, db.stats(0).chunks);
        assert!(work.cuts > 0 && work.flushes >= work.cuts && work.log_writes >= 2, "{work:?}");
        assert_eq!((work.cuts_failed, work.flushes_failed, work.writing_block), (0, 0, false));
        assert_eq!(*heard.late.lock().unwrap(), [50]);
        let in_blocks: u64 = db.block_metas().iter().map(|meta| meta.stats.num_samples).sum();
        assert_eq!(heard.samples.load(Ordering::Relaxed), in_blocks);
        let all = HashSet::from([Work::LogSync, Work::LogTruncation, Work::HeadCollection]);
        assert_eq!(*heard.work.lock().unwrap(), all);
        drop(appender);
        assert_eq!(db.work().appenders, 0);
    }
}
