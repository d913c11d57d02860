//! From arguments to a command: the clap commands are made from the table of flags, and faults are told in
//! the words of Prometheus's command line.

use super::flag_table::{self, FlagKind, FlagSpec, GROUPS};
use super::flags::{Flags, RawFlags};
use super::{check, promql, query, rules, test_rules, tsdb};
use clap::builder::StyledStr;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches};
use std::ffi::OsString;
use std::path::PathBuf;

/// What the user wants.
#[derive(Debug)]
pub enum Command {
    /// Run the server.
    Serve(Box<Flags>),
    /// Check files or servers.
    Check(Box<check::args::Action>),
    /// Run files of the acceptance-test language.
    TestPromql(Vec<PathBuf>),
    /// Run unit tests of rules.
    TestRules(Box<test_rules::Options>),
    /// Ask a server.
    Query(Box<query::args::Request>),
    /// Format, explain or lint expressions.
    Promql(Box<promql::args::Action>),
    /// Evaluate rules over stored history.
    Rules(Box<rules::args::Action>),
    /// Look into a data directory.
    Tsdb(Box<tsdb::args::Action>),
    /// Show a text, and that is all: help or version.
    Print(String),
}

/// A command line that cannot be obeyed.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct UsageError {
    /// For standard error.
    pub message: String,
    /// Exit code of the process.
    pub code: u8,
}

impl UsageError {
    /// A fault of the arguments themselves.
    pub(super) fn arguments(text: impl std::fmt::Display) -> Self {
        Self::plain(format!("Error parsing command line arguments: {text}"))
    }

    /// A fault that tells all about itself.
    pub(super) fn plain(message: impl Into<String>) -> Self {
        Self { message: message.into(), code: 2 }
    }

    /// A flag of another mode.
    pub(super) fn wrong_mode(message: String) -> Self {
        Self { message, code: 3 }
    }
}

const EXAMPLES: &str = "\
Examples:
  narthex                                scrape narthex and this host, serve 127.0.0.1:9090
  narthex --config.file=prometheus.yml   as Prometheus does with that file
  narthex check config prometheus.yml    every fault of a configuration, with its line
  narthex test rules tests.yml           unit tests of rules, as promtool has them
  narthex query instant localhost:9090 node_load1
  narthex query range -o graph localhost:9090 node_load1
  narthex promql lint rules.yml          probable mistakes in rules and expressions
  narthex rules backtest --rules alerts.yml --from -7d    when alerts would have fired
  narthex tsdb list                      the blocks of the data directory

A flag is written --flag=value or --flag value; --no-flag switches off one that takes no value.";

/// Reads the arguments; the first one is the program's name.
///
/// # Errors
/// The text for standard error, with the exit code.
pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Command, UsageError> {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let matches = match command(false).try_get_matches_from(&arguments) {
        Ok(matches) => matches,
        Err(error) if error.kind() == ErrorKind::DisplayHelp => return Ok(Command::Print(error.to_string())),
        Err(error) => return Err(usage(&error, &arguments)),
    };
    if matches.get_flag("help-long") {
        return Ok(Command::Print(command(true).render_help().to_string()));
    }
    if matches.get_flag("version") {
        return Ok(Command::Print(version()));
    }
    match matches.subcommand() {
        Some(("query", matches)) => {
            return query::args::read(matches, now_ms()).map(|request| Command::Query(Box::new(request)));
        }
        Some(("promql", matches)) => {
            return promql::args::read(matches, now_ms()).map(|action| Command::Promql(Box::new(action)));
        }
        Some(("rules", matches)) => {
            return rules::args::read(matches, now_ms()).map(|action| Command::Rules(Box::new(action)));
        }
        Some(("tsdb", matches)) => {
            return tsdb::args::read(matches, now_ms()).map(|action| Command::Tsdb(Box::new(action)));
        }
        _ => {}
    }
    match matches.subcommand() {
        Some(("check", matches)) => check::args::read(matches).map(|action| Command::Check(Box::new(action))),
        Some(("test", matches)) => test(matches),
        _ => Ok(Command::Serve(Box::new(Flags::resolve(raw_flags(&matches))?))),
    }
}

