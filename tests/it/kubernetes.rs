//! Discovery in a Kubernetes cluster, against a stand-in for its API server.

pub mod api;
pub mod cluster;

use crate::harness::{Narthex, Peer, eventually, get, program, shared};
use api::Api;
use cluster::{NODES, PODS, SERVICES, SLICES, endpoint, node, pod};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;

/// Runs a program in a world of its own.
type Wrapped = Box<dyn Fn(&Path) -> Command>;

/// A command whose service account is that of the cluster, or `None` after saying that the kernel
/// does not allow it: a mount namespace of its own has `/var/run` for itself.
fn as_pod(api: &Api, account: &Path) -> Option<Wrapped> {
    std::fs::write(account.join("token"), api::TOKEN).unwrap();
    std::fs::write(account.join("ca.crt"), api::CA).unwrap();
    std::fs::write(account.join("namespace"), "monitoring").unwrap();
    let script = "mount -t tmpfs none /var/run && mkdir -p /var/run/secrets/kubernetes.io && \
                  cp -r \"$0\" /var/run/secrets/kubernetes.io/serviceaccount && exec \"$@\"";
    let (account, port) = (account.to_owned(), api.port.to_string());
    let command = move |flags: &str, program: &Path| {
        let mut command = Command::new("unshare");
        command.args([flags, "sh", "-c", script]).arg(&account).arg(program);
        command.env("KUBERNETES_SERVICE_HOST", "127.0.0.1").env("KUBERNETES_SERVICE_PORT", &port);
        command
    };
    let works = |flags: &&&str| {
        let status = command(flags, Path::new("true")).output();
        status.is_ok_and(|output| output.status.success())
    };
    let Some(flags) = ["-m", "-rm"].iter().find(works).map(|flags| (*flags).to_owned()) else {
        // Nothing that could be installed would change it, so it is no reason to fail a run.
        println!("NOT POSSIBLE HERE: no mount namespace can be made, so there is no service account");
        return None;
    };
    Some(Box::new(move |program| command(&flags, program)))
}

type LabelMap = BTreeMap<String, String>;

/// Job, URL and labels of the active targets, and job and labels before relabelling of all targets.
#[derive(Debug, Default, PartialEq)]
struct Targets {
    active: BTreeSet<(String, String, LabelMap)>,
    discovered: Vec<(String, LabelMap)>,
}

fn targets(url: &str) -> Targets {
    let map = |labels: &Value| -> LabelMap { serde_json::from_value(labels.clone()).unwrap() };
    // The peer does not tell the job of a target that it dropped.
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let data = get(&format!("{url}/api/v1/targets")).unwrap().data();
    let (active, dropped) =
        (data["activeTargets"].as_array().unwrap(), data["droppedTargets"].as_array().unwrap());
    let discovered = active
        .iter()
        .chain(dropped)
        .map(|target| (text(&target["scrapePool"]), map(&target["discoveredLabels"])));
    let active = active
        .iter()
        .map(|target| (text(&target["scrapePool"]), text(&target["scrapeUrl"]), map(&target["labels"])));
    Targets { active: active.collect(), discovered: discovered.collect() }
}

impl Targets {
    /// URLs of the active targets of a job.
    fn urls(&self, job: &str) -> Vec<String> {
        let mut urls: Vec<String> =
            self.active.iter().filter(|(pool, _, _)| pool == job).map(|(_, url, _)| url.clone()).collect();
        urls.sort();
        urls
    }

    /// Labels of the only active target with this URL.
    fn labels(&self, job: &str, url: &str) -> LabelMap {
        let mut found = self.active.iter().filter(|target| target.0 == job && target.1 == url);
        let labels = found.next().unwrap_or_else(|| panic!("{url} in {:?}", self.urls(job))).2.clone();
        assert_eq!(found.next(), None);
        labels
    }

    /// Labels before relabelling of the first target of a job with this address, without the prefix.
    fn discovered(&self, job: &str, address: &str) -> LabelMap {
        let of = |target: &&(String, LabelMap)| target.0 == job && target.1["__address__"] == address;
        let (_, labels) = self.discovered.iter().find(of).unwrap_or_else(|| panic!("{address}: {self:#?}"));
        let short = |name: &String| name.trim_start_matches("__meta_kubernetes_").to_owned();
        labels.iter().map(|(name, value)| (short(name), value.clone())).collect()
    }
}

