//! What the query engine tells about itself: `prometheus_engine_…`.

use super::metrics::{Counter, Gauge, Histogram, Page};
use super::sketch::Sketch;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Quantiles of the summary, with the label that names them.
const QUANTILES: [(f64, &str); 3] = [(0.5, "0.5"), (0.9, "0.9"), (0.99, "0.99")];
/// Bounds of the histogram, seconds.
const BOUNDS: &[f64] = &[0.01, 0.1, 1.0, 10.0];
/// Quantiles are those of this many ages …
const AGES: usize = 5;
/// … of this length each.
const AGE: Duration = Duration::from_secs(120);

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

/// Quantiles of the last ten minutes.
#[derive(Debug)]
struct Recent {
    ages: [Sketch; AGES],
    current: usize,
    turned: Instant,
}

impl Default for Recent {
    fn default() -> Self {
        Self { ages: Default::default(), current: 0, turned: Instant::now() }
    }
}

impl Recent {
    /// Forgets the ages that have passed.
    fn turn(&mut self, now: Instant) {
        for _ in 0..AGES {
            if now.saturating_duration_since(self.turned) < AGE {
                return;
            }
            self.turned += AGE;
            self.current = (self.current + 1) % AGES;
            if let Some(age) = self.ages.get_mut(self.current) {
                age.clear();
            }
        }
        // Nothing was asked for longer than all ages.
        self.turned = now;
    }

    fn observe(&mut self, seconds: f64, now: Instant) {
        self.turn(now);
        if let Some(age) = self.ages.get_mut(self.current) {
            age.observe(seconds);
        }
    }

    fn whole(&mut self, now: Instant) -> Sketch {
        self.turn(now);
        let mut whole = Sketch::default();
        self.ages.iter().for_each(|age| whole.merge(age));
        whole
    }
}

#[derive(Debug)]
struct Timing {
    recent: Mutex<Recent>,
    histogram: Histogram,
}

impl Default for Timing {
    fn default() -> Self {
        Self { recent: Mutex::default(), histogram: Histogram::new(BOUNDS) }
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
        timing.recent.lock().unwrap_or_else(PoisonError::into_inner).observe(seconds, Instant::now());
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
            let recent = timing.recent.lock().unwrap_or_else(PoisonError::into_inner).whole(Instant::now());
            for (share, quantile) in QUANTILES {
                let value = recent.quantile(share).unwrap_or(f64::NAN);
                page.sample(name, &[("slice", label), ("quantile", quantile)], value);
            }
            page.sample(&format!("{name}_sum"), &[("slice", label)], timing.histogram.sum());
            page.sample(&format!("{name}_count"), &[("slice", label)], timing.histogram.count() as f64);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_forget_what_is_older_than_ten_minutes() {
        let mut recent = Recent::default();
        let begin = recent.turned;
        recent.observe(8.0, begin);
        let at = |minutes: u64| begin + Duration::from_secs(60 * minutes);
        recent.observe(1.0, at(5));
        let median = recent.whole(at(9)).quantile(1.0).unwrap();
        assert!((7.0..9.0).contains(&median), "{median}");
        let median = recent.whole(at(11)).quantile(1.0).unwrap();
        assert!((0.9..1.1).contains(&median), "{median}");
        assert_eq!(recent.whole(at(1000)).quantile(1.0), None);
    }

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
