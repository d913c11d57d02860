//! `linode_sd_configs`: Linode instances.

use super::super::api::headers;
use super::super::entry::Entry;
use super::super::polled::Ask;
use super::super::{Mechanism, Provider, TargetGroup};
use super::{Api, Labels, PAGES_MAX, Target, at, items, set_list, text, texts};
use crate::settings::decode::Fields;
use http::HeaderName;
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;

/// `linode_sd_configs`
pub const MECHANISM: Mechanism = Mechanism { name: "linode", type_name: "linode.plain", decode };

/// Which instances.
#[derive(Debug, Clone)]
pub(super) struct LinodeSd {
    pub base: String,
    pub region: String,
    pub port: u64,
    pub separator: String,
}

fn decode(fields: &mut Fields<'_, '_>, dir: &Path) -> Arc<dyn Provider> {
    let mut entry = Entry::new(fields, dir);
    let every_ms = entry.refresh(60_000);
    let ask = LinodeSd {
        base: "https://api.linode.com/v4".to_owned(),
        port: entry.port(80),
        separator: entry.text("tag_separator", ","),
        region: entry.text("region", ""),
    };
    let http = entry.http();
    entry.polled("linode", every_ms, http, ask)
}

impl Ask for LinodeSd {
    async fn ask(&mut self, api: &Api) -> Result<Vec<TargetGroup>, String> {
        let found = self.instances(api).await;
        if found.is_err() {
            api.metrics.count("linode_failures");
        }
        found
    }
}

/// The first of the addresses of one kind, and the name that it has.
#[derive(Default)]
struct Named {
    address: String,
    name: String,
}

impl Named {
    fn of(address: &Value) -> Self {
        Self {
            address: text(address, "/address"),
            name: Some(text(address, "/rdns")).filter(|n| n != "null").unwrap_or_default(),
        }
    }
}

impl LinodeSd {
    async fn all(&self, api: &Api, path: &str) -> Result<Vec<Value>, String> {
        let filter = json!({"region": self.region}).to_string();
        let filter = if self.region.is_empty() { "{}" } else { filter.as_str() };
        let headers = headers(&[(HeaderName::from_static("x-filter"), filter)])?;
        let mut all = Vec::new();
        for page in 1..=PAGES_MAX {
            let url = format!("{}{path}?page={page}&page_size=500", self.base);
            let answer = api.json_with(&url, &headers).await?;
            all.extend_from_slice(items(&answer, "/data"));
            let pages = answer.pointer("/pages").and_then(Value::as_u64).unwrap_or_default();
            if u64::try_from(page).is_ok_and(|page| page >= pages) {
                break;
            }
        }
        Ok(all)
    }

    async fn instances(&self, api: &Api) -> Result<Vec<TargetGroup>, String> {
        let instances = self.all(api, "/linode/instances").await?;
        let addresses = self.all(api, "/networking/ips").await?;
        let ranges = self.all(api, "/networking/ipv6/ranges").await?;
        let targets = instances.iter().filter_map(|instance| self.target(instance, &addresses, &ranges));
        Ok(vec![TargetGroup::of("Linode", targets.collect())])
    }

    fn target(&self, instance: &Value, addresses: &[Value], ranges: &[Value]) -> Option<Labels> {
        let own = texts(instance, "/ipv4");
        let (mut public, mut private, mut extra) = (Named::default(), Named::default(), Vec::new());
        own.first()?;
        for address in own.iter().flat_map(|ip| addresses.iter().filter(move |a| text(a, "/address") == *ip))
        {
            let is_public = address.pointer("/public") == Some(&Value::Bool(true));
            match (is_public, public.address.is_empty(), private.address.is_empty()) {
                (true, true, _) => public = Named::of(address),
                (false, _, true) => private = Named::of(address),
                _ => extra.push(text(address, "/address")),
            }
        }
        let ipv6 = text(instance, "/ipv6");
        let ipv6 = ipv6.split('/').next().unwrap_or_default();
        let named = addresses.iter().find(|address| !ipv6.is_empty() && text(address, "/address") == ipv6);
        let public6 = named.map(Named::of).unwrap_or_default();
        let ranges: Vec<String> = ranges
            .iter()
            .filter(|range| !ipv6.is_empty() && text(range, "/route_target") == ipv6)
            .map(|range| format!("{}/{}", text(range, "/range"), text(range, "/prefix")))
            .collect();
        let mut target = Target::new("__meta_linode_", at(&public.address, self.port));
        for (name, found) in [("public_ipv4", public), ("private_ipv4", private), ("public_ipv6", public6)] {
            target.set(name, found.address).set(&format!("{name}_rdns"), found.name);
        }
        target.take(
            instance,
            &[
                ("instance_id", "/id"),
                ("instance_label", "/label"),
                ("image", "/image"),
                ("region", "/region"),
                ("type", "/type"),
                ("status", "/status"),
                ("group", "/group"),
                ("hypervisor", "/hypervisor"),
            ],
        );
        let number = |pointer| instance.pointer(pointer).and_then(Value::as_u64).unwrap_or_default();
        target.set("gpus", number("/specs/gpus")).set("specs_vcpus", number("/specs/vcpus"));
        for (name, pointer) in [
            ("specs_disk_bytes", "/specs/disk"),
            ("specs_memory_bytes", "/specs/memory"),
            ("specs_transfer_bytes", "/specs/transfer"),
        ] {
            // The API tells MiB.
            target.set(name, number(pointer).saturating_mul(1 << 20));
        }
        let backups = instance.pointer("/backups/enabled") == Some(&Value::Bool(true));
        target.set("backups", if backups { "enabled" } else { "disabled" });
        set_list(&mut target, "tags", &self.separator, &texts(instance, "/tags"));
        set_list(&mut target, "extra_ips", &self.separator, &extra);
        set_list(&mut target, "ipv6_ranges", &self.separator, &ranges);
        Some(target.labels())
    }
}
