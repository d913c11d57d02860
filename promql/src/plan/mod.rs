//! Between the checked tree and the operators: rewrites that read less, and the plan as people see it.
//!
//! Constants need no pass of their own: scalars are evaluated while operators are built, once per query.

mod pushdown;

use crate::exec::is_invariant;
use crate::exec::profile::{PlanNode, describe};
use crate::syntax::ast::Expr;

/// Rewrites a prepared expression so that it reads less and answers the same.
pub(crate) fn optimize(mut expr: Expr) -> Expr {
    pushdown::push_matchers(&mut expr);
    expr
}

/// The plan of an expression, without what it costs: no store is asked.
#[must_use]
pub fn plan(expr: Expr) -> PlanNode {
    of(&optimize(expr), false)
}

fn of(expr: &Expr, pinned: bool) -> PlanNode {
    let inner = expr.unwrap_parens();
    let trivial = matches!(inner, Expr::Number { .. } | Expr::String { .. });
    let invariant = !pinned && !trivial && is_invariant(inner);
    let mut node = describe(inner);
    if invariant {
        node.push_str(" (once, the same at every step)");
    }
    let span = inner.span();
    let mut children: Vec<PlanNode> = Vec::new();
    for child in inner.children() {
        match child.unwrap_parens() {
            // Read by the function itself.
            Expr::Matrix { .. } => {}
            Expr::Subquery(subquery) => children.push(of(&subquery.expr, pinned || invariant)),
            _ => children.push(of(child, pinned || invariant)),
        }
    }
    PlanNode { node, span: (span.start, span.end), children, ..PlanNode::default() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::syntax::{ParseOptions, parse_expr};

    #[test]
    fn a_plan_names_operators_and_what_they_read() {
        let text = "sum by (job) (rate(x[5m])) and on (job) y{job=\"a\"} @ 10";
        let plan = plan(parse_expr(text, &ParseOptions::all()).unwrap());
        assert_eq!(plan.node, "combine and");
        let nodes: Vec<&str> = plan.children.iter().map(|child| child.node.as_str()).collect();
        assert_eq!(
            nodes,
            ["aggregate sum by (job)", "select newest y{job=\"a\"} @ 10.000 (once, the same at every step)"]
        );
        assert_eq!(plan.children[0].children[0].node, "rate of window x{job=\"a\"}[5m]");
        assert_eq!(plan.children[0].span, (0, 26));
    }
}
