//! Answers to questions about cardinality: the largest names, how they grew, and who brought them.

use super::counters::{Counters, INSTANCE, JOB};
use super::table::Row;
use super::{Dimension, usage::Usage};
use crate::db::{Db, Inner};
use crate::head::index::Index;
use crate::head::series::MemSeries;
use crate::labels::METRIC_NAME;
use crate::labels::matcher::Matcher;
use crate::query::StorageError;
use crate::query::postings::{Postings, resolve};
use roaring::RoaringBitmap;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// Series that are gone through where there are no counters; of more, an even share of so many.
const SCANNED_MAX: u64 = 100_000;
/// Series that are looked at to say who brought a name: for all names of an answer, and bounds for one.
const SAMPLES: usize = 1 << 15;
const SAMPLES_MIN: usize = 16;
const SAMPLES_MAX: usize = 1024;

/// A question about the series of the head.
#[derive(Debug, Clone)]
pub struct CardinalityQuery {
    /// By what to count.
    pub by: Dimension,
    /// Only series that match one of these sets; empty for all. With matchers growth is not known.
    pub matchers: Vec<Vec<Matcher>>,
    /// With pairs: only those of this label. Otherwise only series that have it. Empty for all.
    pub focus: String,
    /// The present, ms.
    pub now_ms: i64,
    /// How long ago to compare with, ms.
    pub compare_ms: i64,
    /// Names to answer with.
    pub limit: usize,
    /// Names that are wanted however little they count.
    pub also: Vec<(String, String)>,
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CardinalityReport {
    /// Series counted.
    pub total: u64,
    /// With what is compared: time, ms, and series then.
    pub compared: Option<(i64, u64)>,
    /// Different names; when not exact, those that are kept.
    pub names: usize,
    /// The names that count most, the first first.
    pub rows: Vec<CardinalityRow>,
    /// Whether every count and growth is exact.
    pub exact: bool,
}

/// What one name counts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CardinalityRow {
    /// The name: the second part is the value of a pair and the instance of a target, else empty.
    pub name: (String, String),
    /// Series.
    pub series: u64,
    /// Growth since the moment that is compared with; at least that where the answer is not exact.
    pub delta: Option<i64>,
    /// What the series take in memory without their samples, about, bytes. Of a label pair that others have too they take
    /// their share, which of many series is that of some of them.
    pub bytes: u64,
    /// Values of a label.
    pub values: Option<u64>,
    /// The job that brought most of the series.
    pub top_job: Option<String>,
    /// The label that tells most of the series apart.
    pub top_label: Option<String>,
    /// When the metric was queried last, seconds since the epoch.
    pub last_queried: Option<u32>,
}

impl Db {
    /// Which names the series of the head have, and how many have each.
    ///
    /// # Errors
    /// The matchers cannot be resolved.
    pub fn cardinality(&self, query: &CardinalityQuery) -> Result<CardinalityReport, StorageError> {
        report(&self.inner, query)
    }

    /// Notes that a metric was queried, with the time in seconds since the epoch.
    pub fn note_queried(&self, metric: &str, seconds: u32) {
        self.inner.cardinality.note_queried(metric, seconds);
    }
}

/// The series that a question is about, where that is not all of them.
struct Chosen {
    ids: RoaringBitmap,
    counters: Counters,
    scale: u64,
}

fn report(db: &Inner, query: &CardinalityQuery) -> Result<CardinalityReport, StorageError> {
    let chosen = choose(db, query)?;
    let index = db.head.index();
    let (counters, scale) = chosen.as_ref().map_or((&index.counters, 1), |c| (&c.counters, c.scale));
    let table = counters.table(query.by);
    let focused = query.by == Dimension::Pair && !query.focus.is_empty();
    let mut rows = table.top(query.limit, |name| !focused || name.0 == query.focus);
    for (a, b) in &query.also {
        if !rows.iter().any(|row| row.name() == (a, b)) {
            rows.push(table.get((a, b)).unwrap_or_else(|| Row::new((a, b), 0, 0)));
        }
    }
    let names = if focused { index.value_count(&query.focus) } else { table.len() };
    let mut exact = table.is_exact() && scale == 1;
    let total = chosen.as_ref().map_or(counters.series(), |chosen| chosen.ids.len());
    let counted = chosen.as_ref().map(|chosen| chosen.counters.values());
    let values = |row: &Row| match &counted {
        Some(counted) => counted.get(row.name().0).copied().unwrap_or(0),
        None => index.value_count(row.name().0) as u64,
    };
    let each = (SAMPLES / rows.len().max(1)).clamp(SAMPLES_MIN, SAMPLES_MAX);
    let mut details = Vec::with_capacity(rows.len());
    for row in &rows {
        let mut ids = ids_of(&index, query.by, row)?;
        if let Some(chosen) = &chosen {
            ids &= &chosen.ids;
        }
        let values = (query.by == Dimension::Label).then(|| values(row));
        details.push((values, sample(&index, &ids, each)));
    }
    drop(index);
    let mut answer: Vec<CardinalityRow> = rows
        .iter()
        .zip(details)
        .map(|(row, (values, samples))| {
            describe(query.by, row, scale, values, &samples, &db.cardinality.usage)
        })
        .collect();
    let mut compared = None;
    if chosen.is_none() {
        let history = db.cardinality.history();
        if let Some(snapshot) = history.at(query.now_ms.saturating_sub(query.compare_ms)) {
            compared = Some((snapshot.at_ms, snapshot.total));
            let then = history.then(snapshot, query.by);
            for row in &mut answer {
                let (count, known) = then.count((&row.name.0, &row.name.1));
                exact &= known;
                row.delta = Some(row.series as i64 - count as i64);
            }
        }
    }
    Ok(CardinalityReport { total, compared, names, rows: answer, exact })
}

