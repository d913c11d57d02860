//! The series entries of a block: labels and chunks, decoded when they are asked for.

use super::Block;
use crate::codec::{CodecError, frame, varint};
use crate::filenames;
use crate::labels::{Labels, LabelsBuf};
use crate::query::tidy::Joints;
use crate::query::{Columns, StorageError};
use std::cmp::Ordering;

/// Where a frame lies, and its first and last timestamp, ms.
#[derive(Debug, Clone, Copy)]
struct ChunkRef {
    min: i64,
    max: i64,
    timeline: usize,
    page: usize,
    in_page: usize,
}

/// The label pairs of an entry as symbol numbers; then what stands behind them.
struct Pairs<'a> {
    left: usize,
    bytes: &'a [u8],
}

impl<'a> Pairs<'a> {
    fn open(mut bytes: &'a [u8]) -> Result<Self, CodecError> {
        let left = varint::take_count(&mut bytes, 16)?;
        Ok(Self { left, bytes })
    }

    fn next(&mut self) -> Result<Option<(u32, u32)>, CodecError> {
        let Some(left) = self.left.checked_sub(1) else { return Ok(None) };
        self.left = left;
        let symbol = |bytes: &mut &[u8]| {
            u32::try_from(varint::take(bytes)?).map_err(|_| CodecError("symbol out of bounds"))
        };
        Ok(Some((symbol(&mut self.bytes)?, symbol(&mut self.bytes)?)))
    }

    /// Passes the pairs without a look at them.
    fn skip(self) -> Result<&'a [u8], CodecError> {
        let mut rest = self.left * 2;
        let mut at = 0;
        while rest > 0 {
            let byte = self.bytes.get(at).ok_or(CodecError("truncated entry"))?;
            rest -= usize::from(*byte < 0x80);
            at += 1;
        }
        Ok(self.bytes.get(at..).unwrap_or_default())
    }
}

impl Block {
    fn entry(&self, number: u32) -> &[u8] {
        self.series.get(&self.index, number as usize).unwrap_or_default()
    }

    fn bad_index(&self, error: CodecError) -> StorageError {
        self.damaged(filenames::INDEX, error)
    }

    /// Writes the labels of a series to `out`.
    pub(crate) fn labels(&self, number: u32, out: &mut LabelsBuf) -> Result<(), StorageError> {
        let read = |out: &mut LabelsBuf| -> Result<(), CodecError> {
            out.clear();
            let mut pairs = Pairs::open(self.entry(number))?;
            while let Some((name, value)) = pairs.next()? {
                let text = |symbol| self.symbol(symbol).ok_or(CodecError("symbol out of bounds"));
                out.push(text(name)?, text(value)?);
            }
            Ok(())
        };
        read(out).map_err(|e| self.bad_index(e))
    }

    /// The value of one label of a series.
    pub(super) fn value_of(&self, number: u32, label: &str) -> Result<Option<&str>, StorageError> {
        let find = || -> Result<Option<&str>, CodecError> {
            let mut pairs = Pairs::open(self.entry(number))?;
            while let Some((name, value)) = pairs.next()? {
                if self.symbol_bytes(name) == Some(label.as_bytes()) {
                    return Ok(self.symbol(value));
                }
            }
            Ok(None)
        };
        find().map_err(|e| self.bad_index(e))
    }

    /// The number of the series with these labels.
    pub(crate) fn find(&self, labels: &Labels) -> Result<Option<u32>, StorageError> {
        let (mut low, mut high) = (0, u32::try_from(self.series.len()).unwrap_or(u32::MAX));
        let mut buffer = LabelsBuf::default();
        while low < high {
            let middle = u32::midpoint(low, high);
            self.labels(middle, &mut buffer)?;
            match buffer.to_labels().cmp(labels) {
                Ordering::Less => low = middle + 1,
                Ordering::Greater => high = middle,
                Ordering::Equal => return Ok(Some(middle)),
            }
        }
        Ok(None)
    }

    /// Hands the chunks of a series that overlap `[mint, maxt]` to `each`, while it says to go on.
    fn each_chunk(
        &self,
        number: u32,
        (mint, maxt): (i64, i64),
        mut each: impl FnMut(ChunkRef) -> Result<bool, StorageError>,
    ) -> Result<(), StorageError> {
        let bad = |e| self.bad_index(e);
        let mut bytes = Pairs::open(self.entry(number)).and_then(Pairs::skip).map_err(bad)?;
        for _ in 0..varint::take_count(&mut bytes, 40).map_err(bad)? {
            let chunk = self.chunk(&mut bytes).map_err(bad)?;
            if chunk.min <= maxt && chunk.max >= mint && !each(chunk)? {
                break;
            }
        }
        Ok(())
    }

    #[inline]
    fn chunk(&self, bytes: &mut &[u8]) -> Result<ChunkRef, CodecError> {
        let min = self.meta().min_time.wrapping_add(varint::take_signed(bytes)?);
        let max = min.wrapping_add_unsigned(varint::take(bytes)?);
        let mut offset = || usize::try_from(varint::take(bytes)?).map_err(|_| CodecError("offset too large"));
        Ok(ChunkRef { min, max, timeline: offset()?, page: offset()?, in_page: offset()? })
    }

    /// Whether a series has a chunk in `[mint, maxt]`.
    pub(crate) fn has_chunk(&self, number: u32, mint: i64, maxt: i64) -> Result<bool, StorageError> {
        // Every series of a block has a chunk.
        let mut any = self.is_within(mint, maxt);
        if !any {
            let found = |_| {
                any = true;
                Ok(false)
            };
            self.each_chunk(number, (mint, maxt), found)?;
        }
        Ok(any)
    }

    /// The first and the last timestamp of a series, ms.
    pub(crate) fn span(&self, number: u32) -> Result<Option<(i64, i64)>, StorageError> {
        let mut span: Option<(i64, i64)> = None;
        self.each_chunk(number, (i64::MIN, i64::MAX), |chunk| {
            let (min, max) = span.unwrap_or((chunk.min, chunk.max));
            span = Some((min.min(chunk.min), max.max(chunk.max)));
            Ok(true)
        })?;
        Ok(span)
    }

    /// Appends the samples of a series within `[mint, maxt]`, as parts.
    pub(crate) fn read(
        &self,
        number: u32,
        (mint, maxt): (i64, i64),
        out: &mut Columns,
        joints: &mut Joints,
    ) -> Result<(), StorageError> {
        self.each_chunk(number, (mint, maxt), |chunk| {
            let timeline = self.timeline(chunk.timeline)?;
            let rows = timeline.within(mint, maxt);
            let bad = |e| self.damaged(filenames::CHUNKS, e);
            let mut bytes = self.chunks.frame(chunk.page, chunk.in_page).map_err(bad)?;
            frame::decode(&mut bytes, timeline.len(), rows.clone(), out).map_err(bad)?;
            timeline.extend(rows, &mut out.timestamps);
            joints.join(out);
            Ok(true)
        })
    }
}
