//! What scraping tells about itself: `prometheus_target_…`.

use super::family::Family;
use super::metrics::{Counter, Gauge, Histogram, Page};
use super::summary::{MANY_QUANTILES, Summary};
use std::sync::Arc;
use std::time::Instant;

/// Bounds of durations, seconds.
const BOUNDS: &[f64] = &[0.01, 0.1, 1.0, 10.0];
const INTERVAL: &[&str] = &["interval"];
const JOB: &[&str] = &["scrape_job"];

/// Metrics of scraping.
#[derive(Debug)]
pub struct ScrapeMetrics {
    /// Jobs that were to be set up.
    pub pools: Counter,
    /// Those of them that could not be.
    pub pools_failed: Counter,
    /// Jobs that were to follow a changed configuration.
    pub reloads: Counter,
    /// Those of them that could not.
    pub reloads_failed: Counter,
    /// Jobs that had more targets than they may have.
    pub exceeded_target_limit: Counter,
    /// Scrapes with labels beyond a limit.
    pub exceeded_label_limits: Counter,
    /// Scrapes of pages that were too large.
    pub exceeded_body_size: Counter,
    /// How long scrapes took until their samples were stored, seconds; of jobs with `extra_scrape_metrics`.
    pub whole: Histogram,
    /// Scrapes with more samples than there may be.
    pub exceeded_sample_limit: Counter,
    reload_length: Family<Summary>,
    interval_length: Family<Summary>,
    interval_histogram: Family<Histogram>,
    syncs: Family<Counter>,
    sync_length: Family<Summary>,
    sync_histogram: Family<Histogram>,
    sync_failed: Family<Counter>,
    targets: Family<Gauge>,
    target_limit: Family<Gauge>,
}

/// What came of a job's look at its targets.
#[derive(Debug, Clone, Copy)]
pub struct Synced {
    /// Targets that are scraped.
    pub targets: usize,
    /// Targets that it may have, 0 for any number.
    pub limit: u64,
    /// Targets that could not be made.
    pub failed: usize,
    /// Whether there were more than it may have.
    pub beyond: bool,
    /// How long it took, seconds.
    pub seconds: f64,
}

/// A summary with the quantiles of intervals.
fn many() -> Summary {
    Summary::new(MANY_QUANTILES)
}

fn bounded() -> Histogram {
    Histogram::new(BOUNDS)
}

impl Default for ScrapeMetrics {
    fn default() -> Self {
        let reload = "Actual interval to reload the scrape pool with a given configuration.";
        let interval = "Actual intervals between scrapes.";
        let sync = "Actual interval to sync the scrape pool.";
        let syncs = "Total number of syncs that were executed on a scrape pool.";
        let failed = "Total number of target sync failures.";
        let targets = "Current number of targets in this scrape pool.";
        let limit = "Maximum number of targets allowed in this scrape pool.";
        Self {
            pools: Counter::default(),
            pools_failed: Counter::default(),
            reloads: Counter::default(),
            reloads_failed: Counter::default(),
            exceeded_target_limit: Counter::default(),
            exceeded_label_limits: Counter::default(),
            exceeded_body_size: Counter::default(),
            exceeded_sample_limit: Counter::default(),
            // In the text format Prometheus shows no bounds of it either.
            whole: Histogram::new(&[]),
            reload_length: Family::with("prometheus_target_reload_length_seconds", reload, INTERVAL, many),
            interval_length: Family::with(
                "prometheus_target_interval_length_seconds",
                interval,
                INTERVAL,
                many,
            ),
            interval_histogram: Family::with(
                "prometheus_target_interval_length_histogram_seconds",
                interval,
                INTERVAL,
                bounded,
            ),
            syncs: Family::new("prometheus_target_scrape_pool_sync_total", syncs, JOB),
            sync_length: Family::with("prometheus_target_sync_length_seconds", sync, JOB, many),
            sync_histogram: Family::with(
                "prometheus_target_sync_length_histogram_seconds",
                sync,
                JOB,
                bounded,
            ),
            sync_failed: Family::new("prometheus_target_sync_failed_total", failed, JOB),
            targets: Family::new("prometheus_target_scrape_pool_targets", targets, JOB),
            target_limit: Family::new("prometheus_target_scrape_pool_target_limit", limit, JOB),
        }
    }
}

impl ScrapeMetrics {
    /// A job has looked at its targets.
    pub fn synced(&self, job: &str, synced: Synced) {
        let job = [job];
        self.syncs.of(&job).add(1);
        self.sync_length.of(&job).observe(synced.seconds);
        self.sync_histogram.of(&job).observe(synced.seconds);
        self.sync_failed.of(&job).add(synced.failed as u64);
        self.targets.of(&job).set(synced.targets as f64);
        self.target_limit.of(&job).set(synced.limit as f64);
        self.exceeded_target_limit.add(u64::from(synced.beyond));
    }

    /// A job with this interval follows a changed configuration.
    pub fn reloaded(&self, interval_ms: i64, seconds: f64) {
        self.reload_length.of(&[&go_duration(interval_ms)]).observe(seconds);
    }

    /// Forgets jobs that are gone.
    pub fn retain(&self, is_known: impl Fn(&str) -> bool) {
        let keep = |values: &[String]| values.iter().all(|job| is_known(job));
        self.syncs.retain(keep);
        self.sync_length.retain(keep);
        self.sync_histogram.retain(keep);
        self.sync_failed.retain(keep);
        self.targets.retain(keep);
        self.target_limit.retain(keep);
    }

    /// Counts a scrape that was beyond a limit, by what its error says.
    pub fn refused(&self, error: &str) {
        for (begin, counter) in [
            ("sample limit exceeded", &self.exceeded_sample_limit),
            ("body size limit exceeded", &self.exceeded_body_size),
            ("label_", &self.exceeded_label_limits),
        ] {
            if error.starts_with(begin) && error.contains("exceeded") {
                counter.add(1);
            }
        }
    }

