//! Integers of a fixed number of bytes, low bytes first, and pairs of small ones in a byte.

use crate::codec::{CodecError, varint};

/// Appends the low `N` bytes of a value.
pub(in crate::block) fn put<const N: usize>(out: &mut Vec<u8>, value: u64) {
    out.extend(value.to_le_bytes().iter().take(N));
}

/// The value of `N` bytes, at most 8, at a place.
#[inline]
pub(in crate::block) fn get<const N: usize>(bytes: &[u8], at: usize) -> Option<u64> {
    let field = bytes.get(at..at.checked_add(N)?)?;
    let mut value = [0; 8];
    value.get_mut(..N)?.copy_from_slice(field);
    Some(u64::from_le_bytes(value))
}

const LARGE: u64 = 15;

/// Appends two integers; in one byte when both are below 15.
pub(super) fn put_two(out: &mut Vec<u8>, a: usize, b: usize) {
    let (a, b) = (a as u64, b as u64);
    out.push((a.min(LARGE) << 4 | b.min(LARGE)) as u8);
    for large in [a, b] {
        if large >= LARGE {
            varint::put(out, large - LARGE);
        }
    }
}

/// Takes what [`put_two`] put.
#[inline]
pub(super) fn take_two(bytes: &mut &[u8]) -> Result<(usize, usize), CodecError> {
    let byte = u64::from(varint::take_u8(bytes)?);
    let mut one = |half: u64| {
        let more = if half == LARGE { varint::take(bytes)? } else { 0 };
        usize::try_from(half.saturating_add(more)).map_err(|_| CodecError("length too large"))
    };
    Ok((one(byte >> 4)?, one(byte & LARGE)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_of_any_width_come_back() {
        let mut out = Vec::new();
        put::<5>(&mut out, 0x12_3456_789a);
        put::<6>(&mut out, u64::MAX);
        assert_eq!((get::<5>(&out, 0), get::<6>(&out, 5)), (Some(0x12_3456_789a), Some((1 << 48) - 1)));
        assert_eq!((get::<6>(&out, 6), get::<5>(&out, usize::MAX)), (None, None));
    }

    #[test]
    fn small_pairs_take_one_byte() {
        for (a, b, len) in [(0, 0, 1), (14, 14, 1), (15, 3, 2), (2, 15, 2), (200, 1 << 40, 9)] {
            let mut out = Vec::new();
            put_two(&mut out, a, b);
            assert_eq!(out.len(), len);
            assert_eq!(take_two(&mut out.as_slice()), Ok((a, b)));
        }
    }
}
