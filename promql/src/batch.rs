//! What operators exchange: batches of whole series, `steps` values and a presence bitmap side by side.

use narthex_storage::FloatHistogram;
use std::sync::Arc;

/// Values of several series over the steps of a query, series after series. At each step a series has a
/// float, a histogram, or nothing.
#[derive(Debug, Clone, Default)]
pub(crate) struct Batch {
    steps: usize,
    series: usize,
    /// `series × steps` floats; where no bit is set the value has no meaning.
    values: Vec<f64>,
    /// `series × words` bits: which floats there are.
    present: Vec<u64>,
    /// `series × steps`; empty until the first histogram.
    histograms: Vec<Option<Arc<FloatHistogram>>>,
}

/// One series of a batch.
pub(crate) struct ColumnMut<'a> {
    pub(crate) values: &'a mut [f64],
    pub(crate) present: &'a mut [u64],
    /// The whole batch's, to grow it on the first histogram; `at` is the series' first place.
    histograms: &'a mut Vec<Option<Arc<FloatHistogram>>>,
    at: usize,
    room: usize,
}

/// One series of a batch, to read.
#[derive(Clone, Copy)]
pub(crate) struct Column<'a> {
    pub(crate) values: &'a [f64],
    pub(crate) present: &'a [u64],
    /// Empty when the batch has no histogram.
    pub(crate) histograms: &'a [Option<Arc<FloatHistogram>>],
}

/// Words of a presence bitmap over so many steps.
#[inline]
pub(crate) const fn words(steps: usize) -> usize {
    steps.div_ceil(64)
}

impl Batch {
    /// A batch of `series` empty series.
    pub(crate) fn new(series: usize, steps: usize) -> Self {
        Self {
            steps,
            series,
            values: vec![0.0; series * steps],
            present: vec![0; series * words(steps)],
            histograms: Vec::new(),
        }
    }

    /// Bytes of a batch of floats.
    pub(crate) fn bytes(series: usize, steps: usize) -> usize {
        series.saturating_mul(steps + words(steps)).saturating_mul(8)
    }

    /// The number of series.
    pub(crate) fn len(&self) -> usize {
        self.series
    }

    /// The number of steps.
    pub(crate) fn steps(&self) -> usize {
        self.steps
    }

    /// Bytes of the columns; histograms count as the room of their pointers.
    pub(crate) fn size_bytes(&self) -> usize {
        (self.values.len() + self.present.len() + self.histograms.len()) * 8
    }

    /// Bytes of the histograms themselves; one that stands at several steps counts at each.
    pub(crate) fn histogram_bytes(&self) -> usize {
        self.histograms.iter().flatten().map(|histogram| histogram.size_bytes()).sum()
    }

    /// Replaces every float, whether it is present or not.
    pub(crate) fn map_floats(&mut self, f: impl Fn(f64) -> f64) {
        self.values.iter_mut().for_each(|value| *value = f(*value));
    }

    /// Replaces every histogram, or takes it away.
    pub(crate) fn map_histograms(
        &mut self,
        mut f: impl FnMut(&Arc<FloatHistogram>) -> Option<Arc<FloatHistogram>>,
    ) {
        for slot in self.histograms.iter_mut().filter(|slot| slot.is_some()) {
            *slot = slot.as_ref().and_then(&mut f);
        }
    }

    /// Takes all histograms away.
    pub(crate) fn drop_histograms(&mut self) {
        self.histograms = Vec::new();
    }

    /// A series, empty when there is no such one.
    #[inline]
    pub(crate) fn column(&self, series: usize) -> Column<'_> {
        let (steps, words) = (self.steps, words(self.steps));
        Column {
            values: self.values.get(series * steps..(series + 1) * steps).unwrap_or_default(),
            present: self.present.get(series * words..(series + 1) * words).unwrap_or_default(),
            histograms: self.histograms.get(series * steps..(series + 1) * steps).unwrap_or_default(),
        }
    }

    /// A series to write into.
    #[inline]
    pub(crate) fn column_mut(&mut self, series: usize) -> ColumnMut<'_> {
        let (steps, words) = (self.steps, words(self.steps));
        ColumnMut {
            values: self.values.get_mut(series * steps..(series + 1) * steps).unwrap_or_default(),
            present: self.present.get_mut(series * words..(series + 1) * words).unwrap_or_default(),
            histograms: &mut self.histograms,
            at: series * steps,
            room: self.series * steps,
        }
    }

    /// Whether any series has a histogram at any step.
    pub(crate) fn has_histograms(&self) -> bool {
        !self.histograms.is_empty()
    }
}

