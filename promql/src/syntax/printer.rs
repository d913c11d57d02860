//! The canonical text of a tree, as Prometheus prints it.

use super::ast::{
    Aggregate, At, Binary, Bounds, Cardinality, DurationExpr, Expr, Subquery, TimeModifier, VectorSelector,
};
use crate::numeric::format_float;
use narthex_storage::labels::{is_plain_name, quote};
use narthex_storage::{MatchOp, Matcher};
use std::fmt;

/// A duration as Prometheus prints it: `1h30m`, `0s`, `150ms`.
#[must_use]
pub fn format_duration(ms: i64) -> String {
    if ms == 0 {
        return "0s".to_owned();
    }
    let mut out = String::from(if ms < 0 { "-" } else { "" });
    let mut rest = ms.unsigned_abs();
    // Years, weeks and days only where nothing smaller is left.
    let units = [
        ("y", 31_536_000_000, true),
        ("w", 604_800_000, true),
        ("d", 86_400_000, false),
        ("h", 3_600_000, false),
        ("m", 60_000, false),
        ("s", 1000, false),
        ("ms", 1, false),
    ];
    for (unit, size, exact) in units {
        if exact && !rest.is_multiple_of(size) {
            continue;
        }
        if rest >= size {
            out.push_str(&format!("{}{unit}", rest / size));
            rest %= size;
        }
    }
    out
}

/// A text in quotes. The character for bytes that are none is escaped: unescaped it does not read back.
struct Quoted<'a>(&'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let quoted = quote(self.0);
        let mut parts = quoted.split('\u{fffd}');
        f.write_str(parts.next().unwrap_or_default())?;
        parts.try_for_each(|part| write!(f, "\\ufffd{part}"))
    }
}

/// Writes items with something between them.
fn join<T>(
    f: &mut fmt::Formatter<'_>,
    between: &str,
    items: impl IntoIterator<Item = T>,
    mut write: impl FnMut(&mut fmt::Formatter<'_>, T) -> fmt::Result,
) -> fmt::Result {
    items.into_iter().enumerate().try_for_each(|(i, item)| {
        if i > 0 {
            f.write_str(between)?;
        }
        write(f, item)
    })
}

/// `(a, "b.c")`
struct LabelList<'a>(&'a [String]);

impl fmt::Display for LabelList<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Words that the grammar knows as something else have to be quoted too.
        let reserved = |label: &str| ["without", "inf", "nan"].iter().any(|w| label.eq_ignore_ascii_case(w));
        let plain = |label: &str| is_plain_name(&label.replace(':', "_")) && !reserved(label);
        f.write_str("(")?;
        join(f, ", ", self.0, |f, label| match plain(label) {
            true => f.write_str(label),
            false => Quoted(label).fmt(f),
        })?;
        f.write_str(")")
    }
}

fn time(f: &mut fmt::Formatter<'_>, time: &TimeModifier, bounds: Bounds, bounds_first: bool) -> fmt::Result {
    let bounds_of = |f: &mut fmt::Formatter<'_>, here: bool| match bounds {
        Bounds::Anchored | Bounds::Smoothed if here => write!(f, " {}", bounds.name()),
        _ => Ok(()),
    };
    bounds_of(f, bounds_first)?;
    match time.at {
        Some(At::Timestamp(ms)) => write!(f, " @ {:.3}", ms as f64 / 1000.0)?,
        Some(At::Start) => f.write_str(" @ start()")?,
        Some(At::End) => f.write_str(" @ end()")?,
        None => {}
    }
    bounds_of(f, !bounds_first)?;
    match (&time.offset_expr, time.offset_ms) {
        (Some(computed), _) => write!(f, " offset {computed}"),
        (None, 0) => Ok(()),
        (None, ms) => write!(f, " offset {}", format_duration(ms)),
    }
}

fn selector(f: &mut fmt::Formatter<'_>, selector: &VectorSelector) -> fmt::Result {
    let name = selector.name.as_deref().unwrap_or_default();
    f.write_str(name)?;
    // What the name says is not said again.
    let said = |m: &&Matcher| {
        m.name == "__name__" && m.op == MatchOp::Equal && !m.value.is_empty() && m.value == name
    };
    let label =
        |m: &Matcher| if is_plain_name(&m.name) { m.name.clone() } else { Quoted(&m.name).to_string() };
    let matchers = selector.matchers.iter().filter(|m| !said(m));
    let mut items: Vec<String> =
        matchers.map(|m| format!("{}{}{}", label(m), m.op.as_str(), Quoted(&m.value))).collect();
    if items.is_empty() && selector.name.is_some() {
        return Ok(());
    }
    items.sort_unstable();
    f.write_str("{")?;
    join(f, ",", &items, |f, item| f.write_str(item))?;
    f.write_str("}")
}

