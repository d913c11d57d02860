//! Calls, aggregations, and the modifiers of binary operators.

use super::ast::{Aggregate, AggregateOp, Call, Cardinality, Expr, Matching, Span};
use super::functions;
use super::lexer::Kind;
use super::literal;
use super::parser::{Context, Parsed, Parser};
use narthex_storage::labels::quote;

const AGGREGATION: Context = ("aggregation", "");
const GROUPING: Context = ("grouping opts", "\"(\"");
const GROUPING_LABEL: Context = ("grouping opts", "label");
const GROUPING_NEXT: Context = ("grouping opts", "\",\" or \")\"");

impl Parser<'_> {
    /// `bool`, `on`, `ignoring`, `group_left`, `group_right`, `fill`, `fill_left`, `fill_right`
    pub(super) fn matching(&mut self) -> Parsed<(bool, Matching)> {
        let return_bool = self.eat_word("bool");
        let mut matching = Matching { on: self.eat_word("on"), ..Matching::default() };
        if matching.on || self.eat_word("ignoring") {
            matching.labels = self.labels()?;
            matching.card = match () {
                () if self.eat_word("group_left") => Cardinality::ManyToOne,
                () if self.eat_word("group_right") => Cardinality::OneToMany,
                () => Cardinality::OneToOne,
            };
            if matching.card != Cardinality::OneToOne && self.is_symbol("(") {
                matching.include = self.labels()?;
            }
        }
        while self.is_fill() {
            let one_sided = matching.fill_left.is_some() || matching.fill_right.is_some();
            if self.is_word("fill") && !one_sided {
                self.next();
                matching.fill_left = Some(self.fill_value()?);
                matching.fill_right = matching.fill_left;
            } else if self.is_word("fill_left") && matching.fill_left.is_none() {
                self.next();
                matching.fill_left = Some(self.fill_value()?);
            } else if self.is_word("fill_right") && matching.fill_right.is_none() {
                self.next();
                matching.fill_right = Some(self.fill_value()?);
            } else {
                break;
            }
        }
        Ok((return_bool, matching))
    }

    fn fill_value(&mut self) -> Parsed<f64> {
        self.expect("(")?;
        let negative = self.eat_sign().unwrap_or_default();
        let (value, _) = self.numeral()?.ok_or_else(|| self.unexpected())?;
        self.expect(")")?;
        Ok(if negative { -value } else { value })
    }

    /// `(a, b, "c.d",)`
    fn labels(&mut self) -> Parsed<Vec<String>> {
        self.expect_in("(", GROUPING)?;
        let mut labels = Vec::new();
        while !self.eat(")") {
            let token = self.current;
            let source = self.source(token.span);
            let label = match token.kind {
                Kind::Word if !source.eq_ignore_ascii_case("without") => source.to_owned(),
                Kind::Text => literal::unquote(source),
                _ => return Err(self.unexpected_in(GROUPING_LABEL)),
            };
            if label.is_empty() {
                let text = format!("invalid label name for grouping: {}", quote(&label));
                return Err(self.error_at(token.span.start, text));
            }
            self.next();
            labels.push(label);
            if !self.is_symbol(")") {
                self.expect_in(",", GROUPING_NEXT)?;
            }
        }
        Ok(labels)
    }

    pub(super) fn call(&mut self, name: &str, name_span: Span) -> Parsed<Expr> {
        let args = self.args()?;
        let quoted = || quote(name);
        let Some(function) = functions::find(name) else {
            return Err(self.error_at(name_span.start, format!("unknown function with name {}", quoted())));
        };
        if function.experimental && !self.options.experimental_functions {
            return Err(self.error_at(name_span.start, format!("function {} is not enabled", quoted())));
        }
        Ok(Expr::Call(Box::new(Call { function, args, span: self.spanned(name_span.start) })))
    }

    fn args(&mut self) -> Parsed<Vec<Expr>> {
        self.expect("(")?;
        let (mut args, mut height) = (Vec::new(), 0);
        while !self.eat(")") {
            args.push(self.expr(0)?);
            height = height.max(self.height);
            if self.is_symbol(")") {
                continue;
            }
            let comma = self.expect(",")?;
            if !self.begins_operand() {
                if self.current.kind == Kind::Fault {
                    return Err(self.unexpected());
                }
                let text = "trailing commas not allowed in function call args";
                return Err(self.error_at(comma.span.start, text));
            }
        }
        self.above(height)?;
        Ok(args)
    }

    pub(super) fn aggregate(&mut self, op: AggregateOp, name_span: Span) -> Parsed<Expr> {
        let (clause, mut args) = self.within(AGGREGATION, |parser| {
            let before = parser.grouping()?;
            let args = parser.args()?;
            Ok((if before.is_some() { before } else { parser.grouping()? }, args))
        })?;
        // Whether a clause follows is found out before the arguments are looked at.
        if clause.is_none() && self.current.kind == Kind::Fault {
            return Err(self.unexpected());
        }
        let error = |text: String| Err(self.error_at(name_span.start, text));
        if args.is_empty() {
            return error("no arguments for aggregate expression provided".to_owned());
        }
        if op.experimental() && !self.options.experimental_functions {
            return error(format!(
                "{}() is experimental and must be enabled with --enable-feature=promql-experimental-functions",
                op.name()
            ));
        }
        let wanted = 1 + usize::from(op.param().is_some());
        if args.len() != wanted {
            return error(format!(
                "wrong number of arguments for aggregate expression provided, expected {wanted}, got {}",
                args.len()
            ));
        }
        let param = op.param().map(|_| args.remove(0));
        let expr = args.remove(0);
        let (without, grouping) = clause.unwrap_or_default();
        let span = self.spanned(name_span.start);
        Ok(Expr::Aggregate(Box::new(Aggregate { op, expr, param, grouping, without, span })))
    }

    fn grouping(&mut self) -> Parsed<Option<(bool, Vec<String>)>> {
        let without = self.eat_word("without");
        if !without && !self.eat_word("by") {
            return Ok(None);
        }
        Ok(Some((without, self.labels()?)))
    }
}
