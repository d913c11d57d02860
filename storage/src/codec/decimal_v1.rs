//! Frames of decimals as blocks up to version 4 and files of level 0 in version 1 have them.
//!
//! ```text
//! exponent u8 | delta u8 | [first zigzag] | divisor varint | base zigzag | width u8 | packed
//! | patches varint | (gap varint, bits u64)*
//! ```

use super::value::FRAME_MAX;
use super::{CodecError, bits, decimal, varint};

/// Takes what follows the count off the front of `bytes` and appends the values to `out`.
pub(super) fn decode(bytes: &mut &[u8], count: usize, out: &mut Vec<f64>) -> Result<(), CodecError> {
    let exponent = usize::from(varint::take_u8(bytes)?);
    let delta = varint::take_u8(bytes)? == 1;
    let first = if delta { varint::take_signed(bytes)?.cast_unsigned() } else { 0 };
    let divisor = varint::take(bytes)?;
    let base = varint::take_signed(bytes)?.cast_unsigned();
    let width = u32::from(varint::take_u8(bytes)?);
    let start = out.len();
    let mut all = [0u64; FRAME_MAX];
    let integers = all.get_mut(..count).ok_or(CodecError("frame too long"))?;
    let packed = integers.get_mut(usize::from(delta)..).unwrap_or_default();
    bits::unpack(bytes, width, packed)?;
    // In place, since the same bits are a signed integer too.
    packed.iter_mut().for_each(|word| *word = word.wrapping_mul(divisor).wrapping_add(base));
    if delta {
        let mut running = first;
        for word in packed {
            running = running.wrapping_add(*word);
            *word = running;
        }
        if let Some(place) = integers.first_mut() {
            *place = first;
        }
    }
    decimal::divide(integers, exponent, out)?;
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
