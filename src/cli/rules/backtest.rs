//! `narthex rules backtest`: when alerts would have fired, and what a change of the rules would have changed. The
//! history is that of a data directory, or of a server, which then evaluates.

use super::args::{BacktestOptions, Source};
use super::{Fault, ask, data_directory, engine, load};
use crate::rules::backtest::{AlertHistory, Difference, Firing, missing};
use crate::rules::trial::{Trial, Tried};
use narthex_promql::CancelToken;
use narthex_promql::numeric::format_sample;
use narthex_storage::{Db, Labels};
use std::io::Write;
use std::path::PathBuf;

/// What came of it.
pub(super) enum Found {
    /// The alerts of the rules.
    Alerts(Vec<AlertHistory>),
    /// What fires more, and what fires less, than with the other rules.
    Differences(Vec<Difference>, Vec<Difference>),
}

pub(super) fn run(options: &BacktestOptions, out: &mut impl Write) -> Result<(), Fault> {
    let found = match &options.source {
        Source::Directory(path) => {
            data_directory(path)?;
            let db = Db::open_read_only(path)?;
            let found = evaluate(&options.rules, options, &db)?;
            if options.against.is_empty() {
                Found::Alerts(found)
            } else {
                let before = evaluate(&options.against, options, &db)?;
                Found::Differences(missing(&found, &before), missing(&before, &found))
            }
        }
        Source::Server(access) => ask::ask(access, options)?,
    };
    match found {
        Found::Alerts(found) => {
            for alert in &found {
                write_alert(out, &alert.labels, "", &alert.firing)?;
                for (start, end) in &alert.pending {
                    writeln!(out, "  pending {} .. {}", utc(*start), utc(*end))?;
                }
            }
            let fired = found.iter().filter(|alert| !alert.firing.is_empty()).count();
            writeln!(out, "{} alerts, {fired} of them firing", found.len())?;
        }
        Found::Differences(more, fewer) => {
            for (sign, differences) in [("+", &more), ("-", &fewer)] {
                for difference in differences {
                    write_alert(out, &difference.labels, sign, &difference.firing)?;
                }
            }
            writeln!(out, "{} alerts fire more, {} fire less", more.len(), fewer.len())?;
        }
    }
    Ok(())
}

/// The alerts of rule files over the past.
fn evaluate(paths: &[PathBuf], options: &BacktestOptions, db: &Db) -> Result<Vec<AlertHistory>, Fault> {
    let files = load(paths)?;
    let engine = engine(options.span.interval_ms);
    let trial = Trial {
        store: db,
        engine: &engine,
        span: options.span,
        names: &options.names,
        limit: options.limit,
        token: &CancelToken::default,
        go_on: &|| true,
    };
    let Tried { replayed, alerts, truncated } =
        trial.run(&files).map_err(|error| Fault::Told(error.to_string()))?;
    if let Some((rule, error)) = &replayed.error {
        let (failures, all) = (replayed.failures, replayed.evaluations);
        eprintln!("warning: {failures} of {all} evaluations failed, the first of {rule}: {error}");
    }
    if truncated {
        warn_of_limit(options.limit);
    }
    Ok(alerts)
}

pub(super) fn warn_of_limit(limit: usize) {
    eprintln!("warning: there are more alerts than --limit={limit}");
}

fn write_alert(out: &mut impl Write, labels: &Labels, sign: &str, firing: &[Firing]) -> Result<(), Fault> {
    writeln!(out, "{sign}{labels:?}")?;
    for one in firing {
        let (start, end) = (utc(one.start_ms), utc(one.end_ms));
        writeln!(out, "  firing  {start} .. {end}  value {}", format_sample(one.value))?;
    }
    Ok(())
}

fn utc(ms: i64) -> String {
    jiff::Timestamp::from_millisecond(ms).map_or_else(|_| ms.to_string(), |time| time.to_string())
}
