//! The loop of the functions that know only floats: histograms beside floats are left out and remarked upon.

use super::remarks::{Remark, Remarks};
use super::split::{Kinds, Split};
use crate::annotations::Annotations;
use crate::functions::input::RangeInput;

/// Takes a series apart, remarks on its histograms, and calls `f` with the series and each step whose window
/// has floats.
#[inline]
pub(super) fn of_floats(
    input: &RangeInput<'_>,
    annotations: &mut Annotations,
    mut f: impl FnMut(&Split<'_>, usize),
) {
    let split = Split::of(input);
    let mut remarks = Remarks::new(input, annotations);
    for step in 0..input.windows.len() {
        match split.kinds(step) {
            Kinds::Nothing | Kinds::Histograms => continue,
            Kinds::Both => remarks.say(Remark::HistogramsIgnored),
            Kinds::Floats => {}
        }
        f(&split, step);
    }
}
