//! From the checked tree to operators that exchange batches of whole series.
//!
//! Building a node selects its series, so that every operator knows the labels of its output from the start;
//! samples flow afterwards, batch after batch, when the root is pulled. Scalars are evaluated while building.

mod aggregate;
mod binary;
mod broadcast;
mod call;
pub(crate) mod context;
mod downsampled;
mod grid;
mod labels;
mod operator;
mod pool;
pub(crate) mod profile;
mod range_vector;
mod scan;
mod selection;
pub(crate) mod shared;
mod sort;
mod subquery;
mod transform;
mod unique;

#[cfg(any(test, feature = "testing"))]
pub(crate) use broadcast::TIME_DEPENDENT;
pub(crate) use broadcast::is_invariant;
pub(crate) use context::{Context, Scope, Steps};
pub(crate) use labels::without_name;
pub(crate) use operator::{Meta, Operator, Part};
pub(crate) use range_vector::range_vector;
pub(crate) use unique::same_labelset;

use crate::engine::EngineError;
use crate::syntax::ast::Expr;

/// What a subexpression gives.
pub(crate) enum Node<'a> {
    /// A number per step.
    Scalar(Scalars),
    /// A text.
    Text(&'a str),
    /// Series.
    Vector(Box<dyn Operator + 'a>),
}

/// Numbers of all steps.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Scalars {
    /// The same at every step.
    Constant(f64),
    /// One per step.
    Varying(Vec<f64>),
}

impl Scalars {
    #[inline]
    pub(crate) fn get(&self, step: usize) -> f64 {
        match self {
            Self::Constant(value) => *value,
            Self::Varying(values) => values.get(step).copied().unwrap_or(f64::NAN),
        }
    }

    pub(crate) fn to_vec(&self, steps: usize) -> Vec<f64> {
        (0..steps).map(|step| self.get(step)).collect()
    }

    pub(crate) fn map(self, f: impl Fn(f64) -> f64) -> Self {
        match self {
            Self::Constant(value) => Self::Constant(f(value)),
            Self::Varying(mut values) => {
                values.iter_mut().for_each(|v| *v = f(*v));
                Self::Varying(values)
            }
        }
    }

    pub(crate) fn zip(&self, other: &Self, steps: usize, f: impl Fn(f64, f64) -> f64) -> Self {
        match (self, other) {
            (Self::Constant(a), Self::Constant(b)) => Self::Constant(f(*a, *b)),
            _ => Self::Varying((0..steps).map(|step| f(self.get(step), other.get(step))).collect()),
        }
    }
}

/// Makes the operators of an expression.
pub(crate) fn build<'a>(cx: &Context<'a>, expr: &'a Expr, scope: Scope) -> Result<Node<'a>, EngineError> {
    cx.cancel.check()?;
    let trivial = matches!(expr.unwrap_parens(), Expr::Number { .. } | Expr::String { .. });
    if scope.steps.count > 1 && !trivial && broadcast::is_invariant(expr) {
        return broadcast::build(cx, expr, scope);
    }
    match expr {
        Expr::Number { value, .. } => Ok(Node::Scalar(Scalars::Constant(*value))),
        Expr::String { value, .. } => Ok(Node::Text(value)),
        Expr::Paren { expr, .. } => build(cx, expr, scope),
        Expr::Matrix { .. } | Expr::Subquery(_) => {
            Err(EngineError::Exec("a range vector is no value here".to_owned()))
        }
        Expr::Unary { negative, expr: inner, .. } => transform::unary(cx, *negative, inner, scope),
        Expr::Binary(e) => cx.profiled(expr, || binary::build(cx, e, scope)),
        Expr::Vector(e) => shared::build(cx, expr, scope, || scan::instant(cx, e, scope)),
        Expr::Aggregate(e) => cx.profiled(expr, || aggregate::build(cx, e, scope)),
        Expr::Call(e) if e.args.iter().any(is_range) => {
            shared::build(cx, expr, scope, || call::build(cx, e, scope))
        }
        Expr::Call(e) => cx.profiled(expr, || call::build(cx, e, scope)),
    }
}

fn is_range(expr: &Expr) -> bool {
    matches!(expr.unwrap_parens(), Expr::Matrix { .. } | Expr::Subquery(_))
}

/// The operators of an expression that has to be a vector; a scalar is the series without labels.
pub(crate) fn vector<'a>(
    cx: &Context<'a>,
    expr: &'a Expr,
    scope: Scope,
) -> Result<Box<dyn Operator + 'a>, EngineError> {
    match build(cx, expr, scope)? {
        Node::Vector(operator) => Ok(operator),
        Node::Scalar(values) => transform::of_scalar(cx, values, scope.steps),
        Node::Text(_) => Err(EngineError::Exec("a string is no vector".to_owned())),
    }
}

/// The values of an expression that has to be a scalar.
pub(crate) fn scalar<'a>(cx: &Context<'a>, expr: &'a Expr, scope: Scope) -> Result<Scalars, EngineError> {
    match build(cx, expr, scope)? {
        Node::Scalar(values) => Ok(values),
        _ => Err(EngineError::Exec("expected a scalar".to_owned())),
    }
}

/// The text of an expression that has to be a string.
pub(crate) fn text(expr: &Expr) -> Result<&str, EngineError> {
    match expr.unwrap_parens() {
        Expr::String { value, .. } => Ok(value),
        _ => Err(EngineError::Exec("expected a string".to_owned())),
    }
}
