//! Sums and means of histograms, step by step.

use super::super::Context;
use crate::batch::ColumnMut;
use crate::syntax::ast::{AggregateOp, Span};
use narthex_storage::histogram::{Combination, HistogramMean, HistogramSum, IncompatibleSchemas};
use narthex_storage::labels::quote;
use narthex_storage::{CounterResetHint, FloatHistogram};
use std::sync::Arc;

enum Running {
    Sum(HistogramSum),
    Mean(HistogramMean),
    /// The group has numbers too, or histograms that do not go together: no result.
    Spoilt,
}

struct Cell {
    running: Running,
    reset_seen: bool,
    not_reset_seen: bool,
}

/// The histograms of one group at all steps.
pub(super) struct HistogramCells {
    cells: Vec<Option<Box<Cell>>>,
}

/// A histogram that joins its group.
pub(super) struct Incoming<'a> {
    pub(super) histogram: &'a FloatHistogram,
    /// The group has had a number at this step.
    pub(super) mixed: bool,
    /// The series' metric.
    pub(super) name: &'a str,
}

impl HistogramCells {
    pub(super) fn new(steps: usize) -> Self {
        Self { cells: (0..steps).map(|_| None).collect() }
    }

    /// Adds a histogram.
    pub(super) fn add(
        &mut self,
        cx: &Context<'_>,
        step: usize,
        incoming: Incoming<'_>,
        op: AggregateOp,
        span: Span,
    ) {
        let Incoming { histogram, mixed, name } = incoming;
        let Some(slot) = self.cells.get_mut(step) else { return };
        let Some(cell) = slot else {
            let running = match op {
                _ if mixed => Running::Spoilt,
                AggregateOp::Avg => Running::Mean(HistogramMean::new(histogram.clone())),
                _ => Running::Sum(HistogramSum::new(histogram.clone())),
            };
            let mut cell = Cell { running, reset_seen: false, not_reset_seen: false };
            cell.note(histogram.hint);
            *slot = Some(Box::new(cell));
            return;
        };
        let added: Result<Combination, IncompatibleSchemas> = match &mut cell.running {
            Running::Spoilt => return,
            Running::Sum(sum) => sum.add(histogram),
            Running::Mean(mean) => mean.add(histogram),
        };
        cell.note(histogram.hint);
        match added {
            Ok(combination) if combination.bounds_reconciled => {
                cx.inform("mismatched custom buckets were reconciled during aggregation", span);
            }
            Ok(_) => {}
            Err(IncompatibleSchemas) => {
                cell.running = Running::Spoilt;
                let name = quote(name);
                cx.warn(
                    format!("vector contains a mix of histograms with exponential and custom buckets schemas for metric name {name}"),
                    span,
                );
            }
        }
    }

    /// Writes the results. A step that has a number as well as histograms has none.
    pub(super) fn finish(self, cx: &Context<'_>, span: Span, out: &mut ColumnMut<'_>) {
        for (step, cell) in self.cells.into_iter().enumerate() {
            let Some(cell) = cell else { continue };
            if out.as_ref().float(step).is_some() {
                cx.warn("encountered a mix of histograms and floats for aggregation", span);
                out.unset(step);
                continue;
            }
            let mut result = match cell.running {
                Running::Spoilt => continue,
                Running::Sum(sum) => sum.finish(),
                Running::Mean(mean) => mean.finish(),
            };
            if cell.reset_seen && cell.not_reset_seen {
                cx.warn("conflicting counter resets during histogram aggregation", span);
            }
            result.compact();
            out.set_histogram(step, Arc::new(result));
        }
    }
}

impl Cell {
    fn note(&mut self, hint: CounterResetHint) {
        self.reset_seen |= hint == CounterResetHint::Reset;
        self.not_reset_seen |= hint == CounterResetHint::NotReset;
    }
}
