//! Bad input gets its clear error, and the server goes on within its memory.

use crate::harness::samples::{series, write};
use crate::harness::{Body, Narthex, Page, PageServer, eventually};
use serde_json::Value;
use std::time::{Duration, Instant, SystemTime};
use tempfile::TempDir;

/// More than the largest page that is taken, plus what a test's scrapes need; kB.
const MEMORY_MAX_KB: u64 = 600 << 10;

fn target(narthex: &Narthex, job: &str) -> Option<Value> {
    let data = narthex.get("/api/v1/targets").data();
    data["activeTargets"].as_array().unwrap().iter().find(|t| t["labels"]["job"] == job).cloned()
}

/// Waits until the last error of a job's target contains this; a busy machine may bring a timeout first.
fn fails_with(narthex: &Narthex, job: &str, part: &str) -> String {
    eventually(&format!("{job} fails with {part:?}"), || {
        let target = target(narthex, job).filter(|t| t["health"] == "down")?;
        target["lastError"].as_str().filter(|error| error.contains(part)).map(str::to_owned)
    })
}

/// Waits until a query has this value.
fn becomes(narthex: &Narthex, query: &str, value: &str) {
    eventually(query, || narthex.value(query).filter(|found| found == value));
}

fn config(jobs: &[(&str, &PageServer, &str)]) -> String {
    let mut config = "global:\n  scrape_interval: 1s\n  scrape_timeout: 1s\nscrape_configs:\n".to_owned();
    for (job, server, more) in jobs {
        config +=
            &format!("- job_name: {job}\n{more}  static_configs:\n  - targets: ['{}']\n", server.address);
    }
    config
}

#[test]
fn a_malformed_page_is_refused_as_a_whole_with_line_and_column() {
    let bad = PageServer::start(Page::text("good 1\nbad{x=\"y\" 2\n"));
    let dir = TempDir::new().unwrap();
    let narthex = Narthex::with_config(dir.path(), &config(&[("bad", &bad, "")]), &[]);
    fails_with(&narthex, "bad", "line 2, column ");
    assert_eq!(narthex.value("up{job=\"bad\"}").as_deref(), Some("0"));
    assert_eq!(narthex.query("good").as_array().unwrap().len(), 0);
    bad.set(Page::text("good 1\n"));
    eventually("the target comes back", || narthex.value("good"));
}

#[test]
fn a_page_of_a_gigabyte_is_refused_within_bounded_memory() {
    let huge = PageServer::start(Page::of(Body::Repeat("some_metric_of_a_huge_page 1\n", 1 << 30)));
    let fine = PageServer::start(Page::text("fine 1\n"));
    let dir = TempDir::new().unwrap();
    let jobs = [("huge", &huge, "  scrape_interval: 20s\n  scrape_timeout: 20s\n"), ("fine", &fine, "")];
    let limited = ("limited", &huge, "  body_size_limit: 1MB\n");
    let narthex = Narthex::with_config(dir.path(), &config(&[jobs[0], jobs[1], limited]), &[]);
    fails_with(&narthex, "limited", "body size limit exceeded");
    fails_with(&narthex, "huge", "body size limit exceeded");
    becomes(&narthex, "fine", "1");
    let peak = narthex.memory_kb("VmHWM");
    assert!(peak < MEMORY_MAX_KB, "{peak} kB");
}

#[test]
fn a_target_that_never_answers_times_out_alone() {
    let silent = PageServer::start(Page::of(Body::Silence));
    let fine = PageServer::start(Page::text("fine 1\n"));
    let dir = TempDir::new().unwrap();
    let narthex =
        Narthex::with_config(dir.path(), &config(&[("silent", &silent, ""), ("fine", &fine, "")]), &[]);
    fails_with(&narthex, "silent", "context deadline exceeded");
    assert_eq!(narthex.value("up{job=\"silent\"}").as_deref(), Some("0"));
    becomes(&narthex, "up{job=\"fine\"}", "1");
}

