//! `dockerswarm_sd_configs`: services, tasks or nodes of a swarm.

use super::super::api::Api;
use super::super::entry::Entry;
use super::super::polled::Ask;
use super::super::target::{Target, host_port, items, text};
use super::super::{Mechanism, Provider, TargetGroup};
use super::{Daemon, networks, prefixed};
use crate::settings::decode::Fields;
use serde_json::Value;
use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

/// `dockerswarm_sd_configs`
pub const MECHANISM: Mechanism = Mechanism { name: "dockerswarm", type_name: "moby.plain", decode };

const PREFIX: &str = "__meta_dockerswarm_";

type Labels = Vec<(String, String)>;
type ById = HashMap<String, Labels>;

/// Which swarm, and what of it.
#[derive(Debug, Clone)]
pub(super) struct SwarmSd {
    pub daemon: Daemon,
    pub role: String,
    pub port: u64,
}

fn decode(fields: &mut Fields<'_, '_>, dir: &Path) -> Arc<dyn Provider> {
    let mut entry = Entry::new(fields, dir);
    let daemon = Daemon::take(&mut entry);
    let role = entry.choice("role", "", &["services", "tasks", "nodes"], |role| match role {
        "" => "role missing (one of: tasks, services, nodes)".to_owned(),
        role => format!("invalid role {role}, expected tasks, services, or nodes"),
    });
    let ask = SwarmSd { daemon, role, port: entry.port(80) };
    let every_ms = entry.refresh(60_000);
    let http = entry.http();
    entry.polled("dockerswarm", every_ms, http, ask)
}

impl Ask for SwarmSd {
    async fn ask(&mut self, api: &Api) -> Result<Vec<TargetGroup>, String> {
        let targets = match self.role.as_str() {
            "services" => self.services(api).await?,
            "tasks" => self.tasks(api).await?,
            _ => self.nodes(api).await?,
        };
        Ok(vec![TargetGroup::of("DockerSwarm", targets)])
    }
}

impl SwarmSd {
    async fn services(&mut self, api: &Api) -> Result<Vec<Labels>, String> {
        let failed = |e| format!("error while listing swarm services: {e}");
        let services = self.daemon.list(api, "/services", true).await.map_err(failed)?;
        let networks = networks(&mut self.daemon, api).await;
        let networks = networks.map_err(|e| format!("error while computing swarm network labels: {e}"))?;
        let mut targets = Vec::new();
        for service in items(&services, "") {
            let mut common = with(Target::new(PREFIX, ""), &service_labels(service));
            common.take(
                service,
                &[
                    ("service_task_container_hostname", "/Spec/TaskTemplate/ContainerSpec/Hostname"),
                    ("service_task_container_image", "/Spec/TaskTemplate/ContainerSpec/Image"),
                ],
            );
            if service.pointer("/UpdateStatus").is_some_and(Value::is_object) {
                common.set("service_updating_status", text(service, "/UpdateStatus/State"));
            }
            for vip in items(service, "/Endpoint/VirtualIPs") {
                let ip = without_mask(&text(vip, "/Addr"))?;
                let base = with(common.clone(), labels_of(&networks, &text(vip, "/NetworkID")));
                let ports = tcp(items(service, "/Endpoint/Ports"));
                for port in &ports {
                    let mut target = base.clone();
                    target.plain("__address__", host_port(&ip, text(port, "/PublishedPort")));
                    target.take(
                        port,
                        &[
                            ("service_endpoint_port_name", "/Name"),
                            ("service_endpoint_port_publish_mode", "/PublishMode"),
                        ],
                    );
                    targets.push(target.labels());
                }
                if ports.is_empty() {
                    targets.push(base.clone().plain("__address__", host_port(&ip, self.port)).labels());
                }
            }
        }
        Ok(targets)
    }

    async fn tasks(&mut self, api: &Api) -> Result<Vec<Labels>, String> {
        let failed = |what: &str| {
            let what = what.to_owned();
            move |e| format!("error while {what}: {e}")
        };
        let tasks = self.daemon.list(api, "/tasks", true).await.map_err(failed("listing swarm services"))?;
        let services = self.daemon.list(api, "/services", false).await;
        let services = services.map_err(failed("computing services labels and ports"))?;
        let ports: HashMap<String, Vec<&Value>> = items(&services, "")
            .iter()
            .map(|service| (text(service, "/ID"), tcp(items(service, "/Endpoint/Ports"))))
            .collect();
        let services: ById =
            items(&services, "").iter().map(|s| (text(s, "/ID"), service_labels(s))).collect();
        let nodes = self.daemon.list(api, "/nodes", false).await;
        let nodes = nodes.map_err(failed("computing nodes labels and ports"))?;
        let nodes: ById = items(&nodes, "").iter().map(|n| (text(n, "/ID"), node_labels(n))).collect();
        let networks = networks(&mut self.daemon, api).await;
        let networks = networks.map_err(failed("computing swarm network labels"))?;
        let containers = self.container_labels(api, &tasks).await;
        let mut targets = Vec::new();
        for task in items(&tasks, "") {
            let container = text(task, "/Status/ContainerStatus/ContainerID");
            let service = text(task, "/ServiceID");
            let node = labels_of(&nodes, &text(task, "/NodeID"));
            let mut common = Target::new(PREFIX, "");
            common.take(
                task,
                &[
                    ("task_id", "/ID"),
                    ("task_desired_state", "/DesiredState"),
                    ("task_state", "/Status/State"),
                    ("task_slot", "/Slot"),
                    ("task_container_id", "/Status/ContainerStatus/ContainerID"),
                ],
            );
            if task.pointer("/Slot").is_none() {
                common.set("task_slot", 0);
            }
            if task.pointer("/Spec/ContainerSpec").is_some_and(Value::is_object) {
                common = with(common, labels_of(&containers, &container));
                common = with(common, &prefixed("container_label_", task, "/Spec/ContainerSpec/Labels"));
            }
            common = with(with(common, labels_of(&services, &service)), node);
            let host = node.iter().find(|(name, _)| name == "node_address").map_or("", |(_, value)| value);
            for port in tcp(items(task, "/Status/PortStatus/Ports")) {
                let mut target = common.clone();
                target.set("task_port_publish_mode", text(port, "/PublishMode"));
                target.plain("__address__", host_port(host, text(port, "/PublishedPort")));
                targets.push(target.labels());
            }
            for network in items(task, "/NetworksAttachments") {
                let base = with(common.clone(), labels_of(&networks, &text(network, "/Network/ID")));
                for address in items(network, "/Addresses") {
                    let ip = without_mask(&text(address, ""))?;
                    let ports = ports.get(&service).map_or(&[][..], Vec::as_slice);
                    for port in ports {
                        let mut target = base.clone();
                        target.set("task_port_publish_mode", text(port, "/PublishMode"));
                        target.plain("__address__", host_port(&ip, text(port, "/PublishedPort")));
                        targets.push(target.labels());
                    }
                    if ports.is_empty() {
                        targets.push(base.clone().plain("__address__", host_port(&ip, self.port)).labels());
                    }
                }
            }
        }
        Ok(targets)
    }

