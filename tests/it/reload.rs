//! Changes of the configuration while the server runs: noticed, refused, and harmless for what stays.

use crate::harness::{Narthex, Page, PageServer, eventually};
use std::path::Path;
use tempfile::TempDir;

const AUTO: &[&str] = &["--config.auto-reload", "--config.auto-reload-interval=1s"];

fn write(dir: &Path, name: &str, text: &str) {
    std::fs::write(dir.join("fresh"), text).unwrap();
    std::fs::rename(dir.join("fresh"), dir.join(name)).unwrap();
}

fn yaml(narthex: &Narthex) -> String {
    narthex.get("/api/v1/status/config").data()["yaml"].as_str().unwrap().to_owned()
}

fn has_line(narthex: &Narthex, line: &str) -> bool {
    narthex.get("/metrics").text().lines().any(|l| l == line)
}

#[test]
fn changed_files_are_noticed_and_half_written_ones_keep_the_old() {
    let dir = TempDir::new().unwrap();
    write(dir.path(), "more.yml", "scrape_configs: [{job_name: first}]\n");
    let config = "scrape_config_files: [more.yml]\n";
    let narthex = Narthex::with_config(dir.path(), config, AUTO);
    assert!(yaml(&narthex).contains("job_name: first"));
    assert!(has_line(&narthex, "prometheus_config_last_reload_successful 1"));
    write(dir.path(), "more.yml", "scrape_configs: [{job_name: second}]\n");
    eventually("the file that is named is read again", || {
        yaml(&narthex).contains("job_name: second").then_some(())
    });
    // As an editor that was interrupted leaves it.
    std::fs::write(dir.path().join("prometheus.yml"), "scrape_configs:\n- job_name: \"thi").unwrap();
    eventually("the failure is seen", || {
        has_line(&narthex, "prometheus_config_last_reload_successful 0").then_some(())
    });
    assert!(yaml(&narthex).contains("job_name: second"), "the old one is in force");
    let info = narthex.get("/api/v1/status/runtimeinfo").data();
    assert_eq!(info["reloadConfigSuccess"], false);
    let error = info["reloadConfigError"].as_str().unwrap();
    assert!(
        error.starts_with("couldn't load configuration (--config.file=") && error.contains("yaml: line "),
        "{error}"
    );
    assert!(narthex.log().contains("Error reloading config"));
    let notes = narthex.get("/api/v1/notifications").data();
    assert_eq!(
        (&notes[0]["text"], &notes[0]["active"]),
        (&"Configuration reload has failed.".into(), &true.into())
    );
    write(dir.path(), "prometheus.yml", "scrape_configs: [{job_name: third}]\n");
    eventually("the good one is taken", || {
        has_line(&narthex, "prometheus_config_last_reload_successful 1").then_some(())
    });
    assert!(yaml(&narthex).contains("job_name: third"));
    let info = narthex.get("/api/v1/status/runtimeinfo").data();
    assert_eq!((&info["reloadConfigSuccess"], &info["reloadConfigError"]), (&true.into(), &().into()));
    assert_eq!(narthex.get("/api/v1/notifications").data(), serde_json::json!([]));
}

#[test]
fn targets_that_stay_keep_their_loops_and_series_over_reloads() {
    let page = PageServer::start(Page::text("a 1\nb 2\n"));
    let dir = TempDir::new().unwrap();
    let config = |more: &str| {
        format!(
            "global: {{scrape_interval: 1s, scrape_timeout: 1s{more}}}\nscrape_configs:\n- job_name: kept\n  \
             static_configs: [{{targets: ['{}']}}]\n",
            page.address
        )
    };
    let narthex = Narthex::with_config(dir.path(), &config(""), &["--web.enable-lifecycle"]);
    eventually("the target is scraped", || narthex.value("a"));
    for (i, more) in ["", ", evaluation_interval: 5s", ", query_log_file: q.log", ""].iter().enumerate() {
        let other = format!("- job_name: other{i}\n");
        write(dir.path(), "prometheus.yml", &(config(more) + &other));
        assert_eq!(narthex.post("/-/reload", &[]).status, 200);
        let seen = page.requests();
        eventually("scrapes go on", || (page.requests() > seen).then_some(()));
    }
    let pools = narthex.get("/api/v1/scrape_pools").data();
    assert_eq!(pools["scrapePools"], serde_json::json!(["kept", "other3"]));
    // A loop that had begun anew would have added its series again.
    assert_eq!(narthex.value("sum_over_time(scrape_series_added[5m])").as_deref(), Some("2"));
    let line = "prometheus_target_scrape_pool_reloads_total 0";
    assert!(has_line(&narthex, line), "no job changed but by coming and going");
    write(dir.path(), "prometheus.yml", &config("").replace("kept", "renamed"));
    assert_eq!(narthex.post("/-/reload", &[]).status, 200);
    eventually("the renamed job brings its series", || narthex.value("a{job=\"renamed\"}"));
}
