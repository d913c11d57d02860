//! What the evaluation of rules tells about itself: `prometheus_rule_…`.

use crate::telemetry::Collect;
use crate::telemetry::family::Family;
use crate::telemetry::metrics::{Counter, Gauge, Histogram, Page};
use crate::telemetry::summary::{MANY_QUANTILES, Summary};
use std::sync::Arc;
use std::time::Duration;

/// Bounds of the histograms, seconds.
const BOUNDS: &[f64] = &[0.01, 0.1, 1.0, 10.0];
const GROUP: &[&str] = &["rule_group"];

/// Metrics of the evaluation of rules.
#[derive(Debug)]
pub struct RuleMetrics {
    /// Templates that were expanded.
    pub template_expansions: Counter,
    /// Templates that could not be expanded.
    pub template_failures: Counter,
    rule_durations: Summary,
    rule_histogram: Histogram,
    group_durations: Summary,
    group_histogram: Histogram,
    evaluations: Family<Counter>,
    failures: Family<Counter>,
    iterations: Family<Counter>,
    missed: Family<Counter>,
    caught_up: Family<Counter>,
    interval: Family<Gauge>,
    last_evaluation: Family<Gauge>,
    last_duration: Family<Gauge>,
    last_rules_duration: Family<Gauge>,
    last_restore: Family<Gauge>,
    rules: Family<Gauge>,
    last_samples: Family<Gauge>,
}

/// The metrics of one group.
#[derive(Debug, Clone)]
pub struct GroupMetrics {
    /// Rules that were evaluated.
    pub evaluations: Arc<Counter>,
    /// Rules that failed.
    pub failures: Arc<Counter>,
    /// Evaluations of the group that were due, missed ones included.
    pub iterations: Arc<Counter>,
    /// Evaluations of the group that fell into a longer one.
    pub missed: Arc<Counter>,
    /// Evaluations that were made up at the start.
    pub caught_up: Arc<Counter>,
    /// Distance of the evaluations, seconds.
    pub interval: Arc<Gauge>,
    /// When the last evaluation began, seconds since the epoch.
    pub last_evaluation: Arc<Gauge>,
    /// How long the last evaluation took, seconds.
    pub last_duration: Arc<Gauge>,
    /// The durations of its rules, added up, seconds.
    pub last_rules_duration: Arc<Gauge>,
    /// How long it took to restore the `for` state, seconds.
    pub last_restore: Arc<Gauge>,
    /// Rules of the group.
    pub rules: Arc<Gauge>,
    /// Samples of the last evaluation.
    pub last_samples: Arc<Gauge>,
}

impl Default for RuleMetrics {
    fn default() -> Self {
        Self {
            template_expansions: Counter::default(),
            template_failures: Counter::default(),
            rule_durations: Summary::default(),
            rule_histogram: Histogram::new(BOUNDS),
            group_durations: Summary::new(MANY_QUANTILES),
            group_histogram: Histogram::new(BOUNDS),
            evaluations: Family::new(
                "prometheus_rule_evaluations_total",
                "The total number of rule evaluations.",
                GROUP,
            ),
            failures: Family::new(
                "prometheus_rule_evaluation_failures_total",
                "The total number of rule evaluation failures.",
                GROUP,
            ),
            iterations: Family::new(
                "prometheus_rule_group_iterations_total",
                "The total number of scheduled rule group evaluations, whether executed or missed.",
                GROUP,
            ),
            missed: Family::new(
                "prometheus_rule_group_iterations_missed_total",
                "The total number of rule group evaluations missed due to slow rule group evaluation.",
                GROUP,
            ),
            caught_up: Family::new(
                "narthex_rule_group_iterations_caught_up_total",
                "Evaluations of the group that were missed while the server was down and made up at its start.",
                GROUP,
            ),
            interval: Family::new(
                "prometheus_rule_group_interval_seconds",
                "The interval of a rule group.",
                GROUP,
            ),
            last_evaluation: Family::new(
                "prometheus_rule_group_last_evaluation_timestamp_seconds",
                "The timestamp of the last rule group evaluation in seconds.",
                GROUP,
            ),
            last_duration: Family::new(
                "prometheus_rule_group_last_duration_seconds",
                "The duration of the last rule group evaluation.",
                GROUP,
            ),
            last_rules_duration: Family::new(
                "prometheus_rule_group_last_rule_duration_sum_seconds",
                "The sum of time in seconds it took to evaluate each rule in the group regardless of concurrency. This should be higher than the group duration if rules are evaluated concurrently.",
                GROUP,
            ),
            last_restore: Family::new(
                "prometheus_rule_group_last_restore_duration_seconds",
                "The duration of the last alert rules alerts restoration using the `ALERTS_FOR_STATE` series.",
                GROUP,
            ),
            rules: Family::new("prometheus_rule_group_rules", "The number of rules.", GROUP),
            last_samples: Family::new(
                "prometheus_rule_group_last_evaluation_samples",
                "The number of samples returned during the last rule group evaluation.",
                GROUP,
            ),
        }
    }
}

