//! The arguments of `narthex check`, named as promtool names its own.

use super::super::features::{self, Features};
use super::super::parse::UsageError;
use super::super::query::args::invalid;
use super::super::query::server::Access;
use crate::settings::duration::parse_duration;
use clap::{Arg, ArgAction, ArgMatches};
use std::path::PathBuf;
use std::time::Duration;

/// What to check.
#[derive(Debug)]
pub enum Action {
    /// Configuration files.
    Config {
        /// The files.
        files: Vec<PathBuf>,
        /// How.
        options: ConfigOptions,
    },
    /// Web configuration files.
    WebConfig(Vec<PathBuf>),
    /// Rule files.
    Rules {
        /// The files; none for standard input.
        files: Vec<PathBuf>,
        /// How.
        options: RuleOptions,
    },
    /// A page of metrics on standard input.
    Metrics(MetricOptions),
    /// A server.
    Status(StatusRequest),
    /// Discovery of a job.
    Discovery(DiscoveryRequest),
}

/// What is questionable, and whether that is a failure.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Lint {
    /// Rules of one name with the same labels.
    pub duplicate_rules: bool,
    /// Scrape intervals that leave series without samples.
    pub long_intervals: bool,
    /// The exit code tells.
    pub fatal: bool,
}

/// How rule files are checked.
#[derive(Debug, Clone, Default)]
pub struct RuleOptions {
    /// What is questionable.
    pub lint: Lint,
    /// Unknown fields are skipped.
    pub ignore_unknown_fields: bool,
    /// What expressions may contain.
    pub features: Features,
}

/// How configuration files are checked.
#[derive(Debug, Clone)]
pub struct ConfigOptions {
    /// What is questionable.
    pub lint: Lint,
    /// Unknown fields of rule files are skipped.
    pub ignore_unknown_fields: bool,
    /// Files that the configuration names are not looked at.
    pub syntax_only: bool,
    /// What agent mode does not allow is a fault.
    pub agent: bool,
    /// How far queries look back, ms.
    pub lookback_ms: i64,
    /// What expressions may contain.
    pub features: Features,
}

impl Default for ConfigOptions {
    fn default() -> Self {
        let lint = Lint { duplicate_rules: true, ..Lint::default() };
        Self {
            lint,
            ignore_unknown_fields: false,
            syntax_only: false,
            agent: false,
            lookback_ms: 300_000,
            features: Features::default(),
        }
    }
}

/// How a page of metrics is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MetricOptions {
    /// Looks for what is questionable.
    pub lint: bool,
    /// Counts series.
    pub extended: bool,
}

/// Whose targets are to be found.
#[derive(Debug)]
pub struct DiscoveryRequest {
    /// The configuration file.
    pub file: PathBuf,
    /// The job.
    pub job: String,
    /// Longest wait for the answers of its providers.
    pub timeout: Duration,
}

/// Whom to ask how it is.
#[derive(Debug)]
pub struct StatusRequest {
    /// The server.
    pub access: Access,
    /// What is asked for, below its address.
    pub path: &'static str,
}

fn switch(name: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).action(ArgAction::SetTrue).help(help)
}

fn value(name: &'static str, placeholder: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).value_name(placeholder).help(help)
}

fn files(help: &'static str) -> Arg {
    Arg::new("FILE").num_args(1..).value_parser(clap::value_parser!(PathBuf)).help(help)
}

