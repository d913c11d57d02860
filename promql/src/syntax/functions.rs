//! The signature of every function of PromQL.

use super::ast::ValueType;
use super::ast::ValueType::{Matrix as M, Scalar as S, String as T, Vector as V};

/// What the checker knows of a function.
#[derive(Debug, PartialEq, Eq)]
pub struct Function {
    /// As written in an expression.
    pub name: &'static str,
    /// Types of the arguments; the last one repeats when more are allowed.
    pub args: &'static [ValueType],
    /// Fewest arguments.
    pub min_args: usize,
    /// Most arguments; `usize::MAX` for no bound.
    pub max_args: usize,
    /// Type of the result.
    pub returns: ValueType,
    /// Needs the feature `promql-experimental-functions`.
    pub experimental: bool,
}

/// The function of this name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Function> {
    FUNCTIONS.binary_search_by(|f| f.name.cmp(name)).ok().and_then(|i| FUNCTIONS.get(i))
}

const fn f(
    name: &'static str,
    args: &'static [ValueType],
    count: [usize; 2],
    returns: ValueType,
) -> Function {
    Function { name, args, min_args: count[0], max_args: count[1], returns, experimental: false }
}

const fn x(
    name: &'static str,
    args: &'static [ValueType],
    count: [usize; 2],
    returns: ValueType,
) -> Function {
    Function { name, args, min_args: count[0], max_args: count[1], returns, experimental: true }
}

const MANY: usize = usize::MAX;

/// Sorted by name.
pub const FUNCTIONS: &[Function] = &[
    f("abs", &[V], [1, 1], V),
    f("absent", &[V], [1, 1], V),
    f("absent_over_time", &[M], [1, 1], V),
    f("acos", &[V], [1, 1], V),
    f("acosh", &[V], [1, 1], V),
    f("asin", &[V], [1, 1], V),
    f("asinh", &[V], [1, 1], V),
    f("atan", &[V], [1, 1], V),
    f("atanh", &[V], [1, 1], V),
    f("avg_over_time", &[M], [1, 1], V),
    f("ceil", &[V], [1, 1], V),
    f("changes", &[M], [1, 1], V),
    f("clamp", &[V, S, S], [3, 3], V),
    f("clamp_max", &[V, S], [2, 2], V),
    f("clamp_min", &[V, S], [2, 2], V),
    f("cos", &[V], [1, 1], V),
    f("cosh", &[V], [1, 1], V),
    f("count_over_time", &[M], [1, 1], V),
    f("day_of_month", &[V], [0, 1], V),
    f("day_of_week", &[V], [0, 1], V),
    f("day_of_year", &[V], [0, 1], V),
    f("days_in_month", &[V], [0, 1], V),
    f("deg", &[V], [1, 1], V),
    f("delta", &[M], [1, 1], V),
    f("deriv", &[M], [1, 1], V),
    x("double_exponential_smoothing", &[M, S, S], [3, 3], V),
    x("end", &[], [0, 0], S),
    f("exp", &[V], [1, 1], V),
    f("first_over_time", &[M], [1, 1], V),
    f("floor", &[V], [1, 1], V),
    f("histogram_avg", &[V], [1, 1], V),
    f("histogram_count", &[V], [1, 1], V),
    f("histogram_fraction", &[S, S, V], [3, 3], V),
    f("histogram_quantile", &[S, V], [2, 2], V),
    x("histogram_quantiles", &[V, T, S, S], [3, 12], V),
    f("histogram_stddev", &[V], [1, 1], V),
    f("histogram_stdvar", &[V], [1, 1], V),
    f("histogram_sum", &[V], [1, 1], V),
    f("hour", &[V], [0, 1], V),
    f("idelta", &[M], [1, 1], V),
    f("increase", &[M], [1, 1], V),
    x("info", &[V, V], [1, 2], V),
    f("irate", &[M], [1, 1], V),
    f("label_join", &[V, T, T, T], [3, MANY], V),
    f("label_replace", &[V, T, T, T, T], [5, 5], V),
    f("last_over_time", &[M], [1, 1], V),
    f("ln", &[V], [1, 1], V),
    f("log10", &[V], [1, 1], V),
    f("log2", &[V], [1, 1], V),
    x("mad_over_time", &[M], [1, 1], V),
    x("max_of", &[S, S], [2, 2], S),
    f("max_over_time", &[M], [1, 1], V),
    x("min_of", &[S, S], [2, 2], S),
    f("min_over_time", &[M], [1, 1], V),
    f("minute", &[V], [0, 1], V),
    f("month", &[V], [0, 1], V),
    f("pi", &[], [0, 0], S),
    f("predict_linear", &[M, S], [2, 2], V),
    f("present_over_time", &[M], [1, 1], V),
    f("quantile_over_time", &[S, M], [2, 2], V),
    f("rad", &[V], [1, 1], V),
    x("range", &[], [0, 0], S),
    f("rate", &[M], [1, 1], V),
    f("resets", &[M], [1, 1], V),
    f("round", &[V, S], [1, 2], V),
    f("scalar", &[V], [1, 1], S),
    f("sgn", &[V], [1, 1], V),
    f("sin", &[V], [1, 1], V),
    f("sinh", &[V], [1, 1], V),
    f("sort", &[V], [1, 1], V),
    x("sort_by_label", &[V, T], [1, MANY], V),
    x("sort_by_label_desc", &[V, T], [1, MANY], V),
    f("sort_desc", &[V], [1, 1], V),
    f("sqrt", &[V], [1, 1], V),
    x("start", &[], [0, 0], S),
    x("start_timestamp", &[V], [1, 1], V),
    f("stddev_over_time", &[M], [1, 1], V),
    f("stdvar_over_time", &[M], [1, 1], V),
    x("step", &[], [0, 0], S),
    f("sum_over_time", &[M], [1, 1], V),
    f("tan", &[V], [1, 1], V),
    f("tanh", &[V], [1, 1], V),
    f("time", &[], [0, 0], S),
    f("timestamp", &[V], [1, 1], V),
    x("ts_of_first_over_time", &[M], [1, 1], V),
    x("ts_of_last_over_time", &[M], [1, 1], V),
    x("ts_of_max_over_time", &[M], [1, 1], V),
    x("ts_of_min_over_time", &[M], [1, 1], V),
    f("vector", &[S], [1, 1], V),
    f("year", &[V], [0, 1], V),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_consistent() {
        assert!(FUNCTIONS.is_sorted_by(|a, b| a.name < b.name));
        assert!(FUNCTIONS.iter().all(|f| f.min_args <= f.max_args && (f.max_args == 0) == f.args.is_empty()));
        assert_eq!(find("rate").map(|f| f.returns), Some(V));
        assert!(find("no_such").is_none());
    }
}
