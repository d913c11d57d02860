//! Chunks as Prometheus encodes them.

pub(crate) mod bits;
mod histogram;
mod histogram_encode;
mod layout;
mod start;
pub(crate) mod varbit;
mod xor;
mod xor2;

pub(crate) use histogram_encode::{chunk_len, encode as encode_histograms};
pub(crate) use xor::encode as encode_floats;

use crate::codec::CodecError;
use crate::histogram::FloatHistogram;
use crate::query::Columns;
use crate::sample::STALE_NAN;
use std::sync::Arc;

/// Floats.
pub(crate) const XOR: u8 = 1;
/// Histograms with whole populations.
pub(crate) const HISTOGRAM: u8 = 2;
/// Histograms with any populations.
pub(crate) const FLOAT_HISTOGRAM: u8 = 3;
/// Floats, with start timestamps.
const XOR2: u8 = 4;
/// As [`HISTOGRAM`], with start timestamps.
const HISTOGRAM_STARTED: u8 = 5;
/// As [`FLOAT_HISTOGRAM`], with start timestamps.
const FLOAT_HISTOGRAM_STARTED: u8 = 6;
/// Set in the encoding of a chunk of the head that holds samples that came late.
pub(crate) const OUT_OF_ORDER: u8 = 0x80;

/// Takes the samples of a chunk one by one; the answer is whether to go on.
pub(crate) trait ChunkSink {
    /// A float; `start` is 0 for none.
    fn float(&mut self, timestamp: i64, value: f64, start: i64) -> Result<bool, CodecError>;

    /// Whether a histogram at this time is wanted, before it is built; `None` ends the chunk.
    fn wants(&self, timestamp: i64) -> Option<bool>;

    /// A histogram; `start` is 0 for none.
    fn histogram(&mut self, timestamp: i64, value: FloatHistogram, start: i64) -> Result<bool, CodecError>;
}

/// Appends what lies within a time range to columns.
struct Within<'a> {
    mint: i64,
    maxt: i64,
    before: Option<i64>,
    out: &'a mut Columns,
}

impl Within<'_> {
    fn ascends(&mut self, timestamp: i64) -> Result<(), CodecError> {
        if self.before.is_some_and(|before| before >= timestamp) {
            return Err(CodecError("timestamps do not ascend"));
        }
        self.before = Some(timestamp);
        Ok(())
    }
}

impl ChunkSink for Within<'_> {
    #[inline]
    fn float(&mut self, timestamp: i64, value: f64, start: i64) -> Result<bool, CodecError> {
        self.ascends(timestamp)?;
        if timestamp > self.maxt {
            return Ok(false);
        }
        if timestamp >= self.mint {
            self.out.push_started(timestamp, value, start);
        }
        Ok(true)
    }

    fn wants(&self, timestamp: i64) -> Option<bool> {
        (timestamp <= self.maxt).then_some(timestamp >= self.mint)
    }

    fn histogram(&mut self, timestamp: i64, value: FloatHistogram, start: i64) -> Result<bool, CodecError> {
        self.ascends(timestamp)?;
        if crate::is_stale_nan(value.sum) {
            self.out.push_started(timestamp, STALE_NAN, start);
        } else {
            self.out.push_histogram(timestamp, Arc::new(value), start);
        }
        Ok(true)
    }
}

/// Counts samples.
struct Counter(u64);

impl ChunkSink for Counter {
    fn float(&mut self, _: i64, _: f64, _: i64) -> Result<bool, CodecError> {
        self.0 += 1;
        Ok(true)
    }

    fn wants(&self, _: i64) -> Option<bool> {
        Some(true)
    }

    fn histogram(&mut self, _: i64, _: FloatHistogram, _: i64) -> Result<bool, CodecError> {
        self.0 += 1;
        Ok(true)
    }
}

