//! What was deleted of a block's series.
//!
//! ```text
//! magic u32 | version u8 | (series varint | first zigzag | last zigzag)* | checksum u32
//! ```
//!
//! The checksum covers what stands between it and the version.

use super::bytes::{take_checked, take_u8, take_u32};
use crate::codec::{CodecError, varint};
use crate::io::{Files, corrupt};
use crate::query::StorageError;
use foldhash::fast::RandomState;
use std::collections::HashMap;
use std::path::Path;

/// The file's name.
pub(super) const FILE: &str = "tombstones";
const MAGIC: u32 = 0x0130_BA30;
const VERSION: u8 = 1;

/// Intervals of time by series, first and last timestamp inclusive.
#[derive(Debug, Default)]
pub(super) struct Tombstones<K>(HashMap<K, Vec<(i64, i64)>, RandomState>);

impl<K: std::hash::Hash + Eq> Tombstones<K> {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn add(&mut self, series: K, interval: (i64, i64)) {
        if interval.0 <= interval.1 {
            self.0.entry(series).or_default().push(interval);
        }
    }

    /// The intervals of a series, in no order.
    pub(super) fn of(&self, series: &K) -> &[(i64, i64)] {
        if self.is_empty() {
            return &[];
        }
        self.0.get(series).map(Vec::as_slice).unwrap_or_default()
    }

    pub(super) fn len(&self) -> usize {
        self.0.values().map(Vec::len).sum()
    }
}

/// What is left of `[mint, maxt]` without some intervals, in order.
pub(super) fn visible((mint, maxt): (i64, i64), deleted: &[(i64, i64)]) -> Vec<(i64, i64)> {
    let mut deleted: Vec<_> =
        deleted.iter().filter(|(first, last)| *first <= maxt && *last >= mint).collect();
    deleted.sort_unstable();
    let mut left = Vec::new();
    let mut from = Some(mint);
    for (first, last) in deleted {
        let Some(start) = from else { break };
        if *first > start {
            left.push((start, first - 1));
        }
        from = last.checked_add(1).map(|next| next.max(start));
    }
    left.extend(from.filter(|from| *from <= maxt).map(|from| (from, maxt)));
    left
}

/// Reads the tombstones of the block in `dir`; `number` knows a series by its reference.
pub(super) fn read(
    files: &Files,
    dir: &Path,
    number: impl Fn(u64) -> Option<u32>,
) -> Result<Tombstones<u32>, StorageError> {
    let path = dir.join(FILE);
    if !files.list(dir)?.iter().any(|listed| listed.path == path) {
        return Ok(Tombstones::default());
    }
    let bytes = files.map(&path)?;
    let mut stones = Tombstones::default();
    let read = decode(&bytes, |series, interval| {
        // A series that the block does not have has nothing to hide.
        if let Some(number) = number(series) {
            stones.add(number, interval);
        }
    });
    read.map_err(|e| corrupt(&path, "tombstones", e))?;
    Ok(stones)
}

fn decode(bytes: &[u8], mut each: impl FnMut(u64, (i64, i64))) -> Result<(), CodecError> {
    let mut rest = bytes;
    if take_u32(&mut rest)? != MAGIC {
        return Err(CodecError("no tombstones"));
    }
    if take_u8(&mut rest)? != VERSION {
        return Err(CodecError("unknown version of tombstones"));
    }
    let len = rest.len().checked_sub(4).ok_or(CodecError("truncated bytes"))?;
    let mut body = take_checked(&mut rest, len)?;
    while !body.is_empty() {
        let series = varint::take(&mut body)?;
        each(series, (varint::take_signed(&mut body)?, varint::take_signed(&mut body)?));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::bytes::checksum;
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_not_deleted_is_visible(
            range in (-20i64..20, -20i64..20),
            deleted in proptest::collection::vec((-25i64..25, 0i64..9).prop_map(|(a, n)| (a, a + n)), 0..6),
        ) {
            let left = visible(range, &deleted);
            prop_assert!(left.is_sorted_by(|a, b| a.1 < b.0 - 1));
            for t in -30..30 {
                let want = t >= range.0 && t <= range.1 && !deleted.iter().any(|(a, b)| (*a..=*b).contains(&t));
                prop_assert_eq!(left.iter().any(|(a, b)| (*a..=*b).contains(&t)), want, "{}", t);
            }
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            let _ = decode(&bytes, |_, _| ());
            let mut file = MAGIC.to_be_bytes().to_vec();
            file.push(VERSION);
            file.extend(&bytes);
            file.extend(checksum(&bytes).to_be_bytes());
            let _ = decode(&file, |_, _| ());
        }
    }

    #[test]
    fn a_file_that_prometheus_wrote_is_read() {
        let mut stones = Vec::new();
        decode(b"\x01\x30\xba\x30\x01\0\0\0\0", |series, _| stones.push(series)).unwrap();
        assert!(stones.is_empty(), "{stones:?}");
    }

    #[test]
    fn everything_from_the_beginning_of_time_may_be_deleted() {
        let all = (i64::MIN, i64::MAX);
        assert_eq!(visible(all, &[all]), []);
        assert_eq!(visible(all, &[(5, i64::MAX)]), [(i64::MIN, 4)]);
        assert_eq!(visible(all, &[(i64::MIN, 5)]), [(6, i64::MAX)]);
    }
}
