//! The rules against their documentation and against rules that people run.

use super::*;
use crate::{ParseOptions, parse_expr};
use proptest::prelude::*;
use std::path::{Path, PathBuf};

/// An example of docs/lint.md.
struct Example {
    code: String,
    bad: bool,
    usage: Usage,
    text: String,
}

fn documentation() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/lint.md");
    std::fs::read_to_string(path).unwrap()
}

/// Headings (`PQ001 rate-of-gauge`) and examples of the documentation.
fn documented() -> (Vec<String>, Vec<Example>) {
    let (mut headings, mut examples) = (Vec::new(), Vec::new());
    let text = documentation();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if let Some(heading) = line.strip_prefix("## PQ") {
            headings.push(format!("PQ{heading}"));
        }
        let Some(info) = line.strip_prefix("```promql ") else { continue };
        let code = headings.last().unwrap().split(' ').next().unwrap().to_owned();
        let usage = match info.split_once("usage=").map(|(_, usage)| usage) {
            Some("alert") => Usage::Alert,
            Some("graph") => Usage::Graph,
            Some(other) => panic!("{other}"),
            None => Usage::Any,
        };
        let body: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
        examples.push(Example { code, bad: info.starts_with("bad"), usage, text: body.join("\n") });
    }
    (headings, examples)
}

fn hints(text: &str, usage: Usage) -> Vec<Hint> {
    let expr = parse_expr(text, &ParseOptions::all()).unwrap_or_else(|e| panic!("{text}: {e}"));
    lint(&expr, &LintOptions { usage, ..LintOptions::default() })
}

fn codes(text: &str) -> Vec<&'static str> {
    hints(text, Usage::Any).into_iter().map(|hint| hint.code).collect()
}

#[test]
fn every_rule_is_documented_under_its_code() {
    let rules: Vec<String> = RULES.iter().map(|rule| format!("{} {}", rule.code, rule.name)).collect();
    assert_eq!(documented().0, rules);
    let (_, examples) = documented();
    for rule in RULES {
        for bad in [true, false] {
            assert!(examples.iter().any(|e| e.code == rule.code && e.bad == bad), "{} {bad}", rule.code);
        }
    }
}

#[test]
fn documented_mistakes_are_found_and_documented_fixes_are_not() {
    for example in documented().1 {
        let found = hints(&example.text, example.usage);
        let hit = found.iter().any(|hint| hint.code == example.code);
        assert_eq!(hit, example.bad, "{}: {}: {found:#?}", example.code, example.text);
        if !example.bad {
            let grave: Vec<_> = found.iter().filter(|hint| hint.severity > Severity::Info).collect();
            assert!(grave.is_empty(), "{}: {grave:#?}", example.text);
        }
    }
}

#[test]
fn replacements_are_expressions_without_the_mistake() {
    let mut seen = 0;
    for example in documented().1.into_iter().filter(|example| example.bad) {
        for hint in hints(&example.text, example.usage) {
            let Some(edit) = &hint.edit else { continue };
            let fixed = edit.apply(&example.text).unwrap();
            let again = hints(&fixed, example.usage);
            assert!(!again.iter().any(|other| other.code == hint.code), "{}: {fixed}: {again:#?}", hint.code);
            seen += 1;
        }
    }
    assert!(seen > 15, "{seen}");
}

#[test]
fn what_is_on_purpose_is_left_alone() {
    for text in [
        "up",
        "sum by (job) (rate(http_requests_total[5m]))",
        "count(http_requests_total)",
        "http_requests_total > 0",
        "http_requests_total - http_requests_total offset 1h",
        "absent(up{job=\"x\"} == 1)",
        "sum(rate(x_sum[5m])) / sum(rate(x_count[5m]))",
        "sum by (job) (x) / sum by (job) (y)",
        "sum(x) / count(y)",
        "x / on (instance) y",
        "x{a=\"1\"} or sum by (job) (y)",
        "up{job=~\"a|b\"}",
        "up{job!=\"\", job=~\"x.*\"}",
        "up == 0",
        "avg_over_time(up[5m]) < 0.5",
        "histogram_quantile(0.9, sum(rate(native_seconds[5m])) ) > 1 or rate(x_total[5m])",
        "histogram_quantile(0.9, rate(x_bucket[5m]))",
        "max_over_time(rate(x_total[5m])[1h:])",
        "node_load1 / scalar(sum(y))",
        "rate(x_total[$i])".replace("$i", "5m").as_str(),
        "sum by (a, b) (x) * on (a) group_left () sum by (a) (y)",
        "predict_linear(node_filesystem_avail_bytes[6h], 3600) < 0",
        "sum(x) by (a) * on () group_left () vector(1)",
        "resets(x_total[1h]) > 2",
        "x > 5 and on (job) x < 3",
    ] {
        let grave: Vec<Hint> =
            hints(text, Usage::Any).into_iter().filter(|hint| hint.severity > Severity::Info).collect();
        assert!(grave.is_empty(), "{text}: {grave:#?}");
    }
}

