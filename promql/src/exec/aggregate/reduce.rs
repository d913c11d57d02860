//! Aggregations to one series per group: `sum`, `avg`, `min`, `max`, `count`, `group`, `stddev`, `stdvar`.

use super::super::operator::{Meta, Operator, Ready};
use super::super::{Context, Node, Scope};
use super::groups::{Appearance, Groups};
use super::histograms::{HistogramCells, Incoming};
use super::kahan::{self, Sums};
use super::{choice, drops_name, inform_ignored};
use crate::batch::{Batch, Column, ColumnMut, words};
use crate::engine::EngineError;
use crate::syntax::ast::{Aggregate, AggregateOp, Span};

pub(super) fn build<'a>(
    cx: &Context<'a>,
    aggregate: &'a Aggregate,
    operand: &mut dyn Operator,
    scope: Scope,
) -> Result<Node<'a>, EngineError> {
    let (op, steps) = (aggregate.op, scope.steps.count);
    let span = aggregate.expr.span();
    let groups = Groups::of(operand.series(), &choice(aggregate));
    let mut held = cx.charge_bytes(groups.size_bytes())?;
    let mut cells: Vec<Option<Cells>> = Vec::new();
    cells.resize_with(groups.labels.len(), || None);
    let mut drop_name = vec![false; groups.labels.len()];
    let mut appearance = Appearance::new(groups.labels.len());
    let mut ignored = false;
    while let Some(part) = operand.next(cx)? {
        cx.cancel.check()?;
        let histograms = part.batch.has_histograms();
        for i in 0..part.batch.len() {
            let column = part.batch.column(i);
            let taken = op.takes_histograms();
            if taken && column.is_empty() || !taken && column.present.iter().all(|word| *word == 0) {
                ignored |= !taken && histograms && !column.is_empty();
                continue;
            }
            let series = part.first + i;
            let group = groups.group(series);
            let Some(slot) = cells.get_mut(group) else { continue };
            appearance.note(group);
            if slot.is_none() {
                held.grow(steps as u64, Cells::bytes(op, steps) as u64)?;
            }
            let cell = slot.get_or_insert_with(|| Cells::new(op, steps));
            let meta = operand.series().get(series);
            if let (Some(meta), Some(drop_name)) = (meta, drop_name.get_mut(group)) {
                *drop_name |= drops_name(aggregate, meta);
            }
            cell.add(&column);
            if histograms && !column.histograms.is_empty() {
                ignored |= !taken && column.histograms.iter().any(Option::is_some);
                if taken {
                    let name = meta.and_then(|meta| meta.labels.get("__name__")).unwrap_or("");
                    cell.add_histograms(cx, &column, op, name, span);
                }
            }
        }
    }
    if ignored {
        inform_ignored(cx, op, span);
    }
    let mut batch = Batch::new(appearance.order.len(), steps);
    let mut series = Vec::with_capacity(appearance.order.len());
    for (place, group) in appearance.order.iter().enumerate() {
        let Some(cell) = cells.get_mut(*group).and_then(Option::take) else { continue };
        cell.finish(cx, span, &mut batch.column_mut(place));
        series.push(Meta {
            labels: groups.labels.get(*group).cloned().unwrap_or_default(),
            drop_name: drop_name.get(*group).copied().unwrap_or(false),
        });
    }
    drop(held);
    Ok(Context::vector(Ready::of(cx, series, batch)?))
}

impl AggregateOp {
    /// Whether histograms take part.
    fn takes_histograms(self) -> bool {
        matches!(self, Self::Sum | Self::Avg | Self::Count | Self::Group)
    }
}

/// Running figures of one group at all steps.
struct Cells {
    /// Steps at which a float was seen.
    floats: Vec<u64>,
    figures: Figures,
    histograms: Option<Box<HistogramCells>>,
}

enum Figures {
    Sum(Sums),
    Mean(Mean),
    /// Samples of either kind.
    Count(Vec<f64>),
    Group,
    Extreme {
        values: Vec<f64>,
        max: bool,
    },
    Spread {
        counts: Vec<f64>,
        means: Vec<f64>,
        squares: Vec<f64>,
        root: bool,
    },
}

/// A sum while it fits a float, then a mean that is carried on.
struct Mean {
    sums: Sums,
    counts: Vec<f64>,
    /// Steps that carry a mean in place of the sum; empty while there is none.
    carried: Vec<bool>,
}

impl Cells {
    fn new(op: AggregateOp, steps: usize) -> Self {
        let figures = match op {
            AggregateOp::Sum => Figures::Sum(Sums::new(steps)),
            AggregateOp::Avg => {
                Figures::Mean(Mean { sums: Sums::new(steps), counts: vec![0.0; steps], carried: Vec::new() })
            }
            AggregateOp::Count => Figures::Count(vec![0.0; steps]),
            AggregateOp::Min | AggregateOp::Max => {
                Figures::Extreme { values: vec![f64::NAN; steps], max: op == AggregateOp::Max }
            }
            AggregateOp::Stddev | AggregateOp::Stdvar => Figures::Spread {
                counts: vec![0.0; steps],
                means: vec![0.0; steps],
                squares: vec![0.0; steps],
                root: op == AggregateOp::Stddev,
            },
            _ => Figures::Group,
        };
        Self { floats: vec![0; words(steps)], figures, histograms: None }
    }

    /// Bytes of a group.
    fn bytes(op: AggregateOp, steps: usize) -> usize {
        let columns = match op {
            AggregateOp::Avg | AggregateOp::Stddev | AggregateOp::Stdvar => 3,
            AggregateOp::Sum => 2,
            AggregateOp::Group => 0,
            _ => 1,
        };
        columns * steps * 8 + words(steps) * 8 + 64
    }

