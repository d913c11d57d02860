//! Writes native histograms as chunks of encoding 2 (whole populations) or 3.

use super::bits::BitWriter;
use super::layout::Layout;
use super::varbit::{XorFloat, put_int, put_uint};
use super::{FLOAT_HISTOGRAM, HISTOGRAM};
use crate::histogram::{Buckets, CounterResetHint, FloatHistogram};
use crate::sample::STALE_NAN;
use std::sync::Arc;

/// Whole numbers below this are floats without loss.
const WHOLE_MAX: f64 = 9_007_199_254_740_992.0;

/// How many samples from the first on one chunk can hold: all of one resolution and one kind of counter, none
/// behind a reset, nothing but markers behind a marker. `None` is a staleness marker.
pub(crate) fn chunk_len(samples: &[Option<&FloatHistogram>]) -> usize {
    let goes_on = |pair: &[Option<&FloatHistogram>]| match pair {
        [Some(before), Some(next)] => {
            let gauge = |h: &FloatHistogram| h.hint == CounterResetHint::Gauge;
            gauge(before) == gauge(next)
                && (gauge(next) || next.hint == CounterResetHint::NotReset)
                && same_resolution(before, next)
                && is_whole(before) == is_whole(next)
        }
        [_, next] => next.is_none(),
        _ => false,
    };
    1 + samples.windows(2).take_while(|pair| goes_on(pair)).count()
}

fn same_resolution(a: &FloatHistogram, b: &FloatHistogram) -> bool {
    let same = |(a, b): (&f64, &f64)| a.to_bits() == b.to_bits();
    a.schema == b.schema
        && same((&a.zero_threshold, &b.zero_threshold))
        && a.custom_values.len() == b.custom_values.len()
        && a.custom_values.iter().zip(&*b.custom_values).all(same)
}

fn is_whole(histogram: &FloatHistogram) -> bool {
    let totals = [histogram.count, histogram.zero_count];
    let sides = [&histogram.positive, &histogram.negative];
    let all = totals.into_iter().chain(sides.into_iter().flat_map(|side| side.counts.iter().copied()));
    all.into_iter().all(|n| n.fract() == 0.0 && (0.0..WHOLE_MAX).contains(&n) && n.is_sign_positive())
}

/// Encodes what [`chunk_len`] says fits one chunk, at most 65535 samples; the answer is encoding and chunk.
pub(crate) fn encode(samples: &[(i64, Option<&FloatHistogram>)]) -> (u8, Vec<u8>) {
    let histograms = || samples.iter().filter_map(|(_, histogram)| *histogram);
    let first = histograms().next();
    let all_indices = |side: fn(&FloatHistogram) -> &Buckets| {
        let mut all: Vec<i32> = histograms().flat_map(|h| side(h).indices.iter().copied()).collect();
        all.sort_unstable();
        all.dedup();
        all
    };
    let layout = Layout {
        schema: first.map_or(0, |h| h.schema),
        zero_threshold: first.map_or(0.0, |h| h.zero_threshold),
        positive: all_indices(|h| &h.positive),
        negative: all_indices(|h| &h.negative),
        custom_values: first.map_or_else(Arc::default, |h| Arc::clone(&h.custom_values)),
    };
    let flags = match first.map_or(CounterResetHint::Unknown, |h| h.hint) {
        CounterResetHint::Unknown => 0u8,
        CounterResetHint::NotReset => 1,
        CounterResetHint::Reset => 2,
        CounterResetHint::Gauge => 3,
    };
    let mut head = (samples.len() as u16).to_be_bytes().to_vec();
    head.push(flags << 6);
    let mut out = BitWriter::behind(head);
    layout.put(&mut out);
    if first.is_none_or(is_whole) {
        put_samples(samples, &layout, Wholes::default(), &mut out);
        (HISTOGRAM, out.finish())
    } else {
        put_samples(samples, &layout, Floats::default(), &mut out);
        (FLOAT_HISTOGRAM, out.finish())
    }
}

/// Writes the numbers of a sample, but for its timestamp and its sum.
trait Numbers {
    fn totals(&mut self, values: [f64; 2], out: &mut BitWriter);
    /// Writes the populations of all buckets of the layout.
    fn populations(&mut self, sides: [Vec<f64>; 2], out: &mut BitWriter);
}

/// A number and its difference to the one before.
#[derive(Clone, Copy)]
struct Whole {
    value: i64,
    difference: i64,
}

