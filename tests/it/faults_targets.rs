//! Discovery that fails: what is known is scraped, the rest goes on, and metrics, log and API tell of it.

use crate::harness::{Narthex, Page, PageServer, eventually, free_address};
use serde_json::Value;
use std::fmt::Write;
use std::path::Path;
use tempfile::TempDir;

/// A sample of the server's own metrics.
fn own(narthex: &Narthex, sample: &str) -> Option<f64> {
    let page = narthex.get("/metrics").text();
    page.lines().find_map(|line| line.strip_prefix(sample)?.strip_prefix(' ')?.parse().ok())
}

fn active(narthex: &Narthex, job: &str) -> Vec<Value> {
    let data = narthex.get(&format!("/api/v1/targets?state=active&scrapePool={job}")).data();
    data["activeTargets"].as_array().unwrap().clone()
}

/// Waits until a page was asked for a few times more.
fn goes_on(what: &str, page: &PageServer) {
    let before = page.requests();
    eventually(what, || (page.requests() > before + 2).then_some(()));
}

#[cfg(feature = "kubernetes")]
#[test]
fn an_api_server_that_is_gone_leaves_its_targets_scraped_and_its_changes_are_taken_up_later() {
    use crate::kubernetes::api::Api;
    use crate::kubernetes::cluster::{NODES, node};
    let (api, page, other) =
        (Api::plain(), PageServer::start(Page::text("x 1\n")), PageServer::start(Page::text("y 1\n")));
    for (name, ip) in [("n1", "10.0.0.1"), ("n2", "10.0.0.2")] {
        api.put(node(name, ip));
    }
    // Every node has its page at one address.
    let config = format!(
        "global: {{scrape_interval: 1s, scrape_timeout: 1s}}\nscrape_configs:\n- job_name: nodes\n  \
         kubernetes_sd_configs: [{{role: node, api_server: '{}'}}]\n  relabel_configs:\n  \
         - {{target_label: __address__, replacement: '{}'}}\n  \
         - {{source_labels: [__meta_kubernetes_node_name], target_label: instance}}\n- job_name: other\n  \
         static_configs: [{{targets: ['{}']}}]\n",
        api.url(),
        page.address,
        other.address
    );
    let dir = TempDir::new().unwrap();
    let narthex = Narthex::with_config(dir.path(), &config, &["--web.enable-lifecycle"]);
    let names = || {
        let of = |target: &Value| target["labels"]["instance"].as_str().unwrap().to_owned();
        let mut names: Vec<String> = active(&narthex, "nodes").iter().map(of).collect();
        names.sort();
        names
    };
    let up = || narthex.value("count(x)");
    eventually("both nodes are scraped", || up().filter(|count| count == "2"));
    let (failures, updates) = ("prometheus_sd_kubernetes_failures_total", "prometheus_sd_discovered_targets");
    assert_eq!(own(&narthex, failures), Some(0.0));

    api.vanish();
    eventually("failures are counted", || own(&narthex, failures).filter(|count| *count >= 3.0));
    goes_on("the nodes that were known are scraped", &page);
    goes_on("the other job is scraped", &other);
    assert_eq!((names(), up().as_deref()), (vec!["n1".to_owned(), "n2".to_owned()], Some("2")));
    let shown = own(&narthex, &format!("{updates}{{name=\"scrape\",config=\"nodes\"}}"));
    assert_eq!(shown, Some(2.0));
    let refused = own(&narthex, "prometheus_sd_kubernetes_http_request_total{status_code=\"<error>\"}");
    assert!(refused.is_some_and(|count| count >= 2.0), "{refused:?}");
    let failed = |log: &str| log.lines().filter(|line| line.contains("Failed to watch")).count();
    let log = narthex.log();
    assert_eq!(failed(&log), 1, "one line, however often it is tried: {log}");
    let line = log.lines().find(|line| line.contains("Failed to watch")).unwrap();
    assert!(line.contains("config=nodes") && line.contains("kind=nodes"), "{line}");
    // A reload in the meantime loses nothing.
    std::fs::write(dir.path().join("prometheus.yml"), config.clone() + "- job_name: third\n").unwrap();
    assert_eq!(narthex.post("/-/reload", &[]).status, 200);
    goes_on("the nodes are scraped after a reload", &page);
    assert_eq!(names(), ["n1", "n2"]);

    // What changed meanwhile is only in a new list: the version that is known has expired.
    api.delete(NODES, "", "n1");
    api.put(node("n3", "10.0.0.3"));
    api.expire();
    api.appear();
    eventually("the changes are taken up", || (names() == ["n2", "n3"]).then_some(()));
    eventually("the new node is scraped", || narthex.value("x{instance=\"n3\"}"));
    eventually("the series of the one that left have ended", || {
        narthex.query("x{instance=\"n1\"}").as_array().unwrap().is_empty().then_some(())
    });
    eventually("the return is logged", || narthex.log().contains("Watching again").then_some(()));
    api.put(node("n4", "10.0.0.4"));
    eventually("changes come as before", || (names() == ["n2", "n3", "n4"]).then_some(()));
    assert_eq!(failed(&narthex.log()), 1);
}

/// What a process holds.
struct Held {
    threads: u64,
    files: usize,
    resident_kb: u64,
}

fn held(narthex: &Narthex) -> Held {
    Held {
        threads: narthex.memory_kb("Threads"),
        files: own(narthex, "process_open_fds").unwrap() as usize,
        resident_kb: narthex.memory_kb("VmRSS"),
    }
}

