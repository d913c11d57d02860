//! What a range function sees: one series, and the windows of all steps.

use crate::annotations::Annotations;
use crate::batch::ColumnMut;
use crate::engine::EngineError;
use crate::syntax::ast::{Bounds, Span};
use narthex_storage::{Columns, Labels};

/// One series and its windows. All times are ms.
pub(crate) struct RangeInput<'a> {
    /// Labels of the series; the name is for annotations.
    pub(crate) labels: &'a Labels,
    /// Samples, without staleness markers, ascending. For `anchored` and `smoothed` they reach one lookback
    /// beyond the windows on the sides that need it.
    pub(crate) samples: &'a Columns,
    /// For each step the positions `from..to` of the samples in `(end - range, end]`.
    pub(crate) windows: &'a [(u32, u32)],
    /// For each step the inclusive end of its window: the evaluation time, or what `@` says, less the offset.
    pub(crate) ends: &'a [i64],
    /// For each step the evaluation time.
    pub(crate) times: &'a [i64],
    /// Length of every window.
    pub(crate) range_ms: i64,
    /// How far before (and after) a window `anchored` and `smoothed` look.
    pub(crate) lookback_ms: i64,
    /// See [`Bounds`].
    pub(crate) bounds: Bounds,
    /// Samples are steps of a subquery rather than stored ones.
    pub(crate) subquery: bool,
    /// The scalar arguments of the function by position among them, a value per step.
    pub(crate) params: &'a [Vec<f64>],
    /// Place of the function's first argument: what annotations are about.
    pub(crate) span: Span,
    /// Start timestamps count (`use-start-timestamps`).
    pub(crate) use_starts: bool,
    /// `__type__` says what is a counter (`type-and-unit-labels`).
    pub(crate) type_and_unit: bool,
}

/// A function over a range vector: fills in one series' column.
pub(crate) struct RangeFunction {
    /// PromQL name.
    pub(crate) name: &'static str,
    /// The result keeps the metric name.
    pub(crate) keeps_name: bool,
    /// Evaluates all steps; what is not set stays a hole.
    pub(crate) kernel: RangeKernel,
}

/// See [`RangeFunction`].
pub(crate) type RangeKernel =
    fn(&RangeInput<'_>, &mut ColumnMut<'_>, &mut Annotations) -> Result<(), EngineError>;