/// Jobs of the chart and the URLs that they find.
type Expected<'a> = &'a [(&'a str, &'a [&'a str])];

/// Waits until the jobs find these targets and no others.
fn finds(narthex: &Narthex, what: &str, expected: Expected<'_>) -> Targets {
    let mut last = Vec::new();
    let found = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        eventually(what, || {
            let targets = targets(&narthex.url);
            last = expected.iter().map(|(job, _)| (job.to_string(), targets.urls(job))).collect();
            let same = |(job, urls): &(&str, &[&str])| targets.urls(job) == *urls;
            expected.iter().all(same).then_some(targets)
        })
    }));
    found.unwrap_or_else(|_| panic!("{what}: {last:#?}"))
}

/// The chart's configuration with files in the place of the cluster, one for each job.
fn with_files(config: &str, dir: &Path) -> String {
    let (mut out, mut job) = (String::new(), String::new());
    let config = config.split_once("rule_files:").unwrap().0;
    for line in config.lines() {
        if let Some(name) = line.strip_prefix("- job_name: ") {
            job = name.to_owned();
        }
        let line = match line.trim_start() {
            "kubernetes_sd_configs:" => "  file_sd_configs:".to_owned(),
            role if role.starts_with("- role: ") => format!("  - files: ['{}/{job}.json']", dir.display()),
            _ => line.to_owned(),
        };
        out += &line;
        out.push('\n');
    }
    out
}

/// Writes what was discovered into the files.
fn write_files(targets: &Targets, dir: &Path) {
    let mut jobs: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
    for (job, labels) in &targets.discovered {
        let meta: LabelMap = labels
            .iter()
            .filter(|(name, _)| name.starts_with("__meta_") || *name == "instance")
            .map(|(n, v)| (n.clone(), v.clone()))
            .collect();
        jobs.entry(job).or_default().push(json!({"targets": [labels["__address__"]], "labels": meta}));
    }
    for (job, groups) in jobs {
        let (path, new) = (dir.join(format!("{job}.json")), dir.join(format!("{job}.new")));
        std::fs::write(&new, json!(groups).to_string()).unwrap();
        std::fs::rename(new, path).unwrap();
    }
}

/// Debian's Prometheus has no discovery in Kubernetes, but with what was discovered it has to come to the same targets.
fn agrees(peer: &Peer, found: &Targets, dir: &Path) {
    write_files(found, dir);
    let mut last = BTreeSet::new();
    let same = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        eventually("the peer has the same targets", || {
            last = targets(&peer.url).active;
            (last == found.active).then_some(())
        });
    }));
    if same.is_err() {
        let ours: Vec<_> = found.active.difference(&last).collect();
        let theirs: Vec<_> = last.difference(&found.active).collect();
        panic!("only ours: {ours:#?}\nonly the peer's: {theirs:#?}");
    }
}

