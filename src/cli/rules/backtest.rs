//! `narthex rules backtest`: when alerts would have fired, and what a change of the rules would have changed.
//!
//! Recording rules of the files are evaluated too, in memory, and stand in the place of what was recorded under their
//! names: so an alert is tested together with the series that it would have seen.

use super::args::BacktestOptions;
use super::{Fault, data_directory, engine, load};
use crate::rules::backtest::{AlertHistory, Firing, Recorder, missing};
use crate::rules::evaluator::{Evaluator, External};
use crate::rules::file::RuleFile;
use crate::rules::group::{Group, GroupSettings};
use crate::rules::history::{Past, Replayed, Slots};
use crate::rules::metrics::RuleMetrics;
use crate::rules::overlay::Overlay;
use crate::rules::sink::MemorySinks;
use narthex_promql::CancelToken;
use narthex_promql::numeric::format_sample;
use narthex_storage::{Db, Labels};
use std::collections::HashSet;
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

pub(super) fn run(options: &BacktestOptions, out: &mut impl Write) -> Result<(), Fault> {
    data_directory(&options.path)?;
    let db = Db::open_read_only(&options.path)?;
    let found = evaluate(&options.rules, options, &db)?;
    if options.against.is_empty() {
        for alert in &found {
            write_alert(out, &alert.labels, "", &alert.firing)?;
            for (start, end) in &alert.pending {
                writeln!(out, "  pending {} .. {}", utc(*start), utc(*end))?;
            }
        }
        let fired = found.iter().filter(|alert| !alert.firing.is_empty()).count();
        writeln!(out, "{} alerts, {fired} of them firing", found.len())?;
        return Ok(());
    }
    let before = evaluate(&options.against, options, &db)?;
    let (more, fewer) = (missing(&found, &before), missing(&before, &found));
    for (sign, differences) in [("+", &more), ("-", &fewer)] {
        for difference in differences {
            write_alert(out, &difference.labels, sign, &difference.firing)?;
        }
    }
    writeln!(out, "{} alerts fire more, {} fire less", more.len(), fewer.len())?;
    Ok(())
}

/// The alerts of rule files over the past.
fn evaluate(paths: &[PathBuf], options: &BacktestOptions, db: &Db) -> Result<Vec<AlertHistory>, Fault> {
    let files = load(paths)?;
    let sinks = MemorySinks::default();
    let span = options.span;
    let overlay = Overlay {
        below: db,
        above: Arc::clone(&sinks.store),
        hidden: Arc::new(files.iter().flat_map(|(_, file)| recorded(file)).collect()),
        hidden_from_ms: span.from_ms,
    };
    let engine = engine(span.interval_ms);
    let metrics = RuleMetrics::default();
    let evaluator = Evaluator {
        store: &overlay,
        engine: &engine,
        default_offset_ms: span.offset_ms,
        resend_delay_ms: 0,
        token: &CancelToken::default,
        metrics: &metrics,
    };
    let (mut all, mut replayed, mut truncated) = (Vec::new(), Replayed::default(), false);
    for (file, rules) in &files {
        for spec in &rules.groups {
            let settings = GroupSettings {
                file: file.clone(),
                default_interval_ms: span.interval_ms,
                external: Arc::new(External::default()),
                restored: true,
            };
            let mut group = Group::new(spec, &settings, &sinks);
            let interval_ms = group.view.interval_ms;
            let mut recorder = Recorder::new(interval_ms, options.limit.saturating_sub(all.len()));
            for piece in Slots::between(span.from_ms, span.to_ms, interval_ms).pieces() {
                let mut past = Past {
                    wanted: &|rule| {
                        let spec = &rule.view.spec;
                        spec.alert.is_none() || options.names.is_empty() || options.names.contains(&spec.name)
                    },
                    observe: &mut |_, rule, slot| recorder.see(rule, slot),
                    go_on: &|| true,
                };
                replayed.add(group.replay(&piece, &evaluator, &mut past));
            }
            truncated |= recorder.truncated;
            all.extend(recorder.into_histories());
        }
    }
    if let Some((rule, error)) = &replayed.error {
        let (failures, all) = (replayed.failures, replayed.evaluations);
        eprintln!("warning: {failures} of {all} evaluations failed, the first of {rule}: {error}");
    }
    if truncated {
        eprintln!("warning: there are more alerts than --limit={}", options.limit);
    }
    all.sort_by(|a, b| a.labels.cmp(&b.labels));
    Ok(all)
}

/// The metrics that a file records.
fn recorded(file: &RuleFile) -> HashSet<String> {
    let rules = file.groups.iter().flat_map(|group| &group.rules);
    rules.filter(|rule| rule.alert.is_none()).map(|rule| rule.name.clone()).collect()
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
