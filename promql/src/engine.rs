//! Runs queries: an instant query is a range query of one step.

use crate::budget::{Budget, Charge, Exceeded, MemoryPool, Progress};
use crate::exec::profile::{PlanNode, Profile};
use crate::exec::shared::SharedReads;
use crate::exec::{
    Context, Meta, Node, Scope, Steps, build, range_vector, same_labelset, vector, without_name,
};
use crate::plan::optimize;
use crate::prepared::PreparedQuery;
use crate::syntax::ast::{Expr, ValueType};
use crate::syntax::{ParseError, ParseOptions, parse_expr};
use crate::syntax::{PrepareError, QueryWindow, prepare};
use crate::value::{InstantSample, RangeSeries, Value};
use hashbrown::HashSet;
use narthex_storage::{Columns, Labels, Queryable, StorageError};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

/// How the engine behaves.
#[derive(Debug, Clone)]
pub struct EngineOptions {
    /// How far an instant selector looks back, ms.
    pub lookback_ms: i64,
    /// Samples that a query may hold at once.
    pub max_samples: usize,
    /// Bytes that a query may hold at once: columns, labels and accumulators.
    pub max_bytes: u64,
    /// Memory that all running queries share; `None` for no common limit.
    pub pool: Option<Arc<MemoryPool>>,
    /// Start timestamps count in `rate` and its kin (`use-start-timestamps`).
    pub use_start_timestamps: bool,
    /// `rate` and `increase` ask `__type__` what is a counter (`type-and-unit-labels`).
    pub type_and_unit_labels: bool,
    /// Step of a subquery that names none, ms.
    pub subquery_step_ms: i64,
    /// Metric names are dropped at the end of the query rather than by each operation.
    pub delayed_name_removal: bool,
    /// What the parser accepts.
    pub parse: ParseOptions,
}

impl Default for EngineOptions {
    fn default() -> Self {
        Self {
            lookback_ms: 300_000,
            max_samples: 50_000_000,
            max_bytes: u64::MAX,
            pool: None,
            use_start_timestamps: false,
            type_and_unit_labels: false,
            subquery_step_ms: 60_000,
            delayed_name_removal: false,
            parse: ParseOptions::default(),
        }
    }
}

/// Lets somebody else end a query.
#[derive(Debug, Clone, Default)]
pub struct CancelToken(Arc<AtomicU8>);

impl CancelToken {
    /// The client went away.
    pub fn cancel(&self) {
        self.0.store(1, Ordering::Relaxed);
    }

    /// The time is up.
    pub fn time_out(&self) {
        self.0.store(2, Ordering::Relaxed);
    }

    /// Whether the query may go on.
    ///
    /// # Errors
    /// It was ended, or its time is up.
    pub fn check(&self) -> Result<(), EngineError> {
        match self.0.load(Ordering::Relaxed) {
            0 => Ok(()),
            1 => Err(EngineError::Canceled),
            _ => Err(EngineError::Timeout),
        }
    }
}

/// Settings of one query.
#[derive(Debug, Clone, Default)]
pub struct QueryOptions {
    /// Instead of the engine's, ms.
    pub lookback_ms: Option<i64>,
    /// Ends the query from outside.
    pub cancel: CancelToken,
    /// Figures of the query while it runs.
    pub progress: Arc<Progress>,
}

/// Why a query has no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// The text is no expression.
    #[error(transparent)]
    Parse(#[from] ParseError),
    /// The expression cannot be evaluated over this range of time.
    #[error(transparent)]
    Prepare(#[from] PrepareError),
    /// The expression, of this type, has no value over a range of time.
    #[error("invalid expression type {0:?} for range query, must be Scalar or instant Vector")]
    NotForRange(&'static str),
    /// Somebody ended the query.
    #[error("query was canceled in expression evaluation")]
    Canceled,
    /// The query took too long.
    #[error("query timed out in expression evaluation")]
    Timeout,
    /// The query would hold more samples than it may.
    #[error("query processing would load too many samples into memory in query execution")]
    TooManySamples,
    /// The query would hold more memory than it may.
    #[error(
        "query would hold {wanted} bytes in memory, more than its budget of {limit}. Select fewer series, a shorter time or a larger step, or raise --query.max-memory"
    )]
    TooMuchMemory {
        /// Bytes that it wanted to hold.
        wanted: u64,
        /// Bytes that it may hold.
        limit: u64,
    },
    /// The queries that run would together hold more memory than they may.
    #[error(
        "query wants {wanted} more bytes while all running queries hold {used} of {limit}. Try again later, select less, or raise --query.max-total-memory"
    )]
    PoolExhausted {
        /// Bytes that it wanted on top.
        wanted: u64,
        /// Bytes that are held.
        used: u64,
        /// Bytes that may be held by all.
        limit: u64,
    },
    /// The store failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The evaluation failed.
    #[error("{0}")]
    Exec(String),
}

