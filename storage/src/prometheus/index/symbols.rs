//! The symbols of an index: label names and values, sorted.

use super::super::bytes::{section, take_text, take_u32};
use crate::codec::{CodecError, varint};

/// Of every so many symbols one's place is kept.
const STEP: usize = 16;

/// Where the symbols are.
pub(super) struct Symbols {
    /// Where the section's bytes begin in the file.
    start: usize,
    len: usize,
    count: usize,
    /// Places of every [`STEP`]th symbol, from `start`; none in version 1, which refers to symbols by place.
    places: Option<Box<[u32]>>,
}

impl Symbols {
    pub(super) fn open(file: &[u8], offset: u64, first_version: bool) -> Result<Self, CodecError> {
        let bytes = section(file, offset)?;
        let start = usize::try_from(offset).map_err(|_| CodecError("section out of bounds"))? + 4;
        let mut rest = bytes;
        let count = take_u32(&mut rest)? as usize;
        if count > rest.len() {
            return Err(CodecError("count exceeds the section"));
        }
        let mut places = Vec::new();
        for number in 0..count {
            if number % STEP == 0 {
                places.push((bytes.len() - rest.len()) as u32);
            }
            take_text(&mut rest)?;
        }
        let places = (!first_version).then(|| places.into());
        Ok(Self { start, len: bytes.len(), count, places })
    }

    /// The symbol to which a series entry refers.
    pub(super) fn get<'a>(&self, file: &'a [u8], reference: u32) -> Result<&'a str, CodecError> {
        let outside = CodecError("symbol out of bounds");
        let section = file.get(self.start..self.start + self.len).ok_or(outside)?;
        let reference = reference as usize;
        let Some(places) = &self.places else {
            let place = reference.checked_sub(self.start).ok_or(outside)?;
            return take_text(&mut section.get(place..).ok_or(outside)?);
        };
        if reference >= self.count {
            return Err(outside);
        }
        let place = places.get(reference / STEP).ok_or(outside)?;
        let mut bytes = section.get(*place as usize..).ok_or(outside)?;
        for _ in 0..reference % STEP {
            let len = usize::try_from(varint::take(&mut bytes)?).map_err(|_| outside)?;
            varint::take_bytes(&mut bytes, len)?;
        }
        take_text(&mut bytes)
    }
}
