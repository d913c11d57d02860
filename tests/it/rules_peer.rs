//! Rules beside Debian's Prometheus: it evaluates a rule file over samples that it is sent, and our groups are
//! evaluated over the same samples at the very times at which it did. Then what both have recorded has to be the same,
//! sample by sample, alerts and their states among them.
//!
//! Debian's release spreads groups differently, so that the two cannot simply run side by side.

use crate::harness::process::file;
use crate::harness::samples::{series, write};
use crate::harness::{Peer, eventually, post_form, program};
use narthex::rules::evaluator::{Evaluator, External};
use narthex::rules::file::{self as rule_file, FileOptions};
use narthex::rules::group::{Around, Group, GroupSettings};
use narthex::rules::metrics::RuleMetrics;
use narthex::rules::sink::MemorySinks;
use narthex_promql::testing::MemoryStore;
use narthex_promql::{CancelToken, Engine};
use narthex_storage::{Columns, Labels, Querier, Queryable, SelectHints, StorageError};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use tempfile::TempDir;

const RULES: &str = r#"groups:
- name: chained
  interval: 1s
  rules:
  - {record: tick, expr: 'vector(time())'}
  - {record: 'i:waves:sum', expr: 'sum by (i) (waves)', labels: {kept: 'yes', z: ''}}
  - {record: 'waves:max', expr: 'max(i:waves:sum)'}
  - {record: now_and_then, expr: 'waves{z="1"} > 6'}
  - {alert: High, expr: 'i:waves:sum > 9', for: 2s, labels: {severity: page, i: '{{ $labels.i | toUpper }}'}}
  - {alert: Split, expr: 'i:waves:sum > 9', labels: {severity: '{{ if gt $value 12.0 }}page{{ else }}ticket{{ end }}'}}
  - {alert: Kept, expr: 'waves{z="0"} > 5', for: 1s, keep_firing_for: 2s}
  - {alert: Watched, expr: 'ALERTS{alertname="High", alertstate="firing"}'}
- name: limited
  interval: 1s
  limit: 2
  rules:
  - {record: tick2, expr: 'vector(1)'}
  - {record: few, expr: 'waves > 5'}
  - {alert: Few, expr: 'waves > 5'}
  - {record: same, expr: 'waves', labels: {i: x, z: y}}
"#;

/// Series that rise and fall every eight seconds, one after the other.
fn value(i: i64, z: i64, second: i64) -> f64 {
    let phase = (second + 3 * i + z) % 8;
    (2 * phase.min(8 - phase)) as f64
}

/// What one server recorded: series, and time and value of each sample.
type Recorded = BTreeMap<String, Vec<(i64, String)>>;

#[test]
fn the_same_is_recorded_and_the_same_alerts_fire_at_the_same_times() {
    let Some(prometheus) = program("prometheus") else { return };
    let dir = TempDir::new().unwrap();
    let rules = file(dir.path(), "rules.yml", RULES);
    let config = format!("global: {{evaluation_interval: 1s}}\nrule_files: ['{}']\n", rules.display());
    let peer = Peer::prometheus(&prometheus, &config);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs() as i64;
    // Samples for the next minutes too: what the rules see does not depend on when they are written.
    let mut store = MemoryStore::default();
    let mut all = Vec::new();
    for (i, z) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
        let labels = [("__name__", "waves".to_owned()), ("i", format!("n{i}")), ("z", z.to_string())];
        let labels: Vec<(&str, &str)> = labels.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let samples: Vec<(i64, f64)> =
            (now - 60..now + 300).map(|second| (second * 1000 + 137, value(i, z, second))).collect();
        let known = Labels::from_pairs(labels.iter().copied());
        samples.iter().for_each(|(time, value)| store.add(&known, *time, *value));
        all.push(series(&labels, &samples));
    }
    assert_eq!(write(&peer.url, all).status, 204);
    // Enough evaluations after the samples were there; those before saw fewer.
    let written = eventually("rules are evaluated", || ticks(&peer.url).last().copied());
    let first = written + 2_000;
    let slots = eventually("there are enough evaluations", || {
        let slots: Vec<i64> = ticks(&peer.url).into_iter().filter(|slot| *slot > first).collect();
        (slots.len() >= 18).then_some(slots)
    });
    let (begin, end) = (slots[0], slots[slots.len() - 1]);
    let ours = ours(&rules, store, begin, end, &peer.url);
    let theirs = theirs(&peer.url, begin, end);
    // Alerts that were active before are older there: their wait is compared once both have seen them begin.
    let settled = begin + 9_000;
    let late = |recorded: &Recorded| -> Recorded {
        let keep = |samples: &[(i64, String)]| -> Vec<(i64, String)> {
            samples.iter().filter(|(time, _)| *time >= settled).cloned().collect()
        };
        let kept = recorded.iter().map(|(series, samples)| (series.clone(), keep(samples)));
        kept.filter(|(_, samples)| !samples.is_empty()).collect()
    };
    let (ours, theirs) = (late(&ours), late(&theirs));
    assert_eq!(ours, theirs);
    for name in ["tick", "i:waves:sum", "waves:max", "now_and_then", "few"] {
        assert!(
            ours.keys().any(|series| series.contains(&format!("\"{name}\""))),
            "{name}: {:?}",
            ours.keys()
        );
    }
    for state in ["pending", "firing"] {
        assert!(ours.keys().any(|series| series.contains(state)), "{state}");
    }
}

