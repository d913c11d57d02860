//! Flushing the head: what is in memory goes to a file of level 0, and the log behind it is deleted.

use super::{Inner, MaintainReport};
use crate::filenames;
use crate::head::OPEN_MAX_MS;
use crate::level0::{Level0, Marks, Writer};
use crate::query::StorageError;
use crate::work::{Work, count};
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

/// Bytes of the log that may wait, since a start reads them all.
const LOG_MAX: u64 = 256 << 20;

impl Inner {
    /// Whether enough is in memory for a flush: a sealed chunk of most series, the samples of half an hour, or a
    /// long log.
    pub(super) fn is_flush_due(&self) -> bool {
        let head = &self.head;
        let series = head.index().len() as u64;
        let newest = head.max_ms.load(Ordering::Acquire);
        let since = self.flushed_ms.load(Ordering::Acquire).max(head.min_ms.load(Ordering::Acquire));
        head.sealed.load(Ordering::Relaxed) > series - series / 8
            || newest.saturating_sub(since) >= OPEN_MAX_MS
            || head.wal.bytes_since_flush() >= LOG_MAX
    }

    /// Writes all samples in memory to a file of level 0, after which the log up to here is not needed.
    pub(super) fn flush(&self, report: &mut MaintainReport) -> Result<(), StorageError> {
        let counters = &self.head.counters;
        count(&counters.flushes);
        counters.timed(Work::LogTruncation, || {
            let segment = self.write_level0(report).inspect_err(|_| count(&counters.flushes_failed))?;
            self.head.wal.delete_before(segment)
        })
    }

    /// Writes all samples in memory to a file of level 0; the first segment of the log that is still needed.
    fn write_level0(&self, report: &mut MaintainReport) -> Result<u64, StorageError> {
        let head = &self.head;
        // What is logged in older segments is in the groups' rows and the series by the time they are sealed
        // below; what is logged from here on may be in the file too.
        let (segment, is_late, exemplars) = {
            let _no_exemplars = head.exemplars.hold();
            let _no_commits = head.commits.lock().unwrap_or_else(PoisonError::into_inner);
            (head.wal.rotate()?, self.log_late_again()?, head.exemplars.next_sequence())
        };
        let has_exemplars = self.log_exemplars_again(exemplars)?;
        let tombstones = head.tombstones.load_full();
        if let Some(tombstones) = tombstones.as_deref() {
            self.log_tombstones(tombstones)?;
        }
        // Durable before the file is: from then on a start does not read the older segments.
        if is_late || has_exemplars || tombstones.is_some() {
            head.wal.sync()?;
        }
        let newest = head.max_ms.load(Ordering::Acquire);
        let groups = self.groups.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let sealed = groups.iter().map(|group| (group.id, group.seal())).collect();
        let marks = Marks { segment, next_group: head.next_group.load(Ordering::Acquire), groups: sealed };
        drop(groups);
        // Only now: a series whose row was sealed is in the index.
        let mut series = head.all_series();
        series.sort_unstable_by_key(|one| one.id);
        self.catalogue.lock().unwrap_or_else(PoisonError::into_inner).save(&series)?;
        self.files.create_dirs(&self.dir.join(filenames::LEVEL0_DIR))?;
        self.files.sync_dir(&self.dir)?;
        let number = self.next_level0.fetch_add(1, Ordering::AcqRel);
        let mut file = Writer::new(&self.files, &self.dir.join(filenames::LEVEL0_DIR), number)?;
        let mut written = Vec::with_capacity(series.len());
        let mut late = 0;
        for one in &series {
            let chunks = {
                let mut state = one.state();
                let version = state.version;
                state.seal_open(&head.timelines);
                late += state.seal_late(head.min_valid_ms.load(Ordering::Acquire), &head.timelines) as u64;
                let sealed = u64::from(state.version.wrapping_sub(version));
                head.counters.chunks_created.fetch_add(sealed, Ordering::Relaxed);
                state.chunks.clone()
            };
            file.add(one.id, &chunks)?;
            written.push(u32::try_from(chunks.len()).unwrap_or(u32::MAX));
        }
        if let Some(path) = file.finish(&marks)? {
            let mut files = Vec::clone(&head.level0.load());
            files.push(Arc::new(Level0::open(&self.files, &path)?));
            head.level0.store(Arc::new(files));
            report.flushed.push(path);
        }
        for (one, written) in series.iter().zip(&written) {
            one.state().flushed(*written as usize);
            head.counters.chunks_removed.fetch_add(u64::from(*written), Ordering::Relaxed);
            head.counters.chunks_flushed.fetch_add(u64::from(*written), Ordering::Relaxed);
        }
        head.sealed.store(0, Ordering::Relaxed);
        head.late.fetch_sub(late, Ordering::Relaxed);
        self.flushed_ms.store(newest, Ordering::Release);
        Ok(segment)
    }
}
