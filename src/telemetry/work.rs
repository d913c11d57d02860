//! What the database does, as it tells those who watch it: `prometheus_tsdb_…` about its log, its head and its blocks.

use super::metrics::{Histogram, Page};
use super::summary::Summary;
use narthex_storage::{DamageKind, Db, Watcher, Work, WorkStats};
use std::time::Duration;

/// Bounds of how late samples come, seconds.
const LATE: &[f64] = &[600.0, 1800.0, 3600.0, 7200.0, 10800.0, 21600.0, 43200.0];
/// Bounds of the sizes of frames, bytes.
const BYTES: &[f64] =
    &[32.0, 48.0, 72.0, 108.0, 162.0, 243.0, 364.5, 546.75, 820.125, 1230.1875, 1845.28125, 2767.921875];
/// Bounds of their numbers of samples.
const SAMPLES: &[f64] = &[
    4.0,
    6.0,
    9.0,
    13.5,
    20.25,
    30.375,
    45.5625,
    68.34375,
    102.515625,
    153.7734375,
    230.66015625,
    345.990234375,
];
/// Bounds of the time that they cover. In spite of the metric's name Prometheus counts milliseconds here.
const RANGES: &[f64] =
    &[100.0, 400.0, 1600.0, 6400.0, 25600.0, 102400.0, 409600.0, 1638400.0, 6553600.0, 26214400.0];

/// Durations and sizes that the database tells.
#[derive(Debug)]
pub struct WorkMetrics {
    log_sync: Summary,
    log_truncation: Summary,
    head_collection: Summary,
    late: Histogram,
    bytes: Histogram,
    samples: Histogram,
    ranges: Histogram,
}

impl Default for WorkMetrics {
    fn default() -> Self {
        Self {
            log_sync: Summary::default(),
            log_truncation: Summary::new(&[]),
            head_collection: Summary::new(&[]),
            late: Histogram::new(LATE),
            bytes: Histogram::of_sizes(BYTES),
            samples: Histogram::of_sizes(SAMPLES),
            ranges: Histogram::of_sizes(RANGES),
        }
    }
}

impl Watcher for WorkMetrics {
    fn took(&self, work: Work, time: Duration) {
        let summary = match work {
            Work::LogSync => &self.log_sync,
            Work::LogTruncation => &self.log_truncation,
            Work::HeadCollection => &self.head_collection,
            _ => return,
        };
        summary.observe(time.as_secs_f64());
    }

    fn late(&self, ms: i64) {
        self.late.observe(ms as f64 / 1000.0);
    }

    fn written(&self, bytes: usize, samples: usize, ms: i64) {
        self.bytes.observe(bytes as f64);
        self.samples.observe(samples as f64);
        self.ranges.observe(ms as f64);
    }
}

impl WorkMetrics {
    pub(super) fn render(&self, page: &mut Page, db: &Db) {
        let work = db.work();
        for (name, help, summary) in [
            ("wal_fsync_duration_seconds", "Duration of write log fsync.", &self.log_sync),
            (
                "wal_truncate_duration_seconds",
                "Duration of flushes, after which the write log is truncated.",
                &self.log_truncation,
            ),
            (
                "head_gc_duration_seconds",
                "Runtime of garbage collection in the head block.",
                &self.head_collection,
            ),
        ] {
            summary.render(page, &format!("prometheus_tsdb_{name}"), help);
        }
        for (name, help, histogram) in [
            (
                "sample_ooo_delta",
                "Delta in seconds by which a sample is considered out of order.",
                &self.late,
            ),
            ("compaction_chunk_size_bytes", "Final size of chunks on their first compaction.", &self.bytes),
            ("compaction_chunk_samples", "Final number of samples on their first compaction.", &self.samples),
            (
                "compaction_chunk_range_seconds",
                "Final time range of chunks on their first compaction, in milliseconds as Prometheus has it.",
                &self.ranges,
            ),
        ] {
            histogram.render(page, &format!("prometheus_tsdb_{name}"), help);
        }
        counters(page, &work);
        by_kind(page, &work);
        found(page, db, &work);
    }
}

