//! `hetzner_sd_configs`: servers of the Hetzner cloud, or dedicated ones.

use super::super::api::query;
use super::super::entry::Entry;
use super::super::polled::Ask;
use super::super::{Mechanism, Provider, TargetGroup, sanitize};
use super::{Api, Labels, Target, at, items, numbered, text};
use crate::settings::decode::Fields;
use serde_json::Value;
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

/// `hetzner_sd_configs`
pub const MECHANISM: Mechanism = Mechanism { name: "hetzner", type_name: "hetzner.plain", decode };

const PREFIX: &str = "__meta_hetzner_";

/// Which servers.
#[derive(Debug, Clone)]
pub(super) struct HetznerSd {
    pub role: String,
    pub base: String,
    pub port: u64,
    pub selector: String,
}

fn decode(fields: &mut Fields<'_, '_>, dir: &Path) -> Arc<dyn Provider> {
    let mut entry = Entry::new(fields, dir);
    let role = entry.choice("role", "", &["hcloud", "robot"], |role| match role {
        "" => "role missing (one of: robot, hcloud)".to_owned(),
        role => format!("unknown role {role:?}"),
    });
    let every_ms = entry.refresh(60_000);
    let port = entry.port(80);
    let selector = entry.text("label_selector", "");
    let http = entry.http();
    let base =
        if role == "robot" { "https://robot-ws.your-server.de" } else { "https://api.hetzner.cloud/v1" };
    entry.polled("hetzner", every_ms, http, HetznerSd { role, base: base.to_owned(), port, selector })
}

impl Ask for HetznerSd {
    async fn ask(&mut self, api: &Api) -> Result<Vec<TargetGroup>, String> {
        let targets = if self.role == "robot" {
            let servers = api.json(&format!("{}/server", self.base)).await?;
            items(&servers, "").iter().map(|server| self.dedicated(server)).collect()
        } else {
            let servers = self.all(api, "servers", &self.selector).await?;
            let networks = self.all(api, "networks", "").await?;
            let names: HashMap<String, String> =
                networks.iter().map(|network| (text(network, "/id"), text(network, "/name"))).collect();
            servers.iter().map(|server| self.cloud(server, &names)).collect()
        };
        Ok(vec![TargetGroup::of("hetzner", targets)])
    }
}

impl HetznerSd {
    async fn all(&self, api: &Api, what: &str, selector: &str) -> Result<Vec<Value>, String> {
        let url = |page: usize| {
            let parameters = query(&[("label_selector", selector), ("page", &page.to_string())]);
            format!("{}/{what}?{parameters}&per_page=50", self.base)
        };
        let more = |answer: &Value| !text(answer, "/meta/pagination/next_page").is_empty();
        numbered(api, url, &format!("/{what}"), more).await
    }

    fn cloud(&self, server: &Value, networks: &HashMap<String, String>) -> Labels {
        let ipv4 = text(server, "/public_net/ipv4/ip");
        let mut target = Target::new(PREFIX, at(&ipv4, self.port));
        target.set("role", "hcloud").set("public_ipv4", ipv4);
        target.take(
            server,
            &[
                ("server_id", "/id"),
                ("server_name", "/name"),
                ("server_status", "/status"),
                ("datacenter", "/datacenter/name"),
                ("public_ipv6_network", "/public_net/ipv6/ip"),
                ("hcloud_datacenter_location", "/datacenter/location/name"),
                ("hcloud_datacenter_location_network_zone", "/datacenter/location/network_zone"),
                ("hcloud_server_type", "/server_type/name"),
                ("hcloud_cpu_cores", "/server_type/cores"),
                ("hcloud_cpu_type", "/server_type/cpu_type"),
                ("hcloud_disk_size_gb", "/server_type/disk"),
            ],
        );
        for (name, field) in [("hcloud_location", "name"), ("hcloud_location_network_zone", "network_zone")] {
            // Newer answers have the location on the server itself.
            let own = text(server, &format!("/location/{field}"));
            let old = || text(server, &format!("/datacenter/location/{field}"));
            target.set(name, if own.is_empty() { old() } else { own });
        }
        let memory = server.pointer("/server_type/memory").and_then(Value::as_f64).unwrap_or_default();
        target.set("hcloud_memory_size_gb", memory.trunc());
        if server.pointer("/image").is_some_and(Value::is_object) {
            target.take(
                server,
                &[
                    ("hcloud_image_name", "/image/name"),
                    ("hcloud_image_description", "/image/description"),
                    ("hcloud_image_os_version", "/image/os_version"),
                    ("hcloud_image_os_flavor", "/image/os_flavor"),
                ],
            );
        }
        for private in items(server, "/private_net") {
            if let Some(name) = networks.get(&text(private, "/network")) {
                target.set(&format!("hcloud_private_ipv4_{}", sanitize(name)), text(private, "/ip"));
            }
        }
        for (key, value) in super::super::target::entries(server, "/labels") {
            target.set(&format!("hcloud_labelpresent_{}", sanitize(key)), true);
            target.set(&format!("hcloud_label_{}", sanitize(key)), text(value, ""));
        }
        target.labels()
    }

    fn dedicated(&self, server: &Value) -> Labels {
        let ipv4 = text(server, "/server/server_ip");
        let mut target = Target::new(PREFIX, at(&ipv4, self.port));
        target.set("role", "robot").set("public_ipv4", ipv4);
        let datacenter = text(server, "/server/dc").to_lowercase();
        target.set("datacenter", &datacenter).set("robot_datacenter", datacenter);
        target.take(
            server,
            &[
                ("server_id", "/server/server_number"),
                ("server_name", "/server/server_name"),
                ("server_status", "/server/status"),
                ("robot_product", "/server/product"),
                ("robot_cancelled", "/server/cancelled"),
            ],
        );
        let mut subnets = items(server, "/server/subnet").iter();
        if let Some(subnet) = subnets.find(|subnet| text(subnet, "/ip").contains(':')) {
            target.set("public_ipv6_network", format!("{}/{}", text(subnet, "/ip"), text(subnet, "/mask")));
        }
        target.labels()
    }
}
