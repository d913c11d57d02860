//! Endpoints that the web UI asks beside Prometheus's: targets tried, queries in batches, stored samples.

use crate::harness::samples::{series, write};
use crate::harness::{Answer, Body, Narthex, Page, PageServer, eventually, free_address, request};
use http_body_util::Full;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use tempfile::TempDir;

const TRY: &str = "/api/v1/narthex/targets/try";
const BATCH: &str = "/api/v1/narthex/batch";
const ACTIVE: &str = "/api/v1/narthex/queries/active";
const BASE: i64 = 1_700_000_000;

fn post_json(narthex: &Narthex, path: &str, body: &Value, headers: &[(&str, &str)]) -> Answer {
    let mut builder =
        http::Request::post(format!("{}{path}", narthex.url)).header("content-type", "application/json");
    for (name, value) in headers {
        builder = builder.header(*name, *value);
    }
    request(builder.body(Full::from(body.to_string())).unwrap()).unwrap()
}

/// A server whose job hardly ever scrapes its targets by itself.
fn lazy(dir: &Path, targets: &[&str], flags: &[&str]) -> Narthex {
    let job = "scrape_configs:\n- job_name: lazy\n  scrape_interval: 500d\n  scrape_timeout: 10s\n";
    let config = format!("{job}  static_configs: [{{targets: {}}}]\n", json!(targets));
    let narthex = Narthex::with_config(dir, &config, flags);
    eventually("targets are discovered", || {
        let found = narthex.get("/api/v1/targets").data()["activeTargets"].as_array().unwrap().len();
        (found == targets.len()).then_some(())
    });
    narthex
}

/// What the UI asks with: the job and what discovery found.
fn asked(narthex: &Narthex, address: &str) -> Value {
    let targets = narthex.get("/api/v1/targets").data()["activeTargets"].clone();
    let found = targets.as_array().unwrap().iter().find(|t| t["discoveredLabels"]["__address__"] == address);
    json!({"scrapePool": "lazy", "labels": found.unwrap()["discoveredLabels"]})
}

#[test]
fn a_target_is_tried_and_nothing_of_it_is_stored() {
    let dir = TempDir::new().unwrap();
    let page = PageServer::start(Page::text("# TYPE tried gauge\ntried{a=\"b\"} 1\ntried{a=\"c\"} 2\n"));
    let gone = free_address();
    let flags = ["--web.enable-admin-api"];
    let narthex = lazy(dir.path(), &[&page.address, &gone], &flags);
    let ask = asked(&narthex, &page.address);
    let before = page.requests();
    let tried = post_json(&narthex, TRY, &ask, &[]).data();
    assert_eq!(page.requests(), before + 1);
    assert!(page.last_head().to_ascii_lowercase().contains("x-prometheus-scrape-timeout-seconds: 10"));
    assert_eq!(
        (&tried["status"], &tried["samples"], &tried["error"]),
        (&json!(200), &json!(2), &Value::Null)
    );
    assert_eq!(tried["bytes"], 49);
    assert!(tried["seconds"].as_f64().unwrap() > 0.0);
    assert!(tried["head"].as_str().unwrap().starts_with("# TYPE tried gauge\ntried{a=\"b\"} 1\n"));
    assert_eq!(narthex.value("count(tried)"), None);

    page.set(Page::text("tried 1\ntried{ 2\n"));
    let tried = post_json(&narthex, TRY, &ask, &[]).data();
    assert_eq!((&tried["status"], &tried["samples"]), (&json!(200), &json!(1)));
    assert!(tried["error"].as_str().unwrap().contains("line"), "{tried}");

    page.set(Page { status: "503 Service Unavailable", ..Page::text("<h1>come back later</h1>") });
    let tried = post_json(&narthex, TRY, &ask, &[]).data();
    assert_eq!((&tried["status"], &tried["samples"]), (&json!(503), &json!(0)));
    assert_eq!(tried["error"], "server returned HTTP status 503 Service Unavailable");
    assert_eq!(tried["head"], "<h1>come back later</h1>");

    let tried = post_json(&narthex, TRY, &asked(&narthex, &gone), &[]).data();
    assert_eq!((&tried["status"], &tried["head"]), (&Value::Null, &json!("")));
    assert!(tried["error"].as_str().unwrap().contains("connection refused"), "{tried}");
}

