//! The second look: every outermost selector pinned with `@`, printed back to text, and run at other times.

use super::script::PARSE_OPTIONS;
use crate::exec::TIME_DEPENDENT;
use crate::syntax::ast::{At, Expr};
use crate::syntax::parse_expr;

/// The expression with every outermost selector pinned to `at`, and the times to run it at; nothing where
/// that would not be the same query.
pub(super) fn pinned(text: &str, at: i64) -> Option<(String, Vec<i64>)> {
    let mut expr = parse_expr(text, &PARSE_OPTIONS).ok()?;
    if depends_on_time(&expr) {
        return None;
    }
    pin(&mut expr, at);
    let times = if at == 0 { vec![-1000, 0, 1000] } else { vec![-10 * at, 0, at / 5, at, 10 * at] };
    Some((expr.to_string(), times))
}

fn depends_on_time(expr: &Expr) -> bool {
    expr.descendants().any(|e| matches!(e, Expr::Call(call) if TIME_DEPENDENT.contains(&call.function.name)))
}

fn pin(expr: &mut Expr, at: i64) {
    let time = match expr {
        Expr::Vector(e) => &mut e.time,
        Expr::Matrix { selector, .. } => &mut selector.time,
        Expr::Subquery(e) => &mut e.time,
        other => return other.children_mut().for_each(|child| pin(child, at)),
    };
    if !matches!(time.at, Some(At::Timestamp(_))) {
        time.at = Some(At::Timestamp(at));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_outermost_selectors_are_pinned() {
        for (text, wanted) in [
            ("a + b", "a @ 60.000 + b @ 60.000"),
            ("a @ 5 + b @ start()", "a @ 5.000 + b @ 60.000"),
            ("rate(a[1m] offset 1m)", "rate(a[1m] @ 60.000 offset 1m)"),
            ("sum_over_time(rate(a[1m])[5m:1m] @ end())", "sum_over_time(rate(a[1m])[5m:1m] @ 60.000)"),
            ("sum_over_time(a[5m:1m] @ 3)", "sum_over_time(a[5m:1m] @ 3.000)"),
            ("topk(scalar(a), b)", "topk(scalar(a @ 60.000), b @ 60.000)"),
        ] {
            let (pinned, times) = pinned(text, 60_000).unwrap();
            assert_eq!(pinned, wanted);
            assert_eq!(times, [-600_000, 0, 12_000, 60_000, 600_000]);
        }
        assert_eq!(pinned("a", 0).unwrap().1, [-1000, 0, 1000]);
    }

    #[test]
    fn what_depends_on_the_time_itself_is_left_out() {
        for text in
            ["time()", "a + (vector(-hour()))", "sum(timestamp(a))", "sum_over_time(vector(time())[1m:1s])"]
        {
            assert_eq!(pinned(text, 1), None, "{text}");
        }
    }
}