impl Whole {
    fn new(value: i64) -> Self {
        Self { value, difference: 0 }
    }

    /// How much the difference changed.
    fn change(&mut self, value: i64) -> i64 {
        let difference = value.wrapping_sub(self.value);
        let change = difference.wrapping_sub(self.difference);
        *self = Self { value, difference };
        change
    }
}

#[derive(Default)]
struct Wholes {
    totals: Option<[Whole; 2]>,
    buckets: Option<Vec<Whole>>,
}

impl Numbers for Wholes {
    fn totals(&mut self, values: [f64; 2], out: &mut BitWriter) {
        let values = values.map(|value| value as i64);
        match &mut self.totals {
            Some(totals) => totals.iter_mut().zip(values).for_each(|(t, v)| put_int(out, t.change(v))),
            none => {
                values.into_iter().for_each(|value| put_uint(out, value as u64));
                *none = Some(values.map(Whole::new));
            }
        }
    }

    fn populations(&mut self, sides: [Vec<f64>; 2], out: &mut BitWriter) {
        let differences = sides.into_iter().flat_map(|side| {
            let mut before = 0;
            side.into_iter().map(move |population| {
                let population = population as i64;
                population - std::mem::replace(&mut before, population)
            })
        });
        match &mut self.buckets {
            Some(buckets) => {
                buckets.iter_mut().zip(differences).for_each(|(b, d)| put_int(out, b.change(d)));
            }
            none => {
                let first: Vec<Whole> = differences.map(Whole::new).collect();
                first.iter().for_each(|bucket| put_int(out, bucket.value));
                *none = Some(first);
            }
        }
    }
}

#[derive(Default)]
struct Floats {
    totals: Option<[XorFloat; 2]>,
    buckets: Option<Vec<XorFloat>>,
}

fn put_first(float: XorFloat, out: &mut BitWriter) -> XorFloat {
    out.put(float.bits, 64);
    float
}

impl Numbers for Floats {
    fn totals(&mut self, values: [f64; 2], out: &mut BitWriter) {
        match &mut self.totals {
            Some(totals) => totals.iter_mut().zip(values).for_each(|(t, v)| t.put(v, out)),
            none => *none = Some(values.map(|value| put_first(XorFloat::new(value), out))),
        }
    }

    fn populations(&mut self, sides: [Vec<f64>; 2], out: &mut BitWriter) {
        let populations = sides.into_iter().flatten();
        match &mut self.buckets {
            Some(buckets) => buckets.iter_mut().zip(populations).for_each(|(b, p)| b.put(p, out)),
            none => *none = Some(populations.map(|p| put_first(XorFloat::new(p), out)).collect()),
        }
    }
}

fn put_samples(
    samples: &[(i64, Option<&FloatHistogram>)],
    layout: &Layout,
    mut numbers: impl Numbers,
    out: &mut BitWriter,
) {
    let mut time: Option<Whole> = None;
    let mut sum: Option<XorFloat> = None;
    for (timestamp, histogram) in samples {
        match &mut time {
            Some(time) => put_int(out, time.change(*timestamp)),
            none => {
                put_int(out, *timestamp);
                *none = Some(Whole::new(*timestamp));
            }
        }
        numbers.totals(histogram.map_or([0.0; 2], |h| [h.count, h.zero_count]), out);
        let its_sum = histogram.map_or(STALE_NAN, |h| h.sum);
        match &mut sum {
            Some(sum) => sum.put(its_sum, out),
            none => *none = Some(put_first(XorFloat::new(its_sum), out)),
        }
        if let Some(h) = histogram {
            let sides = [spread(&h.positive, &layout.positive), spread(&h.negative, &layout.negative)];
            numbers.populations(sides, out);
        }
    }
}

/// The populations of all buckets of a layout; those that the histogram does not list are empty.
fn spread(side: &Buckets, layout: &[i32]) -> Vec<f64> {
    let mut listed = side.iter().peekable();
    let population = |index: &i32| listed.next_if(|(at, _)| at == index).map_or(0.0, |(_, count)| count);
    layout.iter().map(population).collect()
}

#[cfg(test)]
mod tests {
    use super::super::decode;
    use super::*;
    use crate::query::Columns;
    use crate::{is_stale_nan, stored_hint};
    use proptest::prelude::*;

    type Row = Option<FloatHistogram>;

