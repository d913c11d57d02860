//! Operators over whole series: each gives columns of one value per step.

mod aggregate;
mod binary;
mod call;
mod range;

use crate::annotations::Annotations;
use crate::engine::{EngineError, EngineOptions, QueryOptions, QueryResult, fixed_time};
use crate::syntax::ast::{Expr, Span, TimeModifier, VectorSelector};
use crate::value::{Column, Value};
use narthex_storage::{
    Columns, Labels, LabelsBuilder, Matcher, Queryable, SelectHints, Series, is_stale_nan,
};

/// The series of a selector, and the first and last millisecond to read of them.
type Selected = (Vec<Box<dyn Series>>, i64, i64);

/// The times at which an expression is evaluated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Steps {
    pub(crate) start: i64,
    pub(crate) step: i64,
    pub(crate) count: usize,
}

impl Steps {
    pub(crate) fn of(start: i64, end: i64, step: i64) -> Self {
        let count =
            if end < start { 0 } else { usize::try_from((end - start) / step.max(1)).unwrap_or(0) + 1 };
        Self { start, step, count }
    }

    #[inline]
    pub(crate) fn time(&self, i: usize) -> i64 {
        self.start.saturating_add(self.step.saturating_mul(i as i64))
    }

    pub(crate) fn last(&self) -> i64 {
        self.time(self.count.saturating_sub(1))
    }
}

/// What an expression gives.
pub(crate) enum Outcome {
    Scalar(Vec<f64>),
    String(String),
    Vector(Vec<Column>),
}

pub(crate) struct Evaluator<'a> {
    store: &'a dyn Queryable,
    options: &'a EngineOptions,
    query: &'a QueryOptions,
    lookback_ms: i64,
    /// Steps of the expression being evaluated; a subquery has its own.
    steps: Steps,
    /// Steps of the whole query.
    whole: Steps,
    samples: usize,
    peak: usize,
    samples_read: u64,
    notes: Annotations,
}

impl<'a> Evaluator<'a> {
    pub(crate) fn new(
        store: &'a dyn Queryable,
        options: &'a EngineOptions,
        query: &'a QueryOptions,
        steps: Steps,
    ) -> Self {
        Self {
            store,
            options,
            query,
            lookback_ms: query.lookback_ms.unwrap_or(options.lookback_ms),
            steps,
            whole: steps,
            samples: 0,
            peak: 0,
            samples_read: 0,
            notes: Annotations::default(),
        }
    }

    /// The answer to the query whose text is `text`.
    pub(crate) fn finish(self, value: Value, text: &str) -> QueryResult {
        let (warnings, infos) = self.notes.render(text);
        QueryResult { value, warnings, infos, samples_read: self.samples_read, peak_samples: self.peak }
    }

    /// Remarks on what is probably a mistake in the expression at `span`.
    pub(crate) fn warn(&mut self, text: String, span: Span) {
        self.notes.warn(text, span);
    }

    /// Remarks on what may be worth knowing about the expression at `span`.
    pub(crate) fn inform(&mut self, text: String, span: Span) {
        self.notes.inform(text, span);
    }

    pub(crate) fn eval(&mut self, expr: &Expr) -> Result<Outcome, EngineError> {
        self.query.cancel.check()?;
        match expr {
            Expr::Number { value, .. } => Ok(Outcome::Scalar(vec![*value; self.steps.count])),
            Expr::String { value, .. } => Ok(Outcome::String(value.clone())),
            Expr::Paren { expr, .. } => self.eval(expr),
            Expr::Unary { negative, expr, .. } => self.unary(*negative, expr),
            Expr::Vector(selector) => self.instant_vector(selector).map(Outcome::Vector),
            Expr::Binary(binary) => self.binary(binary),
            Expr::Aggregate(aggregate) => self.aggregate(aggregate).map(Outcome::Vector),
            Expr::Call(call) => self.call(call),
            Expr::Matrix { .. } | Expr::Subquery(_) => {
                Err(EngineError::Exec("a range vector is no value here".to_owned()))
            }
        }
    }

    pub(crate) fn vector(&mut self, expr: &Expr) -> Result<Vec<Column>, EngineError> {
        match self.eval(expr)? {
            Outcome::Vector(columns) => Ok(columns),
            Outcome::Scalar(values) => {
                let present = vec![true; values.len()];
                Ok(vec![Column { labels: Labels::empty(), drop_name: false, values, present }])
            }
            Outcome::String(_) => Err(EngineError::Exec("a string is no vector".to_owned())),
        }
    }

    pub(crate) fn scalar(&mut self, expr: &Expr) -> Result<Vec<f64>, EngineError> {
        match self.eval(expr)? {
            Outcome::Scalar(values) => Ok(values),
            _ => Err(EngineError::Exec("expected a scalar".to_owned())),
        }
    }

    pub(crate) fn text(&mut self, expr: &Expr) -> Result<String, EngineError> {
        match self.eval(expr)? {
            Outcome::String(text) => Ok(text),
            _ => Err(EngineError::Exec("expected a string".to_owned())),
        }
    }

