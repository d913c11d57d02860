//! What stays of a series against all of its samples.

use super::*;
use crate::histogram::FloatHistogram;
use proptest::prelude::*;
use std::sync::Arc;

const MINUTE: i64 = 60_000;

fn name(name: &str) -> Labels {
    Labels::from_pairs([("__name__", name)])
}

fn columns(samples: &[(i64, f64)]) -> Columns {
    let mut columns = Columns::default();
    samples.iter().for_each(|(t, value)| columns.push(*t, *value));
    columns
}

/// Samples at uneven times, with staleness markers.
fn samples(value: impl Strategy<Value = f64>) -> impl Strategy<Value = Vec<(i64, f64)>> {
    let value = prop_oneof![30 => value, 1 => Just(STALE_NAN)];
    proptest::collection::vec((1i64..40_000, value), 1..200).prop_map(|steps| {
        let mut t = 0;
        let each = |(step, value)| {
            t += step;
            (t, value)
        };
        steps.into_iter().map(each).collect()
    })
}

/// A counter that begins anew now and then.
fn counter() -> impl Strategy<Value = Vec<(i64, f64)>> {
    samples((0u32..100).prop_map(f64::from)).prop_map(|mut samples| {
        let mut sum = 0.0;
        for (_, value) in samples.iter_mut().filter(|(_, value)| !is_stale_nan(*value)) {
            sum = if *value < 4.0 { *value } else { sum + *value };
            *value = sum;
        }
        samples
    })
}

fn within(columns: &Columns, from: i64, to: i64) -> impl Iterator<Item = usize> {
    let inside = move |at: &usize| columns.timestamps[*at] > from && columns.timestamps[*at] <= to;
    (0..columns.len()).filter(move |at| inside(at) && !is_stale_nan(columns.values[*at]))
}

/// What a window says by a function, from rows or from raw samples.
fn aggregate(columns: &Columns, side: Side, from: i64, to: i64) -> Option<f64> {
    let own = |at: usize| if side == Side::Count { 1.0 } else { columns.values[at] };
    let values = within(columns, from, to).map(|at| columns.rows.side(side, at).unwrap_or_else(|| own(at)));
    values.reduce(|a, b| match side {
        Side::Min => a.min(b),
        Side::Max => a.max(b),
        Side::Sum | Side::Count => a + b,
    })
}

/// By how much a counter rose between two times that both have a sample.
fn increase(columns: &Columns, from: i64, to: i64) -> f64 {
    let values: Vec<f64> = within(columns, from - 1, to).map(|at| columns.values[at]).collect();
    values.windows(2).map(|pair| if pair[1] < pair[0] { pair[1] } else { pair[1] - pair[0] }).sum()
}

fn check_windows(raw: &Columns, rows: &Columns, resolution: i64) -> Result<(), TestCaseError> {
    let end = raw.timestamps.last().unwrap() / resolution + 1;
    for from in 0..end {
        for to in [from + 1, from + 3] {
            let (from, to) = (from * resolution, to * resolution);
            for side in [Side::Min, Side::Max, Side::Sum, Side::Count] {
                prop_assert_eq!(
                    aggregate(rows, side, from, to),
                    aggregate(raw, side, from, to),
                    "{:?}",
                    side
                );
            }
        }
    }
    Ok(())
}

proptest! {
    #[test]
    fn aligned_windows_say_the_same(samples in samples((-50i32..50).prop_map(f64::from)), counts: bool) {
        let raw = columns(&samples);
        let labels = name(if counts { "c_total" } else { "g" });
        let fine = downsample(&labels, &raw, MINUTE as u32);
        prop_assert!(fine.len() <= raw.len() && fine.timestamps.is_sorted_by(|a, b| a < b));
        check_windows(&raw, &fine, MINUTE)?;
        let coarse = downsample(&labels, &fine, 5 * MINUTE as u32);
        check_windows(&raw, &coarse, 5 * MINUTE)?;
        let finer = downsample(&labels, &coarse, MINUTE as u32);
        prop_assert_eq!(format!("{finer:?}"), format!("{coarse:?}"), "what is gone is gone");
        prop_assert_eq!(raw.newest().map(|n| (n.timestamp, n.value.to_bits())),
            coarse.newest().map(|n| (n.timestamp, n.value.to_bits())));
    }

    #[test]
    fn every_reset_of_a_counter_is_seen(samples in counter()) {
        let raw = columns(&samples);
        let labels = name("c_total");
        prop_assume!(is_counter(&labels, &raw));
        let fine = downsample(&labels, &raw, MINUTE as u32);
        let coarse = downsample(&labels, &fine, 5 * MINUTE as u32);
        for rows in [&fine, &coarse] {
            let stamps: Vec<i64> = within(rows, -1, i64::MAX).map(|at| rows.timestamps[at]).collect();
            for (at, from) in stamps.iter().enumerate() {
                for to in [stamps.get(at + 1), stamps.last()].into_iter().flatten() {
                    prop_assert_eq!(increase(rows, *from, *to), increase(&raw, *from, *to));
                }
            }
            let first = |columns: &Columns| within(columns, -1, i64::MAX).next().map(|at| columns.timestamps[at]);
            prop_assert_eq!(first(rows), first(&raw), "the block before may end higher");
        }
    }

    #[test]
    fn every_end_of_a_series_is_seen(samples in samples((0i32..9).prop_map(f64::from))) {
        let raw = columns(&samples);
        let rows = downsample(&name("g"), &raw, MINUTE as u32);
        let ends = |columns: &Columns| {
            let stale = |at: &usize| is_stale_nan(columns.values[*at]);
            let before = |at: usize| at.checked_sub(1).map(|at| (columns.timestamps[at], columns.values[at].to_bits()));
            (0..columns.len()).filter(stale).map(|at| (columns.timestamps[at], before(at))).collect::<Vec<_>>()
        };
        prop_assert_eq!(ends(&rows), ends(&raw));
    }
}