/// What the arguments below `test` ask for.
fn test(matches: &ArgMatches) -> Result<Command, UsageError> {
    match matches.subcommand() {
        Some(("rules", matches)) => {
            test_rules::read(matches).map(|options| Command::TestRules(Box::new(options)))
        }
        other => {
            let files = other.and_then(|(_, matches)| matches.get_many::<PathBuf>("FILE"));
            Ok(Command::TestPromql(files.into_iter().flatten().cloned().collect()))
        }
    }
}

/// Milliseconds since the epoch: what relative times start at.
fn now_ms() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}

fn command(everything: bool) -> clap::Command {
    let test_files = Arg::new("FILE")
        .required(true)
        .num_args(1..)
        .value_parser(clap::value_parser!(PathBuf))
        .help("Files of test scripts");
    let test = clap::Command::new("test")
        .about("Run tests of rules, or PromQL acceptance tests")
        .subcommand_required(true)
        .disable_help_subcommand(true)
        .subcommand(clap::Command::new("promql").about("Run PromQL acceptance tests").arg(test_files))
        .subcommand(test_rules::command());
    let mut command = clap::Command::new("narthex")
        .bin_name("narthex")
        .about("A Prometheus-compatible monitoring server in one binary.")
        .after_help(EXAMPLES)
        .disable_help_subcommand(true)
        .args_conflicts_with_subcommands(true)
        .subcommand(check::args::command())
        .subcommand(test)
        .subcommand(query::args::command())
        .subcommand(promql::args::command())
        .subcommand(rules::args::command())
        .subcommand(tsdb::args::command())
        .arg(Arg::new("version").long("version").action(ArgAction::SetTrue).help("Show the version."))
        .arg(Arg::new("help-long").long("help-long").action(ArgAction::SetTrue).help("Show all flags."));
    for (heading, flags) in GROUPS {
        for spec in *flags {
            command = command.args(arguments_of(spec, heading, everything));
        }
    }
    command
}

/// The flag, and its `--no-` form if it is a truth value.
fn arguments_of(spec: &FlagSpec, heading: &'static str, everything: bool) -> Vec<Arg> {
    let mut help = spec.help.to_owned();
    if let Some(why) = spec.ignored {
        help.push_str(&format!(" No effect: {why}."));
    }
    if !matches!(spec.default, "" | "0s" | "0B") && spec.kind != FlagKind::Bool {
        help.push_str(&format!(" [default: {}]", spec.default));
    }
    let arg = Arg::new(spec.name)
        .long(spec.name)
        .help(StyledStr::from(help))
        .help_heading(heading)
        .hide(!everything && (spec.hidden || spec.ignored.is_some()));
    if spec.kind != FlagKind::Bool {
        let action = if spec.many { ArgAction::Append } else { ArgAction::Set };
        return vec![arg.action(action).value_name(value_name(spec.kind))];
    }
    let negative = format!("no-{}", spec.name);
    let off = Arg::new(negative.clone()).long(negative.clone()).action(ArgAction::SetTrue).hide(true);
    vec![arg.action(ArgAction::SetTrue).overrides_with(negative), off.overrides_with(spec.name)]
}

fn value_name(kind: FlagKind) -> &'static str {
    match kind {
        FlagKind::Duration => "DURATION",
        FlagKind::Size => "SIZE",
        FlagKind::Count | FlagKind::Number => "NUMBER",
        FlagKind::Bool | FlagKind::Text | FlagKind::Choice(..) => "VALUE",
    }
}

fn raw_flags(matches: &ArgMatches) -> RawFlags {
    let mut raw = RawFlags::default();
    let given = |id: &str| matches.value_source(id) == Some(ValueSource::CommandLine);
    for spec in flag_table::all() {
        let on = given(spec.name);
        let off = spec.kind == FlagKind::Bool && given(&format!("no-{}", spec.name));
        let values = match spec.kind {
            FlagKind::Bool if on => vec!["true".to_owned()],
            FlagKind::Bool if off => vec!["false".to_owned()],
            FlagKind::Bool => vec![spec.default.to_owned()],
            _ if on => matches.get_many::<String>(spec.name).into_iter().flatten().cloned().collect(),
            _ => vec![spec.default.to_owned()],
        };
        if on || off {
            raw.given.insert(spec.name);
        }
        raw.values.insert(spec.name, values);
    }
    raw
}

