//! Files of unit tests for rules, read as strictly as promtool reads them.

use crate::discovery::groups::expand_glob;
use crate::settings::decode::{Decoder, Fields};
use crate::settings::yaml::{self, Kind, Node};
use crate::settings::{self};
use narthex_storage::Labels;
use std::path::{Path, PathBuf};

/// A file of tests.
#[derive(Debug, Default)]
pub(super) struct TestFile {
    /// Rule files, globs resolved.
    pub rule_files: Vec<PathBuf>,
    /// Patterns that no file matches.
    pub unmatched: Vec<PathBuf>,
    /// Distance of evaluations, ms.
    pub interval_ms: i64,
    /// Groups in the order in which they are evaluated; those that are not listed come first.
    pub group_order: Vec<String>,
    /// Floats may differ by one unit in the last place.
    pub fuzzy: bool,
    pub tests: Vec<Test>,
}

/// A test: series, and what rules and expressions are to make of them.
#[derive(Debug, Default)]
pub(super) struct Test {
    pub name: String,
    /// Distance of samples, and the default interval of groups, ms.
    pub interval_ms: i64,
    /// Time of the first sample and the first evaluation, ms since the epoch.
    pub start_ms: i64,
    /// Series and their values, in the notation of the PromQL tests.
    pub series: Vec<(String, String)>,
    pub external_labels: Vec<(String, String)>,
    pub external_url: String,
    pub alerts: Vec<AlertCase>,
    pub expressions: Vec<ExpressionCase>,
}

/// Alerts of one name that are to fire at one time.
#[derive(Debug, Default)]
pub(super) struct AlertCase {
    /// ms after the start.
    pub at_ms: i64,
    pub name: String,
    pub expected: Vec<ExpectedAlert>,
}

/// An alert as the test writes it: without its name.
#[derive(Debug, Default)]
pub(super) struct ExpectedAlert {
    pub labels: Vec<(String, String)>,
    pub annotations: Vec<(String, String)>,
}

/// What an expression is to give at one time.
#[derive(Debug, Default)]
pub(super) struct ExpressionCase {
    pub expr: String,
    /// ms after the start.
    pub at_ms: i64,
    pub expected: Vec<ExpectedSample>,
}

/// A sample that is expected.
#[derive(Debug, Default)]
pub(super) struct ExpectedSample {
    /// A series as PromQL writes it.
    pub labels: String,
    pub value: f64,
    /// A histogram in the notation of the PromQL tests; empty for a float.
    pub histogram: String,
}

impl Test {
    /// The latest time that anything is expected at, ms after the start.
    pub(super) fn end_ms(&self) -> i64 {
        let alerts = self.alerts.iter().map(|case| case.at_ms);
        alerts.chain(self.expressions.iter().map(|case| case.at_ms)).max().unwrap_or(0)
    }
}

/// Reads a file.
///
/// # Errors
/// It cannot be read, or is no file of tests.
pub(super) fn load(path: &Path) -> Result<TestFile, String> {
    let text = settings::read(path)?;
    parse(&text, path.parent().unwrap_or(Path::new("")))
}

/// Reads the text of a file of a directory.
fn parse(text: &str, dir: &Path) -> Result<TestFile, String> {
    let root = yaml::parse(text).map_err(|error| error.message)?;
    let mut decoder = Decoder::default();
    let file = read(&mut decoder, &root, dir);
    let (shapes, values): (Vec<_>, Vec<_>) = decoder.faults.into_iter().partition(|fault| fault.shape);
    if !shapes.is_empty() {
        let lines = shapes.iter().map(|fault| format!("\n  line {}: {}", fault.line, fault.message));
        return Err(format!("yaml: unmarshal errors:{}", lines.collect::<String>()));
    }
    if let Some(fault) = values.first() {
        return Err(format!("line {}: {}", fault.line, fault.message));
    }
    for (at, name) in file.group_order.iter().enumerate() {
        if file.group_order.iter().take(at).any(|earlier| earlier == name) {
            return Err(format!("group name repeated in evaluation order: {name}"));
        }
    }
    Ok(file)
}

