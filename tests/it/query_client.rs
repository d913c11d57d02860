//! `narthex query` against the real server, and against Debian's Prometheus.

use crate::harness::process::{Said, file, say};
use crate::harness::samples::{series, write};
use crate::harness::{Body, Narthex, Page, PageServer, Peer, program};
use serde_json::Value;
use tempfile::TempDir;

/// The time of the newest sample, s.
const END: i64 = 1_700_000_000;

/// Two series with a sample each minute for ten minutes: one counts, one stands still.
fn load(url: &str) {
    let samples = |value: fn(i64) -> f64| -> Vec<(i64, f64)> {
        (0..=10).map(|i| ((END - 60 * (10 - i)) * 1000, value(i))).collect()
    };
    let answer = write(
        url,
        vec![
            series(&[("__name__", "jobs"), ("job", "a"), ("note", "x,\"y\"")], &samples(|i| i as f64)),
            series(&[("__name__", "jobs"), ("job", "b")], &samples(|_| 2.5)),
        ],
    );
    assert!(answer.status < 300, "{}", answer.text());
}

fn narthex(dir: &TempDir) -> Narthex {
    let flags = ["--web.enable-remote-write-receiver", "--storage.tsdb.retention.time=100y"];
    let narthex = Narthex::with_config(dir.path(), "scrape_configs: []\n", &flags);
    load(&narthex.url);
    narthex
}

fn good(args: &[&str]) -> String {
    let Said { code, out, err } = say(args, "");
    assert_eq!(code, 0, "{args:?}: {out}{err}");
    out
}

/// Every question in every format, against any server that has the samples.
fn asks(url: &str) {
    let time = format!("--time={END}");
    let table = good(&["query", "instant", &time, url, "jobs"]);
    let lines: Vec<&str> = table.lines().collect();
    assert!(lines[0].starts_with("METRIC  job  note"), "{table}");
    assert!(lines[1].starts_with("jobs    a    x,\"y\"     10  2023-11-14T22:13:20Z"), "{table}");
    assert!(lines[2].starts_with("jobs    b             2.5"), "{table}");

    let csv = good(&["query", "instant", "-o", "csv", &time, url, "jobs{job=\"a\"}"]);
    assert_eq!(csv, "time,value,__name__,job,note\r\n2023-11-14T22:13:20Z,10,jobs,a,\"x,\"\"y\"\"\"\r\n");
    let json: Value =
        serde_json::from_str(&good(&["query", "instant", "-o", "json", &time, url, "jobs"])).unwrap();
    assert_eq!(json["resultType"], "vector");
    assert_eq!(json["result"][1]["value"][1], "2.5");
    let bars = good(&["query", "instant", "-o", "graph", &time, url, "jobs"]);
    assert!(bars.lines().next().unwrap().contains("10  ████"), "{bars}");

    let range: Vec<String> =
        vec![format!("--start={}", END - 600), format!("--end={END}"), "--step=1m".to_owned()];
    let range: Vec<&str> = range.iter().map(String::as_str).collect();
    let of = |format: &'static str, expr: &'static str| {
        good(&[&["query", "range", "-o", format][..], &range, &[url, expr]].concat())
    };
    let table = of("table", "sum(jobs)");
    assert_eq!(table.lines().count(), 13, "{table}");
    assert!(table.contains("2023-11-14T22:03:20Z    2.5") && table.contains("22:13:20Z   12.5"), "{table}");
    let csv = of("csv", "jobs");
    assert_eq!(csv.matches("\r\n").count(), 23, "{csv}");
    let json: Value = serde_json::from_str(&of("json", "jobs")).unwrap();
    assert_eq!(json["result"][0]["values"].as_array().unwrap().len(), 11);
    let graph = of("graph", "jobs");
    for part in
        ["10 ┤", " 0 ┤", "22:05", "2023-11-14 22:03:20 to 22:13:20 UTC", "jobs{job=\"b\"}", "last", "2.5"]
    {
        assert!(graph.contains(part), "{part}: {graph}");
    }
    assert!(!graph.contains('\u{1b}'), "{graph}");

    let bounds = [range[0], range[1]];
    let of = |format: &'static str, more: &[&'static str]| {
        good(&[&["query", "series", "-o", format][..], &bounds, more, &[url]].concat())
    };
    assert!(of("table", &["--match=jobs"]).contains("jobs    b"));
    assert!(of("csv", &["--match", "jobs{job=\"b\"}"]).ends_with("jobs,b\r\n"));
    let json: Value = serde_json::from_str(&of("json", &["--match=jobs"])).unwrap();
    assert_eq!(json.as_array().unwrap().len(), 2);

    let of = |more: &[&'static str]| {
        good(
            &[&["query", "labels"][..], &bounds, &more[..more.len() - 1], &[url], &more[more.len() - 1..]]
                .concat(),
        )
    };
    assert_eq!(of(&["job"]), "a\nb\n");
    assert_eq!(of(&["--match=jobs{job=\"b\"}", "job"]), "b\n");
    assert_eq!(of(&["-o", "csv", "job"]), "job\r\na\r\nb\r\n");
    assert_eq!(of(&["-o", "json", "job"]), "[\"a\",\"b\"]\n");
    let names = good(&[&["query", "labels", "--match=jobs"][..], &bounds, &[url]].concat());
    assert_eq!(names, "__name__\njob\nnote\n");

    let scalar = good(&["query", "instant", &time, url, "--", "-1"]);
    assert!(scalar.contains("   -1  2023-11-14T22:13:20Z"), "{scalar}");
    assert_eq!(good(&["query", "instant", &time, url, "nothing"]), "(no series)\n");
    // Longer than a URL may be.
    let long = format!("jobs{{job=\"b\"}}{}", " + 0".repeat(2000));
    assert!(good(&["query", "instant", &time, url, &long]).contains("2.5"));

    let wrong = say(&["query", "instant", url, "sum(jobs"], "");
    assert_eq!(wrong.code, 1);
    assert!(
        wrong.out.is_empty() && wrong.err.contains("bad_data") && wrong.err.contains("\n  sum(jobs\n"),
        "{}",
        wrong.err
    );
}

