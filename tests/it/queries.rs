//! Queries under way: listed, ended, queued, logged, counted, and cut off with their client.

use crate::harness::samples::{series, write};
use crate::harness::{Narthex, eventually, get, post_form, request};
use bytes::Bytes;
use http_body_util::{Empty, Full};
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tempfile::TempDir;

const BASE: i64 = 1_700_000_000;
/// Sorts a window of an hour at every one of 11,000 steps of every series: minutes, in little memory.
const SLOW: &str = "sum(quantile_over_time(0.9,slow[1h]))";
const ACTIVE: &str = "/api/v1/narthex/queries/active";

/// A server with series that [`SLOW`] takes its time for.
fn start(dir: &Path, args: &[&str]) -> Narthex {
    let args: Vec<&str> = args.iter().copied().chain(["--web.enable-remote-write-receiver"]).collect();
    let narthex = Narthex::with_config(dir, "scrape_configs: []\n", &args);
    let samples: Vec<(i64, f64)> =
        (0..3600i64).map(|i| ((BASE + i) * 1000, (i * 7919 % 3607) as f64)).collect();
    for chunk in 0..8 {
        let some = (0..10).map(|i| format!("{}", chunk * 10 + i)).collect::<Vec<_>>();
        let some = some.iter().map(|i| series(&[("__name__", "slow"), ("i", i)], &samples)).collect();
        assert_eq!(write(&narthex.url, some).status, 204);
    }
    narthex
}

fn slow_path() -> String {
    format!("/api/v1/query_range?query={SLOW}&start={BASE}&end={}&step=0.3", BASE + 3300)
}

/// Asks for the slow query from a thread of its own.
fn ask_slowly(narthex: &Narthex, more: &str) -> JoinHandle<(u16, Value)> {
    let url = format!("{}{}{more}", narthex.url, slow_path());
    std::thread::spawn(move || {
        let answer = get(&url).unwrap();
        (answer.status, answer.json())
    })
}

fn active(narthex: &Narthex) -> Vec<Value> {
    narthex.get(ACTIVE).data()["queries"].as_array().unwrap().clone()
}

/// Waits until queries in these states, and no others, are under way.
fn wait_for(narthex: &Narthex, states: &[&str]) -> Vec<Value> {
    eventually(&format!("queries are {states:?}"), || {
        let queries = active(narthex);
        let found: Vec<&str> = queries.iter().map(|query| query["state"].as_str().unwrap()).collect();
        (found == states).then(|| queries.clone())
    })
}

fn delete(narthex: &Narthex, id: &str, headers: &[(&str, &str)]) -> crate::harness::client::Answer {
    let mut builder = http::Request::delete(format!("{}{ACTIVE}/{id}", narthex.url));
    for (name, value) in headers {
        builder = builder.header(*name, *value);
    }
    request(builder.body(Full::default()).unwrap()).unwrap()
}

#[test]
fn a_running_query_is_listed_and_ended_at_once() {
    let dir = TempDir::new().unwrap();
    let narthex = start(dir.path(), &["--web.enable-admin-api"]);
    let asked = ask_slowly(&narthex, "");
    let listed = wait_for(&narthex, &["running"]).remove(0);
    assert_eq!((listed["query"].as_str(), listed["kind"].as_str()), (Some(SLOW), Some("range")));
    assert_eq!((&listed["client"], &listed["step"]), (&json!("127.0.0.1"), &json!(0.3)));
    assert_eq!(listed["start"], json!(BASE as f64));
    eventually("it gets older", || (active(&narthex)[0]["age"].as_f64().unwrap() > 0.2).then_some(()));
    let id = listed["id"].as_str().unwrap();
    let begun = Instant::now();
    assert_eq!(delete(&narthex, id, &[]).data(), json!({"id": id}));
    let (status, answer) = asked.join().unwrap();
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    assert_eq!(status, 499);
    assert_eq!(answer["errorType"], "canceled");
    assert_eq!(answer["error"], "query was canceled in expression evaluation");
    wait_for(&narthex, &[]);
    assert_eq!(delete(&narthex, id, &[]).status, 404);
    assert_eq!(narthex.query("1")[1], "1");
}

