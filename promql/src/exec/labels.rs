//! Label sets of results.

use super::operator::Meta;
use narthex_storage::{Labels, LabelsBuilder};

/// The labels that say what a metric is, and go with its name.
pub(crate) const RESERVED: [&str; 3] = ["__name__", "__type__", "__unit__"];

/// The labels without the metric name and what belongs to it.
pub(crate) fn without_name(labels: &Labels) -> Labels {
    if labels.iter().all(|(name, _)| !RESERVED.contains(&name)) {
        return labels.clone();
    }
    // What is sorted stays sorted.
    Labels::from_sorted(labels.iter().filter(|(name, _)| !RESERVED.contains(name)))
}

/// Whether all series have one metric name and no label that goes with it, so that series which differ keep
/// differing when the name is dropped.
pub(crate) fn one_name(series: &[Meta]) -> bool {
    let Some(first) = series.first() else { return true };
    let name = first.labels.get("__name__");
    series.iter().all(|meta| {
        let labels = &meta.labels;
        labels.get("__name__") == name && labels.get("__type__").is_none() && labels.get("__unit__").is_none()
    })
}

/// Chooses labels of a set: those of a list, or all others.
#[derive(Debug, Clone)]
pub(crate) struct LabelChoice {
    /// Sorted.
    names: Vec<String>,
    keep: bool,
}

impl LabelChoice {
    /// Only these.
    pub(crate) fn only(names: &[String]) -> Self {
        Self::new(names.to_vec(), true)
    }

    /// All but these.
    pub(crate) fn all_but<'n>(names: impl IntoIterator<Item = &'n str>) -> Self {
        Self::new(names.into_iter().map(str::to_owned).collect(), false)
    }

    fn new(mut names: Vec<String>, keep: bool) -> Self {
        names.sort_unstable();
        names.dedup();
        Self { names, keep }
    }

    #[inline]
    fn takes(&self, name: &str) -> bool {
        self.names.iter().any(|n| n == name) == self.keep
    }

    /// The chosen labels.
    pub(crate) fn of(&self, labels: &Labels) -> Labels {
        if self.keep && self.names.is_empty() {
            return Labels::empty();
        }
        Labels::from_sorted(labels.iter().filter(|(name, _)| self.takes(name)))
    }

    /// Writes a key that is equal exactly for equal choices.
    pub(crate) fn key(&self, labels: &Labels, key: &mut Vec<u8>) {
        key.clear();
        if self.keep && self.names.is_empty() {
            return;
        }
        for (name, value) in labels.iter().filter(|(name, _)| self.takes(name)) {
            key.extend_from_slice(name.as_bytes());
            key.push(0xff);
            key.extend_from_slice(value.as_bytes());
            key.push(0xff);
        }
    }
}

/// Labels with changes.
pub(crate) fn builder(labels: &Labels) -> LabelsBuilder {
    LabelsBuilder::from_labels(labels)
}
