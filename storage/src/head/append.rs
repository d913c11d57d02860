//! Appends single samples with timestamps of their own: remote write, expositions with timestamps.

use super::budget::{Bringer, SeriesBudget};
use super::entry::{Entry, SampleValue};
use super::series::MemSeries;
use super::{AppendError, Head};
use crate::histogram::{CounterResetHint, FloatHistogram, stored_hint};
use crate::labels::{Labels, LabelsBuf};
use crate::sample::{STALE_NAN, is_stale_nan};
use crate::wal::record::Kind;
use crate::wal::runs;
use crate::work::count;
use foldhash::fast::RandomState;
use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

/// Stages samples, checks them, and makes them visible together. Dropping it rolls back.
///
/// It is fastest when the samples of a series come one after the other.
pub struct Appender {
    head: Arc<Head>,
    /// What new series count towards.
    budget: Option<Arc<SeriesBudget>>,
    runs: Vec<Run>,
    samples: Vec<Entry>,
    /// The newest run of each series.
    by_series: HashMap<u32, usize, RandomState>,
    /// What was true when the first sample was staged.
    epoch: u64,
    /// Late samples.
    late: Vec<(Arc<MemSeries>, Entry)>,
    /// A group may write to some of the series, of which `epoch` says nothing.
    grouped: bool,
    /// Late samples are refused, however wide the window for them.
    in_order: bool,
}

/// Samples of one series that were staged one after the other.
struct Run {
    series: Arc<MemSeries>,
    /// The newest sample of the series, staged ones included.
    newest: Option<Entry>,
    /// Where its samples end.
    end: usize,
}

impl Appender {
    pub(crate) fn new(head: Arc<Head>, budget: Option<Arc<SeriesBudget>>) -> Self {
        let epoch = head.epoch.load(Ordering::Acquire);
        head.counters.appenders.fetch_add(1, Ordering::Relaxed);
        count(&head.counters.appenders_created);
        Self {
            head,
            budget,
            runs: Vec::new(),
            samples: Vec::new(),
            by_series: HashMap::default(),
            epoch,
            late: Vec::new(),
            grouped: false,
            in_order: false,
        }
    }

    /// The appender, but it takes no late samples, however wide the window for them.
    #[must_use]
    pub fn in_order(mut self) -> Self {
        self.in_order = true;
        self
    }

    /// Stages a sample. A sample that is there already is accepted and not written twice.
    ///
    /// # Errors
    /// The sample is older than the series' newest one, contradicts it, or is older than the head takes; or
    /// the series would be new, and there is no room for it.
    pub fn append(&mut self, labels: &Labels, timestamp: i64, value: f64) -> Result<(), AppendError> {
        self.append_started(labels, timestamp, value, 0)
    }

    /// Stages a sample with a start timestamp, ms, 0 for none.
    ///
    /// # Errors
    /// As [`Appender::append`].
    pub fn append_started(
        &mut self,
        labels: &Labels,
        timestamp: i64,
        value: f64,
        start: i64,
    ) -> Result<(), AppendError> {
        self.bound(timestamp, false)?;
        self.choose_labels(labels)?;
        self.push(timestamp, value, start)
    }

    /// Stages a native histogram; `start` is its start timestamp, ms, 0 for none. One whose sum is the
    /// staleness marker is stored as that. How its hint reads back, [`stored_hint`] says.
    ///
    /// # Errors
    /// As [`Appender::append`], or the histogram contradicts itself.
    pub fn append_histogram(
        &mut self,
        labels: &Labels,
        timestamp: i64,
        histogram: Arc<FloatHistogram>,
        start: i64,
    ) -> Result<(), AppendError> {
        self.bound(timestamp, true)?;
        let value = storable(histogram)?;
        self.choose_labels(labels)?;
        self.staged(Entry { timestamp, start, value })
    }

    /// Makes the series with these labels the one to which [`Appender::push`] adds.
    ///
    /// # Errors
    /// The series would be new, and there is no room for it. The series that was chosen before stays so.
    pub fn choose(&mut self, labels: &LabelsBuf) -> Result<(), AppendError> {
        let same = |run: &Run| run.series.labels.is(labels.as_encoded());
        if !self.runs.last().is_some_and(same) {
            let series = match self.head.find_encoded(labels.as_encoded()) {
                Some(series) => series,
                None => {
                    self.head.admit(self.bringer())?;
                    self.head.series(&labels.to_labels(), self.bringer())?
                }
            };
            self.choose_series(series);
        }
        Ok(())
    }

    /// Stages a sample of the chosen series, as [`Appender::append_started`] does.
    ///
    /// # Errors
    /// As [`Appender::append`], or no series was chosen.
    pub fn push(&mut self, timestamp: i64, value: f64, start: i64) -> Result<(), AppendError> {
        self.bound(timestamp, false)?;
        self.staged(Entry { timestamp, start, value: SampleValue::Float(value) })
    }

