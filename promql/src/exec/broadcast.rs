//! What does not depend on the step is evaluated once, at the first step, and repeated.

use super::operator::{Meta, Operator, Part};
use super::{Context, Node, Scalars, Scope, Steps, build as build_node};
use crate::batch::Batch;
use crate::engine::EngineError;
use crate::syntax::ast::Expr;

/// Functions whose result depends on the evaluation time even when all their arguments are pinned.
pub(crate) const TIME_DEPENDENT: &[&str] = &[
    "day_of_month",
    "day_of_week",
    "day_of_year",
    "days_in_month",
    "end",
    "hour",
    "minute",
    "month",
    "predict_linear",
    "range",
    "start",
    "step",
    "time",
    "timestamp",
    "year",
];

/// Whether an expression gives the same at every step. An aggregation follows its operand alone, whatever its
/// parameter does, as in Prometheus.
pub(crate) fn is_invariant(expr: &Expr) -> bool {
    match expr {
        Expr::Number { .. } | Expr::String { .. } => true,
        Expr::Paren { expr, .. } | Expr::Unary { expr, .. } => is_invariant(expr),
        Expr::Binary(e) => is_invariant(&e.left) && is_invariant(&e.right),
        Expr::Aggregate(e) => is_invariant(&e.expr),
        Expr::Call(e) => !TIME_DEPENDENT.contains(&e.function.name) && e.args.iter().all(is_invariant),
        Expr::Vector(e) => e.time.at.is_some(),
        Expr::Matrix { selector, .. } => selector.time.at.is_some(),
        Expr::Subquery(e) => e.time.at.is_some(),
    }
}

/// Builds an invariant expression for one step and repeats what comes out.
pub(crate) fn build<'a>(cx: &Context<'a>, expr: &'a Expr, scope: Scope) -> Result<Node<'a>, EngineError> {
    let once = Steps { count: 1, ..scope.steps };
    let steps = scope.steps.count;
    match build_node(cx, expr, Scope { steps: once, ..scope })? {
        Node::Scalar(values) => Ok(Node::Scalar(Scalars::Constant(values.get(0)))),
        Node::Vector(inner) => Ok(Context::vector(Broadcast { inner, steps })),
        text => Ok(text),
    }
}

struct Broadcast<'a> {
    inner: Box<dyn Operator + 'a>,
    steps: usize,
}

impl Operator for Broadcast<'_> {
    fn series(&self) -> &[Meta] {
        self.inner.series()
    }

    fn next(&mut self, cx: &Context<'_>) -> Result<Option<Part>, EngineError> {
        let Some(once) = self.inner.next(cx)? else { return Ok(None) };
        // Booked before it is made: a pinned sample costs little, its repetition may not.
        let bytes = once.batch.len() * self.steps * 8;
        let mut charge = cx.charge_bytes(bytes)?;
        let mut batch = Batch::new(once.batch.len(), self.steps);
        let mut samples = 0;
        for i in 0..batch.len() {
            let column = once.batch.column(i);
            let mut out = batch.column_mut(i);
            if let Some(value) = column.float(0) {
                (0..self.steps).for_each(|step| out.set(step, value));
                samples += self.steps;
            } else if let Some(histogram) = column.histogram(0) {
                (0..self.steps).for_each(|step| out.set_histogram(step, histogram.clone()));
                samples += self.steps;
            }
        }
        charge.grow(samples as u64, 0)?;
        Ok(Some(Part::new(once.first, batch, charge)))
    }
}
