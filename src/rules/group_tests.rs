use super::*;
use crate::rules::file::{self, FileOptions};
use crate::rules::metrics::RuleMetrics;
use crate::rules::restore::RestoreOptions;
use crate::rules::sink::MemorySinks;
use narthex_promql::{CancelToken, Engine, QueryOptions, Value};
use narthex_storage::Labels;
use std::sync::Mutex;

const MINUTE: i64 = 60_000;

/// Groups over a store in memory that their samples go to.
struct Bench {
    sinks: MemorySinks,
    engine: Engine,
    metrics: RuleMetrics,
    told: Mutex<Vec<(String, Vec<Alert>)>>,
}

impl Bench {
    fn new() -> Self {
        Self {
            sinks: MemorySinks::default(),
            engine: Engine::default(),
            metrics: RuleMetrics::default(),
            told: Mutex::default(),
        }
    }

    fn group(&self, text: &str) -> Group {
        self.group_with(text, true)
    }

    fn group_with(&self, text: &str, restored: bool) -> Group {
        let file = file::parse(&format!("groups: [{{name: g, {text}}}]"), &FileOptions::default()).unwrap();
        let settings = GroupSettings {
            file: "f".to_owned(),
            default_interval_ms: MINUTE,
            external: Arc::new(External::new("http://ex:1/p", vec![("dc".to_owned(), "eu".to_owned())])),
            restored,
        };
        Group::new(&file.groups[0], &settings, &self.sinks)
    }

    fn add(&self, series: &[(&str, &str)], at_min: i64, value: f64) {
        let labels = Labels::from_pairs(series.iter().copied());
        self.sinks.store.lock().unwrap().add(&labels, at_min * MINUTE, value);
    }

    fn run(&self, group: &mut Group, at_min: i64) -> GroupRun {
        self.run_with(group, at_min, None)
    }

    fn run_with(&self, group: &mut Group, at_min: i64, workers: Option<&Workers>) -> GroupRun {
        let store = LiveStore(&self.sinks);
        let evaluator = Evaluator {
            store: &store,
            engine: &self.engine,
            default_offset_ms: 0,
            resend_delay_ms: MINUTE,
            token: &CancelToken::default,
            metrics: &self.metrics,
        };
        let notify = |(expr, alerts): Told<'_>| self.told.lock().unwrap().push((expr.to_owned(), alerts));
        let stop = AtomicBool::new(false);
        let around = Around { notify: &notify, workers, stop: &stop, now_ms: &|| 77 };
        group.evaluate(at_min * MINUTE, &evaluator, &around)
    }

    /// `{labels} value` of an instant query, sorted.
    fn ask(&self, query: &str, at_min: i64) -> Vec<String> {
        let store = self.sinks.store.lock().unwrap().clone();
        let answer = self.engine.instant(&store, query, at_min * MINUTE, &QueryOptions::default()).unwrap();
        let Value::Vector(samples) = answer.value else { panic!() };
        let mut shown: Vec<String> = samples.iter().map(|s| format!("{:?} {}", s.labels, s.value)).collect();
        shown.sort();
        shown
    }
}

/// Reads what the rules before wrote.
struct LiveStore<'a>(&'a MemorySinks);

impl narthex_storage::Queryable for LiveStore<'_> {
    fn querier(
        &self,
        mint: i64,
        maxt: i64,
    ) -> Result<Box<dyn narthex_storage::Querier>, narthex_storage::StorageError> {
        self.0.store.lock().unwrap().querier(mint, maxt)
    }
}

#[test]
fn rules_see_what_those_before_them_wrote() {
    let bench = Bench::new();
    bench.add(&[("__name__", "x"), ("a", "1"), ("b", "1")], 1, 3.0);
    bench.add(&[("__name__", "x"), ("a", "1"), ("b", "2")], 1, 4.0);
    let mut group = bench.group(
        "labels: {team: t}, rules: [{record: 'a:x', expr: 'sum by (a) (x)', labels: {a: '', c: d}}, {record: twice, expr: 'a:x * 2'}, {record: one, expr: '1'}]",
    );
    let run = bench.run(&mut group, 1);
    assert_eq!((run.rules, run.failures, run.samples), (3, 0, 3));
    assert_eq!(
        bench.ask("{__name__=~'a:x|twice|one'}", 1),
        [
            "{__name__=\"a:x\", c=\"d\", team=\"t\"} 7",
            "{__name__=\"one\", team=\"t\"} 1",
            "{__name__=\"twice\", c=\"d\", team=\"t\"} 14",
        ]
    );
    let status = group.view.rules[0].status();
    assert_eq!((status.health, status.last_evaluation_ms), (Health::Good, Some(77)));
    assert_eq!(group.view.key(), "f;g");
}

