//! Discovery as users see it: targets that a server lists, servers that fail, lists that flap.

use crate::harness::{Narthex, Page, PageServer, eventually};
use std::fmt::Write;
use tempfile::TempDir;

fn list(body: impl Into<Vec<u8>>) -> Page {
    Page { content_type: "application/json", ..Page::text(body) }
}

fn one(address: &str) -> Page {
    list(format!("[{{\"targets\": [\"{address}\"], \"labels\": {{\"zone\": \"z\"}}}}]"))
}

/// A sample of the server's own metrics.
fn own(narthex: &Narthex, sample: &str) -> Option<f64> {
    let page = narthex.get("/metrics").text();
    page.lines().find_map(|line| line.strip_prefix(sample)?.trim().parse().ok())
}

#[test]
fn targets_of_a_server_change_while_it_runs_and_errors_keep_the_last_ones() {
    let (first, second) = (PageServer::start(Page::text("x 1\n")), PageServer::start(Page::text("x 2\n")));
    let lists = PageServer::start(one(&first.address));
    let dir = TempDir::new().unwrap();
    let config = format!(
        "global: {{scrape_interval: 1s, scrape_timeout: 1s}}\nscrape_configs:\n- job_name: listed\n  \
         http_sd_configs:\n  - url: 'http://{}/targets'\n    refresh_interval: 1s\n    basic_auth: {{username: u, password: p}}\n  \
         relabel_configs:\n  - {{source_labels: [__meta_url], target_label: from}}\n",
        lists.address
    );
    let narthex = Narthex::with_config(dir.path(), &config, &[]);
    let series = format!("x{{zone=\"z\", from=\"http://{}/targets\"}}", lists.address);
    eventually("the first target is scraped", || narthex.value(&series).filter(|value| value == "1"));
    let head = lists.last_head().to_lowercase();
    for wanted in [
        "accept: application/json",
        "x-prometheus-refresh-interval-seconds: 1\r\n",
        "authorization: basic dtpw",
    ] {
        assert!(head.contains(wanted), "{wanted} in {head}");
    }
    lists.set(one(&second.address));
    eventually("the second target takes over", || narthex.value("x").filter(|value| value == "2"));

    lists.set(Page { status: "503 Service Unavailable", ..list("") });
    for failures in [
        "prometheus_sd_http_failures_total ",
        "prometheus_sd_refresh_failures_total{mechanism=\"http\",config=\"listed\"} ",
    ] {
        eventually(failures, || own(&narthex, failures).filter(|count| *count >= 2.0));
    }
    let scraped = second.requests();
    eventually("the last targets are still scraped", || (second.requests() > scraped + 2).then_some(()));
    assert!(
        narthex.log().contains("server returned HTTP status 503 Service Unavailable"),
        "{}",
        narthex.log()
    );
    let shown = narthex.get("/api/v1/status/config").data()["yaml"].as_str().unwrap().to_owned();
    assert!(shown.contains("refresh_interval: 1s") && shown.contains("<secret>"), "{shown}");

    lists.set(list("[]"));
    eventually("an empty list ends the last target", || {
        narthex.query("x").as_array().unwrap().is_empty().then_some(())
    });
}

#[test]
fn a_long_list_that_flaps_leaves_other_jobs_alone() {
    let mut long = String::from("[");
    for i in 0..10_000 {
        let comma = if i == 0 { "" } else { "," };
        write!(long, "{comma}{{\"targets\": [\"127.0.0.1:1\"], \"labels\": {{\"n\": \"{i}\"}}}}").unwrap();
    }
    long.push(']');
    let (lists, steady) = (PageServer::start(list("[]")), PageServer::start(Page::text("x 1\n")));
    let dir = TempDir::new().unwrap();
    let config = format!(
        "scrape_configs:\n- job_name: flapping\n  scrape_interval: 1h\n  http_sd_configs:\n  - url: 'http://{}/'\n    \
         refresh_interval: 1s\n- job_name: steady\n  scrape_interval: 1s\n  scrape_timeout: 1s\n  \
         static_configs: [{{targets: ['{}']}}]\n",
        lists.address, steady.address
    );
    let narthex = Narthex::with_config(dir.path(), &config, &[]);
    eventually("the steady job is scraped", || narthex.value("x"));
    let found = "prometheus_sd_discovered_targets{name=\"scrape\",config=\"flapping\"} ";
    for _ in 0..2 {
        for (page, count) in [(list(long.clone()), 10_000.0), (list("[]"), 0.0)] {
            lists.set(page);
            let scraped = steady.requests();
            eventually("the list has arrived", || own(&narthex, found).filter(|targets| *targets == count));
            eventually("the API tells that the steady job is up", || {
                let targets = narthex.get("/api/v1/targets?state=active&scrapePool=steady").data();
                (targets["activeTargets"][0]["health"] == "up").then_some(())
            });
            eventually("the steady job goes on", || (steady.requests() > scraped + 1).then_some(()));
        }
    }
}

#[test]
fn a_mechanism_that_is_not_served_is_refused_at_its_line() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("bad.yml");
    std::fs::write(&path, "scrape_configs:\n- job_name: a\n  nerve_sd_configs: [{servers: [x]}]\n").unwrap();
    let flag = format!("--config.file={}", path.display());
    let log = Narthex::try_start(&dir.path().join("data"), &[&flag]).err().unwrap();
    assert!(log.contains("nerve_sd_configs: this kind of service discovery is not served (line 3)"), "{log}");
}
