//! Beside Debian's Prometheus: the same samples, the same questions, the same answers: the same JSON to the byte,
//! order and times included.
//!
//! Debian's is release 2.42. What has changed since is respected: ranges have been open at their start since 3.0
//! (so no sample lies on the edge of a window here); `rate` weighs differently how far a counter is from zero (so
//! counters stay far from it); `sum` and `avg` compensate their rounding (so their last digits may differ); what
//! goes through a map in 2.42 has no order.

use crate::harness::samples::{TimeSeries, series, write};
use crate::harness::{Body, Narthex, Page, PageServer, Peer, get, post_form, program, shared};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::{Duration, SystemTime};
use tempfile::TempDir;

/// What 2.42 answers in no order.
const MAPPED: &[&str] = &["histogram_quantile", "count_values"];
/// How far the values of an expression may lie apart, relative, when it sums or averages.
const SUMMED: f64 = 1e-12;

struct Item {
    name: String,
    kind: String,
    expr: String,
    label: String,
    record: Option<String>,
    rule_labels: BTreeMap<String, String>,
}

fn items(path: &Path) -> Vec<Item> {
    let corpus: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let text = |item: &Value, key: &str| item[key].as_str().unwrap_or_default().to_owned();
    let read = |item: &Value| Item {
        name: [text(item, "source"), text(item, "panel"), text(item, "record")].join("/"),
        kind: text(item, "kind"),
        expr: text(item, "expr"),
        label: text(item, "label"),
        record: item["record"].as_str().map(str::to_owned),
        rule_labels: serde_json::from_value(item["labels"].clone()).unwrap_or_default(),
    };
    corpus["items"].as_array().unwrap().iter().map(read).collect()
}

/// The expressions of all recording and alerting rules below a directory, with the file that each is from.
fn rules(dir: &Path) -> Vec<(String, String)> {
    let mut out = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let file: Value = serde_saphyr::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        for group in file["groups"].as_array().unwrap() {
            for rule in group["rules"].as_array().unwrap() {
                let expr = match &rule["expr"] {
                    Value::String(text) => text.clone(),
                    other => other.to_string(),
                };
                out.push((path.file_name().unwrap().to_string_lossy().into_owned(), expr));
            }
        }
    }
    out
}

fn now_ms() -> i64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_millis() as i64
}

fn range(url: &str, expr: &str, (start, end, step): (i64, i64, i64)) -> Value {
    let (start, end, step) = (start.to_string(), end.to_string(), step.to_string());
    let form = [("query", expr), ("start", &start), ("end", &end), ("step", &step)];
    post_form(&format!("{url}/api/v1/query_range"), &form).unwrap().data()["result"].clone()
}

fn instant(url: &str, expr: &str, at: i64) -> Value {
    let at = at.to_string();
    let form = [("query", expr), ("time", at.as_str())];
    post_form(&format!("{url}/api/v1/query"), &form).unwrap().data()["result"].clone()
}

fn label_values(url: &str, label: &str, selector: &str) -> Value {
    let query = form_urlencoded::Serializer::new(String::new()).append_pair("match[]", selector).finish();
    get(&format!("{url}/api/v1/label/{label}/values?{query}")).unwrap().data()
}

/// Series by their labels.
fn by_labels(result: &Value) -> BTreeMap<String, Vec<(String, String)>> {
    let pair = |pair: &Value| (pair[0].to_string(), pair[1].as_str().unwrap().to_owned());
    let samples = |series: &Value| match series["values"].as_array() {
        Some(values) => values.iter().map(pair).collect(),
        None => vec![pair(&series["value"])],
    };
    let series = result.as_array().unwrap().iter();
    series.map(|series| (series["metric"].to_string(), samples(series))).collect()
}

fn near(a: &str, b: &str, tolerance: f64) -> bool {
    let (Ok(a), Ok(b)) = (a.parse::<f64>(), b.parse::<f64>()) else { return false };
    (a - b).abs() <= tolerance * a.abs().max(b.abs())
}

