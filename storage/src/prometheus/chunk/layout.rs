//! What all histograms of a chunk share: resolution, zero bucket, which buckets there are, listed bounds.
//!
//! ```text
//! zero threshold (1 or 9 bytes) | schema | spans | spans | [bounds, for listed bounds only]
//! spans  = count, (length, offset)*     offset: from the end of the span before, the first from bucket 0
//! bounds = count, bound*
//! ```

use super::bits::{BitReader, BitWriter};
use super::varbit::{put_int, put_uint, take_int, take_uint};
use crate::codec::CodecError;
use crate::histogram::{Buckets, CUSTOM_BUCKETS_SCHEMA, FloatHistogram};
use std::sync::Arc;

/// The greatest bound, times 1000, that is written as a whole number.
const BOUND_MAX: f64 = 33_554_430.0;
/// The zero thresholds that fit a byte are powers of two; this is the exponent of byte 0.
const THRESHOLD_EXPONENT: i32 = -244;

/// A histogram without populations.
#[derive(Debug, Clone)]
pub(super) struct Layout {
    pub(super) schema: i32,
    pub(super) zero_threshold: f64,
    pub(super) positive: Vec<i32>,
    pub(super) negative: Vec<i32>,
    pub(super) custom_values: Arc<[f64]>,
}

impl Layout {
    pub(super) fn take(bits: &mut BitReader<'_>) -> Result<Self, CodecError> {
        let zero_threshold = take_threshold(bits)?;
        let schema =
            i32::try_from(take_int(bits)?).map_err(|_| CodecError("schema of a histogram out of bounds"))?;
        let positive = take_spans(bits)?;
        let negative = take_spans(bits)?;
        let custom_values =
            if schema == CUSTOM_BUCKETS_SCHEMA { take_bounds(bits)?.into() } else { Arc::default() };
        let layout = Self { schema, zero_threshold, positive, negative, custom_values };
        layout.empty().validate().map_err(|_| CodecError("impossible layout of a histogram"))?;
        Ok(layout)
    }

    /// The layout with no population.
    pub(super) fn empty(&self) -> FloatHistogram {
        let side = |indices: &[i32]| Buckets { indices: indices.to_vec(), counts: vec![0.0; indices.len()] };
        FloatHistogram {
            schema: self.schema,
            zero_threshold: self.zero_threshold,
            positive: side(&self.positive),
            negative: side(&self.negative),
            custom_values: Arc::clone(&self.custom_values),
            ..FloatHistogram::default()
        }
    }

    pub(super) fn put(&self, out: &mut BitWriter) {
        put_threshold(self.zero_threshold, out);
        put_int(out, i64::from(self.schema));
        put_spans(&self.positive, out);
        put_spans(&self.negative, out);
        if self.schema == CUSTOM_BUCKETS_SCHEMA {
            put_uint(out, self.custom_values.len() as u64);
            self.custom_values.iter().for_each(|bound| put_bound(*bound, out));
        }
    }
}

fn take_threshold(bits: &mut BitReader<'_>) -> Result<f64, CodecError> {
    Ok(match bits.take(8)? {
        0 => 0.0,
        255 => f64::from_bits(bits.take(64)?),
        byte => 2f64.powi(THRESHOLD_EXPONENT + byte as i32),
    })
}

fn put_threshold(threshold: f64, out: &mut BitWriter) {
    let byte = (1..255u8).find(|byte| 2f64.powi(THRESHOLD_EXPONENT + i32::from(*byte)) == threshold);
    match byte {
        _ if threshold.to_bits() == 0 => out.put(0, 8),
        Some(byte) => out.put(u64::from(byte), 8),
        None => {
            out.put(255, 8);
            out.put(threshold.to_bits(), 64);
        }
    }
}

