//! `ovhcloud_sd_configs`: virtual or dedicated servers of OVHcloud.

use super::super::api::{headers, query};
use super::super::entry::Entry;
use super::super::polled::Ask;
use super::super::{Mechanism, Provider, TargetGroup};
use super::{Api, Labels, Target, items, text, texts};
use crate::settings::decode::Fields;
use crate::settings::{HttpClientConfig, Secret};
use http::HeaderName;
use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use serde_json::Value;
use std::fmt::Write;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use tracing::warn;

/// `ovhcloud_sd_configs`
pub const MECHANISM: Mechanism = Mechanism { name: "ovhcloud", type_name: "ovhcloud.plain", decode };

/// The API's names of its regions.
const ENDPOINTS: [(&str, &str); 7] = [
    ("ovh-eu", "https://eu.api.ovh.com/1.0"),
    ("ovh-ca", "https://ca.api.ovh.com/1.0"),
    ("ovh-us", "https://api.us.ovhcloud.com/1.0"),
    ("kimsufi-eu", "https://eu.api.kimsufi.com/1.0"),
    ("kimsufi-ca", "https://ca.api.kimsufi.com/1.0"),
    ("soyoustart-eu", "https://eu.api.soyoustart.com/1.0"),
    ("soyoustart-ca", "https://ca.api.soyoustart.com/1.0"),
];

/// Which servers, and as whom.
#[derive(Debug, Clone)]
pub(super) struct OvhcloudSd {
    pub base: String,
    pub service: String,
    pub application: String,
    pub secret: Secret,
    pub consumer: Secret,
}

fn decode(fields: &mut Fields<'_, '_>, dir: &Path) -> Arc<dyn Provider> {
    let mut entry = Entry::new(fields, dir);
    let endpoint = entry.text("endpoint", "ovh-eu");
    let known = ENDPOINTS.iter().find(|(name, _)| *name == endpoint).map(|(_, url)| (*url).to_owned());
    let base = known.or_else(|| endpoint.contains("://").then(|| endpoint.trim_end_matches('/').to_owned()));
    if base.is_none() {
        entry.fault(format!("unknown endpoint {endpoint:?}"));
    }
    let application = entry.required("application_key", "application key can not be empty");
    let secret = entry.secret("application_secret");
    if secret.is_empty() {
        entry.fault("application secret can not be empty");
    }
    let consumer = entry.secret("consumer_key");
    if consumer.is_empty() {
        entry.fault("consumer key can not be empty");
    }
    let service = entry
        .choice("service", "", &["vps", "dedicated_server"], |service| format!("unknown service: {service}"));
    let every_ms = entry.refresh(60_000);
    let ask = OvhcloudSd { base: base.unwrap_or_default(), service, application, secret, consumer };
    entry.polled("ovhcloud", every_ms, HttpClientConfig::default(), ask)
}

impl Ask for OvhcloudSd {
    async fn ask(&mut self, api: &Api) -> Result<Vec<TargetGroup>, String> {
        let path = if self.service == "vps" { "/vps" } else { "/dedicated/server" };
        let mut targets = Vec::new();
        for name in texts(&self.get(api, path).await?, "") {
            match self.target(api, path, &name).await {
                Ok(target) => targets.push(target),
                Err(reason) => warn!(name, error = reason, "Could not get details of a server"),
            }
        }
        Ok(vec![TargetGroup::of(format!("ovhcloud_{}", self.service), targets)])
    }
}

