//! Quantiles: what they need and what must not be done to them.

use super::super::hint::{Finding, Severity};
use super::super::labels;
use super::super::metric;
use super::super::walk::{Visit, each, series_argument};
use crate::syntax::ast::{Aggregate, AggregateOp, BinaryOp, Call, Expr, VectorSelector};
use narthex_storage::MatchOp;

/// Functions of the buckets of a histogram.
const OF_BUCKETS: &[&str] = &["histogram_fraction", "histogram_quantile", "histogram_quantiles"];

/// The selector of classic buckets that an expression reads.
fn buckets(expr: &Expr) -> Option<&VectorSelector> {
    let mut found = None;
    each(expr, &mut |expr, _| {
        if let Expr::Vector(selector) | Expr::Matrix { selector, .. } = expr
            && metric::name(selector).is_some_and(|name| name.ends_with("_bucket"))
        {
            found = found.or(Some(&**selector));
        }
    });
    found
}

/// The nearest aggregation, inside parentheses.
fn aggregation(expr: &Expr) -> Option<&Aggregate> {
    match expr.unwrap_parens() {
        Expr::Aggregate(e) => Some(e),
        _ => None,
    }
}

pub(super) fn without_le(visit: &Visit<'_>, found: &mut dyn FnMut(Finding)) {
    let Some(call) = visit.call_of(OF_BUCKETS) else { return };
    let Some(argument) = series_argument(call) else { return };
    if buckets(argument).is_none() || labels::of(argument).may_have("le") {
        return;
    }
    let name = call.function.name;
    let finding = Finding::new(
        Severity::Error,
        call.span,
        format!(
            "{name}() needs the label le, which the operand does not have: the bounds of the buckets are in it"
        ),
        "keep le in the aggregation: sum by (le, …) (…)",
    );
    found(match aggregation(argument).and_then(kept) {
        Some((span, text)) => finding.edit(span, text),
        None => finding,
    });
}

/// The aggregation with `le` kept.
fn kept(e: &Aggregate) -> Option<(crate::syntax::ast::Span, String)> {
    if !labels::of(&e.expr).may_have("le") || e.param.is_some() {
        return None;
    }
    let mut changed = e.clone();
    if e.without {
        changed.grouping.retain(|label| label != "le");
    } else {
        changed.grouping.push("le".to_owned());
    }
    Some((e.span, Expr::Aggregate(Box::new(changed)).to_string()))
}

pub(super) fn without_rate(visit: &Visit<'_>, found: &mut dyn FnMut(Finding)) {
    let Some(call) = visit.call_of(OF_BUCKETS) else { return };
    let Some(argument) = series_argument(call) else { return };
    let Some(selector) = raw(argument) else { return };
    let Some(name) =
        metric::name(selector).filter(|name| name.ends_with("_bucket") && !metric::recorded(name))
    else {
        return;
    };
    found(
        Finding::new(
            Severity::Warning,
            selector.span,
            format!(
                "{name} counts from the start of each process, so this is about its whole life, not about now"
            ),
            format!("use rate({name}[5m])"),
        )
        .edit(selector.span, format!("rate({}[5m])", Expr::Vector(Box::new(selector.clone())))),
    );
}

/// The selector of which an expression is made, through aggregations only.
fn raw(expr: &Expr) -> Option<&VectorSelector> {
    match expr.unwrap_parens() {
        Expr::Vector(selector) if selector.time == crate::syntax::ast::TimeModifier::default() => {
            Some(selector)
        }
        Expr::Aggregate(e) => raw(&e.expr),
        _ => None,
    }
}

pub(super) fn average_of_quantiles(visit: &Visit<'_>, found: &mut dyn FnMut(Finding)) {
    const OVER_TIME: &[&str] = &["avg_over_time", "sum_over_time"];
    let (what, operand) = if let Some(e) = visit.aggregate() {
        if !matches!(e.op, AggregateOp::Avg | AggregateOp::Sum) {
            return;
        }
        (e.op.name(), &e.expr)
    } else if let Some(call) = visit.call_of(OVER_TIME) {
        match series_argument(call) {
            Some(argument) => (call.function.name, argument),
            None => return,
        }
    } else {
        return;
    };
    if is_quantile(operand) {
        found(Finding::new(
            Severity::Warning,
            visit.expr.span(),
            format!(
                "{what} of quantiles is no quantile of anything: quantiles cannot be added up or averaged"
            ),
            "sum the buckets first, then take the quantile: histogram_quantile(0.9, sum by (le) (rate(x_bucket[5m]))); of a summary take max",
        ));
    }
}

fn is_quantile(expr: &Expr) -> bool {
    match expr.unwrap_parens() {
        Expr::Call(call) => match call.function.name {
            "histogram_quantile" | "histogram_quantiles" | "quantile_over_time" => true,
            "label_replace" | "label_join" => series_argument(call).is_some_and(is_quantile),
            _ => false,
        },
        Expr::Vector(selector) | Expr::Matrix { selector, .. } => {
            let quantile = |m: &narthex_storage::Matcher| {
                m.name == "quantile" && m.op == MatchOp::Equal && m.value.parse::<f64>().is_ok()
            };
            selector.matchers.iter().any(quantile)
        }
        Expr::Aggregate(e) => e.op == AggregateOp::Quantile,
        Expr::Subquery(e) => is_quantile(&e.expr),
        _ => false,
    }
}

pub(super) fn mismatched_average(visit: &Visit<'_>, found: &mut dyn FnMut(Finding)) {
    let Some(e) = visit.binary().filter(|e| e.op == BinaryOp::Div) else { return };
    let (Some(sum), Some(count)) = (part(&e.left, "_sum"), part(&e.right, "_count")) else { return };
    if sum != count {
        found(Finding::new(
            Severity::Warning,
            e.span,
            format!("{sum}_sum is divided by {count}_count: the sum and the count of two different metrics"),
            format!("an average divides by the count of the same metric: {sum}_count"),
        ));
    }
}

/// The name without its ending of the only selector of an expression made of rates and sums.
fn part<'a>(expr: &'a Expr, ending: &str) -> Option<&'a str> {
    match expr.unwrap_parens() {
        Expr::Vector(selector) | Expr::Matrix { selector, .. } => {
            metric::name(selector)?.strip_suffix(ending).filter(|name| !name.contains(':'))
        }
        Expr::Aggregate(e) if e.op == AggregateOp::Sum => part(&e.expr, ending),
        Expr::Call(call) if rates(call) => part(series_argument(call)?, ending),
        _ => None,
    }
}

fn rates(call: &Call) -> bool {
    matches!(call.function.name, "increase" | "irate" | "rate")
}