/// The buckets of all spans. Each costs a bit in every sample, so that there are no more than bits.
fn take_spans(bits: &mut BitReader<'_>) -> Result<Vec<i32>, CodecError> {
    let mut indices = Vec::new();
    let mut next = 0i64;
    for number in 0..take_uint(bits)? {
        let length = take_uint(bits)?;
        let offset = take_int(bits)?;
        if length > (bits.left() - indices.len().min(bits.left())) as u64 {
            return Err(CodecError("more buckets than a chunk can hold"));
        }
        if number > 0 && offset < 0 {
            return Err(CodecError("spans of a histogram overlap"));
        }
        next = next.saturating_add(offset);
        for _ in 0..length {
            indices.push(i32::try_from(next).map_err(|_| CodecError("bucket out of bounds"))?);
            next += 1;
        }
    }
    Ok(indices)
}

fn put_spans(indices: &[i32], out: &mut BitWriter) {
    let spans = || indices.chunk_by(|a, b| i64::from(*a) + 1 == i64::from(*b));
    put_uint(out, spans().count() as u64);
    let mut end = 0i64;
    for span in spans() {
        let first = span.first().map_or(0, |first| i64::from(*first));
        put_uint(out, span.len() as u64);
        put_int(out, first - end);
        end = first + span.len() as i64;
    }
}

fn take_bounds(bits: &mut BitReader<'_>) -> Result<Vec<f64>, CodecError> {
    let count = take_uint(bits)?;
    // The shortest bound takes five bits.
    if count > bits.left() as u64 / 5 {
        return Err(CodecError("more bounds than a chunk can hold"));
    }
    (0..count)
        .map(|_| {
            Ok(match take_uint(bits)? {
                0 => f64::from_bits(bits.take(64)?),
                thousandths => (thousandths - 1) as f64 / 1000.0,
            })
        })
        .collect()
}

fn put_bound(bound: f64, out: &mut BitWriter) {
    let thousandths = bound * 1000.0;
    let whole = (0.0..=BOUND_MAX).contains(&thousandths)
        && thousandths.fract() == 0.0
        && (thousandths / 1000.0).to_bits() == bound.to_bits();
    if whole {
        put_uint(out, thousandths as u64 + 1);
    } else {
        put_uint(out, 0);
        out.put(bound.to_bits(), 64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn any_indices() -> impl Strategy<Value = Vec<i32>> {
        proptest::collection::btree_set(-500i32..500, 0..30).prop_map(|set| set.into_iter().collect())
    }

    proptest! {
        #[test]
        fn a_layout_comes_back(
            exponential in any::<bool>(),
            zero_threshold in prop_oneof![Just(0.0), Just(2f64.powi(-128)), Just(1024.0), Just(2f64.powi(-243)), 0.0..1.0f64],
            schema in -4i32..=8,
            positive in any_indices(),
            negative in any_indices(),
            bounds in proptest::collection::btree_set(prop_oneof![Just(500i64), Just(2_500), -9_999_999i64..99_999_999], 0..9),
        ) {
            let bounds: Arc<[f64]> = bounds.into_iter().map(|b| b as f64 / 1000.0).collect();
            let layout = if exponential {
                Layout { schema, zero_threshold, positive, negative, custom_values: Arc::default() }
            } else {
                let positive = positive.into_iter().filter(|i| (0..bounds.len() as i32 + 1).contains(i)).collect();
                Layout { schema: -53, zero_threshold: 0.0, positive, negative: Vec::new(), custom_values: bounds }
            };
            let mut out = BitWriter::default();
            layout.put(&mut out);
            // The populations, which follow, bound the number of buckets.
            out.put(0, 64);
            let bytes = out.finish();
            let got = Layout::take(&mut BitReader::new(&bytes)).unwrap();
            prop_assert_eq!(got.empty(), layout.empty());
        }
    }

    #[test]
    fn a_layout_of_a_billion_buckets_is_refused() {
        let mut out = BitWriter::default();
        put_threshold(0.0, &mut out);
        put_int(&mut out, 0);
        put_uint(&mut out, 1);
        put_uint(&mut out, 1 << 30);
        put_int(&mut out, 0);
        let bytes = out.finish();
        let error = Layout::take(&mut BitReader::new(&bytes)).unwrap_err();
        assert_eq!(error, CodecError("more buckets than a chunk can hold"));
    }
}
