//! Samples and the marker that ends a series.

/// One sample of a series.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sample {
    /// Milliseconds since the Unix epoch.
    pub timestamp: i64,
    /// The value; [`STALE_NAN`] marks the end of the series.
    pub value: f64,
}

/// The bit pattern of the staleness marker (Prometheus `value.StaleNaN`).
pub const STALE_NAN_BITS: u64 = 0x7ff0_0000_0000_0002;

/// The staleness marker as a value. Compare with [`is_stale_nan`]: a NaN equals nothing.
pub const STALE_NAN: f64 = f64::from_bits(STALE_NAN_BITS);

/// Whether `value` is the staleness marker, and not an ordinary NaN.
#[inline]
#[must_use]
pub fn is_stale_nan(value: f64) -> bool {
    value.to_bits() == STALE_NAN_BITS
}
