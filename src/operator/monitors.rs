//! `ServiceMonitor`, `PodMonitor` and `Probe` as the scrape configs that the operator would write for them.

use super::job::{Job, list, port, text};
use super::secrets::{Refused, Secrets};
use serde_json::{Value, json};

/// The jobs of a `ServiceMonitor`, one for each endpoint.
///
/// # Errors
/// A secret that it names is not there.
pub fn service_monitor(
    namespace: &str,
    name: &str,
    spec: &Value,
    secrets: &mut Secrets,
) -> Result<Vec<Value>, Refused> {
    let mut jobs = Vec::new();
    for (i, endpoint) in list(spec, "endpoints").iter().enumerate() {
        let mut job = Job::new(format!("serviceMonitor/{namespace}/{name}/{i}"), namespace, secrets);
        job.honours(endpoint);
        job.discover("endpoints", spec.get("namespaceSelector"), spec.get("attachMetadata"));
        job.requests(endpoint);
        job.access(endpoint)?;
        job.select("service", spec.get("selector"));
        let wanted = text(endpoint, "port");
        let target_port = port(endpoint, "targetPort");
        if !wanted.is_empty() {
            job.step(keep("__meta_kubernetes_endpoint_port_name", wanted));
        } else if let Some(target_port) = &target_port {
            job.step(keep(container_port(endpoint, "targetPort"), target_port));
        }
        let target = [
            "__meta_kubernetes_endpoint_address_target_kind",
            "__meta_kubernetes_endpoint_address_target_name",
        ];
        for (kind, label) in [("Node", "node"), ("Pod", "pod")] {
            job.step(json!({
                "source_labels": target, "separator": ";", "regex": format!("{kind};(.*)"),
                "replacement": "${1}", "target_label": label,
            }));
        }
        for (source, label) in [
            ("namespace", "namespace"),
            ("service_name", "service"),
            ("pod_name", "pod"),
            ("pod_container_name", "container"),
        ] {
            job.step(label_from(source, label));
        }
        job.running_only(endpoint);
        job.target_labels("service", list(spec, "targetLabels"));
        job.target_labels("pod", list(spec, "podTargetLabels"));
        job.step(json!({
            "source_labels": ["__meta_kubernetes_service_name"], "target_label": "job", "replacement": "${1}",
        }));
        job.job_label("service", spec);
        if let Some(shown) = Some(wanted.to_owned()).filter(|port| !port.is_empty()).or(target_port) {
            job.step(json!({"target_label": "endpoint", "replacement": shown}));
        }
        job.steps(list(endpoint, "relabelings"));
        job.shard("__address__");
        job.limits(spec);
        jobs.push(job.finish(list(endpoint, "metricRelabelings")));
    }
    Ok(jobs)
}

/// The jobs of a `PodMonitor`, one for each endpoint.
///
/// # Errors
/// A secret that it names is not there.
pub fn pod_monitor(
    namespace: &str,
    name: &str,
    spec: &Value,
    secrets: &mut Secrets,
) -> Result<Vec<Value>, Refused> {
    let mut jobs = Vec::new();
    for (i, endpoint) in list(spec, "podMetricsEndpoints").iter().enumerate() {
        let mut job = Job::new(format!("podMonitor/{namespace}/{name}/{i}"), namespace, secrets);
        job.honours(endpoint);
        job.discover("pod", spec.get("namespaceSelector"), spec.get("attachMetadata"));
        job.requests(endpoint);
        job.access(endpoint)?;
        job.running_only(endpoint);
        job.select("pod", spec.get("selector"));
        let wanted = text(endpoint, "port");
        let number = port(endpoint, "portNumber");
        let target_port = port(endpoint, "targetPort");
        let shown = if !wanted.is_empty() {
            job.step(keep("__meta_kubernetes_pod_container_port_name", wanted));
            Some(wanted.to_owned())
        } else if let Some(number) = number {
            job.step(keep("__meta_kubernetes_pod_container_port_number", &number));
            Some(number)
        } else {
            if let Some(target_port) = &target_port {
                job.step(keep(container_port(endpoint, "targetPort"), target_port));
            }
            target_port
        };
        for (source, label) in
            [("namespace", "namespace"), ("pod_container_name", "container"), ("pod_name", "pod")]
        {
            job.step(label_from(source, label));
        }
        job.target_labels("pod", list(spec, "podTargetLabels"));
        job.step(json!({"target_label": "job", "replacement": format!("{namespace}/{name}")}));
        job.job_label("pod", spec);
        if let Some(shown) = shown {
            job.step(json!({"target_label": "endpoint", "replacement": shown}));
        }
        job.steps(list(endpoint, "relabelings"));
        job.shard("__address__");
        job.limits(spec);
        jobs.push(job.finish(list(endpoint, "metricRelabelings")));
    }
    Ok(jobs)
}

