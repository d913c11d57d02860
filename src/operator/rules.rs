//! `PrometheusRule` as the rule file that the operator would write for it.

use super::job::list;
use serde_json::{Value, json};

/// Name and text of the rule file of a `PrometheusRule`.
#[must_use]
pub fn rule_file(namespace: &str, name: &str, spec: &Value) -> (String, String) {
    let group = |group: &Value| {
        let mut group = group.clone();
        if let Some(fields) = group.as_object_mut() {
            // Thanos's; no Prometheus knows it.
            fields.remove("partial_response_strategy");
        }
        group
    };
    let groups: Vec<Value> = list(spec, "groups").iter().map(group).collect();
    (format!("{namespace}-{name}.yaml"), json!({"groups": groups}).to_string())
}
