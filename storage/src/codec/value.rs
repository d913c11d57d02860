//! Sealed frames of values, lossless bit for bit.
//!
//! Most series hold decimal numbers of few digits, so a frame is tried as integers scaled by a power of
//! ten, raw or as differences, with the common divisor and the smallest value taken out and the rest
//! packed in equal bits. Values that do not fit (NaN, infinities, -0.0) are patched in. What is not
//! decimal at all is written as the difference of neighbouring bit patterns, and never costs more than
//! eight bytes a value and a small header.
//!
//! ```text
//! frame = tag u8 | count varint | body
//! CONST   bits u64
//! DECIMAL exponent u8 | delta u8 | first zigzag | divisor varint | base zigzag | width u8 | packed
//!         | patches varint | (gap varint, bits u64)*
//! XOR     (control u8 = leading zero bytes << 4 | bytes, bytes little-endian)*
//! RAW     bits u64*
//! ```

use super::{CodecError, bits, varint};

/// Values that one frame may hold.
pub const FRAME_MAX: usize = 512;

const CONST: u8 = 0;
const DECIMAL: u8 = 1;
const XOR: u8 = 2;
const RAW: u8 = 3;

/// Integers above this are not exact in a double.
const INTEGER_MAX: f64 = 9_007_199_254_740_992.0;
/// Added to a double below [`ROUNDING_MAX`] it leaves no bits for fractions. As bits, added to an integer of
/// that size, it makes the double of that integer plus itself.
const ROUNDER: f64 = 6_755_399_441_055_744.0;
const ROUNDING_MAX: f64 = 2_251_799_813_685_248.0;
const EXPONENT_MAX: usize = 16;
const POWERS: [f64; EXPONENT_MAX + 1] =
    [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16];

/// Appends one frame of 1 to [`FRAME_MAX`] values; longer input is cut by the caller.
pub fn encode(values: &[f64], out: &mut Vec<u8>) {
    debug_assert!(values.len() <= FRAME_MAX);
    let start = out.len();
    let Some(first) = values.first() else {
        out.push(RAW);
        varint::put(out, 0);
        return;
    };
    if values.iter().all(|v| v.to_bits() == first.to_bits()) {
        header(CONST, values, out);
        out.extend_from_slice(&first.to_bits().to_le_bytes());
        return;
    }
    let raw_len = values.len() * 8;
    if encode_decimal(values, out) && out.len() - start <= raw_len {
        return;
    }
    out.truncate(start);
    encode_xor(values, out);
    if out.len() - start > raw_len {
        out.truncate(start);
        header(RAW, values, out);
        values.iter().for_each(|v| out.extend_from_slice(&v.to_bits().to_le_bytes()));
    }
}

/// Takes one frame off the front of `bytes` and appends its values to `out`.
///
/// # Errors
/// The bytes are no frame.
pub fn decode(bytes: &mut &[u8], out: &mut Vec<f64>) -> Result<(), CodecError> {
    let tag = varint::take_u8(bytes)?;
    let count = usize::try_from(varint::take(bytes)?).map_err(|_| CodecError("count too large"))?;
    if count > FRAME_MAX {
        return Err(CodecError("frame too long"));
    }
    match tag {
        CONST => {
            let value = f64::from_bits(varint::take_u64(bytes)?);
            out.resize(out.len() + count, value);
            Ok(())
        }
        DECIMAL => decode_decimal(bytes, count, out),
        XOR => decode_xor(bytes, count, out),
        RAW => {
            let packed = varint::take_bytes(bytes, count * 8)?;
            out.extend(packed.as_chunks::<8>().0.iter().map(|b| f64::from_le_bytes(*b)));
            Ok(())
        }
        _ => Err(CodecError("unknown frame tag")),
    }
}

fn header(tag: u8, values: &[f64], out: &mut Vec<u8>) {
    out.push(tag);
    varint::put(out, values.len() as u64);
}

