//! LEB128 integers and zigzag.

use super::CodecError;

/// Appends `value` in 1 to 10 bytes.
#[inline]
pub fn put(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Appends a signed value, small magnitudes in few bytes.
#[inline]
pub fn put_signed(out: &mut Vec<u8>, value: i64) {
    put(out, zigzag(value));
}

/// Takes an integer off the front of `bytes`.
///
/// # Errors
/// The bytes end within the integer, or it has more than 64 bits.
#[inline]
pub fn take(bytes: &mut &[u8]) -> Result<u64, CodecError> {
    // Most integers have one byte.
    if let [byte @ 0..0x80, rest @ ..] = *bytes {
        *bytes = rest;
        return Ok(u64::from(*byte));
    }
    take_long(bytes)
}

#[inline]
fn take_long(bytes: &mut &[u8]) -> Result<u64, CodecError> {
    // Up to eight bytes at once, as far as there are eight to be read.
    if let Some(word) = bytes.first_chunk::<8>().map(|word| u64::from_le_bytes(*word)) {
        let ends = !word & 0x8080_8080_8080_8080;
        if ends != 0 {
            let last = ends & ends.wrapping_neg();
            // Everything below the end bit, without the continuation bits; then the gaps are closed.
            let groups = word & (last - 1) & 0x7f7f_7f7f_7f7f_7f7f;
            let pairs = (groups & 0x007f_007f_007f_007f) | (groups & 0x7f00_7f00_7f00_7f00) >> 1;
            let fours = (pairs & 0x0000_3fff_0000_3fff) | (pairs & 0x3fff_0000_3fff_0000) >> 2;
            let value = (fours & 0x0fff_ffff) | (fours & 0x0fff_ffff_0000_0000) >> 4;
            *bytes = bytes.get(last.trailing_zeros() as usize / 8 + 1..).unwrap_or_default();
            return Ok(value);
        }
    }
    take_bytewise(bytes)
}

#[cold]
fn take_bytewise(bytes: &mut &[u8]) -> Result<u64, CodecError> {
    let mut value = 0u64;
    for (i, &byte) in bytes.iter().enumerate().take(10) {
        if i == 9 && byte > 1 {
            break;
        }
        value |= u64::from(byte & 0x7f) << (7 * i);
        if byte < 0x80 {
            *bytes = bytes.get(i + 1..).unwrap_or_default();
            return Ok(value);
        }
    }
    Err(CodecError("truncated or oversized integer"))
}

/// Takes a signed integer off the front of `bytes`.
///
/// # Errors
/// As [`take`].
#[inline]
pub fn take_signed(bytes: &mut &[u8]) -> Result<i64, CodecError> {
    take(bytes).map(unzigzag)
}

/// Takes a count of things that occupy at least `min_bits` bits each in what follows.
///
/// # Errors
/// More things are announced than the bytes could hold.
pub fn take_count(bytes: &mut &[u8], min_bits: usize) -> Result<usize, CodecError> {
    let count = usize::try_from(take(bytes)?).map_err(|_| CodecError("count too large"))?;
    if count.saturating_mul(min_bits) > bytes.len().saturating_mul(8) {
        return Err(CodecError("count exceeds the bytes that follow"));
    }
    Ok(count)
}

/// Takes `len` bytes off the front.
///
/// # Errors
/// Fewer bytes are left.
pub fn take_bytes<'a>(bytes: &mut &'a [u8], len: usize) -> Result<&'a [u8], CodecError> {
    let (head, tail) = bytes.split_at_checked(len).ok_or(CodecError("truncated bytes"))?;
    *bytes = tail;
    Ok(head)
}

/// Takes eight little-endian bytes off the front.
///
/// # Errors
/// Fewer bytes are left.
pub fn take_u64(bytes: &mut &[u8]) -> Result<u64, CodecError> {
    let (head, tail) = bytes.split_first_chunk::<8>().ok_or(CodecError("truncated bytes"))?;
    *bytes = tail;
    Ok(u64::from_le_bytes(*head))
}

/// Takes four little-endian bytes off the front.
///
/// # Errors
/// Fewer bytes are left.
pub fn take_u32(bytes: &mut &[u8]) -> Result<u32, CodecError> {
    let (head, tail) = bytes.split_first_chunk::<4>().ok_or(CodecError("truncated bytes"))?;
    *bytes = tail;
    Ok(u32::from_le_bytes(*head))
}

/// Takes one byte off the front.
///
/// # Errors
/// Nothing is left.
pub fn take_u8(bytes: &mut &[u8]) -> Result<u8, CodecError> {
    let (&head, tail) = bytes.split_first().ok_or(CodecError("truncated bytes"))?;
    *bytes = tail;
    Ok(head)
}

/// Maps small magnitudes to small unsigned numbers.
#[inline]
#[must_use]
pub fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

/// The inverse of [`zigzag`].
#[inline]
#[must_use]
pub fn unzigzag(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn integers_come_back(value in any::<u64>(), shift in 0u32..64) {
            let value = value >> shift;
            for behind in [0, 1, 7, 20] {
                let mut out = Vec::new();
                put(&mut out, value);
                put_signed(&mut out, value as i64);
                out.resize(out.len() + behind, 0xff);
                let mut rest = out.as_slice();
                prop_assert_eq!(take(&mut rest), Ok(value));
                prop_assert_eq!(take_signed(&mut rest), Ok(value as i64));
                prop_assert_eq!(rest.len(), behind);
            }
        }

        #[test]
        fn any_bytes_are_an_integer_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..12)) {
            let mut rest = bytes.as_slice();
            if take(&mut rest).is_err() {
                prop_assert_eq!(rest.len(), bytes.len());
            }
        }
    }
}
