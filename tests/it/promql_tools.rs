//! `narthex promql format`, `explain` and `lint`.

use crate::harness::process::{file, say};
use crate::harness::{Narthex, Page, PageServer};
use serde_json::Value;
use tempfile::TempDir;

#[test]
fn expressions_are_formatted_as_prometheus_formats_them() {
    let text = "sum(rate(x[5m]))by(job)/on(job)group_left sum(up)by(job)";
    let flat = "sum by (job) (rate(x[5m])) / on (job) group_left () sum by (job) (up)\n";
    assert_eq!(say(&["promql", "format", "--flat", text], "").out, flat);
    assert_eq!(say(&["promql", "format", "-"], &format!("{text}\n")).out, flat);
    let long = format!("sum({} + {})", "a".repeat(60), "b".repeat(60));
    let want = format!("sum(\n    {}\n  +\n    {}\n)\n", "a".repeat(60), "b".repeat(60));
    assert_eq!(say(&["promql", "format", &long], "").out, want);
    let wrong = say(&["promql", "format", "sum(up"], "");
    assert_eq!((wrong.code, wrong.out.as_str()), (1, ""));
    assert!(wrong.err.contains("parse error") && wrong.err.contains("  sum(up\n        ^"), "{}", wrong.err);
}

#[test]
fn plans_are_trees() {
    let said = say(&["promql", "explain", "sum by (job) (rate(x{a=\"b\"}[5m])) * 2"], "");
    assert_eq!(said.code, 0, "{}", said.err);
    for part in ["NODE", "EXPRESSION", "├─ ", "└─ ", "x{a=\"b\"}"] {
        assert!(said.out.contains(part), "{part}: {}", said.out);
    }
    let json: Value =
        serde_json::from_str(&say(&["promql", "explain", "-o", "json", "sum(up)"], "").out).unwrap();
    assert_eq!(json["span"], serde_json::json!([0, 7]));
    assert_eq!(json["children"].as_array().unwrap().len(), 1);
}

#[test]
fn a_server_tells_what_each_node_costs() {
    let dir = TempDir::new().unwrap();
    let narthex = Narthex::start(&dir.path().join("data"), &[]);
    let server = format!("--server={}", narthex.url);
    let said = say(&["promql", "explain", &server, "1 + sum(up)"], "");
    assert_eq!(said.code, 0, "{}", said.err);
    for part in ["SERIES", "SAMPLES", "TIME", "MEMORY", "sum(up)"] {
        assert!(said.out.contains(part), "{part}: {}", said.out);
    }
    let other = PageServer::start(Page { status: "404 Not Found", ..Page::text("404 page not found") });
    let said = say(&["promql", "explain", &format!("--server={}", other.address), "up"], "");
    assert!(said.code == 1 && said.err.contains("leave --server out"), "{}", said.err);
}

#[test]
fn lint_names_mistake_place_and_fix() {
    let said = say(&["promql", "lint", "sum(rate(node_load1[5m]))"], "");
    assert_eq!(said.code, 3, "{}{}", said.out, said.err);
    let want = "\
1:5: warning PQ001 rate-of-gauge: rate() takes every fall for a counter reset, and node_load1 has the name of a gauge
    sum(rate(node_load1[5m]))
        ^^^^^^^^^^^^^^^^^^^^
  fix: use deriv(), or a function that ends in _over_time
       sum(deriv(node_load1[5m]))
";
    assert_eq!(said.out, want);
    let said = say(&["promql", "lint", "-"], "sum by (job) (rate(x_total[5m]))\n");
    assert_eq!((said.code, said.out.as_str()), (0, ""));
    assert_eq!(say(&["promql", "lint", "--disable=PQ001", "rate(node_load1[5m])"], "").code, 0);
    assert_eq!(say(&["promql", "lint", "--min-severity=error", "rate(node_load1[5m])"], "").code, 0);
    assert_eq!(say(&["promql", "lint", "--scrape-interval=1m", "rate(x_total[1m])"], "").code, 3);
    let broken = say(&["promql", "lint", "rate(node_load1"], "");
    assert!(broken.code == 1 && broken.err.contains("parse error"), "{}", broken.err);
}

#[test]
fn lint_reads_rule_files_and_knows_alerts_from_recordings() {
    let dir = TempDir::new().unwrap();
    let rules = file(
        dir.path(),
        "rules.yml",
        "groups:\n- name: g\n  rules:\n  - record: a:b\n    expr: sum(rate(x_total[5m]))\n  - alert: Slow\n    expr: |\n      avg(y)\n        > bool 5\n",
    );
    let path = rules.to_str().unwrap();
    let said = say(&["promql", "lint", path], "");
    assert_eq!(said.code, 3, "{}{}", said.out, said.err);
    let want = format!("{path}:7: group \"g\", alert \"Slow\": 1:1: error PQ025 bool-in-alert: ");
    assert!(said.out.contains(&want), "{}", said.out);
    let said = say(&["promql", "lint", "-o", "json", path], "");
    let items: Value = serde_json::from_str(&said.out).unwrap();
    let item = &items.as_array().unwrap()[0];
    assert_eq!((item["code"].as_str(), item["severity"].as_str()), (Some("PQ025"), Some("error")));
    assert_eq!(item["rule"]["name"], "Slow");
    assert_eq!(item["edit"]["text"], "avg(y) > 5");
    let said = say(&["promql", "lint", "missing.yml"], "");
    assert!(said.code == 1 && said.err.contains("missing.yml: no such file"), "{}", said.err);
    let bad = file(dir.path(), "bad.yml", "alerts: []\n");
    let said = say(&["promql", "lint", bad.to_str().unwrap()], "");
    assert!(said.code == 1 && said.err.contains("bad.yml:1: field alerts not found"), "{}", said.err);
}

#[test]
fn metadata_of_a_server_make_lint_sure() {
    let page = Page {
        content_type: "application/json",
        ..Page::text(r#"{"status":"success","data":{"odd":[{"type":"gauge","help":"","unit":""}]}}"#)
    };
    let server = PageServer::start(page);
    let said = say(&["promql", "lint", &format!("--server={}", server.address), "rate(odd[5m])"], "");
    assert!(said.code == 3 && said.out.contains("error PQ001"), "{}{}", said.out, said.err);
    assert!(say(&["promql", "lint", "rate(odd[5m])"], "").out.contains("info PQ001"));
}