#[test]
fn the_community_charts_configuration_finds_its_targets_with_their_labels() {
    let (Some(prometheus), Some(config)) = (program("prometheus"), shared("corpus/prometheus-chart.yml"))
    else {
        return;
    };
    let config = std::fs::read_to_string(config).unwrap();
    let api = Api::secure();
    cluster::fill(&api);
    let dir = TempDir::new().unwrap();
    let (account, files) = (dir.path().join("account"), dir.path().join("files"));
    std::fs::create_dir(&account).unwrap();
    std::fs::create_dir(&files).unwrap();
    let Some(command) = as_pod(&api, &account) else { return };
    let path = dir.path().join("prometheus.yml");
    std::fs::write(&path, &config).unwrap();
    let flag = format!("--config.file={}", path.display());
    let binary = Path::new(env!("CARGO_BIN_EXE_narthex"));
    let narthex = Narthex::launch(command(binary), &dir.path().join("data"), &[&flag]).unwrap();
    let found = finds(&narthex, "the first targets", FIRST);
    let peer = Peer::prometheus_by(command(&prometheus), &with_files(&config, &files));
    agrees(&peer, &found, &files);
    assert!(api.requests().iter().all(|request| request.ends_with(&format!("Bearer {}", api::TOKEN))));
    let labels = |pairs: &[(&str, &str)]| -> LabelMap {
        pairs.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect()
    };
    let want = labels(&[
        ("app_kubernetes_io_name", "web"),
        ("instance", "10.1.0.10:9102"),
        ("job", "kubernetes-pods"),
        ("namespace", "shop"),
        ("node", "n1"),
        ("pod", "web-0"),
    ]);
    assert_eq!(found.labels("kubernetes-pods", "http://10.1.0.10:9102/metrics"), want);
    let want = labels(&[
        ("app", "web"),
        ("instance", "10.1.0.10:8080"),
        ("job", "kubernetes-service-endpoints"),
        ("namespace", "shop"),
        ("node", "n1"),
        ("service", "web"),
    ]);
    assert_eq!(found.labels("kubernetes-service-endpoints", "http://10.1.0.10:8080/metrics"), want);
    let want = labels(&[
        ("instance", "n1"),
        ("job", "kubernetes-nodes-cadvisor"),
        ("kubernetes_io_hostname", "n1"),
        ("metrics_path", "/metrics/cadvisor"),
        ("zone", "z1"),
    ]);
    assert_eq!(found.labels("kubernetes-nodes-cadvisor", "https://10.0.0.1:10250/metrics/cadvisor"), want);

    // The cluster goes on: a node joins, one leaves, a pod is replaced, a service opts in, a slice grows.
    api.put(node("n3", "10.0.0.3"));
    api.delete(NODES, "", "n2");
    api.delete(PODS, "shop", "web-1");
    api.put(pod("web-2", "10.1.0.30", json!({"annotations": {"prometheus.io/scrape": "true"}})));
    api.edit(SLICES, "shop", "web-abc", |slice| {
        slice["endpoints"] = json!([
            endpoint("10.1.0.10", "web-0", true),
            endpoint("10.1.0.30", "web-2", true),
            endpoint("10.1.0.31", "unknown", true)
        ]);
    });
    api.edit(SERVICES, "shop", "quiet", |service| {
        service["metadata"]["annotations"] = json!({"prometheus.io/scrape": "true"});
    });
    api.delete(SERVICES, "monitoring", "push");
    let found = finds(&narthex, "the targets after the change", SECOND);
    agrees(&peer, &found, &files);
}

/// What the chart's jobs find at first.
const FIRST: Expected<'_> = &[
    ("kubernetes-api-servers", &["https://10.0.0.1:6443/metrics"]),
    ("kubernetes-nodes", &["https://10.0.0.1:10250/metrics", "https://10.0.0.2:10250/metrics"]),
    (
        "kubernetes-nodes-cadvisor",
        &["https://10.0.0.1:10250/metrics/cadvisor", "https://10.0.0.2:10250/metrics/cadvisor"],
    ),
    (
        "kubernetes-pods",
        &[
            "http://10.1.0.10:9102/metrics",
            "http://10.1.0.15/metrics",
            "http://10.1.0.15:1001/metrics",
            "http://10.1.0.15:1002/metrics",
            "http://10.1.0.15:1003/metrics",
            "http://[fd00::7]:9102/metrics",
            "https://10.1.0.11:8080/m?module=x",
        ],
    ),
    ("kubernetes-pods-slow", &["http://10.1.0.12:8080/metrics"]),
    (
        "kubernetes-service-endpoints",
        &["http://10.1.0.10:8080/metrics", "http://10.1.0.11:8080/metrics", "http://10.1.0.15:9999/metrics"],
    ),
    ("kubernetes-service-endpoints-slow", &["http://10.1.0.13:8080/metrics"]),
    ("kubernetes-services", &["http://blackbox/probe?module=http_2xx&target=site.shop.svc%3A80"]),
    ("prometheus-pushgateway", &["http://push.monitoring.svc:9091/metrics"]),
];

/// What they find after the change.
const SECOND: Expected<'_> = &[
    ("kubernetes-nodes", &["https://10.0.0.1:10250/metrics", "https://10.0.0.3:10250/metrics"]),
    (
        "kubernetes-nodes-cadvisor",
        &["https://10.0.0.1:10250/metrics/cadvisor", "https://10.0.0.3:10250/metrics/cadvisor"],
    ),
    (
        "kubernetes-pods",
        &[
            "http://10.1.0.10:9102/metrics",
            "http://10.1.0.15/metrics",
            "http://10.1.0.15:1001/metrics",
            "http://10.1.0.15:1002/metrics",
            "http://10.1.0.15:1003/metrics",
            "http://10.1.0.30:8080/metrics",
            "http://[fd00::7]:9102/metrics",
        ],
    ),
    (
        "kubernetes-service-endpoints",
        &[
            "http://10.1.0.10:8080/metrics",
            "http://10.1.0.13:8080/metrics",
            "http://10.1.0.15:9999/metrics",
            "http://10.1.0.30:8080/metrics",
            "http://10.1.0.31:8080/metrics",
        ],
    ),
    ("prometheus-pushgateway", &[]),
];

