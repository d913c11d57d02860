//! A group of rules that are evaluated one after the other, each seeing what those before it wrote.
//!
//! A group knows no clock: it is evaluated at the slot that it is told, be it now or in the past.

use super::alert::Alert;
use super::dependencies::Batches;
use super::error::EvalError;
use super::evaluator::{Evaluator, External};
use super::file::GroupSpec;
use super::outputs::Outputs;
use super::rule::{Moment, Rule};
use super::sink::{Appended, Sinks};
use super::view::{GroupStatus, GroupView, Health};
use super::workers::Workers;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// What a group is made with.
#[derive(Debug, Clone)]
pub struct GroupSettings {
    /// The file that it stands in.
    pub file: String,
    /// The interval if it names none, ms.
    pub default_interval_ms: i64,
    /// For templates.
    pub external: Arc<External>,
    /// There is no earlier `for` state to be waited for.
    pub restored: bool,
}

/// A group with the state of its rules.
pub struct Group {
    /// As others see it.
    pub view: Arc<GroupView>,
    /// What it was made of.
    pub spec: GroupSpec,
    /// For templates.
    pub external: Arc<External>,
    pub(super) rules: Vec<Rule>,
    /// Series of rules that the group has no longer: they end after the next evaluation.
    pub(super) ended: Vec<Outputs>,
    batches: Batches,
    /// There may be state from before the start.
    pub(super) first_load: bool,
}

/// An alert that is to be told, with the expression that it comes from.
pub type Told<'a> = (&'a str, Vec<Alert>);

/// Around an evaluation: who is told, who helps, what ends it.
#[derive(Clone, Copy)]
pub struct Around<'a> {
    /// Takes alerts that are to be told.
    pub notify: &'a (dyn Fn(Told<'_>) + Sync),
    /// Evaluates rules side by side that do not depend on each other; `None` for one after the other.
    pub workers: Option<&'a Workers>,
    /// Ends the evaluation before the next rule.
    pub stop: &'a AtomicBool,
    /// The clock, ms since the epoch, for what others see.
    pub now_ms: &'a (dyn Fn() -> i64 + Sync),
}

/// What an evaluation of a group came to.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct GroupRun {
    /// Rules that were evaluated.
    pub rules: usize,
    /// Rules that failed.
    pub failures: usize,
    /// Samples of all rules.
    pub samples: usize,
    /// How long it took.
    pub duration: Duration,
    /// The durations of the rules, added up.
    pub rules_duration: Duration,
}

impl Group {
    /// A group that was not evaluated yet.
    #[must_use]
    pub fn new(spec: &GroupSpec, settings: &GroupSettings, sinks: &dyn Sinks) -> Self {
        let view = Arc::new(GroupView::new(spec, &settings.file, settings.default_interval_ms));
        let rule = |view: &Arc<_>| Rule::new(Arc::clone(view), settings.restored, sinks);
        Self {
            rules: view.rules.iter().map(rule).collect(),
            batches: Batches::of(&spec.rules),
            first_load: !settings.restored,
            view,
            spec: spec.clone(),
            external: Arc::clone(&settings.external),
            ended: Vec::new(),
        }
    }

    /// The times of an evaluation at a slot.
    #[must_use]
    pub fn moment(&self, slot_ms: i64, default_offset_ms: i64) -> Moment {
        let offset = self.spec.query_offset_ms.unwrap_or(default_offset_ms);
        Moment { slot_ms, sample_ms: slot_ms.saturating_sub(offset) }
    }

    /// Evaluates all rules at a slot.
    pub fn evaluate(&mut self, slot_ms: i64, evaluator: &Evaluator<'_>, around: &Around<'_>) -> GroupRun {
        let begun = (Instant::now(), (around.now_ms)());
        let moment = self.moment(slot_ms, evaluator.default_offset_ms);
        let turn = Turn {
            moment,
            evaluator,
            around,
            external: &self.external,
            limit: self.spec.limit,
            interval_ms: self.view.interval_ms,
            group: &self.view,
        };
        let mut run = GroupRun::default();
        match around.workers {
            Some(workers) => {
                let each = |rule: &mut Rule| (!turn.is_over()).then(|| turn.of(rule));
                let runs = self.batches.run(&mut self.rules, workers, &each);
                runs.into_iter().flatten().for_each(|one| run.add(one));
            }
            None => {
                for rule in self.rules.iter_mut().take_while(|_| !turn.is_over()) {
                    run.add(turn.of(rule));
                }
            }
        }
        self.end_vanished(moment.sample_ms);
        run.duration = begun.0.elapsed();
        self.view.set_status(GroupStatus {
            evaluation_seconds: run.duration.as_secs_f64(),
            last_evaluation_ms: Some(begun.1),
        });
        run
    }

