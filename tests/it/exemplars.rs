//! Exemplars, from a page of OpenMetrics to `query_exemplars`: over kills, restarts and reloads, and beside Debian's
//! Prometheus.

use crate::harness::{Answer, Body, Narthex, Page, PageServer, Peer, eventually, get, post_form, program};
use serde_json::{Value, json};
use std::time::SystemTime;
use tempfile::TempDir;

const FEATURE: &str = "--enable-feature=exemplar-storage";

fn openmetrics(lines: &str) -> Page {
    let body = Body::Bytes(format!("{lines}\n# EOF\n").into_bytes());
    Page { content_type: "application/openmetrics-text; version=1.0.0; charset=utf-8", ..Page::of(body) }
}

fn config(target: &PageServer, more: &str) -> String {
    format!(
        "scrape_configs:\n- job_name: traced\n  scrape_interval: 100ms\n  scrape_timeout: 100ms\n  static_configs:\n  - targets: ['{}']\n{more}",
        target.address
    )
}

fn ask(url: &str, query: &str) -> Answer {
    post_form(&format!("{url}/api/v1/query_exemplars"), &[("query", query)]).unwrap()
}

fn traces(url: &str, query: &str) -> Vec<String> {
    let data = ask(url, query).data();
    let series = data.as_array().unwrap().iter();
    let all = series.flat_map(|one| one["exemplars"].as_array().unwrap());
    all.map(|one| one["labels"]["trace_id"].as_str().unwrap().to_owned()).collect()
}

fn buckets(traces: [&str; 3]) -> String {
    let line = |(le, trace): (&str, &str)| {
        if trace.is_empty() {
            return format!("seconds_bucket{{le=\"{le}\"}} 7");
        }
        format!(
            "seconds_bucket{{le=\"{le}\"}} 7 # {{trace_id=\"{trace}\"}} 0.5 {}.25",
            1_700_000_000 + trace.len()
        )
    };
    let lines: Vec<String> = ["0.5", "1", "+Inf"].into_iter().zip(traces).map(line).collect();
    format!("# TYPE seconds histogram\n{}\nseconds_count 7\nseconds_sum 3", lines.join("\n"))
}

#[test]
fn exemplars_outlive_kills_and_restarts_and_a_reload_changes_how_many_there_are() {
    let page = PageServer::start(openmetrics(&buckets(["a", "bb", "ccc"])));
    let dir = TempDir::new().unwrap();
    let narthex = Narthex::with_config(dir.path(), &config(&page, ""), &[FEATURE]);
    let query = "histogram_quantile(0.9, rate(seconds_bucket[5m]))";
    eventually("the exemplars are there", || (traces(&narthex.url, query).len() == 3).then_some(()));
    let data = ask(&narthex.url, query).data();
    // In label order.
    assert_eq!(
        data[0],
        json!({
            "seriesLabels": {"__name__": "seconds_bucket", "instance": page.address, "job": "traced", "le": "+Inf"},
            "exemplars": [{"labels": {"trace_id": "ccc"}, "value": "0.5", "timestamp": 1_700_000_003.25}],
        })
    );
    // The time is that of the exemplars.
    let within = |start: &str, end: &str| {
        let query = format!("query=seconds_bucket&start={start}&end={end}");
        get(&format!("{}/api/v1/query_exemplars?{query}", narthex.url))
            .unwrap()
            .data()
            .as_array()
            .unwrap()
            .len()
    };
    assert_eq!((within("1700000001.25", "1700000002.25"), within("1700000004", "1700000009")), (2, 0));
    narthex.kill();
    for _ in 0..2 {
        let narthex = Narthex::with_config(dir.path(), "scrape_configs: []\n", &[FEATURE]);
        assert_eq!(ask(&narthex.url, query).data(), data);
        narthex.signal("TERM");
        assert!(narthex.wait());
    }
    page.set(openmetrics(&buckets(["", "bb", "ccc"])));
    let narthex = Narthex::with_config(
        dir.path(),
        &config(&page, "storage:\n  exemplars:\n    max_exemplars: 2\n"),
        &[FEATURE, "--web.enable-lifecycle"],
    );
    assert_eq!(traces(&narthex.url, query), ["ccc", "bb"]);
    page.set(openmetrics(&buckets(["dddd", "bb", "ccc"])));
    eventually("a new one takes the place of the oldest", || {
        (traces(&narthex.url, query) == ["ccc", "dddd"]).then_some(())
    });
    let metrics = narthex.get("/metrics").text();
    for line in ["exemplars_in_storage 2", "series_with_exemplars_in_storage 2", "max_exemplars 2"] {
        assert!(metrics.contains(&format!("\nprometheus_tsdb_exemplar_{line}\n")), "{line}");
    }
    let features = narthex.get("/api/v1/features").data();
    assert_eq!(features["tsdb"]["exemplar_storage"], true);
    std::fs::write(
        dir.path().join("prometheus.yml"),
        config(&page, "storage:\n  exemplars:\n    max_exemplars: -1\n"),
    )
    .unwrap();
    assert_eq!(narthex.post("/-/reload", &[]).status, 200);
    assert_eq!(ask(&narthex.url, query).data(), json!([]));
    std::fs::write(dir.path().join("prometheus.yml"), config(&page, "")).unwrap();
    assert_eq!(narthex.post("/-/reload", &[]).status, 200);
    // What the page shows is taken although nothing of it has changed.
    eventually("all are there", || (traces(&narthex.url, query) == ["ccc", "dddd", "bb"]).then_some(()));
}

