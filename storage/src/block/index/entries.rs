//! The labels of a series as numbers of label pairs, each entry told by its difference to the one before.
//!
//! ```text
//! entry = (shared, others) two | (difference zigzag) × others
//! ```
//!
//! The first `shared` pairs are those of the entry before; at the beginning of a block there is none. Each
//! other is told by its difference to the pair at the same place of the entry before, or where that has
//! none, to the pair before it.

use super::fixed;
use crate::codec::{CodecError, varint};

/// The entry that was coded last.
#[derive(Debug, Clone, Default)]
pub(super) struct Entry {
    pairs: Vec<u32>,
}

impl Entry {
    /// The pairs of the entry, ascending in a sound index.
    pub(super) fn pairs(&self) -> &[u32] {
        &self.pairs
    }

    /// Forgets the entry: a block begins.
    pub(super) fn restart(&mut self) {
        self.pairs.clear();
    }

    /// Appends the next entry.
    pub(super) fn encode(&mut self, pairs: &[u32], out: &mut Vec<u8>) {
        let shared = self.pairs.iter().zip(pairs).take_while(|(a, b)| a == b).count();
        fixed::put_two(out, shared, pairs.len() - shared);
        let mut before = shared.checked_sub(1).and_then(|at| pairs.get(at)).copied().unwrap_or(0);
        for (at, pair) in pairs.iter().enumerate().skip(shared) {
            let base = self.pairs.get(at).copied().unwrap_or(before);
            varint::put_signed(out, i64::from(*pair) - i64::from(base));
            before = *pair;
        }
        self.pairs.clear();
        self.pairs.extend_from_slice(pairs);
    }

    /// Takes the next entry.
    #[inline]
    pub(super) fn decode(&mut self, bytes: &mut &[u8]) -> Result<(), CodecError> {
        let (shared, others) = fixed::take_two(bytes)?;
        if shared > self.pairs.len() || others > bytes.len() {
            return Err(CodecError("entry with too many labels"));
        }
        let mut before = shared.checked_sub(1).and_then(|at| self.pairs.get(at)).copied().unwrap_or(0);
        for at in shared..shared + others {
            let difference = varint::take_signed(bytes)?;
            let known = self.pairs.get_mut(at);
            let base = known.as_deref().copied().unwrap_or(before);
            let pair = i64::from(base).checked_add(difference).and_then(|pair| u32::try_from(pair).ok());
            let pair = pair.ok_or(CodecError("label pair out of bounds"))?;
            match known {
                Some(place) => *place = pair,
                None => self.pairs.push(pair),
            }
            before = pair;
        }
        self.pairs.truncate(shared + others);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn entries_come_back(
            entries in proptest::collection::vec(
                proptest::collection::vec(prop_oneof![4 => 0u32..4, 1 => any::<u32>()], 0..20), 0..20),
            restart in 1usize..5,
        ) {
            let (mut writer, mut reader, mut out) = (Entry::default(), Entry::default(), Vec::new());
            for (at, entry) in entries.iter().enumerate() {
                if at % restart == 0 {
                    writer.restart();
                }
                writer.encode(entry, &mut out);
            }
            let mut rest = out.as_slice();
            for (at, entry) in entries.iter().enumerate() {
                if at % restart == 0 {
                    reader.restart();
                }
                reader.decode(&mut rest).unwrap();
                prop_assert_eq!(reader.pairs(), entry.as_slice());
            }
            prop_assert!(rest.is_empty());
        }

        #[test]
        fn any_bytes_are_an_entry_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            let (mut entry, mut rest) = (Entry::default(), bytes.as_slice());
            while !rest.is_empty() && entry.decode(&mut rest).is_ok() {
                prop_assert!(entry.pairs().len() <= bytes.len());
            }
        }
    }
}
