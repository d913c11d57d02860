//! The queries of the UI's dashboards beside those of the chart they come from: the same answers, with and without the
//! chart's recording rules, on expositions of real exporters.

use crate::harness::samples::{TimeSeries, series, write};
use crate::harness::{Narthex, shared};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tempfile::TempDir;

/// What the variables of a dashboard are set to.
type Look = &'static [(&'static str, &'static str)];

/// Our dashboards, the chart's, and the values of variables to look with.
const BOARDS: &[(&str, &str, &[Look])] = &[
    ("use-node", "node-rsrc-use", &[&[("instance", "10.0.0.11:9100")]]),
    ("use-cluster", "node-cluster-rsrc-use", &[&[]]),
    ("volumes", "persistentvolumesusage", &[&[("namespace", "shop"), ("volume", "data-cart-db-0")]]),
    ("cluster", "k8s-resources-cluster", &[&[]]),
    (
        "namespace-pods",
        "k8s-resources-namespace",
        &[&[("namespace", NAMESPACE)], &[("namespace", "kube-system")]],
    ),
    ("node-pods", "k8s-resources-node", &[&[("node", "node-1")], &[("node", "node-1|node-2")]]),
    ("nodes-overview", "k8s-resources-nodes-overview", &[&[]]),
    (
        "namespace-workloads",
        "k8s-resources-workloads-namespace",
        &[
            &[("namespace", NAMESPACE), ("type", ".+")],
            &[("namespace", "kube-system"), ("type", "daemonset|staticpod")],
        ],
    ),
    (
        "workload",
        "k8s-resources-workload",
        &[
            &[("namespace", NAMESPACE), ("type", ".+"), ("workload", WORKLOAD)],
            &[("namespace", "kube-system"), ("type", "daemonset"), ("workload", "kube-proxy")],
        ],
    ),
    ("pod", "k8s-resources-pod", &[&[("namespace", NAMESPACE), ("pod", POD)]]),
];
const NAMESPACE: &str = "shop";
const WORKLOAD: &str = "frontend";
const POD: &str = "frontend-ccc6bb849f-2zjw2";

/// Where an answer of ours may differ from the chart's, by dashboard, and why.
const DIFFERENCES: &[(&str, Difference)] = &[
    // `!= 0` of the chart makes gaps of zeros; a zero is a point.
    ("use-node", Difference::KeepsZeros),
    ("use-cluster", Difference::KeepsZeros),
];

#[derive(Debug, Clone, Copy, PartialEq)]
enum Difference {
    KeepsZeros,
}

/// Clusters that the data stand in: one that has no name, and one that has.
const CLUSTERS: &[&str] = &["", "prod"];
/// The data reach so far back and ahead of their writing, and lie so far apart, ms.
const BACK: i64 = 12 * 60_000;
const AHEAD: i64 = 9 * 60_000;
const STEP: i64 = 30_000;

/// A line of an exposition: labels, value.
fn lines(text: &str) -> Vec<(Vec<(String, String)>, f64)> {
    text.lines().filter(|line| !line.starts_with('#') && !line.is_empty()).map(read).collect()
}

/// Reads `name{label="value",…} value [timestamp]`.
fn read(line: &str) -> (Vec<(String, String)>, f64) {
    let end = line.find(['{', ' ']).unwrap();
    let mut labels = vec![("__name__".to_owned(), line[..end].to_owned())];
    let mut rest = &line[end..];
    if rest.starts_with('{') {
        rest = &rest[1..];
        while !rest.starts_with('}') {
            let (name, after) = rest.trim_start_matches(',').split_once("=\"").unwrap();
            let mut value = String::new();
            let mut chars = after.char_indices();
            rest = loop {
                match chars.next().unwrap() {
                    (i, '"') => break &after[i + 1..],
                    (_, '\\') => value.push(match chars.next().unwrap().1 {
                        'n' => '\n',
                        other => other,
                    }),
                    (_, other) => value.push(other),
                }
            };
            if !value.is_empty() {
                labels.push((name.to_owned(), value));
            }
        }
        rest = &rest[1..];
    }
    let value = rest.split_whitespace().next().unwrap();
    (labels, value.parse().unwrap())
}

