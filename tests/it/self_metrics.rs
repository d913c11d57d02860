//! What the server tells about itself: what the rules and dashboards for Prometheus look for is there, and true.

use crate::harness::{Narthex, Page, PageServer, eventually, free_address};
use std::collections::BTreeSet;
use tempfile::TempDir;

/// What the rule group `prometheus` of kube-prometheus-stack and the dashboard Prometheus / Overview read. Metrics of
/// rules and of remote write exist where there are groups and queues.
const NAMES: &[&str] = &[
    "process_start_time_seconds",
    "prometheus_build_info{version}",
    "prometheus_config_last_reload_success_timestamp_seconds",
    "prometheus_config_last_reload_successful",
    "prometheus_engine_queries",
    "prometheus_engine_queries_concurrent_max",
    "prometheus_engine_query_duration_seconds_count{slice}",
    "prometheus_engine_query_duration_seconds{slice,quantile}",
    "prometheus_notifications_alertmanagers_discovered",
    "prometheus_notifications_dropped_total{alertmanager}",
    "prometheus_notifications_errors_total{alertmanager}",
    "prometheus_notifications_queue_capacity",
    "prometheus_notifications_queue_length{alertmanager}",
    "prometheus_notifications_sent_total{alertmanager}",
    "prometheus_sd_discovered_targets{name,config}",
    "prometheus_sd_kubernetes_failures_total",
    "prometheus_target_interval_length_seconds_count{interval}",
    "prometheus_target_interval_length_seconds_sum{interval}",
    "prometheus_target_metadata_cache_entries{scrape_job}",
    "prometheus_target_scrape_pool_exceeded_label_limits_total",
    "prometheus_target_scrape_pool_exceeded_target_limit_total",
    "prometheus_target_scrapes_exceeded_body_size_limit_total",
    "prometheus_target_scrapes_exceeded_sample_limit_total",
    "prometheus_target_scrapes_sample_duplicate_timestamp_total",
    "prometheus_target_scrapes_sample_out_of_bounds_total",
    "prometheus_target_scrapes_sample_out_of_order_total",
    "prometheus_target_sync_failed_total{scrape_job}",
    "prometheus_target_sync_length_seconds_sum{scrape_job}",
    "prometheus_tsdb_compactions_failed_total",
    "prometheus_tsdb_head_chunks",
    "prometheus_tsdb_head_samples_appended_total{type}",
    "prometheus_tsdb_head_series",
    "prometheus_tsdb_reloads_failures_total",
];

/// When the alerts of that group fire, but for those of remote write.
const ALERTS: &[(&str, &str)] = &[
    ("BadConfig", "max_over_time(prometheus_config_last_reload_successful[5m]) == 0"),
    ("SDRefreshFailure", "increase(prometheus_sd_refresh_failures_total[10m]) > 0"),
    ("KubernetesListWatchFailures", "increase(prometheus_sd_kubernetes_failures_total[5m]) > 0"),
    (
        "NotificationQueueRunningFull",
        "predict_linear(prometheus_notifications_queue_length[5m], 1800) > min_over_time(prometheus_notifications_queue_capacity[5m])",
    ),
    (
        "ErrorSendingAlerts",
        "rate(prometheus_notifications_errors_total[5m]) / rate(prometheus_notifications_sent_total[5m]) > 0.01",
    ),
    (
        "NotConnectedToAlertmanagers",
        "max_over_time(prometheus_notifications_alertmanagers_discovered[5m]) < 1",
    ),
    ("TSDBReloadsFailing", "increase(prometheus_tsdb_reloads_failures_total[3h]) > 0"),
    ("TSDBCompactionsFailing", "increase(prometheus_tsdb_compactions_failed_total[3h]) > 0"),
    (
        "NotIngestingSamples",
        "sum without(type) (rate(prometheus_tsdb_head_samples_appended_total[5m])) <= 0 and \
         (sum without(scrape_job) (prometheus_target_metadata_cache_entries) > 0 or \
         sum without(rule_group) (prometheus_rule_group_rules) > 0)",
    ),
    ("DuplicateTimestamps", "rate(prometheus_target_scrapes_sample_duplicate_timestamp_total[5m]) > 0"),
    ("OutOfOrderTimestamps", "rate(prometheus_target_scrapes_sample_out_of_order_total[5m]) > 0"),
    ("RuleFailures", "increase(prometheus_rule_evaluation_failures_total[5m]) > 0"),
    ("MissingRuleEvaluations", "increase(prometheus_rule_group_iterations_missed_total[5m]) > 0"),
    ("TargetLimitHit", "increase(prometheus_target_scrape_pool_exceeded_target_limit_total[5m]) > 0"),
    ("LabelLimitHit", "increase(prometheus_target_scrape_pool_exceeded_label_limits_total[5m]) > 0"),
    ("BodySizeLimitHit", "increase(prometheus_target_scrapes_exceeded_body_size_limit_total[5m]) > 0"),
    ("SampleLimitHit", "increase(prometheus_target_scrapes_exceeded_sample_limit_total[5m]) > 0"),
    ("TargetSyncFailure", "increase(prometheus_target_sync_failed_total[30m]) > 0"),
    (
        "HighQueryLoad",
        "avg_over_time(prometheus_engine_queries[5m]) / max_over_time(prometheus_engine_queries_concurrent_max[5m]) > 0.8",
    ),
];

