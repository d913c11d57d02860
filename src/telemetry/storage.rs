//! What the database tells about itself: `prometheus_tsdb_…`.

use super::metrics::{Counter, Gauge, Histogram, Page};
use super::rewrites;
use narthex_storage::Db;

/// Bounds of the time that upkeep takes, seconds.
const BOUNDS: &[f64] =
    &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0, 2048.0, 4096.0, 8192.0];

/// What the server counts while it keeps the database in order.
#[derive(Debug)]
pub struct StorageMetrics {
    /// How long the start took to read the log, seconds.
    pub replay_seconds: Gauge,
    /// Time to keep samples, seconds; 0 for ever.
    pub retention_seconds: Gauge,
    /// Bytes to keep; 0 for any number.
    pub retention_bytes: Gauge,
    /// Looks at whether there is something to write or merge.
    looks: Counter,
    failures: Counter,
    blocks: Counter,
    changes: Counter,
    seconds: Histogram,
}

impl Default for StorageMetrics {
    fn default() -> Self {
        Self {
            replay_seconds: Gauge::default(),
            retention_seconds: Gauge::default(),
            retention_bytes: Gauge::default(),
            looks: Counter::default(),
            failures: Counter::default(),
            blocks: Counter::default(),
            changes: Counter::default(),
            seconds: Histogram::new(BOUNDS),
        }
    }
}

impl StorageMetrics {
    /// The database was looked after: so many blocks were cut from the head, merged and deleted.
    pub fn maintained(&self, cut: usize, merged: usize, deleted: usize, seconds: f64) {
        self.looks.add(1);
        self.blocks.add((cut + merged) as u64);
        self.changes.add(u64::from(cut + merged + deleted > 0));
        if cut + merged > 0 {
            self.seconds.observe(seconds);
        }
    }

    /// That failed.
    pub fn maintenance_failed(&self) {
        self.looks.add(1);
        self.failures.add(1);
    }

    pub(super) fn render(&self, page: &mut Page, db: &Db) {
        facts(page, db);
        let unreadable = !db.open_report().damaged_blocks.is_empty();
        for (name, kind, help, value) in [
            (
                "prometheus_tsdb_compactions_triggered_total",
                "counter",
                "Total number of triggered compactions for the partition.",
                self.looks.get() as f64,
            ),
            (
                "prometheus_tsdb_compactions_failed_total",
                "counter",
                "Total number of compactions that failed for the partition.",
                self.failures.get() as f64,
            ),
            (
                "prometheus_tsdb_compactions_total",
                "counter",
                "Total number of compactions that were executed for the partition.",
                self.blocks.get() as f64,
            ),
            // The list of blocks is read at the start and then only changed.
            (
                "prometheus_tsdb_reloads_total",
                "counter",
                "Number of times the database reloaded block data from disk.",
                (1 + self.changes.get()) as f64,
            ),
            (
                "prometheus_tsdb_reloads_failures_total",
                "counter",
                "Number of times the database failed to reloadBlocks block data from disk.",
                f64::from(u8::from(unreadable)),
            ),
            (
                "prometheus_tsdb_data_replay_duration_seconds",
                "gauge",
                "Time taken to replay the data on disk.",
                self.replay_seconds.get(),
            ),
            (
                "prometheus_tsdb_retention_limit_seconds",
                "gauge",
                "How long to retain samples in storage.",
                self.retention_seconds.get(),
            ),
            (
                "prometheus_tsdb_retention_limit_bytes",
                "gauge",
                "Max number of bytes to be retained in the tsdb blocks, configured 0 means disabled",
                self.retention_bytes.get(),
            ),
        ] {
            page.single(name, kind, help, value);
        }
        let help = "Duration of compaction runs";
        self.seconds.render(page, "prometheus_tsdb_compaction_duration_seconds", help);
    }
}