    /// Stages a histogram of the chosen series, as [`Appender::append_histogram`] does.
    ///
    /// # Errors
    /// As [`Appender::append_histogram`], or no series was chosen.
    pub fn push_histogram(
        &mut self,
        timestamp: i64,
        histogram: Arc<FloatHistogram>,
        start: i64,
    ) -> Result<(), AppendError> {
        self.bound(timestamp, true)?;
        let value = storable(histogram)?;
        self.staged(Entry { timestamp, start, value })
    }

    /// Samples staged so far.
    #[must_use]
    pub fn len(&self) -> usize {
        self.samples.len() + self.late.len()
    }

    /// Whether nothing is staged.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.samples.is_empty() && self.late.is_empty()
    }

    /// Refuses, and counts, what is older than the head takes.
    fn bound(&self, timestamp: i64, is_histogram: bool) -> Result<(), AppendError> {
        let bound = self.head.min_valid_ms.load(Ordering::Acquire);
        let taken =
            if timestamp < bound { self.takes_late(timestamp, AppendError::OutOfBounds) } else { Ok(()) };
        taken.inspect_err(|error| error.note(is_histogram, &self.head.counters))
    }

    fn takes_late(&self, timestamp: i64, otherwise: AppendError) -> Result<(), AppendError> {
        if self.in_order { Err(otherwise) } else { self.head.takes_late(timestamp, otherwise) }
    }

    fn choose_labels(&mut self, labels: &Labels) -> Result<(), AppendError> {
        if self.runs.last().is_none_or(|run| !run.series.labels.is(labels.as_encoded())) {
            let series = match self.head.find_encoded(labels.as_encoded()) {
                Some(series) => series,
                None => self.head.series(labels, self.bringer())?,
            };
            self.choose_series(series);
        }
        Ok(())
    }

    fn bringer(&self) -> Bringer<'_> {
        Bringer { budget: self.budget.as_deref(), always: false }
    }

    fn choose_series(&mut self, series: Arc<MemSeries>) {
        let before = self.by_series.insert(series.id, self.runs.len());
        let newest = match before.and_then(|run| self.runs.get(run)) {
            Some(run) => run.newest.clone(),
            None => {
                let (newest, grouped) = self.head.newest(&series);
                self.grouped |= grouped;
                newest
            }
        };
        self.runs.push(Run { series, newest, end: self.samples.len() });
    }

    /// Stages a sample of the chosen series, and counts it where it is refused.
    fn staged(&mut self, entry: Entry) -> Result<(), AppendError> {
        let is_histogram = entry.value.histogram().is_some();
        self.stage(entry).inspect_err(|error| error.note(is_histogram, &self.head.counters))
    }

    /// Stages a sample of the chosen series.
    fn stage(&mut self, mut entry: Entry) -> Result<(), AppendError> {
        let (head, in_order) = (&self.head, self.in_order);
        let Some(run) = self.runs.last_mut() else { return Err(AppendError::UnknownSeries) };
        let outside = entry.timestamp < self.head.min_valid_ms.load(Ordering::Acquire);
        match follows(run.newest.as_ref(), &entry) {
            Ok(false) => return Ok(()),
            Ok(true) if !outside => {}
            Err(AppendError::Duplicate) => return Err(AppendError::Duplicate),
            late => {
                let otherwise = late.err().unwrap_or(AppendError::OutOfBounds);
                if in_order {
                    return Err(otherwise);
                }
                head.takes_late(entry.timestamp, otherwise)?;
                self.late.push((Arc::clone(&run.series), entry));
                return Ok(());
            }
        }
        if let SampleValue::Histogram(histogram) = &mut entry.value {
            let hint = hint(run.newest.as_ref(), entry.timestamp, histogram, self.head.block_range_ms);
            if histogram.hint != hint {
                Arc::make_mut(histogram).hint = hint;
            }
        }
        run.newest = Some(entry.clone());
        self.samples.push(entry);
        run.end = self.samples.len();
        Ok(())
    }

    /// Writes the staged samples to the log and makes them visible.
    ///
    /// # Errors
    /// The write-ahead log failed, or a sample does not fit any more: another appender was faster, or the
    /// head let go of its time. Nothing became visible.
    pub fn commit(&mut self) -> Result<usize, AppendError> {
        let head = Arc::clone(&self.head);
        let result = if self.is_empty() { Ok(0) } else { self.write(&head) };
        self.rollback();
        result
    }

    fn write(&mut self, head: &Head) -> Result<usize, AppendError> {
        let _commit = head.commits.lock().unwrap_or_else(PoisonError::into_inner);
        if self.grouped || self.epoch != head.epoch.load(Ordering::Acquire) {
            self.stage_again()?;
        }
        let written = head.wal.append(|_, out| {
            head.log_series(self.runs.iter().map(|run| &run.series), out);
            runs::put(
                out,
                Kind::Runs,
                runs_of(&self.runs, &self.samples).map(|(run, samples)| (run.series.id, samples)),
            );
            head.log_late(&self.late, out);
        });
        if let Err(error) = written {
            let late = self.late.iter().map(|(series, _)| series);
            let series = self.runs.iter().map(|run| &run.series).chain(late);
            series.for_each(|series| series.logged.store(false, Ordering::Release));
            return Err(error.into());
        }
        let late = head.show_late(self.late.drain(..));
        if self.samples.is_empty() {
            return Ok(late);
        }
        let count = self.samples.len();
        let histograms = self.samples.iter().filter(|entry| entry.value.histogram().is_some()).count();
        let times = self.samples.iter().map(|entry| entry.timestamp);
        let (oldest, newest) = times.fold((i64::MAX, i64::MIN), |(a, b), t| (a.min(t), b.max(t)));
        head.epoch.fetch_add(1, Ordering::AcqRel);
        let mut samples = self.samples.drain(..);
        let mut start = 0;
        for run in &self.runs {
            head.push_private(&run.series, samples.by_ref().take(run.end - start));
            start = run.end;
        }
        head.note_time(oldest);
        head.note_time(newest);
        head.epoch.fetch_add(1, Ordering::AcqRel);
        head.samples_appended.fetch_add(count as u64, Ordering::Relaxed);
        head.counters.histograms_appended.fetch_add(histograms as u64, Ordering::Relaxed);
        Ok(count + late)
    }

    /// What was true when the samples were staged may have changed until they are committed.
    fn stage_again(&mut self) -> Result<(), AppendError> {
        let runs = std::mem::take(&mut self.runs);
        let samples = std::mem::take(&mut self.samples);
        self.by_series.clear();
        let mut samples = samples.into_iter();
        let mut start = 0;
        for run in runs {
            self.choose_series(run.series);
            for entry in samples.by_ref().take(run.end - start) {
                self.bound(entry.timestamp, entry.value.histogram().is_some())?;
                self.staged(entry)?;
            }
            start = run.end;
        }
        Ok(())
    }

    /// Forgets what is staged.
    pub fn rollback(&mut self) {
        self.runs.clear();
        self.samples.clear();
        self.by_series.clear();
        self.late.clear();
        self.grouped = false;
        self.epoch = self.head.epoch.load(Ordering::Acquire);
    }
}

