//! The series of a target that were refused for want of room: eight bytes of each, so that they cost neither
//! labels nor a look-up when they come again with the next page.

use hashbrown::HashTable;

/// Series that are remembered; of more, each is looked at anew with every page.
const SERIES_MAX: usize = 1 << 20;

/// Hashes of the series that the last good page had and the store refused.
#[derive(Debug, Default)]
pub(super) struct RefusedSeries {
    last: HashTable<u64>,
    page: HashTable<u64>,
    /// For which state of the store's room they were refused.
    room: u64,
}

impl RefusedSeries {
    /// A page begins. When there may be room now, all are looked at anew.
    pub(super) fn begin(&mut self, room: u64) {
        self.page.clear();
        if room != self.room {
            self.room = room;
            self.last = HashTable::new();
        }
    }

    /// Whether nothing was refused.
    pub(super) fn is_empty(&self) -> bool {
        self.last.is_empty()
    }

    /// Whether some series were refused, in this page or the last one.
    pub(super) fn knows_some(&self) -> bool {
        !(self.last.is_empty() && self.page.is_empty())
    }

    /// Whether the series was refused before, in this page or the last one; then it is this time.
    pub(super) fn again(&mut self, hash: u64) -> bool {
        let refused =
            [&self.last, &self.page].iter().any(|all| all.find(hash, |other| *other == hash).is_some());
        if refused {
            self.add(hash);
        }
        refused
    }

    /// A series of this page that is refused.
    pub(super) fn add(&mut self, hash: u64) {
        if self.page.len() < SERIES_MAX && self.page.find(hash, |other| *other == hash).is_none() {
            self.page.insert_unique(hash, hash, |other| *other);
        }
    }

    /// The page was good: what was refused is what it had.
    pub(super) fn end(&mut self) {
        std::mem::swap(&mut self.last, &mut self.page);
        if self.last.is_empty() && self.last.capacity() + self.page.capacity() > 0 {
            (self.last, self.page) = Default::default();
        }
    }
}
