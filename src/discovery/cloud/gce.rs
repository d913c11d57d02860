//! `gce_sd_configs`: instances of Google's Compute Engine.

use super::super::api::{headers, query};
use super::super::entry::Entry;
use super::super::polled::Ask;
use super::super::{Mechanism, Provider, TargetGroup, sanitize};
use super::{Api, Labels, PAGES_MAX, Target, items, set_list, text, texts};
use crate::http::jwt;
use crate::settings::decode::Fields;
use crate::settings::{HttpClientConfig, Secret};
use http::{HeaderName, Method, header};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// `gce_sd_configs`
pub const MECHANISM: Mechanism = Mechanism { name: "gce", type_name: "gce.plain", decode };

const SCOPE: &str = "https://www.googleapis.com/auth/compute.readonly";
/// A token is renewed this long before it ends.
const AHEAD: Duration = Duration::from_secs(60);

/// Which instances.
#[derive(Debug, Clone)]
pub(super) struct GceSd {
    pub project: String,
    pub zone: String,
    pub filter: String,
    pub port: u64,
    pub separator: String,
    pub google: Google,
    pub token: Option<(Secret, Instant)>,
}

/// Where Google is.
#[derive(Debug, Clone)]
pub(super) struct Google {
    pub compute: String,
    pub metadata: String,
    /// A key in a file, unless the machine itself has an identity.
    pub key: Option<PathBuf>,
}

fn decode(fields: &mut Fields<'_, '_>, dir: &Path) -> Arc<dyn Provider> {
    let mut entry = Entry::new(fields, dir);
    let project = entry.required("project", "GCE SD configuration requires a project");
    let zone = entry.required("zone", "GCE SD configuration requires a zone");
    let filter = entry.text("filter", "");
    let every_ms = entry.refresh(60_000);
    let port = entry.port(80);
    let separator = entry.text("tag_separator", ",");
    let google = Google {
        compute: "https://compute.googleapis.com".to_owned(),
        metadata: "http://metadata.google.internal".to_owned(),
        key: key_file(),
    };
    let ask = GceSd { project, zone, filter, port, separator, google, token: None };
    entry.polled("gce", every_ms, HttpClientConfig::default(), ask)
}

/// The file that `GOOGLE_APPLICATION_CREDENTIALS` names, or the one that Google's tools leave behind.
fn key_file() -> Option<PathBuf> {
    if let Some(named) = std::env::var_os("GOOGLE_APPLICATION_CREDENTIALS").filter(|name| !name.is_empty()) {
        return Some(named.into());
    }
    let home = PathBuf::from(std::env::var_os("HOME")?);
    Some(home.join(".config/gcloud/application_default_credentials.json")).filter(|path| path.exists())
}

impl Ask for GceSd {
    async fn ask(&mut self, api: &Api) -> Result<Vec<TargetGroup>, String> {
        let found = self.instances(api).await;
        let targets = found.map_err(|e| format!("error retrieving refresh targets from gce: {e}"))?;
        Ok(vec![TargetGroup::of(format!("GCE_{}_{}", self.project, self.zone), targets)])
    }
}

impl GceSd {
    async fn instances(&mut self, api: &Api) -> Result<Vec<Labels>, String> {
        let token = self.token(api).await?;
        let headers = headers(&[(header::AUTHORIZATION, &format!("Bearer {}", token.reveal()))])?;
        let path = format!("projects/{}/zones/{}/instances", self.project, self.zone);
        let mut targets = Vec::new();
        let mut page = String::new();
        for _ in 0..PAGES_MAX {
            let parameters = query(&[("filter", &self.filter), ("pageToken", &page)]);
            let url = format!("{}/compute/v1/{path}?{parameters}", self.google.compute);
            let answer = api.json_with(&url, &headers).await?;
            targets.extend(items(&answer, "/items").iter().filter_map(|instance| self.target(instance)));
            page = text(&answer, "/nextPageToken");
            if page.is_empty() {
                break;
            }
        }
        Ok(targets)
    }