#[test]
fn namespaces_selectors_and_attached_metadata_are_asked_for() {
    let api = Api::plain();
    cluster::fill(&api);
    let entry = |job: &str, rest: &str| {
        format!("- job_name: {job}\n  kubernetes_sd_configs: [{{api_server: '{}', {rest}}}]\n", api.url())
    };
    let config = "scrape_configs:\n".to_owned()
        + &entry("space", "role: pod, namespaces: {names: [monitoring]}")
        + &entry("label", "role: service, selectors: [{role: service, label: app=web}]")
        + &entry("field", "role: pod, selectors: [{role: pod, field: status.phase=Succeeded}]")
        + &entry("attach", "role: pod, attach_metadata: {node: true, namespace: true, deployment: true}")
        + &entry("endpoints", "role: endpoints, attach_metadata: {node: true, namespace: true}")
        + &entry("slice", "role: endpointslice, attach_metadata: {node: true, namespace: true}")
        + &entry("ingress", "role: ingress, attach_metadata: {namespace: true}");
    let dir = TempDir::new().unwrap();
    let narthex = Narthex::with_config(dir.path(), &config, &[]);
    let found = finds(
        &narthex,
        "the selected targets",
        &[
            ("space", &["http://10.1.0.20:9093/metrics"]),
            ("label", &["http://web.shop.svc:80/metrics"]),
            ("field", &["http://10.1.0.14:8080/metrics"]),
            ("ingress", &["http://deep.shop.example.org/metrics", "http://shop.example.org/metrics"]),
            (
                "endpoints",
                &[
                    "http://10.1.0.10:8080/metrics",
                    "http://10.1.0.15:1001/metrics",
                    "http://10.1.0.15:1002/metrics",
                    "http://10.1.0.15:1003/metrics",
                    "http://10.1.0.15:8080/metrics",
                ],
            ),
        ],
    );
    let found = eventually("the other jobs are there too", || {
        let found = if found.discovered.is_empty() { Targets::default() } else { targets(&narthex.url) };
        let has = |job: &str| found.discovered.iter().any(|target| target.0 == job);
        ["attach", "slice"].into_iter().all(has).then_some(found)
    });
    for (job, address) in
        [("attach", "10.1.0.10:8080"), ("endpoints", "10.1.0.10:8080"), ("slice", "10.1.0.10:8080")]
    {
        let labels = found.discovered(job, address);
        for (name, value) in [
            ("namespace", "shop"),
            ("namespace_label_team", "shop"),
            ("node_name", "n1"),
            ("node_label_zone", "z1"),
            ("pod_name", "web-0"),
            ("pod_container_name", "main"),
            ("pod_controller_name", "web-77"),
        ] {
            assert_eq!(labels[name], value, "{job}: {labels:?}");
        }
    }
    assert_eq!(found.discovered("attach", "10.1.0.10:8080")["pod_deployment_name"], "web");
    assert_eq!(found.discovered("ingress", "shop.example.org")["ingress_scheme"], "https");
    assert_eq!(found.discovered("ingress", "deep.shop.example.org")["ingress_scheme"], "http");
    assert_eq!(found.discovered("ingress", "shop.example.org")["namespace_label_team"], "shop");
    // Attached metadata changes with its object.
    api.edit(NODES, "", "n1", |node| node["metadata"]["labels"]["zone"] = json!("z9"));
    eventually("the label of the node is new everywhere", || {
        let found = targets(&narthex.url);
        let zone = |job: &&str| found.discovered(job, "10.1.0.10:8080")["node_label_zone"] == "z9";
        ["attach", "endpoints", "slice"].iter().all(zone).then_some(())
    });
}