impl<'a> Column<'a> {
    /// The float at a step.
    #[inline]
    pub(crate) fn float(&self, step: usize) -> Option<f64> {
        let word = self.present.get(step / 64)?;
        if word >> (step % 64) & 1 == 1 { self.values.get(step).copied() } else { None }
    }

    /// The histogram at a step.
    #[inline]
    pub(crate) fn histogram(&self, step: usize) -> Option<&'a Arc<FloatHistogram>> {
        self.histograms.get(step)?.as_ref()
    }

    /// Whether there is a sample of either kind.
    #[inline]
    pub(crate) fn has(&self, step: usize) -> bool {
        self.present.get(step / 64).is_some_and(|word| word >> (step % 64) & 1 == 1)
            || self.histogram(step).is_some()
    }

    /// The bits of 64 steps: where there is a sample of either kind.
    #[inline]
    pub(crate) fn word(&self, word: usize) -> u64 {
        let mut bits = self.present.get(word).copied().unwrap_or(0);
        if !self.histograms.is_empty() {
            let from = word * 64;
            let to = (from + 64).min(self.histograms.len());
            for (bit, histogram) in self.histograms.get(from..to).unwrap_or_default().iter().enumerate() {
                bits |= u64::from(histogram.is_some()) << bit;
            }
        }
        bits
    }

    /// Whether there is no sample at all.
    pub(crate) fn is_empty(&self) -> bool {
        self.present.iter().all(|word| *word == 0) && self.histograms.iter().all(Option::is_none)
    }

    /// The number of samples.
    pub(crate) fn count(&self) -> usize {
        let floats: u32 = self.present.iter().map(|word| word.count_ones()).sum();
        floats as usize + self.histograms.iter().flatten().count()
    }
}

impl ColumnMut<'_> {
    /// The number of steps.
    pub(crate) fn steps(&self) -> usize {
        self.values.len()
    }

    /// Puts a float at a step.
    #[inline]
    pub(crate) fn set(&mut self, step: usize, value: f64) {
        if let (Some(slot), Some(word)) = (self.values.get_mut(step), self.present.get_mut(step / 64)) {
            *slot = value;
            *word |= 1 << (step % 64);
            if let Some(there) = self.histograms.get_mut(self.at + step) {
                *there = None;
            }
        }
    }

    /// Puts a histogram at a step.
    pub(crate) fn set_histogram(&mut self, step: usize, histogram: Arc<FloatHistogram>) {
        if step >= self.values.len() {
            return;
        }
        if self.histograms.is_empty() {
            self.histograms.resize(self.room, None);
        }
        if let Some(word) = self.present.get_mut(step / 64) {
            *word &= !(1 << (step % 64));
        }
        if let Some(there) = self.histograms.get_mut(self.at + step) {
            *there = Some(histogram);
        }
    }

    /// Takes away what stands at a step.
    #[inline]
    pub(crate) fn unset(&mut self, step: usize) {
        if let Some(word) = self.present.get_mut(step / 64) {
            *word &= !(1 << (step % 64));
        }
        if let Some(there) = self.histograms.get_mut(self.at + step) {
            *there = None;
        }
    }

    /// Takes away what stands at those of 64 steps whose bit is not set.
    #[inline]
    pub(crate) fn retain(&mut self, word: usize, bits: u64) {
        if let Some(present) = self.present.get_mut(word) {
            *present &= bits;
        }
        if !self.histograms.is_empty() {
            for bit in (0..64).filter(|bit| bits >> bit & 1 == 0) {
                let step = word * 64 + bit;
                if step < self.values.len()
                    && let Some(there) = self.histograms.get_mut(self.at + step)
                {
                    *there = None;
                }
            }
        }
    }

    /// Whether the batch has histograms, perhaps of other series.
    pub(crate) fn has_histograms(&self) -> bool {
        !self.histograms.is_empty()
    }

    /// The series to read.
    #[inline]
    pub(crate) fn as_ref(&self) -> Column<'_> {
        Column {
            values: self.values,
            present: self.present,
            histograms: self.histograms.get(self.at..self.at + self.values.len()).unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_holds_a_float_or_a_histogram_or_nothing() {
        let mut batch = Batch::new(2, 70);
        let mut column = batch.column_mut(1);
        column.set(0, 1.0);
        column.set(69, 2.0);
        column.set_histogram(69, Arc::default());
        column.set_histogram(3, Arc::default());
        column.set(3, 4.0);
        column.set(5, 1.0);
        column.unset(5);
        let column = batch.column(1);
        assert_eq!((column.float(0), column.float(3), column.float(69)), (Some(1.0), Some(4.0), None));
        assert!(column.histogram(69).is_some() && column.histogram(3).is_none() && !column.has(5));
        assert_eq!(column.count(), 3);
        assert!(batch.column(0).is_empty() && batch.has_histograms());
    }
}