/// Whether it only grows; then it does so evenly, so that a rate does not depend on when it is asked for.
fn grows(name: &str) -> bool {
    name.ends_with("_total") || name == "node_vmstat_pgmajfault"
}

/// Per second; each series has its own, some have none.
fn slope(name: &str, place: usize) -> f64 {
    let own = [0.25, 0.5, 0.0, 1.0][place % 4];
    match name {
        "node_cpu_seconds_total" => 0.1 + own / 10.0,
        _ if name.contains("seconds") => 0.01 + own / 4.0,
        _ if name.contains("bytes") => own * 100_000.0,
        _ => own * 8.0,
    }
}

/// A page as series with the labels of its target.
fn page(text: &str, target: &[(&str, &str)], scale: f64, now: i64) -> Vec<TimeSeries> {
    let times = || (0..).map(move |i| now - BACK + i * STEP).take_while(move |time| *time <= now + AHEAD);
    // What does not happen there: the chart has gaps, and we have zeros.
    let quiet = target.contains(&("cluster", "prod"));
    let mut made = Vec::new();
    for (place, (own, value)) in lines(text).into_iter().enumerate() {
        let name = own[0].1.clone();
        let mut labels: Vec<(&str, &str)> =
            own.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        labels.extend(
            target.iter().filter(|(name, value)| !value.is_empty() && own.iter().all(|(has, _)| has != name)),
        );
        let value =
            if grows(&name) { value } else { value * if name.starts_with("node_") { scale } else { 1.0 } };
        let samples: Vec<(i64, f64)> = times()
            .map(|time| {
                let rare = name == "node_vmstat_pgmajfault" || name.ends_with("_drop_total");
                let still = !grows(&name) || (quiet && rare);
                let grown = if still { 0.0 } else { slope(&name, place) * (time - now + BACK) as f64 / 1e3 };
                (time, value + grown + if grows(&name) { 1e4 } else { 0.0 })
            })
            .collect();
        made.push(series(&labels, &samples));
    }
    made
}

