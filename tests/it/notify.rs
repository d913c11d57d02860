//! Alerts on their way to Alertmanagers: Debian's own, ones that fail, ones that come and go.

use crate::harness::{Narthex, Page, PageServer, Peer, eventually, get, program};
use narthex::config::Config;
use narthex::discovery::SdMetrics;
use narthex::discovery::manager::Providers;
use narthex::notify::{Alert, Notifier, Settings};
use narthex::telemetry::metrics::Page as Metrics;
use narthex_storage::Labels;
use serde_json::Value;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;
use tempfile::TempDir;
use tokio::runtime::Runtime;

const SETTINGS: Settings = Settings { capacity: 10_000, batch: 256, drain: true };

/// A notifier in a runtime of its own.
struct Running {
    runtime: Runtime,
    notifier: Arc<Notifier>,
}

impl Running {
    fn new(settings: Settings) -> Self {
        let runtime = Runtime::new().unwrap();
        let notifier = Notifier::new(Providers::new(Arc::new(SdMetrics::default())), settings);
        Self { runtime, notifier }
    }

    fn apply(&self, config: &str) {
        let config = Config::parse(config, Path::new("/"), "F", &|_| None).unwrap();
        let _guard = self.runtime.enter();
        self.notifier.apply_config(&config).unwrap();
    }

    /// The value of a metric of the Alertmanager at an address.
    fn metric(&self, name: &str, address: &str) -> Option<f64> {
        let mut page = Metrics::default();
        self.notifier.metrics().collect(&mut page);
        let text = page.into_text();
        let series =
            format!("prometheus_notifications_{name}{{alertmanager=\"http://{address}/api/v2/alerts\"}} ");
        text.lines().find_map(|line| line.strip_prefix(&series)).map(|value| value.parse().unwrap())
    }

    fn stop(&self) {
        self.runtime.block_on(self.notifier.stop());
    }
}

fn now_ms() -> i64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_millis() as i64
}

fn alert(labels: &[(&str, &str)], ends_in_ms: i64) -> Alert {
    let now = now_ms();
    Alert {
        labels: Labels::from_pairs(labels.iter().copied()),
        annotations: vec![("summary".to_owned(), "S".to_owned())],
        starts_at_ms: now - 60_000,
        ends_at_ms: now + ends_in_ms,
        generator_url: "http://narthex/graph?g0.expr=up&g0.tab=1".to_owned(),
    }
}

fn section(more: &str, addresses: &[&str]) -> String {
    let list: Vec<String> = addresses.iter().map(|address| format!("'{address}'")).collect();
    format!("{{{more}static_configs: [{{targets: [{}]}}]}}", list.join(", "))
}

