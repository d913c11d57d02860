//! Runs the statements of a script.

use super::compare::{check_instant, check_matrix, check_notes, check_sorted};
use super::expect::Expectations;
use super::pin::pinned;
use super::script::{self, Eval, Kind, PARSE_OPTIONS, Steps, When};
use super::show::{show_expected, show_value};
use super::store::MemoryStore;
use super::{Failure, Rejection, Report};
use crate::engine::{Engine, EngineError, EngineOptions, QueryOptions, QueryResult};
use crate::value::{InstantSample, RangeSeries, Value};

/// Texts whose meaning a range changes.
const RANGE_DEPENDENT: &[&str] = &["start()", "end()", "range()", "step()"];

/// Runs a script from an empty store.
///
/// # Errors
/// A statement or an expression does not parse; nothing was run.
pub fn run_script(text: &str) -> Result<Report, Rejection> {
    let engine = Engine::new(EngineOptions {
        lookback_ms: 300_000,
        max_samples: 10_000,
        subquery_step_ms: 60_000,
        delayed_name_removal: true,
        use_start_timestamps: true,
        type_and_unit_labels: false,
        parse: PARSE_OPTIONS,
        ..EngineOptions::default()
    });
    let mut store = MemoryStore::default();
    let mut report = Report::default();
    for statement in script::parse(text)? {
        let (expected, outcome) = match &statement.kind {
            Kind::Clear => {
                store.clear();
                continue;
            }
            Kind::Load(load) => match load.run(&mut store) {
                Ok(()) => continue,
                Err(error) => ("samples that the store takes".to_owned(), Err(error)),
            },
            Kind::Eval(eval) => {
                let looks = Looks { engine: &engine, store: &store, eval };
                (show_expected(&eval.expect), looks.run())
            }
        };
        match outcome {
            Ok(()) => report.passed += 1,
            Err(got) => report.failures.push(Failure {
                line: statement.line,
                statement: statement.text,
                expected,
                got,
            }),
        }
    }
    Ok(report)
}

/// One evaluation and all the ways to look at it.
struct Looks<'a> {
    engine: &'a Engine,
    store: &'a MemoryStore,
    eval: &'a Eval,
}

impl Looks<'_> {
    fn expect(&self) -> &Expectations {
        &self.eval.expect
    }

    fn run(&self) -> Result<(), String> {
        let text = &self.eval.expr;
        let at = match (self.eval.when, self.expect().range_vector) {
            (When::Range(steps), _) => return self.range(text, steps).map_err(|e| format!("range: {e}")),
            (When::Instant(_), Some(steps)) => steps.end,
            (When::Instant(at), None) => at,
        };
        self.instant(text, at, "as written")?;
        if let Some((text, times)) = pinned(text, at) {
            for at in times {
                self.instant(&text, at, &format!("as {text} at {at}ms"))?;
            }
        }
        Ok(())
    }

    fn range(&self, text: &str, steps: Steps) -> Result<(), String> {
        let Some(result) = self.outcome(self.query_range(text, steps))? else { return Ok(()) };
        let shown = || show_value(&result.value);
        match &result.value {
            Value::Matrix(series) => check_matrix(self.expect(), series, steps),
            _ => Err("it is not a matrix".to_owned()),
        }
        .map_err(|e| format!("{e}; got\n{}", shown()))
    }

    /// One query at one time, and as the middle step of a range around it.
    fn instant(&self, text: &str, at: i64, name: &str) -> Result<(), String> {
        let result = self.engine.instant(self.store, text, at, &QueryOptions::default());
        let Some(result) = self.outcome(result).map_err(|e| format!("{name}: {e}"))? else { return Ok(()) };
        let check = |value: &Value, name: &str| {
            check_instant(self.expect(), value)
                .map_err(|e| format!("{name}: {e}; got\n{}", show_value(value)))
        };
        check(&result.value, name)?;
        if self.expect().range_vector.is_some()
            || self.expect().string.is_some()
            || RANGE_DEPENDENT.iter().any(|part| text.contains(part))
        {
            return Ok(());
        }
        let name = format!("{name}, in a range");
        let series = self.middle_of_range(text, at).map_err(|e| format!("{name}: {e}"))?;
        if self.expect().ordered {
            return Ok(());
        }
        let samples: Vec<InstantSample> = series.iter().filter_map(|series| sample_at(series, at)).collect();
        let value = match (&result.value, samples.as_slice()) {
            (Value::Scalar { .. }, [only]) => Value::Scalar { timestamp: at, value: only.value },
            _ => Value::Vector(samples),
        };
        check(&value, &name)
    }

    fn middle_of_range(&self, text: &str, at: i64) -> Result<Vec<RangeSeries>, String> {
        const MINUTE: i64 = 60_000;
        let steps = Steps { start: at - MINUTE, end: at + MINUTE, step: MINUTE };
        let result = self.query_range(text, steps).map_err(|e| e.to_string())?;
        let Value::Matrix(series) = result.value else {
            return Err(format!("not a matrix but {}", show_value(&result.value)));
        };
        check_sorted(&series)?;
        Ok(series)
    }

    fn query_range(&self, text: &str, steps: Steps) -> Result<QueryResult, EngineError> {
        let steps = (steps.start, steps.end, steps.step);
        self.engine.range(self.store, text, steps, &QueryOptions::default())
    }

    /// Checks failure and annotations; nothing is left to check when the query failed as it should.
    fn outcome(&self, result: Result<QueryResult, EngineError>) -> Result<Option<QueryResult>, String> {
        match (result, &self.expect().fail) {
            (Err(error), Some(want)) if want.accepts(&error.to_string()) => Ok(None),
            (Err(error), _) => Err(format!("failed: {error}")),
            (Ok(result), Some(_)) => Err(format!("no failure but\n{}", show_value(&result.value))),
            (Ok(result), None) => {
                check_notes(&self.expect().warn, &result.warnings, "warning")?;
                check_notes(&self.expect().info, &result.infos, "info")?;
                Ok(Some(result))
            }
        }
    }
}

fn sample_at(series: &RangeSeries, at: i64) -> Option<InstantSample> {
    let place = series.samples.timestamps.iter().position(|t| *t == at)?;
    Some(InstantSample {
        labels: series.labels.clone(),
        timestamp: at,
        value: series.samples.values.get(place).copied()?,
        histogram: series.samples.histogram(place).cloned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_is_run_or_rejected_as_a_whole() {
        let report =
            run_script("load 1m\n a 1 2\n\neval instant at 1m a\n a 2\n\neval instant at 1m a\n a 3\n");
        let report = report.unwrap();
        assert_eq!((report.passed, report.failures.len()), (1, 1));
        let failure = &report.failures[0];
        assert_eq!((failure.line, failure.statement.as_str()), (7, "eval instant at 1m a"));
        assert!(failure.expected.contains('3') && failure.got.contains('2'), "{failure:?}");
        let rejection = run_script("eval instant at 0 1\n 1\n\neval instant at 0 a b\n").unwrap_err();
        assert_eq!(rejection.line, 4);
    }

    #[test]
    fn a_load_takes_place_as_a_whole_or_not_at_all() {
        let text = "load 1m\n a 1\n b {{count:-1}}\n\neval instant at 0 a\n\n";
        let report = run_script(text).unwrap();
        assert_eq!((report.passed, report.failures.len()), (1, 1));
    }
}
