//! What the notifier tells about itself: `prometheus_notifications_…`.

use crate::telemetry::Collect;
use crate::telemetry::family::Family;
use crate::telemetry::metrics::{Counter, Gauge, Histogram, Page};
use crate::telemetry::summary::Summary;
use std::sync::Arc;

/// Bounds of durations, seconds.
const BOUNDS: &[f64] = &[0.01, 0.1, 1.0, 10.0];
const LABELS: &[&str] = &["alertmanager"];

/// Metrics of all Alertmanagers.
#[derive(Debug)]
pub(super) struct NotifyMetrics {
    sent: Family<Counter>,
    errors: Family<Counter>,
    dropped: Family<Counter>,
    queue_length: Family<Gauge>,
    latency: Family<Summary>,
    latency_histogram: Family<Histogram>,
    queue_capacity: usize,
    /// Alertmanagers that alerts go to.
    pub(super) discovered: Gauge,
}

/// Those of one Alertmanager.
#[derive(Debug)]
pub(super) struct EndpointMetrics {
    pub(super) sent: Arc<Counter>,
    pub(super) errors: Arc<Counter>,
    pub(super) dropped: Arc<Counter>,
    pub(super) queue_length: Arc<Gauge>,
    latency: Arc<Summary>,
    latency_histogram: Arc<Histogram>,
}

impl EndpointMetrics {
    /// Alerts were taken.
    pub(super) fn sent(&self, alerts: usize, seconds: f64) {
        self.sent.add(alerts as u64);
        self.latency.observe(seconds);
        self.latency_histogram.observe(seconds);
    }
}

impl NotifyMetrics {
    pub(super) fn new(queue_capacity: usize) -> Self {
        let sent = "Total number of alerts sent.";
        let errors = "Total number of sent alerts affected by errors.";
        let dropped = "Total number of alerts dropped due to errors when sending to Alertmanager.";
        let length = "The number of alert notifications in the queue.";
        let latency = "Latency quantiles for sending alert notifications.";
        let histogram = "Latency histogram for sending alert notifications.";
        Self {
            sent: Family::new("prometheus_notifications_sent_total", sent, LABELS),
            errors: Family::new("prometheus_notifications_errors_total", errors, LABELS),
            dropped: Family::new("prometheus_notifications_dropped_total", dropped, LABELS),
            queue_length: Family::new("prometheus_notifications_queue_length", length, LABELS),
            latency: Family::new("prometheus_notifications_latency_seconds", latency, LABELS),
            latency_histogram: Family::with(
                "prometheus_notifications_latency_histogram_seconds",
                histogram,
                LABELS,
                || Histogram::new(BOUNDS),
            ),
            queue_capacity,
            discovered: Gauge::default(),
        }
    }

    /// The metrics of the Alertmanager at a URL; they are there from now on.
    pub(super) fn of(&self, url: &str) -> EndpointMetrics {
        let values = [url];
        EndpointMetrics {
            sent: self.sent.of(&values),
            errors: self.errors.of(&values),
            dropped: self.dropped.of(&values),
            queue_length: self.queue_length.of(&values),
            latency: self.latency.of(&values),
            latency_histogram: self.latency_histogram.of(&values),
        }
    }

    /// Forgets Alertmanagers that are gone.
    pub(super) fn retain(&self, in_use: impl Fn(&str) -> bool) {
        let keep = |values: &[String]| values.iter().all(|url| in_use(url));
        self.sent.retain(keep);
        self.errors.retain(keep);
        self.dropped.retain(keep);
        self.queue_length.retain(keep);
        self.latency.retain(keep);
        self.latency_histogram.retain(keep);
    }
}

impl Collect for NotifyMetrics {
    fn collect(&self, page: &mut Page) {
        self.sent.render(page);
        self.errors.render(page);
        self.dropped.render(page);
        self.queue_length.render(page);
        self.latency.render(page);
        self.latency_histogram.render(page);
        page.single(
            "prometheus_notifications_queue_capacity",
            "gauge",
            "The capacity of the alert notifications queue.",
            self.queue_capacity as f64,
        );
        page.single(
            "prometheus_notifications_alertmanagers_discovered",
            "gauge",
            "The number of alertmanagers discovered and active.",
            self.discovered.get(),
        );
    }
}
