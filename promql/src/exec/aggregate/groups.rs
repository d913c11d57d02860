//! Which series belong together.

use super::super::labels::LabelChoice;
use super::super::operator::Meta;
use hashbrown::HashMap;
use narthex_storage::Labels;

/// The groups of an operand's series.
pub(super) struct Groups {
    /// For each series its group.
    pub(super) of_series: Vec<u32>,
    /// For each group its labels.
    pub(super) labels: Vec<Labels>,
}

impl Groups {
    pub(super) fn of(series: &[Meta], choice: &LabelChoice) -> Self {
        let mut known: HashMap<Box<[u8]>, u32> = HashMap::new();
        let mut key = Vec::new();
        let mut labels = Vec::new();
        let of_series = series
            .iter()
            .map(|meta| {
                choice.key(&meta.labels, &mut key);
                if let Some(group) = known.get(&*key) {
                    return *group;
                }
                // A query of 4 billion groups is beyond any budget.
                let group = u32::try_from(labels.len()).unwrap_or(u32::MAX);
                labels.push(choice.of(&meta.labels));
                known.insert(key.as_slice().into(), group);
                group
            })
            .collect();
        Self { of_series, labels }
    }

    /// The group of a series.
    #[inline]
    pub(super) fn group(&self, series: usize) -> usize {
        self.of_series.get(series).map_or(0, |group| *group as usize)
    }

    /// Bytes that all of this takes.
    pub(super) fn size_bytes(&self) -> usize {
        self.of_series.len() * 4 + self.labels.iter().map(|labels| labels.encoded_len() + 64).sum::<usize>()
    }
}

/// The order in which groups come up: that of their first series with a sample.
#[derive(Debug, Default)]
pub(super) struct Appearance {
    seen: Vec<bool>,
    pub(super) order: Vec<usize>,
}

impl Appearance {
    pub(super) fn new(groups: usize) -> Self {
        Self { seen: vec![false; groups], order: Vec::new() }
    }

    /// A group has a sample.
    #[inline]
    pub(super) fn note(&mut self, group: usize) {
        if let Some(seen) = self.seen.get_mut(group)
            && !std::mem::replace(seen, true)
        {
            self.order.push(group);
        }
    }
}
