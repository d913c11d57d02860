//! Cutting blocks from the head, and what follows from it for the head and the log.

use super::{Inner, MaintainReport};
use crate::block::{BlockPlan, BlockWriter, ServedBlock, in_order};
use crate::filenames;
use crate::head::select::HeadSeries;
use crate::head::series::MemSeries;
use crate::io::disk::Listed;
use crate::labels::LabelsBuf;
use crate::query::tidy::Joints;
use crate::query::{Columns, StorageError};
use crate::tombstones::Tombstones;
use crate::work::{Work, count};
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError, Weak};

impl Inner {
    /// Seals and forgets the groups that nobody appends to any more.
    pub(super) fn retire_groups(&self) {
        let mut groups = self.groups.lock().unwrap_or_else(PoisonError::into_inner);
        groups.retain(|group| {
            let idle = Arc::strong_count(group) == 1;
            if idle {
                group.retire();
            }
            !idle
        });
    }

    /// The timestamp of the head's oldest sample at or after `from`, ms; of what is in memory also before it.
    pub(super) fn oldest_ms(&self, from: i64) -> Option<i64> {
        // Samples move from open rows into chunks and from there to level 0: looked for in this order none is
        // missed.
        let rows: Vec<i64> = {
            let groups = self.groups.lock().unwrap_or_else(PoisonError::into_inner);
            groups.iter().filter_map(|group| group.first_ms()).collect()
        };
        let series = self.head.all_series();
        let waiting = series.iter().filter_map(|one| one.state().first_ms());
        let oldest = rows.into_iter().chain(waiting).min();
        let flushed = self.head.level0.load().iter().filter_map(|file| file.first_from(from)).min();
        oldest.into_iter().chain(flushed).min()
    }

    /// Where the next block begins, when the head is long enough for one.
    pub(super) fn next_cut(&self) -> Option<i64> {
        let (head, range) = (&self.head, self.options.block_range_ms);
        let (min, max) = (head.min_ms.load(Ordering::Acquire), head.max_ms.load(Ordering::Acquire));
        let is_long = |from: i64| min <= max && max.saturating_sub(from) > range + range / 2;
        if !is_long(min) {
            return None;
        }
        // `min` is a bound: there may be nothing for a long time after it.
        let oldest = self.oldest_ms(min)?.max(min);
        is_long(oldest).then_some(oldest.div_euclid(range).saturating_mul(range))
    }

    /// Writes the block that begins at `min_time` and lets the head go of it.
    pub(super) fn cut_block(&self, min_time: i64, report: &mut MaintainReport) -> Result<(), StorageError> {
        let counters = &self.head.counters;
        count(&counters.cuts);
        counters.writing_block.store(true, Ordering::Relaxed);
        let cut = self.try_cut_block(min_time, report);
        counters.writing_block.store(false, Ordering::Relaxed);
        cut.inspect_err(|_| count(&counters.cuts_failed))
    }

    fn try_cut_block(&self, min_time: i64, report: &mut MaintainReport) -> Result<(), StorageError> {
        let max_time = min_time.saturating_add(self.options.block_range_ms);
        let head = &self.head;
        {
            let _no_commits = head.commits.lock().unwrap_or_else(PoisonError::into_inner);
            head.min_valid_ms.fetch_max(max_time, Ordering::AcqRel);
            head.epoch.fetch_add(2, Ordering::AcqRel);
        }
        // The first block after a snapshot that was opened begins where that one ended. Not `min_valid_ms`: a cut
        // that failed has raised it already, and a block of Prometheus may end later than what the head has.
        let from = min_time.max(head.cut_ms.load(Ordering::Acquire));
        self.flush(report)?;
        let mut series = head.all_series();
        series.sort_unstable_by(|a, b| a.labels.cmp(&b.labels));
        let tombstones = head.tombstones.load_full();
        let plan = BlockPlan::of_head(from, max_time, false);
        let mut block = BlockWriter::new(&self.files, &self.dir, plan)?.watched(&head.counters);
        let (mut columns, mut buffer) = (Columns::default(), LabelsBuf::default());
        for one in &series {
            let range = (from, max_time - 1);
            let one = HeadSeries::live(one);
            match self.read_head(&one, range, from, tombstones.as_deref(), &mut columns) {
                // What can be read of it is kept.
                Err(StorageError::Corrupt { what, detail }) => {
                    report.damaged.push(format!("{what}: {detail}"))
                }
                other => other?,
            }
            if !columns.is_empty() {
                block.add_series(&one.series.labels.to_labels_with(&mut buffer), &columns)?;
            }
        }
        let path = block.finish()?;
        let is_written = path.is_some();
        if let Some(path) = path {
            let mut blocks = Vec::clone(&self.blocks.load());
            blocks.push(Arc::new(ServedBlock::open(&self.files, &path)?));
            in_order(&mut blocks);
            self.blocks.store(Arc::new(blocks));
            report.blocks_written.push(path);
        }
        head.cut_ms.fetch_max(max_time, Ordering::AcqRel);
        // From here on a query that selected before has to look for new blocks too.
        head.cuts.fetch_add(1, Ordering::AcqRel);
        head.counters.timed(Work::HeadCollection, || self.let_go(series, max_time))?;
        self.write_late_blocks(report)?;
        self.drop_idle_series(report);
        // Without a block nothing tells the next start where the head begins: what was deleted of files of level 0
        // that go on behind the cut would be there again.
        if is_written {
            self.drop_tombstones_before(max_time);
        }
        Ok(())
    }

