//! `narthex/rules/backtest`: when an alert would have been pending and firing, or the alerts of whole rule files, and
//! what other files would have changed.

use crate::query::registry::{Running, Spec};
use crate::rules::backfill::Span;
use crate::rules::backtest::{AlertHistory, Difference, Firing, Recorder, missing};
use crate::rules::evaluator::{Evaluator, External};
use crate::rules::file::{self, AlertSpec, FileOptions, GroupSpec, RuleFile, RuleSpec};
use crate::rules::group::{Group, GroupSettings};
use crate::rules::history::{Past, Replayed, Slots};
use crate::rules::metrics::RuleMetrics;
use crate::rules::sink::NullSinks;
use crate::rules::trial::{Trial, evaluations};
use crate::web::api::ApiError;
use crate::web::app::App;
use crate::web::json::{Json, Output};
use crate::web::params::{Params, parse_duration};
use narthex_promql::{EngineError, PreparedQuery};
use narthex_storage::Queryable;
use std::sync::Arc;

/// Alerts that are told where the request sets no limit.
const LIMIT: usize = 1000;
/// Most evaluations of a backtest.
const EVALUATIONS_MAX: i64 = 1_000_000;

/// Rule files that are asked for in the place of an expression.
#[derive(Debug, Clone)]
pub(super) struct Files {
    rules: Vec<(String, RuleFile)>,
    against: Vec<(String, RuleFile)>,
    names: Vec<String>,
}

impl Files {
    /// Reads `rules`, `against` and `name`; nothing when there is no file among them.
    pub(super) fn read(app: &App, params: &Params, steps: (i64, i64, i64)) -> Result<Option<Self>, ApiError> {
        let options = FileOptions { parse: app.options.parse, ..FileOptions::default() };
        let files = |name: &str| {
            let one = |(at, text)| {
                let faults = |faults: Vec<file::RuleFault>| {
                    let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
                    ApiError::parameter(name, faults.join("\n"))
                };
                Ok((format!("{name} {at}"), file::parse(text, &options).map_err(faults)?))
            };
            params.all(name).enumerate().map(one).collect::<Result<Vec<_>, ApiError>>()
        };
        let (rules, against) = (files("rules")?, files("against")?);
        if rules.is_empty() {
            return match against.is_empty() {
                true => Ok(None),
                false => Err(ApiError::parameter("rules", "there is nothing to compare with")),
            };
        }
        let span = span(steps);
        if evaluations(&rules, &span).saturating_add(evaluations(&against, &span)) > EVALUATIONS_MAX as usize
        {
            return Err(too_many());
        }
        Ok(Some(Self { rules, against, names: params.all("name").map(str::to_owned).collect() }))
    }

    /// What others see of it.
    pub(super) fn title(&self) -> String {
        let groups = self.rules.iter().flat_map(|(_, file)| &file.groups);
        let names: Vec<&str> = groups.map(|group| group.name.as_str()).collect();
        format!("rule groups {}", names.join(", "))
    }
}

fn span((from_ms, to_ms, interval_ms): (i64, i64, i64)) -> Span {
    Span { from_ms, to_ms, interval_ms, offset_ms: 0 }
}

fn too_many() -> ApiError {
    let text = format!("more than {EVALUATIONS_MAX} evaluations: choose a longer interval or a shorter time");
    ApiError::parameter("interval", text)
}

/// What is asked beside the expression and the time.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Waits {
    for_ms: i64,
    keep_firing_for_ms: i64,
}

impl Waits {
    /// Reads `for` and `keep_firing_for`.
    pub(super) fn read(params: &Params) -> Result<Self, ApiError> {
        let wait = |name: &str| match params.get(name) {
            "" => Ok(0),
            text => match parse_duration(text) {
                Ok(ms) if ms >= 0.0 => Ok(ms as i64),
                Ok(_) => Err(ApiError::parameter(name, "a wait cannot be negative")),
                Err(reason) => Err(ApiError::parameter(name, reason)),
            },
        };
        Ok(Self { for_ms: wait("for")?, keep_firing_for_ms: wait("keep_firing_for")? })
    }
}

/// Reads `start`, `end` and `interval`, ms.
pub(super) fn steps(app: &App, params: &Params) -> Result<(i64, i64, i64), ApiError> {
    let (start, end) = (params.time("start")?, params.time("end")?);
    if end < start {
        return Err(ApiError::parameter("end", "end timestamp must not be before start time"));
    }
    let step = match params.get("interval") {
        "" => app.engine.options().subquery_step_ms,
        text => parse_duration(text).map_err(|reason| ApiError::parameter("interval", reason))? as i64,
    };
    if step <= 0 {
        return Err(ApiError::parameter("interval", "an interval has to be above zero"));
    }
    if end.saturating_sub(start) / step >= EVALUATIONS_MAX {
        return Err(too_many());
    }
    Ok((start, end, step))
}

/// What would have been.
#[derive(Debug)]
pub struct Backtest {
    replayed: Replayed,
    alerts: Vec<AlertHistory>,
    truncated: bool,
    /// What fires more and what fires less than with other files.
    differences: Option<(Vec<Difference>, Vec<Difference>)>,
}

