//! The operator's own output, and what its documentation says of the other resources.

#![allow(clippy::unwrap_used)] // a test that cannot go on says so by failing

use super::monitors::{pod_monitor, probe, service_monitor};
use super::rules::rule_file;
use super::scrape_config::scrape_config;
use super::secrets::{Place, Secrets};
use crate::config::Config;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

const TOKEN: &str = "/var/run/secrets/kubernetes.io/serviceaccount/token";
const CA: &str = "/var/run/secrets/kubernetes.io/serviceaccount/ca.crt";

/// The ServiceMonitors of the chart: name and spec.
fn monitors() -> Vec<(String, Value)> {
    let stack = "kps-kube-prometheus-stack";
    let own = |app: &str| json!({"app": format!("kube-prometheus-stack-{app}"), "release": "kps"});
    let self_monitored = |app: &str| {
        let mut labels = own(app);
        labels["self-monitor"] = json!("true");
        labels
    };
    let space = |name: &str| json!({"matchNames": [name]});
    let component = |app: &str, extra: Value| {
        let mut endpoint = json!({"port": "http-metrics", "bearerTokenFile": TOKEN});
        for (key, value) in extra.as_object().unwrap() {
            endpoint[key] = value.clone();
        }
        let spec = json!({"jobLabel": "jobLabel", "selector": {"matchLabels": own(app)},
            "namespaceSelector": space("kube-system"), "endpoints": [endpoint]});
        (format!("{stack}-{app}"), spec)
    };
    let secure = json!({"scheme": "https", "tlsConfig": {"caFile": CA, "insecureSkipVerify": true}});
    let drop =
        |labels: &[&str], regex: &str| json!({"sourceLabels": labels, "regex": regex, "action": "drop"});
    let buckets = "(etcd_request|apiserver_request_slo|apiserver_request_sli|apiserver_request)_duration_seconds_bucket;(0\\.15|0\\.2|0\\.3|0\\.35|0\\.4|0\\.45|0\\.6|0\\.7|0\\.8|0\\.9|1\\.25|1\\.5|1\\.75|2|3|3\\.5|4|4\\.5|6|7|8|9|15|20|40|45|50)(\\.0)?";
    let kubelet = |extra: Value| {
        let mut endpoint = json!({"port": "https-metrics", "scheme": "https", "bearerTokenFile": TOKEN,
            "honorLabels": true, "honorTimestamps": true, "tlsConfig": {"caFile": CA, "insecureSkipVerify": true},
            "relabelings": [{"action": "replace", "sourceLabels": ["__metrics_path__"], "targetLabel": "metrics_path"}]});
        for (key, value) in extra.as_object().unwrap() {
            endpoint[key] = value.clone();
        }
        endpoint
    };
    let cadvisor = [
        "container_cpu_(cfs_throttled_seconds_total|load_average_10s|system_seconds_total|user_seconds_total)",
        "container_fs_(io_current|io_time_seconds_total|io_time_weighted_seconds_total|reads_merged_total|sector_reads_total|sector_writes_total|writes_merged_total)",
        "container_memory_(mapped_file|swap)",
        "container_(file_descriptors|tasks_state|threads_max)",
    ];
    let mut dropped: Vec<Value> = cadvisor.iter().map(|regex| drop(&["__name__"], regex)).collect();
    dropped.push(drop(&["__name__", "scope"], "container_memory_failures_total;hierarchy"));
    dropped.push(drop(
        &["__name__", "interface"],
        "container_network_.*;(cali|cilium|cni|lxc|nodelocaldns|tunl).*",
    ));
    dropped.push(drop(&["__name__"], "container_spec.*"));
    dropped.push(drop(&["id", "pod"], ".+;"));
    let storage = drop(
        &["__name__", "le"],
        "(csi_operations|storage_operation_duration)_seconds_bucket;(0.25|2.5|15|25|120|600)(\\.0)?",
    );
    let plain = |name: &str| json!({"matchLabels": {"app.kubernetes.io/name": name, "app.kubernetes.io/instance": "kps"}});
    vec![
        (
            format!("{stack}-alertmanager"),
            json!({
                "selector": {"matchLabels": self_monitored("alertmanager")}, "namespaceSelector": space("monitoring"),
                "endpoints": [{"port": "http-web", "enableHttp2": true, "path": "/metrics"}, {"port": "reloader-web", "path": "/metrics"}],
            }),
        ),
        (
            format!("{stack}-apiserver"),
            json!({
                "jobLabel": "component", "namespaceSelector": space("default"),
                "selector": {"matchLabels": {"component": "apiserver", "provider": "kubernetes"}},
                "endpoints": [{"bearerTokenFile": TOKEN, "port": "https", "scheme": "https",
                    "metricRelabelings": [drop(&["__name__", "le"], buckets)],
                    "tlsConfig": {"caFile": CA, "serverName": "kubernetes", "insecureSkipVerify": false}}],
            }),
        ),
        component("coredns", json!({})),
        component("kube-controller-manager", secure.clone()),
        component("kube-etcd", json!({})),
        component("kube-proxy", json!({})),
        component("kube-scheduler", secure),
        (
            format!("{stack}-kubelet"),
            json!({
                "jobLabel": "k8s-app", "namespaceSelector": space("kube-system"),
                "selector": {"matchLabels": {"app.kubernetes.io/name": "kubelet", "k8s-app": "kubelet"}},
                "endpoints": [
                    kubelet(json!({"metricRelabelings": [storage]})),
                    kubelet(json!({"path": "/metrics/cadvisor", "interval": "10s", "trackTimestampsStaleness": true, "metricRelabelings": dropped})),
                    kubelet(json!({"path": "/metrics/probes"})),
                ],
            }),
        ),
        (
            format!("{stack}-operator"),
            json!({
                "selector": {"matchLabels": own("operator")}, "namespaceSelector": space("monitoring"),
                "endpoints": [{"port": "https", "scheme": "https", "honorLabels": true, "tlsConfig": {
                    "serverName": "kps-kube-prometheus-stack-operator",
                    "ca": {"secret": {"name": "kps-kube-prometheus-stack-admission", "key": "ca", "optional": false}}}}],
            }),
        ),
        (
            format!("{stack}-prometheus"),
            json!({
                "selector": {"matchLabels": self_monitored("prometheus")}, "namespaceSelector": space("monitoring"),
                "endpoints": [{"port": "http-web", "path": "/metrics"}, {"port": "reloader-web", "path": "/metrics"}],
            }),
        ),
        (
            "kps-kube-state-metrics".to_owned(),
            json!({
                "jobLabel": "app.kubernetes.io/name", "selector": plain("kube-state-metrics"),
                "endpoints": [{"port": "http", "honorLabels": true}],
            }),
        ),
        (
            "kps-prometheus-node-exporter".to_owned(),
            json!({
                "jobLabel": "jobLabel", "selector": plain("prometheus-node-exporter"),
                "endpoints": [{"port": "http-metrics", "scheme": "http"}],
            }),
        ),
    ]
}

