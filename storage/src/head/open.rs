//! The open samples of one series outside of groups: those that no chunk holds yet.
//!
//! Plain floats are kept as changes (`codec::cell`), the gap of each being the zigzag of what its interval
//! differs from the interval before. As soon as a histogram or a start timestamp comes, they are columns.

use super::ROWS_MAX;
use super::entry::{Entry, SampleValue};
use crate::codec::{CodecError, cell, varint};
use crate::query::Columns;
use crate::sample::is_stale_nan;
use std::sync::Arc;

/// Histograms of a chunk before it is sealed: one may take hundreds of bytes in columns.
const HISTOGRAMS_MAX: usize = 32;
/// Intervals from here on, ms, begin a chunk, since a gap has to fit into a change.
const INTERVAL_MAX: i64 = 1 << 58;

#[derive(Default)]
pub(crate) struct Open {
    count: usize,
    first: i64,
    last: i64,
    interval: i64,
    value: f64,
    bytes: Vec<u8>,
    columns: Option<Box<Columns>>,
}

impl Open {
    /// First and last timestamp.
    pub(crate) fn range(&self) -> Option<(i64, i64)> {
        (self.count > 0).then_some((self.first, self.last))
    }

    /// Whether the chunk can go on with this sample.
    pub(crate) fn takes(&self, entry: &Entry, block_range_ms: i64) -> bool {
        if self.count == 0 {
            return true;
        }
        let histogram = matches!(entry.value, SampleValue::Histogram(_));
        let stale = matches!(entry.value, SampleValue::Float(value) if is_stale_nan(value));
        // A log may hold samples in the wrong order, when two writers raced: a chunk never does.
        let near = entry.timestamp.checked_sub(self.last).is_some_and(|i| (1..INTERVAL_MAX).contains(&i));
        let shape = match &self.columns {
            None => !histogram && entry.start == 0 && self.count < ROWS_MAX,
            Some(columns) if columns.histograms.is_empty() => !histogram && self.count < ROWS_MAX,
            Some(_) => (histogram || stale) && self.count < HISTOGRAMS_MAX,
        };
        near && shape && self.first.div_euclid(block_range_ms) == entry.timestamp.div_euclid(block_range_ms)
    }

    /// Appends a sample that [`Open::takes`].
    pub(crate) fn push(&mut self, entry: Entry) {
        let Entry { timestamp, start, value } = entry;
        if self.count == 0 {
            self.first = timestamp;
            (self.last, self.interval, self.value) = (timestamp, 0, 0.0);
            let plain = start == 0 && matches!(value, SampleValue::Float(_));
            self.columns = if plain { None } else { Some(Box::default()) };
        }
        match (&mut self.columns, value) {
            (Some(columns), SampleValue::Histogram(histogram)) => {
                columns.push_histogram(timestamp, histogram, start);
            }
            (Some(columns), SampleValue::Float(value)) => columns.push_started(timestamp, value, start),
            (None, SampleValue::Float(value)) => {
                let interval = timestamp.wrapping_sub(self.last);
                let gap = varint::zigzag(interval.wrapping_sub(self.interval));
                cell::put_change(&mut self.bytes, gap, self.value, value);
                (self.interval, self.value) = (interval, value);
            }
            (None, SampleValue::Histogram(_)) => return,
        }
        self.last = timestamp;
        self.count += 1;
    }

    /// Forgets the samples, keeps the memory that the next ones need.
    pub(crate) fn clear(&mut self) {
        self.count = 0;
        self.bytes.clear();
        self.columns = None;
    }

    /// Appends the samples within `[mint, maxt]`.
    pub(crate) fn read(&self, mint: i64, maxt: i64, out: &mut Columns) -> Result<(), CodecError> {
        if let Some(columns) = &self.columns {
            let begin = columns.timestamps.partition_point(|timestamp| *timestamp < mint);
            let end = columns.timestamps.partition_point(|timestamp| *timestamp <= maxt);
            for at in begin..end {
                let (Some(&timestamp), Some(&value)) = (columns.timestamps.get(at), columns.values.get(at))
                else {
                    break;
                };
                match columns.histogram(at) {
                    Some(histogram) => {
                        out.push_histogram(timestamp, Arc::clone(histogram), columns.start(at));
                    }
                    None => out.push_started(timestamp, value, columns.start(at)),
                }
            }
            return Ok(());
        }
        out.timestamps.reserve(self.count);
        out.values.reserve(self.count);
        let mut bytes = self.bytes.as_slice();
        let (mut timestamp, mut interval) = (self.first, 0i64);
        let mut running = cell::Running::new(0.0);
        for _ in 0..self.count {
            let (gap, kind) = cell::take_head(&mut bytes)?;
            interval = interval.wrapping_add(varint::unzigzag(gap));
            timestamp = timestamp.wrapping_add(interval);
            if timestamp > maxt {
                break;
            }
            let value = running.take(&mut bytes, kind)?;
            if timestamp >= mint {
                out.timestamps.push(timestamp);
                out.values.push(value);
            }
        }
        if !out.starts.is_empty() {
            out.starts.resize(out.timestamps.len(), 0);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn plain_samples_come_back_from_and_up_to_any_moment(
            gaps in proptest::collection::vec((1i64..100_000, prop_oneof![any::<f64>(), (0i32..9).prop_map(f64::from)]), 1..ROWS_MAX),
            first in -1_000_000_000_000i64..1_000_000_000_000, keep in 0usize..ROWS_MAX, skip in 0usize..9,
        ) {
            let (mut open, mut want) = (Open::default(), Columns::default());
            let mut timestamp = first;
            for (gap, value) in gaps {
                timestamp += gap;
                let entry = Entry { timestamp, start: 0, value: SampleValue::Float(value) };
                prop_assert!(open.takes(&entry, i64::MAX) || want.timestamps.first().is_some_and(|t| (*t < 0) != (timestamp < 0)));
                open.push(entry);
                want.push(timestamp, value);
            }
            let at = |place: usize| want.timestamps.get(place).copied();
            let (mint, maxt) = (at(skip).unwrap_or(i64::MAX), at(keep).unwrap_or(i64::MAX));
            let mut back = Columns::default();
            open.read(mint, maxt, &mut back).unwrap();
            let kept = (keep + 1).min(want.len());
            let kept = skip.min(kept)..kept;
            prop_assert_eq!(&back.timestamps, &want.timestamps[kept.clone()]);
            let bits = |values: &[f64]| values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
            prop_assert_eq!(bits(&back.values), bits(&want.values[kept]));
        }
    }
}
