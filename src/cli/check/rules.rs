//! `check rules`: what is wrong with rule files, and rules that stand there twice.

use super::super::advice::advice;
use super::Verdict;
use super::args::RuleOptions;
use crate::config::NameValidation;
use crate::rules::file::{self, FileOptions, RuleFault, RuleFile};
use narthex_storage::Labels;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Checks files, or standard input if there is none.
///
/// # Errors
/// `out` or `err` cannot be written, or standard input cannot be read.
pub(super) fn check_rules(
    files: &[PathBuf],
    options: &RuleOptions,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> io::Result<Verdict> {
    for name in &options.features.unknown {
        writeln!(out, "  WARNING: Unknown option for --enable-feature: {name:?}")?;
    }
    let read = FileOptions {
        names: NameValidation::Utf8,
        parse: options.features.parse,
        ignore_unknown_fields: options.ignore_unknown_fields,
    };
    if files.is_empty() {
        writeln!(out, "Checking standard input")?;
        let bytes = super::standard_input()?;
        let parsed = match std::str::from_utf8(&bytes) {
            Ok(text) => file::parse(text, &read),
            Err(_) => Err(vec![RuleFault {
                line: 0,
                places: Vec::new(),
                message: "standard input is not UTF-8 text".to_owned(),
            }]),
        };
        let verdict = report(parsed, None, options.lint.duplicate_rules, out, err)?;
        writeln!(out)?;
        return Ok(verdict);
    }
    let mut verdict = Verdict::Good;
    for path in files {
        writeln!(out, "Checking {}", path.display())?;
        let parsed = file::load(path, &read);
        verdict = verdict.max(report(parsed, Some(path), options.lint.duplicate_rules, out, err)?);
        writeln!(out)?;
    }
    Ok(verdict)
}

fn report(
    parsed: Result<RuleFile, Vec<RuleFault>>,
    path: Option<&Path>,
    duplicates: bool,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> io::Result<Verdict> {
    let faults = match parsed {
        Ok(rules) => return lint(&rules, duplicates, out, err),
        Err(faults) => faults,
    };
    writeln!(err, "  FAILED:")?;
    for fault in &faults {
        match path {
            Some(path) => writeln!(err, "{}: {fault}", path.display())?,
            None => writeln!(err, "{fault}")?,
        }
        if let Some(advice) = advice(&fault.message) {
            writeln!(err, "    {advice}")?;
        }
    }
    Ok(Verdict::Bad)
}

/// Says how many rules a good file has, or which of them stand there twice.
///
/// # Errors
/// `out` or `err` cannot be written.
pub(in crate::cli) fn lint(
    rules: &RuleFile,
    duplicates: bool,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> io::Result<Verdict> {
    if let Some(line) = rules.second_document {
        writeln!(out, "  WARNING: line {line}: only the first document of the file is read")?;
    }
    let repeated = if duplicates { repeated(rules) } else { Vec::new() };
    if repeated.is_empty() {
        writeln!(out, "  SUCCESS: {} rules found", rules.rules())?;
        return Ok(Verdict::Good);
    }
    writeln!(err, "  FAILED:")?;
    writeln!(err, "lint error {} duplicate rule(s) found.", repeated.len())?;
    for (name, labels) in &repeated {
        writeln!(err, "Metric: {name}\nLabel(s):")?;
        labels.iter().try_for_each(|(label, value)| writeln!(err, "\t{label}: {value}"))?;
    }
    writeln!(err, "Might cause inconsistency while recording expressions")?;
    Ok(Verdict::Questionable)
}

/// Rules of one name with the same labels, each once, by name and labels.
fn repeated(file: &RuleFile) -> Vec<(String, Labels)> {
    let rules = file.groups.iter().flat_map(|group| &group.rules);
    let mut all: Vec<(String, Labels)> = rules
        .map(|rule| {
            let labels = rule.labels.iter().map(|(name, value)| (name.as_str(), value.as_str()));
            (rule.name.clone(), Labels::from_pairs(labels))
        })
        .collect();
    all.sort();
    let mut repeated: Vec<(String, Labels)> = Vec::new();
    for (one, next) in all.iter().zip(all.iter().skip(1)) {
        if one == next && repeated.last() != Some(one) {
            repeated.push(one.clone());
        }
    }
    repeated
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str) -> (Verdict, String, String) {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let parsed = file::parse(text, &FileOptions::default());
        let verdict = report(parsed, Some(Path::new("r.yml")), true, &mut out, &mut err).unwrap();
        (verdict, String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
    }

    #[test]
    fn good_rules_are_counted() {
        let text =
            "groups: [{name: g, rules: [{record: a, expr: up}, {record: a, expr: up, labels: {b: c}}]}]";
        let (verdict, out, err) = check(text);
        assert_eq!((verdict, out.as_str(), err.as_str()), (Verdict::Good, "  SUCCESS: 2 rules found\n", ""));
    }

    #[test]
    fn rules_that_stand_there_twice_are_told_once() {
        let text = "groups: [{name: g, rules: [{record: a, expr: up, labels: {b: c}}, \
                    {record: a, expr: up, labels: {b: c}}, {record: a, expr: up, labels: {b: c}}]}]";
        let (verdict, _, err) = check(text);
        assert_eq!(verdict, Verdict::Questionable);
        assert_eq!(
            err,
            "  FAILED:\nlint error 1 duplicate rule(s) found.\nMetric: a\nLabel(s):\n\tb: c\n\
             Might cause inconsistency while recording expressions\n"
        );
    }

    #[test]
    fn faults_come_with_file_and_place() {
        let (verdict, _, err) = check("groups:\n- name: g\n  rules:\n  - record: a\n    expr: 'up('\n");
        assert_eq!(verdict, Verdict::Bad);
        let want = "  FAILED:\nr.yml: 5:11: group \"g\", rule 1, \"a\": could not parse expression: ";
        assert!(err.starts_with(want), "{err}");
    }
}