fn secrets(entries: &[(&str, &str, &str)]) -> Secrets {
    let mut secrets = Secrets::default();
    for (name, key, value) in entries {
        let place = Place { config_map: false, namespace: "monitoring".to_owned(), name: (*name).to_owned() };
        let known = secrets.known.entry(place).or_insert_with(|| Some(Default::default()));
        known.as_mut().unwrap().insert((*key).to_owned(), (*value).to_owned());
    }
    secrets
}

#[test]
fn the_charts_service_monitors_become_what_the_operator_writes() {
    let shared = std::env::var_os("NARTHEX_SHARED")
        .map_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared")), PathBuf::from);
    let Ok(text) = std::fs::read_to_string(shared.join("corpus/kube-prometheus-stack.yml")) else {
        eprintln!("SKIPPED: no shared data at {}", shared.display());
        return;
    };
    let corpus: Value = serde_saphyr::from_str(&text).unwrap();
    let mut wanted: Vec<Value> = corpus["scrape_configs"].as_array().unwrap().clone();
    for job in &mut wanted {
        // The operator puts this certificate into a file of its pod.
        let tls = &mut job["tls_config"];
        if tls["ca_file"].as_str().is_some_and(|file| file.starts_with("/etc/prometheus/certs/")) {
            tls.as_object_mut().unwrap().remove("ca_file");
            tls["ca"] = json!("PEM");
        }
        if job["tls_config"].is_null() {
            job.as_object_mut().unwrap().remove("tls_config");
        }
    }
    let mut secrets = secrets(&[("kps-kube-prometheus-stack-admission", "ca", "PEM")]);
    let mut jobs = Vec::new();
    for (name, spec) in monitors() {
        jobs.extend(service_monitor("monitoring", &name, &spec, &mut secrets).unwrap());
    }
    assert_eq!(jobs.len(), wanted.len());
    for (job, want) in jobs.iter().zip(&wanted) {
        assert_eq!(job, want, "\n{job:#}\ninstead of\n{want:#}");
    }
}

