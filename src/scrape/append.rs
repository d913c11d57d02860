//! From a page to a row: target labels, metric relabelling, limits, staleness, report series.
//!
//! All samples of a scrape and its report become one row of the target's group, so that a query sees all
//! of them or none, and one record of the write-ahead log carries them.

use super::buffers;
use super::cache::{Described, Exemplars, LayoutCache, Resolved, Sink, Target};
use super::exposition::negotiate::{ContentTypeError, format_of};
use super::exposition::{
    Entry, ExposedExemplar, Exposition, Format, MetricType, ParseError, Sample, parse_labels, unescape_help,
};
use super::series_labels::labels_of;
use super::series_table::SeriesTable;
use narthex_storage::{
    AppendError, Appender, Db, Exemplar, ExemplarAppender, Group, Labels, LabelsBuilder, Row, RowOutcome,
    STALE_NAN, SeriesBudget, Slot, StorageError,
};
use std::collections::BTreeMap;
use std::sync::Arc;

const NAME: &str = "__name__";
/// Samples this far ahead of the scrape are out of bounds, ms.
const AHEAD_MAX_MS: i64 = 600_000;

/// Changes a series' labels; `false` drops the series.
pub type MetricRelabel = Arc<dyn Fn(&mut LabelsBuilder) -> bool + Send + Sync>;

/// Limits of a scrape; 0 sets none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Limits {
    /// Samples after relabelling.
    pub samples: usize,
    /// Labels of a series.
    pub labels: usize,
    /// Length of a label's name, bytes.
    pub label_name_length: usize,
    /// Length of a label's value, bytes.
    pub label_value_length: usize,
}

/// How a target's pages are taken.
#[derive(Clone)]
pub struct ScrapeSettings {
    /// The labels that every sample gets.
    pub target: Labels,
    /// Exposed labels win over the target's.
    pub honor_labels: bool,
    /// Exposed timestamps count.
    pub honor_timestamps: bool,
    /// Series with timestamps of their own end when they vanish.
    pub track_timestamps_staleness: bool,
    /// Names are restricted to those of before Prometheus 3.
    pub legacy_names: bool,
    /// Limits.
    pub limits: Limits,
    /// The protocol of answers that do not tell theirs.
    pub fallback_protocol: Option<String>,
    /// `scrape_timeout_seconds` and its kin are reported.
    pub extra_metrics: bool,
    /// Series get `__type__` and `__unit__`, as their page describes them.
    pub type_and_unit: bool,
    /// `metric_relabel_configs`; `None` when there are none.
    pub metric_relabel: Option<MetricRelabel>,
    /// What the series count towards; `None` for none but that of the database.
    pub budget: Option<Arc<SeriesBudget>>,
}

/// Why a scrape brought nothing.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ScrapeError {
    /// The answer's format is unknown.
    #[error(transparent)]
    ContentType(#[from] ContentTypeError),
    /// The page is malformed.
    #[error(transparent)]
    Parse(#[from] ParseError),
    /// A series or the page is beyond a limit, or has no valid labels.
    #[error("{0}")]
    Refused(String),
    /// The store failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// What a page brought, counted up to the first error.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Samples exposed.
    pub scraped: usize,
    /// Samples left after relabelling.
    pub post_relabel: usize,
    /// Series that the target did not have before.
    pub added: usize,
    /// Dropped: older than the newest sample of their series.
    pub out_of_order: usize,
    /// Dropped: another value for the same series and time.
    pub duplicate: usize,
    /// Dropped: too old, or too far in the future.
    pub out_of_bounds: usize,
    /// Left out: the series would be new, and there is no room for it.
    pub refused: usize,
    /// Exemplars that were dropped: older than others of their series.
    pub exemplars_out_of_order: usize,
}

/// What is reported about a scrape besides the counts.
#[derive(Debug, Clone, Copy, Default)]
pub struct Report {
    /// Whether it succeeded.
    pub up: bool,
    /// How long it took, seconds.
    pub duration_s: f64,
    /// Its timeout, seconds.
    pub timeout_s: f64,
    /// Bytes of the page; -1 over the limit.
    pub body_bytes: f64,
}

/// Type, help and unit of a metric.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetadataEntry {
    /// Metric.
    pub metric: String,
    /// Type.
    pub kind: MetricType,
    /// Help, unescaped.
    pub help: String,
    /// Unit, usually empty.
    pub unit: String,
}

/// The report series, in the order of their values.
const REPORT: &[&str] = &[
    "up",
    "scrape_duration_seconds",
    "scrape_samples_scraped",
    "scrape_samples_post_metric_relabeling",
    "scrape_series_added",
];
/// Those that a setting adds.
const REPORT_EXTRA: &[&str] = &["scrape_timeout_seconds", "scrape_sample_limit", "scrape_body_size_bytes"];

