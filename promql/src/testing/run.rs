//! Runs the statements of a script.

use super::compare::{check_instant, check_matrix, check_notes, show_expected, show_value};
use super::script::{self, Eval, Kind, Statement, When};
use super::store::MemoryStore;
use super::{Failure, Report};
use crate::engine::{Engine, EngineError, EngineOptions, QueryOptions, QueryResult};
use crate::syntax::ast::{At, Expr};
use crate::syntax::series_notation::Item;
use crate::syntax::{ParseOptions, parse_expr};
use crate::value::{InstantSample, Value};

/// Functions whose value depends on the evaluation time itself: pinning selectors does not fix them.
const TIME_DEPENDENT: &[&str] = &[
    "days_in_month",
    "day_of_month",
    "day_of_week",
    "day_of_year",
    "end",
    "hour",
    "minute",
    "month",
    "predict_linear",
    "range",
    "start",
    "step",
    "time",
    "timestamp",
    "year",
];
/// Texts whose meaning a range changes.
const RANGE_DEPENDENT: &[&str] = &["start()", "end()", "range()", "step()"];

const OPTIONS: ParseOptions = ParseOptions::all();

/// Runs a script from an empty store.
#[must_use]
pub fn run_script(text: &str) -> Report {
    let engine = Engine::new(EngineOptions {
        lookback_ms: 300_000,
        max_samples: 10_000,
        subquery_step_ms: 60_000,
        delayed_name_removal: true,
        use_start_timestamps: true,
        parse: OPTIONS,
        ..EngineOptions::default()
    });
    let mut runner = Runner { engine, store: MemoryStore::default(), histograms: false };
    let mut report = Report::default();
    for statement in script::parse(text) {
        match runner.statement(&statement) {
            Ok(true) => report.passed += 1,
            Ok(false) => {}
            Err(failure) => report.failures.push(*failure),
        }
    }
    report
}

struct Runner {
    engine: Engine,
    store: MemoryStore,
    /// The store ought to hold native histograms.
    histograms: bool,
}

impl Runner {
    /// Runs a statement: whether it was an evaluation that passed.
    fn statement(&mut self, statement: &Statement) -> Result<bool, Box<Failure>> {
        let fail = |expected: String, got: String, histograms| {
            Box::new(Failure {
                line: statement.line,
                statement: statement.text.clone(),
                expected,
                got,
                histograms,
            })
        };
        match &statement.kind {
            Kind::Clear => {
                self.store.clear();
                self.histograms = false;
                Ok(false)
            }
            Kind::Broken(reason) => Err(fail("a statement".to_owned(), reason.clone(), false)),
            Kind::Load { step_ms, series, with_nhcb } => {
                self.histograms |= with_nhcb;
                for (labels, items) in series {
                    for (i, item) in items.iter().enumerate() {
                        match item {
                            Item::Missing => {}
                            Item::Float(value) => self.store.add(labels, step_ms * i as i64, *value),
                            Item::Histogram(_) => self.histograms = true,
                        }
                    }
                }
                Ok(false)
            }
            Kind::Eval(eval) => match self.eval(eval) {
                Ok(()) => Ok(true),
                Err((look, got)) => {
                    let histograms = self.histograms || wants_histograms(eval);
                    Err(fail(show_expected(eval), format!("{look}: {got}"), histograms))
                }
            },
        }
    }

    fn eval(&self, eval: &Eval) -> Result<(), (String, String)> {
        match eval.when {
            When::Range { start, end, step } => {
                let name = || "range".to_owned();
                let steps = (start, end, step.max(1));
                let result = self.engine.range(&self.store, &eval.expr, steps, &QueryOptions::default());
                let Some(result) = outcome(eval, result).map_err(|e| (name(), e))? else { return Ok(()) };
                let Value::Matrix(series) = &result.value else {
                    return Err((name(), format!("not a matrix: {}", show_value(&result.value))));
                };
                let steps = (end - start) / step.max(1) + 1;
                if eval.series.iter().any(|(_, items)| items.len() as i64 > steps) {
                    return Err((name(), "the script lists more values than there are steps".to_owned()));
                }
                check_matrix(eval, series, start, step)
                    .map_err(|e| (name(), format!("{e}; got\n{}", show_value(&result.value))))
            }
            When::Instant(at) => {
                let at = match eval.range_vector {
                    Some(When::Range { end, .. }) => end,
                    _ => at,
                };
                self.looks(eval, &eval.expr, at, "as written")?;
                for (text, time) in pinned(&eval.expr, at) {
                    self.looks(eval, &text, time, &format!("as {text} at {time}ms"))?;
                }
                Ok(())
            }
        }
    }

