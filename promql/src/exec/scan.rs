//! Reading stored series: instant selectors, and functions over ranges of stored samples.
//!
//! Batches of series are decoded and evaluated side by side on the pool, and leave in the order of the series.

use super::downsampled;
use super::grid::Grid;
use super::selection::Selection;
use super::unique::drop_names;
use super::{Context, Meta, Node, Operator, Part, Scope, pool};
use crate::annotations::Annotations;
use crate::batch::{Batch, ColumnMut};
use crate::budget::{Budget, Charge, StepCounts};
use crate::engine::{CancelToken, EngineError};
use crate::functions::input::{RangeInput, RangeKernel};
use crate::functions::smoothing;
use crate::functions::stats::to_stats;
use crate::syntax::ast::{Bounds, Span, VectorSelector};
use narthex_storage::{Columns, is_stale_nan};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};

/// Values that a batch holds: enough to pay for handing it over, small enough for a core's cache.
const BATCH_VALUES: usize = 16 * 1024;
/// Series that a batch holds at most.
const BATCH_SERIES: usize = 512;
/// A scan of no more than so many values stays on the thread that asks for it.
const TINY_VALUES: usize = 2048;
/// A series counts as at least so many values: it has to be found and decoded however few steps there are.
const TINY_STEPS: usize = 16;
/// Batches that each thread prepares ahead.
const AHEAD: usize = 2;

/// What becomes of a series' samples.
enum Work {
    /// The newest sample within the lookback at each step.
    Newest(Pick),
    /// An instant selector that interpolates.
    Smoothed,
    /// A function over the window of each step.
    Windows { kernel: RangeKernel, range_ms: i64, bounds: Bounds, params: Vec<Vec<f64>> },
}

/// What of the newest sample is the result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pick {
    /// Its value.
    Value,
    /// Its timestamp, seconds.
    Timestamp,
    /// Its timestamp, seconds, of a number; a histogram is an error.
    InfoTime,
    /// Its start timestamp, seconds, 0 for a sample without.
    Start,
}

/// Everything that is the same for all series of a scan.
struct Job {
    /// Tells the jobs of a process apart.
    id: u64,
    /// The function that reads, empty for none.
    function: &'static str,
    work: Work,
    ends: Vec<i64>,
    times: Vec<i64>,
    reach: (i64, i64),
    ahead_ms: i64,
    lookback_ms: i64,
    span: Span,
    stats_only: bool,
    use_starts: bool,
    type_and_unit: bool,
}

struct Scan {
    selection: Vec<Box<dyn narthex_storage::Series>>,
    series: Vec<Meta>,
    job: Job,
    /// Series handed out or being prepared so far.
    at: usize,
    ready: VecDeque<Part>,
    _charge: Charge,
}

/// An instant selector.
pub(crate) fn instant<'a>(
    cx: &Context<'a>,
    selector: &'a VectorSelector,
    scope: Scope,
) -> Result<Node<'a>, EngineError> {
    let work = match selector.bounds {
        Bounds::Smoothed => Work::Smoothed,
        _ => Work::Newest(Pick::Value),
    };
    let range = (selector.bounds == Bounds::Smoothed).then_some(0);
    let selection = Selection::of(cx, selector, range, "", scope)?;
    Ok(Context::vector(Scan::new(cx, selection, ("", work), selector.span, scope)))
}

/// The timestamps, or start timestamps, of an instant selector's samples.
pub(crate) fn timestamps<'a>(
    cx: &Context<'a>,
    selector: &'a VectorSelector,
    pick: Pick,
    scope: Scope,
) -> Result<Node<'a>, EngineError> {
    let selection = Selection::of(cx, selector, None, "timestamp", scope)?;
    let mut scan = Scan::new(cx, selection, ("timestamp", Work::Newest(pick)), selector.span, scope);
    // Nothing of a histogram but its time is asked for.
    scan.job.stats_only = false;
    Ok(Node::Vector(drop_names(cx, Box::new(scan), scope)))
}

/// The timestamps of info series' samples, which have to be numbers.
pub(crate) fn info_times<'a>(
    cx: &Context<'a>,
    selector: &VectorSelector,
    scope: Scope,
) -> Result<Box<dyn Operator + 'a>, EngineError> {
    let selection = Selection::of(cx, selector, None, "info", scope)?;
    Ok(Box::new(Scan::new(cx, selection, ("info", Work::Newest(Pick::InfoTime)), selector.span, scope)))
}

