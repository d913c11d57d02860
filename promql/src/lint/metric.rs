//! What kind of metric a selector reads: by metadata where there is some, else by the name's ending.

use super::LintOptions;
use crate::syntax::ast::VectorSelector;

/// Types of metrics, as exporters declare them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)] // the names are those of the exposition formats
pub enum MetricKind {
    Counter,
    Gauge,
    Histogram,
    GaugeHistogram,
    Summary,
    Info,
    StateSet,
    Unknown,
}

impl MetricKind {
    /// The type of this name, as the metadata API spells it; unknown for everything else.
    #[must_use]
    pub fn named(name: &str) -> Self {
        const NAMES: &[(&str, MetricKind)] = &[
            ("counter", MetricKind::Counter),
            ("gauge", MetricKind::Gauge),
            ("histogram", MetricKind::Histogram),
            ("gaugehistogram", MetricKind::GaugeHistogram),
            ("summary", MetricKind::Summary),
            ("info", MetricKind::Info),
            ("stateset", MetricKind::StateSet),
        ];
        NAMES.iter().find(|(known, _)| *known == name).map_or(Self::Unknown, |(_, kind)| *kind)
    }
}

/// What a server knows of a metric.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetricInfo {
    /// Its type.
    pub kind: MetricKind,
    /// Its unit, empty for none.
    pub unit: String,
}

/// Where metadata comes from.
pub trait Catalog {
    /// What is known of the metric family of this name.
    fn metric(&self, name: &str) -> Option<MetricInfo>;
}

/// How the values of a series go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// Only up, but for resets.
    Counter,
    /// Up and down.
    Gauge,
    /// Nothing is known.
    Unknown,
}

/// Where a shape is known from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Evidence {
    /// The exporter said so.
    Metadata,
    /// The name ends as such names do.
    Name,
}

/// What is known of a selector's series.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Known {
    pub(super) shape: Shape,
    pub(super) evidence: Evidence,
}

/// Endings that counters have by convention. `_sum` and `_count` may be gauges too and are not listed.
const COUNTER_ENDINGS: &[&str] = &["_total", "_bucket"];
/// Endings after which nothing is said against taking a rate.
const RATEABLE_ENDINGS: &[&str] = &["_total", "_bucket", "_sum", "_count"];
/// Endings that counters do not have by convention.
const GAUGE_ENDINGS: &[&str] = &[
    "_bytes",
    "_celsius",
    "_current",
    "_goroutines",
    "_info",
    "_limit",
    "_percent",
    "_ratio",
    "_size",
    "_temperature",
    "_threads",
    "_time_seconds",
    "_timestamp_seconds",
    "_usage",
];
/// Names that everybody knows as gauges.
const GAUGES: &[&str] =
    &["up", "node_load1", "node_load5", "node_load15", "ALERTS", "scrape_duration_seconds"];

/// The metric's name, by the selector's name or an `=` matcher.
pub(super) fn name(selector: &VectorSelector) -> Option<&str> {
    use narthex_storage::MatchOp;
    let by_matcher = || {
        selector
            .matchers
            .iter()
            .find(|m| m.name == "__name__" && m.op == MatchOp::Equal)
            .map(|m| m.value.as_str())
    };
    selector.name.as_deref().or_else(by_matcher)
}

/// Whether the name says that a rule recorded it: `level:metric:operations`.
pub(super) fn recorded(name: &str) -> bool {
    name.contains(':')
}

/// The operations of a recorded name: `rate5m` of `job:requests:rate5m`.
pub(super) fn operations(name: &str) -> Option<&str> {
    name.rsplit_once(':').map(|(_, operations)| operations)
}

/// Whether a name ends as those of which rates are taken.
pub(super) fn rateable(name: &str) -> bool {
    RATEABLE_ENDINGS.iter().any(|ending| name.ends_with(ending))
}

