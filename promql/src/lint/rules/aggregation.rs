//! Aggregations and functions that depend on which labels are left.

use super::super::hint::{Finding, Severity};
use super::super::labels;
use super::super::walk::{Visit, series_argument};
use super::names;
use crate::syntax::ast::{Cardinality, Expr, VectorSelector};
use narthex_storage::MatchOp;

pub(super) fn label_already_dropped(visit: &Visit<'_>, found: &mut dyn FnMut(Finding)) {
    if let Some(e) = visit.aggregate() {
        let inner = labels::of(&e.expr);
        let Some(set) = inner.at_most.as_ref() else { return };
        // Without a single possible label there is nothing that somebody dropped by mistake: vector(1).
        let aggregated =
            matches!(e.expr.unwrap_parens(), Expr::Aggregate(_) | Expr::Binary(_) | Expr::Call(_));
        if e.without || !aggregated {
            return;
        }
        for label in e.grouping.iter().filter(|label| !inner.may_have(label) && *label != "__name__") {
            found(Finding::new(
                Severity::Warning,
                e.span,
                format!(
                    "grouping by {label} has no effect: the operand has at most the labels ({})",
                    names(set)
                ),
                format!("keep {label} in the inner aggregation, or leave it out here"),
            ));
        }
        return;
    }
    let Some(e) = visit.binary() else { return };
    let (one, word) = match e.matching.card {
        Cardinality::ManyToOne => (&e.right, "right"),
        Cardinality::OneToMany => (&e.left, "left"),
        _ => return,
    };
    let one = labels::of(one);
    for label in e.matching.include.iter().filter(|label| !one.may_have(label)) {
        let set = one.at_most.as_ref().map(names).unwrap_or_default();
        found(Finding::new(
            Severity::Error,
            e.span,
            format!(
                "{label} cannot be taken over from the {word} side, which has at most the labels ({set})"
            ),
            format!(
                "keep {label} in the aggregation of the {word} side, or leave it out of the group modifier"
            ),
        ));
    }
}

pub(super) fn absent_of_aggregate(visit: &Visit<'_>, found: &mut dyn FnMut(Finding)) {
    let Some(call) = visit.call_of(&["absent", "absent_over_time"]) else { return };
    let argument = series_argument(call).map(Expr::unwrap_parens);
    let argument = match argument {
        Some(Expr::Subquery(e)) => Some(e.expr.unwrap_parens()),
        other => other,
    };
    let Some(Expr::Aggregate(e)) = argument else { return };
    let name = call.function.name;
    let message = if e.grouping.is_empty() {
        format!(
            "{name}() takes its labels from the matchers of a selector, and an aggregate has none: the result has no labels"
        )
    } else {
        format!(
            "{name}() does not tell which of the groups is missing: it answers only when there is none at all, and without labels"
        )
    };
    found(Finding::new(
        Severity::Warning,
        call.span,
        message,
        format!(
            "write {name}() of the selector itself; for a group that went away compare with its past: group by (…) (x offset 1h) unless group by (…) (x)"
        ),
    ));
}

pub(super) fn scalar_of_many(visit: &Visit<'_>, found: &mut dyn FnMut(Finding)) {
    let Some(call) = visit.call_of(&["scalar"]) else { return };
    let Some(argument) = series_argument(call).map(Expr::unwrap_parens) else { return };
    let many = match argument {
        Expr::Vector(selector) => !pinned(selector),
        Expr::Aggregate(_) => labels::of(argument).at_most.is_some_and(|set| !set.is_empty()),
        _ => false,
    };
    if many {
        found(Finding::new(
            Severity::Info,
            call.span,
            "scalar() gives NaN unless there is exactly one series, and here may be several",
            "aggregate to one first: scalar(sum(…)); or join instead: on (…) group_left ()",
        ));
    }
}

/// Whether the matchers name one target.
fn pinned(selector: &VectorSelector) -> bool {
    selector.matchers.iter().any(|m| m.op == MatchOp::Equal && m.name == "instance")
}