impl Drop for Appender {
    fn drop(&mut self) {
        self.head.counters.appenders.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What is stored of a histogram.
fn storable(histogram: Arc<FloatHistogram>) -> Result<SampleValue, AppendError> {
    if is_stale_nan(histogram.sum) {
        return Ok(SampleValue::Float(STALE_NAN));
    }
    histogram.validate()?;
    Ok(SampleValue::Histogram(histogram))
}

/// Each run with its samples.
fn runs_of<'a>(runs: &'a [Run], samples: &'a [Entry]) -> impl Iterator<Item = (&'a Run, &'a [Entry])> {
    let mut start = 0;
    runs.iter().filter_map(move |run| {
        let own = samples.get(start..run.end)?;
        start = run.end;
        (!own.is_empty()).then_some((run, own))
    })
}

/// Whether a sample comes after the newest of its series; `false` when it is that sample itself.
fn follows(newest: Option<&Entry>, entry: &Entry) -> Result<bool, AppendError> {
    match newest {
        Some(newest) if newest.timestamp < entry.timestamp => Ok(true),
        Some(newest) if newest.timestamp > entry.timestamp => Err(AppendError::OutOfOrder),
        Some(newest) if newest.value.same(&entry.value) => Ok(false),
        Some(_) => Err(AppendError::Duplicate),
        None => Ok(true),
    }
}

/// The hint under which a histogram will read. Chunks end with their block.
fn hint(
    newest: Option<&Entry>,
    timestamp: i64,
    histogram: &FloatHistogram,
    block_range_ms: i64,
) -> CounterResetHint {
    let same_block = |t: i64| t.div_euclid(block_range_ms) == timestamp.div_euclid(block_range_ms);
    let previous = newest.filter(|newest| same_block(newest.timestamp));
    stored_hint(previous.and_then(|newest| newest.value.histogram()), histogram)
}

impl Head {
    /// Adds samples outside any group and tells the series' groups that they are no longer alone.
    pub(crate) fn push_private(&self, series: &MemSeries, entries: impl Iterator<Item = Entry>) {
        let mut state = self.settled(series);
        if !series.shared.load(Ordering::Acquire) {
            series.shared.store(true, Ordering::Release);
            for group in state.owners.iter().filter_map(|(group, _)| group.upgrade()) {
                group.has_shared.store(true, Ordering::Release);
            }
        }
        let version = state.version;
        for entry in entries {
            state.push(entry, self.block_range_ms, &self.timelines);
        }
        let sealed = state.version.wrapping_sub(version);
        self.counters.chunks_created.fetch_add(u64::from(sealed), Ordering::Relaxed);
        if let Some(tail) = state.tail() {
            series.last_ms.fetch_max(tail.timestamp, Ordering::AcqRel);
        }
    }
}