fn counters(page: &mut Page, work: &WorkStats) {
    for (name, help, value) in [
        ("head_chunks_created_total", "Total number of chunks created in the head.", work.chunks_created),
        (
            "head_chunks_removed_total",
            "Total number of chunks that left the memory of the head.",
            work.chunks_removed,
        ),
        ("mmap_chunks_total", "Total number of chunks that were written to level 0.", work.chunks_flushed),
        (
            "head_appenders_created_total",
            "Total number of appenders and scrape groups made.",
            work.appenders_created,
        ),
        ("head_truncations_total", "Total number of head truncations attempted.", work.cuts),
        ("head_truncations_failed_total", "Total number of head truncations that failed.", work.cuts_failed),
        (
            "checkpoint_creations_total",
            "Total number of flushes to level 0 attempted: what a checkpoint is elsewhere.",
            work.flushes,
        ),
        (
            "checkpoint_creations_failed_total",
            "Total number of flushes to level 0 that failed.",
            work.flushes_failed,
        ),
        (
            "checkpoint_deletions_total",
            "Total number of deletions of files of level 0 attempted.",
            work.level0_deletions,
        ),
        (
            "checkpoint_deletions_failed_total",
            "Total number of deletions of files of level 0 that failed.",
            work.level0_deletions_failed,
        ),
        ("wal_truncations_total", "Total number of write log truncations attempted.", work.log_truncations),
        (
            "wal_truncations_failed_total",
            "Total number of write log truncations that failed.",
            work.log_truncations_failed,
        ),
        ("wal_page_flushes_total", "Total number of writes to the write log.", work.log_writes),
        (
            "vertical_compactions_total",
            "Total number of compactions done on overlapping blocks.",
            work.overlapping_merges,
        ),
        (
            "time_retentions_total",
            "The number of times that blocks were deleted because the maximum time limit was exceeded.",
            work.retentions_by_time,
        ),
        (
            "size_retentions_total",
            "The number of times that blocks were deleted because the maximum number of bytes was exceeded.",
            work.retentions_by_size,
        ),
    ] {
        page.single(&format!("prometheus_tsdb_{name}"), "counter", help, value as f64);
    }
    for (name, help, value) in [
        (
            "head_active_appenders",
            "Number of currently active appenders and scrape groups.",
            work.appenders as f64,
        ),
        ("wal_segment_current", "Write log segment index that is written to.", work.log_segment as f64),
        (
            "compaction_populating_block",
            "Set to 1 when a block is currently being written to the disk.",
            f64::from(u8::from(work.writing_block)),
        ),
    ] {
        page.single(&format!("prometheus_tsdb_{name}"), "gauge", help, value);
    }
}

fn by_kind(page: &mut Page, work: &WorkStats) {
    for (name, help, (floats, histograms)) in [
        (
            "head_out_of_order_samples_appended_total",
            "Total number of appended out of order samples.",
            work.late,
        ),
        (
            "out_of_bound_samples_total",
            "Total number of out of bound samples ingestion failed attempts with out of order support disabled.",
            work.out_of_bounds,
        ),
        (
            "out_of_order_samples_total",
            "Total number of out of order samples ingestion failed attempts due to out of order being disabled.",
            work.out_of_order,
        ),
        (
            "too_old_samples_total",
            "Total number of out of order samples ingestion failed attempts with out of support enabled, but sample outside of time window.",
            work.too_old,
        ),
    ] {
        let name = format!("prometheus_tsdb_{name}");
        page.family(&name, "counter", help);
        page.sample(&name, &[("type", "float")], floats as f64);
        page.sample(&name, &[("type", "histogram")], histograms as f64);
    }
}

/// What stands on the disk, and what was found there.
fn found(page: &mut Page, db: &Db, work: &WorkStats) {
    let (_, failures) = db.log_failures();
    let report = db.open_report();
    let damaged = db.damage().iter().filter(|damage| damage.kind == DamageKind::Level0).count();
    let stats = db.stats(0);
    for (name, help, value) in [
        ("wal_writes_failed_total", "Total number of write log writes that failed.", failures as f64),
        (
            "wal_record_part_writes_total",
            "Total number of batches of records written to the write log.",
            work.log_writes as f64,
        ),
        (
            "wal_record_parts_bytes_written_total",
            "Total number of bytes of records written to the write log.",
            stats.wal_bytes_written as f64,
        ),
        (
            "mmap_chunk_corruptions_total",
            "Total number of damaged places found in files of level 0.",
            damaged as f64,
        ),
    ] {
        page.single(&format!("prometheus_tsdb_{name}"), "counter", help, value);
    }
    for (name, help, value) in [
        (
            "head_chunks_storage_size_bytes",
            "Size of the files of level 0, to which the head's chunks are mapped.",
            stats.level0_bytes as f64,
        ),
        (
            "head_native_histogram_series",
            "Total number of series in the head whose newest sample is a native histogram.",
            stats.histogram_series as f64,
        ),
        (
            "head_native_histogram_buckets",
            "Total number of buckets of these histograms.",
            stats.histogram_buckets as f64,
        ),
        (
            "clean_start",
            "0 if the last start had to recover samples from the write log, since the server was not stopped in order; 1 otherwise.",
            f64::from(u8::from(report.is_clean())),
        ),
    ] {
        page.single(&format!("prometheus_tsdb_{name}"), "gauge", help, value);
    }
    let name = "prometheus_tsdb_wal_replay_unknown_refs_total";
    page.family(
        name,
        "counter",
        "Records of the write log that could not be applied, since nothing tells of their series.",
    );
    page.sample(name, &[("type", "records")], report.dropped_records as f64);
}
