//! The entries of the series: labels, and where their chunks are.
//!
//! ```text
//! labels varint | (name symbol varint, value symbol varint)*
//! | chunks varint | first timestamp zigzag | span varint | place varint
//! | (distance to the last timestamp before varint, span varint, distance of places zigzag)*
//! ```

use super::Index;
use crate::codec::{CodecError, varint};
use crate::labels::LabelsBuf;
use crate::query::StorageError;

/// Where a chunk is, and its first and last timestamp, ms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::prometheus) struct ChunkRef {
    pub(in crate::prometheus) min: i64,
    pub(in crate::prometheus) max: i64,
    /// Number of the segment (counted from 0) in the high half, offset in the low one.
    pub(in crate::prometheus) place: u64,
}

fn take_symbol(bytes: &mut &[u8]) -> Result<u32, CodecError> {
    u32::try_from(varint::take(bytes)?).map_err(|_| CodecError("symbol out of bounds"))
}

impl Index {
    /// Hands the labels of a series to `each`, while it says to go on; the answer is what stands behind them.
    fn each_label<'a>(
        &'a self,
        number: u32,
        mut each: impl FnMut(&'a str, u32) -> Result<bool, CodecError>,
    ) -> Result<(), CodecError> {
        let mut bytes = self.entry(number)?;
        for _ in 0..varint::take_count(&mut bytes, 16)? {
            let (name, value) = (take_symbol(&mut bytes)?, take_symbol(&mut bytes)?);
            if !each(self.symbols.get(&self.bytes, name)?, value)? {
                break;
            }
        }
        Ok(())
    }

    /// Writes the labels of a series to `out`.
    pub(in crate::prometheus) fn labels(&self, number: u32, out: &mut LabelsBuf) -> Result<(), StorageError> {
        out.clear();
        let mut before = None;
        let read = self.each_label(number, |name, value| {
            let value = self.symbols.get(&self.bytes, value)?;
            if before.is_some_and(|before| before >= name) {
                return Err(CodecError("labels out of order"));
            }
            before = Some(name);
            // A label without a value is none.
            if !value.is_empty() {
                out.push(name, value);
            }
            Ok(true)
        });
        read.map_err(|e| self.damaged(e))
    }

    /// The value of one label of a series.
    pub(super) fn value_of(&self, number: u32, label: &str) -> Result<Option<&str>, StorageError> {
        let mut found = None;
        let read = self.each_label(number, |name, value| {
            if name == label {
                found = Some(self.symbols.get(&self.bytes, value)?);
            }
            Ok(found.is_none())
        });
        read.map_err(|e| self.damaged(e))?;
        Ok(found)
    }

    /// Hands the chunks of a series to `each`, while it says to go on.
    pub(in crate::prometheus) fn each_chunk(
        &self,
        number: u32,
        mut each: impl FnMut(ChunkRef) -> Result<bool, StorageError>,
    ) -> Result<(), StorageError> {
        let bad = |e| self.damaged(e);
        let mut bytes = self.entry(number).map_err(bad)?;
        let labels = varint::take_count(&mut bytes, 16).map_err(bad)?;
        for _ in 0..labels * 2 {
            varint::take(&mut bytes).map_err(bad)?;
        }
        let mut chunk = ChunkRef { min: 0, max: 0, place: 0 };
        for number in 0..varint::take_count(&mut bytes, 24).map_err(bad)? {
            chunk = take_chunk(&mut bytes, (number > 0).then_some(chunk)).map_err(bad)?;
            if !each(chunk)? {
                break;
            }
        }
        Ok(())
    }
}

fn take_chunk(bytes: &mut &[u8], before: Option<ChunkRef>) -> Result<ChunkRef, CodecError> {
    let min = match before {
        Some(before) => before.max.wrapping_add_unsigned(varint::take(bytes)?),
        None => varint::take_signed(bytes)?,
    };
    let max = min.wrapping_add_unsigned(varint::take(bytes)?);
    let place = match before {
        Some(before) => before.place.wrapping_add_signed(varint::take_signed(bytes)?),
        None => varint::take(bytes)?,
    };
    Ok(ChunkRef { min, max, place })
}
