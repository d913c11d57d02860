//! `clamp`, `clamp_min`, `clamp_max`.

use super::super::transform::transform;
use super::super::unique::drop_names;
use super::super::{Context, Node, Scalars, Scope, scalar, vector};
use super::arg;
use crate::engine::EngineError;
use crate::functions::math;
use crate::syntax::ast::Expr;

pub(super) fn build<'a>(
    cx: &Context<'a>,
    name: &'static str,
    args: &'a [Expr],
    scope: Scope,
) -> Result<Node<'a>, EngineError> {
    let bound = |i: usize| scalar(cx, arg(args, i)?, scope.exact());
    let (least, most) = match name {
        "clamp_min" => (bound(1)?, Scalars::Constant(f64::INFINITY)),
        "clamp_max" => (Scalars::Constant(f64::NEG_INFINITY), bound(1)?),
        _ => (bound(1)?, bound(2)?),
    };
    let operand = vector(cx, arg(args, 0)?, scope)?;
    let clamped = transform(operand, move |_, _, batch| {
        batch.drop_histograms();
        for i in 0..batch.len() {
            let mut column = batch.column_mut(i);
            for step in 0..column.steps() {
                let Some(value) = column.as_ref().float(step) else { continue };
                let (least, most) = (least.get(step), most.get(step));
                if most < least {
                    column.unset(step);
                } else {
                    column.set(step, math::max(math::min(value, most), least));
                }
            }
        }
        Ok(())
    });
    Ok(Node::Vector(drop_names(cx, clamped, scope)))
}
