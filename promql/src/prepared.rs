//! A query that is parsed once and evaluated again and again, as rules are.

use crate::engine::EngineError;
use crate::plan::optimize;
use crate::syntax::ast::{Expr, ValueType};
use crate::syntax::{ParseError, ParseOptions, QueryWindow, parse_expr, prepare};
use std::borrow::Cow;
use std::sync::Arc;

/// A parsed query. What does not depend on the time of the evaluation is settled. Cloning is cheap.
#[derive(Debug, Clone)]
pub struct PreparedQuery {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    text: String,
    parsed: Expr,
    /// Ready for the operators, if it is the same at every time.
    settled: Option<Expr>,
}

/// Two windows that have nothing in common but a step of nothing.
const WINDOWS: [QueryWindow; 2] = [
    QueryWindow { start_ms: 1_000, end_ms: 1_000, step_ms: 0 },
    QueryWindow { start_ms: 7_000_000, end_ms: 7_000_000, step_ms: 0 },
];

impl PreparedQuery {
    /// Parses a query.
    ///
    /// # Errors
    /// The text is no expression.
    pub fn parse(text: &str, options: &ParseOptions) -> Result<Self, ParseError> {
        Ok(Self::of(parse_expr(text, options)?))
    }

    /// A query that is parsed already; its text is what the printer makes of it.
    #[must_use]
    pub fn of(parsed: Expr) -> Self {
        let [one, other] = WINDOWS.map(|window| prepare(parsed.clone(), &window));
        // `range()` and the durations that name it differ between an instant and a range query.
        let wide = QueryWindow { start_ms: 1_000, end_ms: 7_000_000, step_ms: 60_000 };
        let same = matches!(
            (&one, &other, prepare(parsed.clone(), &wide)),
            (Ok(one), Ok(other), Ok(wide)) if one == other && *one == wide
        );
        let settled = one.ok().filter(|_| same).map(optimize);
        Self { inner: Arc::new(Inner { text: parsed.to_string(), parsed, settled }) }
    }

    /// The query as the printer writes it.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.inner.text
    }

    /// The parsed tree.
    #[must_use]
    pub fn expr(&self) -> &Expr {
        &self.inner.parsed
    }

    /// Whether the query asks for nothing that depends on the window: a range query then answers at each of its
    /// steps what an instant query answers there.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.inner.settled.is_some()
    }

    /// What the operators are made of.
    pub(crate) fn at(&self, window: &QueryWindow) -> Result<Cow<'_, Expr>, EngineError> {
        match &self.inner.settled {
            Some(expr) => Ok(Cow::Borrowed(expr)),
            None => Ok(Cow::Owned(optimize(prepare(self.inner.parsed.clone(), window)?))),
        }
    }

    /// The type of its value.
    pub(crate) fn value_type(&self) -> ValueType {
        self.inner.parsed.value_type()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::MemoryStore;
    use crate::{Engine, QueryOptions};
    use narthex_storage::Labels;

    #[test]
    fn what_names_the_window_is_not_settled() {
        let options = ParseOptions::all();
        for (text, settled) in [
            ("sum(rate(x[5m] offset 1m)) / y @ 10", true),
            ("time() + 1", true),
            ("x @ start()", false),
            ("x[5m:1m] @ end()", false),
            ("end() + 1", false),
            ("sum_over_time(x[range()])", false),
        ] {
            assert_eq!(PreparedQuery::parse(text, &options).unwrap().is_settled(), settled, "{text}");
        }
        assert!(PreparedQuery::parse("x +", &options).is_err());
    }

    #[test]
    fn a_prepared_query_answers_as_its_text_does() {
        let mut store = MemoryStore::default();
        for at in 0..20 {
            store.add(&Labels::from_pairs([("__name__", "x"), ("a", "b")]), at * 30_000, at as f64);
        }
        let engine = Engine::default();
        let query = QueryOptions::default();
        for text in ["sum by (a) (rate(x[5m]))", "x @ end() - 1", "time()", "x > 3 and x < 9"] {
            let prepared = PreparedQuery::parse(text, &ParseOptions::default()).unwrap();
            for at in [0, 100_000, 400_000] {
                let one = engine.instant(&store, text, at, &query).unwrap();
                let other = engine.instant_prepared(&store, &prepared, at, &query).unwrap();
                assert_eq!(one.value, other.value, "{text} at {at}");
            }
            let steps = (0, 500_000, 50_000);
            let one = engine.range(&store, text, steps, &query).unwrap();
            let other = engine.range_prepared(&store, &prepared, steps, &query).unwrap();
            assert_eq!(one.value, other.value, "{text}");
        }
    }
}
