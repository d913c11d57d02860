//! The postings table: for each label pair, where its list of series is.
//!
//! ```text
//! count u32 | (2 u8 | name length, name | value length, value | offset varint)*
//! ```
//!
//! Version 2 is sorted by name and value. Version 1 is not, and is sorted here.

use super::super::bytes::{section, take_text, take_u8, take_u32};
use crate::codec::{CodecError, varint};

/// Of every so many values of a name one's place is kept, in version 2.
const STEP: usize = 16;

struct Name {
    /// Where the name's first entry is.
    first: u32,
    values: usize,
    /// Places of every [`PairTable::step`]th entry.
    places: Vec<u32>,
}

/// Where the entries are.
pub(super) struct PairTable {
    /// Where the section's bytes are in the file.
    start: usize,
    len: usize,
    step: usize,
    names: Vec<Name>,
}

struct Entry<'a> {
    name: &'a str,
    value: &'a str,
    offset: u64,
}

fn take_entry<'a>(bytes: &mut &'a [u8]) -> Result<Entry<'a>, CodecError> {
    if take_u8(bytes)? != 2 {
        return Err(CodecError("a postings entry is of more than a name and a value"));
    }
    Ok(Entry { name: take_text(bytes)?, value: take_text(bytes)?, offset: varint::take(bytes)? })
}

impl PairTable {
    pub(super) fn open(file: &[u8], offset: u64, first_version: bool) -> Result<Self, CodecError> {
        let mut table = Self {
            start: usize::try_from(offset)
                .map_err(|_| CodecError("section out of bounds"))?
                .saturating_add(4),
            len: 0,
            step: if first_version { 1 } else { STEP },
            names: Vec::new(),
        };
        if offset == 0 {
            return Ok(table);
        }
        let bytes = section(file, offset)?;
        table.len = bytes.len();
        let mut rest = bytes;
        let count = take_u32(&mut rest)?;
        let mut before: Option<(&str, &str)> = None;
        let mut unsorted = Vec::new();
        for _ in 0..count {
            let place = (bytes.len() - rest.len()) as u32;
            let entry = take_entry(&mut rest)?;
            if first_version {
                unsorted.push((entry.name, entry.value, place));
                continue;
            }
            if before.is_some_and(|before| before >= (entry.name, entry.value)) {
                return Err(CodecError("postings entries out of order"));
            }
            table.add(before.is_some_and(|(name, _)| name == entry.name), place);
            before = Some((entry.name, entry.value));
        }
        unsorted.sort_unstable();
        for (name, value, place) in unsorted {
            table.add(before.is_some_and(|(before, _)| before == name), place);
            before = Some((name, value));
        }
        Ok(table)
    }

    fn add(&mut self, same_name: bool, place: u32) {
        if !same_name {
            self.names.push(Name { first: place, values: 0, places: Vec::new() });
        }
        if let Some(name) = self.names.last_mut() {
            if name.values % self.step == 0 {
                name.places.push(place);
            }
            name.values += 1;
        }
    }

    fn at<'a>(&self, file: &'a [u8], place: u32) -> &'a [u8] {
        let section = file.get(self.start..self.start + self.len).unwrap_or_default();
        section.get(place as usize..).unwrap_or_default()
    }

    /// Label names, sorted.
    pub(super) fn names<'a>(&self, file: &'a [u8]) -> impl Iterator<Item = &'a str> {
        self.names.iter().filter_map(|name| Some(take_entry(&mut self.at(file, name.first)).ok()?.name))
    }

    fn named(&self, file: &[u8], name: &str) -> Option<&Name> {
        let name_at = |place| take_entry(&mut self.at(file, place)).map_or("", |entry| entry.name);
        let at = self.names.binary_search_by(|found| name_at(found.first).cmp(name)).ok()?;
        self.names.get(at)
    }

    /// The number of values of a label.
    pub(super) fn value_count(&self, file: &[u8], name: &str) -> usize {
        self.named(file, name).map_or(0, |name| name.values)
    }

    /// Where the list of a pair is.
    pub(super) fn find(&self, file: &[u8], name: &str, value: &str) -> Result<Option<u64>, CodecError> {
        let Some(name) = self.named(file, name) else { return Ok(None) };
        let value_at = |place| take_entry(&mut self.at(file, place)).map_or("", |entry| entry.value);
        let after = name.places.partition_point(|place| value_at(*place) <= value);
        let Some(place) = after.checked_sub(1).and_then(|at| name.places.get(at)) else { return Ok(None) };
        let mut bytes = self.at(file, *place);
        for _ in 0..self.step.min(name.values - (after - 1) * self.step) {
            let entry = take_entry(&mut bytes)?;
            if entry.value == value {
                return Ok(Some(entry.offset));
            }
        }
        Ok(None)
    }

    /// Hands each value of a label to `each`, with the place of its list.
    pub(super) fn each_value<'a>(
        &self,
        file: &'a [u8],
        name: &str,
        mut each: impl FnMut(&'a str, u64) -> Result<(), CodecError>,
    ) -> Result<(), CodecError> {
        let Some(name) = self.named(file, name) else { return Ok(()) };
        let mut left = name.values;
        for place in &name.places {
            let mut bytes = self.at(file, *place);
            for _ in 0..self.step.min(left) {
                let entry = take_entry(&mut bytes)?;
                each(entry.value, entry.offset)?;
            }
            left -= self.step.min(left);
        }
        Ok(())
    }
}
