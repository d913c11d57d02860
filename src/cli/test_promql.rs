//! `narthex test promql`: runs acceptance scripts and says what differs.

use narthex_promql::testing::run_script;
use std::path::PathBuf;
use std::process::ExitCode;

/// Runs the scripts and prints a report for each.
#[must_use]
pub fn run(files: &[PathBuf]) -> ExitCode {
    let mut good = true;
    for file in files {
        let shown = file.display();
        let text = match std::fs::read_to_string(file) {
            Ok(text) => text,
            Err(error) => {
                good = false;
                println!("{shown}: cannot be read: {error}");
                continue;
            }
        };
        let report = match run_script(&text) {
            Ok(report) => report,
            Err(rejection) => {
                good = false;
                println!("{shown}:{}: {}", rejection.line, rejection.statement);
                println!("  rejected: {}", rejection.reason);
                println!("{shown}: rejected, nothing was run");
                continue;
            }
        };
        for failure in &report.failures {
            println!("{shown}:{}: {}", failure.line, failure.statement);
            println!("  expected: {}", failure.expected.replace('\n', "\n            "));
            println!("  got:      {}", failure.got.replace('\n', "\n            "));
        }
        println!("{shown}: {} passed, {} failed", report.passed, report.failures.len());
        good &= report.failures.is_empty();
    }
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