#[test]
fn a_label_value_of_a_megabyte_is_kept_or_refused_by_its_limit() {
    let page = format!("wide{{v=\"{}\"}} 1\n", "x".repeat(1 << 20));
    let wide = PageServer::start(Page::text(page));
    let dir = TempDir::new().unwrap();
    let limit = "  label_value_length_limit: 1000\n";
    let narthex =
        Narthex::with_config(dir.path(), &config(&[("free", &wide, ""), ("limited", &wide, limit)]), &[]);
    let error = fails_with(&narthex, "limited", "label_value_length_limit");
    assert!(error.len() < 10_000, "the error does not repeat the value: {} bytes", error.len());
    let answer = eventually("the series is there", || {
        let result = narthex.query("wide{job=\"free\"}");
        result[0]["metric"]["v"].as_str().map(str::len)
    });
    assert_eq!(answer, 1 << 20);
}

#[test]
fn unreasonable_queries_fail_at_once_and_leave_the_server_alive() {
    let dir = TempDir::new().unwrap();
    let narthex = Narthex::with_config(dir.path(), "scrape_configs: []\n", &[]);
    let ask = |query: &str| narthex.post("/api/v1/query", &[("query", query)]);
    let nested = format!("{}1{}", "(".repeat(10_000), ")".repeat(10_000));
    let answer = ask(&nested);
    assert_eq!(answer.status, 400);
    assert!(answer.error().1.contains("parse error"), "{}", answer.text());
    let megabyte = format!("1{}", "+1".repeat(1 << 19));
    let answer = ask(&megabyte);
    assert_eq!(answer.status, 400);
    assert!(answer.error().1.contains("parse error"), "{}", answer.text());
    let long = format!("up{{a=\"{}\"}}", "x".repeat(1 << 20));
    assert_eq!(ask(&long).status, 200);
    let functions = format!("{}up{}", "abs(".repeat(10_000), ")".repeat(10_000));
    assert_eq!(ask(&functions).status, 400);
    let alternatives = format!("up=~\"{}\"", "((((a{0,100}){0,100}){0,100}){0,100})");
    let braces = ask(&format!("{{__name__=~\"{}\"}}", &alternatives[5..alternatives.len() - 1]));
    assert_eq!(braces.status, 400, "{}", braces.text());
    assert_eq!(ask("1 + 1").data()["result"][1], "2");
}

#[test]
fn a_query_of_a_billion_samples_fails_with_the_limit() {
    let page: String = (0..2000).map(|i| format!("many{{i=\"{i}\"}} {i}\n")).collect();
    let server = PageServer::start(Page::text(page));
    let dir = TempDir::new().unwrap();
    let narthex = Narthex::with_config(dir.path(), &config(&[("many", &server, "")]), &[]);
    becomes(&narthex, "count(many)", "2000");
    // 2000 series, most of 600000 steps each: 1e9 samples. Summed they pass through series by series.
    let summed = narthex.post("/api/v1/query", &[("query", "sum(max_over_time(many[10m:1ms] offset -4m))")]);
    assert_eq!(summed.data()["result"][0]["value"][1], "1999000", "{}", summed.text());
    // As an answer they would be held.
    let answer = narthex.post("/api/v1/query", &[("query", "many[10m:1ms] offset -4m")]);
    assert_eq!(answer.status, 422, "{} bytes", answer.body.len());
    let expected = "query processing would load too many samples into memory in query execution";
    assert_eq!(answer.error(), ("execution".to_owned(), expected.to_owned()));
    let scalars = narthex.post("/api/v1/query", &[("query", "count_over_time(vector(1)[30d:1ms])")]);
    assert_eq!(scalars.error().1, expected);
    becomes(&narthex, "count(many)", "2000");
    let peak = narthex.memory_kb("VmHWM");
    assert!(peak < 2 << 20, "{peak} kB");
}

#[test]
fn a_regex_with_huge_repeats_is_refused_within_milliseconds() {
    let dir = TempDir::new().unwrap();
    let narthex = Narthex::with_config(dir.path(), "scrape_configs: []\n", &[]);
    for regex in [
        "((a{0,1000}){0,1000}){0,1000}",
        "(((((x{100}){100}){100}){100}){100})",
        "(?:(?:a{1000}|b{1000}){1000}|c){1000}",
        "[\\\\p{L}]{1000}{1000}",
        "a{1001}",
    ] {
        let query = format!("up{{job=~\"{regex}\"}}");
        let begin = Instant::now();
        let answer = narthex.post("/api/v1/query", &[("query", &query)]);
        let took = begin.elapsed();
        assert_eq!(answer.status, 400, "{regex}: {}", answer.text());
        // Generous, for a busy machine and a build without optimisation.
        assert!(took < Duration::from_millis(250), "{regex}: {took:?}");
    }
}

