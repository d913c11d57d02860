//! The arguments of `narthex tsdb`, named as promtool names its own.

use super::super::parse::UsageError;
use super::super::query::args::invalid;
use super::super::query::time::time;
use clap::{Arg, ArgAction, ArgMatches};
use narthex_promql::parse_selector;
use narthex_storage::Matcher;
use std::path::PathBuf;

/// What to do.
#[derive(Debug)]
pub enum Action {
    /// List the blocks.
    List(ListOptions),
    /// Tell cardinality and churn of a block, and who brought which label.
    Analyze(AnalyzeOptions),
    /// Verify every checksum in a directory.
    Verify(PathBuf),
    /// Make blocks of samples in OpenMetrics text.
    Import(ImportOptions),
    /// Print samples.
    Export(ExportOptions),
    /// Write blocks for Prometheus.
    ExportBlocks(ExportBlocksOptions),
}

/// Options of `list`.
#[derive(Debug)]
pub struct ListOptions {
    /// Data directory.
    pub path: PathBuf,
    /// Times and sizes for people.
    pub human: bool,
}

/// Options of `analyze`.
#[derive(Debug)]
pub struct AnalyzeOptions {
    /// Data directory.
    pub path: PathBuf,
    /// ULID of a block; the newest without.
    pub block: Option<String>,
    /// Lines of each list.
    pub limit: usize,
}

/// Options of `import`.
#[derive(Debug)]
pub struct ImportOptions {
    /// The text.
    pub input: PathBuf,
    /// Data directory.
    pub path: PathBuf,
    /// Do not tell the blocks.
    pub quiet: bool,
}

/// Which samples.
#[derive(Debug)]
pub struct Dump {
    /// Data directory.
    pub path: PathBuf,
    /// First timestamp, ms.
    pub mint: i64,
    /// Last timestamp, ms.
    pub maxt: i64,
    /// A series has to satisfy one of these; empty for all.
    pub matches: Vec<Vec<Matcher>>,
}

/// How samples are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// As `promtool tsdb dump`.
    Dump,
    /// As `promtool tsdb dump-openmetrics`.
    OpenMetrics,
}

/// Options of `export`.
#[derive(Debug)]
pub struct ExportOptions {
    /// Which samples.
    pub dump: Dump,
    /// How they are printed.
    pub shape: Shape,
}

/// Options of `export-blocks`.
#[derive(Debug)]
pub struct ExportBlocksOptions {
    /// Which samples.
    pub dump: Dump,
    /// Where the blocks go.
    pub output: PathBuf,
}

const EXAMPLES: &str = "\
Examples:
  narthex tsdb list -r                                    the blocks of ./data
  narthex tsdb analyze --limit 5 /var/lib/narthex         the newest block: cardinality, churn, who brought what
  narthex tsdb verify /var/lib/narthex                    every checksum; exit code 1 when one is wrong
  narthex tsdb export --format openmetrics --match up     samples as text
  narthex tsdb import openmetrics history.om /var/lib/narthex
  narthex tsdb export-blocks --output /var/lib/prometheus /var/lib/narthex

All but import read only, and may be used beside a running server.";

