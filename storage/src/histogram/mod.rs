//! Native histograms as float values: exponential and custom buckets.
//!
//! The rules (bucket bounds, compaction, reset detection, arithmetic) are those of Prometheus 3.14's float
//! histograms. Buckets are kept as sorted pairs of index and population instead of spans: the layout of
//! spans carries no meaning beyond which buckets there are.

mod arithmetic;
mod bounds;
mod buckets;
mod compact;
mod custom;
mod equality;
#[cfg(test)]
mod fixtures;
mod kahan;
mod reset;
mod stored;
mod text;
mod trim;
mod validate;
mod zero;

use std::sync::Arc;

pub use arithmetic::{Combination, IncompatibleSchemas};
pub use bounds::{custom_bound, exponential_bound, same_bounds};
pub use buckets::Bucket;
pub use kahan::{HistogramMean, HistogramSum};
pub use stored::stored_hint;
pub use validate::InvalidHistogram;

/// The schema of histograms whose bounds are listed (NHCB: native histograms with custom buckets).
pub const CUSTOM_BUCKETS_SCHEMA: i32 = -53;
/// The coarsest exponential schema.
pub const EXPONENTIAL_SCHEMA_MIN: i32 = -4;
/// The finest exponential schema.
pub const EXPONENTIAL_SCHEMA_MAX: i32 = 8;

/// What is known of a counter reset between a histogram and its predecessor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CounterResetHint {
    /// Nothing: whoever needs it compares the buckets.
    #[default]
    Unknown,
    /// The counter was reset before this sample.
    Reset,
    /// The counter was not reset before this sample.
    NotReset,
    /// No counter at all.
    Gauge,
}

/// Populations by bucket index: two columns of equal length, indices strictly ascending. A bucket that is
/// not listed is empty; a listed one may be empty too.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Buckets {
    /// Bucket indices.
    pub indices: Vec<i32>,
    /// Absolute populations (not deltas, not cumulative).
    pub counts: Vec<f64>,
}

/// A native histogram. In schema `s` bucket `i` covers `(2^((i-1)·2^-s), 2^(i·2^-s)]` (negative buckets
/// mirror that); in schema [`CUSTOM_BUCKETS_SCHEMA`] it ends at `custom_values[i]`, and the one after the
/// last bound at +Inf.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct FloatHistogram {
    /// Resolution, `-4..=8`, or [`CUSTOM_BUCKETS_SCHEMA`].
    pub schema: i32,
    /// Half width of the zero bucket, inclusive; 0 for custom buckets.
    pub zero_threshold: f64,
    /// Population of the zero bucket.
    pub zero_count: f64,
    /// All observations, NaN ones included.
    pub count: f64,
    /// Sum of the observations. A staleness marker makes the whole histogram one.
    pub sum: f64,
    /// Buckets above zero.
    pub positive: Buckets,
    /// Buckets below zero.
    pub negative: Buckets,
    /// Finite upper bounds, ascending; empty for exponential schemas.
    pub custom_values: Arc<[f64]>,
    /// See [`CounterResetHint`].
    pub hint: CounterResetHint,
}

impl Buckets {
    /// The buckets in the order of their indices.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (i32, f64)> + Clone + '_ {
        self.indices.iter().copied().zip(self.counts.iter().copied())
    }

    /// The number of listed buckets.
    #[must_use]
    pub fn len(&self) -> usize {
        self.indices.len()
    }

    /// Whether no bucket is listed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.indices.is_empty()
    }

    /// Appends a bucket; its index must be above the last one's.
    #[inline]
    pub fn push(&mut self, index: i32, count: f64) {
        debug_assert!(self.indices.last().is_none_or(|last| *last < index));
        self.indices.push(index);
        self.counts.push(count);
    }
}

impl FloatHistogram {
    /// Whether the bounds are listed rather than exponential.
    #[must_use]
    pub fn uses_custom_buckets(&self) -> bool {
        self.schema == CUSTOM_BUCKETS_SCHEMA
    }

    /// Bytes held on the heap and in place, for memory budgets.
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        size_of::<Self>() + (self.positive.len() + self.negative.len()) * 12 + self.custom_values.len() * 8
    }
}
