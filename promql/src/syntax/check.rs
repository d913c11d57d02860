//! What an expression has to fulfil beyond its grammar: types, numbers of arguments, matchers.
//!
//! Faults are looked for in Prometheus's order, as only the first one is told.

use super::ast::{Aggregate, Binary, Call, Cardinality, Expr, Matching, ValueType, VectorSelector};
use super::parser::{ParseError, Parsed};
use hashbrown::HashSet;
use narthex_storage::Matcher;
use narthex_storage::labels::quote;

/// Checks a tree, and settles what follows from types: set operators match many to many, and operands
/// that are no vectors are not matched at all.
///
/// # Errors
/// The first fault.
pub(super) fn check(text: &str, expr: &mut Expr) -> Parsed<()> {
    Checker { text }.expr(expr)
}

struct Checker<'a> {
    text: &'a str,
}

impl Checker<'_> {
    fn fail<T>(&self, at: u32, message: impl Into<String>) -> Parsed<T> {
        Err(ParseError::at(self.text, at, message))
    }

    fn expr(&self, expr: &mut Expr) -> Parsed<()> {
        let start = expr.span().start;
        match expr {
            Expr::Number { .. } | Expr::String { .. } => Ok(()),
            Expr::Paren { expr, .. } => self.expr(expr),
            Expr::Unary { expr, .. } => {
                self.expr(expr)?;
                match expr.value_type() {
                    ValueType::Scalar | ValueType::Vector => Ok(()),
                    other => {
                        let text =
                            "unary expression only allowed on expressions of type scalar or instant vector";
                        self.fail(start, format!("{text}, got {}", quote(other.name())))
                    }
                }
            }
            Expr::Binary(binary) => self.binary(binary),
            Expr::Aggregate(aggregate) => self.aggregate(aggregate),
            Expr::Call(call) => self.call(call),
            Expr::Vector(selector) | Expr::Matrix { selector, .. } => self.selector(selector),
            Expr::Subquery(subquery) => {
                self.expr(&mut subquery.expr)?;
                let got = match subquery.expr.value_type() {
                    ValueType::Vector => return Ok(()),
                    ValueType::Matrix => "matrix",
                    other => other.name(),
                };
                self.fail(start, format!("subquery is only allowed on instant vector, got {got} instead"))
            }
        }
    }

    fn typed(&self, expr: &mut Expr, wanted: ValueType, place: &str) -> Parsed<()> {
        self.expr(expr)?;
        let got = expr.value_type();
        if got == wanted {
            return Ok(());
        }
        self.fail(
            expr.span().start,
            format!("expected type {} in {place}, got {}", wanted.name(), got.name()),
        )
    }

    fn aggregate(&self, aggregate: &mut Aggregate) -> Parsed<()> {
        self.typed(&mut aggregate.expr, ValueType::Vector, "aggregation expression")?;
        match (&mut aggregate.param, aggregate.op.param()) {
            (Some(param), Some(wanted)) => self.typed(param, wanted, "aggregation parameter"),
            _ => Ok(()),
        }
    }

    fn call(&self, call: &mut Call) -> Parsed<()> {
        let (function, start, got) = (call.function, call.span.start, call.args.len());
        let name = quote(function.name);
        if got < function.min_args || got > function.max_args {
            let (which, count) = match (function.min_args, function.max_args) {
                (min, max) if min == max => ("", min),
                (min, _) if got < min => ("at least ", min),
                (_, max) => ("at most ", max),
            };
            return self
                .fail(start, format!("expected {which}{count} argument(s) in call to {name}, got {got}"));
        }
        let place = format!("call to function {name}");
        let mut labels_only = false;
        if function.name == "info"
            && let Some(second) = call.args.get(1)
        {
            let at = second.span().start;
            let got = second.value_type();
            match second {
                _ if got != ValueType::Vector => {
                    let text = format!("expected type instant vector in {place}, got {}", got.name());
                    return self.fail(start, text);
                }
                Expr::Vector(selector) if selector.name.is_some() => {
                    return self.fail(at, "expected label selectors only, got vector selector instead");
                }
                Expr::Vector(_) => labels_only = true,
                _ => return self.fail(at, "expected label selectors only"),
            }
        }
        for (i, arg) in call.args.iter_mut().enumerate() {
            if i == 1 && labels_only {
                continue;
            }
            let wanted = function.args.get(i).or(function.args.last()).copied();
            self.typed(arg, wanted.unwrap_or(ValueType::Vector), &place)?;
        }
        Ok(())
    }

    fn selector(&self, selector: &VectorSelector) -> Parsed<()> {
        let start = selector.span.start;
        let Some(name) = &selector.name else {
            if selector.matchers.iter().all(Matcher::matches_empty) {
                return self.fail(start, "vector selector must contain at least one non-empty matcher");
            }
            return Ok(());
        };
        // The last matcher is that of the name itself.
        let others = selector.matchers.split_last().map_or(&[][..], |(_, others)| others);
        match others.iter().find(|matcher| matcher.name == "__name__") {
            Some(other) => {
                let (name, other) = (quote(name), quote(&other.value));
                self.fail(start, format!("metric name must not be set twice: {name} or {other}"))
            }
            None => Ok(()),
        }
    }

    fn binary(&self, binary: &mut Binary) -> Parsed<()> {
        self.expr(&mut binary.left)?;
        self.expr(&mut binary.right)?;
        let (left, right) = (binary.left.value_type(), binary.right.value_type());
        let (op, start) = (binary.op, binary.span.start);
        if binary.return_bool && !op.is_comparison() {
            return self
                .fail(self.operator(binary), "bool modifier can only be used on comparison operators");
        }
        let scalars = (left, right) == (ValueType::Scalar, ValueType::Scalar);
        if op.is_comparison() && !binary.return_bool && scalars {
            return self.fail(self.operator(binary), "comparisons between scalars must use BOOL modifier");
        }
        let matching = &binary.matching;
        if matching.on
            && !matching.include.is_empty()
            && let Some(both) = in_both(&matching.labels, &matching.include)
        {
            let text = format!("label {} must not occur in ON and GROUP clause at once", quote(both));
            return self.fail(self.operator(binary), text);
        }
        for side in [&binary.left, &binary.right] {
            if !matches!(side.value_type(), ValueType::Scalar | ValueType::Vector) {
                let text = "binary expression must contain only scalar and instant vector types";
                return self.fail(side.span().start, text);
            }
        }
        let filled = matching.fill_left.is_some() || matching.fill_right.is_some();
        let set = quote(op.symbol());
        if (left, right) != (ValueType::Vector, ValueType::Vector) {
            if !matching.labels.is_empty() {
                return self.fail(start, "vector matching only allowed between instant vectors");
            }
            if filled {
                return self.fail(start, "filling in missing series only allowed between instant vectors");
            }
            binary.matching = Matching::default();
            if op.is_set() {
                return self
                    .fail(start, format!("set operator {set} not allowed in binary scalar expression"));
            }
        } else if op.is_set() {
            if matching.card != Cardinality::OneToOne {
                return self.fail(start, format!("no grouping allowed for {set} operation"));
            }
            if filled {
                return self.fail(start, "filling in missing series not allowed for set operators");
            }
            binary.matching.card = Cardinality::ManyToMany;
        }
        Ok(())
    }

    /// Where the operator stands: the first byte behind the left operand that is no white space.
    fn operator(&self, binary: &Binary) -> u32 {
        let end = binary.left.span().end;
        let behind = self.text.as_bytes().get(end as usize..).unwrap_or_default();
        let blank = behind.iter().take_while(|b| matches!(b, b' ' | b'\t' | b'\n' | b'\r')).count();
        end + blank as u32
    }
}

/// The first label that is in both lists.
fn in_both<'a>(labels: &'a [String], include: &[String]) -> Option<&'a String> {
    let include: HashSet<&String> = include.iter().collect();
    labels.iter().find(|label| include.contains(label))
}
