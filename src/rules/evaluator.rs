//! What a group asks its questions of: a store and an engine. No clock and no server, so that rules can be evaluated
//! over any history.

use super::error::EvalError;
use crate::rules::metrics::RuleMetrics;
use narthex_promql::{
    CancelToken, Engine, EngineError, InstantSample, PreparedQuery, QueryOptions, RangeSeries, Value,
};
use narthex_storage::{Labels, Queryable};

/// How this server calls itself in what leaves it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct External {
    /// Labels, by name.
    pub labels: Vec<(String, String)>,
    /// URL, without a slash at the end.
    pub url: String,
    /// The path of the URL.
    pub path_prefix: String,
}

impl External {
    /// Of a URL and labels.
    #[must_use]
    pub fn new(url: &str, labels: Vec<(String, String)>) -> Self {
        let url = url.trim_end_matches('/');
        let rest = url.split_once("://").map_or("", |(_, rest)| rest);
        let path_prefix = rest.find('/').and_then(|at| rest.get(at..)).unwrap_or_default().to_owned();
        Self { labels, url: url.to_owned(), path_prefix }
    }
}

/// Answers the queries of rules.
#[derive(Clone, Copy)]
pub struct Evaluator<'a> {
    /// The series.
    pub store: &'a dyn Queryable,
    /// The engine.
    pub engine: &'a Engine,
    /// The offset of groups that name none, ms.
    pub default_offset_ms: i64,
    /// A firing alert is sent again after this time, ms.
    pub resend_delay_ms: i64,
    /// A token for each query.
    pub token: &'a (dyn Fn() -> CancelToken + Sync),
    /// Counts what is done.
    pub metrics: &'a RuleMetrics,
}

impl Evaluator<'_> {
    fn options(&self) -> QueryOptions {
        QueryOptions { cancel: (self.token)(), ..QueryOptions::default() }
    }

    /// The instant vector of a query; a scalar is a sample without labels.
    ///
    /// # Errors
    /// The query fails, or gives something else.
    pub fn vector(&self, query: &PreparedQuery, at_ms: i64) -> Result<Vec<InstantSample>, EvalError> {
        let answer = self.engine.instant_prepared(self.store, query, at_ms, &self.options())?;
        samples(answer.value).ok_or(EvalError::NotAVector)
    }

    /// The vectors of a query at `start`, `start + step`, … up to `end`, ms, as series.
    ///
    /// # Errors
    /// As [`Evaluator::vector`].
    pub fn series(
        &self,
        query: &PreparedQuery,
        steps: (i64, i64, i64),
    ) -> Result<Vec<RangeSeries>, EvalError> {
        match self.engine.range_prepared(self.store, query, steps, &self.options()) {
            Ok(answer) => match answer.value {
                Value::Matrix(series) => Ok(series),
                _ => Err(EvalError::NotAVector),
            },
            Err(EngineError::NotForRange(_)) => Err(EvalError::NotAVector),
            Err(error) => Err(error.into()),
        }
    }

    /// What a template's `query` answers.
    pub(super) fn ask(&self, text: &str, at_ms: i64) -> Result<Vec<InstantSample>, String> {
        let answer = self.engine.instant(self.store, text, at_ms, &self.options());
        let answer = answer.map_err(|error| error.to_string())?;
        samples(answer.value).ok_or_else(|| EvalError::NotAVector.to_string())
    }
}

fn samples(value: Value) -> Option<Vec<InstantSample>> {
    match value {
        Value::Vector(samples) => Some(samples),
        Value::Scalar { timestamp, value } => {
            Some(vec![InstantSample { labels: Labels::empty(), timestamp, value, histogram: None }])
        }
        Value::String { .. } | Value::Matrix(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_prefix_is_the_path_of_the_url() {
        let external = External::new("http://example.org:9090/prom/", Vec::new());
        assert_eq!(
            (external.url.as_str(), external.path_prefix.as_str()),
            ("http://example.org:9090/prom", "/prom")
        );
        assert_eq!(External::new("http://example.org", Vec::new()).path_prefix, "");
    }
}