/// Evaluates rule files over the past; nothing is written.
pub(super) fn run_files(
    app: &App,
    store: &dyn Queryable,
    spec: &Spec,
    (files, limit): (&Files, Option<usize>),
    running: &Running,
) -> Result<Backtest, EngineError> {
    let trial = Trial {
        store,
        engine: &app.engine,
        span: span((spec.start, spec.end, spec.step)),
        names: &files.names,
        limit: limit.unwrap_or(LIMIT),
        token: &|| running.cancel.clone(),
        go_on: &|| !running.is_killed(),
    };
    let tried = trial.run(&files.rules)?;
    let mut backtest = Backtest {
        replayed: tried.replayed,
        alerts: tried.alerts,
        truncated: tried.truncated,
        differences: None,
    };
    if !files.against.is_empty() {
        let other = trial.run(&files.against)?;
        let differences =
            (missing(&backtest.alerts, &other.alerts), missing(&other.alerts, &backtest.alerts));
        backtest.replayed.add(other.replayed);
        backtest.truncated |= other.truncated;
        backtest.differences = Some(differences);
    }
    Ok(backtest)
}

/// Evaluates the rule over the past; nothing is written.
pub(super) fn run(
    app: &App,
    store: &dyn Queryable,
    spec: &Spec,
    (waits, limit): (Waits, Option<usize>),
    running: &Running,
) -> Result<Backtest, EngineError> {
    let alert = AlertSpec {
        for_ms: waits.for_ms,
        keep_firing_for_ms: waits.keep_firing_for_ms,
        ..AlertSpec::default()
    };
    let rule = RuleSpec {
        name: String::new(),
        query: PreparedQuery::parse(&spec.text, &app.options.parse)?,
        labels: Vec::new(),
        alert: Some(alert),
        line: 1,
    };
    let group = GroupSpec { rules: vec![rule], ..GroupSpec::default() };
    let settings = GroupSettings {
        file: String::new(),
        default_interval_ms: spec.step,
        external: Arc::new(External::default()),
        restored: true,
    };
    let mut group = Group::new(&group, &settings, &NullSinks);
    let metrics = RuleMetrics::default();
    let token = || running.cancel.clone();
    let evaluator = Evaluator {
        store,
        engine: &app.engine,
        default_offset_ms: 0,
        resend_delay_ms: 0,
        token: &token,
        metrics: &metrics,
    };
    let mut recorder = Recorder::new(spec.step, limit.unwrap_or(LIMIT));
    let mut replayed = Replayed::default();
    for piece in Slots::between(spec.start, spec.end, spec.step).pieces() {
        let mut past = Past {
            wanted: &|_| true,
            observe: &mut |_, rule, slot| recorder.see(rule, slot),
            go_on: &|| !running.is_killed(),
        };
        replayed.add(group.replay(&piece, &evaluator, &mut past));
        if running.is_killed() {
            return Err(EngineError::Canceled);
        }
    }
    let truncated = recorder.truncated;
    Ok(Backtest { replayed, alerts: recorder.into_histories(), truncated, differences: None })
}

impl Backtest {
    /// Why not every evaluation counts, if so.
    pub(super) fn warning(&self) -> Option<String> {
        let (_, error) = self.replayed.error.as_ref()?;
        Some(format!(
            "{} of {} evaluations failed: {error}",
            self.replayed.failures, self.replayed.evaluations
        ))
    }

    /// Writes the data.
    pub(super) fn write(&self, out: &mut impl Output) {
        let json = out.json();
        json.raw("{\"evaluations\":");
        json.value(&self.replayed.evaluations);
        json.raw(",\"alerts\":[");
        for (i, alert) in self.alerts.iter().enumerate() {
            if !out.breathe() {
                return;
            }
            let json = out.json();
            json.comma(i);
            json.raw("{\"labels\":");
            json.labels(&alert.labels);
            json.raw(",\"pending\":[");
            for (i, (start, end)) in alert.pending.iter().enumerate() {
                json.comma(i);
                write_span(json, *start, *end);
            }
            json.raw("],");
            write_firing(json, &alert.firing);
            json.raw("}");
        }
        let json = out.json();
        json.raw("],\"truncated\":");
        json.value(&self.truncated);
        if let Some((more, fewer)) = &self.differences {
            for (name, differences) in [(",\"more\":[", more), ("],\"fewer\":[", fewer)] {
                json.raw(name);
                for (i, difference) in differences.iter().enumerate() {
                    json.comma(i);
                    json.raw("{\"labels\":");
                    json.labels(&difference.labels);
                    json.raw(",");
                    write_firing(json, &difference.firing);
                    json.raw("}");
                }
            }
            json.raw("]");
        }
        json.raw("}");
    }
}

/// When it fires, and the values.
fn write_firing(json: &mut Json, firing: &[Firing]) {
    json.raw("\"firing\":[");
    for (i, one) in firing.iter().enumerate() {
        json.comma(i);
        write_span(json, one.start_ms, one.end_ms);
    }
    json.raw("],\"values\":[");
    for (i, one) in firing.iter().enumerate() {
        json.comma(i);
        json.string(&narthex_promql::numeric::format_sample(one.value));
    }
    json.raw("]");
}

fn write_span(json: &mut Json, start_ms: i64, end_ms: i64) {
    json.raw("[");
    json.time(start_ms);
    json.raw(",");
    json.time(end_ms);
    json.raw("]");
}
