//! `query`, `query_range` and `explain`: what is asked, its evaluation, and the answer.

mod backtest;
mod plan;
mod samples;
mod stats;
mod value;

pub use stats::Times;
pub use value::write_value;

use super::{ApiError, ErrorKind};
use crate::query::registry::{Client, Kind, Running, Spec};
use crate::query::usage::Noted;
use crate::web::app::App;
use crate::web::json::Output;
use crate::web::params::{Params, parse_duration};
use narthex_promql::{EngineError, PlanNode, QueryOptions, QueryResult, Value};
use std::time::Duration;

/// Annotations of one level that an answer shows.
const ANNOTATIONS_MAX: usize = 10;

/// A query as its parameters ask for it.
#[derive(Debug, Clone)]
pub struct Request {
    /// What others see of it.
    pub spec: Spec,
    /// Longest that it may take.
    pub timeout: Duration,
    limit: Option<usize>,
    lookback_ms: Option<i64>,
    stats: String,
    waits: backtest::Waits,
    files: Option<backtest::Files>,
    selection: samples::Selection,
}

impl Request {
    /// Reads the parameters.
    ///
    /// # Errors
    /// One of them is wrong.
    pub fn read(app: &App, kind: Kind, params: &Params, client: Client) -> Result<Self, ApiError> {
        let limit = params.limit()?;
        let ranged = kind == Kind::Range || (kind == Kind::Explain && !params.get("start").is_empty());
        let (start, end, step) = if kind == Kind::Backtest {
            backtest::steps(app, params)?
        } else if kind == Kind::Samples {
            let (start, end) = samples::times(params)?;
            (start, end, 0)
        } else if ranged {
            steps(params, app.queries.limits.points)?
        } else {
            let time = params.time_or("time", app.now_ms())?;
            (time, time, 0)
        };
        let timeout = timeout(app.queries.limits.timeout, params)?;
        let lookback_ms = lookback(params)?;
        let files = match kind {
            Kind::Backtest => backtest::Files::read(app, params, (start, end, step))?,
            _ => None,
        };
        let selection = match kind {
            Kind::Samples => samples::Selection::read(params)?,
            _ => samples::Selection::default(),
        };
        let (text, waits) = match (kind, &files) {
            (Kind::Backtest, Some(files)) => (files.title(), backtest::Waits::default()),
            (Kind::Samples, _) => (samples::title(params), backtest::Waits::default()),
            (Kind::Backtest, None) => (params.get("expr").to_owned(), backtest::Waits::read(params)?),
            _ => (params.get("query").to_owned(), backtest::Waits::default()),
        };
        let spec = Spec { text, kind, start, end, step, client, received_ms: app.now_ms() };
        let stats = params.get("stats").to_owned();
        Ok(Self { spec, timeout, limit, lookback_ms, stats, waits, files, selection })
    }

    /// Evaluates a query, or explains it.
    ///
    /// # Errors
    /// It failed.
    pub fn evaluate(&self, app: &App, running: &Running) -> Result<Evaluated, EngineError> {
        let options = QueryOptions {
            lookback_ms: self.lookback_ms,
            cancel: running.cancel.clone(),
            progress: running.progress.clone(),
        };
        let (spec, engine) = (&self.spec, &app.engine);
        if self.stats == "all" && app.options.per_step_stats {
            running.progress.count_steps(spec.start, spec.steps());
        }
        let steps = (spec.start, spec.end, spec.step);
        let store = Noted::new(&app.db, spec.received_ms);
        match spec.kind {
            Kind::Instant => engine.instant(&store, &spec.text, spec.start, &options).map(Evaluated::Value),
            Kind::Range => engine.range(&store, &spec.text, steps, &options).map(Evaluated::Value),
            Kind::Explain => plan::explain(app, spec, &options).map(Evaluated::Plan),
            Kind::Backtest => {
                let done = match &self.files {
                    Some(files) => backtest::run_files(app, &store, spec, (files, self.limit), running),
                    None => backtest::run(app, &store, spec, (self.waits, self.limit), running),
                };
                done.map(|backtest| Evaluated::Backtest(Box::new(backtest)))
            }
            Kind::Samples => samples::run(&store, spec, &self.selection, running).map(Evaluated::Samples),
        }
    }

    /// Writes the whole answer, envelope and all.
    pub fn write(&self, out: &mut impl Output, evaluated: Evaluated, times: Times, running: &Running) {
        out.json().raw("{\"status\":\"success\",\"data\":");
        let mut result = match evaluated {
            Evaluated::Plan(plan) => {
                plan::write(out.json(), &plan);
                out.json().raw("}");
                return;
            }
            Evaluated::Backtest(backtest) => {
                backtest.write(out);
                super::write_annotations(out.json(), backtest.warning().as_slice(), &[]);
                out.json().raw("}");
                return;
            }
            Evaluated::Samples(stored) => {
                stored.write(out);
                out.json().raw("}");
                return;
            }
            Evaluated::Value(result) => result,
        };
        let truncated = match &mut result.value {
            Value::Vector(samples) => super::cut(samples, self.limit),
            Value::Matrix(series) => super::cut(series, self.limit),
            _ => false,
        };
        out.json().raw("{\"resultType\":\"");
        out.json().raw(result_type(&result.value));
        out.json().raw("\",\"result\":");
        write_value(out, &result.value);
        if !self.stats.is_empty() {
            stats::write(out.json(), &self.spec, &result, times, &running.progress);
        }
        out.json().raw("}");
        let mut warnings = first_few(std::mem::take(&mut result.warnings), "warning");
        let infos = first_few(std::mem::take(&mut result.infos), "info");
        if !matches!(self.stats.as_str(), "" | "true" | "all") {
            warnings.push(format!("stats={} is deprecated, use stats=true or stats=all", self.stats));
        }
        if truncated {
            warnings.push(super::TRUNCATED.to_owned());
        }
        super::write_annotations(out.json(), &warnings, &infos);
        out.json().raw("}");
    }
}

