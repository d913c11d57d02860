//! Whether an answer is the expected one.

use super::script::{Eval, Notes, When};
use crate::syntax::series_notation::Item;
use crate::value::{InstantSample, RangeSeries, Value};
use narthex_storage::{Labels, is_stale_nan};
use std::fmt::Write;

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

fn show_items(items: &[Item]) -> String {
    let show = |item: &Item| match item {
        Item::Missing => "_".to_owned(),
        Item::Float(value) if is_stale_nan(*value) => "stale".to_owned(),
        Item::Float(value) => value.to_string(),
        Item::Histogram(text) => format!("{{{{{text}}}}}"),
    };
    items.iter().map(show).collect::<Vec<_>>().join(" ")
}

/// The expectation as text.
pub(super) fn show_expected(eval: &Eval) -> String {
    if let Some(text) = &eval.fail {
        return format!("a failure: {text:?}");
    }
    if let Some(text) = &eval.string {
        return format!("{text:?}");
    }
    if let Some(value) = eval.scalar {
        return value.to_string();
    }
    let lines: Vec<String> =
        eval.series.iter().map(|(labels, items)| format!("{labels:?} {}", show_items(items))).collect();
    if lines.is_empty() { "nothing".to_owned() } else { lines.join("\n") }
}

/// An answer as text.
pub(super) fn show_value(value: &Value) -> String {
    let mut out = String::new();
    // Writing into a String cannot fail.
    match value {
        Value::Scalar { value, .. } => out = value.to_string(),
        Value::String { value, .. } => out = format!("{value:?}"),
        Value::Vector(samples) => {
            for sample in samples {
                let _ = writeln!(out, "{:?} {}", sample.labels, sample.value);
            }
        }
        Value::Matrix(series) => {
            for series in series {
                let _ = write!(out, "{:?}", series.labels);
                for (t, v) in series.samples.timestamps.iter().zip(&series.samples.values) {
                    let _ = write!(out, " {v}@{t}");
                }
                out.push('\n');
            }
        }
    }
    if out.is_empty() { "nothing".to_owned() } else { out.trim_end().to_owned() }
}

/// Checks the annotations of one level.
pub(super) fn check_notes(want: &Notes, got: &[String], level: &str) -> Result<(), String> {
    if want.none && !got.is_empty() {
        return Err(format!("no {level} was expected, but there is {got:?}"));
    }
    if want.some.is_empty() {
        return Ok(());
    }
    if got.is_empty() {
        return Err(format!("there is no {level}, expected {:?}", want.some));
    }
    if let Some(missing) = want.some.iter().find(|text| !got.iter().any(|g| text.accepts(g))) {
        return Err(format!("no {level} is {missing:?}, there is {got:?}"));
    }
    match got.iter().find(|g| !want.some.iter().any(|text| text.accepts(g))) {
        Some(extra) => Err(format!("the {level} {extra:?} was not expected")),
        None => Ok(()),
    }
}

/// Checks an instant answer; `values` off checks only what there is (in a range, order has no meaning).
pub(super) fn check_instant(eval: &Eval, value: &Value) -> Result<(), String> {
    match value {
        Value::Scalar { value, .. } => match eval.scalar {
            Some(want) if close(want, *value) => Ok(()),
            _ => Err("the scalar differs".to_owned()),
        },
        Value::String { value, .. } => {
            if eval.string.as_ref() == Some(value) {
                Ok(())
            } else {
                Err("the string differs".to_owned())
            }
        }
        Value::Vector(samples) => check_vector(eval, samples),
        Value::Matrix(series) => match eval.range_vector {
            Some(When::Range { start, step, .. }) => check_matrix(eval, series, start, step),
            _ => Err("a range vector was not expected".to_owned()),
        },
    }
}

fn check_vector(eval: &Eval, samples: &[InstantSample]) -> Result<(), String> {
    if eval.scalar.is_some() || eval.string.is_some() || eval.range_vector.is_some() {
        return Err("a vector was not expected".to_owned());
    }
    if samples.len() != eval.series.len() {
        return Err(format!("{} samples, expected {}", samples.len(), eval.series.len()));
    }
    for (i, (labels, items)) in eval.series.iter().enumerate() {
        let found = samples.iter().position(|sample| sample.labels == *labels);
        let Some(place) = found else { return Err(format!("{labels:?} is missing")) };
        if eval.ordered && place != i {
            return Err(format!("{labels:?} is at position {}, expected {}", place + 1, i + 1));
        }
        let value = samples.get(place).map_or(f64::NAN, |sample| sample.value);
        match items.first() {
            Some(Item::Float(want)) if close(*want, value) => {}
            Some(Item::Float(want)) => return Err(format!("{labels:?} is {value}, expected {want}")),
            _ => return Err(format!("{labels:?} is the float {value}, expected a histogram")),
        }
    }
    Ok(())
}

/// Checks a matrix whose steps begin at `start`.
pub(super) fn check_matrix(eval: &Eval, series: &[RangeSeries], start: i64, step: i64) -> Result<(), String> {
    if !series.is_sorted_by(|a, b| a.labels <= b.labels) {
        return Err("the matrix is not sorted".to_owned());
    }
    let scalar = eval.scalar.map(|value| (Labels::empty(), vec![Item::Float(value)]));
    let wanted: Vec<&(Labels, Vec<Item>)> = eval.series.iter().chain(&scalar).collect();
    if wanted.len() != series.len() {
        return Err(format!("{} series, expected {}", series.len(), wanted.len()));
    }
    for (labels, items) in wanted {
        let Some(got) = series.iter().find(|series| series.labels == *labels) else {
            return Err(format!("{labels:?} is missing"));
        };
        let mut points = got.samples.timestamps.iter().zip(&got.samples.values);
        for (i, item) in items.iter().enumerate() {
            let at = start + step * i as i64;
            match item {
                Item::Missing => {}
                Item::Histogram(_) => return Err(format!("{labels:?} has no histogram at {at}")),
                Item::Float(want) => match points.next() {
                    Some((t, v)) if *t == at && close(*want, *v) => {}
                    other => return Err(format!("{labels:?} at {at} is {other:?}, expected {want}")),
                },
            }
        }
        if let Some(extra) = points.next() {
            return Err(format!("{labels:?} has more points: {extra:?}"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::close;

    #[test]
    fn closeness_is_relative_and_strict_around_zero() {
        assert!(close(1.0, 1.000_000_9) && close(f64::NAN, -f64::NAN) && close(0.0, -0.0));
        assert!(!close(1.0, 1.000_01) && !close(0.0, 1e-300) && !close(f64::INFINITY, f64::MAX));
        assert!(!close(narthex_storage::STALE_NAN, f64::NAN));
    }
}
