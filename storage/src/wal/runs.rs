//! The payload of RUNS and LATE records: samples with their own timestamps, by series.
//!
//! ```text
//! RUNS   run*
//! run    = series zigzag, difference to the run before | samples varint | sample*
//! sample = shape u8 | timestamp zigzag, difference to the sample before in the record
//!        | [timestamp − start zigzag, when shape has bit 2] | value
//! shape  = start << 2 | kind: 0 staleness marker, 1 RAW, 2 INTEGER as in `codec::cell`, against the float
//!          before in the run (0 at first), 3 a histogram
//! ```

use super::record::{self, Kind};
use crate::codec::{CodecError, cell, varint};
use crate::head::entry::{Entry, SampleValue, put_histogram, take_histogram};
use crate::sample::{STALE_NAN, is_stale_nan};
use std::sync::Arc;

/// A record that has grown to this goes on in another one, bytes.
const RECORD_BYTES: usize = 4 << 20;
/// Samples of one run, so that a record ends soon after it may.
const RUN_SAMPLES: usize = 4096;

const HISTOGRAM: u8 = 3;
const STARTED: u8 = 1 << 2;

/// Appends records of a kind with the samples of each series.
pub(crate) fn put<'a>(out: &mut Vec<u8>, kind: Kind, runs: impl Iterator<Item = (u32, &'a [Entry])>) {
    let mut pieces =
        runs.flat_map(|(series, run)| run.chunks(RUN_SAMPLES).map(move |run| (series, run))).peekable();
    while pieces.peek().is_some() {
        record::put(out, kind, |out| {
            let begin = out.len();
            let (mut series, mut timestamp) = (0i64, 0i64);
            while out.len() - begin < RECORD_BYTES
                && let Some((id, run)) = pieces.next()
            {
                varint::put_signed(out, i64::from(id) - series);
                varint::put(out, run.len() as u64);
                series = i64::from(id);
                let mut previous = 0.0;
                for entry in run {
                    put_entry(out, entry, timestamp, &mut previous);
                    timestamp = entry.timestamp;
                }
            }
        });
    }
}

#[inline]
fn put_entry(out: &mut Vec<u8>, entry: &Entry, last: i64, previous: &mut f64) {
    let started = if entry.start == 0 { 0 } else { STARTED };
    let kind = match &entry.value {
        SampleValue::Float(value) => cell::kind(*previous, *value),
        SampleValue::Histogram(_) => HISTOGRAM,
    };
    out.push(started | kind);
    varint::put_signed(out, entry.timestamp.wrapping_sub(last));
    if started != 0 {
        varint::put_signed(out, entry.timestamp.wrapping_sub(entry.start));
    }
    match &entry.value {
        SampleValue::Float(value) => {
            cell::put_value(out, kind, *previous, *value);
            *previous = *value;
        }
        SampleValue::Histogram(histogram) => put_histogram(histogram, out),
    }
}

/// Hands each sample of a payload to `each`, with the number of its series.
///
/// # Errors
/// The bytes are no such payload, or `each` fails; what stands before was handed over.
pub(crate) fn read(
    mut payload: &[u8],
    mut each: impl FnMut(u32, Entry) -> Result<(), CodecError>,
) -> Result<(), CodecError> {
    let (mut series, mut timestamp) = (0i64, 0i64);
    while !payload.is_empty() {
        series = series.wrapping_add(varint::take_signed(&mut payload)?);
        let id = u32::try_from(series).map_err(|_| CodecError("series id out of bounds"))?;
        let mut previous = 0.0;
        for _ in 0..varint::take_count(&mut payload, 16)? {
            let shape = varint::take_u8(&mut payload)?;
            timestamp = timestamp.wrapping_add(varint::take_signed(&mut payload)?);
            let start = match shape & STARTED {
                0 => 0,
                _ => timestamp.wrapping_sub(varint::take_signed(&mut payload)?),
            };
            let value = match shape & !STARTED {
                HISTOGRAM => SampleValue::Histogram(Arc::new(take_histogram(&mut payload)?)),
                kind => {
                    previous = cell::take_value(&mut payload, kind, previous)?;
                    SampleValue::Float(if is_stale_nan(previous) { STALE_NAN } else { previous })
                }
            };
            each(id, Entry { timestamp, start, value })?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::histogram::tests::{any_histogram, bits_of};
    use proptest::prelude::*;

    fn entry() -> impl Strategy<Value = Entry> {
        let value = prop_oneof![
            3 => (-9i32..9).prop_map(|v| SampleValue::Float(f64::from(v))),
            2 => any::<f64>().prop_map(SampleValue::Float),
            1 => Just(SampleValue::Float(STALE_NAN)),
            2 => any_histogram().prop_map(|h| SampleValue::Histogram(Arc::new(h))),
        ];
        (any::<i64>(), prop_oneof![Just(0), any::<i64>()], value)
            .prop_map(|(timestamp, start, value)| Entry { timestamp, start, value })
    }

    fn print(id: u32, entry: &Entry) -> String {
        let value = match &entry.value {
            SampleValue::Float(value) => format!("{}", value.to_bits()),
            SampleValue::Histogram(histogram) => bits_of(histogram),
        };
        format!("{id} {} {} {value}", entry.timestamp, entry.start)
    }

    fn read_all(bytes: &[u8]) -> Vec<String> {
        let (mut rest, mut all) = (bytes, Vec::new());
        while !rest.is_empty() {
            let (kind, payload) = record::take(&mut rest).unwrap();
            assert_eq!(kind, Kind::Runs);
            let each = |id, entry: Entry| {
                all.push(print(id, &entry));
                Ok(())
            };
            read(payload, each).unwrap();
        }
        all
    }

    #[test]
    fn many_samples_go_on_in_further_records() {
        let run: Vec<Entry> = (0..1_000_000)
            .map(|i| Entry { timestamp: i, start: 0, value: SampleValue::Float(i as f64 / 7.0) })
            .collect();
        let mut bytes = Vec::new();
        put(&mut bytes, Kind::Runs, [(7, run.as_slice()), (3, &run[..2])].into_iter());
        let all = read_all(&bytes);
        assert_eq!(all.len(), run.len() + 2);
        assert!(all.iter().zip(&run).all(|(text, entry)| *text == print(7, entry)));
    }

    proptest! {
        #[test]
        fn samples_come_back(runs in proptest::collection::vec((any::<u32>(), proptest::collection::vec(entry(), 1..9)), 0..9)) {
            let mut bytes = Vec::new();
            put(&mut bytes, Kind::Runs, runs.iter().map(|(id, run)| (*id, run.as_slice())));
            let want: Vec<String> = runs.iter().flat_map(|(id, run)| run.iter().map(|e| print(*id, e))).collect();
            prop_assert_eq!(read_all(&bytes), want);
        }

        #[test]
        fn any_bytes_are_samples_or_an_error(bytes in proptest::collection::vec(prop_oneof![0u8..8, any::<u8>()], 0..200)) {
            let _ = read(&bytes, |_, _| Ok(()));
        }
    }
}
