//! `quantile`: keeps the values of all members.

use super::super::operator::{Collected, Meta, Operator, Ready};
use super::super::{Context, Node, Scalars, Scope};
use super::groups::{Appearance, Groups};
use super::{choice, drops_name, inform_ignored};
use crate::batch::Batch;
use crate::engine::EngineError;
use crate::numeric::quantile;
use crate::syntax::ast::Aggregate;

pub(super) fn build<'a>(
    cx: &Context<'a>,
    aggregate: &'a Aggregate,
    operand: &mut dyn Operator,
    q: &Scalars,
    scope: Scope,
) -> Result<Node<'a>, EngineError> {
    let steps = scope.steps.count;
    let groups = Groups::of(operand.series(), &choice(aggregate));
    let collected = Collected::of(cx, operand)?;
    let mut members: Vec<Vec<usize>> = vec![Vec::new(); groups.labels.len()];
    let mut drop_name = vec![false; groups.labels.len()];
    let mut appearance = Appearance::new(groups.labels.len());
    for (i, meta) in operand.series().iter().enumerate() {
        let column = collected.column(i);
        if column.histograms.iter().any(Option::is_some) {
            inform_ignored(cx, aggregate.op, aggregate.expr.span());
        }
        if column.present.iter().all(|word| *word == 0) {
            continue;
        }
        let group = groups.group(i);
        appearance.note(group);
        if let (Some(members), Some(drop_name)) = (members.get_mut(group), drop_name.get_mut(group)) {
            members.push(i);
            *drop_name |= drops_name(aggregate, meta);
        }
    }
    let mut batch = Batch::new(appearance.order.len(), steps);
    let mut series = Vec::with_capacity(appearance.order.len());
    let mut values = Vec::new();
    for (place, group) in appearance.order.iter().enumerate() {
        cx.cancel.check()?;
        let members = members.get(*group).map_or(&[][..], Vec::as_slice);
        let mut out = batch.column_mut(place);
        for step in 0..steps {
            values.clear();
            values.extend(members.iter().filter_map(|i| collected.column(*i).float(step)));
            if !values.is_empty() {
                out.set(step, quantile(q.get(step), &mut values));
            }
        }
        series.push(Meta {
            labels: groups.labels.get(*group).cloned().unwrap_or_default(),
            drop_name: drop_name.get(*group).copied().unwrap_or(false),
        });
    }
    Ok(Context::vector(Ready::of(cx, series, batch)?))
}