#[test]
fn exemplars_are_kept_only_when_the_feature_is_on() {
    let page = PageServer::start(openmetrics(&buckets(["a", "bb", "ccc"])));
    let dir = TempDir::new().unwrap();
    let narthex = Narthex::with_config(dir.path(), &config(&page, ""), &[]);
    eventually("the page is read", || narthex.value("seconds_count"));
    assert_eq!(ask(&narthex.url, "seconds_bucket").data(), json!([]));
    assert!(narthex.get("/metrics").text().contains("\nprometheus_tsdb_exemplar_max_exemplars 0\n"));
}

/// Pages that come one after the other; each has a number of its own.
fn pages() -> Vec<String> {
    let long = "x".repeat(121);
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs().to_string();
    let pages = [
        // Counters and buckets (2.42 refuses exemplars of others), labels without escapes (Prometheus shows those as
        // they are written), values of every size, labels of every kind, with times and without.
        "a_total 1 # {trace_id=\"1\"} 0.5 1700000000.125\n\
         a_total{x=\"1\"} 1 # {} 1e22 1700000000\n\
         b_total 1 # {trace_id=\"{µ}\",span_id=\"s\"} 1e-7 1700000001.5\n\
         c_bucket{le=\"1\"} 1 # {trace_id=\"c\"} -0.25\n\
         c_bucket{le=\"+Inf\"} 1 # {trace_id=\"d\"} NaN 1700000000\n\
         e_total 1 NOW # {trace_id=\"e\"} +Inf\n\
         f_total 1",
        // The values change, the exemplars do not.
        "a_total 2 # {trace_id=\"1\"} 0.5 1700000000.125\n\
         a_total{x=\"1\"} 2 # {} 1e22 1700000000\n\
         b_total 2 # {trace_id=\"{µ}\",span_id=\"s\"} 1e-7 1700000001.5\n\
         c_bucket{le=\"1\"} 2 # {trace_id=\"c\"} -0.25\n\
         c_bucket{le=\"+Inf\"} 2\n\
         f_total 2 # {trace_id=\"first\"} 3 1700000005",
        // New ones, one that is older, and one whose labels are too long.
        "a_total 3 # {trace_id=\"2\"} 0.5 1700000009\n\
         a_total{x=\"1\"} 3 # {} 1 1699999999\n\
         b_total 2 # {trace_id=\"LONG\"} 1 1700000010\n\
         c_bucket{le=\"1\"} 3 # {trace_id=\"c\"} -0.5\n\
         c_bucket{le=\"+Inf\"} 3 # {trace_id=\"d\",empty=\"\"} 2 1700000002\n\
         f_total 2",
        // The same one again, behind another.
        "a_total 4 # {trace_id=\"1\"} 0.5 1700000000.125\n\
         b_total 2 # {trace_id=\"b\"} 1 1700000010\n\
         c_bucket{le=\"1\"} 4 # {trace_id=\"c\"} -0.25\n\
         f_total 3 # {trace_id=\"first\"} 3 1700000005",
    ];
    let numbered = |(at, page): (usize, &str)| {
        format!("{}\npage {at}", page.replace("LONG", &long).replace("NOW", &now))
    };
    pages.into_iter().enumerate().map(numbered).collect()
}

