//! The chunks of each series. Their frames lie one behind the other, so that a chunk is told by the length of
//! its frame and by its timestamp column.
//!
//! ```text
//! block = offset varint | timeline varint | list × 16
//! list  = length << 1 varint | column                                    one chunk
//!       | count << 1 | 1 varint | [summary, when count ≥ 8] | (length varint | column) × count
//! column  = timeline's number less that of the chunk before, zigzag
//! summary = bytes of the chunks varint | sum of the lengths varint | sum of the columns zigzag
//! ```

use crate::codec::{CodecError, varint};

/// From this many chunks on a list says how to pass it.
const SUMMARY_MIN: usize = 8;

/// A frame among what the pages hold, and its column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::block) struct Frame {
    pub(in crate::block) offset: u64,
    pub(in crate::block) len: u64,
    pub(in crate::block) timeline: u32,
}

/// What the next list counts from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct State {
    offset: u64,
    timeline: u32,
}

impl State {
    /// Appends what a block begins with.
    pub(super) fn encode(self, out: &mut Vec<u8>) {
        varint::put(out, self.offset);
        varint::put(out, u64::from(self.timeline));
    }

    /// Takes what a block begins with.
    pub(super) fn decode(bytes: &mut &[u8]) -> Result<Self, CodecError> {
        let offset = varint::take(bytes)?;
        let timeline = u32::try_from(varint::take(bytes)?);
        Ok(Self { offset, timeline: timeline.map_err(|_| CodecError("timeline out of bounds"))? })
    }

    fn pass(&mut self, len: u64, column: i64) -> Result<Frame, CodecError> {
        let timeline = i64::from(self.timeline).checked_add(column).and_then(|n| u32::try_from(n).ok());
        self.timeline = timeline.ok_or(CodecError("timeline out of bounds"))?;
        let offset = self.offset;
        self.offset = offset.checked_add(len).ok_or(CodecError("frame out of bounds"))?;
        Ok(Frame { offset, len, timeline: self.timeline })
    }

    /// Appends the list of a series: length and timeline of each frame.
    pub(super) fn put_list(&mut self, chunks: &[(u64, u32)], out: &mut Vec<u8>) {
        let before = *self;
        let mut bytes = Vec::new();
        for (len, timeline) in chunks {
            varint::put(&mut bytes, if chunks.len() == 1 { len << 1 } else { *len });
            varint::put_signed(&mut bytes, i64::from(*timeline) - i64::from(self.timeline));
            *self = Self { offset: self.offset + len, timeline: *timeline };
        }
        if chunks.len() != 1 {
            varint::put(out, (chunks.len() as u64) << 1 | 1);
        }
        if chunks.len() >= SUMMARY_MIN {
            varint::put(out, bytes.len() as u64);
            varint::put(out, self.offset - before.offset);
            varint::put_signed(out, i64::from(self.timeline) - i64::from(before.timeline));
        }
        out.extend_from_slice(&bytes);
    }

    /// Passes a list.
    pub(super) fn skip_list(&mut self, bytes: &mut &[u8]) -> Result<(), CodecError> {
        let (count, first) = head(bytes)?;
        if count >= SUMMARY_MIN {
            let len = usize::try_from(varint::take(bytes)?).map_err(|_| CodecError("list too long"))?;
            let (sum, columns) = (varint::take(bytes)?, varint::take_signed(bytes)?);
            varint::take_bytes(bytes, len)?;
            self.pass(sum, columns)?;
            return Ok(());
        }
        self.each(count, first, bytes, &mut |_| true)
    }

    /// Hands the frames of a list to `each`, while it says to go on.
    pub(super) fn each_of_list(
        mut self,
        bytes: &mut &[u8],
        each: &mut dyn FnMut(Frame) -> bool,
    ) -> Result<(), CodecError> {
        let (count, first) = head(bytes)?;
        if count >= SUMMARY_MIN {
            varint::take(bytes)?;
            varint::take(bytes)?;
            varint::take(bytes)?;
        }
        self.each(count, first, bytes, each)
    }

    fn each(
        &mut self,
        count: usize,
        first: Option<u64>,
        bytes: &mut &[u8],
        each: &mut dyn FnMut(Frame) -> bool,
    ) -> Result<(), CodecError> {
        for _ in 0..count {
            let len = first.map_or_else(|| varint::take(bytes), Ok)?;
            let column = varint::take_signed(bytes)?;
            if !each(self.pass(len, column)?) {
                break;
            }
        }
        Ok(())
    }
}

/// The number of chunks, and the length of the frame when it is the only one.
#[inline]
fn head(bytes: &mut &[u8]) -> Result<(usize, Option<u64>), CodecError> {
    let head = varint::take(bytes)?;
    if head & 1 == 0 {
        return Ok((1, Some(head >> 1)));
    }
    let count = usize::try_from(head >> 1).ok().filter(|count| *count <= bytes.len() / 2);
    Ok((count.ok_or(CodecError("count exceeds the bytes that follow"))?, None))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_series_with_one_small_chunk_takes_two_bytes() {
        let (mut state, mut out) = (State { offset: 1 << 30, timeline: 100 }, Vec::new());
        state.put_list(&[(13, 101)], &mut out);
        assert_eq!(out.len(), 2);
    }

    proptest! {
        #[test]
        fn lists_come_back_read_or_passed(
            lists in proptest::collection::vec(
                proptest::collection::vec((0u64..1 << 40, prop_oneof![0u32..9, any::<u32>()]), 0..20), 0..10),
        ) {
            let (mut state, mut out) = (State::default(), Vec::new());
            for list in &lists {
                state.put_list(list, &mut out);
            }
            let (mut state, mut rest, mut offset) = (State::default(), out.as_slice(), 0);
            for list in &lists {
                let mut got = Vec::new();
                state.each_of_list(&mut { rest }, &mut |frame| { got.push(frame); true }).unwrap();
                let want: Vec<Frame> = list.iter().map(|(len, timeline)| {
                    offset += len;
                    Frame { offset: offset - len, len: *len, timeline: *timeline }
                }).collect();
                prop_assert_eq!(got, want);
                state.skip_list(&mut rest).unwrap();
            }
            prop_assert!(rest.is_empty());
        }

        #[test]
        fn any_bytes_are_a_list_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            let (mut state, mut rest) = (State::default(), bytes.as_slice());
            let mut frames = 0;
            let _ = state.each_of_list(&mut { rest }, &mut |_| { frames += 1; true });
            prop_assert!(frames <= bytes.len());
            while !rest.is_empty() && state.skip_list(&mut rest).is_ok() {}
        }
    }
}
