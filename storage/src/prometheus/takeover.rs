//! Taking over what Prometheus's head holds: its log, told again to ours, once.
//!
//! Nothing of Prometheus's is changed, so that it may be started again on the same directory. A file remembers
//! how long its files were; when Prometheus has written since, what is new is taken over too.

use super::Damage;
use super::head_chunks;
use super::late::LateSamples;
use super::segments::numbered;
use super::tombstones::Tombstones;
use super::wal::{RecordSink, each_record, read_record};
use crate::block::ServedBlock;
use crate::exemplar::Exemplar;
use crate::filenames;
use crate::head::append::Appender;
use crate::head::{AppendError, Head};
use crate::histogram::FloatHistogram;
use crate::io::Files;
use crate::labels::Labels;
use crate::query::{Columns, StorageError};
use foldhash::fast::RandomState;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Directory of the log of samples that came late.
const LATE_WAL_DIR: &str = "wbl";
/// Directory of the chunks of the head that were mapped.
const HEAD_CHUNKS_DIR: &str = "chunks_head";
/// Before the number of the last segment in it, the name of a checkpoint in the log's directory.
const CHECKPOINT: &str = "checkpoint.";
/// Samples that become visible together.
const BATCH: usize = 20_000;

/// What was taken over from Prometheus's head.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TakeoverReport {
    /// Series that its log names.
    pub series: usize,
    /// Samples that the head took.
    pub samples: u64,
    /// Exemplars that are stored.
    pub exemplars: usize,
    /// Blocks of samples that the head does not take any more.
    pub late_blocks: Vec<PathBuf>,
    /// Samples and exemplars of series that nobody names, and histograms that contradict themselves.
    pub dropped: u64,
    /// Damaged places.
    pub damage: Vec<Damage>,
}

/// What was there when it was taken over: lengths by path.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Marker {
    files: BTreeMap<String, u64>,
}

/// The files of Prometheus's head.
struct Source {
    /// Segments of the checkpoint and of the log, in order.
    log: Vec<PathBuf>,
    late_log: Vec<PathBuf>,
    head_chunks: Vec<PathBuf>,
    /// Segments between checkpoint and log are missing.
    gap: bool,
    marker: Marker,
}

impl Source {
    /// `None` when there is no log of Prometheus.
    fn find(files: &Files, dir: &Path) -> Result<Option<Self>, StorageError> {
        let listed = files.list(dir)?;
        let existing =
            |name| Some(dir.join(name)).filter(|dir| listed.iter().any(|one| one.is_dir && one.path == *dir));
        let numbers = |dir: Option<PathBuf>| dir.map_or(Ok(Vec::new()), |dir| numbered(files, &dir));
        let Some(log_dir) = existing(filenames::OLD_WAL_DIR) else { return Ok(None) };
        let checkpoints = files.list(&log_dir)?.into_iter().filter_map(|one| {
            let number = one.path.file_name()?.to_str()?.strip_prefix(CHECKPOINT)?.parse::<u64>().ok()?;
            one.is_dir.then_some((number, one.path))
        });
        let checkpoint = checkpoints.max();
        let covered = checkpoint.as_ref().map(|(number, _)| *number);
        let mut log = numbers(checkpoint.map(|(_, path)| path))?;
        let mut segments = numbers(Some(log_dir))?;
        segments.retain(|(number, _)| covered.is_none_or(|covered| *number > covered));
        let first = segments.first().map(|(number, _)| *number);
        let gap = covered.is_some_and(|covered| first.is_some_and(|first| first != covered + 1));
        log.append(&mut segments);
        let paths = |numbered: Vec<(u64, PathBuf)>| numbered.into_iter().map(|(_, path)| path).collect();
        let mut source = Self {
            log: paths(log),
            late_log: paths(numbers(existing(LATE_WAL_DIR))?),
            head_chunks: paths(numbers(existing(HEAD_CHUNKS_DIR))?),
            gap,
            marker: Marker::default(),
        };
        for path in source.log.iter().chain(&source.late_log).chain(&source.head_chunks) {
            let name = path.strip_prefix(dir).unwrap_or(path).to_string_lossy().into_owned();
            source.marker.files.insert(name, files.map(path)?.len() as u64);
        }
        Ok(Some(source))
    }
}

/// What the log names.
#[derive(Default)]
struct Known {
    labels: HashMap<u64, Labels, RandomState>,
    deleted: Tombstones<u64>,
}

impl RecordSink for Known {
    fn series(&mut self, series: u64, labels: Labels) {
        self.labels.insert(series, labels);
    }

    fn tombstone(&mut self, series: u64, interval: (i64, i64)) {
        self.deleted.add(series, interval);
    }
}

