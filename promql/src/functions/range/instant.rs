//! `irate` and `idelta`: the change between the last two samples of a window.

use super::remarks::{Marks, Remark, Remarks};
use super::{histograms, starts};
use crate::annotations::Annotations;
use crate::batch::ColumnMut;
use crate::engine::EngineError;
use crate::functions::input::RangeInput;
use narthex_storage::{CounterResetHint, FloatHistogram};
use std::sync::Arc;

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
            (Some(before), Some(after)) => {
                let mut marks = Marks::default();
                let change = of_histograms(rate, before, after, reset_by_start, &mut marks);
                remarks.say(marks);
                if let Some(mut change) = change {
                    if rate {
                        change.div(interval as f64 / 1000.0);
                    }
                    out.set_histogram(step, Arc::new(change));
                }
            }
            _ => remarks.say(Remark::MixedKinds),
        }
    }
}

/// The change between two histograms; `None` where the kinds of their buckets differ.
fn of_histograms(
    rate: bool,
    before: &FloatHistogram,
    after: &FloatHistogram,
    reset_by_start: bool,
    marks: &mut Marks,
) -> Option<FloatHistogram> {
    let gauges = [before, after].map(|h| h.hint == CounterResetHint::Gauge);
    if rate && gauges.contains(&true) {
        marks.add(Remark::NotCounter);
    }
    if !rate && gauges.contains(&false) {
        marks.add(Remark::NotGauge);
    }
    let mut change = after.clone();
    if !rate || !(reset_by_start || after.detect_reset(before)) {
        histograms::subtract(&mut change, before, marks)?;
    }
    change.hint = CounterResetHint::Gauge;
    change.compact();
    Some(change)
}
