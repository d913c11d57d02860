//! What the roles `endpoints` and `endpointslice` have in common: the service, the pods and the nodes behind addresses.

use super::labels::{LabelSet, join};
use super::objects::{Node, Pod, Service};
use super::pod;
use super::store::Store;
use k8s_openapi::api::core::v1::ObjectReference;
use kube::core::ObjectMeta;
use std::collections::BTreeMap;

/// The objects around endpoints.
#[derive(Debug, Clone, Copy)]
pub struct Around<'a> {
    /// Pods.
    pub pods: &'a Store<Pod>,
    /// Services.
    pub services: &'a Store<Service>,
    /// Nodes, if they are asked for.
    pub nodes: Option<&'a Store<Node>>,
    /// The namespace, if namespaces are asked for.
    pub namespace: Option<&'a ObjectMeta>,
}

impl<'a> Around<'a> {
    /// Adds what is asked for of the node of an address: that of its name, or else its target.
    pub fn attach_node(&self, set: &mut LabelSet, node: Option<&str>, target: Option<&ObjectReference>) {
        let of_target =
            || target.filter(|target| is(target, "Node")).and_then(|target| target.name.as_deref());
        let found = self.nodes.zip(node.or_else(of_target)).and_then(|(nodes, name)| nodes.get("", name));
        if let Some(node) = found {
            set.object("node", &node.metadata);
        }
    }

    fn pod(&self, target: Option<&ObjectReference>) -> Option<&'a Pod> {
        let target = target.filter(|target| is(target, "Pod"))?;
        self.pods
            .get(target.namespace.as_deref().unwrap_or_default(), target.name.as_deref().unwrap_or_default())
    }
}

fn is(target: &ObjectReference, kind: &str) -> bool {
    target.kind.as_deref() == Some(kind)
}

/// The pods behind the addresses, each with the ports that were seen with it.
#[derive(Debug, Default)]
pub struct SeenPods<'a>(BTreeMap<(String, String), (&'a Pod, Vec<i32>)>);

impl<'a> SeenPods<'a> {
    /// Adds the labels of the pod behind an address, and of the container that declares the port. `protocol` is the
    /// port's; without one the container's is taken.
    pub fn attach(
        &mut self,
        around: &Around<'a>,
        set: &mut LabelSet,
        target: Option<&ObjectReference>,
        port: Option<i32>,
        protocol: Option<&str>,
    ) {
        let Some(pod) = around.pod(target) else { return };
        let seen = self.0.entry(super::store::key(&pod.metadata)).or_insert((pod, Vec::new()));
        set.merge(&pod::labels(pod));
        let Some(port) = port else { return };
        seen.1.push(port);
        for (container, init) in pod::containers(pod) {
            if let Some(declared) = container.ports.iter().find(|declared| declared.container_port == port) {
                pod::container_labels(set, container, init);
                pod::port_labels(set, declared, protocol.unwrap_or(&declared.protocol));
            }
        }
    }

    /// Targets for the ports of the pods that no endpoint has.
    #[must_use]
    pub fn undeclared(self) -> Vec<Vec<(String, String)>> {
        let mut targets = Vec::new();
        for (pod, ports) in self.0.into_values() {
            // It may be starting, or evicted.
            if pod.status.pod_ip.is_empty() {
                continue;
            }
            for (container, init) in pod::containers(pod) {
                for port in container.ports.iter().filter(|port| !ports.contains(&port.container_port)) {
                    let mut target = LabelSet::target(join(&pod.status.pod_ip, port.container_port));
                    pod::container_labels(&mut target, container, init);
                    pod::port_labels(&mut target, port, &port.protocol);
                    target.merge(&pod::labels(pod));
                    targets.push(target.into_pairs());
                }
            }
        }
        targets
    }
}

/// A small cluster for the tests of both roles.
#[cfg(test)]
pub(super) mod testing {
    use super::super::labels::testing::object;
    use super::*;
    use serde_json::json;

    /// Its objects.
    #[derive(Default)]
    pub struct Cluster {
        pub pods: Store<Pod>,
        pub services: Store<Service>,
        pub nodes: Store<Node>,
    }

    impl Cluster {
        /// A pod `shop/web-0` with the ports 80, 81 and, of an init container, 9; a node `n1`.
        pub fn new() -> Self {
            let mut cluster = Self::default();
            let pod: Pod = object(json!({
                "metadata": {"name": "web-0", "namespace": "shop", "uid": "u", "labels": {"app": "w"}},
                "spec": {"nodeName": "n1",
                    "containers": [{"name": "main", "image": "web:1", "ports": [
                        {"name": "http", "containerPort": 80, "protocol": "TCP"},
                        {"name": "admin", "containerPort": 81, "protocol": "TCP"}]}],
                    "initContainers": [{"name": "setup", "image": "s:1", "ports": [{"containerPort": 9, "protocol": "TCP"}]}]},
                "status": {"phase": "Running", "podIP": "10.1.0.5", "hostIP": "10.0.0.1", "conditions": [{"type": "Ready", "status": "True"}]},
            }));
            cluster.pods.insert(super::super::store::key(&pod.metadata), pod);
            let node: Node = object(json!({"metadata": {"name": "n1", "labels": {"zone": "a"}}}));
            cluster.nodes.insert((String::new(), "n1".to_owned()), node);
            cluster
        }

        pub fn around(&self) -> Around<'_> {
            Around { pods: &self.pods, services: &self.services, nodes: None, namespace: None }
        }

        pub fn add_service(&mut self, service: serde_json::Value) {
            let service: Service = object(service);
            self.services.insert(super::super::store::key(&service.metadata), service);
        }
    }

    /// What every target with the pod says.
    pub const POD: &str = "
        pod_name web-0
        pod_ip 10.1.0.5
        pod_ready true
        pod_phase Running
        pod_node_name n1
        pod_host_ip 10.0.0.1
        pod_uid u
        pod_label_app w
        pod_labelpresent_app true
    ";
}
