//! What a native histogram must be to be stored.

use crate::histogram::{
    Buckets, CUSTOM_BUCKETS_SCHEMA, EXPONENTIAL_SCHEMA_MAX, EXPONENTIAL_SCHEMA_MIN, FloatHistogram,
};

/// A native histogram that no store keeps.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum HistogramError {
    /// Neither a known exponential resolution nor custom buckets.
    #[error("histogram has unknown schema {0}")]
    Schema(i32),
    /// A population below zero.
    #[error("{what} of the histogram is negative: {value}")]
    Negative {
        /// Which population.
        what: &'static str,
        /// Its value.
        value: f64,
    },
    /// Bucket indices that do not ascend, or not one population for each.
    #[error("buckets of the histogram are not in order")]
    Order,
    /// Custom bounds where the schema has none, or not ascending and finite.
    #[error("custom bounds of the histogram are not valid")]
    Bounds,
    /// Custom buckets beside a zero bucket or negative buckets, or a bucket without a bound.
    #[error("histogram with custom buckets has other buckets too")]
    Custom,
}

/// Checks a histogram before it is stored.
///
/// # Errors
/// See [`HistogramError`].
pub fn check(histogram: &FloatHistogram) -> Result<(), HistogramError> {
    let h = histogram;
    side(&h.positive)?;
    side(&h.negative)?;
    for (what, value) in [("count", h.count), ("zero bucket", h.zero_count)] {
        if value < 0.0 {
            return Err(HistogramError::Negative { what, value });
        }
    }
    match h.schema {
        CUSTOM_BUCKETS_SCHEMA => {
            let ascending = h.custom_values.windows(2).all(|pair| pair.first() < pair.last());
            if !ascending || h.custom_values.iter().any(|bound| !bound.is_finite()) {
                return Err(HistogramError::Bounds);
            }
            let bounds = i32::try_from(h.custom_values.len()).unwrap_or(i32::MAX);
            let outside = h.positive.indices.iter().any(|index| !(0..=bounds).contains(index));
            if h.zero_count != 0.0 || h.zero_threshold != 0.0 || !h.negative.is_empty() || outside {
                return Err(HistogramError::Custom);
            }
        }
        EXPONENTIAL_SCHEMA_MIN..=EXPONENTIAL_SCHEMA_MAX if !h.custom_values.is_empty() => {
            return Err(HistogramError::Bounds);
        }
        EXPONENTIAL_SCHEMA_MIN..=EXPONENTIAL_SCHEMA_MAX => {}
        other => return Err(HistogramError::Schema(other)),
    }
    Ok(())
}

fn side(buckets: &Buckets) -> Result<(), HistogramError> {
    let ascending = buckets.indices.windows(2).all(|pair| pair.first() < pair.last());
    if !ascending || buckets.indices.len() != buckets.counts.len() {
        return Err(HistogramError::Order);
    }
    match buckets.counts.iter().find(|count| **count < 0.0) {
        Some(&value) => Err(HistogramError::Negative { what: "bucket", value }),
        None => Ok(()),
    }
}
