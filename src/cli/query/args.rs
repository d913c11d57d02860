//! The arguments of `narthex query`, named as promtool names its own.

use super::super::parse::UsageError;
use super::graph::Window;
use super::scale::Scale;
use super::server::Access;
use super::time::{default_step, step, time};
use crate::settings::duration::{parse_duration, parse_size};
use clap::{Arg, ArgAction, ArgMatches};
use std::path::PathBuf;
use std::time::Duration;

/// Where a range begins when nothing is said, before its end.
const RANGE_MS: i64 = 3_600_000;

/// How the answer is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Aligned columns.
    Table,
    /// RFC 4180.
    Csv,
    /// The server's data as they are.
    Json,
    /// A chart.
    Graph,
}

impl Format {
    const ALL: &'static [(&'static str, Self)] =
        &[("table", Self::Table), ("csv", Self::Csv), ("json", Self::Json), ("graph", Self::Graph)];
}

/// What is asked.
#[derive(Debug)]
pub enum Question {
    /// An expression at one time.
    Instant {
        /// PromQL.
        expr: String,
        /// ms.
        time_ms: i64,
    },
    /// An expression over time.
    Range {
        /// PromQL.
        expr: String,
        /// Times.
        window: Window,
    },
    /// Series of selectors.
    Series {
        /// Selectors.
        matches: Vec<String>,
        /// Bounds, ms.
        bounds: (Option<i64>, Option<i64>),
    },
    /// Values of a label, or names of labels.
    Labels {
        /// The label; `None` for the names of all.
        name: Option<String>,
        /// Selectors.
        matches: Vec<String>,
        /// Bounds, ms.
        bounds: (Option<i64>, Option<i64>),
    },
}

/// A request.
#[derive(Debug)]
pub struct Request {
    /// Whom.
    pub access: Access,
    /// What.
    pub question: Question,
    /// How to show the answer.
    pub format: Format,
    /// Prefixes of a chart; `None` to guess them from the metric's name.
    pub scale: Option<Scale>,
}

const EXAMPLES: &str = "\
Examples:
  narthex query instant localhost:9090 'up == 0'
  narthex query range -o graph --start=-6h localhost:9090 'sum by (job) (rate(http_requests_total[5m]))'
  narthex query range -o csv --start=2026-01-31T00:00:00Z --end=2026-02-01T00:00:00Z --step=1m localhost:9090 node_load1
  narthex query series --match 'up{job=\"node\"}' localhost:9090
  narthex query labels localhost:9090 job
  narthex query instant --http.config.file=client.yml https://prometheus.example.org 'up'

Times are now, -1h, now-1h30m, Unix seconds, or RFC 3339 (2026-01-31T12:00:00Z).
An expression that begins with - goes after --: narthex query instant localhost:9090 -- '-up'

client.yml takes the fields of a scrape configuration: basic_auth, authorization, tls_config, http_headers, …";

fn value(name: &'static str, placeholder: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).value_name(placeholder).allow_hyphen_values(true).help(help)
}

/// Arguments that say how to reach a server.
pub fn access_arguments() -> Vec<Arg> {
    vec![
        value(
            "http.config.file",
            "FILE",
            "Credentials, TLS and headers: a YAML file with the HTTP client fields of a scrape configuration.",
        ),
        value("header", "NAME: VALUE", "A header to send; may be repeated.").action(ArgAction::Append),
        value("timeout", "DURATION", "Longest wait for the answer. [default: 2m]"),
        value("max-size", "SIZE", "Largest answer that is read. [default: 256MiB]"),
    ]
}

