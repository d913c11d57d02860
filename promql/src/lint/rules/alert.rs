//! Conditions of alerts, and what is recorded.

use super::super::Usage;
use super::super::hint::{Finding, Severity};
use super::super::walk::{Visit, each};
use crate::syntax::ast::{Expr, ValueType};

pub(super) fn irate(visit: &Visit<'_>, found: &mut dyn FnMut(Finding)) {
    let purpose = match visit.options.usage {
        Usage::Alert => "an alert on it flaps",
        Usage::Record => "a recording of it misses what happens between evaluations",
        _ => return,
    };
    let Some(call) = visit.call_of(&["irate"]) else { return };
    let args: Vec<String> = call.args.iter().map(ToString::to_string).collect();
    found(
        Finding::new(
            Severity::Warning,
            call.span,
            format!("irate() sees only the last two samples, so {purpose}"),
            "use rate()",
        )
        .edit(call.span, format!("rate({})", args.join(", "))),
    );
}

pub(super) fn bool_in_alert(visit: &Visit<'_>, found: &mut dyn FnMut(Finding)) {
    let top = visit.parents.iter().all(|parent| matches!(parent, Expr::Paren { .. }));
    if visit.options.usage != Usage::Alert || !top {
        return;
    }
    let Some(e) = visit.binary().filter(|e| e.return_bool && e.op.is_comparison()) else { return };
    let vectors = [&e.left, &e.right].iter().any(|side| side.value_type() == ValueType::Vector);
    if !vectors {
        return;
    }
    let mut changed = e.clone();
    changed.return_bool = false;
    found(
        Finding::new(
            Severity::Error,
            e.span,
            "bool keeps every series with 0 or 1 as its value, and an alert fires for every series, whatever its value",
            "leave bool out",
        )
        .edit(e.span, Expr::Binary(Box::new(changed)).to_string()),
    );
}

pub(super) fn without_condition(visit: &Visit<'_>, found: &mut dyn FnMut(Finding)) {
    if visit.options.usage != Usage::Alert || !visit.parents.is_empty() {
        return;
    }
    let mut condition = false;
    let mut series = false;
    each(visit.expr, &mut |expr, _| match expr {
        Expr::Binary(e) => condition |= e.op.is_comparison() || e.op.is_set(),
        Expr::Call(e) => condition |= matches!(e.function.name, "absent" | "absent_over_time" | "changes"),
        Expr::Vector(_) | Expr::Matrix { .. } => series = true,
        _ => {}
    });
    if series && !condition {
        found(Finding::new(
            Severity::Warning,
            visit.expr.span(),
            "nothing is compared here: an alert fires for every series that the expression gives, whatever its value",
            "compare with a bound: … > 0",
        ));
    }
}
