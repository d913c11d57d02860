//! The arguments of `narthex promql`.

use super::super::parse::UsageError;
use super::super::query::args::{access, access_arguments, invalid};
use super::super::query::server::Access;
use super::super::query::time::time;
use crate::settings::duration::parse_duration;
use clap::{Arg, ArgAction, ArgMatches};
use narthex_promql::lint::{RULES, Severity, Usage};

/// What is asked.
#[derive(Debug)]
pub enum Action {
    /// Print an expression.
    Format(FormatOptions),
    /// Show how it is evaluated.
    Explain(ExplainOptions),
    /// Look for mistakes.
    Lint(LintOptions),
}

/// Of `format`.
#[derive(Debug)]
pub struct FormatOptions {
    /// PromQL, or `-`.
    pub expr: String,
    /// On one line.
    pub flat: bool,
}

/// Of `explain`.
#[derive(Debug)]
pub struct ExplainOptions {
    /// PromQL, or `-`.
    pub expr: String,
    /// The server that evaluates it, for what each node costs.
    pub access: Option<Access>,
    /// Time of evaluation on the server, ms; `None` for now.
    pub time_ms: Option<i64>,
    /// The tree as JSON.
    pub json: bool,
}

/// Of `lint`.
#[derive(Debug)]
pub struct LintOptions {
    /// PromQL, rule files, or `-`.
    pub inputs: Vec<String>,
    /// For machines.
    pub json: bool,
    /// What a single expression is for.
    pub usage: Usage,
    /// Distance of samples, ms.
    pub scrape_interval_ms: i64,
    /// What is less grave is left out.
    pub min_severity: Severity,
    /// Codes that are left out.
    pub disabled: Vec<String>,
    /// A server whose metadata tell the types of metrics.
    pub access: Option<Access>,
}

