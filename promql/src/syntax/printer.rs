//! The canonical text of a tree, as Prometheus prints it.

use super::ast::{Aggregate, At, Binary, Cardinality, Expr, Subquery, TimeModifier, VectorSelector};
use crate::numeric::format_float;
use narthex_storage::labels::{is_plain_name, quote};
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

fn label_list(labels: &[String]) -> String {
    let quoted = |l: &String| if is_plain_name(l) { l.clone() } else { quote(l) };
    labels.iter().map(quoted).collect::<Vec<_>>().join(", ")
}

fn time(f: &mut fmt::Formatter<'_>, time: &TimeModifier) -> fmt::Result {
    match time.at {
        Some(At::Timestamp(ms)) => write!(
            f,
            " @ {}{}.{:03}",
            if ms < 0 { "-" } else { "" },
            ms.unsigned_abs() / 1000,
            ms.unsigned_abs() % 1000
        )?,
        Some(At::Start) => f.write_str(" @ start()")?,
        Some(At::End) => f.write_str(" @ end()")?,
        None => {}
    }
    if time.offset_ms == 0 { Ok(()) } else { write!(f, " offset {}", format_duration(time.offset_ms)) }
}

fn selector(f: &mut fmt::Formatter<'_>, selector: &VectorSelector) -> fmt::Result {
    let plain = selector.name.as_ref().filter(|name| {
        name.split(':')
            .all(|part| part.is_empty() || part.bytes().all(|b| b == b'_' || b.is_ascii_alphanumeric()))
            && !name.starts_with(|c: char| c.is_ascii_digit())
    });
    let mut items: Vec<String> = Vec::new();
    match (&selector.name, plain) {
        (_, Some(name)) => f.write_str(name)?,
        (Some(name), None) => items.push(quote(name)),
        (None, None) => {}
    }
    let mut named = selector.name.is_some();
    for matcher in selector.matchers.iter() {
        // The name's own matcher is said by the name.
        if named && matcher.name == "__name__" {
            named = false;
            continue;
        }
        let name = if is_plain_name(&matcher.name) { matcher.name.clone() } else { quote(&matcher.name) };
        items.push(format!("{name}{}{}", matcher.op.as_str(), quote(&matcher.value)));
    }
    if items.is_empty() { Ok(()) } else { write!(f, "{{{}}}", items.join(",")) }
}

impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number { value, .. } => f.write_str(&format_float(*value)),
            Self::String { value, .. } => f.write_str(&quote(value)),
            Self::Paren { expr, .. } => write!(f, "({expr})"),
            Self::Unary { negative, expr, .. } => write!(f, "{}{expr}", if *negative { '-' } else { '+' }),
            Self::Vector(e) => {
                selector(f, e)?;
                time(f, &e.time)
            }
            Self::Matrix { selector: e, range_ms, .. } => {
                selector(f, e)?;
                write!(f, "[{}]", format_duration(*range_ms))?;
                time(f, &e.time)
            }
            Self::Subquery(e) => write!(f, "{}{}", e.expr, SubqueryRange(e)),
            Self::Call(e) => {
                let args: Vec<String> = e.args.iter().map(ToString::to_string).collect();
                write!(f, "{}({})", e.function.name, args.join(", "))
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
        let step = self.0.step_ms.map(format_duration).unwrap_or_default();
        write!(f, "[{}:{step}]", format_duration(self.0.range_ms))?;
        time(f, &self.0.time)
    }
}

/// `sum by (x) ` of an aggregation.
pub(super) struct AggregateHead<'a>(pub(super) &'a Aggregate);

impl fmt::Display for AggregateHead<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let e = self.0;
        f.write_str(e.op.name())?;
        if e.without {
            write!(f, " without ({}) ", label_list(&e.grouping))?;
        } else if !e.grouping.is_empty() {
            write!(f, " by ({}) ", label_list(&e.grouping))?;
        }
        Ok(())
    }
}

/// `== bool on (x) group_left (y)` of a binary operation.
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
            write!(f, " {} ({})", if m.on { "on" } else { "ignoring" }, label_list(&m.labels))?;
        }
        if grouped {
            let side = if m.card == Cardinality::ManyToOne { "left" } else { "right" };
            write!(f, " group_{side} ({})", label_list(&m.include))?;
        }
        Ok(())
    }
}
