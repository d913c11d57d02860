//! What follows an operand: `[…]`, `offset`, `@`, `anchored` and `smoothed`.

use super::ast::{At, Bounds, DurationExpr, Expr, Subquery, TimeModifier};
use super::duration::literal_ms;
use super::parser::{Context, Parsed, Parser};

const AT: Context = ("@", "timestamp");
pub(super) const OFFSET: Context = ("offset", "number, duration, step(), or range()");
const RANGE: Context = ("subquery or range selector", "number, duration, step(), or range()");
const RANGE_END: Context = ("subquery or range", "\":\" or \"]\"");
const STEP: Context = ("subquery selector", "number, duration, step(), range(), or \"]\"");
const STEP_END: Context = ("subquery selector", "\"]\"");

/// A duration, and what has to be computed before it holds.
type Length = (i64, Option<Box<DurationExpr>>);

impl Parser<'_> {
    /// An operand with its modifiers.
    pub(super) fn postfix(&mut self) -> Parsed<Expr> {
        let mut expr = self.primary()?;
        loop {
            if self.is_symbol("[") {
                expr = self.range(expr)?;
            } else if self.eat("@") {
                let at = self.within(AT, Self::at_time)?;
                self.set_at(&mut expr, at)?;
            } else if self.eat_word("offset") {
                let offset = self.within(OFFSET, Self::offset_duration)?;
                self.set_offset(&mut expr, offset)?;
            } else if self.eat_word("anchored") {
                self.set_bounds(&mut expr, Bounds::Anchored)?;
            } else if self.eat_word("smoothed") {
                self.set_bounds(&mut expr, Bounds::Smoothed)?;
            } else {
                return Ok(expr);
            }
        }
    }

    /// The time of a selector or subquery, whose bytes now reach to here.
    fn time<'e>(&self, expr: &'e mut Expr, modifier: &str) -> Parsed<&'e mut TimeModifier> {
        let start = expr.span().start;
        let whole = self.spanned(start);
        match expr {
            Expr::Vector(selector) => {
                selector.span = whole;
                Ok(&mut selector.time)
            }
            Expr::Matrix { selector, span, .. } => {
                *span = whole;
                Ok(&mut selector.time)
            }
            Expr::Subquery(subquery) => {
                subquery.span = whole;
                Ok(&mut subquery.time)
            }
            _ => {
                let text = format!(
                    "{modifier} modifier must be preceded by an instant vector selector or range vector selector or a subquery"
                );
                Err(self.error_at(start, text))
            }
        }
    }

    fn set_offset(&self, expr: &mut Expr, offset: DurationExpr) -> Parsed<()> {
        let start = expr.span().start;
        let time = self.time(expr, "offset")?;
        // An offset of nothing counts as none, as in Prometheus.
        if time.offset_ms != 0 || time.offset_expr.is_some() {
            return Err(self.error_at(start, "offset may not be set multiple times"));
        }
        (time.offset_ms, time.offset_expr) = length(offset);
        Ok(())
    }

    fn set_at(&self, expr: &mut Expr, at: Result<At, f64>) -> Parsed<()> {
        let start = expr.span().start;
        let at = at.map_err(|seconds| {
            let shown = if seconds.is_finite() {
                format!("{seconds:.6}")
            } else {
                crate::numeric::format_float(seconds)
            };
            self.error_at(start, format!("timestamp out of bounds for @ modifier: {shown}"))
        })?;
        let time = self.time(expr, "@")?;
        if time.at.replace(at).is_some() {
            return Err(self.error_at(start, "@ <timestamp> may not be set multiple times"));
        }
        Ok(())
    }

    fn set_bounds(&self, expr: &mut Expr, bounds: Bounds) -> Parsed<()> {
        let name = bounds.name();
        let error = |expr: &Expr, text: String| Err(self.error_at(expr.span().start, text));
        if !self.options.extended_ranges {
            return error(expr, format!("{name} modifier is experimental and not enabled"));
        }
        let old = match expr {
            Expr::Vector(selector) | Expr::Matrix { selector, .. } => {
                std::mem::replace(&mut selector.bounds, bounds)
            }
            Expr::Subquery(_) => {
                return error(expr, format!("{name} modifier is not supported for subqueries"));
            }
            _ => return error(expr, format!("{name} modifier not implemented")),
        };
        if old != Bounds::Plain && old != bounds {
            return error(expr, "anchored and smoothed modifiers cannot be used together".to_owned());
        }
        Ok(())
    }

    /// What stands behind `@`; seconds that are no time are handed back.
    fn at_time(&mut self) -> Parsed<Result<At, f64>> {
        for (word, at) in [("start", At::Start), ("end", At::End)] {
            if self.eat_word(word) {
                self.expect("(")?;
                self.expect(")")?;
                return Ok(Ok(at));
            }
        }
        let negative = self.eat_sign().unwrap_or_default();
        let (seconds, _) = self.numeral()?.ok_or_else(|| self.unexpected())?;
        let seconds = if negative { -seconds } else { seconds };
        let fits = seconds.abs() < i64::MAX as f64;
        Ok(if fits { Ok(At::Timestamp((seconds * 1000.0).round() as i64)) } else { Err(seconds) })
    }

    /// `[5m]`, `[1h:5m]`
    fn range(&mut self, expr: Expr) -> Parsed<Expr> {
        let height = self.height;
        let bracket = self.next().span.start;
        let (range_ms, range_expr) = self.within(RANGE, Self::positive)?;
        let height = height.max(self.height);
        let start = expr.span().start;
        if self.eat(":") {
            let mut step = None;
            if !self.is_symbol("]") {
                step = Some(self.within(STEP, Self::positive)?);
            }
            self.above(height.max(self.height))?;
            self.expect_in("]", STEP_END)?;
            let (step_ms, step_expr) = step.map_or((None, None), |(ms, expr)| (Some(ms), expr));
            let (time, span) = (TimeModifier::default(), self.spanned(start));
            let subquery = Subquery { expr, range_ms, range_expr, step_ms, step_expr, time, span };
            return Ok(Expr::Subquery(Box::new(subquery)));
        }
        self.expect_in("]", RANGE_END)?;
        self.above(height)?;
        let fault = match expr {
            Expr::Vector(selector) if selector.time.offset_ms != 0 => {
                "no offset modifiers allowed before range"
            }
            Expr::Vector(selector) if matches!(selector.time.at, Some(At::Timestamp(_))) => {
                "no @ modifiers allowed before range"
            }
            Expr::Vector(selector) => {
                return Ok(Expr::Matrix { selector, range_ms, range_expr, span: self.spanned(start) });
            }
            _ => "ranges only allowed for vector selectors",
        };
        Err(self.error_at(bracket, fault))
    }

    /// A duration that is more than nothing, as far as can be told yet.
    fn positive(&mut self) -> Parsed<Length> {
        let duration = self.duration_expr(0)?;
        match duration {
            DurationExpr::Number { seconds, span, .. } if seconds <= 0.0 => {
                Err(self.error_at(span.start, "duration must be greater than 0"))
            }
            duration => Ok(length(duration)),
        }
    }
}

fn length(duration: DurationExpr) -> Length {
    match duration {
        DurationExpr::Number { seconds, .. } => (literal_ms(seconds), None),
        computed => (0, Some(Box::new(computed))),
    }
}
