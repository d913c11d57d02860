//! Sealed frames of values, lossless bit for bit.
//!
//! Most series hold decimal numbers of few digits, so a frame is tried as integers scaled by a power of ten, which
//! `codec::integers` packs. Values that do not fit (NaN, infinities, -0.0) are told apart. Sums of decimals are
//! off by a few units in the last place, which are packed beside. What is not decimal at all is packed as the bits of
//! doubles, in their order, or written as the difference of neighbouring bit patterns, and never costs more than
//! eight bytes a value and a small header.
//!
//! ```text
//! frame = tag u8 | count varint | body
//! CONST  bits u64
//! XOR    (control u8 = leading zero bytes << 4 | bytes, bytes little-endian)*
//! RAW    bits u64*
//! WHOLE  integer zigzag
//! PACKED scale u8 | column of integers | [width u8 | packed(count, width)] | [misfits]
//! misfits = count varint | (gap << 1 | other varint, [bits u64])*
//! ```
//!
//! Tag 1 is what came before PACKED; it is read (`codec::decimal_v1`).

use super::{CodecError, bits, decimal, decimal_v1, integers, varint};
use crate::sample::{STALE_NAN, is_stale_nan};

/// Values that one frame may hold.
pub const FRAME_MAX: usize = 512;

const CONST: u8 = 0;
const DECIMAL_V1: u8 = 1;
const XOR: u8 = 2;
const RAW: u8 = 3;
// Tags 4 to 6 are those of `codec::frame`.
const WHOLE: u8 = 7;
const PACKED: u8 = 8;

/// A scale, behind the exponents: the integers are the bits of doubles, in their order.
const ORDERED: u8 = decimal::EXPONENT_MAX as u8 + 1;
/// Set in a scale: units in the last place follow.
const RESIDUALS: u8 = 0x40;
/// Set in a scale: values that are not among the integers follow.
const MISFITS: u8 = 0x80;

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
        encode_constant(*first, values.len(), out);
        return;
    }
    let raw_len = values.len() * 8;
    let decimal = encode_packed(values, out);
    if decimal && out.len() - start <= raw_len {
        return;
    }
    // The bits of doubles may share their ends rather than their order.
    let packed = out.len();
    encode_xor(values, out);
    if out.len() - packed < packed - start {
        out.drain(start..packed);
    } else {
        out.truncate(packed);
    }
    if out.len() - start > raw_len {
        out.truncate(start);
        header(RAW, values.len(), out);
        values.iter().for_each(|v| out.extend_from_slice(&v.to_bits().to_le_bytes()));
    }
}

fn encode_constant(value: f64, count: usize, out: &mut Vec<u8>) {
    match decimal::scaled(value, 0) {
        Some(whole) => {
            header(WHOLE, count, out);
            varint::put_signed(out, whole);
        }
        None => {
            header(CONST, count, out);
            out.extend_from_slice(&value.to_bits().to_le_bytes());
        }
    }
}

/// Appends a frame of integers; whether the values are decimals.
fn encode_packed(values: &[f64], out: &mut Vec<u8>) -> bool {
    let (mut all, mut all_residuals) = ([0i64; FRAME_MAX], [0u64; FRAME_MAX]);
    let (Some(integers), Some(residuals)) =
        (all.get_mut(..values.len()), all_residuals.get_mut(..values.len()))
    else {
        return false;
    };
    header(PACKED, values.len(), out);
    if let Some(exponent) = decimal::exponent(values, integers) {
        let fits = decimal::bridge(integers);
        out.push(exponent as u8 | if fits { 0 } else { MISFITS });
        integers::Plan::of(integers).write(integers, out);
        if !fits {
            put_misfits(values, integers, exponent, out);
        }
        return true;
    }
    let near = decimal::near(values, integers, residuals).map(|exponent| {
        let width = 64 - residuals.iter().fold(0, |all, residual| all | residual).leading_zeros();
        let plan = integers::Plan::of(integers);
        (exponent, width, plan.bytes() + bits::packed_len(values.len(), width), plan)
    });
    let mut bits_in_order = [0i64; FRAME_MAX];
    let ordered = bits_in_order.get_mut(..values.len()).unwrap_or_default();
    ordered.iter_mut().zip(values).for_each(|(place, value)| *place = in_order(value.to_bits()));
    let plan_of_bits = integers::Plan::of(ordered);
    match near {
        Some((exponent, width, bytes, plan)) if bytes < plan_of_bits.bytes() => {
            out.push(exponent as u8 | RESIDUALS);
            plan.write(integers, out);
            out.push(width as u8);
            bits::pack(residuals.iter().copied(), width, out);
            true
        }
        _ => {
            out.push(ORDERED);
            plan_of_bits.write(ordered, out);
            false
        }
    }
}

