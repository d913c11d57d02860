//! `sum_over_time` and `avg_over_time`, of floats or of histograms.

use super::moments;
use super::remarks::{Remark, Remarks};
use super::split::{Kinds, Split};
use crate::annotations::Annotations;
use crate::batch::ColumnMut;
use crate::engine::EngineError;
use crate::functions::input::RangeInput;

pub(super) fn sum(
    input: &RangeInput<'_>,
    out: &mut ColumnMut<'_>,
    annotations: &mut Annotations,
) -> Result<(), EngineError> {
    evaluate(input, out, annotations, moments::sum);
    Ok(())
}

pub(super) fn avg(
    input: &RangeInput<'_>,
    out: &mut ColumnMut<'_>,
    annotations: &mut Annotations,
) -> Result<(), EngineError> {
    evaluate(input, out, annotations, moments::mean);
    Ok(())
}

fn evaluate(
    input: &RangeInput<'_>,
    out: &mut ColumnMut<'_>,
    annotations: &mut Annotations,
    floats: impl Fn(&[f64]) -> f64,
) {
    let split = Split::of(input);
    let mut remarks = Remarks::new(input, annotations);
    for step in 0..input.windows.len() {
        match split.kinds(step) {
            Kinds::Nothing => {}
            Kinds::Floats => out.set(step, floats(split.floats.slices(step).1)),
            Kinds::Histograms => {}
            Kinds::Both => remarks.say(Remark::MixedKinds),
        }
    }
}