fn read(decoder: &mut Decoder, root: &Node, dir: &Path) -> TestFile {
    let mut fields = Fields::of(decoder, root, "main.unitTestFile");
    let mut file = TestFile::default();
    for pattern in fields.strings("rule_files") {
        let pattern = dir.join(pattern);
        let found = expand_glob(&pattern);
        if found.is_empty() {
            file.unmatched.push(pattern);
        }
        file.rule_files.extend(found);
    }
    file.interval_ms = fields.duration("evaluation_interval").filter(|ms| *ms > 0).unwrap_or(60_000);
    file.group_order = fields.strings("group_eval_order");
    file.fuzzy = fields.bool("fuzzy_compare").unwrap_or(false);
    let tests = fields.take("tests");
    for node in tests.map_or(&[][..], |list| fields.decoder.list(list, "[]main.testGroup")) {
        file.tests.push(test(fields.decoder, node, file.interval_ms));
    }
    fields.finish();
    file
}

fn test(decoder: &mut Decoder, node: &Node, interval_ms: i64) -> Test {
    let mut fields = Fields::of(decoder, node, "main.testGroup");
    let pairs = |map: Vec<(String, usize, String)>| map.into_iter().map(|(key, _, value)| (key, value));
    let mut test = Test {
        name: fields.string("name", ""),
        interval_ms: fields.duration("interval").filter(|ms| *ms > 0).unwrap_or(interval_ms),
        external_url: fields.string("external_url", ""),
        external_labels: pairs(fields.string_map("external_labels")).collect(),
        ..Test::default()
    };
    if let Some(node) = fields.take("start_timestamp") {
        let text = fields.decoder.string(node);
        match timestamp(&text) {
            Some(ms) => test.start_ms = ms,
            None => {
                let text = format!("cannot parse {text:?} to a valid timestamp");
                fields.decoder.fault(node.line, text);
            }
        }
    }
    let series = fields.take("input_series");
    for node in series.map_or(&[][..], |list| fields.decoder.list(list, "[]main.series")) {
        let mut fields = Fields::of(fields.decoder, node, "main.series");
        test.series.push((fields.string("series", ""), fields.string("values", "")));
        fields.finish();
    }
    let alerts = fields.take("alert_rule_test");
    for node in alerts.map_or(&[][..], |list| fields.decoder.list(list, "[]main.alertTestCase")) {
        test.alerts.push(alert_case(fields.decoder, node));
    }
    let expressions = fields.take("promql_expr_test");
    for node in expressions.map_or(&[][..], |list| fields.decoder.list(list, "[]main.promqlTestCase")) {
        test.expressions.push(expression_case(fields.decoder, node));
    }
    fields.finish();
    test
}

fn alert_case(decoder: &mut Decoder, node: &Node) -> AlertCase {
    let mut fields = Fields::of(decoder, node, "main.alertTestCase");
    let mut case = AlertCase {
        at_ms: fields.duration("eval_time").unwrap_or(0),
        name: fields.string("alertname", ""),
        expected: Vec::new(),
    };
    let expected = fields.take("exp_alerts");
    for node in expected.map_or(&[][..], |list| fields.decoder.list(list, "[]main.alert")) {
        let mut fields = Fields::of(fields.decoder, node, "main.alert");
        let mut map = |name| {
            let entries = fields.string_map(name).into_iter();
            entries.map(|(key, _, value)| (key, value)).collect()
        };
        case.expected.push(ExpectedAlert { labels: map("exp_labels"), annotations: map("exp_annotations") });
        fields.finish();
    }
    fields.finish();
    case
}

