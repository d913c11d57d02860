//! Rules in the real binary: recorded series, alerts and their states, restarts, reloads, backtests, backfill.

use crate::harness::process::{file, run};
use crate::harness::{Body, Narthex, Page, PageServer, eventually, shared};
use serde_json::{Value, json};
use std::path::Path;
use tempfile::TempDir;

/// A configuration that scrapes a page every second and evaluates as often.
fn config(dir: &Path, target: &PageServer, rules: &str) -> String {
    file(dir, "rules.yml", rules);
    format!(
        "global:\n  scrape_interval: 1s\n  scrape_timeout: 1s\n  evaluation_interval: 1s\n  external_labels: {{dc: eu}}\n\
         rule_files: ['rules*.yml']\nscrape_configs:\n- job_name: j\n  static_configs:\n  - targets: ['{}']\n",
        target.address
    )
}

fn rules(server: &Narthex, query: &str) -> Value {
    server.get(&format!("/api/v1/rules{query}")).data()
}

fn alerts(server: &Narthex) -> Vec<Value> {
    server.get("/api/v1/alerts").data()["alerts"].as_array().unwrap().clone()
}

/// As in Prometheus, an alert's series are written only after the second evaluation of its group, which is when its
/// `for` state is restored: the wait is longer than that.
#[test]
fn series_are_recorded_and_an_alert_is_pending_fires_and_is_resolved() {
    let dir = TempDir::new().unwrap();
    let page = PageServer::start(Page::text("load 5\n"));
    let text = "groups:\n- name: g\n  labels: {team: t}\n  rules:\n  - {record: 'job:load:double', expr: 'sum by (job) (load) * 2'}\n  \
                - alert: High\n    expr: job:load:double > 4\n    for: 4s\n    labels: {severity: '{{ $externalLabels.dc }}'}\n    \
                annotations: {summary: 'load {{ $value }}'}\n";
    let server = Narthex::with_config(dir.path(), &config(dir.path(), &page, text), &[]);
    let series = r#"job:load:double{job="j",team="t"}"#;
    eventually("the series is recorded", || server.value(series).filter(|value| value == "10"));
    eventually("the alert fires", || alerts(&server).into_iter().find(|alert| alert["state"] == "firing"));
    let pending = r#"count_over_time(ALERTS{alertname="High",alertstate="pending"}[1m])"#;
    assert!(server.value(pending).is_some(), "it was pending before");
    let alert = alerts(&server).remove(0);
    assert_eq!(alert["labels"], json!({"alertname": "High", "job": "j", "severity": "eu", "team": "t"}));
    assert_eq!((&alert["annotations"], &alert["value"]), (&json!({"summary": "load 10"}), &json!("1e+01")));
    let since = server.value(r#"ALERTS_FOR_STATE{alertname="High"}"#).unwrap();
    assert!(alert["activeAt"].as_str().unwrap().starts_with("20"), "{since}");
    let group = rules(&server, "")["groups"][0].clone();
    assert_eq!((&group["name"], &group["interval"], &group["limit"]), (&json!("g"), &json!(1), &json!(0)));
    assert!(group["file"].as_str().unwrap().ends_with("/rules.yml"));
    let rule = &group["rules"][1];
    for (key, want) in [
        ("state", json!("firing")),
        ("query", json!("job:load:double > 4")),
        ("duration", json!(4)),
        ("health", json!("ok")),
        ("type", json!("alerting")),
    ] {
        assert_eq!(rule[key], want, "{key}");
    }
    page.set(Page::text("load 1\n"));
    eventually("the alert is resolved", || alerts(&server).is_empty().then_some(()));
    eventually("its series has ended", || {
        server.query("ALERTS").as_array().unwrap().is_empty().then_some(())
    });
    let text = server.get("/metrics").text();
    for line in [
        "prometheus_rule_group_rules{rule_group=\"",
        "prometheus_rule_evaluation_failures_total{rule_group=\"",
        "prometheus_rule_group_duration_seconds{quantile=\"0.01\"}",
        "prometheus_template_text_expansions_total",
    ] {
        assert!(text.lines().any(|l| l.starts_with(line)), "{line}");
    }
}

#[test]
fn rules_are_filtered_and_paged() {
    let dir = TempDir::new().unwrap();
    let page = PageServer::start(Page::text("load 5\n"));
    let text = "groups:\n- {name: a, rules: [{record: r, expr: '1', labels: {x: y}}]}\n\
                - {name: b, rules: [{alert: A, expr: 'load'}, {record: s, expr: '2'}]}\n\
                - {name: c, rules: [{alert: C, expr: 'absent(load)'}]}\n";
    let server = Narthex::with_config(dir.path(), &config(dir.path(), &page, text), &[]);
    let names = |query: &str| -> Vec<String> {
        let groups = rules(&server, query)["groups"].as_array().unwrap().clone();
        let rules = groups.iter().flat_map(|group| group["rules"].as_array().unwrap().clone());
        rules.map(|rule| rule["name"].as_str().unwrap().to_owned()).collect()
    };
    for (query, want) in [
        ("", vec!["r", "A", "s", "C"]),
        ("?type=alert", vec!["A", "C"]),
        ("?type=record", vec!["r", "s"]),
        ("?rule_name[]=s&rule_name[]=C", vec!["s", "C"]),
        ("?rule_group[]=b", vec!["A", "s"]),
        ("?file[]=none", vec![]),
        ("?match[]=%7Bx%3D%22y%22%7D", vec!["r"]),
        ("?group_limit=2", vec!["r", "A", "s"]),
    ] {
        assert_eq!(names(query), want, "{query}");
    }
    let token = rules(&server, "?group_limit=2")["groupNextToken"].as_str().unwrap().to_owned();
    assert_eq!(token.len(), 64);
    let rest = rules(&server, &format!("?group_limit=2&group_next_token={token}"));
    assert_eq!((rest["groups"].as_array().unwrap().len(), &rest["groupNextToken"]), (1, &Value::Null));
    let stale = server.get("/api/v1/rules?group_limit=2&group_next_token=abc").error();
    assert!(stale.1.contains("invalid group_next_token 'abc'. were rule groups changed?"), "{stale:?}");
    eventually("the alert is there", || (!alerts(&server).is_empty()).then_some(()));
    let quiet = rules(&server, "?rule_name[]=A&exclude_alerts=true");
    assert_eq!(quiet["groups"][0]["rules"][0]["alerts"], json!([]));
}

/// The alert waits long, so that nothing but a restoration can make it old.
const WAITS: &str = "groups: [{name: g, rules: [{alert: Waits, expr: load, for: 20m}]}]";

fn active_at(server: &Narthex) -> Option<jiff::Timestamp> {
    let alert = alerts(server).into_iter().next()?;
    alert["activeAt"].as_str().unwrap().parse().ok()
}

#[test]
fn a_restart_keeps_how_long_an_alert_has_waited() {
    let dir = TempDir::new().unwrap();
    let page = PageServer::start(Page::text("load 5\n"));
    let config = config(dir.path(), &page, WAITS);
    let server = Narthex::with_config(dir.path(), &config, &[]);
    let begun = eventually("the alert waits", || active_at(&server));
    eventually("since when is stored", || server.value("ALERTS_FOR_STATE"));
    server.kill();
    // What was missed is made up, and the alert goes on.
    let server = Narthex::with_config(dir.path(), &config, &[]);
    eventually("the alert waits as before", || {
        active_at(&server).filter(|at| at.duration_since(begun).as_secs() == 0)
    });
    server.kill();
    // Without that, the outage does not count: later than before, but earlier than the second start's evaluations.
    let server = Narthex::with_config(dir.path(), &config, &["--rules.catch-up=0s"]);
    let fresh = eventually("the alert waits", || active_at(&server));
    eventually("since when is restored", || active_at(&server).filter(|at| *at < fresh && *at >= begun));
}

#[test]
fn what_was_missed_is_made_up() {
    let dir = TempDir::new().unwrap();
    let page = PageServer::start(Page::text("load 5\n"));
    // Long intervals leave time to make up for evaluations, however slow the machine is.
    let rule = "groups: [{name: g, interval: 5s, rules: [{record: r, expr: 'load + 1'}]}]";
    let config = config(dir.path(), &page, rule);
    let server = Narthex::with_config(dir.path(), &config, &[]);
    eventually("the series is recorded", || server.value("r"));
    server.kill();
    std::thread::sleep(std::time::Duration::from_secs(6));
    let server = Narthex::with_config(dir.path(), &config, &[]);
    let made_up = "narthex_rule_group_iterations_caught_up_total";
    eventually("evaluations are made up", || {
        let text = server.get("/metrics").text();
        let line = text.lines().find(|line| line.starts_with(made_up)).unwrap().to_owned();
        line.rsplit(' ').next().unwrap().parse::<f64>().ok().filter(|count| *count >= 1.0)
    });
    eventually("it is recorded again", || server.value("r"));
    // There is no hole.
    let result = server.query("r[5m]");
    let times: Vec<f64> =
        result[0]["values"].as_array().unwrap().iter().map(|pair| pair[0].as_f64().unwrap()).collect();
    assert!(times.windows(2).all(|pair| (pair[1] - pair[0] - 5.0).abs() < 0.001), "{times:?}");
}

#[test]
fn a_reload_keeps_the_state_of_rules_and_refuses_half_a_file() {
    let dir = TempDir::new().unwrap();
    let page = PageServer::start(Page::text("load 5\n"));
    let one = "groups: [{name: g, rules: [{alert: Waits, expr: load, for: 20m}, {record: old, expr: load}]}]";
    let config = config(dir.path(), &page, one);
    let server = Narthex::with_config(dir.path(), &config, &["--web.enable-lifecycle"]);
    let begun = eventually("the alert waits", || active_at(&server));
    eventually("the series is recorded", || server.value("old"));
    // Half a file: the old rules stay.
    file(dir.path(), "rules.yml", "groups: [{name: g, rules: [{alert: Waits, expr: 'load +', for");
    let refused = server.post("/-/reload", &[]);
    assert_eq!(refused.status, 500);
    assert!(refused.text().contains("error loading rules, previous rule set restored"), "{}", refused.text());
    assert!(server.log().contains("parse rules from file"), "{}", server.log());
    assert_eq!(rules(&server, "")["groups"][0]["rules"].as_array().unwrap().len(), 2);
    // A changed group goes on where the old one was; what it no longer records ends.
    let two = "groups: [{name: g, limit: 9, rules: [{record: new, expr: load}, {alert: Waits, expr: load, for: 20m}]}]";
    file(dir.path(), "rules.yml", two);
    assert_eq!(server.post("/-/reload", &[]).status, 200);
    eventually("the new rule records", || server.value("new"));
    assert_eq!(active_at(&server).unwrap(), begun);
    eventually("the old series has ended", || {
        server.query("old").as_array().unwrap().is_empty().then_some(())
    });
    // A removed group leaves nothing, two intervals later.
    file(dir.path(), "rules.yml", "groups: []");
    assert_eq!(server.post("/-/reload", &[]).status, 200);
    assert_eq!(rules(&server, "")["groups"], json!([]));
    eventually("its series have ended", || {
        server.query("{__name__=~'new|ALERTS.*'}").as_array().unwrap().is_empty().then_some(())
    });
    assert!(!server.get("/metrics").text().contains("prometheus_rule_group_rules{"));
}

#[test]
fn a_start_with_a_broken_rule_file_ends_with_its_place() {
    let dir = TempDir::new().unwrap();
    let rules = file(dir.path(), "r.yml", "groups:\n- name: g\n  rules:\n  - record: a\n    expr: up +\n");
    let config = file(dir.path(), "c.yml", "rule_files: [r.yml]\n");
    let flag = format!("--config.file={}", config.display());
    let log = Narthex::try_start(&dir.path().join("data"), &[&flag]).err().expect("it does not start");
    let want = format!("{}: 5:11: group", rules.display());
    assert!(log.contains(&want) && log.contains("Error loading rule file patterns"), "{log}");
}

#[test]
fn would_it_have_fired_is_answered_without_writing_anything() {
    let dir = TempDir::new().unwrap();
    let server = Narthex::start(&dir.path().join("data"), &["--web.enable-remote-write-receiver"]);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs() as i64;
    let start = now / 60 * 60 - 3600;
    // Ten minutes of 0, ten of 1, and so on.
    let samples: Vec<(i64, f64)> =
        (0..61).map(|minute| ((start + minute * 60) * 1000, (minute / 10 % 2) as f64)).collect();
    let series = crate::harness::samples::series(&[("__name__", "load"), ("i", "a")], &samples);
    assert_eq!(crate::harness::samples::write(&server.url, vec![series]).status, 204);
    let body =
        json!({"expr": "load > 0", "for": "2m", "start": start, "end": start + 3600, "interval": "1m"});
    let request = http::Request::post(format!("{}/api/v1/narthex/rules/backtest", server.url))
        .header("content-type", "application/json")
        .body(http_body_util::Full::from(bytes::Bytes::from(body.to_string())))
        .unwrap();
    let data = crate::harness::request(request).unwrap().data();
    assert_eq!((&data["evaluations"], &data["truncated"]), (&json!(61), &json!(false)));
    let alert = &data["alerts"][0];
    let at = |minute: i64| start + minute * 60;
    assert_eq!(alert["labels"], json!({"i": "a"}));
    let spans = |from: &[(i64, i64)]| json!(from.iter().map(|(a, b)| [at(*a), at(*b)]).collect::<Vec<_>>());
    assert_eq!(alert["pending"], spans(&[(10, 11), (30, 31), (50, 51)]));
    assert_eq!(alert["firing"], spans(&[(12, 19), (32, 39), (52, 59)]));
    assert_eq!(alert["values"], json!(["1", "1", "1"]));
    let form = [("expr", "load > 0 or load < 1"), ("start", "0"), ("end", "60"), ("interval", "0")];
    let wrong = server.post("/api/v1/narthex/rules/backtest", &form).error();
    assert!(wrong.1.contains("interval"), "{wrong:?}");
    assert_eq!(server.get("/api/v1/narthex/rules/backtest").status, 405);
    assert!(server.query("ALERTS").as_array().unwrap().is_empty());
    // The same by the command line, beside the running server, and the difference that another rule makes.
    let rule = |name: &str, wait: &str| {
        file(
            dir.path(),
            name,
            &format!(
                "groups: [{{name: g, rules: [{{record: double, expr: 'load * 2'}}, {{alert: A, expr: 'double > 0', for: {wait}}}]}}]"
            ),
        )
    };
    let (long, short) = (rule("long.yml", "5m"), rule("short.yml", "2m"));
    let data = dir.path().join("data").display().to_string();
    let (from, to) = (start.to_string(), (start + 3600).to_string());
    let backtest = |more: &[&str]| {
        let short = short.display().to_string();
        let mut args = vec!["rules", "backtest", "--rules", &short, "--from", &from, "--to", &to];
        args.extend(more);
        args.push(&data);
        run(&args)
    };
    let (good, text) = backtest(&[]);
    assert!(good && text.contains("1 alerts, 1 of them firing"), "{text}");
    assert_eq!(text.matches("firing  ").count(), 3, "{text}");
    assert!(text.contains("value 2"), "{text}");
    let long = long.display().to_string();
    let (good, text) = backtest(&["--against", &long]);
    assert!(good && text.contains("1 alerts fire more, 0 fire less"), "{text}");
    assert!(text.contains("+{alertname=\"A\", i=\"a\"}"), "{text}");
    // The same of the server, which says the very same.
    let of_server = |more: &[&str]| {
        let short = short.display().to_string();
        let mut args = vec!["rules", "backtest", "--rules", &short, "--from", &from, "--to", &to];
        args.extend(more);
        args.extend(["--url", server.url.as_str()]);
        run(&args)
    };
    assert_eq!(of_server(&[]), backtest(&[]));
    assert_eq!(of_server(&["--against", &long]), backtest(&["--against", &long]));
    assert_eq!(of_server(&["--name", "B"]), (true, "0 alerts, 0 of them firing\n".to_owned()));
    assert!(server.query("{__name__=~'double|ALERTS'}").as_array().unwrap().is_empty());
    let broken = file(dir.path(), "broken.yml", "groups: [{name: g, rules: [{alert: A, expr: 'up ='}]}]");
    let (good, text) = of_server(&["--against", &broken.display().to_string()]);
    assert!(!good && text.contains(&format!("{}: 1:", broken.display())), "{text}");
    let form = [("rules", "groups: [{}]"), ("start", "0"), ("end", "60"), ("interval", "1m")];
    let wrong = server.post("/api/v1/narthex/rules/backtest", &form).error();
    assert!(wrong.1.contains("invalid parameter \"rules\": ") && wrong.1.contains("1:"), "{wrong:?}");
    let ours = std::fs::read_to_string(dir.path().join("short.yml")).unwrap();
    let form = [("rules", ours.as_str()), ("start", "0"), ("end", "600000"), ("interval", "1s")];
    let wrong = server.post("/api/v1/narthex/rules/backtest", &form).error();
    assert!(wrong.1.contains("evaluations"), "{wrong:?}");
}

#[test]
fn the_past_of_a_recording_rule_is_filled_beside_what_is_there() {
    let dir = TempDir::new().unwrap();
    let data = dir.path().join("data");
    let server = Narthex::start(&data, &["--web.enable-remote-write-receiver"]);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs() as i64;
    let start = now / 60 * 60 - 1800;
    let samples: Vec<(i64, f64)> = (0..30).map(|minute| ((start + minute * 60) * 1000, 1.0)).collect();
    let there: Vec<(i64, f64)> = (0..10).map(|minute| ((start + 1200 + minute * 60) * 1000, 7.0)).collect();
    let all = vec![
        crate::harness::samples::series(&[("__name__", "load")], &samples),
        crate::harness::samples::series(&[("__name__", "double")], &there),
    ];
    assert_eq!(crate::harness::samples::write(&server.url, all).status, 204);
    let rules = file(
        dir.path(),
        "r.yml",
        "groups: [{name: g, rules: [{record: double, expr: 'load * 2'}, {record: chained, expr: 'double * 10'}]}]",
    );
    let (rules, path) = (rules.display().to_string(), data.display().to_string());
    let (from, to) = (start.to_string(), (start + 1740).to_string());
    let args = ["rules", "backfill", "--rules", &rules, "--from", &from, "--to", &to, &path];
    // Not under a running server.
    let (good, text) = run(&args);
    assert!(!good && text.contains("another process uses this data directory"), "{text}");
    server.signal("TERM");
    assert!(server.wait());
    let (good, text) = run(&args);
    assert!(good && text.contains("were there already"), "{text}");
    let server = Narthex::start(&data, &[]);
    let ask = |function: &str, range: &str| {
        server.value(&format!("{function}_over_time({range} @ {})", start + 1740)).unwrap()
    };
    // What was there stays, and the holes are filled.
    assert_eq!((ask("max", "double[10m]"), ask("min", "double[29m]")), ("7".to_owned(), "2".to_owned()));
    let count: f64 = ask("count", "double[29m]").parse().unwrap();
    assert!((28.0..=30.0).contains(&count), "{count}");
    assert_eq!((ask("min", "chained[29m]"), ask("max", "chained[5m]")), ("20".to_owned(), "70".to_owned()));
}

#[test]
fn the_rules_of_the_corpus_load_and_evaluate() {
    let Some(corpus) = shared("corpus/rules") else { return };
    let dir = TempDir::new().unwrap();
    let page = PageServer::start(Page::of(Body::Counted(|n| format!("node_load1 {n}\nup_things {n}\n"))));
    let config = config(dir.path(), &page, "groups: []");
    let config = config.replace("'rules*.yml'", &format!("'{}/*.yml'", corpus.display()));
    let server = Narthex::with_config(
        dir.path(),
        &config.replace("evaluation_interval: 1s", "evaluation_interval: 2s"),
        &[],
    );
    let unhealthy = || -> Vec<String> {
        let groups = rules(&server, "")["groups"].as_array().unwrap().clone();
        let all = groups.iter().flat_map(|group| group["rules"].as_array().unwrap().clone());
        all.filter(|rule| rule["health"] != "ok").map(|rule| rule.to_string()).collect()
    };
    let count = rules(&server, "")["groups"].as_array().unwrap().len();
    assert!(count > 10, "{count}");
    // Groups have intervals of their own, of up to three minutes: those with the default one are enough.
    eventually("all groups of the default interval are evaluated", || {
        let left = unhealthy();
        assert!(left.iter().all(|rule| rule.contains("\"health\":\"unknown\"")), "{left:?}");
        let groups = rules(&server, "")["groups"].as_array().unwrap().clone();
        let fast = groups.iter().filter(|group| group["interval"] == 2);
        let mut seen = fast.flat_map(|group| group["rules"].as_array().unwrap().clone());
        seen.all(|rule| rule["health"] == "ok").then_some(())
    });
}
