//! The table of rules. Codes are for ever: a rule that goes leaves its code unused.

mod aggregation;
mod alert;
mod comparison;
mod counter;
mod histogram;
mod matcher;
mod matching;
mod time;

use super::hint::Rule;

/// Every rule.
pub const RULES: &[Rule] = &[
    Rule {
        code: "PQ001",
        name: "rate-of-gauge",
        summary: "a counter's function over what is no counter",
        check: counter::rate_of_gauge,
    },
    Rule {
        code: "PQ002",
        name: "delta-of-counter",
        summary: "a gauge's function over a counter",
        check: counter::delta_of_counter,
    },
    Rule {
        code: "PQ003",
        name: "aggregate-before-rate",
        summary: "counters are aggregated before their rate is taken",
        check: counter::aggregate_before_rate,
    },
    Rule {
        code: "PQ004",
        name: "short-range",
        summary: "a range that holds too few samples",
        check: time::short_range,
    },
    Rule {
        code: "PQ005",
        name: "regex-without-pattern",
        summary: "a regular expression that matches one literal value only",
        check: matcher::without_pattern,
    },
    Rule {
        code: "PQ006",
        name: "regex-matches-all",
        summary: "a matcher that every series satisfies",
        check: matcher::matches_all,
    },
    Rule {
        code: "PQ007",
        name: "redundant-anchors",
        summary: "anchors in an expression that is anchored already",
        check: matcher::redundant_anchors,
    },
    Rule {
        code: "PQ008",
        name: "matches-nothing",
        summary: "matchers that no series can satisfy together",
        check: matcher::matches_nothing,
    },
    Rule {
        code: "PQ009",
        name: "glob-as-regex",
        summary: "a shell pattern where a regular expression is expected",
        check: matcher::glob,
    },
    Rule {
        code: "PQ010",
        name: "comparison-never-true",
        summary: "a comparison that drops everything",
        check: comparison::never_true,
    },
    Rule {
        code: "PQ011",
        name: "comparison-always-true",
        summary: "a comparison that drops nothing",
        check: comparison::always_true,
    },
    Rule {
        code: "PQ012",
        name: "equality-of-extrapolation",
        summary: "an exact comparison with an extrapolated value",
        check: comparison::equality_of_extrapolation,
    },
    Rule {
        code: "PQ013",
        name: "missing-group-left",
        summary: "a side with more labels meets an aggregated one",
        check: matching::missing_group,
    },
    Rule {
        code: "PQ014",
        name: "labels-never-match",
        summary: "two sides have no label set in common",
        check: matching::never_match,
    },
    Rule {
        code: "PQ015",
        name: "quantile-without-le",
        summary: "the bucket label is aggregated away before a quantile",
        check: histogram::without_le,
    },
    Rule {
        code: "PQ016",
        name: "quantile-without-rate",
        summary: "a quantile over all observations since each process began",
        check: histogram::without_rate,
    },
    Rule {
        code: "PQ017",
        name: "average-of-quantiles",
        summary: "quantiles are added up or averaged",
        check: histogram::average_of_quantiles,
    },
    Rule {
        code: "PQ018",
        name: "bare-counter",
        summary: "a counter's value since its start is shown",
        check: counter::bare,
    },
    Rule {
        code: "PQ019",
        name: "label-already-dropped",
        summary: "grouping by a label that the operand no longer has",
        check: aggregation::label_already_dropped,
    },
    Rule {
        code: "PQ020",
        name: "absent-of-aggregate",
        summary: "absent() cannot tell labels of an aggregate",
        check: aggregation::absent_of_aggregate,
    },
    Rule {
        code: "PQ021",
        name: "negative-offset",
        summary: "an offset into the future",
        check: time::negative_offset,
    },
    Rule {
        code: "PQ022",
        name: "irate-in-rule",
        summary: "irate() in an alert or a recording",
        check: alert::irate,
    },
    Rule {
        code: "PQ023",
        name: "selection-in-graph",
        summary: "an order or a selection that is made anew at each step",
        check: time::selection_in_graph,
    },
    Rule {
        code: "PQ024",
        name: "division-by-zero",
        summary: "a divisor that is or may be 0",
        check: comparison::division_by_zero,
    },
    Rule {
        code: "PQ025",
        name: "bool-in-alert",
        summary: "an alert that fires for 0 too",
        check: alert::bool_in_alert,
    },
    Rule {
        code: "PQ026",
        name: "alert-without-condition",
        summary: "an alert that fires for every series",
        check: alert::without_condition,
    },
    Rule {
        code: "PQ027",
        name: "scalar-of-many",
        summary: "scalar() of what may be more than one series",
        check: aggregation::scalar_of_many,
    },
    Rule {
        code: "PQ028",
        name: "mismatched-average",
        summary: "the sum of one histogram over the count of another",
        check: histogram::mismatched_average,
    },
];

/// Labels as a list.
fn names<T: AsRef<str>>(labels: impl IntoIterator<Item = T>) -> String {
    let shown = |label: T| {
        let label = label.as_ref();
        if narthex_storage::labels::is_plain_name(label) {
            label.to_owned()
        } else {
            narthex_storage::labels::quote(label)
        }
    };
    labels.into_iter().map(shown).collect::<Vec<_>>().join(", ")
}
