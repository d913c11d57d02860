//! The groups in which a series has a slot: most often one.

use super::group::Group;
use std::sync::Weak;

/// Groups and slots.
#[derive(Clone, Default)]
pub(crate) enum Owners {
    #[default]
    None,
    One((Weak<Group>, u32)),
    #[allow(clippy::box_collection)] // It is rare, and a vector would make every series larger.
    Many(Box<Vec<(Weak<Group>, u32)>>),
}

impl Owners {
    fn as_slice(&self) -> &[(Weak<Group>, u32)] {
        match self {
            Self::None => &[],
            Self::One(one) => std::slice::from_ref(one),
            Self::Many(many) => many,
        }
    }

    pub(crate) fn iter(&self) -> std::slice::Iter<'_, (Weak<Group>, u32)> {
        self.as_slice().iter()
    }

    pub(crate) fn len(&self) -> usize {
        self.as_slice().len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.as_slice().is_empty()
    }

    pub(crate) fn push(&mut self, owner: (Weak<Group>, u32)) {
        *self = match std::mem::take(self) {
            Self::None => Self::One(owner),
            Self::One(one) => Self::Many(Box::new(vec![one, owner])),
            Self::Many(mut many) => {
                many.push(owner);
                Self::Many(many)
            }
        };
    }

    pub(crate) fn retain(&mut self, keep: impl Fn(&(Weak<Group>, u32)) -> bool) {
        if self.iter().all(&keep) {
            return;
        }
        let mut kept: Vec<_> = self.iter().filter(|owner| keep(owner)).cloned().collect();
        *self = match (kept.pop(), kept.is_empty()) {
            (None, _) => Self::None,
            (Some(one), true) => Self::One(one),
            (Some(last), false) => {
                kept.push(last);
                Self::Many(Box::new(kept))
            }
        };
    }
}
