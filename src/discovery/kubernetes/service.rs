//! Role `service`: one target for each port of a service, at its name.

use super::labels::{LabelSet, join};
use super::objects::Service;
use crate::discovery::TargetGroup;
use kube::core::ObjectMeta;

/// Labels of a service, for all roles that know it.
#[must_use]
pub fn labels(service: &Service) -> LabelSet {
    let mut labels = LabelSet::default();
    labels.object("service", &service.metadata);
    labels
}

/// The targets of a service.
#[must_use]
pub fn group(service: &Service, namespace_meta: Option<&ObjectMeta>) -> TargetGroup {
    let meta = &service.metadata;
    let (namespace, name) =
        (meta.namespace.as_deref().unwrap_or_default(), meta.name.as_deref().unwrap_or_default());
    let mut common = labels(service);
    common.meta("namespace", namespace);
    if let Some(namespace) = namespace_meta {
        common.described("namespace", namespace);
    }
    let spec = &service.spec;
    let target = |port: &super::objects::ServicePort| {
        let mut target = LabelSet::target(join(&format!("{name}.{namespace}.svc"), port.port));
        target.meta("service_port_name", &port.name);
        target.meta("service_port_number", &port.port.to_string());
        target.meta("service_port_protocol", &port.protocol);
        target.meta("service_type", &spec.kind);
        match spec.kind.as_str() {
            "ExternalName" => target.meta("service_external_name", &spec.external_name),
            _ => target.meta("service_cluster_ip", &spec.cluster_ip),
        }
        if spec.kind == "LoadBalancer" {
            target.meta("service_loadbalancer_ip", &load_balancer(service));
        }
        target.into_pairs()
    };
    TargetGroup {
        source: format!("svc/{namespace}/{name}"),
        targets: spec.ports.iter().map(target).collect(),
        labels: common.into_pairs(),
    }
}

/// The addresses that the load balancer has, or the one it was asked to have.
fn load_balancer(service: &Service) -> String {
    let entries = service.status.load_balancer.ingress.iter();
    let found: Vec<&str> = entries.map(|entry| entry.ip.as_str()).filter(|ip| !ip.is_empty()).collect();
    if found.is_empty() { service.spec.load_balancer_ip.clone() } else { found.join(",") }
}

#[cfg(test)]
mod tests {
    use super::super::labels::testing::{assert_labels, map, object};
    use super::*;
    use serde_json::{Value, json};

    fn service(spec: Value, status: Value) -> Service {
        object(json!({
            "metadata": {"name": "web", "namespace": "shop", "labels": {"app": "w"}, "annotations": {"p/x": "y"}},
            "spec": spec, "status": status,
        }))
    }

    #[test]
    fn a_service_has_a_target_for_each_port() {
        let spec = json!({"type": "ClusterIP", "clusterIP": "10.2.0.1", "ports": [
            {"name": "http", "port": 80, "protocol": "TCP"}, {"port": 53, "protocol": "UDP"}]});
        let namespace: ObjectMeta = object(json!({"name": "shop", "labels": {"team": "x"}}));
        let group = group(&service(spec, json!({})), Some(&namespace));
        assert_eq!(group.source, "svc/shop/web");
        assert_labels(
            &group.targets[0],
            "__address__ web.shop.svc:80
             service_port_name http
             service_port_number 80
             service_port_protocol TCP
             service_type ClusterIP
             service_cluster_ip 10.2.0.1",
        );
        assert_labels(
            &group.targets[1],
            "__address__ web.shop.svc:53
             service_port_number 53
             service_port_protocol UDP
             service_type ClusterIP
             service_cluster_ip 10.2.0.1",
        );
        assert_labels(
            &group.labels,
            "namespace shop
             service_name web
             service_label_app w
             service_labelpresent_app true
             service_annotation_p_x y
             service_annotationpresent_p_x true
             namespace_label_team x
             namespace_labelpresent_team true",
        );
    }

    #[test]
    fn headless_services_and_aliases_are_targets_too() {
        let ports = json!([{"port": 1}]);
        let headless = service(json!({"type": "ClusterIP", "clusterIP": "None", "ports": ports}), json!({}));
        assert_eq!(map(&group(&headless, None).targets[0])["service_cluster_ip"], "None");
        let alias = json!({"type": "ExternalName", "externalName": "db.example.org", "ports": ports});
        let target = map(&group(&service(alias, json!({})), None).targets[0]);
        assert_eq!(target["service_external_name"], "db.example.org");
        assert_eq!(target["__address__"], "web.shop.svc:1");
        assert!(!target.contains_key("service_cluster_ip"));
        assert!(group(&service(json!({"type": "ExternalName"}), json!({})), None).targets.is_empty());
    }

    #[test]
    fn a_load_balancer_is_where_its_status_says_or_where_it_was_asked_to_be() {
        let spec = json!({"type": "LoadBalancer", "clusterIP": "10.2.0.1", "loadBalancerIP": "1.1.1.1", "ports": [{"port": 1}]});
        let has = |status: Value| {
            let target = map(&group(&service(spec.clone(), status), None).targets[0]);
            assert_eq!(target["service_cluster_ip"], "10.2.0.1");
            target["service_loadbalancer_ip"].clone()
        };
        let told =
            json!({"loadBalancer": {"ingress": [{"ip": "2.2.2.2"}, {"hostname": "h"}, {"ip": "3.3.3.3"}]}});
        assert_eq!([has(told), has(json!({}))], ["2.2.2.2,3.3.3.3", "1.1.1.1"]);
    }
}
