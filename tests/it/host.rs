//! Zero-config mode and the built-in host collector, beside the real node exporter.

use crate::harness::{Narthex, Peer, eventually, program};
use std::collections::{BTreeMap, BTreeSet};
use tempfile::TempDir;

#[test]
fn without_arguments_this_host_and_this_server_are_scraped() {
    let dir = TempDir::new().unwrap();
    let narthex = Narthex::start(&dir.path().join("data"), &[]);
    let load = eventually("the load is known", || narthex.query("node_load1").get(0).cloned());
    assert_eq!(load["metric"]["job"], "node-exporter");
    for query in ["node_load5", "node_load15", "count(node_cpu_seconds_total{mode=\"idle\"}) > 0"] {
        eventually(query, || narthex.value(query));
    }
    eventually("both targets are up", || narthex.value("sum(up)").filter(|sum| sum == "2"));
    let log = narthex.log();
    assert!(log.contains("zero-config mode"), "{log}");
    let curls = |text: &str| -> Vec<String> {
        let url = |line: &str| Some(line.trim().strip_prefix("curl '")?.strip_suffix('\'')?.to_owned());
        text.lines().filter_map(url).collect()
    };
    let shown = curls(&log);
    assert_eq!(shown.len(), 3, "{log}");
    // The README shows the same ones, with the usual address.
    let readme = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap();
    let told = curls(&readme).into_iter().map(|url| url.replace("http://127.0.0.1:9090", &narthex.url));
    assert_eq!(told.collect::<Vec<_>>(), shown);
    for url in &shown {
        let result = crate::harness::get(url).unwrap().data()["result"].clone();
        assert!(!result.as_array().unwrap().is_empty(), "{url}");
    }
}

/// Family → type, and label names of its samples.
type Families = BTreeMap<String, (String, BTreeSet<Vec<String>>)>;

fn families(page: &str) -> Families {
    let mut types = BTreeMap::new();
    for line in page.lines().filter_map(|line| line.strip_prefix("# TYPE ")) {
        let (name, kind) = line.split_once(' ').unwrap();
        types.insert(name.to_owned(), kind.to_owned());
    }
    let lines = page.lines().map(|line| Ok(line.to_owned()));
    let mut out = Families::new();
    for sample in prometheus_parse::Scrape::parse(lines).unwrap().samples {
        let mut names: Vec<String> = sample.labels.keys().cloned().collect();
        names.sort();
        let kind = types.get(&sample.metric).cloned().unwrap_or_default();
        out.entry(sample.metric).or_insert_with(|| (kind, BTreeSet::new())).1.insert(names);
    }
    out
}

#[test]
fn the_collector_exposes_what_the_node_exporter_does() {
    let Some(exporter) = program("prometheus-node-exporter") else { return };
    let exporter = Peer::node_exporter(&exporter);
    let dir = TempDir::new().unwrap();
    let narthex = Narthex::start(&dir.path().join("data"), &[]);
    let theirs = families(&crate::harness::get(&format!("{}/metrics", exporter.url)).unwrap().text());
    let targets = narthex.get("/api/v1/targets").data();
    let host = targets["activeTargets"].as_array().unwrap().iter();
    let host = host.clone().find(|t| t["labels"]["job"] == "node-exporter").unwrap().clone();
    let url = host["scrapeUrl"].as_str().unwrap().to_owned();
    let ours = families(&crate::harness::get(&url).unwrap().text());
    // What the collector promises; whatever of it the exporter shows on this machine must be alike.
    let prefixes = [
        "node_load",
        "node_cpu_seconds",
        "node_memory_",
        "node_vmstat_",
        "node_disk_",
        "node_network_receive_",
        "node_network_transmit_",
        "node_filesystem_",
        "node_uname_info",
        "node_time_seconds",
        "node_pressure_",
        "node_boot_time",
        "node_context_switches",
        "node_intr_total",
        "node_forks_total",
        "node_procs_",
    ];
    let promised: Vec<&String> =
        theirs.keys().filter(|name| prefixes.iter().any(|prefix| name.starts_with(prefix))).collect();
    assert!(promised.len() > 50, "the exporter shows {} families", promised.len());
    let mut missing = Vec::new();
    for name in promised {
        let Some(mine) = ours.get(name) else {
            missing.push(name.as_str());
            continue;
        };
        assert_eq!(mine, &theirs[name], "{name}: type and labels");
    }
    assert!(missing.is_empty(), "not exposed: {missing:?}");
}

#[test]
fn facts_of_the_machine_agree_with_the_node_exporter() {
    let Some(exporter) = program("prometheus-node-exporter") else { return };
    let exporter = Peer::node_exporter(&exporter);
    let dir = TempDir::new().unwrap();
    let config = format!(
        "scrape_configs:\n- job_name: peer\n  scrape_interval: 1s\n  scrape_timeout: 1s\n  static_configs:\n  - targets: ['{}']\n",
        exporter.address()
    );
    let peer = Narthex::with_config(dir.path(), &config, &[]);
    let own_dir = TempDir::new().unwrap();
    let own = Narthex::start(&own_dir.path().join("data"), &[]);
    for query in [
        "count(node_cpu_seconds_total)",
        "node_memory_MemTotal_bytes",
        "node_boot_time_seconds",
        "count(node_uname_info)",
        "sum(node_filesystem_size_bytes{mountpoint=\"/\"})",
        "count(count by (device) (node_disk_reads_completed_total))",
    ] {
        let theirs = eventually(query, || peer.value(query));
        let ours = eventually(query, || own.value(query));
        assert_eq!(ours, theirs, "{query}");
    }
    // What moves stays near.
    for query in ["node_time_seconds", "sum(node_cpu_seconds_total{mode=\"idle\"})"] {
        let number =
            |narthex: &Narthex| -> f64 { eventually(query, || narthex.value(query)).parse().unwrap() };
        let (ours, theirs) = (number(&own), number(&peer));
        assert!((ours - theirs).abs() <= 0.1 * theirs, "{query}: {ours} beside {theirs}");
    }
}
