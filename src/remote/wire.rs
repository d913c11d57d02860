//! A borrowed reader of the protobuf wire format, for messages that arrive at ingest rates.
//!
//! Nothing is copied: text and nested messages are slices of the input. Source of the rules: the
//! Protocol Buffers encoding specification.

/// A message that is not protobuf, or not the message that was expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WireError {
    /// The message ends within a field.
    #[error("message ends within a field at byte {0}")]
    Truncated(usize),
    /// A number is longer than 64 bits.
    #[error("number too long at byte {0}")]
    Overlong(usize),
    /// A wire type that the format does not have (any more).
    #[error("wire type {1} at byte {0}")]
    WireType(usize, u8),
    /// A field has another wire type than its message says.
    #[error("field {1} has an unexpected type at byte {0}")]
    Mismatch(usize, u32),
    /// A text is not UTF-8.
    #[error("string of field {1} contains invalid UTF-8 at byte {0}")]
    Utf8(usize, u32),
}

/// The value of a field.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Payload<'a> {
    /// Integers, booleans, enumerations.
    Varint(u64),
    /// Doubles and 64-bit integers of fixed width.
    Fixed64(u64),
    /// Floats and 32-bit integers of fixed width.
    Fixed32(u32),
    /// Texts, bytes, messages, packed lists.
    Bytes(&'a [u8]),
}

/// A field of a message.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Field<'a> {
    /// Number in the message's definition.
    pub number: u32,
    /// Value.
    pub payload: Payload<'a>,
    at: usize,
}

impl<'a> Field<'a> {
    fn mismatch(&self) -> WireError {
        WireError::Mismatch(self.at, self.number)
    }

    /// The bytes of a text, bytes or message.
    ///
    /// # Errors
    /// The field is a number.
    pub fn bytes(&self) -> Result<&'a [u8], WireError> {
        match self.payload {
            Payload::Bytes(bytes) => Ok(bytes),
            _ => Err(self.mismatch()),
        }
    }

    /// The text.
    ///
    /// # Errors
    /// The field is no text, or not UTF-8.
    pub fn text(&self) -> Result<&'a str, WireError> {
        std::str::from_utf8(self.bytes()?).map_err(|_| WireError::Utf8(self.at, self.number))
    }

    /// The double.
    ///
    /// # Errors
    /// The field is no double.
    pub fn double(&self) -> Result<f64, WireError> {
        match self.payload {
            Payload::Fixed64(bits) => Ok(f64::from_bits(bits)),
            _ => Err(self.mismatch()),
        }
    }

    /// The `int64`.
    ///
    /// # Errors
    /// The field is no varint.
    pub fn int64(&self) -> Result<i64, WireError> {
        match self.payload {
            Payload::Varint(value) => Ok(value.cast_signed()),
            _ => Err(self.mismatch()),
        }
    }
}

/// Reads the fields of one message.
#[derive(Debug, Clone, Copy)]
pub struct Reader<'a> {
    rest: &'a [u8],
    len: usize,
}

impl<'a> Reader<'a> {
    /// A reader of a message.
    #[must_use]
    pub fn new(message: &'a [u8]) -> Self {
        Self { rest: message, len: message.len() }
    }

    fn at(&self) -> usize {
        self.len - self.rest.len()
    }