/// A number as a number or, if it was one, as a duration.
fn number(f: &mut fmt::Formatter<'_>, value: f64, duration: bool) -> fmt::Result {
    if duration {
        f.write_str(&format_duration((value * 1000.0).round() as i64))
    } else {
        f.write_str(&format_float(value))
    }
}

fn sign(negative: bool) -> char {
    if negative { '-' } else { '+' }
}

/// A length as it is or as it will be computed.
struct Length<'a>(i64, &'a Option<Box<DurationExpr>>);

impl fmt::Display for Length<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.1 {
            Some(computed) => computed.fmt(f),
            None => f.write_str(&format_duration(self.0)),
        }
    }
}

impl fmt::Display for DurationExpr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number { seconds, duration, .. } => number(f, *seconds, *duration),
            Self::Step { .. } => f.write_str("step()"),
            Self::Range { .. } => f.write_str("range()"),
            Self::Unary { negative, expr, .. } => write!(f, "{}{expr}", sign(*negative)),
            Self::Binary { op, left, right, .. } => write!(f, "{left} {} {right}", op.symbol()),
            Self::Extreme { max, left, right, .. } => {
                write!(f, "{}({left}, {right})", if *max { "max_of" } else { "min_of" })
            }
            Self::Paren { expr, .. } => write!(f, "({expr})"),
        }
    }
}

impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number { value, duration, .. } => number(f, *value, *duration),
            Self::String { value, .. } => Quoted(value).fmt(f),
            Self::Paren { expr, .. } => write!(f, "({expr})"),
            Self::Unary { negative, expr, .. } => write!(f, "{}{expr}", sign(*negative)),
            Self::Vector(e) => {
                selector(f, e)?;
                time(f, &e.time, e.bounds, false)
            }
            Self::Matrix { selector: e, range_ms, range_expr, .. } => {
                selector(f, e)?;
                write!(f, "[{}]", Length(*range_ms, range_expr))?;
                time(f, &e.time, e.bounds, true)
            }
            Self::Subquery(e) => write!(f, "{}{}", e.expr, SubqueryRange(e)),
            Self::Call(e) => {
                write!(f, "{}(", e.function.name)?;
                join(f, ", ", &e.args, |f, arg| arg.fmt(f))?;
                f.write_str(")")
            }
            Self::Aggregate(e) => match &e.param {
                Some(param) => write!(f, "{}({param}, {})", AggregateHead(e), e.expr),
                None => write!(f, "{}({})", AggregateHead(e), e.expr),
            },
            Self::Binary(e) => write!(f, "{} {} {}", e.left, Operator(e), e.right),
        }
    }
}

/// `[1h:5m] offset …` of a subquery.
pub(super) struct SubqueryRange<'a>(pub(super) &'a Subquery);

impl fmt::Display for SubqueryRange<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let e = self.0;
        write!(f, "[{}:", Length(e.range_ms, &e.range_expr))?;
        if let Some(ms) = e.step_ms {
            Length(ms, &e.step_expr).fmt(f)?;
        }
        f.write_str("]")?;
        time(f, &e.time, Bounds::Plain, false)
    }
}

/// `sum by (x) ` of an aggregation.
pub(super) struct AggregateHead<'a>(pub(super) &'a Aggregate);

impl fmt::Display for AggregateHead<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let e = self.0;
        f.write_str(e.op.name())?;
        if e.without {
            write!(f, " without {} ", LabelList(&e.grouping))?;
        } else if !e.grouping.is_empty() {
            write!(f, " by {} ", LabelList(&e.grouping))?;
        }
        Ok(())
    }
}

/// `== bool on (x) group_left (y) fill (0)` of a binary operation.
pub(super) struct Operator<'a>(pub(super) &'a Binary);

