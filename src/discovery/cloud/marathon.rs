//! `marathon_sd_configs`: tasks of the applications of a Marathon.

use super::super::api::headers;
use super::super::entry::Entry;
use super::super::polled::Ask;
use super::super::target::entries;
use super::super::{Mechanism, Provider, TargetGroup, sanitize};
use super::{Api, Labels, Target, at, items, text};
use crate::http::client::secret;
use crate::settings::decode::Fields;
use crate::settings::http::Source;
use http::{HeaderMap, header};
use serde_json::Value;
use std::path::Path;
use std::sync::Arc;

/// `marathon_sd_configs`
pub const MECHANISM: Mechanism = Mechanism { name: "marathon", type_name: "marathon.plain", decode };

/// Whom to ask.
#[derive(Debug, Clone)]
pub(super) struct MarathonSd {
    pub servers: Vec<String>,
    /// A token in the form that DC/OS wants.
    pub token: Option<Source>,
    /// Which server is asked next.
    pub turn: usize,
}

fn decode(fields: &mut Fields<'_, '_>, dir: &Path) -> Arc<dyn Provider> {
    let mut entry = Entry::new(fields, dir);
    let servers = entry.texts("servers");
    if servers.is_empty() {
        entry.fault("marathon_sd: must contain at least one Marathon server");
    }
    let every_ms = entry.refresh(30_000);
    let clash = "marathon_sd: at most one of auth_token & auth_token_file must be configured";
    let token = entry.secret_source("auth_token", clash);
    let has = |entry: &mut Entry<'_, '_, '_>, name: &str| entry.fields().has(name);
    if token.is_some() {
        if has(&mut entry, "basic_auth") {
            entry.fault(
                "marathon_sd: at most one of basic_auth, auth_token & auth_token_file must be configured",
            );
        } else if has(&mut entry, "bearer_token") || has(&mut entry, "bearer_token_file") {
            entry.fault("marathon_sd: at most one of bearer_token, bearer_token_file, auth_token & auth_token_file must be configured");
        } else if has(&mut entry, "authorization") {
            entry.fault(
                "marathon_sd: at most one of auth_token, auth_token_file & authorization must be configured",
            );
        }
    }
    let http = entry.http();
    entry.polled("marathon", every_ms, http, MarathonSd { servers, token, turn: 0 })
}

impl Ask for MarathonSd {
    async fn ask(&mut self, api: &Api) -> Result<Vec<TargetGroup>, String> {
        let server = self.servers.get(self.turn % self.servers.len().max(1)).ok_or("no server to ask")?;
        self.turn = self.turn.wrapping_add(1);
        let token = match &self.token {
            Some(source) => Some(secret(source, "auth token").await.map_err(|e| e.to_string())?),
            None => None,
        };
        let headers = match &token {
            Some(token) => headers(&[(header::AUTHORIZATION, &format!("token={token}"))])?,
            None => HeaderMap::new(),
        };
        let url = format!("{}/v2/apps/?embed=apps.tasks", server.trim_end_matches('/'));
        let answer = api.json_with(&url, &headers).await?;
        Ok(items(&answer, "/apps").iter().map(group).collect())
    }
}

fn group(app: &Value) -> TargetGroup {
    let mut labels = Target::new("__meta_marathon_", "");
    labels.take(app, &[("app", "/id"), ("image", "/container/docker/image")]);
    labels.map("app_label_", app.pointer("/labels"));
    let labels = labels.labels().into_iter().filter(|(name, _)| name != "__address__").collect();
    TargetGroup { source: text(app, "/id"), targets: targets(app), labels }
}

fn targets(app: &Value) -> Vec<Labels> {
    let number =
        |value: &Value, pointer: &str| value.pointer(pointer).and_then(Value::as_u64).unwrap_or_default();
    let container_net =
        items(app, "/networks").first().is_some_and(|network| text(network, "/mode") == "container");
    // Where ports are described has changed from version to version.
    let places = ["/container/portMappings", "/container/docker/portMappings", "/portDefinitions"];
    let place = places.into_iter().find(|place| !items(app, place).is_empty());
    let described = place.map_or(&[][..], |place| items(app, place));
    let definitions = place == Some("/portDefinitions");
    let prefix = if definitions { "port_definition_label_" } else { "port_mapping_label_" };
    let required = app.pointer("/requirePorts") == Some(&Value::Bool(true));
    let port = |description: &Value| match (definitions, container_net) {
        // Without requirePorts it is the port of the service, and the task tells where it listens.
        (true, _) => {
            if required {
                number(description, "/port")
            } else {
                0
            }
        }
        (false, true) => number(description, "/containerPort"),
        (false, false) => number(description, "/hostPort"),
    };
    let ports: Vec<u64> = described.iter().map(port).collect();
    let mut targets = Vec::new();
    for task in items(app, "/tasks") {
        let own: Vec<u64> = items(task, "/ports").iter().map(|port| number(port, "")).collect();
        let ports = if ports.is_empty() { &own } else { &ports };
        let inner = items(task, "/ipAddresses").first().filter(|_| container_net);
        let host = inner.map_or_else(|| text(task, "/host"), |address| text(address, "/ipAddress"));
        for (i, port) in ports.iter().enumerate() {
            let found = own.get(i).filter(|_| *port == 0 && own.len() == ports.len()).unwrap_or(port);
            let mut target = Target::new("__meta_marathon_", at(&host, *found));
            target.set("task", text(task, "/id")).set("port_index", i);
            for (key, value) in described.get(i).into_iter().flat_map(|one| entries(one, "/labels")) {
                target.set(&format!("{prefix}{}", sanitize(key)), text(value, ""));
            }
            targets.push(target.labels());
        }
    }
    targets
}
