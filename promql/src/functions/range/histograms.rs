//! The change of a counter or gauge of histograms over a window.

use super::remarks::{Marks, Remark};
use super::split::Histograms;
use super::starts;
use narthex_storage::{CounterResetHint, FloatHistogram};

/// What lies between a histogram and the one before it.
#[derive(Debug, Clone, Copy, Default)]
struct Step {
    /// Its start timestamp announces a reset.
    reset_by_start: bool,
    /// Its buckets or its hint tell of a reset.
    reset_by_buckets: bool,
    /// Its start overlaps with the one before.
    overlap: bool,
}

/// Where a counter was reset, found once for all windows.
#[derive(Debug, Default)]
pub(super) struct Resets(Vec<Step>);

impl Resets {
    pub(super) fn of(histograms: &Histograms<'_>) -> Self {
        let mut previous = None;
        let steps = histograms.points.iter().map(|point| {
            let (time, start) = (histograms.time(point), histograms.start(point));
            let before = previous.replace((point, time, start));
            before.map_or_else(Step::default, |(before, time_before, start_before)| Step {
                reset_by_start: starts::is_reset(start_before, time_before, start, time),
                reset_by_buckets: point.1.detect_reset(&before.1),
                overlap: starts::overlap(start_before, time_before, start),
            })
        });
        Self(steps.collect())
    }

    fn at(&self, position: usize) -> Step {
        self.0.get(position).copied().unwrap_or_default()
    }

    /// Whether there was a reset right before the histogram at a position.
    pub(super) fn before(&self, position: usize) -> bool {
        let step = self.at(position);
        step.reset_by_start || step.reset_by_buckets
    }

    /// Whether start timestamps overlap within `from..to`.
    pub(super) fn overlap_within(&self, from: usize, to: usize) -> bool {
        self.0.get(from + 1..to).is_some_and(|steps| steps.iter().any(|step| step.overlap))
    }
}

/// Adds a histogram; `None` where the kinds of their buckets differ.
pub(super) fn add(sum: &mut FloatHistogram, other: &FloatHistogram, marks: &mut Marks) -> Option<()> {
    // Hints in conflict are no news here: resets were looked for.
    match sum.add(other) {
        Ok(combination) if combination.bounds_reconciled => marks.add(Remark::BoundsReconciledAdding),
        Ok(_) => {}
        Err(_) => {
            marks.add(Remark::MixedBuckets);
            return None;
        }
    }
    Some(())
}

/// Subtracts a histogram; `None` where the kinds of their buckets differ.
pub(super) fn subtract(from: &mut FloatHistogram, other: &FloatHistogram, marks: &mut Marks) -> Option<()> {
    match from.sub(other) {
        Ok(combination) if combination.bounds_reconciled => marks.add(Remark::BoundsReconciledSubtracting),
        Ok(_) => {}
        Err(_) => {
            marks.add(Remark::MixedBuckets);
            return None;
        }
    }
    Some(())
}

/// The difference between the last and the first of at least two histograms `from..to`, with what a counter
/// lost in resets; `None` where the kinds of their buckets differ.
pub(super) fn change(
    histograms: &Histograms<'_>,
    resets: &Resets,
    (from, to): (usize, usize),
    counter: bool,
    marks: &mut Marks,
) -> Option<FloatHistogram> {
    let window = histograms.points.get(from..to)?;
    let ([(_, first), inner @ .., (_, last)], [_, (_, second), ..]) = (window, window) else { return None };
    let gauge = |h: &FloatHistogram| h.hint == CounterResetHint::Gauge;
    if counter && (gauge(first) || gauge(last)) {
        marks.add(Remark::NotCounter);
    }
    // What was before a reset is not subtracted, so its layout has no say either.
    let cleared = (counter && resets.before(from + 1)).then(|| FloatHistogram {
        schema: second.schema,
        custom_values: second.custom_values.clone(),
        ..FloatHistogram::default()
    });
    let base = cleared.as_ref().unwrap_or(first);
    let custom = base.uses_custom_buckets();
    if last.uses_custom_buckets() != custom {
        marks.add(Remark::MixedBuckets);
        return None;
    }
    let mut schema = last.schema.min(base.schema);
    if counter {
        for (_, histogram) in inner {
            if gauge(histogram) {
                marks.add(Remark::NotCounter);
            }
            if histogram.uses_custom_buckets() != custom {
                *marks = Remark::MixedBuckets.into();
                return None;
            }
            schema = schema.min(histogram.schema);
        }
    } else if !gauge(first) || !gauge(last) {
        marks.add(Remark::NotGauge);
    }
    let mut change = FloatHistogram::clone(last);
    change.reduce_resolution(schema);
    subtract(&mut change, base, marks)?;
    if counter {
        if let Some(cleared) = &cleared
            && (resets.at(from + 1).reset_by_start || second.detect_reset(cleared))
        {
            add(&mut change, cleared, marks)?;
        }
        for at in from + 1 + usize::from(cleared.is_some())..to {
            if resets.before(at) {
                add(&mut change, &histograms.points.get(at - 1)?.1, marks)?;
            }
        }
    }
    change.hint = CounterResetHint::Gauge;
    change.compact();
    Some(change)
}
