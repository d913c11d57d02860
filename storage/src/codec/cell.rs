//! Changes of one series, row by row: what an open cell of the head and a row of the write-ahead log hold.
//!
//! ```text
//! change = gap << 2 | kind varint, then
//!   STALE    nothing: the staleness marker, after which the series is absent
//!   RAW      bits u64
//!   INTEGER  difference to the previous value, zigzag varint; both are integers
//!   DECIMAL  zigzag << 2 | scale varint: the difference of both values times 10^2, 10^3, 10^6 or 10^9
//! ```
//! `gap` counts rows in a cell and slots in a row.

use super::{CodecError, varint};
use crate::sample::{STALE_NAN, is_stale_nan};

const STALE: u64 = 0;
const RAW: u64 = 1;
const INTEGER: u64 = 2;
const DECIMAL: u64 = 3;
/// What values with digits behind the point are multiplied with to be integers.
const SCALES: [f64; 4] = [1e2, 1e3, 1e6, 1e9];

/// Appends a change `gap` places after the previous one.
#[inline]
pub fn put_change(out: &mut Vec<u8>, gap: u64, previous: f64, value: f64) {
    let kind = u64::from(kind(previous, value));
    if kind == RAW
        && let Some((scale, difference)) = decimal_difference(previous, value)
    {
        varint::put(out, gap << 2 | DECIMAL);
        varint::put(out, varint::zigzag(difference) << 2 | scale);
        return;
    }
    varint::put(out, gap << 2 | kind);
    put_value(out, kind as u8, previous, value);
}

/// The smallest scale at which both values are integers, and their difference there.
fn decimal_difference(previous: f64, value: f64) -> Option<(u64, i64)> {
    (0u64..).zip(SCALES).find_map(|(number, scale)| {
        Some((number, decimal(value, scale)?.wrapping_sub(decimal(previous, scale)?)))
    })
}

/// The integer that gives the value's bits when it is divided by `scale`.
#[inline]
fn decimal(value: f64, scale: f64) -> Option<i64> {
    let whole = integer((value * scale).round())?;
    (undo(whole, scale).to_bits() == value.to_bits()).then_some(whole)
}

#[inline]
fn undo(whole: i64, scale: f64) -> f64 {
    whole as f64 / scale
}

/// How a value is best told after `previous`.
#[inline]
pub(crate) fn kind(previous: f64, value: f64) -> u8 {
    let kind = match is_stale_nan(value) {
        true => STALE,
        false if integer(previous).is_some() && integer(value).is_some() => INTEGER,
        false => RAW,
    };
    kind as u8
}

/// Appends the rest of a change whose head says `kind`, as [`kind`] gave it.
#[inline]
pub(crate) fn put_value(out: &mut Vec<u8>, kind: u8, previous: f64, value: f64) {
    match u64::from(kind) {
        STALE => {}
        INTEGER => varint::put_signed(out, value as i64 - previous as i64),
        _ => out.extend_from_slice(&value.to_bits().to_le_bytes()),
    }
}

/// Reads the gap of the next change.
///
/// # Errors
/// The bytes are no change.
#[inline]
pub fn take_head(bytes: &mut &[u8]) -> Result<(u64, u8), CodecError> {
    let head = varint::take(bytes)?;
    Ok((head >> 2, (head & 3) as u8))
}

/// Reads the rest of a change whose head was `kind`.
///
/// # Errors
/// The bytes are no change.
#[inline]
pub fn take_value(bytes: &mut &[u8], kind: u8, previous: f64) -> Result<f64, CodecError> {
    Running::new(previous).take(bytes, kind)
}

/// The value that changes are told against, when many are read in a row: a whole number stays one from
/// change to change, without a way through doubles that the next change would have to wait for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Running {
    whole: Option<i64>,
    last: f64,
}

impl Running {
    /// Begins behind a value.
    #[inline]
    pub(crate) fn new(previous: f64) -> Self {
        Self { whole: integer(previous), last: previous }
    }

    /// Reads the rest of a change whose head was `kind`.
    ///
    /// # Errors
    /// The bytes are no change.
    #[inline]
    pub(crate) fn take(&mut self, bytes: &mut &[u8], kind: u8) -> Result<f64, CodecError> {
        self.last = match u64::from(kind) {
            STALE => {
                self.whole = None;
                Ok(STALE_NAN)
            }
            RAW => {
                let value = varint::take_u64(bytes).map(f64::from_bits)?;
                self.whole = integer(value);
                Ok(value)
            }
            INTEGER => {
                let from = self.whole.ok_or(CodecError("difference to a value that is no integer"))?;
                let to = from.checked_add(varint::take_signed(bytes)?);
                self.whole = to.filter(|to| to.unsigned_abs() < INTEGER_END);
                to.map(|to| to as f64).ok_or(CodecError("integer too large"))
            }
            DECIMAL => {
                let told = varint::take(bytes)?;
                let scale = SCALES.get((told & 3) as usize).copied().unwrap_or(1.0);
                let from = decimal(self.last, scale)
                    .ok_or(CodecError("difference to a value that is no decimal"))?;
                let to = from.wrapping_add(varint::unzigzag(told >> 2));
                let value = undo(to, scale);
                self.whole = integer(value);
                Ok(value)
            }
            _ => Err(CodecError("unknown kind of change")),
        }?;
        Ok(self.last)
    }
}

/// Whole numbers from here on are not told by their differences.
const INTEGER_END: u64 = 1 << 52;

/// The whole number that a value is, if it is one that doubles count by ones.
#[inline]
pub(crate) fn integer(value: f64) -> Option<i64> {
    let whole = value as i64;
    // The bits decide: -0.0 equals 0 but is not it.
    (value.abs() < INTEGER_END as f64 && (whole as f64).to_bits() == value.to_bits()).then_some(whole)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn changes_come_back(
            changes in proptest::collection::vec((0u64..200, prop_oneof![
                any::<f64>(), (-1000i32..1000).prop_map(f64::from), Just(-0.0), Just(STALE_NAN),
                (any::<i32>(), 0usize..4).prop_map(|(whole, scale)| f64::from(whole) / SCALES[scale])]), 0..50)
        ) {
            let mut bytes = Vec::new();
            let mut last = 0.0;
            for &(gap, value) in &changes {
                put_change(&mut bytes, gap, last, value);
                last = value;
            }
            let mut rest = bytes.as_slice();
            let mut last = 0.0;
            for &(gap, value) in &changes {
                let (got_gap, kind) = take_head(&mut rest).unwrap();
                let got = take_value(&mut rest, kind, last).unwrap();
                prop_assert_eq!(got_gap, gap);
                prop_assert_eq!(got.to_bits(), value.to_bits());
                last = got;
            }
            prop_assert!(rest.is_empty());
        }
    }

    #[test]
    fn seconds_and_ratios_take_few_bytes() {
        let mut bytes = Vec::new();
        for (previous, value) in [(81234.12, 81234.98), (0.07, 0.11), (1.5, 2.0), (0.123456, 0.123457)] {
            bytes.clear();
            put_change(&mut bytes, 1, previous, value);
            assert!(bytes.len() <= 3, "{previous} to {value}: {bytes:?}");
        }
        bytes.clear();
        put_change(&mut bytes, 1, 0.1 + 0.2, std::f64::consts::PI);
        assert_eq!(bytes.len(), 9, "a value without end is told whole");
    }
}
