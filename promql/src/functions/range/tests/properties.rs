//! What holds for all series.

use super::super::{RANGE_FUNCTIONS, check_bounds, extrapolate};
use super::Case;
use crate::syntax::ast::Bounds;
use narthex_storage::{Buckets, Columns, CounterResetHint, FloatHistogram};
use proptest::prelude::*;
use std::sync::Arc;

fn series() -> impl Strategy<Value = Columns> {
    let value = prop_oneof![
        4 => 0.0..1e6,
        2 => (0u8..6).prop_map(f64::from),
        1 => prop_oneof![Just(f64::NAN), Just(f64::INFINITY), Just(-3.5), Just(-0.0), Just(f64::MAX)],
    ];
    proptest::collection::vec((1i64..40_000, value, prop_oneof![3 => Just(0i64), 1 => 1i64..60_000]), 0..60)
        .prop_map(|rows| {
            let mut samples = Columns::default();
            let mut time = 0;
            for (gap, value, before) in rows {
                time += gap;
                samples.push_started(time, value, if before == 0 { 0 } else { (time - before).max(0) });
            }
            samples
        })
}

/// Hints in an order in which none is rare.
const HINTS: [CounterResetHint; 7] = [
    CounterResetHint::Unknown,
    CounterResetHint::NotReset,
    CounterResetHint::NotReset,
    CounterResetHint::Reset,
    CounterResetHint::Unknown,
    CounterResetHint::Gauge,
    CounterResetHint::Unknown,
];

/// Samples of which some are histograms; each is a histogram where the value is small.
fn mixed(samples: &Columns) -> Columns {
    let mut out = Columns::default();
    for (at, (time, value)) in samples.timestamps.iter().zip(&samples.values).enumerate() {
        if *value < 4.0 {
            let positive = Buckets { indices: vec![at as i32 % 5], counts: vec![*value] };
            let hint = HINTS[at % HINTS.len()];
            let schema = at as i32 / 16;
            let histogram = FloatHistogram {
                count: *value,
                sum: *value,
                positive,
                hint,
                schema,
                ..FloatHistogram::default()
            };
            out.push_histogram(*time, Arc::new(histogram), samples.start(at));
        } else {
            out.push_started(*time, *value, samples.start(at));
        }
    }
    out
}

fn bits(values: &[Option<f64>]) -> Vec<Option<u64>> {
    values.iter().map(|value| value.map(|v| if v.is_nan() { 0 } else { v.to_bits() })).collect()
}

