//! `kuma_sd_configs`: what a Kuma control plane assigns to whoever monitors its meshes.

use super::super::api::{headers, query};
use super::super::entry::{Entry, check_url};
use super::super::polled::Ask;
use super::super::{Mechanism, Provider, TargetGroup};
use super::{Api, Labels, Target, items, text};
use crate::settings::decode::Fields;
use crate::settings::duration::format_duration;
use http::{Method, StatusCode, header};
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

/// `kuma_sd_configs`
pub const MECHANISM: Mechanism = Mechanism { name: "kuma", type_name: "xds.plainKumaConf", decode };

const TYPE: &str = "type.googleapis.com/kuma.observability.v1.MonitoringAssignment";
/// The server may answer a little after the time that it was given, ms.
const GRACE_MS: i64 = 15_000;

/// Whom to ask, and what it said last.
#[derive(Debug, Clone)]
pub(super) struct KumaSd {
    pub server: String,
    pub client_id: String,
    pub fetch_timeout: String,
    /// Version and nonce of the last answer.
    pub last: (String, String),
    pub known: Vec<TargetGroup>,
}

fn decode(fields: &mut Fields<'_, '_>, dir: &Path) -> Arc<dyn Provider> {
    let mut entry = Entry::new(fields, dir);
    let every_ms = entry.refresh(15_000);
    let timeout_ms = entry.duration("fetch_timeout", 120_000);
    let server = entry.text("server", "");
    if server.is_empty() {
        entry.fault("kuma SD server must not be empty: ");
    } else if check_url(&server).is_err() {
        entry.fault(format!("kuma SD server must not be empty and have a scheme: {server}"));
    }
    let mut client_id = entry.text("client_id", "");
    if client_id.is_empty() {
        client_id = rustix::system::uname().nodename().to_string_lossy().into_owned();
    }
    let http = entry.http();
    let ask = KumaSd {
        server: server.trim_end_matches('/').to_owned(),
        client_id,
        fetch_timeout: format_duration(timeout_ms),
        last: Default::default(),
        known: Vec::new(),
    };
    entry.polled_within("kuma", (every_ms, timeout_ms.saturating_add(GRACE_MS)), http, ask)
}

impl Ask for KumaSd {
    async fn ask(&mut self, api: &Api) -> Result<Vec<TargetGroup>, String> {
        let begin = Instant::now();
        let found = self.fetch(api).await;
        api.metrics.kuma_fetch.observe(begin.elapsed().as_secs_f64());
        match &found {
            Err(_) => api.metrics.count("kuma_fetch_failures"),
            Ok(None) => api.metrics.count("kuma_fetch_skipped_updates"),
            Ok(Some(_)) => {}
        }
        if let Some(targets) = found? {
            self.known = vec![TargetGroup::of("kuma", targets)];
        }
        Ok(self.known.clone())
    }
}

impl KumaSd {
    /// `None` if nothing has changed.
    async fn fetch(&mut self, api: &Api) -> Result<Option<Vec<Labels>>, String> {
        let parameters = query(&[("fetch-timeout", &self.fetch_timeout)]);
        let url = format!("{}/v3/discovery:monitoringassignments?{parameters}", self.server);
        let json_type = "application/json";
        let headers = headers(&[(header::ACCEPT, json_type), (header::CONTENT_TYPE, json_type)])?;
        let question = json!({
            "version_info": self.last.0,
            "node": {"id": self.client_id},
            "type_url": TYPE,
            "response_nonce": self.last.1,
        });
        let answer = api.send(Method::POST, &url, &headers, question.to_string()).await?;
        if answer.status == StatusCode::NOT_MODIFIED {
            return Ok(None);
        }
        let answer = answer.ok()?.json()?;
        let kind = either(&answer, "/type_url", "/typeUrl");
        if kind != TYPE {
            return Err(format!("received invalid typeURL for Kuma MADS v1 Resource: {kind}"));
        }
        self.last = (either(&answer, "/version_info", "/versionInfo"), text(&answer, "/nonce"));
        Ok(Some(items(&answer, "/resources").iter().flat_map(targets).collect()))
    }
}

/// Protobuf's JSON has the names of fields in either form.
fn either(value: &Value, snake: &str, camel: &str) -> String {
    Some(text(value, snake)).filter(|text| !text.is_empty()).unwrap_or_else(|| text(value, camel))
}

fn targets(assignment: &Value) -> Vec<Labels> {
    let each = items(assignment, "/targets").iter().map(|one| {
        let mut target = Target::new("__meta_kuma_", text(one, "/address"));
        // What is said of the target itself wins.
        target.map("label_", assignment.get("labels")).map("label_", one.get("labels"));
        target.take(assignment, &[("mesh", "/mesh"), ("service", "/service")]);
        target.set("dataplane", text(one, "/name"));
        target.plain("instance", text(one, "/name")).plain("__scheme__", text(one, "/scheme"));
        target.plain("__metrics_path__", either(one, "/metrics_path", "/metricsPath"));
        target.labels()
    });
    each.collect()
}