/// Appends the values that their integers do not give.
fn put_misfits(values: &[f64], integers: &[i64], exponent: usize, out: &mut Vec<u8>) {
    let gives = |integer: i64, value: f64| decimal::value(integer, exponent).to_bits() == value.to_bits();
    let misfits =
        || values.iter().zip(integers).enumerate().filter(|(_, (value, integer))| !gives(**integer, **value));
    varint::put(out, misfits().count() as u64);
    let mut last = 0;
    for (at, (value, _)) in misfits() {
        let other = !is_stale_nan(*value);
        varint::put(out, ((at - last) as u64) << 1 | u64::from(other));
        if other {
            out.extend_from_slice(&value.to_bits().to_le_bytes());
        }
        last = at;
    }
}

/// The bits of a double as an integer that compares as doubles do; and back.
#[inline]
fn in_order(bits: u64) -> i64 {
    let signed = bits.cast_signed();
    signed ^ ((signed >> 63).cast_unsigned() >> 1).cast_signed()
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
        DECIMAL_V1 => decimal_v1::decode(bytes, count, out),
        XOR => decode_xor(bytes, count, out),
        RAW => {
            let packed = varint::take_bytes(bytes, count * 8)?;
            out.extend(packed.as_chunks::<8>().0.iter().map(|b| f64::from_le_bytes(*b)));
            Ok(())
        }
        WHOLE => {
            let value = varint::take_signed(bytes)? as f64;
            out.resize(out.len() + count, value);
            Ok(())
        }
        PACKED => decode_packed(bytes, count, out),
        _ => Err(CodecError("unknown frame tag")),
    }
}

fn header(tag: u8, count: usize, out: &mut Vec<u8>) {
    out.push(tag);
    varint::put(out, count as u64);
}

fn decode_packed(bytes: &mut &[u8], count: usize, out: &mut Vec<f64>) -> Result<(), CodecError> {
    let flags = varint::take_u8(bytes)?;
    let scale = flags & !(RESIDUALS | MISFITS);
    let start = out.len();
    let mut all = [0; FRAME_MAX];
    let integers = integers::decode(bytes, count, &mut all)?;
    if scale == ORDERED {
        let value = |word: &u64| f64::from_bits(in_order(*word).cast_unsigned());
        out.extend(integers.iter().map(value));
    } else {
        decimal::divide(integers, usize::from(scale), out)?;
    }
    let values = out.get_mut(start..).unwrap_or_default();
    if flags & RESIDUALS != 0 {
        let width = u32::from(varint::take_u8(bytes)?);
        let residuals = all.get_mut(..count).unwrap_or_default();
        bits::unpack(bytes, width, residuals)?;
        for (value, residual) in values.iter_mut().zip(residuals) {
            let units = varint::unzigzag(*residual).cast_unsigned();
            *value = f64::from_bits(value.to_bits().wrapping_add(units));
        }
    }
    if flags & MISFITS != 0 {
        let misfits = varint::take_count(bytes, 8)?;
        let mut at = 0usize;
        for _ in 0..misfits {
            let told = varint::take(bytes)?;
            let value = if told & 1 == 0 { STALE_NAN } else { f64::from_bits(varint::take_u64(bytes)?) };
            let gap = usize::try_from(told >> 1).map_err(|_| CodecError("misfit out of place"))?;
            at = at.checked_add(gap).ok_or(CodecError("misfit out of place"))?;
            *values.get_mut(at).ok_or(CodecError("misfit out of place"))? = value;
        }
    }
    Ok(())
}

