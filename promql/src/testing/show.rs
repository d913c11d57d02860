//! Expectations and answers as text, for reports.

use super::expect::{Expectations, Text};
use crate::syntax::series_notation::Item;
use crate::value::{RangeSeries, Value};
use narthex_storage::{FloatHistogram, is_stale_nan};

fn item(item: &Item) -> String {
    match item {
        Item::Missing => "_".to_owned(),
        Item::Float(value) if is_stale_nan(*value) => "stale".to_owned(),
        Item::Float(value) => value.to_string(),
        Item::Histogram { histogram, .. } => histogram.test_expression(),
    }
}

fn notes(level: &str, texts: &[Text]) -> impl Iterator<Item = String> {
    let show = move |text: &Text| match text {
        Text::Any => format!("a {level}"),
        Text::Equal(text) => format!("the {level} {text:?}"),
        Text::Matches(pattern) => format!("a {level} like {:?}", pattern.as_str()),
    };
    texts.iter().map(show).collect::<Vec<_>>().into_iter()
}

/// The expectation as text.
pub(super) fn show_expected(expect: &Expectations) -> String {
    if let Some(text) = &expect.fail {
        return notes("failure", std::slice::from_ref(text)).collect();
    }
    let value = if let Some(text) = &expect.string {
        vec![format!("{text:?}")]
    } else if let Some(value) = expect.scalar {
        vec![value.to_string()]
    } else {
        let line = |(labels, items): &(narthex_storage::Labels, Vec<Item>)| {
            let items: Vec<String> = items.iter().map(item).collect();
            format!("{labels:?} {}", items.join(" "))
        };
        expect.series.iter().map(line).collect()
    };
    let nothing = value.is_empty().then(|| "nothing".to_owned());
    let warnings = notes("warning", &expect.warn.some);
    let infos = notes("info", &expect.info.some);
    let lines: Vec<String> = value.into_iter().chain(nothing).chain(warnings).chain(infos).collect();
    lines.join("\n")
}

/// An answer as text.
pub(super) fn show_value(value: &Value) -> String {
    let lines: Vec<String> = match value {
        Value::Scalar { value, .. } => vec![value.to_string()],
        Value::String { value, .. } => vec![format!("{value:?}")],
        Value::Vector(samples) => samples
            .iter()
            .map(|sample| {
                let histogram = sample.histogram.as_deref().map(FloatHistogram::test_expression);
                let value = histogram.unwrap_or_else(|| sample.value.to_string());
                format!("{:?} {value}", sample.labels)
            })
            .collect(),
        Value::Matrix(series) => series.iter().map(show_series).collect(),
    };
    if lines.is_empty() { "nothing".to_owned() } else { lines.join("\n") }
}

fn show_series(series: &RangeSeries) -> String {
    let mut out = format!("{:?}", series.labels);
    for (i, (at, value)) in series.samples.timestamps.iter().zip(&series.samples.values).enumerate() {
        let histogram = series.samples.histogram(i).map(|histogram| histogram.test_expression());
        out.push_str(&format!(" {}@{at}", histogram.unwrap_or_else(|| value.to_string())));
    }
    out
}
