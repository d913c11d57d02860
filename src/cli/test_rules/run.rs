//! Runs one test: rules at every step over the input so far, then the expressions.

use super::file::{AlertCase, ExpectedSample, ExpressionCase, Test, labels};
use super::show::{self, ShownAlert, ShownSample, go_duration, indented};
use super::store::{Input, LiveStore};
use crate::rules::file::{self as rule_file, FileOptions};
use crate::rules::metrics::RuleMetrics;
use crate::rules::sink::MemorySinks;
use crate::rules::{AlertState, Around, Evaluator, External, Group, GroupSettings};
use crate::settings::duration::format_duration;
use narthex_promql::syntax::series_notation::{self, Item};
use narthex_promql::{CancelToken, Engine, InstantSample, QueryOptions, Value};
use narthex_storage::Labels;
use narthex_storage::labels::quote;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// What all tests of a file have in common.
pub(super) struct Common<'a> {
    pub rule_files: &'a [PathBuf],
    pub options: FileOptions,
    pub engine: &'a Engine,
    /// Distance of evaluations, ms.
    pub interval_ms: i64,
    pub group_order: &'a [String],
    pub fuzzy: bool,
    /// Alerts are compared line by line.
    pub diff: bool,
}

/// A test under way.
struct Running<'a> {
    common: &'a Common<'a>,
    test: &'a Test,
    store: LiveStore,
    groups: Vec<Group>,
    failures: Vec<String>,
}

/// Runs a test; the answer is what failed, and all that is stored in the end.
pub(super) fn run(test: &Test, common: &Common<'_>) -> (Vec<String>, LiveStore) {
    let store = LiveStore::default();
    let input = match Input::of(test) {
        Ok(input) => input,
        Err(error) => return (vec![error], store),
    };
    let groups = match groups(test, common, &store) {
        Ok(groups) => groups,
        Err(faults) => return (faults, store),
    };
    if let Some(case) = test.alerts.iter().find(|case| case.name.is_empty()) {
        let time = format_duration(case.at_ms);
        let text = "an item under alert_rule_test misses required attribute alertname at eval_time";
        let of = if test.name.is_empty() { String::new() } else { format!(" (in TestGroup {})", test.name) };
        return (vec![format!("{text} {time}{of}")], store);
    }
    let mut running = Running { common, test, store, groups, failures: Vec::new() };
    if running.evaluate(input) {
        for case in &test.expressions {
            running.expression(case);
        }
    }
    (running.failures, running.store)
}

/// The groups of the rule files, in the order of evaluation.
fn groups(test: &Test, common: &Common<'_>, store: &LiveStore) -> Result<Vec<Group>, Vec<String>> {
    let sinks = MemorySinks::over(Arc::clone(&store.0));
    let external = Arc::new(External::new(&test.external_url, test.external_labels.clone()));
    let mut groups = Vec::new();
    for path in common.rule_files {
        let file = path.display().to_string();
        let rules = rule_file::load(path, &common.options)
            .map_err(|faults| faults.iter().map(|fault| format!("{file}: {fault}")).collect::<Vec<_>>())?;
        let settings = GroupSettings {
            file,
            default_interval_ms: test.interval_ms,
            external: Arc::clone(&external),
            // ALERTS is there from the first step on.
            restored: true,
        };
        groups.extend(rules.groups.iter().map(|spec| Group::new(spec, &settings, &sinks)));
    }
    let place = |group: &Group| common.group_order.iter().position(|name| *name == group.view.name);
    groups.sort_by_key(|group| place(group).unwrap_or(0));
    Ok(groups)
}