/// What a kubelet tells of volumes; the exposition has none.
const VOLUMES: &str = "\
kubelet_volume_stats_capacity_bytes{namespace=\"shop\",persistentvolumeclaim=\"data-cart-db-0\"} 1e9
kubelet_volume_stats_available_bytes{namespace=\"shop\",persistentvolumeclaim=\"data-cart-db-0\"} 2.5e8
kubelet_volume_stats_inodes{namespace=\"shop\",persistentvolumeclaim=\"data-cart-db-0\"} 65536
kubelet_volume_stats_inodes_used{namespace=\"shop\",persistentvolumeclaim=\"data-cart-db-0\"} 8192
";

/// A quota that the exposition does not have.
const QUOTA: &str = "\
kube_resourcequota{namespace=\"shop\",resourcequota=\"compute\",resource=\"limits.cpu\",type=\"hard\"} 40
";

fn data(expositions: &Path, now: i64) -> Vec<TimeSeries> {
    let text = |name: &str| std::fs::read_to_string(expositions.join(name)).unwrap();
    let (node, cluster) = (text("node-exporter.txt"), text("kube-state-metrics.txt") + QUOTA);
    let (kubelet, cadvisor) = (text("kubelet.txt") + VOLUMES, text("kubelet-cadvisor.txt"));
    let mut all = Vec::new();
    for name in CLUSTERS {
        for (i, scale) in [("1", 1.0), ("2", 0.5)] {
            let (instance, node_name) = (format!("10.0.0.1{i}:9100"), format!("node-{i}"));
            let target =
                [("job", "node-exporter"), ("instance", &instance), ("node", &node_name), ("cluster", name)];
            all.extend(page(&node, &target, scale, now));
        }
        let target = [("job", "kube-state-metrics"), ("instance", "10.244.0.5:8080"), ("cluster", name)];
        all.extend(page(&cluster, &target, 1.0, now));
        all.extend(page("up 1\n", &target, 1.0, now));
        for (path, text) in [("/metrics", &kubelet), ("/metrics/cadvisor", &cadvisor)] {
            let kubelet = [("job", "kubelet"), ("instance", "10.0.0.11:10250"), ("metrics_path", path)];
            let target: Vec<_> =
                kubelet.into_iter().chain([("node", "node-1"), ("cluster", *name)]).collect();
            all.extend(page(text, &target, 1.0, now));
        }
    }
    all
}

/// The answer to an instant query: values by labels without the name.
type Vector = BTreeMap<String, f64>;

fn ask(server: &Narthex, expr: &str, time: f64) -> Vector {
    let answer = server.post("/api/v1/query", &[("query", expr), ("time", &time.to_string())]);
    assert_eq!(answer.status, 200, "{expr}\n{}", answer.text());
    let data = answer.data();
    let number = |value: &Value| value[1].as_str().unwrap().parse::<f64>().unwrap();
    if data["resultType"] == "scalar" {
        let value = number(&data["result"]);
        // Without a quota the chart's line is none.
        return if value.is_nan() { Vector::new() } else { Vector::from([(String::new(), value)]) };
    }
    let elements = data["result"].as_array().unwrap();
    elements
        .iter()
        .map(|element| {
            let labels =
                element["metric"].as_object().unwrap().iter().filter(|(name, _)| *name != "__name__");
            let labels: BTreeMap<&String, &Value> = labels.collect();
            (format!("{labels:?}"), number(&element["value"]))
        })
        .collect()
}

/// Puts the values of variables in.
fn filled(expr: &str, values: &BTreeMap<&str, &str>) -> String {
    let mut text = expr.replace("$__rate_interval", "2m");
    for (name, value) in values {
        text = text.replace(&format!("${{{name}:regex}}"), value).replace(&format!("${name}"), value);
    }
    text
}

/// The raw expression where recorded series are missing, as the UI does it: selectors are replaced, the longest first.
fn raw(expr: &str, board: &Value) -> String {
    let mut selectors: Vec<(&String, &Value)> = board["raw"].as_object().unwrap().iter().collect();
    selectors.sort_by_key(|(selector, _)| std::cmp::Reverse(selector.len()));
    selectors.iter().fold(expr.to_owned(), |text, (selector, raw)| {
        text.replace(selector.as_str(), &format!("({})", raw.as_str().unwrap()))
    })
}

fn texts(panels: Vec<&Value>) -> Vec<String> {
    let queries = panels.into_iter().flat_map(|panel| panel["queries"].as_array().unwrap());
    queries.map(|query| query["expr"].as_str().unwrap().to_owned()).collect()
}

/// Whether it is a point of ours where the chart has a gap on purpose.
fn kept_zero(ours: f64, allowed: Option<Difference>) -> bool {
    ours == 0.0 && allowed == Some(Difference::KeepsZeros)
}

/// What tells the answers apart, if anything but the listed differences.
fn difference(ours: &Vector, chart: &Vector, allowed: Option<Difference>) -> Option<String> {
    let keys: BTreeSet<&String> = ours.keys().chain(chart.keys()).collect();
    keys.into_iter().find_map(|key| match (ours.get(key), chart.get(key)) {
        (Some(a), Some(b)) if (a - b).abs() <= 1e-6 * b.abs().max(1e-3) || (a.is_nan() && b.is_nan()) => None,
        (Some(a), None) if kept_zero(*a, allowed) => None,
        (a, b) => Some(format!("{key}: {a:?} against {b:?}")),
    })
}

fn unix(time: SystemTime) -> f64 {
    time.duration_since(UNIX_EPOCH).unwrap().as_secs_f64()
}

struct Checked {
    /// Dashboard and place of the query.
    query: (String, usize),
    label: String,
    ours: String,
    chart: String,
    raw: Vector,
    raw_text: String,
    allowed: Option<Difference>,
}

#[test]
fn dashboards_give_what_the_charts_queries_give_with_and_without_recording_rules() {
    let (Some(expositions), Some(rules), Some(chart)) =
        (shared("expositions"), shared("corpus/rules"), shared("design/ui-dashboards.json"))
    else {
        return;
    };
    let chart: Value = serde_json::from_slice(&std::fs::read(chart).unwrap()).unwrap();
    let dir = TempDir::new().unwrap();
    let config = |rules: &str| format!("global: {{evaluation_interval: 2s}}\nrule_files: [{rules}]\n");
    let flags = ["--web.enable-remote-write-receiver", "--web.enable-lifecycle"];
    let server = Narthex::with_config(dir.path(), &config(""), &flags);
    let now = (unix(SystemTime::now()) * 1e3) as i64;
    let mut all = data(&expositions, now);
    while !all.is_empty() {
        let part = all.split_off(all.len().saturating_sub(2000));
        let answer = write(&server.url, part);
        assert!(answer.status < 300, "{}", answer.text());
    }

    // Without rules: raw expressions.
    let time = unix(SystemTime::now());
    let mut checks = Vec::new();
    for (ours, theirs, looks) in BOARDS {
        let board = built_in(ours);
        let theirs = chart["dashboards"].as_array().unwrap().iter().find(|one| one["id"] == *theirs).unwrap();
        let theirs = texts(theirs["panels"].as_array().unwrap().iter().collect());
        let own = texts(panels(&board));
        assert_eq!(own.len(), theirs.len(), "{ours}");
        let allowed = DIFFERENCES.iter().find(|(board, _)| board == ours).map(|(_, difference)| *difference);
        for (look, cluster) in
            looks.iter().flat_map(|look| CLUSTERS.iter().map(move |cluster| (look, cluster)))
        {
            let mut values: BTreeMap<&str, &str> = look.iter().copied().collect();
            values.extend([("cluster", *cluster), ("job", "node-exporter")]);
            for (place, (mine, chart)) in own.iter().zip(&theirs).enumerate() {
                let raw_text = filled(&raw(mine, &board), &values);
                let answer = ask(&server, &raw_text, time);
                checks.push(Checked {
                    query: ((*ours).to_owned(), place),
                    label: format!("{ours} {look:?} cluster={cluster:?}"),
                    ours: filled(mine, &values),
                    chart: filled(chart, &values),
                    raw: answer,
                    raw_text,
                    allowed,
                });
            }
        }
    }
    assert!(
        server.query(r#"count({__name__=~".*:.*"})"#).as_array().unwrap().is_empty(),
        "nothing is recorded yet"
    );

    // With rules: recorded series, once every rule has been evaluated.
    let files = format!("'{}/*.yml', rest.json", rules.display());
    std::fs::write(dir.path().join("rest.json"), missing_rules(&rules, &chart)).unwrap();
    std::fs::write(dir.path().join("prometheus.yml"), config(&files)).unwrap();
    assert_eq!(server.post("/-/reload", &[]).status, 200);
    // Twice, so that what the first round wrote can be read, and rules that read others have read them.
    let first = evaluations(&server, &BTreeMap::new());
    evaluations(&server, &first);
    let time = unix(SystemTime::now());
    let (mut wrong, mut answered, mut kept) = (Vec::new(), BTreeSet::new(), BTreeSet::new());
    for check in &checks {
        let chart = ask(&server, &check.chart, time);
        let recorded = ask(&server, &check.ours, time);
        for (kind, text, answer) in
            [("recorded", &check.ours, &recorded), ("raw", &check.raw_text, &check.raw)]
        {
            if answer.iter().any(|(key, ours)| !chart.contains_key(key) && kept_zero(*ours, check.allowed)) {
                kept.insert((check.query.0.as_str(), kind));
            }
            if let Some(difference) = difference(answer, &chart, check.allowed) {
                wrong.push(format!(
                    "{} {kind}: {difference}\n  ours  {text}\n  chart {}",
                    check.label, check.chart
                ));
            }
        }
        if !chart.is_empty() && !recorded.is_empty() {
            answered.insert(&check.query);
        }
    }
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong[..wrong.len().min(10)].join("\n"));
    let silent: BTreeSet<_> =
        checks.iter().filter(|check| !answered.contains(&check.query)).map(|check| &check.chart).collect();
    assert!(silent.is_empty(), "{} have no answer: {silent:#?}", silent.len());
    assert_eq!(answered.len(), 243, "all queries of the chart");
    // A difference that never shows would hide others.
    let listed = DIFFERENCES.iter().flat_map(|(board, _)| [(*board, "raw"), (*board, "recorded")]);
    assert_eq!(kept, listed.collect(), "zeros are kept where the list says so, and only there");
}

/// Units of ours that stand for one of the chart's.
const UNITS: &[(&str, &[&str])] = &[
    // What is no share of anything (load by core, requests queued) is no percentage.
    ("percentunit", &["ratio", "number"]),
    ("percent", &["percent"]),
    ("bytes", &["bytes"]),
    ("Bps", &["bytes/s"]),
    ("bps", &["bits/s"]),
    ("pps", &["per second"]),
    ("iops", &["per second"]),
    ("rds", &["per second"]),
    ("short", &["number", "count"]),
    ("none", &["count"]),
];

#[test]
fn panels_have_the_units_of_the_chart_but_for_drops_and_no_stack_of_percentages() {
    let Some(chart) = shared("design/ui-dashboards.json") else { return };
    let chart: Value = serde_json::from_slice(&std::fs::read(chart).unwrap()).unwrap();
    let mut compared = 0;
    for (ours, theirs, _) in BOARDS {
        let board = built_in(ours);
        let theirs = chart["dashboards"].as_array().unwrap().iter().find(|one| one["id"] == *theirs).unwrap();
        let each = |panel: &Value| vec![panel.clone(); panel["queries"].as_array().unwrap().len()];
        let theirs: Vec<Value> = theirs["panels"].as_array().unwrap().iter().flat_map(each).collect();
        let own: Vec<Value> = panels(&board).into_iter().flat_map(each).collect();
        for (mine, chart) in own.iter().zip(&theirs) {
            let (unit, title) = (&mine["unit"], chart["title"].as_str().unwrap());
            assert!(unit != "ratio" || mine["stacked"] != true, "{ours} {title}");
            let drops = title.contains("Drops");
            // The columns of a table have units of their own.
            let Some(was) = chart["unit"].as_str().filter(|_| chart["kind"] != "table") else { continue };
            let known = UNITS.iter().find(|(known, _)| *known == was).unwrap_or_else(|| panic!("{was}")).1;
            let good = if drops { unit == "per second" } else { known.iter().any(|known| unit == known) };
            assert!(good, "{ours} {title}: {unit} for {was}");
            compared += 1;
        }
    }
    assert!(compared > 100, "{compared}");
}

/// A dashboard of the UI.
fn built_in(id: &str) -> Value {
    let path = format!("ui/src/pages/dashboards/data/{id}.json");
    serde_json::from_slice(&std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()).unwrap()
}

/// Panels that the chart has too.
fn panels(board: &Value) -> Vec<&Value> {
    let rows = board["rows"].as_array().unwrap().iter().flat_map(|row| row["panels"].as_array().unwrap());
    rows.filter(|panel| panel["ours"] != true).collect()
}

/// The chart's rules that the files lack; JSON is YAML.
fn missing_rules(files: &Path, chart: &Value) -> String {
    let texts: String = std::fs::read_dir(files)
        .unwrap()
        .map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap())
        .collect();
    let all = chart["recorded"].as_object().unwrap().iter();
    let missing = all.filter(|(name, _)| !texts.contains(&format!("record: {name}\n")));
    let rules = missing.flat_map(|(name, rules)| {
        rules.as_array().unwrap().iter().map(move |rule| {
            let labels = rule.get("labels").cloned().unwrap_or_else(|| json!({}));
            json!({"record": name, "expr": rule["expr"], "labels": labels})
        })
    });
    json!({"groups": [{"name": "rest", "rules": rules.collect::<Vec<Value>>()}]}).to_string()
}

/// Waits until every group has been evaluated later than `before`, without an error; gives the times.
fn evaluations(server: &Narthex, before: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let begin = Instant::now();
    loop {
        let groups = server.get("/api/v1/rules?type=record").data()["groups"].as_array().unwrap().clone();
        let rules: Vec<Value> =
            groups.iter().flat_map(|group| group["rules"].as_array().unwrap().clone()).collect();
        let times: BTreeMap<String, String> = groups
            .iter()
            .map(|group| (group["name"].to_string(), group["lastEvaluation"].to_string()))
            .collect();
        let later = times.iter().all(|(name, time)| before.get(name) != Some(time));
        if later && !rules.is_empty() && rules.iter().all(|rule| rule["health"] == "ok") {
            return times;
        }
        assert!(begin.elapsed() < Duration::from_secs(240), "the rules are never evaluated: {times:?}");
        std::thread::sleep(Duration::from_millis(100));
    }
}
