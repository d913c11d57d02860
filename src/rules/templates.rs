//! Labels and annotations of alerts: templates, with the labels of the group beneath those of the rule.

use super::evaluator::{Evaluator, External};
use crate::telemetry::repeated::Repeated;
use crate::template::{AlertData, Allowance, Template, TemplateValue, World};
use narthex_promql::InstantSample;
use std::cell::Cell;
use std::time::{Duration, Instant};

/// Reads a label or an annotation of an alert.
///
/// # Errors
/// The text is no template: what Go's template package says of it.
pub fn read(alert: &str, text: &str) -> Result<Template, String> {
    Template::parse(&format!("__alert_{alert}"), text).map_err(|error| error.detail().to_owned())
}

/// The labels of a group with those of a rule over them, by name.
#[must_use]
pub fn merged<T: Clone>(group: &[(String, T)], own: Vec<(String, T)>) -> Vec<(String, T)> {
    let mut all: Vec<(String, T)> =
        group.iter().filter(|(name, _)| own.iter().all(|(taken, _)| taken != name)).cloned().collect();
    all.extend(own);
    all.sort_by(|(one, _), (other, _)| one.cmp(other));
    all
}

/// Longest that queries of templates may take in one evaluation of a rule, all together; the last may take longer.
const QUERIES_MAX: Duration = Duration::from_secs(60);

/// Expands the templates of one evaluation of a rule.
pub(super) struct Expansions<'a> {
    /// The time of the evaluation, ms.
    pub(super) slot_ms: i64,
    /// Labels and URL of this server.
    pub(super) external: &'a External,
    /// Answers `query`.
    pub(super) evaluator: &'a Evaluator<'a>,
    /// Failures of the rule's templates.
    pub(super) failures: &'a Repeated,
    allowance: Allowance,
    asked: Cell<Duration>,
    failed: Cell<bool>,
}

impl<'a> Expansions<'a> {
    pub(super) fn new(
        slot_ms: i64,
        external: &'a External,
        evaluator: &'a Evaluator<'a>,
        failures: &'a Repeated,
    ) -> Self {
        let (allowance, asked, failed) = (Allowance::default(), Cell::default(), Cell::default());
        Self { slot_ms, external, evaluator, failures, allowance, asked, failed }
    }

    /// The text of a template for a sample that an alert is made of; one that fails says so in its place.
    pub(super) fn text(&self, template: &Template, sample: &InstantSample) -> String {
        if let Some(plain) = template.is_plain() {
            return plain.to_owned();
        }
        let metrics = self.evaluator.metrics;
        metrics.template_expansions.add(1);
        let value = match &sample.histogram {
            Some(histogram) => TemplateValue::Histogram(histogram),
            None => TemplateValue::Float(sample.value),
        };
        let data = AlertData {
            labels: &sample.labels,
            value,
            external_labels: &self.external.labels,
            external_url: &self.external.url,
        };
        let query = |text: &str| self.ask(text);
        let world = World {
            now_ms: self.slot_ms,
            path_prefix: &self.external.path_prefix,
            query: &query,
            allowance: &self.allowance,
        };
        template.expand(&data, &world).unwrap_or_else(|error| {
            metrics.template_failures.add(1);
            self.failed.set(true);
            if let Some(untold) = self.failures.failed() {
                tracing::warn!(%error, labels = ?sample.labels, untold, "Expanding alert template failed");
            }
            format!("<error expanding template: {error}>")
        })
    }

    fn ask(&self, text: &str) -> Result<Vec<InstantSample>, String> {
        if self.asked.get() > QUERIES_MAX {
            let most = QUERIES_MAX.as_secs();
            return Err(format!(
                "queries of the templates of this evaluation take more than {most} s together"
            ));
        }
        let begin = Instant::now();
        let answer = self.evaluator.ask(text, self.slot_ms);
        self.asked.set(self.asked.get() + begin.elapsed());
        answer
    }

    /// All templates are expanded.
    pub(super) fn end(self) {
        if !self.failed.get() {
            // Nobody waits for the end of failures: the rule's annotations show it.
            let _ = self.failures.worked();
        }
    }
}
