//! Cutting blocks from the head, and what follows from it for the head and the log.

use super::{Inner, MaintainReport};
use crate::block::{BlockWriter, ServedBlock};
use crate::head::select::HeadSeries;
use crate::query::tidy::Joints;
use crate::query::{Columns, StorageError};
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

    /// Writes the block that begins at `min_time` and lets the head go of it.
    pub(super) fn cut_block(&self, min_time: i64, report: &mut MaintainReport) -> Result<(), StorageError> {
        let max_time = min_time.saturating_add(self.options.block_range_ms);
        let head = &self.head;
        {
            let _no_commits = head.commits.lock().unwrap_or_else(PoisonError::into_inner);
            head.min_valid_ms.fetch_max(max_time, Ordering::AcqRel);
            head.epoch.fetch_add(2, Ordering::AcqRel);
        }
        self.flush(report)?;
        let mut series = head.all_series();
        series.sort_unstable_by(|a, b| a.labels.cmp(&b.labels));
        let mut block =
            BlockWriter::new(&self.files, &self.dir, ulid::Ulid::new().to_string(), min_time, max_time)?;
        let mut columns = Columns::default();
        for one in &series {
            columns.clear();
            let mut joints = Joints::new(&columns);
            let read = HeadSeries::live(one).read(
                &head.level0,
                (min_time, max_time - 1),
                min_time,
                &mut columns,
                &mut joints,
            );
            match read {
                // What can be read of it is kept.
                Err(StorageError::Corrupt { what, detail }) => {
                    report.damaged.push(format!("{what}: {detail}"))
                }
                other => other?,
            }
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
        head.cut_ms.fetch_max(max_time, Ordering::AcqRel);
        // From here on a query that selected before has to look for new blocks too.
        head.cuts.fetch_add(1, Ordering::AcqRel);
        let (kept, gone): (Vec<_>, Vec<_>) =
            head.level0.load().iter().cloned().partition(|file| file.range().1 >= max_time);
        let oldest_file = kept.iter().map(|file| file.range().0).min().unwrap_or(i64::MAX);
        head.level0.store(Arc::new(kept));
        let mut oldest_ms = oldest_file;
        for one in &series {
            oldest_ms = oldest_ms.min(one.state().drop_before(max_time).unwrap_or(i64::MAX));
        }
        head.min_ms
            .store(max_time.max(oldest_ms.min(head.max_ms.load(Ordering::Acquire))), Ordering::Release);
        drop(series);
        for file in gone {
            self.files.remove_file(file.path())?;
        }
        self.write_late_blocks(report)?;
        self.drop_idle_series(report);
        Ok(())
    }

    /// Removes the series without samples and without a writer.
    pub(super) fn drop_idle_series(&self, report: &mut MaintainReport) {
        let level0 = self.head.level0.load();
        let mut index = self.head.index.write().unwrap_or_else(PoisonError::into_inner);
        index.order.complete();
        let mut doomed = index.all();
        doomed.retain(|series| {
            let mut state = series.state();
            state.owners.retain(|(group, _)| Weak::strong_count(group) > 0);
            // The index has three references and the list one; another is an appender's that has yet to
            // commit, or a query's.
            let idle = state.chunks.is_empty()
                && state.open_range().is_none()
                && state.late().is_none()
                && state.owners.is_empty();
            idle && Arc::strong_count(series) <= 4 && !level0.iter().any(|file| file.has(series.id))
        });
        index.remove_all(&doomed);
        report.series_removed += doomed.len();
        self.head.series_removed.fetch_add(report.series_removed as u64, Ordering::Relaxed);
    }
}
