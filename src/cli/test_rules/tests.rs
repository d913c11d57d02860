use super::*;

const RULES: &str = "groups:\n- name: g\n  rules:\n  - record: job:up:sum\n    expr: sum by (job) (up)\n  \
    - alert: Down\n    expr: up == 0\n    for: 2m\n    labels: {severity: page}\n    \
    annotations: {summary: '{{ $labels.instance }} of {{ $externalLabels.dc }} is {{ $value }}'}\n";

/// Runs a file of tests beside `rules.yml`; success, standard output and standard error, in which the
/// directory is called `D`.
fn run_with(tests: &str, rules: &str, change: impl FnOnce(&mut Options)) -> (bool, String, String) {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("rules.yml"), rules).unwrap();
    let path = dir.path().join("t.yml");
    std::fs::write(&path, tests).unwrap();
    let mut options = Options {
        files: vec![path],
        run: None,
        debug: false,
        diff: false,
        ignore_unknown_fields: false,
        junit: None,
        features: Features::default(),
    };
    change(&mut options);
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let good = test_rules(&options, &mut out, &mut err).unwrap();
    let plain = |bytes| String::from_utf8(bytes).unwrap().replace(dir.path().to_str().unwrap(), "D");
    (good, plain(out), plain(err))
}

fn run(tests: &str) -> (bool, String, String) {
    run_with(tests, RULES, |_| {})
}

/// A test of the rules with what is expected.
fn case(expected: &str) -> String {
    format!(
        "rule_files: [rules.yml]\ntests:\n- name: one\n  interval: 1m\n  external_labels: {{dc: eu}}\n  \
         input_series:\n  - {{series: 'up{{job=\"a\",instance=\"x\"}}', values: '1 0x10'}}\n  \
         - {{series: 'up{{job=\"a\",instance=\"y\"}}', values: '1x10'}}\n{expected}"
    )
}

#[test]
fn rules_that_do_what_is_expected_pass() {
    let (good, out, err) = run(&case(
        "  alert_rule_test:\n  - {eval_time: 2m, alertname: Down}\n  - eval_time: 3m30s\n    alertname: Down\n    \
         exp_alerts:\n    - exp_labels: {severity: page, job: a, instance: x}\n      \
         exp_annotations: {summary: x of eu is 0}\n  promql_expr_test:\n  \
         - {expr: 'job:up:sum', eval_time: 1m, exp_samples: [{labels: 'job:up:sum{job=\"a\"}', value: 1}]}\n  \
         - {expr: 'count(ALERTS{alertstate=\"firing\"})', eval_time: 4m, exp_samples: [{labels: '{}', value: 1}]}\n  \
         - {expr: '1 + 1', eval_time: 0, exp_samples: [{value: 2}]}\n",
    ));
    assert_eq!((good, out.as_str(), err.as_str()), (true, "Unit Testing:  D/t.yml\n  SUCCESS\n\n", ""));
}

#[test]
fn differences_are_shown_as_promtool_shows_them() {
    let tests = case(
        "  alert_rule_test:\n  - eval_time: 3m\n    alertname: Down\n    exp_alerts:\n    \
         - exp_labels: {severity: page}\n  promql_expr_test:\n  \
         - {expr: 'job:up:sum', eval_time: 1m, exp_samples: [{labels: 'job:up:sum', value: 1.5}]}\n  \
         - {expr: 'sum(', eval_time: 1m}\n  - {expr: 'absent_metric', eval_time: 1m, exp_samples: [{labels: 'a{', value: 0}]}\n",
    );
    let (good, _, err) = run(&tests);
    assert!(!good);
    for want in [
        "  FAILED:\n    name: one,\n    alertname: Down, time: 3m, \n        exp:[\n            0:\n              \
         Labels:{alertname=\"Down\", severity=\"page\"}\n              Annotations:{}\n            ], \n        got:[\n            \
         0:\n              Labels:{alertname=\"Down\", instance=\"x\", job=\"a\", severity=\"page\"}\n              \
         Annotations:{summary=\"x of eu is 0\"}\n            ]\n",
        "    expr: \"job:up:sum\", time: 1m,\n        exp: {__name__=\"job:up:sum\"} 1.5E+00\n        \
         got: {__name__=\"job:up:sum\", job=\"a\"} 1E+00\n",
        "    expr: \"sum(\", time: 1m, err: 1:5: parse error: unclosed left parenthesis\n",
        "    expr: \"absent_metric\", time: 1m, err: labels \"a{\": ",
    ] {
        assert!(err.contains(want), "{want}\nis missing in\n{err}");
    }
    let (_, _, err) = run_with(&tests, RULES, |options| options.diff = true);
    assert!(err.contains("        diff: \n              Labels.alertname: \"Down\"\n"), "{err}");
    assert!(err.contains("\n            + Labels.instance: \"x\""), "{err}");
}

