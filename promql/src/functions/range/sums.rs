//! `sum_over_time` and `avg_over_time`, of floats or of histograms.

use super::remarks::{Marks, Remark, Remarks};
use super::split::{Kinds, Point, Split};
use super::{histogram_sums, moments};
use crate::annotations::Annotations;
use crate::batch::ColumnMut;
use crate::engine::EngineError;
use crate::functions::input::RangeInput;
use narthex_storage::FloatHistogram;
use std::sync::Arc;

pub(super) fn sum(
    input: &RangeInput<'_>,
    out: &mut ColumnMut<'_>,
    annotations: &mut Annotations,
) -> Result<(), EngineError> {
    let sum = |split: &Split<'_>, step| moments::sum(split.floats.slices(step).1);
    evaluate(input, out, annotations, sum, histogram_sums::sum);
    Ok(())
}

pub(super) fn avg(
    input: &RangeInput<'_>,
    out: &mut ColumnMut<'_>,
    annotations: &mut Annotations,
) -> Result<(), EngineError> {
    let samples = input.samples;
    if samples.rows.is_empty() {
        let mean = |split: &Split<'_>, step| moments::mean(split.floats.slices(step).1);
        evaluate(input, out, annotations, mean, histogram_sums::mean);
        return Ok(());
    }
    // Of what is downsampled the values are sums; how many they are of stands beside them.
    let floats = (0..samples.len()).filter(|at| samples.histogram(*at).is_none());
    let counts: Vec<f64> = floats.map(|at| samples.rows.count(at)).collect();
    let mean = |split: &Split<'_>, step| {
        let (from, to) = split.floats.window(step);
        let count: f64 = counts.get(from..to).unwrap_or_default().iter().sum();
        moments::sum(split.floats.slices(step).1) / count
    };
    evaluate(input, out, annotations, mean, histogram_sums::mean);
    Ok(())
}

fn evaluate(
    input: &RangeInput<'_>,
    out: &mut ColumnMut<'_>,
    annotations: &mut Annotations,
    floats: impl Fn(&Split<'_>, usize) -> f64,
    histograms: impl Fn(&[Point], &mut Marks) -> Option<FloatHistogram>,
) {
    let split = Split::of(input);
    let mut remarks = Remarks::new(input, annotations);
    for step in 0..input.windows.len() {
        match split.kinds(step) {
            Kinds::Nothing => {}
            Kinds::Floats => out.set(step, floats(&split, step)),
            Kinds::Histograms => {
                let mut marks = Marks::default();
                let value = histograms(split.histograms.window(step), &mut marks);
                remarks.say(marks);
                if let Some(value) = value {
                    out.set_histogram(step, Arc::new(value));
                }
            }
            Kinds::Both => remarks.say(Remark::MixedKinds),
        }
    }
}
