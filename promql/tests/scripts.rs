//! Acceptance scripts: the project's own in `scripts/`, and those of the shared suite.

use narthex_promql::testing::{Rejection, Report, run_script};
use std::path::{Path, PathBuf};

/// What the engine cannot do yet: scripts, and how many of their evaluations fail. Empty in the end.
const SHARED_PENDING: &[(&str, Pending)] = &[
    ("aggregators", Pending::Failures(21)),
    ("duration_expression", Pending::Unparsed),
    ("extended_vectors", Pending::Unparsed),
    ("fill-modifier", Pending::Unparsed),
    ("functions", Pending::Failures(53)),
    ("histograms", Pending::Failures(75)),
    ("info", Pending::Unparsed),
    ("limit", Pending::Failures(3)),
    ("native_histograms", Pending::Unparsed),
    ("operators", Pending::Failures(45)),
    ("start_timestamps", Pending::Failures(16)),
    ("subquery", Pending::Failures(2)),
];

/// The same for the project's own scripts.
const OWN_PENDING: &[(&str, Pending)] = &[];

/// What is missing of a script.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pending {
    /// Nothing.
    None,
    /// So many evaluations fail.
    Failures(usize),
    /// It does not parse.
    Unparsed,
}

fn scripts(dir: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir).unwrap_or_else(|e| panic!("{}: {e}", dir.display()));
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
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

fn pending(outcome: &Result<Report, Rejection>) -> Pending {
    match outcome {
        Err(_) => Pending::Unparsed,
        Ok(report) if report.failures.is_empty() => Pending::None,
        Ok(report) => Pending::Failures(report.failures.len()),
    }
}

/// Runs the scripts of a directory and compares what fails with what is known to.
fn check(dir: &Path, known: &[(&str, Pending)]) {
    let mut wrong = String::new();
    for path in scripts(dir) {
        let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let outcome = run_script(&text);
        let name = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        let allowed = known.iter().find(|(file, _)| *file == name).map_or(Pending::None, |(_, p)| *p);
        let found = pending(&outcome);
        if found != allowed {
            wrong.push_str(&format!("{name}: {found:?}, known: {allowed:?}\n{}", show(&path, &outcome)));
        }
        if let Ok(report) = outcome
            && report.passed + report.failures.len() == 0
        {
            wrong.push_str(&format!("{name} evaluates nothing\n"));
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn own_scripts_pass() {
    check(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scripts"), OWN_PENDING);
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
    check(&suite, SHARED_PENDING);
}
