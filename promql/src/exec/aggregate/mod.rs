//! Aggregations: the operand streams by, only what the groups need stays.

mod count_values;
mod groups;
mod histograms;
mod kahan;
mod quantile;
mod reduce;
mod select;

pub(crate) use select::rank;

use super::labels::LabelChoice;
use super::{Context, Meta, Node, Scalars, Scope, scalar, text, vector};
use crate::engine::EngineError;
use crate::numeric::format_short;
use crate::syntax::ast::{Aggregate, AggregateOp, Span};

/// Builds an aggregation, which pulls its operand to the end.
pub(crate) fn build<'a>(
    cx: &Context<'a>,
    aggregate: &'a Aggregate,
    scope: Scope,
) -> Result<Node<'a>, EngineError> {
    let op = aggregate.op;
    if op == AggregateOp::CountValues {
        let label = match &aggregate.param {
            Some(param) => text(param)?,
            None => "",
        };
        return count_values::build(cx, aggregate, label, scope);
    }
    let parameter = match &aggregate.param {
        Some(param) => scalar(cx, param, scope.exact())?,
        None => Scalars::Constant(f64::NAN),
    };
    let selects = matches!(
        op,
        AggregateOp::Topk | AggregateOp::Bottomk | AggregateOp::Limitk | AggregateOp::LimitRatio
    );
    // Names play a part only where they are grouped by, or where the members themselves come out.
    let by_name = !aggregate.without
        && aggregate.grouping.iter().any(|name| super::labels::RESERVED.contains(&name.as_str()));
    let inner = Scope {
        names_ignored: !selects && !by_name,
        // Sums depend on the order of their terms, and so does which group comes first at an instant.
        unordered: scope.steps.count > 1
            && matches!(op, AggregateOp::Count | AggregateOp::Group | AggregateOp::Min | AggregateOp::Max),
        ..scope
    };
    let mut operand = vector(cx, &aggregate.expr, inner)?;
    let checked = match &aggregate.param {
        Some(param) => check_parameter(cx, op, &parameter, scope.steps.count, param.span()),
        None => Ok(true),
    };
    if !matches!(checked, Ok(true)) {
        // What is wrong with the operand is said before what is wrong with the parameter.
        while operand.next(cx)?.is_some() {}
        return checked.map(|_| Context::vector(super::operator::Ready::empty()));
    }
    match op {
        _ if selects => select::build(cx, aggregate, &mut *operand, &parameter, scope),
        AggregateOp::Quantile => quantile::build(cx, aggregate, &mut *operand, &parameter, scope),
        _ => reduce::build(cx, aggregate, &mut *operand, scope),
    }
}

/// The labels that a group has in common.
fn choice(aggregate: &Aggregate) -> LabelChoice {
    if aggregate.without {
        let reserved = super::labels::RESERVED;
        LabelChoice::all_but(aggregate.grouping.iter().map(String::as_str).chain(reserved))
    } else {
        LabelChoice::only(&aggregate.grouping)
    }
}

/// Whether a group's result is to lose a name that one of its members has only for the time being.
fn drops_name(aggregate: &Aggregate, meta: &Meta) -> bool {
    meta.drop_name && !aggregate.without
}

/// Refuses or remarks on the parameter; `false` when it makes the result empty.
fn check_parameter(
    cx: &Context<'_>,
    op: AggregateOp,
    parameter: &Scalars,
    steps: usize,
    span: Span,
) -> Result<bool, EngineError> {
    let mut any_nan = false;
    let (mut least, mut most) = (f64::INFINITY, f64::NEG_INFINITY);
    for step in 0..steps {
        let value = parameter.get(step);
        any_nan |= value.is_nan();
        least = least.min(value);
        most = most.max(value);
    }
    let refuse = |text: String| Err(EngineError::Exec(text));
    match op {
        AggregateOp::Topk | AggregateOp::Bottomk | AggregateOp::Limitk => {
            if any_nan {
                return refuse("Parameter value is NaN".to_owned());
            }
            if most < 1.0 {
                return Ok(false);
            }
            if least <= i64::MIN as f64 {
                return refuse(format!("Scalar value {} underflows int64", format_short(least)));
            }
            if most >= i64::MAX as f64 {
                return refuse(format!("Scalar value {} overflows int64", format_short(most)));
            }
        }
        AggregateOp::LimitRatio => {
            if any_nan {
                return refuse("Ratio value is NaN".to_owned());
            }
            if most == 0.0 && least == 0.0 {
                return Ok(false);
            }
            for (ratio, cap, beyond) in [(most, 1, most > 1.0), (least, -1, least < -1.0)] {
                if beyond {
                    let ratio = format_short(ratio);
                    cx.warn(
                        format!("ratio value should be between -1 and 1, got {ratio}, capping to {cap}"),
                        span,
                    );
                }
            }
        }
        AggregateOp::Quantile => {
            if any_nan {
                warn_quantile(cx, f64::NAN, span);
            }
            if most > 1.0 {
                warn_quantile(cx, most, span);
            }
            if least < 0.0 {
                warn_quantile(cx, least, span);
            }
        }
        _ => {}
    }
    Ok(true)
}

/// Remarks on a quantile outside `[0, 1]`.
pub(crate) fn warn_quantile(cx: &Context<'_>, q: f64, span: Span) {
    if !(0.0..=1.0).contains(&q) {
        cx.warn(format!("quantile value should be between 0 and 1, got {}", format_short(q)), span);
    }
}

/// Remarks that an aggregation of numbers has met histograms.
fn inform_ignored(cx: &Context<'_>, op: AggregateOp, span: Span) {
    cx.inform(format!("ignored histogram in {} aggregation", op.name()), span);
}
