//! Integers and floats in a variable number of bits.

use super::bits::{BitReader, BitWriter};
use crate::codec::CodecError;

/// Bits of a number by the ones before it.
const WIDTHS: [u32; 9] = [0, 3, 6, 9, 12, 18, 25, 56, 64];

fn take_width(bits: &mut BitReader<'_>) -> Result<u32, CodecError> {
    let ones = bits.ones(8)?;
    Ok(WIDTHS.get(ones as usize).copied().unwrap_or(64))
}

/// A signed integer, small magnitudes in few bits.
#[inline]
pub(crate) fn take_int(bits: &mut BitReader<'_>) -> Result<i64, CodecError> {
    match take_width(bits)? {
        0 => Ok(0),
        width => bits.signed(width),
    }
}

/// An unsigned integer, small ones in few bits.
#[inline]
pub(crate) fn take_uint(bits: &mut BitReader<'_>) -> Result<u64, CodecError> {
    let width = take_width(bits)?;
    bits.take(width)
}

fn put(out: &mut BitWriter, value: u64, fits: impl Fn(u32) -> bool) {
    for (ones, width) in (0u32..).zip(WIDTHS) {
        if width == 64 || fits(width) {
            // A zero ends the ones, but for the most that there may be.
            let prefix = if ones == 8 { 0xff } else { ((1u64 << ones) - 1) << 1 };
            out.put(prefix, (ones + 1).min(8));
            out.put(value, width);
            return;
        }
    }
}

pub(crate) fn put_int(out: &mut BitWriter, value: i64) {
    put(out, value as u64, |width| match width {
        0 => value == 0,
        _ => -(1 << (width - 1)) < value && value <= 1 << (width - 1),
    });
}

pub(crate) fn put_uint(out: &mut BitWriter, value: u64) {
    put(out, value, |width| value < 1 << width);
}

/// A float told as the bits in which it differs from the one before.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct XorFloat {
    /// The float's bits.
    pub(crate) bits: u64,
    /// Zeros around the bits that differed last; the window is that between them.
    leading: u32,
    trailing: u32,
    /// Whether a window was ever written.
    windowed: bool,
}

impl XorFloat {
    pub(crate) fn new(value: f64) -> Self {
        Self { bits: value.to_bits(), ..Self::default() }
    }

    pub(crate) fn value(&self) -> f64 {
        f64::from_bits(self.bits)
    }

    /// `0` unchanged, `10` a difference within the last window, `11` one in a new window.
    #[inline]
    pub(crate) fn take(&mut self, bits: &mut BitReader<'_>) -> Result<(), CodecError> {
        match bits.ones(2)? {
            0 => Ok(()),
            1 => self.take_within(bits),
            _ => self.take_window(bits),
        }
    }

    /// A difference within the last window.
    #[inline]
    pub(crate) fn take_within(&mut self, bits: &mut BitReader<'_>) -> Result<(), CodecError> {
        self.bits ^= bits.take(64 - self.leading - self.trailing)? << self.trailing;
        Ok(())
    }

    /// A new window, and the difference within it.
    #[inline]
    pub(crate) fn take_window(&mut self, bits: &mut BitReader<'_>) -> Result<(), CodecError> {
        self.leading = bits.take(5)? as u32;
        let width = match bits.take(6)? as u32 {
            0 => 64,
            width => width,
        };
        self.trailing = 64u32
            .checked_sub(self.leading + width)
            .ok_or(CodecError("a float differs in more bits than it has"))?;
        self.take_within(bits)
    }

    pub(crate) fn put(&mut self, value: f64, out: &mut BitWriter) {
        let difference = value.to_bits() ^ self.bits;
        self.bits = value.to_bits();
        if difference == 0 {
            out.put(0, 1);
            return;
        }
        let (leading, trailing) = (difference.leading_zeros().min(31), difference.trailing_zeros());
        if self.windowed && leading >= self.leading && trailing >= self.trailing {
            out.put(0b10, 2);
        } else {
            (self.leading, self.trailing, self.windowed) = (leading, trailing, true);
            out.put(0b11, 2);
            out.put(u64::from(leading), 5);
            // 64 has no place in six bits: it is written as 0.
            out.put(u64::from(64 - leading - trailing), 6);
        }
        out.put(difference >> self.trailing, 64 - self.leading - self.trailing);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn any_int() -> impl Strategy<Value = i64> {
        (any::<i64>(), 0u32..64).prop_map(|(value, shift)| value >> shift)
    }

    proptest! {
        #[test]
        fn integers_come_back(values in proptest::collection::vec(any_int(), 0..50)) {
            let mut writer = BitWriter::default();
            for value in &values {
                put_int(&mut writer, *value);
                put_uint(&mut writer, *value as u64);
            }
            let bytes = writer.finish();
            let mut reader = BitReader::new(&bytes);
            for value in values {
                prop_assert_eq!(take_int(&mut reader).unwrap(), value);
                prop_assert_eq!(take_uint(&mut reader).unwrap(), value as u64);
            }
        }

        #[test]
        fn floats_come_back_bit_for_bit(values in proptest::collection::vec(any::<u64>(), 1..50)) {
            let mut writer = BitWriter::default();
            let mut state = XorFloat::new(1.0);
            values.iter().for_each(|bits| state.put(f64::from_bits(*bits), &mut writer));
            let bytes = writer.finish();
            let mut reader = BitReader::new(&bytes);
            let mut state = XorFloat::new(1.0);
            for bits in values {
                state.take(&mut reader).unwrap();
                prop_assert_eq!(state.bits, bits);
            }
        }
    }

    #[test]
    fn every_width_holds_its_least_and_its_greatest() {
        for width in WIDTHS.into_iter().skip(1).take(7) {
            let (least, greatest) = (-(1i64 << (width - 1)) + 1, 1i64 << (width - 1));
            for (value, same) in [(least, true), (greatest, true), (least - 1, false), (greatest + 1, false)]
            {
                let mut writer = BitWriter::default();
                put_int(&mut writer, value);
                let mut reader = BitReader::new(writer.bytes_mut());
                let used = take_width(&mut reader).unwrap();
                assert_eq!(used <= width, same, "{value} in {width} bits");
                assert_eq!(reader.signed(used), Ok(value));
            }
        }
    }
}