const EXAMPLES: &str = "\
Examples:
  narthex promql format 'sum(rate(x[5m]))by(job)'
  narthex promql explain --server=localhost:9090 'sum by (job) (rate(http_requests_total[5m]))'
  narthex promql lint 'rate(node_memory_MemFree_bytes[5m])'
  narthex promql lint --server=localhost:9090 rules/*.yml

EXPR is - for standard input.";

const USAGES: &[(&str, Usage)] =
    &[("any", Usage::Any), ("graph", Usage::Graph), ("alert", Usage::Alert), ("record", Usage::Record)];
const SEVERITIES: [Severity; 3] = [Severity::Info, Severity::Warning, Severity::Error];

/// The clap command.
#[must_use]
pub fn command() -> clap::Command {
    let expr = || {
        Arg::new("EXPR")
            .required(true)
            .allow_hyphen_values(true)
            .help("PromQL expression; - reads standard input.")
    };
    let value = |name: &'static str, placeholder: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name(placeholder).allow_hyphen_values(true).help(help)
    };
    let flag = |name: &'static str, help: &'static str| {
        Arg::new(name).long(name).action(ArgAction::SetTrue).help(help)
    };
    let output = || value("output", "FORMAT", "text or json. [default: text]").short('o');
    let server = |help: &'static str| value("server", "URL", help);
    let sub =
        |name: &'static str, about: &'static str| clap::Command::new(name).about(about).after_help(EXAMPLES);
    clap::Command::new("promql")
        .about("Format, explain and lint PromQL expressions")
        .after_help(EXAMPLES)
        .subcommand_required(true)
        .disable_help_subcommand(true)
        .subcommand(
            sub("format", "Print an expression as Prometheus formats it")
                .arg(flag("flat", "On one line, in the canonical form."))
                .arg(expr()),
        )
        .subcommand(
            sub(
                "explain",
                "Show the plan of an expression: operators, selectors, and with a server their cost",
            )
            .arg(server("Server that evaluates it and tells series, samples, time and memory of each node."))
            .arg(value("time", "TIME", "Time of evaluation on the server. [default: now]"))
            .arg(output())
            .args(access_arguments())
            .arg(expr()),
        )
        .subcommand(
            sub("lint", "Look for probable mistakes in expressions and rule files")
                .arg(output())
                .arg(value(
                    "usage",
                    "USAGE",
                    "What an expression is for: any, graph, alert or record. [default: any]",
                ))
                .arg(value(
                    "scrape-interval",
                    "DURATION",
                    "Distance of samples, for the length of ranges. [default: 15s]",
                ))
                .arg(value(
                    "min-severity",
                    "SEVERITY",
                    "Leave out what is less grave: info, warning or error. [default: info]",
                ))
                .arg(
                    value("disable", "CODE", "Leave out a code (PQ004); may be repeated.")
                        .action(ArgAction::Append),
                )
                .arg(server("Server whose metadata tell the types of metrics; without it their names do."))
                .args(access_arguments())
                .arg(Arg::new("INPUT").required(true).num_args(1..).help(
                    "Rule files, or PromQL expressions where there is no such file; - reads standard input.",
                )),
        )
}

fn text(matches: &ArgMatches, name: &str) -> Option<String> {
    matches.get_one::<String>(name).cloned()
}

/// Reads the arguments below `promql`; relative times start at `now_ms`.
///
/// # Errors
/// A value that its flag does not take.
pub fn read(matches: &ArgMatches, now_ms: i64) -> Result<Action, UsageError> {
    let Some((name, matches)) = matches.subcommand() else {
        return Err(UsageError::arguments("expected format, explain or lint"));
    };
    let expr = || text(matches, "EXPR").unwrap_or_default();
    if name == "format" {
        return Ok(Action::Format(FormatOptions { expr: expr(), flat: matches.get_flag("flat") }));
    }
    let json = match text(matches, "output").as_deref() {
        None | Some("text") => false,
        Some("json") => true,
        Some(other) => return Err(invalid("--output", other, "no such format", "text or json")),
    };
    let access = text(matches, "server").map(|server| access(matches, server)).transpose()?;
    if name == "explain" {
        let time_ms = text(matches, "time").map(|text| time("--time", &text, now_ms)).transpose()?;
        return Ok(Action::Explain(ExplainOptions { expr: expr(), access, time_ms, json }));
    }
    let usage = text(matches, "usage").unwrap_or_else(|| "any".to_owned());
    let usage = USAGES
        .iter()
        .find(|(name, _)| *name == usage)
        .map(|(_, usage)| *usage)
        .ok_or_else(|| invalid("--usage", &usage, "no such usage", "any, graph, alert or record"))?;
    let severity = text(matches, "min-severity").unwrap_or_else(|| "info".to_owned());
    let min_severity = SEVERITIES
        .into_iter()
        .find(|known| known.name() == severity)
        .ok_or_else(|| invalid("--min-severity", &severity, "no such severity", "info, warning or error"))?;
    let scrape_interval_ms = match text(matches, "scrape-interval") {
        None => 15_000,
        Some(text) => parse_duration(&text)
            .ok()
            .filter(|ms| *ms > 0)
            .ok_or_else(|| invalid("--scrape-interval", &text, "not a positive duration", "15s or 1m"))?,
    };
    let disabled: Vec<String> =
        matches.get_many::<String>("disable").into_iter().flatten().cloned().collect();
    if let Some(unknown) = disabled.iter().find(|code| !RULES.iter().any(|rule| rule.code == **code)) {
        return Err(invalid("--disable", unknown, "no such code", "one of docs/lint.md, such as PQ004"));
    }
    let inputs = matches.get_many::<String>("INPUT").into_iter().flatten().cloned().collect();
    Ok(Action::Lint(LintOptions { inputs, json, usage, scrape_interval_ms, min_severity, disabled, access }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn action(arguments: &[&str]) -> Result<Action, UsageError> {
        let all = ["promql"].iter().chain(arguments);
        read(&command().try_get_matches_from(all).map_err(UsageError::arguments)?, 0)
    }

    #[test]
    fn arguments_become_actions() {
        assert!(
            matches!(action(&["format", "--flat", "-"]), Ok(Action::Format(o)) if o.flat && o.expr == "-")
        );
        assert!(matches!(action(&["format", "-up"]), Ok(Action::Format(o)) if o.expr == "-up"));
        let Ok(Action::Lint(options)) = action(&[
            "lint",
            "-o",
            "json",
            "--usage=alert",
            "--disable",
            "PQ004",
            "--scrape-interval=1m",
            "a",
            "b",
        ]) else {
            panic!()
        };
        assert_eq!(
            (options.usage, options.scrape_interval_ms, options.inputs.len()),
            (Usage::Alert, 60_000, 2)
        );
        assert!(
            matches!(action(&["explain", "--server=h:1", "up"]), Ok(Action::Explain(o)) if o.access.is_some())
        );
    }

    #[test]
    fn faults_say_what_a_flag_takes() {
        for (arguments, want) in [
            (&["lint", "--usage=x", "up"][..], "alert"),
            (&["lint", "--min-severity=x", "up"], "warning"),
            (&["lint", "--disable=PQ999", "up"], "docs/lint.md"),
            (&["lint", "--scrape-interval=0s", "up"], "15s"),
            (&["explain", "-o", "xml", "up"], "json"),
        ] {
            let error = action(arguments).unwrap_err();
            assert!(error.message.contains(want), "{arguments:?}: {}", error.message);
        }
    }
}
