//! Counters and gauges: each has its own functions.

use super::super::Usage;
use super::super::hint::{Finding, Severity};
use super::super::metric::{self, Evidence, Shape};
use super::super::walk::{Visit, children, series_argument};
use crate::syntax::ast::{Aggregate, AggregateOp, Call, Expr, Subquery, TimeModifier};
use crate::syntax::format_duration;

/// Functions of counters, and what does the same to a gauge.
const OF_COUNTERS: &[(&str, &str)] =
    &[("increase", "delta"), ("irate", "idelta"), ("rate", "deriv"), ("resets", "changes")];
/// Functions of gauges, and what does the same to a counter.
const OF_GAUGES: &[(&str, &str)] = &[
    ("delta", "increase"),
    ("deriv", "rate"),
    ("idelta", "irate"),
    ("predict_linear", ""),
    ("double_exponential_smoothing", ""),
];
/// Functions over the values of a window that mean little for values that only grow.
const OVER_VALUES: &[&str] = &[
    "avg_over_time",
    "mad_over_time",
    "max_over_time",
    "min_over_time",
    "quantile_over_time",
    "stddev_over_time",
    "stdvar_over_time",
    "sum_over_time",
];

fn row(call: &Call, table: &'static [(&'static str, &'static str)]) -> Option<(&'static str, &'static str)> {
    table.iter().find(|(name, _)| *name == call.function.name).copied()
}

/// `call` under another name, as a replacement of its text.
fn renamed(call: &Call, name: &str) -> String {
    let args: Vec<String> = call.args.iter().map(ToString::to_string).collect();
    format!("{name}({})", args.join(", "))
}

pub(super) fn rate_of_gauge(visit: &Visit<'_>, found: &mut dyn FnMut(Finding)) {
    let Expr::Call(call) = visit.expr else { return };
    let Some((name, instead)) = row(call, OF_COUNTERS) else { return };
    let Some(argument) = series_argument(call).map(Expr::unwrap_parens) else { return };
    match argument {
        Expr::Matrix { selector, .. } => {
            let Some(metric_name) = metric::name(selector) else { return };
            let known = metric::known(selector, visit.options);
            let rated = metric::operations(metric_name).filter(|ops| {
                ["rate", "irate", "increase"].iter().any(|op| ops.split('_').any(|part| part.starts_with(op)))
            });
            let finding = match (known.shape, known.evidence) {
                (Shape::Counter, _) => return,
                (Shape::Gauge, Evidence::Metadata) => Finding::new(
                    Severity::Error,
                    call.span,
                    format!(
                        "{name}() takes every fall of {metric_name} for a counter reset, and {metric_name} is a gauge"
                    ),
                    format!("use {instead}(), or a function that ends in _over_time"),
                ),
                (Shape::Gauge, Evidence::Name) => Finding::new(
                    Severity::Warning,
                    call.span,
                    format!(
                        "{name}() takes every fall for a counter reset, and {metric_name} has the name of a gauge"
                    ),
                    format!("use {instead}(), or a function that ends in _over_time"),
                ),
                (Shape::Unknown, _) if rated.is_some() => {
                    found(Finding::new(
                        Severity::Warning,
                        call.span,
                        format!(
                            "{metric_name} is recorded as a rate already, by its name; {name}() expects a counter"
                        ),
                        "use the recorded series as it is, or a function that ends in _over_time",
                    ));
                    return;
                }
                (Shape::Unknown, _) if metric::recorded(metric_name) || metric::rateable(metric_name) => {
                    return;
                }
                (Shape::Unknown, _) => {
                    found(Finding::new(
                        Severity::Info,
                        call.span,
                        format!(
                            "{metric_name} may be no counter: its name does not end in _total, _sum, _count or _bucket"
                        ),
                        format!(
                            "if it goes up and down, use {instead}() or a function that ends in _over_time"
                        ),
                    ));
                    return;
                }
            };
            found(finding.edit(call.span, renamed(call, instead)));
        }
        Expr::Subquery(subquery) => {
            if let Some(inner) = rated(&subquery.expr) {
                found(Finding::new(
                    Severity::Error,
                    call.span,
                    format!("{name}() of {inner}(): what {inner}() gives goes up and down, {name}() takes its falls for counter resets"),
                    format!("use {instead}(), or avg_over_time() for a smoother {inner}()"),
                ).edit(call.span, renamed(call, instead)));
            }
        }
        _ => {}
    }
}

