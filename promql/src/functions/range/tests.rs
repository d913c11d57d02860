//! Kernels over windows that a small helper builds from samples, a range and a grid of steps.

use super::find;
use crate::annotations::Annotations;
use crate::batch::Batch;
use crate::engine::EngineError;
use crate::functions::input::RangeInput;
use crate::syntax::ast::{Bounds, Span};
use narthex_storage::{Columns, FloatHistogram, Labels};
use proptest::prelude::*;
use std::sync::Arc;

/// A function call over steps; all times are ms.
#[derive(Clone)]
pub(super) struct Case {
    pub(super) samples: Columns,
    pub(super) steps: Vec<i64>,
    pub(super) range_ms: i64,
    pub(super) lookback_ms: i64,
    pub(super) bounds: Bounds,
    pub(super) params: Vec<f64>,
    pub(super) labels: Labels,
    pub(super) use_starts: bool,
    pub(super) type_and_unit: bool,
}

/// What a call gives.
pub(super) struct Outcome {
    batch: Batch,
    pub(super) warnings: Vec<String>,
    pub(super) infos: Vec<String>,
}

impl Case {
    /// Samples every `interval` seconds from 0 on; NaN stands for no sample.
    pub(super) fn every(interval: i64, values: &[f64]) -> Self {
        let mut samples = Columns::default();
        for (at, value) in values.iter().enumerate().filter(|(_, value)| !value.is_nan()) {
            samples.push(at as i64 * interval * 1000, *value);
        }
        Self::of(samples)
    }

    pub(super) fn of(samples: Columns) -> Self {
        Self {
            samples,
            steps: Vec::new(),
            range_ms: 0,
            lookback_ms: 300_000,
            bounds: Bounds::Plain,
            params: Vec::new(),
            labels: Labels::from_pairs([("__name__", "metric_total")]),
            use_starts: false,
            type_and_unit: false,
        }
    }

    /// Evaluates at seconds, over a range of seconds.
    pub(super) fn at(mut self, range: i64, steps: &[i64]) -> Self {
        self.range_ms = range * 1000;
        self.steps = steps.iter().map(|step| step * 1000).collect();
        self
    }

    pub(super) fn bounds(mut self, bounds: Bounds) -> Self {
        self.bounds = bounds;
        self
    }

    pub(super) fn run(&self, function: &str) -> Result<Outcome, EngineError> {
        let position = |time: i64| self.samples.timestamps.partition_point(|t| *t <= time) as u32;
        let windows: Vec<_> =
            self.steps.iter().map(|end| (position(end - self.range_ms), position(*end))).collect();
        let params: Vec<_> = self.params.iter().map(|param| vec![*param; self.steps.len()]).collect();
        let input = RangeInput {
            labels: &self.labels,
            samples: &self.samples,
            windows: &windows,
            ends: &self.steps,
            times: &self.steps,
            range_ms: self.range_ms,
            lookback_ms: self.lookback_ms,
            bounds: self.bounds,
            subquery: false,
            params: &params,
            span: Span { start: 0, end: 1 },
            use_starts: self.use_starts,
            type_and_unit: self.type_and_unit,
        };
        let mut batch = Batch::new(1, self.steps.len());
        let mut annotations = Annotations::default();
        let function = find(function).unwrap();
        (function.kernel)(&input, &mut batch.column_mut(0), &mut annotations)?;
        let (warnings, infos) = annotations.render("x");
        Ok(Outcome { batch, warnings, infos })
    }

    /// The floats of a call that must succeed.
    pub(super) fn floats(&self, function: &str) -> Vec<Option<f64>> {
        let outcome = self.run(function).unwrap();
        (0..self.steps.len()).map(|step| outcome.batch.column(0).float(step)).collect()
    }
}

impl Outcome {
    pub(super) fn histogram(&self, step: usize) -> Option<&Arc<FloatHistogram>> {
        self.batch.column(0).histogram(step)
    }

    pub(super) fn float(&self, step: usize) -> Option<f64> {
        self.batch.column(0).float(step)
    }
}

const GAP: f64 = f64::NAN;

#[test]
fn names_are_sorted_and_found() {
    assert!(super::RANGE_FUNCTIONS.windows(2).all(|pair| pair[0].name < pair[1].name));
    assert!(find("rate").is_some() && find("absent_over_time").is_none());
}

