//! From a line of a page to the labels under which its series is stored: target labels, relabelling, limits.

use super::append::{ScrapeError, ScrapeSettings};
use super::cache::Described;
use super::exposition::{MetricType, parse_labels};
use narthex_storage::labels::quote;
use narthex_storage::{Labels, LabelsBuilder};

const NAME: &str = "__name__";
const TYPE: &str = "__type__";
const UNIT: &str = "__unit__";
/// Names and values in error texts are cut to this, characters.
const SHOWN_MAX: usize = 50;

/// The labels under which a series is stored; `None` when relabelling drops it.
///
/// # Errors
/// The series has no valid labels, or is beyond a limit.
pub(super) fn labels_of(
    settings: &ScrapeSettings,
    series: &[u8],
    described: Described<'_>,
) -> Result<Option<Labels>, ScrapeError> {
    let mut pairs: Vec<(String, String)> = Vec::new();
    parse_labels(series, |name, value| pairs.push((name.to_owned(), value.to_owned())));
    if settings.type_and_unit {
        describe(&mut pairs, described);
    }
    // Sorted once: a hostile line may have a million labels.
    pairs.sort_unstable();
    if let Some(name) = pairs.iter().zip(pairs.iter().skip(1)).find_map(|(a, b)| (a.0 == b.0).then_some(&a.0))
    {
        return Err(ScrapeError::Refused(format!(
            "label name {} is not unique: invalid sample",
            quote(name)
        )));
    }
    let empty: Vec<String> =
        pairs.iter().filter(|(_, value)| value.is_empty()).map(|(name, _)| name.clone()).collect();
    let full = pairs.iter().filter(|(_, value)| !value.is_empty());
    let exposed = Labels::from_sorted(full.map(|(n, v)| (n.as_str(), v.as_str())));
    let exposed = &LabelsBuilder::from_labels(&exposed);
    let mut labels = if settings.honor_labels {
        honor(exposed, &settings.target, &empty)
    } else {
        rename(exposed, &settings.target)
    };
    if let Some(relabel) = &settings.metric_relabel
        && !relabel(&mut labels)
    {
        return Ok(None);
    }
    let labels = labels.build();
    if labels.is_empty() {
        return Ok(None);
    }
    check(&labels, settings)?;
    if std::str::from_utf8(series).is_err() {
        // Values were checked by the cursor: it is a name that is no UTF-8.
        return Err(ScrapeError::Refused(format!("invalid metric name or label names: {labels:?}")));
    }
    Ok(Some(labels))
}

/// Adds what the page says of the series. It wins over labels of these names that the series has itself.
fn describe(pairs: &mut Vec<(String, String)>, described: Described<'_>) {
    let kind = if described.kind == MetricType::Unknown { "" } else { described.kind.name() };
    for (label, value) in [(TYPE, kind), (UNIT, described.unit)] {
        if !value.is_empty() {
            pairs.retain(|(name, _)| name != label);
            pairs.push((label.to_owned(), value.to_owned()));
        }
    }
}

/// Exposed labels win; one that is exposed empty keeps the target's away.
fn honor(exposed: &LabelsBuilder, target: &Labels, empty: &[String]) -> LabelsBuilder {
    let mut labels = exposed.clone();
    for (name, value) in target.iter() {
        if exposed.get(name).is_none() && !empty.iter().any(|e| e == name) {
            labels.set(name, value);
        }
    }
    labels
}

/// Target labels win; exposed ones that clash get a prefix, shorter names first.
fn rename(exposed: &LabelsBuilder, target: &Labels) -> LabelsBuilder {
    let mut labels = exposed.clone();
    let mut clashing: Vec<(String, String)> = Vec::new();
    for (name, value) in target.iter() {
        if let Some(exposed) = exposed.get(name).filter(|v| !v.is_empty()) {
            clashing.push((name.to_owned(), exposed.to_owned()));
        }
        labels.set(name, value);
    }
    clashing.sort_by_key(|(name, _)| name.len());
    for (name, value) in clashing {
        let mut renamed = name;
        while labels.get(&renamed).is_some_and(|v| !v.is_empty()) {
            renamed.insert_str(0, "exported_");
        }
        labels.set(&renamed, &value);
    }
    labels
}

fn cut(text: &str) -> String {
    text.chars().take(SHOWN_MAX).collect()
}

/// The checks that each new series has to pass.
fn check(labels: &Labels, settings: &ScrapeSettings) -> Result<(), ScrapeError> {
    let refuse = |text: String| Err(ScrapeError::Refused(text));
    let metric = labels.metric_name();
    if metric.is_empty() {
        return refuse("missing metric name (__name__ label)".to_owned());
    }
    let named = labels.get("").is_none();
    if !named || (settings.legacy_names && !legacy_valid(labels)) {
        return refuse(format!("invalid metric name or label names: {labels:?}"));
    }
    let limits = settings.limits;
    let metric = cut(metric);
    if limits.labels > 0 && labels.len() > limits.labels {
        let (count, limit) = (labels.len(), limits.labels);
        return refuse(format!(
            "label_limit exceeded (metric: {metric}, number of labels: {count}, limit: {limit})"
        ));
    }
    for (name, value) in labels.iter() {
        if limits.label_name_length > 0 && name.len() > limits.label_name_length {
            let (length, limit) = (name.len(), limits.label_name_length);
            let name = cut(name);
            return refuse(format!(
                "label_name_length_limit exceeded (metric: {metric}, label name: {name}, length: {length}, limit: {limit})"
            ));
        }
        if limits.label_value_length > 0 && value.len() > limits.label_value_length {
            let (length, limit) = (value.len(), limits.label_value_length);
            let (name, value) = (cut(name), quote(&cut(value)));
            return refuse(format!(
                "label_value_length_limit exceeded (metric: {metric}, label name: {name}, value: {value}, length: {length}, limit: {limit})"
            ));
        }
    }
    Ok(())
}

fn legacy_valid(labels: &Labels) -> bool {
    labels.iter().all(|(name, value)| {
        let (text, colons) = if name == NAME { (value, true) } else { (name, false) };
        !text.starts_with(|c: char| c.is_ascii_digit())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || (colons && b == b':'))
    })
}
