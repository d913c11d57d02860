//! One rule and what it remembers: its query, its series, its alerts.

use super::alert::{Alert, AlertSet, AlertState, Annotations, Waits};
use super::error::EvalError;
use super::evaluator::{Evaluator, External};
use super::file::AlertSpec;
use super::outputs::Outputs;
use super::sink::{Appended, OutputValue, Sinks};
use super::templates::Expansions;
use super::view::RuleView;
use crate::telemetry::repeated::Repeated;
use narthex_promql::InstantSample;
use narthex_storage::{Labels, LabelsBuilder};
use std::sync::Arc;

/// When a group is evaluated, ms since the epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// The slot: the time of alerts.
    pub slot_ms: i64,
    /// The time of queries and samples: the slot less the offset.
    pub sample_ms: i64,
}

/// A rule with its state.
pub struct Rule {
    /// As others see it.
    pub view: Arc<RuleView>,
    pub(super) outputs: Outputs,
    pub(super) alerts: AlertSet,
    /// Its `for` state is what it was before the start: alerts are written only from then on.
    pub(super) restored: bool,
    template_failures: Repeated,
}

impl Rule {
    /// A rule that was not evaluated yet.
    #[must_use]
    pub fn new(view: Arc<RuleView>, restored: bool, sinks: &dyn Sinks) -> Self {
        let restored = restored || view.spec.alert.is_none();
        Self {
            view,
            outputs: Outputs::new(sinks.sink()),
            alerts: AlertSet::default(),
            restored,
            template_failures: Repeated::default(),
        }
    }

    /// What identifies a rule of a group to the group that follows it.
    pub(super) fn identity(&self) -> (&str, &[(String, String)]) {
        (&self.view.spec.name, &self.view.spec.labels)
    }

    /// Takes in the result of the query; what it leads to waits for [`Rule::commit`]. The answer is how many samples
    /// there are to write.
    pub(super) fn apply(
        &mut self,
        samples: &[InstantSample],
        moment: Moment,
        limit: Option<usize>,
        external: &External,
        evaluator: &Evaluator<'_>,
    ) -> Result<usize, EvalError> {
        self.outputs.begin();
        let view = Arc::clone(&self.view);
        match &view.spec.alert {
            None => self.record(samples, limit)?,
            Some(alert) => self.alert(alert, samples, (moment, limit), external, evaluator)?,
        }
        Ok(self.outputs.samples())
    }

    fn record(&mut self, samples: &[InstantSample], limit: Option<usize>) -> Result<(), EvalError> {
        let spec = &self.view.spec;
        for sample in samples {
            let make = || recorded_labels(&sample.labels, &spec.name, &spec.labels);
            let value = match &sample.histogram {
                Some(histogram) => OutputValue::Histogram(Arc::clone(histogram)),
                None => OutputValue::Float(sample.value),
            };
            if !self.outputs.add(&sample.labels, make, value) {
                return Err(EvalError::SameRuleLabels);
            }
        }
        match limit.filter(|limit| samples.len() > *limit) {
            Some(limit) => Err(EvalError::TooManySeries { limit, found: samples.len() }),
            None => Ok(()),
        }
    }

    fn alert(
        &mut self,
        alert: &AlertSpec,
        samples: &[InstantSample],
        (moment, limit): (Moment, Option<usize>),
        external: &External,
        evaluator: &Evaluator<'_>,
    ) -> Result<(), EvalError> {
        let name = &self.view.spec.name;
        let waits = Waits { for_ms: alert.for_ms, keep_firing_for_ms: alert.keep_firing_for_ms };
        let texts = Expansions::new(moment.slot_ms, external, evaluator, &self.template_failures);
        let active = self.alerts.step(moment.slot_ms, samples, waits, |sample| {
            (alert_labels(alert, name, sample, &texts), annotations(alert, sample, &texts))
        })?;
        texts.end();
        if let Some(limit) = limit.filter(|limit| active > *limit) {
            self.alerts.clear();
            return Err(EvalError::TooManyAlerts { limit, found: active });
        }
        if self.restored {
            for alert in self.alerts.iter().filter(|alert| alert.state != AlertState::Inactive) {
                let state = ("alertstate", alert.state.name());
                let labels = alert_series(&alert.labels, "ALERTS", Some(state));
                self.outputs.add_series(&labels, OutputValue::Float(1.0));
                let labels = alert_series(&alert.labels, FOR_STATE, None);
                let since = alert.active_at_ms.div_euclid(1000) as f64;
                self.outputs.add_series(&labels, OutputValue::Float(since));
            }
        }
        Ok(())
    }

    /// The alerts that have to be told now.
    pub(super) fn due(&mut self, slot_ms: i64, resend_delay_ms: i64, interval_ms: i64) -> Vec<Alert> {
        if self.alerts.is_empty() {
            return Vec::new();
        }
        self.alerts.due(slot_ms, resend_delay_ms, interval_ms)
    }

    /// Stores what [`Rule::apply`] led to.
    pub(super) fn commit(&mut self, moment: Moment) -> Result<Appended, EvalError> {
        Ok(self.outputs.commit(moment.sample_ms)?)
    }
}

/// The series that says since when an alert is active.
pub(super) const FOR_STATE: &str = "ALERTS_FOR_STATE";

/// The labels of a recorded series.
fn recorded_labels(input: &Labels, name: &str, own: &[(String, String)]) -> Labels {
    let mut labels = LabelsBuilder::from_labels(input);
    labels.set("__name__", name);
    for (name, value) in own {
        labels.set(name, value);
    }
    labels.build()
}

/// The labels of an alert.
fn alert_labels(alert: &AlertSpec, name: &str, sample: &InstantSample, texts: &Expansions<'_>) -> Labels {
    let mut labels = LabelsBuilder::from_labels(&sample.labels);
    labels.remove("__name__");
    for (label, template) in &alert.label_templates {
        labels.set(label, &texts.text(template, sample));
    }
    labels.set("alertname", name);
    labels.build()
}

fn annotations(alert: &AlertSpec, sample: &InstantSample, texts: &Expansions<'_>) -> Annotations {
    let each = alert.annotation_templates.iter();
    each.map(|(name, text)| (name.clone(), texts.text(text, sample))).collect()
}

/// The labels of a series that tells of an alert.
pub(super) fn alert_series(alert: &Labels, name: &str, state: Option<(&str, &str)>) -> Labels {
    let mut labels = LabelsBuilder::from_labels(alert);
    labels.set("__name__", name);
    if let Some((label, value)) = state {
        labels.set(label, value);
    }
    labels.build()
}
