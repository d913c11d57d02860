//! `nomad_sd_configs`: services that Nomad knows itself.

use super::super::api::query;
use super::super::entry::Entry;
use super::super::polled::Ask;
use super::super::{Mechanism, Provider, TargetGroup};
use super::{Api, Target, at, items, set_list, text, texts};
use crate::settings::decode::Fields;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use std::path::Path;
use std::sync::Arc;

/// `nomad_sd_configs`
pub const MECHANISM: Mechanism = Mechanism { name: "nomad", type_name: "nomad.plain", decode };

/// Whose services.
#[derive(Debug, Clone)]
pub(super) struct NomadSd {
    pub server: String,
    /// Parameters of each question, encoded.
    pub parameters: String,
    pub separator: String,
}

fn decode(fields: &mut Fields<'_, '_>, dir: &Path) -> Arc<dyn Provider> {
    let mut entry = Entry::new(fields, dir);
    let stale = entry.flag("allow_stale", true);
    let namespace = entry.text("namespace", "default");
    let every_ms = entry.refresh(60_000);
    let region = entry.text("region", "global");
    let server = entry.text("server", "http://localhost:4646");
    if server.trim().is_empty() {
        entry.fault("nomad SD configuration requires a server address");
    }
    let separator = entry.text("tag_separator", ",");
    let http = entry.http();
    let mut parameters = query(&[("namespace", &namespace), ("region", &region)]);
    if stale {
        parameters.push_str("&stale=");
    }
    let server = server.trim_end_matches('/').to_owned();
    entry.polled("nomad", every_ms, http, NomadSd { server, parameters, separator })
}

impl Ask for NomadSd {
    async fn ask(&mut self, api: &Api) -> Result<Vec<TargetGroup>, String> {
        let found = self.services(api).await;
        if found.is_err() {
            api.metrics.count("nomad_failures");
        }
        found
    }
}

impl NomadSd {
    async fn services(&self, api: &Api) -> Result<Vec<TargetGroup>, String> {
        let spaces = api.json(&format!("{}/v1/services?{}", self.server, self.parameters)).await?;
        let mut targets = Vec::new();
        for service in items(&spaces, "").iter().flat_map(|space| items(space, "/Services")) {
            let name = text(service, "/ServiceName");
            let name = utf8_percent_encode(&name, NON_ALPHANUMERIC);
            let instances = api.json(&format!("{}/v1/service/{name}?{}", self.server, self.parameters)).await;
            let instances = instances.map_err(|e| format!("failed to fetch services: {e}"))?;
            targets.extend(items(&instances, "").iter().map(|instance| self.target(instance)));
        }
        Ok(vec![TargetGroup::of("Nomad", targets)])
    }

    fn target(&self, instance: &Value) -> super::Labels {
        let port = instance.pointer("/Port").and_then(Value::as_u64).unwrap_or_default();
        let mut target = Target::new("__meta_nomad_", at(&text(instance, "/Address"), port));
        target.take(
            instance,
            &[
                ("address", "/Address"),
                ("dc", "/Datacenter"),
                ("namespace", "/Namespace"),
                ("node_id", "/NodeID"),
                ("service", "/ServiceName"),
                ("service_address", "/Address"),
                ("service_id", "/ID"),
            ],
        );
        target.set("service_port", port);
        set_list(&mut target, "tags", &self.separator, &texts(instance, "/Tags"));
        target.labels()
    }
}
