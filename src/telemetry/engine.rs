//! What the query engine tells about itself: `prometheus_engine_…`.

use super::metrics::{Counter, Gauge, Histogram, Page};
use super::summary::Summary;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Bounds of the histogram, seconds.
const BOUNDS: &[f64] = &[0.01, 0.1, 1.0, 10.0];
/// The parts of a query's time, in the order of their labels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Slice {
    /// Evaluation.
    InnerEval,
    /// Parsing and planning.
    PrepareTime,
    /// Waiting for a slot.
    QueueTime,
    /// Sorting the result.
    ResultSort,
}

const SLICES: [(Slice, &str); 4] = [
    (Slice::InnerEval, "inner_eval"),
    (Slice::PrepareTime, "prepare_time"),
    (Slice::QueueTime, "queue_time"),
    (Slice::ResultSort, "result_sort"),
];

#[derive(Debug)]
struct Timing {
    summary: Summary,
    histogram: Histogram,
}

impl Default for Timing {
    fn default() -> Self {
        Self { summary: Summary::default(), histogram: Histogram::new(BOUNDS) }
    }
}

/// Metrics of the query engine.
#[derive(Debug, Default)]
pub struct EngineMetrics {
    /// Most queries at once.
    pub concurrent_max: Gauge,
    /// Whether queries are logged: 0 or 1.
    pub log_enabled: Gauge,
    /// Queries that could not be logged.
    pub log_failures: Counter,
    /// Stored samples that queries went through.
    pub samples: Counter,
    queries: AtomicU64,
    timings: [Timing; SLICES.len()],
}

impl EngineMetrics {
    /// A query comes.
    pub fn enter(&self) {
        self.queries.fetch_add(1, Ordering::Relaxed);
    }

    /// A query goes.
    pub fn leave(&self) {
        self.queries.fetch_sub(1, Ordering::Relaxed);
    }

    /// Queries that run or wait.
    #[must_use]
    pub fn queries(&self) -> u64 {
        self.queries.load(Ordering::Relaxed)
    }

    /// Adds the time of a part of a query.
    pub fn observe(&self, slice: Slice, time: Duration) {
        let Some((_, timing)) = SLICES.iter().zip(&self.timings).find(|((known, _), _)| *known == slice)
        else {
            return;
        };
        let seconds = time.as_secs_f64();
        timing.summary.observe(seconds);
        timing.histogram.observe(seconds);
    }

    /// Adds the metrics to a page.
    pub fn render(&self, page: &mut Page) {
        let gauges = [
            (
                "prometheus_engine_queries",
                "The current number of queries being executed or waiting.",
                self.queries() as f64,
            ),
            (
                "prometheus_engine_queries_concurrent_max",
                "The max number of concurrent queries.",
                self.concurrent_max.get(),
            ),
        ];
        for (name, help, value) in gauges {
            page.single(name, "gauge", help, value);
        }
        self.timings(page);
        page.single(
            "prometheus_engine_query_log_enabled",
            "gauge",
            "State of the query log.",
            self.log_enabled.get(),
        );
        for (name, help, counter) in [
            (
                "prometheus_engine_query_log_failures_total",
                "The number of query log failures.",
                &self.log_failures,
            ),
            (
                "prometheus_engine_query_samples_read_total",
                "The total number of samples read by all queries, each once.",
                &self.samples,
            ),
            (
                "prometheus_engine_query_samples_total",
                "The total number of samples loaded by all queries.",
                &self.samples,
            ),
        ] {
            page.single(name, "counter", help, counter.get() as f64);
        }
    }

    fn timings(&self, page: &mut Page) {
        let name = "prometheus_engine_query_duration_histogram_seconds";
        page.family(name, "histogram", "The duration of various parts of PromQL query execution.");
        for ((_, label), timing) in SLICES.iter().zip(&self.timings) {
            timing.histogram.samples(page, name, &[("slice", label)]);
        }
        let name = "prometheus_engine_query_duration_seconds";
        page.family(name, "summary", "Query timings");
        for ((_, label), timing) in SLICES.iter().zip(&self.timings) {
            timing.summary.samples(page, name, &[("slice", label)]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_slice_has_quantiles_a_sum_and_a_count() {
        let metrics = EngineMetrics::default();
        metrics.observe(Slice::QueueTime, Duration::from_millis(50));
        let mut page = Page::default();
        metrics.render(&mut page);
        let text = page.into_text();
        for line in [
            "prometheus_engine_query_duration_seconds{slice=\"inner_eval\",quantile=\"0.9\"} NaN",
            "prometheus_engine_query_duration_seconds_count{slice=\"queue_time\"} 1",
            "prometheus_engine_query_duration_seconds_sum{slice=\"queue_time\"} 0.05",
            "prometheus_engine_query_duration_histogram_seconds_bucket{slice=\"queue_time\",le=\"0.01\"} 0",
            "prometheus_engine_query_duration_histogram_seconds_bucket{slice=\"queue_time\",le=\"0.1\"} 1",
        ] {
            assert!(text.lines().any(|l| l == line), "{line} in {text}");
        }
    }
}
