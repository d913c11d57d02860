//! Cutting blocks from the head, and what follows from it for the head and the log.

use super::{Inner, MaintainReport};
use crate::block::{Block, BlockWriter};
use crate::filenames;
use crate::head::select::HeadSeries;
use crate::query::tidy::Joints;
use crate::query::{Columns, StorageError};
use crate::tombstones::Tombstones;
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
        // The first block after a snapshot that was opened begins where that one ended.
        let before = {
            let _no_commits = head.commits.lock().unwrap_or_else(PoisonError::into_inner);
            let before = head.min_valid_ms.fetch_max(max_time, Ordering::AcqRel);
            head.epoch.fetch_add(2, Ordering::AcqRel);
            before
        };
        for group in self.groups.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            group.seal_before(max_time);
        }
        let mut series = head.all_series();
        series.sort_unstable_by(|a, b| a.labels.cmp(&b.labels));
        let tombstones = head.tombstones.load_full();
        let name = ulid::Ulid::new().to_string();
        let mut block = BlockWriter::new(&self.files, &self.dir, name, min_time.max(before), max_time)?;
        let mut columns = Columns::default();
        for one in &series {
            let range = (min_time, max_time - 1);
            self.read_head(&HeadSeries::live(one), range, tombstones.as_deref(), &mut columns)?;
            if !columns.is_empty() {
                block.add_series(&one.labels, &columns)?;
            }
        }
        if let Some(path) = block.finish()? {
            let mut blocks = Vec::clone(&self.blocks.load());
            blocks.push(Arc::new(Block::open(&self.files, &path)?));
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
        self.drop_tombstones_before(max_time);
        self.truncate_wal(segment, max_time)
    }

    /// Writes the samples of a series of the head within `[mint, maxt]` to `out`, but the deleted ones.
    pub(super) fn read_head(
        &self,
        series: &HeadSeries,
        (mint, maxt): (i64, i64),
        tombstones: Option<&Tombstones>,
        out: &mut Columns,
    ) -> Result<(), StorageError> {
        out.clear();
        let mut joints = Joints::new(out);
        let labels = &series.series.labels;
        series.read(mint, maxt, out, &mut joints).map_err(|e| StorageError::Corrupt {
            what: format!("head series {labels:?}"),
            detail: e.to_string(),
        })?;
        joints.tidy(out);
        if let Some(deleted) = tombstones.and_then(|tombstones| tombstones.get(series.series.id)) {
            deleted.mask(out, 0);
        }
        Ok(())
    }

    /// Forgets the tombstones of what the head has let go of, which nobody can read there any more.
    fn drop_tombstones_before(&self, before_ms: i64) {
        let Some(tombstones) = self.head.tombstones.load_full() else { return };
        let mut tombstones = Tombstones::clone(&tombstones);
        {
            let index = self.head.index();
            tombstones.retain(before_ms, |id| index.get(id).is_some());
        }
        self.head.set_tombstones(tombstones);
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
        if let Some(tombstones) = head.tombstones.load().as_deref() {
            self.log_tombstones(tombstones)?;
        }
        head.wal.sync()?;
        head.wal.delete_before(keep_from)
    }
}
