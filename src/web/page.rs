//! The page at `/`: what runs here, its targets, and queries that answer.

use super::app::App;
use super::time::rfc3339;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use std::fmt::Write;

/// Queries worth a look, with what they tell.
const QUERIES: &[(&str, &str)] = &[
    ("up", "which targets answer"),
    ("node_load1", "load of each node, 1 minute"),
    ("node_load5", "load of each node, 5 minutes"),
    ("node_load15", "load of each node, 15 minutes"),
    (
        "1 - avg without (cpu, mode) (rate(node_cpu_seconds_total{mode=\"idle\"}[5m]))",
        "processor utilisation of each node",
    ),
    ("1 - node_memory_MemAvailable_bytes / node_memory_MemTotal_bytes", "memory utilisation of each node"),
    ("node_filesystem_avail_bytes / node_filesystem_size_bytes", "free part of each file system"),
];

const STYLE: &str = "body{font:15px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem;\
color:#222;background:#fff}table{border-collapse:collapse;width:100%}td,th{text-align:left;padding:.3rem .6rem;\
border-bottom:1px solid #ddd;vertical-align:top}code{font-size:13px}.up{color:#18794e}.down{color:#c62a2f}\
@media(prefers-color-scheme:dark){body{color:#ddd;background:#161616}td,th{border-color:#444}a{color:#8ab4f8}}";

/// Text with the characters that HTML gives a meaning replaced.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// The page.
#[must_use]
pub fn render(app: &App) -> String {
    let prefix = escape(&app.options.route_prefix);
    let mut out = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>narthex</title>\
         <meta name=\"viewport\" content=\"width=device-width\"><style>{STYLE}</style></head><body>\
         <h1>narthex {}</h1><p>Answers as Prometheus {} does. Up since {}.</p><h2>Targets</h2>\
         <table><tr><th>Job</th><th>Target</th><th>Health</th><th>Last scrape</th><th>Error</th></tr>",
        env!("CARGO_PKG_VERSION"),
        crate::PROMETHEUS_VERSION,
        rfc3339(app.started_ms),
    );
    // Writing into a String cannot fail.
    for target in app.scrape.targets_active() {
        let health = target.health.as_str();
        let _ = write!(
            out,
            "<tr><td>{}</td><td><a href=\"{url}\">{url}</a></td><td class=\"{health}\">{health}</td>\
             <td>{}</td><td>{}</td></tr>",
            escape(&target.scrape_pool),
            rfc3339(target.last_scrape_ms),
            escape(&target.last_error),
            url = escape(&target.scrape_url),
        );
    }
    out.push_str("</table><h2>Queries</h2><table><tr><th>Query</th><th></th></tr>");
    for (query, meaning) in QUERIES {
        let _ = write!(
            out,
            "<tr><td><a href=\"{prefix}/api/v1/query?query={}\"><code>{}</code></a></td><td>{meaning}</td></tr>",
            utf8_percent_encode(query, NON_ALPHANUMERIC),
            escape(query),
        );
    }
    let _ = write!(
        out,
        "</table><p><a href=\"{prefix}/metrics\">metrics of this server</a> · \
         <a href=\"{prefix}/api/v1/targets\">targets</a> · \
         <a href=\"{prefix}/api/v1/status/config\">configuration</a></p></body></html>",
    );
    out
}