/// Compares two results; the answer is the number of values. They are the same JSON; where the expression sums,
/// last digits may differ, and where 2.42 goes through a map, the order of an instant vector.
fn compare(name: &str, expr: &str, ours: &Value, theirs: &Value) -> usize {
    if !ours.is_array() || !ours[0].is_object() && !theirs[0].is_object() {
        assert_eq!(ours, theirs, "{name}: {expr}");
        return 1;
    }
    let has = |words: &[&str]| words.iter().any(|word| expr.contains(word));
    let order = |result: &Value| -> Vec<String> {
        result.as_array().unwrap().iter().map(|series| series["metric"].to_string()).collect()
    };
    if !has(MAPPED) {
        assert_eq!(order(ours), order(theirs), "{name}: {expr}");
    }
    let count = |result: &Value| by_labels(result).values().map(Vec::len).sum();
    if ours == theirs {
        return count(ours);
    }
    let (ours, theirs) = (by_labels(ours), by_labels(theirs));
    let names = |series: &BTreeMap<String, _>| series.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&ours), names(&theirs), "{name}: {expr}");
    let sums = has(&["sum", "avg"]);
    for (labels, mine) in &ours {
        let other = &theirs[labels];
        assert_eq!(mine.len(), other.len(), "{name}: {expr}: samples of {labels}");
        for (mine, other) in mine.iter().zip(other) {
            let same = mine == other || mine.0 == other.0 && sums && near(&mine.1, &other.1, SUMMED);
            assert!(same, "{name}: {expr}: {labels}: {mine:?} beside {other:?}");
        }
    }
    ours.values().map(Vec::len).sum()
}

/// Series in the order of their labels: Prometheus, which answers in the order of creation where nothing else is
/// asked for, then answers in that of labels.
fn sorted(mut all: Vec<TimeSeries>) -> Vec<TimeSeries> {
    all.sort_by_cached_key(|series| {
        series.labels.iter().map(|label| (label.name.clone(), label.value.clone())).collect::<Vec<_>>()
    });
    all
}