/// The counter function that makes up an expression, through aggregations.
fn rated(expr: &Expr) -> Option<&'static str> {
    match expr.unwrap_parens() {
        Expr::Call(call) => row(call, OF_COUNTERS).map(|(name, _)| name).filter(|name| *name != "resets"),
        Expr::Aggregate(aggregate) if aggregate.op != AggregateOp::Count => rated(&aggregate.expr),
        _ => None,
    }
}

pub(super) fn delta_of_counter(visit: &Visit<'_>, found: &mut dyn FnMut(Finding)) {
    let Expr::Call(call) = visit.expr else { return };
    let Some((name, instead)) = row(call, OF_GAUGES) else { return };
    let Some(Expr::Matrix { selector, .. }) = series_argument(call).map(Expr::unwrap_parens) else { return };
    let known = metric::known(selector, visit.options);
    let Some(metric_name) = metric::name(selector).filter(|_| known.shape == Shape::Counter) else { return };
    let severity = if known.evidence == Evidence::Metadata { Severity::Error } else { Severity::Warning };
    let message = format!(
        "{name}() knows no counter resets, and {metric_name} is a counter: a restart looks like a fall"
    );
    if instead.is_empty() {
        let fix = format!("take the rate first: {name}(rate({metric_name}[5m])[1h:], …)");
        found(Finding::new(severity, call.span, message, fix));
    } else {
        let fix = format!("use {instead}()");
        found(Finding::new(severity, call.span, message, fix).edit(call.span, renamed(call, instead)));
    }
}

pub(super) fn aggregate_before_rate(visit: &Visit<'_>, found: &mut dyn FnMut(Finding)) {
    const RATES: &[&str] = &["increase", "irate", "rate"];
    let Some(call) = visit.call_of(RATES) else { return };
    let name = call.function.name;
    match call.args.first().map(Expr::unwrap_parens) {
        Some(Expr::Subquery(subquery)) => {
            let Expr::Aggregate(inner) = subquery.expr.unwrap_parens() else { return };
            // Rates that are aggregated first are another mistake.
            if rated(&subquery.expr).is_some() {
                return;
            }
            let op = inner.op.name();
            let severity = match leaf(&inner.expr) {
                Some(selector) if metric::known(selector, visit.options).shape == Shape::Counter => {
                    Severity::Error
                }
                _ => Severity::Warning,
            };
            let finding = Finding::new(
                severity,
                call.span,
                format!(
                    "{op}() runs before {name}(): when one of the counters restarts, the {op} falls and {name}() takes the whole of it for a reset"
                ),
                format!("put {name}() inside: {op}({name}(…))"),
            );
            found(match turned(name, inner, subquery) {
                Some(text) => finding.edit(call.span, text),
                None => finding,
            });
        }
        Some(Expr::Matrix { selector, .. }) => {
            const AGGREGATIONS: &[&str] = &["sum", "avg", "min", "max"];
            let Some(metric_name) = metric::name(selector) else { return };
            let Some(operations) = metric::operations(metric_name) else { return };
            let mut parts = operations.split('_');
            let counts = metric_name.split(':').any(|part| part.ends_with("_total"));
            let rated = operations.contains("rate") || operations.contains("increase");
            if parts.next().is_some_and(|first| AGGREGATIONS.contains(&first)) && counts && !rated {
                found(Finding::new(
                    Severity::Warning,
                    call.span,
                    format!(
                        "{metric_name} is recorded as an aggregate of counters, by its name: when one of them restarts, {name}() takes the fall of the whole for a reset"
                    ),
                    format!("record the aggregate of {name}() and use that"),
                ));
            }
        }
        _ => {}
    }
}

/// The selector of which an expression is made, through aggregations.
fn leaf(expr: &Expr) -> Option<&crate::syntax::ast::VectorSelector> {
    match expr.unwrap_parens() {
        Expr::Vector(selector) => Some(selector),
        Expr::Aggregate(inner) => leaf(&inner.expr),
        _ => None,
    }
}