fn encode_xor(values: &[f64], out: &mut Vec<u8>) {
    header(XOR, values.len(), out);
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
        assert!(round_trip(&[42.0; 480]) < 5);
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
    fn sums_of_decimals_take_what_decimals_and_their_drift_do() {
        let mut sum = 0.0;
        let sums: Vec<f64> = (0..480)
            .map(|i| {
                sum += f64::from(i % 13) / 1000.0;
                sum
            })
            .collect();
        let len = round_trip(&sums);
        assert!(len < 640, "{len}");
    }

    #[test]
    fn times_with_all_their_bits_take_those_that_change() {
        let times: Vec<f64> = (0..480)
            .map(|i| 1_795_464_447.712_784_5 + f64::from(i) * 15.0 + f64::from(i * 7919 % 400) / 3e5)
            .collect();
        assert!(round_trip(&times) < 480 * 3);
    }

    #[test]
    fn a_gauge_that_seldom_changes_takes_a_few_bytes_a_change() {
        let gauge: Vec<f64> = (0..480).map(|i| f64::from(1000 + i / 60 * 37 % 100)).collect();
        assert!(round_trip(&gauge) < 40);
    }

    #[test]
    fn a_gap_of_a_target_costs_a_byte_or_two() {
        let mut values: Vec<f64> = (0..480).map(f64::from).collect();
        let without = round_trip(&values);
        values[200] = STALE_NAN;
        let with = round_trip(&values);
        assert!(with < without + 4, "{with} and {without}");
    }

    #[test]
    fn the_ends_of_exact_integers_come_back() {
        let two_53 = 9_007_199_254_740_992.0_f64;
        let odd = [
            two_53,
            -two_53,
            two_53 - 1.0,
            1.0 - two_53,
            two_53 + 2.0,
            two_53 / 4.0,
            two_53 / 2.0 + 1.0,
            0.0,
        ];
        round_trip(&odd);
        odd.iter().for_each(|value| {
            round_trip(&[*value; 20]);
            round_trip(&[*value, 1.0, *value, 2.0]);
        });
    }

    #[test]
    fn the_order_of_bits_is_that_of_doubles() {
        let values = [f64::NEG_INFINITY, -1e300, -1.0, -5e-324, -0.0, 0.0, 5e-324, 1.0, 1e300, f64::INFINITY];
        assert!(values.map(|value| in_order(value.to_bits())).is_sorted_by(|a, b| a < b));
        values.iter().for_each(|value| {
            let bits = value.to_bits();
            assert_eq!(in_order(in_order(bits).cast_unsigned()).cast_unsigned(), bits);
        });
    }

    #[test]
    fn frames_of_decimals_of_earlier_versions_are_read() {
        let gauge = [
            1, 8, 2, 0, 5, 9, 4, 67, 84, 136, 48, 2, 2, 0, 0, 0, 0, 0, 0, 240, 127, 3, 2, 0, 0, 0, 0, 0, 240,
            127,
        ];
        let counter = [1, 20, 0, 1, 128, 137, 122, 188, 5, 136, 14, 1, 191, 223, 7, 0];
        let mut out = Vec::new();
        let frames = [gauge.as_slice(), &counter].concat();
        let mut bytes = frames.as_slice();
        decode(&mut bytes, &mut out).unwrap();
        decode(&mut bytes, &mut out).unwrap();
        assert!(bytes.is_empty());
        let gauge = [0.1, 0.15, f64::INFINITY, 0.2, 0.35, STALE_NAN, -0.05, 0.1];
        let counter = (0..20).map(|i| f64::from(1_000_000 + i * 1500 + i % 7 * 100));
        assert!(out.iter().map(|v| v.to_bits()).eq(gauge.into_iter().chain(counter).map(f64::to_bits)));
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
        fn sums_of_decimals_come_back(
            steps in proptest::collection::vec((-500i32..500, prop_oneof![20 => Just(0.0), 1 => any::<f64>()]), 1..100),
            unit in prop_oneof![Just(1e3), Just(1e6), Just(7.0)],
        ) {
            let mut sum = 0.0;
            let values: Vec<f64> = steps.into_iter().map(|(step, odd)| {
                sum += f64::from(step) / unit;
                if odd == 0.0 { sum } else { odd }
            }).collect();
            round_trip(&values);
        }

        #[test]
        fn any_bytes_are_a_frame_or_an_error(
            tag in 0u8..10, count in 0u8..128, scale in any::<u8>(), bytes in proptest::collection::vec(prop_oneof![0u8..20, any::<u8>()], 0..96),
        ) {
            let mut out = Vec::new();
            let bytes = [&[tag, count, scale], bytes.as_slice()].concat();
            let _ = decode(&mut bytes.as_slice(), &mut out);
            prop_assert!(out.len() <= FRAME_MAX);
        }
    }
}
