//! Frames of samples: floats as `codec::value` writes them, histograms, and either with start timestamps; and
//! downsampled floats.
//!
//! ```text
//! frame = a frame of values (tags 0 to 3, 7 and 8)
//!       | tag 4 | count varint | histograms, as in `codec::histogram`
//!       | tag 5 | starts, as in `codec::start` | frame of another tag but 6
//!       | tag 6 | downsampled floats, as in `codec::rows`
//! ```

use super::rows::{self, ROWS};
use super::{CodecError, histogram, start, value, varint};
use crate::query::Columns;
use crate::query::rows::Wanted;
use crate::sample::{STALE_NAN, is_stale_nan};
use std::ops::Range;
use std::sync::Arc;

const HISTOGRAMS: u8 = 4;
const STARTED: u8 = 5;

/// The stretches of a column that one frame each can hold: at most `max` samples, all floats of one resolution, or
/// all histograms and the staleness markers between and behind them.
pub(crate) fn pieces(columns: &Columns, max: usize) -> Vec<Range<usize>> {
    let len = columns.len();
    let mut pieces = Vec::with_capacity(len.div_ceil(max.max(1)));
    let mut start = 0;
    while start < len {
        let whole = (start + max.max(1)).min(len);
        let end = if columns.histograms.is_empty() && columns.rows.is_empty() {
            whole
        } else {
            let histograms = columns.histogram(start).is_some();
            let resolution = columns.rows.resolution(start);
            let fits = |at: &usize| match columns.histogram(*at) {
                _ if columns.rows.resolution(*at) != resolution => false,
                Some(_) => histograms,
                None => !histograms || columns.values.get(*at).is_some_and(|value| is_stale_nan(*value)),
            };
            start + (start..whole).take_while(fits).count()
        };
        pieces.push(start..end);
        start = end;
    }
    pieces
}

/// Appends a frame of the samples in `range`, which is one of [`pieces`].
pub(crate) fn encode(columns: &Columns, range: Range<usize>, out: &mut Vec<u8>) {
    match columns.rows.resolution(range.start) {
        0 => encode_floats(columns, range, out),
        resolution => rows::encode(columns, range, resolution, out),
    }
}

/// Appends a frame of the samples in `range`, as if they were raw.
pub(super) fn encode_floats(columns: &Columns, range: Range<usize>, out: &mut Vec<u8>) {
    let starts = columns.starts.get(range.clone()).unwrap_or_default();
    if starts.iter().any(|start| *start != 0) {
        out.push(STARTED);
        start::encode(starts, out);
    }
    if columns.histogram(range.start).is_some() {
        let rows: Vec<_> = range.map(|at| columns.histogram(at).map(Arc::as_ref)).collect();
        out.push(HISTOGRAMS);
        varint::put(out, rows.len() as u64);
        histogram::encode(&rows, out);
    } else {
        value::encode(columns.values.get(range).unwrap_or_default(), out);
    }
}

/// Takes a frame of `count` samples off the front of `bytes` and appends those of `rows` to every column
/// but the timestamps, which the caller appends afterwards. Of downsampled ones it takes the last values.
///
/// # Errors
/// The bytes are no frame, or it has another number of samples.
pub fn decode(
    bytes: &mut &[u8],
    count: usize,
    rows: Range<usize>,
    out: &mut Columns,
) -> Result<(), CodecError> {
    decode_wanted(bytes, count, rows, Wanted::Last, out)
}

/// As [`decode`], with all that downsampled samples stand for.
///
/// # Errors
/// The bytes are no frame, or it has another number of samples.
pub fn decode_all(
    bytes: &mut &[u8],
    count: usize,
    rows: Range<usize>,
    out: &mut Columns,
) -> Result<(), CodecError> {
    decode_wanted(bytes, count, rows, Wanted::All, out)
}

/// As [`decode`], with what is wanted of downsampled samples.
pub(crate) fn decode_wanted(
    bytes: &mut &[u8],
    count: usize,
    rows: Range<usize>,
    wanted: Wanted,
    out: &mut Columns,
) -> Result<(), CodecError> {
    if bytes.first() == Some(&ROWS) {
        varint::take_u8(bytes)?;
        return rows::decode(bytes, count, rows, wanted, out);
    }
    decode_floats(bytes, count, rows, out)
}

/// Takes a frame off that is not of downsampled samples.
pub(super) fn decode_floats(
    bytes: &mut &[u8],
    count: usize,
    rows: Range<usize>,
    out: &mut Columns,
) -> Result<(), CodecError> {
    let base = out.timestamps.len();
    if bytes.first() == Some(&STARTED) {
        let mut starts = Vec::new();
        take_starts(bytes, &mut starts)?;
        if starts.len() != count {
            return Err(CodecError("start timestamps and samples differ in number"));
        }
        decode_samples(bytes, count, rows.clone(), out)?;
        out.starts.resize(base, 0);
        out.starts.extend_from_slice(starts.get(rows).unwrap_or_default());
        return Ok(());
    }
    decode_samples(bytes, count, rows, out)?;
    if !out.starts.is_empty() {
        out.starts.resize(out.values.len(), 0);
    }
    Ok(())
}