/// The jobs as the configuration takes them.
fn loaded(jobs: &[Value]) -> Config {
    let mut config = Config::parse("global: {scrape_interval: 7s}\n", Path::new(""), "t", &|_| None).unwrap();
    jobs.iter().for_each(|job| config.add_scrape_config(&job.to_string()).unwrap());
    config
}

#[test]
fn written_jobs_are_configurations_and_keep_their_secrets_to_themselves() {
    let mut secrets =
        secrets(&[("s", "user", "u"), ("s", "pass", "pw1"), ("s", "token", "pw2"), ("s", "ca", "pw3")]);
    let reference = |key: &str| json!({"name": "s", "key": key});
    let spec = json!({"selector": {"matchExpressions": [
        {"key": "a.b", "operator": "In", "values": ["x", "y"]}, {"key": "c", "operator": "NotIn", "values": ["z"]},
        {"key": "d", "operator": "Exists"}, {"key": "e", "operator": "DoesNotExist"}]},
    "namespaceSelector": {"any": true}, "attachMetadata": {"node": true}, "targetLabels": ["t/l"],
    "podTargetLabels": ["p"], "sampleLimit": 5, "scrapeProtocols": ["PrometheusText0.0.4"],
    "endpoints": [
        {"targetPort": 8080, "basicAuth": {"username": reference("user"), "password": reference("pass")}, "filterRunning": false},
        {"targetPort": "http", "authorization": {"credentials": reference("token")}, "scheme": "HTTPS", "interval": "3s", "scrapeTimeout": "2s"},
    ]});
    let jobs = service_monitor("monitoring", "m", &spec, &mut secrets).unwrap();
    let steps = jobs[0]["relabel_configs"].as_array().unwrap();
    let has = |step: Value| assert!(steps.contains(&step), "{step} in {steps:#?}");
    has(
        json!({"action": "keep", "source_labels": ["__meta_kubernetes_service_label_a_b", "__meta_kubernetes_service_labelpresent_a_b"], "regex": "(x|y);true"}),
    );
    has(
        json!({"action": "drop", "source_labels": ["__meta_kubernetes_service_label_c", "__meta_kubernetes_service_labelpresent_c"], "regex": "(z);true"}),
    );
    has(
        json!({"action": "keep", "source_labels": ["__meta_kubernetes_service_labelpresent_d"], "regex": "true"}),
    );
    has(
        json!({"action": "drop", "source_labels": ["__meta_kubernetes_service_labelpresent_e"], "regex": "true"}),
    );
    has(
        json!({"action": "keep", "source_labels": ["__meta_kubernetes_pod_container_port_number"], "regex": "8080"}),
    );
    has(json!({"target_label": "endpoint", "replacement": "8080"}));
    has(
        json!({"source_labels": ["__meta_kubernetes_service_label_t_l"], "target_label": "t_l", "regex": "(.+)", "replacement": "${1}"}),
    );
    assert_eq!(
        jobs[0]["kubernetes_sd_configs"],
        json!([{"role": "endpoints", "attach_metadata": {"node": true}}])
    );
    let config = loaded(&jobs);
    assert_eq!(config.scrape_configs[0].common.interval_ms, 7000);
    assert_eq!(
        (config.scrape_configs[1].common.interval_ms, config.scrape_configs[1].scheme.as_str()),
        (3000, "https")
    );
    let shown = config.to_yaml();
    assert!(shown.contains("<secret>") && !shown.contains("pw1") && !shown.contains("pw2"), "{shown}");
}

