//! The jobs of promtool, beside Debian's promtool: `test rules`, `check rules`, `check metrics`, and questions to
//! a server about itself.
//!
//! Debian's is release 2.42: it knows no places in rule files, and fewer rules for names of metrics.

use crate::harness::process::{file, say};
use crate::harness::{Narthex, program, shared};
use std::collections::BTreeSet;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// Exit code, standard output and standard error of promtool.
fn promtool(program: &Path, args: &[&str], input: &[u8]) -> (i32, String, String) {
    let mut child = Command::new(program)
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // It may end without reading anything.
    let _ = child.stdin.take().unwrap().write_all(input);
    let output = child.wait_with_output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

const RULES: &str = r#"groups:
- name: recordings
  interval: 5m
  rules:
  - record: job:requests:rate5m
    expr: sum by (job) (rate(requests_total[5m]))
  - record: job:requests:share
    expr: job:requests:rate5m / on() group_left sum(job:requests:rate5m)
    labels: {kind: share}
- name: alerts
  rules:
  - alert: Down
    expr: up == 0
    for: 2m
    labels:
      severity: '{{ if eq $labels.job "db" }}page{{ else }}ticket{{ end }}'
    annotations:
      summary: '{{ $labels.instance | stripPort }} of {{ $externalLabels.dc }} is {{ $value }}'
      others: '{{ range query "up == 1" | sortByLabel "instance" }}{{ .Labels.instance }}={{ .Value | humanize }} {{ end }}'
      link: '{{ $externalURL }}{{ graphLink "up" }}'
      broken: '{{ $labels.job.nothing }}'
  - alert: Busy
    expr: job:requests:rate5m > 0.5
    annotations: {rate: '{{ printf "%.3f" $value }}/s {{ $value | humanizePercentage }}'}
"#;

const TESTS: &str = r#"rule_files: [rules.yml]
evaluation_interval: 1m
group_eval_order: [recordings, alerts]
tests:
- name: what is
  interval: 1m
  external_labels: {dc: eu}
  external_url: http://h:9090
  input_series:
  - {series: 'up{job="db",instance="a:1"}', values: '1 1 0x8 1x5'}
  - {series: 'up{job="web",instance="b:1"}', values: '1x3 0x10'}
  - {series: 'up{job="web",instance="c:1"}', values: '1x20'}
  - {series: 'requests_total{job="web"}', values: '0+60x20'}
  - {series: 'requests_total{job="db"}', values: '0+6x20'}
  alert_rule_test:
  - {eval_time: 5m, alertname: Down, exp_alerts: ALERTS}
  - {eval_time: 8m, alertname: Down, exp_alerts: ALERTS}
  - {eval_time: 13m30s, alertname: Down, exp_alerts: ALERTS}
  - {eval_time: 10m, alertname: Busy, exp_alerts: ALERTS}
  promql_expr_test:
  - {expr: 'job:requests:rate5m', eval_time: 10m, exp_samples: SAMPLES}
  - {expr: 'job:requests:share', eval_time: 15m, exp_samples: SAMPLES}
  - {expr: 'ALERTS', eval_time: 6m, exp_samples: SAMPLES}
  - {expr: 'ALERTS_FOR_STATE', eval_time: 6m, exp_samples: SAMPLES}
  - {expr: 'max_over_time(up[5m:1m])', eval_time: 12m, exp_samples: SAMPLES}
  - {expr: 'time() / 7', eval_time: 6m, exp_samples: SAMPLES}
  - {expr: 'nothing', eval_time: 6m, exp_samples: SAMPLES}
"#;

#[test]
fn rules_come_out_as_in_promtool() {
    let Some(program) = program("promtool") else { return };
    let dir = TempDir::new().unwrap();
    file(dir.path(), "rules.yml", RULES);
    // Nothing of it is what is expected, so that all of it is shown.
    let tests = TESTS
        .replace("ALERTS}", "[{exp_labels: {a: b}}]}")
        .replace("SAMPLES", "[{labels: '{a=\"b\"}', value: 7}]");
    let path = file(dir.path(), "tests.yml", &tests);
    let path = path.to_str().unwrap();
    let (code, out, err) = promtool(&program, &["test", "rules", path], b"");
    let ours = say(&["test", "rules", path], "");
    // An empty line after each failure goes to standard output there.
    let lines = |text: &str| -> Vec<String> {
        text.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect()
    };
    assert_eq!(lines(&ours.err), lines(&err));
    assert_eq!(lines(&ours.out), lines(&out));
    assert_eq!((ours.code, code), (1, 1));
    assert!(err.matches("expr: ").count() == 7 && err.matches("alertname: ").count() == 4, "{err}");
}

#[test]
fn tests_that_pass_there_pass_here() {
    let Some(program) = program("promtool") else { return };
    let dir = TempDir::new().unwrap();
    file(dir.path(), "rules.yml", RULES);
    let tests = "rule_files: ['r*.yml']\ntests:\n- interval: 1m\n  input_series:\n  \
        - {series: 'up{job=\"db\",instance=\"a:1\"}', values: '0x9'}\n  alert_rule_test:\n  \
        - {eval_time: 1m, alertname: Down}\n  promql_expr_test:\n  \
        - {expr: 'ALERTS', eval_time: 1m, exp_samples: [{labels: 'ALERTS{alertname=\"Down\",alertstate=\"pending\",\
        instance=\"a:1\",job=\"db\",severity=\"page\"}', value: 1}]}\n";
    let path = file(dir.path(), "tests.yml", tests);
    let path = path.to_str().unwrap();
    assert_eq!(promtool(&program, &["test", "rules", path], b"").0, 0);
    let ours = say(&["test", "rules", path], "");
    assert_eq!((ours.code, ours.err.as_str()), (0, ""), "{}", ours.out);
    assert!(ours.out.contains("  SUCCESS\n"));
}

#[test]
fn rules_are_checked_from_files_and_from_standard_input() {
    let dir = TempDir::new().unwrap();
    let good = file(dir.path(), "good.yml", RULES);
    let said = say(&["check", "rules", good.to_str().unwrap()], "");
    assert_eq!((said.code, said.err.as_str()), (0, ""));
    assert_eq!(said.out, format!("Checking {}\n  SUCCESS: 4 rules found\n\n", good.display()));
    let said = say(&["check", "rules"], "groups:\n- name: g\n  rules:\n  - {record: a, expr: 'up +'}\n");
    assert_eq!((said.code, said.out.as_str()), (1, "Checking standard input\n\n"));
    let want = "  FAILED:\n4:23: group \"g\", rule 1, \"a\": could not parse expression: ";
    assert!(said.err.starts_with(want), "{}", said.err);
    let twice = "groups: [{name: g, rules: [{record: a, expr: up}, {record: a, expr: up}]}]";
    for (args, code) in [
        (&["check", "rules"][..], 0),
        (&["check", "rules", "--lint-fatal"], 3),
        (&["check", "rules", "--lint-fatal", "--lint=none"], 0),
    ] {
        let said = say(args, twice);
        assert_eq!(said.code, code, "{args:?}");
        assert_eq!(
            said.err.contains("1 duplicate rule(s) found."),
            !args.contains(&"--lint=none"),
            "{args:?}"
        );
    }
}

#[test]
fn every_rule_file_of_the_charts_is_good_in_both() {
    let (Some(program), Some(corpus)) = (program("promtool"), shared("corpus/rules")) else { return };
    let mut files: Vec<String> =
        std::fs::read_dir(corpus).unwrap().map(|entry| entry.unwrap().path().display().to_string()).collect();
    files.sort();
    let args: Vec<&str> = ["check", "rules"].into_iter().chain(files.iter().map(String::as_str)).collect();
    let (_, theirs, _) = promtool(&program, &args, b"");
    let ours = say(&args, "");
    assert_eq!(ours.out, theirs, "{}", ours.err);
}

#[test]
fn metrics_are_linted_as_in_promtool() {
    let (Some(program), Some(pages)) = (program("promtool"), shared("expositions")) else { return };
    let mut problems = 0;
    for name in ["node-exporter.txt", "kubelet.txt", "kube-state-metrics.txt", "cadvisor.txt"] {
        let page = std::fs::read_to_string(pages.join(name)).unwrap();
        let (code, _, theirs) = promtool(&program, &["check", "metrics"], page.as_bytes());
        let ours = say(&["check", "metrics"], &page);
        // Debian's promtool is older than these two rules, and tells the others once for each series.
        let newer = ["metric not unique", "non-gauge metrics should not have \"_timestamp_seconds\" suffix"];
        let set = |text: &str| -> BTreeSet<String> {
            let old = |line: &&str| !newer.iter().any(|rule| line.ends_with(rule));
            text.lines().filter(old).map(str::to_owned).collect()
        };
        assert_eq!(set(&ours.err), set(&theirs), "{name}");
        assert_eq!(ours.code, code, "{name}");
        problems += set(&theirs).len();
    }
    assert!(problems > 20, "{problems}");
}

#[test]
fn series_are_counted_as_in_promtool() {
    let Some(program) = program("promtool") else { return };
    let page = "# HELP a_seconds A.\n# TYPE a_seconds histogram\na_seconds_bucket{le=\"1\"} 1\n\
        a_seconds_bucket{le=\"+Inf\"} 1\na_seconds_sum 1\na_seconds_count 1\n# HELP b_info B.\n# TYPE b_info gauge\n\
        b_info{x=\"1\"} 1\n";
    let (code, theirs, _) = promtool(&program, &["check", "metrics", "--extended"], page.as_bytes());
    let ours = say(&["check", "metrics", "--extended"], page);
    assert_eq!((ours.out.as_str(), ours.code), (theirs.as_str(), code), "{}", ours.err);
}

#[test]
fn a_server_tells_whether_it_is_healthy_and_ready() {
    let dir = TempDir::new().unwrap();
    let narthex = Narthex::with_config(dir.path(), "scrape_configs: []\n", &[]);
    for (command, body) in
        [("healthy", "Prometheus Server is Healthy."), ("ready", "Prometheus Server is Ready.")]
    {
        let said = say(&["check", command, "--url", &narthex.url], "");
        assert_eq!(said.code, 0, "{}", said.err);
        assert_eq!(said.err, format!("  SUCCESS:  {body}\n\n"));
    }
    let nowhere = format!("{}/nothing", narthex.url);
    let said = say(&["check", "ready", "--url", &nowhere], "");
    assert_eq!((said.code, said.err), (1, format!("check failed: URL={nowhere}, status=404\n")));
    let url = narthex.url.clone();
    narthex.kill();
    let said = say(&["check", "healthy", "--url", &url], "");
    assert!(said.code == 1 && said.err.starts_with("cannot reach "), "{}", said.err);
}
