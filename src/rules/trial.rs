//! Rule files tried on stored history: when their alerts would have fired.
//!
//! Recording rules of the files are evaluated too, in memory, and stand in the place of what was recorded under their
//! names: so an alert is tested together with the series that it would have seen.

use super::backfill::Span;
use super::backtest::{AlertHistory, Recorder};
use super::evaluator::{Evaluator, External};
use super::file::RuleFile;
use super::group::{Group, GroupSettings};
use super::history::{Past, Replayed, Slots};
use super::metrics::RuleMetrics;
use super::overlay::Overlay;
use super::sink::{MemorySinks, Output, RuleSink, Sinks};
use narthex_promql::{CancelToken, Engine, EngineError};
use narthex_storage::{AppendError, Labels, Queryable};
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What files are tried on.
pub struct Trial<'a> {
    /// The history.
    pub store: &'a dyn Queryable,
    /// Evaluates; its limit of samples is also that of what is recorded in memory.
    pub engine: &'a Engine,
    /// When.
    pub span: Span,
    /// The alerts of interest; empty for all.
    pub names: &'a [String],
    /// Alerts that are told, at most.
    pub limit: usize,
    /// Ends a query.
    pub token: &'a (dyn Fn() -> CancelToken + Sync),
    /// Whether to go on.
    pub go_on: &'a dyn Fn() -> bool,
}

/// What would have been.
#[derive(Debug)]
pub struct Tried {
    /// How the evaluations went.
    pub replayed: Replayed,
    /// By labels.
    pub alerts: Vec<AlertHistory>,
    /// There were more alerts than are told.
    pub truncated: bool,
}

impl Trial<'_> {
    /// Evaluates files, each with its name.
    ///
    /// # Errors
    /// Somebody wants no more of it, or the rules record more samples than a query may hold.
    pub fn run(&self, files: &[(String, RuleFile)]) -> Result<Tried, EngineError> {
        let sinks = Bounded {
            below: MemorySinks::default(),
            left: Arc::new(AtomicUsize::new(self.engine.options().max_samples)),
        };
        let overlay = Overlay {
            below: self.store,
            above: Arc::clone(&sinks.below.store),
            hidden: Arc::new(files.iter().flat_map(|(_, file)| recorded(file)).collect()),
            hidden_from_ms: self.span.from_ms,
        };
        let metrics = RuleMetrics::default();
        let evaluator = Evaluator {
            store: &overlay,
            engine: self.engine,
            default_offset_ms: self.span.offset_ms,
            resend_delay_ms: 0,
            token: self.token,
            metrics: &metrics,
        };
        let mut tried = Tried { replayed: Replayed::default(), alerts: Vec::new(), truncated: false };
        for (name, file) in files {
            for spec in &file.groups {
                let settings = GroupSettings {
                    file: name.clone(),
                    default_interval_ms: self.span.interval_ms,
                    external: Arc::new(External::default()),
                    restored: true,
                };
                let mut group = Group::new(spec, &settings, &sinks);
                self.replay(&mut group, &evaluator, &sinks, &mut tried)?;
            }
        }
        tried.alerts.sort_by(|a, b| a.labels.cmp(&b.labels));
        Ok(tried)
    }

    fn replay(
        &self,
        group: &mut Group,
        evaluator: &Evaluator<'_>,
        sinks: &Bounded,
        tried: &mut Tried,
    ) -> Result<(), EngineError> {
        let interval_ms = group.view.interval_ms;
        let mut recorder = Recorder::new(interval_ms, self.limit.saturating_sub(tried.alerts.len()));
        for piece in Slots::between(self.span.from_ms, self.span.to_ms, interval_ms).pieces() {
            let mut past = Past {
                wanted: &|rule| {
                    let spec = &rule.view.spec;
                    spec.alert.is_none() || self.names.is_empty() || self.names.contains(&spec.name)
                },
                observe: &mut |_, rule, slot| recorder.see(rule, slot),
                go_on: &|| !sinks.is_full() && (self.go_on)(),
            };
            tried.replayed.add(group.replay(&piece, evaluator, &mut past));
            if sinks.is_full() {
                return Err(EngineError::TooManySamples);
            }
            if !(self.go_on)() {
                return Err(EngineError::Canceled);
            }
        }
        tried.truncated |= recorder.truncated;
        tried.alerts.extend(recorder.into_histories());
        Ok(())
    }
}

