//! Functions over a range vector: each evaluates all steps of one series in one call.

mod counter_name;
mod drops;
mod edges;
mod extended;
mod extended_histograms;
mod extrapolate;
mod extremes;
mod histogram_sums;
mod histograms;
mod instant;
mod interpolate;
mod moments;
mod order;
mod over_time;
mod plain;
mod rate;
mod remarks;
mod smoothed;
mod split;
mod starts;
mod steps;
mod sums;
#[cfg(test)]
mod tests;
mod trend;
mod windows;

pub(crate) use smoothed::smoothed_selector;

use crate::engine::EngineError;
use crate::functions::input::{RangeFunction, RangeKernel};
use crate::syntax::ast::Bounds;

/// The functions, sorted by name.
pub(crate) const RANGE_FUNCTIONS: &[RangeFunction] = &[
    drops_name("avg_over_time", sums::avg),
    drops_name("changes", steps::changes),
    drops_name("count_over_time", over_time::count),
    drops_name("delta", rate::delta),
    drops_name("deriv", trend::deriv),
    drops_name("double_exponential_smoothing", trend::double_exponential_smoothing),
    keeps_name("first_over_time", over_time::first),
    drops_name("idelta", instant::idelta),
    drops_name("increase", rate::increase),
    drops_name("irate", instant::irate),
    keeps_name("last_over_time", over_time::last),
    drops_name("mad_over_time", order::mad),
    drops_name("max_over_time", extremes::max),
    drops_name("min_over_time", extremes::min),
    drops_name("predict_linear", trend::predict_linear),
    drops_name("present_over_time", over_time::present),
    drops_name("quantile_over_time", order::quantile),
    drops_name("rate", rate::rate),
    drops_name("resets", steps::resets),
    drops_name("stddev_over_time", moments::stddev),
    drops_name("stdvar_over_time", moments::stdvar),
    drops_name("sum_over_time", sums::sum),
    drops_name("ts_of_first_over_time", over_time::time_of_first),
    drops_name("ts_of_last_over_time", over_time::time_of_last),
    drops_name("ts_of_max_over_time", extremes::time_of_max),
    drops_name("ts_of_min_over_time", extremes::time_of_min),
];

/// What functions may have windows with such bounds; `Plain` has no entry because all may.
const WITH_BOUNDS: &[(Bounds, &str, &[&str])] = &[
    (Bounds::Anchored, "anchored", &["changes", "delta", "increase", "rate", "resets"]),
    (Bounds::Smoothed, "smoothed", &["delta", "increase", "rate"]),
];

const fn drops_name(name: &'static str, kernel: RangeKernel) -> RangeFunction {
    RangeFunction { name, keeps_name: false, kernel }
}

const fn keeps_name(name: &'static str, kernel: RangeKernel) -> RangeFunction {
    RangeFunction { name, keeps_name: true, kernel }
}

/// The range function of a name. `absent_over_time` is none: it looks at all series at once.
pub(crate) fn find(name: &str) -> Option<&'static RangeFunction> {
    let at = RANGE_FUNCTIONS.binary_search_by_key(&name, |function| function.name).ok()?;
    RANGE_FUNCTIONS.get(at)
}

/// Whether a function (of any kind, by name) may look at windows with such bounds.
///
/// # Errors
/// It may not; the text names those that may.
pub(crate) fn check_bounds(function: &str, bounds: Bounds) -> Result<(), EngineError> {
    match WITH_BOUNDS.iter().find(|(with, ..)| *with == bounds) {
        Some((_, modifier, allowed)) if !allowed.contains(&function) => Err(EngineError::Exec(format!(
            "{modifier} modifier can only be used with: {} - not with {function}",
            allowed.join(", ")
        ))),
        _ => Ok(()),
    }
}
