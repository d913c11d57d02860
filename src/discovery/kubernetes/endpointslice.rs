//! Role `endpointslice`: as `endpoints`, from the slices that newer clusters keep.

use super::around::{Around, SeenPods};
use super::labels::{LabelSet, join};
use super::objects::{EndpointSlice, Service, SliceEndpoint, SlicePort};
use super::service;
use crate::discovery::{TargetGroup, sanitize};

/// The label of a slice that names its service.
pub const SERVICE_NAME: &str = "kubernetes.io/service-name";

/// The name of a slice's service.
#[must_use]
pub fn service_name(slice: &EndpointSlice) -> Option<&str> {
    slice.metadata.labels.as_ref()?.get(SERVICE_NAME).map(String::as_str)
}

/// The targets of a slice.
#[must_use]
pub fn group(slice: &EndpointSlice, around: &Around<'_>) -> TargetGroup {
    let meta = &slice.metadata;
    let (namespace, name) =
        (meta.namespace.as_deref().unwrap_or_default(), meta.name.as_deref().unwrap_or_default());
    let mut group =
        TargetGroup { source: format!("endpointslice/{namespace}/{name}"), ..TargetGroup::default() };
    let service = service_name(slice).and_then(|service| around.services.get(namespace, service));
    if service.is_some_and(|service| second_family(service, &slice.address_type)) {
        return group;
    }
    let mut labels = LabelSet::default();
    labels.meta("namespace", namespace);
    labels.meta("endpointslice_address_type", &slice.address_type);
    labels.object("endpointslice", meta);
    if let Some(service) = service {
        labels.merge(&service::labels(service));
    }
    if let Some(namespace) = around.namespace {
        labels.described("namespace", namespace);
    }
    group.labels = labels.into_pairs();
    let mut seen = SeenPods::default();
    for endpoint in &slice.endpoints {
        for port in &slice.ports {
            for address in &endpoint.addresses {
                let mut target = target(address, endpoint, port);
                let owner = endpoint.target_ref.as_ref();
                around.attach_node(&mut target, endpoint.node_name.as_deref(), owner);
                seen.attach(around, &mut target, owner, port.port, None);
                group.targets.push(target.into_pairs());
            }
        }
    }
    group.targets.extend(seen.undeclared());
    group
}

/// The pods behind a slice of the second family are those behind the slice of the first.
fn second_family(service: &Service, address_type: &str) -> bool {
    let first = service.spec.ip_families.first();
    address_type != "FQDN" && first.is_some_and(|first| first != address_type)
}

fn target(address: &str, endpoint: &SliceEndpoint, port: &SlicePort) -> LabelSet {
    let mut set = LabelSet::target(port.port.map_or(address.to_owned(), |port| join(address, port)));
    set.meta_if("endpointslice_port_name", port.name.as_deref());
    set.meta_if("endpointslice_port_protocol", port.protocol.as_deref());
    set.meta_if("endpointslice_port", port.port.map(|port| port.to_string()).as_deref());
    set.meta_if("endpointslice_port_app_protocol", port.app_protocol.as_deref());
    let conditions = &endpoint.conditions;
    for (name, value) in [
        ("ready", conditions.ready),
        ("serving", conditions.serving),
        ("terminating", conditions.terminating),
    ] {
        let value = value.map(|value| if value { "true" } else { "false" });
        set.meta_if(&format!("endpointslice_endpoint_conditions_{name}"), value);
    }
    set.meta_if("endpointslice_endpoint_hostname", endpoint.hostname.as_deref());
    if let Some(owner) = &endpoint.target_ref {
        set.meta_if("endpointslice_address_target_kind", owner.kind.as_deref());
        set.meta_if("endpointslice_address_target_name", owner.name.as_deref());
    }
    set.meta_if("endpointslice_endpoint_node_name", endpoint.node_name.as_deref());
    set.meta_if("endpointslice_endpoint_zone", endpoint.zone.as_deref());
    for (key, value) in &endpoint.deprecated_topology {
        let key = sanitize(key);
        set.meta(&format!("endpointslice_endpoint_topology_{key}"), value);
        set.meta(&format!("endpointslice_endpoint_topology_present_{key}"), "true");
    }
    set
}

#[cfg(test)]
mod tests {
    use super::super::around::testing::{Cluster, POD};
    use super::super::labels::testing::{addresses, assert_labels, map, object};
    use super::*;
    use serde_json::json;

    fn slice() -> EndpointSlice {
        object(json!({
            "metadata": {"name": "web-x1", "namespace": "shop", "labels": {"kubernetes.io/service-name": "web"}},
            "addressType": "IPv4",
            "ports": [{"name": "http", "port": 80, "protocol": "TCP", "appProtocol": "h2"}],
            "endpoints": [
                {"addresses": ["10.1.0.5"], "conditions": {"ready": true, "serving": true, "terminating": false},
                 "hostname": "h", "nodeName": "n1", "zone": "z1", "deprecatedTopology": {"topology.io/rack": "r"},
                 "targetRef": {"kind": "Pod", "namespace": "shop", "name": "web-0"}},
                {"addresses": ["10.1.0.6", "10.1.0.7"], "conditions": {"ready": false}},
            ],
        }))
    }

