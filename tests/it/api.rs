//! The HTTP API: envelopes, parameters, encodings, life cycle.

use crate::harness::samples::{series, write};
use crate::harness::{Narthex, get, request};
use bytes::Bytes;
use http_body_util::Full;
use serde_json::json;
use std::io::Read;
use tempfile::TempDir;

const BASE: i64 = 1_700_000_000_000;

fn start(dir: &TempDir, args: &[&str]) -> Narthex {
    let args: Vec<&str> = args.iter().copied().chain(["--web.enable-remote-write-receiver"]).collect();
    let narthex = Narthex::with_config(dir.path(), "scrape_configs: []\n", &args);
    let samples = |f: fn(i64) -> f64| (0..61).map(|i| (BASE + i * 60_000, f(i))).collect::<Vec<_>>();
    let written = write(
        &narthex.url,
        vec![
            series(&[("__name__", "a_total"), ("job", "x")], &samples(|i| i as f64)),
            series(&[("__name__", "a_total"), ("job", "y")], &samples(|i| (2 * i) as f64)),
            series(&[("__name__", "b"), ("job", "x"), ("été", "1")], &samples(|i| i as f64 / 1e9)),
        ],
    );
    assert_eq!(written.status, 204, "{}", written.text());
    narthex
}

#[test]
fn instant_queries_answer_every_type_of_value() {
    let dir = TempDir::new().unwrap();
    let narthex = start(&dir, &[]);
    let at = "&time=1700003600";
    for (query, data) in [
        ("1%2B2", json!({"resultType": "scalar", "result": [1_700_003_600, "3"]})),
        ("\"text\"", json!({"resultType": "string", "result": [1_700_003_600, "text"]})),
        (
            "sum(a_total)",
            json!({"resultType": "vector", "result": [{"metric": {}, "value": [1_700_003_600, "180"]}]}),
        ),
        (
            "b",
            json!({"resultType": "vector", "result": [{"metric": {"__name__": "b", "job": "x", "été": "1"}, "value": [1_700_003_600, "6e-08"]}]}),
        ),
        (
            "b[1m]",
            json!({"resultType": "matrix", "result": [{"metric": {"__name__": "b", "job": "x", "été": "1"}, "values": [[1_700_003_600, "6e-08"]]}]}),
        ),
        ("nothing", json!({"resultType": "vector", "result": []})),
        ("1/0", json!({"resultType": "scalar", "result": [1_700_003_600, "+Inf"]})),
    ] {
        let answer = narthex.get(&format!("/api/v1/query?query={query}{at}"));
        assert_eq!((answer.status, answer.header("content-type")), (200, "application/json"), "{query}");
        assert_eq!(answer.data(), data, "{query}");
    }
    let rfc = narthex.get("/api/v1/query?query=time()&time=2023-11-14T23:13:20.5Z").data();
    assert_eq!(rfc["result"], json!([1_700_003_600.5, "1700003600.5"]));
    let short =
        narthex.get(&format!("/api/v1/query?query=a_total&lookback_delta=30s&time={}", 1_700_003_640));
    assert_eq!(short.data()["result"], json!([]));
    let cut = narthex.get(&format!("/api/v1/query?query=a_total&limit=1{at}")).json();
    assert_eq!(cut["data"]["result"].as_array().unwrap().len(), 1);
    assert_eq!(cut["warnings"], json!(["results truncated due to limit"]));
    let stats = narthex.get(&format!("/api/v1/query?query=a_total&stats=true{at}")).data();
    assert!(stats["stats"]["samples"]["totalQueryableSamples"].as_u64().unwrap() >= 2, "{stats}");
    let info = narthex.get(&format!("/api/v1/query?query=rate(b[5m]){at}")).json();
    assert!(info["infos"][0].as_str().unwrap().ends_with("\"b\" (1:6)"), "{info}");
}

#[test]
fn range_queries_take_every_form_of_step_and_time() {
    let dir = TempDir::new().unwrap();
    let narthex = start(&dir, &[]);
    let expected = json!({"resultType": "matrix", "result": [
        {"metric": {"job": "x"}, "values": [[1_700_003_000, "50"], [1_700_003_300, "55"], [1_700_003_600, "60"]]}
    ]});
    let query = "sum by (job) (a_total{job=\"x\"})";
    for (start, end, step) in [
        ("1700003000", "1700003600", "300"),
        ("1700003000.000", "2023-11-14T23:13:20Z", "5m"),
        ("2023-11-14T23:03:20Z", "1700003600", "300.0"),
    ] {
        let form = [("query", query), ("start", start), ("end", end), ("step", step)];
        assert_eq!(narthex.post("/api/v1/query_range", &form).data(), expected, "{start} {end} {step}");
    }
}

