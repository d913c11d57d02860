//! The exemplars that the log tells at a start: the newest ones, each once, in bounded memory.

use super::Exemplar;
use crate::labels::Labels;

/// Collects what the log tells.
#[derive(Default)]
pub(crate) struct Kept {
    max: usize,
    told: Vec<(u64, Labels, Exemplar)>,
}

impl Kept {
    /// Keeps up to `max`.
    pub(crate) fn new(max: usize) -> Self {
        Self { max, told: Vec::new() }
    }

    /// Whether nothing is kept.
    pub(crate) fn is_off(&self) -> bool {
        self.max == 0
    }

    /// Adds the exemplar with a sequence.
    pub(crate) fn add(&mut self, sequence: u64, series: Labels, exemplar: Exemplar) {
        if self.told.len() >= self.max.saturating_mul(2) {
            self.settle();
        }
        self.told.push((sequence, series, exemplar));
    }

    /// Puts them in order and lets go of all but the newest.
    fn settle(&mut self) {
        self.told.sort_by_key(|(sequence, ..)| *sequence);
        self.told.dedup_by_key(|(sequence, ..)| *sequence);
        let older = self.told.len().saturating_sub(self.max);
        self.told.drain(..older);
    }

    /// The newest, by sequence.
    pub(crate) fn take(&mut self) -> Vec<(u64, Labels, Exemplar)> {
        self.settle();
        std::mem::take(&mut self.told)
    }
}
