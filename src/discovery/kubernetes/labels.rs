//! Label sets of Kubernetes targets: names begin with `__meta_kubernetes_`, empty values are left out.

use crate::discovery::sanitize;
use kube::core::ObjectMeta;

const PREFIX: &str = "__meta_kubernetes_";

/// A label set that grows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LabelSet(Vec<(String, String)>);

impl LabelSet {
    /// The set of a target.
    #[must_use]
    pub fn target(address: String) -> Self {
        Self(vec![("__address__".to_owned(), address)])
    }

    /// Sets `__meta_kubernetes_NAME`. A label without a value is none.
    pub fn meta(&mut self, name: &str, value: &str) {
        self.set(format!("{PREFIX}{name}"), value.to_owned());
    }

    /// As `meta`, if there is a value.
    pub fn meta_if(&mut self, name: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.meta(name, value);
        }
    }

    /// Sets a label.
    pub fn set(&mut self, name: String, value: String) {
        self.0.retain(|(known, _)| *known != name);
        if !value.is_empty() {
            self.0.push((name, value));
        }
    }

    /// Sets the labels of another set.
    pub fn merge(&mut self, other: &Self) {
        for (name, value) in &other.0 {
            self.set(name.clone(), value.clone());
        }
    }

    /// Sets name, labels and annotations of an object; `kind` is `pod` for `__meta_kubernetes_pod_…`.
    pub fn object(&mut self, kind: &str, meta: &ObjectMeta) {
        self.meta(&format!("{kind}_name"), meta.name.as_deref().unwrap_or_default());
        self.described(kind, meta);
    }

    /// Sets labels and annotations of an object.
    pub fn described(&mut self, kind: &str, meta: &ObjectMeta) {
        let maps = [("label", &meta.labels), ("annotation", &meta.annotations)];
        for (what, map) in maps {
            for (key, value) in map.iter().flatten() {
                let key = sanitize(key);
                self.meta(&format!("{kind}_{what}_{key}"), value);
                self.meta(&format!("{kind}_{what}present_{key}"), "true");
            }
        }
    }

    /// The labels.
    #[must_use]
    pub fn into_pairs(self) -> Vec<(String, String)> {
        self.0
    }
}

/// `host:port`, the host in brackets where it is an IPv6 address.
#[must_use]
pub fn join(host: &str, port: i32) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

/// What the tests of all roles look with.
#[cfg(test)]
pub(super) mod testing {
    use crate::discovery::TargetGroup;
    use serde::de::DeserializeOwned;
    use serde_json::Value;
    use std::collections::BTreeMap;

    /// An object from JSON.
    pub fn object<T: DeserializeOwned>(json: Value) -> T {
        serde_json::from_value(json).unwrap()
    }

    /// Names without the prefix, and values.
    pub fn map(pairs: &[(String, String)]) -> BTreeMap<String, String> {
        let short = |name: &str| name.strip_prefix(super::PREFIX).unwrap_or(name).to_owned();
        let map: BTreeMap<_, _> = pairs.iter().map(|(name, value)| (short(name), value.clone())).collect();
        assert_eq!(map.len(), pairs.len(), "a label is there twice: {pairs:?}");
        map
    }

    /// Asserts labels, given as lines `name value`.
    pub fn assert_labels(pairs: &[(String, String)], want: &str) {
        let want: BTreeMap<String, String> = want
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty())
            .map(|line| line.split_once(' ').unwrap())
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        assert_eq!(map(pairs), want);
    }

    /// Addresses of the targets.
    pub fn addresses(group: &TargetGroup) -> Vec<String> {
        group.targets.iter().map(|target| map(target)["__address__"].clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use testing::assert_labels;

    #[test]
    fn labels_and_annotations_come_twice_and_sanitised() {
        let meta: ObjectMeta = testing::object(serde_json::json!({
            "name": "web", "labels": {"app.kubernetes.io/name": "w", "empty": ""},
            "annotations": {"prometheus.io/scrape": "true"},
        }));
        let mut set = LabelSet::default();
        set.object("pod", &meta);
        assert_labels(
            &set.into_pairs(),
            "pod_name web
             pod_label_app_kubernetes_io_name w
             pod_labelpresent_app_kubernetes_io_name true
             pod_labelpresent_empty true
             pod_annotation_prometheus_io_scrape true
             pod_annotationpresent_prometheus_io_scrape true",
        );
    }

    #[test]
    fn a_later_value_replaces_an_earlier_one_and_an_empty_one_ends_it() {
        let mut set = LabelSet::target("a:1".to_owned());
        set.meta("x", "1");
        set.meta("y", "1");
        set.meta("x", "2");
        set.meta("y", "");
        assert_labels(&set.into_pairs(), "__address__ a:1\nx 2");
    }

    #[test]
    fn addresses_of_version_6_get_brackets() {
        assert_eq!([join("10.0.0.1", 80), join("fd00::1", 80)], ["10.0.0.1:80", "[fd00::1]:80"]);
    }
}
