//! What a target's series lead to: slots of its row, or series with timestamps of their own.

use narthex_storage::{Labels, Slot};

/// Series with timestamps of their own, and how often each slot of the row is in use: two spellings of one
/// series share a slot.
#[derive(Default)]
pub(super) struct SeriesTable {
    uses: Vec<u16>,
    pub(super) stamped: Vec<Option<Stamped>>,
    free: Vec<u32>,
    /// Series that the last page had and this one has not.
    pub(super) vanished: Vec<Labels>,
}

pub(super) struct Stamped {
    pub(super) labels: Labels,
    /// In the last page that was taken.
    pub(super) present: bool,
}

impl SeriesTable {
    pub(super) fn use_slot(&mut self, slot: Slot) -> u32 {
        let index = slot.index();
        if index >= self.uses.len() {
            self.uses.resize(index + 1, 0);
        }
        if let Some(uses) = self.uses.get_mut(index) {
            *uses = uses.saturating_add(1);
        }
        index as u32
    }

    #[inline]
    pub(super) fn slot(&self, index: u32) -> Option<Slot> {
        self.uses.get(index as usize).filter(|uses| **uses > 0).map(|_| Slot::at(index))
    }

    /// The slot, when nobody uses it any more. One that was used too often to be counted is kept.
    pub(super) fn drop_slot(&mut self, index: u32) -> Option<Slot> {
        let uses = self.uses.get_mut(index as usize).filter(|uses| (1..u16::MAX).contains(&**uses))?;
        *uses -= 1;
        (*uses == 0).then(|| Slot::at(index))
    }

    pub(super) fn add_stamped(&mut self, labels: Labels) -> u32 {
        let stamped = Some(Stamped { labels, present: false });
        if let Some(id) = self.free.pop()
            && let Some(place) = self.stamped.get_mut(id as usize)
        {
            *place = stamped;
            return id;
        }
        self.stamped.push(stamped);
        (self.stamped.len() - 1) as u32
    }

    pub(super) fn stamped(&mut self, id: u32) -> Option<&mut Stamped> {
        self.stamped.get_mut(id as usize)?.as_mut()
    }

    pub(super) fn drop_stamped(&mut self, id: u32) {
        if let Some(place) = self.stamped.get_mut(id as usize) {
            self.vanished.extend(place.take().filter(|stamped| stamped.present).map(|s| s.labels));
            self.free.push(id);
        }
    }
}