impl From<Exceeded> for EngineError {
    fn from(exceeded: Exceeded) -> Self {
        match exceeded {
            Exceeded::Samples { .. } => Self::TooManySamples,
            Exceeded::Bytes { wanted, limit } => Self::TooMuchMemory { wanted, limit },
            Exceeded::Pool { wanted, used, limit } => Self::PoolExhausted { wanted, used, limit },
        }
    }
}

/// An answer.
#[derive(Debug, Clone)]
pub struct QueryResult {
    /// The value.
    pub value: Value,
    /// Warnings, sorted.
    pub warnings: Vec<String>,
    /// Infos, sorted.
    pub infos: Vec<String>,
    /// Samples that were read.
    pub samples_read: u64,
    /// Most samples held at once.
    pub peak_samples: usize,
    /// Keeps the answer's memory booked.
    pub held: Held,
}

/// The memory of an answer, which counts towards its query's budget and that of all queries until it is dropped.
#[derive(Debug, Clone, Default)]
pub struct Held {
    _charge: Option<Arc<Charge>>,
}

/// When a query is evaluated, for [`Engine::explain`]; all ms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExplainTime {
    /// At one time.
    Instant(i64),
    /// At `start`, `start + step`, … up to `end`.
    Range {
        /// First step.
        start: i64,
        /// Last step, at most.
        end: i64,
        /// Distance, positive.
        step: i64,
    },
}

/// Parses and evaluates queries. Stateless between them.
#[derive(Debug, Clone, Default)]
pub struct Engine {
    options: EngineOptions,
}

impl Engine {
    /// An engine with these options.
    #[must_use]
    pub fn new(options: EngineOptions) -> Self {
        Self { options }
    }

    /// How the engine behaves.
    #[must_use]
    pub fn options(&self) -> &EngineOptions {
        &self.options
    }

    /// Evaluates `text` at one time.
    ///
    /// # Errors
    /// See [`EngineError`].
    pub fn instant(
        &self,
        store: &dyn Queryable,
        text: &str,
        timestamp: i64,
        query: &QueryOptions,
    ) -> Result<QueryResult, EngineError> {
        let window = QueryWindow { start_ms: timestamp, end_ms: timestamp, step_ms: 0 };
        let expr = self.prepared(text, window)?;
        let cx = self.context(store, &expr, query);
        let steps = Steps { start: timestamp, step: 0, count: 1 };
        let value = instant_value(&cx, &expr, steps)?;
        Ok(finish(cx, value, text))
    }

    /// Evaluates a query that was parsed before, at one time.
    ///
    /// # Errors
    /// See [`EngineError`].
    pub fn instant_prepared(
        &self,
        store: &dyn Queryable,
        query: &PreparedQuery,
        timestamp: i64,
        options: &QueryOptions,
    ) -> Result<QueryResult, EngineError> {
        let expr = query.at(&QueryWindow { start_ms: timestamp, end_ms: timestamp, step_ms: 0 })?;
        let cx = self.context(store, &expr, options);
        let value = instant_value(&cx, &expr, Steps { start: timestamp, step: 0, count: 1 })?;
        Ok(finish(cx, value, query.text()))
    }

