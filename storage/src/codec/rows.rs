//! Frames of downsampled samples: the last value of each interval, and what it stands for.
//!
//! ```text
//! tag 6 | count varint | resolution varint, ms | length varint × 5 | last | min | max | sum | counts
//! ```
//!
//! `last` is a frame of floats, which may have start timestamps; the others are frames of values. One of length 0
//! says the same as `last`. A reader decodes those that it wants.

use super::{CodecError, frame, value, varint};
use crate::query::Columns;
use crate::query::rows::{SIDES, Side, Wanted};
use std::ops::Range;

/// Tag of such a frame.
pub(super) const ROWS: u8 = 6;

/// Appends a frame of the samples in `range`, which share a resolution that is not 0.
pub(super) fn encode(columns: &Columns, range: Range<usize>, resolution: u32, out: &mut Vec<u8>) {
    let mut last = Vec::new();
    frame::encode_floats(columns, range.clone(), &mut last);
    let values = columns.values.get(range.clone()).unwrap_or_default();
    let mut numbers = Vec::with_capacity(range.len());
    let sides = SIDES.map(|side| {
        numbers.clear();
        let own = |(at, value): (usize, &f64)| columns.rows.side(side, at).unwrap_or(*value);
        numbers.extend(range.clone().zip(values).map(own));
        let mut bytes = Vec::new();
        if !numbers.iter().zip(values).all(|(a, b)| a.to_bits() == b.to_bits()) {
            value::encode(&numbers, &mut bytes);
        }
        bytes
    });
    out.push(ROWS);
    varint::put(out, values.len() as u64);
    varint::put(out, u64::from(resolution));
    std::iter::once(&last).chain(&sides).for_each(|part| varint::put(out, part.len() as u64));
    std::iter::once(&last).chain(&sides).for_each(|part| out.extend_from_slice(part));
}

/// The resolution of a frame, ms; 0 where its samples are raw.
pub(crate) fn resolution(bytes: &[u8]) -> Result<u32, CodecError> {
    match bytes.split_first() {
        Some((&ROWS, mut rest)) => head(&mut rest).map(|(_, resolution)| resolution),
        _ => Ok(0),
    }
}

fn head(bytes: &mut &[u8]) -> Result<(usize, u32), CodecError> {
    let count = usize::try_from(varint::take(bytes)?).ok().filter(|count| *count <= value::FRAME_MAX);
    let resolution = u32::try_from(varint::take(bytes)?).ok().filter(|resolution| *resolution > 0);
    count.zip(resolution).ok_or(CodecError("bad head of downsampled samples"))
}

/// Takes what follows the tag of a frame of `count` samples off the front of `bytes` and appends what is wanted of
/// those of `rows`; see [`frame::decode`].
pub(super) fn decode(
    bytes: &mut &[u8],
    count: usize,
    rows: Range<usize>,
    wanted: Wanted,
    out: &mut Columns,
) -> Result<(), CodecError> {
    let base = out.timestamps.len();
    let (written, resolution) = head(bytes)?;
    if written != count {
        return Err(CodecError("frame and timeline differ in length"));
    }
    let mut lengths = [0; 5];
    for length in &mut lengths {
        *length = usize::try_from(varint::take(bytes)?).map_err(|_| CodecError("frame too long"))?;
    }
    let mut parts: [&[u8]; 5] = [&[]; 5];
    for (part, length) in parts.iter_mut().zip(lengths) {
        *part = varint::take_bytes(bytes, length)?;
    }
    let [last, sides @ ..] = parts;
    let part = |side: Side| sides.get(side as usize).copied().filter(|part| !part.is_empty()).unwrap_or(last);
    match wanted.values() {
        // Start timestamps, if there are any, are with the last values.
        None => {
            let histograms = out.histograms.len();
            frame::decode_floats(&mut &*last, count, rows.clone(), out)?;
            if out.histograms.len() > histograms {
                return Err(CodecError("downsampled histograms"));
            }
        }
        Some(side) => {
            numbers(part(side), count, rows.clone(), &mut out.values)?;
            if !out.starts.is_empty() {
                out.starts.resize(out.values.len(), 0);
            }
        }
    }
    for side in SIDES.into_iter().filter(|side| wanted.has(*side)) {
        numbers(part(side), count, rows.clone(), out.rows.side_from(side, base))?;
    }
    out.rows.extend(base, out.values.len() - base.min(out.values.len()), resolution);
    Ok(())
}

