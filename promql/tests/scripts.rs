//! Acceptance scripts: the project's own in `scripts/`, and those of the shared suite.

use narthex_promql::testing::{Failure, run_script};
use std::path::{Path, PathBuf};

/// Files of the shared suite that pass, but for evaluations that need native histograms: how many of those
/// fail. A smaller number is progress to be written down here.
const SHARED: &[(&str, usize)] = &[
    ("aggregators", 22),
    ("at_modifier", 0),
    ("collision", 0),
    ("literals", 0),
    ("name_label_dropping", 0),
    ("operators", 44),
    ("range_queries", 0),
    ("selectors", 0),
    ("staleness", 0),
    ("subquery", 2),
    ("trig_functions", 0),
    ("type_and_unit", 0),
];

fn run(path: &Path) -> (usize, Vec<Failure>) {
    let text = std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let report = run_script(&text);
    (report.passed, report.failures)
}

fn show(path: &Path, failures: &[&Failure]) -> String {
    let line = |f: &&Failure| {
        format!(
            "{}:{}: {}\n  expected: {}\n  got: {}\n",
            path.display(),
            f.line,
            f.statement,
            f.expected,
            f.got
        )
    };
    failures.iter().map(line).collect()
}

#[test]
fn own_scripts_pass() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scripts");
    let mut seen = 0;
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let (passed, failures) = run(&path);
        assert!(failures.is_empty(), "{}", show(&path, &failures.iter().collect::<Vec<_>>()));
        assert!(passed > 0, "{} evaluates nothing", path.display());
        seen += 1;
    }
    assert!(seen > 0);
}

#[test]
fn shared_scripts_fail_only_where_they_need_native_histograms() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    // Relative to the project's root, as everywhere.
    let shared = std::env::var_os("NARTHEX_SHARED").map_or_else(|| PathBuf::from("../shared"), PathBuf::from);
    let suite = root.join("..").join(shared).join("promqltest");
    if !suite.is_dir() {
        println!("SKIPPED: no acceptance scripts at {}; NARTHEX_SHARED names their parent", suite.display());
        return;
    }
    for (name, histograms) in SHARED {
        let path = suite.join(format!("{name}.test"));
        let (passed, failures) = run(&path);
        let others: Vec<&Failure> = failures.iter().filter(|f| !f.histograms).collect();
        assert!(others.is_empty(), "{}", show(&path, &others));
        assert_eq!(failures.len(), *histograms, "{name}: failures of native histograms");
        assert!(passed > 0);
    }
}
