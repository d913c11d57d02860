//! What is printed reads back as what was printed.

use narthex_promql::syntax::ast::{DurationExpr, Expr, Span, TimeModifier};
use narthex_promql::syntax::pretty;
use narthex_promql::testing::generate::{Vocabulary, expression};
use narthex_promql::{ParseOptions, parse_expr};
use proptest::prelude::*;

fn parsed(text: &str, options: &ParseOptions) -> Expr {
    parse_expr(text, options).unwrap_or_else(|e| panic!("{text}\n{e}"))
}

/// The tree without what printing does not keep: places, and the order of matchers.
fn shape(mut expr: Expr) -> Expr {
    fn duration(expr: &mut DurationExpr) {
        let none = Span::default();
        match expr {
            DurationExpr::Number { span, .. }
            | DurationExpr::Step { span }
            | DurationExpr::Range { span } => {
                *span = none;
            }
            DurationExpr::Unary { expr, span, .. } | DurationExpr::Paren { expr, span } => {
                *span = none;
                duration(expr);
            }
            DurationExpr::Binary { left, right, span, .. }
            | DurationExpr::Extreme { left, right, span, .. } => {
                *span = none;
                duration(left);
                duration(right);
            }
        }
    }
    fn time(time: &mut TimeModifier) {
        time.offset_expr.as_deref_mut().into_iter().for_each(duration);
    }
    let none = Span::default();
    match &mut expr {
        Expr::Number { span, .. }
        | Expr::String { span, .. }
        | Expr::Paren { span, .. }
        | Expr::Unary { span, .. } => *span = none,
        Expr::Binary(e) => e.span = none,
        Expr::Aggregate(e) => e.span = none,
        Expr::Call(e) => e.span = none,
        Expr::Vector(e) => {
            e.span = none;
            e.matchers.sort_by_key(|m| format!("{}{}{}", m.name, m.op.as_str(), m.value));
            time(&mut e.time);
        }
        Expr::Matrix { selector: e, range_expr, span, .. } => {
            (*span, e.span) = (none, none);
            e.matchers.sort_by_key(|m| format!("{}{}{}", m.name, m.op.as_str(), m.value));
            range_expr.as_deref_mut().into_iter().for_each(duration);
            time(&mut e.time);
        }
        Expr::Subquery(e) => {
            e.span = none;
            e.range_expr.as_deref_mut().into_iter().for_each(duration);
            e.step_expr.as_deref_mut().into_iter().for_each(duration);
            time(&mut e.time);
        }
    }
    for child in expr.children_mut() {
        let placeholder = Expr::Number { value: 0.0, duration: false, span: none };
        *child = shape(std::mem::replace(child, placeholder));
    }
    expr
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn expressions_of_every_construct_read_back_as_they_were(bytes in prop::collection::vec(any::<u8>(), 0..160)) {
        let text = expression(&bytes, &Vocabulary::default());
        let tree = parsed(&text, &ParseOptions::all());
        let printed = tree.to_string();
        // As in Prometheus infinity prints with a sign, which reads as that of the whole power.
        prop_assume!(!printed.contains("Inf ^"));
        let again = parsed(&printed, &ParseOptions::all());
        prop_assert_eq!(again.to_string(), printed);
        prop_assert_eq!(format!("{:?}", shape(tree)), format!("{:?}", shape(again)), "{}", text);
    }

    #[test]
    fn pretty_expressions_mean_the_same(bytes in prop::collection::vec(any::<u8>(), 40..200)) {
        let tree = parsed(&expression(&bytes, &Vocabulary::default()), &ParseOptions::all());
        prop_assume!(!tree.to_string().contains("Inf ^"));
        prop_assert_eq!(parsed(&pretty(&tree), &ParseOptions::all()).to_string(), tree.to_string());
    }

    #[test]
    fn the_stable_language_needs_no_feature(bytes in prop::collection::vec(any::<u8>(), 0..160)) {
        let text = expression(&bytes, &Vocabulary { stable_only: true, ..Vocabulary::default() });
        parsed(&text, &ParseOptions::default());
    }

    #[test]
    fn no_text_makes_the_parser_panic(text in "[a-c0-9 (){}\\[\\]\"'`=!~<>/*^%@:,.+\\-#\n_xsm]{0,40}|\\PC{0,20}") {
        if let Ok(tree) = parse_expr(&text, &ParseOptions::all()) {
            let printed = tree.to_string();
            prop_assert_eq!(parsed(&printed, &ParseOptions::all()).to_string(), printed);
        }
    }
}