fn expression_case(decoder: &mut Decoder, node: &Node) -> ExpressionCase {
    let mut fields = Fields::of(decoder, node, "main.promqlTestCase");
    let mut case = ExpressionCase {
        expr: fields.string("expr", ""),
        at_ms: fields.duration("eval_time").unwrap_or(0),
        expected: Vec::new(),
    };
    let expected = fields.take("exp_samples");
    for node in expected.map_or(&[][..], |list| fields.decoder.list(list, "[]main.sample")) {
        let mut fields = Fields::of(fields.decoder, node, "main.sample");
        case.expected.push(ExpectedSample {
            labels: fields.string("labels", ""),
            value: value(&mut fields),
            histogram: fields.string("histogram", ""),
        });
        fields.finish();
    }
    fields.finish();
    case
}

/// The field `value`: YAML writes infinities and NaN with a dot in front.
fn value(fields: &mut Fields<'_, '_>) -> f64 {
    let Some(node) = fields.take("value") else { return 0.0 };
    let Kind::Scalar { text, .. } = &node.kind else { return 0.0 };
    let bare = match text.to_ascii_lowercase().as_str() {
        ".inf" | "+.inf" => Some(f64::INFINITY),
        "-.inf" => Some(f64::NEG_INFINITY),
        ".nan" => Some(f64::NAN),
        _ => text.replace('_', "").parse().ok(),
    };
    bare.unwrap_or_else(|| {
        fields.decoder.fault(node.line, format!("cannot unmarshal {} `{text}` into float64", node.tag()));
        0.0
    })
}

/// Unix seconds, or RFC 3339; ms since the epoch.
fn timestamp(text: &str) -> Option<i64> {
    if let Ok(seconds) = text.parse::<f64>() {
        return seconds.is_finite().then_some((seconds * 1000.0) as i64);
    }
    text.parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_millisecond)
}

/// A label set of pairs.
pub(super) fn labels(pairs: &[(String, String)]) -> Labels {
    Labels::from_pairs(pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_that_a_file_says_is_read() {
        let text = "rule_files: [none.yml]\nevaluation_interval: 30s\ngroup_eval_order: [b, a]\n\
            fuzzy_compare: true\ntests:\n- name: one\n  interval: 15s\n  start_timestamp: 2024-01-02T00:00:00Z\n  \
            external_labels: {dc: eu}\n  external_url: http://h\n  input_series:\n  - {series: 'up', values: 1x3}\n  \
            alert_rule_test:\n  - {eval_time: 1m, alertname: A, exp_alerts: [{exp_labels: {a: b}, exp_annotations: {c: d}}]}\n  \
            promql_expr_test:\n  - {expr: up, eval_time: 2m, exp_samples: [{labels: up, value: -.inf}]}\n- {}\n";
        let file = parse(text, Path::new("/nowhere")).unwrap();
        assert_eq!((file.interval_ms, file.fuzzy, file.group_order.len()), (30_000, true, 2));
        assert_eq!(file.unmatched, [Path::new("/nowhere/none.yml")]);
        let test = &file.tests[0];
        assert_eq!((test.interval_ms, test.start_ms, test.end_ms()), (15_000, 1_704_153_600_000, 120_000));
        assert_eq!(test.series, [("up".to_owned(), "1x3".to_owned())]);
        assert_eq!(test.alerts[0].expected[0].annotations, [("c".to_owned(), "d".to_owned())]);
        assert_eq!(test.expressions[0].expected[0].value, f64::NEG_INFINITY);
        assert_eq!(file.tests[1].interval_ms, 30_000);
    }

    #[test]
    fn faults_are_told_as_promtool_tells_them() {
        for (text, want) in [
            (
                "tests:\n- {nmae: x}\n",
                "yaml: unmarshal errors:\n  line 2: field nmae not found in type main.testGroup",
            ),
            ("group_eval_order: [a, b, a]", "group name repeated in evaluation order: a"),
            ("evaluation_interval: 1x", "line 1: unknown unit \"x\" in duration \"1x\""),
            ("tests: [{start_timestamp: soon}]", "line 1: cannot parse \"soon\" to a valid timestamp"),
        ] {
            assert_eq!(parse(text, Path::new("")).unwrap_err(), want, "{text}");
        }
    }
}