#[test]
fn debians_alertmanager_takes_groups_and_resolves_alerts_and_may_be_restarted() {
    let Some(program) = program("prometheus-alertmanager") else { return };
    let config = "route: {receiver: none, group_by: [job], group_wait: 1s}\nreceivers: [{name: none}]\n";
    let peer = Peer::alertmanager(&program, config, None);
    let address = peer.address().to_owned();
    let running = Running::new(SETTINGS);
    running.apply(&format!(
        "global: {{external_labels: {{site: test, replica: a}}}}\n\
         alerting: {{alert_relabel_configs: [{{action: labeldrop, regex: replica}}], alertmanagers: [{}]}}\n",
        section("", &[&address])
    ));
    let firing = |ends_in_ms| {
        vec![
            alert(&[("alertname", "Up"), ("job", "a")], ends_in_ms),
            alert(&[("alertname", "Down"), ("job", "a")], ends_in_ms),
            alert(&[("alertname", "Down"), ("job", "b"), ("site", "own")], 240_000),
        ]
    };
    let names = |address: &str| {
        let answer = get(&format!("http://{address}/api/v2/alerts")).unwrap().json();
        let alerts = answer.as_array().unwrap();
        let mut names: Vec<String> = alerts
            .iter()
            .map(|a| {
                let label = |name: &str| a["labels"][name].as_str().unwrap_or("-").to_owned();
                [label("alertname"), label("job"), label("site"), label("replica")].join(" ")
            })
            .collect();
        names.sort();
        names
    };
    running.notifier.send(firing(240_000));
    let all = ["Down a test -", "Down b own -", "Up a test -"];
    eventually("the alerts are there", || (names(&address) == all).then_some(()));
    let answer = get(&format!("http://{address}/api/v2/alerts")).unwrap().json();
    let first = &answer[0];
    assert_eq!(first["annotations"]["summary"], "S");
    assert_eq!(first["generatorURL"], "http://narthex/graph?g0.expr=up&g0.tab=1");
    let groups = get(&format!("http://{address}/api/v2/alerts/groups")).unwrap().json();
    let sizes: Vec<(String, usize)> = groups
        .as_array()
        .unwrap()
        .iter()
        .map(|group| (group["labels"]["job"].to_string(), group["alerts"].as_array().unwrap().len()))
        .collect();
    assert_eq!(sizes, [("\"a\"".to_owned(), 2), ("\"b\"".to_owned(), 1)]);
    assert_eq!(running.metric("sent_total", &address), Some(3.0));
    running.notifier.send(firing(-1000));
    eventually("two alerts are resolved", || (names(&address) == ["Down b own -"]).then_some(()));

    drop(peer);
    running.notifier.send(firing(240_000));
    eventually("the loss is counted", || running.metric("errors_total", &address).filter(|n| *n == 3.0));
    assert_eq!(running.metric("dropped_total", &address), Some(3.0));
    let _peer = Peer::alertmanager(&program, config, Some(&address));
    running.notifier.send(firing(240_000));
    eventually("the alerts are there again", || (names(&address) == all).then_some(()));
    assert_eq!(running.metric("queue_length", &address), Some(0.0));
    running.stop();
}

#[test]
fn an_alertmanager_that_fails_holds_up_nobody_else() {
    let failing = PageServer::start(Page { status: "500 Internal Server Error", ..Page::text("no") });
    let good = PageServer::start(Page::text(""));
    let running = Running::new(SETTINGS);
    running.apply(&format!(
        "alerting: {{alertmanagers: [{}, {}]}}\n",
        section("timeout: 1s, ", &[&failing.address, "127.0.0.1:1"]),
        section(
            "alert_relabel_configs: [{source_labels: [alertname], regex: Drop, action: drop}], ",
            &[&good.address]
        )
    ));
    running.notifier.send(vec![alert(&[("alertname", "Drop")], 0), alert(&[("alertname", "A")], 0)]);
    eventually("the good one has its alert", || {
        running.metric("sent_total", &good.address).filter(|n| *n == 1.0)
    });
    for address in [failing.address.as_str(), "127.0.0.1:1"] {
        eventually("the loss is counted", || running.metric("errors_total", address).filter(|n| *n == 2.0));
        eventually("and dropped", || running.metric("dropped_total", address).filter(|n| *n == 2.0));
        assert_eq!(running.metric("sent_total", address), Some(0.0));
    }
    assert!(good.last_head().starts_with("POST /api/v2/alerts HTTP/1.1\r\n"), "{}", good.last_head());
    assert!(good.last_head().to_lowercase().contains("content-type: application/json"));
    running.stop();
}

