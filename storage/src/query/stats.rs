//! Cardinality of the head, as `/api/v1/status/tsdb` shows it.

use crate::cardinality::counters::Counted;
use crate::cardinality::table::text;
use crate::db::Inner;
use crate::head::index::Index;
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
    /// Series whose newest sample is a native histogram.
    pub histogram_series: u64,
    /// The buckets of these histograms.
    pub histogram_buckets: u64,
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
    /// Series that the head may have; `None` for any number.
    pub series_max: Option<u64>,
    /// How often a new series was refused because of that.
    pub series_refused: u64,
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
    /// Blocks with downsampled samples.
    pub downsampled_blocks: u64,
    /// Series with downsampled samples, counted in each block.
    pub downsampled_series: u64,
    /// Series downsampled since the start, counted for each block.
    pub series_downsampled: u64,
    /// Blocks that retention rules had written again since the start.
    pub blocks_rewritten: u64,
    /// How long that took, seconds.
    pub rewrite_seconds: f64,
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
            series_max: head.budgets.limit(),
            series_refused: head.budgets.refused(),
            wal_bytes: db.wal_bytes(),
            wal_bytes_written: head.wal.bytes_written(),
            level0_files: head.level0.load().len() as u64,
            level0_bytes: head.level0.load().iter().map(|file| file.len() as u64).sum(),
            blocks: blocks.len() as u64,
            block_bytes: blocks.iter().map(|b| b.size_bytes()).sum(),
            block_samples: blocks.iter().map(|b| b.meta().stats.num_samples).sum(),
            series_downsampled: db.rewrites.series.load(Ordering::Relaxed),
            blocks_rewritten: db.rewrites.blocks.load(Ordering::Relaxed),
            rewrite_seconds: db.rewrites.nanoseconds.load(Ordering::Relaxed) as f64 / 1e9,
            ..Self::default()
        };
        for block in blocks.iter() {
            let downsampled = &block.meta().rules.downsampled;
            stats.downsampled_blocks += u64::from(!downsampled.is_empty());
            stats.downsampled_series += downsampled.iter().map(|one| one.num_series).sum::<u64>();
        }
        for series in head.all_series() {
            let state = series.state();
            stats.chunks += state.chunks.len() as u64;
            if let Some(buckets) = state.newest_buckets() {
                stats.histogram_series += 1;
                stats.histogram_buckets += buckets as u64;
            }
        }
        let index = head.index();
        stats.series = index.len() as u64;
        for (name, values, bytes) in index.label_sizes() {
            stats.label_pairs += values;
            stats.values_by_label.push((name.to_owned(), values));
            stats.bytes_by_label.push((name.to_owned(), bytes));
        }
        let metrics = top_pairs(&index, limit, Some(METRIC_NAME));
        stats.series_by_metric = metrics.into_iter().map(|(_, metric, series)| (metric, series)).collect();
        let pairs = top_pairs(&index, limit, None).into_iter();
        stats.series_by_pair =
            pairs.map(|(name, value, series)| (format!("{name}={value}"), series)).collect();
        for list in [&mut stats.values_by_label, &mut stats.bytes_by_label] {
            list.sort_unstable_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
            list.truncate(limit);
        }
        stats
    }
}

/// The pairs, all or those of one label, that most series have: from the counters, or, where there are too many
/// to be counted, from the lists of the index.
fn top_pairs(index: &Index, limit: usize, label: Option<&str>) -> Vec<Counted> {
    if let Some(pairs) = index.counters.top_pairs(limit, label) {
        return pairs;
    }
    let mut pairs: Vec<_> =
        index.pairs().filter(|(name, ..)| label.is_none_or(|label| label == *name)).collect();
    pairs.sort_unstable_by(|a, b| b.2.cmp(&a.2).then_with(|| text((a.0, a.1)).cmp(text((b.0, b.1)))));
    pairs.truncate(limit);
    pairs.into_iter().map(|(name, value, series)| (name.to_owned(), value.to_owned(), series)).collect()
}