/// What is known of the series that a selector reads.
pub(super) fn known(selector: &VectorSelector, options: &LintOptions<'_>) -> Known {
    let Some(name) = name(selector) else {
        return Known { shape: Shape::Unknown, evidence: Evidence::Name };
    };
    if let Some(shape) = options.catalog.and_then(|catalog| declared(name, catalog)) {
        return Known { shape, evidence: Evidence::Metadata };
    }
    let ends = |endings: &[&str]| endings.iter().any(|ending| name.ends_with(ending));
    let shape = if recorded(name) {
        Shape::Unknown
    } else if ends(COUNTER_ENDINGS) {
        Shape::Counter
    } else if ends(GAUGE_ENDINGS) || GAUGES.contains(&name) {
        Shape::Gauge
    } else {
        Shape::Unknown
    };
    Known { shape, evidence: Evidence::Name }
}

/// The shape that metadata give to a series of this name.
fn declared(name: &str, catalog: &dyn Catalog) -> Option<Shape> {
    let shape = |kind| match kind {
        MetricKind::Counter | MetricKind::Histogram => Some(Shape::Counter),
        MetricKind::Gauge | MetricKind::GaugeHistogram | MetricKind::Info | MetricKind::StateSet => {
            Some(Shape::Gauge)
        }
        // The quantiles of a summary go up and down.
        MetricKind::Summary => Some(Shape::Gauge),
        MetricKind::Unknown => None,
    };
    if let Some(info) = catalog.metric(name) {
        return shape(info.kind);
    }
    // Histograms and summaries are declared under the name without the ending, OpenMetrics counters too.
    let (base, ending) = name.rsplit_once('_')?;
    let kind = catalog.metric(base)?.kind;
    match (ending, kind) {
        ("bucket" | "sum" | "count", MetricKind::Histogram)
        | ("sum" | "count", MetricKind::Summary)
        | ("total", MetricKind::Counter) => Some(Shape::Counter),
        ("bucket" | "gsum" | "gcount", MetricKind::GaugeHistogram) => Some(Shape::Gauge),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Expr, ParseOptions, parse_expr};

    struct One(&'static str, MetricKind);

    impl Catalog for One {
        fn metric(&self, name: &str) -> Option<MetricInfo> {
            (name == self.0).then(|| MetricInfo { kind: self.1, unit: String::new() })
        }
    }

    fn shape(name: &str, catalog: Option<&dyn Catalog>) -> Shape {
        let expr = parse_expr(name, &ParseOptions::default()).unwrap();
        let Expr::Vector(selector) = expr else { panic!() };
        known(&selector, &LintOptions { catalog, ..LintOptions::default() }).shape
    }

    #[test]
    fn endings_tell_the_shape() {
        for (name, want) in [
            ("http_requests_total", Shape::Counter),
            ("{__name__=\"http_requests_total\"}", Shape::Counter),
            ("node_memory_MemFree_bytes", Shape::Gauge),
            ("node_load1", Shape::Gauge),
            ("x_sum", Shape::Unknown),
            ("node_vmstat_pgmajfault", Shape::Unknown),
            ("job:x_total:sum", Shape::Unknown),
            ("{job=\"x\"}", Shape::Unknown),
        ] {
            assert_eq!(shape(name, None), want, "{name}");
        }
    }

    #[test]
    fn metadata_tell_it_better() {
        let histogram = One("x", MetricKind::Histogram);
        for name in ["x", "x_bucket", "x_sum", "x_count"] {
            assert_eq!(shape(name, Some(&histogram)), Shape::Counter, "{name}");
        }
        let summary = One("x", MetricKind::Summary);
        assert_eq!(shape("x", Some(&summary)), Shape::Gauge);
        assert_eq!(shape("x_sum", Some(&summary)), Shape::Counter);
        assert_eq!(shape("x_total", Some(&One("x_total", MetricKind::Gauge))), Shape::Gauge);
        assert_eq!(shape("x_total", Some(&One("x", MetricKind::Counter))), Shape::Counter);
        assert_eq!(shape("x_bytes", Some(&One("x_bytes", MetricKind::Unknown))), Shape::Gauge);
    }
}
