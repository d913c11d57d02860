//! Label names, and the values of each in order. A name with a value is a label pair; pairs are numbered in
//! the order of the names, then of the values. With its pair stands how long the list of its series is.
//!
//! ```text
//! names  = count varint | (length varint | text | values varint) × count
//! values = items in blocks of sixteen, by number of the pair:
//!   block = offset varint of the first list | item × 16
//!   item  = (shared, others) two | text (others bytes) | bytes of the list varint
//! ```
//!
//! The first `shared` bytes of a value are those of the value before; at the beginning of a block there is
//! none.

use super::blocked::{Blocked, BlockedWriter, PER_BLOCK};
use super::fixed;
use super::sections::SectionWriter;
use crate::codec::{CodecError, varint};
use crate::query::StorageError;
use std::ops::Range;

/// A label name and the first of its pairs.
#[derive(Debug)]
struct Name {
    text: Box<str>,
    first: u32,
}

/// The names in memory, the values where they lie.
#[derive(Debug)]
pub(super) struct Dictionary {
    names: Vec<Name>,
    values: Blocked,
}

impl Dictionary {
    pub(super) fn open(index: &[u8], names: Range<usize>, values: Range<usize>) -> Result<Self, CodecError> {
        let values = Blocked::open(index, values)?;
        let mut bytes = index.get(names).ok_or(CodecError("section out of bounds"))?;
        let count = varint::take_count(&mut bytes, 16)?;
        let mut names: Vec<Name> = Vec::with_capacity(count);
        let mut first = 0u32;
        for _ in 0..count {
            let len = usize::try_from(varint::take(&mut bytes)?).map_err(|_| CodecError("name too long"))?;
            let text = std::str::from_utf8(varint::take_bytes(&mut bytes, len)?)
                .map_err(|_| CodecError("name is not UTF-8"))?;
            if names.last().is_some_and(|last| *last.text >= *text) {
                return Err(CodecError("names are out of order"));
            }
            names.push(Name { text: Box::from(text), first });
            let values = u32::try_from(varint::take(&mut bytes)?).ok();
            first = values
                .and_then(|values| first.checked_add(values))
                .ok_or(CodecError("too many label pairs"))?;
        }
        if first != values.len() {
            return Err(CodecError("names and values differ in number"));
        }
        Ok(Self { names, values })
    }

    /// Label names, sorted.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(|name| &*name.text)
    }

    /// The name of a pair.
    pub(super) fn name_of(&self, pair: u32) -> Option<&str> {
        let at = self.names.partition_point(|name| name.first <= pair).checked_sub(1)?;
        self.names.get(at).filter(|_| pair < self.values.len()).map(|name| &*name.text)
    }

    /// The pairs of a name.
    pub(super) fn pairs_of(&self, name: &str) -> Range<u32> {
        let Ok(at) = self.names.binary_search_by(|known| (*known.text).cmp(name)) else { return 0..0 };
        let first = |at: usize| self.names.get(at).map_or(self.values.len(), |name| name.first);
        first(at)..first(at + 1)
    }

    /// The values of some pairs, in order.
    pub(super) fn values<'a>(&self, index: &'a [u8], pairs: Range<u32>) -> Result<Values<'a>, CodecError> {
        let block = pairs.start / PER_BLOCK;
        let mut values = Values {
            index,
            blocks: self.values.clone(),
            bytes: &[],
            next: block * PER_BLOCK,
            end: pairs.end.min(self.values.len()),
            text: Vec::new(),
            list: 0,
        };
        while values.next < pairs.start && values.next < values.end {
            values.advance()?;
        }
        Ok(values)
    }

    /// The values of some pairs of one name, in order, from the first on that is not below `text`.
    pub(super) fn values_from<'a>(
        &self,
        index: &'a [u8],
        pairs: Range<u32>,
        text: &str,
    ) -> Result<Values<'a>, CodecError> {
        // Among the blocks that begin within the pairs, the last whose first value is not above.
        let (mut low, mut high) = (pairs.start.div_ceil(PER_BLOCK), pairs.end.div_ceil(PER_BLOCK));
        while low < high {
            let middle = u32::midpoint(low, high);
            let mut bytes = self.values.block(index, middle)?;
            varint::take(&mut bytes)?;
            let (_, len) = fixed::take_two(&mut bytes)?;
            if varint::take_bytes(&mut bytes, len)? <= text.as_bytes() {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        let start = low.checked_sub(1).map_or(0, |block| block * PER_BLOCK).max(pairs.start);
        let mut values = self.values(index, start..pairs.end)?;
        let mut ahead = values.clone();
        while ahead.advance()?.is_some() && ahead.text.as_slice() < text.as_bytes() {
            values.clone_from(&ahead);
        }
        Ok(values)
    }
}