impl fmt::Display for Operator<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.op.symbol())?;
        if self.0.return_bool {
            f.write_str(" bool")?;
        }
        let m = &self.0.matching;
        let grouped = matches!(m.card, Cardinality::ManyToOne | Cardinality::OneToMany);
        if m.on || !m.labels.is_empty() || grouped {
            write!(f, " {} {}", if m.on { "on" } else { "ignoring" }, LabelList(&m.labels))?;
        }
        if grouped {
            let side = if m.card == Cardinality::ManyToOne { "left" } else { "right" };
            write!(f, " group_{side} {}", LabelList(&m.include))?;
        }
        let same = m.fill_left.map(f64::to_bits) == m.fill_right.map(f64::to_bits);
        for (word, value) in [("fill_left", m.fill_left), ("fill_right", m.fill_right)] {
            match value {
                Some(value) if same => return write!(f, " fill ({})", format_float(value)),
                Some(value) => write!(f, " {word} ({})", format_float(value))?,
                None => {}
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::{ParseOptions, parse_expr};

    fn printed(text: &str) -> String {
        parse_expr(text, &ParseOptions::all()).map_or_else(|e| e.to_string(), |expr| expr.to_string())
    }

    #[test]
    fn expressions_print_as_in_prometheus() {
        for (text, want) in [
            ("sum by() (a:b{c=\"d\"})", "sum(a:b{c=\"d\"})"),
            ("sum without() (a)", "sum without () (a)"),
            ("sum by(\"foo.bar\", job, a:b) (a)", "sum by (\"foo.bar\", job, a:b) (a)"),
            ("a - ignoring() c", "a - c"),
            ("a - on() c", "a - on () c"),
            ("a - on(b) group_left c", "a - on (b) group_left () c"),
            ("a - ignoring() group_left(__metric__) c", "a - ignoring () group_left (__metric__) c"),
            ("a / on(\"ä\") group_right(\"ö\") b", "a / on (\"ä\") group_right (\"ö\") b"),
            ("a + fill(-23) b", "a + fill (-23) b"),
            ("a + fill_right(42) fill_left(-23) b", "a + fill_left (-23) fill_right (42) b"),
            ("a + fill_left(5) fill_right(5) b", "a + fill (5) b"),
            ("a + on(b) group_left fill(Inf) c", "a + on (b) group_left () fill (+Inf) c"),
            ("a </ 5 >/ -1", "a </ 5 >/ -1"),
            ("up>bool 0", "up > bool 0"),
            ("a offset -7m", "a offset -7m"),
            ("a offset 90", "a offset 1m30s"),
            ("a[90d] offset 2w", "a[90d] offset 2w"),
            ("a[1h:5m] offset 1m", "a[1h:5m] offset 1m"),
            ("a anchored @ 10", "a @ 10.000 anchored"),
            ("a{b=\"c\"}[5m] offset 1m @ start() anchored", "a{b=\"c\"}[5m] anchored @ start() offset 1m"),
            ("a[5m] smoothed", "a[5m] smoothed"),
            ("{z=\"1\",a!=\"2\",b=~\"3\",c!~\"4\"}", "{a!=\"2\",b=~\"3\",c!~\"4\",z=\"1\"}"),
            ("{\"a.b\",\"c.d\"=\"e\"}", "{\"c.d\"=\"e\",__name__=\"a.b\"}"),
            ("{\"_0\"=\"1\", \"\"=\"0\"}", "{\"\"=\"0\",_0=\"1\"}"),
            ("{__name__=\"\",a=\"x\"}", "{__name__=\"\",a=\"x\"}"),
            ("foo{}", "foo"),
            ("1048576 + 0x1F + 017 + 1_0", "1048576 + 31 + 15 + 10"),
            ("predict_linear(foo[1h], 3000)", "predict_linear(foo[1h], 3000)"),
            ("vector(1h30m) + -5m", "vector(1h30m) + -5m"),
            ("foo[-(step())]", "foo[-(step())]"),
            ("foo offset +(5*2)", "foo offset (5 * 2)"),
            ("foo offset +min_of(10s, 20s)", "foo offset min_of(10s, 20s)"),
            (
                "foo offset -min_of(10s, +max_of(step() ^ 2, 2))",
                "foo offset -min_of(10s, max_of(step() ^ 2, 2))",
            ),
            ("foo[200-min_of(-step()^+step(),1)]", "foo[200 - min_of(-step() ^ step(), 1)]"),
            ("foo[((range()))]", "foo[(range())]"),
            ("foo[(5s)]", "foo[(5s)]"),
            ("rate(foo[STep()*2:1m+RANGE()])", "rate(foo[step() * 2:1m + range()])"),
            ("foo offset 100 + 2", "foo offset 1m40s + 2"),
            ("foo offset -2 ^ 2", "foo offset -2s ^ 2"),
            ("other + fill(0) fill", "other + fill (0) fill"),
            ("\"\\xff\\n\"", "\"\\ufffd\\n\""),
        ] {
            assert_eq!(printed(text), want, "{text}");
            assert_eq!(printed(want), want, "{text}");
        }
    }
}
