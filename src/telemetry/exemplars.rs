//! The exemplars in memory: `prometheus_tsdb_exemplar_…`.

use super::metrics::Page;
use narthex_storage::Db;

pub(super) fn render(page: &mut Page, db: &Db) {
    let stats = db.exemplar_stats();
    for (name, kind, help, value) in [
        (
            "exemplars_appended_total",
            "counter",
            "Exemplars that were stored, those of the log at the start included.",
            stats.appended as f64,
        ),
        (
            "out_of_order_exemplars_total",
            "counter",
            "Exemplars that were refused when they were to be stored, since they came out of order.",
            stats.out_of_order as f64,
        ),
        ("exemplars_in_storage", "gauge", "Exemplars in memory.", stats.stored as f64),
        (
            "series_with_exemplars_in_storage",
            "gauge",
            "Series that have exemplars in memory.",
            stats.series as f64,
        ),
        (
            "last_exemplars_timestamp_seconds",
            "gauge",
            "Time of the exemplar in memory that came first, and will go next.",
            stats.oldest_ms.unwrap_or(0) as f64 / 1000.0,
        ),
        ("max_exemplars", "gauge", "How many exemplars are kept in memory.", stats.max as f64),
    ] {
        page.single(&format!("prometheus_tsdb_exemplar_{name}"), kind, help, value);
    }
}
