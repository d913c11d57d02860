//! `irate` and `idelta`: the change between the last two samples of a window.

use super::remarks::{Remark, Remarks};
use super::starts;
use crate::annotations::Annotations;
use crate::batch::ColumnMut;
use crate::engine::EngineError;
use crate::functions::input::RangeInput;

pub(super) fn irate(
    input: &RangeInput<'_>,
    out: &mut ColumnMut<'_>,
    annotations: &mut Annotations,
) -> Result<(), EngineError> {
    evaluate(true, input, out, annotations);
    Ok(())
}

pub(super) fn idelta(
    input: &RangeInput<'_>,
    out: &mut ColumnMut<'_>,
    annotations: &mut Annotations,
) -> Result<(), EngineError> {
    evaluate(false, input, out, annotations);
    Ok(())
}

fn evaluate(rate: bool, input: &RangeInput<'_>, out: &mut ColumnMut<'_>, annotations: &mut Annotations) {
    let mut remarks = Remarks::new(input, annotations);
    let use_starts = input.use_starts && !input.subquery;
    let samples = input.samples;
    for (step, (from, to)) in input.windows.iter().enumerate() {
        let (from, to) = (*from as usize, *to as usize);
        if to < from + 2 {
            continue;
        }
        let pair = to - 2..to;
        let (Some(&[before, after]), Some(&[time_before, time])) =
            (samples.values.get(pair.clone()), samples.timestamps.get(pair))
        else {
            continue;
        };
        let interval = time - time_before;
        if interval == 0 {
            continue;
        }
        let reset_by_start =
            use_starts && starts::is_reset(samples.start(to - 2), time_before, samples.start(to - 1), time);
        match (samples.histogram(to - 2), samples.histogram(to - 1)) {
            (None, None) => {
                let reset = rate && (after < before || reset_by_start);
                let change = if reset { after } else { after - before };
                out.set(step, if rate { change / (interval as f64 / 1000.0) } else { change });
            }
            (Some(_), Some(_)) => {}
            _ => remarks.say(Remark::MixedKinds),
        }
    }
}