    fn take(&mut self, len: usize) -> Result<&'a [u8], WireError> {
        let (taken, rest) = self.rest.split_at_checked(len).ok_or(WireError::Truncated(self.at()))?;
        self.rest = rest;
        Ok(taken)
    }

    #[inline]
    fn varint(&mut self) -> Result<u64, WireError> {
        // Most are lengths and field numbers of one byte.
        if let [byte @ 0..0x80, rest @ ..] = self.rest {
            self.rest = rest;
            return Ok(u64::from(*byte));
        }
        self.long_varint()
    }

    fn long_varint(&mut self) -> Result<u64, WireError> {
        let mut value = 0u64;
        for (i, byte) in self.rest.iter().take(10).enumerate() {
            // The tenth byte holds the last bit.
            if i == 9 && *byte > 1 {
                return Err(WireError::Overlong(self.at()));
            }
            value |= u64::from(byte & 0x7f) << (7 * i);
            if byte & 0x80 == 0 {
                self.rest = self.rest.get(i + 1..).unwrap_or_default();
                return Ok(value);
            }
        }
        Err(WireError::Truncated(self.at()))
    }

    /// Reads the message as a packed list of varints.
    ///
    /// # Errors
    /// It is no such list; what stands before was handed over.
    pub fn numbers(mut self, mut each: impl FnMut(i64)) -> Result<(), WireError> {
        while !self.rest.is_empty() {
            each(self.varint()?.cast_signed());
        }
        Ok(())
    }

    #[inline]
    fn field(&mut self) -> Result<Field<'a>, WireError> {
        let at = self.at();
        let key = self.varint()?;
        let number = u32::try_from(key >> 3).map_err(|_| WireError::Overlong(at))?;
        let payload = match (key & 7) as u8 {
            0 => Payload::Varint(self.varint()?),
            1 => {
                let bytes = self.take(8)?.try_into().map_err(|_| WireError::Truncated(at))?;
                Payload::Fixed64(u64::from_le_bytes(bytes))
            }
            2 => {
                let len = usize::try_from(self.varint()?).map_err(|_| WireError::Truncated(at))?;
                Payload::Bytes(self.take(len)?)
            }
            5 => {
                let bytes = self.take(4)?.try_into().map_err(|_| WireError::Truncated(at))?;
                Payload::Fixed32(u32::from_le_bytes(bytes))
            }
            other => return Err(WireError::WireType(at, other)),
        };
        Ok(Field { number, payload, at })
    }
}

impl<'a> Iterator for Reader<'a> {
    type Item = Result<Field<'a>, WireError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_err() {
            self.rest = &[];
        }
        Some(field)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[derive(Clone, PartialEq, prost::Message)]
    struct Oracle {
        #[prost(string, tag = "1")]
        text: String,
        #[prost(double, tag = "2")]
        double: f64,
        #[prost(int64, tag = "3")]
        int: i64,
        #[prost(bytes = "vec", repeated, tag = "4")]
        nested: Vec<Vec<u8>>,
    }

    proptest! {
        #[test]
        fn what_prost_writes_is_read(text in ".*", double: f64, int: i64, nested: Vec<Vec<u8>>) {
            use prost::Message;
            let message = Oracle { text, double, int, nested };
            let bytes = message.encode_to_vec();
            let mut read = Oracle::default();
            for field in Reader::new(&bytes) {
                let field = field.unwrap();
                match field.number {
                    1 => read.text = field.text().unwrap().to_owned(),
                    2 => read.double = field.double().unwrap(),
                    3 => read.int = field.int64().unwrap(),
                    _ => read.nested.push(field.bytes().unwrap().to_vec()),
                }
            }
            prop_assert_eq!(read, message);
        }

        #[test]
        fn arbitrary_bytes_end_in_fields_or_one_error(bytes: Vec<u8>) {
            let errors = Reader::new(&bytes).filter(Result::is_err).count();
            prop_assert!(errors <= 1);
        }
    }

    #[test]
    fn faults_name_their_place() {
        let first = |bytes: &'static [u8]| Reader::new(bytes).next().unwrap();
        assert_eq!(first(&[0x0a, 5, 1]), Err(WireError::Truncated(2)));
        assert_eq!(first(&[0x0b]), Err(WireError::WireType(0, 3)));
        assert_eq!(first(&[0x08, 0x80]), Err(WireError::Truncated(1)));
        let field = first(&[0x0a, 1, 0xff]).unwrap();
        assert_eq!(field.text(), Err(WireError::Utf8(0, 1)));
        assert_eq!(field.double(), Err(WireError::Mismatch(0, 1)));
    }
}
