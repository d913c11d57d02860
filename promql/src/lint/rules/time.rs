//! Ranges, offsets and steps.

use super::super::Usage;
use super::super::hint::{Finding, Severity};
use super::super::walk::{Visit, each, series_argument};
use crate::syntax::ast::{AggregateOp, Bounds, Expr};
use crate::syntax::format_duration;

/// Functions that answer nothing for fewer than two samples.
const OF_TWO_SAMPLES: &[&str] = &[
    "delta",
    "deriv",
    "double_exponential_smoothing",
    "idelta",
    "increase",
    "irate",
    "predict_linear",
    "rate",
];
/// Scrapes that a range should hold: one may fail, one may be late.
const RECOMMENDED: i64 = 4;

pub(super) fn short_range(visit: &Visit<'_>, found: &mut dyn FnMut(Finding)) {
    let Some(call) = visit.call_of(OF_TWO_SAMPLES) else { return };
    let name = call.function.name;
    match series_argument(call).map(Expr::unwrap_parens) {
        Some(Expr::Matrix { selector, range_ms, range_expr: None, span }) => {
            let Some(interval) = visit.options.scrape_interval_ms.filter(|ms| *ms > 0) else { return };
            if selector.bounds != Bounds::Plain {
                return;
            }
            let least = interval.saturating_mul(RECOMMENDED);
            let (severity, message) = if *range_ms < interval.saturating_mul(2) {
                let holds = "holds fewer than two samples most of the time";
                (
                    Severity::Warning,
                    format!(
                        "{name}() needs two samples, and {{range}} {holds} at a scrape interval of {{interval}}"
                    ),
                )
            } else if *range_ms < least {
                (
                    Severity::Info,
                    "{range} is shorter than four scrapes of {interval}: one that fails makes a gap"
                        .to_owned(),
                )
            } else {
                return;
            };
            let message = message
                .replace("{range}", &format_duration(*range_ms))
                .replace("{interval}", &format_duration(interval));
            let mut longer = visit_argument(call);
            if let Some(Expr::Matrix { range_ms, .. }) = &mut longer {
                *range_ms = least;
            }
            let finding =
                Finding::new(severity, *span, message, format!("use at least [{}]", format_duration(least)));
            found(match longer {
                Some(longer) => finding.edit(*span, longer.to_string()),
                None => finding,
            });
        }
        Some(Expr::Subquery(subquery)) => {
            let computed = subquery.range_expr.is_some() || subquery.step_expr.is_some();
            let Some(step) = subquery.step_ms.filter(|ms| *ms > 0 && !computed) else { return };
            if subquery.range_ms < step.saturating_mul(2) {
                found(Finding::new(
                    Severity::Warning,
                    subquery.span,
                    format!(
                        "{name}() needs two samples, and the subquery makes one each {} within {}",
                        format_duration(step),
                        format_duration(subquery.range_ms)
                    ),
                    "make the step smaller or the range longer",
                ));
            }
        }
        _ => {}
    }
}

fn visit_argument(call: &crate::syntax::ast::Call) -> Option<Expr> {
    series_argument(call).map(Expr::unwrap_parens).cloned()
}

pub(super) fn negative_offset(visit: &Visit<'_>, found: &mut dyn FnMut(Finding)) {
    let (time, span) = match visit.expr {
        Expr::Vector(selector) => (&selector.time, selector.span),
        Expr::Matrix { selector, span, .. } => (&selector.time, *span),
        Expr::Subquery(e) => (&e.time, e.span),
        _ => return,
    };
    if time.offset_ms >= 0 || time.offset_expr.is_some() || time.at.is_some() {
        return;
    }
    let rule = matches!(visit.options.usage, Usage::Alert | Usage::Record);
    let severity = if rule { Severity::Error } else { Severity::Warning };
    let ahead = format_duration(time.offset_ms.saturating_neg());
    found(Finding::new(
        severity,
        span,
        format!(
            "offset -{ahead} looks {ahead} ahead: at the newest time it finds nothing, or only samples from before"
        ),
        format!(
            "for the past write offset {ahead}; to compare with what came later, shift the other operand back instead"
        ),
    ));
}

pub(super) fn selection_in_graph(visit: &Visit<'_>, found: &mut dyn FnMut(Finding)) {
    if visit.options.usage != Usage::Graph {
        return;
    }
    let selects = |op| matches!(op, AggregateOp::Topk | AggregateOp::Bottomk);
    if let Some(e) = visit.aggregate().filter(|e| selects(e.op) && !fixed(&e.expr)) {
        let op = e.op.name();
        found(Finding::new(
            Severity::Info,
            e.span,
            format!(
                "{op} chooses anew at each step, so a graph may show many more series than it says, with gaps"
            ),
            format!("choose once: x and {op}(5, x @ end()), or over the whole range with max_over_time"),
        ));
    } else if let Some(call) = visit.call_of(&["sort", "sort_by_label", "sort_by_label_desc", "sort_desc"]) {
        found(Finding::new(
            Severity::Info,
            call.span,
            format!(
                "{}() has no effect on a graph: a range query has an order of its own",
                call.function.name
            ),
            "leave it out",
        ));
    }
}

/// Whether an expression has the same values at every step: all that it reads is pinned with `@`.
fn fixed(expr: &Expr) -> bool {
    let mut fixed = true;
    each(expr, &mut |expr, parents| {
        if let Expr::Vector(selector) | Expr::Matrix { selector, .. } = expr {
            let above = |e: &&Expr| matches!(e, Expr::Subquery(e) if e.time.at.is_some());
            fixed &= selector.time.at.is_some() || parents.iter().any(above);
        }
    });
    fixed
}
