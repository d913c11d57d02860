//! `triton_sd_configs`: containers or compute nodes of a Triton.

use super::super::api::query;
use super::super::entry::Entry;
use super::super::polled::Ask;
use super::super::{Mechanism, Provider, TargetGroup};
use super::{Api, Target, items, set_list, text, texts};
use crate::settings::HttpClientConfig;
use crate::settings::decode::Fields;
use serde_json::Value;
use std::path::Path;
use std::sync::Arc;

/// `triton_sd_configs`
pub const MECHANISM: Mechanism = Mechanism { name: "triton", type_name: "triton.plain", decode };

/// Whom to ask for what.
#[derive(Debug, Clone)]
pub(super) struct TritonSd {
    pub url: String,
    pub dns_suffix: String,
    pub port: u64,
    /// Whole machines rather than what runs on them.
    pub nodes: bool,
}

fn decode(fields: &mut Fields<'_, '_>, dir: &Path) -> Arc<dyn Provider> {
    let mut entry = Entry::new(fields, dir);
    let role = entry.choice("role", "container", &["container", "cn"], |_| {
        "triton SD configuration requires role to be 'container' or 'cn'".to_owned()
    });
    entry.required("account", "triton SD configuration requires an account");
    let dns_suffix = entry.required("dns_suffix", "triton SD configuration requires a dns_suffix");
    let endpoint = entry.required("endpoint", "triton SD configuration requires an endpoint");
    let groups = entry.texts("groups");
    let port = entry.port(9163);
    let every_ms = entry.refresh(60_000);
    if every_ms <= 0 {
        entry.fault("triton SD configuration requires RefreshInterval to be a positive integer");
    }
    let version = entry.fields().uint("version").unwrap_or(1);
    entry.show("version", version.into());
    let tls = entry.tls();
    let nodes = role == "cn";
    let path = if nodes { "gz/discover" } else { "discover" };
    let mut url = format!("https://{endpoint}:{port}/v{version}/{path}");
    if !groups.is_empty() {
        url = format!("{url}?{}", query(&[("groups", &groups.join(","))]));
    }
    let http = HttpClientConfig { tls, ..HttpClientConfig::default() };
    entry.polled("triton", every_ms, http, TritonSd { url, dns_suffix, port, nodes })
}

impl Ask for TritonSd {
    async fn ask(&mut self, api: &Api) -> Result<Vec<TargetGroup>, String> {
        let answer = api.json(&self.url).await;
        let answer = answer.map_err(|e| {
            format!("an error occurred when requesting targets from the discovery endpoint: {e}")
        })?;
        Ok(vec![self.group(&answer)])
    }
}

impl TritonSd {
    pub(super) fn group(&self, answer: &Value) -> TargetGroup {
        let (list, id) = if self.nodes { ("/cns", "/server_uuid") } else { ("/containers", "/vm_uuid") };
        let targets = items(answer, list).iter().map(|machine| {
            let address = format!("{}.{}:{}", text(machine, id), self.dns_suffix, self.port);
            let mut target = Target::new("__meta_triton_", address);
            target.set("machine_id", text(machine, id));
            if self.nodes {
                target.set("machine_alias", text(machine, "/server_hostname"));
            } else {
                target.take(
                    machine,
                    &[
                        ("machine_alias", "/vm_alias"),
                        ("machine_brand", "/vm_brand"),
                        ("machine_image", "/vm_image_uuid"),
                        ("server_id", "/server_uuid"),
                    ],
                );
                set_list(&mut target, "groups", ",", &texts(machine, "/groups"));
            }
            target.labels()
        });
        TargetGroup::of(self.url.clone(), targets.collect())
    }
}
