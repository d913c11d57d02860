//! `metadata` and `targets/metadata`: type, help and unit of the metrics that active targets expose.

use super::{Answer, ApiError, Handled};
use crate::web::app::App;
use crate::web::json::Json;
use crate::web::params::{Params, parse_int};
use narthex_promql::parse_selector;
use std::collections::{BTreeMap, BTreeSet};

fn limit(params: &Params, name: &str) -> Result<Option<usize>, ApiError> {
    match params.get(name) {
        "" => Ok(None),
        text => match parse_int(text) {
            Ok(limit) => Ok(usize::try_from(limit).ok()),
            Err(_) => Err(ApiError::bad_data(format!("{name} must be a number"))),
        },
    }
}

fn write_facts(json: &mut Json, (kind, unit, help): (&str, &str, &str)) {
    json.raw("{\"type\":");
    json.string(kind);
    json.raw(",\"unit\":");
    json.string(unit);
    json.raw(",\"help\":");
    json.string(help);
    json.raw("}");
}

/// `GET /metadata`
///
/// # Errors
/// A limit is no number.
pub fn by_metric(app: &App, params: &Params) -> Handled {
    let metrics_max = limit(params, "limit")?;
    let per_metric = limit(params, "limit_per_metric")?.filter(|limit| *limit > 0);
    let wanted = params.get("metric");
    let mut metrics: BTreeMap<String, BTreeSet<(String, String, String)>> = BTreeMap::new();
    for target in app.scrape.metadata() {
        for entry in target.entries {
            if wanted.is_empty() || entry.metric == wanted {
                let facts = metrics.entry(entry.metric).or_default();
                if per_metric.is_none_or(|max| facts.len() < max) {
                    facts.insert((entry.kind.to_string(), entry.unit, entry.help));
                }
            }
        }
    }
    Ok(Answer::write(|json| {
        json.raw("{");
        for (i, (metric, facts)) in metrics.iter().take(metrics_max.unwrap_or(usize::MAX)).enumerate() {
            json.comma(i);
            json.key(metric);
            json.raw("[");
            for (i, (kind, unit, help)) in facts.iter().enumerate() {
                json.comma(i);
                write_facts(json, (kind, unit, help));
            }
            json.raw("]");
        }
        json.raw("}");
    }))
}

/// `GET /targets/metadata`
///
/// # Errors
/// A bad selector or limit.
pub fn by_target(app: &App, params: &Params) -> Handled {
    let max = limit(params, "limit")?.unwrap_or(usize::MAX);
    let wanted = params.get("metric");
    let matchers = match params.get("match_target") {
        "" => Vec::new(),
        text => parse_selector(text).map_err(|e| ApiError::bad_data(e.to_string()))?,
    };
    let mut json = Json::default();
    let mut count = 0;
    json.raw("[");
    for target in app.scrape.metadata() {
        if !matchers.iter().all(|m| m.matches(target.labels.get(&m.name).unwrap_or_default())) {
            continue;
        }
        for entry in target.entries.iter().filter(|e| wanted.is_empty() || e.metric == wanted) {
            if count == max {
                break;
            }
            json.comma(count);
            count += 1;
            json.raw("{\"target\":");
            json.labels(&target.labels);
            if wanted.is_empty() {
                json.raw(",\"metric\":");
                json.string(&entry.metric);
            }
            json.raw(",\"type\":");
            json.string(&entry.kind.to_string());
            json.raw(",\"help\":");
            json.string(&entry.help);
            json.raw(",\"unit\":");
            json.string(&entry.unit);
            json.raw("}");
        }
    }
    json.raw("]");
    Ok(Answer { data: json.into_bytes(), ..Answer::default() })
}
