//! Range vectors: windows over stored samples, or over the steps of a subquery.

use super::{Evaluator, Outcome, Steps};
use crate::engine::{EngineError, fixed_time};
use crate::functions::over_time::Window;
use crate::syntax::ast::{Expr, Subquery, TimeModifier};
use crate::value::{Column, RangeSeries};
use narthex_storage::{Columns, Labels, is_stale_nan};

/// Samples of a range vector before they are cut into windows.
struct Source {
    labels: Labels,
    drop_name: bool,
    samples: Columns,
}

impl Evaluator<'_> {
    /// Applies `kernel` to the window of every step of every series; `None` leaves a hole.
    pub(crate) fn windows(
        &mut self,
        expr: &Expr,
        mut kernel: impl FnMut(usize, &Window<'_>) -> Option<f64>,
    ) -> Result<Vec<Column>, EngineError> {
        let (time, range_ms) = modifier(expr)?;
        let mut columns = Vec::new();
        let steps = self.steps;
        let ends: Vec<i64> = (0..steps.count).map(|i| self.step_time(i, &time)).collect();
        self.sources(expr, |evaluator, source| {
            let mut column = Column::empty(source.labels, steps.count);
            column.drop_name = source.drop_name;
            let (mut from, mut to) = (0, 0);
            for (i, end) in ends.iter().enumerate() {
                let start = end.saturating_sub(range_ms);
                while source.samples.timestamps.get(from).is_some_and(|t| *t <= start) {
                    from += 1;
                }
                while source.samples.timestamps.get(to).is_some_and(|t| *t <= *end) {
                    to += 1;
                }
                let (Some(timestamps), Some(values)) =
                    (source.samples.timestamps.get(from..to), source.samples.values.get(from..to))
                else {
                    continue;
                };
                if timestamps.is_empty() {
                    continue;
                }
                evaluator.samples_read += timestamps.len() as u64;
                if let Some(value) = kernel(i, &Window { timestamps, values, start, end: *end }) {
                    column.set(i, value);
                }
            }
            if !column.is_empty() {
                evaluator.hold(column.weight())?;
                columns.push(column);
            }
            Ok(())
        })?;
        Ok(columns)
    }

    /// The range vector as it is: the answer of an instant query for `up[5m]`.
    pub(crate) fn range_vector(&mut self, expr: &Expr) -> Result<Vec<RangeSeries>, EngineError> {
        let (time, range_ms) = modifier(expr)?;
        let end = self.step_time(0, &time);
        let start = end.saturating_sub(range_ms);
        let mut all = Vec::new();
        self.sources(expr, |_, mut source| {
            let from = source.samples.timestamps.partition_point(|t| *t <= start);
            let to = source.samples.timestamps.partition_point(|t| *t <= end).max(from);
            source.samples.timestamps.truncate(to);
            source.samples.values.truncate(to);
            source.samples.timestamps.drain(..from);
            source.samples.values.drain(..from);
            let labels = if source.drop_name { super::without_name(&source.labels) } else { source.labels };
            if !source.samples.is_empty() {
                all.push(RangeSeries { labels, samples: source.samples });
            }
            Ok(())
        })?;
        all.sort_by(|a, b| a.labels.cmp(&b.labels));
        if all.windows(2).any(|pair| pair.first().map(|s| &s.labels) == pair.last().map(|s| &s.labels)) {
            return Err(super::same_labelset());
        }
        Ok(all)
    }

    fn sources(
        &mut self,
        expr: &Expr,
        mut each: impl FnMut(&mut Self, Source) -> Result<(), EngineError>,
    ) -> Result<(), EngineError> {
        match expr.unwrap_parens() {
            Expr::Matrix { selector, range_ms, .. } => {
                let (series, mint, maxt) = self.select(&selector.matchers, &selector.time, *range_ms)?;
                for one in series {
                    self.query.cancel.check()?;
                    let mut samples = Columns::default();
                    one.read(mint, maxt, &mut samples)?;
                    drop_stale(&mut samples);
                    let held = samples.len();
                    self.hold(held)?;
                    each(self, Source { labels: one.labels().clone(), drop_name: false, samples })?;
                    self.release(held);
                }
                Ok(())
            }
            Expr::Subquery(subquery) => {
                let (columns, inner) = self.subquery(subquery)?;
                for column in columns {
                    let weight = column.weight();
                    let mut samples = Columns::default();
                    for i in 0..inner.count {
                        if let Some(value) = column.get(i) {
                            samples.push(inner.time(i), value);
                        }
                    }
                    each(self, Source { labels: column.labels, drop_name: column.drop_name, samples })?;
                    self.release(weight);
                }
                Ok(())
            }
            _ => Err(EngineError::Exec("expected a range vector".to_owned())),
        }
    }

    /// Evaluates the inner expression at multiples of its step.
    fn subquery(&mut self, subquery: &Subquery) -> Result<(Vec<Column>, Steps), EngineError> {
        let step = subquery.step_ms.unwrap_or(self.options.subquery_step_ms).max(1);
        let (first, last) = match fixed_time(&subquery.time, self.whole) {
            Some(at) => (at, at),
            None => (self.steps.start, self.steps.last()),
        };
        let begin = first.saturating_sub(subquery.time.offset_ms).saturating_sub(subquery.range_ms);
        let end = last.saturating_sub(subquery.time.offset_ms);
        // The first multiple of the step inside the left-open range.
        let mut start = begin.div_euclid(step) * step;
        if start <= begin {
            start += step;
        }
        let inner = Steps::of(start, end, step);
        if inner.count > self.options.max_samples {
            return Err(EngineError::TooManySamples);
        }
        let outer = std::mem::replace(&mut self.steps, inner);
        let outcome = self.eval(&subquery.expr);
        self.steps = outer;
        let columns = match outcome? {
            Outcome::Vector(columns) => columns,
            Outcome::Scalar(values) => {
                let present = vec![true; values.len()];
                vec![Column { labels: Labels::empty(), drop_name: false, values, present }]
            }
            Outcome::String(_) => Vec::new(),
        };
        Ok((columns, inner))
    }
}

fn modifier(expr: &Expr) -> Result<(TimeModifier, i64), EngineError> {
    match expr.unwrap_parens() {
        Expr::Matrix { selector, range_ms, .. } => Ok((selector.time.clone(), *range_ms)),
        Expr::Subquery(subquery) => Ok((subquery.time.clone(), subquery.range_ms)),
        _ => Err(EngineError::Exec("expected a range vector".to_owned())),
    }
}

fn drop_stale(samples: &mut Columns) {
    if samples.values.iter().any(|v| is_stale_nan(*v)) {
        let mut keep = samples.values.iter().map(|v| !is_stale_nan(*v));
        samples.timestamps.retain(|_| keep.next().unwrap_or(true));
        samples.values.retain(|v| !is_stale_nan(*v));
    }
}
