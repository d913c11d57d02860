//! `narthex promql lint`: hints for expressions and rule files.

use super::args::LintOptions;
use super::report::{Report, Subject};
use super::{parsed, source};
use crate::cli::query::metadata;
use crate::rules::expressions::{RuleExpression, rule_expressions};
use narthex_promql::lint::{self, Catalog, MetricInfo, MetricKind, Usage};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;

/// The exit code of promtool for findings.
const FINDINGS: u8 = 3;

/// Types of metrics by name.
struct Types(BTreeMap<String, MetricKind>);

impl Catalog for Types {
    fn metric(&self, name: &str) -> Option<MetricInfo> {
        self.0.get(name).map(|kind| MetricInfo { kind: *kind, unit: String::new() })
    }
}

/// Looks at every input. The exit code is 3 when there are hints, 1 when something cannot be read.
pub(super) fn run(options: &LintOptions) -> ExitCode {
    let types = match options.access.as_ref().map(metadata).transpose() {
        Ok(types) => types.map(Types),
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::FAILURE;
        }
    };
    let mut report = Report::new(options.json);
    let mut readable = true;
    for input in &options.inputs {
        match subjects(input, options.usage) {
            Ok(subjects) => {
                for subject in &subjects {
                    readable &= look(subject, types.as_ref(), options, &mut report);
                }
            }
            Err(error) => {
                readable = false;
                eprintln!("error: {error}");
            }
        }
    }
    let found = report.found();
    // Whoever reads has gone when it cannot be written.
    let _ = report.finish(&mut std::io::stdout().lock());
    match (readable, found) {
        (false, _) => ExitCode::FAILURE,
        (true, 0) => ExitCode::SUCCESS,
        _ => ExitCode::from(FINDINGS),
    }
}

/// The expressions of an argument: a rule file where there is one, else the argument itself.
fn subjects(input: &str, usage: Usage) -> Result<Vec<Subject>, String> {
    let path = Path::new(input);
    if input == "-" || !path.is_file() {
        let named_as_file = [".yml", ".yaml"].iter().any(|ending| input.ends_with(ending));
        if named_as_file && !input.contains(char::is_whitespace) {
            return Err(format!("open {input}: no such file"));
        }
        return Ok(vec![Subject { usage, expr: source(input)?, rule: None }]);
    }
    let text = crate::settings::read(path)?;
    let rules = rule_expressions(&text).map_err(|faults| {
        let line = |fault: &crate::settings::Fault| format!("{input}:{}: {}", fault.line, fault.message);
        faults.iter().map(line).collect::<Vec<_>>().join("\n")
    })?;
    let subject = |rule: RuleExpression| Subject {
        usage: if rule.alert { Usage::Alert } else { Usage::Record },
        expr: rule.expr.trim_end().to_owned(),
        rule: Some((input.to_owned(), rule.line, rule.group, rule.name)),
    };
    Ok(rules.into_iter().map(subject).collect())
}

/// Whether the expression could be parsed.
fn look(subject: &Subject, types: Option<&Types>, options: &LintOptions, report: &mut Report) -> bool {
    let expr = match parsed(&subject.expr) {
        Ok(expr) => expr,
        Err(error) => {
            eprintln!("error: {}{error}", subject.place());
            return false;
        }
    };
    let catalog = types.map(|types| types as &dyn Catalog);
    let scrape_interval_ms = Some(options.scrape_interval_ms);
    let hints = lint::lint(&expr, &lint::LintOptions { catalog, scrape_interval_ms, usage: subject.usage });
    for hint in hints {
        let wanted =
            hint.severity >= options.min_severity && !options.disabled.iter().any(|c| c == hint.code);
        if wanted {
            report.add(subject, &hint);
        }
    }
    true
}
