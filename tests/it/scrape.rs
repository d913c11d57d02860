//! Scraping as users see it: synthetic series, staleness, limits, relabelling, discovery files.

use crate::harness::{Narthex, Page, PageServer, eventually};
use tempfile::TempDir;

fn config(server: &PageServer, more: &str) -> String {
    format!(
        "global:\n  scrape_interval: 1s\n  scrape_timeout: 1s\n  external_labels:\n    site: test\nscrape_configs:\n- job_name: page\n{more}  static_configs:\n  - targets: ['{}']\n    labels:\n      team: blue\n",
        server.address
    )
}

#[test]
fn a_scrape_brings_its_series_its_labels_and_its_figures() {
    let server =
        PageServer::start(Page::text("# TYPE a gauge\n# HELP a Help of a.\na{job=\"own\"} 1.5\nb 2\n"));
    let dir = TempDir::new().unwrap();
    let more = "  params:\n    x: [y]\n  basic_auth:\n    username: u\n    password: p\n";
    let narthex = Narthex::with_config(dir.path(), &config(&server, more), &[]);
    let a = eventually("the sample is there", || narthex.query("a").get(0).cloned());
    let labels = serde_json::json!({
        "__name__": "a", "exported_job": "own", "instance": server.address, "job": "page", "team": "blue"
    });
    assert_eq!(a["metric"], labels);
    for (series, value) in [
        ("up", "1"),
        ("scrape_samples_scraped", "2"),
        ("scrape_samples_post_metric_relabeling", "2"),
        ("count(scrape_duration_seconds)", "1"),
        ("max_over_time(scrape_series_added[1m])", "2"),
    ] {
        eventually(series, || narthex.value(series).filter(|found| found == value));
    }
    let head = server.last_head();
    assert!(head.starts_with("GET /metrics?x=y HTTP/1.1\r\n"), "{head}");
    let lower = head.to_lowercase();
    for wanted in [
        "authorization: basic dtpw",
        "accept-encoding: gzip",
        "x-prometheus-scrape-timeout-seconds: 1",
        "accept: application/openmetrics-text",
    ] {
        assert!(lower.contains(wanted), "{wanted} in {head}");
    }
    let metadata = narthex.get("/api/v1/metadata?metric=a").data();
    let expected = serde_json::json!({"a": [{"type": "gauge", "help": "Help of a.", "unit": ""}]});
    assert_eq!(metadata, expected);
}

#[test]
fn what_vanishes_ends_at_once() {
    let server = PageServer::start(Page::text("stays 1\nleaves 1\n"));
    let dir = TempDir::new().unwrap();
    let narthex = Narthex::with_config(dir.path(), &config(&server, ""), &[]);
    eventually("both series are there", || narthex.value("leaves"));
    server.set(Page::text("stays 1\n"));
    eventually("the series that vanished has no value", || {
        (narthex.query("leaves").as_array().unwrap().is_empty()).then_some(())
    });
    eventually("the other one stays", || narthex.value("stays"));
    server.set(Page { status: "500 Internal Server Error", ..Page::text("stays 1\n") });
    eventually("a failing target ends its series", || {
        (narthex.query("stays").as_array().unwrap().is_empty()).then_some(())
    });
    assert_eq!(narthex.value("up").as_deref(), Some("0"));
    eventually("the error tells the status", || {
        let targets = narthex.get("/api/v1/targets").data();
        let wanted = "server returned HTTP status 500 Internal Server Error";
        (targets["activeTargets"][0]["lastError"] == wanted).then_some(())
    });
}

#[test]
fn limits_reject_the_whole_scrape_and_say_so() {
    let server = PageServer::start(Page::text("a 1\nb 1\nc{long_label_name=\"v\"} 1\n"));
    for (limit, message) in [
        ("sample_limit: 2", "sample limit exceeded"),
        ("label_limit: 4", "label_limit exceeded"),
        ("label_name_length_limit: 12", "label_name_length_limit exceeded"),
        ("label_value_length_limit: 8", "label_value_length_limit exceeded"),
        ("target_limit: 1", ""),
    ] {
        let dir = TempDir::new().unwrap();
        let narthex = Narthex::with_config(dir.path(), &config(&server, &format!("  {limit}\n")), &[]);
        let up = if message.is_empty() { "1" } else { "0" };
        eventually("the target was scraped", || narthex.value("up").filter(|value| value == up));
        if !message.is_empty() {
            eventually(message, || {
                let targets = narthex.get("/api/v1/targets").data();
                targets["activeTargets"][0]["lastError"].as_str().filter(|e| e.contains(message)).map(drop)
            });
            assert_eq!(narthex.query("a").as_array().unwrap().len(), 0);
        }
    }
}