/// The clap command.
#[must_use]
pub fn command() -> clap::Command {
    let server = || Arg::new("SERVER").required(true).help("Address: http://host:9090/prefix, or host:9090.");
    let expr = || Arg::new("EXPR").required(true).help("PromQL expression.");
    let start = |help: &'static str| value("start", "TIME", help);
    let end = |help: &'static str| value("end", "TIME", help);
    let matches = |help: &'static str| value("match", "SELECTOR", help).action(ArgAction::Append);
    let sub =
        |name: &'static str, about: &'static str| clap::Command::new(name).about(about).after_help(EXAMPLES);
    let format = value(
        "format",
        "FORMAT",
        "table, csv, json (the server's data as they are) or graph. [default: table]",
    );
    let unit = value(
        "unit",
        "UNIT",
        "Prefixes in a graph: si (k, M), iec (Ki, Mi), or auto (iec for bytes). [default: auto]",
    );
    let shared = [format.short('o'), unit].into_iter().chain(access_arguments());
    clap::Command::new("query")
        .about("Ask a Prometheus-compatible server")
        .after_help(EXAMPLES)
        .subcommand_required(true)
        .disable_help_subcommand(true)
        .args(shared.map(|arg| arg.global(true)))
        .subcommand(
            sub("instant", "Evaluate an expression at one time")
                .arg(value("time", "TIME", "When. [default: now]"))
                .args([server(), expr()]),
        )
        .subcommand(
            sub("range", "Evaluate an expression over a range of time")
                .arg(start("First time. [default: an hour before the last]"))
                .arg(end("Last time. [default: now]"))
                .arg(value("step", "DURATION", "Distance of the points. [default: the range / 250]"))
                .args([server(), expr()]),
        )
        .subcommand(
            sub("series", "List the series of selectors")
                .arg(matches("Selector; may be repeated.").required(true))
                .arg(start("Series with samples after this time. [default: the server's]"))
                .arg(end("Series with samples before this time. [default: the server's]"))
                .arg(server()),
        )
        .subcommand(
            sub("labels", "List the values of a label, or the names of all labels")
                .arg(matches("Only of the series of this selector; may be repeated."))
                .arg(start("Of series with samples after this time. [default: the server's]"))
                .arg(end("Of series with samples before this time. [default: the server's]"))
                .arg(server())
                .arg(
                    Arg::new("NAME")
                        .help("Label whose values are listed; without it the names of all labels."),
                ),
        )
}

fn text(matches: &ArgMatches, name: &str) -> Option<String> {
    matches.get_one::<String>(name).cloned()
}

/// The part of the arguments that [`access_arguments`] has, with the server.
///
/// # Errors
/// A value that its flag does not take.
pub fn access(matches: &ArgMatches, server: String) -> Result<Access, UsageError> {
    let timeout = match text(matches, "timeout") {
        None => Duration::from_secs(120),
        Some(text) => parse_duration(&text)
            .ok()
            .and_then(|ms| u64::try_from(ms).ok())
            .filter(|ms| *ms > 0)
            .map(Duration::from_millis)
            .ok_or_else(|| invalid("--timeout", &text, "not a positive duration", "30s or 5m"))?,
    };
    let answer_max = match text(matches, "max-size") {
        None => 256 << 20,
        Some(text) => parse_size(&text)
            .ok()
            .filter(|bytes| *bytes > 0)
            .ok_or_else(|| invalid("--max-size", &text, "not a size", "64MiB or 1GiB"))?,
    };
    let mut headers = Vec::new();
    for header in matches.get_many::<String>("header").into_iter().flatten() {
        let pair = header.split_once(':').or_else(|| header.split_once('='));
        let (name, value) =
            pair.ok_or_else(|| invalid("--header", header, "not a header", "'Name: value'"))?;
        headers.push((name.trim().to_owned(), value.trim().to_owned()));
    }
    let http_config = text(matches, "http.config.file").map(PathBuf::from);
    Ok(Access { server, http_config, headers, timeout, answer_max })
}

/// A value that its flag does not take, with an example of one that it does.
pub fn invalid(flag: &str, value: &str, why: &str, example: &str) -> UsageError {
    UsageError::arguments(format!("invalid value {value:?} for flag '{flag}': {why}\n  write {example}"))
}

/// Reads the arguments below `query`; relative times start at `now_ms`.
///
/// # Errors
/// A value that its flag does not take.
pub fn read(matches: &ArgMatches, now_ms: i64) -> Result<Request, UsageError> {
    let Some((name, matches)) = matches.subcommand() else {
        return Err(UsageError::arguments("expected instant, range, series or labels"));
    };
    let given = text(matches, "format").unwrap_or_else(|| "table".to_owned());
    let format = Format::ALL.iter().find(|(name, _)| *name == given).map(|(_, format)| *format);
    let format =
        format.ok_or_else(|| invalid("--format", &given, "no such format", "table, csv, json or graph"))?;
    let scale = match text(matches, "unit").as_deref() {
        None | Some("auto") => None,
        Some("si") => Some(Scale::Si),
        Some("iec") => Some(Scale::Iec),
        Some(other) => return Err(invalid("--unit", other, "no such prefixes", "si, iec or auto")),
    };
    let access = access(matches, text(matches, "SERVER").unwrap_or_default())?;
    let question = question(name, matches, now_ms)?;
    if format == Format::Graph && matches!(question, Question::Series { .. } | Question::Labels { .. }) {
        return Err(invalid("--format", &given, "there are no numbers to draw", "table, csv or json"));
    }
    Ok(Request { access, question, format, scale })
}