/// Takes the pages of one target, one after the other.
pub struct ScrapeAppender {
    settings: ScrapeSettings,
    group: Arc<Group>,
    appender: Appender,
    /// Without memory of its own between scrapes.
    row: Row,
    cache: LayoutCache,
    series: SeriesTable,
    report: Vec<Slot>,
    counts: Counts,
    exemplars: ExemplarAppender,
    /// What [`ExemplarAppender::changes`] told when the last page was read, if the store was told its exemplars.
    exemplars_told: Option<u64>,
    exemplars_changes: u64,
}

impl ScrapeAppender {
    /// An appender for one target.
    ///
    /// # Errors
    /// The store failed.
    pub fn new(db: &Db, settings: ScrapeSettings) -> Result<Self, AppendError> {
        let (group, appender) = match &settings.budget {
            Some(budget) => (db.create_group_within(budget), db.appender_within(budget)),
            None => (db.create_group(), db.appender()),
        };
        let names = REPORT.iter().chain(settings.extra_metrics.then_some(REPORT_EXTRA).into_iter().flatten());
        let mut report = Vec::new();
        for name in names {
            let mut labels = LabelsBuilder::from_labels(&settings.target);
            // A target that is out of room still says so.
            report.push(group.register_always(&labels.set(NAME, name).build())?);
        }
        let cache = LayoutCache::new(settings.honor_timestamps, settings.type_and_unit);
        Ok(Self {
            settings,
            group,
            appender,
            row: Row::new(),
            cache,
            series: SeriesTable::default(),
            report,
            counts: Counts::default(),
            exemplars: db.exemplar_appender(),
            exemplars_told: None,
            exemplars_changes: 0,
        })
    }

    /// Whether another configuration's pages can go on with what is known of the series.
    #[must_use]
    pub fn continues(&self, settings: &ScrapeSettings) -> bool {
        let (a, b) = (&self.settings, settings);
        let same_relabel = match (&a.metric_relabel, &b.metric_relabel) {
            (None, None) => true,
            (Some(a), Some(b)) => Arc::ptr_eq(a, b),
            _ => false,
        };
        let limits = |s: &ScrapeSettings| Limits { samples: 0, ..s.limits };
        let same_budget = match (&a.budget, &b.budget) {
            (None, None) => true,
            (Some(a), Some(b)) => Arc::ptr_eq(a, b),
            _ => false,
        };
        same_relabel
            && same_budget
            && a.target == b.target
            && limits(a) == limits(b)
            && (a.honor_labels, a.honor_timestamps, a.track_timestamps_staleness, a.legacy_names)
                == (b.honor_labels, b.honor_timestamps, b.track_timestamps_staleness, b.legacy_names)
            && (a.extra_metrics, a.type_and_unit) == (b.extra_metrics, b.type_and_unit)
    }

    /// Goes on with settings for which [`Self::continues`] holds.
    pub fn set_settings(&mut self, settings: ScrapeSettings) {
        self.settings = settings;
    }

    /// Counts of the page that was read last.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Reads a page of time `timestamp` (ms). Nothing is stored before [`Self::finish`].
    ///
    /// # Errors
    /// The page is refused as a whole.
    pub fn ingest(
        &mut self,
        body: &[u8],
        content_type: Option<&str>,
        timestamp: i64,
    ) -> Result<(), ScrapeError> {
        self.begin();
        let format = format_of(content_type, self.settings.fallback_protocol.as_deref())?;
        let page = Exposition::new(body, format);
        self.exemplars_changes = self.exemplars.changes();
        // Most pages show the exemplars of the last one again.
        let wanted = match self.exemplars_told.take() {
            _ if !self.exemplars.is_on() => Exemplars::None,
            Some(told) if told == self.exemplars_changes => Exemplars::New,
            _ => Exemplars::All,
        };
        let mut sink = RowSink {
            settings: &self.settings,
            group: &self.group,
            series: &mut self.series,
            row: &mut self.row,
            appender: &mut self.appender,
            counts: &mut self.counts,
            exemplars: &mut self.exemplars,
            wanted,
            timestamp,
            ahead_max: timestamp.saturating_add(AHEAD_MAX_MS),
            beyond_limit: false,
        };
        let read = self.cache.read(&page, &mut sink);
        let beyond_limit = sink.beyond_limit;
        if read.is_err() {
            // These were never stored.
            self.series.vanished.clear();
        }
        read?;
        if beyond_limit {
            return Err(ScrapeError::Refused("sample limit exceeded".to_owned()));
        }
        Ok(())
    }

