//! Selectors: a name, and matchers between braces.

use super::ast::{Bounds, Span, TimeModifier, VectorSelector};
use super::lexer::Kind;
use super::literal;
use super::parser::{Context, Parsed, Parser, names_a_metric};
use narthex_storage::{MatchOp, Matcher};

const NAME: Context = ("label matching", "identifier or \"}\"");
const OPERATOR: Context = ("label matching", "label matching operator");
const VALUE: Context = ("label matching", "string");
const NEXT: Context = ("label matching", "\",\" or \"}\"");

/// Operators of matchers.
const OPERATORS: &[MatchOp] = &[MatchOp::Equal, MatchOp::NotEqual, MatchOp::Regex, MatchOp::NotRegex];

impl Parser<'_> {
    /// A selector from its start.
    pub(super) fn selector(&mut self) -> Parsed<VectorSelector> {
        let span = self.current.span;
        match self.word() {
            Some(name) if names_a_metric(name) && !self.is_fill() => {
                self.next();
                self.selector_after(Some((name, span)))
            }
            None if self.is_symbol("{") => self.selector_after(None),
            _ => Err(self.unexpected()),
        }
    }

    /// A selector whose name, if any, has been read.
    pub(super) fn selector_after(&mut self, name: Option<(&str, Span)>) -> Parsed<VectorSelector> {
        let start = name.map_or(self.current.span.start, |(_, span)| span.start);
        let mut matchers = Vec::new();
        if self.eat("{") {
            while !self.eat("}") {
                matchers.push(self.matcher()?);
                if !self.is_symbol("}") {
                    self.expect_in(",", NEXT)?;
                }
            }
        }
        let span = self.spanned(start);
        let name = name.map(|(name, _)| name.to_owned());
        matchers.extend(name.as_ref().map(|name| Matcher::equal("__name__", name.clone())));
        let (time, bounds) = (TimeModifier::default(), Bounds::default());
        Ok(VectorSelector { name, matchers, time, bounds, span })
    }

    /// `label="value"`, or the metric's name in quotes.
    fn matcher(&mut self) -> Parsed<Matcher> {
        let token = self.current;
        let source = self.source(token.span);
        let label = match token.kind {
            Kind::Word => source.to_owned(),
            Kind::Text => literal::unquote(source),
            _ => return Err(self.unexpected_in(NAME)),
        };
        self.next();
        let op = OPERATORS.iter().find(|op| self.is_symbol(op.as_str()));
        let Some(op) = op.copied() else {
            return match token.kind {
                Kind::Text => Ok(Matcher::equal("__name__", label)),
                _ => Err(self.unexpected_in(OPERATOR)),
            };
        };
        self.next();
        let value = self.current;
        if value.kind != Kind::Text {
            return Err(self.unexpected_in(VALUE));
        }
        let matcher = Matcher::new(op, label, literal::unquote(self.source(value.span)));
        let matcher = matcher.map_err(|e| self.error_at(token.span.start, e.to_string()))?;
        self.next();
        Ok(matcher)
    }
}
