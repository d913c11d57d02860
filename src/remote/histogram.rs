//! `prometheus.Histogram`: native histograms of integers and of floats.

use super::wire::{Field, Payload, Reader, WireError};
use narthex_storage::histogram::EXPONENTIAL_SCHEMA_MAX;
use narthex_storage::{Buckets, CounterResetHint, FloatHistogram};
use std::sync::Arc;

/// Schemas up to here are exponential, if finer than what is kept.
const SCHEMA_RESERVED_MAX: i32 = 52;

/// A message that is no histogram. The texts are Prometheus's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HistogramFault {
    /// The spans are for another number of buckets than there are.
    #[error(
        "{side} side: spans need {need} buckets, have {have} buckets: histogram spans specify different number of buckets than provided"
    )]
    Spans {
        /// Positive or negative.
        side: &'static str,
        /// Buckets that the spans cover.
        need: u64,
        /// Buckets that were sent.
        have: usize,
    },
    /// A span begins before the end of the one before.
    #[error(
        "{side} side: span number {number} with offset {offset}: histogram has a span whose offset is negative"
    )]
    Offset {
        /// Positive or negative.
        side: &'static str,
        /// Number of the span, from 1.
        number: usize,
        /// Its offset.
        offset: i64,
    },
    /// A bucket lies where no index reaches.
    #[error("{0} side: histogram has a bucket whose index is out of bounds")]
    Index(&'static str),
    /// Integer populations do not add up to the count.
    #[error(
        "{found} observations found in buckets, but the Count field is {count}: histogram's observation count should equal the number of observations found in the buckets (in absence of NaN)"
    )]
    Count {
        /// Sum of the populations.
        found: u64,
        /// The count.
        count: u64,
    },
    /// Integer populations are more than the count, some of which may be NaN.
    #[error(
        "{found} observations found in buckets, but the Count field is {count}: histogram's observation count should be at least the number of observations found in the buckets"
    )]
    CountTooLow {
        /// Sum of the populations.
        found: u64,
        /// The count.
        count: u64,
    },
}

/// One side as it is sent.
#[derive(Default)]
struct Side {
    /// Offset and length.
    spans: Vec<(i64, u64)>,
    /// Of integers: each population less the one before.
    deltas: Vec<i64>,
    counts: Vec<f64>,
}

/// Timestamp, ms, and histogram.
///
/// # Errors
/// The bytes are no such message.
pub fn read(message: &[u8]) -> Result<(i64, Result<FloatHistogram, HistogramFault>), WireError> {
    let mut histogram = FloatHistogram::default();
    let mut timestamp = 0;
    let mut integers: Option<u64> = None;
    let mut zeros = 0;
    let (mut positive, mut negative) = (Side::default(), Side::default());
    let mut bounds = Vec::new();
    for field in Reader::new(message) {
        let field = field?;
        match field.number {
            1 => integers = Some(field.int64()?.cast_unsigned()),
            2 => (histogram.count, integers) = (field.double()?, None),
            3 => histogram.sum = field.double()?,
            4 => histogram.schema = i32::try_from(signed(field.int64()?)).unwrap_or(i32::MAX),
            5 => histogram.zero_threshold = field.double()?,
            6 => {
                zeros = field.int64()?.cast_unsigned();
                histogram.zero_count = zeros as f64;
            }
            7 => histogram.zero_count = field.double()?,
            8 => negative.spans.push(span(field.bytes()?)?),
            9 => varints(field, |delta| negative.deltas.push(signed(delta)))?,
            10 => doubles(field, &mut negative.counts)?,
            11 => positive.spans.push(span(field.bytes()?)?),
            12 => varints(field, |delta| positive.deltas.push(signed(delta)))?,
            13 => doubles(field, &mut positive.counts)?,
            14 => {
                histogram.hint = match field.int64()? {
                    1 => CounterResetHint::Reset,
                    2 => CounterResetHint::NotReset,
                    3 => CounterResetHint::Gauge,
                    _ => CounterResetHint::Unknown,
                }
            }
            15 => timestamp = field.int64()?,
            16 => doubles(field, &mut bounds)?,
            _ => {}
        }
    }
    histogram.custom_values = Arc::from(bounds);
    Ok((timestamp, finish(histogram, positive, negative, integers, zeros)))
}

