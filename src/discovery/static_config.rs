//! `static_configs`, and what groups of targets have in common wherever they stand.

use super::TargetGroup;
use crate::settings::decode::Fields;
use crate::settings::yaml::Kind;
use narthex_storage::labels::quote;
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// A list of targets with shared labels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StaticConfig {
    /// Addresses.
    pub targets: Vec<String>,
    /// Labels of all of them, by name.
    pub labels: Vec<(String, String)>,
}

impl StaticConfig {
    /// As the configuration shows it.
    #[must_use]
    pub fn to_value(&self) -> Value {
        let mut value = Map::new();
        value.insert("targets".to_owned(), json!(self.targets));
        if !self.labels.is_empty() {
            let labels: Map<String, Value> = self.labels.iter().map(|(n, v)| (n.clone(), json!(v))).collect();
            value.insert("labels".to_owned(), labels.into());
        }
        Value::Object(value)
    }
}

impl TargetGroup {
    /// A group of the configuration, of a file or of an answer.
    #[must_use]
    pub fn new(source: String, config: &StaticConfig) -> Self {
        let address = |target: &String| vec![("__address__".to_owned(), target.clone())];
        Self { source, targets: config.targets.iter().map(address).collect(), labels: config.labels.clone() }
    }
}

/// The groups of `static_configs`.
#[must_use]
pub fn static_groups(configs: &[StaticConfig]) -> Vec<Arc<TargetGroup>> {
    configs.iter().enumerate().map(|(i, config)| Arc::new(TargetGroup::new(i.to_string(), config))).collect()
}

/// Takes `static_configs`. Without relabelling an address has to be one.
pub fn static_configs(fields: &mut Fields<'_, '_>, addresses_final: bool) -> Vec<StaticConfig> {
    let Some(node) = fields.take("static_configs") else { return Vec::new() };
    let mut out = Vec::new();
    for item in fields.decoder.list(node, "[]*targetgroup.Group") {
        if item.kind == Kind::Null {
            fields.decoder.fault(item.line, "empty or null section in static_configs");
            continue;
        }
        let mut group = Fields::of(fields.decoder, item, "targetgroup.plain");
        let targets = group.strings("targets");
        let labels = labels(&mut group);
        if addresses_final {
            for target in targets.iter().filter(|target| target.contains('/')) {
                group.fault(format!("{} is not a valid hostname", quote(target)));
            }
        }
        group.finish();
        out.push(StaticConfig { targets, labels });
    }
    out
}

/// Takes the `labels` of a target group.
pub(super) fn labels(group: &mut Fields<'_, '_>) -> Vec<(String, String)> {
    let labels = group.string_map("labels");
    for (name, line, _) in labels.iter().filter(|(name, _, _)| name.is_empty()) {
        group.decoder.fault(*line, format!("{} is not a valid label name", quote(name)));
    }
    labels.into_iter().map(|(name, _, value)| (name, value)).collect()
}