#[test]
fn a_try_ends_at_the_timeout_of_the_scrape() {
    let dir = TempDir::new().unwrap();
    let silent = PageServer::start(Page::of(Body::Silence));
    let config = "scrape_configs:\n- job_name: lazy\n  scrape_interval: 500d\n  scrape_timeout: 300ms\n";
    let config = format!("{config}  static_configs: [{{targets: [\"{}\"]}}]\n", silent.address);
    let narthex = Narthex::with_config(dir.path(), &config, &["--web.enable-admin-api"]);
    let ask = eventually("the target is discovered", || {
        let targets = narthex.get("/api/v1/targets").data()["activeTargets"].clone();
        Some(json!({"scrapePool": "lazy", "labels": targets.get(0)?["discoveredLabels"]}))
    });
    let tried = post_json(&narthex, TRY, &ask, &[]).data();
    assert!(tried["error"].as_str().unwrap().ends_with("context deadline exceeded"), "{tried}");
    assert!(tried["seconds"].as_f64().unwrap() >= 0.3 && tried["status"].is_null());
}

#[test]
fn only_administrators_of_the_same_origin_try_targets_and_only_those_that_discovery_found() {
    let dir = TempDir::new().unwrap();
    let (page, other) = (PageServer::start(Page::text("a 1\n")), PageServer::start(Page::text("a 1\n")));
    let narthex = lazy(dir.path(), &[&page.address], &["--web.enable-admin-api"]);
    let ask = asked(&narthex, &page.address);
    let before = page.requests();
    for headers in [[("origin", "http://evil.example")], [("sec-fetch-site", "cross-site")]] {
        assert_eq!(post_json(&narthex, TRY, &ask, &headers).status, 403, "{headers:?}");
    }
    let mut elsewhere = ask.clone();
    elsewhere["labels"]["__address__"] = json!(other.address);
    let answer = post_json(&narthex, TRY, &elsewhere, &[]);
    assert_eq!((answer.status, answer.error().0.as_str()), (404, "not_found"));
    let mut more = ask.clone();
    more["labels"]["__metrics_path__"] = json!("/elsewhere");
    assert_eq!(post_json(&narthex, TRY, &more, &[]).status, 404);
    more = ask.clone();
    more["url"] = json!(format!("http://{}/metrics", other.address));
    assert_eq!(post_json(&narthex, TRY, &more, &[]).error().0, "bad_data");
    more = ask.clone();
    more["scrapePool"] = json!("none");
    assert_eq!(
        post_json(&narthex, TRY, &more, &[]).error().1,
        "job \"none\" has no target of these discovered labels"
    );
    more["labels"]["x"] = json!("x".repeat(300 << 10));
    assert_eq!(post_json(&narthex, TRY, &more, &[]).status, 413);
    let answer = narthex.get(TRY);
    assert_eq!((answer.status, answer.header("allow")), (405, "POST, OPTIONS"));
    assert_eq!((page.requests(), other.requests()), (before, 0));

    let dir = TempDir::new().unwrap();
    let plain = lazy(dir.path(), &[&page.address], &[]);
    let ask = asked(&plain, &page.address);
    assert_eq!(post_json(&plain, TRY, &ask, &[]).error().1, "admin APIs disabled");
}

/// The lines of a batch by their names.
fn lines(answer: &Answer) -> BTreeMap<String, Value> {
    assert_eq!(
        (answer.status, answer.header("content-type")),
        (200, "application/x-ndjson"),
        "{}",
        answer.text()
    );
    let read = |line: &str| {
        let line: Value = serde_json::from_str(line).unwrap();
        (line["id"].as_str().unwrap().to_owned(), line)
    };
    let text = answer.text();
    assert!(text.is_empty() || text.ends_with('\n'));
    text.lines().map(read).collect()
}