/// A function over the windows of a range selector.
pub(crate) struct RangeCall {
    pub(crate) name: &'static str,
    pub(crate) kernel: RangeKernel,
    pub(crate) range_ms: i64,
    pub(crate) params: Vec<Vec<f64>>,
    /// Place of the range vector.
    pub(crate) span: Span,
}

/// Reads a range selector through a function; names are left as they are.
pub(crate) fn windows<'a>(
    cx: &Context<'a>,
    selector: &'a VectorSelector,
    call: RangeCall,
    scope: Scope,
) -> Result<Box<dyn Operator + 'a>, EngineError> {
    let selection = Selection::of(cx, selector, Some(call.range_ms), call.name, scope)?;
    let (kernel, range_ms, params) = (call.kernel, call.range_ms, call.params);
    let work = Work::Windows { kernel, range_ms, bounds: selector.bounds, params };
    Ok(Box::new(Scan::new(cx, selection, (call.name, work), call.span, scope)))
}

impl Scan {
    fn new(
        cx: &Context<'_>,
        selection: Selection,
        (function, work): (&'static str, Work),
        span: Span,
        scope: Scope,
    ) -> Self {
        static JOBS: AtomicU64 = AtomicU64::new(1);
        let job = Job {
            id: JOBS.fetch_add(1, Ordering::Relaxed),
            function,
            work,
            ends: selection.ends,
            times: scope.steps.times(),
            reach: selection.reach,
            ahead_ms: selection.ahead_ms,
            lookback_ms: cx.lookback_ms,
            span,
            stats_only: scope.wants_stats && !scope.needs_buckets,
            use_starts: cx.options.use_start_timestamps,
            type_and_unit: cx.options.type_and_unit_labels,
        };
        Self {
            selection: selection.series,
            series: selection.metas,
            job,
            at: 0,
            ready: VecDeque::new(),
            _charge: selection.charge,
        }
    }
}

impl Operator for Scan {
    fn series(&self) -> &[Meta] {
        &self.series
    }

    fn next(&mut self, cx: &Context<'_>) -> Result<Option<Part>, EngineError> {
        if let Some(part) = self.ready.pop_front() {
            return Ok(Some(part));
        }
        let left = self.selection.len() - self.at.min(self.selection.len());
        if left == 0 {
            return Ok(None);
        }
        cx.cancel.check()?;
        let size = (BATCH_VALUES / self.job.ends.len().max(1)).clamp(1, BATCH_SERIES);
        let steps = self.job.ends.len();
        // Short scans are cut finer, so that every thread gets its share; tiny ones are not worth waking any.
        let size = match left * steps.max(TINY_STEPS) <= TINY_VALUES {
            true => left,
            false => size.min(left.div_ceil(pool::width())).max(1),
        };
        let count = left.div_ceil(size).min(pool::width() * AHEAD);
        let (at, job, budget, cancel) = (self.at, &self.job, &cx.budget, &cx.cancel);
        let (selection, metas) = (&self.selection, &self.series);
        let batches = pool::map(count, |i| {
            let first = at + i * size;
            let end = (first + size).min(selection.len());
            let series = selection.get(first..end).unwrap_or_default();
            let metas = metas.get(first..end).unwrap_or_default();
            job.batch(series, metas, first, budget, cancel)
        });
        self.at = (at + count * size).min(self.selection.len());
        for batch in batches {
            let (part, notes) = batch?;
            cx.merge_notes(notes);
            self.ready.push_back(part);
        }
        // What is read is not needed again.
        for series in self.selection.get_mut(at..self.at).unwrap_or_default() {
            *series = Box::new(Done);
        }
        Ok(self.ready.pop_front())
    }
}

/// Stands where a series was that has been read, so that the store may let go of what it held.
struct Done;

impl narthex_storage::Series for Done {
    fn labels(&self) -> &narthex_storage::Labels {
        static EMPTY: std::sync::LazyLock<narthex_storage::Labels> =
            std::sync::LazyLock::new(narthex_storage::Labels::empty);
        &EMPTY
    }

