//! Selectors: a name, and matchers between braces.

use super::ast::{Bounds, Expr, Span, TimeModifier, VectorSelector};
use super::lexer::Kind;
use super::parser::{Parsed, Parser};
use narthex_storage::{MatchOp, Matcher};

impl Parser<'_> {
    pub(super) fn selector(&mut self, name: Option<&str>, start: u32) -> Parsed<Expr> {
        let mut matchers = Vec::new();
        let mut name = name.map(str::to_owned);
        if self.eat("{") {
            while !self.eat("}") {
                self.matcher(&mut matchers, &mut name, start)?;
                if !self.is_symbol("}") {
                    self.expect(",", "label matching, expected \",\" or \"}\"")?;
                }
            }
        }
        let span = self.spanned(start);
        if let Some(name) = &name {
            matchers.push(Matcher::equal("__name__", name.clone()));
        }
        if !self.matches_all && matchers.iter().all(Matcher::matches_empty) {
            return Err(self.error_at(span, "vector selector must contain at least one non-empty matcher"));
        }
        let (time, bounds) = (TimeModifier::default(), Bounds::default());
        Ok(Expr::Vector(Box::new(VectorSelector { name, matchers, time, bounds, span })))
    }

    fn matcher(&mut self, matchers: &mut Vec<Matcher>, name: &mut Option<String>, start: u32) -> Parsed<()> {
        let token = self.peek().clone();
        let label = match &token.kind {
            Kind::Word if !self.source(token.span).contains(':') => self.source(token.span).to_owned(),
            Kind::Text(text) => text.clone(),
            _ => return Err(self.unexpected("label matching, expected identifier or \"}\"")),
        };
        self.next();
        let quoted = matches!(token.kind, Kind::Text(_));
        if quoted && (self.is_symbol(",") || self.is_symbol("}")) {
            if let Some(old) = name.replace(label.clone()) {
                let span = Span { start, end: start };
                return Err(
                    self.error_at(span, format!("metric name must not be set twice: {old:?} or {label:?}"))
                );
            }
            return Ok(());
        }
        let op = match self.peek().kind {
            Kind::Symbol("=") => MatchOp::Equal,
            Kind::Symbol("!=") => MatchOp::NotEqual,
            Kind::Symbol("=~") => MatchOp::Regex,
            Kind::Symbol("!~") => MatchOp::NotRegex,
            _ => return Err(self.unexpected("label matching, expected label matching operator")),
        };
        self.next();
        let Kind::Text(value) = self.peek().kind.clone() else {
            return Err(self.unexpected("label matching, expected string"));
        };
        let value_span = self.next().span;
        if label == "__name__"
            && let Some(name) = name
        {
            let text = format!("metric name must not be set twice: {name:?} or {value:?}");
            return Err(self.error_at(Span { start, end: start }, text));
        }
        matchers.push(Matcher::new(op, label, value).map_err(|e| self.error_at(value_span, e.to_string()))?);
        Ok(())
    }
}