/// Appends the numbers of a frame; one of `last` may have start timestamps in front, which do not matter here.
fn numbers(mut bytes: &[u8], count: usize, rows: Range<usize>, out: &mut Vec<f64>) -> Result<(), CodecError> {
    frame::skip_starts(&mut bytes)?;
    frame::decode_values(&mut bytes, count, rows, out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::rows::Row;
    use crate::sample::STALE_NAN;
    use proptest::prelude::*;

    fn number() -> impl Strategy<Value = f64> {
        prop_oneof![(0i32..50).prop_map(f64::from), any::<f64>(), Just(STALE_NAN)]
    }

    prop_compose! {
        fn columns()(
            samples in proptest::collection::vec((number(), [number(), number(), number(), number()], 0i64..3), 1..40),
            same in 0usize..5, started: bool,
        ) -> Columns {
            let mut columns = Columns::default();
            for (at, (value, mut sides, start)) in samples.into_iter().enumerate() {
                sides.iter_mut().take(same).for_each(|side| *side = value);
                columns.rows.push(at, Row { resolution: 300_000, sides });
                columns.push_started(at as i64, value, if started { start } else { 0 });
            }
            columns
        }
    }

    proptest! {
        #[test]
        fn every_reader_gets_its_numbers_bit_for_bit(columns in columns(), skip in 0usize..4, drop in 0usize..4) {
            let mut bytes = Vec::new();
            frame::encode(&columns, 0..columns.len(), &mut bytes);
            prop_assert_eq!(resolution(&bytes), Ok(300_000));
            let rows = skip.min(columns.len())..columns.len().saturating_sub(drop).max(skip.min(columns.len()));
            for wanted in [
                Wanted::Last, Wanted::Min, Wanted::Max, Wanted::Sum, Wanted::Count, Wanted::Average, Wanted::All,
            ] {
                let mut out = Columns::default();
                out.push(-1, 5.0);
                let mut rest = bytes.as_slice();
                frame::decode_wanted(&mut rest, columns.len(), rows.clone(), wanted, &mut out).unwrap();
                prop_assert!(rest.is_empty());
                out.timestamps.extend_from_slice(&columns.timestamps[rows.clone()]);
                prop_assert_eq!(out.values.len(), out.timestamps.len());
                prop_assert_eq!(out.rows.resolution(0), 0);
                for (at, from) in (1..).zip(rows.clone()) {
                    let want = |side| columns.rows.side(side, from).map(f64::to_bits);
                    let value = wanted.values().map_or(Some(columns.values[from].to_bits()), want);
                    prop_assert_eq!(Some(out.values[at].to_bits()), value);
                    prop_assert_eq!(out.rows.resolution(at), 300_000);
                    for side in SIDES {
                        let want = if wanted.has(side) { want(side) } else { None };
                        prop_assert_eq!(out.rows.side(side, at).map(f64::to_bits), want);
                    }
                    if wanted.values().is_none() {
                        prop_assert_eq!(out.start(at), columns.start(from));
                    }
                }
            }
        }

        #[test]
        fn damaged_bytes_are_an_error_or_as_many_samples(columns in columns(), at: usize, to: u8, cut: usize) {
            let mut bytes = Vec::new();
            frame::encode(&columns, 0..columns.len(), &mut bytes);
            let at = at % bytes.len();
            bytes[at] = to;
            bytes.truncate(1 + cut % bytes.len());
            for wanted in [Wanted::Last, Wanted::Average, Wanted::All] {
                let mut out = Columns::default();
                let read = frame::decode_wanted(&mut &*bytes, columns.len(), 0..columns.len(), wanted, &mut out);
                prop_assert!(read.is_err() || out.values.len() == columns.len());
            }
        }
    }
}