#[test]
fn an_interval_ends_with_its_last_millisecond() {
    let raw =
        columns(&[(MINUTE, 9.0), (MINUTE + 1, 5.0), (90_000, 2.0), (2 * MINUTE, 3.0), (2 * MINUTE + 1, 4.0)]);
    let rows = downsample(&name("g"), &raw, MINUTE as u32);
    assert_eq!(rows.timestamps, [MINUTE, 2 * MINUTE, 2 * MINUTE + 1]);
    assert_eq!(rows.values, [9.0, 3.0, 4.0]);
    let sides = [Side::Min, Side::Max, Side::Sum, Side::Count].map(|side| rows.rows.side(side, 1));
    assert_eq!(sides, [Some(2.0), Some(5.0), Some(10.0), Some(3.0)]);
}

#[test]
fn a_gauge_keeps_one_sample_for_each_interval() {
    let wave: Vec<(i64, f64)> = (0..400).map(|n| (n * 15_000, f64::from((n * 7 % 13) as i32))).collect();
    let rows = downsample(&name("g"), &columns(&wave), 5 * MINUTE as u32);
    assert_eq!(rows.len(), 21);
    // Of one that is called a counter every fall is seen: here it is the last sample of an interval.
    let slow: Vec<(i64, f64)> = (0..400).map(|n| (n * 15_000, f64::from((n % 40) as i32))).collect();
    assert_eq!(downsample(&name("g"), &columns(&slow), 5 * MINUTE as u32).len(), 21);
    assert_eq!(downsample(&name("c_total"), &columns(&slow), 5 * MINUTE as u32).len(), 21 + 9);
}

#[test]
fn numbers_that_are_none_are_aggregated_as_functions_do() {
    let raw =
        columns(&[(1, f64::NAN), (2, 3.0), (3, f64::NAN), (4, 2.0), (5, f64::INFINITY), (6, 2.0), (7, 1.0)]);
    let rows = downsample(&name("g"), &raw, MINUTE as u32);
    let side = |side| rows.rows.side(side, rows.len() - 1).unwrap();
    assert_eq!((side(Side::Min), side(Side::Max)), (1.0, f64::INFINITY));
    assert!(side(Side::Sum).is_nan());
    let tiny = columns(&[(1, 1e100), (2, 1.0), (3, -1e100)]);
    let rows = downsample(&name("g"), &tiny, MINUTE as u32);
    assert_eq!(aggregate(&rows, Side::Sum, 0, MINUTE), Some(1.0), "compensated");
}

#[test]
fn histograms_and_their_markers_stay_as_they_are() {
    let mut raw = columns(&[(1, 1.0), (2, 2.0)]);
    for t in 3..6 {
        raw.push_histogram(t, Arc::new(FloatHistogram { count: t as f64, ..FloatHistogram::default() }), 0);
    }
    raw.push(6, STALE_NAN);
    raw.push(7, 7.0);
    let rows = downsample(&name("h"), &raw, MINUTE as u32);
    assert_eq!(rows.timestamps[rows.len() - 5..], [3, 4, 5, 6, 7]);
    assert_eq!(rows.histograms.len(), 3);
    let resolutions: Vec<u32> = (rows.len() - 5..rows.len()).map(|at| rows.rows.resolution(at)).collect();
    assert_eq!(resolutions, [0, 0, 0, 0, 60_000]);
}

#[test]
fn a_new_start_timestamp_is_a_reset() {
    let mut raw = Columns::default();
    for (t, value, start) in [(1, 1.0, 1), (2, 2.0, 1), (3, 5.0, 3), (4, 6.0, 3), (5, 7.0, 3)] {
        raw.push_started(t, value, start);
    }
    let rows = downsample(&name("c_total"), &raw, MINUTE as u32);
    assert_eq!((rows.timestamps, rows.starts), (vec![1, 2, 3, 5], vec![1, 1, 3, 3]));
}