#[test]
fn modifiers_are_refused_by_name() {
    let refuse = |function, bounds| super::check_bounds(function, bounds).unwrap_err().to_string();
    assert_eq!(
        refuse("deriv", Bounds::Anchored),
        "anchored modifier can only be used with: changes, delta, increase, rate, resets - not with deriv"
    );
    assert_eq!(
        refuse("resets", Bounds::Smoothed),
        "smoothed modifier can only be used with: delta, increase, rate - not with resets"
    );
    assert!(super::check_bounds("resets", Bounds::Anchored).is_ok());
    assert!(super::check_bounds("deriv", Bounds::Plain).is_ok());
}

#[test]
fn an_increase_is_stretched_to_the_edges() {
    let case = Case::every(15, &[1.0, 2.0, 3.0, 4.0, 5.0, 9.0, 10.0, 11.0, 12.0, 13.0]);
    let values = case.clone().at(60, &[5, 50, 95, 110]).floats("increase");
    assert_eq!(values, [None, Some(4.0), Some(8.0), Some(8.0)]);
}

#[test]
fn an_anchored_increase_takes_the_samples_as_they_are() {
    let case =
        Case::every(15, &[1.0, 2.0, 3.0, GAP, GAP, 9.0, 10.0, 11.0, 12.0, 13.0]).bounds(Bounds::Anchored);
    let values = case.at(60, &[5, 35, 65, 80, 110, 125]).floats("increase");
    assert_eq!(values, [0.0, 2.0, 2.0, 7.0, 8.0, 9.0].map(Some));
}

#[test]
fn a_smoothed_increase_knows_the_bounds() {
    let case =
        Case::every(15, &[1.0, 2.0, 3.0, 4.0, 5.0, 9.0, 10.0, 11.0, 12.0, 13.0]).bounds(Bounds::Smoothed);
    let values = case.at(60, &[65, 80, 110, 125]).floats("increase");
    assert_eq!(
        values.iter().map(|v| (v.unwrap() * 1e9).round() / 1e9).collect::<Vec<_>>(),
        [5.0, 7.0, 7.0, 6.0]
    );
    let case = Case::every(60, &[9.0, 8.0, 5.0, 4.0]).bounds(Bounds::Smoothed).at(120, &[135]);
    assert_eq!(case.floats("increase"), [Some(12.0)]);
    let case = Case::every(10, &[GAP, 5.0, 6.0, 7.0]).bounds(Bounds::Smoothed).at(5, &[5, 60]);
    assert_eq!(case.floats("rate"), [None, None]);
}

#[test]
fn anchored_resets_and_changes_look_at_the_sample_before() {
    let case = Case::every(60, &[2.0, GAP, 1.0, GAP, GAP, GAP, GAP, GAP, 0.0]).bounds(Bounds::Anchored);
    let case = case.at(60, &[120, 180, 480]);
    assert_eq!(case.floats("changes"), [Some(1.0), None, Some(0.0)]);
    assert_eq!(case.floats("resets"), [Some(1.0), None, Some(0.0)]);
    let case = Case { range_ms: 60_001, ..case };
    assert_eq!(case.floats("resets")[2], Some(1.0));
}

#[test]
fn start_timestamps_announce_resets() {
    let mut samples = Columns::default();
    let starts = [-30, -90, -150, -60, -120, -180, -60, -120, -180, -1, -61, -121, -1, -61, -121];
    for (at, start) in starts.iter().enumerate() {
        let time = (at as i64 + 2) * 60_000;
        let start = match at {
            6..=8 => time + start * 1000 + 1,
            12.. => time - (at as i64 - 12) * 60_000 - 1,
            _ => time + start * 1000,
        };
        samples.push_started(time, at as f64 * 60.0, start);
    }
    let steps: Vec<i64> = (7..=15).map(|minute| minute * 60).collect();
    let case = Case { use_starts: true, ..Case::of(samples).at(300, &steps) };
    let increase = [420.0, 780.0, 675.0, 675.0, 1275.0, 1080.0, 900.0, 1725.0, 1440.0];
    assert_eq!(case.floats("increase"), increase.map(Some));
    assert_eq!(case.floats("resets"), [1.0, 2.0, 1.0, 1.0, 2.0, 1.0, 1.0, 2.0, 1.0].map(Some));
}

#[test]
fn one_sample_with_a_start_has_a_rate() {
    let mut samples = Columns::default();
    for (time, value, start) in [(120, 5.0, 60), (180, 5.0, 179), (240, 2.0, 0)] {
        samples.push_started(time * 1000, value, start * 1000);
    }
    let case = Case { use_starts: true, ..Case::of(samples).at(300, &[130, 300]) };
    assert_eq!(case.floats("increase")[0], Some(5.0));
    let mut two = Columns::default();
    two.push_started(120_000, 5.0, 60_000);
    let case = Case { use_starts: true, ..Case::of(two).at(300, &[130]) };
    assert_eq!(case.floats("rate"), [Some(5.0 * (1.0 / 300.0))]);
    assert_eq!(Case { use_starts: false, ..case }.floats("rate"), [None]);
}

