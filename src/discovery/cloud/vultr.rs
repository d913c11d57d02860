//! `vultr_sd_configs`: Vultr instances.

use super::super::api::query;
use super::super::entry::Entry;
use super::super::polled::Ask;
use super::super::{Mechanism, Provider, TargetGroup};
use super::{Api, Labels, PAGES_MAX, Target, at, items, set_list, text, texts};
use crate::settings::decode::Fields;
use serde_json::Value;
use std::path::Path;
use std::sync::Arc;

/// `vultr_sd_configs`
pub const MECHANISM: Mechanism = Mechanism { name: "vultr", type_name: "vultr.plain", decode };

/// Whose instances follows from the credentials.
#[derive(Debug, Clone)]
pub(super) struct VultrSd {
    pub base: String,
    pub port: u64,
}

fn decode(fields: &mut Fields<'_, '_>, dir: &Path) -> Arc<dyn Provider> {
    let mut entry = Entry::new(fields, dir);
    let every_ms = entry.refresh(60_000);
    let ask = VultrSd { base: "https://api.vultr.com".to_owned(), port: entry.port(80) };
    let http = entry.http();
    entry.polled("vultr", every_ms, http, ask)
}

impl Ask for VultrSd {
    async fn ask(&mut self, api: &Api) -> Result<Vec<TargetGroup>, String> {
        let mut targets = Vec::new();
        let mut cursor = String::new();
        for _ in 0..PAGES_MAX {
            let parameters = query(&[("per_page", "100"), ("cursor", &cursor)]);
            let answer = api.json(&format!("{}/v2/instances?{parameters}", self.base)).await?;
            targets.extend(items(&answer, "/instances").iter().map(|instance| self.target(instance)));
            cursor = text(&answer, "/meta/links/next");
            if cursor.is_empty() {
                break;
            }
        }
        Ok(vec![TargetGroup::of("Vultr", targets)])
    }
}

impl VultrSd {
    fn target(&self, instance: &Value) -> Labels {
        let mut target = Target::new("__meta_vultr_instance_", at(&text(instance, "/main_ip"), self.port));
        target.take(
            instance,
            &[
                ("id", "/id"),
                ("label", "/label"),
                ("os", "/os"),
                ("os_id", "/os_id"),
                ("region", "/region"),
                ("plan", "/plan"),
                ("main_ip", "/main_ip"),
                ("main_ipv6", "/v6_main_ip"),
                ("internal_ip", "/internal_ip"),
                ("hostname", "/hostname"),
                ("server_status", "/server_status"),
                ("vcpu_count", "/vcpu_count"),
                ("ram_mb", "/ram"),
                ("allowed_bandwidth_gb", "/allowed_bandwidth"),
                ("disk_gb", "/disk"),
            ],
        );
        set_list(&mut target, "features", ",", &texts(instance, "/features"));
        set_list(&mut target, "tags", ",", &texts(instance, "/tags"));
        target.labels()
    }
}