    #[test]
    fn a_slice_has_a_target_for_each_address_and_port_and_for_ports_that_no_endpoint_has() {
        let cluster = Cluster::new();
        let group = group(&slice(), &cluster.around());
        assert_eq!(group.source, "endpointslice/shop/web-x1");
        assert_eq!(
            addresses(&group),
            ["10.1.0.5:80", "10.1.0.6:80", "10.1.0.7:80", "10.1.0.5:81", "10.1.0.5:9"]
        );
        assert_labels(
            &group.targets[0],
            &format!(
                "__address__ 10.1.0.5:80
                 endpointslice_port_name http
                 endpointslice_port_protocol TCP
                 endpointslice_port 80
                 endpointslice_port_app_protocol h2
                 endpointslice_endpoint_conditions_ready true
                 endpointslice_endpoint_conditions_serving true
                 endpointslice_endpoint_conditions_terminating false
                 endpointslice_endpoint_hostname h
                 endpointslice_address_target_kind Pod
                 endpointslice_address_target_name web-0
                 endpointslice_endpoint_node_name n1
                 endpointslice_endpoint_zone z1
                 endpointslice_endpoint_topology_topology_io_rack r
                 endpointslice_endpoint_topology_present_topology_io_rack true
                 pod_container_name main
                 pod_container_image web:1
                 pod_container_init false
                 pod_container_port_name http
                 pod_container_port_number 80
                 pod_container_port_protocol TCP
                 {POD}"
            ),
        );
        assert_labels(
            &group.targets[2],
            "__address__ 10.1.0.7:80
             endpointslice_port_name http
             endpointslice_port_protocol TCP
             endpointslice_port 80
             endpointslice_port_app_protocol h2
             endpointslice_endpoint_conditions_ready false",
        );
        assert_labels(
            &group.labels,
            "namespace shop
             endpointslice_name web-x1
             endpointslice_address_type IPv4
             endpointslice_label_kubernetes_io_service_name web
             endpointslice_labelpresent_kubernetes_io_service_name true",
        );
    }

    #[test]
    fn the_service_that_the_label_names_is_told() {
        let mut cluster = Cluster::new();
        let meta =
            json!({"name": "web", "namespace": "shop", "annotations": {"prometheus.io/scrape": "true"}});
        cluster.add_service(json!({"metadata": meta}));
        let labels = map(&group(&slice(), &cluster.around()).labels);
        assert_eq!(labels["service_name"], "web");
        assert_eq!(labels["service_annotation_prometheus_io_scrape"], "true");
        let mut alone = slice();
        alone.metadata.labels = None;
        assert!(!map(&group(&alone, &cluster.around()).labels).contains_key("service_name"));
    }

    #[test]
    fn the_second_family_of_a_service_gives_no_targets() {
        let mut cluster = Cluster::new();
        let meta = json!({"name": "web", "namespace": "shop"});
        cluster.add_service(json!({"metadata": meta, "spec": {"ipFamilies": ["IPv4", "IPv6"]}}));
        assert_eq!(group(&slice(), &cluster.around()).targets.len(), 5);
        let mut second = slice();
        second.address_type = "IPv6".to_owned();
        assert_eq!(group(&second, &cluster.around()).targets.len(), 0);
        cluster.add_service(json!({"metadata": meta, "spec": {"ipFamilies": ["IPv6", "IPv4"]}}));
        assert_eq!(group(&second, &cluster.around()).targets.len(), 5);
    }

    #[test]
    fn a_port_without_a_number_leaves_the_address_alone() {
        let cluster = Cluster::new();
        let mut slice = slice();
        slice.ports = vec![SlicePort::default()];
        let group = group(&slice, &cluster.around());
        let all = ["10.1.0.5", "10.1.0.6", "10.1.0.7", "10.1.0.5:80", "10.1.0.5:81", "10.1.0.5:9"];
        assert_eq!(addresses(&group), all);
        assert!(!map(&group.targets[0]).contains_key("pod_container_name"));
    }

    #[test]
    fn the_protocol_of_a_declared_port_is_the_containers() {
        let cluster = Cluster::new();
        let mut slice = slice();
        slice.ports[0].protocol = Some("SCTP".to_owned());
        let target = map(&group(&slice, &cluster.around()).targets[0]);
        assert_eq!(target["pod_container_port_protocol"], "TCP");
        assert_eq!(target["endpointslice_port_protocol"], "SCTP");
    }

    #[test]
    fn addresses_of_version_6_get_brackets_and_nodes_are_attached() {
        let cluster = Cluster::new();
        let around = Around { nodes: Some(&cluster.nodes), ..cluster.around() };
        let mut slice = slice();
        slice.endpoints[0].addresses = vec!["fd00::5".to_owned()];
        let target = map(&group(&slice, &around).targets[0]);
        assert_eq!(target["__address__"], "[fd00::5]:80");
        assert_eq!((target["node_name"].as_str(), target["node_label_zone"].as_str()), ("n1", "a"));
    }
}
