//! Doubts whether a series is a counter at all.

use crate::annotations::Annotations;
use crate::batch::ColumnMut;
use crate::functions::input::RangeInput;
use narthex_storage::labels::quote;

/// What the names of counters of floats end in.
const ENDINGS: &[&str] = &["_total", "_sum", "_count", "_bucket"];
/// The label that says what a metric is.
const TYPE: &str = "__type__";
/// Types that count.
const COUNTING: &[&str] = &["counter", "histogram"];

/// Remarks on a series of floats whose rate was taken though nothing says that it is a counter.
pub(super) fn doubt(input: &RangeInput<'_>, out: &ColumnMut<'_>, annotations: &mut Annotations) {
    let name = input.labels.metric_name();
    if name.is_empty() || out.present.iter().all(|word| *word == 0) {
        return;
    }
    if input.type_and_unit {
        let kind = input.labels.get(TYPE).unwrap_or_default();
        if !COUNTING.contains(&kind) {
            let (kind, name) = (quote(kind), quote(name));
            let text = format!(
                "metric might not be a counter, __type__ label is not set to \"counter\" or \"histogram\", got {kind}: {name}"
            );
            annotations.inform(text, input.span);
        }
    } else if !ENDINGS.iter().any(|ending| name.ends_with(ending)) {
        let name = quote(name);
        let text =
            format!("metric might not be a counter, name does not end in _total/_sum/_count/_bucket: {name}");
        annotations.inform(text, input.span);
    }
}
