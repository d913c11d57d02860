//! Binary operators.

mod elements;
mod matched;
mod sets;

use super::unique::drop_names;
use super::{Context, Node, Scalars, Scope, build as build_node, transform};
use crate::engine::EngineError;
use crate::syntax::ast::{Binary, BinaryOp};
use elements::{Elements, Outcome};

/// Builds a binary operation.
pub(crate) fn build<'a>(cx: &Context<'a>, binary: &'a Binary, scope: Scope) -> Result<Node<'a>, EngineError> {
    // A trimmed histogram needs its buckets.
    let inner = Scope { needs_buckets: scope.needs_buckets || binary.op.is_trim(), ..scope };
    let left = build_node(cx, &binary.left, operand_scope(binary, inner, true))?;
    let right = build_node(cx, &binary.right, operand_scope(binary, inner, false))?;
    match (left, right) {
        (Node::Scalar(a), Node::Scalar(b)) => scalars(binary.op, &a, &b, scope).map(Node::Scalar),
        (Node::Vector(vector), Node::Scalar(scalar)) => {
            Ok(with_scalar(cx, binary, vector, scalar, false, scope))
        }
        (Node::Scalar(scalar), Node::Vector(vector)) => {
            Ok(with_scalar(cx, binary, vector, scalar, true, scope))
        }
        (Node::Vector(left), Node::Vector(right)) if binary.op.is_set() => {
            sets::build(cx, binary, left, right, scope)
        }
        (Node::Vector(left), Node::Vector(right)) => matched::build(cx, binary, left, right, scope),
        _ => Err(EngineError::Exec(
            "binary expression must contain only scalar and instant vector types".to_owned(),
        )),
    }
}

/// Names may be left standing only when the other side is a number: else they are matched or come out.
fn operand_scope(binary: &Binary, scope: Scope, left: bool) -> Scope {
    use crate::syntax::ast::ValueType;
    let other = if left { &binary.right } else { &binary.left };
    if other.value_type() == ValueType::Scalar { scope } else { scope.exact() }
}

/// Whether the result is another metric than the operand.
fn changes_metric(binary: &Binary) -> bool {
    binary.return_bool || !(binary.op.is_comparison() || binary.op.is_trim() || binary.op.is_set())
}

fn scalars(op: BinaryOp, a: &Scalars, b: &Scalars, scope: Scope) -> Result<Scalars, EngineError> {
    if op.is_trim() || op.is_set() {
        let text = format!("operator {:?} not allowed for Scalar operations", op.symbol());
        return Err(EngineError::Exec(text));
    }
    Ok(a.zip(b, scope.steps.count, |a, b| match elements::floats(op, a, b) {
        Some(Outcome::Value(value)) => value,
        Some(Outcome::Verdict(keep)) => f64::from(u8::from(keep)),
        None => f64::NAN,
    }))
}

/// An operation of every element with a number.
fn with_scalar<'a>(
    cx: &Context<'a>,
    binary: &'a Binary,
    vector: Box<dyn super::Operator + 'a>,
    scalar: Scalars,
    swapped: bool,
    scope: Scope,
) -> Node<'a> {
    let elements = Elements::new(binary);
    let changed = transform::transform(vector, move |cx, _, batch| {
        for i in 0..batch.len() {
            elements.with_scalar(cx, &mut batch.column_mut(i), &scalar, swapped);
        }
        Ok(())
    });
    Node::Vector(if changes_metric(binary) { drop_names(cx, changed, scope) } else { changed })
}