/// A page as series over an hour: counters climb and reset, gauges move, some values stay.
fn history(page: &str, base: &[(&str, &str)], seed: u64, first_ms: i64) -> Vec<TimeSeries> {
    let lines = page.lines().filter(|line| !line.starts_with('#')).map(|line| Ok(line.to_owned()));
    let mut state = seed;
    let mut next = move || {
        // xorshift64: the same samples on every run.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let mut out = Vec::new();
    for sample in prometheus_parse::Scrape::parse(lines).unwrap().samples {
        let prometheus_parse::Value::Untyped(start) = sample.value else { continue };
        let mut labels: Vec<(&str, &str)> = vec![("__name__", &sample.metric)];
        labels.extend(base);
        labels.extend(sample.labels.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        let counter = sample.metric.ends_with("_total") || sample.metric.contains("vmstat_pgmajfault");
        let moves = counter || next() % 3 == 0;
        let mut value = if counter { start + 1e7 } else { start };
        let samples: Vec<(i64, f64)> = (0..240)
            .filter_map(|i| {
                let dice = next();
                if moves && counter {
                    value = if dice % 97 == 0 { value / 2.0 } else { value + (dice % 1000) as f64 / 64.0 };
                } else if moves {
                    value = start * (1.0 + ((dice % 200) as f64 - 100.0) / 1000.0);
                }
                // Now and then a scrape is lost.
                (dice % 53 != 0).then_some((first_ms + i * 15_000 + (dice % 7) as i64, value))
            })
            .collect();
        out.push(series(&labels, &samples));
    }
    out
}

#[test]
fn the_use_method_and_all_rules_answer_as_prometheus_does_over_identical_samples() {
    let (Some(prometheus), Some(corpus), Some(rule_files), Some(expositions)) = (
        program("prometheus"),
        shared("corpus/use-method.json"),
        shared("corpus/rules"),
        shared("expositions"),
    ) else {
        return;
    };
    let peer = Peer::prometheus(&prometheus, "scrape_configs: []\n");
    let dir = TempDir::new().unwrap();
    let narthex =
        Narthex::with_config(dir.path(), "scrape_configs: []\n", &["--web.enable-remote-write-receiver"]);
    let both = |series: &[TimeSeries]| {
        for url in [&narthex.url, &peer.url] {
            for part in series.chunks(500) {
                let answer = write(url, part.to_vec());
                assert!((200..300).contains(&answer.status), "{url}: {}", answer.text());
            }
        }
    };
    // Odd milliseconds keep every sample off the edges of the windows.
    let end = now_ms() / 60_000 * 60;
    let first_ms = (end - 3600) * 1000 + 3_137;
    let read = |name: &str| std::fs::read_to_string(expositions.join(name)).unwrap();
    let node = read("node-exporter.txt");
    let mut all = Vec::new();
    for (i, instance) in ["10.0.0.11:9100", "10.0.0.12:9100", "10.0.0.13:9100"].iter().enumerate() {
        let base = [("job", "node-exporter"), ("instance", *instance), ("cluster", "one")];
        all.extend(history(&node, &base, 1 + i as u64, first_ms));
    }
    for (page, job, path, seed) in [
        ("kube-state-metrics.txt", "kube-state-metrics", "/metrics", 9),
        ("kubelet.txt", "kubelet", "/metrics", 10),
        ("kubelet-cadvisor.txt", "kubelet", "/metrics/cadvisor", 11),
    ] {
        let base =
            [("job", job), ("metrics_path", path), ("instance", "10.0.0.11:10250"), ("cluster", "one")];
        all.extend(history(&read(page), &base, seed, first_ms));
    }
    both(&sorted(all));

    let items = items(&corpus);
    assert!(items.len() >= 50, "{}", items.len());
    let mut values = 0;
    // First the expressions of the rules; then what they record, for the dashboards to read.
    let mut recorded = Vec::new();
    for item in &items {
        let Some(record) = &item.record else { continue };
        let steps = (end - 1800, end, 30);
        let theirs = range(&peer.url, &item.expr, steps);
        values += compare(&item.name, &item.expr, &range(&narthex.url, &item.expr, steps), &theirs);
        for one in theirs.as_array().unwrap() {
            let metric: BTreeMap<String, String> = serde_json::from_value(one["metric"].clone()).unwrap();
            let mut labels: BTreeMap<&str, &str> =
                metric.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            labels.extend(item.rule_labels.iter().map(|(name, value)| (name.as_str(), value.as_str())));
            labels.insert("__name__", record);
            let sample = |pair: &Value| {
                let seconds = pair[0].as_f64().unwrap();
                ((seconds * 1000.0) as i64 + 211, pair[1].as_str().unwrap().parse().unwrap())
            };
            let samples: Vec<(i64, f64)> = one["values"].as_array().unwrap().iter().map(sample).collect();
            recorded.push(series(&labels.into_iter().collect::<Vec<_>>(), &samples));
        }
    }
    assert!(recorded.len() > 20, "{} recorded series", recorded.len());
    both(&sorted(recorded));
    let mut answered = 0;
    for item in &items {
        if item.kind == "label_values" {
            let ours = label_values(&narthex.url, &item.label, &item.expr);
            assert_eq!(ours, label_values(&peer.url, &item.label, &item.expr), "{}", item.name);
            continue;
        }
        let before = values;
        for steps in [(end - 1500, end, 60), (end - 900, end - 7, 13)] {
            let (ours, theirs) =
                (range(&narthex.url, &item.expr, steps), range(&peer.url, &item.expr, steps));
            values += compare(&item.name, &item.expr, &ours, &theirs);
        }
        for at in [end, end - 601, end + 200] {
            let (ours, theirs) = (instant(&narthex.url, &item.expr, at), instant(&peer.url, &item.expr, at));
            values += compare(&item.name, &item.expr, &ours, &theirs);
        }
        answered += usize::from(values > before);
    }
    let mut rules_answered = 0;
    let rules = rules(&rule_files);
    for (file, expr) in &rules {
        let mut compared = 0;
        for at in [end, end - 977] {
            let (ours, theirs) = (instant(&narthex.url, expr, at), instant(&peer.url, expr, at));
            compare(file, expr, &ours, &theirs);
        }
        for steps in [(end - 1800, end, 90), (end - 600, end - 1, 7)] {
            let (ours, theirs) = (range(&narthex.url, expr, steps), range(&peer.url, expr, steps));
            compared += compare(file, expr, &ours, &theirs);
        }
        rules_answered += usize::from(compared > 0);
    }
    assert!(rules_answered > 30, "{rules_answered} of {} rules have an answer", rules.len());
    // Some panels list only what is not zero, or want a volume that this cluster has not.
    assert!(answered * 4 > items.len() * 3, "{answered} of {} items have an answer", items.len());
    assert!(values > 10_000, "{values} values compared");
    for query in [
        "node_load1",
        "node_load5",
        "node_load15",
        "{__name__=~\"kube_.*\"}",
        "count by (__name__) ({__name__!=\"\"})",
    ] {
        compare(query, query, &instant(&narthex.url, query, end), &instant(&peer.url, query, end));
    }
}

/// Series that had one value all the time.
fn constant(result: &Value) -> BTreeMap<String, String> {
    let all = by_labels(result).into_iter();
    let constant = all.filter(|(_, samples)| samples.windows(2).all(|pair| pair[0].1 == pair[1].1));
    constant.filter_map(|(labels, samples)| Some((labels, samples.last()?.1.clone()))).collect()
}

#[test]
fn the_use_method_answers_as_prometheus_does_over_their_own_scrapes() {
    let (Some(prometheus), Some(exporter), Some(corpus), Some(expositions)) = (
        program("prometheus"),
        program("prometheus-node-exporter"),
        shared("corpus/use-method.json"),
        shared("expositions/kube-state-metrics.txt"),
    ) else {
        return;
    };
    let exporter = Peer::node_exporter(&exporter);
    let cluster = PageServer::start(Page::of(Body::Bytes(std::fs::read(expositions).unwrap())));
    let config = format!(
        "global:\n  scrape_interval: 5s\n  scrape_timeout: 5s\nscrape_configs:\n- job_name: node-exporter\n  static_configs:\n  - targets: ['{}']\n- job_name: kube-state-metrics\n  honor_labels: true\n  static_configs:\n  - targets: ['{}']\n",
        exporter.address(),
        cluster.address
    );
    let peer = Peer::prometheus(&prometheus, &config);
    let dir = TempDir::new().unwrap();
    let narthex = Narthex::with_config(dir.path(), &config, &[]);
    std::thread::sleep(Duration::from_secs(62));
    let end = now_ms() / 1000 - 1;
    let steps = (end - 30, end, 5);
    let mut with_labels = 0;
    for item in items(&corpus) {
        if item.kind == "label_values" {
            let ours = label_values(&narthex.url, &item.label, &item.expr);
            assert_eq!(ours, label_values(&peer.url, &item.label, &item.expr), "{}", item.name);
            continue;
        }
        let labels = |result: &Value| by_labels(result).into_keys().collect::<BTreeSet<_>>();
        // A panel that hides zeros may show or hide a value that moved between the two scrapes.
        let filters = item.expr.contains("!= 0");
        let (ours, theirs) = (instant(&narthex.url, &item.expr, end), instant(&peer.url, &item.expr, end));
        if !filters {
            assert_eq!(labels(&ours), labels(&theirs), "{}: {}", item.name, item.expr);
            let (ours, theirs) =
                (range(&narthex.url, &item.expr, steps), range(&peer.url, &item.expr, steps));
            assert_eq!(labels(&ours), labels(&theirs), "{}: {}", item.name, item.expr);
        }
        with_labels += labels(&ours).len();
    }
    assert!(with_labels > 10, "{with_labels} series answered");
    // Every series that both know has the same labels, and the same value where the page did not change.
    // The window begins at the page's own start on both sides.
    for selector in ["{job=\"node-exporter\"}", "{job=\"kube-state-metrics\"}"] {
        let (ours, theirs) = (instant(&narthex.url, selector, end), instant(&peer.url, selector, end));
        let labels = |result: &Value| by_labels(result).into_keys().collect::<BTreeSet<_>>();
        assert_eq!(labels(&ours), labels(&theirs), "{selector}");
        let window = format!("{selector}[1m]");
        let (ours, theirs) = (instant(&narthex.url, &window, end), instant(&peer.url, &window, end));
        let (ours, theirs) = (constant(&ours), constant(&theirs));
        let mut equal = 0;
        for (series, value) in ours.iter().filter(|(series, _)| !series.contains("\"scrape_")) {
            if let Some(other) = theirs.get(series) {
                assert_eq!(value, other, "{series}");
                equal += 1;
            }
        }
        assert!(equal > 200, "{selector}: {equal} constant series");
    }
    for query in [
        "up",
        "scrape_samples_scraped{job=\"kube-state-metrics\"}",
        "scrape_samples_post_metric_relabeling{job=\"kube-state-metrics\"}",
    ] {
        compare(query, query, &instant(&narthex.url, query, end), &instant(&peer.url, query, end));
    }
}
