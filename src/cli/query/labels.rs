//! Which labels of a set of series go into columns of their own.

use super::answer::Metric;
use std::collections::BTreeSet;

/// Names of the labels of all series, the metric's name first.
#[must_use]
pub fn names<'a>(metrics: impl IntoIterator<Item = &'a Metric>) -> Vec<&'a str> {
    let all: BTreeSet<&str> =
        metrics.into_iter().flat_map(|metric| metric.keys().map(String::as_str)).collect();
    let name = all.get("__name__").copied();
    name.into_iter().chain(all.iter().copied().filter(|label| *label != "__name__")).collect()
}

/// The values of these labels, empty where the series has none.
pub fn values<'a>(metric: &'a Metric, names: &'a [&'a str]) -> impl Iterator<Item = String> + 'a {
    names.iter().map(|name| metric.get(*name).cloned().unwrap_or_default())
}

/// A label as the head of a column.
#[must_use]
pub fn heading(name: &str) -> String {
    if name == "__name__" { "METRIC".to_owned() } else { name.to_owned() }
}