    /// Ends the series of rules that the group has no longer.
    fn end_vanished(&mut self, time_ms: i64) {
        self.ended.retain_mut(|outputs| match outputs.end(time_ms) {
            Ok(_) => false,
            Err(error) => {
                tracing::warn!(%error, group = self.view.name, "Stale sample appending for previous configuration failed");
                true
            }
        });
    }

    /// Ends all series of the group, which is evaluated no more.
    pub fn end(&mut self, time_ms: i64) {
        let rules = std::mem::take(&mut self.rules);
        self.ended.extend(rules.into_iter().map(|rule| rule.outputs));
        self.end_vanished(time_ms);
    }

    /// The rules, in the order of evaluation.
    #[must_use]
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }
}

impl GroupRun {
    fn add(&mut self, rule: RuleRun) {
        self.rules += 1;
        self.failures += rule.failures;
        self.samples += rule.samples;
        self.rules_duration += rule.duration;
    }
}

/// What the evaluation of one rule came to.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct RuleRun {
    failures: usize,
    samples: usize,
    duration: Duration,
}

/// One evaluation of a group.
struct Turn<'a> {
    moment: Moment,
    evaluator: &'a Evaluator<'a>,
    around: &'a Around<'a>,
    external: &'a External,
    limit: Option<usize>,
    interval_ms: i64,
    group: &'a GroupView,
}

impl Turn<'_> {
    fn is_over(&self) -> bool {
        self.around.stop.load(Ordering::Acquire)
    }

    /// Evaluates one rule.
    fn of(&self, rule: &mut Rule) -> RuleRun {
        let begun = (Instant::now(), (self.around.now_ms)());
        let mut run = RuleRun::default();
        let error = match self.evaluate(rule, &mut run) {
            Ok(appended) => {
                self.tell(rule, &appended);
                appended.error.map(|error| error.to_string())
            }
            Err(why) => {
                run.failures += 1;
                if !why.is_canceled() {
                    let name = &rule.view.spec.name;
                    tracing::warn!(file = self.group.file, group = self.group.name, name, error = %why, "Evaluating rule failed");
                }
                Some(why.to_string())
            }
        };
        let health = if error.is_some() { Health::Bad } else { Health::Good };
        run.duration = begun.0.elapsed();
        self.evaluator.metrics.rule(run.duration);
        rule.view.update(|status| {
            (status.health, status.last_error) = (health, error);
            status.evaluation_seconds = run.duration.as_secs_f64();
            status.last_evaluation_ms = Some(begun.1);
            status.alerts.clear();
            status.alerts.extend(rule.alerts.iter().cloned());
        });
        run
    }

    fn evaluate(&self, rule: &mut Rule, run: &mut RuleRun) -> Result<Appended, EvalError> {
        let samples = self.evaluator.vector(&rule.view.spec.query, self.moment.sample_ms)?;
        run.samples = rule.apply(&samples, self.moment, self.limit, self.external, self.evaluator)?;
        let due = rule.due(self.moment.slot_ms, self.evaluator.resend_delay_ms, self.interval_ms);
        if !due.is_empty() {
            (self.around.notify)((rule.view.spec.query.text(), due));
        }
        rule.commit(self.moment)
    }

    /// Logs samples that were dropped.
    fn tell(&self, rule: &Rule, appended: &Appended) {
        let (group, name) = (&self.group.name, &rule.view.spec.name);
        for (dropped, text) in [
            (appended.out_of_order, "Error on ingesting out-of-order result from rule evaluation"),
            (appended.too_old, "Error on ingesting too old result from rule evaluation"),
            (
                appended.duplicate,
                "Error on ingesting results from rule evaluation with different value but same timestamp",
            ),
        ] {
            if dropped > 0 {
                tracing::warn!(file = self.group.file, group, name, num_dropped = dropped, "{text}");
            }
        }
        if let Some(error) = &appended.error
            && appended.out_of_order + appended.too_old + appended.duplicate == 0
        {
            tracing::warn!(file = self.group.file, group, name, %error, "Rule evaluation result discarded");
        }
    }
}

#[cfg(test)]
#[path = "group_tests.rs"]
mod tests;