    /// The labels of the containers of tasks, as far as this daemon knows them.
    async fn container_labels(&self, api: &Api, tasks: &Value) -> ById {
        let ids: HashSet<String> = items(tasks, "")
            .iter()
            .map(|task| text(task, "/Status/ContainerStatus/ContainerID"))
            .filter(|id| !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric()))
            .collect();
        let mut labels = ById::new();
        for id in ids {
            let version = self.daemon.version.as_deref().unwrap_or_default();
            let answer = self.daemon.get(api, &format!("{version}/containers/{id}/json")).await;
            // A container on another node is not known here.
            if let Ok(container) = answer.and_then(|answer| answer.json()) {
                labels.insert(id, prefixed("container_label_", &container, "/Config/Labels"));
            }
        }
        labels
    }

    async fn nodes(&mut self, api: &Api) -> Result<Vec<Labels>, String> {
        let failed = |e| format!("error while listing swarm nodes: {e}");
        let nodes = self.daemon.list(api, "/nodes", true).await.map_err(failed)?;
        let targets = items(&nodes, "").iter().map(|node| {
            let address = host_port(&text(node, "/Status/Addr"), self.port);
            let mut target = with(Target::new(PREFIX, address), &node_labels(node));
            target.set("node_engine_version", text(node, "/Description/Engine/EngineVersion"));
            if node.pointer("/ManagerStatus").is_some_and(Value::is_object) {
                let leader = node.pointer("/ManagerStatus/Leader") == Some(&Value::Bool(true));
                target.set("node_manager_leader", leader);
                target.take(
                    node,
                    &[
                        ("node_manager_reachability", "/ManagerStatus/Reachability"),
                        ("node_manager_address", "/ManagerStatus/Addr"),
                    ],
                );
            }
            target.labels()
        });
        Ok(targets.collect())
    }
}

fn with(mut target: Target, labels: &[(String, String)]) -> Target {
    for (name, value) in labels {
        target.set(name, value);
    }
    target
}

fn labels_of<'a>(by_id: &'a ById, id: &str) -> &'a [(String, String)] {
    by_id.get(id).map_or(&[], Vec::as_slice)
}

fn tcp(ports: &[Value]) -> Vec<&Value> {
    ports.iter().filter(|port| text(port, "/Protocol") == "tcp").collect()
}

/// `10.0.0.1` of `10.0.0.1/24`
fn without_mask(address: &str) -> Result<String, String> {
    let ip = address.split('/').next().unwrap_or_default();
    let valid = address.contains('/') && ip.parse::<IpAddr>().is_ok();
    if valid {
        Ok(ip.to_owned())
    } else {
        Err(format!("error while parsing address {address}: invalid CIDR address"))
    }
}

fn service_labels(service: &Value) -> Labels {
    let has = |mode: &str| service.pointer(&format!("/Spec/Mode/{mode}")).is_some_and(Value::is_object);
    let mode = if has("Global") {
        "global"
    } else if has("Replicated") {
        "replicated"
    } else {
        ""
    };
    let mut labels = vec![
        ("service_id".to_owned(), text(service, "/ID")),
        ("service_name".to_owned(), text(service, "/Spec/Name")),
        ("service_mode".to_owned(), mode.to_owned()),
    ];
    labels.extend(prefixed("service_label_", service, "/Spec/Labels"));
    labels
}

fn node_labels(node: &Value) -> Labels {
    const FIELDS: [(&str, &str); 8] = [
        ("node_id", "/ID"),
        ("node_role", "/Spec/Role"),
        ("node_address", "/Status/Addr"),
        ("node_availability", "/Spec/Availability"),
        ("node_hostname", "/Description/Hostname"),
        ("node_platform_architecture", "/Description/Platform/Architecture"),
        ("node_platform_os", "/Description/Platform/OS"),
        ("node_status", "/Status/State"),
    ];
    let mut labels: Labels =
        FIELDS.iter().map(|(name, pointer)| ((*name).to_owned(), text(node, pointer))).collect();
    labels.extend(prefixed("node_label_", node, "/Spec/Labels"));
    labels
}
