//! `puppetdb_sd_configs`: resources that a query finds in a PuppetDB.

use super::super::api::headers;
use super::super::entry::{Entry, check_url};
use super::super::polled::Ask;
use super::super::target::entries;
use super::super::{Mechanism, Provider, TargetGroup, sanitize};
use super::{Api, Labels, Target, at, items, set_list, text, texts};
use crate::settings::decode::Fields;
use http::{Method, header};
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;

/// `puppetdb_sd_configs`
pub const MECHANISM: Mechanism = Mechanism { name: "puppetdb", type_name: "puppetdb.plain", decode };

/// What to ask.
#[derive(Debug, Clone)]
pub(super) struct PuppetdbSd {
    pub url: String,
    pub query: String,
    pub include_parameters: bool,
    pub port: u64,
}

fn decode(fields: &mut Fields<'_, '_>, dir: &Path) -> Arc<dyn Provider> {
    let mut entry = Entry::new(fields, dir);
    let every_ms = entry.refresh(60_000);
    let url = entry.text("url", "");
    if let Err(fault) = check_url(&url) {
        entry.fault(fault);
    }
    let query = entry.required("query", "query missing");
    let include_parameters = entry.flag("include_parameters", false);
    let port = entry.port(80);
    let http = entry.http();
    let url = format!("{}/pdb/query/v4", url.trim_end_matches('/'));
    entry.polled("puppetdb", every_ms, http, PuppetdbSd { url, query, include_parameters, port })
}

impl Ask for PuppetdbSd {
    async fn ask(&mut self, api: &Api) -> Result<Vec<TargetGroup>, String> {
        let json_type = "application/json";
        let headers = headers(&[(header::ACCEPT, json_type), (header::CONTENT_TYPE, json_type)])?;
        let body = json!({"query": self.query}).to_string();
        let resources = api.send(Method::POST, &self.url, &headers, body).await?.ok()?.json()?;
        let targets = items(&resources, "").iter().map(|resource| self.target(resource)).collect();
        Ok(vec![TargetGroup::of(format!("{}?query={}", self.url, self.query), targets)])
    }
}

impl PuppetdbSd {
    fn target(&self, resource: &Value) -> Labels {
        let mut target = Target::new("__meta_puppetdb_", at(&text(resource, "/certname"), self.port));
        target.set("query", &self.query);
        target.take(
            resource,
            &[
                ("certname", "/certname"),
                ("resource", "/resource"),
                ("type", "/type"),
                ("title", "/title"),
                ("exported", "/exported"),
                ("file", "/file"),
                ("environment", "/environment"),
            ],
        );
        set_list(&mut target, "tags", ",", &texts(resource, "/tags"));
        // They may hold secrets, so only on demand.
        if self.include_parameters {
            parameters(&mut target, "parameter_", resource, "/parameters", 0);
        }
        target.labels()
    }
}

/// Parameters as labels; those within others have the names of both.
fn parameters(target: &mut Target, prefix: &str, object: &Value, pointer: &str, depth: usize) {
    /// JSON itself is not read any deeper.
    const DEPTH_MAX: usize = 128;
    for (key, value) in entries(object, pointer) {
        let name = format!("{prefix}{}", sanitize(key));
        let shown = match value {
            Value::Object(_) if depth < DEPTH_MAX => {
                parameters(target, &format!("{name}_"), value, "", depth + 1);
                continue;
            }
            Value::Array(_) => texts(value, "").join(","),
            value => text(value, ""),
        };
        target.set_some(&name, shown);
    }
}