    fn read(&self, _: i64, _: i64, _: &mut Columns) -> Result<(), narthex_storage::StorageError> {
        Ok(())
    }
}

/// Buffers of a thread, kept from batch to batch.
#[derive(Default)]
struct Scratch {
    samples: Columns,
    grid: Grid,
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

impl Job {
    /// Reads and evaluates consecutive series.
    fn batch(
        &self,
        series: &[Box<dyn narthex_storage::Series>],
        metas: &[Meta],
        first: usize,
        budget: &Budget,
        cancel: &CancelToken,
    ) -> Result<(Part, Annotations), EngineError> {
        SCRATCH.with_borrow_mut(|scratch| {
            // Booked before it is made.
            let mut charge = budget.charge(0, Batch::bytes(series.len(), self.ends.len()) as u64)?;
            let mut batch = Batch::new(series.len(), self.ends.len());
            let mut notes = Annotations::default();
            let mut read = 0;
            // What is decoded is held while it is evaluated, one series at a time.
            let mut decoded = budget.charge(0, 0)?;
            let mut most = 0;
            for (i, (series, meta)) in series.iter().zip(metas).enumerate() {
                cancel.check()?;
                let mut out = batch.column_mut(i);
                read += self.series(&**series, meta, scratch, &mut out, &mut notes, budget)?;
                let more = scratch.samples.len().saturating_sub(most);
                if more > 0 {
                    decoded.grow(more as u64, more as u64 * 16)?;
                    most += more;
                }
            }
            drop(decoded);
            budget.progress.read(read);
            let samples: usize = (0..batch.len()).map(|i| batch.column(i).count()).sum();
            charge.grow(samples as u64, batch.histogram_bytes() as u64)?;
            Ok((Part::new(first, batch, charge), notes))
        })
    }

    /// Reads and evaluates one series; how many stored samples went into it.
    fn series(
        &self,
        series: &dyn narthex_storage::Series,
        meta: &Meta,
        scratch: &mut Scratch,
        out: &mut ColumnMut<'_>,
        notes: &mut Annotations,
        budget: &Budget,
    ) -> Result<u64, EngineError> {
        let (mint, maxt) = self.reach;
        if let (Work::Newest(pick), [end], false) = (&self.work, &*self.ends, self.stats_only) {
            let Some(newest) = series.newest(mint, maxt, &mut scratch.samples)? else { return Ok(0) };
            if is_stale_nan(newest.value) {
                return Ok(0);
            }
            if newest.timestamp <= end.saturating_sub(self.lookback_ms) {
                let next = self.next(series, *end, &mut scratch.samples)?;
                if !downsampled::lasts(newest.timestamp, *end, self.lookback_ms, next) {
                    return Ok(0);
                }
            }
            if newest.resolution > 0 {
                downsampled::remark_at(
                    &meta.labels,
                    newest.resolution,
                    (self.function, None),
                    self.span,
                    notes,
                );
            }
            match (pick, newest.histogram) {
                (Pick::Value, Some(histogram)) => out.set_histogram(0, histogram),
                (Pick::Value, None) => out.set(0, newest.value),
                (Pick::InfoTime, Some(_)) => return Err(no_info(meta)),
                (Pick::Timestamp | Pick::InfoTime, _) => out.set(0, newest.timestamp as f64 / 1000.0),
                (Pick::Start, _) if self.use_starts => out.set(0, newest.start as f64 / 1000.0),
                (Pick::Start, _) => {}
            }
            if let Some(steps) = budget.progress.steps(&self.times) {
                steps.add(0, 1, 1);
            }
            return Ok(1);
        }
        let samples = &mut scratch.samples;
        samples.clear();
        let ahead_ms = if matches!(self.work, Work::Newest(_)) { self.ahead_ms } else { 0 };
        series.read(mint, maxt.saturating_add(ahead_ms), samples)?;
        if samples.is_empty() {
            return Ok(0);
        }
        if self.stats_only && !samples.histograms.is_empty() {
            to_stats(samples);
        }
        if !samples.rows.is_empty() {
            let range = match self.work {
                Work::Windows { range_ms, .. } => Some(range_ms),
                Work::Newest(_) | Work::Smoothed => None,
            };
            downsampled::remark(&meta.labels, samples, (self.function, range), self.span, notes);
        }
        match &self.work {
            Work::Newest(pick) => {
                let counts = budget.progress.steps(&self.times);
                let plain = *pick == Pick::Value && counts.is_none() && samples.histograms.is_empty();
                if plain && samples.rows.is_empty() && !has_nan(&samples.values) {
                    scratch.grid.newest(self.id, &samples.timestamps, &self.ends, self.lookback_ms);
                    return Ok(scratch.grid.gather(&samples.values, out));
                }
                self.newest(meta, samples, *pick, out, counts)
            }
            Work::Smoothed => {
                drop_stale(samples);
                let input = self.input(meta, samples, &[], 0, Bounds::Smoothed, &[]);
                smoothing::instant(&input, out, notes)?;
                Ok(samples.len() as u64)
            }
            Work::Windows { kernel, range_ms, bounds, params } => {
                drop_stale(samples);
                let grid = &mut scratch.grid;
                grid.windows(self.id, &samples.timestamps, &self.ends, *range_ms);
                if let Some(steps) = budget.progress.steps(&self.times) {
                    steps.windows(&grid.windows);
                }
                let input = self.input(meta, samples, &grid.windows, *range_ms, *bounds, params);
                kernel(&input, out, notes)?;
                Ok(grid.read)
            }
        }
    }

