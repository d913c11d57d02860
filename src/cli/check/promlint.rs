//! What is wrong with the names of metrics and labels: the rules of Prometheus's `promlint`, in its words.

use crate::scrape::exposition::MetricType;
use std::collections::BTreeSet;

/// A metric as far as its rules look at it.
#[derive(Debug, Default)]
pub(super) struct Metric {
    pub name: String,
    /// `None` for one whose type is not told.
    pub kind: Option<MetricType>,
    pub has_help: bool,
    /// Names of all labels, but for those that histograms and summaries have of their own.
    pub labels: BTreeSet<String>,
    /// Two samples have the same labels.
    pub repeats: bool,
}

/// Units, and the base unit in whose place they stand.
const UNITS: &[(&str, &str)] = &[
    ("amperes", "amperes"),
    ("bytes", "bytes"),
    ("celsius", "celsius"),
    ("grams", "grams"),
    ("joules", "joules"),
    ("kelvin", "kelvin"),
    ("meters", "meters"),
    ("metres", "metres"),
    ("seconds", "seconds"),
    ("volts", "volts"),
    ("minutes", "seconds"),
    ("hours", "seconds"),
    ("days", "seconds"),
    ("weeks", "seconds"),
    ("kelvins", "kelvin"),
    ("fahrenheit", "celsius"),
    ("rankine", "celsius"),
    ("inches", "meters"),
    ("yards", "meters"),
    ("miles", "meters"),
    ("bits", "bytes"),
    ("calories", "joules"),
    ("pounds", "grams"),
    ("ounces", "grams"),
];

const PREFIXES: &[&str] = &[
    "pico", "nano", "micro", "milli", "centi", "deci", "deca", "hecto", "kilo", "kibi", "mega", "mibi",
    "giga", "gibi", "tera", "tebi", "peta", "pebi",
];

const ABBREVIATIONS: &[&str] =
    &["s", "ms", "us", "ns", "sec", "b", "kb", "mb", "gb", "tb", "pb", "m", "h", "d"];

/// Types as names may not name them.
const TYPES: &[&str] = &["counter", "gauge", "summary", "histogram", "gauge_histogram"];

/// The problems of a metric, sorted, each once.
pub(super) fn problems(metric: &Metric) -> BTreeSet<String> {
    let mut problems = BTreeSet::new();
    let mut tell = |found: bool, text: &str| {
        if found {
            problems.insert(text.to_owned());
        }
    };
    let name = metric.name.as_str();
    let lower = name.to_lowercase();
    let is = |kind| metric.kind == Some(kind);
    let typed = metric.kind.is_some();
    let (counter, histogram, summary) =
        (is(MetricType::Counter), is(MetricType::Histogram), is(MetricType::Summary));
    let total = name.ends_with("_total");
    tell(!metric.has_help, "no help text");
    tell(counter && !total, "counter metrics should have \"_total\" suffix");
    tell(typed && !counter && total, "non-counter metrics should not have \"_total\" suffix");
    tell(
        typed && !is(MetricType::Gauge) && name.ends_with("_timestamp_seconds"),
        "non-gauge metrics should not have \"_timestamp_seconds\" suffix",
    );
    tell(
        typed && !histogram && name.ends_with("_bucket"),
        "non-histogram metrics should not have \"_bucket\" suffix",
    );
    let scalar = typed && !histogram && !summary;
    tell(
        scalar && name.ends_with("_count"),
        "non-histogram and non-summary metrics should not have \"_count\" suffix",
    );
    tell(
        scalar && name.ends_with("_sum"),
        "non-histogram and non-summary metrics should not have \"_sum\" suffix",
    );
    tell(
        typed && !histogram && metric.labels.contains("le"),
        "non-histogram metrics should not have \"le\" label",
    );
    tell(
        typed && !summary && metric.labels.contains("quantile"),
        "non-summary metrics should not have \"quantile\" label",
    );
    for kind in TYPES {
        tell(has_word(&lower, kind), &format!("metric name should not include type '{kind}'"));
    }
    tell(name.contains(':'), "metric names should not contain ':'");
    tell(is_camel(name), "metric names should be written in 'snake_case' not 'camelCase'");
    tell(
        metric.labels.iter().any(|label| is_camel(label)),
        "label names should be written in 'snake_case' not 'camelCase'",
    );
    tell(
        ABBREVIATIONS.iter().any(|unit| has_word(&lower, unit)),
        "metric names should not contain abbreviated units",
    );
    tell(metric.repeats, "metric not unique");
    if let Some((unit, base)) = unit(name).filter(|(unit, base)| unit != base) {
        tell(true, &format!("use base unit \"{base}\" instead of \"{unit}\""));
    }
    problems
}

