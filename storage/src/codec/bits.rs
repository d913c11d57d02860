//! Bit-packed columns of equal width.

use super::CodecError;

/// Appends each of `values` in `width` bits, least significant bit first.
pub fn pack(values: impl Iterator<Item = u64>, width: u32, out: &mut Vec<u8>) {
    let (mut buffer, mut filled) = (0u128, 0u32);
    for value in values {
        buffer |= u128::from(value) << filled;
        filled += width;
        while filled >= 8 {
            out.push(buffer as u8);
            buffer >>= 8;
            filled -= 8;
        }
    }
    if filled > 0 {
        out.push(buffer as u8);
    }
}

/// The bytes that [`pack`] writes.
#[must_use]
pub fn packed_len(count: usize, width: u32) -> usize {
    (count * width as usize).div_ceil(8)
}

/// Reads back `count` values of `width` bits from the front of `bytes`, handing each to `each`.
///
/// # Errors
/// The width is above 64 or the bytes are too few.
pub fn unpack(
    bytes: &mut &[u8],
    count: usize,
    width: u32,
    mut each: impl FnMut(u64),
) -> Result<(), CodecError> {
    if width > 64 {
        return Err(CodecError("bit width above 64"));
    }
    let len = count.checked_mul(width as usize).ok_or(CodecError("count too large"))?.div_ceil(8);
    let packed = super::varint::take_bytes(bytes, len)?;
    if width == 0 {
        (0..count).for_each(|_| each(0));
        return Ok(());
    }
    let mask = u64::MAX >> (64 - width);
    let (mut buffer, mut filled) = (0u128, 0u32);
    let mut input = packed.iter();
    for _ in 0..count {
        while filled < width {
            let Some(&byte) = input.next() else { return Err(CodecError("truncated column")) };
            buffer |= u128::from(byte) << filled;
            filled += 8;
        }
        each(buffer as u64 & mask);
        buffer >>= width;
        filled -= width;
    }
    Ok(())
}
