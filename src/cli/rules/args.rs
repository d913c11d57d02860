//! The arguments of `narthex rules`.

use super::super::parse::UsageError;
use super::super::query::args::{access, access_arguments, invalid};
use super::super::query::server::Access;
use super::super::query::time::time;
use crate::rules::backfill::Span;
use crate::settings::duration::parse_duration;
use clap::{Arg, ArgAction, ArgMatches};
use std::path::PathBuf;

/// What to do.
#[derive(Debug)]
pub enum Action {
    /// Tell when alerts would have fired.
    Backtest(BacktestOptions),
    /// Write the past of recording rules.
    Backfill(BackfillOptions),
}

/// Where history lies.
#[derive(Debug)]
pub enum Source {
    /// In a data directory.
    Directory(PathBuf),
    /// With a server, which evaluates.
    Server(Access),
}

/// Options of `backtest`.
#[derive(Debug)]
pub struct BacktestOptions {
    /// Rule files.
    pub rules: Vec<PathBuf>,
    /// Rule files to compare with.
    pub against: Vec<PathBuf>,
    /// Whose history.
    pub source: Source,
    /// When.
    pub span: Span,
    /// The alerts of interest; empty for all.
    pub names: Vec<String>,
    /// Alerts that are told, at most.
    pub limit: usize,
}

/// Options of `backfill`.
#[derive(Debug)]
pub struct BackfillOptions {
    /// Rule files.
    pub rules: Vec<PathBuf>,
    /// Data directory.
    pub path: PathBuf,
    /// Directory for the blocks.
    pub output: PathBuf,
    /// When.
    pub span: Span,
    /// The rules of interest; empty for all.
    pub names: Vec<String>,
    /// Do not tell the blocks.
    pub quiet: bool,
}

const EXAMPLES: &str = "\
Examples:
  narthex rules backtest --rules alerts.yml --from -7d                    when each alert would have fired
  narthex rules backtest --rules new.yml --against old.yml --from -30d    what the change would have changed
  narthex rules backtest --rules alerts.yml --from -7d --url http://localhost:9090    of a running server's history
  narthex rules backfill --rules recording.yml --from -14d data           the past of recording rules

backtest reads only, and may be used beside a running server, or with --url ask it. backfill writes blocks into the directory, which no
server may use meanwhile, or with --output into another one. It fills holes: samples that are there stay.";

/// The command for clap.
#[must_use]
pub fn command() -> clap::Command {
    let value = |name: &'static str, placeholder: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name(placeholder).allow_hyphen_values(true).help(help)
    };
    let files = |name: &'static str, help: &'static str| value(name, "FILE", help).action(ArgAction::Append);
    let common = |command: clap::Command, of: &'static str| {
        command
            .after_help(EXAMPLES)
            .arg(files("rules", "Rule file; may be repeated.").required(true))
            .arg(value("from", "TIME", "First time: -7d, Unix seconds or RFC 3339.").required(true))
            .arg(value("to", "TIME", "Last time. [default: now]"))
            .arg(value("interval", "DURATION", "Interval of groups that name none. [default: 1m]"))
            .arg(value("name", "NAME", of).action(ArgAction::Append))
            .arg(Arg::new("PATH").default_value("data").help("Data directory."))
    };
    let backtest = clap::Command::new("backtest").about("Tell when alerts would have fired");
    let backfill = clap::Command::new("backfill").about("Write the past of recording rules");
    clap::Command::new("rules")
        .about("Evaluate rules over stored history")
        .after_help(EXAMPLES)
        .subcommand_required(true)
        .disable_help_subcommand(true)
        .subcommand(
            common(backtest, "Only this alert; may be repeated. [default: all]")
                .arg(files("against", "Rule file to compare with; may be repeated."))
                .arg(value("limit", "NUMBER", "Alerts that are told. [default: 1000]"))
                .arg(
                    value("url", "URL", "Ask this server instead of reading a data directory.")
                        .conflicts_with("PATH"),
                )
                .args(access_arguments()),
        )
        .subcommand(
            common(backfill, "Only this rule; may be repeated. [default: all]")
                .arg(value("output", "DIR", "Where the blocks go. [default: the data directory]"))
                .arg(
                    Arg::new("quiet")
                        .long("quiet")
                        .short('q')
                        .action(ArgAction::SetTrue)
                        .help("Do not print the blocks."),
                ),
        )
}

fn text(matches: &ArgMatches, name: &str) -> Option<String> {
    matches.get_one::<String>(name).cloned()
}

fn all<T: From<String>>(matches: &ArgMatches, name: &str) -> Vec<T> {
    matches.get_many::<String>(name).into_iter().flatten().cloned().map(T::from).collect()
}

fn span(matches: &ArgMatches, now_ms: i64) -> Result<Span, UsageError> {
    let from = text(matches, "from").unwrap_or_default();
    let from_ms = time("--from", &from, now_ms)?;
    let to_ms = match text(matches, "to") {
        Some(text) => time("--to", &text, now_ms)?,
        None => now_ms,
    };
    if to_ms < from_ms {
        return Err(invalid("--from", &from, "later than --to", "-7d"));
    }
    let interval_ms = match text(matches, "interval") {
        None => 60_000,
        Some(text) => parse_duration(&text)
            .ok()
            .filter(|ms| *ms > 0)
            .ok_or_else(|| invalid("--interval", &text, "not a positive duration", "15s, 1m"))?,
    };
    Ok(Span { from_ms, to_ms, interval_ms, offset_ms: 0 })
}

/// Reads the arguments of the command.
///
/// # Errors
/// What is wrong with one.
pub fn read(matches: &ArgMatches, now_ms: i64) -> Result<Action, UsageError> {
    let expected = || UsageError::arguments("expected backtest or backfill");
    let (name, matches) = matches.subcommand().ok_or_else(expected)?;
    let path = PathBuf::from(text(matches, "PATH").unwrap_or_default());
    let (rules, names, span) = (all(matches, "rules"), all(matches, "name"), span(matches, now_ms)?);
    match name {
        "backtest" => {
            let limit = text(matches, "limit").unwrap_or_else(|| "1000".to_owned());
            let wrong = |_| invalid("--limit", &limit, "not a number", "1000");
            let limit = limit.parse().map_err(wrong)?;
            let against = all(matches, "against");
            let source = match text(matches, "url") {
                Some(url) => Source::Server(access(matches, url)?),
                None => Source::Directory(path),
            };
            Ok(Action::Backtest(BacktestOptions { rules, against, source, span, names, limit }))
        }
        "backfill" => {
            let output = text(matches, "output").map_or_else(|| path.clone(), PathBuf::from);
            let quiet = matches.get_flag("quiet");
            Ok(Action::Backfill(BackfillOptions { rules, path, output, span, names, quiet }))
        }
        _ => Err(expected()),
    }
}
