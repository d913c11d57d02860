//! Expressions over several lines: whatever would be longer than a line is split and indented, by the
//! rules of Prometheus's `format_query`.

use super::ast::Expr;
use super::printer::{AggregateHead, Operator, SubqueryRange};
use std::fmt::{self, Write};

/// Longest line that is not split, bytes.
const LINE_MAX: usize = 100;

/// The expression for people to read.
#[must_use]
pub fn pretty(expr: &Expr) -> String {
    let mut writer = Writer { out: String::new() };
    writer.node(expr, 0, true);
    writer.out
}

struct Writer {
    out: String,
}

impl Writer {
    fn indent(&mut self, level: usize) {
        self.out.extend(std::iter::repeat_n("  ", level));
    }

    fn line(&mut self, text: impl fmt::Display) {
        // A string takes everything.
        let _ = write!(self.out, "{text}");
    }

    /// Writes an expression; `at_start` is false where something stands before it on its line.
    fn node(&mut self, expr: &Expr, level: usize, at_start: bool) {
        let short = fits(expr);
        // What begins with another node leaves the indentation to that, and Prometheus indents no
        // subquery that fits its line.
        let leads = !short && matches!(expr, Expr::Binary(_) | Expr::Subquery(_));
        if at_start && !leads && !(short && matches!(expr, Expr::Subquery(_))) {
            self.indent(level);
        }
        if let Expr::Unary { negative, expr, .. } = expr {
            self.out.push(if *negative { '-' } else { '+' });
            return self.node(expr, level, false);
        }
        if short {
            return self.line(expr);
        }
        match expr {
            Expr::Binary(e) => {
                self.node(&e.left, level + 1, at_start);
                self.out.push('\n');
                self.indent(level);
                self.line(Operator(e));
                self.out.push('\n');
                self.node(&e.right, level + 1, true);
            }
            Expr::Subquery(e) => {
                self.node(&e.expr, level, at_start);
                self.line(SubqueryRange(e));
            }
            Expr::Aggregate(e) => {
                self.line(AggregateHead(e));
                self.in_parens(e.param.iter().chain([&e.expr]), level);
            }
            Expr::Call(e) => {
                self.line(e.function.name);
                self.in_parens(e.args.iter(), level);
            }
            Expr::Paren { expr, .. } => self.in_parens([&**expr], level),
            other => self.line(other),
        }
    }

    fn in_parens<'e>(&mut self, exprs: impl IntoIterator<Item = &'e Expr>, level: usize) {
        self.out.push('(');
        for (i, expr) in exprs.into_iter().enumerate() {
            self.out.push_str(if i > 0 { ",\n" } else { "\n" });
            self.node(expr, level + 1, true);
        }
        self.out.push('\n');
        self.indent(level);
        self.out.push(')');
    }
}

/// Whether the expression is no longer than a line, without printing more of it than that.
fn fits(expr: &Expr) -> bool {
    struct Left(usize);
    impl fmt::Write for Left {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            self.0 = self.0.checked_sub(text.len()).ok_or(fmt::Error)?;
            Ok(())
        }
    }
    write!(Left(LINE_MAX), "{expr}").is_ok()
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
