//! `ionos_sd_configs`: servers of an IONOS data centre.

use super::super::entry::Entry;
use super::super::polled::Ask;
use super::super::{Mechanism, Provider, TargetGroup, sanitize};
use super::{Api, Labels, Target, at, items, set_list, text, texts};
use crate::settings::decode::Fields;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// `ionos_sd_configs`
pub const MECHANISM: Mechanism = Mechanism { name: "ionos", type_name: "ionos.plain", decode };

/// Which data centre.
#[derive(Debug, Clone)]
pub(super) struct IonosSd {
    pub base: String,
    pub datacenter: String,
    pub port: u64,
}

fn decode(fields: &mut Fields<'_, '_>, dir: &Path) -> Arc<dyn Provider> {
    let mut entry = Entry::new(fields, dir);
    let datacenter = entry.required("datacenter_id", "datacenter id can't be empty");
    let every_ms = entry.refresh(60_000);
    let port = entry.port(80);
    let http = entry.http();
    let base = "https://api.ionos.com/cloudapi/v6".to_owned();
    entry.polled("ionos", every_ms, http, IonosSd { base, datacenter, port })
}

impl Ask for IonosSd {
    async fn ask(&mut self, api: &Api) -> Result<Vec<TargetGroup>, String> {
        let datacenter = utf8_percent_encode(&self.datacenter, NON_ALPHANUMERIC);
        let servers = api.json(&format!("{}/datacenters/{datacenter}/servers?depth=3", self.base)).await?;
        let id = text(&servers, "/id");
        let targets = items(&servers, "/items").iter().filter_map(|server| self.target(&id, server));
        Ok(vec![TargetGroup::of("ionos", targets.collect())])
    }
}

impl IonosSd {
    fn target(&self, servers_id: &str, server: &Value) -> Option<Labels> {
        let mut all: Vec<String> = Vec::new();
        let mut by_name: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for nic in items(server, "/entities/nics/items") {
            let ips = texts(nic, "/properties/ips");
            let name = Some(text(nic, "/properties/name")).filter(|name| !name.is_empty());
            let named = by_name.entry(name.unwrap_or_else(|| "unnamed".to_owned())).or_default();
            // Those of a later interface come first.
            named.splice(0..0, ips.iter().cloned());
            all.splice(0..0, ips);
        }
        let mut target = Target::new("__meta_ionos_server_", at(all.first()?, self.port));
        target.set("servers_id", servers_id);
        target.take(
            server,
            &[
                ("availability_zone", "/properties/availabilityZone"),
                ("cpu_family", "/properties/cpuFamily"),
                ("id", "/id"),
                ("lifecycle", "/metadata/state"),
                ("name", "/properties/name"),
                ("state", "/properties/vmState"),
                ("type", "/properties/type"),
                ("boot_cdrom_id", "/properties/bootCdrom/id"),
                ("boot_volume_id", "/properties/bootVolume/id"),
                ("boot_image_id", "/entities/volumes/items/0/properties/image"),
            ],
        );
        set_list(&mut target, "ip", ",", &all);
        for (name, ips) in &by_name {
            set_list(&mut target, &format!("nic_ip_{}", sanitize(name)), ",", ips);
        }
        Some(target.labels())
    }
}
