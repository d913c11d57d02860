//! Acceptance scripts: the project's own in `scripts/`, and those of the shared suite.

use narthex_promql::testing::{Rejection, Report, run_script};
use std::path::{Path, PathBuf};

fn scripts(dir: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir).unwrap_or_else(|e| panic!("{}: {e}", dir.display()));
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.retain(|path| path.extension().is_some_and(|ext| ext == "test"));
    paths.sort();
    paths
}

fn show(path: &Path, outcome: &Result<Report, Rejection>) -> String {
    let path = path.display();
    match outcome {
        Err(rejection) => format!("{path}: {rejection}\n"),
        Ok(report) => report
            .failures
            .iter()
            .map(|f| {
                format!("{path}:{}: {}\n  expected: {}\n  got: {}\n", f.line, f.statement, f.expected, f.got)
            })
            .collect(),
    }
}

/// Runs the scripts of a directory: every evaluation has to pass.
fn check(dir: &Path) {
    let mut wrong = String::new();
    for path in scripts(dir) {
        let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let outcome = run_script(&text);
        wrong.push_str(&show(&path, &outcome));
        if let Ok(report) = outcome
            && report.passed + report.failures.len() == 0
        {
            wrong.push_str(&format!("{} evaluates nothing\n", path.display()));
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn own_scripts_pass() {
    check(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scripts"));
}

#[test]
fn shared_scripts_pass() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    // Relative to the project's root, as everywhere.
    let shared = std::env::var_os("NARTHEX_SHARED").map_or_else(|| PathBuf::from("../shared"), PathBuf::from);
    let suite = root.join("..").join(shared).join("promqltest");
    if !suite.is_dir() {
        println!("SKIPPED: no acceptance scripts at {}; NARTHEX_SHARED names their parent", suite.display());
        return;
    }
    check(&suite);
}
