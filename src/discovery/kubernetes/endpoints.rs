//! Role `endpoints`: one target for each address and port of a service, and for each further port of its pods.

use super::around::{Around, SeenPods};
use super::labels::{LabelSet, join};
use super::objects::Endpoints;
use super::service;
use crate::discovery::TargetGroup;
use tracing::warn;

/// The targets of an object.
#[must_use]
pub fn group(endpoints: &Endpoints, around: &Around<'_>) -> TargetGroup {
    let meta = &endpoints.metadata;
    let (namespace, name) =
        (meta.namespace.as_deref().unwrap_or_default(), meta.name.as_deref().unwrap_or_default());
    let mut labels = LabelSet::default();
    labels.meta("namespace", namespace);
    if let Some(service) = around.services.get(namespace, name) {
        labels.merge(&service::labels(service));
    }
    labels.object("endpoints", meta);
    if let Some(namespace) = around.namespace {
        labels.described("namespace", namespace);
    }
    let mut targets = Vec::new();
    let mut seen = SeenPods::default();
    for subset in &endpoints.subsets {
        for port in &subset.ports {
            let ready = subset.addresses.iter().map(|address| (address, "true"));
            let not_ready = subset.not_ready_addresses.iter().map(|address| (address, "false"));
            for (address, ready) in ready.chain(not_ready) {
                let mut target = LabelSet::target(join(&address.ip, port.port));
                target.meta("endpoint_port_name", &port.name);
                target.meta("endpoint_port_protocol", &port.protocol);
                target.meta("endpoint_ready", ready);
                let owner = address.target_ref.as_ref();
                if let Some(owner) = owner {
                    target.meta_if("endpoint_address_target_kind", owner.kind.as_deref());
                    target.meta_if("endpoint_address_target_name", owner.name.as_deref());
                }
                target.meta_if("endpoint_node_name", address.node_name.as_deref());
                target.meta("endpoint_hostname", &address.hostname);
                around.attach_node(&mut target, address.node_name.as_deref(), owner);
                seen.attach(around, &mut target, owner, Some(port.port), Some(&port.protocol));
                targets.push(target.into_pairs());
            }
        }
    }
    targets.extend(seen.undeclared());
    let capacity =
        meta.labels.iter().flatten().find(|(key, _)| *key == "endpoints.kubernetes.io/over-capacity");
    if capacity.is_some() {
        warn!(
            namespace,
            endpoints = name,
            "An Endpoints object holds at most 1000 addresses and this one has more, use \"role: endpointslice\" instead"
        );
    }
    TargetGroup { source: format!("endpoints/{namespace}/{name}"), targets, labels: labels.into_pairs() }
}

#[cfg(test)]
mod tests {
    use super::super::around::testing::{Cluster, POD};
    use super::super::labels::testing::{addresses, assert_labels, map, object};
    use super::*;
    use serde_json::json;

    fn endpoints() -> Endpoints {
        object(json!({
            "metadata": {"name": "web", "namespace": "shop", "labels": {"e": "1"}, "annotations": {"f": "2"}},
            "subsets": [{
                "ports": [{"name": "http", "port": 80, "protocol": "TCP"}],
                "addresses": [{"ip": "10.1.0.5", "nodeName": "n1", "hostname": "h",
                    "targetRef": {"kind": "Pod", "namespace": "shop", "name": "web-0"}}],
                "notReadyAddresses": [{"ip": "10.1.0.6", "targetRef": {"kind": "Pod", "namespace": "shop", "name": "unknown"}}],
            }],
        }))
    }

