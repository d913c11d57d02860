//! Labels of a target out of an API's JSON.

use super::sanitize;
use serde_json::Value;
use std::collections::BTreeMap;

/// A target whose labels come one by one; a later one of the same name wins.
#[derive(Debug, Clone)]
pub struct Target {
    prefix: &'static str,
    labels: BTreeMap<String, String>,
}

impl Target {
    /// A target at an address; `prefix` (`__meta_consul_`) comes before the names of its labels.
    #[must_use]
    pub fn new(prefix: &'static str, address: impl Into<String>) -> Self {
        Self { prefix, labels: BTreeMap::from([("__address__".to_owned(), address.into())]) }
    }

    /// Sets a label.
    pub fn set(&mut self, name: &str, value: impl ToString) -> &mut Self {
        self.labels.insert(format!("{}{name}", self.prefix), value.to_string());
        self
    }

    /// Sets a label if there is a value.
    pub fn set_some(&mut self, name: &str, value: impl Into<String>) -> &mut Self {
        let value = value.into();
        if value.is_empty() { self } else { self.set(name, value) }
    }

    /// Sets labels from values of an object, each with the name of the label and the way to the value.
    pub fn take(&mut self, object: &Value, labels: &[(&str, &str)]) -> &mut Self {
        for (name, pointer) in labels {
            self.set(name, text(object, pointer));
        }
        self
    }

    /// Sets a label for each entry of an object.
    pub fn map(&mut self, name: &str, object: Option<&Value>) -> &mut Self {
        for (key, value) in object.and_then(Value::as_object).into_iter().flatten() {
            self.set(&format!("{name}{}", sanitize(key)), text(value, ""));
        }
        self
    }

    /// Sets a label whose name has no prefix.
    pub fn plain(&mut self, name: &str, value: impl ToString) -> &mut Self {
        self.labels.insert(name.to_owned(), value.to_string());
        self
    }

    /// The labels by name.
    #[must_use]
    pub fn labels(&self) -> Vec<(String, String)> {
        self.labels.clone().into_iter().collect()
    }
}

/// A scalar within JSON as a text; what is missing is an empty one.
#[must_use]
pub fn text(value: &Value, pointer: &str) -> String {
    match value.pointer(pointer) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) => number.to_string(),
        Some(Value::Bool(truth)) => truth.to_string(),
        _ => String::new(),
    }
}

/// A list within JSON; what is missing is an empty one.
#[must_use]
pub fn items<'a>(value: &'a Value, pointer: &str) -> &'a [Value] {
    value.pointer(pointer).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// The texts of a list within JSON.
#[must_use]
pub fn texts(value: &Value, pointer: &str) -> Vec<String> {
    items(value, pointer).iter().map(|item| text(item, "")).collect()
}

/// The entries of an object within JSON.
pub fn entries<'a>(value: &'a Value, pointer: &str) -> impl Iterator<Item = (&'a String, &'a Value)> {
    value.pointer(pointer).and_then(Value::as_object).into_iter().flatten()
}

/// An address: IPv6 stands in brackets.
#[must_use]
pub fn host_port(host: &str, port: impl std::fmt::Display) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

/// A list in one label, with the separator also at both ends, so that `,x,` finds a member.
#[must_use]
pub fn enclosed<T: AsRef<str>>(separator: &str, items: &[T]) -> String {
    let mut out = separator.to_owned();
    for item in items {
        out.push_str(item.as_ref());
        out.push_str(separator);
    }
    // Of an empty list the ends remain.
    if items.is_empty() { separator.repeat(2) } else { out }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn lists_have_the_separator_at_both_ends() {
        assert_eq!(enclosed(",", &["a", "b"]), ",a,b,");
        assert_eq!(enclosed("::", &["a"]), "::a::");
        assert_eq!(enclosed(",", &Vec::<String>::new()), ",,");
    }

    #[test]
    fn labels_come_from_scalars_and_objects() {
        let object = json!({"a": {"n": 5, "t": true, "none": null}, "tags": {"x-y": "z", "n": 1}});
        let mut target = Target::new("__meta_x_", host_port("::1", 80));
        target.take(&object, &[("number", "/a/n"), ("truth", "/a/t"), ("missing", "/b")]);
        target.map("tag_", object.get("tags")).plain("instance", "i");
        let labels = target.labels();
        let labels: Vec<(&str, &str)> = labels.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        assert_eq!(
            labels,
            [
                ("__address__", "[::1]:80"),
                ("__meta_x_missing", ""),
                ("__meta_x_number", "5"),
                ("__meta_x_tag_n", "1"),
                ("__meta_x_tag_x_y", "z"),
                ("__meta_x_truth", "true"),
                ("instance", "i"),
            ]
        );
    }
}