/// An answer in which times of scrapes, which differ, are told as `scraped`.
fn comparable(answer: &Answer) -> Value {
    if answer.status == 204 {
        return json!(answer.text());
    }
    let mut json = answer.json();
    for series in json["data"].as_array_mut().into_iter().flatten() {
        for exemplar in series["exemplars"].as_array_mut().unwrap() {
            if exemplar["timestamp"].as_f64().unwrap() > 1_700_000_100.0 {
                exemplar["timestamp"] = json!("scraped");
            }
        }
    }
    json
}

#[test]
fn answers_are_those_of_prometheus_for_the_same_pages() {
    let Some(prometheus) = program("prometheus") else { return };
    let pages = pages();
    let target = PageServer::start(openmetrics(&pages[0]));
    let dir = TempDir::new().unwrap();
    let config = config(&target, "");
    let narthex = Narthex::with_config(dir.path(), &config, &[FEATURE]);
    let data = TempDir::new().unwrap();
    let peer = Peer::prometheus_on(&prometheus, data.path(), &config, &[FEATURE]);
    let shows = |url: &str, number: usize| {
        let answer = post_form(&format!("{url}/api/v1/query"), &[("query", "page")]).ok()?.data();
        (answer["result"][0]["value"][1] == number.to_string().as_str()).then_some(())
    };
    let queries = [
        "a_total",
        "{__name__=~\".+\"}",
        "rate(a_total[5m]) / on(x) sum by(x) (c_bucket{le=\"1\"}) or b_total offset 1h",
        "nothing",
        "max_over_time(e_total[1h:1m])",
        "1 + time()",
    ];
    let mut exemplars = 0;
    for (number, page) in pages.iter().enumerate() {
        target.set(openmetrics(page));
        for url in [&narthex.url, &peer.url] {
            eventually("the page is read", || shows(url, number));
        }
        for query in queries {
            let (ours, theirs) = (ask(&narthex.url, query), ask(&peer.url, query));
            assert_eq!(comparable(&ours), comparable(&theirs), "page {number}, {query}");
            assert_eq!(ours.status, theirs.status, "page {number}, {query}");
            exemplars += comparable(&theirs)["data"].as_array().map_or(0, Vec::len);
        }
    }
    assert!(exemplars > 40, "{exemplars}");
    for parameters in [
        "query=a_total&start=1700000000.125&end=1700000000.125",
        "query=a_total&end=1700000000",
        "query=a_total&start=1700000009.001",
        "query=test&start=1717200000000&end=1717200000000",
        "query=a_total&start=2&end=1",
    ] {
        let ask = |url: &str| get(&format!("{url}/api/v1/query_exemplars?{parameters}")).unwrap();
        let (ours, theirs) = (ask(&narthex.url), ask(&peer.url));
        assert_eq!((ours.status, comparable(&ours)), (theirs.status, comparable(&theirs)), "{parameters}");
    }
    let (ours, theirs) = (ask(&narthex.url, "sum("), ask(&peer.url, "sum("));
    assert_eq!((ours.status, ours.error()), (theirs.status, theirs.error()));
}
