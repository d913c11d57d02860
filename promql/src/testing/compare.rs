//! Whether an answer is the expected one.

use super::expect::{Expectations, Notes};
use super::histograms::same_histogram;
use super::script::Steps;
use crate::syntax::series_notation::Item;
use crate::value::{InstantSample, RangeSeries, Value};
use narthex_storage::{FloatHistogram, Labels, is_stale_nan};
use std::sync::Arc;

/// Equality of values: about 2e-6 relative, and practically none around zero.
pub(super) fn close(a: f64, b: f64) -> bool {
    const EPSILON: f64 = 1e-6;
    if is_stale_nan(a) || is_stale_nan(b) {
        return is_stale_nan(a) && is_stale_nan(b);
    }
    if a.is_nan() && b.is_nan() || a == b {
        return true;
    }
    let (difference, magnitude) = ((a - b).abs(), a.abs() + b.abs());
    if a == 0.0 || b == 0.0 || magnitude < f64::MIN_POSITIVE {
        return difference < EPSILON * f64::MIN_POSITIVE;
    }
    difference / magnitude.min(f64::MAX) < EPSILON
}

/// Checks the annotations of one level.
pub(super) fn check_notes(want: &Notes, got: &[String], level: &str) -> Result<(), String> {
    if want.none && !got.is_empty() {
        return Err(format!("no {level} was expected, but there is {got:?}"));
    }
    if (want.any || !want.some.is_empty()) && got.is_empty() {
        return Err(format!("there is no {level}"));
    }
    if want.some.is_empty() {
        return Ok(());
    }
    if let Some(missing) = want.some.iter().find(|text| !got.iter().any(|g| text.accepts(g))) {
        return Err(format!("no {level} is {missing:?}, there is {got:?}"));
    }
    match got.iter().find(|g| !want.some.iter().any(|text| text.accepts(g))) {
        Some(extra) => Err(format!("the {level} {extra:?} was not expected")),
        None => Ok(()),
    }
}

/// Checks the answer of an instant evaluation.
pub(super) fn check_instant(expect: &Expectations, value: &Value) -> Result<(), String> {
    match value {
        Value::Scalar { value, .. } => match expect.scalar {
            Some(want) if close(want, *value) => Ok(()),
            Some(want) => Err(format!("the scalar is {value}, expected {want}")),
            None => Err("a scalar was not expected".to_owned()),
        },
        Value::String { value, .. } => match &expect.string {
            Some(want) if want == value => Ok(()),
            Some(want) => Err(format!("the string is {value:?}, expected {want:?}")),
            None => Err("a string was not expected".to_owned()),
        },
        Value::Vector(samples) => check_vector(expect, samples),
        Value::Matrix(series) => match expect.range_vector {
            Some(steps) => check_matrix(expect, series, steps),
            None => Err("a range vector was not expected".to_owned()),
        },
    }
}

fn check_vector(expect: &Expectations, samples: &[InstantSample]) -> Result<(), String> {
    if expect.is_scalar_or_string() || expect.range_vector.is_some() {
        return Err("a vector was not expected".to_owned());
    }
    if samples.len() != expect.series.len() {
        return Err(format!("{} samples, expected {}", samples.len(), expect.series.len()));
    }
    for (i, (labels, items)) in expect.series.iter().enumerate() {
        let found = samples.iter().enumerate().find(|(_, sample)| sample.labels == *labels);
        let Some((place, sample)) = found else { return Err(format!("{labels:?} is missing")) };
        if expect.ordered && place != i {
            return Err(format!("{labels:?} is at position {}, expected {}", place + 1, i + 1));
        }
        match items.first() {
            None | Some(Item::Missing) => return Err(format!("{labels:?} is there")),
            Some(Item::Float(want)) => check_float(labels, *want, sample.value, sample.histogram.as_ref())?,
            Some(Item::Histogram { histogram, names_hint }) => match &sample.histogram {
                Some(got) => check_histogram(labels, histogram, *names_hint, got)?,
                None => return Err(format!("{labels:?} is {}, expected a histogram", sample.value)),
            },
        }
    }
    Ok(())
}

fn check_float(
    labels: &Labels,
    want: f64,
    got: f64,
    histogram: Option<&Arc<FloatHistogram>>,
) -> Result<(), String> {
    match histogram {
        Some(histogram) => Err(format!("{labels:?} is {}, expected {want}", histogram.test_expression())),
        None if close(want, got) => Ok(()),
        None => Err(format!("{labels:?} is {got}, expected {want}")),
    }
}

fn check_histogram(
    labels: &Labels,
    want: &FloatHistogram,
    with_hint: bool,
    got: &FloatHistogram,
) -> Result<(), String> {
    if same_histogram(want, got, with_hint) {
        return Ok(());
    }
    Err(format!("{labels:?} is {}, expected {}", got.test_expression(), want.test_expression()))
}

/// Checks that series are in the order of their labels.
pub(super) fn check_sorted(series: &[RangeSeries]) -> Result<(), String> {
    let sorted = series.is_sorted_by(|a, b| a.labels <= b.labels);
    if sorted { Ok(()) } else { Err("the matrix is not sorted".to_owned()) }
}

