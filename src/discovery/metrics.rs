//! What discovery tells about itself: `prometheus_sd_…`.

use crate::telemetry::Collect;
use crate::telemetry::family::Family;
use crate::telemetry::metrics::{Counter, Gauge, Histogram, Page};
use crate::telemetry::summary::Summary;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// Bounds of durations, seconds.
const BOUNDS: &[f64] = &[0.01, 0.1, 1.0, 10.0];

/// Metrics of discovery.
#[derive(Debug)]
pub struct SdMetrics {
    targets: Family<Gauge>,
    failed_configs: Family<Gauge>,
    received: Family<Counter>,
    updates: Family<Counter>,
    delayed: Family<Counter>,
    last_update: Family<Gauge>,
    refresh_failures: Family<Counter>,
    refresh_duration: Family<Summary>,
    refresh_histogram: Family<Histogram>,
    consul_calls: Family<Summary>,
    /// How long it took to read the files of an entry, seconds.
    pub file_scan: Summary,
    file_mtime: Family<Gauge>,
    /// How long Kuma took to answer, seconds.
    pub kuma_fetch: Summary,
    /// Counters without labels that mechanisms have of their own, by name.
    own: Vec<(&'static str, &'static str, Counter)>,
    /// Those of discovery in Kubernetes.
    #[cfg(feature = "kubernetes")]
    pub kubernetes: Arc<super::kubernetes::metrics::KubernetesMetrics>,
}

/// Counters of single mechanisms; they are there from the start, used or not.
const OWN: &[(&str, &str)] = &[
    ("prometheus_sd_azure_cache_hit_total", "Number of cache hit during refresh."),
    ("prometheus_sd_azure_failures_total", "Number of Azure service discovery refresh failures."),
    ("prometheus_sd_consul_rpc_failures_total", "The number of Consul RPC call failures."),
    ("prometheus_sd_dns_lookup_failures_total", "The number of DNS-SD lookup failures."),
    ("prometheus_sd_dns_lookups_total", "The number of DNS-SD lookups."),
    ("prometheus_sd_file_read_errors_total", "The number of File-SD read errors."),
    (
        "prometheus_sd_file_watcher_errors_total",
        "The number of File-SD errors caused by filesystem watch failures.",
    ),
    ("prometheus_sd_http_failures_total", "Number of HTTP service discovery refresh failures."),
    ("prometheus_sd_kubernetes_failures_total", "The number of failed WATCH/LIST requests."),
    ("prometheus_sd_kuma_fetch_failures_total", "The number of Kuma MADS fetch call failures."),
    (
        "prometheus_sd_kuma_fetch_skipped_updates_total",
        "The number of Kuma MADS fetch calls that result in no updates to the targets.",
    ),
    ("prometheus_sd_linode_failures_total", "Number of Linode service discovery refresh failures."),
    ("prometheus_sd_nomad_failures_total", "Number of nomad service discovery refresh failures."),
];

/// The metrics of one provider that asks again and again.
#[derive(Debug)]
pub struct RefreshMetrics {
    /// Questions without an answer.
    pub failures: Arc<Counter>,
    /// How long answers took, seconds.
    pub duration: Arc<Summary>,
}

impl Default for SdMetrics {
    fn default() -> Self {
        Self {
            targets: Family::new(
                "prometheus_sd_discovered_targets",
                "Current number of discovered targets.",
                &["name", "config"],
            ),
            failed_configs: Family::new(
                "prometheus_sd_failed_configs",
                "Current number of service discovery configurations that failed to load.",
                &["name"],
            ),
            received: Family::new(
                "prometheus_sd_received_updates_total",
                "Total number of update events received from the SD providers.",
                &["name"],
            ),
            delayed: Family::new(
                "prometheus_sd_updates_delayed_total",
                "Total number of update events that couldn't be sent immediately.",
                &["name"],
            ),
            updates: Family::new(
                "prometheus_sd_updates_total",
                "Total number of update events sent to the SD consumers.",
                &["name"],
            ),
            last_update: Family::new(
                "prometheus_sd_last_update_timestamp_seconds",
                "Timestamp of the last update sent to the SD consumers.",
                &["name", "config"],
            ),
            refresh_failures: Family::new(
                "prometheus_sd_refresh_failures_total",
                "Number of refresh failures for the given SD mechanism.",
                &["mechanism", "config"],
            ),
            refresh_duration: Family::new(
                "prometheus_sd_refresh_duration_seconds",
                "The duration of a refresh in seconds for the given SD mechanism.",
                &["mechanism", "config"],
            ),
            refresh_histogram: Family::with(
                "prometheus_sd_refresh_duration_histogram_seconds",
                "The duration of a refresh for the given SD mechanism.",
                &["mechanism"],
                || Histogram::new(BOUNDS),
            ),
            consul_calls: consul_calls(),
            file_scan: Summary::default(),
            file_mtime: Family::new(
                "prometheus_sd_file_mtime_seconds",
                "Timestamp (mtime) of files read by FileSD. Timestamp is set at read time.",
                &["filename"],
            ),
            kuma_fetch: Summary::default(),
            own: OWN.iter().map(|(name, help)| (*name, *help, Counter::default())).collect(),
            #[cfg(feature = "kubernetes")]
            kubernetes: Arc::default(),
        }
    }
}

