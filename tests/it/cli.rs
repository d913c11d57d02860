//! Flags, `check config`, `test promql`.

use crate::harness::process::{file, run};
use crate::harness::{Narthex, shared};
use tempfile::TempDir;

#[test]
fn an_unknown_flag_suggests_the_nearest_one() {
    let (good, text) = run(&["--web.enable-lifecylce"]);
    assert!(!good);
    assert!(text.contains("unknown long flag '--web.enable-lifecylce'"), "{text}");
    assert!(text.contains("--web.enable-lifecycle"), "{text}");
}

#[test]
fn both_spellings_of_a_value_work_and_flags_without_meaning_only_warn() {
    let dir = TempDir::new().unwrap();
    let path = file(dir.path(), "prometheus.yml", "scrape_configs: []\n");
    let args = [
        "--config.file",
        path.to_str().unwrap(),
        "--web.external-url=http://example.org/metrics-of/us",
        "--storage.tsdb.retention.time",
        "3d",
        "--query.lookback-delta=2m",
        "--storage.tsdb.wal-compression",
        "--storage.tsdb.no-lockfile",
    ];
    let narthex = Narthex::start(&dir.path().join("data"), &args);
    assert!(narthex.log().contains("storage.tsdb.no-lockfile"), "{}", narthex.log());
    let flags = narthex.get("/api/v1/status/flags").data();
    for (flag, value) in [
        ("storage.tsdb.retention.time", "3d"),
        ("query.lookback-delta", "2m"),
        ("web.route-prefix", "/metrics-of/us"),
        ("web.enable-lifecycle", "false"),
    ] {
        assert_eq!(flags[flag], value, "{flag}");
    }
    let changed = &narthex.get("/api/v1/narthex/flags").data()["changed"];
    assert_eq!((&changed["query.lookback-delta"], &changed["web.external-url"]), (&"5m".into(), &"".into()));
    // Given with the value that it has anyway; derived from another one; not given.
    for flag in ["storage.tsdb.wal-compression", "web.route-prefix", "web.enable-lifecycle"] {
        assert!(changed.get(flag).is_none(), "{flag}: {changed}");
    }
}

#[test]
fn versions_and_help_teach() {
    let (good, text) = run(&["--version"]);
    assert!(good && text.contains("narthex, version") && text.contains("3.14.0"), "{text}");
    let (good, text) = run(&["--help"]);
    assert!(good && text.contains("--storage.tsdb.path") && text.contains("check"), "{text}");
}

#[test]
fn check_config_names_file_line_and_remedy_of_every_fault() {
    let dir = TempDir::new().unwrap();
    let bad = file(
        dir.path(),
        "bad.yml",
        "global:\n  scrape_interval: 1x\n  evaluation_intervall: 1m\nscrape_configs:\n- job_name: a\n- job_name: a\n",
    );
    let good = file(dir.path(), "good.yml", "scrape_configs:\n- job_name: a\n");
    let (ok, text) = run(&["check", "config", good.to_str().unwrap()]);
    assert!(ok && text.contains("SUCCESS"), "{text}");
    let (ok, text) = run(&["check", "config", good.to_str().unwrap(), bad.to_str().unwrap()]);
    assert!(!ok);
    for fault in [
        "bad.yml:2: ",
        "bad.yml:3: ",
        "unknown unit \"x\"",
        "units are",
        "did you mean",
        "bad.yml:6: ",
        "evaluation_intervall",
        "evaluation_interval",
    ] {
        assert!(text.contains(fault), "{fault}: {text}");
    }
    let (ok, text) = run(&["check", "config", "/nonexistent.yml"]);
    assert!(!ok && text.contains("/nonexistent.yml"), "{text}");
}

#[test]
fn the_configurations_that_are_delivered_are_good() {
    for name in ["deploy/prometheus.yml", "deploy/docker/prometheus.yml"] {
        let (ok, text) = run(&["check", "config", &format!("{}/{name}", env!("CARGO_MANIFEST_DIR"))]);
        assert!(ok && !text.contains("WARNING"), "{text}");
    }
}

#[test]
fn the_configurations_of_the_charts_load_unchanged() {
    for name in ["corpus/prometheus-chart.yml", "corpus/kube-prometheus-stack.yml"] {
        let Some(path) = shared(name) else { return };
        let dir = TempDir::new().unwrap();
        let flag = format!("--config.file={}", path.display());
        let narthex = Narthex::start(&dir.path().join("data"), &[&flag]);
        let yaml = narthex.get("/api/v1/status/config").data()["yaml"].as_str().unwrap().to_owned();
        assert!(yaml.contains("job_name"), "{yaml}");
        let pools = narthex.get("/api/v1/scrape_pools").data();
        assert!(pools["scrapePools"].as_array().unwrap().len() >= 7, "{pools}");
        // What it shows as its configuration is one that it loads itself.
        let again = file(dir.path(), "again.yml", &yaml);
        drop(narthex);
        let flag = format!("--config.file={}", again.display());
        let narthex = Narthex::start(&dir.path().join("data"), &[&flag]);
        assert_eq!(narthex.get("/api/v1/status/config").data()["yaml"], yaml);
    }
}

#[test]
fn promql_scripts_report_place_expectation_and_answer() {
    let dir = TempDir::new().unwrap();
    let script = file(
        dir.path(),
        "x.test",
        "load 1m\n  x 1 2\n\neval instant at 1m x\n  x 2\n\neval instant at 1m x\n  x 3\n",
    );
    let (good, text) = run(&["test", "promql", script.to_str().unwrap()]);
    assert!(!good);
    for part in ["x.test:7:", "expected", "got", "1 passed, 1 failed"] {
        assert!(text.contains(part), "{part}: {text}");
    }
}
