//! Sealed frames of native histograms, lossless bit for bit.
//!
//! The samples of one resolution stand together as a segment: its layout once, then one column each for
//! count, zero count and sum, and one for every bucket that any of them lists. Columns are frames of
//! values (`codec::value`), so counters that grow by whole steps cost a few bits.
//!
//! ```text
//! body    = runs varint | (length << 2 | state varint)* | segment*
//! state   = 0 hint unknown, 1 not reset, 2 gauge, 3 staleness marker, which is in no segment
//! segment = rows varint | schema zigzag | zero threshold u64 | bounds varint | (u64)*
//!         | positive varint | negative varint | column × 3: count, zero count, sum | bucket*
//! bucket  = (zigzag of the difference to the index before) << 1 | partial varint
//!         | packed(rows, 1), when partial: which rows list it | column
//! ```

use super::{CodecError, bits, value, value::FRAME_MAX, varint};
use crate::histogram::{Buckets, CounterResetHint, FloatHistogram};
use std::ops::Range;
use std::sync::Arc;

/// The state of a row that is a staleness marker.
const STALE: u64 = 3;

/// Appends the frame's body; `None` is a staleness marker.
pub fn encode(rows: &[Option<&FloatHistogram>], out: &mut Vec<u8>) {
    debug_assert!(rows.len() <= FRAME_MAX);
    let runs = || rows.chunk_by(|a, b| state(*a) == state(*b));
    varint::put(out, runs().count() as u64);
    for run in runs() {
        varint::put(out, (run.len() as u64) << 2 | run.first().map_or(STALE, |row| state(*row)));
    }
    let histograms: Vec<&FloatHistogram> = rows.iter().copied().flatten().collect();
    for segment in histograms.chunk_by(|a, b| same_resolution(a, b)) {
        encode_segment(segment, out);
    }
}

fn state(row: Option<&FloatHistogram>) -> u64 {
    match row.map(|histogram| histogram.hint) {
        // That a counter was reset is found again by whoever compares the buckets.
        Some(CounterResetHint::Unknown | CounterResetHint::Reset) => 0,
        Some(CounterResetHint::NotReset) => 1,
        Some(CounterResetHint::Gauge) => 2,
        None => STALE,
    }
}

fn same_resolution(a: &FloatHistogram, b: &FloatHistogram) -> bool {
    let bits = |bounds: &[f64]| bounds.iter().map(|bound| bound.to_bits()).collect::<Vec<_>>();
    a.schema == b.schema
        && a.zero_threshold.to_bits() == b.zero_threshold.to_bits()
        && (Arc::ptr_eq(&a.custom_values, &b.custom_values)
            || bits(&a.custom_values) == bits(&b.custom_values))
}

fn encode_segment(rows: &[&FloatHistogram], out: &mut Vec<u8>) {
    let Some(first) = rows.first() else { return };
    varint::put(out, rows.len() as u64);
    varint::put_signed(out, i64::from(first.schema));
    out.extend_from_slice(&first.zero_threshold.to_bits().to_le_bytes());
    varint::put(out, first.custom_values.len() as u64);
    first.custom_values.iter().for_each(|bound| out.extend_from_slice(&bound.to_bits().to_le_bytes()));
    let sides: [fn(&FloatHistogram) -> &Buckets; 2] = [|h| &h.positive, |h| &h.negative];
    let indices = sides.map(|side| {
        let mut all: Vec<i32> = rows.iter().flat_map(|h| side(h).indices.iter().copied()).collect();
        all.sort_unstable();
        all.dedup();
        all
    });
    indices.iter().for_each(|indices| varint::put(out, indices.len() as u64));
    let mut column = Vec::with_capacity(rows.len());
    let totals: [fn(&FloatHistogram) -> f64; 3] = [|h| h.count, |h| h.zero_count, |h| h.sum];
    for total in totals {
        column.clear();
        column.extend(rows.iter().map(|h| total(h)));
        value::encode(&column, out);
    }
    for (side, indices) in sides.into_iter().zip(&indices) {
        // Rows list their buckets in the same order as the columns stand: each is passed once.
        let mut cursors = vec![0usize; rows.len()];
        let mut previous = 0i64;
        let mut listed = Vec::with_capacity(rows.len());
        for &index in indices {
            column.clear();
            listed.clear();
            for (row, cursor) in rows.iter().zip(&mut cursors) {
                let buckets = side(row);
                let here = buckets.indices.get(*cursor) == Some(&index);
                let count = buckets.counts.get(*cursor).copied().filter(|_| here);
                *cursor += usize::from(here);
                listed.push(u64::from(here));
                column.push(count.unwrap_or(0.0));
            }
            let partial = listed.contains(&0);
            varint::put(out, varint::zigzag(i64::from(index) - previous) << 1 | u64::from(partial));
            if partial {
                bits::pack(listed.iter().copied(), 1, out);
            }
            value::encode(&column, out);
            previous = i64::from(index);
        }
    }
}

