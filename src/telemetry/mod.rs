//! What the server tells about itself: metrics under Prometheus's names, and a log.

pub mod budget;
pub mod dial;
pub mod engine;
mod exemplars;
pub mod family;
pub mod log;
pub mod metrics;
mod process;
pub mod repeated;
mod rewrites;
pub mod scrape;
pub mod sketch;
pub mod storage;
pub mod summary;
pub mod web;
pub mod work;

use budget::BudgetMetrics;
use engine::EngineMetrics;
use metrics::{Counter, Gauge, Histogram, Page};
use narthex_storage::Db;
use scrape::ScrapeMetrics;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};
use storage::StorageMetrics;
use web::WebMetrics;
use work::WorkMetrics;

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
    /// The HTTP side.
    pub web: WebMetrics,
    /// Scraping.
    pub scrape: ScrapeMetrics,
    /// The upkeep of the database.
    pub storage: StorageMetrics,
    /// What the database tells of its work.
    pub work: Arc<WorkMetrics>,
    /// Scrapes that ended, well or not.
    pub scrapes: Counter,
    /// How long it took to clean blocks of deleted samples.
    pub tombstone_cleanup: Histogram,
    /// Exemplars of scrapes that were dropped, since they were out of order.
    pub exemplars_out_of_order: Counter,
    out_of_order: Counter,
    duplicate: Counter,
    out_of_bounds: Counter,
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

    /// The page of `/metrics`; without a database, while it is being opened.
    #[must_use]
    pub fn render(&self, db: Option<&Db>) -> String {
        let mut page = Page::default();
        page.family(
            "prometheus_build_info",
            "gauge",
            "A constant 1, with the Prometheus release whose behaviour this server has, and its own version.",
        );
        let version = [
            ("version", crate::PROMETHEUS_VERSION),
            ("revision", concat!("narthex-", env!("CARGO_PKG_VERSION"))),
            ("goos", std::env::consts::OS),
            ("goarch", architecture()),
            ("goversion", env!("NARTHEX_RUSTC")),
            ("branch", ""),
            ("tags", if cfg!(feature = "kubernetes") { "kubernetes" } else { "" }),
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
        self.web.render(&mut page);
        self.scrape.render(&mut page);
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
            (
                "prometheus_target_scrapes_exemplar_out_of_order_total",
                "Total number of exemplars of scrapes that were rejected because they are out of order.",
                &self.exemplars_out_of_order,
            ),
        ] {
            page.single(name, "counter", help, counter.get() as f64);
        }
        self.budgets.render(&mut page);
        if let Some(db) = db {
            self.storage.render(&mut page, db);
            self.work.render(&mut page, db);
            exemplars::render(&mut page, db);
        }
        let parts = self.parts.lock().unwrap_or_else(PoisonError::into_inner).clone();
        parts.iter().for_each(|part| part.collect(&mut page));
        self.tombstone_cleanup.render(
            &mut page,
            "prometheus_tsdb_tombstone_cleanup_seconds",
            "The time taken to recompact blocks to remove tombstones.",
        );
        dial::DIALS.collect(&mut page);
        process::render(&mut page, self.start_seconds);
        page.into_text()
    }
}

/// The processor in the words of Go, which those who read the label know.
fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}