fn question(name: &str, matches: &ArgMatches, now_ms: i64) -> Result<Question, UsageError> {
    let at = |flag: &'static str| {
        text(matches, flag).map(|text| time(&format!("--{flag}"), &text, now_ms)).transpose()
    };
    let expr = |matches: &ArgMatches| text(matches, "EXPR").unwrap_or_default();
    let selectors = || matches.get_many::<String>("match").into_iter().flatten().cloned().collect();
    match name {
        "instant" => Ok(Question::Instant { expr: expr(matches), time_ms: at("time")?.unwrap_or(now_ms) }),
        "range" => {
            let end_ms = at("end")?.unwrap_or(now_ms);
            let start_ms = at("start")?.unwrap_or(end_ms.saturating_sub(RANGE_MS));
            if end_ms < start_ms {
                return Err(UsageError::arguments(
                    "--end is before --start\n  exchange the two, or leave one out",
                ));
            }
            let asked = text(matches, "step").map(|text| step(&text)).transpose()?;
            let step_ms = asked.unwrap_or_else(|| default_step(start_ms, end_ms));
            Ok(Question::Range { expr: expr(matches), window: Window { start_ms, end_ms, step_ms } })
        }
        "series" => Ok(Question::Series { matches: selectors(), bounds: (at("start")?, at("end")?) }),
        _ => Ok(Question::Labels {
            name: text(matches, "NAME"),
            matches: selectors(),
            bounds: (at("start")?, at("end")?),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(arguments: &[&str]) -> Result<Request, UsageError> {
        let all = ["query"].iter().chain(arguments);
        let matches = command().try_get_matches_from(all).map_err(UsageError::arguments)?;
        read(&matches, 10_000_000)
    }

    #[test]
    fn arguments_are_those_of_promtool() {
        let asked = request(&["range", "--start", "-1h", "--step=30s", "-o", "csv", "h:1", "up"]).unwrap();
        assert_eq!((asked.format, asked.access.server.as_str()), (Format::Csv, "h:1"));
        let Question::Range { expr, window } = asked.question else { panic!() };
        assert_eq!(
            (expr.as_str(), window.start_ms, window.end_ms, window.step_ms),
            ("up", 6_400_000, 10_000_000, 30_000)
        );
        let asked =
            request(&["--http.config.file=c.yml", "series", "--match=up", "--match", "x", "h:1"]).unwrap();
        assert_eq!(asked.access.http_config, Some(PathBuf::from("c.yml")));
        let Question::Series { matches, bounds } = asked.question else { panic!() };
        assert_eq!((matches, bounds), (vec!["up".to_owned(), "x".to_owned()], (None, None)));
        let asked = request(&["labels", "h:1"]).unwrap();
        assert!(matches!(asked.question, Question::Labels { name: None, .. }));
        let asked =
            request(&["instant", "--time=5", "--header", "X-Scope-OrgID: 1", "h:1", "--", "-up"]).unwrap();
        assert_eq!(asked.access.headers, [("X-Scope-OrgID".to_owned(), "1".to_owned())]);
        assert!(matches!(asked.question, Question::Instant { time_ms: 5000, expr } if expr == "-up"));
    }

    #[test]
    fn faults_say_what_a_flag_takes() {
        for (arguments, want) in [
            (&["instant", "-o", "xml", "h", "up"][..], "table, csv, json or graph"),
            (&["series", "--match=up", "-o", "graph", "h"], "table, csv or json"),
            (&["instant", "--timeout=0s", "h", "up"], "30s"),
            (&["instant", "--max-size=big", "h", "up"], "64MiB"),
            (&["range", "--start=now", "--end=-1h", "h", "up"], "exchange"),
            (&["range", "--step=0", "h", "up"], "15s"),
            (&["instant", "--header=x", "h", "up"], "Name: value"),
            (&["instant", "--unit=x", "h", "up"], "iec"),
        ] {
            let error = request(arguments).unwrap_err();
            assert!(error.message.contains(want), "{arguments:?}: {}", error.message);
        }
        assert!(request(&["series", "h"]).is_err());
    }
}