impl Running<'_> {
    /// Evaluates all groups at every step and compares alerts; whether no rule failed.
    fn evaluate(&mut self, mut input: Input) -> bool {
        let mut cases: Vec<&AlertCase> = self.test.alerts.iter().collect();
        cases.sort_by_key(|case| case.at_ms);
        let mut cases = cases.into_iter().peekable();
        let end_ms = self.test.end_ms();
        let mut at_ms = 0;
        while at_ms <= end_ms {
            let now_ms = self.test.start_ms.saturating_add(at_ms);
            match input.load_until(now_ms, &self.store) {
                Ok(()) => {
                    if !self.step(at_ms, now_ms) {
                        return false;
                    }
                }
                Err(error) => self.failures.push(error),
            }
            let next_ms = at_ms.saturating_add(self.common.interval_ms);
            while let Some(case) = cases.next_if(|case| case.at_ms < next_ms) {
                if case.at_ms >= at_ms {
                    self.alerts(case);
                }
            }
            if next_ms == at_ms {
                break;
            }
            at_ms = next_ms;
        }
        true
    }

    /// One evaluation of all groups; whether all rules succeeded.
    fn step(&mut self, at_ms: i64, now_ms: i64) -> bool {
        let metrics = RuleMetrics::default();
        let evaluator = Evaluator {
            store: &self.store,
            engine: self.common.engine,
            default_offset_ms: 0,
            resend_delay_ms: 0,
            token: &CancelToken::default,
            metrics: &metrics,
        };
        let stop = AtomicBool::new(false);
        let around = Around { notify: &|_| {}, workers: None, stop: &stop, now_ms: &|| now_ms };
        let mut good = true;
        for group in &mut self.groups {
            group.evaluate(now_ms, &evaluator, &around);
            for rule in group.rules() {
                if let Some(error) = rule.view.status().last_error {
                    let (name, time) = (&rule.view.spec.name, go_duration(at_ms));
                    self.failures.push(format!("    rule: {name}, time: {time}, err: {error}"));
                    good = false;
                }
            }
        }
        good
    }

    /// Compares the firing alerts of a name with the expected ones.
    fn alerts(&mut self, case: &AlertCase) {
        let mut got: Vec<ShownAlert> = Vec::new();
        for rule in self.groups.iter().flat_map(Group::rules) {
            if rule.view.spec.alert.is_none() || rule.view.spec.name != case.name {
                continue;
            }
            let alerts = rule.view.status().alerts;
            let firing = alerts.into_iter().filter(|alert| alert.state == AlertState::Firing);
            got.extend(firing.map(|alert| (alert.labels, labels(&alert.annotations))));
        }
        let mut expected: Vec<ShownAlert> = case
            .expected
            .iter()
            .map(|alert| {
                let mut all = alert.labels.clone();
                all.retain(|(name, _)| name != "alertname");
                all.push(("alertname".to_owned(), case.name.clone()));
                (labels(&all), labels(&alert.annotations))
            })
            .collect();
        got.sort();
        expected.sort();
        if got == expected {
            return;
        }
        let name = if self.test.name.is_empty() {
            String::new()
        } else {
            format!("    name: {},\n", self.test.name)
        };
        let head = format!("{name}    alertname: {}, time: {}, ", case.name, format_duration(case.at_ms));
        let inner = "            ";
        self.failures.push(if self.common.diff {
            format!("{head}\n        diff: {}", indented(&show::difference(&expected, &got), inner))
        } else {
            let shown = |alerts: &[ShownAlert]| indented(&show::alerts(alerts), inner);
            format!("{head}\n        exp:{}, \n        got:{}", shown(&expected), shown(&got))
        });
    }

    fn expression(&mut self, case: &ExpressionCase) {
        let head = format!("    expr: {}, time: {},", quote(&case.expr), format_duration(case.at_ms));
        let (got, expected) = match (self.ask(case), expected_samples(case)) {
            (Ok(got), Ok(expected)) => (got, expected),
            (Err(error), _) | (_, Err(error)) => return self.failures.push(format!("{head} err: {error}")),
        };
        let same = got.len() == expected.len()
            && got.iter().zip(&expected).all(|(got, expected)| is_same(got, expected, self.common.fuzzy));
        if !same {
            let (expected, got) = (show::samples(&expected), show::samples(&got));
            self.failures.push(format!("{head}\n        exp: {expected}\n        got: {got}"));
        }
    }

    fn ask(&self, case: &ExpressionCase) -> Result<Vec<ShownSample>, String> {
        let at_ms = self.test.start_ms.saturating_add(case.at_ms);
        let answer = self.common.engine.instant(&self.store, &case.expr, at_ms, &QueryOptions::default());
        let mut samples = match answer.map_err(|error| error.to_string())?.value {
            Value::Vector(samples) => samples.into_iter().map(shown).collect(),
            Value::Scalar { value, .. } => {
                vec![ShownSample { labels: Labels::empty(), value, histogram: None }]
            }
            _ => return Err("rule result is not a vector or scalar".to_owned()),
        };
        samples.sort_by(|one, other| one.labels.cmp(&other.labels));
        Ok(samples)
    }
}

fn shown(sample: InstantSample) -> ShownSample {
    let histogram = sample.histogram.map(|histogram| histogram.test_expression());
    ShownSample { labels: sample.labels, value: sample.value, histogram }
}

fn expected_samples(case: &ExpressionCase) -> Result<Vec<ShownSample>, String> {
    let mut samples = Vec::new();
    for sample in &case.expected {
        let read =
            expected_sample(sample).map_err(|error| format!("labels {}: {error}", quote(&sample.labels)));
        samples.push(read?);
    }
    samples.sort_by(|one, other| one.labels.cmp(&other.labels));
    Ok(samples)
}

fn expected_sample(sample: &ExpectedSample) -> Result<ShownSample, String> {
    let labels = match sample.labels.trim() {
        "" => Labels::empty(),
        text => series_notation::parse(text)?.0,
    };
    let histogram = match sample.histogram.as_str() {
        "" => None,
        text => match series_notation::values(text)?.as_slice() {
            [Item::Histogram { histogram, .. }] => Some(histogram.test_expression()),
            [_] => return Err(format!("expected histogram, got {text}")),
            items => return Err(format!("expected 1 value, got {}", items.len())),
        },
    };
    Ok(ShownSample { labels, value: sample.value, histogram })
}

/// Whether a sample is the expected one; with `fuzzy` a float may be its neighbour.
fn is_same(got: &ShownSample, expected: &ShownSample, fuzzy: bool) -> bool {
    if got.labels != expected.labels || got.histogram != expected.histogram {
        return false;
    }
    let (a, b) = (got.value, expected.value);
    got.histogram.is_some() || a == b || (fuzzy && (a.next_down() == b || a.next_up() == b))
}
