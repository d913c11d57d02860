//! Cardinality of the head, as `/api/v1/status/tsdb` shows it.

use crate::db::Inner;
use crate::labels::METRIC_NAME;
use std::sync::atomic::Ordering;

/// Facts about a database.
#[derive(Debug, Clone, Default)]
pub struct DbStats {
    /// Live series of the head.
    pub series: u64,
    /// Distinct label pairs of the head.
    pub label_pairs: u64,
    /// Sealed chunks of the head.
    pub chunks: u64,
    /// Oldest sample of the head, ms.
    pub min_time: i64,
    /// Newest sample of the head, ms.
    pub max_time: i64,
    /// Samples appended since the start.
    pub samples_appended: u64,
    /// Series made since the start.
    pub series_created: u64,
    /// Series that left the head since the start.
    pub series_removed: u64,
    /// Bytes of the write-ahead log on disk.
    pub wal_bytes: u64,
    /// Bytes written to the log since the start.
    pub wal_bytes_written: u64,
    /// Files of level 0: what left the memory of the head and is in no block yet.
    pub level0_files: u64,
    /// Bytes of the files of level 0.
    pub level0_bytes: u64,
    /// Blocks.
    pub blocks: u64,
    /// Bytes of the blocks.
    pub block_bytes: u64,
    /// Samples in the blocks.
    pub block_samples: u64,
    /// Metric names with the most series.
    pub series_by_metric: Vec<(String, u64)>,
    /// Labels with the most values.
    pub values_by_label: Vec<(String, u64)>,
    /// Labels whose values take the most bytes.
    pub bytes_by_label: Vec<(String, u64)>,
    /// Label pairs with the most series.
    pub series_by_pair: Vec<(String, u64)>,
}

impl DbStats {
    pub(crate) fn of(db: &Inner, limit: usize) -> Self {
        let head = &db.head;
        let blocks = db.blocks.load();
        let mut stats = Self {
            min_time: head.min_ms.load(Ordering::Acquire),
            max_time: head.max_ms.load(Ordering::Acquire),
            samples_appended: head.samples_appended.load(Ordering::Relaxed),
            series_created: head.series_created.load(Ordering::Relaxed),
            series_removed: head.series_removed.load(Ordering::Relaxed),
            wal_bytes: db.wal_bytes(),
            wal_bytes_written: head.wal.bytes_written(),
            level0_files: head.level0.load().len() as u64,
            level0_bytes: head.level0.load().iter().map(|file| file.len() as u64).sum(),
            blocks: blocks.len() as u64,
            block_bytes: blocks.iter().map(|b| b.size_bytes()).sum(),
            block_samples: blocks.iter().map(|b| b.meta().stats.num_samples).sum(),
            ..Self::default()
        };
        stats.chunks = head.all_series().iter().map(|s| s.state().chunks.len() as u64).sum();
        let index = head.index();
        stats.series = index.len() as u64;
        for (name, values) in index.pairs() {
            stats.label_pairs += values.len() as u64;
            stats.values_by_label.push((name.to_owned(), values.len() as u64));
            stats
                .bytes_by_label
                .push((name.to_owned(), values.iter().map(|(value, _)| value.len() as u64).sum()));
            for (value, series) in values {
                stats.series_by_pair.push((format!("{name}={value}"), series));
                if name == METRIC_NAME {
                    stats.series_by_metric.push((value.to_owned(), series));
                }
            }
        }
        let lists = [
            &mut stats.series_by_metric,
            &mut stats.values_by_label,
            &mut stats.bytes_by_label,
            &mut stats.series_by_pair,
        ];
        for list in lists {
            list.sort_unstable_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
            list.truncate(limit);
        }
        stats
    }
}
