//! What range functions remark upon: each text at most once per series, however many steps there are.

use crate::annotations::Annotations;
use crate::functions::input::RangeInput;
use crate::syntax::ast::Span;
use narthex_storage::labels::quote;

/// A remark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Remark {
    /// Floats and histograms in one window of a function that cannot have both.
    MixedKinds,
    /// Exponential and custom buckets in one window.
    MixedBuckets,
    /// A gauge where a counter is wanted.
    NotCounter,
    /// A counter where a gauge is wanted.
    NotGauge,
    /// Histograms beside the floats of a function of floats.
    HistogramsIgnored,
    /// Bounds of custom buckets differed.
    BoundsReconciledAdding,
    /// Bounds of custom buckets differed.
    BoundsReconciledSubtracting,
    /// Bounds of custom buckets differed.
    BoundsReconciledAggregating,
    /// Some histograms say that there was a reset, others that there was none.
    ResetsCollide,
}

/// Whether it is a warning, the text, and whether the metric's name follows it.
const TEXTS: &[(Remark, bool, &str, bool)] = &[
    (Remark::MixedKinds, true, "encountered a mix of histograms and floats for metric name", true),
    (
        Remark::MixedBuckets,
        true,
        "vector contains a mix of histograms with exponential and custom buckets schemas for metric name",
        true,
    ),
    (Remark::NotCounter, true, "this native histogram metric is not a counter:", true),
    (Remark::NotGauge, true, "this native histogram metric is not a gauge:", true),
    (
        Remark::HistogramsIgnored,
        false,
        "ignored histograms in a range containing both floats and histograms for metric name",
        true,
    ),
    (
        Remark::BoundsReconciledAdding,
        false,
        "mismatched custom buckets were reconciled during addition",
        false,
    ),
    (
        Remark::BoundsReconciledSubtracting,
        false,
        "mismatched custom buckets were reconciled during subtraction",
        false,
    ),
    (
        Remark::BoundsReconciledAggregating,
        false,
        "mismatched custom buckets were reconciled during aggregation",
        false,
    ),
    (Remark::ResetsCollide, true, "conflicting counter resets during histogram aggregation", false),
];

/// A set of remarks: those of one window, before it is known whether they count.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Marks(u16);

impl Marks {
    pub(super) fn add(&mut self, remark: Remark) {
        self.0 |= 1 << remark as u16;
    }

    pub(super) fn has(self, remark: Remark) -> bool {
        self.0 >> remark as u16 & 1 == 1
    }
}

impl From<Remark> for Marks {
    fn from(remark: Remark) -> Self {
        Self(1 << remark as u16)
    }
}

/// Where the remarks on one series go.
pub(super) struct Remarks<'a> {
    annotations: &'a mut Annotations,
    metric: &'a str,
    span: Span,
    said: Marks,
}

impl<'a> Remarks<'a> {
    pub(super) fn new(input: &RangeInput<'a>, annotations: &'a mut Annotations) -> Self {
        Self { annotations, metric: input.labels.metric_name(), span: input.span, said: Marks::default() }
    }

    /// Says what was not said of this series before.
    #[inline]
    pub(super) fn say(&mut self, marks: impl Into<Marks>) {
        let fresh = Marks(marks.into().0 & !self.said.0);
        if fresh != Marks::default() {
            self.say_fresh(fresh);
        }
    }

    #[cold]
    fn say_fresh(&mut self, fresh: Marks) {
        self.said.0 |= fresh.0;
        for (remark, warning, text, named) in TEXTS {
            if !fresh.has(*remark) {
                continue;
            }
            let text = if *named { format!("{text} {}", quote(self.metric)) } else { (*text).to_owned() };
            if *warning {
                self.annotations.warn(text, self.span);
            } else {
                self.annotations.inform(text, self.span);
            }
        }
    }

    /// Start timestamps overlap in a window; these are counted, one for each window.
    #[cold]
    pub(super) fn overlap(&mut self) {
        self.annotations.overlap(self.metric, self.span);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_each_remark_at_its_place() {
        for (at, (remark, ..)) in TEXTS.iter().enumerate() {
            assert_eq!(*remark as usize, at);
        }
    }
}
