//! Function calls.

mod absent;
mod clamp;
mod classic;
mod histograms;
mod info;
mod relabel;
mod time;

pub(crate) use relabel::is_label_name;

use super::operator::Ready;
use super::scan::{self, Pick, RangeCall};
use super::sort::{Order, sorted};
use super::transform::{floats, transform};
use super::unique::{drop_names, drop_names_strictly};
use super::{Context, Node, Operator, Scalars, Scope, scalar, subquery, text, vector};
use crate::batch::Batch;
use crate::engine::EngineError;
use crate::functions::dates::{self, DATES};
use crate::functions::math::{self, MATH, round};
use crate::functions::range;
use crate::syntax::ast::{Bounds, Call, Expr};

/// Builds a call.
pub(crate) fn build<'a>(cx: &Context<'a>, call: &'a Call, scope: Scope) -> Result<Node<'a>, EngineError> {
    let name = call.function.name;
    let args = call.args.as_slice();
    if name == "absent_over_time" {
        return absent::over_time(cx, args, scope);
    }
    if let Some(function) = range::find(name) {
        let operator = over_range(cx, function, args, scope)?;
        return Ok(Node::Vector(if function.keeps_name {
            operator
        } else {
            drop_names_strictly(cx, operator, scope)
        }));
    }
    if let Some((_, math)) = MATH.iter().find(|(n, _)| *n == name) {
        let operand = vector(cx, arg(args, 0)?, scope)?;
        return Ok(Node::Vector(drop_names(cx, floats(operand, math), scope)));
    }
    if let Some((_, part)) = DATES.iter().find(|(n, _)| *n == name) {
        let operand = match args.first() {
            Some(arg) => vector(cx, arg, scope)?,
            None => super::transform::of_scalar(cx, time::of_steps(scope), scope.steps)?,
        };
        let part = *part;
        return Ok(Node::Vector(drop_names(cx, floats(operand, move |v| dates::part(v, part)), scope)));
    }
    match name {
        "time" => Ok(Node::Scalar(time::of_steps(scope))),
        "pi" => Ok(Node::Scalar(Scalars::Constant(std::f64::consts::PI))),
        "min_of" | "max_of" => extreme(cx, args, name == "max_of", scope),
        "vector" => {
            let values = scalar(cx, arg(args, 0)?, scope)?;
            Ok(Node::Vector(super::transform::of_scalar(cx, values, scope.steps)?))
        }
        "scalar" => of_one_series(cx, args, scope),
        "timestamp" => time::timestamp(cx, args, Pick::Timestamp, scope),
        "start_timestamp" => time::timestamp(cx, args, Pick::Start, scope),
        "absent" => absent::instant(cx, args, scope),
        "sort" | "sort_desc" | "sort_by_label" | "sort_by_label_desc" => sort(cx, call, scope),
        "label_replace" => relabel::replace(cx, args, scope),
        "label_join" => relabel::join(cx, args, scope),
        "clamp" | "clamp_min" | "clamp_max" => clamp::build(cx, name, args, scope),
        "round" => {
            let nearest = match args.get(1) {
                Some(arg) => scalar(cx, arg, scope.exact())?,
                None => Scalars::Constant(1.0),
            };
            let operand = vector(cx, arg(args, 0)?, scope)?;
            let rounded = transform(operand, move |_, _, batch| {
                batch.drop_histograms();
                for i in 0..batch.len() {
                    let column = batch.column_mut(i);
                    column
                        .values
                        .iter_mut()
                        .enumerate()
                        .for_each(|(step, v)| *v = round(*v, nearest.get(step)));
                }
                Ok(())
            });
            Ok(Node::Vector(drop_names(cx, rounded, scope)))
        }
        "histogram_quantile" => histograms::quantile(cx, args, scope),
        "histogram_quantiles" => histograms::quantiles(cx, args, scope),
        "histogram_fraction" => histograms::fraction(cx, args, scope),
        "histogram_avg" | "histogram_count" | "histogram_stddev" | "histogram_stdvar" | "histogram_sum" => {
            histograms::figure(cx, name, args, scope)
        }
        "info" => info::build(cx, args, scope),
        // Evaluated when the query is prepared.
        other => Err(EngineError::Exec(format!("function {other:?} has no value here"))),
    }
}