fn finish(
    mut histogram: FloatHistogram,
    positive: Side,
    negative: Side,
    integers: Option<u64>,
    zeros: u64,
) -> Result<FloatHistogram, HistogramFault> {
    let mut found = zeros;
    for (name, side, buckets) in
        [("negative", negative, &mut histogram.negative), ("positive", positive, &mut histogram.positive)]
    {
        let counts = match integers {
            Some(_) => {
                let running = |sum: &mut i64, delta: &i64| {
                    *sum = sum.wrapping_add(*delta);
                    Some(*sum)
                };
                let counts: Vec<i64> = side.deltas.iter().scan(0, running).collect();
                found = counts.iter().fold(found, |all, count| all.wrapping_add(count.cast_unsigned()));
                counts.into_iter().map(|count| count as f64).collect()
            }
            None => side.counts,
        };
        *buckets = place(name, &side.spans, counts)?;
    }
    if let Some(count) = integers {
        histogram.count = count as f64;
        let negative = histogram.positive.counts.iter().chain(&histogram.negative.counts).any(|c| *c < 0.0);
        // A negative population is what the store says first, and rightly.
        match histogram.sum.is_nan() {
            _ if negative => {}
            true if found > count => return Err(HistogramFault::CountTooLow { found, count }),
            false if found != count => return Err(HistogramFault::Count { found, count }),
            _ => {}
        }
    }
    // A finer resolution than any store keeps comes as the finest that it does.
    if (EXPONENTIAL_SCHEMA_MAX + 1..=SCHEMA_RESERVED_MAX).contains(&histogram.schema) {
        histogram.reduce_resolution(EXPONENTIAL_SCHEMA_MAX);
    }
    Ok(histogram)
}

/// Gives each population its index.
fn place(name: &'static str, spans: &[(i64, u64)], counts: Vec<f64>) -> Result<Buckets, HistogramFault> {
    if let Some((at, (offset, _))) = spans.iter().enumerate().skip(1).find(|(_, (offset, _))| *offset < 0) {
        return Err(HistogramFault::Offset { side: name, number: at + 1, offset: *offset });
    }
    let need = spans.iter().fold(0u64, |all, (_, length)| all.saturating_add(*length));
    if need != counts.len() as u64 {
        return Err(HistogramFault::Spans { side: name, need, have: counts.len() });
    }
    let mut buckets = Buckets { indices: Vec::with_capacity(counts.len()), counts };
    let mut index = 0i64;
    for &(offset, length) in spans {
        index = index.saturating_add(offset);
        for _ in 0..length {
            buckets.indices.push(i32::try_from(index).map_err(|_| HistogramFault::Index(name))?);
            index += 1;
        }
    }
    Ok(buckets)
}

fn span(message: &[u8]) -> Result<(i64, u64), WireError> {
    let (mut offset, mut length) = (0, 0);
    for part in Reader::new(message) {
        let part = part?;
        match part.number {
            1 => offset = signed(part.int64()?),
            2 => length = part.int64()?.cast_unsigned(),
            _ => {}
        }
    }
    Ok((offset, length))
}

/// A `sint32` or `sint64`.
fn signed(zigzag: i64) -> i64 {
    let zigzag = zigzag.cast_unsigned();
    (zigzag >> 1).cast_signed() ^ -((zigzag & 1).cast_signed())
}

/// A repeated number, packed or not.
fn varints(field: Field<'_>, mut each: impl FnMut(i64)) -> Result<(), WireError> {
    match field.payload {
        Payload::Bytes(packed) => Reader::new(packed).numbers(each),
        _ => {
            each(field.int64()?);
            Ok(())
        }
    }
}

