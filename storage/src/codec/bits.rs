//! Bit-packed columns of equal width.

use super::CodecError;

/// Appends each of `values` in `width` bits, least significant bit first.
pub fn pack(values: impl Iterator<Item = u64>, width: u32, out: &mut Vec<u8>) {
    if width == 0 {
        return;
    }
    let (mut buffer, mut filled) = (0u64, 0u32);
    for value in values {
        buffer |= value << filled;
        filled += width;
        if filled >= 64 {
            out.extend_from_slice(&buffer.to_le_bytes());
            filled -= 64;
            // What did not fit; all of a value that ended the word did.
            buffer = value.checked_shr(width - filled).unwrap_or(0);
        }
    }
    let rest = buffer.to_le_bytes();
    out.extend_from_slice(rest.get(..filled.div_ceil(8) as usize).unwrap_or_default());
}

/// The bytes that [`pack`] writes.
#[must_use]
pub fn packed_len(count: usize, width: u32) -> usize {
    (count * width as usize).div_ceil(8)
}

/// Takes as many values of `width` bits off the front of `bytes` as `out` has places.
///
/// # Errors
/// The width is above 64 or the bytes are too few.
pub fn unpack(bytes: &mut &[u8], width: u32, out: &mut [u64]) -> Result<(), CodecError> {
    if width > 64 {
        return Err(CodecError("bit width above 64"));
    }
    let len = out.len().checked_mul(width as usize).ok_or(CodecError("count too large"))?.div_ceil(8);
    let packed = super::varint::take_bytes(bytes, len)?;
    if width == 0 {
        out.fill(0);
        return Ok(());
    }
    // Eight values end at a byte: what is left after whole groups begins at one.
    let groups = unpack_groups(packed, width, out);
    let rest = out.get_mut(groups * 8..).unwrap_or_default();
    unpack_slowly(packed.get(groups * width as usize..).unwrap_or_default(), width, rest);
    Ok(())
}

/// Unpacks groups of eight values while there are bytes to spare behind them; the number of groups.
fn unpack_groups(packed: &[u8], width: u32, out: &mut [u64]) -> usize {
    macro_rules! by_width {
        ($($width:literal)*) => {
            match width {
                $($width => groups_of::<$width>(packed, out),)*
                // A value may span nine bytes.
                _ => 0,
            }
        };
    }
    by_width!(1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32 33 34 35 36
        37 38 39 40 41 42 43 44 45 46 47 48 49 50 51 52 53 54 55 56)
}

/// The width is a constant, so that places and shifts of the eight are constants too.
fn groups_of<const WIDTH: usize>(packed: &[u8], out: &mut [u64]) -> usize {
    let mask = u64::MAX >> (64 - WIDTH);
    let mut groups = 0;
    for slots in out.as_chunks_mut::<8>().0 {
        let Some(group) = packed.get(groups * WIDTH..groups * WIDTH + WIDTH + 7) else { break };
        for (i, slot) in slots.iter_mut().enumerate() {
            let bit = i * WIDTH;
            let word = group.get(bit / 8..).and_then(|bytes| bytes.first_chunk::<8>());
            *slot = word.map_or(0, |word| u64::from_le_bytes(*word)) >> (bit % 8) & mask;
        }
        groups += 1;
    }
    groups
}

fn unpack_slowly(packed: &[u8], width: u32, out: &mut [u64]) {
    let mask = u64::MAX >> (64 - width);
    let (mut buffer, mut filled) = (0u128, 0u32);
    let mut input = packed.iter();
    for slot in out {
        while filled < width {
            buffer |= u128::from(input.next().copied().unwrap_or(0)) << filled;
            filled += 8;
        }
        *slot = buffer as u64 & mask;
        buffer >>= width;
        filled -= width;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn values_of_every_width_come_back(
            values in proptest::collection::vec(any::<u64>(), 0..70), width in 0u32..65, behind in 0usize..20,
        ) {
            let mask = if width == 0 { 0 } else { u64::MAX >> (64 - width) };
            let values: Vec<u64> = values.into_iter().map(|value| value & mask).collect();
            let mut bytes = Vec::new();
            pack(values.iter().copied(), width, &mut bytes);
            prop_assert_eq!(bytes.len(), packed_len(values.len(), width));
            bytes.resize(bytes.len() + behind, 0xff);
            let (mut rest, mut back) = (bytes.as_slice(), vec![1; values.len()]);
            unpack(&mut rest, width, &mut back).unwrap();
            prop_assert_eq!(rest.len(), behind);
            prop_assert_eq!(back, values);
        }
    }
}