#[test]
fn relabelling_shapes_targets_and_samples() {
    let server = PageServer::start(Page::text("keep_me{a=\"1\"} 1\ndrop_me 2\n"));
    let more = "  relabel_configs:\n  - source_labels: [__address__]\n    regex: '(.*):\\d+'\n    target_label: host\n    replacement: 'h-$1'\n  metric_relabel_configs:\n  - source_labels: [__name__]\n    regex: drop_.*\n    action: drop\n  - regex: team\n    action: labeldrop\n";
    let dir = TempDir::new().unwrap();
    let narthex = Narthex::with_config(dir.path(), &config(&server, more), &[]);
    let kept = eventually("the sample is there", || narthex.query("keep_me").get(0).cloned());
    assert_eq!((&kept["metric"]["host"], &kept["metric"]["team"]), (&"h-127.0.0.1".into(), &().into()));
    assert_eq!(narthex.query("drop_me").as_array().unwrap().len(), 0);
    eventually("scrape_samples_scraped", || narthex.value("scrape_samples_scraped").filter(|v| v == "2"));
    eventually("scrape_samples_post_metric_relabeling", || {
        narthex.value("scrape_samples_post_metric_relabeling").filter(|v| v == "1")
    });
}

#[test]
fn a_discovery_file_is_followed_without_a_reload() {
    let (first, second) = (PageServer::start(Page::text("x 1\n")), PageServer::start(Page::text("x 2\n")));
    let dir = TempDir::new().unwrap();
    let targets =
        |address: &str| format!("[{{\"targets\": [\"{address}\"], \"labels\": {{\"zone\": \"z\"}}}}]");
    let file = dir.path().join("targets.json");
    std::fs::write(&file, targets(&first.address)).unwrap();
    let config = format!(
        "global:\n  scrape_interval: 1s\n  scrape_timeout: 1s\nscrape_configs:\n- job_name: files\n  file_sd_configs:\n  - files: ['{}']\n",
        file.display()
    );
    let narthex = Narthex::with_config(dir.path(), &config, &[]);
    eventually("the first target is scraped", || narthex.value("x{zone=\"z\"}").filter(|v| v == "1"));
    // As an editor does it: a new file in place of the old one.
    let fresh = dir.path().join("targets.new");
    std::fs::write(&fresh, targets(&second.address)).unwrap();
    std::fs::rename(&fresh, &file).unwrap();
    eventually("the second target takes over", || narthex.value("x").filter(|v| v == "2"));
    // Rubbish keeps what was.
    std::fs::write(&file, "[{").unwrap();
    let scraped = second.requests();
    eventually("more scrapes come", || (second.requests() > scraped + 2).then_some(()));
    eventually("the last good targets stay", || narthex.value("x").filter(|v| v == "2"));
}

#[test]
fn openmetrics_and_text_are_told_apart_by_content_type() {
    let server = PageServer::start(Page {
        content_type: "application/openmetrics-text; version=1.0.0; charset=utf-8",
        ..Page::text("# TYPE a counter\na_total 1 # {trace=\"t\"} 1\n# EOF\n")
    });
    let dir = TempDir::new().unwrap();
    let narthex = Narthex::with_config(dir.path(), &config(&server, ""), &[]);
    eventually("the counter is there", || narthex.value("a_total"));
    server.set(Page { content_type: "application/openmetrics-text; version=1.0.0", ..Page::text("a 1\n") });
    eventually("a page without end is refused", || {
        let targets = narthex.get("/api/v1/targets").data();
        targets["activeTargets"][0]["lastError"].as_str().filter(|e| e.contains("EOF")).map(drop)
    });
    server.set(Page { content_type: "text/html", ..Page::text("a 1\n") });
    eventually("another type is refused by name", || {
        let targets = narthex.get("/api/v1/targets").data();
        let error = targets["activeTargets"][0]["lastError"].as_str().unwrap().to_owned();
        error.contains("text/html").then_some(())
    });
}

#[test]
fn samples_that_contradict_others_are_counted_and_the_scrape_goes_on() {
    let server = PageServer::start(Page::text("a 1\na 2\nb 1\n"));
    let dir = TempDir::new().unwrap();
    let narthex = Narthex::with_config(dir.path(), &config(&server, ""), &[]);
    eventually("the duplicate is counted", || {
        let page = narthex.get("/metrics").text();
        let name = "prometheus_target_scrapes_sample_duplicate_timestamp_total ";
        let count: f64 = page.lines().find_map(|line| line.strip_prefix(name))?.parse().unwrap();
        (count >= 1.0).then_some(())
    });
    for (series, value) in [("a", "1"), ("b", "1"), ("up", "1")] {
        assert_eq!(eventually(series, || narthex.value(series)), value);
    }
}