fn take_starts(bytes: &mut &[u8], starts: &mut Vec<i64>) -> Result<(), CodecError> {
    varint::take_u8(bytes)?;
    start::decode(bytes, starts)
}

/// Takes the start timestamps in front of a frame off, if there are any.
pub(super) fn skip_starts(bytes: &mut &[u8]) -> Result<(), CodecError> {
    if bytes.first() == Some(&STARTED) { take_starts(bytes, &mut Vec::new()) } else { Ok(()) }
}

/// Takes a frame of `count` values off and appends those of `rows`.
pub(super) fn decode_values(
    bytes: &mut &[u8],
    count: usize,
    rows: Range<usize>,
    out: &mut Vec<f64>,
) -> Result<(), CodecError> {
    let base = out.len();
    value::decode(bytes, out)?;
    if out.len() - base != count {
        return Err(CodecError("frame and timeline differ in length"));
    }
    out.truncate(base + rows.end.min(count));
    out.drain(base..base + rows.start.min(rows.end).min(count));
    Ok(())
}

fn decode_samples(
    bytes: &mut &[u8],
    count: usize,
    rows: Range<usize>,
    out: &mut Columns,
) -> Result<(), CodecError> {
    if bytes.first() != Some(&HISTOGRAMS) {
        return decode_values(bytes, count, rows, &mut out.values);
    }
    varint::take_u8(bytes)?;
    if usize::try_from(varint::take(bytes)?) != Ok(count) || count > value::FRAME_MAX {
        return Err(CodecError("frame and timeline differ in length"));
    }
    let frame = histogram::Frame::decode(bytes, count)?;
    frame.rows(rows, |_, row| match row {
        Some(histogram) => {
            let at = u32::try_from(out.values.len()).unwrap_or(u32::MAX);
            out.histograms.push((at, Arc::new(histogram)));
            out.values.push(f64::NAN);
        }
        None => out.values.push(STALE_NAN),
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::histogram::tests::{any_histogram, bits_of};
    use super::*;
    use proptest::prelude::*;

    fn columns() -> impl Strategy<Value = Columns> {
        let sample = prop_oneof![
            3 => any::<f64>().prop_map(|v| (None, v)),
            1 => Just((None, STALE_NAN)),
            3 => any_histogram().prop_map(|h| (Some(h), f64::NAN)),
        ];
        let start = prop_oneof![3 => Just(0i64), 1 => 1i64..5];
        proptest::collection::vec((sample, start), 1..30).prop_map(|samples| {
            let mut columns = Columns::default();
            for (at, ((histogram, value), start)) in samples.into_iter().enumerate() {
                match histogram {
                    Some(histogram) => columns.push_histogram(at as i64, Arc::new(histogram), start),
                    None => columns.push_started(at as i64, value, start),
                }
            }
            columns
        })
    }

    fn print(columns: &Columns) -> Vec<String> {
        let one = |at: usize| match columns.histogram(at) {
            Some(histogram) => format!("{} {}", columns.start(at), bits_of(histogram)),
            None => format!("{} {}", columns.start(at), columns.values[at].to_bits()),
        };
        (0..columns.len()).map(one).collect()
    }

    proptest! {
        #[test]
        fn columns_come_back_piece_by_piece(columns in columns(), max in 1usize..20, skip in 0usize..4, drop in 0usize..4) {
            let (mut back, mut want) = (Columns::default(), Vec::new());
            let mut end = 0;
            for piece in pieces(&columns, max) {
                prop_assert!(piece.start == end && piece.len() <= max && !piece.is_empty());
                end = piece.end;
                let mut bytes = Vec::new();
                encode(&columns, piece.clone(), &mut bytes);
                let rows = skip.min(piece.len())..piece.len().saturating_sub(drop).max(skip.min(piece.len()));
                let mut rest = bytes.as_slice();
                decode(&mut rest, piece.len(), rows.clone(), &mut back).unwrap();
                prop_assert!(rest.is_empty());
                let kept = piece.start + rows.start..piece.start + rows.end;
                back.timestamps.extend_from_slice(&columns.timestamps[kept.clone()]);
                want.extend_from_slice(&print(&columns)[kept]);
            }
            prop_assert_eq!(end, columns.len());
            prop_assert_eq!(print(&back), want);
            prop_assert!(back.starts.is_empty() || back.starts.len() == back.len());
        }

        #[test]
        fn any_bytes_are_a_frame_or_an_error(
            bytes in proptest::collection::vec(prop_oneof![0u8..9, any::<u8>()], 0..100), count in 0usize..20,
        ) {
            let mut out = Columns::default();
            if decode(&mut bytes.as_slice(), count, 0..count, &mut out).is_ok() {
                prop_assert_eq!(out.values.len(), count);
            }
        }
    }
}
