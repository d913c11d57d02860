//! Start timestamps beside the samples of a chunk.
//!
//! A header byte says whether the first sample has one (`0x80`) and from which sample on it is told anew
//! (the low seven bits, 0 for never): first as the distance to the timestamp before, then as the change of
//! that distance.

use super::bits::BitReader;
use super::varbit;
use crate::codec::CodecError;

pub(crate) struct StartDecoder {
    first_known: bool,
    told_from: u32,
    start: i64,
    distance: i64,
}

impl StartDecoder {
    pub(crate) fn new(header: u8) -> Self {
        Self { first_known: header & 0x80 != 0, told_from: u32::from(header & 0x7f), start: 0, distance: 0 }
    }

    /// Takes what stands behind sample `number`, counted from 0; the answer is its start timestamp, ms, 0 for
    /// none.
    #[inline]
    pub(crate) fn take(
        &mut self,
        bits: &mut BitReader<'_>,
        number: u32,
        timestamp: i64,
        before: i64,
    ) -> Result<i64, CodecError> {
        if number == 0 {
            if self.first_known {
                self.start = timestamp.wrapping_sub(bits.varint()?);
            }
        } else if self.told_from > 0 && number >= self.told_from {
            let told = varbit::take_int(bits)?;
            self.distance = if number == self.told_from { told } else { self.distance.wrapping_add(told) };
            self.start = before.wrapping_sub(self.distance);
        }
        Ok(self.start)
    }
}