fn start(dir: &TempDir, jobs: &str) -> Narthex {
    let address = free_address();
    let config = format!(
        "global: {{scrape_interval: 1s, scrape_timeout: 1s}}\n\
         alerting: {{alertmanagers: [{{static_configs: [{{targets: ['127.0.0.1:1']}}]}}]}}\n\
         scrape_configs:\n- job_name: self\n  static_configs: [{{targets: ['{address}']}}]\n{jobs}"
    );
    Narthex::with_config(dir.path(), &config, &[&format!("--web.listen-address={address}")])
}

#[test]
fn what_rules_and_dashboards_look_for_is_there_and_no_alert_of_a_healthy_server_fires() {
    let dir = TempDir::new().unwrap();
    let narthex = start(&dir, "");
    eventually("it has scraped itself a few times", || {
        narthex
            .value("prometheus_target_interval_length_seconds_count")
            .filter(|n| n.parse::<f64>().unwrap() > 2.0)
    });
    for name in NAMES {
        let (name, labels) = name.split_once('{').unwrap_or((name, ""));
        let series = narthex.query(name);
        let first = series.get(0).unwrap_or_else(|| panic!("{name} is missing")).clone();
        let has: BTreeSet<&str> = first["metric"].as_object().unwrap().keys().map(String::as_str).collect();
        for label in labels.trim_end_matches('}').split(',').filter(|label| !label.is_empty()) {
            assert!(has.contains(label), "{name} has {has:?}");
        }
    }
    for (alert, expr) in ALERTS {
        assert_eq!(narthex.query(expr), serde_json::json!([]), "{alert}");
    }
}

