//! Groups over the past: many evaluations at once, rule by rule, each with one range query.
//!
//! A range query answers at each of its steps what an instant query answers there; only what names the query's own
//! window is asked step by step. A rule sees of the others what they wrote up to its time, unless it stands before
//! them in the group: then only what they wrote in the pieces before.

use super::error::EvalError;
use super::evaluator::Evaluator;
use super::group::Group;
use super::rule::{Moment, Rule};
use narthex_promql::{InstantSample, RangeSeries};

/// Evaluations that are done at once.
const PIECE: usize = 500;

/// Slots, evenly spaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slots {
    /// The first one, ms since the epoch.
    pub first_ms: i64,
    /// Distance, ms, at least 1.
    pub step_ms: i64,
    /// How many there are.
    pub count: usize,
}

impl Slots {
    /// From `first_ms` up to `last_ms`.
    #[must_use]
    pub fn between(first_ms: i64, last_ms: i64, step_ms: i64) -> Self {
        let step_ms = step_ms.max(1);
        let spans = last_ms.checked_sub(first_ms).filter(|span| *span >= 0);
        let count = spans.map_or(0, |span| usize::try_from(span / step_ms).unwrap_or(usize::MAX - 1) + 1);
        Self { first_ms, step_ms, count }
    }

    /// A slot, from 0.
    #[must_use]
    pub fn at(&self, index: usize) -> i64 {
        let offset = i64::try_from(index).unwrap_or(i64::MAX).saturating_mul(self.step_ms);
        self.first_ms.saturating_add(offset)
    }

    /// The slots in pieces that are evaluated at once.
    pub fn pieces(&self) -> impl Iterator<Item = Self> + use<> {
        let whole = *self;
        (0..self.count.div_ceil(PIECE)).map(move |piece| Self {
            first_ms: whole.at(piece * PIECE),
            count: (whole.count - piece * PIECE).min(PIECE),
            ..whole
        })
    }
}

/// What an evaluation of the past came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Replayed {
    /// Evaluations of rules.
    pub evaluations: usize,
    /// Samples that were given.
    pub samples: usize,
    /// Evaluations that failed.
    pub failures: usize,
    /// The first of the errors: rule and text.
    pub error: Option<(String, String)>,
}

impl Replayed {
    /// Adds another piece.
    pub fn add(&mut self, other: Self) {
        self.evaluations += other.evaluations;
        self.samples += other.samples;
        self.failures += other.failures;
        self.error = self.error.take().or(other.error);
    }

    fn fail(&mut self, rule: &Rule, error: &EvalError) {
        self.failures += 1;
        self.error.get_or_insert_with(|| (rule.view.spec.name.clone(), error.to_string()));
    }
}

/// Around an evaluation of the past.
pub struct Past<'a> {
    /// Which rules are evaluated.
    pub wanted: &'a dyn Fn(&Rule) -> bool,
    /// Sees each rule after each evaluation: its number in the group, and the slot.
    pub observe: &'a mut dyn FnMut(usize, &Rule, i64),
    /// Whether to go on; asked before each rule.
    pub go_on: &'a dyn Fn() -> bool,
}

impl Group {
    /// Evaluates one piece of slots. Nobody is told of alerts.
    pub fn replay(&mut self, slots: &Slots, evaluator: &Evaluator<'_>, past: &mut Past<'_>) -> Replayed {
        let mut replayed = Replayed::default();
        let offset_ms = self.spec.query_offset_ms.unwrap_or(evaluator.default_offset_ms);
        let limit = self.spec.limit;
        for (at, rule) in self.rules.iter_mut().enumerate() {
            if !(past.wanted)(rule) {
                continue;
            }
            if !(past.go_on)() {
                break;
            }
            let mut answers = Answers::of(rule, slots, offset_ms, evaluator);
            for index in 0..slots.count {
                let slot_ms = slots.at(index);
                let moment = Moment { slot_ms, sample_ms: slot_ms.saturating_sub(offset_ms) };
                replayed.evaluations += 1;
                let applied = answers.at(moment, rule, evaluator).and_then(|samples| {
                    replayed.samples += rule.apply(&samples, moment, limit, &self.external, evaluator)?;
                    rule.commit(moment)
                });
                match applied {
                    Ok(_) => {}
                    Err(error) if error.is_ended() => {
                        replayed.fail(rule, &error);
                        return replayed;
                    }
                    Err(error) => replayed.fail(rule, &error),
                }
                (past.observe)(at, rule, slot_ms);
            }
        }
        replayed
    }
}

/// The answers to a rule's query at all slots of a piece.
enum Answers {
    /// As series, and how much of each was taken.
    Series(Vec<(RangeSeries, usize)>),
    /// One by one.
    Asked,
}

impl Answers {
    fn of(rule: &Rule, slots: &Slots, offset_ms: i64, evaluator: &Evaluator<'_>) -> Self {
        let query = &rule.view.spec.query;
        let last = slots.at(slots.count.saturating_sub(1));
        let steps = (slots.first_ms.saturating_sub(offset_ms), last.saturating_sub(offset_ms), slots.step_ms);
        if !query.is_settled() || slots.count < 2 {
            return Self::Asked;
        }
        match evaluator.series(query, steps) {
            Ok(series) => Self::Series(series.into_iter().map(|series| (series, 0)).collect()),
            // One step alone may be at fault, or all together may be too much.
            Err(_) => Self::Asked,
        }
    }