#[test]
fn mistakes_in_depth_are_found() {
    for (text, code) in [
        ("sum(rate(node_memory_MemFree_bytes[5m])) > 3", "PQ001"),
        ("resets(node_load1[1h])", "PQ001"),
        ("rate(sum(irate(x_total[5m]))[1h:])", "PQ001"),
        ("predict_linear(x_total[1h], 60)", "PQ002"),
        ("increase(avg(x_total)[1h:1m])", "PQ003"),
        ("irate(x_total[15s])", "PQ004"),
        ("up{job!~\"node\"}", "PQ005"),
        ("rate(x_total{a=~\"\"}[5m])", "PQ005"),
        ("up{job=~\"^a|b$\"}", "PQ007"),
        ("up{job=\"a\", job!=\"a\"}", "PQ008"),
        ("up{job=\"a\", job=~\"b.*\"}", "PQ008"),
        ("up{job=~\"api-*\"}", "PQ009"),
        ("rate(x_total[5m]) < 0", "PQ010"),
        ("absent(up) == 0", "PQ010"),
        ("up > 1", "PQ010"),
        ("x > +Inf", "PQ010"),
        ("3 > x > 5", "PQ010"),
        ("hour() > 24", "PQ010"),
        ("count(up) >= 1", "PQ011"),
        ("rate(x_total[5m]) == 1.5", "PQ012"),
        ("sum(x) / up{job=\"a\"}", "PQ013"),
        ("sum by (a, b) (x) - sum by (a) (x)", "PQ013"),
        ("x{b=\"1\"} unless on (b) sum by (a) (y)", "PQ014"),
        ("histogram_quantile(0.9, sum without (le) (rate(x_bucket[5m])))", "PQ015"),
        ("histogram_quantile(0.9, sum(rate(x_bucket[5m])))", "PQ015"),
        ("histogram_quantile(0.9, x_bucket)", "PQ016"),
        ("sum by (a) (quantile by (a, b) (0.9, x))", "PQ017"),
        ("topk(5, x_total)", "PQ018"),
        ("x_total / 5 > 3", "PQ018"),
        ("avg_over_time(x_total[1h])", "PQ018"),
        ("sum by (a) (sum by (b) (x))", "PQ019"),
        ("absent_over_time(sum(x)[5m:])", "PQ020"),
        ("rate(x_total[5m] offset -5m)", "PQ021"),
        ("x % 0", "PQ024"),
        ("scalar(up)", "PQ027"),
    ] {
        assert!(codes(text).contains(&code), "{text}: {:?}", codes(text));
    }
}

#[test]
fn severities_follow_the_evidence() {
    struct Gauges;
    impl Catalog for Gauges {
        fn metric(&self, _: &str) -> Option<MetricInfo> {
            Some(MetricInfo { kind: MetricKind::Gauge, unit: String::new() })
        }
    }
    let expr = parse_expr("rate(x[5m])", &ParseOptions::default()).unwrap();
    let severity = |catalog: Option<&dyn Catalog>| {
        let found = lint(&expr, &LintOptions { catalog, ..LintOptions::default() });
        found.first().map(|hint| hint.severity)
    };
    assert_eq!(severity(None), Some(Severity::Info));
    assert_eq!(severity(Some(&Gauges)), Some(Severity::Error));
    let of = |text: &str| hints(text, Usage::Any).iter().map(|hint| hint.severity).max();
    assert_eq!(of("x{a=\"1\"} / sum by (b) (y)"), Some(Severity::Error));
    assert_eq!(of("x / sum by (b) (y)"), Some(Severity::Warning));
}

#[test]
fn an_interval_that_is_not_known_says_nothing_of_ranges() {
    let expr = parse_expr("rate(x_total[1s])", &ParseOptions::default()).unwrap();
    let with =
        |scrape_interval_ms| lint(&expr, &LintOptions { scrape_interval_ms, ..LintOptions::default() });
    assert!(with(None).is_empty());
    assert_eq!(with(Some(60_000)).first().map(|hint| hint.code), Some("PQ004"));
    assert!(with(Some(250)).is_empty());
}