#[test]
fn what_goes_wrong_is_counted() {
    let page = PageServer::start(Page::text("# HELP a Help.\n# TYPE a gauge\na{long_label=\"x\"} 1\nb 1\n"));
    let dir = TempDir::new().unwrap();
    let job = |name: &str, more: &str| {
        format!("- {{job_name: {name}, {more}, static_configs: [{{targets: ['{}']}}]}}\n", page.address)
    };
    let two = format!(
        "- {{job_name: two, target_limit: 1, static_configs: [{{targets: ['{}', 'other:1']}}]}}\n",
        page.address
    );
    let jobs = [
        job("samples", "sample_limit: 1"),
        job("labels", "label_name_length_limit: 9"),
        job("body", "body_size_limit: 10B"),
        job("sync", "relabel_configs: [{target_label: __address__, replacement: 'a/b'}]"),
        job("good", "scrape_interval: 2s"),
        two,
    ];
    let narthex = start(&dir, &jobs.concat());
    for (series, least) in [
        ("prometheus_target_scrapes_exceeded_sample_limit_total", 1.0),
        ("prometheus_target_scrape_pool_exceeded_label_limits_total", 1.0),
        ("prometheus_target_scrapes_exceeded_body_size_limit_total", 1.0),
        ("prometheus_target_scrape_pool_exceeded_target_limit_total", 1.0),
        ("prometheus_target_sync_failed_total{scrape_job=\"sync\"}", 1.0),
        ("prometheus_target_metadata_cache_entries{scrape_job=\"good\"}", 1.0),
        ("prometheus_target_metadata_cache_bytes{scrape_job=\"good\"}", 6.0),
        ("prometheus_target_scrape_pool_target_limit{scrape_job=\"two\"}", 1.0),
        ("prometheus_target_interval_length_seconds_count{interval=\"2s\"}", 1.0),
        ("prometheus_target_scrape_pools_total", 7.0),
        ("prometheus_http_request_duration_seconds_count{handler=\"/metrics\"}", 1.0),
        ("prometheus_http_response_size_bytes_sum{handler=\"/metrics\"}", 1000.0),
        ("net_conntrack_listener_conn_accepted_total", 1.0),
    ] {
        eventually(series, || narthex.value(series).filter(|value| value.parse::<f64>().unwrap() >= least));
    }
    let waits = "prometheus_http_requests_total{code=\"200\",handler=\"/api/v1/status/walreplay\"}";
    assert_eq!(narthex.value(waits).as_deref(), Some("0"), "a handler is there before its first request");
    assert_eq!(
        narthex.value("prometheus_target_sync_failed_total{scrape_job=\"good\"}").as_deref(),
        Some("0")
    );
}

#[test]
fn relabelling_is_shown_step_by_step_and_pools_show_their_configuration() {
    let dir = TempDir::new().unwrap();
    let rules = "relabel_configs: [{source_labels: [a], target_label: b}, {source_labels: [b], regex: x, action: keep}, \
                 {target_label: c, replacement: d}]";
    let job = format!("- {{job_name: steps, basic_auth: {{username: u, password: hidden}}, {rules}}}\n");
    let narthex = start(&dir, &job);
    let steps = |labels: &str| {
        let form = form_urlencoded::Serializer::new(String::new())
            .extend_pairs([("scrapePool", "steps"), ("labels", labels)])
            .finish();
        narthex.get(&format!("/api/v1/targets/relabel_steps?{form}"))
    };
    let kept = steps(r#"{"a":"x"}"#).data();
    assert_eq!(kept["steps"][0]["output"], serde_json::json!({"a": "x", "b": "x"}));
    assert_eq!(kept["steps"][0]["rule"]["target_label"], "b");
    assert_eq!(kept["steps"][2]["output"], serde_json::json!({"a": "x", "b": "x", "c": "d"}));
    let dropped = steps(r#"{"a":"y"}"#).data();
    let keeps: Vec<bool> =
        dropped["steps"].as_array().unwrap().iter().map(|step| step["keep"].as_bool().unwrap()).collect();
    assert_eq!(keeps, [true, false, false]);
    assert_eq!(dropped["steps"][2]["output"], serde_json::json!({}));
    assert_eq!(steps("{").error().0, "bad_data");
    let missing = narthex.get("/api/v1/targets/relabel_steps?labels={}");
    assert_eq!(missing.error(), ("bad_data".to_owned(), "no scrapePool parameter provided".to_owned()));
    let unknown = narthex.get("/api/v1/scrape_pools/config?scrapePool=none");
    assert_eq!((unknown.status, unknown.error().0.as_str()), (404, "not_found"));
    let yaml = narthex.get("/api/v1/scrape_pools/config?scrapePool=steps").data();
    let yaml = yaml["yaml"].as_str().unwrap();
    assert!(
        yaml.contains("job_name: steps") && yaml.contains("<secret>") && !yaml.contains("hidden"),
        "{yaml}"
    );
    assert_eq!(narthex.get("/api/v1/status/tsdb/blocks").data(), serde_json::json!({"blocks": []}));
}
