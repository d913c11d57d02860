//! Expressions over several lines: whatever would be longer than a line is split and indented, by the
//! rules of Prometheus's `format_query`.

use super::ast::Expr;
use super::printer::{AggregateHead, Operator, SubqueryRange};

/// Longest line that is not split, bytes.
const LINE_MAX: usize = 100;

/// The expression for people to read.
#[must_use]
pub fn pretty(expr: &Expr) -> String {
    node(expr, 0)
}

fn node(expr: &Expr, level: usize) -> String {
    let indent = "  ".repeat(level);
    let line = expr.to_string();
    if let Expr::Unary { negative, expr, .. } = expr {
        let sign = if *negative { '-' } else { '+' };
        return format!("{indent}{sign}{}", node(expr, level).trim());
    }
    if line.len() <= LINE_MAX {
        // Prometheus does not indent a subquery that fits its line.
        return if matches!(expr, Expr::Subquery(_)) { line } else { indent + &line };
    }
    match expr {
        Expr::Aggregate(e) => {
            let param = e.param.as_ref().map(|p| node(p, level + 1) + ",\n").unwrap_or_default();
            let inner = node(&e.expr, level + 1);
            format!("{indent}{}(\n{param}{inner}\n{indent})", AggregateHead(e))
        }
        Expr::Binary(e) => {
            let (left, right) = (node(&e.left, level + 1), node(&e.right, level + 1));
            format!("{left}\n{indent}{}\n{right}", Operator(e))
        }
        Expr::Call(e) => {
            let args: Vec<String> = e.args.iter().map(|arg| node(arg, level + 1)).collect();
            format!("{indent}{}(\n{}\n{indent})", e.function.name, args.join(",\n"))
        }
        Expr::Paren { expr, .. } => format!("{indent}(\n{}\n{indent})", node(expr, level + 1)),
        Expr::Subquery(e) => format!("{}{}", node(&e.expr, level), SubqueryRange(e)),
        _ => indent + &line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ParseOptions, parse_expr};

    fn formatted(text: &str) -> String {
        pretty(&parse_expr(text, &ParseOptions::default()).unwrap())
    }

    #[test]
    fn short_expressions_stay_on_their_line() {
        assert_eq!(formatted("sum  by(job) ( rate(x [5m] ))"), "sum by (job) (rate(x[5m]))");
    }

    #[test]
    fn long_expressions_are_split_and_indented() {
        let long = "a_metric_with_a_very_long_name_that_fills_more_than_the_whole_line{label=\"and a value that is long too\"}";
        let text = format!("topk by (job) (5, rate({long}[5m])) / on (job) group_left () -(sum({long}))");
        let want = format!(
            "  topk by (job) (\n    5,\n    rate(\n      {long}[5m]\n    )\n  )\n/ on (job) group_left ()\n  -(\n    sum(\n      {long}\n    )\n  )"
        );
        assert_eq!(formatted(&text), want);
    }

    #[test]
    fn splitting_changes_no_meaning() {
        let name = "n".repeat(90);
        for text in
            [format!("({name} + {name})"), format!("max_over_time(rate({name}[1m])[1h:5m] offset 1d)")]
        {
            let tree = parse_expr(&text, &ParseOptions::default()).unwrap();
            let again = parse_expr(&pretty(&tree), &ParseOptions::default()).unwrap();
            assert_eq!(tree.to_string(), again.to_string());
        }
    }
}