/// A decoded frame: its columns, from which single histograms are built.
#[derive(Debug, Default)]
pub struct Frame {
    /// State of each row.
    states: Vec<u8>,
    segments: Vec<Segment>,
}

#[derive(Debug, Default)]
struct Segment {
    rows: usize,
    schema: i32,
    zero_threshold: f64,
    custom_values: Arc<[f64]>,
    count: Vec<f64>,
    zero_count: Vec<f64>,
    sum: Vec<f64>,
    positive: Vec<Column>,
    negative: Vec<Column>,
}

/// The populations of one bucket.
#[derive(Debug)]
struct Column {
    index: i32,
    /// Which rows list the bucket; empty for all.
    listed: Vec<bool>,
    counts: Vec<f64>,
}

impl Frame {
    /// Takes a body of `count` rows off the front of `bytes`.
    ///
    /// # Errors
    /// The bytes are no such body.
    pub fn decode(bytes: &mut &[u8], count: usize) -> Result<Self, CodecError> {
        let mut states = Vec::with_capacity(count.min(FRAME_MAX));
        for _ in 0..varint::take_count(bytes, 8)? {
            let run = varint::take(bytes)?;
            let length = usize::try_from(run >> 2).map_err(|_| CodecError("count too large"))?;
            if length > FRAME_MAX || states.len() + length > count {
                return Err(CodecError("more states than samples"));
            }
            states.resize(states.len() + length, (run & 3) as u8);
        }
        if states.len() != count {
            return Err(CodecError("fewer states than samples"));
        }
        let mut left = states.iter().filter(|state| u64::from(**state) != STALE).count();
        let mut segments = Vec::new();
        while left > 0 {
            let segment = Segment::decode(bytes, left)?;
            left -= segment.rows;
            segments.push(segment);
        }
        Ok(Self { states, segments })
    }

    /// Hands the rows of a range to `each`: its number, and the histogram or `None` for a staleness marker.
    pub fn rows(&self, range: Range<usize>, mut each: impl FnMut(usize, Option<FloatHistogram>)) {
        let mut segments = self.segments.iter();
        let (mut segment, mut at) = (segments.next(), 0);
        for (row, &state) in self.states.iter().enumerate().take(range.end) {
            let hint = match u64::from(state) {
                0 => CounterResetHint::Unknown,
                1 => CounterResetHint::NotReset,
                2 => CounterResetHint::Gauge,
                _ => {
                    if range.contains(&row) {
                        each(row, None);
                    }
                    continue;
                }
            };
            if segment.is_some_and(|segment| at >= segment.rows) {
                (segment, at) = (segments.next(), 0);
            }
            if let Some(segment) = segment.filter(|_| range.contains(&row)) {
                each(row, Some(segment.histogram(at, hint)));
            }
            at += 1;
        }
    }
}