    fn add(&mut self, column: &Column<'_>) {
        match &mut self.figures {
            Figures::Sum(sums) => sums.add(column.values, column.present),
            Figures::Mean(mean) => mean.add(column),
            Figures::Count(counts) => {
                for (word, counts) in counts.chunks_mut(64).enumerate() {
                    let bits = column.word(word);
                    for (bit, count) in counts.iter_mut().enumerate() {
                        *count += (bits >> bit & 1) as f64;
                    }
                }
            }
            Figures::Extreme { values, max } => {
                let max = *max;
                each_present(column, values, |best, value| {
                    let better = if max { *best < value } else { *best > value };
                    *best = if better || best.is_nan() { value } else { *best };
                });
            }
            Figures::Spread { counts, means, squares, .. } => {
                let cells = counts.iter_mut().zip(means).zip(squares).zip(column.values);
                for (step, (((count, mean), squares), value)) in cells.enumerate() {
                    if column.float(step).is_none() {
                        continue;
                    }
                    *count += 1.0;
                    if *count == 1.0 {
                        *mean = *value;
                        *squares = if value.is_finite() { 0.0 } else { f64::NAN };
                        continue;
                    }
                    let delta = value - *mean;
                    *mean += delta / *count;
                    *squares += delta * (value - *mean);
                }
            }
            Figures::Group => {}
        }
        for (word, floats) in self.floats.iter_mut().enumerate() {
            *floats |= match self.figures {
                // Histograms count as well.
                Figures::Count(_) | Figures::Group => column.word(word),
                _ => column.present.get(word).copied().unwrap_or(0),
            };
        }
    }

    fn add_histograms(
        &mut self,
        cx: &Context<'_>,
        column: &Column<'_>,
        op: AggregateOp,
        name: &str,
        span: Span,
    ) {
        if !matches!(op, AggregateOp::Sum | AggregateOp::Avg) {
            return;
        }
        let steps = column.values.len();
        let cells = self.histograms.get_or_insert_with(|| Box::new(HistogramCells::new(steps)));
        for (step, histogram) in column.histograms.iter().enumerate() {
            let Some(histogram) = histogram else { continue };
            // A group that mixes the kinds has no result at this step: its histograms need no adding.
            let mixed = self.floats.get(step / 64).is_some_and(|word| word >> (step % 64) & 1 == 1);
            cells.add(cx, step, Incoming { histogram, mixed, name }, op, span);
        }
    }

    fn finish(self, cx: &Context<'_>, span: Span, out: &mut ColumnMut<'_>) {
        for step in 0..out.steps() {
            if self.floats.get(step / 64).is_none_or(|word| word >> (step % 64) & 1 == 0) {
                continue;
            }
            let at = |values: &[f64]| values.get(step).copied().unwrap_or(f64::NAN);
            let value = match &self.figures {
                Figures::Sum(sums) => at(&sums.sums) + at(&sums.compensations),
                Figures::Mean(mean) => mean.value(step),
                Figures::Count(counts) => at(counts),
                Figures::Group => 1.0,
                Figures::Extreme { values, .. } => at(values),
                Figures::Spread { counts, squares, root, .. } => {
                    let variance = at(squares) / at(counts);
                    if *root { variance.sqrt() } else { variance }
                }
            };
            out.set(step, value);
        }
        if let Some(histograms) = self.histograms {
            histograms.finish(cx, span, out);
        }
    }
}

/// Combines a column into cells where it is present.
#[inline]
fn each_present(column: &Column<'_>, cells: &mut [f64], f: impl Fn(&mut f64, f64)) {
    for ((cells, values), word) in cells.chunks_mut(64).zip(column.values.chunks(64)).zip(column.present) {
        if word.count_ones() as usize == values.len() {
            cells.iter_mut().zip(values).for_each(|(cell, value)| f(cell, *value));
        } else if *word != 0 {
            for (bit, (cell, value)) in cells.iter_mut().zip(values).enumerate() {
                if word >> bit & 1 == 1 {
                    f(cell, *value);
                }
            }
        }
    }
}

impl Mean {
    fn add(&mut self, column: &Column<'_>) {
        for step in 0..self.counts.len() {
            let Some(value) = column.float(step) else { continue };
            self.add_at(step, value);
        }
    }

    #[inline]
    fn add_at(&mut self, step: usize, value: f64) {
        let steps = self.counts.len();
        let cells =
            (self.counts.get_mut(step), self.sums.sums.get_mut(step), self.sums.compensations.get_mut(step));
        let (Some(count), Some(sum), Some(compensation)) = cells else { return };
        *count += 1.0;
        if *count == 1.0 {
            *sum = value;
            return;
        }
        if !self.carried.get(step).copied().unwrap_or(false) {
            let (total, rest) = kahan::add(*sum, *compensation, value);
            if !total.is_infinite() {
                (*sum, *compensation) = (total, rest);
                return;
            }
            // The sum would leave the range of a float: from here on the mean is carried.
            *sum /= *count - 1.0;
            *compensation /= *count - 1.0;
            self.carried.resize(steps, false);
            if let Some(carried) = self.carried.get_mut(step) {
                *carried = true;
            }
        }
        let share = (*count - 1.0) / *count;
        (*sum, *compensation) = kahan::add(share * *sum, share * *compensation, value / *count);
    }

    fn value(&self, step: usize) -> f64 {
        let at = |values: &[f64]| values.get(step).copied().unwrap_or(f64::NAN);
        let (sum, compensation, count) =
            (at(&self.sums.sums), at(&self.sums.compensations), at(&self.counts));
        if self.carried.get(step).copied().unwrap_or(false) {
            return sum + compensation;
        }
        sum / count + compensation / count
    }
}