proptest! {
    #[test]
    fn many_steps_give_what_each_gives_alone(
        samples in series(),
        mix in any::<bool>(),
        (start, step, count) in (-20_000i64..500_000, 1i64..100_000, 1i64..12),
        range_ms in 1i64..400_000,
        lookback_ms in 1i64..100_000,
        use_starts in any::<bool>(),
        repeat in any::<bool>(),
    ) {
        let samples = if mix { mixed(&samples) } else { samples };
        let steps: Vec<i64> = (0..count).map(|i| if repeat { start } else { start + i * step }).collect();
        let case = Case {
            range_ms, lookback_ms, use_starts, steps, params: vec![0.3, 0.6], ..Case::of(samples)
        };
        for function in RANGE_FUNCTIONS {
            for bounds in [Bounds::Plain, Bounds::Anchored, Bounds::Smoothed] {
                if check_bounds(function.name, bounds).is_err() {
                    continue;
                }
                let case = Case { bounds, ..case.clone() };
                let together = case.run(function.name).unwrap();
                for (at, step) in case.steps.iter().enumerate() {
                    let alone = Case { steps: vec![*step], ..case.clone() }.run(function.name).unwrap();
                    let floats = [together.float(at), alone.float(0)].map(|value| bits(&[value]));
                    prop_assert_eq!(&floats[0], &floats[1], "{} {:?}", function.name, bounds);
                    let same = match (together.histogram(at), alone.histogram(0)) {
                        (Some(together), Some(alone)) => together.same(alone),
                        (together, alone) => together.is_none() && alone.is_none(),
                    };
                    prop_assert!(same, "{} {:?}", function.name, bounds);
                    let counted = |text: &String| text.contains("overlaps");
                    let mut notes = alone.warnings.iter().filter(|text| !counted(text)).chain(&alone.infos);
                    let known = |text| together.warnings.contains(text) || together.infos.contains(text);
                    prop_assert!(notes.all(known), "{} {:?}", function.name, bounds);
                }
            }
        }
    }

    #[test]
    fn kernels_agree_with_the_plain_reading_of_the_rules(
        samples in series(),
        start in -20_000i64..500_000,
        step in 1i64..100_000,
        range_ms in 1i64..400_000,
    ) {
        let case = Case {
            range_ms, steps: (0..10).map(|i| start + i * step).collect(), ..Case::of(samples)
        };
        type Naive = fn(&[(i64, f64)], i64, i64) -> Option<f64>;
        let naive: [(&str, Naive); 8] = [
            ("rate", |window, start, end| naive_change(window, start, end, true, true)),
            ("increase", |window, start, end| naive_change(window, start, end, true, false)),
            ("delta", |window, start, end| naive_change(window, start, end, false, false)),
            ("max_over_time", |window, _, _| naive_extreme(window, |new, old| new > old).map(|(_, v)| v)),
            ("min_over_time", |window, _, _| naive_extreme(window, |new, old| new < old).map(|(_, v)| v)),
            ("ts_of_max_over_time", |window, _, _| {
                naive_extreme(window, |new, old| new >= old).map(|(t, _)| t as f64 / 1000.0)
            }),
            ("ts_of_min_over_time", |window, _, _| {
                naive_extreme(window, |new, old| new <= old).map(|(t, _)| t as f64 / 1000.0)
            }),
            ("sum_over_time", |window, _, _| naive_sum(window)),
        ];
        for (function, naive) in naive {
            let expected: Vec<_> = case
                .steps
                .iter()
                .map(|end| {
                    let start = end - range_ms;
                    let rows = case.samples.timestamps.iter().copied().zip(case.samples.values.iter().copied());
                    let window: Vec<_> = rows.filter(|(t, _)| *t > start && t <= end).collect();
                    naive(&window, start, *end)
                })
                .collect();
            prop_assert_eq!(bits(&case.floats(function)), bits(&expected), "{}", function);
        }
    }
}

fn naive_change(window: &[(i64, f64)], start: i64, end: i64, counter: bool, per_second: bool) -> Option<f64> {
    let (&(first_ms, first), &(last_ms, last)) = (window.first()?, window.last()?);
    if window.len() < 2 {
        return None;
    }
    let mut change = last - first;
    for pair in window.windows(2) {
        if counter && pair[1].1 < pair[0].1 {
            change += pair[0].1;
        }
    }
    let sampled = (last_ms - first_ms) as f64 / 1000.0;
    let average = sampled / (window.len() - 1) as f64;
    let limit = average * 1.1;
    let mut to_start = (first_ms - start) as f64 / 1000.0;
    let mut to_end = (end - last_ms) as f64 / 1000.0;
    if to_start >= limit {
        to_start = average / 2.0;
    }
    if counter && change > 0.0 && first >= 0.0 && sampled * (first / change) < to_start {
        to_start = sampled * (first / change);
    }
    if to_end >= limit {
        to_end = average / 2.0;
    }
    let mut factor = (sampled + to_start + to_end) / sampled;
    if per_second {
        factor /= extrapolate::seconds(end - start);
    }
    Some(change * factor)
}

fn naive_extreme(window: &[(i64, f64)], beats: fn(f64, f64) -> bool) -> Option<(i64, f64)> {
    let mut best = *window.first()?;
    for sample in window {
        if beats(sample.1, best.1) || best.1.is_nan() {
            best = *sample;
        }
    }
    Some(best)
}

fn naive_sum(window: &[(i64, f64)]) -> Option<f64> {
    window.first()?;
    let (mut sum, mut compensation) = (0.0f64, 0.0f64);
    for (_, value) in window {
        let total = sum + value;
        if total.is_infinite() {
            compensation = 0.0;
        } else if sum.abs() >= value.abs() {
            compensation += (sum - total) + value;
        } else {
            compensation += (value - total) + sum;
        }
        sum = total;
    }
    Some(if sum.is_infinite() { sum } else { sum + compensation })
}