/// Counts the series that the question is about, when they are not all.
fn choose(db: &Inner, query: &CardinalityQuery) -> Result<Option<Chosen>, StorageError> {
    let by_label = !query.focus.is_empty() && query.by != Dimension::Pair;
    if query.matchers.is_empty() && !by_label {
        return Ok(None);
    }
    let (ids, series, scale) = {
        let index = db.head.index();
        let mut ids = if query.matchers.is_empty() { index.everything() } else { RoaringBitmap::new() };
        for matchers in &query.matchers {
            ids |= resolve(&*index, matchers)?;
        }
        if by_label {
            ids &= index.with_name(&query.focus)?;
        }
        let scale = ids.len().div_ceil(SCANNED_MAX).max(1);
        let some: RoaringBitmap = match usize::try_from(scale) {
            Ok(step) if step > 1 => ids.iter().step_by(step).collect(),
            _ => ids.clone(),
        };
        let series: Vec<Arc<MemSeries>> = index.pick(&some).cloned().collect();
        (ids, series, scale)
    };
    let mut counters = Counters::default();
    series.iter().for_each(|one| counters.add(&one.labels));
    Ok(Some(Chosen { ids, counters, scale }))
}

/// The series that have the name.
fn ids_of(index: &Index, by: Dimension, row: &Row) -> Result<RoaringBitmap, StorageError> {
    let (a, b) = row.name();
    match by {
        Dimension::Metric => having(index, METRIC_NAME, a),
        Dimension::Label => index.with_name(a),
        Dimension::Pair => index.with_value(a, b),
        Dimension::Job => having(index, JOB, a),
        Dimension::Target => Ok(having(index, JOB, a)? & having(index, INSTANCE, b)?),
    }
}

/// The series in which a label has a value; without one, those that do not have the label.
fn having(index: &Index, label: &str, value: &str) -> Result<RoaringBitmap, StorageError> {
    if value.is_empty() {
        Ok(index.everything() - index.with_name(label)?)
    } else {
        index.with_value(label, value)
    }
}

/// An even share of some series.
fn sample(index: &Index, ids: &RoaringBitmap, most: usize) -> Vec<Arc<MemSeries>> {
    let (len, most) = (ids.len(), most as u64);
    if len <= most {
        return index.pick(ids).cloned().collect();
    }
    let picked = (0..most).filter_map(|n| ids.select(u32::try_from(n * len / most).ok()?));
    picked.filter_map(|id| index.get(id).cloned()).collect()
}

fn describe(
    by: Dimension,
    row: &Row,
    scale: u64,
    values: Option<u64>,
    samples: &[Arc<MemSeries>],
    usage: &Usage,
) -> CardinalityRow {
    let (a, b) = row.name();
    let mut jobs: HashMap<&str, usize> = HashMap::new();
    let mut labels: HashMap<&str, HashSet<&str>> = HashMap::new();
    for (name, value) in samples.iter().flat_map(|series| series.labels.iter()) {
        match name {
            METRIC_NAME => {}
            JOB => *jobs.entry(value).or_default() += 1,
            _ => {
                labels.entry(name).or_default().insert(value);
            }
        }
    }
    // Of equals the first by name: answers do not change from one time to the next.
    let top_job =
        jobs.iter().max_by_key(|(job, count)| (**count, std::cmp::Reverse(**job))).map(|(job, _)| *job);
    labels.retain(|_, values| values.len() > 1);
    let most = labels.iter().max_by_key(|(name, values)| (values.len(), std::cmp::Reverse(**name)));
    let top_label = most.map(|(name, _)| *name).filter(|_| by != Dimension::Label);
    let shared: f64 = samples.iter().map(|series| series.labels.shared_bytes()).sum();
    let shared = shared / samples.len().max(1) as f64 * (row.series * scale) as f64;
    CardinalityRow {
        name: (a.to_owned(), b.to_owned()),
        series: row.series * scale,
        delta: None,
        bytes: row.bytes * scale + shared.round() as u64,
        values,
        top_job: top_job.map(str::to_owned),
        top_label: top_label.map(str::to_owned),
        last_queried: if by == Dimension::Metric { usage.last(a) } else { None },
    }
}
