//! `narthex/queries/…`: queries that run, how to end one, and what the last day's queries cost.

use super::{Answer, ApiError, ErrorKind, Handled};
use crate::query::registry::Running;
use crate::query::top::{Order, Row};
use crate::web::app::App;
use crate::web::params::Params;
use crate::web::time::rfc3339;
use serde_json::{Value, json};

/// Shapes that `top` shows where no limit is given.
const TOP_DEFAULT: usize = 100;

/// `GET /narthex/queries/active`
///
/// # Errors
/// A bad limit.
pub fn active(app: &App, params: &Params) -> Handled {
    let mut queries = app.queries.registry.all();
    let truncated = super::cut(&mut queries, params.limit()?);
    let queries: Vec<Value> = queries.iter().map(|query| running(query)).collect();
    let limits = &app.queries.limits;
    let answer = Answer::write(|json| {
        json.value(&json!({
            "queries": queries,
            "maxConcurrency": limits.concurrent,
            "memory": {"used": limits.pool.used(), "limit": limits.pool.limit()},
        }));
    });
    Ok(answer.truncated(truncated))
}

fn running(query: &Running) -> Value {
    let spec = &query.spec;
    let seconds = |ms: i64| ms as f64 / 1000.0;
    json!({
        "id": query.id.to_string(),
        "query": spec.text,
        "kind": spec.kind.name(),
        "state": query.state().name(),
        "started": rfc3339(spec.received_ms),
        "age": query.age().as_secs_f64(),
        "start": seconds(spec.start),
        "end": seconds(spec.end),
        "step": seconds(spec.step),
        "samples": query.progress.samples_read(),
        "bytes": query.progress.bytes_held(),
        "peakBytes": query.progress.bytes_peak(),
        "client": spec.client.address,
        "userAgent": spec.client.agent,
    })
}

/// `DELETE /narthex/queries/active/{id}`
///
/// # Errors
/// There is no such query.
pub fn end(app: &App, id: &str) -> Handled {
    let running = id.parse().ok().and_then(|id| app.queries.registry.get(id)).ok_or_else(|| {
        ApiError::new(ErrorKind::NotFound, format!("no query {id} is running; it may have ended by itself"))
    })?;
    running.kill();
    tracing::info!(id = running.id, query = running.spec.text, "Query ended by request");
    Ok(Answer::write(|json| json.value(&json!({"id": id}))))
}

/// `GET /narthex/queries/top`
///
/// # Errors
/// A bad limit or order.
pub fn top(app: &App, params: &Params) -> Handled {
    let order = Order::find(params.get("sort"))
        .ok_or_else(|| ApiError::parameter("sort", "must be time, memory or samples"))?;
    let limit = match params.get("limit") {
        "" => TOP_DEFAULT,
        _ => params.limit()?.unwrap_or(usize::MAX),
    };
    let (rows, more) = app.queries.top.list(order, limit, app.now_ms());
    let rows: Vec<Value> = rows.iter().map(shape).collect();
    let answer = Answer::write(|json| json.value(&json!({"queries": rows})));
    // Who gave no limit expects the first few.
    Ok(answer.truncated(more && !params.get("limit").is_empty()))
}

fn shape(row: &Row) -> Value {
    json!({
        "query": row.shape,
        "example": row.example,
        "source": row.source,
        "calls": row.calls,
        "failed": row.failed,
        "seconds": row.seconds,
        "p50": row.p50,
        "p99": row.p99,
        "samples": row.samples,
        "peakBytes": row.peak_bytes,
    })
}