#[test]
fn what_waits_survives_a_reload_and_is_sent_before_an_end() {
    // Nobody accepts: the first request takes until its timeout, the rest waits.
    let deaf = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = deaf.local_addr().unwrap().to_string();
    let running = Running::new(Settings { capacity: 5, batch: 1, drain: true });
    let config = |more: &str| {
        format!("{more}alerting: {{alertmanagers: [{}]}}\n", section("timeout: 1h, ", &[&address]))
    };
    running.apply(&config(""));
    running.notifier.send(vec![alert(&[("alertname", "0")], 0)]);
    let mut held = deaf.accept().unwrap().0;
    let many = |from: usize, to: usize| {
        (from..to).map(|n| alert(&[("alertname", n.to_string().as_str())], 0)).collect::<Vec<_>>()
    };
    running.notifier.send(many(1, 4));
    assert_eq!(running.metric("queue_length", &address), Some(3.0));
    running.apply(&config("global: {external_labels: {site: new}}\n"));
    running.notifier.send(many(4, 7));
    assert_eq!(running.metric("queue_length", &address), Some(5.0), "kept, and bounded");
    assert_eq!(running.metric("dropped_total", &address), Some(1.0), "the oldest made room");

    // Answers every request from now on, on whatever connection it comes.
    let (sender, bodies) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        use std::io::{BufRead, BufReader, Read, Write};
        loop {
            let mut reader = BufReader::new(held.try_clone().unwrap());
            loop {
                let (mut length, mut line) = (None, String::new());
                while reader.read_line(&mut line).is_ok_and(|n| n > 0) && line != "\r\n" {
                    let lower = line.to_lowercase();
                    length =
                        length.or(lower.strip_prefix("content-length: ").map(|n| n.trim().parse().unwrap()));
                    line.clear();
                }
                let Some(length) = length else { break };
                let mut body = vec![0; length];
                reader.read_exact(&mut body).unwrap();
                if sender.send(serde_json::from_slice::<Value>(&body).unwrap()).is_err() {
                    return;
                }
                held.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").unwrap();
            }
            held = deaf.accept().unwrap().0;
        }
    });
    running.stop();
    let labels: Vec<Value> = bodies.try_iter().map(|body| body[0]["labels"].clone()).collect();
    let names: Vec<&str> = labels.iter().map(|labels| labels["alertname"].as_str().unwrap()).collect();
    assert_eq!(names, ["0", "2", "3", "4", "5", "6"]);
    assert_eq!(labels.last().unwrap()["site"], "new");
}

#[test]
fn the_server_shows_its_alertmanagers_and_follows_discovery_and_reloads() {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("am.json");
    std::fs::write(&file, r#"[{"targets": ["keep:1", "drop:1"]}]"#).unwrap();
    let config = |password: &str| {
        format!(
            "scrape_configs: []\nalerting:\n  alertmanagers:\n  - scheme: https\n    path_prefix: /am\n    \
             basic_auth: {{username: u, password: {password}}}\n    \
             relabel_configs: [{{source_labels: [__address__], regex: 'drop.*', action: drop}}]\n    \
             file_sd_configs: [{{files: ['{}']}}]\n",
            file.display()
        )
    };
    let narthex = Narthex::with_config(dir.path(), &config("hidden"), &["--web.enable-lifecycle"]);
    let shown = || narthex.get("/api/v1/alertmanagers").data().to_string();
    let of = |active: &str| {
        format!(
            r#"{{"activeAlertmanagers":[{{"url":"https://{active}/am/api/v2/alerts"}}],"droppedAlertmanagers":[{{"url":"https://drop:1/am/api/v2/alerts"}}]}}"#
        )
    };
    eventually("one is active, one dropped", || (shown() == of("keep:1")).then_some(()));
    let yaml = narthex.get("/api/v1/status/config").data()["yaml"].as_str().unwrap().to_owned();
    assert!(yaml.contains("alerting:") && yaml.contains("<secret>") && !yaml.contains("hidden"), "{yaml}");
    let metrics = narthex.get("/metrics").text();
    for line in [
        "prometheus_notifications_queue_capacity 10000",
        "prometheus_notifications_alertmanagers_discovered 1",
        "prometheus_notifications_errors_total{alertmanager=\"https://keep:1/am/api/v2/alerts\"} 0",
        "prometheus_sd_discovered_targets{name=\"notify\",config=\"config-0\"} 2",
    ] {
        assert!(metrics.lines().any(|l| l == line), "{line} in {metrics}");
    }
    std::fs::write(dir.path().join("new.json"), r#"[{"targets": ["other:1", "drop:1"]}]"#).unwrap();
    std::fs::rename(dir.path().join("new.json"), &file).unwrap();
    eventually("another one is active", || (shown() == of("other:1")).then_some(()));
    std::fs::write(dir.path().join("prometheus.yml"), config("other")).unwrap();
    assert_eq!(narthex.post("/-/reload", &[]).status, 200);
    eventually("it still is", || (shown() == of("other:1")).then_some(()));
    std::fs::write(dir.path().join("prometheus.yml"), "scrape_configs: []\n").unwrap();
    assert_eq!(narthex.post("/-/reload", &[]).status, 200);
    assert_eq!(shown(), r#"{"activeAlertmanagers":[],"droppedAlertmanagers":[]}"#);
    assert!(!narthex.get("/metrics").text().contains("other:1"));
}