#[test]
fn only_administrators_of_the_same_origin_end_queries() {
    let dir = TempDir::new().unwrap();
    let narthex = Narthex::with_config(dir.path(), "scrape_configs: []\n", &[]);
    assert_eq!(
        delete(&narthex, "1", &[]).error(),
        ("unavailable".to_owned(), "admin APIs disabled".to_owned())
    );
    for headers in [[("origin", "http://evil.example")], [("sec-fetch-site", "cross-site")]] {
        assert_eq!(delete(&narthex, "1", &headers).status, 403, "{headers:?}");
    }
    let own = narthex.url.clone();
    assert_eq!(delete(&narthex, "1", &[("origin", &own)]).status, 500);
    let answer = narthex.get(&format!("{ACTIVE}/1"));
    assert_eq!((answer.status, answer.header("allow")), (405, "DELETE, OPTIONS"));
    let answer = post_form(&format!("{}{ACTIVE}", narthex.url), &[]).unwrap();
    assert_eq!((answer.status, answer.header("allow")), (405, "GET, OPTIONS"));
}

#[test]
fn queries_wait_in_a_queue_and_leave_it_in_every_way() {
    let dir = TempDir::new().unwrap();
    let args = ["--web.enable-admin-api", "--query.max-concurrency=1", "--query.max-queue=2"];
    let narthex = start(dir.path(), &args);
    let running = ask_slowly(&narthex, "");
    let first = wait_for(&narthex, &["running"]).remove(0);
    let late = narthex.get("/api/v1/query?query=1&timeout=0.2");
    assert_eq!(late.status, 503);
    assert_eq!(late.error(), ("timeout".to_owned(), "query timed out in query queue".to_owned()));
    // One that is ended, one whose client goes away.
    let ended = ask_slowly(&narthex, "");
    let listed = wait_for(&narthex, &["running", "queued"]);
    let mut gone = TcpStream::connect(narthex.url.trim_start_matches("http://")).unwrap();
    write!(gone, "GET /api/v1/query?query=2 HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    wait_for(&narthex, &["running", "queued", "queued"]);
    let full = narthex.get("/api/v1/query?query=3");
    assert_eq!(full.status, 503);
    assert!(full.error().1.starts_with("query queue is full: 2 queries wait"), "{}", full.text());
    drop(gone);
    wait_for(&narthex, &["running", "queued"]);
    delete(&narthex, listed[1]["id"].as_str().unwrap(), &[]);
    let (status, answer) = ended.join().unwrap();
    assert_eq!((status, &answer["error"]), (499, &json!("query was canceled in query queue")));
    // The next in line runs when its turn comes.
    let url = format!("{}/api/v1/query?query=4", narthex.url);
    let next = std::thread::spawn(move || get(&url).unwrap().status);
    wait_for(&narthex, &["running", "queued"]);
    delete(&narthex, first["id"].as_str().unwrap(), &[]);
    assert_eq!((running.join().unwrap().0, next.join().unwrap()), (499, 200));
    wait_for(&narthex, &[]);
}

#[test]
fn a_query_over_its_time_fails_and_leaves() {
    let dir = TempDir::new().unwrap();
    let narthex = start(dir.path(), &["--query.timeout=500ms"]);
    let (status, answer) = ask_slowly(&narthex, "&timeout=1h").join().unwrap();
    assert_eq!((status, &answer["errorType"]), (503, &json!("timeout")));
    assert_eq!(answer["error"], "query timed out in expression evaluation");
    wait_for(&narthex, &[]);
}

#[test]
fn a_closed_connection_ends_its_query() {
    let dir = TempDir::new().unwrap();
    let narthex = start(dir.path(), &[]);
    let mut stream = TcpStream::connect(narthex.url.trim_start_matches("http://")).unwrap();
    // A connection that was used before and kept.
    write!(stream, "GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    let mut answer = [0; 512];
    assert!(stream.read(&mut answer).unwrap() > 0);
    write!(stream, "GET {} HTTP/1.1\r\nHost: x\r\n\r\n", slow_path()).unwrap();
    wait_for(&narthex, &["running"]);
    drop(stream);
    wait_for(&narthex, &[]);
}

#[test]
fn a_reset_stream_ends_its_query_and_leaves_the_connection() {
    use hyper_util::rt::{TokioExecutor, TokioIo};
    let dir = TempDir::new().unwrap();
    let narthex = start(dir.path(), &[]);
    let address = narthex.url.trim_start_matches("http://").to_owned();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (mut sender, url) = (
        runtime.block_on(async {
            let stream = tokio::net::TcpStream::connect(&address).await.unwrap();
            let io = TokioIo::new(stream);
            let (sender, connection) =
                hyper::client::conn::http2::handshake(TokioExecutor::new(), io).await.unwrap();
            tokio::spawn(connection);
            sender
        }),
        narthex.url.clone(),
    );
    let ask = |path: &str| http::Request::get(format!("{url}{path}")).body(Empty::<Bytes>::new()).unwrap();
    let pending = runtime.spawn(sender.send_request(ask(&slow_path())));
    wait_for(&narthex, &["running"]);
    pending.abort();
    wait_for(&narthex, &[]);
    let answer = runtime.block_on(sender.send_request(ask("/api/v1/query?query=1"))).unwrap();
    assert_eq!(answer.status(), 200);
}

#[test]
fn a_server_that_stops_does_not_wait_for_slow_queries() {
    let dir = TempDir::new().unwrap();
    let narthex = start(dir.path(), &[]);
    let url = format!("{}{}", narthex.url, slow_path());
    let asked = std::thread::spawn(move || get(&url).is_ok_and(|answer| answer.status == 200));
    wait_for(&narthex, &["running"]);
    narthex.signal("TERM");
    assert!(narthex.wait());
    assert!(!asked.join().unwrap());
}

#[test]
fn the_costliest_shapes_of_the_day_are_kept() {
    let dir = TempDir::new().unwrap();
    let narthex = Narthex::with_config(dir.path(), "scrape_configs: []\n", &[]);
    for query in
        ["up{job=\"a\"}[5m]", "up{job=\"b\"}[10m]", "1 + 2", "sum(", "vector(1) + on() group_left vector(2)"]
    {
        narthex.post("/api/v1/query", &[("query", query)]);
    }
    let top = |query: &str| narthex.get(&format!("/api/v1/narthex/queries/top{query}")).json();
    let all = top("");
    let rows = all["data"]["queries"].as_array().unwrap();
    let of = |shape: &str| rows.iter().find(|row| row["query"] == shape).cloned().unwrap_or_default();
    assert_eq!((&of("up{job=?}[?]")["calls"], &of("? + ?")["calls"]), (&json!(2), &json!(1)), "{all}");
    assert!(of("up{job=?}[?]")["p99"].as_f64().unwrap() > 0.0);
    assert!(!rows.iter().any(|row| row["query"].as_str().unwrap().starts_with("sum(")), "{all}");
    let one = top("?sort=memory&limit=1");
    assert_eq!(one["data"]["queries"].as_array().unwrap().len(), 1);
    assert_eq!(one["warnings"], json!(["results truncated due to limit"]));
    assert_eq!(narthex.get("/api/v1/narthex/queries/top?sort=x").status, 400);
}

fn log_lines(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn the_query_log_follows_the_configuration() {
    let dir = TempDir::new().unwrap();
    let (config, log) = (dir.path().join("prometheus.yml"), dir.path().join("query.log"));
    let set = |global: &str| std::fs::write(&config, format!("{global}scrape_configs: []\n")).unwrap();
    let on = "global:\n  query_log_file: query.log\n";
    let narthex = Narthex::with_config(
        dir.path(),
        &format!("{on}scrape_configs: []\n"),
        &["--web.enable-lifecycle", "--web.route-prefix=/p"],
    );
    let enabled = |narthex: &Narthex| {
        let page = narthex.get("/metrics").text();
        page.lines().any(|line| line == "prometheus_engine_query_log_enabled 1")
    };
    assert!(enabled(&narthex));
    narthex.get("/api/v1/query?query=up&time=1000");
    narthex.get("/api/v1/query_range?query=vector(1)&start=1000&end=2000.5&step=10");
    // Two series of one name less: the same labels twice.
    narthex.get("/api/v1/query?query=label_replace(vector(1),\"x\",\"\",\"(\",\"(\")");
    narthex.get("/api/v1/query?query=sum(");
    let lines = log_lines(&log);
    assert_eq!(lines.len(), 3, "{lines:?}");
    let instant = json!({"query": "up", "start": "1970-01-01T00:16:40.000Z", "end": "1970-01-01T00:16:40.000Z", "step": 0});
    assert_eq!(lines[0]["params"], instant);
    let range = json!({"query": "vector(1)", "start": "1970-01-01T00:16:40.000Z", "end": "1970-01-01T00:33:20.500Z", "step": 10});
    assert_eq!(lines[1]["params"], range);
    assert_eq!(
        lines[1]["httpRequest"],
        json!({"clientIP": "127.0.0.1", "method": "GET", "path": "/p/api/v1/query_range"})
    );
    assert!(lines[1]["stats"]["timings"]["evalTotalTime"].as_f64().unwrap() > 0.0);
    assert!(lines[1]["stats"]["samples"]["totalQueryableSamples"].is_u64() && lines[1]["error"].is_null());
    assert!(lines[2]["error"].as_str().unwrap().contains("label_replace"), "{}", lines[2]);
    // A file that was moved away is opened anew.
    let moved = dir.path().join("query.log.1");
    std::fs::rename(&log, &moved).unwrap();
    narthex.signal("HUP");
    eventually("the log is there again", || log.exists().then_some(()));
    narthex.get("/api/v1/query?query=2");
    assert_eq!((log_lines(&log).len(), log_lines(&moved).len()), (1, 3));
    assert!(narthex.get("/api/v1/status/config").text().contains("query_log_file"));
    // Off, and a file that cannot be had.
    set("");
    assert_eq!(narthex.post("/-/reload", &[]).status, 200);
    narthex.get("/api/v1/query?query=3");
    assert_eq!(log_lines(&log).len(), 1);
    assert!(!enabled(&narthex));
    set("global:\n  query_log_file: nowhere/query.log\n");
    let failed = narthex.post("/-/reload", &[]);
    assert_eq!(failed.status, 500);
    assert!(failed.text().contains("can't create json log file"), "{}", failed.text());
}

#[test]
fn a_start_after_a_crash_names_the_queries_that_ran() {
    let dir = TempDir::new().unwrap();
    let narthex = start(dir.path(), &[]);
    let asked = {
        let url = format!("{}{}", narthex.url, slow_path());
        std::thread::spawn(move || get(&url).is_err())
    };
    wait_for(&narthex, &["running"]);
    narthex.kill();
    assert!(asked.join().unwrap());
    let narthex = Narthex::with_config(dir.path(), "scrape_configs: []\n", &[]);
    let line = eventually("the query is named", || {
        let log = narthex.log();
        log.lines().find(|line| line.contains("didn't finish")).map(str::to_owned)
    });
    assert!(line.contains("quantile_over_time") && line.contains("timestamp_sec"), "{line}");
    drop(narthex);
    let narthex = Narthex::with_config(dir.path(), "scrape_configs: []\n", &[]);
    assert!(!narthex.log().contains("didn't finish"), "{}", narthex.log());
}

#[test]
fn large_answers_come_in_pieces_and_read_the_same_packed() {
    let dir = TempDir::new().unwrap();
    let narthex = start(dir.path(), &[]);
    let path = format!("/api/v1/query_range?query=slow&start={BASE}&end={}&step=1", BASE + 3599);
    let plain = narthex.get(&path);
    assert_eq!(plain.header("transfer-encoding"), "chunked");
    assert!(plain.body.len() > 1 << 20, "{}", plain.body.len());
    let result = plain.data()["result"].clone();
    assert_eq!(result.as_array().unwrap().len(), 80);
    assert_eq!(result[79]["values"].as_array().unwrap().len(), 3600);
    for (encoding, unpack) in [
        (
            "gzip",
            (|body| {
                let mut out = Vec::new();
                flate2::read::GzDecoder::new(body).read_to_end(&mut out).map(|_| out)
            }) as fn(&[u8]) -> std::io::Result<Vec<u8>>,
        ),
        ("deflate", |body| {
            let mut out = Vec::new();
            flate2::read::ZlibDecoder::new(body).read_to_end(&mut out).map(|_| out)
        }),
    ] {
        let builder =
            http::Request::get(format!("{}{path}", narthex.url)).header("accept-encoding", encoding);
        let packed = request(builder.body(Full::default()).unwrap()).unwrap();
        assert_eq!(packed.header("content-encoding"), encoding);
        assert!(packed.body.len() < plain.body.len() / 2, "{}", packed.body.len());
        assert_eq!(unpack(&packed.body).unwrap(), plain.body);
    }
    wait_for(&narthex, &[]);
}

#[test]
fn a_client_that_stops_reading_can_be_seen_and_ended() {
    let dir = TempDir::new().unwrap();
    let narthex = start(dir.path(), &["--web.enable-admin-api", "--query.max-concurrency=1"]);
    let mut stream = TcpStream::connect(narthex.url.trim_start_matches("http://")).unwrap();
    let path = format!("/api/v1/query_range?query=slow&start={BASE}&end={}&step=0.33", BASE + 3599);
    write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    let stuck = wait_for(&narthex, &["sending"]);
    let held = |narthex: &Narthex| narthex.get(ACTIVE).data()["memory"]["used"].as_u64().unwrap();
    assert!(held(&narthex) > 5 << 20, "what is not sent yet counts");
    // Its slot is free all the while.
    assert_eq!(narthex.query("1")[1], "1");
    delete(&narthex, stuck[0]["id"].as_str().unwrap(), &[]);
    let mut rest = Vec::new();
    let _ = stream.read_to_end(&mut rest);
    assert!(!rest.ends_with(b"0\r\n\r\n"), "the answer does not look whole");
    wait_for(&narthex, &[]);
    assert_eq!(held(&narthex), 0);
}

#[test]
fn limits_and_switches_are_what_the_flags_say() {
    let dir = TempDir::new().unwrap();
    let list = "--enable-feature=promql-experimental-functions,promql-binop-fill-modifiers,promql-nonsense";
    let narthex = Narthex::with_config(
        dir.path(),
        "scrape_configs: []\n",
        &[list, "--query.max-resolution=100", "--query.max-total-memory=64MB", "--query.max-concurrency=3"],
    );
    let features = narthex.get("/api/v1/features").data();
    for (category, name, on) in [
        ("promql_functions", "info", true),
        ("promql_operators", "limitk", true),
        ("promql", "fill_left", true),
        ("promql", "anchored", false),
        ("promql", "duration_expr", true),
        ("api", "admin", false),
    ] {
        if category == "promql_functions" && features[category][name].is_null() {
            continue;
        }
        assert_eq!(features[category][name], on, "{name}: {features}");
    }
    assert!(narthex.log().contains("Unknown option for --enable-feature: promql-nonsense"));
    let fine = narthex.get("/api/v1/query_range?query=1&start=0&end=101&step=1");
    assert!(fine.error().1.starts_with("exceeded maximum resolution of 100 points per timeseries."));
    let memory = narthex.get(ACTIVE).data();
    assert_eq!((&memory["memory"]["limit"], &memory["maxConcurrency"]), (&json!(64 << 20), &json!(3)));
    narthex.query("1");
    let page = narthex.get("/metrics").text();
    for start in [
        "prometheus_engine_queries 0",
        "prometheus_engine_queries_concurrent_max 3",
        "prometheus_engine_query_duration_seconds{slice=\"inner_eval\",quantile=\"0.9\"} ",
        "prometheus_engine_query_duration_seconds_count{slice=\"inner_eval\"} ",
        "prometheus_engine_query_samples_total ",
    ] {
        assert!(page.lines().any(|line| line.starts_with(start)), "{start}");
    }
}

#[test]
fn a_plan_is_a_tree_with_the_cost_of_every_node() {
    let dir = TempDir::new().unwrap();
    let narthex = start(dir.path(), &[]);
    let at = BASE + 3599;
    let plan = narthex.get(&format!("/api/v1/narthex/explain?query=sum(rate(slow[10m]))&time={at}")).data();
    assert_eq!((&plan["span"], &plan["series"]), (&json!([0, 20]), &json!(1)), "{plan}");
    assert!(plan["samples"].as_u64().unwrap() >= 80 * 600, "{plan}");
    assert!(plan["seconds"].as_f64().unwrap() > 0.0 && plan["bytes"].is_u64(), "{plan}");
    let child = &plan["children"][0];
    assert_eq!((&child["span"], &child["series"]), (&json!([4, 19]), &json!(80)), "{plan}");
    let range = format!("/api/v1/narthex/explain?query=slow%2B1&start={BASE}&end={at}&step=60");
    assert_eq!(narthex.get(&range).data()["series"], 80);
    assert_eq!(narthex.get("/api/v1/narthex/explain?query=sum(").error().0, "bad_data");
}

#[test]
fn statistics_count_the_samples_of_each_step_where_that_is_switched_on() {
    let dir = TempDir::new().unwrap();
    let narthex = start(dir.path(), &["--enable-feature=promql-per-step-stats"]);
    let (first, last) = (BASE + 100, BASE + 120);
    let path =
        format!("/api/v1/query_range?query=rate(slow{{i=\"1\"}}[30s])&start={first}&end={last}&step=10");
    let samples = narthex.get(&format!("{path}&stats=all")).data()["stats"]["samples"].clone();
    assert_eq!(samples["totalQueryableSamplesPerStep"], json!([[first, 30], [first + 10, 30], [last, 30]]));
    assert_eq!(samples["samplesReadPerStep"], json!([[first, 30], [first + 10, 10], [last, 10]]));
    assert_eq!(samples["totalQueryableSamples"], 90);
    let plain = narthex.get(&format!("{path}&stats=true")).data();
    assert!(plain["stats"]["samples"]["totalQueryableSamplesPerStep"].is_null(), "{plain}");
    let instant = narthex.get(&format!("/api/v1/query?query=slow&time={last}&stats=all")).data();
    assert_eq!(instant["stats"]["samples"]["totalQueryableSamplesPerStep"], json!([[last, 80]]));
}

#[test]
fn a_query_over_a_memory_budget_says_what_it_wanted_while_others_go_on() {
    let dir = TempDir::new().unwrap();
    let narthex = start(dir.path(), &["--query.max-memory=4MB", "--query.max-total-memory=64MB"]);
    let path = format!("/api/v1/query_range?query=slow&start={BASE}&end={}&step=1", BASE + 3599);
    let answer = narthex.get(&path);
    assert_eq!((answer.status, answer.error().0.as_str()), (422, "execution"), "{}", answer.text());
    let text = answer.error().1;
    assert!(
        text.starts_with("query would hold ") && text.contains("more than its budget of 4194304"),
        "{text}"
    );
    assert!(text.ends_with("or raise --query.max-memory"), "{text}");
    assert_eq!(narthex.value(&format!("count(slow @ {})", BASE + 100)).as_deref(), Some("80"));
    drop(narthex);
    let narthex = Narthex::start(&dir.path().join("data"), &["--query.max-total-memory=2MB"]);
    let answer = narthex.get(&path);
    let text = answer.error().1;
    assert_eq!(answer.status, 422, "{text}");
    assert!(
        text.starts_with("query wants ") && text.ends_with("or raise --query.max-total-memory"),
        "{text}"
    );
    assert_eq!(narthex.value(&format!("count(slow @ {})", BASE + 100)).as_deref(), Some("80"));
    let memory = narthex.get(ACTIVE).data();
    assert_eq!(memory["memory"], json!({"used": 0, "limit": 2 << 20}));
}

#[test]
fn scraped_series_are_labelled_with_type_and_unit_where_that_is_switched_on() {
    use crate::harness::{Page, PageServer};
    let page = PageServer::start(Page::text("# TYPE a_total counter\na_total 1\n# TYPE b gauge\nb 2\n"));
    let dir = TempDir::new().unwrap();
    let config = format!(
        "global:\n  scrape_interval: 1s\nscrape_configs:\n- job_name: x\n  static_configs:\n  - targets: ['{}']\n",
        page.address
    );
    let narthex = Narthex::with_config(dir.path(), &config, &["--enable-feature=type-and-unit-labels"]);
    eventually("the page is scraped", || narthex.value("{__type__=\"counter\"}"));
    assert_eq!(narthex.query("{__type__=\"gauge\",job=\"x\"}")[0]["metric"]["__name__"], "b");
}