#[test]
fn a_batch_answers_as_its_queries_would_each_by_its_name() {
    let dir = TempDir::new().unwrap();
    let flags = ["--web.enable-remote-write-receiver", "--query.max-samples=30000"];
    let narthex = Narthex::with_config(dir.path(), "scrape_configs: []\n", &flags);
    let samples: Vec<(i64, f64)> = (0..600).map(|i| ((BASE + i) * 1000, i as f64)).collect();
    let many = (0..60).map(|i| series(&[("__name__", "many"), ("i", &i.to_string())], &samples)).collect();
    assert_eq!(write(&narthex.url, many).status, 204);
    let (start, end) = (BASE, BASE + 599);
    let batch = json!({"time": end, "queries": [
        {"id": "time", "expr": "time()"},
        {"id": "other time", "expr": "time()", "time": start},
        {"id": "range \"1\"", "expr": "sum(many)", "start": start, "end": end, "step": 60},
        {"id": "large", "expr": "many", "start": start, "end": end, "step": 5, "limit": 3},
        {"id": "wrong", "expr": "sum(many"},
        {"id": "no step", "expr": "many", "start": start, "end": end},
        {"id": "too much", "expr": "many", "start": start, "end": end, "step": "1s"},
    ]});
    let answered = lines(&post_json(&narthex, BATCH, &batch, &[]));
    assert_eq!(answered.len(), 7);
    assert_eq!(answered["time"]["data"]["result"], json!([end, end.to_string()]));
    assert_eq!(answered["other time"]["data"]["result"], json!([start, start.to_string()]));
    let path = format!("/api/v1/query_range?query=sum(many)&start={start}&end={end}&step=60");
    assert_eq!(answered["range \"1\""]["data"], narthex.get(&path).data());
    let large = &answered["large"];
    assert_eq!(large["data"]["result"].as_array().unwrap().len(), 3);
    assert_eq!(large["warnings"], json!(["results truncated due to limit"]));
    for (id, kind, text) in [
        ("wrong", "bad_data", "unclosed left parenthesis"),
        ("no step", "bad_data", "invalid parameter \"step\""),
        ("too much", "execution", "too many samples"),
    ] {
        let line = &answered[id];
        assert_eq!(
            (line["status"].as_str(), line["errorType"].as_str()),
            (Some("error"), Some(kind)),
            "{line}"
        );
        assert!(line["error"].as_str().unwrap().contains(text), "{line}");
    }

    // Packed, it says the same, and large lines come in pieces between others.
    let packed = post_json(&narthex, BATCH, &batch, &[("accept-encoding", "gzip")]);
    assert_eq!(packed.header("content-encoding"), "gzip");
    let mut text = String::new();
    flate2::read::GzDecoder::new(&packed.body[..]).read_to_string(&mut text).unwrap();
    let packed = Answer { body: text.into(), ..packed };
    assert_eq!(lines(&packed)["large"], *large);
    let whole = |id: &str| json!({"id": id, "expr": "many", "start": start, "end": end, "step": 2});
    let queries = ["a", "b", "c"].map(whole);
    let queries = json!({ "queries": queries });
    let answered = lines(&post_json(&narthex, BATCH, &queries, &[]));
    assert_eq!(answered["a"]["data"]["result"].as_array().unwrap().len(), 60);
    assert_eq!(answered["a"]["data"], answered["c"]["data"]);

    assert!(lines(&post_json(&narthex, BATCH, &json!({"queries": []}), &[])).is_empty());
    let many: Vec<Value> = (0..201).map(|i| json!({"id": i.to_string(), "expr": "1"})).collect();
    assert_eq!(post_json(&narthex, BATCH, &json!({"queries": many}), &[]).error().0, "bad_data");
    let long = json!({"queries": [{"id": "a", "expr": "1".repeat(2 << 20)}]});
    assert_eq!(post_json(&narthex, BATCH, &long, &[]).status, 413);
    let answer = narthex.get(BATCH);
    assert_eq!((answer.status, answer.header("allow")), (405, "POST, OPTIONS"));
}

