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
