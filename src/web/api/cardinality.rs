//! `narthex/cardinality`: what the series of the head are made of, who brought them, and who brings too many.

use super::{Answer, ApiError, Handled};
use crate::web::app::App;
use crate::web::params::{Params, parse_duration};
use narthex_storage::{CardinalityQuery, CardinalityRow, Dimension};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::time::Instant;

/// What `by` may be.
const BY: &[(&str, Dimension)] = &[
    ("metric", Dimension::Metric),
    ("label", Dimension::Label),
    ("pair", Dimension::Pair),
    ("job", Dimension::Job),
    ("target", Dimension::Target),
];
/// Rows where no limit is given, and most rows.
const ROWS: usize = 100;
const ROWS_MAX: usize = 1000;
/// How long ago to compare with where nothing is given, ms.
const DAY_MS: i64 = 86_400_000;

/// `GET /narthex/cardinality`
///
/// # Errors
/// A bad parameter.
pub fn cardinality(app: &App, params: &Params) -> Handled {
    let begun = Instant::now();
    let by = match params.get("by") {
        "" => Dimension::Metric,
        text => BY
            .iter()
            .find(|(name, _)| *name == text)
            .map(|(_, by)| *by)
            .ok_or_else(|| ApiError::parameter("by", "must be metric, label, pair, job or target"))?,
    };
    let limit = match params.limit()? {
        None if params.get("limit").is_empty() => ROWS,
        limit => limit.unwrap_or(ROWS_MAX).min(ROWS_MAX),
    };
    let compare_ms = match params.get("compare") {
        "" => DAY_MS,
        text => match parse_duration(text) {
            Ok(ms) if ms >= 0.0 => ms as i64,
            Ok(_) => return Err(ApiError::parameter("compare", "must not be negative")),
            Err(reason) => return Err(ApiError::parameter("compare", reason)),
        },
    };
    let matchers = params.matcher_sets().map_err(|reason| ApiError::parameter("match[]", reason))?;
    let refused = refused(app, by);
    let query = CardinalityQuery {
        by,
        matchers,
        focus: params.get("focus").to_owned(),
        now_ms: app.now_ms(),
        compare_ms,
        limit,
        // Who brings too many is shown however few came through.
        also: refused.by_name.keys().take(ROWS_MAX).cloned().collect(),
    };
    let report = app.db.cardinality(&query)?;
    let rows: Vec<Value> = report.rows.iter().map(|row| shown(row, by, &refused)).collect();
    let compared = report.compared.map(|(at, total)| json!({"time": at as f64 / 1000.0, "total": total}));
    Ok(Answer::write(|json| {
        json.value(&json!({
            "total": report.total,
            "compared": compared,
            "names": report.names,
            "refused": refused.total,
            "rows": rows,
            "exact": report.exact,
            "seconds": begun.elapsed().as_secs_f64(),
        }));
    }))
}

/// Series of the targets' last pages that were refused.
struct Refused {
    total: u64,
    /// By what the rows are named; empty where they are not named by who brought them.
    by_name: BTreeMap<(String, String), u64>,
}

fn refused(app: &App, by: Dimension) -> Refused {
    let mut refused = Refused { total: 0, by_name: BTreeMap::new() };
    for target in app.telemetry.budgets.refused() {
        refused.total += target.series;
        let name = match by {
            Dimension::Job => (target.job, String::new()),
            Dimension::Target => (target.job, target.instance),
            Dimension::Metric | Dimension::Label | Dimension::Pair => continue,
        };
        *refused.by_name.entry(name).or_default() += target.series;
    }
    refused
}

fn shown(row: &CardinalityRow, by: Dimension, refused: &Refused) -> Value {
    let (first, second) = &row.name;
    let mut out = Map::new();
    out.insert("name".to_owned(), json!(by.shown((first, second))));
    let parts: &[&str] = match by {
        Dimension::Pair => &["label", "value"],
        Dimension::Target => &["job", "instance"],
        Dimension::Metric | Dimension::Label | Dimension::Job => &[],
    };
    for (part, text) in parts.iter().zip([first, second]) {
        out.insert((*part).to_owned(), json!(text));
    }
    out.insert("series".to_owned(), json!(row.series));
    out.insert("delta".to_owned(), json!(row.delta));
    out.insert("bytes".to_owned(), json!(row.bytes));
    if let Some(values) = row.values {
        out.insert("values".to_owned(), json!(values));
    }
    out.insert("top_job".to_owned(), json!(row.top_job));
    out.insert("top_label".to_owned(), json!(row.top_label));
    out.insert("last_queried".to_owned(), json!(row.last_queried));
    if matches!(by, Dimension::Job | Dimension::Target) {
        out.insert("refused".to_owned(), json!(refused.by_name.get(&row.name).copied().unwrap_or(0)));
    }
    out.into()
}