/// Targets of which one answers, most are dead, and all have labels of their own.
fn targets(count: usize, alive: &str, dead: &str) -> String {
    let mut list = String::from("[");
    for n in 0..count {
        let (comma, address) = (if n == 0 { "" } else { "," }, if n % 100 == 0 { alive } else { dead });
        write!(list, "{comma}{{\"targets\": [\"{address}\"], \"labels\": {{\"n\": \"{n}\"}}}}").unwrap();
    }
    list + "]"
}

fn replace(dir: &Path, text: &str) {
    std::fs::write(dir.join("new"), text).unwrap();
    std::fs::rename(dir.join("new"), dir.join("flapping.json")).unwrap();
}

#[test]
fn ten_thousand_targets_that_come_and_go_leave_nothing_behind() {
    const MANY: usize = 10_000;
    let (alive, steady, dead) =
        (PageServer::start(Page::text("x 1\n")), PageServer::start(Page::text("y 1\n")), free_address());
    let dir = TempDir::new().unwrap();
    replace(dir.path(), "[]");
    let config = format!(
        "scrape_configs:\n- job_name: flapping\n  scrape_interval: 10s\n  scrape_timeout: 5s\n  \
         file_sd_configs: [{{files: ['{}/flapping.json']}}]\n- job_name: steady\n  scrape_interval: 1s\n  \
         scrape_timeout: 1s\n  static_configs: [{{targets: ['{}']}}]\n",
        dir.path().display(),
        steady.address
    );
    let narthex = Narthex::with_config(dir.path(), &config, &[]);
    eventually("the steady job is scraped", || narthex.value("y"));
    let discovered = "prometheus_sd_discovered_targets{name=\"scrape\",config=\"flapping\"}";
    let scraped = "prometheus_target_scrape_pool_targets{scrape_job=\"flapping\"}";
    let comes_to = |count: usize| {
        replace(dir.path(), &targets(count, &alive.address, &dead));
        for metric in [discovered, scraped] {
            let what = format!("{metric} is {count}");
            eventually(&what, || own(&narthex, metric).filter(|n| *n == count as f64));
        }
        goes_on("the steady job goes on", &steady);
        assert_eq!(active(&narthex, "steady")[0]["health"], "up");
    };
    comes_to(10);
    eventually("the few are scraped", || narthex.value("count(up{job=\"flapping\"})").filter(|n| n == "10"));
    let before = held(&narthex);
    let mut peaks = Vec::new();
    for round in 0..3 {
        comes_to(MANY);
        let scraped = || narthex.value("count(up{job=\"flapping\"})")?.parse::<usize>().ok();
        eventually("many are scraped", || scraped().filter(|n| *n >= MANY / 5));
        if round == 0 {
            assert_eq!(active(&narthex, "flapping").len(), MANY);
        }
        peaks.push(held(&narthex).resident_kb);

        comes_to(if round % 2 == 0 { 0 } else { 10 });
    }
    comes_to(10);
    let few = r#"count({job="flapping", __name__=~"up|scrape_.*|x"}) or vector(0)"#;
    // Five of the scrape itself for each of them, and the page of the one that answers.
    eventually("the series of the many have ended", || narthex.value(few).filter(|n| n == "51"));
    // Connections to the one that answers are kept for a while.
    eventually("tasks and connections of the many are gone", || {
        let now = held(&narthex);
        (now.threads <= before.threads + 8 && now.files <= before.files + 100).then_some(())
    });
    // Of each of the many a few series and a connection, however often they come.
    assert!(peaks.iter().all(|peak| *peak < 1_500_000), "memory grows with each round: {peaks:?} kB");
    assert_eq!(active(&narthex, "flapping").len(), 10);
    let pools = narthex.get("/api/v1/scrape_pools").data();
    assert_eq!(pools["scrapePools"], serde_json::json!(["flapping", "steady"]));
    println!("{peaks:?} kB with the many, {} kB with the few", held(&narthex).resident_kb);
}

#[test]
fn half_a_list_of_targets_keeps_the_whole_one() {
    let page = PageServer::start(Page::text("x 1\n"));
    let dir = TempDir::new().unwrap();
    let whole = targets(20, &page.address, &page.address);
    replace(dir.path(), &whole);
    let config = format!(
        "global: {{scrape_interval: 1s, scrape_timeout: 1s}}\nscrape_configs:\n- job_name: j\n  file_sd_configs: \
         [{{files: ['{}/flapping.json']}}]\n",
        dir.path().display()
    );
    let narthex = Narthex::with_config(dir.path(), &config, &[]);
    eventually("all are there", || (active(&narthex, "j").len() == 20).then_some(()));
    // Written in place, as by a program that dies.
    std::fs::write(dir.path().join("flapping.json"), &whole[..whole.len() / 2]).unwrap();
    let errors = "prometheus_sd_file_read_errors_total";
    eventually("the fault is counted", || own(&narthex, errors).filter(|count| *count >= 1.0));
    goes_on("the targets are scraped", &page);
    assert_eq!(active(&narthex, "j").len(), 20);
    assert!(narthex.log().contains("flapping.json"), "{}", narthex.log());
    replace(dir.path(), &targets(3, &page.address, &page.address));
    eventually("the next whole list is taken", || (active(&narthex, "j").len() == 3).then_some(()));
}
