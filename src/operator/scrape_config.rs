//! `ScrapeConfig`: a job with any discovery.

use super::access::{self, Section};
use super::job::{Job, list, text};
use super::secrets::{Refused, Secrets};
use serde_json::{Map, Value, json};

/// Lists of discoveries: their field, and the section of the configuration file.
const DISCOVERIES: &[(&str, &str)] = &[
    ("fileSDConfigs", "file_sd_configs"),
    ("httpSDConfigs", "http_sd_configs"),
    ("kubernetesSDConfigs", "kubernetes_sd_configs"),
    ("consulSDConfigs", "consul_sd_configs"),
    ("dnsSDConfigs", "dns_sd_configs"),
    ("ec2SDConfigs", "ec2_sd_configs"),
    ("azureSDConfigs", "azure_sd_configs"),
    ("gceSDConfigs", "gce_sd_configs"),
    ("openstackSDConfigs", "openstack_sd_configs"),
    ("digitalOceanSDConfigs", "digitalocean_sd_configs"),
    ("kumaSDConfigs", "kuma_sd_configs"),
    ("eurekaSDConfigs", "eureka_sd_configs"),
    ("dockerSDConfigs", "docker_sd_configs"),
    ("dockerSwarmSDConfigs", "dockerswarm_sd_configs"),
    ("linodeSDConfigs", "linode_sd_configs"),
    ("hetznerSDConfigs", "hetzner_sd_configs"),
    ("nomadSDConfigs", "nomad_sd_configs"),
    ("puppetDBSDConfigs", "puppetdb_sd_configs"),
    ("lightSailSDConfigs", "lightsail_sd_configs"),
    ("ovhcloudSDConfigs", "ovhcloud_sd_configs"),
    ("scalewaySDConfigs", "scaleway_sd_configs"),
    ("ionosSDConfigs", "ionos_sd_configs"),
];

/// Fields that `access` reads.
const ACCESS: &[&str] = &[
    "basicAuth",
    "authorization",
    "oauth2",
    "tlsConfig",
    "proxyUrl",
    "noProxy",
    "proxyFromEnvironment",
    "proxyConnectHeader",
];

/// Maps whose keys are the user's.
const OWN_KEYS: &[&str] = &["labels", "params", "nodeMeta", "endpointParams"];

/// The job of a `ScrapeConfig`.
///
/// # Errors
/// A secret that it names is not there.
pub fn scrape_config(
    namespace: &str,
    name: &str,
    spec: &Value,
    secrets: &mut Secrets,
) -> Result<Vec<Value>, Refused> {
    let mut discovered: Vec<(&str, Value)> = Vec::new();
    let fixed: Vec<Value> = list(spec, "staticConfigs")
        .iter()
        .map(|group| json!({"targets": list(group, "targets"), "labels": group.get("labels").cloned().unwrap_or(json!({}))}))
        .collect();
    if !fixed.is_empty() {
        discovered.push(("static_configs", fixed.into()));
    }
    for (theirs, ours) in DISCOVERIES {
        let entries = list(spec, theirs).iter().map(|entry| discovery(entry, namespace, secrets));
        let entries: Vec<Value> = entries.collect::<Result<_, _>>()?;
        if !entries.is_empty() {
            discovered.push((ours, entries.into()));
        }
    }
    let mut job = Job::new(format!("scrapeConfig/{namespace}/{name}"), namespace, secrets);
    for (section, entries) in discovered {
        job.set(section, entries);
    }
    job.copy(
        spec,
        &[
            ("scrapeInterval", "scrape_interval"),
            ("scrapeTimeout", "scrape_timeout"),
            ("metricsPath", "metrics_path"),
            ("params", "params"),
            ("honorLabels", "honor_labels"),
            ("honorTimestamps", "honor_timestamps"),
            ("trackTimestampsStaleness", "track_timestamps_staleness"),
            ("enableCompression", "enable_compression"),
            ("enableHTTP2", "enable_http2"),
            ("followRedirects", "follow_redirects"),
            ("nameValidationScheme", "metric_name_validation_scheme"),
            ("nameEscapingScheme", "metric_name_escaping_scheme"),
        ],
    );
    if let Some(scheme) = spec.get("nameValidationScheme").and_then(Value::as_str) {
        job.set("metric_name_validation_scheme", scheme.to_lowercase());
    }
    let scheme = text(spec, "scheme").to_lowercase();
    if !scheme.is_empty() {
        job.set("scheme", scheme);
    }
    job.access(spec)?;
    job.limits(spec);
    let job_name = text(spec, "jobName");
    if !job_name.is_empty() {
        job.step(json!({"target_label": "job", "action": "replace", "replacement": job_name}));
    }
    job.steps(list(spec, "relabelings"));
    Ok(vec![job.finish(list(spec, "metricRelabelings"))])
}

/// An entry of a discovery, in the words of the configuration file.
fn discovery(entry: &Value, namespace: &str, secrets: &mut Secrets) -> Result<Value, Refused> {
    let mut out: Section = access::http(entry, namespace, secrets)?;
    for (key, value) in entry.as_object().into_iter().flatten() {
        if ACCESS.contains(&key.as_str()) || value.is_null() {
            continue;
        }
        let value = match (key.as_str(), value) {
            ("role", Value::String(role)) => Value::String(role.to_lowercase()),
            (key, value) if OWN_KEYS.contains(&key) => value.clone(),
            // EC2 and its kin keep keys, Consul its token, in a secret.
            (_, value) if is_reference(value) => {
                let reference = json!({"bearerTokenSecret": value});
                let mut found = access::http(&reference, namespace, secrets)?;
                found.remove("bearer_token").unwrap_or_default()
            }
            (_, value) => converted(value),
        };
        let key = key.strip_suffix("Ref").unwrap_or(key);
        out.insert(snake(key), value);
    }
    Ok(Value::Object(out))
}

/// `{name, key}`
fn is_reference(value: &Value) -> bool {
    let known = |key: &String| ["name", "key", "optional"].contains(&key.as_str());
    value.get("name").is_some_and(Value::is_string)
        && value.get("key").is_some_and(Value::is_string)
        && value.as_object().is_some_and(|map| map.keys().all(known))
}

fn converted(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let field = |(key, value): (&String, &Value)| {
                let value = match value {
                    // Kubernetes selects by roles, which the resource writes with a capital letter.
                    Value::String(role) if key == "role" => Value::String(role.to_lowercase()),
                    value => converted(value),
                };
                (snake(key), value)
            };
            Value::Object(map.iter().map(field).collect::<Map<_, _>>())
        }
        Value::Array(items) => items.iter().map(converted).collect(),
        value => value.clone(),
    }
}

/// `refreshInterval` as `refresh_interval`, `allowStale` as `allow_stale`; a run of capitals is one word.
fn snake(key: &str) -> String {
    match key {
        "enableHTTP2" | "enableHttp2" => return "enable_http2".to_owned(),
        "apiServer" => return "api_server".to_owned(),
        "roleARN" => return "role_arn".to_owned(),
        _ => {}
    }
    let mut out = String::new();
    let mut capital = true;
    for c in key.chars() {
        if c.is_ascii_uppercase() && !capital {
            out.push('_');
        }
        capital = c.is_ascii_uppercase();
        out.push(c.to_ascii_lowercase());
    }
    out
}