    async fn token(&mut self, api: &Api) -> Result<Secret, String> {
        if let Some((token, ends)) = &self.token
            && *ends > Instant::now() + AHEAD
        {
            return Ok(token.clone());
        }
        let answer = match &self.google.key {
            Some(key) => by_key(api, key).await?,
            None => {
                let flavor = HeaderName::from_static("metadata-flavor");
                let path = "computeMetadata/v1/instance/service-accounts/default/token";
                let url = format!("{}/{path}?{}", self.google.metadata, query(&[("scopes", SCOPE)]));
                api.json_with(&url, &headers(&[(flavor, "Google")])?).await?
            }
        };
        let token = text(&answer, "/access_token");
        if token.is_empty() {
            return Err("there is no token for the machine".to_owned());
        }
        let lasts = answer.pointer("/expires_in").and_then(Value::as_u64).unwrap_or_default().min(86_400);
        let token = (Secret::new(token), Instant::now() + Duration::from_secs(lasts));
        Ok(self.token.insert(token).0.clone())
    }

    fn target(&self, instance: &Value) -> Option<Labels> {
        let interfaces = items(instance, "/networkInterfaces");
        let first = interfaces.first()?;
        let address = format!("{}:{}", text(first, "/networkIP"), self.port);
        let mut target = Target::new("__meta_gce_", address);
        target.set("project", &self.project);
        target.take(
            instance,
            &[
                ("zone", "/zone"),
                ("instance_id", "/id"),
                ("instance_name", "/name"),
                ("instance_status", "/status"),
                ("machine_type", "/machineType"),
            ],
        );
        let network = [("network", "/network"), ("subnetwork", "/subnetwork"), ("private_ip", "/networkIP")];
        target.take(first, &network);
        for interface in interfaces {
            let name = format!("interface_ipv4_{}", sanitize(&text(interface, "/name")));
            target.set(&name, text(interface, "/networkIP"));
        }
        set_list(&mut target, "tags", &self.separator, &texts(instance, "/tags/items"));
        for item in items(instance, "/metadata/items").iter().filter(|item| item.get("value").is_some()) {
            target.set(&format!("metadata_{}", sanitize(&text(item, "/key"))), text(item, "/value"));
        }
        target.map("label_", instance.get("labels"));
        if text(first, "/accessConfigs/0/type") == "ONE_TO_ONE_NAT" {
            target.set("public_ip", text(first, "/accessConfigs/0/natIP"));
        }
        Some(target.labels())
    }
}

/// A token for whom the key in a file is of: a service, or a user that has logged in.
async fn by_key(api: &Api, file: &Path) -> Result<Value, String> {
    let shown = file.display();
    let key = tokio::fs::read(file).await.map_err(|e| format!("{shown}: {e}"))?;
    let key: Value = serde_json::from_slice(&key).map_err(|e| format!("{shown}: {e}"))?;
    let url = Some(text(&key, "/token_uri")).filter(|url| !url.is_empty());
    let url = url.unwrap_or_else(|| "https://oauth2.googleapis.com/token".to_owned());
    let of = |name: &str| text(&key, &format!("/{name}"));
    let form = match text(&key, "/type").as_str() {
        "service_account" => {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
            let claims =
                json!({"iss": of("client_email"), "scope": SCOPE, "aud": url, "iat": now, "exp": now + 3600});
            let assertion = jwt::sign("RS256", &of("private_key_id"), &of("private_key"), &claims)?;
            let grant = "urn:ietf:params:oauth:grant-type:jwt-bearer";
            query(&[("grant_type", grant), ("assertion", &assertion)])
        }
        "authorized_user" => query(&[
            ("grant_type", "refresh_token"),
            ("client_id", &of("client_id")),
            ("client_secret", &of("client_secret")),
            ("refresh_token", &of("refresh_token")),
        ]),
        kind => return Err(format!("{shown}: credentials of the type {kind:?} are not served")),
    };
    let headers = headers(&[(header::CONTENT_TYPE, "application/x-www-form-urlencoded")])?;
    api.send(Method::POST, &url, &headers, form).await?.ok()?.json()
}