#[test]
fn pod_monitors_find_pods_by_port() {
    let spec = json!({"jobLabel": "app", "selector": {"matchLabels": {"app": "x"}}, "podTargetLabels": ["version"],
        "podMetricsEndpoints": [{"port": "web", "path": "/m"}, {"portNumber": 81}, {"targetPort": "admin"}]});
    let jobs = pod_monitor("shop", "p", &spec, &mut Secrets::default()).unwrap();
    assert_eq!(jobs[0]["job_name"], "podMonitor/shop/p/0");
    assert_eq!(jobs[0]["kubernetes_sd_configs"], json!([{"role": "pod", "namespaces": {"names": ["shop"]}}]));
    let at = |job: usize, label: &str| {
        let steps = jobs[job]["relabel_configs"].as_array().unwrap();
        steps.iter().find(|step| step["source_labels"] == json!([label])).unwrap()["regex"].clone()
    };
    assert_eq!(at(0, "__meta_kubernetes_pod_container_port_name"), "web");
    assert_eq!(at(1, "__meta_kubernetes_pod_container_port_number"), "81");
    assert_eq!(at(2, "__meta_kubernetes_pod_container_port_name"), "admin");
    let steps = jobs[0]["relabel_configs"].as_array().unwrap();
    assert!(steps.contains(&json!({"target_label": "job", "replacement": "shop/p"})));
    assert_eq!(loaded(&jobs).scrape_configs.len(), 3);
}

#[test]
fn probes_ask_the_prober_about_static_targets_and_ingresses() {
    let fixed = json!({"jobName": "j", "module": "http_2xx", "interval": "30s", "prober": {"url": "blackbox:9115"},
        "targets": {"staticConfig": {"static": ["https://a", "https://b"], "labels": {"x": "y"}}}});
    let jobs = probe("shop", "p", &fixed, &mut Secrets::default()).unwrap();
    assert_eq!(jobs[0]["metrics_path"], "/probe");
    assert_eq!(jobs[0]["params"], json!({"module": ["http_2xx"]}));
    assert_eq!(
        jobs[0]["static_configs"],
        json!([{"targets": ["https://a", "https://b"], "labels": {"x": "y", "namespace": "shop"}}])
    );
    let steps = jobs[0]["relabel_configs"].as_array().unwrap();
    assert_eq!(steps[1], json!({"target_label": "job", "replacement": "j"}));
    assert_eq!(steps[4], json!({"target_label": "__address__", "replacement": "blackbox:9115"}));
    assert_eq!(steps[5]["source_labels"], json!(["__param_target", "__tmp_hash"]));
    assert_eq!(loaded(&jobs).scrape_configs.len(), 1);
    let ingress = json!({"prober": {"url": "b"}, "targets": {"ingress": {"selector": {"matchLabels": {"a": "b"}}, "namespaceSelector": {"any": true}}}});
    let jobs = probe("shop", "p", &ingress, &mut Secrets::default()).unwrap();
    assert_eq!(jobs[0]["kubernetes_sd_configs"], json!([{"role": "ingress"}]));
    assert_eq!(loaded(&jobs).scrape_configs.len(), 1);
    assert!(probe("shop", "p", &json!({"prober": {"url": "b"}}), &mut Secrets::default()).is_err());
}

