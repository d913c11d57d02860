//! `eureka_sd_configs`: instances that a Eureka server lists.

use super::super::api::headers;
use super::super::entry::{Entry, check_url};
use super::super::polled::Ask;
use super::super::target::entries;
use super::super::{Mechanism, Provider, TargetGroup, sanitize};
use super::{Api, Labels, Target, at, text};
use crate::settings::decode::Fields;
use http::header;
use serde_json::Value;
use std::path::Path;
use std::sync::Arc;

/// `eureka_sd_configs`
pub const MECHANISM: Mechanism = Mechanism { name: "eureka", type_name: "eureka.plain", decode };

/// The server.
#[derive(Debug, Clone)]
pub(super) struct EurekaSd {
    pub server: String,
}

fn decode(fields: &mut Fields<'_, '_>, dir: &Path) -> Arc<dyn Provider> {
    let mut entry = Entry::new(fields, dir);
    let server = entry.required("server", "eureka_sd: empty or null eureka server");
    if !server.is_empty() && check_url(&server).is_err() {
        entry.fault("eureka_sd: invalid eureka server URL");
    }
    let every_ms = entry.refresh(30_000);
    let http = entry.http();
    entry.polled("eureka", every_ms, http, EurekaSd { server: server.trim_end_matches('/').to_owned() })
}

impl Ask for EurekaSd {
    async fn ask(&mut self, api: &Api) -> Result<Vec<TargetGroup>, String> {
        let headers = headers(&[(header::ACCEPT, "application/json")])?;
        let answer = api.json_with(&format!("{}/apps", self.server), &headers).await?;
        let mut targets = Vec::new();
        for application in one_or_many(answer.pointer("/applications/application")) {
            let name = text(application, "/name");
            let instances = one_or_many(application.pointer("/instance"));
            targets.extend(instances.iter().map(|instance| target(&name, instance)));
        }
        Ok(vec![TargetGroup::of("eureka", targets)])
    }
}

/// The server writes a list of one as its only member.
fn one_or_many(value: Option<&Value>) -> &[Value] {
    match value {
        Some(Value::Array(list)) => list,
        Some(one @ Value::Object(_)) => std::slice::from_ref(one),
        _ => &[],
    }
}

fn target(application: &str, instance: &Value) -> Labels {
    let port = instance.pointer("/port/$").and_then(Value::as_u64).unwrap_or(80);
    let mut target = Target::new("__meta_eureka_", at(&text(instance, "/hostName"), port));
    target.set("app_name", application).plain("instance", text(instance, "/instanceId"));
    target.take(
        instance,
        &[
            ("app_instance_id", "/instanceId"),
            ("app_instance_hostname", "/hostName"),
            ("app_instance_homepage_url", "/homePageUrl"),
            ("app_instance_statuspage_url", "/statusPageUrl"),
            ("app_instance_healthcheck_url", "/healthCheckUrl"),
            ("app_instance_ip_addr", "/ipAddr"),
            ("app_instance_vip_address", "/vipAddress"),
            ("app_instance_secure_vip_address", "/secureVipAddress"),
            ("app_instance_status", "/status"),
            ("app_instance_port", "/port/$"),
            ("app_instance_port_enabled", "/port/@enabled"),
            ("app_instance_secure_port", "/securePort/$"),
            ("app_instance_secure_port_enabled", "/securePort/@enabled"),
            ("app_instance_datacenterinfo_name", "/dataCenterInfo/name"),
        ],
    );
    let country = instance.pointer("/countryId").and_then(Value::as_i64).unwrap_or_default();
    target.set("app_instance_country_id", country);
    for (prefix, pointer) in [
        ("app_instance_datacenterinfo_metadata_", "/dataCenterInfo/metadata"),
        ("app_instance_metadata_", "/metadata"),
    ] {
        // What begins with `@` tells of the server's own classes.
        for (key, value) in entries(instance, pointer).filter(|(key, _)| !key.starts_with('@')) {
            target.set(&format!("{prefix}{}", sanitize(key)), text(value, ""));
        }
    }
    target.labels()
}