/// Whether a name has a word behind its first one.
fn has_word(name: &str, word: &str) -> bool {
    name.contains(&format!("_{word}_")) || name.ends_with(&format!("_{word}"))
}

fn is_camel(name: &str) -> bool {
    let pairs = name.bytes().zip(name.bytes().skip(1));
    pairs.into_iter().any(|(one, next)| one.is_ascii_lowercase() && next.is_ascii_uppercase())
}

/// The unit in a name, with its prefix, and its base unit.
fn unit(name: &str) -> Option<(&str, &'static str)> {
    let base = |word: &str| UNITS.iter().find(|(unit, _)| *unit == word).map(|(_, base)| *base);
    name.split('_').find_map(|word| {
        let bare = PREFIXES.iter().filter_map(|prefix| word.strip_prefix(prefix)).find_map(base);
        base(word).or(bare).map(|base| (word, base))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(name: &str, kind: Option<MetricType>, labels: &[&str]) -> Vec<String> {
        let labels = labels.iter().map(|label| (*label).to_owned()).collect();
        let metric = Metric { name: name.to_owned(), kind, has_help: true, labels, repeats: false };
        problems(&metric).into_iter().collect()
    }

    #[test]
    fn each_rule_has_its_words() {
        use MetricType::{Counter, Gauge, Histogram, Summary};
        for (name, kind, labels, want) in [
            ("x_total", Some(Counter), &[][..], &[][..]),
            ("x", Some(Counter), &[], &["counter metrics should have \"_total\" suffix"]),
            ("x_total", Some(Gauge), &[], &["non-counter metrics should not have \"_total\" suffix"]),
            ("x_total", None, &[], &[]),
            (
                "x_bucket",
                Some(Gauge),
                &["le"],
                &[
                    "non-histogram metrics should not have \"_bucket\" suffix",
                    "non-histogram metrics should not have \"le\" label",
                ],
            ),
            (
                "x_count",
                Some(Gauge),
                &["quantile"],
                &[
                    "non-histogram and non-summary metrics should not have \"_count\" suffix",
                    "non-summary metrics should not have \"quantile\" label",
                ],
            ),
            ("x_sum", Some(Summary), &[], &[]),
            ("x_sum", None, &["le"], &[]),
            (
                "x_timestamp_seconds",
                Some(Histogram),
                &[],
                &["non-gauge metrics should not have \"_timestamp_seconds\" suffix"],
            ),
            ("x_gauge_total", Some(Counter), &[], &["metric name should not include type 'gauge'"]),
            ("a:b", Some(Gauge), &[], &["metric names should not contain ':'"]),
            (
                "aB",
                Some(Gauge),
                &["cD"],
                &[
                    "label names should be written in 'snake_case' not 'camelCase'",
                    "metric names should be written in 'snake_case' not 'camelCase'",
                ],
            ),
            ("x_ms", Some(Gauge), &[], &["metric names should not contain abbreviated units"]),
            ("x_milliseconds", Some(Gauge), &[], &["use base unit \"seconds\" instead of \"milliseconds\""]),
            ("x_days_left", Some(Gauge), &[], &["use base unit \"seconds\" instead of \"days\""]),
            ("x_kibibytes", Some(Gauge), &[], &["use base unit \"bytes\" instead of \"kibibytes\""]),
            ("thermometers", Some(Gauge), &[], &[]),
        ] {
            assert_eq!(found(name, kind, labels), want, "{name}");
        }
    }

    #[test]
    fn help_is_wanted_and_samples_are_not_repeated() {
        let metric = Metric { name: "x".to_owned(), repeats: true, ..Metric::default() };
        let want = ["metric not unique", "no help text"].map(str::to_owned);
        assert_eq!(problems(&metric), BTreeSet::from(want));
    }
}
