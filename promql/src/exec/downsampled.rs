//! Remarks on what downsampled samples can answer: once for each metric and resolution.

use crate::annotations::Annotations;
use crate::syntax::ast::Span;
use crate::syntax::format_duration;
use narthex_storage::labels::quote;
use narthex_storage::{Columns, Labels};

/// Functions that get from downsampled samples what they would get from raw ones: an aggregate, or the last values
/// and every reset. The empty name is a selector without a function. Sorted.
const ANSWERED: &[&str] = &[
    "",
    "absent_over_time",
    "avg_over_time",
    "count_over_time",
    "delta",
    "increase",
    "info",
    "last_over_time",
    "max_over_time",
    "min_over_time",
    "present_over_time",
    "rate",
    "resets",
    "sum_over_time",
    "timestamp",
    "ts_of_last_over_time",
];

/// Functions that need two samples in a window. Sorted.
const OF_TWO: &[&str] = &["delta", "deriv", "idelta", "increase", "irate", "predict_linear", "rate"];

/// Remarks on the samples of a series that were read through a function, with a window if it looks at one.
pub(super) fn remark(
    labels: &Labels,
    samples: &Columns,
    reader: (&str, Option<i64>),
    span: Span,
    annotations: &mut Annotations,
) {
    if samples.rows.is_empty() {
        return;
    }
    for resolution in samples.rows.resolutions() {
        remark_at(labels, resolution, reader, span, annotations);
    }
}

/// As [`remark`], for samples of one resolution, ms.
pub(super) fn remark_at(
    labels: &Labels,
    resolution: u32,
    (function, range_ms): (&str, Option<i64>),
    span: Span,
    annotations: &mut Annotations,
) {
    let name = quote(labels.metric_name());
    let resolution = i64::from(resolution);
    let interval = format_duration(resolution);
    annotations.inform(format!("samples of metric name {name} are downsampled to {interval}"), span);
    if ANSWERED.binary_search(&function).is_err() {
        let text = format!(
            "{function} sees one sample for each interval of {interval} of metric name {name}, which is downsampled"
        );
        annotations.warn(text, span);
    }
    let (least, intervals) = match OF_TWO.binary_search(&function) {
        Ok(_) => (resolution.saturating_mul(2), "two intervals"),
        Err(_) => (resolution, "an interval"),
    };
    if let Some(range_ms) = range_ms.filter(|range_ms| *range_ms < least) {
        let range = format_duration(range_ms);
        let text = format!(
            "window of {range} is shorter than {intervals} of {interval}, to which metric name {name} is downsampled"
        );
        annotations.warn(text, span);
    }
}

/// Whether a sample that lies before the lookback is still what a selector sees at a time.
///
/// It is where raw samples may have come since, of which only the last one stayed and lies ahead: within an interval
/// under way, and no longer before than the lookback and such an interval. What comes next is told by its timestamp and
/// the length of its interval, ms; that of a raw one is 0.
pub(super) fn lasts(sample: i64, at: i64, lookback_ms: i64, next: Option<(i64, u32)>) -> bool {
    let Some((next, resolution @ 1..)) = next else { return false };
    let resolution = i64::from(resolution);
    let interval = |t: i64| t.saturating_sub(1).div_euclid(resolution);
    let far = lookback_ms.saturating_add(resolution);
    interval(next) == interval(at) && sample > at.saturating_sub(far)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn remarks(function: &str, range_ms: Option<i64>) -> (Vec<String>, Vec<String>) {
        let mut annotations = Annotations::default();
        let labels = Labels::from_pairs([("__name__", "m")]);
        remark_at(&labels, 300_000, (function, range_ms), Span { start: 0, end: 1 }, &mut annotations);
        annotations.render("m")
    }

    #[test]
    fn an_answer_says_what_it_is_made_of() {
        let info = "PromQL info: samples of metric name \"m\" are downsampled to 5m (1:1)";
        for (function, range) in [("", None), ("rate", Some(600_000)), ("max_over_time", Some(300_000))] {
            assert_eq!(remarks(function, range), (vec![], vec![info.to_owned()]), "{function}");
        }
    }

    #[test]
    fn what_cannot_be_answered_is_warned_of() {
        let warning = "PromQL warning: stddev_over_time sees one sample for each interval of 5m of metric name \
                       \"m\", which is downsampled (1:1)";
        assert_eq!(remarks("stddev_over_time", Some(600_000)).0, [warning]);
        let short = "is shorter than two intervals of 5m, to which metric name \"m\" is downsampled (1:1)";
        assert_eq!(remarks("rate", Some(300_000)).0, [format!("PromQL warning: window of 5m {short}")]);
        let short = "is shorter than an interval of 5m, to which metric name \"m\" is downsampled (1:1)";
        assert_eq!(
            remarks("sum_over_time", Some(60_000)).0,
            [format!("PromQL warning: window of 1m {short}")]
        );
    }

    #[test]
    fn a_sample_lasts_as_long_as_the_interval_under_way_has_one_to_come() {
        let (sample, five) = (295_000, 300_000);
        let at = 596_000;
        assert!(lasts(sample, at, five, Some((599_000, 300_000))));
        // Nothing comes, or in another interval, or what comes is raw and so had none before it.
        for next in [None, Some((601_000, 300_000)), Some((599_000, 0))] {
            assert!(!lasts(sample, at, five, next), "{next:?}");
        }
        assert!(!lasts(-5_000, at, five, Some((599_000, 300_000))), "too old");
        assert!(!lasts(sample, 600_000, five, Some((600_001, 300_000))), "the interval is over");
    }

    #[test]
    fn the_tables_are_sorted() {
        assert!(ANSWERED.is_sorted() && OF_TWO.is_sorted());
    }
}