impl Segment {
    fn decode(bytes: &mut &[u8], rows_max: usize) -> Result<Self, CodecError> {
        let rows = usize::try_from(varint::take(bytes)?).map_err(|_| CodecError("count too large"))?;
        if rows == 0 || rows > rows_max {
            return Err(CodecError("segment length out of bounds"));
        }
        let schema =
            i32::try_from(varint::take_signed(bytes)?).map_err(|_| CodecError("schema too large"))?;
        let zero_threshold = f64::from_bits(varint::take_u64(bytes)?);
        let bounds = varint::take_count(bytes, 64)?;
        let bounds: Result<Vec<f64>, CodecError> =
            (0..bounds).map(|_| varint::take_u64(bytes).map(f64::from_bits)).collect();
        // A bucket takes its index, and a frame of at least three bytes.
        let (positive, negative) = (varint::take_count(bytes, 32)?, varint::take_count(bytes, 32)?);
        Ok(Self {
            rows,
            schema,
            zero_threshold,
            custom_values: Arc::from(bounds?),
            count: column(bytes, rows)?,
            zero_count: column(bytes, rows)?,
            sum: column(bytes, rows)?,
            positive: buckets(bytes, positive, rows)?,
            negative: buckets(bytes, negative, rows)?,
        })
    }

    fn histogram(&self, row: usize, hint: CounterResetHint) -> FloatHistogram {
        let of = |column: &[f64]| column.get(row).copied().unwrap_or(0.0);
        let side = |columns: &[Column]| {
            let listed = columns.iter().filter(|c| c.listed.is_empty() || c.listed.get(row) == Some(&true));
            let mut buckets = Buckets {
                indices: Vec::with_capacity(columns.len()),
                counts: Vec::with_capacity(columns.len()),
            };
            listed.for_each(|column| buckets.push(column.index, of(&column.counts)));
            buckets
        };
        FloatHistogram {
            schema: self.schema,
            zero_threshold: self.zero_threshold,
            zero_count: of(&self.zero_count),
            count: of(&self.count),
            sum: of(&self.sum),
            positive: side(&self.positive),
            negative: side(&self.negative),
            custom_values: Arc::clone(&self.custom_values),
            hint,
        }
    }
}

fn column(bytes: &mut &[u8], rows: usize) -> Result<Vec<f64>, CodecError> {
    let mut values = Vec::new();
    value::decode(bytes, &mut values)?;
    if values.len() == rows { Ok(values) } else { Err(CodecError("column and segment differ in length")) }
}

