//! Postings: ascending series numbers, as single ones and runs.
//!
//! ```text
//! list = (head varint = gap << 1 | run | [length − 2 varint, when run is 1])*
//! ```
//!
//! `gap` counts the numbers that are left out since the last one of the list.

use crate::codec::{CodecError, varint};
use roaring::RoaringBitmap;

/// Appends a list of ascending numbers.
pub(super) fn encode(numbers: &[u32], out: &mut Vec<u8>) {
    let mut next = 0u64;
    for run in numbers.chunk_by(|a, b| a.checked_add(1) == Some(*b)) {
        let gap = u64::from(run.first().copied().unwrap_or(0)) - next;
        match run.len() {
            1 => varint::put(out, gap << 1),
            len => {
                varint::put(out, gap << 1 | 1);
                varint::put(out, len as u64 - 2);
            }
        }
        next += gap + run.len() as u64;
    }
}

/// Adds the numbers of a list, which are below `end`.
pub(super) fn decode(mut bytes: &[u8], end: u32, all: &mut RoaringBitmap) -> Result<(), CodecError> {
    let mut next = 0u64;
    while !bytes.is_empty() {
        let head = varint::take(&mut bytes)?;
        let len = if head & 1 == 0 { 1 } else { varint::take(&mut bytes)?.saturating_add(2) };
        let first = next.saturating_add(head >> 1);
        next = first.saturating_add(len);
        let bound = |number: u64| u32::try_from(number).ok().filter(|_| next <= u64::from(end));
        let (first, last) = bound(first)
            .zip(bound(next.saturating_sub(1)))
            .ok_or(CodecError("series number out of bounds"))?;
        if len == 1 {
            all.insert(first);
        } else {
            all.insert_range(first..=last);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_run_costs_a_few_bytes_however_long_it_is() {
        let mut out = Vec::new();
        encode(&(70_000..400_000).collect::<Vec<u32>>(), &mut out);
        assert!(out.len() <= 6, "{}", out.len());
    }

    proptest! {
        #[test]
        fn lists_come_back(
            numbers in prop_oneof![
                proptest::collection::btree_set(0u32..300, 0..200),
                proptest::collection::btree_set(any::<u32>(), 0..50),
            ],
        ) {
            let numbers: Vec<u32> = numbers.into_iter().filter(|n| *n < u32::MAX).collect();
            let mut out = Vec::new();
            encode(&numbers, &mut out);
            let mut back = RoaringBitmap::new();
            decode(&out, u32::MAX, &mut back).unwrap();
            prop_assert_eq!(back.into_iter().collect::<Vec<_>>(), numbers);
        }

        #[test]
        fn any_bytes_are_a_list_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..40), end in 0u32..1000) {
            let mut all = RoaringBitmap::new();
            let _ = decode(&bytes, end, &mut all);
            prop_assert!(all.max().is_none_or(|max| max < end));
        }
    }
}
