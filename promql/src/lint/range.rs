//! Which values an expression can have, whatever the data: an interval. NaN is always possible and left out,
//! since it satisfies no comparison but `!=`.

use super::LintOptions;
use super::metric::{self, Shape};
use super::walk::series_argument;
use crate::syntax::ast::{Aggregate, AggregateOp, Binary, BinaryOp, Call, Expr, ValueType};

/// All numbers from `low` to `high`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Range {
    low: f64,
    high: f64,
    /// `low` itself does not belong to it.
    low_open: bool,
    /// `high` itself does not belong to it.
    high_open: bool,
}

/// What a comparison of two ranges comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Never,
    Sometimes,
    Always,
}

impl Range {
    pub(super) const ALL: Self = Self::closed(f64::NEG_INFINITY, f64::INFINITY);
    const NOT_NEGATIVE: Self = Self::closed(0.0, f64::INFINITY);

    const fn closed(low: f64, high: f64) -> Self {
        Self { low, high, low_open: false, high_open: false }
    }

    const fn point(value: f64) -> Self {
        Self::closed(value, value)
    }

    /// Nothing lies in it.
    pub(super) fn is_empty(self) -> bool {
        self.low > self.high || (self.low == self.high && (self.low_open || self.high_open))
    }

    pub(super) fn is_all(self) -> bool {
        self == Self::ALL
    }

    pub(super) fn contains(self, value: f64) -> bool {
        !self.intersect(Self::point(value)).is_empty()
    }

    pub(super) fn intersect(self, other: Self) -> Self {
        let (low, low_open) = match self.low.total_cmp(&other.low) {
            std::cmp::Ordering::Less => (other.low, other.low_open),
            std::cmp::Ordering::Greater => (self.low, self.low_open),
            std::cmp::Ordering::Equal => (self.low, self.low_open || other.low_open),
        };
        let (high, high_open) = match self.high.total_cmp(&other.high) {
            std::cmp::Ordering::Greater => (other.high, other.high_open),
            std::cmp::Ordering::Less => (self.high, self.high_open),
            std::cmp::Ordering::Equal => (self.high, self.high_open || other.high_open),
        };
        Self { low, high, low_open, high_open }
    }

    /// The smallest range that holds both; bounds become closed.
    fn hull(self, other: Self) -> Self {
        Self::closed(self.low.min(other.low), self.high.max(other.high))
    }

    fn negated(self) -> Self {
        Self {
            low: 0.0 - self.high,
            high: 0.0 - self.low,
            low_open: self.high_open,
            high_open: self.low_open,
        }
    }

    /// Of the results of an operation that is monotonic in each operand.
    fn corners(self, other: Self, op: impl Fn(f64, f64) -> f64) -> Self {
        let pairs =
            [(self.low, other.low), (self.low, other.high), (self.high, other.low), (self.high, other.high)];
        let results = pairs.map(|(a, b)| op(a, b));
        // ∞ - ∞ and 0 · ∞ say nothing.
        if results.iter().any(|r| r.is_nan()) {
            return Self::ALL;
        }
        let low = results.iter().copied().fold(f64::INFINITY, f64::min);
        let high = results.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        Self::closed(low, high)
    }

    /// What is left of it by `self OP other`.
    fn filtered(self, op: BinaryOp, other: Self) -> Self {
        let kept = match op {
            BinaryOp::Gtr => Self { low: other.low, low_open: true, ..Self::ALL },
            BinaryOp::Gte => Self { low: other.low, low_open: other.low_open, ..Self::ALL },
            BinaryOp::Lss => Self { high: other.high, high_open: true, ..Self::ALL },
            BinaryOp::Lte => Self { high: other.high, high_open: other.high_open, ..Self::ALL },
            BinaryOp::Eql => other,
            _ => Self::ALL,
        };
        self.intersect(kept)
    }