/// What came of a query.
#[derive(Debug)]
pub enum Evaluated {
    /// Its value.
    Value(QueryResult),
    /// Its plan and what each part of it cost.
    Plan(PlanNode),
    /// The alerts that would have been.
    Backtest(Box<backtest::Backtest>),
    /// Samples as they are stored.
    Samples(samples::Stored),
}

impl Evaluated {
    /// Stored samples that it went through, and most samples that it held at once.
    #[must_use]
    pub fn samples(&self) -> (u64, u64) {
        match self {
            Self::Value(result) => (result.samples_read, result.peak_samples as u64),
            Self::Plan(node) => (node.samples, 0),
            Self::Backtest(_) => (0, 0),
            Self::Samples(stored) => (stored.samples, stored.samples),
        }
    }
}

/// First and last time, and the step, ms.
fn steps(params: &Params, points_max: u64) -> Result<(i64, i64, i64), ApiError> {
    let (start, end) = (params.time("start")?, params.time("end")?);
    if end < start {
        return Err(ApiError::parameter("end", "end timestamp must not be before start time"));
    }
    let step = parse_duration(params.get("step")).map_err(|reason| ApiError::parameter("step", reason))?;
    if step <= 0.0 {
        return Err(ApiError::parameter(
            "step",
            "zero or negative query resolution step widths are not accepted. Try a positive integer",
        ));
    }
    if ((end as f64 - start as f64) / step).trunc() > points_max as f64 {
        return Err(ApiError::bad_data(format!(
            "exceeded maximum resolution of {} points per timeseries. Try decreasing the query resolution (?step=XX)",
            thousands(points_max)
        )));
    }
    // The engine's clock ticks in milliseconds; a finer step is one.
    Ok((start, end, (step as i64).max(1)))
}

/// `11,000`
fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() * 4 / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// How long a query may take: the server's limit, or a shorter one of the request's own.
fn timeout(most: Duration, params: &Params) -> Result<Duration, ApiError> {
    let own = match params.get("timeout") {
        "" => return Ok(most),
        text => parse_duration(text).map_err(|reason| ApiError::parameter("timeout", reason))?,
    };
    Ok(most.min(Duration::from_secs_f64((own / 1000.0).max(0.0))))
}

fn lookback(params: &Params) -> Result<Option<i64>, ApiError> {
    let ms = match params.get("lookback_delta") {
        "" => return Ok(None),
        text => parse_duration(text).map_err(|reason| {
            ApiError::bad_data(format!("error parsing lookback delta duration: {reason}"))
        })?,
    };
    Ok(Some(ms as i64).filter(|ms| *ms > 0))
}

/// Whether the text is no query at all, rather than one that failed.
#[must_use]
pub fn is_refused(error: &EngineError) -> bool {
    matches!(error, EngineError::Parse(_) | EngineError::Prepare(_) | EngineError::NotForRange(_))
}

impl From<&EngineError> for ApiError {
    fn from(error: &EngineError) -> Self {
        let kind = match error {
            _ if is_refused(error) => return Self::parameter("query", error),
            EngineError::Canceled => ErrorKind::Canceled,
            EngineError::Timeout => ErrorKind::Timeout,
            EngineError::Storage(_) => ErrorKind::Internal,
            _ => ErrorKind::Execution,
        };
        Self::new(kind, error.to_string())
    }
}

/// Keeps an answer readable whose every series draws a remark.
fn first_few(mut annotations: Vec<String>, level: &str) -> Vec<String> {
    let omitted = annotations.len().saturating_sub(ANNOTATIONS_MAX);
    if omitted > 0 {
        annotations.truncate(ANNOTATIONS_MAX);
        annotations.push(format!("{omitted} more {level} annotations omitted"));
    }
    annotations
}

fn result_type(value: &Value) -> &'static str {
    match value {
        Value::Scalar { .. } => "scalar",
        Value::String { .. } => "string",
        Value::Vector(_) => "vector",
        Value::Matrix(_) => "matrix",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_resolution_is_told_with_commas() {
        for (number, text) in [(7, "7"), (999, "999"), (11_000, "11,000"), (1_234_567, "1,234,567")] {
            assert_eq!(thousands(number), text);
        }
        let params = Params::parse(b"", "start=0&end=20000&step=1");
        let error = steps(&params, 11_000).unwrap_err().text;
        assert!(error.starts_with("exceeded maximum resolution of 11,000 points per timeseries."), "{error}");
        assert!(steps(&params, 20_000).is_ok());
    }

    #[test]
    fn ten_remarks_of_a_level_are_shown() {
        let many = |n: usize| (0..n).map(|i| i.to_string()).collect::<Vec<_>>();
        assert_eq!(first_few(many(10), "info").len(), 10);
        let few = first_few(many(13), "warning");
        assert_eq!((few.len(), few[10].as_str()), (11, "3 more warning annotations omitted"));
    }

    #[test]
    fn the_shorter_timeout_holds() {
        let most = Duration::from_secs(120);
        for (own, want) in [("", 120), ("10", 10), ("1h", 120), ("-5", 0)] {
            let params = Params::parse(b"", &format!("timeout={own}"));
            assert_eq!(timeout(most, &params).unwrap(), Duration::from_secs(want), "{own}");
        }
    }
}
