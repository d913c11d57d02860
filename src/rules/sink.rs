//! Where the samples of a rule go.

use narthex_promql::testing::{MemorySample, MemoryStore};
use narthex_storage::{AppendError, FloatHistogram, Labels, STALE_NAN};
use std::sync::{Arc, Mutex, PoisonError};

/// The value of a sample.
#[derive(Debug, Clone, PartialEq)]
pub enum OutputValue {
    /// A number.
    Float(f64),
    /// A native histogram.
    Histogram(Arc<FloatHistogram>),
}

/// A sample of a rule.
#[derive(Debug, Clone)]
pub struct Output {
    /// The series' number within its rule: small, and the same as long as the series lives.
    pub id: u32,
    /// The series.
    pub labels: Labels,
    /// The value.
    pub value: OutputValue,
}

/// What became of the samples of a rule.
#[derive(Debug, Default)]
pub struct Appended {
    /// Dropped: older than the newest sample of the series, or than what the store takes.
    pub out_of_order: usize,
    /// Dropped: another value for the same time.
    pub duplicate: usize,
    /// Dropped: older than what the store takes at all.
    pub too_old: usize,
    /// The first of the errors.
    pub error: Option<AppendError>,
}

impl Appended {
    /// Counts a sample that was not taken.
    pub fn refuse(&mut self, error: AppendError) {
        self.refuse_many(error, 1);
    }

    /// Counts samples that were not taken.
    pub fn refuse_many(&mut self, error: AppendError, count: usize) {
        match &error {
            AppendError::OutOfOrder => self.out_of_order += count,
            AppendError::Duplicate => self.duplicate += count,
            AppendError::OutOfBounds | AppendError::TooOld => self.too_old += count,
            _ => {}
        }
        self.error.get_or_insert(error);
    }
}

/// Takes the samples of one rule.
pub trait RuleSink: Send {
    /// Makes the samples of one evaluation visible together. `vanished` are the series that had a sample in the
    /// evaluation before and have none now: they end.
    ///
    /// # Errors
    /// Nothing could be stored. Samples that are dropped one by one are counted in the answer.
    fn append(
        &mut self,
        time_ms: i64,
        samples: &[Output],
        vanished: &[(u32, Labels)],
    ) -> Result<Appended, AppendError>;

    /// The series is forgotten: its number will be that of another one.
    fn forget(&mut self, id: u32);
}

/// Makes sinks.
pub trait Sinks: Send + Sync {
    /// A sink for one rule.
    fn sink(&self) -> Box<dyn RuleSink>;
}

/// Takes samples and keeps none.
#[derive(Debug, Clone, Copy, Default)]
pub struct NullSinks;

impl Sinks for NullSinks {
    fn sink(&self) -> Box<dyn RuleSink> {
        Box::new(NullSink)
    }
}

struct NullSink;

impl RuleSink for NullSink {
    fn append(&mut self, _: i64, _: &[Output], _: &[(u32, Labels)]) -> Result<Appended, AppendError> {
        Ok(Appended::default())
    }

    fn forget(&mut self, _: u32) {}
}

/// Keeps samples in memory, where rules that come later read them.
#[derive(Debug, Clone, Default)]
pub struct MemorySinks {
    /// The samples. A reader takes a clone, which is cheap.
    pub store: Arc<Mutex<MemoryStore>>,
}

impl MemorySinks {
    /// Adds to the samples that are there already.
    #[must_use]
    pub fn over(store: Arc<Mutex<MemoryStore>>) -> Self {
        Self { store }
    }
}

impl Sinks for MemorySinks {
    fn sink(&self) -> Box<dyn RuleSink> {
        Box::new(MemorySink(Arc::clone(&self.store)))
    }
}

struct MemorySink(Arc<Mutex<MemoryStore>>);

impl RuleSink for MemorySink {
    fn append(
        &mut self,
        time_ms: i64,
        samples: &[Output],
        vanished: &[(u32, Labels)],
    ) -> Result<Appended, AppendError> {
        let mut store = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut appended = Appended::default();
        for output in samples {
            let (value, histogram) = match &output.value {
                OutputValue::Float(value) => (*value, None),
                OutputValue::Histogram(histogram) => (f64::NAN, Some(Arc::clone(histogram))),
            };
            let sample = MemorySample { value, histogram, start: 0 };
            if let Err(error) = store.append(&output.labels, time_ms, &sample) {
                use narthex_promql::testing::MemoryStoreError::{Duplicate, Histogram, OutOfOrder};
                appended.refuse(match error {
                    OutOfOrder { .. } => AppendError::OutOfOrder,
                    Duplicate { .. } => AppendError::Duplicate,
                    Histogram { reason, .. } => AppendError::Histogram(reason),
                    _ => AppendError::UnknownSeries,
                });
            }
        }
        for (_, labels) in vanished {
            // Another rule may have gone on with the series.
            let _ =
                store.append(labels, time_ms, &MemorySample { value: STALE_NAN, histogram: None, start: 0 });
        }
        Ok(appended)
    }

    fn forget(&mut self, _: u32) {}
}