    /// Whether `self OP other` can hold.
    pub(super) fn compare(self, op: BinaryOp, other: Self) -> Verdict {
        if self.is_empty() || other.is_empty() {
            return Verdict::Sometimes;
        }
        let single = |r: Self| (r.low == r.high).then_some(r.low);
        let same = single(self).is_some() && single(self) == single(other);
        let opposite = match op {
            BinaryOp::Gtr => BinaryOp::Lte,
            BinaryOp::Gte => BinaryOp::Lss,
            BinaryOp::Lss => BinaryOp::Gte,
            BinaryOp::Lte => BinaryOp::Gtr,
            BinaryOp::Eql if same => return Verdict::Always,
            BinaryOp::Eql if self.intersect(other).is_empty() => return Verdict::Never,
            BinaryOp::Neq if same => return Verdict::Never,
            BinaryOp::Neq if self.intersect(other).is_empty() => return Verdict::Always,
            _ => return Verdict::Sometimes,
        };
        if self.filtered(op, other).is_empty() {
            Verdict::Never
        } else if self.filtered(opposite, other).is_empty() {
            Verdict::Always
        } else {
            Verdict::Sometimes
        }
    }
}

impl std::fmt::Display for Range {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        use crate::numeric::format_float;
        match (self.low.is_finite(), self.high.is_finite()) {
            (true, true) if self.low == self.high => write!(f, "{}", format_float(self.low)),
            (true, true) => write!(f, "{} to {}", format_float(self.low), format_float(self.high)),
            (true, false) if self.low_open => write!(f, "above {}", format_float(self.low)),
            (true, false) => write!(f, "{} or more", format_float(self.low)),
            (false, true) if self.high_open => write!(f, "below {}", format_float(self.high)),
            (false, true) => write!(f, "{} or less", format_float(self.high)),
            (false, false) => f.write_str("any number"),
        }
    }
}

/// The number that an expression is, if it is always the same.
pub(super) fn constant(expr: &Expr) -> Option<f64> {
    match expr.unwrap_parens() {
        Expr::Number { value, .. } => Some(*value),
        Expr::Unary { negative, expr, .. } => {
            constant(expr).map(|value| if *negative { -value } else { value })
        }
        Expr::Binary(e) => {
            let (left, right) = (constant(&e.left)?, constant(&e.right)?);
            match e.op {
                BinaryOp::Add => Some(left + right),
                BinaryOp::Sub => Some(left - right),
                BinaryOp::Mul => Some(left * right),
                BinaryOp::Div => Some(left / right),
                BinaryOp::Mod => Some(left % right),
                BinaryOp::Pow => Some(left.powf(right)),
                _ => None,
            }
        }
        _ => None,
    }
}

/// The values that an expression can have.
pub(super) fn of(expr: &Expr, options: &LintOptions<'_>) -> Range {
    if let Some(value) = constant(expr) {
        return if value.is_nan() { Range::ALL } else { Range::point(value) };
    }
    match expr {
        Expr::Paren { expr, .. } => of(expr, options),
        Expr::Unary { negative, expr, .. } => {
            let inner = of(expr, options);
            if *negative { inner.negated() } else { inner }
        }
        Expr::Vector(selector) | Expr::Matrix { selector, .. } => match metric::name(selector) {
            Some("up") => Range::closed(0.0, 1.0),
            _ if metric::known(selector, options).shape == Shape::Counter => Range::NOT_NEGATIVE,
            _ => Range::ALL,
        },
        Expr::Subquery(e) => of(&e.expr, options),
        Expr::Aggregate(e) => of_aggregate(e, options),
        Expr::Call(e) => of_call(e, options),
        Expr::Binary(e) => of_binary(e, options),
        Expr::Number { .. } | Expr::String { .. } => Range::ALL,
    }
}