    fn input<'i>(
        &'i self,
        meta: &'i Meta,
        samples: &'i Columns,
        windows: &'i [(u32, u32)],
        range_ms: i64,
        bounds: Bounds,
        params: &'i [Vec<f64>],
    ) -> RangeInput<'i> {
        RangeInput {
            labels: &meta.labels,
            samples,
            windows,
            ends: &self.ends,
            times: &self.times,
            range_ms,
            lookback_ms: self.lookback_ms,
            bounds,
            subquery: false,
            params,
            span: self.span,
            use_starts: self.use_starts,
            type_and_unit: self.type_and_unit,
        }
    }

    /// The sample after a time, if it is near enough to matter: its timestamp, and the length of its interval.
    fn next(
        &self,
        series: &dyn narthex_storage::Series,
        end: i64,
        samples: &mut Columns,
    ) -> Result<Option<(i64, u32)>, EngineError> {
        if self.ahead_ms == 0 {
            return Ok(None);
        }
        samples.clear();
        series.read(end.saturating_add(1), end.saturating_add(self.ahead_ms), samples)?;
        Ok(samples.timestamps.first().map(|t| (*t, samples.rows.resolution(0))))
    }

    /// The newest sample within the lookback at each step.
    fn newest(
        &self,
        meta: &Meta,
        samples: &Columns,
        pick: Pick,
        out: &mut ColumnMut<'_>,
        counts: Option<&StepCounts>,
    ) -> Result<u64, EngineError> {
        let (timestamps, values) = (&*samples.timestamps, &*samples.values);
        let mut cursor = 0;
        let mut found = 0;
        for (step, end) in self.ends.iter().enumerate() {
            // Steps ascend, but for `@` where all are the same.
            while timestamps.get(cursor).is_some_and(|t| t <= end) {
                cursor += 1;
            }
            let Some(at) = cursor.checked_sub(1) else { continue };
            let (Some(&t), Some(&value)) = (timestamps.get(at), values.get(at)) else { continue };
            if is_stale_nan(value) {
                continue;
            }
            if t <= end.saturating_sub(self.lookback_ms) {
                let next = timestamps.get(cursor).map(|t| (*t, samples.rows.resolution(cursor)));
                if !downsampled::lasts(t, *end, self.lookback_ms, next) {
                    continue;
                }
            }
            found += 1;
            if let Some(counts) = counts {
                counts.add(step, 1, 1);
            }
            match pick {
                Pick::Value => match samples.histogram(at) {
                    Some(histogram) => out.set_histogram(step, histogram.clone()),
                    None => out.set(step, value),
                },
                Pick::InfoTime if samples.histogram(at).is_some() => return Err(no_info(meta)),
                Pick::Timestamp | Pick::InfoTime => out.set(step, t as f64 / 1000.0),
                Pick::Start if self.use_starts => out.set(step, samples.start(at) as f64 / 1000.0),
                Pick::Start => {}
            }
        }
        Ok(found)
    }
}

fn no_info(meta: &Meta) -> EngineError {
    EngineError::Exec(format!("this should be an info metric, with float samples: {:?}", meta.labels))
}

/// Whether any value is NaN, as every staleness marker is. Without a branch per value.
fn has_nan(values: &[f64]) -> bool {
    values.chunks(64).any(|chunk| chunk.iter().fold(false, |any, v| any | v.is_nan()))
}

/// Takes staleness markers out.
pub(crate) fn drop_stale(samples: &mut Columns) {
    if !has_nan(&samples.values) || !samples.values.iter().any(|v| is_stale_nan(*v)) {
        return;
    }
    let mut kept = Columns::default();
    std::mem::swap(&mut kept, samples);
    for (at, value) in kept.values.iter().enumerate() {
        if !is_stale_nan(*value) {
            samples.push_from(&kept, at);
        }
    }
}