    #[test]
    fn ready_addresses_come_before_those_that_are_not_and_ports_that_no_endpoint_has_come_last() {
        let cluster = Cluster::new();
        let group = group(&endpoints(), &cluster.around());
        assert_eq!(group.source, "endpoints/shop/web");
        assert_eq!(addresses(&group), ["10.1.0.5:80", "10.1.0.6:80", "10.1.0.5:81", "10.1.0.5:9"]);
        assert_labels(
            &group.targets[0],
            &format!(
                "__address__ 10.1.0.5:80
                 endpoint_port_name http
                 endpoint_port_protocol TCP
                 endpoint_ready true
                 endpoint_address_target_kind Pod
                 endpoint_address_target_name web-0
                 endpoint_node_name n1
                 endpoint_hostname h
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
            &group.targets[1],
            "__address__ 10.1.0.6:80
             endpoint_port_name http
             endpoint_port_protocol TCP
             endpoint_ready false
             endpoint_address_target_kind Pod
             endpoint_address_target_name unknown",
        );
        assert_labels(
            &group.targets[3],
            &format!(
                "__address__ 10.1.0.5:9
                 pod_container_name setup
                 pod_container_image s:1
                 pod_container_init true
                 pod_container_port_number 9
                 pod_container_port_protocol TCP
                 {POD}"
            ),
        );
        assert_labels(
            &group.labels,
            "namespace shop
             endpoints_name web
             endpoints_label_e 1
             endpoints_labelpresent_e true
             endpoints_annotation_f 2
             endpoints_annotationpresent_f true",
        );
    }

    #[test]
    fn the_service_of_the_same_name_and_the_namespace_are_told() {
        let mut cluster = Cluster::new();
        cluster
            .add_service(json!({"metadata": {"name": "web", "namespace": "shop", "labels": {"app": "x"}}}));
        cluster
            .add_service(json!({"metadata": {"name": "web", "namespace": "other", "labels": {"app": "y"}}}));
        let namespace = object(json!({"name": "shop", "labels": {"team": "t"}}));
        let around = Around { namespace: Some(&namespace), ..cluster.around() };
        let labels = map(&group(&endpoints(), &around).labels);
        assert_eq!(labels["service_name"], "web");
        assert_eq!(labels["service_label_app"], "x");
        assert_eq!(labels["service_labelpresent_app"], "true");
        assert_eq!(labels["namespace_label_team"], "t");
    }

    #[test]
    fn nodes_are_attached_by_name_or_as_targets_and_not_to_undeclared_ports() {
        let cluster = Cluster::new();
        let around = Around { nodes: Some(&cluster.nodes), ..cluster.around() };
        let mut endpoints = endpoints();
        let kubelet = json!({"ip": "10.0.0.1", "targetRef": {"kind": "Node", "name": "n1"}});
        let lost = json!({"ip": "10.0.0.2", "nodeName": "gone", "targetRef": {"kind": "Node", "name": "n1"}});
        endpoints.subsets[0].not_ready_addresses = vec![object(kubelet), object(lost)];
        let targets = group(&endpoints, &around).targets;
        let zones: Vec<_> =
            targets.iter().map(|target| map(target).get("node_label_zone").cloned()).collect();
        let zone = Some("a".to_owned());
        assert_eq!(zones, [zone.clone(), zone, None, None, None]);
        assert_eq!(map(&targets[1])["node_name"], "n1");
        assert_eq!(map(&targets[1])["node_labelpresent_zone"], "true");
    }

    #[test]
    fn the_protocol_of_a_declared_port_is_the_endpoints() {
        let cluster = Cluster::new();
        let mut endpoints = endpoints();
        endpoints.subsets[0].ports[0].protocol = "SCTP".to_owned();
        let target = map(&group(&endpoints, &cluster.around()).targets[0]);
        assert_eq!(target["pod_container_port_protocol"], "SCTP");
    }

    #[test]
    fn a_pod_without_an_address_adds_no_further_ports() {
        let mut cluster = Cluster::new();
        let mut pod = cluster.pods.get("shop", "web-0").unwrap().clone();
        pod.status.pod_ip.clear();
        cluster.pods.insert(("shop".to_owned(), "web-0".to_owned()), pod);
        assert_eq!(addresses(&group(&endpoints(), &cluster.around())), ["10.1.0.5:80", "10.1.0.6:80"]);
    }

    #[test]
    fn an_address_of_version_6_gets_brackets() {
        let mut endpoints = endpoints();
        endpoints.subsets[0].addresses[0].ip = "fd00::5".to_owned();
        assert_eq!(addresses(&group(&endpoints, &Cluster::default().around()))[0], "[fd00::5]:80");
    }
}
