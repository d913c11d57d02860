//! `scaleway_sd_configs`: instances or bare-metal servers of Scaleway.

use super::super::api::{headers, query};
use super::super::entry::Entry;
use super::super::polled::Ask;
use super::super::{Mechanism, Provider, TargetGroup};
use super::{Api, Labels, PAGES_MAX, Target, at, items, set_list, text, texts};
use crate::http::client::secret;
use crate::settings::Secret;
use crate::settings::decode::Fields;
use crate::settings::http::Source;
use http::HeaderName;
use serde_json::Value;
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

/// `scaleway_sd_configs`
pub const MECHANISM: Mechanism = Mechanism { name: "scaleway", type_name: "scaleway.plain", decode };

/// Members of a page.
const PAGE: usize = 50;

/// Which servers.
#[derive(Debug, Clone)]
pub(super) struct ScalewaySd {
    pub base: String,
    pub role: String,
    pub zone: String,
    pub project: String,
    pub name: String,
    pub tags: Vec<String>,
    pub key: Source,
    pub port: u64,
}

fn decode(fields: &mut Fields<'_, '_>, dir: &Path) -> Arc<dyn Provider> {
    let mut entry = Entry::new(fields, dir);
    let role = entry.choice("role", "", &["instance", "baremetal"], |role| format!("unknown role {role:?}"));
    let project = entry.required("project_id", "project_id is mandatory");
    let clash = "at most one of secret_key & secret_key_file must be configured";
    let key = entry.secret_source("secret_key", clash);
    if key.is_none() {
        entry.fault("one of secret_key & secret_key_file must be configured");
    }
    entry.required("access_key", "access_key is mandatory");
    let ask = ScalewaySd {
        base: entry.text("api_url", "https://api.scaleway.com").trim_end_matches('/').to_owned(),
        role,
        zone: entry.text("zone", "fr-par-1"),
        project,
        name: entry.text("name_filter", ""),
        tags: entry.texts("tags_filter"),
        key: key.unwrap_or(Source::Inline(Secret::default())),
        port: entry.port(80),
    };
    let every_ms = entry.refresh(60_000);
    let http = entry.http();
    entry.polled("scaleway", every_ms, http, ask)
}

impl Ask for ScalewaySd {
    async fn ask(&mut self, api: &Api) -> Result<Vec<TargetGroup>, String> {
        let targets: Vec<Labels> = if self.role == "baremetal" {
            let systems = self.all(api, "baremetal", "os", "/os").await?;
            let systems: HashMap<String, &Value> = systems.iter().map(|os| (text(os, "/id"), os)).collect();
            let servers = self.all(api, "baremetal", "servers", "/servers").await?;
            servers.iter().filter_map(|server| self.baremetal(server, &systems)).collect()
        } else {
            let servers = self.all(api, "instance", "servers", "/servers").await?;
            servers.iter().filter_map(|server| self.instance(server)).collect()
        };
        Ok(vec![TargetGroup::of("scaleway", targets)])
    }
}

impl ScalewaySd {
    async fn all(&self, api: &Api, product: &str, what: &str, list: &str) -> Result<Vec<Value>, String> {
        let token = secret(&self.key, "secret key").await.map_err(|e| e.to_string())?;
        let headers = headers(&[(HeaderName::from_static("x-auth-token"), &token)])?;
        let tags = self.tags.join(",");
        let mut all = Vec::new();
        for page in 1..=PAGES_MAX {
            let (page, size) = (page.to_string(), PAGE.to_string());
            let mut parameters = vec![("page", page.as_str())];
            // Each product has its own name for the size of a page, and only servers are chosen among.
            parameters.push((if product == "instance" { "per_page" } else { "page_size" }, &size));
            if what == "servers" {
                let project = if product == "instance" { "project" } else { "project_id" };
                parameters.extend([(project, self.project.as_str()), ("name", &self.name), ("tags", &tags)]);
            }
            let url = format!("{}/{product}/v1/zones/{}/{what}?{}", self.base, self.zone, query(&parameters));
            let answer = api.json_with(&url, &headers).await?;
            let found = items(&answer, list);
            all.extend_from_slice(found);
            if found.len() < PAGE {
                break;
            }
        }
        Ok(all)
    }

    fn instance(&self, server: &Value) -> Option<Labels> {
        let public = |family: &str| -> Vec<String> {
            let ips = items(server, "/public_ips").iter().filter(|ip| text(ip, "/family") == family);
            ips.map(|ip| text(ip, "/address")).collect()
        };
        let (ipv4, ipv6) = (public("inet"), public("inet6"));
        let mut target = Target::new("__meta_scaleway_instance_", "");
        target.take(
            server,
            &[
                ("boot_type", "/boot_type"),
                ("hostname", "/hostname"),
                ("id", "/id"),
                ("name", "/name"),
                ("organization_id", "/organization"),
                ("project_id", "/project"),
                ("status", "/state"),
                ("type", "/commercial_type"),
                ("zone", "/zone"),
                ("image_arch", "/image/arch"),
                ("image_id", "/image/id"),
                ("image_name", "/image/name"),
                ("location_cluster_id", "/location/cluster_id"),
                ("location_hypervisor_id", "/location/hypervisor_id"),
                ("location_node_id", "/location/node_id"),
                ("security_group_id", "/security_group/id"),
                ("security_group_name", "/security_group/name"),
                ("public_ipv6", "/ipv6/address"),
                ("public_ipv4", "/public_ip/address"),
                ("private_ipv4", "/private_ip"),
            ],
        );
        let zone = text(server, "/zone");
        target.set_some("region", zone.rsplit_once('-').map_or("", |(region, _)| region));
        set_list(&mut target, "tags", ",", &texts(server, "/tags"));
        set_list(&mut target, "public_ipv4_addresses", ",", &ipv4);
        set_list(&mut target, "public_ipv6_addresses", ",", &ipv6);
        let own = ["/private_ip", "/public_ip/address", "/ipv6/address"].map(|pointer| text(server, pointer));
        let address = own.iter().chain(ipv4.first()).chain(ipv6.first()).find(|ip| !ip.is_empty())?;
        target.plain("__address__", at(address, self.port));
        Some(target.labels())
    }

    fn baremetal(&self, server: &Value, systems: &HashMap<String, &Value>) -> Option<Labels> {
        let ip = |version: &str| {
            let mut ips = items(server, "/ips").iter();
            ips.find(|ip| text(ip, "/version") == version).map_or(String::new(), |ip| text(ip, "/address"))
        };
        let (ipv4, ipv6) = (ip("IPv4"), ip("IPv6"));
        let address = [&ipv4, &ipv6].into_iter().find(|ip| !ip.is_empty())?;
        let mut target = Target::new("__meta_scaleway_baremetal_", at(address, self.port));
        target.set_some("public_ipv4", ipv4).set_some("public_ipv6", ipv6);
        target.take(
            server,
            &[
                ("id", "/id"),
                ("name", "/name"),
                ("project_id", "/project_id"),
                ("status", "/status"),
                ("type", "/offer_name"),
                ("zone", "/zone"),
            ],
        );
        if let Some(system) = systems.get(&text(server, "/install/os_id")) {
            target.take(system, &[("os_name", "/name"), ("os_version", "/version")]);
        }
        set_list(&mut target, "tags", ",", &texts(server, "/tags"));
        Some(target.labels())
    }
}