/// `sum by (x) (rate(m[5m]))` for `rate(sum by (x) (m)[5m:])`.
fn turned(name: &str, inner: &Aggregate, subquery: &Subquery) -> Option<String> {
    let Expr::Vector(selector) = inner.expr.unwrap_parens() else { return None };
    let plain = selector.time == TimeModifier::default()
        && subquery.time == TimeModifier::default()
        && subquery.range_expr.is_none()
        && inner.param.is_none();
    if !plain {
        return None;
    }
    let range = format_duration(subquery.range_ms);
    let clause = clause(inner);
    Some(format!("{}{clause}({name}({}[{range}]))", inner.op.name(), inner.expr.unwrap_parens()))
}

/// ` by (a, b) `, or nothing.
fn clause(e: &Aggregate) -> String {
    match (e.without, e.grouping.is_empty()) {
        (false, true) => String::new(),
        (without, _) => {
            format!(" {} ({}) ", if without { "without" } else { "by" }, super::names(&e.grouping))
        }
    }
}

pub(super) fn bare(visit: &Visit<'_>, found: &mut dyn FnMut(Finding)) {
    if let Some(call) = visit.call_of(OVER_VALUES) {
        let Some(Expr::Matrix { selector, range_ms, .. }) = series_argument(call).map(Expr::unwrap_parens)
        else {
            return;
        };
        if metric::known(selector, visit.options).shape != Shape::Counter {
            return;
        }
        let Some(metric_name) = metric::name(selector) else { return };
        let name = call.function.name;
        found(Finding::new(
            Severity::Warning,
            call.span,
            format!("{name}() of {metric_name}: a counter only grows, so this says how long ago it began"),
            format!(
                "use rate({metric_name}[{0}]) or increase({metric_name}[{0}])",
                format_duration(*range_ms)
            ),
        ));
        return;
    }
    let Some(selector) = visit.vector() else { return };
    if metric::known(selector, visit.options).shape != Shape::Counter || !shown(visit) {
        return;
    }
    let Some(metric_name) = metric::name(selector) else { return };
    let severity = if visit.options.usage == Usage::Record { Severity::Info } else { Severity::Warning };
    let purpose = match visit.options.usage {
        Usage::Alert => "an alert on it fires until the process restarts",
        _ => "its value depends on when the process started",
    };
    let mut finding = Finding::new(
        severity,
        selector.span,
        format!("{metric_name} is a counter, and {purpose}"),
        format!("use rate({metric_name}[5m]) or increase({metric_name}[1h])"),
    );
    if selector.time == TimeModifier::default() {
        finding = finding.edit(selector.span, format!("rate({}[5m])", visit.expr));
    }
    found(finding);
}

/// Whether the value of this node is what the user gets to see: nothing above only counts series or takes
/// a rate.
fn shown(visit: &Visit<'_>) -> bool {
    let mut below = visit.expr;
    for parent in visit.parents.iter().rev() {
        let passes = match parent {
            Expr::Paren { .. } | Expr::Unary { .. } => true,
            Expr::Aggregate(e) => {
                let counts = matches!(
                    e.op,
                    AggregateOp::Count | AggregateOp::Group | AggregateOp::Limitk | AggregateOp::LimitRatio
                );
                !counts && std::ptr::eq(&raw const e.expr, below)
            }
            Expr::Call(e) => matches!(
                e.function.name,
                "ceil" | "floor" | "round" | "scalar" | "sort" | "sort_desc" | "label_join" | "label_replace"
            ),
            // A difference of two times, and what only selects series, is on purpose.
            Expr::Binary(e) if e.op.is_set() => std::ptr::eq(&raw const e.left, below),
            Expr::Binary(e) => !children(parent).iter().any(|side| delayed(side)) && !zero(&e.right),
            _ => false,
        };
        if !passes {
            return false;
        }
        below = parent;
    }
    true
}

/// Compared with or multiplied by 0: whether it ever counted, or a join for labels.
fn zero(expr: &Expr) -> bool {
    super::super::range::constant(expr) == Some(0.0)
}

fn delayed(expr: &Expr) -> bool {
    matches!(expr.unwrap_parens(), Expr::Vector(selector) if selector.time.offset_ms != 0)
}