/// The times of the evaluations of the first group.
fn ticks(url: &str) -> Vec<i64> {
    let answer = post_form(&format!("{url}/api/v1/query"), &[("query", "tick[5m]")]).unwrap().data();
    times(&answer["result"][0]["values"])
}

fn times(values: &Value) -> Vec<i64> {
    let ms = |pair: &Value| (pair[0].as_f64().unwrap() * 1000.0).round() as i64;
    values.as_array().map(|pairs| pairs.iter().map(ms).collect()).unwrap_or_default()
}

const RECORDED: &str = r#"{__name__=~"tick.*|i:waves:sum|waves:max|now_and_then|few|same|ALERTS.*"}"#;

/// What Prometheus recorded: its samples at their own times, which a range selector tells.
fn theirs(url: &str, begin: i64, end: i64) -> Recorded {
    let range = format!("{RECORDED}[{}ms]", end - begin + 1);
    let time = format!("{}.{:03}", end / 1000, end % 1000);
    let answer = post_form(&format!("{url}/api/v1/query"), &[("query", &range), ("time", &time)]).unwrap();
    let mut recorded = Recorded::new();
    for series in answer.data()["result"].as_array().unwrap() {
        let samples = times(&series["values"]).into_iter().zip(series["values"].as_array().unwrap());
        let samples = samples.map(|(time, pair)| (time, pair[1].as_str().unwrap().to_owned()));
        recorded.insert(sorted(&series["metric"]), samples.collect());
    }
    recorded
}

fn sorted(metric: &Value) -> String {
    let labels: BTreeMap<String, String> = serde_json::from_value(metric.clone()).unwrap();
    format!("{labels:?}")
}

/// Samples that are there, and those that rules add.
struct Live(MemorySinks);

impl Queryable for Live {
    fn querier(&self, mint: i64, maxt: i64) -> Result<Box<dyn Querier>, StorageError> {
        self.0.store.lock().unwrap().querier(mint, maxt)
    }
}

/// What our groups record at the times at which theirs did.
fn ours(rules: &Path, store: MemoryStore, begin: i64, end: i64, url: &str) -> Recorded {
    let live = Live(MemorySinks::over(Arc::new(Mutex::new(store))));
    let file = rule_file::load(rules, &FileOptions::default()).unwrap();
    let (engine, metrics, stop) = (Engine::default(), RuleMetrics::default(), AtomicBool::new(false));
    let evaluator = Evaluator {
        store: &live,
        engine: &engine,
        default_offset_ms: 0,
        resend_delay_ms: 60_000,
        token: &CancelToken::default,
        metrics: &metrics,
    };
    let around = Around { notify: &|_| (), workers: None, stop: &stop, now_ms: &|| 0 };
    for (spec, tick) in file.groups.iter().zip(["tick", "tick2"]) {
        let settings = GroupSettings {
            file: String::new(),
            default_interval_ms: 1000,
            external: Arc::new(External::default()),
            restored: true,
        };
        let mut group = Group::new(spec, &settings, &live.0);
        let query = format!("{tick}[5m]");
        let answer = post_form(&format!("{url}/api/v1/query"), &[("query", &query)]).unwrap().data();
        let slots = times(&answer["result"][0]["values"]);
        for slot in slots.into_iter().filter(|slot| (begin..=end).contains(slot)) {
            group.evaluate(slot, &evaluator, &around);
        }
    }
    let hints = SelectHints { mint: begin, maxt: end, ..SelectHints::default() };
    let selector = narthex_promql::parse_selector(RECORDED).unwrap();
    let mut recorded = Recorded::new();
    for series in live.querier(begin, end).unwrap().select(&selector, &hints).unwrap() {
        let mut columns = Columns::default();
        series.read(begin, end, &mut columns).unwrap();
        let labels: BTreeMap<String, String> =
            series.labels().iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let samples = columns.timestamps.iter().zip(&columns.values);
        let samples = samples.filter(|(_, value)| !narthex_storage::is_stale_nan(**value));
        let shown = |value: f64| narthex_promql::numeric::format_sample(value);
        let samples: Vec<_> = samples.map(|(time, value)| (*time, shown(*value))).collect();
        if !samples.is_empty() {
            recorded.insert(format!("{labels:?}"), samples);
        }
    }
    recorded
}
