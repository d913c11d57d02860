//! What discovery reads of the cluster's objects, and nothing else of them.
//!
//! The whole types of `k8s-openapi` would keep every field of 10,000 pods in memory.

use k8s_openapi::api::core::v1::ObjectReference;
use kube::Resource;
use kube::core::{ClusterResourceScope, NamespaceResourceScope, ObjectMeta};
use serde::{Deserialize, Deserializer};
use std::borrow::Cow;

/// A field that may be missing or null.
fn or_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(from: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(from)?.unwrap_or_default())
}

macro_rules! object {
    ($(#[$doc:meta])* $name:ident, $group:literal, $version:literal, $plural:literal, $scope:ty {
        $($(#[$field:meta])* $part:ident: $type:ty),*
    }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Default, PartialEq, Deserialize)]
        #[serde(rename_all = "camelCase")]
        pub struct $name {
            /// Name, labels and annotations.
            #[serde(default)]
            pub metadata: ObjectMeta,
            $($(#[$field])* #[serde(default, deserialize_with = "or_default")] pub $part: $type,)*
        }

        impl Resource for $name {
            type DynamicType = ();
            type Scope = $scope;
            fn kind((): &()) -> Cow<'_, str> {
                stringify!($name).into()
            }
            fn group((): &()) -> Cow<'_, str> {
                $group.into()
            }
            fn version((): &()) -> Cow<'_, str> {
                $version.into()
            }
            fn plural((): &()) -> Cow<'_, str> {
                $plural.into()
            }
            fn meta(&self) -> &ObjectMeta {
                &self.metadata
            }
            fn meta_mut(&mut self) -> &mut ObjectMeta {
                &mut self.metadata
            }
        }
    };
}

