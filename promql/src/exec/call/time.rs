//! `time`, `timestamp`, `start_timestamp`.

use super::super::scan::{self, Pick};
use super::super::transform::transform;
use super::super::unique::drop_names;
use super::super::{Context, Node, Scalars, Scope, vector};
use super::arg;
use crate::engine::EngineError;
use crate::syntax::ast::{Bounds, Expr};

/// The time of each step, seconds.
pub(super) fn of_steps(scope: Scope) -> Scalars {
    let seconds = |ms: i64| ms as f64 / 1000.0;
    match scope.steps.count {
        1 => Scalars::Constant(seconds(scope.steps.start)),
        count => Scalars::Varying((0..count).map(|step| seconds(scope.steps.time(step))).collect()),
    }
}

/// Of a selector the time of the sample itself, of anything else the time of the step (no start time).
pub(super) fn timestamp<'a>(
    cx: &Context<'a>,
    args: &'a [Expr],
    pick: Pick,
    scope: Scope,
) -> Result<Node<'a>, EngineError> {
    let operand = arg(args, 0)?;
    if let Expr::Vector(selector) = operand.unwrap_parens()
        && selector.bounds == Bounds::Plain
    {
        return scan::timestamps(cx, selector, pick, scope);
    }
    let operand = vector(cx, operand, scope)?;
    let times = of_steps(scope);
    let timed = transform(operand, move |_, _, batch| {
        for i in 0..batch.len() {
            let mut column = batch.column_mut(i);
            for step in 0..column.steps() {
                match pick {
                    Pick::Start => column.unset(step),
                    _ if column.as_ref().has(step) => column.set(step, times.get(step)),
                    _ => {}
                }
            }
        }
        Ok(())
    });
    Ok(Node::Vector(drop_names(cx, timed, scope)))
}