#[test]
fn queries_look_back_by_the_offset_and_samples_are_stamped_so() {
    let bench = Bench::new();
    bench.add(&[("__name__", "x")], 1, 1.0);
    bench.add(&[("__name__", "x")], 3, 3.0);
    let mut group = bench.group("query_offset: 2m, rules: [{record: y, expr: x}, {alert: A, expr: x}]");
    bench.run(&mut group, 3);
    assert_eq!(bench.ask("y", 1), ["{__name__=\"y\"} 1"]);
    assert_eq!(bench.ask("ALERTS", 1), ["{__name__=\"ALERTS\", alertname=\"A\", alertstate=\"firing\"} 1"]);
    // The alert's own time is the slot.
    assert_eq!(bench.ask("ALERTS_FOR_STATE", 1), ["{__name__=\"ALERTS_FOR_STATE\", alertname=\"A\"} 180"]);
}

#[test]
fn a_series_that_vanishes_ends_but_not_when_the_rule_fails() {
    let bench = Bench::new();
    let mut group = bench.group("rules: [{record: y, expr: 'x / on () group_left z'}]");
    let z = [("__name__", "z")];
    for minute in 1..4 {
        bench.add(&[("__name__", "x"), ("n", "1")], minute, 1.0);
        bench.add(&z, minute, 1.0);
    }
    bench.run(&mut group, 1);
    assert_eq!(bench.ask("y", 1).len(), 1);
    // Two of "z": the rule fails, and what it wrote last goes on.
    bench.add(&[("__name__", "z"), ("more", "1")], 2, 1.0);
    let run = bench.run(&mut group, 2);
    assert_eq!((run.failures, bench.ask("y", 2).len()), (1, 1));
    let status = group.view.rules[0].status();
    assert_eq!(status.health, Health::Bad);
    assert!(status.last_error.unwrap().contains("found duplicate series"));
    // Long after, there is nothing: the series ends.
    bench.run(&mut group, 20);
    assert!(bench.ask("y", 20).is_empty());
    bench.add(&[("__name__", "x"), ("n", "1")], 21, 1.0);
    bench.add(&z, 21, 1.0);
    bench.run(&mut group, 21);
    bench.run(&mut group, 30);
    // Without the marker the sample of minute 21 would not be too old yet at 25.
    assert_eq!(bench.ask("y", 25).len(), 1);
    assert_eq!(bench.ask("y", 30).len(), 0);
}

#[test]
fn limits_and_equal_labels_are_errors() {
    let bench = Bench::new();
    for n in ["1", "2"] {
        bench.add(&[("__name__", "x"), ("n", n)], 1, 1.0);
    }
    for (text, error) in [
        ("limit: 1, rules: [{record: y, expr: x}]", "exceeded limit of 1 with 2 series"),
        ("limit: 1, rules: [{alert: A, expr: x}]", "exceeded limit of 1 with 2 alerts"),
        (
            "rules: [{record: y, expr: x, labels: {n: ''}}]",
            "vector contains metrics with the same labelset after applying rule labels",
        ),
        (
            "rules: [{alert: A, expr: x, labels: {n: same}}]",
            "vector contains metrics with the same labelset after applying alert labels",
        ),
        ("rules: [{record: y, expr: '\"text\"'}]", "rule result is not a vector or scalar"),
        ("rules: [{record: y, expr: 'x[5m]'}]", "rule result is not a vector or scalar"),
    ] {
        let mut group = bench.group(text);
        assert_eq!(bench.run(&mut group, 1).failures, 1, "{text}");
        let status = group.view.rules[0].status();
        assert_eq!(status.last_error.as_deref(), Some(error), "{text}");
        assert!(status.alerts.is_empty(), "{text}");
    }
    assert!(bench.ask("{__name__=~'y|ALERTS'}", 1).is_empty());
}

