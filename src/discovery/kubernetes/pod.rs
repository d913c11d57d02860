//! Role `pod`, and what every role says about a pod.

use super::labels::{LabelSet, join};
use super::objects::{Container, ContainerPort, Node, Pod, controller};
use crate::discovery::TargetGroup;
use kube::core::ObjectMeta;

/// What is said about a pod besides what it says itself.
#[derive(Debug, Clone, Copy, Default)]
pub struct Attached<'a> {
    /// `Some` if nodes are asked for; inside, the pod's.
    pub node: Option<Option<&'a Node>>,
    /// Its namespace, if namespaces are asked for.
    pub namespace: Option<&'a ObjectMeta>,
    /// Its deployment.
    pub deployment: Option<&'a str>,
    /// Its job.
    pub job: Option<&'a str>,
    /// Its cron job.
    pub cron_job: Option<&'a str>,
}

/// The containers of a pod, each with whether it is an init container.
pub fn containers(pod: &Pod) -> impl Iterator<Item = (&Container, bool)> {
    let init = pod.spec.init_containers.iter().map(|container| (container, true));
    pod.spec.containers.iter().map(|container| (container, false)).chain(init)
}

/// Labels of a pod.
#[must_use]
pub fn labels(pod: &Pod) -> LabelSet {
    let ready = pod.status.conditions.iter().find(|condition| condition.kind == "Ready");
    let mut labels = LabelSet::default();
    labels.meta("pod_ip", &pod.status.pod_ip);
    labels.meta("pod_ready", &ready.map_or("unknown".to_owned(), |ready| ready.status.to_lowercase()));
    labels.meta("pod_phase", &pod.status.phase);
    labels.meta("pod_node_name", &pod.spec.node_name);
    labels.meta("pod_host_ip", &pod.status.host_ip);
    labels.meta("pod_uid", pod.metadata.uid.as_deref().unwrap_or_default());
    labels.object("pod", &pod.metadata);
    if let Some((kind, name)) = controller(&pod.metadata) {
        labels.meta("pod_controller_kind", kind);
        labels.meta("pod_controller_name", name);
    }
    labels
}

/// Adds the labels of a container.
pub fn container_labels(set: &mut LabelSet, container: &Container, init: bool) {
    set.meta("pod_container_name", &container.name);
    set.meta("pod_container_image", &container.image);
    set.meta("pod_container_init", if init { "true" } else { "false" });
}

/// Adds the labels of a container's port.
pub fn port_labels(set: &mut LabelSet, port: &ContainerPort, protocol: &str) {
    set.meta("pod_container_port_number", &port.container_port.to_string());
    set.meta("pod_container_port_name", &port.name);
    set.meta("pod_container_port_protocol", protocol);
}

/// The targets of a pod: its ports, and each container without any.
#[must_use]
pub fn group(pod: &Pod, attached: &Attached<'_>) -> TargetGroup {
    let meta = &pod.metadata;
    let (namespace, name) =
        (meta.namespace.as_deref().unwrap_or_default(), meta.name.as_deref().unwrap_or_default());
    let mut group = TargetGroup { source: format!("pod/{namespace}/{name}"), ..TargetGroup::default() };
    let ip = &pod.status.pod_ip;
    // Without an address it has not begun, and without its node it is not wanted.
    if ip.is_empty() || matches!(attached.node, Some(None)) {
        return group;
    }
    let mut common = labels(pod);
    common.meta("namespace", namespace);
    common.meta_if("pod_deployment_name", attached.deployment);
    common.meta_if("pod_job_name", attached.job);
    common.meta_if("pod_cronjob_name", attached.cron_job);
    if let Some(Some(node)) = attached.node {
        common.object("node", &node.metadata);
    }
    if let Some(namespace) = attached.namespace {
        common.described("namespace", namespace);
    }
    group.labels = common.into_pairs();
    for (container, init) in containers(pod) {
        let statuses =
            if init { &pod.status.init_container_statuses } else { &pod.status.container_statuses };
        let status = statuses.iter().find(|status| status.name == container.name);
        let mut add = |address: String, port: Option<&ContainerPort>| {
            let mut target = LabelSet::target(address);
            container_labels(&mut target, container, init);
            target.meta_if("pod_container_id", status.map(|status| status.container_id.as_str()));
            if let Some(port) = port {
                port_labels(&mut target, port, &port.protocol);
            }
            group.targets.push(target.into_pairs());
        };
        if container.ports.is_empty() {
            // The user has to give it a port.
            add(ip.clone(), None);
        }
        for port in &container.ports {
            add(join(ip, port.container_port), Some(port));
        }
    }
    group
}

#[cfg(test)]
mod tests {
    use super::super::labels::testing::{addresses, assert_labels, map, object};
    use super::*;
    use serde_json::json;

