//! What was expected and what came, as promtool prints them.

use narthex_promql::RangeSeries;
use narthex_storage::Labels;
use narthex_storage::number::{format_float, scientific};
use std::fmt::Write as _;

/// An alert: its labels and its annotations.
pub(super) type ShownAlert = (Labels, Labels);

/// `[\n0:\n  Labels:{…}\n  Annotations:{…}\n]`, or `[]`.
pub(super) fn alerts(alerts: &[ShownAlert]) -> String {
    if alerts.is_empty() {
        return "[]".to_owned();
    }
    let each = alerts.iter().enumerate().map(|(at, (labels, annotations))| {
        format!("{at}:{}", indented(&format!("\nLabels:{labels:?}\nAnnotations:{annotations:?}"), "  "))
    });
    format!("[\n{}\n]", each.collect::<Vec<_>>().join(",\n"))
}

/// The differences of two lists of alerts, line by line: `-` what is missing, `+` what is there instead.
pub(super) fn difference(expected: &[ShownAlert], got: &[ShownAlert]) -> String {
    let lines = |alerts: &[ShownAlert]| {
        let mut lines = Vec::new();
        for (labels, annotations) in alerts {
            let parts = [("Labels", labels), ("Annotations", annotations)];
            for (part, set) in parts {
                lines.extend(set.iter().map(|(name, value)| format!("{part}.{name}: {value:?}")));
            }
        }
        lines
    };
    let (expected, got) = (lines(expected), lines(got));
    let mut out = String::new();
    for line in &expected {
        let _ = write!(out, "\n{} {line}", if got.contains(line) { ' ' } else { '-' });
    }
    for line in got.iter().filter(|line| !expected.contains(line)) {
        let _ = write!(out, "\n+ {line}");
    }
    out
}

/// Every line but the first one, moved to the right.
pub(super) fn indented(lines: &str, indent: &str) -> String {
    lines.replace('\n', &format!("\n{indent}"))
}

/// A sample: its labels, its value, and its histogram in the notation of the PromQL tests if it is one.
#[derive(Debug, Clone)]
pub(super) struct ShownSample {
    pub labels: Labels,
    pub value: f64,
    pub histogram: Option<String>,
}

/// `{a="b"} 1E+00, …`, or `nil`.
pub(super) fn samples(samples: &[ShownSample]) -> String {
    if samples.is_empty() {
        return "nil".to_owned();
    }
    let each = samples.iter().map(|sample| match &sample.histogram {
        Some(histogram) => format!("{} {histogram}", series(&sample.labels)),
        None => format!("{} {}", series(&sample.labels), exponent(sample.value)),
    });
    each.collect::<Vec<_>>().join(", ")
}

fn series(labels: &Labels) -> String {
    format!("{labels:?}")
}

/// Go's `strconv.FormatFloat(value, 'E', -1, 64)`.
fn exponent(value: f64) -> String {
    if !value.is_finite() {
        return format_float(value);
    }
    let (digits, power) = scientific(value);
    let sign = if power < 0 { '-' } else { '+' };
    format!("{digits}E{sign}{:02}", power.abs())
}

/// Go's `time.Duration` of milliseconds: `1h2m3s`.
pub(super) fn go_duration(ms: i64) -> String {
    let (sign, ms) = (if ms < 0 { "-" } else { "" }, ms.unsigned_abs());
    if ms > 0 && ms < 1_000 {
        return format!("{sign}{ms}ms");
    }
    let (minutes, rest) = (ms / 60_000, ms % 60_000);
    let fraction = format!("{}.{:03}", rest / 1_000, rest % 1_000);
    let seconds = fraction.trim_end_matches('0').trim_end_matches('.');
    match (minutes / 60, minutes % 60) {
        (0, 0) => format!("{sign}{seconds}s"),
        (0, minutes) => format!("{sign}{minutes}m{seconds}s"),
        (hours, minutes) => format!("{sign}{hours}h{minutes}m{seconds}s"),
    }
}

/// All series with their samples: `{…} =>\n1 @[0]`.
pub(super) fn matrix(all: &[RangeSeries]) -> String {
    let mut out = String::new();
    for one in all {
        let _ = writeln!(out, "{:?} =>", one.labels);
        for (at, time) in one.samples.timestamps.iter().enumerate() {
            let value = one.samples.values.get(at).copied().unwrap_or(f64::NAN);
            let shown = match one.samples.histogram(at) {
                Some(histogram) => histogram.to_string(),
                None => format_float(value),
            };
            let _ = writeln!(out, "{shown} @[{time}]");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(pairs: &[(&str, &str)]) -> Labels {
        Labels::from_pairs(pairs.iter().copied())
    }

    #[test]
    fn alerts_are_shown_one_below_the_other() {
        assert_eq!(alerts(&[]), "[]");
        let one = (set(&[("a", "b")]), set(&[("c", "d")]));
        let shown = alerts(&[one.clone(), one]);
        let each = |n| format!("{n}:\n  Labels:{{a=\"b\"}}\n  Annotations:{{c=\"d\"}}");
        assert_eq!(shown, format!("[\n{},\n{}\n]", each(0), each(1)));
    }

    #[test]
    fn differences_name_what_is_missing_and_what_came_instead() {
        let expected = [(set(&[("a", "1"), ("b", "2")]), set(&[("s", "x")]))];
        let got = [(set(&[("a", "1"), ("b", "3")]), set(&[]))];
        assert_eq!(
            difference(&expected, &got),
            "\n  Labels.a: \"1\"\n- Labels.b: \"2\"\n- Annotations.s: \"x\"\n+ Labels.b: \"3\""
        );
    }

    #[test]
    fn numbers_and_times_are_go_s() {
        for (value, want) in
            [(1.0, "1E+00"), (150.0, "1.5E+02"), (0.001, "1E-03"), (f64::INFINITY, "+Inf"), (f64::NAN, "NaN")]
        {
            let sample = ShownSample { labels: Labels::empty(), value, histogram: None };
            assert_eq!(samples(&[sample]), format!("{{}} {want}"));
        }
        assert_eq!(samples(&[]), "nil");
        for (ms, want) in [(0, "0s"), (60_000, "1m0s"), (3_723_500, "1h2m3.5s"), (500, "500ms")] {
            assert_eq!(go_duration(ms), want);
        }
    }
}