#[test]
fn what_prevents_a_test_is_told() {
    let (_, _, err) = run("rule_files: [none.yml]\ntests: []\n");
    assert_eq!(err, "  WARNING: no file match pattern D/none.yml\n");
    let (good, _, err) = run(&case("  alert_rule_test: [{eval_time: 90s}]\n"));
    assert!(!good);
    let want = "misses required attribute alertname at eval_time 1m30s (in TestGroup one)\n";
    assert!(err.contains(want), "{err}");
    let (good, _, err) = run_with(&case(""), "groups: [{name: g, rules: [{record: a, expr: '('}]}]", |_| {});
    assert!(!good && err.contains("D/rules.yml: 1:"), "{err}");
    let (good, _, err) = run("tests: [{input_series: [{series: 'a{', values: 1}]}]");
    assert!(!good && err.contains("  FAILED:\na{ 1: "), "{err}");
    let (good, _, err) = run("tests: 5");
    assert!(!good && err.contains("cannot unmarshal !!int `5` into []main.testGroup"), "{err}");
}

#[test]
fn a_rule_that_fails_ends_its_test() {
    let rules = "groups: [{name: g, rules: [{record: a, expr: 'up * on(job) up'}]}]";
    let tests = case("  promql_expr_test: [{expr: 'nothing', eval_time: 1m, exp_samples: [{value: 1}]}]\n");
    let (good, _, err) = run_with(&tests, rules, |_| {});
    assert!(!good);
    assert!(err.contains("    rule: a, time: 0s, err: found duplicate series for the match group"), "{err}");
    assert!(!err.contains("nothing"), "{err}");
}

#[test]
fn tests_are_chosen_by_name_and_told_to_machines() {
    let dir = tempfile::tempdir().unwrap();
    let xml = dir.path().join("out.xml");
    let tests = "tests:\n- name: good\n- name: bad\n  promql_expr_test: [{expr: '1', eval_time: 0}]\n- {}\n";
    let (good, _, _) = run_with(tests, RULES, |options| {
        options.run = Some(GoRegex::unanchored("good").unwrap());
    });
    assert!(good);
    let (good, _, _) = run_with(tests, RULES, |options| options.junit = Some(xml.clone()));
    assert!(!good);
    let text = std::fs::read_to_string(xml).unwrap();
    assert!(text.contains("tests=\"3\" failures=\"1\" errors=\"0\""), "{text}");
    assert!(text.contains("<testcase name=\"unnamed#2\"></testcase>"), "{text}");
}

#[test]
fn floats_may_be_neighbours_and_starts_may_be_anywhere() {
    let tests = |fuzzy: bool, value: f64| {
        format!(
            "fuzzy_compare: {fuzzy}\ntests:\n- start_timestamp: 1700000000\n  input_series: [{{series: a, values: '0+1x5'}}]\n  \
             promql_expr_test:\n  - {{expr: 'a * 0.1', eval_time: 3m, exp_samples: [{{value: {value:?}}}]}}\n  \
             - {{expr: 'time()', eval_time: 3m, exp_samples: [{{value: 1700000180}}]}}\n"
        )
    };
    // 3 * 0.1 is the neighbour of 0.3.
    assert!(!run(&tests(false, 0.3)).0);
    let (good, _, err) = run(&tests(true, 0.3));
    assert!(good, "{err}");
}

#[test]
fn histograms_are_compared_in_their_notation() {
    let (good, _, err) = run(
        "tests:\n- input_series: [{series: h, values: '{{schema:1 sum:4 count:4 buckets:[1 2 1]}}x2'}]\n  \
         promql_expr_test:\n  - expr: h\n    eval_time: 1m\n    \
         exp_samples: [{labels: h, histogram: '{{schema:1 sum:4 count:4 counter_reset_hint:not_reset buckets:[1 2 1]}}'}]\n  \
         - {expr: h, eval_time: 1m, exp_samples: [{labels: h, histogram: '1'}]}\n",
    );
    assert!(!good);
    assert_eq!(err.matches("expr: \"h\"").count(), 1, "{err}");
    assert!(err.contains("labels \"h\": expected histogram, got 1"), "{err}");
}

#[test]
fn everything_that_is_stored_can_be_shown() {
    let (good, out, _) =
        run_with(&case("  alert_rule_test: [{eval_time: 1m, alertname: X}]\n"), RULES, |options| {
            options.debug = true;
        });
    assert!(good);
    assert!(out.contains("DEBUG: Starting test one\n"), "{out}");
    assert!(out.contains("DEBUG: Dump of all data (input_series and rules) at 1m1s:\n"), "{out}");
    // The range of the dump is open at its start, so the samples of time 0 are not in it; promtool's neither.
    assert!(out.contains("{__name__=\"job:up:sum\", job=\"a\"} =>\n1 @[60000]\n"), "{out}");
}