#[test]
fn nesting_is_bounded_and_what_is_accepted_is_evaluated() {
    let dir = TempDir::new().unwrap();
    let narthex = Narthex::with_config(dir.path(), "scrape_configs: []\n", &[]);
    let mut accepted = 0;
    for depth in [10, 50, 100, 200, 400, 800, 1600, 3200, 100_000] {
        for (open, close) in [
            ("(", ")"),
            ("-", ""),
            ("abs(", ")"),
            ("sum(", ")"),
            ("1+(", ")"),
            ("max_over_time((", ")[5m:1m])"),
        ] {
            let query = format!("{}vector(1){}", open.repeat(depth), close.repeat(depth));
            let answer = narthex.post("/api/v1/query", &[("query", &query)]);
            let answered = [200, 400, 422].contains(&answer.status);
            assert!(answered, "{open} {depth} times: {} {:.300}", answer.status, answer.text());
            accepted += usize::from(answer.status == 200);
        }
    }
    assert!(accepted >= 12, "{accepted}");
    assert_eq!(narthex.get("/-/healthy").status, 200);
}

#[test]
fn a_product_of_all_with_all_stops_at_its_budget_and_others_go_on() {
    const SERIES: usize = 50_000;
    let dir = TempDir::new().unwrap();
    let flags = ["--web.enable-remote-write-receiver", "--query.max-memory=200MB"];
    let narthex = Narthex::with_config(dir.path(), "scrape_configs: []\n", &flags);
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_millis() as i64;
    for name in ["many", "one"] {
        let all: Vec<_> = (0..SERIES)
            .map(|i| series(&[("__name__", name), ("i", &i.to_string())], &[(now, i as f64)]))
            .collect();
        for part in all.chunks(5000) {
            assert_eq!(write(&narthex.url, part.to_vec()).status, 204);
        }
    }
    let before = narthex.memory_kb("VmRSS");
    // Every series of one side could find every series of the other, each with a label set of its own.
    let product = "many * on () group_left (i) one";
    let begin = Instant::now();
    let answer = narthex.post("/api/v1/query", &[("query", product)]);
    assert_eq!(answer.status, 422, "{:.300}", answer.text());
    let (kind, text) = answer.error();
    assert_eq!(kind, "execution");
    assert!(text.contains("more than its budget of"), "{text}");
    assert!(begin.elapsed() < Duration::from_secs(20), "{:?}", begin.elapsed());
    let grown = narthex.memory_kb("VmHWM").saturating_sub(before);
    assert!(grown < 400 << 10, "{grown} kB on top of {before} kB");
    assert_eq!(narthex.value("count(many)"), Some(SERIES.to_string()));
}

#[test]
fn any_bytes_of_a_request_get_an_answer() {
    use std::io::{Read, Write};
    let dir = TempDir::new().unwrap();
    let narthex = Narthex::with_config(dir.path(), "scrape_configs: []\n", &[]);
    let address = narthex.url.trim_start_matches("http://");
    let huge = format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "a".repeat(2 << 20));
    let lies = "POST /api/v1/query HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Type: application/x-www-form-urlencoded\r\n\r\n%ff%0";
    for bytes in [huge.as_bytes(), b"\x00\xff\x01\r\n\r\n", lies.as_bytes(), b"GET / HTTP/9.9\r\n\r\n"] {
        let mut stream = std::net::TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        // The server may close before it has read everything.
        let _ = stream.write_all(bytes);
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let _ = stream.read_to_end(&mut Vec::new());
    }
    for path in ["/api/v1/label/%ff/values", "/api/v1/query?query=%ff", "/api/v1/series?match[]=", "/%00"] {
        assert!((400..500).contains(&narthex.get(path).status), "{path}");
    }
    assert_eq!(narthex.get("/-/healthy").status, 200);
}