#[test]
fn errors_have_their_type_status_and_text() {
    let dir = TempDir::new().unwrap();
    let narthex = start(&dir, &[]);
    let range = "/api/v1/query_range?query=b";
    for (path, status, kind, text) in [
        (
            "/api/v1/query?query=sum(",
            400,
            "bad_data",
            "invalid parameter \"query\": 1:5: parse error: unclosed left parenthesis",
        ),
        (
            "/api/v1/query",
            400,
            "bad_data",
            "invalid parameter \"query\": unknown position: parse error: no expression found in input",
        ),
        (
            "/api/v1/query?query=b&time=x",
            400,
            "bad_data",
            "invalid parameter \"time\": invalid time value for 'time': cannot parse \"x\" to a valid timestamp",
        ),
        (
            &format!("{range}&start=2&end=1&step=1"),
            400,
            "bad_data",
            "invalid parameter \"end\": end timestamp must not be before start time",
        ),
        (
            &format!("{range}&start=1&end=2&step=0"),
            400,
            "bad_data",
            "invalid parameter \"step\": zero or negative query resolution step widths are not accepted. Try a positive integer",
        ),
        (
            &format!("{range}&start=0&end=20000&step=1"),
            400,
            "bad_data",
            "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)",
        ),
        (
            "/api/v1/query_range?query=b[5m]&start=1&end=2&step=1",
            400,
            "bad_data",
            "invalid parameter \"query\": invalid expression type \"range vector\" for range query, must be Scalar or instant Vector",
        ),
        (
            "/api/v1/query?query=label_replace(b,\"c\",\"$1\",\"d\",\"(\")&time=1700003600",
            422,
            "execution",
            "invalid regular expression in label_replace(): (",
        ),
        ("/api/v1/series", 400, "bad_data", "no match[] parameter provided"),
        ("/api/v1/read", 404, "not_found", "/api/v1/read is not served yet by narthex"),
    ] {
        let answer = narthex.get(path);
        assert_eq!((answer.status, answer.header("content-type")), (status, "application/json"), "{path}");
        assert_eq!(answer.error(), (kind.to_owned(), text.to_owned()), "{path}");
    }
}

#[test]
fn labels_and_series_are_found_by_matchers_and_time() {
    let dir = TempDir::new().unwrap();
    let narthex = start(&dir, &[]);
    for (path, data) in [
        ("/api/v1/labels", json!(["__name__", "job", "été"])),
        ("/api/v1/labels?match[]=a_total", json!(["__name__", "job"])),
        ("/api/v1/label/job/values", json!(["x", "y"])),
        ("/api/v1/label/job/values?match[]=b", json!(["x"])),
        ("/api/v1/label/__name__/values?limit=1", json!(["a_total"])),
        ("/api/v1/label/%C3%A9t%C3%A9/values", json!(["1"])),
        ("/api/v1/label/U___e9_t_e9_/values", json!(["1"])),
        ("/api/v1/series?match[]=b", json!([{"__name__": "b", "job": "x", "été": "1"}])),
        (
            "/api/v1/series?match[]=b&match[]=a_total{job=\"y\"}",
            json!([{"__name__": "a_total", "job": "y"}, {"__name__": "b", "job": "x", "été": "1"}]),
        ),
        ("/api/v1/label/job/values?start=1&end=2", json!([])),
    ] {
        assert_eq!(narthex.get(path).data(), data, "{path}");
    }
}

#[test]
fn answers_are_packed_and_shared_across_origins_as_asked() {
    let dir = TempDir::new().unwrap();
    let narthex = start(&dir, &[]);
    let ask = |name: &str, value: &str, method: &str| {
        let builder = http::Request::builder().method(method).header(name, value);
        let uri = format!("{}/api/v1/query?query=a_total[1h]&time=1700003600", narthex.url);
        request(builder.uri(uri).body(Full::<Bytes>::default()).unwrap()).unwrap()
    };
    let plain = narthex.get("/api/v1/query?query=a_total[1h]&time=1700003600");
    let packed = ask("accept-encoding", "gzip", "GET");
    assert_eq!(packed.header("content-encoding"), "gzip");
    let mut text = String::new();
    flate2::read::GzDecoder::new(&packed.body[..]).read_to_string(&mut text).unwrap();
    assert_eq!(text, plain.text());
    assert!(packed.body.len() < plain.body.len());
    let origin = ask("origin", "http://elsewhere.example", "GET");
    assert_eq!(origin.header("access-control-allow-origin"), "*");
    assert_eq!(origin.header("access-control-expose-headers"), "Date");
    assert_eq!(ask("origin", "http://elsewhere.example", "OPTIONS").status, 204);
}