/// A repeated double, packed or not.
fn doubles(field: Field<'_>, out: &mut Vec<f64>) -> Result<(), WireError> {
    match field.payload {
        Payload::Bytes(packed) => {
            let (words, rest) = packed.as_chunks::<8>();
            out.extend(words.iter().map(|word| f64::from_le_bytes(*word)));
            if rest.is_empty() { Ok(()) } else { Err(WireError::Truncated(packed.len())) }
        }
        _ => {
            out.push(field.double()?);
            Ok(())
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use prost::Message;

    #[derive(Clone, PartialEq, Message)]
    pub(crate) struct Sent {
        #[prost(oneof = "Count", tags = "1, 2")]
        pub(crate) count: Option<Count>,
        #[prost(double, tag = "3")]
        pub(crate) sum: f64,
        #[prost(sint32, tag = "4")]
        pub(crate) schema: i32,
        #[prost(double, tag = "5")]
        pub(crate) zero_threshold: f64,
        #[prost(oneof = "Zeros", tags = "6, 7")]
        pub(crate) zeros: Option<Zeros>,
        #[prost(message, repeated, tag = "8")]
        pub(crate) negative_spans: Vec<Span>,
        #[prost(sint64, repeated, tag = "9")]
        pub(crate) negative_deltas: Vec<i64>,
        #[prost(double, repeated, tag = "10")]
        pub(crate) negative_counts: Vec<f64>,
        #[prost(message, repeated, tag = "11")]
        pub(crate) positive_spans: Vec<Span>,
        #[prost(sint64, repeated, tag = "12")]
        pub(crate) positive_deltas: Vec<i64>,
        #[prost(double, repeated, packed = "false", tag = "13")]
        pub(crate) positive_counts: Vec<f64>,
        #[prost(int32, tag = "14")]
        pub(crate) hint: i32,
        #[prost(int64, tag = "15")]
        pub(crate) timestamp: i64,
        #[prost(double, repeated, tag = "16")]
        pub(crate) custom_values: Vec<f64>,
    }
    #[derive(Clone, PartialEq, prost::Oneof)]
    pub(crate) enum Count {
        #[prost(uint64, tag = "1")]
        Integer(u64),
        #[prost(double, tag = "2")]
        Float(f64),
    }
    #[derive(Clone, PartialEq, prost::Oneof)]
    pub(crate) enum Zeros {
        #[prost(uint64, tag = "6")]
        Integer(u64),
        #[prost(double, tag = "7")]
        Float(f64),
    }
    #[derive(Clone, PartialEq, Message)]
    pub(crate) struct Span {
        #[prost(sint32, tag = "1")]
        pub(crate) offset: i32,
        #[prost(uint32, tag = "2")]
        pub(crate) length: u32,
    }

    pub(crate) fn integers() -> Sent {
        Sent {
            count: Some(Count::Integer(12)),
            sum: 18.5,
            schema: 1,
            zero_threshold: 0.001,
            zeros: Some(Zeros::Integer(2)),
            negative_spans: vec![Span { offset: 1, length: 1 }],
            negative_deltas: vec![1],
            positive_spans: vec![Span { offset: -1, length: 2 }, Span { offset: 3, length: 1 }],
            positive_deltas: vec![2, 1, 1],
            hint: 2,
            timestamp: 1234,
            ..Sent::default()
        }
    }

    fn fault(sent: &Sent) -> String {
        read(&sent.encode_to_vec()).unwrap().1.unwrap_err().to_string()
    }

    #[test]
    fn integer_buckets_are_differences_and_spans_give_their_places() {
        let (timestamp, histogram) = read(&integers().encode_to_vec()).unwrap();
        let want = FloatHistogram {
            schema: 1,
            zero_threshold: 0.001,
            zero_count: 2.0,
            count: 12.0,
            sum: 18.5,
            positive: Buckets { indices: vec![-1, 0, 4], counts: vec![2.0, 3.0, 4.0] },
            negative: Buckets { indices: vec![1], counts: vec![1.0] },
            custom_values: Arc::from([]),
            hint: CounterResetHint::NotReset,
        };
        assert_eq!((timestamp, histogram.unwrap()), (1234, want));
    }

    #[test]
    fn float_buckets_and_custom_bounds_are_taken_as_they_are() {
        let sent = Sent {
            count: Some(Count::Float(3.5)),
            zeros: Some(Zeros::Float(0.0)),
            schema: -53,
            positive_spans: vec![Span { offset: 0, length: 1 }, Span { offset: 1, length: 1 }],
            positive_counts: vec![1.5, 2.0],
            custom_values: vec![0.5, 1.0],
            hint: 3,
            ..Sent::default()
        };
        let histogram = read(&sent.encode_to_vec()).unwrap().1.unwrap();
        assert_eq!(histogram.positive, Buckets { indices: vec![0, 2], counts: vec![1.5, 2.0] });
        assert_eq!((&*histogram.custom_values, histogram.hint), (&[0.5, 1.0][..], CounterResetHint::Gauge));
        assert_eq!((histogram.schema, histogram.count), (-53, 3.5));
    }

    #[test]
    fn a_resolution_finer_than_any_is_reduced() {
        let sent = Sent { schema: 9, ..integers() };
        let histogram = read(&sent.encode_to_vec()).unwrap().1.unwrap();
        assert_eq!((histogram.schema, histogram.count), (8, 12.0));
        assert_eq!(histogram.positive, Buckets { indices: vec![0, 2], counts: vec![5.0, 4.0] });
    }

    #[test]
    fn faults_are_told_as_prometheus_does() {
        let count = Sent { count: Some(Count::Integer(11)), ..integers() };
        assert_eq!(
            fault(&count),
            "12 observations found in buckets, but the Count field is 11: histogram's observation count should equal the number of observations found in the buckets (in absence of NaN)"
        );
        let nan = Sent { sum: f64::NAN, ..count };
        assert!(fault(&nan).contains("should be at least the number"));
        let more = Sent { sum: f64::NAN, count: Some(Count::Integer(13)), ..integers() };
        assert!(read(&more.encode_to_vec()).unwrap().1.is_ok());
        let spans = Sent { positive_deltas: vec![2, 1], ..integers() };
        assert_eq!(
            fault(&spans),
            "positive side: spans need 3 buckets, have 2 buckets: histogram spans specify different number of buckets than provided"
        );
        let mut offset = integers();
        offset.positive_spans[1].offset = -3;
        assert!(fault(&offset).starts_with("positive side: span number 2 with offset -3:"));
        let mut far = integers();
        far.negative_spans[0].offset = i32::MAX;
        far.negative_spans.push(Span { offset: 1, length: 1 });
        far.negative_deltas = vec![1, 1];
        assert!(fault(&far).contains("index is out of bounds"));
    }
}