fn each_sample(encoding: u8, chunk: &[u8], sink: &mut impl ChunkSink) -> Result<(), CodecError> {
    match encoding {
        XOR => xor::decode(chunk, sink),
        XOR2 => xor2::decode(chunk, sink),
        HISTOGRAM => histogram::decode(chunk, false, false, sink),
        FLOAT_HISTOGRAM => histogram::decode(chunk, true, false, sink),
        HISTOGRAM_STARTED => histogram::decode(chunk, false, true, sink),
        FLOAT_HISTOGRAM_STARTED => histogram::decode(chunk, true, true, sink),
        _ => Err(CodecError("unknown encoding of a chunk")),
    }
}

/// Appends the samples of a chunk within `[mint, maxt]`. Staleness markers are floats, whatever the chunk
/// holds.
///
/// # Errors
/// The bytes are no chunk of this encoding. What was read before is in `out`.
pub(crate) fn decode(
    encoding: u8,
    chunk: &[u8],
    (mint, maxt): (i64, i64),
    out: &mut Columns,
) -> Result<(), CodecError> {
    each_sample(encoding, chunk, &mut Within { mint, maxt, before: None, out })
}

/// Decodes a whole chunk; the answer is the number of samples.
///
/// # Errors
/// The bytes are no chunk of this encoding.
pub(crate) fn check(encoding: u8, chunk: &[u8]) -> Result<u64, CodecError> {
    let mut counter = Counter(0);
    each_sample(encoding, chunk, &mut counter)?;
    Ok(counter.0)
}

/// The number of samples that a chunk begins with, and the rest.
fn split_count(chunk: &[u8]) -> Result<(u32, &[u8]), CodecError> {
    let (count, body) = chunk.split_first_chunk::<2>().ok_or(CodecError("chunk without a header"))?;
    Ok((u32::from(u16::from_be_bytes(*count)), body))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use proptest::prelude::*;

    pub(crate) fn any_floats() -> impl Strategy<Value = Vec<(i64, f64)>> {
        let step = prop_oneof![4 => Just(15_000i64), 3 => 14_990i64..15_010, 1 => 1i64..1 << 40];
        let value = prop_oneof![
            2 => Just(7.5f64),
            2 => (0u32..1000).prop_map(f64::from),
            1 => any::<u64>().prop_map(f64::from_bits),
        ];
        (any::<i32>(), proptest::collection::vec((step, value), 1..200)).prop_map(|(first, samples)| {
            let mut timestamp = i64::from(first);
            samples
                .into_iter()
                .map(|(step, value)| {
                    timestamp += step;
                    (timestamp, value)
                })
                .collect()
        })
    }

    /// The samples of a chunk, values as bits.
    pub(crate) fn floats_of(encoding: u8, chunk: &[u8]) -> Result<Vec<(i64, u64, i64)>, CodecError> {
        let mut out = Columns::default();
        decode(encoding, chunk, (i64::MIN, i64::MAX), &mut out)?;
        Ok((0..out.len()).map(|at| (out.timestamps[at], out.values[at].to_bits(), out.start(at))).collect())
    }

    #[test]
    fn only_the_samples_that_are_asked_for_are_appended() {
        let chunk = encode_floats(&[(10, 1.0), (20, 2.0), (30, 3.0), (40, 4.0)]);
        let mut out = Columns::default();
        decode(XOR, &chunk, (15, 30), &mut out).unwrap();
        assert_eq!((out.timestamps, out.values), (vec![20, 30], vec![2.0, 3.0]));
        assert_eq!(check(XOR, &chunk), Ok(4));
    }

    #[test]
    fn timestamps_that_do_not_ascend_are_damage() {
        let chunk = encode_floats(&[(10, 1.0), (20, 2.0), (20, 3.0)]);
        assert_eq!(floats_of(XOR, &chunk), Err(CodecError("timestamps do not ascend")));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(encoding in 0u8..8, bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = floats_of(encoding, &bytes);
            let _ = check(encoding, &bytes);
        }

        #[test]
        fn a_damaged_chunk_is_read_or_refused(samples in any_floats(), at: prop::sample::Index, bit in 0u8..8) {
            let mut chunk = encode_floats(&samples);
            let at = at.index(chunk.len());
            chunk[at] ^= 1 << bit;
            for encoding in 1..7 {
                let _ = floats_of(encoding, &chunk);
            }
        }
    }
}
