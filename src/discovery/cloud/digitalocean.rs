//! `digitalocean_sd_configs`: droplets.

use super::super::entry::Entry;
use super::super::polled::Ask;
use super::super::{Mechanism, Provider, TargetGroup};
use super::{Api, Labels, Target, at, items, numbered, set_list, text, texts};
use crate::settings::decode::Fields;
use serde_json::Value;
use std::path::Path;
use std::sync::Arc;

/// `digitalocean_sd_configs`
pub const MECHANISM: Mechanism = Mechanism { name: "digitalocean", type_name: "digitalocean.plain", decode };

/// Whose droplets follows from the credentials.
#[derive(Debug, Clone)]
pub(super) struct DigitaloceanSd {
    pub base: String,
    pub port: u64,
}

fn decode(fields: &mut Fields<'_, '_>, dir: &Path) -> Arc<dyn Provider> {
    let mut entry = Entry::new(fields, dir);
    let unserved =
        |role: &str| format!("digitalocean_sd_configs: role {role:?} is not served, only droplets");
    entry.choice("role", "droplets", &["droplets"], unserved);
    let every_ms = entry.refresh(60_000);
    let port = entry.port(80);
    let http = entry.http();
    let ask = DigitaloceanSd { base: "https://api.digitalocean.com".to_owned(), port };
    entry.polled("digitalocean", every_ms, http, ask)
}

impl Ask for DigitaloceanSd {
    async fn ask(&mut self, api: &Api) -> Result<Vec<TargetGroup>, String> {
        let url = |page| format!("{}/v2/droplets?page={page}&per_page=200", self.base);
        let more = |answer: &Value| !text(answer, "/links/pages/next").is_empty();
        let droplets = numbered(api, url, "/droplets", more).await;
        let droplets = droplets.map_err(|e| format!("error while listing droplets: {e}"))?;
        let targets = droplets.iter().filter_map(|droplet| self.target(droplet)).collect();
        Ok(vec![TargetGroup::of("DigitalOcean", targets)])
    }
}

impl DigitaloceanSd {
    fn target(&self, droplet: &Value) -> Option<Labels> {
        let address = |family: &str, kind: &str| {
            let mut list = items(droplet, &format!("/networks/{family}")).iter();
            list.find(|network| text(network, "/type") == kind)
                .map_or(String::new(), |n| text(n, "/ip_address"))
        };
        if items(droplet, "/networks/v4").is_empty() {
            return None;
        }
        let public = address("v4", "public");
        let mut target = Target::new("__meta_digitalocean_", at(&public, self.port));
        target.set("private_ipv4", address("v4", "private"));
        target.set("public_ipv4", public).set("public_ipv6", address("v6", "public"));
        target.take(
            droplet,
            &[
                ("droplet_id", "/id"),
                ("droplet_name", "/name"),
                ("image", "/image/slug"),
                ("image_name", "/image/name"),
                ("region", "/region/slug"),
                ("size", "/size_slug"),
                ("status", "/status"),
                ("vpc", "/vpc_uuid"),
            ],
        );
        set_list(&mut target, "features", ",", &texts(droplet, "/features"));
        set_list(&mut target, "tags", ",", &texts(droplet, "/tags"));
        Some(target.labels())
    }
}
