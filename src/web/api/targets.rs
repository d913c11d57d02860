//! `targets` and `scrape_pools`.

use super::{Answer, ApiError, ErrorKind, Handled};
use crate::config::{Rule, ScrapeConfig};
use crate::relabel;
use crate::scrape::manager::TargetView;
use crate::web::app::App;
use crate::web::json::Json;
use crate::web::params::Params;
use crate::web::time::rfc3339;
use narthex_storage::LabelsBuilder;
use narthex_storage::labels::quote;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

/// `GET /scrape_pools`
///
/// # Errors
/// None.
pub fn pools(app: &App) -> Handled {
    Ok(Answer::write(|json| {
        json.raw("{\"scrapePools\":");
        json.strings(app.scrape.scrape_pools());
        json.raw("}");
    }))
}

/// The job that a request names.
fn pool_config(app: &App, params: &Params) -> Result<Arc<ScrapeConfig>, ApiError> {
    let pool = params.get("scrapePool");
    if pool.is_empty() {
        return Err(ApiError::bad_data("no scrapePool parameter provided"));
    }
    app.scrape.pool_config(pool).ok_or_else(|| {
        let text = format!("error retrieving scrape config: scrape pool {} not found", quote(pool));
        ApiError::new(ErrorKind::NotFound, text)
    })
}

/// `GET /scrape_pools/config`
///
/// # Errors
/// No or an unknown `scrapePool`.
pub fn pool_yaml(app: &App, params: &Params) -> Handled {
    let config = pool_config(app, params)?;
    let yaml = serde_saphyr::to_string(&config.to_value())
        .map_err(|e| ApiError::new(ErrorKind::Internal, e.to_string()))?;
    Ok(Answer::write(|json| {
        json.raw("{\"yaml\":");
        json.string(&yaml);
        json.raw("}");
    }))
}

/// `GET /targets/relabel_steps`: what each rule of a job makes of a label set.
///
/// # Errors
/// A missing or bad parameter, an unknown job.
pub fn relabel_steps(app: &App, params: &Params) -> Handled {
    let config = pool_config(app, params)?;
    let text = params.get("labels");
    if text.is_empty() {
        return Err(ApiError::bad_data("no labels parameter provided"));
    }
    let labels: BTreeMap<String, String> = serde_json::from_str(text)
        .map_err(|error| ApiError::bad_data(format!("error parsing labels: {error}")))?;
    let mut builder = LabelsBuilder::new();
    for (name, value) in &labels {
        builder.set(name, value);
    }
    let mut keep = true;
    let steps = config.relabel.iter().map(|rule| {
        keep = keep && relabel::process(&mut builder, std::slice::from_ref(rule));
        if !keep {
            builder.clear();
        }
        (rule, builder.build(), keep)
    });
    let steps: Vec<(&Rule, _, bool)> = steps.collect();
    Ok(Answer::write(|json| {
        json.raw("{\"steps\":[");
        for (i, (rule, output, keep)) in steps.iter().enumerate() {
            json.comma(i);
            json.raw("{\"rule\":");
            json.value(&rule.to_value());
            json.raw(",\"output\":");
            json.labels(output);
            json.raw(",\"keep\":");
            json.value(&Value::Bool(*keep));
            json.raw("}");
        }
        json.raw("]}");
    }))
}

/// `GET /targets`
///
/// # Errors
/// None: an unknown `state` means any, as in Prometheus.
pub fn all(app: &App, params: &Params) -> Handled {
    let state = params.get("state").to_ascii_lowercase();
    let pool = params.get("scrapePool");
    let in_pool = |name: &str| pool.is_empty() || name == pool;
    let mut json = Json::default();
    json.raw("{\"activeTargets\":[");
    if state != "dropped" {
        let targets = app.scrape.targets_active();
        for (i, target) in targets.iter().filter(|t| in_pool(&t.scrape_pool)).enumerate() {
            json.comma(i);
            write_target(&mut json, app, target);
        }
    }
    json.raw("],\"droppedTargets\":[");
    let mut counts: BTreeMap<String, usize> =
        app.scrape.scrape_pools().into_iter().filter(|name| in_pool(name)).map(|name| (name, 0)).collect();
    let dropped = app.scrape.targets_dropped();
    for (i, target) in dropped.iter().filter(|t| in_pool(&t.scrape_pool)).enumerate() {
        *counts.entry(target.scrape_pool.clone()).or_default() += 1;
        if state == "active" {
            continue;
        }
        json.comma(i);
        json.raw("{\"discoveredLabels\":");
        json.labels(&target.discovered_labels);
        json.raw(",\"scrapePool\":");
        json.string(&target.scrape_pool);
        json.raw("}");
    }
    json.raw("],\"droppedTargetCounts\":");
    json.value(&counts);
    json.raw("}");
    Ok(Answer { data: json.into_bytes(), ..Answer::default() })
}

fn write_target(json: &mut Json, app: &App, target: &TargetView) {
    json.raw("{\"discoveredLabels\":");
    json.labels(&target.discovered_labels);
    json.raw(",\"labels\":");
    json.labels(&target.labels);
    let last_scrape = rfc3339(target.last_scrape_ms);
    let global_url = app.options.global_url(&target.scrape_url);
    for (key, value) in [
        ("scrapePool", target.scrape_pool.as_str()),
        ("scrapeUrl", &target.scrape_url),
        ("globalUrl", &global_url),
        ("lastError", &target.last_error),
        ("lastScrape", &last_scrape),
    ] {
        json.raw(",");
        json.key(key);
        json.string(value);
    }
    json.raw(",\"lastScrapeDuration\":");
    json.value(&target.last_duration_s);
    json.raw(",\"health\":");
    json.string(target.health.as_str());
    json.raw(",\"scrapeInterval\":");
    json.string(&target.interval);
    json.raw(",\"scrapeTimeout\":");
    json.string(&target.timeout);
    json.raw("}");
}