macro_rules! part {
    ($(#[$doc:meta])* $name:ident { $($(#[$field:meta])* $part:ident: $type:ty),* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Default, PartialEq, Deserialize)]
        #[serde(rename_all = "camelCase")]
        pub struct $name {
            $($(#[$field])* #[serde(default, deserialize_with = "or_default")] pub $part: $type,)*
        }
    };
}

object!(
    /// A node.
    Node, "", "v1", "nodes", ClusterResourceScope {
        /// What it is.
        spec: NodeSpec,
        /// How it is.
        status: NodeStatus
    }
);
part!(
    /// `spec` of a node.
    NodeSpec {
        /// Its id at the cloud provider.
        #[serde(rename = "providerID")]
        provider_id: String
    }
);
part!(
    /// `status` of a node.
    NodeStatus {
        /// Where it can be reached.
        addresses: Vec<NodeAddress>,
        /// Ready, under pressure.
        conditions: Vec<Condition>,
        /// Ports of its daemons.
        daemon_endpoints: DaemonEndpoints
    }
);
part!(
    /// A way to reach a node.
    NodeAddress {
        /// `InternalIP`, `Hostname` …
        #[serde(rename = "type")]
        kind: String,
        /// The address.
        address: String
    }
);
part!(
    /// Something that is true, false or unknown of an object.
    Condition {
        /// `Ready` …
        #[serde(rename = "type")]
        kind: String,
        /// `True`, `False` or `Unknown`.
        status: String
    }
);
part!(
    /// Ports of a node's daemons.
    DaemonEndpoints {
        /// The kubelet's.
        kubelet_endpoint: DaemonEndpoint
    }
);
part!(
    /// A port of a daemon.
    DaemonEndpoint {
        /// Its number.
        #[serde(rename = "Port")]
        port: i32
    }
);

object!(
    /// A pod.
    Pod, "", "v1", "pods", NamespaceResourceScope {
        /// What it is.
        spec: PodSpec,
        /// How it is.
        status: PodStatus
    }
);
part!(
    /// `spec` of a pod.
    PodSpec {
        /// Where it runs.
        node_name: String,
        /// Its containers.
        containers: Vec<Container>,
        /// Those that run before.
        init_containers: Vec<Container>
    }
);
part!(
    /// A container of a pod.
    Container {
        /// Its name.
        name: String,
        /// Its image.
        image: String,
        /// The ports that it declares.
        ports: Vec<ContainerPort>
    }
);
part!(
    /// A port of a container.
    ContainerPort {
        /// Its name.
        name: String,
        /// Its number.
        container_port: i32,
        /// `TCP` …
        protocol: String
    }
);
part!(
    /// `status` of a pod.
    PodStatus {
        /// `Running` …
        phase: String,
        /// Its address.
        #[serde(rename = "podIP")]
        pod_ip: String,
        /// Its node's address.
        #[serde(rename = "hostIP")]
        host_ip: String,
        /// Ready, scheduled.
        conditions: Vec<Condition>,
        /// Containers that run.
        container_statuses: Vec<ContainerStatus>,
        /// Init containers that ran.
        init_container_statuses: Vec<ContainerStatus>
    }
);
part!(
    /// A container as it runs.
    ContainerStatus {
        /// Its name.
        name: String,
        /// Its id at the runtime.
        #[serde(rename = "containerID")]
        container_id: String
    }
);

object!(
    /// A service.
    Service, "", "v1", "services", NamespaceResourceScope {
        /// What it is.
        spec: ServiceSpec,
        /// How it is.
        status: ServiceStatus
    }
);
part!(
    /// `spec` of a service.
    ServiceSpec {
        /// `ClusterIP`, `ExternalName` …
        #[serde(rename = "type")]
        kind: String,
        /// Its address in the cluster; `None` if it is headless.
        #[serde(rename = "clusterIP")]
        cluster_ip: String,
        /// What it is an alias of.
        external_name: String,
        /// The address that its load balancer is asked to have.
        #[serde(rename = "loadBalancerIP")]
        load_balancer_ip: String,
        /// Families of its addresses, the first one first.
        ip_families: Vec<String>,
        /// Its ports.
        ports: Vec<ServicePort>
    }
);
part!(
    /// A port of a service.
    ServicePort {
        /// Its name.
        name: String,
        /// Its number.
        port: i32,
        /// `TCP` …
        protocol: String
    }
);
part!(
    /// `status` of a service.
    ServiceStatus {
        /// Its load balancer.
        load_balancer: LoadBalancer
    }
);
part!(
    /// A load balancer.
    LoadBalancer {
        /// Where it takes connections.
        ingress: Vec<LoadBalancerIngress>
    }
);
part!(
    /// Where a load balancer takes connections.
    LoadBalancerIngress {
        /// Its address.
        ip: String
    }
);

object!(
    /// The endpoints of a service, in one object.
    Endpoints, "", "v1", "endpoints", NamespaceResourceScope {
        /// Addresses with the same ports.
        subsets: Vec<Subset>
    }
);
part!(
    /// Addresses with the same ports.
    Subset {
        /// Those that are ready.
        addresses: Vec<EndpointAddress>,
        /// Those that are not.
        not_ready_addresses: Vec<EndpointAddress>,
        /// Ports of each of them.
        ports: Vec<EndpointPort>
    }
);
part!(
    /// An address of a subset.
    EndpointAddress {
        /// The address.
        ip: String,
        /// Its host name.
        hostname: String,
        /// The node that it is on.
        node_name: Option<String>,
        /// What it belongs to.
        target_ref: Option<ObjectReference>
    }
);
part!(
    /// A port of a subset.
    EndpointPort {
        /// Its name.
        name: String,
        /// Its number.
        port: i32,
        /// `TCP` …
        protocol: String
    }
);

object!(
    /// A part of the endpoints of a service.
    EndpointSlice, "discovery.k8s.io", "v1", "endpointslices", NamespaceResourceScope {
        /// `IPv4`, `IPv6` or `FQDN`.
        address_type: String,
        /// The endpoints.
        endpoints: Vec<SliceEndpoint>,
        /// Ports of each of them.
        ports: Vec<SlicePort>
    }
);
part!(
    /// An endpoint of a slice.
    SliceEndpoint {
        /// Its addresses.
        addresses: Vec<String>,
        /// Whether it can be used.
        conditions: SliceConditions,
        /// Its host name.
        hostname: Option<String>,
        /// The node that it is on.
        node_name: Option<String>,
        /// The zone that it is in.
        zone: Option<String>,
        /// What it belongs to.
        target_ref: Option<ObjectReference>,
        /// Where it is, as older clusters say it.
        deprecated_topology: std::collections::BTreeMap<String, String>
    }
);
part!(
    /// Whether an endpoint of a slice can be used.
    SliceConditions {
        /// It takes new connections.
        ready: Option<bool>,
        /// It serves those that it has.
        serving: Option<bool>,
        /// It is about to end.
        terminating: Option<bool>
    }
);
part!(
    /// A port of a slice.
    SlicePort {
        /// Its name.
        name: Option<String>,
        /// Its number; none means every port.
        port: Option<i32>,
        /// `TCP` …
        protocol: Option<String>,
        /// `http` …
        app_protocol: Option<String>
    }
);

object!(
    /// An ingress.
    Ingress, "networking.k8s.io", "v1", "ingresses", NamespaceResourceScope {
        /// What it is.
        spec: IngressSpec
    }
);
part!(
    /// `spec` of an ingress.
    IngressSpec {
        /// Whose it is.
        ingress_class_name: Option<String>,
        /// Hosts with certificates.
        tls: Vec<IngressTls>,
        /// What it serves.
        rules: Vec<IngressRule>
    }
);
part!(
    /// Hosts with a certificate.
    IngressTls {
        /// Names, or `*.` and a name.
        hosts: Vec<String>
    }
);
part!(
    /// What an ingress serves on a host.
    IngressRule {
        /// The host; none means every host.
        host: String,
        /// Its paths.
        http: IngressPaths
    }
);
part!(
    /// Paths of a rule.
    IngressPaths {
        /// The paths.
        paths: Vec<IngressPath>
    }
);
part!(
    /// A path of a rule.
    IngressPath {
        /// The path.
        path: String
    }
);

object!(
    /// A namespace, for its labels.
    Namespace, "", "v1", "namespaces", ClusterResourceScope {}
);
object!(
    /// A replica set, for its deployment.
    ReplicaSet, "apps", "v1", "replicasets", NamespaceResourceScope {}
);
object!(
    /// A job, for its cron job.
    Job, "batch", "v1", "jobs", NamespaceResourceScope {}
);

/// The controller of an object: kind and name.
#[must_use]
pub fn controller(meta: &ObjectMeta) -> Option<(&str, &str)> {
    let owners = meta.owner_references.as_deref().unwrap_or_default();
    let owner = owners.iter().find(|owner| owner.controller == Some(true))?;
    Some((&owner.kind, &owner.name))
}

/// Drops what discovery never looks at, the versions too: objects that differ in nothing else are equal.
pub fn trim(meta: &mut ObjectMeta) {
    let mut owners = meta.owner_references.take();
    if let Some(owners) = &mut owners {
        owners.retain(|owner| owner.controller == Some(true));
    }
    *meta = ObjectMeta {
        name: meta.name.take(),
        namespace: meta.namespace.take(),
        uid: meta.uid.take(),
        labels: meta.labels.take().filter(|labels| !labels.is_empty()),
        annotations: meta.annotations.take().filter(|annotations| !annotations.is_empty()),
        owner_references: owners.filter(|owners| !owners.is_empty()),
        ..ObjectMeta::default()
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn fields_that_are_null_or_missing_are_empty() {
        let slice: EndpointSlice = serde_json::from_value(json!({
            "metadata": {"name": "a", "namespace": "b"}, "addressType": "IPv4", "endpoints": null,
            "ports": [{"name": null, "port": 80, "unknown": {"a": [1]}}],
        }))
        .unwrap();
        assert_eq!(
            (slice.endpoints.len(), slice.ports[0].port, slice.ports[0].name.as_ref()),
            (0, Some(80), None)
        );
    }

    #[test]
    fn trimmed_objects_differ_in_what_matters_only() {
        let pod = |version: &str, label: &str| {
            let mut pod: Pod = serde_json::from_value(json!({"metadata": {
                "name": "p", "namespace": "n", "uid": "u", "resourceVersion": version, "generation": 3,
                "labels": {"app": label}, "annotations": {},
                "managedFields": [{"manager": "m", "operation": "Apply", "fieldsV1": {"f:a": {}}}],
                "ownerReferences": [
                    {"apiVersion": "v1", "kind": "X", "name": "x", "uid": "1"},
                    {"apiVersion": "v1", "kind": "ReplicaSet", "name": "r", "uid": "2", "controller": true},
                ],
            }}))
            .unwrap();
            trim(&mut pod.metadata);
            pod
        };
        assert_eq!(pod("1", "a"), pod("2", "a"));
        assert_ne!(pod("1", "a"), pod("1", "b"));
        assert_eq!(controller(&pod("1", "a").metadata), Some(("ReplicaSet", "r")));
        assert_eq!(pod("1", "a").metadata.managed_fields, None);
    }
}