    fn any_side(whole: bool) -> impl Strategy<Value = Buckets> {
        let count = if whole { (0u32..99).prop_map(f64::from).boxed() } else { (0.0..99f64).boxed() };
        proptest::collection::btree_map(-30i32..30, count, 0..6).prop_map(|buckets| Buckets {
            indices: buckets.keys().copied().collect(),
            counts: buckets.values().copied().collect(),
        })
    }

    fn any_rows() -> impl Strategy<Value = Vec<Row>> {
        let row = |whole: bool| {
            let schema = prop_oneof![6 => Just(2), 1 => -4i32..8];
            (schema, any_side(whole), any_side(whole), any::<f64>(), 0u8..12, 0u32..9999).prop_map(
                |(schema, positive, negative, sum, kind, count)| {
                    let hint = if kind < 3 { CounterResetHint::Gauge } else { CounterResetHint::Unknown };
                    let count = f64::from(count);
                    let sum = if is_stale_nan(sum) { 0.5 } else { sum };
                    let histogram = FloatHistogram {
                        schema,
                        zero_threshold: 2f64.powi(-128),
                        positive,
                        negative,
                        sum,
                        count,
                        hint,
                        ..FloatHistogram::default()
                    };
                    (kind != 11).then_some(histogram)
                },
            )
        };
        proptest::collection::vec(prop_oneof![row(true), row(false)], 1..30).prop_map(|mut rows| {
            for at in 0..rows.len() {
                let (before, after) = rows.split_at_mut(at);
                let before = before.last().and_then(Option::as_ref);
                if let Some(Some(row)) = after.first_mut() {
                    row.hint = stored_hint(before, row);
                }
            }
            rows
        })
    }

    /// Without the buckets that nobody is in.
    fn populated(histogram: &FloatHistogram) -> FloatHistogram {
        let side = |side: &Buckets| {
            let (indices, counts) = side.iter().filter(|(_, count)| *count != 0.0).unzip();
            Buckets { indices, counts }
        };
        let (positive, negative) = (side(&histogram.positive), side(&histogram.negative));
        FloatHistogram { positive, negative, ..histogram.clone() }
    }

    proptest! {
        #[test]
        fn histograms_come_back_with_their_hints(rows in any_rows()) {
            let rows: Vec<Option<&FloatHistogram>> = rows.iter().map(Option::as_ref).collect();
            let mut at = 0;
            while at < rows.len() {
                let len = chunk_len(&rows[at..]);
                let part = &rows[at..at + len];
                let timed: Vec<_> = (0i64..).map(|t| t * t * 7).zip(part.iter().copied()).collect();
                let (encoding, chunk) = encode(&timed);
                let mut out = Columns::default();
                decode(encoding, &chunk, (i64::MIN, i64::MAX), &mut out).unwrap();
                prop_assert_eq!(out.len(), part.len());
                for (n, (t, row)) in timed.iter().enumerate() {
                    prop_assert_eq!(out.timestamps[n], *t);
                    match (row, out.histogram(n)) {
                        (Some(want), Some(got)) => {
                            // That the chunk before is there is not known to who reads this one.
                            let first_goes_on = n == 0 && want.hint == CounterResetHint::NotReset;
                            let hint = if first_goes_on { CounterResetHint::Unknown } else { want.hint };
                            let want = FloatHistogram { hint, ..populated(want) };
                            let got = populated(got);
                            prop_assert_eq!(got.sum.to_bits(), want.sum.to_bits());
                            prop_assert_eq!(
                                FloatHistogram { sum: 0.0, ..got },
                                FloatHistogram { sum: 0.0, ..want }
                            );
                        }
                        (None, None) => prop_assert!(is_stale_nan(out.values[n])),
                        other => prop_assert!(false, "{other:?}"),
                    }
                }
                at += len;
            }
        }

        #[test]
        fn a_damaged_chunk_is_read_or_refused(rows in any_rows(), at: prop::sample::Index, bit in 0u8..8) {
            let rows: Vec<Option<&FloatHistogram>> = rows.iter().map(Option::as_ref).collect();
            let part = &rows[..chunk_len(&rows)];
            let timed: Vec<_> = (0i64..).zip(part.iter().copied()).collect();
            let (encoding, mut chunk) = encode(&timed);
            let at = at.index(chunk.len());
            chunk[at] ^= 1 << bit;
            for encoding in [encoding, HISTOGRAM, FLOAT_HISTOGRAM, 5, 6] {
                let _ = decode(encoding, &chunk, (i64::MIN, i64::MAX), &mut Columns::default());
            }
        }
    }
}