impl RuleMetrics {
    /// Notes how long a rule took.
    pub fn rule(&self, duration: Duration) {
        let seconds = duration.as_secs_f64();
        self.rule_durations.observe(seconds);
        self.rule_histogram.observe(seconds);
    }

    /// Notes how long a group took.
    pub fn group(&self, duration: Duration) {
        let seconds = duration.as_secs_f64();
        self.group_durations.observe(seconds);
        self.group_histogram.observe(seconds);
    }

    /// The metrics of a group, which is named as `FILE;GROUP`.
    #[must_use]
    pub fn of_group(&self, key: &str) -> GroupMetrics {
        let key = &[key];
        GroupMetrics {
            evaluations: self.evaluations.of(key),
            failures: self.failures.of(key),
            iterations: self.iterations.of(key),
            missed: self.missed.of(key),
            caught_up: self.caught_up.of(key),
            interval: self.interval.of(key),
            last_evaluation: self.last_evaluation.of(key),
            last_duration: self.last_duration.of(key),
            last_rules_duration: self.last_rules_duration.of(key),
            last_restore: self.last_restore.of(key),
            rules: self.rules.of(key),
            last_samples: self.last_samples.of(key),
        }
    }

    /// Forgets the groups for which `keep` does not hold.
    pub fn retain(&self, keep: impl Fn(&str) -> bool) {
        let keep = |values: &[String]| values.first().is_some_and(|key| keep(key));
        for family in [&self.evaluations, &self.failures, &self.iterations, &self.missed, &self.caught_up] {
            family.retain(keep);
        }
        for family in [
            &self.interval,
            &self.last_evaluation,
            &self.last_duration,
            &self.last_rules_duration,
            &self.last_restore,
            &self.rules,
            &self.last_samples,
        ] {
            family.retain(keep);
        }
    }
}

impl Collect for RuleMetrics {
    fn collect(&self, page: &mut Page) {
        for (name, help, summary) in [
            (
                "prometheus_rule_evaluation_duration_seconds",
                "The duration for a rule to execute.",
                &self.rule_durations,
            ),
            (
                "prometheus_rule_group_duration_seconds",
                "The duration of rule group evaluations.",
                &self.group_durations,
            ),
        ] {
            page.family(name, "summary", help);
            summary.samples(page, name, &[]);
        }
        self.rule_histogram.render(
            page,
            "prometheus_rule_evaluation_duration_histogram_seconds",
            "The duration for a rule to execute.",
        );
        self.group_histogram.render(
            page,
            "prometheus_rule_group_duration_histogram_seconds",
            "The duration of rule group evaluations.",
        );
        for family in [&self.evaluations, &self.failures, &self.iterations, &self.missed, &self.caught_up] {
            family.render(page);
        }
        for family in [
            &self.interval,
            &self.last_evaluation,
            &self.last_duration,
            &self.last_rules_duration,
            &self.last_restore,
            &self.rules,
            &self.last_samples,
        ] {
            family.render(page);
        }
        for (name, help, counter) in [
            (
                "prometheus_template_text_expansions_total",
                "The total number of template text expansions.",
                &self.template_expansions,
            ),
            (
                "prometheus_template_text_expansion_failures_total",
                "The total number of template text expansion failures.",
                &self.template_failures,
            ),
        ] {
            page.single(name, "counter", help, counter.get() as f64);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_series_of_a_removed_group_vanish() {
        let metrics = RuleMetrics::default();
        metrics.of_group("f;a").missed.add(1);
        metrics.of_group("f;b").rules.set(20.0);
        metrics.retain(|key| key == "f;b");
        let mut page = Page::default();
        metrics.collect(&mut page);
        let text = page.into_text();
        assert!(!text.contains("f;a"), "{text}");
        for line in [
            "prometheus_rule_group_rules{rule_group=\"f;b\"} 20",
            "prometheus_rule_evaluation_failures_total{rule_group=\"f;b\"} 0",
            "prometheus_rule_group_duration_seconds{quantile=\"0.01\"} NaN",
            "prometheus_template_text_expansions_total 0",
        ] {
            assert!(text.lines().any(|l| l == line), "{line} in {text}");
        }
    }
}
