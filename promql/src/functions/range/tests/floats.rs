//! Examples of floats.

use super::Case;
use crate::syntax::ast::Bounds;
use narthex_storage::{Columns, Labels};

const GAP: f64 = f64::NAN;

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