/// The calls of Consul are there from the start.
fn consul_calls() -> Family<Summary> {
    let family = Family::new(
        "prometheus_sd_consul_rpc_duration_seconds",
        "The duration of a Consul RPC call in seconds.",
        &["endpoint", "call"],
    );
    for call in ["services", "service"] {
        family.of(&["catalog", call]);
    }
    family
}

impl SdMetrics {
    /// The metrics of a provider that asks again and again.
    #[must_use]
    pub fn refresh(&self, mechanism: &str, config: &str) -> RefreshMetrics {
        let labels = [mechanism, config];
        RefreshMetrics {
            failures: self.refresh_failures.of(&labels),
            duration: self.refresh_duration.of(&labels),
        }
    }

    /// How long the answers of all providers of a mechanism took.
    #[must_use]
    pub fn refresh_duration(&self, mechanism: &str) -> Arc<Histogram> {
        self.refresh_histogram.of(&[mechanism])
    }

    /// Counts in one of the counters of a single mechanism, which is named without `prometheus_sd_` and `_total`.
    pub fn count(&self, short: &str) {
        let named = |name: &str| {
            name.strip_prefix("prometheus_sd_").and_then(|rest| rest.strip_suffix("_total")) == Some(short)
        };
        if let Some((_, _, counter)) = self.own.iter().find(|(name, _, _)| named(name)) {
            counter.add(1);
        }
    }

    /// What one of those counters has come to.
    #[cfg(test)]
    #[must_use]
    pub fn counted(&self, short: &str) -> u64 {
        let name = format!("prometheus_sd_{short}_total");
        self.own.iter().find(|(own, _, _)| *own == name).map_or(0, |(_, _, counter)| counter.get())
    }

    /// How long calls of Consul took: `services` or `service`.
    #[must_use]
    pub fn consul_call(&self, call: &str) -> Arc<Summary> {
        self.consul_calls.of(&["catalog", call])
    }

    /// Counts what the providers of a set (`scrape` or `notify`) tell.
    #[must_use]
    pub fn received(&self, set: &str) -> Arc<Counter> {
        self.received.of(&[set])
    }

    /// Counts news that had to wait before a consumer of the set was told.
    #[must_use]
    pub fn delayed(&self, set: &str) -> Arc<Counter> {
        self.delayed.of(&[set])
    }

    /// A file with targets was read that had changed last at this time, seconds since the epoch.
    pub fn file_read(&self, file: &str, changed_at: f64) {
        self.file_mtime.of(&[file]).set(changed_at);
    }

    /// Forgets a file that is gone.
    pub fn file_gone(&self, file: &str) {
        self.file_mtime.retain(|values| values.iter().all(|known| known != file));
    }

    /// A provider of the set (`scrape` or `notify`) could not be set up.
    pub fn failed(&self, set: &str) {
        let gauge = self.failed_configs.of(&[set]);
        gauge.set(gauge.get() + 1.0);
    }

    /// A new configuration begins: nothing has failed yet, and what it does not name is forgotten.
    pub fn begin(&self, set: &str, configs: &[&str]) {
        self.failed_configs.of(&[set]).set(0.0);
        let keep = |values: &[String]| match values {
            [name, config] => name != set || configs.contains(&config.as_str()),
            _ => true,
        };
        self.targets.retain(keep);
        self.last_update.retain(keep);
    }

    /// A consumer has been told of this many targets.
    pub fn updated(&self, set: &str, config: &str, targets: usize) {
        self.targets.of(&[set, config]).set(targets as f64);
        self.updates.of(&[set]).add(1);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        self.last_update.of(&[set, config]).set(now.as_secs_f64());
    }
}

impl Collect for SdMetrics {
    fn collect(&self, page: &mut Page) {
        self.targets.render(page);
        self.failed_configs.render(page);
        self.received.render(page);
        self.updates.render(page);
        self.delayed.render(page);
        self.last_update.render(page);
        self.refresh_failures.render(page);
        self.refresh_duration.render(page);
        self.refresh_histogram.render(page);
        self.consul_calls.render(page);
        self.file_mtime.render(page);
        for (name, help, summary) in [
            (
                "prometheus_sd_file_scan_duration_seconds",
                "The duration of the File-SD scan in seconds.",
                &self.file_scan,
            ),
            (
                "prometheus_sd_kuma_fetch_duration_seconds",
                "The duration of a Kuma MADS fetch call.",
                &self.kuma_fetch,
            ),
        ] {
            summary.render(page, name, help);
        }
        for (name, help, counter) in &self.own {
            page.single(name, "counter", help, counter.get() as f64);
        }
        #[cfg(feature = "kubernetes")]
        self.kubernetes.render(page);
    }
}