/// Evaluations of rules that files ask for within a time.
#[must_use]
pub fn evaluations(files: &[(String, RuleFile)], span: &Span) -> usize {
    let groups = files.iter().flat_map(|(_, file)| &file.groups);
    let each = groups.map(|group| {
        let step_ms = group.interval_ms.unwrap_or(span.interval_ms);
        Slots::between(span.from_ms, span.to_ms, step_ms).count.saturating_mul(group.rules.len())
    });
    each.fold(0, usize::saturating_add)
}

/// The metrics that a file records.
fn recorded(file: &RuleFile) -> HashSet<String> {
    let rules = file.groups.iter().flat_map(|group| &group.rules);
    rules.filter(|rule| rule.alert.is_none()).map(|rule| rule.name.clone()).collect()
}

/// Keeps so many samples in memory, and no more.
struct Bounded {
    below: MemorySinks,
    left: Arc<AtomicUsize>,
}

impl Bounded {
    fn is_full(&self) -> bool {
        self.left.load(Ordering::Relaxed) == 0
    }
}

impl Sinks for Bounded {
    fn sink(&self) -> Box<dyn RuleSink> {
        Box::new(BoundedSink { below: self.below.sink(), left: Arc::clone(&self.left) })
    }
}

struct BoundedSink {
    below: Box<dyn RuleSink>,
    left: Arc<AtomicUsize>,
}

impl RuleSink for BoundedSink {
    fn append(
        &mut self,
        time_ms: i64,
        samples: &[Output],
        vanished: &[(u32, Labels)],
    ) -> Result<super::sink::Appended, AppendError> {
        let wanted = samples.len() + vanished.len();
        let left = self.left.load(Ordering::Relaxed);
        self.left.store(left.saturating_sub(wanted), Ordering::Relaxed);
        // What is full stays as it is: the trial ends at once.
        if wanted >= left {
            return Ok(super::sink::Appended::default());
        }
        self.below.append(time_ms, samples, vanished)
    }

    fn forget(&mut self, id: u32) {
        self.below.forget(id);
    }
}

#[cfg(test)]
mod tests {
    use super::super::file::{self, FileOptions};
    use super::*;
    use narthex_promql::EngineOptions;
    use narthex_promql::testing::MemoryStore;

    const RULES: &str =
        "groups: [{name: g, rules: [{record: r, expr: vector(1)}, {alert: A, expr: r > 0, for: 1m}]}]";

    fn tried(max_samples: usize, go_on: &dyn Fn() -> bool) -> Result<Tried, EngineError> {
        let files = [("f".to_owned(), file::parse(RULES, &FileOptions::default()).unwrap())];
        let span = Span { from_ms: 0, to_ms: 600_000, interval_ms: 60_000, offset_ms: 0 };
        assert_eq!(evaluations(&files, &span), 22);
        let engine = Engine::new(EngineOptions { max_samples, ..EngineOptions::default() });
        let store = MemoryStore::default();
        let trial = Trial {
            store: &store,
            engine: &engine,
            span,
            names: &[],
            limit: 10,
            token: &CancelToken::default,
            go_on,
        };
        trial.run(&files)
    }

    #[test]
    fn an_alert_sees_what_the_files_own_rules_record() {
        let tried = tried(1000, &|| true).unwrap();
        assert_eq!((tried.replayed.evaluations, tried.replayed.failures, tried.truncated), (22, 0, false));
        let alert = &tried.alerts[0];
        assert_eq!((alert.firing[0].start_ms, alert.firing[0].end_ms), (60_000, 600_000));
    }

    #[test]
    fn a_trial_ends_when_it_would_hold_too_much_or_nobody_wants_it() {
        assert!(matches!(tried(8, &|| true), Err(EngineError::TooManySamples)));
        assert!(matches!(tried(1000, &|| false), Err(EngineError::Canceled)));
    }
}
