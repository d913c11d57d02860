//! One operation on two elements, and on whole columns of them.

use super::super::{Context, Scalars};
use crate::batch::{Column, ColumnMut};
use crate::syntax::ast::{Binary, BinaryOp, Span};
use narthex_storage::CounterResetHint;
use narthex_storage::FloatHistogram;
use narthex_storage::histogram::IncompatibleSchemas;
use std::sync::Arc;

/// What an operation on two numbers gives.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Outcome {
    Value(f64),
    /// Whether a comparison holds.
    Verdict(bool),
}

/// An operation on two numbers; `None` where numbers have none.
#[inline]
pub(super) fn floats(op: BinaryOp, a: f64, b: f64) -> Option<Outcome> {
    Some(match op {
        BinaryOp::Add => Outcome::Value(a + b),
        BinaryOp::Sub => Outcome::Value(a - b),
        BinaryOp::Mul => Outcome::Value(a * b),
        BinaryOp::Div => Outcome::Value(a / b),
        BinaryOp::Mod => Outcome::Value(a % b),
        BinaryOp::Pow => Outcome::Value(a.powf(b)),
        BinaryOp::Atan2 => Outcome::Value(a.atan2(b)),
        BinaryOp::Eql => Outcome::Verdict(a == b),
        BinaryOp::Neq => Outcome::Verdict(a != b),
        BinaryOp::Gtr => Outcome::Verdict(a > b),
        BinaryOp::Lss => Outcome::Verdict(a < b),
        BinaryOp::Gte => Outcome::Verdict(a >= b),
        BinaryOp::Lte => Outcome::Verdict(a <= b),
        BinaryOp::TrimUpper | BinaryOp::TrimLower | BinaryOp::And | BinaryOp::Or | BinaryOp::Unless => {
            return None;
        }
    })
}

/// One side of an element: a number or a histogram.
#[derive(Clone, Copy)]
pub(super) enum Side<'a> {
    Float(f64),
    Histogram(&'a Arc<FloatHistogram>),
}

impl Side<'_> {
    fn kind(&self) -> &'static str {
        match self {
            Self::Float(_) => "float",
            Self::Histogram(_) => "histogram",
        }
    }
}

/// The result of an element.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Element {
    Float(f64),
    Histogram(Arc<FloatHistogram>),
    /// A comparison that does not hold: the pair has matched all the same.
    Filtered,
    /// No operation for these kinds; said in an annotation.
    Refused,
}

/// An operator with what it needs to work on elements.
#[derive(Debug, Clone, Copy)]
pub(super) struct Elements {
    op: BinaryOp,
    return_bool: bool,
    span: Span,
}

impl Elements {
    pub(super) fn new(binary: &Binary) -> Self {
        Self { op: binary.op, return_bool: binary.return_bool, span: binary.span }
    }

    /// An operation on two elements. A comparison gives its left side.
    pub(super) fn pair(&self, cx: &Context<'_>, left: Side<'_>, right: Side<'_>) -> Element {
        let element = match (left, right) {
            (Side::Float(a), Side::Float(b)) => match floats(self.op, a, b) {
                Some(Outcome::Value(value)) => Element::Float(value),
                Some(Outcome::Verdict(keep)) => return self.verdict(keep, Element::Float(a)),
                None => Element::Refused,
            },
            (Side::Float(a), Side::Histogram(b)) if self.op == BinaryOp::Mul => scaled(b, |h| h.mul(a)),
            (Side::Histogram(a), Side::Float(b)) => match self.op {
                BinaryOp::Mul => scaled(a, |h| h.mul(b)),
                BinaryOp::Div => scaled(a, |h| h.div(b)),
                BinaryOp::TrimUpper => scaled(a, |h| h.trim_upper(b)),
                BinaryOp::TrimLower => scaled(a, |h| h.trim_lower(b)),
                _ => Element::Refused,
            },
            (Side::Histogram(a), Side::Histogram(b)) => match self.op {
                BinaryOp::Add | BinaryOp::Sub => return self.combine(cx, a, b),
                BinaryOp::Eql => return self.verdict(a.same(b), Element::Histogram(a.clone())),
                BinaryOp::Neq => return self.verdict(!a.same(b), Element::Histogram(a.clone())),
                _ => Element::Refused,
            },
            (Side::Float(_), Side::Histogram(_)) => Element::Refused,
        };
        if element == Element::Refused {
            self.inform_refused(cx, left, right);
        }
        element
    }

    fn verdict(&self, keep: bool, element: Element) -> Element {
        match (self.return_bool, keep) {
            (true, _) => Element::Float(f64::from(u8::from(keep))),
            (false, true) => element,
            (false, false) => Element::Filtered,
        }
    }

    fn inform_refused(&self, cx: &Context<'_>, left: Side<'_>, right: Side<'_>) {
        let (left, right, op) = (left.kind(), right.kind(), self.op.symbol());
        let text =
            format!("incompatible sample types encountered for binary operator {op:?}: {left} {op} {right}");
        cx.inform(text, self.span);
    }

    /// The sum or difference of two histograms.
    fn combine(&self, cx: &Context<'_>, a: &FloatHistogram, b: &FloatHistogram) -> Element {
        let mut result = a.clone();
        let (done, what) = match self.op {
            BinaryOp::Add => (result.add(b), "addition"),
            _ => (result.sub(b), "subtraction"),
        };
        match done {
            Err(IncompatibleSchemas) => {
                let op = self.op.symbol();
                cx.warn(
                    format!("incompatible bucket layout encountered for binary operator {op}"),
                    self.span,
                );
                Element::Refused
            }
            Ok(combination) => {
                if combination.bounds_reconciled {
                    cx.inform(format!("mismatched custom buckets were reconciled during {what}"), self.span);
                }
                if combination.hint_collision {
                    cx.warn(format!("conflicting counter resets during histogram {what}"), self.span);
                }
                if self.op == BinaryOp::Sub {
                    result.hint = CounterResetHint::Gauge;
                }
                result.compact();
                Element::Histogram(Arc::new(result))
            }
        }
    }

