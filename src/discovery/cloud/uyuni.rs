//! `uyuni_sd_configs`: exporters that a Uyuni manages, asked for with XML-RPC.

use super::super::api::headers;
use super::super::entry::Entry;
use super::super::polled::Ask;
use super::super::xml;
use super::super::{Mechanism, Provider, TargetGroup};
use super::{Api, Labels, Target, items, text};
use crate::settings::Secret;
use crate::settings::decode::Fields;
use http::{Method, header};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// `uyuni_sd_configs`
pub const MECHANISM: Mechanism = Mechanism { name: "uyuni", type_name: "uyuni.plain", decode };

/// How long a token is asked for; it is renewed after half of it.
const TOKEN: Duration = Duration::from_secs(600);

/// Whom to ask for what.
#[derive(Debug, Clone)]
pub(super) struct UyuniSd {
    pub url: String,
    pub username: String,
    pub password: Secret,
    pub entitlement: String,
    pub separator: String,
    pub token: Option<(String, Instant)>,
}

fn decode(fields: &mut Fields<'_, '_>, dir: &Path) -> Arc<dyn Provider> {
    let mut entry = Entry::new(fields, dir);
    let server = entry.required("server", "Uyuni SD configuration requires server host");
    let username = entry.required("username", "Uyuni SD configuration requires a username");
    let password = entry.secret("password");
    if password.is_empty() {
        entry.fault("Uyuni SD configuration requires a password");
    }
    let entitlement = entry.text("entitlement", "monitoring_entitled");
    let separator = entry.text("separator", ",");
    let every_ms = entry.refresh(60_000);
    let http = entry.http();
    let url = format!("{}/rpc/api", server.trim_end_matches('/'));
    let ask = UyuniSd { url, username, password, entitlement, separator, token: None };
    entry.polled("uyuni", every_ms, http, ask)
}

impl Ask for UyuniSd {
    async fn ask(&mut self, api: &Api) -> Result<Vec<TargetGroup>, String> {
        let targets = self.targets(api).await;
        if targets.is_err() {
            // The token may be the reason.
            self.token = None;
        }
        Ok(vec![TargetGroup::of(self.url.clone(), targets?)])
    }
}

impl UyuniSd {
    async fn targets(&mut self, api: &Api) -> Result<Vec<Labels>, String> {
        let token = self.token(api).await.map_err(|e| format!("unable to login to Uyuni API: {e}"))?;
        let method = "system.listSystemGroupsForSystemsWithEntitlement";
        let groups = self.call(api, method, &[string(&token), string(&self.entitlement)]).await;
        let groups = groups.map_err(|e| {
            format!("unable to get the managed system groups information of monitored clients: {e}")
        })?;
        let mut names: BTreeMap<i64, String> = BTreeMap::new();
        for system in items(&groups, "") {
            let of = items(system, "/system_groups").iter().map(|group| text(group, "/name"));
            names.insert(id(system, "/id"), of.collect::<Vec<_>>().join(&self.separator));
        }
        let systems: String = names.keys().fold(String::new(), |mut list, id| {
            // Writing into a String cannot fail.
            let _ = write!(list, "<value><int>{id}</int></value>");
            list
        });
        let systems = format!("<array><data>{systems}</data></array>");
        let endpoints =
            self.call(api, "system.monitoring.listEndpoints", &[string(&token), systems.clone()]).await;
        let endpoints = endpoints.map_err(|e| format!("unable to get endpoints information: {e}"))?;
        let networks = self.call(api, "system.getNetworkForSystems", &[string(&token), systems]).await;
        let networks = networks.map_err(|e| format!("unable to get the systems network information: {e}"))?;
        let networks: BTreeMap<i64, &Value> =
            items(&networks, "").iter().map(|network| (id(network, "/system_id"), network)).collect();
        let targets = items(&endpoints, "").iter().map(|endpoint| {
            let system = id(endpoint, "/system_id");
            let network = networks.get(&system).copied().unwrap_or(&Value::Null);
            let hostname = text(network, "/hostname");
            let mut target = Target::new("__meta_uyuni_", format!("{hostname}:{}", id(endpoint, "/port")));
            target.set("minion_hostname", hostname).set("primary_fqdn", text(network, "/primary_fqdn"));
            target.set("system_id", system).set("groups", names.get(&system).cloned().unwrap_or_default());
            target.take(
                endpoint,
                &[
                    ("endpoint_name", "/endpoint_name"),
                    ("exporter", "/exporter_name"),
                    ("proxy_module", "/module"),
                    ("metrics_path", "/path"),
                ],
            );
            let tls = endpoint.pointer("/tls_enabled") == Some(&Value::Bool(true));
            target.set("scheme", if tls { "https" } else { "http" });
            target.labels()
        });
        Ok(targets.collect())
    }

    async fn token(&mut self, api: &Api) -> Result<String, String> {
        if let Some((token, until)) = &self.token
            && *until > Instant::now()
        {
            return Ok(token.clone());
        }
        let lasts = format!("<int>{}</int>", TOKEN.as_secs());
        let who = [string(&self.username), string(self.password.reveal()), lasts];
        let token = text(&self.call(api, "auth.login", &who).await?, "");
        Ok(self.token.insert((token, Instant::now() + TOKEN / 2)).0.clone())
    }

    async fn call(&self, api: &Api, method: &str, parameters: &[String]) -> Result<Value, String> {
        let parameters: String = parameters.iter().fold(String::new(), |mut list, value| {
            let _ = write!(list, "<param><value>{value}</value></param>");
            list
        });
        let body = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?><methodCall><methodName>{method}</methodName><params>{parameters}</params></methodCall>"
        );
        let headers = headers(&[(header::CONTENT_TYPE, "text/xml")])?;
        let answer = api.send(Method::POST, &self.url, &headers, body).await?.ok()?;
        let answer = xml::parse(&answer.text())?;
        if let Some(fault) = answer.pointer("/fault/value") {
            return Err(text(&value(fault), "/faultString"));
        }
        Ok(value(answer.pointer("/params/param/value").unwrap_or(&Value::Null)))
    }
}

fn string(text: &str) -> String {
    format!("<string>{}</string>", quick_xml::escape::escape(text))
}

fn id(object: &Value, pointer: &str) -> i64 {
    object.pointer(pointer).and_then(Value::as_i64).unwrap_or_default()
}

/// A value of XML-RPC as JSON. It is no deeper than the XML that it was read from.
fn value(xml: &Value) -> Value {
    let many = |found: Option<&Value>| match found {
        Some(Value::Array(list)) => list.clone(),
        Some(Value::String(text)) if text.trim().is_empty() => Vec::new(),
        Some(one) => vec![one.clone()],
        None => Vec::new(),
    };
    let Some((kind, inner)) = xml.as_object().and_then(|object| object.iter().next()) else {
        // A text may stand without its type.
        return text(xml, "").into();
    };
    match kind.as_str() {
        "struct" => {
            let members = many(inner.get("member"));
            let member =
                |member: &Value| (text(member, "/name"), value(member.get("value").unwrap_or(&Value::Null)));
            members.iter().map(member).collect::<Map<String, Value>>().into()
        }
        "array" => many(inner.pointer("/data/value")).iter().map(value).collect::<Vec<_>>().into(),
        "int" | "i4" | "i8" => text(inner, "").trim().parse::<i64>().unwrap_or_default().into(),
        "boolean" => (text(inner, "").trim() == "1").into(),
        _ => text(inner, "").into(),
    }
}
