//! Examples of histograms.

use super::super::smoothed_selector;
use super::Case;
use crate::syntax::ast::Bounds;
use narthex_storage::CounterResetHint::{self, Gauge, NotReset, Reset, Unknown};
use narthex_storage::histogram::CUSTOM_BUCKETS_SCHEMA;
use narthex_storage::{Buckets, Columns, FloatHistogram};
use std::sync::Arc;

/// All observations are 1 and in one bucket.
fn of(count: f64, hint: CounterResetHint) -> FloatHistogram {
    let positive = Buckets { indices: vec![0], counts: vec![count] };
    FloatHistogram { count, sum: count, positive, hint, ..FloatHistogram::default() }
}

/// The same with listed bounds.
fn custom(count: f64, bounds: &[f64], hint: CounterResetHint) -> FloatHistogram {
    FloatHistogram { schema: CUSTOM_BUCKETS_SCHEMA, custom_values: bounds.into(), ..of(count, hint) }
}

/// Histograms every `interval` seconds from 0 on.
fn every(interval: i64, histograms: impl IntoIterator<Item = FloatHistogram>) -> Case {
    let mut samples = Columns::default();
    for (at, histogram) in (0..).zip(histograms) {
        samples.push_histogram(at * interval * 1000, Arc::new(histogram), 0);
    }
    Case::of(samples)
}

fn counts(interval: i64, counts: &[f64]) -> Case {
    every(interval, counts.iter().map(|count| of(*count, Unknown)))
}

/// The count at the first step, and all warnings and infos.
fn first(case: &Case, function: &str) -> (Option<f64>, Vec<String>) {
    let outcome = case.run(function).unwrap();
    let count = outcome.histogram(0).map(|h| {
        assert_eq!(h.hint, Gauge);
        assert!(h.positive.len() <= 1 && h.positive.counts.iter().all(|count| *count == h.count));
        h.count
    });
    (count, [outcome.warnings, outcome.infos].concat())
}

const MIXED_BUCKETS: &str = "PromQL warning: vector contains a mix of histograms with exponential and custom buckets schemas for metric name \"metric_total\" (1:1)";
const NOT_GAUGE: &str = "PromQL warning: this native histogram metric is not a gauge: \"metric_total\" (1:1)";
const NOT_COUNTER: &str =
    "PromQL warning: this native histogram metric is not a counter: \"metric_total\" (1:1)";
const MIXED_KINDS: &str =
    "PromQL warning: encountered a mix of histograms and floats for metric name \"metric_total\" (1:1)";

#[test]
fn histograms_are_extrapolated_as_floats_are() {
    let case = counts(15, &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]).at(60, &[50]);
    assert_eq!(first(&case, "increase"), (Some(4.0), vec![]));
    assert_eq!(first(&case, "rate").0, Some(3.0 * (60.0 / 45.0 / 60.0)));
    assert_eq!(first(&case, "delta").1, [NOT_GAUGE]);
    assert_eq!(first(&case, "irate"), (Some(1.0 / 15.0), vec![]));
    assert_eq!(first(&case, "idelta"), (Some(1.0), vec![NOT_GAUGE.to_owned()]));
}

#[test]
fn anchored_and_smoothed_histograms_are_not_extrapolated() {
    let case = counts(15, &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]);
    let anchored = case.clone().bounds(Bounds::Anchored);
    assert_eq!(first(&anchored.clone().at(60, &[50]), "increase"), (Some(3.0), vec![]));
    assert_eq!(first(&anchored.clone().at(60, &[50]), "rate").0, Some(0.05));
    assert_eq!(first(&anchored.at(60, &[5]), "increase"), (Some(0.0), vec![]));
    let smoothed = case.bounds(Bounds::Smoothed);
    let near = |function, at, wanted: f64| {
        let count = first(&smoothed.clone().at(60, &[at]), function).0.unwrap();
        assert!((count - wanted).abs() < 1e-12, "{count} {wanted}");
    };
    near("increase", 50, 10.0 / 3.0);
    near("increase", 5, 1.0 / 3.0);
    near("rate", 50, 10.0 / 180.0);
    assert_eq!(first(&smoothed.at(60, &[50]), "delta").1, [NOT_GAUGE]);
}