/// The job of a `Probe`.
///
/// # Errors
/// A secret that it names is not there, or it names nothing to probe.
pub fn probe(
    namespace: &str,
    name: &str,
    spec: &Value,
    secrets: &mut Secrets,
) -> Result<Vec<Value>, Refused> {
    let nothing = Value::Null;
    let (prober, targets) = (spec.get("prober").unwrap_or(&nothing), spec.get("targets").unwrap_or(&nothing));
    let mut job = Job::new(format!("probe/{namespace}/{name}"), namespace, secrets);
    job.set("honor_timestamps", true);
    let path = Some(text(prober, "path")).filter(|path| !path.is_empty()).unwrap_or("/probe");
    job.set("metrics_path", path);
    job.copy(spec, &[("interval", "scrape_interval"), ("scrapeTimeout", "scrape_timeout")]);
    job.copy(prober, &[("proxyUrl", "proxy_url")]);
    let scheme = text(prober, "scheme").to_lowercase();
    if !scheme.is_empty() {
        job.set("scheme", scheme);
    }
    let module = text(spec, "module");
    if !module.is_empty() {
        job.set("params", json!({"module": [module]}));
    }
    let job_name = text(spec, "jobName");
    if !job_name.is_empty() {
        job.step(json!({"target_label": "job", "replacement": job_name}));
    }
    let to_prober = json!({"target_label": "__address__", "replacement": text(prober, "url")});
    let instance = json!({"source_labels": ["__param_target"], "target_label": "instance"});
    if let Some(fixed) = targets.get("staticConfig").filter(|fixed| !fixed.is_null()) {
        let mut labels = fixed.get("labels").and_then(Value::as_object).cloned().unwrap_or_default();
        labels.entry("namespace").or_insert_with(|| namespace.into());
        job.set("static_configs", json!([{"targets": list(fixed, "static"), "labels": labels}]));
        job.step(json!({"source_labels": ["__address__"], "target_label": "__param_target"}));
        job.step(instance);
        job.step(to_prober);
        job.steps(list(fixed, "relabelingConfigs"));
    } else if let Some(ingress) = targets.get("ingress").filter(|ingress| !ingress.is_null()) {
        job.select("ingress", ingress.get("selector"));
        job.discover("ingress", ingress.get("namespaceSelector"), None);
        job.step(json!({
            "source_labels": ["__meta_kubernetes_ingress_scheme", "__address__", "__meta_kubernetes_ingress_path"],
            "separator": ";", "regex": "(.+);(.+);(.+)", "target_label": "__param_target",
            "replacement": "${1}://${2}${3}", "action": "replace",
        }));
        job.step(label_from("namespace", "namespace"));
        job.step(label_from("ingress_name", "ingress"));
        job.step(json!({
            "source_labels": ["__address__"], "separator": ";", "regex": "(.*)",
            "target_label": "__tmp_ingress_address", "replacement": "$1", "action": "replace",
        }));
        job.step(instance);
        job.step(to_prober);
        job.steps(list(ingress, "relabelingConfigs"));
    } else {
        return Err("no targets: neither staticConfig nor ingress is given".to_owned());
    }
    job.shard("__param_target");
    job.limits(spec);
    job.access(spec)?;
    Ok(vec![job.finish(list(spec, "metricRelabelings"))])
}

fn keep(label: &str, regex: &str) -> Value {
    json!({"action": "keep", "source_labels": [label], "regex": regex})
}

/// The label that a port of a container is found by: a number by its number, a name by its name.
fn container_port(endpoint: &Value, field: &str) -> &'static str {
    match endpoint.get(field) {
        Some(Value::Number(_)) => "__meta_kubernetes_pod_container_port_number",
        _ => "__meta_kubernetes_pod_container_port_name",
    }
}

fn label_from(source: &str, target: &str) -> Value {
    json!({"source_labels": [format!("__meta_kubernetes_{source}")], "target_label": target})
}
