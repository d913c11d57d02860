//! What the HTTP side tells about itself: `prometheus_http_…` and its connections.

use super::family::Family;
use super::metrics::{Counter, Gauge, Histogram, Page};

/// Bounds of the time that answers take, seconds.
const SECONDS: &[f64] = &[0.1, 0.2, 0.4, 1.0, 3.0, 8.0, 20.0, 60.0, 120.0];
/// Bounds of their sizes, bytes.
const BYTES: &[f64] = &[1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9];

/// Metrics of the HTTP side.
#[derive(Debug)]
pub struct WebMetrics {
    /// Connections that were accepted.
    pub accepted: Counter,
    /// Connections that have ended.
    pub closed: Counter,
    /// Pages of `/metrics` that are being made.
    pub scrapes_in_flight: Gauge,
    requests: Family<Counter>,
    duration: Family<Histogram>,
    size: Family<Histogram>,
    scrapes: Family<Counter>,
}

impl Default for WebMetrics {
    fn default() -> Self {
        let scrapes: Family<Counter> = Family::new(
            "promhttp_metric_handler_requests_total",
            "Total number of scrapes by HTTP status code.",
            &["code"],
        );
        ["200", "500", "503"].iter().for_each(|code| drop(scrapes.of(&[code])));
        Self {
            accepted: Counter::default(),
            closed: Counter::default(),
            scrapes_in_flight: Gauge::default(),
            requests: Family::new(
                "prometheus_http_requests_total",
                "Counter of HTTP requests.",
                &["code", "handler"],
            ),
            duration: Family::with(
                "prometheus_http_request_duration_seconds",
                "Histogram of latencies for HTTP requests.",
                &["handler"],
                || Histogram::new(SECONDS),
            ),
            size: Family::with(
                "prometheus_http_response_size_bytes",
                "Histogram of response size for HTTP requests.",
                &["handler"],
                || Histogram::of_sizes(BYTES),
            ),
            scrapes,
        }
    }
}

impl WebMetrics {
    /// Lets a handler appear before its first request.
    pub fn announce(&self, handler: &str) {
        self.requests.of(&["200", handler]);
    }

    /// Counts an answer. `handler` comes from a fixed list.
    pub fn request(&self, handler: &str, status: u16) {
        let code = status.to_string();
        self.requests.of(&[&code, handler]).add(1);
        if handler == "/metrics" {
            self.scrapes.of(&[&code]).add(1);
        }
    }

    /// An answer is sent, or given up.
    pub fn answered(&self, handler: &str, seconds: f64, bytes: u64) {
        self.duration.of(&[handler]).observe(seconds);
        self.size.of(&[handler]).observe(bytes as f64);
    }

    pub(super) fn render(&self, page: &mut Page) {
        self.requests.render(page);
        self.duration.render(page);
        self.size.render(page);
        self.scrapes.render(page);
        page.single(
            "promhttp_metric_handler_requests_in_flight",
            "gauge",
            "Current number of scrapes being served.",
            self.scrapes_in_flight.get(),
        );
        for (name, help, counter) in [
            (
                "net_conntrack_listener_conn_accepted_total",
                "Total number of connections opened to the listener of a given name.",
                &self.accepted,
            ),
            (
                "net_conntrack_listener_conn_closed_total",
                "Total number of connections closed that were made to the listener of a given name.",
                &self.closed,
            ),
        ] {
            page.family(name, "counter", help);
            page.sample(name, &[("listener_name", "http")], counter.get() as f64);
        }
    }
}