    /// Lets the head go of what a block has now.
    fn let_go(&self, series: Vec<Arc<MemSeries>>, max_time: i64) -> Result<(), StorageError> {
        let (head, counters) = (&self.head, &self.head.counters);
        let mut kept = Vec::clone(&head.level0.load());
        let files = kept.len();
        kept.retain(|file| file.range().1 >= max_time);
        let is_fewer = kept.len() < files;
        head.level0.store(Arc::new(kept));
        for one in &series {
            let mut state = one.state();
            let before = state.chunks.len();
            state.drop_before(max_time);
            let dropped = before.saturating_sub(state.chunks.len()) as u64;
            counters.chunks_removed.fetch_add(dropped, Ordering::Relaxed);
        }
        // Not the oldest sample that is left: one that is appended meanwhile may be older.
        head.min_ms.store(max_time, Ordering::Release);
        drop(series);
        if is_fewer { self.remove_stray_level0() } else { Ok(()) }
    }

    /// Deletes the files of level 0 that are not served any more, also those that an earlier attempt left. When it
    /// returns, they are gone for good: once retention takes the blocks that have their samples, nothing tells a start
    /// that these are old.
    fn remove_stray_level0(&self) -> Result<(), StorageError> {
        let counters = &self.head.counters;
        let dir = self.dir.join(filenames::LEVEL0_DIR);
        let kept = self.head.level0.load();
        for Listed { path, .. } in self.files.list(&dir)? {
            if kept.iter().all(|file| file.path() != path) {
                count(&counters.level0_deletions);
                let deleted = self.files.remove_file(&path);
                deleted.inspect_err(|_| count(&counters.level0_deletions_failed))?;
            }
        }
        self.files.sync_dir(&dir)
    }

    /// Writes the samples of a series of the head within a range to `out`, but the deleted ones and those that blocks
    /// have, which end at `cut_ms`. After an error `out` has what could be read.
    pub(super) fn read_head(
        &self,
        series: &HeadSeries,
        range: (i64, i64),
        cut_ms: i64,
        tombstones: Option<&Tombstones>,
        out: &mut Columns,
    ) -> Result<(), StorageError> {
        out.clear();
        let mut joints = Joints::new(out);
        let read = series.read(&self.head.level0, range, cut_ms, out, &mut joints);
        joints.tidy(out);
        if let Some(deleted) = tombstones.and_then(|tombstones| tombstones.get(series.series.id)) {
            deleted.mask(out, 0);
        }
        read
    }

    /// Forgets the tombstones of what the head has let go of. A file of level 0 may still have it, and a start would
    /// read it if retention had taken the blocks that say where the head begins.
    fn drop_tombstones_before(&self, before_ms: i64) {
        let Some(tombstones) = self.head.tombstones.load_full() else { return };
        let before_ms = self.head.oldest_stored_ms().min(before_ms);
        let mut tombstones = Tombstones::clone(&tombstones);
        {
            let index = self.head.index();
            tombstones.retain(before_ms, |id| index.get(id).is_some());
        }
        self.head.set_tombstones(tombstones);
    }

    /// Removes the series without samples and without a writer.
    pub(super) fn drop_idle_series(&self, report: &mut MaintainReport) {
        let level0 = self.head.level0.load();
        let mut index = self.head.index.write().unwrap_or_else(PoisonError::into_inner);
        let idle = |series: &&Arc<MemSeries>| {
            let mut state = series.state();
            state.owners.retain(|group, _| Weak::strong_count(group) > 0);
            // The index has three references; another is an appender's that has yet to commit, or a query's.
            let idle = state.chunks.is_empty()
                && state.open_range().is_none()
                && state.late().is_none()
                && state.owners.is_empty();
            idle && Arc::strong_count(series) <= 3 && !level0.iter().any(|file| file.has(series.id))
        };
        let doomed: Vec<Arc<MemSeries>> = index.iter().filter(idle).cloned().collect();
        index.remove_all(&doomed);
        self.head.budgets.let_go(&doomed);
        report.series_removed += doomed.len();
        self.head.series_removed.fetch_add(doomed.len() as u64, Ordering::Relaxed);
    }
}