#[test]
fn scrape_configs_have_any_discovery() {
    let mut secrets = secrets(&[("s", "token", "t")]);
    let spec = json!({"jobName": "renamed", "scrapeInterval": "9s", "metricsPath": "/x", "scheme": "HTTPS",
        "staticConfigs": [{"targets": ["a:1"], "labels": {"fooBar": "x"}}],
        "fileSDConfigs": [{"files": ["f.yml"], "refreshInterval": "1m"}],
        "kubernetesSDConfigs": [{"role": "Pod", "namespaces": {"names": ["n"]}, "attachMetadata": {"node": true},
            "selectors": [{"role": "Pod", "label": "a=b"}]}],
        "consulSDConfigs": [{"server": "c:8500", "tokenRef": {"name": "s", "key": "token"}, "allowStale": true}],
        "relabelings": [{"action": "Keep", "sourceLabels": ["x"], "regex": "y"}]});
    let jobs = scrape_config("monitoring", "sc", &spec, &mut secrets).unwrap();
    let job = &jobs[0];
    assert_eq!(job["job_name"], "scrapeConfig/monitoring/sc");
    assert_eq!(job["static_configs"], json!([{"targets": ["a:1"], "labels": {"fooBar": "x"}}]));
    assert_eq!(
        job["kubernetes_sd_configs"],
        json!([{"role": "pod", "namespaces": {"names": ["n"]},
        "attach_metadata": {"node": true}, "selectors": [{"role": "pod", "label": "a=b"}]}])
    );
    assert_eq!(job["consul_sd_configs"], json!([{"server": "c:8500", "token": "t", "allow_stale": true}]));
    assert_eq!(
        job["relabel_configs"],
        json!([
            {"source_labels": ["job"], "target_label": "__tmp_prometheus_job_name"},
            {"target_label": "job", "action": "replace", "replacement": "renamed"},
            {"source_labels": ["x"], "regex": "y", "action": "keep"},
        ])
    );
    let config = loaded(&jobs);
    assert_eq!(
        (config.scrape_configs[0].common.interval_ms, config.scrape_configs[0].scheme.as_str()),
        (9000, "https")
    );
}

#[test]
fn a_resource_whose_secret_is_missing_is_refused_and_the_secret_is_asked_for() {
    let mut secrets = Secrets::default();
    let spec = json!({"endpoints": [{"port": "a", "bearerTokenSecret": {"name": "s", "key": "k"}}]});
    let write = |secrets: &mut Secrets| service_monitor("n", "m", &spec, secrets);
    assert_eq!(write(&mut secrets).unwrap_err(), "unable to get secret n/s: not read yet");
    let place = secrets.wanted.first().unwrap().clone();
    secrets.known.insert(place.clone(), None);
    assert_eq!(write(&mut secrets).unwrap_err(), "unable to get secret n/s: not found");
    secrets.known.insert(place.clone(), Some(Default::default()));
    assert_eq!(write(&mut secrets).unwrap_err(), "key \"k\" in secret n/s not found");
    secrets.known.insert(place, Some([("k".to_owned(), "v".to_owned())].into()));
    assert_eq!(write(&mut secrets).unwrap()[0]["bearer_token"], "v");
}

#[test]
fn a_job_that_is_no_configuration_adds_nothing() {
    let mut config = loaded(&[]);
    let error = config.add_scrape_config(r#"{"job_name": "a", "scrape_interval": "x"}"#).unwrap_err();
    assert!(error.to_string().contains("not a valid duration string"), "{error}");
    assert!(config.scrape_configs.is_empty());
    config.add_scrape_config(r#"{"job_name": "a"}"#).unwrap();
    let error = config.add_scrape_config(r#"{"job_name": "a"}"#).unwrap_err();
    assert!(error.to_string().contains("found multiple scrape configs"), "{error}");
}

#[test]
fn rules_become_a_rule_file_without_what_only_thanos_knows() {
    let spec = json!({"groups": [{"name": "g", "interval": "30s", "partial_response_strategy": "warn", "rules": [
        {"record": "a:b", "expr": 1}, {"alert": "A", "expr": "up == 0", "for": "5m", "labels": {"severity": "page"}}]}]});
    let (name, text) = rule_file("shop", "r", &spec);
    assert_eq!(name, "shop-r.yaml");
    let mut config = loaded(&[]);
    config.rule_texts.push((name.clone(), text));
    let groups = crate::rules::load::load(&config, Default::default()).unwrap();
    let [group] = groups.as_slice() else { panic!("{groups:?}") };
    assert_eq!(
        (group.file.as_str(), group.spec.name.as_str(), group.spec.rules.len()),
        (name.as_str(), "g", 2)
    );
}
