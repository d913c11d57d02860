//! `docker_sd_configs`: the containers of a Docker daemon.

use super::super::api::Api;
use super::super::entry::Entry;
use super::super::polled::Ask;
use super::super::target::{Target, entries, host_port, items, text};
use super::super::{Mechanism, Provider, TargetGroup};
use super::{Daemon, networks, prefixed};
use crate::settings::decode::Fields;
use serde_json::Value;
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

/// `docker_sd_configs`
pub const MECHANISM: Mechanism = Mechanism { name: "docker", type_name: "moby.plain", decode };

const PREFIX: &str = "__meta_docker_";

/// Whose containers are targets.
#[derive(Debug, Clone)]
pub(super) struct DockerSd {
    pub daemon: Daemon,
    pub port: u64,
    /// The address of containers that have the network of the host.
    pub host_networking_host: String,
    /// A container counts only with the first of its networks.
    pub match_first_network: bool,
}

fn decode(fields: &mut Fields<'_, '_>, dir: &Path) -> Arc<dyn Provider> {
    let mut entry = Entry::new(fields, dir);
    let ask = DockerSd {
        daemon: Daemon::take(&mut entry),
        port: entry.port(80),
        host_networking_host: entry.text("host_networking_host", "localhost"),
        match_first_network: entry.flag("match_first_network", true),
    };
    let every_ms = entry.refresh(60_000);
    let http = entry.http();
    entry.polled("docker", every_ms, http, ask)
}

impl Ask for DockerSd {
    async fn ask(&mut self, api: &Api) -> Result<Vec<TargetGroup>, String> {
        let containers = self.daemon.list(api, "/containers/json", true).await;
        let containers = containers.map_err(|e| format!("error while listing containers: {e}"))?;
        let networks = networks(&mut self.daemon, api).await;
        let networks = networks.map_err(|e| format!("error while computing network labels: {e}"))?;
        let all: HashMap<String, &Value> =
            items(&containers, "").iter().map(|container| (text(container, "/Id"), container)).collect();
        let found = items(&containers, "").iter().flat_map(|one| self.targets(one, &all, &networks));
        Ok(vec![TargetGroup::of("Docker", found.collect())])
    }
}

impl DockerSd {
    fn targets(
        &self,
        container: &Value,
        all: &HashMap<String, &Value>,
        networks: &HashMap<String, Vec<(String, String)>>,
    ) -> Vec<Vec<(String, String)>> {
        let Some(name) = items(container, "/Names").first() else { return Vec::new() };
        let mode = text(container, "/HostConfig/NetworkMode");
        let mut common = Target::new(PREFIX, "");
        common.set("container_name", text(name, ""));
        common.take(
            container,
            &[
                ("container_id", "/Id"),
                ("container_image", "/Image"),
                ("container_image_id", "/ImageID"),
                ("container_network_mode", "/HostConfig/NetworkMode"),
            ],
        );
        for (label, value) in prefixed("container_label_", container, "/Labels") {
            common.set(&label, value);
        }
        let mut attached: Vec<(&String, &Value)> =
            entries(network_owner(container, all), "/NetworkSettings/Networks")
                .filter(|(_, network)| network.is_object())
                .collect();
        attached.sort_by_key(|(name, _)| *name);
        if self.match_first_network {
            attached.truncate(1);
        }
        let mut targets = Vec::new();
        for (_, network) in attached {
            let ip = Some(text(network, "/IPAddress")).filter(|ip| !ip.is_empty());
            let ip = ip.unwrap_or_else(|| text(network, "/GlobalIPv6Address"));
            let mut base = common.clone();
            base.set("network_ip", &ip);
            for (label, value) in networks.get(&text(network, "/NetworkID")).into_iter().flatten() {
                base.set(label, value);
            }
            let tcp = items(container, "/Ports").iter().filter(|port| text(port, "/Type") == "tcp");
            let ports: Vec<&Value> = tcp.collect();
            for port in &ports {
                let private = text(port, "/PrivatePort");
                let mut target = base.clone();
                target.plain("__address__", host_port(&ip, &private)).set("port_private", private);
                if port.pointer("/PublicPort").and_then(Value::as_u64).is_some_and(|port| port > 0) {
                    target.take(port, &[("port_public", "/PublicPort"), ("port_public_ip", "/IP")]);
                }
                targets.push(target.labels());
            }
            if ports.is_empty() {
                let host = || self.host_networking_host.clone();
                base.plain("__address__", if mode == "host" { host() } else { host_port(&ip, self.port) });
                targets.push(base.labels());
            }
        }
        targets
    }
}

/// The container whose networks this one uses: itself, or the one at the end of the chain of `container:ID`.
fn network_owner<'a>(container: &'a Value, all: &HashMap<String, &'a Value>) -> &'a Value {
    let mut owner = container;
    // A chain that is longer than the list goes round.
    for _ in 0..=all.len() {
        if entries(owner, "/NetworkSettings/Networks").next().is_some() {
            break;
        }
        let mode = text(owner, "/HostConfig/NetworkMode");
        match mode.strip_prefix("container:").and_then(|id| all.get(id)) {
            Some(next) => owner = next,
            None => break,
        }
    }
    owner
}
