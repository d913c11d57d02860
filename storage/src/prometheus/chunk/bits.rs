//! Streams of bits as Prometheus writes them: most significant bit first.

use crate::codec::CodecError;

/// Takes bits off the front of bytes.
#[derive(Debug, Clone)]
pub(crate) struct BitReader<'a> {
    bytes: &'a [u8],
    /// Bits that were taken.
    at: usize,
}

impl<'a> BitReader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// Bits that are left.
    pub(crate) fn left(&self) -> usize {
        self.bytes.len() * 8 - self.at
    }

    /// The next 64 bits, with zeros where the bytes have ended.
    #[inline]
    fn peek(&self) -> u64 {
        let rest = self.bytes.get(self.at / 8..).unwrap_or_default();
        let shift = self.at % 8;
        if let Some(word) = rest.first_chunk::<8>() {
            let next = u64::from(rest.get(8).copied().unwrap_or(0));
            return u64::from_be_bytes(*word) << shift | next << shift >> 8;
        }
        let mut word = [0u8; 8];
        word.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
        u64::from_be_bytes(word) << shift
    }

    #[inline]
    fn pass(&mut self, count: u32) -> Result<(), CodecError> {
        if count as usize > self.left() {
            return Err(CodecError("chunk ends within a sample"));
        }
        self.at += count as usize;
        Ok(())
    }

    /// The next `count` bits, at most 64.
    #[inline]
    pub(crate) fn take(&mut self, count: u32) -> Result<u64, CodecError> {
        let bits = self.peek();
        self.pass(count)?;
        Ok(if count == 0 { 0 } else { bits >> (64 - count) })
    }

    #[inline]
    pub(crate) fn bit(&mut self) -> Result<bool, CodecError> {
        Ok(self.take(1)? == 1)
    }

    /// Counts ones up to `max`; the zero that ends fewer of them is taken too.
    #[inline]
    pub(crate) fn ones(&mut self, max: u32) -> Result<u32, CodecError> {
        let ones = self.peek().leading_ones().min(max);
        self.pass((ones + 1).min(max))?;
        Ok(ones)
    }

    /// A number of `width` bits that may be negative: `-(2^(width-1) - 1)` to `2^(width-1)`.
    #[inline]
    pub(crate) fn signed(&mut self, width: u32) -> Result<i64, CodecError> {
        let bits = self.take(width)? as i64;
        Ok(if width < 64 && bits > 1 << (width - 1) { bits - (1 << width) } else { bits })
    }

    /// An unsigned LEB128 integer, which may begin at any bit.
    pub(crate) fn uvarint(&mut self) -> Result<u64, CodecError> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.take(8)?;
            if shift == 63 && byte > 1 {
                break;
            }
            value |= (byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(CodecError("oversized integer"))
    }

    /// As [`BitReader::uvarint`], zigzag.
    pub(crate) fn varint(&mut self) -> Result<i64, CodecError> {
        self.uvarint().map(crate::codec::varint::unzigzag)
    }
}

/// Collects bits.
#[derive(Debug, Default)]
pub(crate) struct BitWriter {
    bytes: Vec<u8>,
    /// Bits of the last byte that are free.
    free: u32,
}

impl BitWriter {
    /// Goes on behind whole bytes.
    pub(crate) fn behind(bytes: Vec<u8>) -> Self {
        Self { bytes, free: 0 }
    }

    /// Appends the low `count` bits of a value.
    pub(crate) fn put(&mut self, value: u64, mut count: u32) {
        while count > 0 {
            if self.free == 0 {
                self.bytes.push(0);
                self.free = 8;
            }
            let now = count.min(self.free);
            let bits = (value >> (count - now)) & ((1 << now) - 1);
            if let Some(last) = self.bytes.last_mut() {
                *last |= (bits << (self.free - now)) as u8;
            }
            self.free -= now;
            count -= now;
        }
    }

    pub(crate) fn put_uvarint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.put(value & 0x7f | 0x80, 8);
            value >>= 7;
        }
        self.put(value, 8);
    }

    pub(crate) fn put_varint(&mut self, value: i64) {
        self.put_uvarint(crate::codec::varint::zigzag(value));
    }

    /// The bytes; free bits of the last one are zero.
    pub(crate) fn finish(self) -> Vec<u8> {
        self.bytes
    }

    #[cfg(test)]
    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn bits_come_back_in_their_order(fields in proptest::collection::vec((any::<u64>(), 0u32..=64), 0..40)) {
            let mut writer = BitWriter::default();
            fields.iter().for_each(|(value, width)| writer.put(*value, *width));
            let total: u32 = fields.iter().map(|(_, width)| width).sum();
            let bytes = writer.finish();
            prop_assert_eq!(bytes.len(), total.div_ceil(8) as usize);
            let mut reader = BitReader::new(&bytes);
            for (value, width) in fields {
                let want = if width == 64 { value } else { value & ((1 << width) - 1) };
                prop_assert_eq!(reader.take(width).unwrap(), want);
            }
            prop_assert!(reader.left() < 8);
            prop_assert!(reader.take(8).is_err());
        }

        #[test]
        fn integers_come_back_at_any_bit(offset in 0u32..8, unsigned: u64, signed: i64) {
            let mut writer = BitWriter::default();
            writer.put(0, offset);
            writer.put_uvarint(unsigned);
            writer.put_varint(signed);
            let bytes = writer.finish();
            let mut reader = BitReader::new(&bytes);
            reader.take(offset).unwrap();
            prop_assert_eq!((reader.uvarint().unwrap(), reader.varint().unwrap()), (unsigned, signed));
        }
    }

    #[test]
    fn ones_are_counted_up_to_the_most_that_there_may_be() {
        let mut reader = BitReader::new(&[0b1101_1111, 0b1000_0000]);
        assert_eq!(reader.ones(8), Ok(2));
        assert_eq!(reader.ones(4), Ok(4));
        assert_eq!(reader.ones(4), Ok(2));
        assert_eq!(reader.left(), 6);
    }
}