/// The integer that divided by 10^exponent gives exactly these bits.
#[inline]
fn scaled(value: f64, exponent: usize) -> Option<i64> {
    if exponent == 0 {
        return rounded(value).filter(|integer| (*integer as f64).to_bits() == value.to_bits());
    }
    let power = POWERS[exponent];
    let integer = rounded(value * power)?;
    ((integer as f64) / power).to_bits().eq(&value.to_bits()).then_some(integer)
}

/// The nearest integer, if it is exact in a double. How halves are rounded does not matter: what they stand
/// for does not come back from either side.
#[inline]
fn rounded(value: f64) -> Option<i64> {
    if value.abs() < ROUNDING_MAX {
        return Some((value + ROUNDER - ROUNDER) as i64);
    }
    let rounded = value.round();
    (rounded.abs() < INTEGER_MAX).then_some(rounded as i64)
}

fn encode_decimal(values: &[f64], out: &mut Vec<u8>) -> bool {
    let misfits_max = values.len() / 16 + 2;
    let mut integers = [0i64; FRAME_MAX];
    let Some(exponent) = frame_exponent(values, misfits_max, &mut integers) else { return false };
    let mut patches = Vec::new();
    let mut previous = 0;
    for (i, (&value, slot)) in values.iter().zip(integers.iter_mut()).enumerate() {
        match *slot {
            MISFIT => patches.push((i, value)),
            integer => previous = integer,
        }
        *slot = previous;
    }
    let integers = &mut integers[..values.len()];
    // A frame that begins with a misfit carries the first real value backwards.
    if let Some(&(0, _)) = patches.first() {
        let lead = patches.iter().enumerate().take_while(|(k, (i, _))| k == i).count();
        let value = integers.get(lead).copied().unwrap_or(0);
        integers.iter_mut().take(lead).for_each(|slot| *slot = value);
    }
    let raw = Packing::of(integers.iter().copied());
    let deltas = Packing::of(integers.windows(2).map(|w| w[1] - w[0]));
    let use_delta = deltas.width < raw.width;
    header(DECIMAL, values, out);
    out.push(exponent as u8);
    out.push(u8::from(use_delta));
    if use_delta {
        varint::put_signed(out, integers[0]);
        deltas.write(integers.windows(2).map(|w| w[1] - w[0]), out);
    } else {
        raw.write(integers.iter().copied(), out);
    }
    varint::put(out, patches.len() as u64);
    let mut last = 0;
    for (i, value) in patches {
        varint::put(out, (i - last) as u64);
        out.extend_from_slice(&value.to_bits().to_le_bytes());
        last = i;
    }
    true
}

/// A frame that begins with more misfits is not written as decimals.
const LEADING_MISFITS_MAX: usize = 4;

/// Not an integer that is exact in a double.
const MISFIT: i64 = i64::MIN;

/// The least exponent that suits the values, all but a few misfits, and the integers that it gives; `None`
/// when there are more misfits than may be.
fn frame_exponent(values: &[f64], misfits_max: usize, integers: &mut [i64]) -> Option<usize> {
    let (mut exponent, mut misfits) = (0, 0);
    let mut raised_at = 0;
    // The least exponent that suits a value is at most that of the frame: raise it as values demand.
    for (i, (&value, slot)) in values.iter().zip(integers.iter_mut()).enumerate() {
        *slot = MISFIT;
        if let Some(integer) = scaled(value, exponent) {
            *slot = integer;
        } else if let Some((higher, integer)) =
            (exponent + 1..=EXPONENT_MAX).find_map(|e| Some((e, scaled(value, e)?)))
        {
            (*slot, exponent, raised_at) = (integer, higher, i);
        } else {
            misfits += 1;
            // A misfit is the costliest value: what begins with nothing else is not decimal at all.
            if misfits > misfits_max || (misfits == i + 1 && misfits > LEADING_MISFITS_MAX) {
                return None;
            }
        }
    }
    misfits = 0;
    for (i, (&value, slot)) in values.iter().zip(integers.iter_mut()).enumerate() {
        if i < raised_at {
            *slot = scaled(value, exponent).unwrap_or(MISFIT);
        }
        misfits += usize::from(*slot == MISFIT);
    }
    (misfits <= misfits_max).then_some(exponent)
}

/// Integers as `base + divisor * small`.
struct Packing {
    base: i64,
    divisor: u64,
    width: u32,
}