/// Checks a matrix whose columns are these steps.
pub(super) fn check_matrix(
    expect: &Expectations,
    series: &[RangeSeries],
    steps: Steps,
) -> Result<(), String> {
    if expect.ordered {
        return Err("a matrix has no order".to_owned());
    }
    if expect.is_scalar_or_string() {
        return Err("a matrix was not expected".to_owned());
    }
    check_sorted(series)?;
    if expect.series.len() != series.len() {
        return Err(format!("{} series, expected {}", series.len(), expect.series.len()));
    }
    for (labels, items) in &expect.series {
        let Some(got) = series.iter().find(|series| series.labels == *labels) else {
            return Err(format!("{labels:?} is missing"));
        };
        check_series(labels, items, got, steps)?;
    }
    Ok(())
}

/// Floats and histograms of a series are two lists, each with its own times.
fn check_series(labels: &Labels, items: &[Item], got: &RangeSeries, steps: Steps) -> Result<(), String> {
    let samples = &got.samples;
    let points = || samples.timestamps.iter().copied().zip(samples.values.iter().copied()).enumerate();
    let mut floats = points().filter(|(i, _)| samples.histogram(*i).is_none()).map(|(_, point)| point);
    let mut histograms = points().filter_map(|(i, (at, _))| Some((at, samples.histogram(i)?)));
    let mut at = steps.start;
    for item in items {
        if at > steps.end {
            return Err(format!("{labels:?} lists more values than there are steps"));
        }
        match item {
            Item::Missing => {}
            Item::Float(want) => match floats.next() {
                Some((t, value)) if t == at => {
                    check_float(labels, *want, value, None).map_err(|e| format!("at {at}ms: {e}"))?;
                }
                Some((t, _)) => {
                    return Err(format!("{labels:?} has its next float at {t}ms, expected {at}ms"));
                }
                None => return Err(format!("{labels:?} has no float at {at}ms")),
            },
            Item::Histogram { histogram, names_hint } => match histograms.next() {
                Some((t, value)) if t == at => {
                    check_histogram(labels, histogram, *names_hint, value)
                        .map_err(|e| format!("at {at}ms: {e}"))?;
                }
                Some((t, _)) => {
                    return Err(format!("{labels:?} has its next histogram at {t}ms, expected {at}ms"));
                }
                None => return Err(format!("{labels:?} has no histogram at {at}ms")),
            },
        }
        at = at.saturating_add(steps.step);
    }
    match (floats.next(), histograms.next()) {
        (None, None) => Ok(()),
        (Some((t, value)), _) => Err(format!("{labels:?} has also {value} at {t}ms")),
        (None, Some((t, value))) => Err(format!("{labels:?} has also {} at {t}ms", value.test_expression())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::syntax::series_notation::parse;
    use narthex_storage::Columns;

    #[test]
    fn closeness_is_relative_and_strict_around_zero() {
        assert!(close(1.0, 1.000_000_9) && close(f64::NAN, -f64::NAN) && close(0.0, -0.0));
        assert!(!close(1.0, 1.000_01) && !close(0.0, 1e-300) && !close(f64::INFINITY, f64::MAX));
        assert!(!close(narthex_storage::STALE_NAN, f64::NAN));
    }

    fn matrix(expected: &str, points: &[(i64, &str)]) -> Result<(), String> {
        let (labels, items) = parse(expected).unwrap();
        let mut samples = Columns::default();
        for (at, text) in points {
            match parse(&format!("x {text}")).unwrap().1.remove(0) {
                Item::Float(value) => samples.push(*at, value),
                Item::Histogram { histogram, .. } => samples.push_histogram(*at, histogram, 0),
                Item::Missing => {}
            }
        }
        let series = [RangeSeries { labels: labels.clone(), samples }];
        let expect = Expectations { series: vec![(labels, items)], ..Expectations::default() };
        check_matrix(&expect, &series, Steps { start: 0, end: 3, step: 1 })
    }

    #[test]
    fn floats_and_histograms_are_compared_step_by_step() {
        assert_eq!(matrix("m 1 _ {{count:2}}", &[(0, "1"), (2, "{{count:2}}")]), Ok(()));
        for points in [
            &[(0, "1")][..],
            &[(0, "1"), (1, "{{count:2}}")],
            &[(0, "1"), (2, "{{count:3}}")],
            &[(0, "1"), (2, "{{count:2}}"), (3, "4")],
            &[(0, "1"), (2, "{{count:2}}"), (3, "{{}}")],
            &[(0, "1"), (2, "2")],
            &[(0, "{{count:2}}"), (2, "1")],
        ] {
            assert!(matrix("m 1 _ {{count:2}}", points).is_err(), "{points:?}");
        }
        assert!(matrix("m 1 1 1 1 1", &[(0, "1"), (1, "1"), (2, "1"), (3, "1"), (4, "1")]).is_err());
    }

    #[test]
    fn a_hint_counts_when_it_is_named() {
        assert_eq!(matrix("m {{count:2}}", &[(0, "{{count:2 counter_reset_hint:gauge}}")]), Ok(()));
        assert!(
            matrix(
                "m {{count:2 counter_reset_hint:unknown}}",
                &[(0, "{{count:2 counter_reset_hint:gauge}}")]
            )
            .is_err()
        );
    }
}
