//! Stand-ins of APIs for tests.

pub use crate::http::testing::{answer, json, serve, serve_paths, status};

use super::api::Api;
use super::polled::Ask;
use super::{SdMetrics, TargetGroup};
use crate::settings::HttpClientConfig;
use std::sync::Arc;
use std::time::Duration;

/// A client for questions to stand-ins.
pub fn api() -> Api {
    Api::new("test", &HttpClientConfig::default(), Duration::from_secs(30), Arc::new(SdMetrics::default()))
        .unwrap()
}

/// Asks once.
pub async fn ask(mut ask: impl Ask) -> Result<Vec<TargetGroup>, String> {
    ask.ask(&api()).await
}

/// The targets of groups, each as its labels by name, without those that are empty.
pub fn shown(groups: &[TargetGroup]) -> Vec<Vec<String>> {
    let targets = groups.iter().flat_map(|group| &group.targets);
    targets
        .map(|labels| labels.iter().filter(|(_, v)| !v.is_empty()).map(|(n, v)| format!("{n}={v}")).collect())
        .collect()
}

/// Decodes an entry, which has to be right, and returns what it shows.
pub fn decode(mechanism: &super::Mechanism, yaml: &str) -> Result<serde_json::Value, String> {
    use crate::settings::decode::{Decoder, Fields};
    let root = crate::settings::yaml::parse(yaml).unwrap();
    let mut decoder = Decoder::default();
    let mut fields = Fields::of(&mut decoder, &root, mechanism.type_name);
    let provider = (mechanism.decode)(&mut fields, std::path::Path::new("/etc/narthex"));
    fields.finish();
    match decoder.faults.first() {
        Some(fault) => Err(fault.message.clone()),
        None => Ok(provider.to_value()),
    }
}