    /// One query at one time, and within a range around it.
    fn looks(&self, eval: &Eval, text: &str, at: i64, name: &str) -> Result<(), (String, String)> {
        let options = QueryOptions::default();
        let result = self.engine.instant(&self.store, text, at, &options);
        let Some(result) = outcome(eval, result).map_err(|e| (name.to_owned(), e))? else { return Ok(()) };
        check_instant(eval, &result.value)
            .map_err(|e| (name.to_owned(), format!("{e}; got\n{}", show_value(&result.value))))?;
        let skip = eval.range_vector.is_some()
            || eval.string.is_some()
            || RANGE_DEPENDENT.iter().any(|part| text.contains(part));
        if skip {
            return Ok(());
        }
        let name = format!("{name}, in a range");
        let steps = (at - 60_000, at + 60_000, 60_000);
        let result = self.engine.range(&self.store, text, steps, &options);
        let result = result.map_err(|e| (name.clone(), e.to_string()))?;
        let Value::Matrix(series) = &result.value else {
            return Err((name, format!("not a matrix: {}", show_value(&result.value))));
        };
        if !series.is_sorted_by(|a, b| a.labels <= b.labels) {
            return Err((name, "the matrix is not sorted".to_owned()));
        }
        let middle = |series: &crate::value::RangeSeries| {
            let place = series.samples.timestamps.iter().position(|t| *t == at)?;
            let value = series.samples.values.get(place).copied()?;
            Some(InstantSample { labels: series.labels.clone(), timestamp: at, value, histogram: None })
        };
        let samples: Vec<InstantSample> = series.iter().filter_map(middle).collect();
        let value = match (eval.scalar, samples.as_slice()) {
            (Some(_), [only]) => Value::Scalar { timestamp: at, value: only.value },
            _ => Value::Vector(samples),
        };
        if eval.ordered {
            return Ok(());
        }
        check_instant(eval, &value).map_err(|e| (name, format!("{e}; got\n{}", show_value(&value))))
    }
}

/// Checks failure and annotations; nothing is left to check when the query failed as it should.
fn outcome(eval: &Eval, result: Result<QueryResult, EngineError>) -> Result<Option<QueryResult>, String> {
    match (result, &eval.fail) {
        (Err(error), Some(want)) if want.accepts(&error.to_string()) => Ok(None),
        (Err(error), _) => Err(format!("failed: {error}")),
        (Ok(result), Some(_)) => Err(format!("no failure but\n{}", show_value(&result.value))),
        (Ok(result), None) => {
            check_notes(&eval.warn, &result.warnings, "warning")?;
            check_notes(&eval.info, &result.infos, "info")?;
            Ok(Some(result))
        }
    }
}

fn wants_histograms(eval: &Eval) -> bool {
    let histogram = |item: &Item| matches!(item, Item::Histogram(_));
    eval.series.iter().any(|(_, items)| items.iter().any(histogram))
}

/// The expression with every outermost selector pinned to `at`, and the times to run it at.
fn pinned(text: &str, at: i64) -> Vec<(String, i64)> {
    let Ok(mut expr) = parse_expr(text, &OPTIONS) else { return Vec::new() };
    if calls_any(&expr, TIME_DEPENDENT) {
        return Vec::new();
    }
    pin(&mut expr, at);
    let text = expr.to_string();
    let times = if at == 0 { vec![-1000, 0, 1000] } else { vec![-10 * at, 0, at / 5, at, 10 * at] };
    times.into_iter().map(|time| (text.clone(), time)).collect()
}

/// The operands of an expression.
fn children(expr: &mut Expr) -> Vec<&mut Expr> {
    match expr {
        Expr::Paren { expr, .. } | Expr::Unary { expr, .. } => vec![expr],
        Expr::Binary(e) => vec![&mut e.left, &mut e.right],
        Expr::Aggregate(e) => e.param.iter_mut().chain(std::iter::once(&mut e.expr)).collect(),
        Expr::Call(e) => e.args.iter_mut().collect(),
        Expr::Subquery(e) => vec![&mut e.expr],
        _ => Vec::new(),
    }
}

fn calls_any(expr: &Expr, names: &[&str]) -> bool {
    let mut copy = expr.clone();
    if let Expr::Call(call) = &copy
        && names.contains(&call.function.name)
    {
        return true;
    }
    children(&mut copy).into_iter().any(|child| calls_any(child, names))
}

fn pin(expr: &mut Expr, at: i64) {
    let time = match expr {
        Expr::Vector(e) => &mut e.time,
        Expr::Matrix { selector, .. } => &mut selector.time,
        Expr::Subquery(e) => &mut e.time,
        other => return children(other).into_iter().for_each(|child| pin(child, at)),
    };
    if !matches!(time.at, Some(At::Timestamp(_))) {
        time.at = Some(At::Timestamp(at));
    }
}
