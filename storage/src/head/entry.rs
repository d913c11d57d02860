//! A sample with its own timestamp, on its way into a series.

use crate::codec::{CodecError, cell, varint};
use crate::histogram::{Buckets, CounterResetHint, FloatHistogram};
use crate::query::Columns;
use std::sync::Arc;

/// What a sample says.
#[derive(Debug, Clone)]
pub enum SampleValue {
    /// A float, or the staleness marker of any series.
    Float(f64),
    /// A native histogram.
    Histogram(Arc<FloatHistogram>),
}

/// A sample that is to be stored.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Milliseconds since the Unix epoch.
    pub timestamp: i64,
    /// Start timestamp, ms, 0 for none.
    pub start: i64,
    /// Float or histogram.
    pub value: SampleValue,
}

impl Entry {
    pub(crate) fn float(timestamp: i64, value: f64) -> Self {
        Self { timestamp, start: 0, value: SampleValue::Float(value) }
    }
}

impl Entry {
    /// Appends the sample to columns.
    pub(crate) fn push_to(self, out: &mut Columns) {
        match self.value {
            SampleValue::Float(value) => out.push_started(self.timestamp, value, self.start),
            SampleValue::Histogram(histogram) => out.push_histogram(self.timestamp, histogram, self.start),
        }
    }
}

impl SampleValue {
    /// Whether both say the same, bit for bit; hints aside, which are the store's own.
    #[must_use]
    pub fn same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Float(a), Self::Float(b)) => a.to_bits() == b.to_bits(),
            (Self::Histogram(a), Self::Histogram(b)) => Arc::ptr_eq(a, b) || same_histogram(a, b),
            _ => false,
        }
    }

    pub(crate) fn histogram(&self) -> Option<&FloatHistogram> {
        match self {
            Self::Histogram(histogram) => Some(histogram),
            Self::Float(_) => None,
        }
    }
}

fn same_histogram(a: &FloatHistogram, b: &FloatHistogram) -> bool {
    let same = |a: &[f64], b: &[f64]| a.iter().map(|v| v.to_bits()).eq(b.iter().map(|v| v.to_bits()));
    let totals = |h: &FloatHistogram| [h.zero_threshold, h.zero_count, h.count, h.sum];
    a.schema == b.schema
        && same(&totals(a), &totals(b))
        && (&a.positive.indices, &a.negative.indices) == (&b.positive.indices, &b.negative.indices)
        && same(&a.positive.counts, &b.positive.counts)
        && same(&a.negative.counts, &b.negative.counts)
        && same(&a.custom_values, &b.custom_values)
}

/// Appends a histogram as the write-ahead log holds it: numbers that are whole as varints.
pub(crate) fn put_histogram(histogram: &FloatHistogram, out: &mut Vec<u8>) {
    let h = histogram;
    out.push(match h.hint {
        CounterResetHint::Unknown | CounterResetHint::Reset => 0,
        CounterResetHint::NotReset => 1,
        CounterResetHint::Gauge => 2,
    });
    varint::put_signed(out, i64::from(h.schema));
    [h.zero_threshold, h.zero_count, h.count, h.sum].into_iter().for_each(|number| put_number(number, out));
    varint::put(out, h.custom_values.len() as u64);
    h.custom_values.iter().for_each(|bound| put_number(*bound, out));
    for side in [&h.positive, &h.negative] {
        varint::put(out, side.len() as u64);
        let mut previous = 0i64;
        for (index, count) in side.iter() {
            varint::put_signed(out, i64::from(index) - previous);
            put_number(count, out);
            previous = i64::from(index);
        }
    }
}

/// Takes a histogram off the front of `bytes`.
///
/// # Errors
/// The bytes are no histogram.
pub(crate) fn take_histogram(bytes: &mut &[u8]) -> Result<FloatHistogram, CodecError> {
    let hint = match varint::take_u8(bytes)? {
        0 => CounterResetHint::Unknown,
        1 => CounterResetHint::NotReset,
        2 => CounterResetHint::Gauge,
        _ => return Err(CodecError("unknown counter reset hint")),
    };
    let schema = i32::try_from(varint::take_signed(bytes)?).map_err(|_| CodecError("schema too large"))?;
    let mut numbers = [0.0; 4];
    for number in &mut numbers {
        *number = take_number(bytes)?;
    }
    let bounds = varint::take_count(bytes, 8)?;
    let bounds: Result<Vec<f64>, CodecError> = (0..bounds).map(|_| take_number(bytes)).collect();
    let [zero_threshold, zero_count, count, sum] = numbers;
    Ok(FloatHistogram {
        schema,
        zero_threshold,
        zero_count,
        count,
        sum,
        custom_values: Arc::from(bounds?),
        positive: take_buckets(bytes)?,
        negative: take_buckets(bytes)?,
        hint,
    })
}

fn take_buckets(bytes: &mut &[u8]) -> Result<Buckets, CodecError> {
    let count = varint::take_count(bytes, 16)?;
    let mut buckets = Buckets { indices: Vec::with_capacity(count), counts: Vec::with_capacity(count) };
    let mut previous: Option<i32> = None;
    for _ in 0..count {
        let index = i64::from(previous.unwrap_or(0)).checked_add(varint::take_signed(bytes)?);
        let index = index.and_then(|index| i32::try_from(index).ok());
        let index = index.filter(|index| previous.is_none_or(|previous| previous < *index));
        let index = index.ok_or(CodecError("bucket index out of order"))?;
        buckets.push(index, take_number(bytes)?);
        previous = Some(index);
    }
    Ok(buckets)
}

/// Whole numbers as `zigzag << 1`, others as 1 and their bits.
fn put_number(number: f64, out: &mut Vec<u8>) {
    match cell::integer(number) {
        Some(whole) => varint::put(out, varint::zigzag(whole) << 1),
        None => {
            out.push(1);
            out.extend_from_slice(&number.to_bits().to_le_bytes());
        }
    }
}

fn take_number(bytes: &mut &[u8]) -> Result<f64, CodecError> {
    match varint::take(bytes)? {
        1 => varint::take_u64(bytes).map(f64::from_bits),
        whole if whole & 1 == 0 => Ok(varint::unzigzag(whole >> 1) as f64),
        _ => Err(CodecError("unknown kind of number")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::histogram::tests::{any_histogram, bits_of};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn histograms_come_back(histogram in any_histogram()) {
            let mut bytes = Vec::new();
            put_histogram(&histogram, &mut bytes);
            let mut rest = bytes.as_slice();
            let back = take_histogram(&mut rest).unwrap();
            prop_assert!(rest.is_empty());
            prop_assert_eq!(bits_of(&back), bits_of(&histogram));
            let (a, b) = (SampleValue::Histogram(Arc::new(back)), SampleValue::Histogram(Arc::new(histogram)));
            prop_assert!(a.same(&b) && !a.same(&SampleValue::Float(1.0)));
        }

        #[test]
        fn any_bytes_are_a_histogram_or_an_error(
            bytes in proptest::collection::vec(prop_oneof![0u8..4, any::<u8>()], 0..100)
        ) {
            let _ = take_histogram(&mut bytes.as_slice());
        }
    }
}
