//! The groups in which a series has a slot: most often one.

use super::group::Group;
use std::sync::Weak;

/// Groups and slots.
#[derive(Clone, Default)]
pub(crate) enum Owners {
    #[default]
    None,
    // Two fields: a tuple in their place would be larger.
    One(Weak<Group>, u32),
    #[allow(clippy::box_collection)] // It is rare, and a vector would make every series larger.
    Many(Box<Vec<(Weak<Group>, u32)>>),
}

impl Owners {
    /// Each group with the slot in it.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Weak<Group>, u32)> {
        let (one, many) = match self {
            Self::None => (None, None),
            Self::One(group, slot) => (Some((group, *slot)), None),
            Self::Many(many) => (None, Some(many)),
        };
        let many = many.into_iter().flat_map(|many| many.iter());
        one.into_iter().chain(many.map(|(group, slot)| (group, *slot)))
    }

    pub(crate) fn len(&self) -> usize {
        match self {
            Self::None => 0,
            Self::One(..) => 1,
            Self::Many(many) => many.len(),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(crate) fn push(&mut self, group: Weak<Group>, slot: u32) {
        *self = match std::mem::take(self) {
            Self::None => Self::One(group, slot),
            Self::One(first, place) => Self::Many(Box::new(vec![(first, place), (group, slot)])),
            Self::Many(mut many) => {
                many.push((group, slot));
                Self::Many(many)
            }
        };
    }

    pub(crate) fn retain(&mut self, keep: impl Fn(&Weak<Group>, u32) -> bool) {
        if self.iter().all(|(group, slot)| keep(group, slot)) {
            return;
        }
        let mut kept = Self::None;
        let all = self.iter().filter(|(group, slot)| keep(group, *slot));
        all.for_each(|(group, slot)| kept.push(Weak::clone(group), slot));
        *self = kept;
    }
}