    /// Forgets the page that was read before: the request failed, or a new one comes.
    pub fn begin(&mut self) {
        if self.row.slots() == 0 {
            self.row = buffers::take_row();
        }
        self.row.clear();
        self.appender.rollback();
        self.exemplars.rollback();
        self.counts = Counts::default();
    }

    /// Stores the page that was read, or ends every series when it was refused, with its report.
    ///
    /// # Errors
    /// The store failed; nothing of the scrape is kept.
    pub fn finish(&mut self, timestamp: i64, report: &Report) -> Result<RowOutcome, AppendError> {
        if !report.up {
            self.row.clear();
            self.appender.rollback();
            self.exemplars.rollback();
        }
        self.end_vanished_stamped(timestamp, report.up);
        let values = [
            f64::from(u8::from(report.up)),
            report.duration_s,
            self.counts.scraped as f64,
            self.counts.post_relabel as f64,
            self.counts.added as f64,
            report.timeout_s,
            self.settings.limits.samples as f64,
            report.body_bytes,
        ];
        for (slot, value) in self.report.iter().zip(values) {
            self.row.set(*slot, value);
        }
        let appended = self.group.append_row(timestamp, &self.row);
        buffers::give_row(std::mem::take(&mut self.row));
        let outcome = appended?;
        self.counts.out_of_order += outcome.out_of_order;
        self.counts.duplicate += outcome.duplicate;
        self.counts.out_of_bounds += outcome.out_of_bounds;
        self.appender.commit()?;
        self.counts.exemplars_out_of_order = self.exemplars.commit()?.out_of_order;
        self.exemplars_told = report.up.then_some(self.exemplars_changes);
        Ok(outcome)
    }

    /// Ends every series, those of the report too: the target is gone.
    ///
    /// # Errors
    /// The store failed.
    pub fn end_of_run(&mut self, timestamp: i64) -> Result<(), AppendError> {
        self.begin();
        self.end_vanished_stamped(timestamp, false);
        self.group.append_stale(timestamp)?;
        self.appender.commit()?;
        Ok(())
    }

    /// Staleness markers for series with timestamps of their own that the page does not have any more.
    fn end_vanished_stamped(&mut self, timestamp: i64, up: bool) {
        if !self.settings.track_timestamps_staleness {
            self.series.vanished.clear();
            return;
        }
        if !up {
            for stamped in self.series.stamped.iter_mut().flatten() {
                if std::mem::take(&mut stamped.present) {
                    self.series.vanished.push(stamped.labels.clone());
                }
            }
        }
        for labels in self.series.vanished.drain(..) {
            // A marker that is out of order says nothing new.
            let _ = self.appender.append(&labels, timestamp, STALE_NAN);
        }
    }

    /// Whether [`Self::metadata`] may have changed since this was asked last.
    pub fn take_metadata_changed(&mut self) -> bool {
        self.cache.take_comments_changed()
    }

    /// Type, help and unit of the metrics of the last good page, by name.
    #[must_use]
    pub fn metadata(&self) -> Vec<MetadataEntry> {
        let mut found: BTreeMap<String, MetadataEntry> = BTreeMap::new();
        for line in self.cache.comments() {
            // What is no comment of OpenMetrics is none that says something.
            let Ok((entry, _)) = Exposition::new(line, Format::OpenMetrics)
                .entry(0)
                .or_else(|_| Exposition::new(line, Format::Text).entry(0))
            else {
                continue;
            };
            let (Entry::Type { metric, .. } | Entry::Help { metric, .. } | Entry::Unit { metric, .. }) =
                entry
            else {
                continue;
            };
            let metric = String::from_utf8_lossy(metric).into_owned();
            let place = found.entry(metric.clone()).or_insert_with(|| MetadataEntry {
                metric,
                kind: MetricType::Unknown,
                help: String::new(),
                unit: String::new(),
            });
            match entry {
                Entry::Type { kind, .. } => place.kind = kind,
                Entry::Help { text, .. } => place.help = unescape_help(text),
                Entry::Unit { unit, .. } => place.unit = String::from_utf8_lossy(unit).into_owned(),
                _ => {}
            }
        }
        found.into_values().collect()
    }
}

/// Puts samples into the row.
struct RowSink<'a> {
    settings: &'a ScrapeSettings,
    group: &'a Arc<Group>,
    series: &'a mut SeriesTable,
    row: &'a mut Row,
    appender: &'a mut Appender,
    counts: &'a mut Counts,
    exemplars: &'a mut ExemplarAppender,
    wanted: Exemplars,
    /// Of the scrape, ms.
    timestamp: i64,
    ahead_max: i64,
    beyond_limit: bool,
}