pub(super) fn arg(args: &[Expr], i: usize) -> Result<&Expr, EngineError> {
    args.get(i).ok_or_else(|| EngineError::Exec("missing argument".to_owned()))
}

/// A function over a range selector or subquery; names are left as they are.
pub(super) fn over_range<'a>(
    cx: &Context<'a>,
    function: &'static crate::functions::input::RangeFunction,
    args: &'a [Expr],
    scope: Scope,
) -> Result<Box<dyn Operator + 'a>, EngineError> {
    let mut params = Vec::new();
    let mut ranges = Vec::new();
    for arg in args {
        if super::is_range(arg) {
            ranges.push(arg);
        } else {
            params.push(scalar(cx, arg, scope.exact())?.to_vec(scope.steps.count));
        }
    }
    let range =
        ranges.first().copied().ok_or_else(|| EngineError::Exec("expected a range vector".to_owned()))?;
    let call = |range_ms| RangeCall {
        name: function.name,
        kernel: function.kernel,
        range_ms,
        params,
        // Also where that is a number.
        span: args.first().unwrap_or(range).span(),
    };
    match range.unwrap_parens() {
        Expr::Matrix { selector, range_ms, .. } => {
            if selector.bounds != Bounds::Plain {
                range::check_bounds(function.name, selector.bounds)?;
            }
            scan::windows(cx, selector, call(*range_ms), scope)
        }
        Expr::Subquery(subquery) => subquery::windows(cx, subquery, call(subquery.range_ms), scope),
        _ => Err(EngineError::Exec("expected a range vector".to_owned())),
    }
}

/// The lesser or greater of two numbers.
fn extreme<'a>(cx: &Context<'a>, args: &'a [Expr], max: bool, scope: Scope) -> Result<Node<'a>, EngineError> {
    let a = scalar(cx, arg(args, 0)?, scope.exact())?;
    let b = scalar(cx, arg(args, 1)?, scope.exact())?;
    let choose = if max { math::max } else { math::min };
    Ok(Node::Scalar(a.zip(&b, scope.steps.count, choose)))
}

/// `scalar(v)`: the value where there is exactly one number.
fn of_one_series<'a>(cx: &Context<'a>, args: &'a [Expr], scope: Scope) -> Result<Node<'a>, EngineError> {
    let mut operand = vector(cx, arg(args, 0)?, Scope { unordered: true, names_ignored: false, ..scope })?;
    let steps = scope.steps.count;
    let _held = cx.charge_bytes(steps * 12)?;
    let mut values = vec![f64::NAN; steps];
    let mut counts = vec![0u32; steps];
    while let Some(part) = operand.next(cx)? {
        for i in 0..part.batch.len() {
            let column = part.batch.column(i);
            for (step, (value, count)) in values.iter_mut().zip(&mut counts).enumerate() {
                if let Some(there) = column.float(step) {
                    *count = count.saturating_add(1);
                    *value = if *count == 1 { there } else { f64::NAN };
                }
            }
        }
    }
    Ok(Node::Scalar(Scalars::Varying(values)))
}

fn sort<'a>(cx: &Context<'a>, call: &'a Call, scope: Scope) -> Result<Node<'a>, EngineError> {
    if scope.steps.count > 1 {
        let text = "sort is ineffective for range queries since results are always ordered by labels";
        cx.warn(text, call.span);
    }
    let name = call.function.name;
    let descending = name.ends_with("_desc");
    let operand = vector(cx, arg(&call.args, 0)?, scope.exact())?;
    if name.contains("label") {
        let names = call.args.iter().skip(1).map(text).collect::<Result<_, _>>()?;
        return sorted(cx, operand, &Order::Labels { names, descending }, scope);
    }
    let operand = transform(operand, |_, _, batch| {
        batch.drop_histograms();
        Ok(())
    });
    sorted(cx, operand, &Order::Value { descending }, scope)
}

/// One series without labels but these, as an answer of its own.
pub(super) fn one_series<'a>(
    cx: &Context<'a>,
    labels: narthex_storage::Labels,
    batch: Batch,
) -> Result<Node<'a>, EngineError> {
    if batch.column(0).is_empty() {
        return Ok(Context::vector(Ready::empty()));
    }
    Ok(Context::vector(Ready::of(cx, vec![super::Meta::of(labels)], batch)?))
}
