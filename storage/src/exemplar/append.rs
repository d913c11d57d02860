//! Takes exemplars: staged one by one, logged and stored together.

use super::ring::Verdict;
use super::{Exemplar, Exemplars};
use crate::head::group::Group;
use crate::head::row::Slot;
use crate::head::series::MemSeries;
use crate::head::{AppendError, Head};
use crate::labels::Labels;
use crate::wal::exemplars::{self, Told, Whose};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// What became of the exemplars that were committed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ExemplarOutcome {
    /// Stored.
    pub stored: usize,
    /// There already: most exemplars are exposed again and again.
    pub duplicate: usize,
    /// Refused: older than others of their series.
    pub out_of_order: usize,
    /// Refused: their labels are longer than [`super::EXEMPLAR_LABELS_MAX`] characters.
    pub too_long: usize,
}

/// Stages exemplars, and stores them together. Dropping it forgets what is staged.
pub struct ExemplarAppender {
    head: Arc<Head>,
    staged: Vec<(Arc<MemSeries>, Exemplar)>,
}

impl ExemplarAppender {
    pub(crate) fn new(head: Arc<Head>) -> Self {
        Self { head, staged: Vec::new() }
    }

    /// Whether exemplars are kept at all. Where they are not, staging and committing do nothing.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.exemplars().max() > 0
    }

    /// Changes when more exemplars are kept than before, or fewer: what was refused may be taken now.
    #[must_use]
    pub fn changes(&self) -> u64 {
        self.exemplars().changes.load(Ordering::Acquire)
    }

    fn exemplars(&self) -> &Exemplars {
        &self.head.exemplars
    }

    /// Stages an exemplar of a series that the head knows.
    ///
    /// # Errors
    /// The head does not know the series.
    pub fn stage(&mut self, series: &Labels, exemplar: Exemplar) -> Result<(), AppendError> {
        self.stage_encoded(series.as_encoded(), exemplar)
    }

    /// Stages an exemplar of the series whose labels have this encoded form.
    ///
    /// # Errors
    /// As [`ExemplarAppender::stage`].
    pub fn stage_encoded(&mut self, series: &str, exemplar: Exemplar) -> Result<(), AppendError> {
        if self.is_on() {
            let series = self.head.find_encoded(series).ok_or(AppendError::UnknownSeries)?;
            self.staged.push((series, exemplar));
        }
        Ok(())
    }

    /// Stages an exemplar of the series in a slot of a group.
    ///
    /// # Errors
    /// The slot has no series.
    pub fn stage_slot(&mut self, group: &Group, slot: Slot, exemplar: Exemplar) -> Result<(), AppendError> {
        if self.is_on() {
            let series = group.series_in(slot).ok_or(AppendError::UnknownSeries)?;
            self.staged.push((series, exemplar));
        }
        Ok(())
    }

    /// Writes the staged exemplars to the log and stores them.
    ///
    /// # Errors
    /// The log failed; none is stored.
    pub fn commit(&mut self) -> Result<ExemplarOutcome, AppendError> {
        let staged = std::mem::take(&mut self.staged);
        if staged.is_empty() {
            return Ok(ExemplarOutcome::default());
        }
        let labelled = |(series, exemplar): (Arc<MemSeries>, Exemplar)| {
            (series.labels.to_labels(), Some(series), exemplar)
        };
        self.head.append_exemplars(staged.into_iter().map(labelled).collect())
    }

    /// Forgets what is staged.
    pub fn rollback(&mut self) {
        self.staged.clear();
    }
}

impl Head {
    /// Logs and stores exemplars. The log tells a series that the head does not know by its labels.
    pub(crate) fn append_exemplars(
        &self,
        mut staged: Vec<(Labels, Option<Arc<MemSeries>>, Exemplar)>,
    ) -> Result<ExemplarOutcome, AppendError> {
        let window_ms = self.late_window_ms.load(Ordering::Acquire);
        let exemplars = &self.exemplars;
        let mut outcome = ExemplarOutcome::default();
        let _commit = exemplars.hold();
        let first = {
            let ring = exemplars.ring();
            staged.retain(|(labels, _, exemplar)| {
                let verdict = ring.check(labels, exemplar, window_ms);
                outcome.note(verdict);
                verdict == Verdict::Stored
            });
            ring.next_sequence()
        };
        if staged.is_empty() {
            return Ok(outcome);
        }
        let told = (first..).zip(0..).zip(&staged).map(|((sequence, number), (labels, series, exemplar))| {
            let whose = series.as_ref().map_or(Whose::Labels(number, labels), |series| Whose::Id(series.id));
            Told { sequence, whose, exemplar }
        });
        let written = self.wal.append(|_, out| {
            self.log_series(staged.iter().filter_map(|(_, series, _)| series.as_ref()), out);
            let mut from = Some(first);
            while let Some(sequence) = from {
                from = exemplars::put(out, told.clone().skip((sequence - first) as usize));
            }
        });
        if let Err(error) = written {
            let series = staged.iter().filter_map(|(_, series, _)| series.as_ref());
            series.for_each(|series| series.logged.store(false, Ordering::Release));
            return Err(error.into());
        }
        let mut ring = exemplars.ring();
        for (sequence, (labels, _, exemplar)) in (first..).zip(staged) {
            let verdict = ring.add(&labels, exemplar, sequence, window_ms);
            outcome.stored += usize::from(verdict == Verdict::Stored);
            outcome.note(verdict);
        }
        Ok(outcome)
    }
}

impl ExemplarOutcome {
    /// Counts an exemplar that is not stored.
    fn note(&mut self, verdict: Verdict) {
        match verdict {
            Verdict::Duplicate => self.duplicate += 1,
            Verdict::OutOfOrder => self.out_of_order += 1,
            Verdict::TooLong => self.too_long += 1,
            Verdict::Stored | Verdict::Off => {}
        }
    }
}
