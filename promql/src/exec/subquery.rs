//! Functions over the steps of an inner expression.

use super::grid::windows_of;
use super::operator::{Meta, Operator, Part};
use super::scan::RangeCall;
use super::selection::ends;
use super::{Context, Scope, Steps, vector};
use crate::annotations::Annotations;
use crate::batch::{Batch, Column};
use crate::engine::EngineError;
use crate::functions::input::RangeInput;
use crate::syntax::ast::{Bounds, Subquery};
use narthex_storage::{Columns, CounterResetHint};
use std::sync::Arc;

/// The steps at which the inner expression of a subquery is evaluated: the multiples of its step that lie in the
/// windows, which are open at their start.
pub(crate) fn inner_steps(cx: &Context<'_>, subquery: &Subquery, outer: Steps) -> Result<Steps, EngineError> {
    let step = subquery.step_ms.unwrap_or(cx.options.subquery_step_ms).max(1);
    let ends = ends(&subquery.time, outer);
    let (Some(first), Some(last)) = (ends.iter().min(), ends.iter().max()) else {
        return Ok(Steps { start: 0, step, count: 0 });
    };
    let begin = first.saturating_sub(subquery.range_ms);
    let mut start = (begin / step).saturating_mul(step);
    if start <= begin {
        start = start.saturating_add(step);
    }
    let inner = Steps::of(start, *last, step);
    if inner.count > cx.options.max_samples {
        return Err(EngineError::TooManySamples);
    }
    Ok(inner)
}

/// Writes what a series has at the inner steps as samples. What is known of counter resets between stored
/// samples does not hold between steps.
pub(crate) fn to_samples(column: &Column<'_>, steps: Steps, out: &mut Columns) {
    out.clear();
    for step in 0..steps.count {
        if let Some(value) = column.float(step) {
            out.push(steps.time(step), value);
        } else if let Some(histogram) = column.histogram(step) {
            let histogram = match histogram.hint {
                CounterResetHint::Reset | CounterResetHint::NotReset => {
                    let mut copy = (**histogram).clone();
                    copy.hint = CounterResetHint::Unknown;
                    Arc::new(copy)
                }
                _ => histogram.clone(),
            };
            out.push_histogram(steps.time(step), histogram, 0);
        }
    }
}

struct SubqueryCall<'a> {
    inner: Box<dyn Operator + 'a>,
    inner_steps: Steps,
    call: RangeCall,
    ends: Vec<i64>,
    times: Vec<i64>,
    samples: Columns,
    windows: Vec<(u32, u32)>,
}

/// A function over a subquery; names are left as they are.
pub(crate) fn windows<'a>(
    cx: &Context<'a>,
    subquery: &'a Subquery,
    call: RangeCall,
    scope: Scope,
) -> Result<Box<dyn Operator + 'a>, EngineError> {
    let inner_steps = inner_steps(cx, subquery, scope.steps)?;
    let inner_scope = Scope { steps: inner_steps, needs_buckets: true, ..scope };
    let inner = vector(cx, &subquery.expr, inner_scope)?;
    Ok(Box::new(SubqueryCall {
        inner,
        inner_steps,
        call,
        ends: ends(&subquery.time, scope.steps),
        times: scope.steps.times(),
        samples: Columns::default(),
        windows: Vec::new(),
    }))
}

impl Operator for SubqueryCall<'_> {
    fn series(&self) -> &[Meta] {
        self.inner.series()
    }

    fn next(&mut self, cx: &Context<'_>) -> Result<Option<Part>, EngineError> {
        let Some(part) = self.inner.next(cx)? else { return Ok(None) };
        cx.cancel.check()?;
        let mut batch = Batch::new(part.batch.len(), self.ends.len());
        let mut notes = Annotations::default();
        for i in 0..part.batch.len() {
            to_samples(&part.batch.column(i), self.inner_steps, &mut self.samples);
            if self.samples.is_empty() {
                continue;
            }
            windows_of(&self.samples.timestamps, &self.ends, self.call.range_ms, &mut self.windows);
            if let Some(steps) = cx.budget.progress.steps(&self.times) {
                steps.windows(&self.windows);
            }
            let Some(meta) = self.inner.series().get(part.first + i) else { continue };
            let input = RangeInput {
                labels: &meta.labels,
                samples: &self.samples,
                windows: &self.windows,
                ends: &self.ends,
                times: &self.times,
                range_ms: self.call.range_ms,
                lookback_ms: cx.lookback_ms,
                bounds: Bounds::Plain,
                subquery: true,
                params: &self.call.params,
                span: self.call.span,
                // Steps of a subquery carry no start timestamps.
                use_starts: false,
                type_and_unit: cx.options.type_and_unit_labels,
            };
            (self.call.kernel)(&input, &mut batch.column_mut(i), &mut notes)?;
        }
        cx.merge_notes(notes);
        let charge = cx.charge(&batch)?;
        Ok(Some(Part::new(part.first, batch, charge)))
    }
}