/// Takes the samples of the log to the head.
struct Samples<'a, 'b> {
    known: &'a Known,
    appender: Appender,
    late: &'a mut LateSamples<'b>,
    /// Older ones are in Prometheus's blocks, unless they came late.
    from_ms: i64,
    /// The log is that of samples that came late.
    is_late: bool,
    samples: u64,
    /// The newest exemplars, as many as are kept.
    exemplars: VecDeque<(Labels, Exemplar)>,
    exemplars_max: usize,
    dropped: u64,
    failed: Option<StorageError>,
}

enum Value {
    Float(f64),
    Histogram(Arc<FloatHistogram>),
}

impl Samples<'_, '_> {
    fn add(&mut self, series: u64, timestamp: i64, value: Value, start: i64) {
        if self.failed.is_some() {
            return;
        }
        let Some(labels) = self.known.labels.get(&series) else {
            self.dropped += 1;
            return;
        };
        let deleted = self.known.deleted.of(&series);
        if !self.is_late && timestamp < self.from_ms
            || deleted.iter().any(|(first, last)| (*first..=*last).contains(&timestamp))
        {
            return;
        }
        let staged = match &value {
            _ if self.is_late => Err(AppendError::OutOfBounds),
            Value::Float(value) => self.appender.append_started(labels, timestamp, *value, start),
            Value::Histogram(histogram) => {
                self.appender.append_histogram(labels, timestamp, Arc::clone(histogram), start)
            }
        };
        let result = match staged {
            Ok(()) if self.appender.len() >= BATCH => self.commit(),
            // What is older than the newest sample of its series was taken over before, or came late.
            Ok(()) | Err(AppendError::OutOfOrder | AppendError::Duplicate | AppendError::TooOld) => Ok(()),
            // Of a series that the head has no room for it is kept too.
            Err(AppendError::OutOfBounds | AppendError::TooManySeries(_) | AppendError::BudgetSpent(_)) => {
                match value {
                    Value::Float(value) => self.late.float(labels, (timestamp, value, start)),
                    Value::Histogram(histogram) => self.late.histogram(labels, (timestamp, histogram, start)),
                }
            }
            Err(AppendError::Histogram(_) | AppendError::UnknownSeries) => {
                self.dropped += 1;
                Ok(())
            }
            Err(AppendError::Storage(error)) => Err(error),
        };
        self.failed = result.err();
    }

    fn commit(&mut self) -> Result<(), StorageError> {
        self.samples += self.appender.commit().map_err(not_taken)? as u64;
        Ok(())
    }
}

/// Why the head does not take what it ought to: nobody else writes yet.
fn not_taken(error: AppendError) -> StorageError {
    match error {
        AppendError::Storage(error) => error,
        error => StorageError::Io {
            action: "take over what Prometheus's log holds".to_owned(),
            source: std::io::Error::other(error),
        },
    }
}

/// Stores exemplars; those that were taken over before are there already. How many are new.
fn take_exemplars(
    head: &Head,
    exemplars: impl IntoIterator<Item = (Labels, Exemplar)>,
) -> Result<usize, StorageError> {
    let known = |(labels, exemplar): (Labels, Exemplar)| {
        let series = head.find_encoded(labels.as_encoded());
        (labels, series, exemplar)
    };
    let staged = exemplars.into_iter().map(known).collect();
    Ok(head.append_exemplars(staged).map_err(not_taken)?.stored)
}

impl RecordSink for Samples<'_, '_> {
    fn float(&mut self, series: u64, timestamp: i64, value: f64, start: i64) {
        self.add(series, timestamp, Value::Float(value), start);
    }

    fn histogram(&mut self, series: u64, timestamp: i64, value: FloatHistogram, start: i64) {
        self.add(series, timestamp, Value::Histogram(Arc::new(value)), start);
    }

    fn exemplar(&mut self, series: u64, timestamp: i64, value: f64, labels: Labels) {
        if self.exemplars_max == 0 {
            return;
        }
        let Some(of) = self.known.labels.get(&series) else {
            self.dropped += 1;
            return;
        };
        if self.exemplars.len() == self.exemplars_max {
            self.exemplars.pop_front();
        }
        // The log does not say whether the source told the timestamp; without one Prometheus took that of the scrape.
        let exemplar = Exemplar { labels, value, timestamp, has_timestamp: false };
        self.exemplars.push_back((of.clone(), exemplar));
    }
}

fn read_all(
    files: &Files,
    segments: &[PathBuf],
    sink: &mut impl RecordSink,
    damage: &mut Vec<Damage>,
) -> Result<(), StorageError> {
    for path in segments {
        let bytes = files.map(path)?;
        let damaged = |offset, error: crate::codec::CodecError| {
            damage.push(Damage { path: path.clone(), offset, detail: error.to_string() });
        };
        each_record(&bytes, |record| read_record(record, sink), damaged);
    }
    Ok(())
}