fn of_aggregate(e: &Aggregate, options: &LintOptions<'_>) -> Range {
    let inner = of(&e.expr, options);
    match e.op {
        AggregateOp::Count | AggregateOp::CountValues => Range::closed(1.0, f64::INFINITY),
        AggregateOp::Group => Range::point(1.0),
        AggregateOp::Stddev | AggregateOp::Stdvar => Range::NOT_NEGATIVE,
        AggregateOp::Sum if inner.low >= 0.0 => Range { high: f64::INFINITY, high_open: false, ..inner },
        AggregateOp::Sum => Range::ALL,
        // A φ outside 0…1 gives infinities.
        AggregateOp::Quantile => Range::ALL,
        _ => inner,
    }
}

/// Functions whose values lie between bounds.
const BOUNDED: &[(&str, f64, f64)] = &[
    ("abs", 0.0, f64::INFINITY),
    ("absent", 1.0, 1.0),
    ("absent_over_time", 1.0, 1.0),
    ("changes", 0.0, f64::INFINITY),
    ("cos", -1.0, 1.0),
    ("count_over_time", 1.0, f64::INFINITY),
    ("day_of_month", 1.0, 31.0),
    ("day_of_week", 0.0, 6.0),
    ("day_of_year", 1.0, 366.0),
    ("days_in_month", 28.0, 31.0),
    ("exp", 0.0, f64::INFINITY),
    ("histogram_fraction", 0.0, 1.0),
    ("hour", 0.0, 23.0),
    ("increase", 0.0, f64::INFINITY),
    ("irate", 0.0, f64::INFINITY),
    ("minute", 0.0, 59.0),
    ("month", 1.0, 12.0),
    ("present_over_time", 1.0, 1.0),
    ("rate", 0.0, f64::INFINITY),
    ("resets", 0.0, f64::INFINITY),
    ("sgn", -1.0, 1.0),
    ("sin", -1.0, 1.0),
    ("sqrt", 0.0, f64::INFINITY),
    ("stddev_over_time", 0.0, f64::INFINITY),
    ("stdvar_over_time", 0.0, f64::INFINITY),
];
/// Functions whose values are among those of their operand.
const FAITHFUL: &[&str] = &[
    "avg_over_time",
    "first_over_time",
    "label_join",
    "label_replace",
    "last_over_time",
    "max_over_time",
    "min_over_time",
    "sort",
    "sort_by_label",
    "sort_by_label_desc",
    "sort_desc",
];

fn of_call(e: &Call, options: &LintOptions<'_>) -> Range {
    let name = e.function.name;
    // A counter never falls, but a rate that is fed a gauge may still not be negative: falls count as resets.
    if let Some((_, low, high)) = BOUNDED.iter().find(|(known, _, _)| *known == name) {
        return Range::closed(*low, *high);
    }
    let operand = || series_argument(e).map_or(Range::ALL, |arg| of(arg, options));
    let number = |at: usize| e.args.get(at).and_then(constant).filter(|v| !v.is_nan());
    match name {
        "vector" => e.args.first().map_or(Range::ALL, |arg| of(arg, options)),
        "clamp_min" => number(1).map_or(Range::ALL, |low| Range::closed(low, operand().high.max(low))),
        "clamp_max" => number(1).map_or(Range::ALL, |high| Range::closed(operand().low.min(high), high)),
        "clamp" => match (number(1), number(2)) {
            (Some(low), Some(high)) if low <= high => Range::closed(low, high),
            _ => Range::ALL,
        },
        _ if FAITHFUL.contains(&name) => operand(),
        _ => Range::ALL,
    }
}

