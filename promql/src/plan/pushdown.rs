//! What the partner of a join demands of a label is asked of the store already.
//!
//! In `a and on (job) b{job="x"}` only series of job `x` can find a partner. The matcher moves only to a side whose
//! series are dropped in silence when they find none: either side of `and`, the right of `unless`, the "many" side
//! of arithmetic and comparison. There it moves only when the "one" side groups by the labels that are matched: else
//! two series of one group may be an error, which depends on whether the "many" side has anything at all.

use crate::functions::range;
use crate::syntax::ast::{
    Aggregate, AggregateOp, Binary, BinaryOp, Call, Cardinality, Expr, Matching, VectorSelector,
};
use narthex_storage::{MatchOp, Matcher};

/// Functions of an instant vector that keep every label but the name's, and look at each series by itself.
const PER_SERIES: &[&str] = &[
    "abs",
    "acos",
    "acosh",
    "asin",
    "asinh",
    "atan",
    "atanh",
    "ceil",
    "clamp",
    "clamp_max",
    "clamp_min",
    "cos",
    "cosh",
    "day_of_month",
    "day_of_week",
    "day_of_year",
    "days_in_month",
    "deg",
    "exp",
    "floor",
    "histogram_avg",
    "histogram_count",
    "histogram_stddev",
    "histogram_stdvar",
    "histogram_sum",
    "hour",
    "ln",
    "log10",
    "log2",
    "minute",
    "month",
    "rad",
    "round",
    "sgn",
    "sin",
    "sinh",
    "sqrt",
    "tan",
    "tanh",
    "timestamp",
    "year",
];

/// Moves matchers through every join of an expression.
pub(super) fn push_matchers(expr: &mut Expr) {
    expr.children_mut().for_each(push_matchers);
    if let Expr::Binary(binary) = expr {
        join(binary);
    }
}

fn join(binary: &mut Binary) {
    let matching = &binary.matching;
    if matching.fill_left.is_some() || matching.fill_right.is_some() {
        return;
    }
    let in_key = |label: &str| label != "__name__" && listed(matching, label) == matching.on;
    let keyed = |matchers: Vec<Matcher>| -> Vec<Matcher> {
        matchers.into_iter().filter(|m| in_key(&m.name)).collect()
    };
    let (left, right) = (keyed(demanded(&binary.left)), keyed(demanded(&binary.right)));
    match (binary.op, matching.card) {
        (BinaryOp::Or, _) => {}
        (BinaryOp::Unless, _) => push_all(&mut binary.right, &left),
        (BinaryOp::And, _) => {
            push_all(&mut binary.left, &right);
            push_all(&mut binary.right, &left);
        }
        (_, Cardinality::OneToMany) if is_unique(&binary.left, &in_key) => push_all(&mut binary.right, &left),
        (_, Cardinality::OneToMany) => {}
        _ if is_unique(&binary.right, &in_key) => push_all(&mut binary.left, &right),
        _ => {}
    }
}

/// Whether no two series of an expression have the same labels among those that are matched.
fn is_unique(expr: &Expr, in_key: &impl Fn(&str) -> bool) -> bool {
    use AggregateOp::{Bottomk, CountValues, LimitRatio, Limitk, Topk};
    match expr.unwrap_parens() {
        Expr::Aggregate(e) => {
            let one_per_group = !matches!(e.op, Bottomk | CountValues | LimitRatio | Limitk | Topk);
            one_per_group && !e.without && e.grouping.iter().all(|label| in_key(label))
        }
        Expr::Unary { expr, .. } => is_unique(expr, in_key),
        Expr::Binary(e) if is_number(&e.right) => is_unique(&e.left, in_key),
        Expr::Binary(e) if is_number(&e.left) => is_unique(&e.right, in_key),
        _ => false,
    }
}

fn listed(matching: &Matching, label: &str) -> bool {
    matching.labels.iter().any(|l| l == label)
}

fn push_all(expr: &mut Expr, matchers: &[Matcher]) {
    for matcher in matchers {
        if accepts(expr, &matcher.name) {
            push(expr, matcher);
        }
    }
}

/// What every series of an expression is known to satisfy.
fn demanded(expr: &Expr) -> Vec<Matcher> {
    match expr.unwrap_parens() {
        Expr::Vector(selector) | Expr::Matrix { selector, .. } => {
            selector.matchers.iter().filter(|m| m.name != "__name__").cloned().collect()
        }
        Expr::Unary { expr, .. } => demanded(expr),
        Expr::Call(call) => operand(call).map(demanded).unwrap_or_default(),
        Expr::Aggregate(e) => demanded(&e.expr).into_iter().filter(|m| grouped_by(e, &m.name)).collect(),
        Expr::Binary(e) => match (&e.left, &e.right) {
            (left, right) if is_number(right) => demanded(left),
            (left, right) if is_number(left) => demanded(right),
            (left, _) if matches!(e.op, BinaryOp::And | BinaryOp::Unless) => demanded(left),
            _ => Vec::new(),
        },
        _ => Vec::new(),
    }
}