impl Packing {
    fn of(integers: impl Iterator<Item = i64> + Clone) -> Self {
        let base = integers.clone().min().unwrap_or(0);
        let (mut divisor, mut max) = (0u64, 0u64);
        for integer in integers {
            let offset = integer.wrapping_sub(base) as u64;
            max = max.max(offset);
            if divisor != 1 && offset != 0 {
                divisor = gcd(divisor, offset);
            }
        }
        let divisor = divisor.max(1);
        Self { base, divisor, width: 64 - (max / divisor).leading_zeros() }
    }

    fn write(&self, integers: impl Iterator<Item = i64>, out: &mut Vec<u8>) {
        varint::put(out, self.divisor);
        varint::put_signed(out, self.base);
        out.push(self.width as u8);
        bits::pack(integers.map(|i| i.wrapping_sub(self.base) as u64 / self.divisor), self.width, out);
    }
}

fn gcd(mut a: u64, mut b: u64) -> u64 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

fn decode_decimal(bytes: &mut &[u8], count: usize, out: &mut Vec<f64>) -> Result<(), CodecError> {
    let exponent = usize::from(varint::take_u8(bytes)?);
    let power = *POWERS.get(exponent).ok_or(CodecError("decimal exponent too large"))?;
    let delta = varint::take_u8(bytes)? == 1;
    let first = if delta { varint::take_signed(bytes)? } else { 0 };
    let divisor = varint::take(bytes)?;
    let base = varint::take_signed(bytes)?;
    let width = u32::from(varint::take_u8(bytes)?);
    let start = out.len();
    let mut packed = [0u64; FRAME_MAX];
    let packed = packed.get_mut(..count - usize::from(delta && count > 0)).unwrap_or_default();
    bits::unpack(bytes, width, packed)?;
    // In place, since the same bits are a signed integer too.
    if divisor != 1 {
        packed.iter_mut().for_each(|word| *word = word.wrapping_mul(divisor));
    }
    let base = base.cast_unsigned();
    if delta {
        let mut running = first.cast_unsigned();
        packed.iter_mut().for_each(|word| {
            running = running.wrapping_add(base).wrapping_add(*word);
            *word = running;
        });
        out.push(first as f64 / power);
    } else if base != 0 {
        packed.iter_mut().for_each(|word| *word = word.wrapping_add(base));
    }
    divide(packed, exponent, out);
    let patches = varint::take_count(bytes, 72)?;
    let mut at = start;
    for _ in 0..patches {
        let gap = usize::try_from(varint::take(bytes)?).map_err(|_| CodecError("patch out of place"))?;
        at = at.checked_add(gap).ok_or(CodecError("patch out of place"))?;
        let value = f64::from_bits(varint::take_u64(bytes)?);
        *out.get_mut(at).ok_or(CodecError("patch out of place"))? = value;
    }
    Ok(())
}

/// Appends signed integers divided by 10^exponent.
fn divide(integers: &[u64], exponent: usize, out: &mut Vec<f64>) {
    let power = POWERS.get(exponent).copied().unwrap_or(1.0);
    let magnitude = |word: u64| (word.cast_signed() >> 63).cast_unsigned() ^ word;
    let widest = integers.iter().fold(0, |all, word| all | magnitude(*word));
    // Integers that leave the rounding constant's exponent alone become doubles by an addition, which unlike
    // the conversion is done for several at once.
    let small = |word: u64| f64::from_bits(word.wrapping_add(ROUNDER.to_bits())) - ROUNDER;
    match (widest < ROUNDING_MAX as u64, exponent) {
        (true, 0) => out.extend(integers.iter().map(|word| small(*word))),
        (true, _) => out.extend(integers.iter().map(|word| small(*word) / power)),
        (false, _) => out.extend(integers.iter().map(|word| word.cast_signed() as f64 / power)),
    }
}