/// The clap command.
#[must_use]
pub fn command() -> clap::Command {
    let sub = |name: &'static str, about: &'static str| clap::Command::new(name).about(about);
    let lint = |help: &'static str| value("lint", "CHECKS", help);
    let fatal = || switch("lint-fatal", "Exit with 3 when lint finds something.");
    let unknown = || switch("ignore-unknown-fields", "Skip fields of rule files that are not known.");
    let status =
        |name: &'static str, about: &'static str| {
            sub(name, about)
                .arg(value("url", "URL", "The server. [default: http://localhost:9090]"))
                .arg(value("http.config.file", "FILE", "Credentials, TLS and headers."))
        };
    clap::Command::new("check")
        .about("Check configuration, rules, metrics and servers")
        .subcommand_required(true)
        .disable_help_subcommand(true)
        .arg(features::argument().global(true))
        .arg(
            value("query.lookback-delta", "DURATION", "The server's, for lint. [default: 5m]")
                .allow_hyphen_values(true)
                .global(true),
        )
        .subcommand(
            sub("config", "Check configuration files")
                .arg(files("Configuration files").required(true))
                .arg(switch("syntax-only", "Do not look at the files that the configuration names."))
                .arg(switch("agent", "Refuse what a configuration for agent mode must not have."))
                .arg(lint("all, none, duplicate-rules, too-long-scrape-interval. [default: duplicate-rules]"))
                .arg(fatal())
                .arg(unknown()),
        )
        .subcommand(
            sub("web-config", "Check web configuration files")
                .arg(files("Web configuration files").required(true)),
        )
        .subcommand(
            sub("rules", "Check rule files")
                .arg(files("Rule files; standard input if there is none"))
                .arg(lint("all, none, duplicate-rules. [default: duplicate-rules]"))
                .arg(fatal())
                .arg(unknown()),
        )
        .subcommand(
            sub("metrics", "Check a page of metrics on standard input")
                .arg(switch("extended", "Count the series of each metric."))
                .arg(value("lint", "CHECKS", "all or none. [default: all]")),
        )
        .subcommand(
            sub("service-discovery", "Show what the discovery of a job finds")
                .arg(
                    Arg::new("FILE")
                        .required(true)
                        .value_parser(clap::value_parser!(PathBuf))
                        .help("Configuration file"),
                )
                .arg(Arg::new("JOB").required(true).help("Name of the job"))
                .arg(value("timeout", "DURATION", "Longest wait for its providers. [default: 30s]")),
        )
        .subcommand(status("healthy", "Ask a server whether it is healthy"))
        .subcommand(status("ready", "Ask a server whether it is ready"))
}

/// Reads the arguments below `check`.
///
/// # Errors
/// A value that its flag does not take.
pub fn read(matches: &ArgMatches) -> Result<Action, UsageError> {
    let Some((name, matches)) = matches.subcommand() else {
        return Err(UsageError::arguments(
            "expected config, web-config, rules, metrics, service-discovery, healthy or ready",
        ));
    };
    let files = || matches.get_many::<PathBuf>("FILE").into_iter().flatten().cloned().collect();
    let features = features::read(matches);
    match name {
        "config" => Ok(Action::Config {
            files: files(),
            options: ConfigOptions {
                lint: lint(matches, &["duplicate-rules", "too-long-scrape-interval"])?,
                ignore_unknown_fields: matches.get_flag("ignore-unknown-fields"),
                syntax_only: matches.get_flag("syntax-only"),
                agent: matches.get_flag("agent"),
                lookback_ms: duration(matches, "query.lookback-delta", 300_000)?,
                features,
            },
        }),
        "web-config" => Ok(Action::WebConfig(files())),
        "rules" => Ok(Action::Rules {
            files: files(),
            options: RuleOptions {
                lint: lint(matches, &["duplicate-rules"])?,
                ignore_unknown_fields: matches.get_flag("ignore-unknown-fields"),
                features,
            },
        }),
        "metrics" => metrics(matches),
        "service-discovery" => Ok(Action::Discovery(DiscoveryRequest {
            file: matches.get_one::<PathBuf>("FILE").cloned().unwrap_or_default(),
            job: text(matches, "JOB").unwrap_or_default(),
            timeout: Duration::from_millis(duration(matches, "timeout", 30_000)?.unsigned_abs()),
        })),
        _ => {
            let path = if name == "healthy" { "/-/healthy" } else { "/-/ready" };
            let server = text(matches, "url").unwrap_or_else(|| "http://localhost:9090".to_owned());
            Ok(Action::Status(StatusRequest { access: status_access(matches, server), path }))
        }
    }
}