/// Whether choosing series by a label before an expression gives the same as choosing after it.
fn accepts(expr: &Expr, label: &str) -> bool {
    match expr.unwrap_parens() {
        // Of one metric no two series become equal when the name goes.
        Expr::Vector(selector) => names_metric(selector),
        Expr::Matrix { selector, .. } => names_metric(selector),
        Expr::Unary { expr, .. } => accepts(expr, label),
        Expr::Call(call) => operand(call).is_some_and(|operand| accepts(operand, label)),
        Expr::Aggregate(e) => grouped_by(e, label) && accepts(&e.expr, label),
        Expr::Binary(e) if is_number(&e.right) => accepts(&e.left, label),
        Expr::Binary(e) if is_number(&e.left) => accepts(&e.right, label),
        _ => false,
    }
}

fn push(expr: &mut Expr, matcher: &Matcher) {
    match expr {
        Expr::Paren { expr, .. } | Expr::Unary { expr, .. } => push(expr, matcher),
        Expr::Vector(selector) | Expr::Matrix { selector, .. } => {
            let same = |m: &Matcher| m.name == matcher.name && m.op == matcher.op && m.value == matcher.value;
            if !selector.matchers.iter().any(same) {
                selector.matchers.push(matcher.clone());
            }
        }
        Expr::Call(call) => {
            if let Some(operand) = call.args.iter_mut().find(|arg| !is_number(arg)) {
                push(operand, matcher);
            }
        }
        Expr::Aggregate(e) => push(&mut e.expr, matcher),
        Expr::Binary(e) => {
            let side = if is_number(&e.right) { &mut e.left } else { &mut e.right };
            push(side, matcher);
        }
        Expr::Number { .. } | Expr::String { .. } | Expr::Subquery(_) => {}
    }
}

fn names_metric(selector: &VectorSelector) -> bool {
    selector.matchers.iter().any(|m| m.name == "__name__" && m.op == MatchOp::Equal)
}

fn is_number(expr: &Expr) -> bool {
    use crate::syntax::ast::ValueType::{Scalar, String};
    matches!(expr.value_type(), Scalar | String)
}

/// The vector of a function that looks at each series by itself.
fn operand(call: &Call) -> Option<&Expr> {
    let name = call.function.name;
    let per_series = PER_SERIES.contains(&name) || range::find(name).is_some();
    call.args.iter().find(|arg| !is_number(arg)).filter(|_| per_series)
}

/// Whether the groups of an aggregation differ by a label.
fn grouped_by(aggregate: &Aggregate, label: &str) -> bool {
    let listed = aggregate.grouping.iter().any(|l| l == label);
    aggregate.op != AggregateOp::CountValues && listed != aggregate.without
}

#[cfg(test)]
mod tests {
    use super::push_matchers;
    use crate::syntax::{ParseOptions, parse_expr};

    #[test]
    fn matchers_move_to_the_side_whose_series_may_be_missing() {
        for (text, want) in [
            // Of `b` there may be two of a job, which is an error as long as there is any `a`.
            ("a * on (job) b{job=\"x\"}", "a * on (job) b{job=\"x\"}"),
            (
                "a * on (job) sum by (job) (b{job=\"x\"})",
                "a{job=\"x\"} * on (job) sum by (job) (b{job=\"x\"})",
            ),
            ("a * on (job) sum by (z) (b{job=\"x\"})", "a * on (job) sum by (z) (b{job=\"x\"})"),
            ("a{job=\"x\"} * on (job) b", "a{job=\"x\"} * on (job) b"),
            ("a{job=~\"x|y\"} and b", "a{job=~\"x|y\"} and b{job=~\"x|y\"}"),
            ("a{job=\"x\"} unless ignoring (job) b", "a{job=\"x\"} unless ignoring (job) b"),
            ("a unless b{job=\"x\"}", "a unless b{job=\"x\"}"),
            ("a{job!=\"x\"} or b", "a{job!=\"x\"} or b"),
            (
                "max by (job) (a{job=\"x\"}) * on (job) group_right () sum by (job, z) (rate(b[5m]))",
                "max by (job) (a{job=\"x\"}) * on (job) group_right () sum by (job, z) (rate(b{job=\"x\"}[5m]))",
            ),
            ("sum(a) by (job) * on (job) 2 * b{x=\"1\"}", "sum by (job) (a) * on (job) 2 * b{x=\"1\"}"),
            ("sum without (job) (a) - b{job=\"x\"}", "sum without (job) (a) - b{job=\"x\"}"),
            ("{job=~\".+\"} - b{job=\"x\"}", "{job=~\".+\"} - b{job=\"x\"}"),
            ("a + fill (0) b{job=\"x\"}", "a + fill (0) b{job=\"x\"}"),
            ("topk(1, a) - b{job=\"x\"}", "topk(1, a) - b{job=\"x\"}"),
        ] {
            let Ok(mut expr) = parse_expr(text, &ParseOptions::all()) else { continue };
            push_matchers(&mut expr);
            assert_eq!(expr.to_string(), want, "{text}");
        }
    }
}
