//! Histograms in the log.
//!
//! ```text
//! hint u8 | schema zigzag | zero threshold f64 | zero count | count | sum f64
//! | spans | spans | populations | populations | [bounds, for listed bounds only]
//! spans  = count varint, (offset zigzag, length varint)*      bounds = count varint, f64*
//! ```
//!
//! With whole populations the numbers are varints and the populations, zigzag, differences to the bucket before;
//! otherwise all of them are floats.

use super::super::bytes::{take_u8, take_u64};
use crate::codec::{CodecError, varint};
use crate::histogram::{Buckets, CUSTOM_BUCKETS_SCHEMA, CounterResetHint, FloatHistogram};

fn take_f64(bytes: &mut &[u8]) -> Result<f64, CodecError> {
    take_u64(bytes).map(f64::from_bits)
}

/// The indices of all buckets of the spans. No more are taken than there are bytes left: a population takes
/// one at least.
fn take_spans(bytes: &mut &[u8]) -> Result<Vec<i32>, CodecError> {
    let mut indices = Vec::new();
    let mut next = 0i64;
    for number in 0..varint::take_count(bytes, 16)? {
        let offset = varint::take_signed(bytes)?;
        let length = varint::take(bytes)?;
        if number > 0 && offset < 0 {
            return Err(CodecError("spans of a histogram overlap"));
        }
        if length > bytes.len().saturating_sub(indices.len()) as u64 {
            return Err(CodecError("more buckets than a record can hold"));
        }
        next = next.saturating_add(offset);
        for _ in 0..length {
            indices.push(i32::try_from(next).map_err(|_| CodecError("bucket out of bounds"))?);
            next += 1;
        }
    }
    Ok(indices)
}

fn take_populations(bytes: &mut &[u8], indices: Vec<i32>, floats: bool) -> Result<Buckets, CodecError> {
    if varint::take(bytes)? != indices.len() as u64 {
        return Err(CodecError("populations do not fit the spans"));
    }
    let mut population = 0i64;
    let mut take = || {
        if floats {
            return take_f64(bytes);
        }
        population = population.wrapping_add(varint::take_signed(bytes)?);
        Ok(population as f64)
    };
    let counts = indices.iter().map(|_| take()).collect::<Result<_, _>>()?;
    Ok(Buckets { indices, counts })
}

/// Takes a histogram off the front of a record.
pub(super) fn take(bytes: &mut &[u8], floats: bool) -> Result<FloatHistogram, CodecError> {
    let hint = match take_u8(bytes)? {
        1 => CounterResetHint::Reset,
        2 => CounterResetHint::NotReset,
        3 => CounterResetHint::Gauge,
        _ => CounterResetHint::Unknown,
    };
    let schema =
        i32::try_from(varint::take_signed(bytes)?).map_err(|_| CodecError("schema out of bounds"))?;
    let zero_threshold = take_f64(bytes)?;
    let number = |bytes: &mut &[u8]| {
        if floats { take_f64(bytes) } else { varint::take(bytes).map(|number| number as f64) }
    };
    let (zero_count, count) = (number(bytes)?, number(bytes)?);
    let sum = take_f64(bytes)?;
    let (positive, negative) = (take_spans(bytes)?, take_spans(bytes)?);
    let positive = take_populations(bytes, positive, floats)?;
    let negative = take_populations(bytes, negative, floats)?;
    let mut bounds = Vec::new();
    if schema == CUSTOM_BUCKETS_SCHEMA {
        for _ in 0..varint::take_count(bytes, 64)? {
            bounds.push(take_f64(bytes)?);
        }
    }
    let custom_values = bounds.into();
    Ok(FloatHistogram {
        schema,
        zero_threshold,
        zero_count,
        count,
        sum,
        positive,
        negative,
        custom_values,
        hint,
    })
}
