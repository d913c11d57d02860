//! What all operators of a query share.

use super::Node;
use super::operator::Operator;
use super::profile::Profile;
use super::shared::SharedReads;
use crate::annotations::Annotations;
use crate::batch::Batch;
use crate::budget::{Budget, Charge};
use crate::engine::{CancelToken, EngineError, EngineOptions};
use crate::syntax::ast::{Expr, Span};
use narthex_storage::{Matcher, Querier, Queryable, SelectHints, Series};
use std::cell::RefCell;
use std::sync::{Mutex, PoisonError};

/// The times at which an expression is evaluated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Steps {
    /// First one, ms.
    pub(crate) start: i64,
    /// Distance, ms.
    pub(crate) step: i64,
    /// How many.
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

    /// All times, ms.
    pub(crate) fn times(&self) -> Vec<i64> {
        (0..self.count).map(|i| self.time(i)).collect()
    }
}

/// Where in the query an expression stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Scope {
    /// When it is evaluated.
    pub(crate) steps: Steps,
    /// A function around it asks for no more of histograms than count and sum.
    pub(crate) wants_stats: bool,
    /// Something around it needs the buckets of histograms.
    pub(crate) needs_buckets: bool,
    /// Whoever reads the series looks at no metric name, so that dropping it can be spared.
    pub(crate) names_ignored: bool,
    /// The order of the series makes no difference.
    pub(crate) unordered: bool,
}

impl Scope {
    pub(crate) fn at(steps: Steps) -> Self {
        Self { steps, wants_stats: false, needs_buckets: false, names_ignored: false, unordered: false }
    }

    /// For an operand whose labels and order matter.
    pub(crate) fn exact(self) -> Self {
        Self { names_ignored: false, unordered: false, ..self }
    }
}

/// Shared by all operators of a query, on all threads.
pub(crate) struct Context<'a> {
    pub(crate) store: &'a dyn Queryable,
    pub(crate) options: &'a EngineOptions,
    pub(crate) lookback_ms: i64,
    pub(crate) budget: Budget,
    pub(crate) cancel: CancelToken,
    pub(crate) profile: Option<Profile>,
    pub(crate) shared: SharedReads<'a>,
    /// What stays until the answer is written.
    held: RefCell<Option<Charge>>,
    notes: Mutex<Annotations>,
    /// Where series were selected: they know what was left out when all is read.
    queriers: RefCell<Vec<Box<dyn Querier>>>,
}

impl<'a> Context<'a> {
    pub(crate) fn new(
        store: &'a dyn Queryable,
        options: &'a EngineOptions,
        lookback_ms: i64,
        budget: Budget,
        cancel: CancelToken,
    ) -> Self {
        Self {
            store,
            options,
            lookback_ms,
            budget,
            cancel,
            profile: None,
            shared: SharedReads::default(),
            held: RefCell::default(),
            notes: Mutex::default(),
            queriers: RefCell::default(),
        }
    }

    /// Books a batch.
    pub(crate) fn charge(&self, batch: &Batch) -> Result<Charge, EngineError> {
        let samples: usize = (0..batch.len()).map(|i| batch.column(i).count()).sum();
        Ok(self.budget.charge(samples as u64, batch.size_bytes() as u64)?)
    }

    /// Books bytes.
    pub(crate) fn charge_bytes(&self, bytes: usize) -> Result<Charge, EngineError> {
        Ok(self.budget.charge(0, bytes as u64)?)
    }

    /// Books what stays until the answer is written.
    pub(crate) fn hold(&self, samples: usize, bytes: usize) -> Result<(), EngineError> {
        let (samples, bytes) = (samples as u64, bytes as u64);
        match &mut *self.held.borrow_mut() {
            Some(charge) => charge.grow(samples, bytes)?,
            none => *none = Some(self.budget.charge(samples, bytes)?),
        }
        Ok(())
    }

    /// What was booked until the answer is written.
    pub(crate) fn take_held(&self) -> Option<Charge> {
        self.held.borrow_mut().take()
    }

    /// Remarks on what is probably a mistake in the expression at `span`.
    pub(crate) fn warn(&self, text: impl Into<String>, span: Span) {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner).warn(text, span);
    }

    /// Remarks on what may be worth knowing about the expression at `span`.
    pub(crate) fn inform(&self, text: impl Into<String>, span: Span) {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner).inform(text, span);
    }

    /// Takes over the remarks of a part of the work.
    pub(crate) fn merge_notes(&self, notes: Annotations) {
        if !notes.is_empty() {
            self.notes.lock().unwrap_or_else(PoisonError::into_inner).merge(notes);
        }
    }

    /// Selects series of a view of the store, whose warnings become the query's.
    pub(crate) fn select(
        &self,
        querier: Box<dyn Querier>,
        matchers: &[Matcher],
        hints: &SelectHints,
    ) -> Result<Vec<Box<dyn Series>>, EngineError> {
        let series = querier.select(matchers, hints)?;
        self.queriers.borrow_mut().push(querier);
        Ok(series)
    }

    /// All remarks, those of the store included.
    pub(crate) fn into_notes(self) -> Annotations {
        let mut notes = self.notes.into_inner().unwrap_or_else(PoisonError::into_inner);
        for querier in self.queriers.into_inner() {
            querier.warnings().into_iter().for_each(|text| notes.warn_of_store(text));
        }
        notes
    }

    /// Builds a node, and measures it when the query is to be explained.
    pub(crate) fn profiled(
        &self,
        expr: &Expr,
        build: impl FnOnce() -> Result<Node<'a>, EngineError>,
    ) -> Result<Node<'a>, EngineError> {
        match &self.profile {
            None => build(),
            Some(profile) => profile.measure(&self.budget.progress, expr, build),
        }
    }

    /// A vector, made of an operator.
    pub(crate) fn vector(operator: impl Operator + 'a) -> Node<'a> {
        Node::Vector(Box::new(operator))
    }
}