/// The command for clap.
#[must_use]
pub fn command() -> clap::Command {
    let sub =
        |name: &'static str, about: &'static str| clap::Command::new(name).about(about).after_help(EXAMPLES);
    let path = || Arg::new("PATH").default_value("data").help("Data directory.");
    let value = |name: &'static str, placeholder: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name(placeholder).allow_hyphen_values(true).help(help)
    };
    let flag = |name: &'static str, short: char, help: &'static str| {
        Arg::new(name).long(name).short(short).action(ArgAction::SetTrue).help(help)
    };
    let bounds = || {
        [
            value(
                "min-time",
                "TIME",
                "First time: now, -1h, Unix seconds or RFC 3339. [default: the oldest]",
            ),
            value("max-time", "TIME", "Last time. [default: the newest]"),
            value("match", "SELECTOR", "Series selector; may be repeated. [default: all series]")
                .action(ArgAction::Append),
        ]
    };
    let openmetrics = sub("openmetrics", "Make blocks of samples in OpenMetrics text")
        .arg(Arg::new("FILE").required(true).help("OpenMetrics text with timestamps."))
        .arg(path())
        .arg(flag("quiet", 'q', "Do not print the blocks."));
    clap::Command::new("tsdb")
        .about("Look into a data directory, and bring data in and out")
        .after_help(EXAMPLES)
        .subcommand_required(true)
        .disable_help_subcommand(true)
        .subcommand(
            sub("list", "List the blocks, ours and Prometheus's")
                .arg(flag("human-readable", 'r', "Print times and sizes for people."))
                .arg(path()),
        )
        .subcommand(
            sub("analyze", "Tell cardinality and churn of a block, and who brought which label since when")
                .arg(value("limit", "NUMBER", "Lines of each list. [default: 20]"))
                .arg(path())
                .arg(Arg::new("BLOCK").help("ULID of a block. [default: the newest]")),
        )
        .subcommand(sub("verify", "Verify every checksum of every file").arg(path()))
        .subcommand(
            clap::Command::new("import")
                .about("Make blocks of samples in a text; no server may use the directory")
                .subcommand_required(true)
                .disable_help_subcommand(true)
                .subcommand(openmetrics),
        )
        .subcommand(
            sub("export", "Print samples")
                .arg(value("format", "FORMAT", "dump or openmetrics. [default: dump]"))
                .args(bounds())
                .arg(path()),
        )
        .subcommand(
            sub("export-blocks", "Write blocks that Prometheus reads")
                .arg(value("output", "DIR", "Where the blocks go.").required(true))
                .args(bounds())
                .arg(path()),
        )
}

fn text(matches: &ArgMatches, name: &str) -> Option<String> {
    matches.get_one::<String>(name).cloned()
}

fn path(matches: &ArgMatches) -> PathBuf {
    text(matches, "PATH").unwrap_or_default().into()
}

fn dump(matches: &ArgMatches, now_ms: i64) -> Result<Dump, UsageError> {
    let bound = |name: &str, open: i64| match text(matches, name) {
        Some(text) => time(&format!("--{name}"), &text, now_ms),
        None => Ok(open),
    };
    let selector = |text: &String| {
        parse_selector(text).map_err(|e| invalid("--match", text, &e.to_string(), "up or {job=\"node\"}"))
    };
    let selectors = matches.get_many::<String>("match").into_iter().flatten();
    Ok(Dump {
        path: path(matches),
        mint: bound("min-time", i64::MIN)?,
        maxt: bound("max-time", i64::MAX)?,
        matches: selectors.map(selector).collect::<Result<_, _>>()?,
    })
}

/// Reads the arguments of the command.
///
/// # Errors
/// What is wrong with one.
pub fn read(matches: &ArgMatches, now_ms: i64) -> Result<Action, UsageError> {
    let expected =
        || UsageError::arguments("expected list, analyze, verify, import, export or export-blocks");
    let (name, matches) = matches.subcommand().ok_or_else(expected)?;
    match name {
        "list" => {
            let human = matches.get_flag("human-readable");
            Ok(Action::List(ListOptions { path: path(matches), human }))
        }
        "analyze" => {
            let limit = text(matches, "limit").unwrap_or_else(|| "20".to_owned());
            let wrong = |_| invalid("--limit", &limit, "not a number", "20");
            let limit = limit.parse().map_err(wrong)?;
            Ok(Action::Analyze(AnalyzeOptions { path: path(matches), block: text(matches, "BLOCK"), limit }))
        }
        "verify" => Ok(Action::Verify(path(matches))),
        "import" => {
            let (_, matches) = matches.subcommand().ok_or_else(expected)?;
            Ok(Action::Import(ImportOptions {
                input: text(matches, "FILE").unwrap_or_default().into(),
                path: path(matches),
                quiet: matches.get_flag("quiet"),
            }))
        }
        "export" => {
            let shape = match text(matches, "format").as_deref() {
                None | Some("dump") => Shape::Dump,
                Some("openmetrics") => Shape::OpenMetrics,
                Some(other) => {
                    return Err(invalid("--format", other, "no such format", "dump or openmetrics"));
                }
            };
            Ok(Action::Export(ExportOptions { dump: dump(matches, now_ms)?, shape }))
        }
        "export-blocks" => {
            let output = text(matches, "output").unwrap_or_default().into();
            Ok(Action::ExportBlocks(ExportBlocksOptions { dump: dump(matches, now_ms)?, output }))
        }
        _ => Err(expected()),
    }
}
