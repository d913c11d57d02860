//! Labels and annotations of alerts: templates, with the labels of the group beneath those of the rule.

use super::evaluator::{Evaluator, External};
use crate::template::{AlertData, Template, TemplateValue, World};
use narthex_promql::InstantSample;

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

/// Expands the templates of one sample.
pub(super) struct Expansion<'a> {
    /// The sample that the alert is made of.
    pub(super) sample: &'a InstantSample,
    /// The time of the evaluation, ms.
    pub(super) slot_ms: i64,
    /// Labels and URL of this server.
    pub(super) external: &'a External,
    /// Answers `query`.
    pub(super) evaluator: &'a Evaluator<'a>,
}

impl Expansion<'_> {
    /// The text of a template; one that fails says so in its place.
    pub(super) fn text(&self, template: &Template) -> String {
        if let Some(plain) = template.is_plain() {
            return plain.to_owned();
        }
        let metrics = self.evaluator.metrics;
        metrics.template_expansions.add(1);
        let value = match &self.sample.histogram {
            Some(histogram) => TemplateValue::Histogram(histogram),
            None => TemplateValue::Float(self.sample.value),
        };
        let data = AlertData {
            labels: &self.sample.labels,
            value,
            external_labels: &self.external.labels,
            external_url: &self.external.url,
        };
        let query = |text: &str| self.evaluator.ask(text, self.slot_ms);
        let world = World { now_ms: self.slot_ms, path_prefix: &self.external.path_prefix, query: &query };
        template.expand(&data, &world).unwrap_or_else(|error| {
            metrics.template_failures.add(1);
            tracing::warn!(%error, labels = ?self.sample.labels, "Expanding alert template failed");
            format!("<error expanding template: {error}>")
        })
    }
}
