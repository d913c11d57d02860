//! Memory for the bytes of many open cells: chains of small pieces, without an allocation or slack per cell.
//! All of it goes back at once when the cells are sealed.

/// Bytes of a piece that are its chain's own.
const PIECE: usize = 28;
/// Pieces that are allocated together: 4 KiB.
const PAGE: usize = 128;
/// No piece.
const NONE: u32 = u32::MAX;

#[derive(Clone, Copy)]
struct Piece {
    bytes: [u8; PIECE],
    next: u32,
}

/// The bytes of one cell: first and last piece, and how much of the last is used.
#[derive(Debug, Clone, Copy)]
pub(super) struct Chain {
    first: u32,
    last: u32,
    used: u8,
}

impl Default for Chain {
    fn default() -> Self {
        Self { first: NONE, last: NONE, used: 0 }
    }
}

impl Chain {
    pub(super) fn is_empty(self) -> bool {
        self.first == NONE
    }
}

/// The pieces of all chains.
#[derive(Default)]
pub(super) struct Slabs {
    pages: Vec<Box<[Piece]>>,
    used: usize,
}

impl Slabs {
    /// Appends to a chain. More than 2^32 pieces are never asked for: cells are sealed long before.
    pub(super) fn append(&mut self, chain: &mut Chain, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            if chain.is_empty() || usize::from(chain.used) == PIECE {
                self.grow(chain);
            }
            let used = usize::from(chain.used);
            let (now, later) = bytes.split_at_checked(PIECE - used).unwrap_or((bytes, &[]));
            let Some(piece) = self.piece_mut(chain.last) else { return };
            if let Some(place) = piece.bytes.get_mut(used..used + now.len()) {
                place.copy_from_slice(now);
            }
            chain.used += now.len() as u8;
            bytes = later;
        }
    }

    /// Appends the bytes of a chain to `out`.
    pub(super) fn read(&self, chain: Chain, out: &mut Vec<u8>) {
        let mut at = chain.first;
        while at != NONE {
            let place = at as usize;
            let Some(piece) = self.pages.get(place / PAGE).and_then(|page| page.get(place % PAGE)) else {
                return;
            };
            let len = if at == chain.last { usize::from(chain.used) } else { PIECE };
            out.extend_from_slice(piece.bytes.get(..len).unwrap_or_default());
            at = if at == chain.last { NONE } else { piece.next };
        }
    }

    /// Forgets every chain and gives the memory back.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    fn grow(&mut self, chain: &mut Chain) {
        let at = self.used;
        if at / PAGE >= self.pages.len() {
            self.pages.push(vec![Piece { bytes: [0; PIECE], next: NONE }; PAGE].into());
        }
        self.used += 1;
        let number = u32::try_from(at).unwrap_or(NONE);
        match self.piece_mut(chain.last) {
            Some(last) => last.next = number,
            None => chain.first = number,
        }
        (chain.last, chain.used) = (number, 0);
    }

    fn piece_mut(&mut self, at: u32) -> Option<&mut Piece> {
        let place = usize::try_from(at).ok()?;
        self.pages.get_mut(place / PAGE)?.get_mut(place % PAGE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_chain_keeps_its_own_bytes(
            appends in proptest::collection::vec((0usize..9, proptest::collection::vec(any::<u8>(), 0..70)), 0..200)
        ) {
            let mut slabs = Slabs::default();
            let mut chains = [Chain::default(); 9];
            let mut model: [Vec<u8>; 9] = Default::default();
            for (at, bytes) in appends {
                slabs.append(&mut chains[at], &bytes);
                model[at].extend_from_slice(&bytes);
            }
            for (chain, want) in chains.iter().zip(&model) {
                let mut found = Vec::new();
                slabs.read(*chain, &mut found);
                prop_assert_eq!(&found, want);
                prop_assert_eq!(chain.is_empty(), want.is_empty());
            }
        }
    }
}