#[test]
fn reload_takes_good_configurations_and_keeps_the_old_one_otherwise() {
    let dir = TempDir::new().unwrap();
    let narthex = start(&dir, &["--web.enable-lifecycle"]);
    let path = dir.path().join("prometheus.yml");
    std::fs::write(
        &path,
        "scrape_configs:\n- job_name: fresh\n  static_configs: [{targets: ['127.0.0.1:1']}]\n",
    )
    .unwrap();
    assert_eq!(narthex.post("/-/reload", &[]).status, 200);
    assert_eq!(narthex.get("/api/v1/scrape_pools").data(), json!({"scrapePools": ["fresh"]}));
    std::fs::write(&path, "scrape_configs:\n- job_nam: stale\n").unwrap();
    let refused = narthex.post("/-/reload", &[]);
    assert_eq!(refused.status, 500);
    assert!(refused.text().contains("line 2"), "{}", refused.text());
    assert_eq!(narthex.get("/api/v1/scrape_pools").data(), json!({"scrapePools": ["fresh"]}));
    assert_eq!(narthex.get("/api/v1/status/runtimeinfo").data()["reloadConfigSuccess"], false);
    std::fs::write(&path, "scrape_configs: []\n").unwrap();
    narthex.signal("HUP");
    crate::harness::eventually("SIGHUP reloads", || {
        (narthex.get("/api/v1/scrape_pools").data() == json!({"scrapePools": []})).then_some(())
    });
    assert_eq!(narthex.post("/-/quit", &[]).status, 200);
    assert!(narthex.wait());
}

#[test]
fn the_life_cycle_is_closed_unless_a_flag_opens_it() {
    let dir = TempDir::new().unwrap();
    let narthex = start(&dir, &[]);
    for path in ["/-/reload", "/-/quit"] {
        let answer = narthex.post(path, &[]);
        assert_eq!((answer.status, answer.text().trim()), (403, "Lifecycle API is not enabled."));
    }
    assert_eq!(narthex.get("/-/healthy").text(), "Prometheus Server is Healthy.\n");
    assert_eq!(narthex.get("/-/ready").text(), "Prometheus Server is Ready.\n");
}

#[test]
fn status_endpoints_say_what_grafana_reads() {
    let dir = TempDir::new().unwrap();
    let narthex = start(&dir, &[]);
    let build = narthex.get("/api/v1/status/buildinfo").data();
    assert_eq!(build["version"], "3.14.0");
    let tsdb = narthex.get("/api/v1/status/tsdb").data();
    assert_eq!(tsdb["headStats"]["numSeries"], 3);
    assert_eq!(tsdb["seriesCountByMetricName"][0], json!({"name": "a_total", "value": 2}));
    assert_eq!(narthex.get("/api/v1/status/walreplay").data()["min"], 0);
    assert!(narthex.get("/api/v1/status/runtimeinfo").data()["storageRetention"].is_string());
    let format = narthex.get("/api/v1/format_query?query=sum(a)by(b)").data();
    assert_eq!(format, "sum by (b) (a)");
    assert_eq!(narthex.get("/api/v1/parse_query?query=up").data()["type"], "vectorSelector");
    let metrics = narthex.get("/metrics");
    assert!(metrics.header("content-type").starts_with("text/plain"));
    assert!(metrics.text().contains("process_resident_memory_bytes"), "{}", metrics.text());
    let page = narthex.get("/").text();
    assert!(page.contains("narthex") && page.contains("/api/v1/query"), "{page}");
}

#[test]
fn a_route_prefix_moves_every_path() {
    let dir = TempDir::new().unwrap();
    let narthex = start_at(&dir, "--web.route-prefix=/prom");
    assert_eq!(narthex.get("/api/v1/query?query=1").status, 200);
    let bare = narthex.url.trim_end_matches("/prom");
    assert_eq!(get(&format!("{bare}/api/v1/query?query=1")).unwrap().status, 404);
}

fn start_at(dir: &TempDir, flag: &str) -> Narthex {
    Narthex::with_config(dir.path(), "scrape_configs: []\n", &[flag])
}