#[test]
fn a_watch_goes_on_after_disconnects_expired_versions_and_a_server_that_fails() {
    let api = Api::plain();
    cluster::fill(&api);
    let config = format!(
        "scrape_configs:\n- job_name: nodes\n  kubernetes_sd_configs: [{{role: node, api_server: '{}'}}]\n",
        api.url()
    );
    let dir = TempDir::new().unwrap();
    let narthex = Narthex::with_config(dir.path(), &config, &[]);
    let nodes = || {
        let urls = targets(&narthex.url).urls("nodes");
        urls.into_iter().map(|url| url.split(['/', ':']).nth(3).unwrap().to_owned()).collect::<Vec<_>>()
    };
    let failures = || -> u64 {
        let page = narthex.get("/metrics").text();
        let line =
            page.lines().find(|line| line.starts_with("prometheus_sd_kubernetes_failures_total")).unwrap();
        line.rsplit_once(' ').unwrap().1.parse().unwrap()
    };
    let sees = |what: &str, want: &[&str]| {
        eventually(&format!("{what}: {want:?}"), || (nodes() == want).then_some(()));
    };
    sees("the first list", &["10.0.0.1", "10.0.0.2"]);
    assert_eq!(failures(), 0);

    api.drop_watches();
    api.put(node("n3", "10.0.0.3"));
    sees("a dropped connection", &["10.0.0.1", "10.0.0.2", "10.0.0.3"]);
    assert_eq!(failures(), 0);

    // What happened while nobody listened is only in a new list.
    api.delete(NODES, "", "n1");
    api.put(node("n4", "10.0.0.4"));
    api.expire();
    sees("an expired version", &["10.0.0.2", "10.0.0.3", "10.0.0.4"]);

    api.set_failing(true);
    let before = failures();
    eventually("failures are counted", || (failures() > before).then_some(()));
    assert_eq!(nodes(), ["10.0.0.2", "10.0.0.3", "10.0.0.4"]);
    assert!(narthex.log().contains("Failed to watch"), "{}", narthex.log());
    api.delete(NODES, "", "n2");
    api.expire();
    api.set_failing(false);
    sees("a server that came back", &["10.0.0.3", "10.0.0.4"]);
    let page = narthex.get("/metrics").text();
    for line in [
        "prometheus_sd_kubernetes_events_total{role=\"node\",event=\"delete\"} 2",
        "prometheus_sd_kubernetes_events_total{role=\"ingress\",event=\"add\"} 0",
        "prometheus_sd_discovered_targets{name=\"scrape\",config=\"nodes\"} 2",
    ] {
        assert!(page.lines().any(|found| found == line), "{line}");
    }
    assert!(page.contains("prometheus_sd_kubernetes_http_request_total{status_code=\"500\"}"));
    assert!(page.contains(
        "prometheus_sd_kubernetes_http_request_duration_seconds_count{endpoint=\"/api/v1/nodes\"}"
    ));
}

