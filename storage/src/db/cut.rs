//! Cutting blocks from the head, and what follows from it for the head and the log.

use super::{Inner, MaintainReport};
use crate::block::{BlockWriter, ServedBlock};
use crate::filenames;
use crate::head::select::HeadSeries;
use crate::query::tidy::Joints;
use crate::query::{Columns, StorageError};
use crate::wal::record::{self, Kind};
use crate::wal::writer;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError, Weak};

impl Inner {
    /// Seals and forgets the groups that nobody appends to any more.
    pub(super) fn retire_groups(&self) {
        let mut groups = self.groups.lock().unwrap_or_else(PoisonError::into_inner);
        groups.retain(|group| {
            let idle = Arc::strong_count(group) == 1;
            if idle {
                group.seal();
            }
            !idle
        });
    }

    /// Writes the block that begins at `min_time` and lets the head go of it.
    pub(super) fn cut_block(&self, min_time: i64, report: &mut MaintainReport) -> Result<(), StorageError> {
        let max_time = min_time.saturating_add(self.options.block_range_ms);
        let head = &self.head;
        {
            let _no_commits = head.commits.lock().unwrap_or_else(PoisonError::into_inner);
            head.min_valid_ms.fetch_max(max_time, Ordering::AcqRel);
            head.epoch.fetch_add(2, Ordering::AcqRel);
        }
        for group in self.groups.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            group.seal_before(max_time);
        }
        let mut series = head.all_series();
        series.sort_unstable_by(|a, b| a.labels.cmp(&b.labels));
        let mut block =
            BlockWriter::new(&self.files, &self.dir, ulid::Ulid::new().to_string(), min_time, max_time)?;
        let mut columns = Columns::default();
        for one in &series {
            columns.clear();
            let mut joints = Joints::new(&columns);
            HeadSeries::live(one).read(min_time, max_time - 1, &mut columns, &mut joints).map_err(|e| {
                StorageError::Corrupt { what: format!("head series {:?}", one.labels), detail: e.to_string() }
            })?;
            joints.tidy(&mut columns);
            if !columns.is_empty() {
                block.add_series(&one.labels, &columns)?;
            }
        }
        if let Some(path) = block.finish()? {
            let mut blocks = Vec::clone(&self.blocks.load());
            blocks.push(Arc::new(ServedBlock::open(&self.files, &path)?));
            blocks.sort_by_key(|b| b.meta().min_time);
            self.blocks.store(Arc::new(blocks));
            report.blocks_written.push(path);
        }
        // A new segment first: what it says of every live series outlives the segments before it.
        let segment = head.wal.rotate()?;
        // From here on a query that selected before has to look for new blocks too.
        head.cuts.fetch_add(1, Ordering::AcqRel);
        let mut oldest_ms = i64::MAX;
        for one in &series {
            oldest_ms = oldest_ms.min(one.state().drop_before(max_time).unwrap_or(i64::MAX));
        }
        head.min_ms
            .store(max_time.max(oldest_ms.min(head.max_ms.load(Ordering::Acquire))), Ordering::Release);
        drop(series);
        self.drop_idle_series(report);
        self.truncate_wal(segment, max_time)
    }

    /// Removes the series without samples and without a writer.
    fn drop_idle_series(&self, report: &mut MaintainReport) {
        let mut index = self.head.index.write().unwrap_or_else(PoisonError::into_inner);
        index.order.complete();
        let mut doomed = index.all();
        doomed.retain(|series| {
            let mut state = series.state();
            state.owners.retain(|(group, _)| Weak::strong_count(group) > 0);
            // The index has three references and the list one; another is an appender's that has yet to
            // commit, or a query's.
            let idle = state.chunks.is_empty() && state.open.is_empty() && state.owners.is_empty();
            idle && Arc::strong_count(series) <= 4
        });
        index.remove_all(&doomed);
        report.series_removed += doomed.len();
        self.head.series_removed.fetch_add(report.series_removed as u64, Ordering::Relaxed);
    }

    /// Tells the newest segment the labels of every live series, then deletes the segments whose samples
    /// are all in blocks.
    fn truncate_wal(&self, newest: u64, before_ms: i64) -> Result<(), StorageError> {
        let head = &self.head;
        let closed = writer::segments(&self.files, &self.dir.join(filenames::WAL_DIR))?;
        let keep_from = {
            let mut segment_max = self.segment_max.lock().unwrap_or_else(PoisonError::into_inner);
            let now = head.max_ms.load(Ordering::Acquire);
            for (number, _) in closed.iter().filter(|(number, _)| *number < newest) {
                segment_max.entry(*number).or_insert(now);
            }
            let keep_from =
                segment_max.iter().find(|(_, max)| **max >= before_ms).map_or(newest, |(number, _)| *number);
            segment_max.retain(|number, _| *number >= keep_from);
            keep_from
        };
        let series = head.all_series();
        head.wal.append(|_, out| {
            record::put_list(out, Kind::Series, &series, |out, one| one.encode(out));
        })?;
        head.wal.sync()?;
        head.wal.delete_before(keep_from)
    }
}
