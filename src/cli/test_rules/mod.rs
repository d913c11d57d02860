//! `narthex test rules`: unit tests of rules, in the files and with the messages of promtool.
//!
//! Every test has a store in memory of its own. The rules are evaluated by the engine that evaluates them in
//! the server; only the clock is the test's.

mod file;
mod junit;
mod run;
mod show;
mod store;

use super::features::{self, Features};
use super::parse::UsageError;
use crate::rules::FileOptions;
use clap::{Arg, ArgAction, ArgMatches};
use file::Test;
use junit::{Case, Suite};
use narthex_promql::{Engine, EngineOptions, QueryOptions, Value};
use narthex_storage::GoRegex;
use run::Common;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;
use store::LiveStore;

/// What to test, and how to tell it.
#[derive(Debug)]
pub struct Options {
    /// Files of tests.
    pub files: Vec<PathBuf>,
    /// Only tests whose name matches.
    pub run: Option<GoRegex>,
    /// Shows what is stored in the end.
    pub debug: bool,
    /// Shows alerts line by line.
    pub diff: bool,
    /// Rule files may have fields that nobody knows.
    pub ignore_unknown_fields: bool,
    /// Where the results go as XML.
    pub junit: Option<PathBuf>,
    /// What expressions may contain.
    pub features: Features,
}

/// The clap command.
pub(super) fn command() -> clap::Command {
    let switch = |name: &'static str, help: &'static str| {
        Arg::new(name).long(name).action(ArgAction::SetTrue).help(help)
    };
    clap::Command::new("rules")
        .about("Run unit tests of rules")
        .arg(
            Arg::new("FILE")
                .required(true)
                .num_args(1..)
                .value_parser(clap::value_parser!(PathBuf))
                .help("Files of unit tests, as promtool has them"),
        )
        .arg(
            Arg::new("run")
                .long("run")
                .value_name("REGEX")
                .action(ArgAction::Append)
                .help("Run only tests whose name matches; may be repeated."),
        )
        .arg(switch("debug", "Show all that is stored at the end of each test."))
        .arg(switch("diff", "Show alerts that differ line by line."))
        .arg(switch("ignore-unknown-fields", "Skip fields of rule files that are not known."))
        .arg(
            Arg::new("junit")
                .long("junit")
                .value_name("FILE")
                .value_parser(clap::value_parser!(PathBuf))
                .help("Write the results to a file, in the XML of JUnit."),
        )
        .arg(features::argument())
}

/// Reads the arguments.
///
/// # Errors
/// The expression of `--run` is none.
pub(super) fn read(matches: &ArgMatches) -> Result<Options, UsageError> {
    let runs: Vec<&str> =
        matches.get_many::<String>("run").into_iter().flatten().map(String::as_str).collect();
    let run = match runs.as_slice() {
        [] => None,
        all => Some(GoRegex::unanchored(&all.join("|")).map_err(UsageError::arguments)?),
    };
    Ok(Options {
        files: matches.get_many::<PathBuf>("FILE").into_iter().flatten().cloned().collect(),
        run,
        debug: matches.get_flag("debug"),
        diff: matches.get_flag("diff"),
        ignore_unknown_fields: matches.get_flag("ignore-unknown-fields"),
        junit: matches.get_one::<PathBuf>("junit").cloned(),
        features: features::read(matches),
    })
}

/// Runs the tests of all files. The answer is whether all passed.
///
/// # Errors
/// `out` or `err` cannot be written.
pub fn test_rules(options: &Options, out: &mut dyn Write, err: &mut dyn Write) -> io::Result<bool> {
    for name in &options.features.unknown {
        writeln!(out, "  WARNING: Unknown option for --enable-feature: {name:?}")?;
    }
    let (mut good, mut suites) = (true, Vec::new());
    for path in &options.files {
        writeln!(out, "Unit Testing:  {}", path.display())?;
        let (failures, suite) = test_file(path, options, out, err)?;
        if failures.is_empty() {
            writeln!(out, "  SUCCESS")?;
        } else {
            good = false;
            writeln!(err, "  FAILED:")?;
            for failure in &failures {
                writeln!(err, "{failure}\n")?;
            }
        }
        writeln!(out)?;
        suites.push(suite);
    }
    if let Some(path) = &options.junit
        && let Err(error) = std::fs::write(path, junit::document(&suites))
    {
        writeln!(err, "failed to write JUnit XML: {}: {error}", path.display())?;
        good = false;
    }
    Ok(good)
}

/// Runs the tests of one file: what failed, and the same for machines.
fn test_file(
    path: &Path,
    options: &Options,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> io::Result<(Vec<String>, Suite)> {
    let time = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S").to_string();
    let mut suite = Suite { name: path.display().to_string(), time, cases: Vec::new() };
    let file = match file::load(path) {
        Ok(file) => file,
        Err(error) => {
            suite.cases.push(Case { error: error.clone(), ..Case::default() });
            return Ok((vec![error], suite));
        }
    };
    for pattern in &file.unmatched {
        writeln!(err, "  WARNING: no file match pattern {}", pattern.display())?;
    }
    let engine = Engine::new(EngineOptions {
        subquery_step_ms: file.interval_ms,
        delayed_name_removal: options.features.delayed_name_removal,
        parse: options.features.parse,
        ..EngineOptions::default()
    });
    let common = Common {
        rule_files: &file.rule_files,
        options: FileOptions {
            parse: options.features.parse,
            ignore_unknown_fields: options.ignore_unknown_fields,
            ..FileOptions::default()
        },
        engine: &engine,
        interval_ms: file.interval_ms,
        group_order: &file.group_order,
        fuzzy: file.fuzzy,
        diff: options.diff,
    };
    let mut failures = Vec::new();
    for (at, test) in file.tests.iter().enumerate() {
        if options.run.as_ref().is_some_and(|run| !run.is_match(&test.name)) {
            continue;
        }
        let name = if test.name.is_empty() { format!("unnamed#{at}") } else { test.name.clone() };
        let begun = Instant::now();
        if options.debug {
            writeln!(out, "DEBUG: Starting test {name}")?;
        }
        let (failed, store) = run::run(test, &common);
        if options.debug {
            dump(test, &engine, &store, out)?;
            writeln!(out, "DEBUG: Test {name} finished, took {:?}", begun.elapsed())?;
        }
        failures.extend(failed.iter().cloned());
        suite.cases.push(Case { name, failures: failed, error: String::new() });
    }
    Ok((failures, suite))
}

/// Shows all samples of a test.
fn dump(test: &Test, engine: &Engine, store: &LiveStore, out: &mut dyn Write) -> io::Result<()> {
    // In whole seconds, and past the last sample.
    let seconds = test.end_ms() / 1_000 + 1;
    let expr = format!("{{__name__=~\".+\"}}[{seconds}s]");
    let at_ms = test.start_ms.saturating_add(seconds.saturating_mul(1_000));
    match engine.instant(store, &expr, at_ms, &QueryOptions::default()).map(|answer| answer.value) {
        Ok(Value::Matrix(series)) => {
            let time = show::go_duration(seconds.saturating_mul(1_000));
            writeln!(out, "DEBUG: Dump of all data (input_series and rules) at {time}:")?;
            writeln!(out, "{}", show::matrix(&series))
        }
        Ok(_) => Ok(()),
        Err(error) => writeln!(out, "DEBUG: Failed query exec, expr: {expr:?}, err: {error}"),
    }
}

#[cfg(test)]
mod tests;
