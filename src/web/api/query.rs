//! `query` and `query_range`: evaluation within time and memory, and the JSON of values.

use super::{Answer, ApiError, ErrorKind, Handled, cut};
use crate::web::app::App;
use crate::web::json::Json;
use crate::web::params::{Params, parse_duration};
use narthex_promql::{CancelToken, EngineError, QueryOptions, QueryResult, Value};
use std::time::{Duration, Instant};

/// Points per series of a range query.
const POINTS_MAX: f64 = 11_000.0;
/// Annotations of one level that an answer shows.
const ANNOTATIONS_MAX: usize = 10;

/// How long a query may take: the server's limit, or a shorter one of the request's own.
///
/// # Errors
/// `invalid parameter "timeout": …`
pub fn timeout(app: &App, params: &Params) -> Result<Duration, ApiError> {
    let own = match params.get("timeout") {
        "" => return Ok(app.options.query_timeout),
        text => parse_duration(text).map_err(|reason| ApiError::parameter("timeout", reason))?,
    };
    Ok(app.options.query_timeout.min(Duration::from_secs_f64((own / 1000.0).max(0.0))))
}

fn options(params: &Params, cancel: &CancelToken) -> Result<QueryOptions, ApiError> {
    let lookback_ms = match params.get("lookback_delta") {
        "" => None,
        text => Some(parse_duration(text).map_err(|reason| {
            ApiError::bad_data(format!("error parsing lookback delta duration: {reason}"))
        })? as i64),
    };
    let lookback_ms = lookback_ms.filter(|ms| *ms > 0);
    Ok(QueryOptions { lookback_ms, cancel: cancel.clone(), ..QueryOptions::default() })
}

fn engine_error(error: EngineError) -> ApiError {
    let kind = match error {
        EngineError::Parse(_) | EngineError::NotForRange(_) => {
            return ApiError::parameter("query", error);
        }
        EngineError::Canceled => ErrorKind::Canceled,
        EngineError::Timeout => ErrorKind::Timeout,
        EngineError::Storage(_) => ErrorKind::Internal,
        _ => ErrorKind::Execution,
    };
    ApiError::new(kind, error.to_string())
}

/// `GET|POST /query`
///
/// # Errors
/// A bad parameter, or the query failed.
pub fn instant(app: &App, params: &Params, cancel: &CancelToken) -> Handled {
    let limit = params.limit()?;
    let time = params.time_or("time", app.now_ms())?;
    timeout(app, params)?;
    let options = options(params, cancel)?;
    let started = Instant::now();
    let result = app.engine.instant(&*app.db, params.get("query"), time, &options);
    finish(app, params, result, limit, started)
}

/// `GET|POST /query_range`
///
/// # Errors
/// A bad parameter, or the query failed.
pub fn range(app: &App, params: &Params, cancel: &CancelToken) -> Handled {
    let limit = params.limit()?;
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
    if ((end as f64 - start as f64) / step).trunc() > POINTS_MAX {
        return Err(ApiError::bad_data(
            "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)",
        ));
    }
    timeout(app, params)?;
    let options = options(params, cancel)?;
    let started = Instant::now();
    // The engine's clock ticks in milliseconds; a finer step is one.
    let steps = (start, end, (step as i64).max(1));
    let result = app.engine.range(&*app.db, params.get("query"), steps, &options);
    finish(app, params, result, limit, started)
}

fn finish(
    app: &App,
    params: &Params,
    result: Result<QueryResult, EngineError>,
    limit: Option<usize>,
    started: Instant,
) -> Handled {
    let elapsed = started.elapsed();
    app.telemetry.query_seconds.observe(elapsed.as_secs_f64());
    let mut result = result.map_err(engine_error)?;
    let truncated = match &mut result.value {
        Value::Vector(samples) => cut(samples, limit),
        Value::Matrix(series) => cut(series, limit),
        _ => false,
    };
    let mut answer = Answer::write(|json| {
        json.raw("{\"resultType\":\"");
        json.raw(result_type(&result.value));
        json.raw("\",\"result\":");
        write_value(json, &result.value);
        if !params.get("stats").is_empty() {
            write_stats(json, &result, elapsed);
        }
        json.raw("}");
    });
    answer.warnings = first_few(result.warnings, "warning");
    answer.infos = first_few(result.infos, "info");
    if !matches!(params.get("stats"), "" | "true" | "all") {
        let text = format!("stats={} is deprecated, use stats=true or stats=all", params.get("stats"));
        answer.warnings.push(text);
    }
    Ok(answer.truncated(truncated))
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

/// Writes a value as the API shows it.
pub fn write_value(json: &mut Json, value: &Value) {
    match value {
        Value::Scalar { timestamp, value } => json.sample(*timestamp, *value),
        Value::String { timestamp, value } => {
            json.raw("[");
            json.time(*timestamp);
            json.raw(",");
            json.string(value);
            json.raw("]");
        }
        Value::Vector(samples) => {
            json.raw("[");
            for (i, sample) in samples.iter().enumerate() {
                json.comma(i);
                json.raw("{\"metric\":");
                json.labels(&sample.labels);
                json.raw(",\"value\":");
                json.sample(sample.timestamp, sample.value);
                json.raw("}");
            }
            json.raw("]");
        }
        Value::Matrix(series) => {
            json.raw("[");
            for (i, series) in series.iter().enumerate() {
                json.comma(i);
                json.raw("{\"metric\":");
                json.labels(&series.labels);
                json.raw(",\"values\":[");
                let samples = series.samples.timestamps.iter().zip(&series.samples.values);
                for (i, (timestamp, value)) in samples.enumerate() {
                    json.comma(i);
                    json.sample(*timestamp, *value);
                }
                json.raw("]}");
            }
            json.raw("]");
        }
    }
}

fn write_stats(json: &mut Json, result: &QueryResult, elapsed: Duration) {
    let seconds = elapsed.as_secs_f64();
    json.raw(",\"stats\":");
    json.value(&serde_json::json!({
        "timings": {
            "evalTotalTime": seconds,
            "resultSortTime": 0.0,
            "queryPreparationTime": 0.0,
            "innerEvalTime": seconds,
            "execQueueTime": 0.0,
            "execTotalTime": seconds,
        },
        "samples": {
            "totalQueryableSamples": result.samples_read,
            "samplesRead": result.samples_read,
            "peakSamples": result.peak_samples,
        },
    }));
}