#[test]
fn kinds_of_buckets_do_not_mix() {
    let bounds = [5.0, 10.0];
    let mixed =
        [of(1.0, Unknown), custom(1.0, &bounds, Unknown), of(4.0, Unknown), custom(1.0, &bounds, Unknown)];
    let case = every(30, mixed);
    let warned = (None, vec![MIXED_BUCKETS.to_owned()]);
    assert_eq!(first(&case.clone().bounds(Bounds::Anchored).at(60, &[60]), "rate"), warned);
    assert_eq!(first(&case.clone().bounds(Bounds::Smoothed).at(60, &[45]), "rate"), warned);
    assert_eq!(first(&case.clone().at(61, &[60]), "rate"), warned);
    assert_eq!(first(&case.clone().at(61, &[60]), "sum_over_time"), warned);
    assert_eq!(first(&case.clone().at(61, &[60]), "avg_over_time"), warned);
    assert_eq!(first(&case.at(31, &[30]), "idelta").0, None);
}

#[test]
fn resets_are_made_up_for() {
    let bounds = [5.0, 10.0];
    let counter = [
        custom(1.0, &bounds, Unknown),
        custom(4.0, &bounds, Unknown),
        custom(1.0, &bounds, Reset),
        custom(3.0, &bounds, Unknown),
    ];
    let case = every(30, counter).at(90, &[90]);
    assert_eq!(first(&case, "increase").0, Some(4.5));
    assert_eq!(case.floats("resets"), [Some(1.0)]);
    assert_eq!(first(&case.bounds(Bounds::Anchored), "increase").0, Some(6.0));
    let end = every(30, [of(5.0, Unknown), of(10.0, Unknown), of(3.0, Reset)]).bounds(Bounds::Anchored);
    assert_eq!(first(&end.at(70, &[70]), "increase").0, Some(8.0));
    let two = every(30, [of(5.0, Unknown), of(3.0, Reset)]).bounds(Bounds::Anchored);
    assert_eq!(first(&two.at(30, &[30]), "increase").0, Some(3.0));
}

#[test]
fn a_reset_across_a_bound_counts_once() {
    let boundary = [of(0.0, Unknown), of(396.0, NotReset), of(110.0, Reset), of(194.0, NotReset)];
    let case = Case { steps: vec![20_500], range_ms: 1000, ..every(10, boundary).bounds(Bounds::Smoothed) };
    let rate = first(&case, "rate").0.unwrap();
    assert!((rate - 9.7).abs() < 1e-9, "{rate}");
    let double = [of(10.0, Unknown), of(5.0, Reset), of(2.0, Reset), of(4.0, Unknown)];
    let case = every(10, double).bounds(Bounds::Smoothed).at(14, &[15]);
    assert_eq!(first(&case, "increase").0, Some(5.5));
    let both = every(20, [of(10.0, Unknown), of(5.0, Reset)]).bounds(Bounds::Smoothed).at(10, &[15]);
    assert_eq!(first(&both, "increase").0, Some(2.5));
    let right = every(10, [of(5.0, Unknown), of(10.0, Unknown), of(3.0, Reset)]).bounds(Bounds::Smoothed);
    assert_eq!(first(&right.at(10, &[15]), "rate").0, Some(0.4));
}

#[test]
fn a_gauge_among_counters_is_remarked_upon() {
    let case = every(30, [of(1.0, Unknown), of(2.0, Gauge), of(3.0, Unknown)]).at(91, &[90]);
    for bounds in [Bounds::Plain, Bounds::Anchored, Bounds::Smoothed] {
        let case = case.clone().bounds(bounds);
        assert_eq!(first(&case, "rate").1, [NOT_COUNTER]);
        assert_eq!(first(&case, "delta").1, [NOT_GAUGE]);
    }
}

#[test]
fn floats_and_histograms_do_not_mix() {
    let mut samples = Columns::default();
    samples.push(0, 1.0);
    samples.push(30_000, 2.0);
    samples.push_histogram(60_000, Arc::new(of(3.0, Unknown)), 0);
    samples.push_histogram(90_000, Arc::new(of(4.0, Unknown)), 0);
    let case = Case::of(samples).at(60, &[30, 60, 90]);
    for function in ["rate", "increase", "delta", "irate", "idelta", "sum_over_time", "avg_over_time"] {
        let outcome = case.run(function).unwrap();
        assert_eq!(outcome.warnings.first().unwrap(), MIXED_KINDS, "{function}");
        assert!(outcome.float(1).is_none() && outcome.histogram(1).is_none(), "{function}");
        assert!(outcome.histogram(2).is_some(), "{function}");
    }
    for function in ["max_over_time", "stddev_over_time", "mad_over_time", "deriv", "ts_of_min_over_time"] {
        let outcome = case.run(function).unwrap();
        assert_eq!(outcome.infos.len(), 1, "{function}");
        assert!(outcome.infos[0].contains("ignored histograms in a range containing both"), "{function}");
        assert!(outcome.warnings.is_empty() && outcome.float(2).is_none(), "{function}");
    }
    assert_eq!(case.floats("count_over_time"), [2.0, 2.0, 2.0].map(Some));
    assert_eq!(case.floats("resets"), [0.0, 1.0, 0.0].map(Some));
    assert_eq!(case.floats("changes"), [1.0, 1.0, 1.0].map(Some));
    assert_eq!(case.run("last_over_time").unwrap().histogram(1).map(|h| h.count), Some(3.0));
    assert_eq!(case.run("first_over_time").unwrap().float(1), Some(2.0));
}

