//! Role `node`: one target for each node, at its kubelet.

use super::labels::{LabelSet, join};
use super::objects::Node;
use crate::discovery::{TargetGroup, sanitize};
use std::collections::BTreeSet;

/// Kinds of addresses, the best first.
const PREFERRED: [&str; 6] =
    ["InternalIP", "InternalDNS", "ExternalIP", "ExternalDNS", "LegacyHostIP", "Hostname"];

/// The target of a node, or `None` if it has no address.
#[must_use]
pub fn group(node: &Node) -> Option<TargetGroup> {
    let addresses = &node.status.addresses;
    let of = |kind: &&str| addresses.iter().find(|address| address.kind == **kind);
    let best = PREFERRED.iter().find_map(of)?;
    let name = node.metadata.name.as_deref().unwrap_or_default();
    let mut target =
        LabelSet::target(join(&best.address, node.status.daemon_endpoints.kubelet_endpoint.port));
    target.set("instance".to_owned(), name.to_owned());
    let mut seen = BTreeSet::new();
    for address in addresses.iter().filter(|address| seen.insert(&address.kind)) {
        target.meta(&format!("node_address_{}", sanitize(&address.kind)), &address.address);
    }
    let mut labels = LabelSet::default();
    labels.meta("node_provider_id", &node.spec.provider_id);
    for condition in &node.status.conditions {
        let kind = sanitize(&condition.kind.to_lowercase());
        labels.meta(&format!("node_condition_{kind}"), &condition.status.to_lowercase());
    }
    labels.object("node", &node.metadata);
    Some(TargetGroup {
        source: format!("node/{name}"),
        targets: vec![target.into_pairs()],
        labels: labels.into_pairs(),
    })
}

#[cfg(test)]
mod tests {
    use super::super::labels::testing::{addresses, assert_labels, object};
    use super::*;
    use serde_json::{Value, json};

    fn node(addresses: Value) -> Node {
        object(json!({
            "metadata": {"name": "n1", "labels": {"zone": "a"}, "annotations": {"x/y": "z"}},
            "spec": {"providerID": "aws:///i-1"},
            "status": {
                "addresses": addresses,
                "conditions": [{"type": "Ready", "status": "True"}, {"type": "DiskPressure", "status": "Unknown"}],
                "daemonEndpoints": {"kubeletEndpoint": {"Port": 10250}},
            },
        }))
    }

    #[test]
    fn a_node_is_one_target_at_its_kubelet() {
        let group = group(&node(json!([
            {"type": "Hostname", "address": "host"}, {"type": "InternalIP", "address": "10.0.0.1"},
            {"type": "InternalIP", "address": "10.0.0.2"}, {"type": "Odd-Kind", "address": "q"},
        ])))
        .unwrap();
        assert_eq!(group.source, "node/n1");
        assert_labels(
            &group.targets[0],
            "__address__ 10.0.0.1:10250
             instance n1
             node_address_Hostname host
             node_address_InternalIP 10.0.0.1
             node_address_Odd_Kind q",
        );
        assert_labels(
            &group.labels,
            "node_name n1
             node_provider_id aws:///i-1
             node_condition_ready true
             node_condition_diskpressure unknown
             node_label_zone a
             node_labelpresent_zone true
             node_annotation_x_y z
             node_annotationpresent_x_y true",
        );
    }

    #[test]
    fn the_best_kind_of_address_wins_wherever_it_stands() {
        let mut all: Vec<Value> =
            PREFERRED.iter().rev().map(|kind| json!({"type": kind, "address": kind})).collect();
        while !all.is_empty() {
            let best = PREFERRED[PREFERRED.len() - all.len()];
            assert_eq!(addresses(&group(&node(json!(all))).unwrap()), [format!("{best}:10250")]);
            all.pop();
        }
    }

    #[test]
    fn addresses_of_version_6_get_brackets() {
        let found = group(&node(json!([{"type": "InternalIP", "address": "fd00::1"}]))).unwrap();
        assert_eq!(addresses(&found), ["[fd00::1]:10250"]);
    }

    #[test]
    fn a_node_without_a_known_address_says_nothing() {
        assert_eq!(group(&node(json!([]))), None);
        assert_eq!(group(&node(json!([{"type": "Odd", "address": "q"}]))), None);
    }
}
