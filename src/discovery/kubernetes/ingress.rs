//! Role `ingress`: one target for each path of each rule.

use super::labels::LabelSet;
use super::objects::{Ingress, IngressPath};
use crate::discovery::TargetGroup;
use kube::core::ObjectMeta;

/// The targets of an ingress.
#[must_use]
pub fn group(ingress: &Ingress, namespace_meta: Option<&ObjectMeta>) -> TargetGroup {
    let meta = &ingress.metadata;
    let (namespace, name) =
        (meta.namespace.as_deref().unwrap_or_default(), meta.name.as_deref().unwrap_or_default());
    let mut labels = LabelSet::default();
    labels.meta("namespace", namespace);
    labels.meta_if("ingress_class_name", ingress.spec.ingress_class_name.as_deref());
    labels.object("ingress", meta);
    if let Some(namespace) = namespace_meta {
        labels.described("namespace", namespace);
    }
    let mut targets = Vec::new();
    for rule in &ingress.spec.rules {
        let mut hosts = ingress.spec.tls.iter().flat_map(|tls| &tls.hosts);
        let scheme = if hosts.any(|pattern| covers(pattern, &rule.host)) { "https" } else { "http" };
        let whole = [IngressPath::default()];
        let paths = if rule.http.paths.is_empty() { whole.as_slice() } else { &rule.http.paths };
        for path in paths {
            let path = if path.path.is_empty() { "/" } else { &path.path };
            // A rule for all hosts gives a target that fails for want of an address, as in Prometheus.
            let mut target = LabelSet::default();
            target.set("__address__".to_owned(), rule.host.clone());
            target.meta("ingress_scheme", scheme);
            target.meta("ingress_host", &rule.host);
            target.meta("ingress_path", path);
            targets.push(target.into_pairs());
        }
    }
    TargetGroup { source: format!("ingress/{namespace}/{name}"), targets, labels: labels.into_pairs() }
}

/// Whether a certificate's name is the host's: `*` stands for the first part.
fn covers(pattern: &str, host: &str) -> bool {
    if pattern == host {
        return true;
    }
    let rest = |name: &str| name.split_once('.').map(|(_, rest)| rest.to_owned());
    pattern.starts_with("*.") && rest(pattern) == rest(host)
}

#[cfg(test)]
mod tests {
    use super::super::labels::testing::{assert_labels, map, object};
    use super::*;
    use serde_json::{Value, json};

    fn ingress(spec: Value) -> Ingress {
        object(json!({"metadata": {"name": "web", "namespace": "shop", "labels": {"a": "b"}}, "spec": spec}))
    }

    #[test]
    fn an_ingress_has_a_target_for_each_path() {
        let namespace: ObjectMeta = object(json!({"name": "shop", "annotations": {"x": "y"}}));
        let group = group(
            &ingress(json!({
                "ingressClassName": "nginx",
                "tls": [{"hosts": ["a.example.org"]}],
                "rules": [
                    {"host": "a.example.org", "http": {"paths": [{"path": "/x"}, {}]}},
                    {"host": "b.example.org"},
                ],
            })),
            Some(&namespace),
        );
        assert_eq!(group.source, "ingress/shop/web");
        let wants = [
            "__address__ a.example.org\ningress_scheme https\ningress_host a.example.org\ningress_path /x",
            "__address__ a.example.org\ningress_scheme https\ningress_host a.example.org\ningress_path /",
            "__address__ b.example.org\ningress_scheme http\ningress_host b.example.org\ningress_path /",
        ];
        assert_eq!(group.targets.len(), wants.len());
        for (target, want) in group.targets.iter().zip(wants) {
            assert_labels(target, want);
        }
        assert_labels(
            &group.labels,
            "namespace shop
             ingress_name web
             ingress_class_name nginx
             ingress_label_a b
             ingress_labelpresent_a true
             namespace_annotation_x y
             namespace_annotationpresent_x true",
        );
    }

    #[test]
    fn a_wildcard_certificate_covers_one_part() {
        for (pattern, host, want) in [
            ("*.example.org", "a.example.org", true),
            ("*.example.org", "a.b.example.org", false),
            ("*.example.org", "example.org", false),
            ("*", "example.org", false),
            ("a.*.org", "a.b.org", false),
            ("example.org", "example.org", true),
            ("other.org", "example.org", false),
        ] {
            assert_eq!(covers(pattern, host), want, "{pattern} {host}");
        }
    }

    #[test]
    fn a_rule_for_all_hosts_has_no_address() {
        let group = group(&ingress(json!({"rules": [{"http": {"paths": [{"path": "/x"}]}}]})), None);
        let target = map(&group.targets[0]);
        assert_eq!((target.get("__address__"), target["ingress_path"].as_str()), (None, "/x"));
    }
}