    fn unary(&mut self, negative: bool, expr: &Expr) -> Result<Outcome, EngineError> {
        match self.eval(expr)? {
            Outcome::Scalar(values) if negative => {
                Ok(Outcome::Scalar(values.into_iter().map(|v| -v).collect()))
            }
            Outcome::Vector(mut columns) if negative => {
                columns.iter_mut().for_each(|column| column.map(|v| -v));
                self.drop_names(columns).map(Outcome::Vector)
            }
            other => Ok(other),
        }
    }

    /// Books samples that are held from now on; fails when they are too many.
    pub(crate) fn hold(&mut self, samples: usize) -> Result<(), EngineError> {
        self.samples = self.samples.saturating_add(samples);
        self.peak = self.peak.max(self.samples);
        if self.samples > self.options.max_samples { Err(EngineError::TooManySamples) } else { Ok(()) }
    }

    pub(crate) fn release(&mut self, samples: usize) {
        self.samples = self.samples.saturating_sub(samples);
    }

    /// The range of stored times that steps at `steps` reach with `range` ms behind each, exclusive start.
    fn reach(&self, time: &TimeModifier, range: i64) -> (i64, i64) {
        let (first, last) = match fixed_time(time, self.whole) {
            Some(at) => (at, at),
            None => (self.steps.start, self.steps.last()),
        };
        let shift = |t: i64| t.saturating_sub(time.offset_ms);
        (shift(first).saturating_sub(range).saturating_add(1), shift(last))
    }

    pub(crate) fn select(
        &self,
        matchers: &[Matcher],
        time: &TimeModifier,
        range: i64,
    ) -> Result<Selected, EngineError> {
        let (mint, maxt) = self.reach(time, range);
        let hints = SelectHints { mint, maxt, step: self.steps.step, range, ..SelectHints::default() };
        let series = self.store.querier(mint, maxt)?.select(matchers, &hints)?;
        Ok((series, mint, maxt))
    }

    /// The time that step `i` stands for in a selector.
    pub(crate) fn step_time(&self, i: usize, time: &TimeModifier) -> i64 {
        fixed_time(time, self.whole).unwrap_or_else(|| self.steps.time(i)).saturating_sub(time.offset_ms)
    }

    fn instant_vector(&mut self, selector: &VectorSelector) -> Result<Vec<Column>, EngineError> {
        self.instant_samples(selector, |_, value| value)
    }

    /// The newest sample within lookback at each step, as `pick(timestamp, value)`.
    pub(crate) fn instant_samples(
        &mut self,
        selector: &VectorSelector,
        pick: impl Fn(i64, f64) -> f64,
    ) -> Result<Vec<Column>, EngineError> {
        let (series, mint, maxt) = self.select(&selector.matchers, &selector.time, self.lookback_ms)?;
        let mut columns = Vec::new();
        let mut samples = Columns::default();
        for one in series {
            self.query.cancel.check()?;
            samples.clear();
            one.read(mint, maxt, &mut samples)?;
            let mut column = Column::empty(one.labels().clone(), self.steps.count);
            let mut cursor = 0;
            let mut found = 0;
            for i in 0..self.steps.count {
                let time = self.step_time(i, &selector.time);
                while samples.timestamps.get(cursor).is_some_and(|t| *t <= time) {
                    cursor += 1;
                }
                let newest = cursor
                    .checked_sub(1)
                    .and_then(|at| samples.timestamps.get(at).zip(samples.values.get(at)));
                if let Some((&t, &value)) = newest
                    && t > time.saturating_sub(self.lookback_ms)
                    && !is_stale_nan(value)
                {
                    column.set(i, pick(t, value));
                    found += 1;
                }
            }
            if found > 0 {
                self.samples_read += found as u64;
                self.hold(column.weight())?;
                columns.push(column);
            }
        }
        Ok(columns)
    }

    /// Marks the names as dropped, or drops them at once, as the engine is set.
    pub(crate) fn drop_names(&self, mut columns: Vec<Column>) -> Result<Vec<Column>, EngineError> {
        if self.options.delayed_name_removal {
            columns.iter_mut().for_each(|column| column.drop_name = true);
            return Ok(columns);
        }
        columns.iter_mut().for_each(|column| column.labels = without_name(&column.labels));
        check_unique(&columns, self.steps.count)?;
        Ok(columns)
    }
}

/// Whether no two columns have the same labels at the same step.
pub(crate) fn check_unique(columns: &[Column], steps: usize) -> Result<(), EngineError> {
    let mut sorted: Vec<&Column> = columns.iter().collect();
    sorted.sort_by(|a, b| a.labels.cmp(&b.labels));
    for group in sorted.chunk_by(|a, b| a.labels == b.labels).filter(|group| group.len() > 1) {
        for step in 0..steps {
            if group.iter().filter(|c| c.get(step).is_some()).count() > 1 {
                return Err(same_labelset());
            }
        }
    }
    Ok(())
}

pub(crate) fn same_labelset() -> EngineError {
    EngineError::Exec("vector cannot contain metrics with the same labelset".to_owned())
}

/// The labels without the metric name and what belongs to it.
pub(crate) fn without_name(labels: &Labels) -> Labels {
    if !["__name__", "__type__", "__unit__"].iter().any(|name| labels.get(name).is_some()) {
        return labels.clone();
    }
    LabelsBuilder::from_labels(labels)
        .retain(|name, _| !matches!(name, "__name__" | "__type__" | "__unit__"))
        .build()
}
