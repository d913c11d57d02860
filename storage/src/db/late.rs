//! Late samples whose time is in blocks already: they wait in memory and in the log, and go to blocks beside.

use super::{Inner, MaintainReport};
use crate::block::{BlockPlan, BlockWriter, ServedBlock, in_order};
use crate::head::entry::Entry;
use crate::head::series::MemSeries;
use crate::query::{Columns, StorageError};
use crate::wal::record::Kind;
use crate::wal::{runs, settled};
use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

/// The late samples of a series that one block gets: all timestamps, and the samples that are not deleted.
struct Part {
    series: Arc<MemSeries>,
    timestamps: Vec<i64>,
    columns: Columns,
}

/// Late samples that may wait in memory.
const WAITING_MAX: u64 = 1 << 19;

impl Inner {
    /// Whether so many late samples wait that they have to go.
    pub(super) fn late_is_due(&self) -> bool {
        self.head.late.load(Ordering::Relaxed) > WAITING_MAX
    }

    /// Tells the newest segment of the log what an older one told of late samples that stay in memory; whether there
    /// are any. To be called while no commit is under way.
    pub(super) fn log_late_again(&self) -> Result<bool, StorageError> {
        let head = &self.head;
        if head.late.load(Ordering::Relaxed) == 0 {
            return Ok(false);
        }
        let waiting = self.waiting(i64::MAX);
        head.wal.append(|_, out| {
            runs::put(out, Kind::Late, waiting.iter().map(|(id, entries)| (*id, entries.as_slice())));
        })?;
        Ok(true)
    }

    /// The late samples in memory before a time, ms, by the ids of their series.
    fn waiting(&self, before_ms: i64) -> Vec<(u32, Vec<Entry>)> {
        let before = |one: &Arc<MemSeries>| {
            Some((one.id, one.state().late()?.within(i64::MIN, before_ms.saturating_sub(1)).to_vec()))
        };
        self.head.all_series().iter().filter_map(before).collect()
    }

    /// Tells the log which late samples it need not bring back, since blocks have them: one that is deleted there
    /// would be shown again. When it returns, that is on the disk.
    pub(super) fn settle_late(&self) -> Result<(), StorageError> {
        let head = &self.head;
        let before_ms = head.cut_ms.load(Ordering::Acquire);
        if before_ms == i64::MIN {
            return Ok(());
        }
        {
            let _no_commits = head.commits.lock().unwrap_or_else(PoisonError::into_inner);
            let waiting = self.waiting(before_ms);
            let waiting = waiting.iter().map(|(id, entries)| (*id, entries.iter().map(|one| one.timestamp)));
            head.wal.append(|_, out| settled::put(out, before_ms, waiting))?;
        }
        head.wal.sync()
    }

    /// Writes the late samples that are too old for the head to blocks of their own.
    pub(super) fn write_late_blocks(&self, report: &mut MaintainReport) -> Result<(), StorageError> {
        let head = &self.head;
        if head.late.load(Ordering::Relaxed) == 0 {
            return Ok(());
        }
        // The head may take nothing from a time on that is in no block of ours yet.
        let before_ms = head.cut_ms.load(Ordering::Acquire);
        if before_ms == i64::MIN {
            return Ok(());
        }
        let tombstones = head.tombstones.load_full();
        let range = self.options.block_range_ms;
        let mut series = head.all_series();
        series.sort_unstable_by(|a, b| a.labels.cmp(&b.labels));
        let mut partitions: BTreeMap<i64, Vec<Part>> = BTreeMap::new();
        for one in series {
            let entries = {
                let state = one.state();
                state.late().map(|late| late.within(i64::MIN, before_ms.saturating_sub(1)).to_vec())
            };
            for part in entries
                .unwrap_or_default()
                .chunk_by(|a, b| a.timestamp.div_euclid(range) == b.timestamp.div_euclid(range))
            {
                let mut columns = Columns::default();
                part.iter().for_each(|entry| entry.clone().push_to(&mut columns));
                let timestamps = columns.timestamps.clone();
                if let Some(deleted) = tombstones.as_deref().and_then(|tombstones| tombstones.get(one.id)) {
                    deleted.mask(&mut columns, 0);
                }
                let begin = part.first().map_or(0, |first| first.timestamp.div_euclid(range) * range);
                partitions.entry(begin).or_default().push(Part {
                    series: Arc::clone(&one),
                    timestamps,
                    columns,
                });
            }
        }
        for (min_time, parts) in partitions {
            let max_time = min_time.saturating_add(range);
            let plan = BlockPlan::of_head(min_time, max_time, true);
            let mut block = BlockWriter::new(&self.files, &self.dir, plan)?.watched(&head.counters);
            for Part { series, columns, .. } in parts.iter().filter(|part| !part.columns.is_empty()) {
                block.add_series(&series.labels.to_labels(), columns)?;
            }
            // There is none when all of them were deleted.
            if let Some(path) = block.finish()? {
                let mut blocks = Vec::clone(&self.blocks.load());
                blocks.push(Arc::new(ServedBlock::open(&self.files, &path)?));
                in_order(&mut blocks);
                self.blocks.store(Arc::new(blocks));
                report.blocks_written.push(path);
                // A query that selected before has to look for new blocks too.
                head.cuts.fetch_add(1, Ordering::AcqRel);
            }
            for Part { series, timestamps, .. } in &parts {
                series.state().forget_late(timestamps);
                head.late.fetch_sub(timestamps.len() as u64, Ordering::Relaxed);
            }
        }
        head.late_min_ms.store(before_ms, Ordering::Release);
        Ok(())
    }
}