#[test]
fn every_question_is_answered_in_every_format() {
    let dir = TempDir::new().unwrap();
    let narthex = narthex(&dir);
    asks(&narthex.url);
    // Without a scheme, and with a slash at the end.
    asks(&format!("{}/", narthex.url.trim_start_matches("http://")));
}

#[test]
fn debians_prometheus_is_asked_in_the_same_way() {
    let Some(prometheus) = program("prometheus") else { return };
    let peer = Peer::prometheus(&prometheus, "scrape_configs: []\n");
    load(&peer.url);
    asks(&peer.url);
}

#[test]
fn remarks_of_the_server_go_to_standard_error() {
    let page = Page {
        content_type: "application/json",
        ..Page::text(
            r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{"a":"\u001b[2J"},"histogram":[0,{"count":"3","sum":"6","buckets":[[0,"1","2","1"],[0,"2","4","2"]]}]}]},"warnings":["w1"],"infos":["i1"]}"#,
        )
    };
    let server = PageServer::start(page);
    let said = say(&["query", "instant", &server.address, "x"], "");
    assert_eq!((said.code, said.err.as_str()), (0, "warning: w1\ninfo: i1\n"));
    assert!(said.out.contains("count 3, sum 6, avg 2") && said.out.contains("(2,4]  2  ███"), "{}", said.out);
    assert!(!said.out.contains('\u{1b}'), "{}", said.out);
    let csv = say(&["query", "instant", "--format=csv", &server.address, "x"], "");
    assert!(csv.out.contains("\"{count:3, sum:6, (1,2]:1, (2,4]:2}\""), "{}", csv.out);
}

