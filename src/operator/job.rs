//! A scrape config while it is written, and what all custom resources have in common.

use super::secrets::{Refused, Secrets};
use serde_json::{Map, Value, json};

/// A scrape config in the form of the configuration file.
pub struct Job<'a> {
    fields: Map<String, Value>,
    relabelings: Vec<Value>,
    /// The namespace of the resource, where its secrets are.
    pub namespace: &'a str,
    secrets: &'a mut Secrets,
}

/// A text field; empty where there is none.
#[must_use]
pub fn text<'a>(spec: &'a Value, name: &str) -> &'a str {
    spec.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// A list field; empty where there is none.
#[must_use]
pub fn list<'a>(spec: &'a Value, name: &str) -> &'a [Value] {
    spec.get(name).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// A port, which is a name or a number; `None` for an empty one.
#[must_use]
pub fn port(spec: &Value, name: &str) -> Option<String> {
    let text = match spec.get(name)? {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    (!text.is_empty() && text != "0").then_some(text)
}

impl<'a> Job<'a> {
    /// A job with the relabelling that begins all of them.
    pub fn new(name: String, namespace: &'a str, secrets: &'a mut Secrets) -> Self {
        let begin = json!({"source_labels": ["job"], "target_label": "__tmp_prometheus_job_name"});
        let fields = Map::from_iter([("job_name".to_owned(), Value::String(name))]);
        Self { fields, relabelings: vec![begin], namespace, secrets }
    }

    /// Sets a field.
    pub fn set(&mut self, name: &str, value: impl Into<Value>) {
        self.fields.insert(name.to_owned(), value.into());
    }

    /// Takes fields over; those that are missing, null or empty texts are left out.
    pub fn copy(&mut self, spec: &Value, names: &[(&str, &str)]) {
        for (theirs, ours) in names {
            if let Some(value) = spec.get(theirs).filter(|value| !value.is_null() && *value != "") {
                self.set(ours, value.clone());
            }
        }
    }

    /// Adds a relabelling step.
    pub fn step(&mut self, step: Value) {
        self.relabelings.push(step);
    }

    /// Adds the steps of a resource.
    pub fn steps(&mut self, steps: &[Value]) {
        self.relabelings.extend(steps.iter().map(relabeling));
    }

    /// Keeps the targets whose labels the selector selects. `kind` is `service` for its labels.
    pub fn select(&mut self, kind: &str, selector: Option<&Value>) {
        let Some(selector) = selector else { return };
        let label = |key: &str| format!("__meta_kubernetes_{kind}_label_{}", crate::discovery::sanitize(key));
        let present =
            |key: &str| format!("__meta_kubernetes_{kind}_labelpresent_{}", crate::discovery::sanitize(key));
        let compare = |action: &str, key: &str, values: &str| json!({"action": action, "source_labels": [label(key), present(key)], "regex": format!("({values});true")});
        let mut labels: Vec<(&String, &Value)> =
            selector.get("matchLabels").and_then(Value::as_object).into_iter().flatten().collect();
        labels.sort_by_key(|(key, _)| *key);
        for (key, value) in labels {
            self.step(compare("keep", key, value.as_str().unwrap_or_default()));
        }
        for expression in list(selector, "matchExpressions") {
            let key = text(expression, "key");
            let values: Vec<&str> = list(expression, "values").iter().filter_map(Value::as_str).collect();
            let exists =
                |action: &str| json!({"action": action, "source_labels": [present(key)], "regex": "true"});
            match text(expression, "operator") {
                "In" => self.step(compare("keep", key, &values.join("|"))),
                "NotIn" => self.step(compare("drop", key, &values.join("|"))),
                "Exists" => self.step(exists("keep")),
                "DoesNotExist" => self.step(exists("drop")),
                _ => {}
            }
        }
    }

    /// Copies labels of an object to the target under their own names.
    pub fn target_labels(&mut self, kind: &str, labels: &[Value]) {
        for name in labels.iter().filter_map(Value::as_str) {
            let name = crate::discovery::sanitize(name);
            self.step(json!({
                "source_labels": [format!("__meta_kubernetes_{kind}_label_{name}")],
                "target_label": name, "regex": "(.+)", "replacement": "${1}",
            }));
        }
    }

    /// Names the job after a label of an object, where it has it.
    pub fn job_label(&mut self, kind: &str, spec: &Value) {
        let label = text(spec, "jobLabel");
        if !label.is_empty() {
            let name = crate::discovery::sanitize(label);
            self.step(json!({
                "source_labels": [format!("__meta_kubernetes_{kind}_label_{name}")],
                "target_label": "job", "regex": "(.+)", "replacement": "${1}",
            }));
        }
    }

    /// Drops pods that ended, unless the endpoint wants them.
    pub fn running_only(&mut self, endpoint: &Value) {
        if endpoint.get("filterRunning") != Some(&Value::Bool(false)) {
            self.step(json!({
                "action": "drop", "source_labels": ["__meta_kubernetes_pod_phase"], "regex": "(Failed|Succeeded)",
            }));
        }
    }

    /// Discovers the objects of the namespaces that the resource selects, its own by default.
    pub fn discover(&mut self, role: &str, namespaces: Option<&Value>, attach: Option<&Value>) {
        let own = [Value::String(self.namespace.to_owned())];
        let named = namespaces.map_or(&[] as &[Value], |selector| list(selector, "matchNames"));
        let any = namespaces.and_then(|selector| selector.get("any")) == Some(&Value::Bool(true));
        let names = if named.is_empty() { own.as_slice() } else { named };
        let mut section = json!({"role": role});
        if let (false, Some(section)) = (any, section.as_object_mut()) {
            section.insert("namespaces".to_owned(), json!({"names": names}));
        }
        if let (Some(attach), Some(section)) = (attach, section.as_object_mut()) {
            let node = attach.get("node") == Some(&Value::Bool(true));
            section.insert("attach_metadata".to_owned(), json!({"node": node}));
        }
        self.set("kubernetes_sd_configs", vec![section]);
    }

    /// Takes over what an endpoint says about requests, besides who may make them.
    pub fn requests(&mut self, endpoint: &Value) {
        self.copy(
            endpoint,
            &[
                ("interval", "scrape_interval"),
                ("scrapeTimeout", "scrape_timeout"),
                ("path", "metrics_path"),
                ("params", "params"),
                ("followRedirects", "follow_redirects"),
                ("enableHttp2", "enable_http2"),
            ],
        );
        let scheme = text(endpoint, "scheme").to_lowercase();
        if !scheme.is_empty() {
            self.set("scheme", scheme);
        }
    }

    /// Takes over how the server treats the samples of an endpoint.
    pub fn honours(&mut self, endpoint: &Value) {
        self.set("honor_labels", endpoint.get("honorLabels") == Some(&Value::Bool(true)));
        self.copy(
            endpoint,
            &[
                ("honorTimestamps", "honor_timestamps"),
                ("trackTimestampsStaleness", "track_timestamps_staleness"),
            ],
        );
    }

    /// Takes over limits.
    pub fn limits(&mut self, spec: &Value) {
        self.copy(
            spec,
            &[
                ("sampleLimit", "sample_limit"),
                ("targetLimit", "target_limit"),
                ("labelLimit", "label_limit"),
                ("labelNameLengthLimit", "label_name_length_limit"),
                ("labelValueLengthLimit", "label_value_length_limit"),
                ("keepDroppedTargets", "keep_dropped_targets"),
                ("bodySizeLimit", "body_size_limit"),
                ("scrapeProtocols", "scrape_protocols"),
                ("fallbackScrapeProtocol", "fallback_scrape_protocol"),
                ("scrapeClassicHistograms", "always_scrape_classic_histograms"),
                ("convertClassicHistogramsToNHCB", "convert_classic_histograms_to_nhcb"),
                ("nativeHistogramBucketLimit", "native_histogram_bucket_limit"),
            ],
        );
        // A quantity of Kubernetes, which may be a text.
        if let Some(factor) = spec.get("nativeHistogramMinBucketFactor") {
            let number = factor.as_f64().or_else(|| factor.as_str().and_then(|text| text.parse().ok()));
            if let Some(number) = number {
                self.set("native_histogram_min_bucket_factor", number);
            }
        }
    }

    /// Takes over credentials, TLS and proxy.
    ///
    /// # Errors
    /// A secret that is named is not there.
    pub fn access(&mut self, spec: &Value) -> Result<(), Refused> {
        for (name, value) in super::access::http(spec, self.namespace, self.secrets)? {
            self.fields.insert(name, value);
        }
        Ok(())
    }

    /// Ends the relabelling as the operator does, by the hash of a label; there is one shard.
    pub fn shard(&mut self, label: &str) {
        self.step(json!({
            "source_labels": [label, "__tmp_hash"], "target_label": "__tmp_hash", "regex": "(.+);",
            "replacement": "$1", "action": "replace",
        }));
        self.step(json!({
            "source_labels": ["__tmp_hash"], "target_label": "__tmp_hash", "modulus": 1, "action": "hashmod",
        }));
        self.step(json!({
            "source_labels": ["__tmp_hash", "__tmp_disable_sharding"], "regex": "0;|.+;.+", "action": "keep",
        }));
    }

    /// The scrape config, with the metric relabelling of the resource.
    #[must_use]
    pub fn finish(mut self, metric_relabelings: &[Value]) -> Value {
        self.fields.insert("relabel_configs".to_owned(), Value::Array(self.relabelings));
        if !metric_relabelings.is_empty() {
            let steps: Vec<Value> = metric_relabelings.iter().map(relabeling).collect();
            self.fields.insert("metric_relabel_configs".to_owned(), steps.into());
        }
        Value::Object(self.fields)
    }
}

/// A step as the configuration file has it.
fn relabeling(step: &Value) -> Value {
    let mut out = Map::new();
    let names = [
        ("sourceLabels", "source_labels"),
        ("separator", "separator"),
        ("targetLabel", "target_label"),
        ("regex", "regex"),
        ("modulus", "modulus"),
        ("replacement", "replacement"),
        ("action", "action"),
    ];
    for (theirs, ours) in names {
        let Some(value) = step.get(theirs).filter(|value| !value.is_null()) else { continue };
        let value = match (theirs, value) {
            ("action", Value::String(action)) => Value::String(action.to_lowercase()),
            // An empty separator or replacement means something, other empty fields do not.
            ("sourceLabels", Value::Array(labels)) if labels.is_empty() => continue,
            ("targetLabel" | "regex", Value::String(text)) if text.is_empty() => continue,
            ("modulus", Value::Number(number)) if number.as_u64() == Some(0) => continue,
            _ => value.clone(),
        };
        out.insert(ours.to_owned(), value);
    }
    Value::Object(out)
}