/// Expressions of rule files: every `expr` with its block, without a YAML reader.
fn rule_expressions(text: &str) -> Vec<(Usage, String)> {
    let mut out = Vec::new();
    let lines: Vec<&str> = text.lines().collect();
    let mut usage = Usage::Any;
    for (at, line) in lines.iter().enumerate() {
        let field = line.trim_start().trim_start_matches("- ");
        if field.starts_with("alert:") {
            usage = Usage::Alert;
        }
        let Some(value) = field.strip_prefix("expr:") else { continue };
        let column = line.find("expr:").unwrap();
        let value = value.trim();
        let body = if value.starts_with(['|', '>']) {
            let block = lines[at + 1..].iter();
            let inside =
                |line: &&&str| line.trim().is_empty() || line.len() - line.trim_start().len() > column;
            block.take_while(inside).copied().collect::<Vec<_>>().join("\n")
        } else {
            value.trim_matches('\'').replace("''", "'")
        };
        out.push((usage, body));
        usage = Usage::Any;
    }
    out
}

/// The shared acceptance data, or `None` after saying loudly that the test is skipped.
fn shared(what: &str) -> Option<PathBuf> {
    let named = std::env::var_os("NARTHEX_SHARED").map_or_else(|| PathBuf::from("../shared"), PathBuf::from);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(named).join(what);
    if path.exists() {
        return Some(path);
    }
    println!("SKIPPED: {} is not there; NARTHEX_SHARED names its parent", path.display());
    None
}

fn assert_without_errors(text: &str, usage: Usage) {
    let found = hints(text, usage);
    let errors: Vec<&Hint> = found.iter().filter(|hint| hint.severity == Severity::Error).collect();
    assert!(errors.is_empty(), "{text}: {errors:#?}");
}

#[test]
fn rules_that_people_run_have_no_errors() {
    let Some(dir) = shared("corpus/rules") else { return };
    let mut seen = 0;
    for file in std::fs::read_dir(dir).unwrap() {
        let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
        for (usage, expr) in rule_expressions(&text) {
            assert_without_errors(&expr, usage);
            seen += 1;
        }
    }
    assert!(seen >= 140, "{seen}");
}

#[test]
fn dashboards_that_people_look_at_have_no_errors() {
    let Some(path) = shared("corpus/use-method.json") else { return };
    let text = std::fs::read_to_string(path).unwrap();
    let mut seen = 0;
    for line in text.lines().filter_map(|line| line.trim().strip_prefix("\"expr\": \"")) {
        let expr = line.trim_end_matches(',').trim_end_matches('"');
        let expr = expr.replace("\\n", "\n").replace("\\\"", "\"").replace("\\\\", "\\");
        assert_without_errors(&expr, Usage::Graph);
        seen += 1;
    }
    assert!(seen > 40, "{seen}");
}

fn expression() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("x_total{a=~\"b*\", c!~\".*\"}".to_owned()),
        Just("up{a=\"1\", a=\"2\"} offset -1m".to_owned()),
        Just("rate(y_bucket[10s] @ 5)".to_owned()),
        Just("3".to_owned()),
        Just("NaN".to_owned()),
        Just("-Inf".to_owned()),
    ];
    leaf.prop_recursive(5, 40, 2, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone(), 0usize..6).prop_map(|(a, b, op)| {
                let op = ["/", "+", "> bool", "* on (a)", "== bool", "%"][op];
                format!("(vector(scalar({a} or vector(1))) {op} ({b} or vector(2)))")
                    .replace("scalar(3 or vector(1))", "3")
            }),
            inner.clone().prop_map(|a| format!("sum by (a, le) (vector(1) * ({a}))")),
            inner.clone().prop_map(|a| format!("histogram_quantile(0.9, vector(1) * ({a}))")),
            inner
                .clone()
                .prop_map(|a| format!("label_replace(vector(1) + ({a}), \"z\", \"$1\", \"a\", \"(.*)\")")),
            inner.prop_map(|a| format!("increase((vector(1) - ({a}))[5m:1m])")),
        ]
    })
}

proptest! {
    #[test]
    fn hints_lie_within_the_text_and_edits_keep_it_an_expression(text in expression(), usage in 0usize..4) {
        let usage = [Usage::Any, Usage::Graph, Usage::Alert, Usage::Record][usage];
        if let Ok(expr) = parse_expr(&text, &ParseOptions::all()) {
            for hint in lint(&expr, &LintOptions { usage, ..LintOptions::default() }) {
                prop_assert!(text.get(hint.span.start as usize..hint.span.end as usize).is_some(), "{text}: {hint:?}");
                if let Some(edit) = &hint.edit {
                    let fixed = edit.apply(&text).unwrap();
                    prop_assert!(parse_expr(&fixed, &ParseOptions::all()).is_ok(), "{text}: {fixed}: {hint:?}");
                }
            }
        }
    }
}
