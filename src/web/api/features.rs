//! `features`: what this server can do, by category.

use super::{Answer, Handled};
use crate::discovery::MECHANISMS;
use crate::web::app::{App, FeatureList};
use crate::web::params::Params;
use narthex_promql::EngineOptions;
use narthex_promql::syntax::ast::{AggregateOp, BinaryOp};
use narthex_promql::syntax::functions::FUNCTIONS;

/// What is always there, and what is not served: category, name, whether it is on.
const FIXED: &[(&str, &str, bool)] = &[
    ("api", "exclude_alerts", true),
    ("api", "label_values_match", true),
    ("api", "otlp_write_receiver", false),
    ("api", "query_stats", true),
    ("api", "query_warnings", true),
    ("api", "time_range_labels", true),
    ("api", "time_range_series", true),
    ("otlp_receiver", "delta_conversion", false),
    ("otlp_receiver", "native_delta_ingestion", false),
    ("prometheus", "agent_mode", false),
    ("prometheus", "auto_reload_config", false),
    ("prometheus", "server_mode", true),
    ("promql", "at_modifier", true),
    ("promql", "bool", true),
    ("promql", "by", true),
    ("promql", "group_left", true),
    ("promql", "group_right", true),
    ("promql", "ignoring", true),
    ("promql", "negative_offset", true),
    ("promql", "offset", true),
    ("promql", "on", true),
    ("promql", "per_query_lookback_delta", true),
    ("promql", "subqueries", true),
    ("promql", "without", true),
    ("promql_operators", "=~", true),
    ("promql_operators", "!~", true),
    ("promql_operators", "@", true),
    ("scrape", "extra_scrape_metrics", true),
    ("scrape", "start_timestamp_zero_ingestion", false),
    ("service_discovery_providers", "static", true),
    ("tsdb", "delayed_compaction", false),
    ("tsdb", "isolation", true),
    ("tsdb", "native_histograms", true),
    ("tsdb", "use_uncached_io", false),
];

/// The features of a server with these settings; `switches` are those that flags turn on.
#[must_use]
pub fn list(engine: &EngineOptions, switches: &[(&'static str, &'static str, bool)]) -> FeatureList {
    let parse = &engine.parse;
    let engine_switches = [
        ("promql", "anchored", parse.extended_ranges),
        ("promql", "delayed_name_removal", engine.delayed_name_removal),
        ("promql", "duration_expr", parse.duration_expressions),
        ("promql", "fill", parse.fill_modifiers),
        ("promql", "fill_left", parse.fill_modifiers),
        ("promql", "fill_right", parse.fill_modifiers),
        ("promql", "smoothed", parse.extended_ranges),
        ("promql", "type_and_unit_labels", engine.type_and_unit_labels),
        ("promql", "use_start_timestamps", engine.use_start_timestamps),
        ("scrape", "type_and_unit_labels", engine.type_and_unit_labels),
    ];
    let mut features = FeatureList::new();
    let mut set = |category: &'static str, name: &str, on: bool| {
        features.entry(category).or_default().insert(name.to_owned(), on);
    };
    for (category, name, on) in FIXED.iter().chain(&engine_switches).chain(switches) {
        set(category, name, *on);
    }
    let experimental = parse.experimental_functions;
    for function in FUNCTIONS {
        set("promql_functions", function.name, experimental || !function.experimental);
    }
    for mechanism in MECHANISMS {
        set("service_discovery_providers", mechanism.name, true);
    }
    for (_, symbol, _) in BinaryOp::ALL {
        set("promql_operators", symbol, true);
    }
    for (op, name) in AggregateOp::ALL {
        set("promql_operators", name, experimental || !op.experimental());
    }
    features
}

/// `GET /features`
///
/// # Errors
/// None.
pub fn features(app: &App, _: &Params) -> Handled {
    Ok(Answer::write(|json| json.value(&app.options.features)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_switch_turns_on_what_it_guards() {
        let plain = list(&EngineOptions::default(), &[]);
        let mut options = EngineOptions::default();
        options.parse.experimental_functions = true;
        options.parse.fill_modifiers = true;
        let all = list(&options, &[("api", "admin", true)]);
        for (category, name) in [("promql_operators", "limitk"), ("promql", "fill_left")] {
            assert_eq!((plain[category][name], all[category][name]), (false, true), "{name}");
        }
        assert!(plain["promql_functions"]["rate"] && all["api"]["admin"]);
        let found = &plain["service_discovery_providers"];
        assert!(found["consul"] && found["http"] && found["static"] && !found.contains_key("nerve"));
    }
}