#[test]
fn alerts_are_written_and_told_with_their_templates_expanded() {
    let bench = Bench::new();
    for minute in 1..6 {
        bench.add(&[("__name__", "x"), ("i", "a:1")], minute, minute as f64);
    }
    let rule = "alert: High, expr: 'x > 1', for: 2m, labels: {s: '{{ $labels.i | stripPort }}'}, annotations: {d: '{{ $value }} in {{ $externalLabels.dc }}', q: '{{ query \"x\" | first | value }}', bad: '{{ template \"none\" }}'}";
    let mut group = bench.group(&format!("rules: [{{{rule}}}]"));
    let state = |group: &Group| group.view.rules[0].status().state();
    assert_eq!(state(&group), "unknown");
    let states: Vec<_> = (1..6)
        .map(|minute| {
            bench.run(&mut group, minute);
            state(&group)
        })
        .collect();
    assert_eq!(states, ["inactive", "pending", "pending", "firing", "firing"]);
    assert_eq!(
        bench.ask("ALERTS", 3),
        ["{__name__=\"ALERTS\", alertname=\"High\", alertstate=\"pending\", i=\"a:1\", s=\"a\"} 1"]
    );
    // The pending series ended when the alert began to fire.
    assert_eq!(
        bench.ask("ALERTS", 4),
        ["{__name__=\"ALERTS\", alertname=\"High\", alertstate=\"firing\", i=\"a:1\", s=\"a\"} 1"]
    );
    let told = bench.told.lock().unwrap();
    assert_eq!(told.len(), 1, "{told:?}");
    let (expr, alerts) = &told[0];
    assert_eq!((expr.as_str(), alerts.len()), ("x > 1", 1));
    let alert = &alerts[0];
    assert_eq!((alert.fired_at_ms, alert.active_at_ms), (Some(4 * MINUTE), 2 * MINUTE));
    let annotations: Vec<_> = alert.annotations.iter().map(|(n, t)| format!("{n}={t}")).collect();
    assert_eq!(annotations[1..], ["d=4 in eu", "q=4"]);
    assert!(
        annotations[0].starts_with("bad=<error expanding template: error executing template __alert_High: ")
    );
    assert!(bench.metrics.template_failures.get() > 0);
}

#[test]
fn a_restart_keeps_the_time_that_an_alert_has_waited() {
    let bench = Bench::new();
    let rules = "rules: [{alert: A, expr: x, for: 30m}, {alert: Short, expr: x, for: 1m}]";
    let options = RestoreOptions { outage_tolerance_ms: 60 * MINUTE, grace_period_ms: 10 * MINUTE };
    for minute in 0..60 {
        bench.add(&[("__name__", "x")], minute, 1.0);
    }
    let mut before = bench.group(rules);
    for minute in 0..6 {
        bench.run(&mut before, minute);
    }
    let mut group = bench.group_with(rules, false);
    bench.run(&mut group, 20);
    bench.run(&mut group, 21);
    // Nothing is written while it is not known since when the alert is active.
    assert!(bench.ask("last_over_time(ALERTS[10m])", 21).is_empty());
    assert!(group.is_unrestored());
    let store = bench.sinks.store.lock().unwrap().clone();
    group.restore(&store, 21 * MINUTE, options);
    assert!(!group.is_unrestored());
    // It had waited for 5 minutes when the server went down at 5; at 21 it has waited no longer.
    bench.run(&mut group, 22);
    assert!(bench.ask("ALERTS_FOR_STATE{alertname=\"A\"}", 22)[0].ends_with(&format!(" {}", 16 * 60)));
    // A short wait begins afresh.
    assert!(bench.ask("ALERTS_FOR_STATE{alertname=\"Short\"}", 22)[0].ends_with(&format!(" {}", 20 * 60)));
    for minute in 23..46 {
        bench.run(&mut group, minute);
    }
    assert_eq!(group.view.rules[0].status().state(), "pending");
    bench.run(&mut group, 46);
    assert_eq!(group.view.rules[0].status().state(), "firing");
}

#[test]
fn rules_side_by_side_give_what_they_give_in_line() {
    let text = "rules: [{record: a, expr: x}, {record: b, expr: 'sum(a)'}, {record: c, expr: 'b + 1'}, {record: d, expr: 'x + 1'}, {alert: E, expr: 'c > 0'}]";
    let all = "{__name__=~'a|b|c|d|ALERTS.*'}";
    let answers: Vec<Vec<String>> = [None, Some(3)]
        .map(|workers| {
            let bench = Bench::new();
            bench.add(&[("__name__", "x"), ("n", "1")], 1, 5.0);
            let workers = workers.map(Workers::new);
            let run = bench.run_with(&mut bench.group(text), 1, workers.as_ref());
            assert_eq!((run.rules, run.failures), (5, 0));
            bench.ask(all, 1)
        })
        .into();
    assert_eq!(answers[0], answers[1]);
    assert_eq!(answers[0].len(), 6);
}

#[test]
fn an_ended_group_leaves_no_series() {
    let bench = Bench::new();
    bench.add(&[("__name__", "x")], 1, 1.0);
    let mut group = bench.group("rules: [{record: y, expr: x}, {alert: A, expr: x}]");
    bench.run(&mut group, 1);
    assert_eq!(bench.ask("{__name__=~'y|ALERTS.*'}", 1).len(), 3);
    group.end(2 * MINUTE);
    assert!(bench.ask("{__name__=~'y|ALERTS.*'}", 2).is_empty());
}