#[test]
fn credentials_and_headers_come_from_a_file() {
    let page =
        Page { content_type: "application/json", ..Page::text(r#"{"status":"success","data":["v"]}"#) };
    let server = PageServer::start(page);
    let dir = TempDir::new().unwrap();
    file(dir.path(), "password", "secret\n");
    let config = file(
        dir.path(),
        "client.yml",
        "basic_auth: {username: me, password_file: password}\nhttp_headers: {X-Team: {values: [blue]}}\n",
    );
    let flag = format!("--http.config.file={}", config.display());
    let said = say(&["query", "labels", &flag, "--header=X-Scope-OrgID: 7", &server.address, "job"], "");
    assert_eq!((said.code, said.out.as_str()), (0, "v\n"), "{}", said.err);
    let head = server.last_head().to_lowercase();
    for part in [
        "get /api/v1/label/job/values ",
        "authorization: basic bwu6c2vjcmv0",
        "x-team: blue",
        "x-scope-orgid: 7",
    ] {
        assert!(head.contains(part), "{part}: {head}");
    }
    let bad = file(dir.path(), "bad.yml", "basic_auht: {}\n");
    let flag = format!("--http.config.file={}", bad.display());
    let said = say(&["query", "labels", &flag, &server.address, "job"], "");
    assert!(said.code == 1 && said.err.contains("basic_auht") && said.err.contains("line 1"), "{}", said.err);
}

#[test]
fn failures_say_what_to_do() {
    let json = |status: &'static str, body: &'static str| Page { status, ..Page::text(body) };
    let server = PageServer::start(json("401 Unauthorized", "no"));
    let ask = |more: &[&str]| {
        let said = say(&[&["query", "instant"][..], more, &[&server.address, "up"]].concat(), "");
        assert_eq!(said.code, 1, "{}{}", said.out, said.err);
        said.err
    };
    assert!(ask(&[]).contains("--http.config.file"));
    server.set(json("404 Not Found", "<html>nothing\u{1b}</html>"));
    let text = ask(&[]);
    assert!(text.contains("404") && text.contains("add the path") && !text.contains('\u{1b}'), "{text}");
    server.set(json("200 OK", "{\"status\":\"success\",\"data\":5}"));
    assert!(ask(&[]).contains("no JSON of a Prometheus API"));
    server.set(Page::of(Body::Repeat("x", 4 << 20)));
    assert!(ask(&["--max-size=1MiB"]).contains("raise --max-size"));
    server.set(Page::of(Body::Silence));
    assert!(ask(&["--timeout=200ms"]).contains("raise --timeout"));
    let said = say(&["query", "instant", "127.0.0.1:1", "up"], "");
    assert!(
        said.code == 1
            && said.err.contains("connection refused")
            && said.err.contains("check that the server runs")
    );
    for (args, want) in [
        (&["query", "instant", "ftp://x", "up"][..], "http://HOST:PORT"),
        (&["query", "instant", "h", "up", "--format=xml"], "table, csv, json or graph"),
        (&["query", "range", "h", "up", "--start=soon"], "RFC 3339"),
        (&["query", "series", "h"], "--match"),
        (&["query", "instant", "--tmie=1", "h", "up"], "--time"),
        (&["query", "instant", "--tmie=1", "h", "up"], "narthex query instant --help"),
    ] {
        let said = say(args, "");
        let wanted =
            said.err.contains(want) || want == "RFC 3339" && said.err.contains("2026-01-31T12:00:00Z");
        assert!(said.code != 0 && wanted, "{args:?}: {}", said.err);
    }
}

#[test]
fn help_teaches_by_examples() {
    for args in [&["query", "--help"][..], &["query", "range", "--help"], &["promql", "lint", "--help"]] {
        let said = say(args, "");
        assert!(said.code == 0 && said.out.contains("Examples:"), "{}", said.out);
    }
    assert!(say(&["--help"], "").out.contains("narthex query"));
}
