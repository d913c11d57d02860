//! Settling what depends on the window of a query, before it is evaluated: computed durations,
//! `start() end() step() range()`, and `@ start()`, `@ end()`.

use super::ast::{At, BinaryOp, DurationExpr, Expr, Span, TimeModifier};
use super::duration::SECONDS_MAX;

/// What a query asks about. An instant query starts and ends at its time and has a step of 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct QueryWindow {
    /// First evaluation time, milliseconds since the epoch.
    pub start_ms: i64,
    /// Last evaluation time, milliseconds since the epoch.
    pub end_ms: i64,
    /// Distance of the evaluation times, ms.
    pub step_ms: i64,
}

/// A duration that comes out as none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{}:{}: {reason}", span.start, span.end)]
pub struct PrepareError {
    /// The duration's bytes in the query text.
    pub span: Span,
    /// What is wrong with it.
    pub reason: DurationFault,
}

/// Why a computed duration cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DurationFault {
    /// A range or a step of nothing or less.
    #[error("duration must be greater than 0")]
    NotPositive,
    /// No number came out.
    #[error("duration is NaN or infinite")]
    NotFinite,
    /// Longer than about 292 years.
    #[error("duration is out of range")]
    OutOfRange,
    /// `/ 0`
    #[error("division by zero")]
    DivisionByZero,
    /// `% 0`
    #[error("modulo by zero")]
    ModuloByZero,
}

/// Computes durations, and puts times in the place of what names them: of the whole query, also inside
/// subqueries.
///
/// In the result no `*_expr` is set, `at` is a timestamp where there is one, and `start`, `end`, `step`
/// and `range` are numbers of seconds.
///
/// # Errors
/// A duration that comes out as none.
pub fn prepare(mut expr: Expr, window: &QueryWindow) -> Result<Expr, PrepareError> {
    window.settle(&mut expr)?;
    Ok(expr)
}

fn seconds(ms: i64) -> f64 {
    ms as f64 / 1000.0
}

impl QueryWindow {
    fn range_ms(&self) -> i64 {
        self.end_ms.saturating_sub(self.start_ms)
    }

    fn settle(&self, expr: &mut Expr) -> Result<(), PrepareError> {
        match expr {
            Expr::Vector(selector) => self.settle_time(&mut selector.time)?,
            Expr::Matrix { selector, range_ms, range_expr, .. } => {
                self.settle_length(range_ms, range_expr.take(), false)?;
                self.settle_time(&mut selector.time)?;
            }
            Expr::Subquery(subquery) => {
                // In the order in which Prometheus finds faults.
                self.settle_time(&mut subquery.time)?;
                if let Some(step_ms) = &mut subquery.step_ms {
                    self.settle_length(step_ms, subquery.step_expr.take(), false)?;
                }
                self.settle_length(&mut subquery.range_ms, subquery.range_expr.take(), false)?;
            }
            Expr::Call(call) => {
                let ms = match call.function.name {
                    "start" => Some(self.start_ms),
                    "end" => Some(self.end_ms),
                    "step" => Some(self.step_ms),
                    "range" => Some(self.range_ms()),
                    _ => None,
                };
                if let Some(ms) = ms {
                    *expr = Expr::Number { value: seconds(ms), duration: false, span: call.span };
                }
            }
            _ => {}
        }
        expr.children_mut().try_for_each(|child| self.settle(child))
    }

    fn settle_time(&self, time: &mut TimeModifier) -> Result<(), PrepareError> {
        time.at = time.at.map(|at| match at {
            At::Timestamp(ms) => At::Timestamp(ms),
            At::Start => At::Timestamp(self.start_ms),
            At::End => At::Timestamp(self.end_ms),
        });
        self.settle_length(&mut time.offset_ms, time.offset_expr.take(), true)
    }

    fn settle_length(
        &self,
        ms: &mut i64,
        computed: Option<Box<DurationExpr>>,
        may_be_negative: bool,
    ) -> Result<(), PrepareError> {
        let Some(computed) = computed else { return Ok(()) };
        let value = self.compute(&computed)?;
        let fault = |reason| Err(PrepareError { span: computed.span(), reason });
        if !value.is_finite() {
            return fault(DurationFault::NotFinite);
        }
        if value <= 0.0 && !may_be_negative {
            return fault(DurationFault::NotPositive);
        }
        if value.abs() > SECONDS_MAX {
            return fault(DurationFault::OutOfRange);
        }
        *ms = (value * 1000.0) as i64;
        Ok(())
    }

