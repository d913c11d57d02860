//! `absent`, `absent_over_time`: one series where there is none.

use super::super::{Context, Node, Operator, Scope, vector};
use super::{arg, one_series, over_range};
use crate::batch::{Batch, words};
use crate::engine::EngineError;
use crate::functions::range;
use crate::syntax::ast::Expr;
use narthex_storage::{Labels, LabelsBuilder, MatchOp, Matcher};
use std::collections::HashMap;

pub(super) fn instant<'a>(cx: &Context<'a>, args: &'a [Expr], scope: Scope) -> Result<Node<'a>, EngineError> {
    let expr = arg(args, 0)?;
    let mut operand = vector(cx, expr, Scope { unordered: true, ..scope })?;
    holes(cx, &mut *operand, expr, scope)
}

pub(super) fn over_time<'a>(
    cx: &Context<'a>,
    args: &'a [Expr],
    scope: Scope,
) -> Result<Node<'a>, EngineError> {
    let expr = arg(args, 0)?;
    let Some(present) = range::find("present_over_time") else {
        return Err(EngineError::Exec("present_over_time is missing".to_owned()));
    };
    if let Expr::Matrix { selector, .. } = expr.unwrap_parens() {
        range::check_bounds("absent_over_time", selector.bounds)?;
    }
    let mut operand = over_range(cx, present, args, Scope { unordered: true, ..scope })?;
    holes(cx, &mut *operand, expr, scope)
}

/// One where no series has a sample.
fn holes<'a>(
    cx: &Context<'a>,
    operand: &mut dyn Operator,
    expr: &Expr,
    scope: Scope,
) -> Result<Node<'a>, EngineError> {
    let steps = scope.steps.count;
    let mut there = vec![0u64; words(steps)];
    while let Some(part) = operand.next(cx)? {
        for i in 0..part.batch.len() {
            let column = part.batch.column(i);
            for (word, there) in there.iter_mut().enumerate() {
                *there |= column.word(word);
            }
        }
    }
    let mut batch = Batch::new(1, steps);
    let mut out = batch.column_mut(0);
    for step in 0..steps {
        if there.get(step / 64).is_none_or(|word| word >> (step % 64) & 1 == 0) {
            out.set(step, 1.0);
        }
    }
    one_series(cx, pinned_labels(expr), batch)
}

/// Labels that an equality matcher pins once.
fn pinned_labels(expr: &Expr) -> Labels {
    let matchers: &[Matcher] = match expr.unwrap_parens() {
        Expr::Vector(selector) | Expr::Matrix { selector, .. } => &selector.matchers,
        _ => &[],
    };
    let mut seen: HashMap<&str, usize> = HashMap::new();
    matchers.iter().for_each(|m| *seen.entry(m.name.as_str()).or_default() += 1);
    let mut builder = LabelsBuilder::new();
    for matcher in matchers {
        let alone = seen.get(matcher.name.as_str()) == Some(&1);
        if alone && matcher.op == MatchOp::Equal && matcher.name != "__name__" {
            builder.set(&matcher.name, &matcher.value);
        }
    }
    builder.build()
}