    /// Evaluates a query that was parsed before, at `start`, `start + step`, … up to `end`; all ms, `step` positive.
    ///
    /// # Errors
    /// See [`EngineError`].
    pub fn range_prepared(
        &self,
        store: &dyn Queryable,
        query: &PreparedQuery,
        (start, end, step): (i64, i64, i64),
        options: &QueryOptions,
    ) -> Result<QueryResult, EngineError> {
        if !matches!(query.value_type(), ValueType::Scalar | ValueType::Vector) {
            return Err(EngineError::NotForRange(query.value_type().name()));
        }
        let expr = query.at(&QueryWindow { start_ms: start, end_ms: end, step_ms: step })?;
        let cx = self.context(store, &expr, options);
        let value = range_value(&cx, &expr, Steps::of(start, end, step))?;
        Ok(finish(cx, value, query.text()))
    }

    /// Evaluates `text` at `start`, `start + step`, … up to `end`; all ms, `step` positive.
    ///
    /// # Errors
    /// See [`EngineError`].
    pub fn range(
        &self,
        store: &dyn Queryable,
        text: &str,
        (start, end, step): (i64, i64, i64),
        query: &QueryOptions,
    ) -> Result<QueryResult, EngineError> {
        let expr = self.prepared_for_range(text, (start, end, step))?;
        let cx = self.context(store, &expr, query);
        let value = range_value(&cx, &expr, Steps::of(start, end, step))?;
        Ok(finish(cx, value, text))
    }

    /// Evaluates `text` and tells what each node of the plan cost.
    ///
    /// # Errors
    /// See [`EngineError`].
    pub fn explain(
        &self,
        store: &dyn Queryable,
        text: &str,
        time: ExplainTime,
        query: &QueryOptions,
    ) -> Result<PlanNode, EngineError> {
        let (expr, steps) = match time {
            ExplainTime::Instant(at) => {
                let window = QueryWindow { start_ms: at, end_ms: at, step_ms: 0 };
                (self.prepared(text, window)?, Steps { start: at, step: 0, count: 1 })
            }
            ExplainTime::Range { start, end, step } => {
                (self.prepared_for_range(text, (start, end, step))?, Steps::of(start, end, step))
            }
        };
        let mut cx = self.context(store, &expr, query);
        cx.profile = Some(Profile::default());
        match time {
            ExplainTime::Instant(_) => drop(instant_value(&cx, &expr, steps)?),
            ExplainTime::Range { .. } => drop(range_value(&cx, &expr, steps)?),
        }
        Ok(cx.profile.take().map(Profile::into_plan).unwrap_or_default())
    }

    fn prepared(&self, text: &str, window: QueryWindow) -> Result<Expr, EngineError> {
        Ok(optimize(prepare(parse_expr(text, &self.options.parse)?, &window)?))
    }

    fn prepared_for_range(&self, text: &str, steps: (i64, i64, i64)) -> Result<Expr, EngineError> {
        let (start_ms, end_ms, step_ms) = steps;
        let expr = parse_expr(text, &self.options.parse)?;
        if !matches!(expr.value_type(), ValueType::Scalar | ValueType::Vector) {
            return Err(EngineError::NotForRange(expr.value_type().name()));
        }
        Ok(optimize(prepare(expr, &QueryWindow { start_ms, end_ms, step_ms })?))
    }

    fn context<'a>(&'a self, store: &'a dyn Queryable, expr: &Expr, query: &QueryOptions) -> Context<'a> {
        let budget = Budget {
            max_samples: self.options.max_samples as u64,
            max_bytes: self.options.max_bytes,
            pool: self.options.pool.clone(),
            progress: query.progress.clone(),
        };
        let lookback_ms = query.lookback_ms.unwrap_or(self.options.lookback_ms);
        let mut cx = Context::new(store, &self.options, lookback_ms, budget, query.cancel.clone());
        cx.shared = SharedReads::of(expr);
        cx
    }
}

/// The answer to the query whose text is `text`.
fn finish(cx: Context<'_>, value: Value, text: &str) -> QueryResult {
    let progress = cx.budget.progress.clone();
    let held = Held { _charge: cx.take_held().map(Arc::new) };
    let (warnings, infos) = cx.into_notes().render(text);
    let (samples_read, peak_samples) = (progress.samples_read(), progress.samples_peak());
    QueryResult { value, warnings, infos, samples_read, peak_samples: peak_samples as usize, held }
}

