//! The payload of SETTLED records: which of the late samples that the log told before are in blocks.
//!
//! ```text
//! SETTLED = before zigzag | (series varint, samples varint, timestamp zigzag × samples)*
//! ```
//! Late samples before that time, ms, are in blocks, but those listed; each timestamp is the difference to the one
//! before in the record. All of it stands in one record: half of the list would lose samples.

use super::record::{self, Kind};
use crate::codec::{CodecError, varint};

/// What a SETTLED record says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Settled {
    /// Late samples before this, ms, are in blocks.
    pub(crate) before_ms: i64,
    /// But these: ids of series, with timestamps in order.
    pub(crate) waiting: Vec<(u32, Vec<i64>)>,
}

/// Appends the record.
pub(crate) fn put(
    out: &mut Vec<u8>,
    before_ms: i64,
    waiting: impl Iterator<Item = (u32, impl ExactSizeIterator<Item = i64>)>,
) {
    record::put(out, Kind::Settled, |out| {
        varint::put_signed(out, before_ms);
        let mut last = 0i64;
        for (id, timestamps) in waiting {
            varint::put(out, u64::from(id));
            varint::put(out, timestamps.len() as u64);
            for timestamp in timestamps {
                varint::put_signed(out, timestamp.wrapping_sub(last));
                last = timestamp;
            }
        }
    });
}

impl Settled {
    /// Reads a payload.
    ///
    /// # Errors
    /// It is damaged.
    pub(crate) fn take(mut payload: &[u8]) -> Result<Self, CodecError> {
        let before_ms = varint::take_signed(&mut payload)?;
        let (mut waiting, mut last) = (Vec::new(), 0i64);
        while !payload.is_empty() {
            let id = u32::try_from(varint::take(&mut payload)?);
            let id = id.map_err(|_| CodecError("series id out of bounds"))?;
            let count = varint::take_count(&mut payload, 8)?;
            let mut timestamps = Vec::with_capacity(count);
            for _ in 0..count {
                last = last.wrapping_add(varint::take_signed(&mut payload)?);
                timestamps.push(last);
            }
            timestamps.sort_unstable();
            waiting.push((id, timestamps));
        }
        Ok(Self { before_ms, waiting })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_settled_and_what_waits_comes_back(
            before_ms: i64, waiting in proptest::collection::vec((any::<u32>(), proptest::collection::btree_set(any::<i64>(), 0..9)), 0..9),
        ) {
            let waiting: Vec<(u32, Vec<i64>)> =
                waiting.into_iter().map(|(id, timestamps)| (id, timestamps.into_iter().collect())).collect();
            let mut out = Vec::new();
            put(&mut out, before_ms, waiting.iter().map(|(id, all)| (*id, all.iter().copied())));
            let (kind, payload) = record::take(&mut out.as_slice()).unwrap();
            prop_assert_eq!(kind, Kind::Settled);
            prop_assert_eq!(Settled::take(payload).unwrap(), Settled { before_ms, waiting });
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            let _ = Settled::take(&bytes);
        }
    }
}
