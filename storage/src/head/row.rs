//! One scrape's values, by slot.

/// The place of a series in its group. Stable while the series is registered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot(pub(crate) u32);

impl Slot {
    /// The slot with an index. A value in one that the group does not have is left out of the row.
    #[must_use]
    pub fn at(index: u32) -> Self {
        Self(index)
    }

    /// The slot's index, dense from 0.
    #[must_use]
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// Values of one row and which slots have one. Reused from scrape to scrape: no allocation once warm.
#[derive(Debug, Default, Clone)]
pub struct Row {
    pub(crate) values: Vec<f64>,
    pub(crate) present: Vec<u64>,
    len: usize,
}

impl Row {
    /// An empty row.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Forgets the values, keeps the memory.
    pub fn clear(&mut self) {
        self.present.iter_mut().for_each(|word| *word = 0);
        self.len = 0;
    }

    /// Sets a slot's value. `false` when the slot has one already: the first value stays.
    #[inline]
    pub fn set(&mut self, slot: Slot, value: f64) -> bool {
        let index = slot.index();
        if index >= self.values.len() {
            let len = (index + 1).next_multiple_of(64);
            self.values.resize(len, 0.0);
            self.present.resize(len / 64, 0);
        }
        let (Some(word), Some(cell)) = (self.present.get_mut(index / 64), self.values.get_mut(index)) else {
            return false;
        };
        let bit = 1u64 << (index % 64);
        if *word & bit != 0 {
            return false;
        }
        *word |= bit;
        *cell = value;
        self.len += 1;
        true
    }

    /// The value that a slot has in this row.
    #[must_use]
    pub fn get(&self, slot: Slot) -> Option<f64> {
        let word = self.present.get(slot.index() / 64)?;
        (word >> (slot.index() % 64) & 1 == 1).then(|| self.values.get(slot.index()).copied()).flatten()
    }

    /// Slots for which there is memory.
    #[must_use]
    pub fn slots(&self) -> usize {
        self.values.len()
    }

    /// Slots with a value.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether no slot has a value.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
}

/// What became of a row.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct RowOutcome {
    /// Samples that are now visible.
    pub appended: usize,
    /// Of these, how many had the value of the row before.
    pub unchanged: usize,
    /// Refused: older than the series' newest sample.
    pub out_of_order: usize,
    /// Refused: another value for the series' newest timestamp.
    pub duplicate: usize,
    /// Refused: older than the head takes.
    pub out_of_bounds: usize,
    /// Staleness markers for slots that had a value in the row before.
    pub stale: usize,
}