fn instant_value<'a>(cx: &Context<'a>, expr: &'a Expr, steps: Steps) -> Result<Value, EngineError> {
    let timestamp = steps.start;
    if expr.value_type() == ValueType::Matrix {
        return range_vector(cx, expr.unwrap_parens(), timestamp).map(Value::Matrix);
    }
    match build(cx, expr, Scope::at(steps))? {
        Node::Scalar(values) => Ok(Value::Scalar { timestamp, value: values.get(0) }),
        Node::Text(text) => Ok(Value::String { timestamp, value: text.to_owned() }),
        Node::Vector(mut operator) => {
            let mut samples = Vec::new();
            while let Some(part) = operator.next(cx)? {
                cx.cancel.check()?;
                for i in 0..part.batch.len() {
                    let column = part.batch.column(i);
                    let (float, histogram) = (column.float(0), column.histogram(0).cloned());
                    let Some(value) = float.or(histogram.as_ref().map(|_| f64::NAN)) else { continue };
                    let Some(meta) = operator.series().get(part.first + i) else { continue };
                    let labels = final_labels(meta);
                    samples.push(InstantSample { labels, timestamp, value, histogram });
                }
            }
            cx.hold(samples.len(), samples.len() * size_of::<InstantSample>())?;
            if cx.options.delayed_name_removal {
                let mut seen = HashSet::with_capacity(samples.len());
                if !samples.iter().all(|sample| seen.insert(&sample.labels)) {
                    return Err(same_labelset());
                }
            }
            Ok(Value::Vector(samples))
        }
    }
}

fn range_value<'a>(cx: &Context<'a>, expr: &'a Expr, steps: Steps) -> Result<Value, EngineError> {
    let mut operator = vector(cx, expr, Scope::at(steps))?;
    let mut series: Vec<RangeSeries> = Vec::new();
    while let Some(part) = operator.next(cx)? {
        cx.cancel.check()?;
        for i in 0..part.batch.len() {
            let column = part.batch.column(i);
            let count = column.count();
            if count == 0 {
                continue;
            }
            let Some(meta) = operator.series().get(part.first + i) else { continue };
            cx.hold(count, count * 16)?;
            let mut samples = Columns::default();
            samples.timestamps.reserve_exact(count);
            samples.values.reserve_exact(count);
            for step in 0..steps.count {
                if let Some(value) = column.float(step) {
                    samples.push(steps.time(step), value);
                } else if let Some(histogram) = column.histogram(step) {
                    samples.push_histogram(steps.time(step), histogram.clone(), 0);
                }
            }
            series.push(RangeSeries { labels: final_labels(meta), samples });
        }
    }
    if !series.is_sorted_by(|a, b| a.labels < b.labels) {
        series.sort_by(|a, b| a.labels.cmp(&b.labels));
        series = united(series)?;
    }
    Ok(Value::Matrix(series))
}

fn final_labels(meta: &Meta) -> Labels {
    if meta.drop_name { without_name(&meta.labels) } else { meta.labels.clone() }
}

/// Series that have become equal, in the order of their labels, as one where their times differ.
fn united(sorted: Vec<RangeSeries>) -> Result<Vec<RangeSeries>, EngineError> {
    let mut out: Vec<RangeSeries> = Vec::with_capacity(sorted.len());
    for series in sorted {
        match out.last_mut().filter(|last| last.labels == series.labels) {
            None => out.push(series),
            Some(last) => last.samples = joined(&last.samples, &series.samples)?,
        }
    }
    Ok(out)
}

/// The samples of both in the order of their times.
fn joined(a: &Columns, b: &Columns) -> Result<Columns, EngineError> {
    let mut out = Columns::default();
    let (mut i, mut j) = (0, 0);
    loop {
        let (from, at) = match (a.timestamps.get(i), b.timestamps.get(j)) {
            (Some(x), Some(y)) if x == y => return Err(same_labelset()),
            (Some(x), Some(y)) if x > y => (b, &mut j),
            (Some(_), _) => (a, &mut i),
            (None, Some(_)) => (b, &mut j),
            (None, None) => return Ok(out),
        };
        let time = from.timestamps.get(*at).copied().unwrap_or(0);
        match from.histogram(*at) {
            Some(histogram) => out.push_histogram(time, histogram.clone(), 0),
            None => out.push(time, from.values.get(*at).copied().unwrap_or(f64::NAN)),
        }
        *at += 1;
    }
}
