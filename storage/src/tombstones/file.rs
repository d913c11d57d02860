//! The bytes of tombstones: the file of a block, and the payload of a record of the log.
//!
//! ```text
//! file    = "NXTOMBS" | version u8, the digit 1 | crc32 u32 of the entries | entry*
//! payload = entry*
//! entry   = series varint | intervals varint | (min zigzag, span varint)*
//! ```
//! `min` is the difference to the end of the interval before (the first to 0), `span` the last less the first
//! millisecond of the interval. Series and intervals ascend.

use super::{Intervals, Tombstones};
use crate::codec::{CodecError, varint};

const MAGIC: &[u8; 7] = b"NXTOMBS";
const VERSION: u8 = b'1';

/// Appends an entry.
pub(crate) fn put_entry(out: &mut Vec<u8>, series: u32, intervals: &Intervals) {
    varint::put(out, u64::from(series));
    varint::put(out, intervals.iter().len() as u64);
    let mut end = 0i64;
    for (min, max) in intervals.iter() {
        varint::put_signed(out, min.wrapping_sub(end));
        varint::put(out, max.abs_diff(min));
        end = max;
    }
}

/// Takes entries to the end of the bytes.
///
/// # Errors
/// The bytes are none, or the entries do not ascend.
pub(crate) fn take_entries(mut bytes: &[u8]) -> Result<Tombstones, CodecError> {
    let mut all = Tombstones::default();
    let mut next = 0u64;
    while !bytes.is_empty() {
        let number = varint::take(&mut bytes)?;
        let series = u32::try_from(number).ok().filter(|_| number >= next);
        let series = series.ok_or(CodecError("series of tombstones out of order"))?;
        next = number + 1;
        let mut end: Option<i64> = None;
        for _ in 0..varint::take_count(&mut bytes, 16)? {
            let min = end.unwrap_or(0).wrapping_add(varint::take_signed(&mut bytes)?);
            let max = min.checked_add_unsigned(varint::take(&mut bytes)?);
            let max = max.ok_or(CodecError("interval out of bounds"))?;
            if end.is_some_and(|end| min <= end) {
                return Err(CodecError("intervals out of order"));
            }
            end = Some(max);
            all.add(series, min, max);
        }
    }
    Ok(all)
}

/// The file of a block.
pub(crate) fn encode(all: &Tombstones) -> Vec<u8> {
    let mut entries = Vec::new();
    all.iter().for_each(|(series, intervals)| put_entry(&mut entries, series, intervals));
    let mut out = MAGIC.to_vec();
    out.push(VERSION);
    out.extend_from_slice(&crc32fast::hash(&entries).to_le_bytes());
    out.extend_from_slice(&entries);
    out
}

/// Reads the file of a block that has `series` series.
///
/// # Errors
/// It is not what [`encode`] wrote, or speaks of a series that the block does not have.
pub(crate) fn decode(mut bytes: &[u8], series: usize) -> Result<Tombstones, CodecError> {
    if varint::take_bytes(&mut bytes, MAGIC.len())? != MAGIC {
        return Err(CodecError("not a file of tombstones"));
    }
    if varint::take_u8(&mut bytes)? != VERSION {
        return Err(CodecError("tombstones of a version that is not known"));
    }
    if varint::take_u32(&mut bytes)? != crc32fast::hash(bytes) {
        return Err(CodecError("checksum mismatch"));
    }
    let all = take_entries(bytes)?;
    if all.iter().any(|(number, _)| number as usize >= series) {
        return Err(CodecError("tombstones of a series that is not there"));
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn any_tombstones() -> impl Strategy<Value = Tombstones> {
        let time = prop_oneof![-1000i64..1000, Just(i64::MIN), Just(i64::MAX), any::<i64>()];
        let entry = (0u32..20, time.clone(), time);
        proptest::collection::vec(entry, 0..20).prop_map(|list| {
            let mut all = Tombstones::default();
            for (series, a, b) in list {
                all.add(series, a.min(b), a.max(b));
            }
            all
        })
    }

    proptest! {
        #[test]
        fn tombstones_read_back(all in any_tombstones()) {
            prop_assert_eq!(decode(&encode(&all), 20), Ok(all));
        }

        #[test]
        fn a_changed_byte_and_a_missing_end_are_noticed(all in any_tombstones(), at: usize, flip in 1u8..) {
            let whole = encode(&all);
            let at = at % whole.len();
            let mut bytes = whole.clone();
            bytes[at] ^= flip;
            prop_assert!(decode(&bytes, 20).is_err());
            prop_assert!(decode(&whole[..at], 20).is_err());
        }

        #[test]
        fn hostile_entries_are_refused_or_read_as_what_they_say(bytes: Vec<u8>) {
            let mut file = encode(&Tombstones::default());
            file.extend_from_slice(&bytes);
            let crc = crc32fast::hash(&bytes);
            file[8..12].copy_from_slice(&crc.to_le_bytes());
            if let Ok(all) = decode(&file, 1000) {
                prop_assert_eq!(decode(&encode(&all), 1000), Ok(all));
            }
        }
    }

    #[test]
    fn tombstones_of_a_series_beyond_the_block_are_refused() {
        let mut all = Tombstones::default();
        all.add(3, 1, 2);
        assert!(decode(&encode(&all), 4).is_ok());
        assert!(decode(&encode(&all), 3).is_err());
    }
}