#[test]
fn overlapping_starts_are_counted_by_window() {
    let mut samples = Columns::default();
    for (time, value) in [(120, 60.0), (180, 120.0), (240, 180.0)] {
        samples.push_started(time * 1000, value, (time - 120) * 1000 + 1);
    }
    let case = Case { use_starts: true, ..Case::of(samples).at(180, &[240, 241]) };
    let warnings = case.run("rate").unwrap().warnings;
    assert_eq!(
        warnings,
        [
            "PromQL warning: sample has start time that overlaps with previous sample timestamp for metric \"metric_total\" (2 occurrences) (1:1)"
        ]
    );
}

#[test]
fn a_name_that_is_no_counters_is_remarked_upon() {
    let case = Case::every(10, &[1.0, 2.0, 3.0]).at(60, &[60]);
    assert!(case.run("rate").unwrap().infos.is_empty());
    let gauge = Case { labels: Labels::from_pairs([("__name__", "load")]), ..case };
    assert_eq!(
        gauge.run("increase").unwrap().infos,
        [
            "PromQL info: metric might not be a counter, name does not end in _total/_sum/_count/_bucket: \"load\" (1:1)"
        ]
    );
    assert!(gauge.run("delta").unwrap().infos.is_empty());
    let typed = Case { type_and_unit: true, ..gauge };
    assert_eq!(
        typed.run("rate").unwrap().infos,
        [
            "PromQL info: metric might not be a counter, __type__ label is not set to \"counter\" or \"histogram\", got \"\": \"load\" (1:1)"
        ]
    );
    let none = Case { steps: vec![5_000], ..typed };
    assert!(none.run("rate").unwrap().infos.is_empty());
}

#[test]
fn the_first_or_last_of_equal_extremes_is_taken() {
    let case = Case::every(1, &[3.0, 1.0, 3.0, 1.0]).at(60, &[10]);
    assert_eq!(case.floats("max_over_time"), [Some(3.0)]);
    assert_eq!(case.floats("ts_of_max_over_time"), [Some(2.0)]);
    assert_eq!(case.floats("ts_of_min_over_time"), [Some(3.0)]);
}

#[test]
fn a_wrong_factor_is_an_error_only_where_there_are_samples() {
    let case = Case { params: vec![0.5, 2.0], ..Case::every(10, &[1.0, 2.0]).at(60, &[60]) };
    let error = case.run("double_exponential_smoothing").err().unwrap();
    assert_eq!(error.to_string(), "invalid trend factor. Expected: 0 < tf < 1, got: 2.000000");
    assert!(Case { steps: vec![-1000], ..case }.run("double_exponential_smoothing").is_ok());
}

#[test]
fn a_quantile_outside_is_warned_of() {
    let case = Case { params: vec![1.5], ..Case::every(10, &[1.0, 2.0]).at(60, &[60, 61]) };
    let outcome = case.run("quantile_over_time").unwrap();
    assert_eq!(outcome.float(0), Some(f64::INFINITY));
    assert_eq!(outcome.warnings, ["PromQL warning: quantile value should be between 0 and 1, got 1.5 (1:1)"]);
}

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

/// Samples of which some are histograms; each is a histogram where the value is small.
fn mixed(samples: &Columns) -> Columns {
    let mut out = Columns::default();
    for (at, (time, value)) in samples.timestamps.iter().zip(&samples.values).enumerate() {
        if *value < 4.0 {
            let histogram = FloatHistogram { count: *value, sum: *value, ..FloatHistogram::default() };
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
        for function in super::RANGE_FUNCTIONS {
            for bounds in [Bounds::Plain, Bounds::Anchored, Bounds::Smoothed] {
                if super::check_bounds(function.name, bounds).is_err() {
                    continue;
                }
                let case = Case { bounds, ..case.clone() };
                let together = case.floats(function.name);
                let alone: Vec<_> = case
                    .steps
                    .iter()
                    .map(|step| Case { steps: vec![*step], ..case.clone() }.floats(function.name)[0])
                    .collect();
                prop_assert_eq!(bits(&together), bits(&alone), "{} {:?}", function.name, bounds);
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
        factor /= super::extrapolate::seconds(end - start);
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