fn encode_xor(values: &[f64], out: &mut Vec<u8>) {
    header(XOR, values, out);
    let mut previous = 0u64;
    for value in values {
        let xor = value.to_bits() ^ previous;
        previous = value.to_bits();
        // Whole bytes: the low bytes of a difference are as random as its middle, only the ends are zero.
        let low = if xor == 0 { 0 } else { xor.trailing_zeros() / 8 };
        let len = if xor == 0 { 0 } else { 8 - xor.leading_zeros() / 8 - low };
        out.push((low << 4 | len) as u8);
        out.extend_from_slice(&(xor >> (low * 8)).to_le_bytes()[..len as usize]);
    }
}

fn decode_xor(bytes: &mut &[u8], count: usize, out: &mut Vec<f64>) -> Result<(), CodecError> {
    let mut previous = 0u64;
    out.reserve(count);
    for _ in 0..count {
        let control = varint::take_u8(bytes)?;
        let (low, len) = (u32::from(control >> 4), usize::from(control & 15));
        if low > 7 || len > 8 {
            return Err(CodecError("bad difference"));
        }
        let word = match bytes.first_chunk::<8>() {
            // Eight bytes are read at once and those of later values masked out.
            Some(ahead) => {
                u64::from_le_bytes(*ahead) & u64::MAX.checked_shr(64 - 8 * len as u32).unwrap_or(0)
            }
            None => {
                let mut word = [0u8; 8];
                word.iter_mut().zip(bytes.iter().take(len)).for_each(|(to, from)| *to = *from);
                u64::from_le_bytes(word)
            }
        };
        varint::take_bytes(bytes, len)?;
        previous ^= word << (low * 8);
        out.push(f64::from_bits(previous));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::STALE_NAN;
    use proptest::prelude::*;

    fn round_trip(values: &[f64]) -> usize {
        let (mut bytes, mut back) = (Vec::new(), Vec::new());
        encode(values, &mut bytes);
        let mut rest = bytes.as_slice();
        decode(&mut rest, &mut back).unwrap();
        assert!(rest.is_empty());
        let bits = |v: &[f64]| v.iter().map(|f| f.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&back), bits(values));
        bytes.len()
    }

    #[test]
    fn constant_counters_and_gauges_are_small() {
        assert!(round_trip(&[42.5; 480]) < 12);
        let counter: Vec<f64> = (0..480).map(|i| 1_000_000.0 + f64::from(i * 1500)).collect();
        assert!(round_trip(&counter) < 24);
        let load: Vec<f64> = (0..480).map(|i| f64::from((i * 7919) % 400) / 100.0).collect();
        assert!(round_trip(&load) < 600);
    }

    #[test]
    fn odd_values_come_back_bit_for_bit() {
        let odd =
            [-0.0, 0.0, f64::INFINITY, f64::NEG_INFINITY, f64::NAN, STALE_NAN, 5e-324, f64::MAX, 0.1 + 0.2];
        round_trip(&odd);
        for value in odd {
            let mut values = vec![1.25; 100];
            values[0] = value;
            values[99] = value;
            assert!(round_trip(&values) < 100, "{value}");
        }
    }

    #[test]
    fn no_frame_is_larger_than_raw() {
        let noise: Vec<f64> =
            (0..512u64).map(|i| f64::from_bits(i.wrapping_mul(0x9e37_79b9_7f4a_7c15))).collect();
        assert!(round_trip(&noise) <= 512 * 8 + 3);
    }

    proptest! {
        #[test]
        fn any_values_come_back(bits in proptest::collection::vec(any::<u64>(), 1..64)) {
            round_trip(&bits.iter().map(|&b| f64::from_bits(b)).collect::<Vec<_>>());
        }

        #[test]
        fn decimals_with_misfits_come_back(
            values in proptest::collection::vec(prop_oneof![
                8 => (-1_000_000i64..1_000_000).prop_map(|i| i as f64 / 1000.0),
                1 => Just(STALE_NAN), 1 => Just(-0.0), 1 => any::<f64>(),
            ], 1..200)
        ) {
            round_trip(&values);
        }

        #[test]
        fn any_bytes_are_a_frame_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..96)) {
            let mut out = Vec::new();
            let _ = decode(&mut bytes.as_slice(), &mut out);
            prop_assert!(out.len() <= FRAME_MAX + 1);
        }
    }
}
