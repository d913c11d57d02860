//! `targets` and `scrape_pools`.

use super::{Answer, Handled};
use crate::scrape::manager::TargetView;
use crate::web::app::App;
use crate::web::json::Json;
use crate::web::params::Params;
use crate::web::time::rfc3339;
use std::collections::BTreeMap;

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