/// Verifies the files of Prometheus's head, as [`crate::verify::verify_directory`] does.
///
/// # Errors
/// A directory cannot be listed, or a file cannot be read.
pub(crate) fn verify_head(
    files: &Files,
    dir: &Path,
    mut each: impl FnMut(&Path, &[Damage]),
) -> Result<(), StorageError> {
    let Some(source) = Source::find(files, dir)? else { return Ok(()) };
    for path in source.log.iter().chain(&source.late_log) {
        let mut damage = Vec::new();
        read_all(files, std::slice::from_ref(path), &mut Known::default(), &mut damage)?;
        each(path, &damage);
    }
    for path in &source.head_chunks {
        let bytes = files.map(path)?;
        let bad = |(offset, chunk): (u64, Result<_, crate::codec::CodecError>)| {
            let detail = chunk.err()?.to_string();
            Some(Damage { path: path.clone(), offset, detail })
        };
        let damage: Vec<Damage> = head_chunks::chunks(&bytes).filter_map(bad).collect();
        each(path, &damage);
    }
    Ok(())
}

/// Takes over what is in Prometheus's head, unless that was done; `None` when there is nothing to do. New blocks
/// are added to `blocks`.
///
/// # Errors
/// A file cannot be read or written. Damage is reported and read around.
pub(crate) fn take_over(
    files: &Files,
    dir: &Path,
    head: &Arc<Head>,
    blocks: &mut Vec<Arc<ServedBlock>>,
) -> Result<Option<TakeoverReport>, StorageError> {
    let Some(source) = Source::find(files, dir)? else { return Ok(None) };
    let marker_path = dir.join(filenames::TAKEOVER);
    if source.marker.files.is_empty() || read_marker(files, &marker_path).as_ref() == Some(&source.marker) {
        return Ok(None);
    }
    let mut report = TakeoverReport::default();
    let mut known = Known::default();
    read_all(files, &source.log, &mut known, &mut report.damage)?;
    report.series = known.labels.len();
    let theirs = blocks.iter().filter(|block| block.own().is_none() && block.bounds_the_head());
    let from_ms = theirs.map(|block| block.meta().max_time).max().unwrap_or(i64::MIN);
    let mut late = LateSamples::new(files, dir);
    let appender = Appender::new(Arc::clone(head), None);
    let mut samples = Samples {
        known: &known,
        appender,
        late: &mut late,
        from_ms,
        is_late: false,
        samples: 0,
        exemplars: VecDeque::new(),
        exemplars_max: head.exemplars.max(),
        dropped: 0,
        failed: None,
    };
    // Damage is met again where it was.
    read_all(files, &source.log, &mut samples, &mut Vec::new())?;
    samples.commit()?;
    samples.is_late = true;
    read_all(files, &source.late_log, &mut samples, &mut report.damage)?;
    (report.samples, report.dropped) = (samples.samples, samples.dropped);
    samples.failed.map_or(Ok(()), Err)?;
    report.exemplars = take_exemplars(head, samples.exemplars)?;
    if source.gap || !report.damage.is_empty() {
        fill_gaps(files, &source.head_chunks, &known, from_ms, &mut late, &mut report)?;
    }
    report.late_blocks = late.finish()?;
    for path in &report.late_blocks {
        blocks.push(Arc::new(ServedBlock::open(files, path)?));
    }
    head.wal.sync()?;
    let marker = serde_json::to_vec_pretty(&source.marker).map_err(|e| StorageError::Io {
        action: format!("encode {}", marker_path.display()),
        source: std::io::Error::other(e),
    })?;
    files.replace_durably(&marker_path, &marker)?;
    Ok(Some(report))
}

/// What damage of the log cost may still be in the chunks of the head.
fn fill_gaps(
    files: &Files,
    paths: &[PathBuf],
    known: &Known,
    from_ms: i64,
    late: &mut LateSamples<'_>,
    report: &mut TakeoverReport,
) -> Result<(), StorageError> {
    let mut samples = Columns::default();
    for path in paths {
        let bytes = files.map(path)?;
        for (offset, chunk) in head_chunks::chunks(&bytes) {
            let read = chunk.and_then(|chunk| {
                samples.clear();
                let from = if chunk.late { i64::MIN } else { from_ms };
                super::chunk::decode(chunk.encoding, chunk.bytes, (from, i64::MAX), &mut samples)?;
                Ok(chunk.series)
            });
            match read {
                Ok(series) => match known.labels.get(&series) {
                    Some(labels) => late.columns(labels, &samples, known.deleted.of(&series))?,
                    None => report.dropped += samples.len() as u64,
                },
                Err(error) => {
                    report.damage.push(Damage { path: path.clone(), offset, detail: error.to_string() });
                }
            }
        }
    }
    Ok(())
}

/// A marker that cannot be read is none: what is there already is not taken twice.
fn read_marker(files: &Files, path: &Path) -> Option<Marker> {
    serde_json::from_slice(&files.map(path).ok()?).ok()
}
