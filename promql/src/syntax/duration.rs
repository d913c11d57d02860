//! Durations that are computed: `[step() * 2]`, `offset -(1h / 2)`.

use super::ast::{BinaryOp, DurationExpr, Span};
use super::parser::{Parsed, Parser};

/// Most seconds either way: 63 bits of nanoseconds.
pub(super) const SECONDS_MAX: f64 = 9_223_372_036_854_775_808.0 / 1e9;

/// Milliseconds of a written number of seconds, which is first rounded to nanoseconds.
pub(super) fn literal_ms(seconds: f64) -> i64 {
    (seconds * 1e9).round() as i64 / 1_000_000
}

impl Parser<'_> {
    /// A duration whose operators bind at least this tightly.
    pub(super) fn duration_expr(&mut self, least: u8) -> Parsed<DurationExpr> {
        self.descend(|parser| {
            let start = parser.current.span.start;
            let mut left = match parser.eat_sign() {
                Some(negative) => {
                    let operand = parser.duration_expr(BinaryOp::Pow.precedence())?;
                    parser.with_sign(negative, start, operand)?
                }
                None => parser.duration_operand()?,
            };
            while let Some(op) = parser.operator().filter(|op| op.precedence() >= least && is_arithmetic(*op))
            {
                let height = parser.height;
                let place = parser.next().span.start;
                let right = parser.duration_expr(op.precedence() + u8::from(op != BinaryOp::Pow))?;
                parser.needs_feature(left.span())?;
                let by_zero = matches!(right, DurationExpr::Number { seconds: 0.0, .. });
                match op {
                    BinaryOp::Div if by_zero => return Err(parser.error_at(place, "division by zero")),
                    BinaryOp::Mod if by_zero => return Err(parser.error_at(place, "modulo by zero")),
                    _ => {}
                }
                let span = Span { start: left.span().start, end: right.span().end };
                left = DurationExpr::Binary { op, left: Box::new(left), right: Box::new(right), span };
                parser.above(height.max(parser.height))?;
            }
            Ok(left)
        })
    }

    /// What may follow `offset`: operators belong to the expression outside, unless there are parentheses.
    pub(super) fn offset_duration(&mut self) -> Parsed<DurationExpr> {
        let start = self.current.span.start;
        let Some(negative) = self.eat_sign() else { return self.duration_operand() };
        if let Some((seconds, duration)) = self.numeral()? {
            self.height = 1;
            let span = self.spanned(start);
            self.in_range(seconds, span)?;
            return Ok(DurationExpr::Number { seconds: signed(negative, seconds), duration, span });
        }
        let operand = self.duration_operand()?;
        self.with_sign(negative, start, operand)
    }

    fn duration_operand(&mut self) -> Parsed<DurationExpr> {
        self.height = 1;
        let span = self.current.span;
        if let Some((seconds, duration)) = self.numeral()? {
            self.in_range(seconds, span)?;
            return Ok(DurationExpr::Number { seconds, duration, span });
        }
        if self.is_symbol("(") {
            return self.duration_in_parens();
        }
        let word = self.word().map(str::to_ascii_lowercase);
        let read = match word.as_deref() {
            Some("step" | "range") => {
                self.next();
                self.expect("(")?;
                self.expect(")")?;
                let span = self.spanned(span.start);
                if word.as_deref() == Some("step") {
                    DurationExpr::Step { span }
                } else {
                    DurationExpr::Range { span }
                }
            }
            Some(name @ ("min_of" | "max_of")) => {
                let max = name == "max_of";
                self.next();
                self.expect("(")?;
                let left = Box::new(self.duration_expr(0)?);
                let height = self.height;
                self.expect(",")?;
                let right = Box::new(self.duration_expr(0)?);
                self.expect(")")?;
                self.above(height.max(self.height))?;
                // Prometheus places it at its arguments.
                let span = Span { start: left.span().start, end: right.span().end };
                DurationExpr::Extreme { max, left, right, span }
            }
            _ => return Err(self.unexpected()),
        };
        self.needs_feature(read.span())?;
        Ok(read)
    }

    fn duration_in_parens(&mut self) -> Parsed<DurationExpr> {
        let start = self.next().span.start;
        let inner = self.duration_expr(0)?;
        self.expect(")")?;
        self.needs_feature(inner.span())?;
        let span = match &inner {
            // One pair says as much as several.
            DurationExpr::Paren { .. } => return Ok(inner),
            DurationExpr::Number { .. } => self.spanned(start),
            // Prometheus leaves the parentheses out of the place.
            computed => computed.span(),
        };
        self.above(self.height)?;
        Ok(DurationExpr::Paren { expr: Box::new(inner), span })
    }

    /// A sign goes into a number; a plus before anything else says nothing.
    fn with_sign(&mut self, negative: bool, start: u32, operand: DurationExpr) -> Parsed<DurationExpr> {
        let span = Span { start, end: operand.span().end };
        match operand {
            DurationExpr::Number { seconds, duration, .. } => {
                Ok(DurationExpr::Number { seconds: signed(negative, seconds), duration, span })
            }
            operand if negative => {
                self.above(self.height)?;
                Ok(DurationExpr::Unary { negative, expr: Box::new(operand), span })
            }
            operand => Ok(operand),
        }
    }

    fn in_range(&self, seconds: f64, span: Span) -> Parsed<()> {
        let fits = seconds.abs() <= SECONDS_MAX;
        if fits { Ok(()) } else { Err(self.error_at(span.start, "duration out of range")) }
    }

    fn needs_feature(&self, span: Span) -> Parsed<()> {
        if self.options.duration_expressions {
            return Ok(());
        }
        Err(self.error_at(span.start, "experimental duration expression is not enabled"))
    }
}

fn signed(negative: bool, value: f64) -> f64 {
    if negative { -value } else { value }
}

fn is_arithmetic(op: BinaryOp) -> bool {
    matches!(
        op,
        BinaryOp::Add | BinaryOp::Sub | BinaryOp::Mul | BinaryOp::Div | BinaryOp::Mod | BinaryOp::Pow
    )
}