    /// Combines a column with a number per step. A comparison keeps the vector's element, whichever its side.
    pub(super) fn with_scalar(
        &self,
        cx: &Context<'_>,
        column: &mut ColumnMut<'_>,
        scalar: &Scalars,
        swapped: bool,
    ) {
        if !column.has_histograms() && self.plain(column, scalar, swapped) {
            return;
        }
        for step in 0..column.steps() {
            let float = column.as_ref().float(step);
            let histogram = column.as_ref().histogram(step).cloned();
            let element = match (float, &histogram) {
                (Some(value), _) => Side::Float(value),
                (None, Some(histogram)) => Side::Histogram(histogram),
                (None, None) => continue,
            };
            let number = Side::Float(scalar.get(step));
            let result =
                if swapped { self.pair(cx, number, element) } else { self.pair(cx, element, number) };
            match result {
                Element::Filtered | Element::Refused => column.unset(step),
                _ if self.op.is_comparison() && !self.return_bool => {}
                Element::Float(value) => column.set(step, value),
                Element::Histogram(histogram) => column.set_histogram(step, histogram),
            }
        }
    }

    /// The common case, a column of numbers, without a branch per step; `false` where it is not that.
    fn plain(&self, column: &mut ColumnMut<'_>, scalar: &Scalars, swapped: bool) -> bool {
        macro_rules! arithmetic {
            ($f:expr) => {{
                let f = $f;
                match scalar {
                    Scalars::Constant(b) if swapped => column.values.iter_mut().for_each(|v| *v = f(*b, *v)),
                    Scalars::Constant(b) => column.values.iter_mut().for_each(|v| *v = f(*v, *b)),
                    Scalars::Varying(all) if swapped => {
                        column.values.iter_mut().zip(all).for_each(|(v, b)| *v = f(*b, *v));
                    }
                    Scalars::Varying(all) => {
                        column.values.iter_mut().zip(all).for_each(|(v, b)| *v = f(*v, *b));
                    }
                }
                true
            }};
        }
        macro_rules! comparison {
            ($f:expr) => {{
                let f = $f;
                let return_bool = self.return_bool;
                for (word, (bits, values)) in
                    column.present.iter_mut().zip(column.values.chunks_mut(64)).enumerate()
                {
                    let mut holds = 0u64;
                    for (bit, value) in values.iter_mut().enumerate() {
                        let b = scalar.get(word * 64 + bit);
                        let keep = if swapped { f(&b, value) } else { f(value, &b) };
                        holds |= u64::from(keep) << bit;
                        if return_bool {
                            *value = f64::from(u8::from(keep));
                        }
                    }
                    if !return_bool {
                        *bits &= holds;
                    }
                }
                true
            }};
        }
        match self.op {
            BinaryOp::Add => arithmetic!(|a: f64, b: f64| a + b),
            BinaryOp::Sub => arithmetic!(|a: f64, b: f64| a - b),
            BinaryOp::Mul => arithmetic!(|a: f64, b: f64| a * b),
            BinaryOp::Div => arithmetic!(|a: f64, b: f64| a / b),
            BinaryOp::Mod => arithmetic!(|a: f64, b: f64| a % b),
            BinaryOp::Pow => arithmetic!(f64::powf),
            BinaryOp::Atan2 => arithmetic!(f64::atan2),
            BinaryOp::Eql => comparison!(|a: &f64, b: &f64| a == b),
            BinaryOp::Neq => comparison!(|a: &f64, b: &f64| a != b),
            BinaryOp::Gtr => comparison!(|a: &f64, b: &f64| a > b),
            BinaryOp::Lss => comparison!(|a: &f64, b: &f64| a < b),
            BinaryOp::Gte => comparison!(|a: &f64, b: &f64| a >= b),
            BinaryOp::Lte => comparison!(|a: &f64, b: &f64| a <= b),
            _ => false,
        }
    }

    /// Combines two columns of numbers where both are present, when the operator is plain arithmetic or a
    /// comparison; `false` where it is not.
    pub(super) fn columns(&self, left: &Column<'_>, right: &Column<'_>, out: &mut ColumnMut<'_>) -> bool {
        if left.histograms.iter().chain(right.histograms).any(Option::is_some) {
            return false;
        }
        macro_rules! arithmetic {
            ($f:expr) => {{
                let f = $f;
                for ((out, a), b) in out.values.iter_mut().zip(left.values).zip(right.values) {
                    *out = f(*a, *b);
                }
                for ((out, a), b) in out.present.iter_mut().zip(left.present).zip(right.present) {
                    *out = a & b;
                }
                true
            }};
        }
        match self.op {
            BinaryOp::Add => arithmetic!(|a: f64, b: f64| a + b),
            BinaryOp::Sub => arithmetic!(|a: f64, b: f64| a - b),
            BinaryOp::Mul => arithmetic!(|a: f64, b: f64| a * b),
            BinaryOp::Div => arithmetic!(|a: f64, b: f64| a / b),
            _ => false,
        }
    }
}

fn scaled(histogram: &FloatHistogram, scale: impl FnOnce(&mut FloatHistogram)) -> Element {
    let mut result = histogram.clone();
    scale(&mut result);
    result.compact();
    Element::Histogram(Arc::new(result))
}