impl OvhcloudSd {
    /// Asks, signed as the API wants it: with the time of its own clock.
    async fn get(&self, api: &Api, path: &str) -> Result<Value, String> {
        let time = text(&api.json(&format!("{}/auth/time", self.base)).await?, "");
        let url = format!("{}{path}", self.base);
        let (secret, consumer) = (self.secret.reveal(), self.consumer.reveal());
        let signed = format!("{secret}+{consumer}+GET+{url}++{time}");
        let mut signature = String::from("$1$");
        for byte in digest(&SHA1_FOR_LEGACY_USE_ONLY, signed.as_bytes()).as_ref() {
            // Writing into a String cannot fail.
            let _ = write!(signature, "{byte:02x}");
        }
        let name = HeaderName::from_static;
        let headers = headers(&[
            (name("x-ovh-application"), &self.application),
            (name("x-ovh-consumer"), consumer),
            (name("x-ovh-timestamp"), &time),
            (name("x-ovh-signature"), &signature),
        ])?;
        api.json_with(&url, &headers).await
    }

    async fn target(&self, api: &Api, path: &str, name: &str) -> Result<Labels, String> {
        // As a form would have it, which is how the names are signed.
        let name = query(&[("", name)]).trim_start_matches('=').to_owned();
        let server = self.get(api, &format!("{path}/{name}")).await?;
        let ips = self.get(api, &format!("{path}/{name}/ips")).await?;
        Ok(if self.service == "vps" { virtual_server(&server, &ips) } else { dedicated(&server, &ips) })
    }
}

/// A target at the last IPv4 of the list, or else at the last IPv6; without a port.
fn base(prefix: &'static str, server: &Value, ips: &Value) -> Target {
    let (mut ipv4, mut ipv6) = (String::new(), String::new());
    for ip in items(ips, "").iter().map(|ip| text(ip, "")) {
        // Some come with the size of their network.
        let ip = ip.split('/').next().unwrap_or_default().to_owned();
        match ip.parse() {
            Ok(IpAddr::V4(_)) => ipv4 = ip,
            Ok(IpAddr::V6(_)) => ipv6 = ip,
            Err(_) => {}
        }
    }
    let mut target = Target::new(prefix, if ipv4.is_empty() { &ipv6 } else { &ipv4 }.as_str());
    target.set("ipv4", ipv4).set("ipv6", ipv6).plain("instance", text(server, "/name"));
    target
}

/// A number that is 0 where it is missing.
fn number(server: &Value, pointer: &str) -> i64 {
    server.pointer(pointer).and_then(Value::as_i64).unwrap_or_default()
}

fn virtual_server(server: &Value, ips: &Value) -> Labels {
    let mut target = base("__meta_ovhcloud_vps_", server, ips);
    target.take(
        server,
        &[
            ("offer", "/model/offer"),
            ("version", "/model/version"),
            ("model_name", "/model/name"),
            ("zone", "/zone"),
            ("display_name", "/displayName"),
            ("cluster", "/cluster"),
            ("state", "/state"),
            ("name", "/name"),
            ("netboot_mode", "/netbootMode"),
            ("offer_type", "/offerType"),
        ],
    );
    for (name, pointer) in [
        ("model_vcore", "/model/vcore"),
        ("maximum_additional_ip", "/model/maximumAdditionnalIp"),
        ("disk", "/model/disk"),
        ("memory", "/model/memory"),
        ("memory_limit", "/memoryLimit"),
        ("vcore", "/vcore"),
    ] {
        target.set(name, number(server, pointer));
    }
    target.set("datacenter", format!("[{}]", texts(server, "/model/datacenter").join(" ")));
    target.labels()
}

fn dedicated(server: &Value, ips: &Value) -> Labels {
    let mut target = base("__meta_ovhcloud_dedicated_server_", server, ips);
    target.take(
        server,
        &[
            ("state", "/state"),
            ("commercial_range", "/commercialRange"),
            ("rack", "/rack"),
            ("os", "/os"),
            ("support_level", "/supportLevel"),
            ("reverse", "/reverse"),
            ("datacenter", "/datacenter"),
            ("name", "/name"),
        ],
    );
    let no_intervention = server.pointer("/noIntervention") == Some(&Value::Bool(true));
    target.set("no_intervention", no_intervention);
    target.set("link_speed", number(server, "/linkSpeed")).set("server_id", number(server, "/serverId"));
    target.labels()
}