fn buckets(bytes: &mut &[u8], count: usize, rows: usize) -> Result<Vec<Column>, CodecError> {
    let mut columns: Vec<Column> = Vec::with_capacity(count);
    let mut previous: Option<i32> = None;
    for _ in 0..count {
        let head = varint::take(bytes)?;
        let index = i64::from(previous.unwrap_or(0)).checked_add(varint::unzigzag(head >> 1));
        let index = index.and_then(|index| i32::try_from(index).ok());
        let index = index.filter(|index| previous.is_none_or(|previous| previous < *index));
        let index = index.ok_or(CodecError("bucket index out of order"))?;
        let mut listed = Vec::new();
        if head & 1 == 1 {
            let mut flags = [0; FRAME_MAX];
            let flags = flags.get_mut(..rows).unwrap_or_default();
            bits::unpack(bytes, 1, flags)?;
            listed.extend(flags.iter().map(|flag| *flag == 1));
        }
        columns.push(Column { index, listed, counts: column(bytes, rows)? });
        previous = Some(index);
    }
    Ok(columns)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::histogram::CUSTOM_BUCKETS_SCHEMA;
    use proptest::prelude::*;

    fn side(integral: bool) -> BoxedStrategy<Buckets> {
        let count = if integral {
            (0u32..5000).prop_map(f64::from).boxed()
        } else {
            prop_oneof![any::<u32>().prop_map(|n| f64::from(n) / 7.0), Just(0.0)].boxed()
        };
        proptest::collection::btree_map(-300i32..300, count, 0..12)
            .prop_map(|map| Buckets {
                indices: map.keys().copied().collect(),
                counts: map.values().copied().collect(),
            })
            .boxed()
    }

    /// Histograms that pass validation, exponential and custom.
    pub(crate) fn any_histogram() -> impl Strategy<Value = FloatHistogram> {
        let hint = prop_oneof![
            Just(CounterResetHint::Unknown),
            Just(CounterResetHint::NotReset),
            Just(CounterResetHint::Gauge)
        ];
        (any::<bool>(), any::<bool>(), hint).prop_flat_map(|(integral, custom, hint)| {
            let schema = prop_oneof![3 => Just(3i32), 1 => -4i32..9];
            let threshold = prop_oneof![3 => Just(0.001f64), 1 => 0.0f64..1.0];
            (side(integral), side(integral), schema, threshold, any::<f64>(), 0u32..9000).prop_map(
                move |(positive, negative, schema, threshold, sum, zeros)| {
                    let negative = if custom { Buckets::default() } else { negative };
                    let mut histogram =
                        FloatHistogram { sum, positive, negative, hint, ..FloatHistogram::default() };
                    if custom {
                        histogram.schema = CUSTOM_BUCKETS_SCHEMA;
                        histogram.custom_values = Arc::from([0.1, 0.5, 2.0, 10.0]);
                        histogram.positive.indices = (0..).take(histogram.positive.len().min(5)).collect();
                        histogram.positive.counts.truncate(5);
                    } else {
                        histogram.schema = schema;
                        histogram.zero_threshold = threshold;
                        histogram.zero_count = f64::from(zeros);
                    }
                    let buckets = histogram.positive.counts.iter().chain(&histogram.negative.counts);
                    histogram.count = buckets.sum::<f64>() + histogram.zero_count;
                    histogram
                },
            )
        })
    }

    /// Equality of every bit, so that NaN equals itself.
    pub(crate) fn bits_of(histogram: &FloatHistogram) -> String {
        let words = |counts: &[f64]| counts.iter().map(|c| c.to_bits()).collect::<Vec<_>>();
        let h = histogram;
        format!(
            "{} {:?} {:?} {:?} {:?} {:?} {:?} {:?}",
            h.schema,
            words(&[h.zero_threshold, h.zero_count, h.count, h.sum]),
            h.positive.indices,
            words(&h.positive.counts),
            h.negative.indices,
            words(&h.negative.counts),
            words(&h.custom_values),
            h.hint
        )
    }

    fn back(rows: &[Option<FloatHistogram>], range: Range<usize>) -> Vec<Option<String>> {
        let borrowed: Vec<Option<&FloatHistogram>> = rows.iter().map(Option::as_ref).collect();
        let mut bytes = Vec::new();
        encode(&borrowed, &mut bytes);
        let mut rest = bytes.as_slice();
        let frame = Frame::decode(&mut rest, rows.len()).unwrap();
        assert!(rest.is_empty());
        let mut out = Vec::new();
        frame.rows(range, |_, row| out.push(row.as_ref().map(bits_of)));
        out
    }

    #[test]
    fn a_steady_counter_costs_a_few_bytes_a_sample() {
        let row = |i: u32| {
            let buckets = Buckets {
                indices: (0..20).collect(),
                counts: (0..20).map(|b| f64::from(i * (b + 1) * 3 + (i * b) % 7)).collect(),
            };
            let sum = f64::from(i) * 1.5;
            Some(FloatHistogram { schema: 3, sum, positive: buckets, ..FloatHistogram::default() })
        };
        let rows: Vec<_> = (0..120).map(row).collect();
        let borrowed: Vec<_> = rows.iter().map(Option::as_ref).collect();
        let mut bytes = Vec::new();
        encode(&borrowed, &mut bytes);
        assert!(bytes.len() / 120 < 24, "{} bytes a histogram", bytes.len() / 120);
    }

    proptest! {
        #[test]
        fn histograms_come_back(
            rows in proptest::collection::vec(proptest::option::weighted(0.9, any_histogram()), 1..24),
            from in 0usize..24, len in 0usize..24,
        ) {
            let all: Vec<_> = rows.iter().map(|row| row.as_ref().map(bits_of)).collect();
            let to = (from + len).min(rows.len());
            let from = from.min(to);
            prop_assert_eq!(back(&rows, 0..rows.len()), all.clone());
            prop_assert_eq!(back(&rows, from..to), &all[from..to]);
        }

        #[test]
        fn any_bytes_are_a_frame_or_an_error(
            bytes in proptest::collection::vec(prop_oneof![0u8..5, any::<u8>()], 0..200), count in 0usize..20,
        ) {
            if let Ok(frame) = Frame::decode(&mut bytes.as_slice(), count) {
                let mut rows = 0;
                frame.rows(0..count, |_, _| rows += 1);
                prop_assert_eq!(rows, count);
            }
        }
    }
}