/// A context of a clap error as text.
fn context(error: &clap::Error, kind: ContextKind) -> Option<String> {
    match error.get(kind)? {
        ContextValue::String(text) => Some(text.clone()),
        ContextValue::Strings(texts) => texts.first().cloned(),
        _ => None,
    }
}

/// The fault in the words of Prometheus's command line, and what to do about it.
fn usage(error: &clap::Error, arguments: &[OsString]) -> UsageError {
    let argument = context(error, ContextKind::InvalidArg).unwrap_or_default();
    let name = argument.split([' ', '=']).next().unwrap_or_default();
    let mut advice = context(error, ContextKind::SuggestedArg)
        .or_else(|| context(error, ContextKind::SuggestedSubcommand))
        .map(|nearest| format!("did you mean {nearest}?"));
    let text = match error.kind() {
        ErrorKind::UnknownArgument if name.starts_with("--") => format!("unknown long flag '{name}'"),
        ErrorKind::UnknownArgument if name.starts_with('-') => {
            advice = two_dashes(name, arguments);
            format!("unknown short flag '{name}'")
        }
        ErrorKind::UnknownArgument => format!("unexpected {name}"),
        ErrorKind::InvalidSubcommand => {
            format!("unexpected {}", context(error, ContextKind::InvalidSubcommand).unwrap_or_default())
        }
        ErrorKind::TooManyValues => {
            advice =
                Some(format!("{name} takes no value; its opposite is --no-{}", name.trim_start_matches('-')));
            format!("unexpected {}", context(error, ContextKind::InvalidValue).unwrap_or_default())
        }
        ErrorKind::InvalidValue => format!("expected argument for flag '{name}'"),
        ErrorKind::ArgumentConflict
            if context(error, ContextKind::PriorArg).is_some_and(|prior| prior == argument) =>
        {
            format!("flag '{}' cannot be repeated", name.trim_start_matches('-'))
        }
        _ => {
            let text = error.to_string();
            let text = text.strip_prefix("error: ").unwrap_or(&text).trim_end().to_owned();
            return UsageError::arguments(text);
        }
    };
    let advice = advice.map(|advice| format!("\n  {advice}")).unwrap_or_default();
    UsageError::arguments(format!("{text}{advice}\n  {} --help shows all flags", called(arguments)))
}

/// The command that was called, with its subcommands.
fn called(arguments: &[OsString]) -> String {
    let words = arguments.iter().skip(1).filter_map(|word| word.to_str());
    let mut known = command(false);
    let mut out = String::from("narthex");
    for word in words.filter(|word| !word.starts_with('-')) {
        let Some(sub) = known.find_subcommand(word).cloned() else { break };
        out.push(' ');
        out.push_str(word);
        known = sub;
    }
    out
}

/// Advice for a long flag that was written with one dash.
fn two_dashes(short: &str, arguments: &[OsString]) -> Option<String> {
    let meant = arguments.iter().filter_map(|argument| argument.to_str()).find_map(|argument| {
        let name = argument.strip_prefix('-')?.split('=').next()?;
        flag_table::all().find(|spec| argument.starts_with(short) && spec.name == name)
    })?;
    Some(format!("did you mean --{}? Flags begin with two dashes", meant.name))
}

/// What `--version` prints, in the shape that Prometheus prints its own.
fn version() -> String {
    format!(
        "narthex, version {} (branch: {}, revision: {})\n  behaves as:       prometheus 3.14.0\n  platform:         {}/{}\n  web UI:           {}\n",
        env!("CARGO_PKG_VERSION"),
        option_env!("NARTHEX_BRANCH").unwrap_or("unknown"),
        option_env!("NARTHEX_REVISION").unwrap_or("unknown"),
        std::env::consts::OS,
        std::env::consts::ARCH,
        crate::web::ui::BUILD,
    )
}