    /// The value, seconds.
    fn compute(&self, expr: &DurationExpr) -> Result<f64, PrepareError> {
        Ok(match expr {
            DurationExpr::Number { seconds, .. } => *seconds,
            DurationExpr::Step { .. } => seconds(self.step_ms),
            DurationExpr::Range { .. } => seconds(self.range_ms()),
            DurationExpr::Paren { expr, .. } => self.compute(expr)?,
            DurationExpr::Unary { negative, expr, .. } => {
                let value = self.compute(expr)?;
                if *negative { -value } else { value }
            }
            DurationExpr::Extreme { max, left, right, .. } => {
                let (left, right) = (self.compute(left)?, self.compute(right)?);
                match () {
                    // Unlike Rust's functions, Go's do not prefer numbers to NaN.
                    () if left.is_nan() || right.is_nan() => f64::NAN,
                    () if *max => left.max(right),
                    () => left.min(right),
                }
            }
            DurationExpr::Binary { op, left, right, span } => {
                let (left, right) = (self.compute(left)?, self.compute(right)?);
                let fault = |reason| Err(PrepareError { span: *span, reason });
                match op {
                    BinaryOp::Sub => left - right,
                    BinaryOp::Mul => left * right,
                    BinaryOp::Div if right == 0.0 => return fault(DurationFault::DivisionByZero),
                    BinaryOp::Div => left / right,
                    BinaryOp::Mod if right == 0.0 => return fault(DurationFault::ModuloByZero),
                    BinaryOp::Mod => left % right,
                    BinaryOp::Pow => left.powf(right),
                    // The parser builds no others.
                    _ => left + right,
                }
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ParseOptions, parse_expr};

    const WINDOW: QueryWindow = QueryWindow { start_ms: 50_000, end_ms: 60_000, step_ms: 5000 };

    fn prepared(text: &str, window: &QueryWindow) -> String {
        let expr = parse_expr(text, &ParseOptions::all()).unwrap();
        prepare(expr, window).map_or_else(|e| e.to_string(), |expr| expr.to_string())
    }

    #[test]
    fn durations_are_computed_from_step_and_range() {
        for (text, want) in [
            ("x[step()]", "x[5s]"),
            ("x[range()]", "x[10s]"),
            ("x[1+(STep()-5)*2]", "x[1s]"),
            ("x[24m+((1.5*2m)+2m)]", "x[29m]"),
            ("x[1h30m % 1h]", "x[30m]"),
            ("x[max_of(min_of(step()+1,1h),1ms)]", "x[6s]"),
            ("x[2^3^0]", "x[2s]"),
            (
                "x[29s+1s:20*500ms] offset -(20*(((((8 - 2) / 3) * 7s) % 4) + 8000ms))",
                "x[30s:10s] offset -3m20s",
            ),
            ("x offset -step()*2", "x offset -5s * 2"),
            ("x offset -(step()-5)", "x"),
            (
                "sum(rate(x[step()*2])) / count(y offset (range()/4))",
                "sum(rate(x[10s])) / count(y offset 2s500ms)",
            ),
        ] {
            assert_eq!(prepared(text, &WINDOW), want, "{text}");
        }
    }

    #[test]
    fn times_are_those_of_the_whole_query_also_inside_subqueries() {
        for (text, want) in [
            ("x @ start() + rate(y[1m:] @ end())", "x @ 50.000 + rate(y[1m:] @ 60.000)"),
            (
                "max_over_time(rate(x[1m] @ start())[1h:] @ end())",
                "max_over_time(rate(x[1m] @ 50.000)[1h:] @ 60.000)",
            ),
            ("x @ 7", "x @ 7.000"),
            ("vector(start() + end() * step() - range())", "vector(50 + 60 * 5 - 10)"),
        ] {
            assert_eq!(prepared(text, &WINDOW), want, "{text}");
        }
    }

    #[test]
    fn durations_that_come_out_as_none_are_reported_at_their_bytes() {
        let instant = QueryWindow { start_ms: 7000, end_ms: 7000, step_ms: 0 };
        for (text, want) in [
            ("x[step()]", "2:8: duration must be greater than 0"),
            ("x[5m:(step())]", "6:12: duration must be greater than 0"),
            ("x[1/step()]", "2:10: division by zero"),
            ("rate(x[1%(range())])", "7:17: modulo by zero"),
            ("x[10^400]", "2:8: duration is NaN or infinite"),
            ("x offset (10^15)", "10:15: duration is out of range"),
            ("x offset -(0-5)", "x offset 5s"),
        ] {
            assert_eq!(prepared(text, &instant), want, "{text}");
        }
    }
}