#[test]
fn custom_resources_become_jobs_and_follow_the_cluster() {
    let api = Api::secure();
    cluster::fill(&api);
    let dir = TempDir::new().unwrap();
    let account = dir.path().join("account");
    std::fs::create_dir(&account).unwrap();
    let Some(command) = as_pod(&api, &account) else { return };
    let resource = |version: &str, kind: &str, name: &str, spec: Value| {
        json!({"apiVersion": format!("monitoring.coreos.com/{version}"), "kind": kind,
            "metadata": {"name": name, "namespace": "shop"}, "spec": spec})
    };
    let monitor = |endpoint: Value| {
        resource(
            "v1",
            "ServiceMonitor",
            "web",
            json!({"selector": {"matchLabels": {"app": "web"}}, "endpoints": [endpoint]}),
        )
    };
    let secured = json!({"port": "http", "bearerTokenSecret": {"name": "web", "key": "token"}});
    api.put(monitor(secured));
    let ended = json!({"selector": {}, "podMetricsEndpoints": [{"port": "http", "filterRunning": false,
        "relabelings": [{"action": "keep", "sourceLabels": ["__meta_kubernetes_pod_phase"], "regex": "Succeeded"}]}]});
    api.put(resource("v1", "PodMonitor", "ended", ended));
    api.put(resource(
        "v1",
        "Probe",
        "site",
        json!({"prober": {"url": "blackbox:9115"}, "module": "http_2xx",
        "targets": {"ingress": {"selector": {"matchLabels": {"app": "site"}}}}}),
    ));
    api.put(resource(
        "v1alpha1",
        "ScrapeConfig",
        "far",
        json!({"jobName": "far", "staticConfigs": [{"targets": ["far:1"]}]}),
    ));
    api.put(resource("v1alpha1", "ScrapeConfig", "bad", json!({"scrapeInterval": "often"})));
    let group = |record: &str| json!({"groups": [{"name": "g", "interval": "1s", "rules": [{"record": record, "expr": "vector(7)"}]}]});
    api.put(resource("v1", "PrometheusRule", "fine", group("from:cluster")));
    api.put(resource(
        "v1",
        "PrometheusRule",
        "broken",
        json!({"groups": [{"name": "g", "rules": [{"record": "x", "expr": "("}]}]}),
    ));
    let path = dir.path().join("prometheus.yml");
    std::fs::write(&path, "scrape_configs: [{job_name: own, static_configs: [{targets: ['own:1']}]}]\n")
        .unwrap();
    let flag = format!("--config.file={}", path.display());
    let binary = Path::new(env!("CARGO_BIN_EXE_narthex"));
    let flags = [flag.as_str(), "--kubernetes.operator-crds"];
    let narthex = Narthex::launch(command(binary), &dir.path().join("data"), &flags).unwrap();
    let rest: Expected<'_> = &[
        ("own", &["http://own:1/metrics"]),
        ("podMonitor/shop/ended/0", &["http://10.1.0.14:8080/metrics"]),
        (
            "probe/shop/site",
            &[
                "http://blackbox:9115/probe?module=http_2xx&target=http%3A%2F%2Fdeep.shop.example.org%2F",
                "http://blackbox:9115/probe?module=http_2xx&target=https%3A%2F%2Fshop.example.org%2Fa",
            ],
        ),
        ("scrapeConfig/shop/far", &["http://far:1/metrics"]),
    ];
    let found = finds(&narthex, "the jobs of resources that are fine", rest);
    assert!(found.urls("serviceMonitor/shop/web/0").is_empty());
    assert_eq!(found.labels("scrapeConfig/shop/far", "http://far:1/metrics")["job"], "far");
    let log = narthex.log();
    assert!(log.contains("ServiceMonitor shop/web: unable to get secret shop/web: not found"), "{log}");
    assert!(log.contains("Job of a custom resource left out"), "{log}");

    assert!(log.contains("Rules of a custom resource left out"), "{log}");
    eventually("the rule is evaluated", || narthex.value("from:cluster").filter(|value| value == "7"));

    // The secret comes, and with a change of the resource it is read again. `dG9w` is `top`.
    api.put(json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "web", "namespace": "shop"}, "data": {"token": "dG9w"}}));
    api.put(monitor(
        json!({"port": "http", "path": "/other", "bearerTokenSecret": {"name": "web", "key": "token"}}),
    ));
    let job = "serviceMonitor/shop/web/0";
    let found = finds(
        &narthex,
        "the job whose secret came",
        &[(job, &["http://10.1.0.10:8080/other", "http://10.1.0.15:8080/other"])],
    );
    let labels = found.labels(job, "http://10.1.0.10:8080/other");
    let labels: Vec<(&str, &str)> =
        labels.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(
        labels,
        [
            ("container", "main"),
            ("endpoint", "http"),
            ("instance", "10.1.0.10:8080"),
            ("job", "web"),
            ("namespace", "shop"),
            ("pod", "web-0"),
            ("service", "web"),
        ]
    );
    let shown = narthex.get("/api/v1/status/config").text();
    assert!(shown.contains(job) && shown.contains("<secret>") && !shown.contains("top\""), "{shown}");

    api.delete("/apis/monitoring.coreos.com/v1/servicemonitors", "shop", "web");
    finds(&narthex, "the job that is gone", &[(job, &[]), rest[0], rest[1], rest[2], rest[3]]);
    api.put(resource("v1", "PrometheusRule", "fine", group("changed:cluster")));
    eventually("the changed rule is evaluated", || {
        narthex.value("changed:cluster").filter(|value| value == "7")
    });
    let pools = narthex.get("/api/v1/scrape_pools").data();
    assert!(!pools.to_string().contains(job), "{pools}");
}