#[test]
fn a_batch_runs_few_queries_at_once_and_ends_with_its_client() {
    let dir = TempDir::new().unwrap();
    let narthex =
        Narthex::with_config(dir.path(), "scrape_configs: []\n", &["--web.enable-remote-write-receiver"]);
    let samples: Vec<(i64, f64)> =
        (0..3600i64).map(|i| ((BASE + i) * 1000, (i * 7919 % 3607) as f64)).collect();
    for i in 0..40 {
        let one = series(&[("__name__", "slow"), ("i", &i.to_string())], &samples);
        assert_eq!(write(&narthex.url, vec![one]).status, 204);
    }
    let slow = |id: usize| json!({"id": id.to_string(), "expr": "sum(quantile_over_time(0.9,slow[1h]))", "start": BASE, "end": BASE + 3300, "step": 0.3});
    let mut late = slow(0);
    late["timeout"] = json!("0.2");
    let late = json!({"queries": [late, {"id": "other", "expr": "1"}]});
    let answered = lines(&post_json(&narthex, BATCH, &late, &[]));
    assert_eq!(
        (&answered["0"]["errorType"], &answered["other"]["status"]),
        (&json!("timeout"), &json!("success"))
    );
    let queries: Vec<Value> = (0..12).map(slow).chain([json!({"id": "quick", "expr": "1"})]).collect();
    let body = json!({"queries": queries}).to_string();
    let mut client = TcpStream::connect(narthex.url.trim_start_matches("http://")).unwrap();
    write!(client, "POST {BATCH} HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n{body}", body.len())
        .unwrap();
    let running = || narthex.get(ACTIVE).data()["queries"].as_array().unwrap().len();
    eventually("some of the queries run", || (running() == 4).then_some(()));
    drop(client);
    eventually("none of them runs any more", || (running() == 0).then_some(()));
}

#[test]
fn stored_samples_come_at_their_own_times_with_staleness_markers() {
    let dir = TempDir::new().unwrap();
    let flags = ["--web.enable-remote-write-receiver"];
    let narthex = Narthex::with_config(dir.path(), "scrape_configs: []\n", &flags);
    let stale = f64::from_bits(0x7ff0_0000_0000_0002);
    let at = |ms: i64| BASE * 1000 + ms;
    let stored = vec![
        series(
            &[("__name__", "a"), ("i", "1")],
            &[(at(0), 1.5), (at(15_003), 1.5), (at(15_004), f64::NAN), (at(30_000), stale)],
        ),
        series(&[("__name__", "a"), ("i", "2")], &[(at(5_000), 7.0)]),
        series(&[("__name__", "b")], &[(at(90_000), f64::INFINITY)]),
    ];
    assert_eq!(write(&narthex.url, stored).status, 204);
    let ask = |query: &str| narthex.get(&format!("/api/v1/narthex/samples?{query}"));
    let (start, end) = (BASE, BASE + 60);
    let first = json!({"metric": {"__name__": "a", "i": "1"}, "values": [
        [BASE, "1.5"], [BASE as f64 + 15.003, "1.5"], [BASE as f64 + 15.004, "NaN"], [BASE + 30, null],
    ]});
    let second = json!({"metric": {"__name__": "a", "i": "2"}, "values": [[BASE + 5, "7"]]});
    let answer = ask(&format!("match[]=a&start={start}&end={end}"));
    assert_eq!(answer.data(), json!([first, second]));
    // Each series once, however many selectors select it; those without samples there are left out.
    let answer = ask(&format!("match[]=a&match[]={{i=\"1\"}}&match[]=b&start={start}&end={end}"));
    assert_eq!(answer.data(), json!([first, second]));
    let answer = ask(&format!("match[]=b&start={start}&end={}", BASE + 90));
    assert_eq!(answer.data()[0]["values"], json!([[BASE + 90, "+Inf"]]));
    let cut = ask(&format!("match[]=a&start={start}&end={end}&limit=2")).json();
    assert_eq!(cut["data"][0]["values"].as_array().unwrap().len(), 2);
    assert_eq!(
        (cut["data"].as_array().unwrap().len(), &cut["warnings"]),
        (1, &json!(["results truncated due to limit"]))
    );
    for (query, text) in [
        (format!("start={start}&end={end}"), "no match[] parameter provided"),
        (format!("match[]=rate(a[5m])&start={start}&end={end}"), "invalid parameter \"match[]\""),
        (format!("match[]=a&end={end}"), "invalid parameter \"start\""),
        (format!("match[]=a&start={end}&end={start}"), "end timestamp must not be before start time"),
        (format!("match[]=a&start={start}&end={end}&limit=-1"), "limit must be non-negative"),
    ] {
        let (kind, error) = ask(&query).error();
        assert!(kind == "bad_data" && error.contains(text), "{query}: {error}");
    }
}