fn of_binary(e: &Binary, options: &LintOptions<'_>) -> Range {
    if e.matching.fill_left.is_some() || e.matching.fill_right.is_some() {
        return Range::ALL;
    }
    if e.return_bool {
        return Range::closed(0.0, 1.0);
    }
    let (left, right) = (of(&e.left, options), of(&e.right, options));
    match e.op {
        BinaryOp::Add => left.corners(right, |a, b| a + b),
        BinaryOp::Sub => left.corners(right, |a, b| a - b),
        BinaryOp::Mul => left.corners(right, |a, b| a * b),
        BinaryOp::Div => match constant(&e.right) {
            Some(by) if by != 0.0 => left.corners(Range::point(by), |a, b| a / b),
            _ if left.low >= 0.0 && right.low >= 0.0 => Range::NOT_NEGATIVE,
            _ => Range::ALL,
        },
        BinaryOp::And | BinaryOp::Unless => left,
        BinaryOp::Or => left.hull(right),
        op if op.is_comparison() => {
            // The vector's value is kept, on whichever side it stands.
            if e.left.value_type() == ValueType::Scalar {
                right.filtered(mirrored(op), left)
            } else {
                left.filtered(op, right)
            }
        }
        _ => Range::ALL,
    }
}

/// The comparison with its sides exchanged.
pub(super) fn mirrored(op: BinaryOp) -> BinaryOp {
    match op {
        BinaryOp::Gtr => BinaryOp::Lss,
        BinaryOp::Gte => BinaryOp::Lte,
        BinaryOp::Lss => BinaryOp::Gtr,
        BinaryOp::Lte => BinaryOp::Gte,
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ParseOptions, parse_expr};
    use proptest::prelude::*;

    fn range(text: &str) -> String {
        of(&parse_expr(text, &ParseOptions::all()).unwrap(), &LintOptions::default()).to_string()
    }

    #[test]
    fn ranges_follow_the_operators() {
        for (text, want) in [
            ("x", "any number"),
            ("x > 5", "above 5"),
            ("5 < x", "above 5"),
            ("x >= 5 <= 7", "5 to 7"),
            ("count(x)", "1 or more"),
            ("count(x) - 1", "0 or more"),
            ("-count(x)", "-1 or less"),
            ("rate(x[5m]) * 100", "0 or more"),
            ("1 - sum(up)", "1 or less"),
            ("avg(up)", "0 to 1"),
            ("x > bool 5", "0 to 1"),
            ("count(x) or vector(0)", "0 or more"),
            ("clamp_max(x_total, 3)", "0 to 3"),
            ("2 * 3", "6"),
            ("x % 5", "any number"),
        ] {
            assert_eq!(range(text), want, "{text}");
        }
    }

    fn any_range() -> impl Strategy<Value = Range> {
        (-3i8..=3, 0i8..=3, any::<bool>(), any::<bool>()).prop_map(|(low, width, low_open, high_open)| {
            Range { low: f64::from(low), high: f64::from(low + width), low_open, high_open }
        })
    }

    proptest! {
        #[test]
        fn verdicts_hold_for_every_pair_of_values(a in any_range(), b in any_range(), op in 0usize..6) {
            const OPS: [BinaryOp; 6] =
                [BinaryOp::Gtr, BinaryOp::Gte, BinaryOp::Lss, BinaryOp::Lte, BinaryOp::Eql, BinaryOp::Neq];
            let op = OPS[op];
            let verdict = a.compare(op, b);
            let values = |r: Range| (-12..=24).map(|i| f64::from(i) / 4.0).filter(move |v| r.contains(*v));
            for x in values(a) {
                for y in values(b) {
                    let holds = match op {
                        BinaryOp::Gtr => x > y,
                        BinaryOp::Gte => x >= y,
                        BinaryOp::Lss => x < y,
                        BinaryOp::Lte => x <= y,
                        BinaryOp::Eql => x == y,
                        _ => x != y,
                    };
                    prop_assert!(verdict != Verdict::Never || !holds, "{a:?} {op:?} {b:?}: {x} {y}");
                    prop_assert!(verdict != Verdict::Always || holds, "{a:?} {op:?} {b:?}: {x} {y}");
                    if holds {
                        prop_assert!(a.filtered(op, b).contains(x));
                    }
                }
            }
        }
    }
}