    /// The answer at a moment, which is later than that of the last call.
    fn at(
        &mut self,
        moment: Moment,
        rule: &Rule,
        evaluator: &Evaluator<'_>,
    ) -> Result<Vec<InstantSample>, EvalError> {
        let series = match self {
            Self::Asked => return evaluator.vector(&rule.view.spec.query, moment.sample_ms),
            Self::Series(series) => series,
        };
        let mut samples = Vec::new();
        for (series, next) in series {
            let columns = &series.samples;
            while columns.timestamps.get(*next).is_some_and(|t| *t < moment.sample_ms) {
                *next += 1;
            }
            if columns.timestamps.get(*next) != Some(&moment.sample_ms) {
                continue;
            }
            samples.push(InstantSample {
                labels: series.labels.clone(),
                timestamp: moment.sample_ms,
                value: columns.values.get(*next).copied().unwrap_or(f64::NAN),
                histogram: columns.histogram(*next).cloned(),
            });
        }
        Ok(samples)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::evaluator::External;
    use crate::rules::file::{self, FileOptions};
    use crate::rules::group::{Around, GroupSettings};
    use crate::rules::metrics::RuleMetrics;
    use crate::rules::sink::MemorySinks;
    use narthex_promql::{CancelToken, Engine};
    use narthex_storage::{Columns, Labels, Querier, Queryable, SelectHints, StorageError};
    use std::sync::Arc;
    use std::sync::atomic::AtomicBool;

    const RULES: &str = "groups: [{name: g, query_offset: 20s, rules: [\
        {record: a, expr: 'rate(x[3m])'}, {record: b, expr: 'sum(a) + 1'}, {record: c, expr: 'b @ end() + 1'},\
        {record: d, expr: 'x / on () group_left y'},\
        {alert: A, expr: 'x % 7 > 3', for: 2m, keep_firing_for: 1m, annotations: {v: '{{ $value }}'}}]}]";

    struct Live(MemorySinks);

    impl Queryable for Live {
        fn querier(&self, mint: i64, maxt: i64) -> Result<Box<dyn Querier>, StorageError> {
            self.0.store.lock().unwrap().querier(mint, maxt)
        }
    }

    fn everything(replayed: bool) -> Vec<(String, Columns)> {
        let live = Live(MemorySinks::default());
        for n in 0..90i64 {
            let series = |name: &str, more: &str| Labels::from_pairs([("__name__", name), ("more", more)]);
            let mut store = live.0.store.lock().unwrap();
            store.add(&series("x", "1"), n * 20_000, (n % 30) as f64);
            store.add(&series("y", ""), n * 20_000, 1.0);
            // For a while two of "y", at which the rule fails.
            if (30..50).contains(&n) {
                store.add(&series("y", "2"), n * 20_000, 1.0);
            }
        }
        let file = file::parse(RULES, &FileOptions::default()).unwrap();
        let settings = GroupSettings {
            file: "f".to_owned(),
            default_interval_ms: 60_000,
            external: Arc::new(External::default()),
            restored: true,
        };
        let mut group = Group::new(&file.groups[0], &settings, &live.0);
        let (engine, metrics) = (Engine::default(), RuleMetrics::default());
        let evaluator = Evaluator {
            store: &live,
            engine: &engine,
            default_offset_ms: 0,
            resend_delay_ms: 60_000,
            token: &CancelToken::default,
            metrics: &metrics,
        };
        let slots = Slots::between(65_000, 1_700_000, 60_000);
        if replayed {
            let mut past = Past { wanted: &|_| true, observe: &mut |_, _, _| (), go_on: &|| true };
            let told = group.replay(&slots, &evaluator, &mut past);
            assert_eq!(told.evaluations, 5 * slots.count);
            assert_eq!(told.error.unwrap().0, "d");
        } else {
            let stop = AtomicBool::new(false);
            let around = Around { notify: &|_| (), workers: None, stop: &stop, now_ms: &|| 0 };
            for at in 0..slots.count {
                group.evaluate(slots.at(at), &evaluator, &around);
            }
        }
        let hints = SelectHints { mint: 0, maxt: i64::MAX, ..SelectHints::default() };
        let series = live.querier(0, i64::MAX).unwrap().select(&[], &hints).unwrap();
        series
            .iter()
            .map(|series| {
                let mut columns = Columns::default();
                series.read(0, i64::MAX, &mut columns).unwrap();
                // Markers are not equal to themselves.
                columns.values.iter_mut().filter(|v| v.is_nan()).for_each(|v| *v = -1.0);
                (format!("{:?}", series.labels()), columns)
            })
            .collect()
    }

    #[test]
    fn the_past_at_once_is_the_past_step_by_step() {
        let (at_once, by_step) = (everything(true), everything(false));
        assert!(at_once.len() > 8, "{}", at_once.len());
        for (one, other) in at_once.iter().zip(&by_step) {
            assert_eq!(one, other);
        }
        assert_eq!(at_once.len(), by_step.len());
    }

    #[test]
    fn slots_come_in_pieces_without_a_gap() {
        let slots = Slots::between(7, 7 + 1234 * 10, 10);
        assert_eq!(slots.count, 1235);
        let all: Vec<i64> =
            slots.pieces().flat_map(|piece| (0..piece.count).map(move |i| piece.at(i))).collect();
        assert_eq!(all, (0..1235).map(|i| 7 + i * 10).collect::<Vec<i64>>());
        assert_eq!(Slots::between(10, 9, 1).count, 0);
        assert_eq!(Slots::between(10, 9, 1).pieces().count(), 0);
    }
}