#[test]
fn a_start_within_the_window_is_a_zero() {
    let mut samples = Columns::default();
    samples.push_histogram(120_000, Arc::new(of(60.0, Unknown)), 60_000);
    let case = Case { use_starts: true, ..Case::of(samples).at(300, &[180]) };
    assert_eq!(case.run("rate").unwrap().histogram(0).map(|h| h.count), Some(60.0 * (1.0 / 300.0)));
}

#[test]
fn starts_reset_histograms() {
    let mut samples = Columns::default();
    for minute in 2..17 {
        samples.push_histogram(minute * 60_000, Arc::new(of(60.0, Unknown)), (minute - 1) * 60_000);
    }
    let case = Case { use_starts: true, ..Case::of(samples).at(300, &[600]) };
    let outcome = case.run("increase").unwrap();
    assert_eq!(outcome.histogram(0).map(|h| h.count), Some(300.0));
    assert_eq!(case.run("irate").unwrap().histogram(0).map(|h| h.count), Some(1.0));
}

#[test]
fn sums_and_means_say_how_hints_and_bounds_went_together() {
    let bounds = [[1.0, 2.0], [1.0, 3.0]];
    let case = every(10, [custom(1.0, &bounds[0], Reset), custom(3.0, &bounds[1], NotReset)]).at(60, &[20]);
    for (function, count) in [("sum_over_time", 4.0), ("avg_over_time", 2.0)] {
        let outcome = case.run(function).unwrap();
        assert_eq!(outcome.histogram(0).map(|h| h.count), Some(count));
        assert_eq!(
            outcome.warnings,
            ["PromQL warning: conflicting counter resets during histogram aggregation (1:1)"]
        );
        assert_eq!(
            outcome.infos,
            ["PromQL info: mismatched custom buckets were reconciled during aggregation (1:1)"]
        );
    }
}

/// Count or value of a smoothed selector at a time.
fn smoothed(case: &Case, at: i64) -> (Option<f64>, Vec<String>) {
    let outcome = Case { steps: vec![at * 1000], ..case.clone() }.call(smoothed_selector).unwrap();
    (outcome.float(0).or(outcome.histogram(0).map(|h| h.count)), outcome.warnings)
}

#[test]
fn a_smoothed_selector_knows_what_is_between_samples() {
    let floats = Case::every(10, &[1.0, 2.0, 3.0, 1.0]).bounds(Bounds::Smoothed);
    assert_eq!([10, 15, 25, 35].map(|at| smoothed(&floats, at).0), [2.0, 2.5, 2.0, 1.0].map(Some));
    assert_eq!([-1, 330].map(|at| smoothed(&floats, at).0), [None; 2]);
    let histograms = [of(5.0, Unknown), of(10.0, Unknown), of(2.0, Reset), of(6.0, Unknown)];
    let histograms = every(15, histograms).bounds(Bounds::Smoothed);
    assert_eq!(smoothed(&histograms, 15).0, Some(10.0));
    assert_eq!(smoothed(&histograms, 20).0, Some(2.0 * (1.0 / 3.0)));
    assert_eq!(smoothed(&histograms, 50).0, Some(6.0));
}

#[test]
fn a_smoothed_selector_warns_of_what_it_cannot_join() {
    let mixed = every(30, [of(1.0, Unknown), custom(1.0, &[5.0], Unknown), of(5.0, Unknown)]);
    let mixed = mixed.bounds(Bounds::Smoothed);
    assert_eq!(smoothed(&mixed, 45), (None, vec![MIXED_BUCKETS.to_owned()]));
    let mut samples = Columns::default();
    samples.push(0, 1.0);
    samples.push_histogram(60_000, Arc::new(of(3.0, Unknown)), 0);
    let kinds = Case::of(samples).bounds(Bounds::Smoothed);
    assert_eq!(smoothed(&kinds, 45), (None, vec![MIXED_KINDS.to_owned()]));
}