    fn pod() -> Pod {
        object(json!({
            "metadata": {
                "name": "web-0", "namespace": "shop", "uid": "u-1",
                "labels": {"app": "web"}, "annotations": {"prometheus.io/port": "80"},
                "ownerReferences": [
                    {"apiVersion": "v1", "kind": "Other", "name": "o", "uid": "1"},
                    {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web-77", "uid": "2", "controller": true},
                ],
            },
            "spec": {
                "nodeName": "n1",
                "containers": [
                    {"name": "main", "image": "web:1", "ports": [
                        {"name": "http", "containerPort": 80, "protocol": "TCP"},
                        {"containerPort": 53, "protocol": "UDP"}]},
                    {"name": "side", "image": "side:1"},
                ],
                "initContainers": [{"name": "setup", "image": "setup:1", "ports": [{"containerPort": 9, "protocol": "TCP"}]}],
            },
            "status": {
                "phase": "Running", "podIP": "10.1.0.5", "hostIP": "10.0.0.1",
                "conditions": [{"type": "PodScheduled", "status": "True"}, {"type": "Ready", "status": "False"}],
                "containerStatuses": [{"name": "side", "containerID": "containerd://2"}, {"name": "main", "containerID": "containerd://1"}],
                "initContainerStatuses": [{"name": "setup", "containerID": "containerd://0"}],
            },
        }))
    }

    #[test]
    fn a_pod_has_a_target_for_each_port_and_each_container_without() {
        let group = group(&pod(), &Attached::default());
        assert_eq!(group.source, "pod/shop/web-0");
        assert_eq!(addresses(&group), ["10.1.0.5:80", "10.1.0.5:53", "10.1.0.5", "10.1.0.5:9"]);
        let wants = [
            "__address__ 10.1.0.5:80
             pod_container_name main
             pod_container_id containerd://1
             pod_container_image web:1
             pod_container_init false
             pod_container_port_number 80
             pod_container_port_name http
             pod_container_port_protocol TCP",
            "__address__ 10.1.0.5:53
             pod_container_name main
             pod_container_id containerd://1
             pod_container_image web:1
             pod_container_init false
             pod_container_port_number 53
             pod_container_port_protocol UDP",
            "__address__ 10.1.0.5
             pod_container_name side
             pod_container_id containerd://2
             pod_container_image side:1
             pod_container_init false",
            "__address__ 10.1.0.5:9
             pod_container_name setup
             pod_container_id containerd://0
             pod_container_image setup:1
             pod_container_init true
             pod_container_port_number 9
             pod_container_port_protocol TCP",
        ];
        for (target, want) in group.targets.iter().zip(wants) {
            assert_labels(target, want);
        }
        assert_labels(
            &group.labels,
            "namespace shop
             pod_name web-0
             pod_ip 10.1.0.5
             pod_ready false
             pod_phase Running
             pod_node_name n1
             pod_host_ip 10.0.0.1
             pod_uid u-1
             pod_controller_kind ReplicaSet
             pod_controller_name web-77
             pod_label_app web
             pod_labelpresent_app true
             pod_annotation_prometheus_io_port 80
             pod_annotationpresent_prometheus_io_port true",
        );
    }

    #[test]
    fn a_pod_without_an_address_has_no_target_and_one_that_ended_has() {
        let mut pod = pod();
        pod.status.phase = "Succeeded".to_owned();
        pod.status.conditions.clear();
        let found = group(&pod, &Attached::default());
        let labels = map(&found.labels);
        assert_eq!((labels["pod_phase"].as_str(), labels["pod_ready"].as_str()), ("Succeeded", "unknown"));
        assert_eq!(found.targets.len(), 4);
        pod.status.pod_ip.clear();
        assert!(group(&pod, &Attached::default()).targets.is_empty());
    }

    #[test]
    fn what_is_attached_stands_on_the_group() {
        let node: Node = object(json!({"metadata": {"name": "n1", "labels": {"zone": "a"}}}));
        let namespace: ObjectMeta =
            object(json!({"name": "shop", "labels": {"team": "x"}, "annotations": {"a": "b"}}));
        let attached = Attached {
            node: Some(Some(&node)),
            namespace: Some(&namespace),
            deployment: Some("web"),
            job: Some("j"),
            cron_job: Some("c"),
        };
        let (bare, group) = (group(&pod(), &Attached::default()), group(&pod(), &attached));
        let known = map(&bare.labels);
        let added: Vec<_> = group
            .labels
            .into_iter()
            .filter(|(name, _)| !known.contains_key(name.strip_prefix("__meta_kubernetes_").unwrap()))
            .collect();
        assert_labels(
            &added,
            "pod_deployment_name web
             pod_job_name j
             pod_cronjob_name c
             node_name n1
             node_label_zone a
             node_labelpresent_zone true
             namespace_label_team x
             namespace_labelpresent_team true
             namespace_annotation_a b
             namespace_annotationpresent_a true",
        );
    }

    #[test]
    fn a_pod_whose_node_is_asked_for_and_unknown_has_no_target() {
        let attached = Attached { node: Some(None), ..Attached::default() };
        assert!(group(&pod(), &attached).targets.is_empty());
    }

    #[test]
    fn addresses_of_version_6_have_brackets_before_a_port_only() {
        let mut pod = pod();
        pod.status.pod_ip = "fd00::5".to_owned();
        let found = group(&pod, &Attached::default());
        assert_eq!(addresses(&found), ["[fd00::5]:80", "[fd00::5]:53", "fd00::5", "[fd00::5]:9"]);
    }
}
