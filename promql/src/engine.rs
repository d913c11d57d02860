//! Runs queries: an instant query is a range query of one step.

use crate::budget::{Exceeded, MemoryPool, Progress};
use crate::exec::{Evaluator, Outcome, Steps};
use crate::syntax::ast::{At, Expr, TimeModifier};
use crate::syntax::{ParseError, ParseOptions, parse_expr};
use crate::value::{Column, InstantSample, RangeSeries, Value};
use hashbrown::HashMap;
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

    pub(crate) fn check(&self) -> Result<(), EngineError> {
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
        let expr = parse_expr(text, &self.options.parse)?;
        let steps = Steps { start: timestamp, step: 0, count: 1 };
        let mut evaluator = Evaluator::new(store, &self.options, query, steps);
        if let Some(matrix) = range_selector(&expr) {
            let series = evaluator.range_vector(matrix)?;
            return Ok(evaluator.finish(Value::Matrix(series), text));
        }
        let value = match evaluator.eval(&expr)? {
            Outcome::Scalar(values) => {
                Value::Scalar { timestamp, value: values.first().copied().unwrap_or(f64::NAN) }
            }
            Outcome::String(value) => Value::String { timestamp, value },
            Outcome::Vector(columns) => {
                let columns = self.clean(columns)?;
                let sample = |c: &Column| {
                    Some(InstantSample {
                        labels: c.labels.clone(),
                        timestamp,
                        value: c.get(0)?,
                        histogram: None,
                    })
                };
                Value::Vector(columns.iter().filter_map(sample).collect())
            }
        };
        Ok(evaluator.finish(value, text))
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
        let expr = parse_expr(text, &self.options.parse)?;
        if range_selector(&expr).is_some() || matches!(expr.unwrap_parens(), Expr::String { .. }) {
            return Err(EngineError::NotForRange(expr.value_type().name()));
        }
        let steps = Steps::of(start, end, step);
        let mut evaluator = Evaluator::new(store, &self.options, query, steps);
        let columns = match evaluator.eval(&expr)? {
            Outcome::Scalar(values) => {
                let present = vec![true; values.len()];
                vec![Column { labels: Labels::empty(), drop_name: false, values, present }]
            }
            Outcome::Vector(columns) => self.clean(columns)?,
            Outcome::String(_) => return Err(EngineError::Exec("unexpected string result".to_owned())),
        };
        let mut series: Vec<RangeSeries> = columns
            .into_iter()
            .map(|column| {
                let mut samples = Columns::default();
                for i in 0..steps.count {
                    if let Some(value) = column.get(i) {
                        samples.push(steps.time(i), value);
                    }
                }
                RangeSeries { labels: column.labels, samples }
            })
            .filter(|series| !series.samples.is_empty())
            .collect();
        series.sort_by(|a, b| a.labels.cmp(&b.labels));
        Ok(evaluator.finish(Value::Matrix(series), text))
    }

    /// Drops the names that are marked, and unites series that become equal where their steps differ.
    fn clean(&self, columns: Vec<Column>) -> Result<Vec<Column>, EngineError> {
        let mut out: Vec<Column> = Vec::with_capacity(columns.len());
        let mut places: HashMap<Labels, usize> = HashMap::new();
        for mut column in columns.into_iter().filter(|c| !c.is_empty()) {
            if column.drop_name {
                column.labels = crate::exec::without_name(&column.labels);
            }
            if let Some(there) = places.get(&column.labels).and_then(|place| out.get_mut(*place)) {
                for step in 0..column.values.len() {
                    let Some(value) = column.get(step) else { continue };
                    if there.get(step).is_some() {
                        return Err(crate::exec::same_labelset());
                    }
                    there.set(step, value);
                }
                continue;
            }
            places.insert(column.labels.clone(), out.len());
            out.push(column);
        }
        Ok(out)
    }
}

/// The range selector or subquery that the whole expression is.
fn range_selector(expr: &Expr) -> Option<&Expr> {
    let inner = expr.unwrap_parens();
    matches!(inner, Expr::Matrix { .. } | Expr::Subquery(_)).then_some(inner)
}

/// The fixed evaluation time of a selector, ms.
pub(crate) fn fixed_time(time: &TimeModifier, query: Steps) -> Option<i64> {
    time.at.map(|at| match at {
        At::Timestamp(ms) => ms,
        At::Start => query.start,
        At::End => query.time(query.count.saturating_sub(1)),
    })
}
