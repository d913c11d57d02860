//! What the server tells about itself: metrics under Prometheus's names, and a log.

pub mod budget;
pub mod engine;
pub mod family;
pub mod log;
pub mod metrics;
mod process;
mod rewrites;
pub mod sketch;
pub mod summary;

use budget::BudgetMetrics;
use engine::EngineMetrics;
use metrics::{Counter, Gauge, Histogram, Page};
use narthex_storage::Db;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

/// A part of the server that has metrics of its own.
pub trait Collect: std::fmt::Debug + Send + Sync {
    /// Adds them to a page.
    fn collect(&self, page: &mut Page);
}

/// Metrics that the parts of the server change.
#[derive(Debug, Default)]
pub struct Telemetry {
    /// What the query engine does.
    pub engine: EngineMetrics,
    /// Budgets of series.
    pub budgets: BudgetMetrics,
    /// New series that remote write brought and that were refused.
    pub remote_write_refused: Counter,
    /// Scrapes that ended, well or not.
    pub scrapes: Counter,
    /// How long it took to clean blocks of deleted samples.
    pub tombstone_cleanup: Histogram,
    out_of_order: Counter,
    duplicate: Counter,
    out_of_bounds: Counter,
    http: Mutex<BTreeMap<(&'static str, u16), u64>>,
    reload_ok: Gauge,
    reload_seconds: Gauge,
    ready: Gauge,
    parts: Mutex<Vec<Arc<dyn Collect>>>,
    start_seconds: f64,
}

impl Telemetry {
    /// Metrics of a process that starts now.
    #[must_use]
    pub fn new() -> Self {
        let start_seconds = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
        // In the text format Prometheus shows no bounds of it either.
        Self { start_seconds, tombstone_cleanup: Histogram::new(&[]), ..Self::default() }
    }

    /// Adds a part whose metrics the page shows from now on.
    pub fn register(&self, part: Arc<dyn Collect>) {
        self.parts.lock().unwrap_or_else(PoisonError::into_inner).push(part);
    }

    /// Counts an answer. `handler` comes from a fixed list.
    pub fn http_request(&self, handler: &'static str, status: u16) {
        *self.http.lock().unwrap_or_else(PoisonError::into_inner).entry((handler, status)).or_default() += 1;
    }

    /// Notes an attempt to load the configuration.
    pub fn config_reloaded(&self, ok: bool, now_ms: i64) {
        self.reload_ok.set(f64::from(u8::from(ok)));
        if ok {
            self.reload_seconds.set(now_ms as f64 / 1000.0);
        }
    }

    /// Notes whether the server answers everything.
    pub fn set_ready(&self, ready: bool) {
        self.ready.set(f64::from(u8::from(ready)));
    }

    /// Counts samples of scrapes that were dropped.
    pub fn scrape_samples_rejected(&self, out_of_order: u64, duplicate: u64, out_of_bounds: u64) {
        self.out_of_order.add(out_of_order);
        self.duplicate.add(duplicate);
        self.out_of_bounds.add(out_of_bounds);
    }

    /// The page of `/metrics`.
    #[must_use]
    pub fn render(&self, db: &Db) -> String {
        let mut page = Page::default();
        page.family(
            "prometheus_build_info",
            "gauge",
            "A constant 1, with the Prometheus release whose behaviour this server has, and its own version.",
        );
        let version = [
            ("version", crate::PROMETHEUS_VERSION),
            ("revision", concat!("narthex-", env!("CARGO_PKG_VERSION"))),
        ];
        page.sample("prometheus_build_info", &version, 1.0);
        for (name, help, gauge) in [
            (
                "prometheus_ready",
                "Whether Prometheus startup was fully completed and the server is ready for normal operation.",
                &self.ready,
            ),
            (
                "prometheus_config_last_reload_successful",
                "Whether the last configuration reload attempt was successful.",
                &self.reload_ok,
            ),
            (
                "prometheus_config_last_reload_success_timestamp_seconds",
                "Timestamp of the last successful configuration reload.",
                &self.reload_seconds,
            ),
        ] {
            page.single(name, "gauge", help, gauge.get());
        }
        self.engine.render(&mut page);
        let name = "prometheus_http_requests_total";
        page.family(name, "counter", "Counter of HTTP requests.");
        for ((handler, code), count) in self.http.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            page.sample(name, &[("code", &code.to_string()), ("handler", handler)], *count as f64);
        }
        for (name, help, counter) in [
            ("narthex_scrapes_total", "Scrapes that ended, well or not.", &self.scrapes),
            (
                "narthex_remote_write_series_refused_total",
                "New series that remote write brought and that were refused because of --storage.max-series.",
                &self.remote_write_refused,
            ),
            (
                "prometheus_target_scrapes_sample_out_of_order_total",
                "Total number of samples rejected due to not being out of the expected order.",
                &self.out_of_order,
            ),
            (
                "prometheus_target_scrapes_sample_duplicate_timestamp_total",
                "Total number of samples rejected due to duplicate timestamps but different values.",
                &self.duplicate,
            ),
            (
                "prometheus_target_scrapes_sample_out_of_bounds_total",
                "Total number of samples rejected due to timestamp falling outside of the time bounds.",
                &self.out_of_bounds,
            ),
        ] {
            page.single(name, "counter", help, counter.get() as f64);
        }
        self.budgets.render(&mut page);
        storage(&mut page, db);
        let parts = self.parts.lock().unwrap_or_else(PoisonError::into_inner).clone();
        parts.iter().for_each(|part| part.collect(&mut page));
        self.tombstone_cleanup.render(
            &mut page,
            "prometheus_tsdb_tombstone_cleanup_seconds",
            "The time taken to recompact blocks to remove tombstones.",
        );
        process::render(&mut page, self.start_seconds);
        page.into_text()
    }
}

fn storage(page: &mut Page, db: &Db) {
    let stats = db.stats(1);
    let (failing, failures) = db.log_failures();
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
    rewrites::render(page, &stats);
    let name = "prometheus_tsdb_head_samples_appended_total";
    page.family(name, "counter", "Total number of appended samples.");
    page.sample(name, &[("type", "float")], stats.samples_appended as f64);
}
