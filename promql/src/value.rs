//! What a query answers.

use narthex_storage::{Columns, FloatHistogram, Labels};
use std::sync::Arc;

/// The result of a query.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// One number at one time.
    Scalar {
        /// Milliseconds since the epoch.
        timestamp: i64,
        /// The number.
        value: f64,
    },
    /// A text at one time.
    String {
        /// Milliseconds since the epoch.
        timestamp: i64,
        /// The text.
        value: String,
    },
    /// Samples at one time, in the order that the query gives them.
    Vector(Vec<InstantSample>),
    /// Series of samples, sorted by labels.
    Matrix(Vec<RangeSeries>),
}

/// One element of an instant vector.
#[derive(Debug, Clone, PartialEq)]
pub struct InstantSample {
    /// Labels.
    pub labels: Labels,
    /// Milliseconds since the epoch.
    pub timestamp: i64,
    /// Value; NaN where there is a histogram.
    pub value: f64,
    /// The native histogram, if it is one.
    pub histogram: Option<Arc<FloatHistogram>>,
}

/// One series of a matrix.
#[derive(Debug, Clone, PartialEq)]
pub struct RangeSeries {
    /// Labels.
    pub labels: Labels,
    /// Samples.
    pub samples: Columns,
}

/// A series over the steps of a query, inside the engine.
#[derive(Debug, Clone)]
pub(crate) struct Column {
    pub(crate) labels: Labels,
    /// The metric name is to go at the end of the query (delayed name removal).
    pub(crate) drop_name: bool,
    pub(crate) values: Vec<f64>,
    pub(crate) present: Vec<bool>,
}

impl Column {
    pub(crate) fn empty(labels: Labels, steps: usize) -> Self {
        Self { labels, drop_name: false, values: vec![0.0; steps], present: vec![false; steps] }
    }

    #[inline]
    pub(crate) fn get(&self, step: usize) -> Option<f64> {
        if self.present.get(step).copied().unwrap_or(false) { self.values.get(step).copied() } else { None }
    }

    #[inline]
    pub(crate) fn set(&mut self, step: usize, value: f64) {
        if let (Some(slot), Some(present)) = (self.values.get_mut(step), self.present.get_mut(step)) {
            *slot = value;
            *present = true;
        }
    }

    #[inline]
    pub(crate) fn unset(&mut self, step: usize) {
        if let Some(present) = self.present.get_mut(step) {
            *present = false;
        }
    }

    /// What the column counts towards the samples that a query may hold: those that are present, and where
    /// most are not, a share of the memory that the holes take.
    pub(crate) fn weight(&self) -> usize {
        self.present.iter().filter(|present| **present).count().max(self.values.len() / 4)
    }

    pub(crate) fn is_empty(&self) -> bool {
        !self.present.contains(&true)
    }

    /// Replaces each present value.
    pub(crate) fn map(&mut self, f: impl Fn(f64) -> f64) {
        self.values.iter_mut().zip(&self.present).filter(|(_, p)| **p).for_each(|(v, _)| *v = f(*v));
    }
}
