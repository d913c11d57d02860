//! Chunks of floats, encoding 1: differences of differences of timestamps, values as XORs.
//!
//! ```text
//! samples u16 | timestamp varint | value 64 bits
//! | step uvarint | XOR | (difference to the step before, XOR)*
//! ```

use super::bits::{BitReader, BitWriter};
use super::varbit::XorFloat;
use super::{ChunkSink, split_count};
use crate::codec::CodecError;

/// Bits of a difference of steps by the ones before it.
const WIDTHS: [u32; 5] = [0, 14, 17, 20, 64];

/// Hands the samples to `sink`, while it says to go on.
pub(crate) fn decode(chunk: &[u8], sink: &mut impl ChunkSink) -> Result<(), CodecError> {
    let (samples, body) = split_count(chunk)?;
    let mut bits = BitReader::new(body);
    let (mut timestamp, mut step, mut value) = (0i64, 0i64, XorFloat::default());
    for number in 0..samples {
        match number {
            0 => {
                timestamp = bits.varint()?;
                value.bits = bits.take(64)?;
            }
            1 => {
                step = bits.uvarint()? as i64;
                timestamp = timestamp.wrapping_add(step);
                value.take(&mut bits)?;
            }
            _ => {
                let ones = bits.ones(4)?;
                let width = WIDTHS.get(ones as usize).copied().unwrap_or(64);
                step = step.wrapping_add(if width == 0 { 0 } else { bits.signed(width)? });
                timestamp = timestamp.wrapping_add(step);
                value.take(&mut bits)?;
            }
        }
        if !sink.float(timestamp, value.value(), 0)? {
            break;
        }
    }
    Ok(())
}

/// Encodes at least one sample, at most 65535, timestamps ascending.
pub(crate) fn encode(samples: &[(i64, f64)]) -> Vec<u8> {
    let mut out = BitWriter::behind((samples.len() as u16).to_be_bytes().to_vec());
    let (mut before, mut step, mut state) = (0i64, 0i64, XorFloat::default());
    for (number, (timestamp, value)) in samples.iter().enumerate() {
        let now = timestamp.wrapping_sub(before);
        match number {
            0 => {
                out.put_varint(*timestamp);
                out.put(value.to_bits(), 64);
                state = XorFloat::new(*value);
            }
            1 => {
                out.put_uvarint(now as u64);
                state.put(*value, &mut out);
            }
            _ => {
                put_change(&mut out, now.wrapping_sub(step));
                state.put(*value, &mut out);
            }
        }
        (before, step) = (*timestamp, now);
    }
    out.finish()
}

fn put_change(out: &mut BitWriter, change: i64) {
    for (ones, width) in (0u32..).zip(WIDTHS) {
        let fits = match width {
            0 => change == 0,
            64 => true,
            _ => -(1 << (width - 1)) < change && change <= 1 << (width - 1),
        };
        if fits {
            let prefix = if ones == 4 { 0b1111 } else { ((1u64 << ones) - 1) << 1 };
            out.put(prefix, (ones + 1).min(4));
            out.put(change as u64, width);
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prometheus::chunk::tests::{any_floats, floats_of};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn samples_come_back_bit_for_bit(samples in any_floats()) {
            let want: Vec<_> = samples.iter().map(|(t, v)| (*t, v.to_bits(), 0)).collect();
            prop_assert_eq!(floats_of(1, &encode(&samples)).unwrap(), want);
        }
    }
}