/// A value with its pair.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pair {
    /// Number of the pair.
    pub(super) number: u32,
    /// Where among the lists its own lies.
    pub(super) list: Range<u64>,
}

/// Goes through values in order.
#[derive(Debug, Clone)]
pub(super) struct Values<'a> {
    index: &'a [u8],
    blocks: Blocked,
    bytes: &'a [u8],
    next: u32,
    end: u32,
    text: Vec<u8>,
    list: u64,
}

impl Values<'_> {
    /// Goes to the next value.
    pub(super) fn advance(&mut self) -> Result<Option<Pair>, CodecError> {
        if self.next >= self.end {
            return Ok(None);
        }
        if self.next.is_multiple_of(PER_BLOCK) {
            self.bytes = self.blocks.block(self.index, self.next / PER_BLOCK)?;
            self.text.clear();
            self.list = varint::take(&mut self.bytes)?;
        }
        let (shared, others) = fixed::take_two(&mut self.bytes)?;
        if shared > self.text.len() {
            return Err(CodecError("value shares more than there is"));
        }
        self.text.truncate(shared);
        self.text.extend_from_slice(varint::take_bytes(&mut self.bytes, others)?);
        let start = self.list;
        self.list = start.checked_add(varint::take(&mut self.bytes)?).ok_or(CodecError("list too long"))?;
        self.next += 1;
        Ok(Some(Pair { number: self.next - 1, list: start..self.list }))
    }

    /// The value that was gone to last.
    pub(super) fn text(&self) -> Result<&str, CodecError> {
        std::str::from_utf8(&self.text).map_err(|_| CodecError("value is not UTF-8"))
    }
}

/// Writes values, then names.
#[derive(Debug, Default)]
pub(super) struct DictionaryWriter {
    names: Vec<u8>,
    count: u64,
    of_name: u64,
    values: BlockedWriter,
    before: Vec<u8>,
    list: u64,
    item: Vec<u8>,
}

impl DictionaryWriter {
    /// Adds a name; its values follow.
    pub(super) fn name(&mut self, name: &str) {
        self.end_name();
        varint::put(&mut self.names, name.len() as u64);
        self.names.extend_from_slice(name.as_bytes());
        self.count += 1;
    }

    fn end_name(&mut self) {
        if self.count > 0 {
            varint::put(&mut self.names, self.of_name);
        }
        self.of_name = 0;
    }

    /// Adds a value of the last name.
    pub(super) fn value(
        &mut self,
        value: &str,
        list_len: u64,
        out: &mut SectionWriter,
    ) -> Result<(), StorageError> {
        self.item.clear();
        if self.values.begins_block() {
            self.before.clear();
            varint::put(&mut self.item, self.list);
        }
        let value = value.as_bytes();
        let shared = self.before.iter().zip(value).take_while(|(a, b)| a == b).count();
        let others = value.get(shared..).unwrap_or_default();
        fixed::put_two(&mut self.item, shared, others.len());
        self.item.extend_from_slice(others);
        varint::put(&mut self.item, list_len);
        self.before.truncate(shared);
        self.before.extend_from_slice(others);
        self.list += list_len;
        self.of_name += 1;
        self.values.add(&self.item, out)
    }

    /// Ends both sections.
    pub(super) fn finish(mut self, out: &mut SectionWriter) -> Result<(), StorageError> {
        self.end_name();
        self.values.finish(out)?;
        let mut count = Vec::new();
        varint::put(&mut count, self.count);
        out.write(&count)?;
        out.write(&self.names)?;
        out.end_section();
        Ok(())
    }
}