fn facts(page: &mut Page, db: &Db) {
    let stats = db.stats(1);
    rewrites::render(page, &stats);
    let (failing, failures) = db.log_failures();
    let lowest = db.blocks_range().map_or(stats.min_time, |(first, _)| first.min(stats.min_time));
    for (name, kind, help, value) in [
        (
            "prometheus_tsdb_head_series",
            "gauge",
            "Total number of series in the head block.",
            stats.series as f64,
        ),
        (
            "narthex_storage_max_series",
            "gauge",
            "Series that the head may have, 0 for any number.",
            stats.series_max.unwrap_or(0) as f64,
        ),
        (
            "narthex_storage_series_refused_total",
            "counter",
            "How often a new series was refused because the head had as many as it may have.",
            stats.series_refused as f64,
        ),
        (
            "prometheus_tsdb_head_chunks",
            "gauge",
            "Total number of chunks in the head block.",
            stats.chunks as f64,
        ),
        (
            "prometheus_tsdb_head_series_created_total",
            "counter",
            "Total number of series created in the head.",
            stats.series_created as f64,
        ),
        (
            "prometheus_tsdb_head_series_removed_total",
            "counter",
            "Total number of series removed in the head.",
            stats.series_removed as f64,
        ),
        (
            "prometheus_tsdb_head_min_time",
            "gauge",
            "Minimum time bound of the head block. The unit is decided by the library consumer.",
            stats.min_time as f64,
        ),
        (
            "prometheus_tsdb_head_max_time",
            "gauge",
            "Maximum timestamp of the head block. The unit is decided by the library consumer.",
            stats.max_time as f64,
        ),
        (
            "prometheus_tsdb_head_min_time_seconds",
            "gauge",
            "Minimum time bound of the head block.",
            (stats.min_time as f64 / 1000.0).floor(),
        ),
        (
            "prometheus_tsdb_head_max_time_seconds",
            "gauge",
            "Maximum timestamp of the head block.",
            (stats.max_time as f64 / 1000.0).floor(),
        ),
        (
            "prometheus_tsdb_lowest_timestamp",
            "gauge",
            "Lowest timestamp value stored in the database. The unit is decided by the library consumer.",
            lowest as f64,
        ),
        (
            "prometheus_tsdb_lowest_timestamp_seconds",
            "gauge",
            "Lowest timestamp value stored in the database.",
            (lowest as f64 / 1000.0).floor(),
        ),
        (
            "prometheus_tsdb_wal_storage_size_bytes",
            "gauge",
            "Size of the write log directory.",
            stats.wal_bytes as f64,
        ),
        (
            "prometheus_tsdb_blocks_loaded",
            "gauge",
            "Number of currently loaded data blocks.",
            stats.blocks as f64,
        ),
        (
            "prometheus_tsdb_storage_blocks_bytes",
            "gauge",
            "The number of bytes that are currently used for local storage by all blocks.",
            stats.block_bytes as f64,
        ),
        (
            "prometheus_tsdb_wal_corruptions_total",
            "counter",
            "Total number of WAL corruptions.",
            db.open_report().corruptions() as f64,
        ),
        (
            "narthex_storage_damaged_places",
            "gauge",
            "Damaged places found on the disk since the start; /api/v1/narthex/storage/damage lists them.",
            db.damage_count() as f64,
        ),
        (
            "narthex_storage_log_failing",
            "gauge",
            "Whether the write-ahead log cannot be written at present.",
            f64::from(u8::from(failing)),
        ),
        (
            "narthex_storage_log_failures_total",
            "counter",
            "Total number of appends that the write-ahead log could not take.",
            failures as f64,
        ),
    ] {
        page.single(name, kind, help, value);
    }
    let name = "prometheus_tsdb_head_samples_appended_total";
    page.family(name, "counter", "Total number of appended samples.");
    let histograms = db.work().histograms_appended;
    page.sample(name, &[("type", "float")], stats.samples_appended.saturating_sub(histograms) as f64);
    page.sample(name, &[("type", "histogram")], histograms as f64);
}