    pub(super) fn render(&self, page: &mut Page) {
        for (name, help, counter) in [
            ("scrape_pools_total", "Total number of scrape pool creation attempts.", &self.pools),
            (
                "scrape_pools_failed_total",
                "Total number of scrape pool creations that failed.",
                &self.pools_failed,
            ),
            ("scrape_pool_reloads_total", "Total number of scrape pool reloads.", &self.reloads),
            (
                "scrape_pool_reloads_failed_total",
                "Total number of failed scrape pool reloads.",
                &self.reloads_failed,
            ),
            (
                "scrape_pool_exceeded_target_limit_total",
                "Total number of times scrape pools hit the target limit, during sync or config reload.",
                &self.exceeded_target_limit,
            ),
            (
                "scrape_pool_exceeded_label_limits_total",
                "Total number of times scrape pools hit the label limits, during sync or config reload.",
                &self.exceeded_label_limits,
            ),
            (
                "scrapes_exceeded_body_size_limit_total",
                "Total number of scrapes that hit the body size limit",
                &self.exceeded_body_size,
            ),
            (
                "scrapes_exceeded_sample_limit_total",
                "Total number of scrapes that hit the sample limit and were rejected.",
                &self.exceeded_sample_limit,
            ),
        ] {
            page.single(&format!("prometheus_target_{name}"), "counter", help, counter.get() as f64);
        }
        let help = "Total duration of the scrape from start to commit completion in seconds.";
        self.whole.render(page, "prometheus_target_scrape_duration_seconds", help);
        self.reload_length.render(page);
        self.interval_length.render(page);
        self.interval_histogram.render(page);
        self.syncs.render(page);
        self.sync_length.render(page);
        self.sync_histogram.render(page);
        self.sync_failed.render(page);
        self.targets.render(page);
        self.target_limit.render(page);
    }
}

/// Measures the distance of one target's scrapes.
#[derive(Debug, Default)]
pub struct Distance {
    last: Option<Instant>,
    /// The configured interval, ms, and its metrics.
    metrics: Option<(i64, Arc<Summary>, Arc<Histogram>)>,
}

impl Distance {
    /// A scrape begins.
    pub fn tick(&mut self, metrics: &ScrapeMetrics, interval_ms: i64) {
        let now = Instant::now();
        let Some(last) = self.last.replace(now) else { return };
        if self.metrics.as_ref().is_none_or(|(known, _, _)| *known != interval_ms) {
            let label = go_duration(interval_ms);
            let (summary, histogram) =
                (metrics.interval_length.of(&[&label]), metrics.interval_histogram.of(&[&label]));
            self.metrics = Some((interval_ms, summary, histogram));
        }
        if let Some((_, summary, histogram)) = &self.metrics {
            let seconds = now.saturating_duration_since(last).as_secs_f64();
            summary.observe(seconds);
            histogram.observe(seconds);
        }
    }
}

/// Milliseconds as Go prints a duration: `15s`, `1m0s`, `1h0m0s`, `1.5s`, `500ms`.
fn go_duration(ms: i64) -> String {
    if ms == 0 {
        return "0s".to_owned();
    }
    if ms < 1000 {
        return format!("{ms}ms");
    }
    let (minutes, rest_ms) = (ms / 60_000, ms % 60_000);
    let mut seconds = (rest_ms / 1000).to_string();
    if rest_ms % 1000 > 0 {
        let decimals = format!("{:03}", rest_ms % 1000);
        seconds.push('.');
        seconds.push_str(decimals.trim_end_matches('0'));
    }
    match (minutes / 60, minutes % 60) {
        (0, 0) => format!("{seconds}s"),
        (0, minutes) => format!("{minutes}m{seconds}s"),
        (hours, minutes) => format!("{hours}h{minutes}m{seconds}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_are_labelled_as_go_prints_them() {
        for (ms, want) in [
            (0, "0s"),
            (500, "500ms"),
            (15_000, "15s"),
            (1500, "1.5s"),
            (60_000, "1m0s"),
            (90_250, "1m30.25s"),
            (3_600_000, "1h0m0s"),
            (90_061_000, "25h1m1s"),
        ] {
            assert_eq!(go_duration(ms), want);
        }
    }

    #[test]
    fn the_distance_counts_from_the_second_scrape_on() {
        let (metrics, mut distance) = (ScrapeMetrics::default(), Distance::default());
        let mut tick = |interval| {
            distance.tick(&metrics, interval);
            let mut page = Page::default();
            metrics.render(&mut page);
            page.into_text()
        };
        assert!(!tick(15_000).contains("interval_length_seconds"));
        let count = "prometheus_target_interval_length_seconds_count{interval=\"15s\"} 1";
        assert!(tick(15_000).lines().any(|line| line == count));
        let other = "prometheus_target_interval_length_seconds_count{interval=\"30s\"} 1";
        let text = tick(30_000);
        assert!([count, other].iter().all(|want| text.lines().any(|line| line == *want)), "{text}");
    }

    #[test]
    fn a_refusal_counts_for_the_limit_that_it_names() {
        let metrics = ScrapeMetrics::default();
        for error in [
            "sample limit exceeded",
            "body size limit exceeded",
            "label_limit exceeded (metric: a)",
            "label_name_length_limit exceeded (metric: a)",
            "other",
        ] {
            metrics.refused(error);
        }
        let counts =
            [&metrics.exceeded_sample_limit, &metrics.exceeded_body_size, &metrics.exceeded_label_limits];
        assert_eq!(counts.map(Counter::get), [1, 1, 2]);
    }
}