fn text(matches: &ArgMatches, name: &str) -> Option<String> {
    matches.get_one::<String>(name).cloned()
}

fn lint(matches: &ArgMatches, known: &[&str]) -> Result<Lint, UsageError> {
    let mut lint = Lint { fatal: matches.get_flag("lint-fatal"), ..Lint::default() };
    let given = text(matches, "lint").unwrap_or_else(|| "duplicate-rules".to_owned());
    for name in given.split(',') {
        match name {
            "none" => {}
            "all" => (lint.duplicate_rules, lint.long_intervals) = (true, true),
            "duplicate-rules" => lint.duplicate_rules = true,
            "too-long-scrape-interval" if known.contains(&name) => lint.long_intervals = true,
            other => {
                return Err(invalid(
                    "--lint",
                    other,
                    "no such check",
                    &format!("all, none, {}", known.join(", ")),
                ));
            }
        }
    }
    Ok(lint)
}

/// A duration, ms, that is not nothing.
fn duration(matches: &ArgMatches, name: &str, default: i64) -> Result<i64, UsageError> {
    let Some(text) = text(matches, name) else { return Ok(default) };
    let parsed = parse_duration(&text).ok().filter(|ms| *ms > 0);
    parsed.ok_or_else(|| invalid(&format!("--{name}"), &text, "not a positive duration", "5m"))
}

fn metrics(matches: &ArgMatches) -> Result<Action, UsageError> {
    let extended = matches.get_flag("extended");
    let lint = match text(matches, "lint").as_deref() {
        None | Some("all") => true,
        Some("none") => false,
        Some(other) => return Err(invalid("--lint", other, "no such check", "all or none")),
    };
    if !extended && !lint {
        return Err(UsageError {
            message: "error: at least one of --extended or linting must be enabled\n\
                      Use --extended for cardinality analysis, or remove --lint=none to enable linting"
                .to_owned(),
            code: 1,
        });
    }
    Ok(Action::Metrics(MetricOptions { lint, extended }))
}

/// The access of a status request: its command has but some of the flags that a query has.
fn status_access(matches: &ArgMatches, server: String) -> Access {
    Access {
        server,
        http_config: text(matches, "http.config.file").map(PathBuf::from),
        headers: Vec::new(),
        timeout: Duration::from_secs(10),
        answer_max: 1 << 20,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn action(arguments: &[&str]) -> Result<Action, UsageError> {
        let all = ["check"].iter().chain(arguments);
        read(&command().try_get_matches_from(all).map_err(UsageError::arguments)?)
    }

    #[test]
    fn defaults_are_promtool_s() {
        let Action::Config { options, .. } = action(&["config", "f"]).unwrap() else { panic!() };
        let default = ConfigOptions::default();
        assert_eq!((options.lint, options.lookback_ms), (default.lint, default.lookback_ms));
        let Action::Rules { files, options } = action(&["rules"]).unwrap() else { panic!() };
        assert!(files.is_empty() && options.lint.duplicate_rules && !options.lint.fatal);
        let Action::Status(request) = action(&["ready"]).unwrap() else { panic!() };
        assert_eq!((request.path, request.access.server.as_str()), ("/-/ready", "http://localhost:9090"));
    }

    #[test]
    fn checks_are_chosen_by_name() {
        let lint = |list: &str| match action(&["config", "f", "--lint", list]) {
            Ok(Action::Config { options, .. }) => (options.lint.duplicate_rules, options.lint.long_intervals),
            other => panic!("{other:?}"),
        };
        assert_eq!(lint("none"), (false, false));
        assert_eq!(lint("all"), (true, true));
        assert_eq!(lint("duplicate-rules,too-long-scrape-interval"), (true, true));
        assert!(action(&["rules", "--lint=too-long-scrape-interval"]).is_err());
        assert!(action(&["metrics", "--lint=none"]).is_err());
        assert!(action(&["metrics", "--lint=none", "--extended"]).is_ok());
    }
}