impl Sink for RowSink<'_> {
    type Error = ScrapeError;

    fn resolve(&mut self, sample: &Sample<'_>, described: Described<'_>) -> Result<Resolved, ScrapeError> {
        let alone = |target| Resolved { target, shared: false };
        let Some(labels) = labels_of(self.settings, sample.series, described)? else {
            return Ok(alone(Target::Dropped));
        };
        let resolved = if sample.timestamp.is_some() {
            self.group.admit(&labels).map(|()| alone(Target::Stamped(self.series.add_stamped(labels))))
        } else {
            self.group.register(&labels).map(|slot| {
                let shared = self.series.slot(slot.index() as u32).is_some();
                Resolved { target: Target::Row(self.series.use_slot(slot)), shared }
            })
        };
        match resolved {
            Err(error) if error.is_no_room() => Ok(alone(Target::Refused)),
            Err(error) => Err(ScrapeError::Refused(error.to_string())),
            Ok(resolved) => {
                self.counts.added += 1;
                Ok(resolved)
            }
        }
    }

    fn exemplars(&self) -> Exemplars {
        self.wanted
    }

    #[cold]
    fn exemplar(&mut self, target: Target, exposed: &ExposedExemplar<'_>, timestamp: Option<i64>) {
        let mut labels = LabelsBuilder::new();
        parse_labels(exposed.labels, |name, value| {
            labels.set(name, value);
        });
        let exemplar = Exemplar {
            labels: labels.build(),
            value: exposed.value,
            timestamp: exposed.timestamp.or(timestamp).unwrap_or(self.timestamp),
            has_timestamp: exposed.timestamp.is_some(),
        };
        // One whose series the head has not taken has nowhere to stand.
        let _ = match target {
            Target::Row(index) => match self.series.slot(index) {
                Some(slot) => self.exemplars.stage_slot(self.group, slot, exemplar),
                None => Ok(()),
            },
            Target::Stamped(id) => match self.series.stamped(id) {
                Some(stamped) if stamped.present => self.exemplars.stage(&stamped.labels, exemplar),
                _ => Ok(()),
            },
            Target::Dropped | Target::Refused | Target::Comment => Ok(()),
        };
    }

    fn revoke(&mut self, target: Target) {
        self.counts.added -= 1;
        // Another line uses what is shared, so that nothing ends here.
        self.release(target);
    }

    fn refused(&mut self) {
        self.counts.scraped += 1;
        self.counts.refused += 1;
        self.count_relabelled();
    }

    fn room(&self) -> u64 {
        self.group.room()
    }

    #[inline]
    fn sample(&mut self, target: Target, value: f64, timestamp: Option<i64>) {
        self.counts.scraped += 1;
        match target {
            Target::Row(index) => {
                if let Some(slot) = self.series.slot(index)
                    && !self.row.set(slot, value)
                {
                    self.counts.duplicate += 1;
                }
            }
            Target::Stamped(id) => self.stamped(id, value, timestamp),
            Target::Dropped | Target::Refused | Target::Comment => return,
        }
        self.count_relabelled();
    }

    fn release(&mut self, target: Target) {
        match target {
            Target::Row(index) => {
                if let Some(slot) = self.series.drop_slot(index) {
                    self.group.release(slot);
                }
            }
            Target::Stamped(id) => self.series.drop_stamped(id),
            Target::Dropped | Target::Refused | Target::Comment => {}
        }
    }
}

impl RowSink<'_> {
    /// Counts a sample that relabelling left, against the limit.
    #[inline]
    fn count_relabelled(&mut self) {
        self.counts.post_relabel += 1;
        let limit = self.settings.limits.samples;
        self.beyond_limit |= limit > 0 && self.counts.post_relabel > limit;
    }

    fn stamped(&mut self, id: u32, value: f64, timestamp: Option<i64>) {
        let (Some(stamped), Some(timestamp)) = (self.series.stamped(id), timestamp) else { return };
        let result = if timestamp > self.ahead_max {
            Err(AppendError::OutOfBounds)
        } else {
            self.appender.append(&stamped.labels, timestamp, value)
        };
        match result {
            Err(AppendError::OutOfOrder) => self.counts.out_of_order += 1,
            Err(AppendError::Duplicate) => self.counts.duplicate += 1,
            // The head let the series go while the page still had it.
            Err(error) if error.is_no_room() => self.counts.refused += 1,
            Err(_) => self.counts.out_of_bounds += 1,
            Ok(()) => stamped.present = true,
        }
    }
}

#[cfg(test)]
#[path = "append_tests.rs"]
mod tests;
