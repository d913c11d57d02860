//! Operators that change values series by series.

use super::operator::{Meta, Operator, Part, Ready};
use super::unique::drop_names;
use super::{Context, Node, Scalars, Scope, Steps, build};
use crate::batch::Batch;
use crate::engine::EngineError;
use crate::syntax::ast::Expr;
use narthex_storage::Labels;

/// Changes a batch whose first series has this position.
type Change<'a> = Box<dyn FnMut(&Context<'_>, usize, &mut Batch) -> Result<(), EngineError> + 'a>;

struct Transform<'a> {
    inner: Box<dyn Operator + 'a>,
    change: Change<'a>,
}

impl Operator for Transform<'_> {
    fn series(&self) -> &[Meta] {
        self.inner.series()
    }

    fn next(&mut self, cx: &Context<'_>) -> Result<Option<Part>, EngineError> {
        let Some(mut part) = self.inner.next(cx)? else { return Ok(None) };
        (self.change)(cx, part.first, &mut part.batch)?;
        Ok(Some(part))
    }
}

/// Applies `change` to every batch.
pub(crate) fn transform<'a>(
    inner: Box<dyn Operator + 'a>,
    change: impl FnMut(&Context<'_>, usize, &mut Batch) -> Result<(), EngineError> + 'a,
) -> Box<dyn Operator + 'a> {
    Box::new(Transform { inner, change: Box::new(change) })
}

/// Applies a function of one number to all floats; histograms go.
pub(crate) fn floats<'a>(
    inner: Box<dyn Operator + 'a>,
    f: impl Fn(f64) -> f64 + 'a,
) -> Box<dyn Operator + 'a> {
    transform(inner, move |_, _, batch| {
        batch.drop_histograms();
        batch.map_floats(&f);
        Ok(())
    })
}

/// `-expr`, `+expr`
pub(crate) fn unary<'a>(
    cx: &Context<'a>,
    negative: bool,
    expr: &'a Expr,
    scope: Scope,
) -> Result<Node<'a>, EngineError> {
    match build(cx, expr, scope)? {
        Node::Scalar(values) if negative => Ok(Node::Scalar(values.map(|v| -v))),
        Node::Vector(inner) if negative => {
            let negated = transform(inner, |_, _, batch| {
                batch.map_floats(|v| -v);
                batch.map_histograms(|histogram| {
                    let mut negated = (**histogram).clone();
                    negated.mul(-1.0);
                    Some(negated.into())
                });
                Ok(())
            });
            Ok(Node::Vector(drop_names(cx, negated, scope)))
        }
        other => Ok(other),
    }
}

/// A scalar as the vector of one series without labels.
pub(crate) fn of_scalar<'a>(
    cx: &Context<'a>,
    values: Scalars,
    steps: Steps,
) -> Result<Box<dyn Operator + 'a>, EngineError> {
    let mut batch = Batch::new(1, steps.count);
    let mut column = batch.column_mut(0);
    (0..steps.count).for_each(|step| column.set(step, values.get(step)));
    Ok(Box::new(Ready::of(cx, vec![Meta::of(Labels::empty())], batch)?))
}
