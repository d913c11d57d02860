//! Fewer samples that say the same: one for each interval, with what is known of the raw ones.
//!
//! An interval ends with its last millisecond: with a resolution of R ms that with number n is `(nR, nR + R]`, as
//! windows of PromQL are. What stays of it is its last sample, at its own timestamp, with the least, the greatest
//! and the sum of the values, and their number. More than one sample stays
//!
//! - where a series ends: the staleness marker, and the sample before it;
//! - where a counter begins anew: the sample before and the one after, so that every reset is seen, and the first
//!   one of each block, because what came before lies in another.
//!
//! A series that falls too often is no counter. Native histograms stay as they are.

mod rewrite;
#[cfg(test)]
mod tests;

pub(crate) use rewrite::{has_kept, has_work, rewrite};

use crate::labels::Labels;
use crate::query::Columns;
use crate::query::rows::{Row, Side};
use crate::sample::{STALE_NAN, is_stale_nan};

/// What the names of counters end in.
const COUNTERS: [&str; 4] = ["_total", "_sum", "_count", "_bucket"];
/// A series of such a name is taken for a counter unless it falls at more than one in so many samples.
const FALLS_OF_COUNTERS: f64 = 4.0;
/// A series of another name.
const FALLS_OF_OTHERS: f64 = 64.0;

/// The samples that stay of those of a series, which were read with all that is known of them.
pub(crate) fn downsample(labels: &Labels, samples: &Columns, resolution: u32) -> Columns {
    let mut out = Output {
        columns: Columns::default(),
        open: None,
        resolution,
        counts: is_counter(labels, samples),
        previous: None,
    };
    for at in 0..samples.len() {
        out.add(samples, at);
    }
    out.close();
    out.columns
}

/// Whether a series counts.
fn is_counter(labels: &Labels, samples: &Columns) -> bool {
    let (mut falls, mut all) = (0.0, 0.0);
    let mut previous = None;
    for (at, value) in samples.values.iter().enumerate() {
        if samples.histogram(at).is_some() || is_stale_nan(*value) {
            continue;
        }
        all += samples.rows.count(at);
        let now = (*value, samples.start(at));
        falls += f64::from(u8::from(previous.is_some_and(|previous| is_reset(previous, now))));
        previous = Some(now);
    }
    let name = labels.metric_name();
    let named = COUNTERS.iter().any(|ending| name.ends_with(ending));
    // One alone costs nothing, whatever the series is.
    falls <= 1.0 || falls * if named { FALLS_OF_COUNTERS } else { FALLS_OF_OTHERS } <= all
}

/// Whether a counter began anew between two samples, each a value and a start timestamp.
fn is_reset(before: (f64, i64), after: (f64, i64)) -> bool {
    after.0 < before.0 || (before.1 != 0 && after.1 != 0 && before.1 != after.1)
}

/// An interval of which more may come.
struct Open {
    interval: i64,
    timestamp: i64,
    value: f64,
    start: i64,
    min: f64,
    max: f64,
    sum: Sum,
    count: f64,
    /// Nothing may be added: the sample stays for itself.
    alone: bool,
}

struct Output {
    columns: Columns,
    open: Option<Open>,
    resolution: u32,
    /// The series is a counter.
    counts: bool,
    /// Value and start timestamp of the last number.
    previous: Option<(f64, i64)>,
}

impl Output {
    fn add(&mut self, samples: &Columns, at: usize) {
        let (Some(&timestamp), Some(&value)) = (samples.timestamps.get(at), samples.values.get(at)) else {
            return;
        };
        if samples.histogram(at).is_some() {
            self.close();
            self.columns.push_from(samples, at);
            return;
        }
        let (now, is_stale) = ((value, samples.start(at)), is_stale_nan(value));
        if samples.rows.resolution(at) >= self.resolution {
            self.close();
            self.columns.push_from(samples, at);
            self.previous = if is_stale { self.previous } else { Some(now) };
            return;
        }
        if is_stale {
            self.close();
            self.end(timestamp, now.1);
            return;
        }
        let interval = timestamp.saturating_sub(1).div_euclid(i64::from(self.resolution));
        let alone = self.counts && self.previous.is_none_or(|previous| is_reset(previous, now));
        self.previous = Some(now);
        if alone || self.open.as_ref().is_some_and(|open| open.alone || open.interval != interval) {
            self.close();
        }
        let side = |side| samples.rows.side(side, at);
        let (min, max) = (side(Side::Min).unwrap_or(value), side(Side::Max).unwrap_or(value));
        let (sum, count) = (side(Side::Sum).unwrap_or(value), samples.rows.count(at));
        match &mut self.open {
            Some(open) => {
                (open.timestamp, open.value, open.start) = (timestamp, value, now.1);
                // NaN loses against any number.
                if min < open.min || open.min.is_nan() {
                    open.min = min;
                }
                if max > open.max || open.max.is_nan() {
                    open.max = max;
                }
                open.sum.add(sum);
                open.count += count;
            }
            None => {
                let start = now.1;
                let sum = Sum { sum, rest: 0.0 };
                self.open = Some(Open { interval, timestamp, value, start, min, max, sum, count, alone });
            }
        }
    }

    /// Writes what is known of the interval.
    fn close(&mut self) {
        let Some(open) = self.open.take() else { return };
        self.row(open.timestamp, open.value, open.start, [open.min, open.max, open.sum.total(), open.count]);
    }

    /// Writes a staleness marker; behind a histogram it belongs to the histograms.
    fn end(&mut self, timestamp: i64, start: i64) {
        let last = self.columns.len().checked_sub(1);
        if last.is_some_and(|last| self.columns.histogram(last).is_some()) {
            self.columns.push_started(timestamp, STALE_NAN, start);
        } else {
            self.row(timestamp, STALE_NAN, start, [STALE_NAN, STALE_NAN, STALE_NAN, 0.0]);
        }
    }

    fn row(&mut self, timestamp: i64, value: f64, start: i64, sides: [f64; 4]) {
        self.columns.rows.push(self.columns.len(), Row { resolution: self.resolution, sides });
        self.columns.push_started(timestamp, value, start);
    }
}

/// A sum, and what rounding has taken from it.
struct Sum {
    sum: f64,
    rest: f64,
}

impl Sum {
    fn add(&mut self, value: f64) {
        let sum = self.sum + value;
        if sum.is_infinite() {
            self.rest = 0.0;
        } else if self.sum.abs() >= value.abs() {
            self.rest += (self.sum - sum) + value;
        } else {
            self.rest += (value - sum) + self.sum;
        }
        self.sum = sum;
    }

    fn total(&self) -> f64 {
        if self.sum.is_infinite() { self.sum } else { self.sum + self.rest }
    }
}
