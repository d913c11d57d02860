//! Comparisons that decide nothing, and divisions by what may be nothing.

use super::super::Usage;
use super::super::hint::{Finding, Severity};
use super::super::range::{self, Range, Verdict};
use super::super::walk::Visit;
use crate::numeric::format_float;
use crate::syntax::ast::{AggregateOp, Binary, BinaryOp, Expr, ValueType};

/// The comparison of a vector that a node is.
fn comparison<'a>(visit: &Visit<'a>) -> Option<&'a Binary> {
    let both_scalar =
        |e: &Binary| e.left.value_type() == ValueType::Scalar && e.right.value_type() == ValueType::Scalar;
    visit.binary().filter(|e| e.op.is_comparison() && !both_scalar(e))
}

fn verdict(e: &Binary, visit: &Visit<'_>) -> (Verdict, Range, Range) {
    let (left, right) = (range::of(&e.left, visit.options), range::of(&e.right, visit.options));
    (left.compare(e.op, right), left, right)
}

pub(super) fn never_true(visit: &Visit<'_>, found: &mut dyn FnMut(Finding)) {
    excluded_by_and(visit, found);
    let Some(e) = comparison(visit) else { return };
    let effect = if e.return_bool { "gives 0 for every series" } else { "drops every series" };
    let nan = |side: &Expr| range::constant(side).is_some_and(f64::is_nan);
    if e.op != BinaryOp::Neq && (nan(&e.left) || nan(&e.right)) {
        found(Finding::new(
            Severity::Error,
            e.span,
            format!("nothing compares with NaN, so this {effect}"),
            "to select NaN compare a value with itself: x != x",
        ));
        return;
    }
    let (verdict, left, right) = verdict(e, visit);
    if verdict != Verdict::Never {
        return;
    }
    // What is known is told of the side that is no plain number.
    let (known, other) = if range::constant(&e.left).is_some() { (right, left) } else { (left, right) };
    let fix = match counted(e) {
        Some(()) => "use absent(), or compare (… or vector(0)) when nothing shall count as 0".to_owned(),
        None if e.return_bool => "correct the bound".to_owned(),
        None => "correct one of the bounds; for values outside of two bounds write x < 3 or x > 5".to_owned(),
    };
    found(Finding::new(
        Severity::Error,
        e.span,
        format!(
            "this {effect}: the one side is always {known}, the other {other}, and the comparison is {}",
            e.op.symbol()
        ),
        fix,
    ));
}

/// A count that is compared with less than 1: there is no count of nothing.
fn counted(e: &Binary) -> Option<()> {
    let counts = |side: &Expr| match side.unwrap_parens() {
        Expr::Aggregate(a) => matches!(a.op, AggregateOp::Count | AggregateOp::Group),
        Expr::Call(c) => matches!(c.function.name, "count_over_time" | "present_over_time"),
        _ => false,
    };
    (counts(&e.left) || counts(&e.right)).then_some(())
}

/// `x > 5 and x < 3`: the same operand under conditions that exclude each other.
fn excluded_by_and(visit: &Visit<'_>, found: &mut dyn FnMut(Finding)) {
    // Matched by some labels only, the two sides may speak of different series.
    let whole = |e: &Binary| !e.matching.on && e.matching.labels.is_empty();
    let Some(e) = visit.binary().filter(|e| e.op == BinaryOp::And && whole(e)) else { return };
    let (Some(left), Some(right)) = (subject(&e.left), subject(&e.right)) else { return };
    let both = range::of(&e.left, visit.options).intersect(range::of(&e.right, visit.options));
    if both.is_empty() && left.to_string() == right.to_string() {
        found(Finding::new(
            Severity::Error,
            e.span,
            format!("this drops every series: no value of {left} satisfies both sides"),
            "for values outside of two bounds use or instead of and",
        ));
    }
}

/// The operand under a chain of comparisons with numbers.
fn subject(expr: &Expr) -> Option<&Expr> {
    let Expr::Binary(e) = expr.unwrap_parens() else { return None };
    if !e.op.is_comparison() || e.return_bool {
        return None;
    }
    let operand = match (range::constant(&e.left), range::constant(&e.right)) {
        (None, Some(_)) => &e.left,
        (Some(_), None) => &e.right,
        _ => return None,
    };
    Some(subject(operand).unwrap_or(operand).unwrap_parens())
}

pub(super) fn always_true(visit: &Visit<'_>, found: &mut dyn FnMut(Finding)) {
    let Some(e) = comparison(visit) else { return };
    let (verdict, left, right) = verdict(e, visit);
    if verdict == Verdict::Always {
        let effect = if e.return_bool { "gives 1 for every series" } else { "drops nothing but NaN" };
        let (known, _) = if range::constant(&e.left).is_some() { (right, left) } else { (left, right) };
        found(Finding::new(
            Severity::Info,
            e.span,
            format!("this {effect}: the one side is always {known}"),
            "leave the comparison out, or correct the bound",
        ));
    }
}

pub(super) fn equality_of_extrapolation(visit: &Visit<'_>, found: &mut dyn FnMut(Finding)) {
    const EXTRAPOLATED: &[&str] = &["delta", "increase", "rate"];
    let Some(e) = comparison(visit).filter(|e| matches!(e.op, BinaryOp::Eql | BinaryOp::Neq)) else { return };
    let (operand, number) = match (range::constant(&e.left), range::constant(&e.right)) {
        (None, Some(number)) => (&e.left, number),
        (Some(number), None) => (&e.right, number),
        _ => return,
    };
    // 0 is met exactly: nothing changed.
    let Expr::Call(call) = operand.unwrap_parens() else { return };
    if number != 0.0 && number.is_finite() && EXTRAPOLATED.contains(&call.function.name) {
        let name = call.function.name;
        found(Finding::new(
            Severity::Warning,
            e.span,
            format!(
                "{name}() extrapolates to the bounds of the range and is seldom a whole number, so it is hardly ever exactly {}",
                format_float(number)
            ),
            format!("compare with a bound, or round first: round({name}(…))"),
        ));
    }
}

pub(super) fn division_by_zero(visit: &Visit<'_>, found: &mut dyn FnMut(Finding)) {
    let Some(e) = visit.binary().filter(|e| matches!(e.op, BinaryOp::Div | BinaryOp::Mod)) else { return };
    if range::constant(&e.right) == Some(0.0) {
        found(Finding::new(
            Severity::Warning,
            e.span,
            "the divisor is 0, so this gives infinities and NaN only",
            "correct the divisor",
        ));
        return;
    }
    let compared = matches!(visit.parent(), Some(Expr::Binary(above)) if matches!(above.op, BinaryOp::Gtr | BinaryOp::Gte));
    let divisor = range::of(&e.right, visit.options);
    let may_be_zero = !divisor.is_all() && divisor.contains(0.0);
    if visit.options.usage == Usage::Alert && compared && may_be_zero {
        found(Finding::new(
            Severity::Info,
            e.span,
            "the divisor may be 0: then this is +Inf, which is above every bound, or NaN, which is above none",
            "if that is not meant, let the divisor be above 0: x / (y > 0)",
        ));
    }
}
