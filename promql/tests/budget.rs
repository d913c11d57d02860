//! A query that no memory could hold ends at its budget, soon, and says what it wanted.

use narthex_promql::{Engine, EngineError, EngineOptions, QueryOptions};
use narthex_storage::{
    Columns, LabelQuery, Labels, MatchOp, Matcher, Querier, Queryable, SelectHints, Series, StorageError,
};
use std::time::{Duration, Instant};

/// Series of each name.
const SERIES: usize = 1_000_000;

/// A store that makes a million series of every name as they are asked for, each with one sample.
struct Million;

struct One(Labels, i64);

impl Series for One {
    fn labels(&self) -> &Labels {
        &self.0
    }

    fn read(&self, mint: i64, maxt: i64, out: &mut Columns) -> Result<(), StorageError> {
        if (mint..=maxt).contains(&self.1) {
            out.push(self.1, 1.0);
        }
        Ok(())
    }
}

impl Queryable for Million {
    fn querier(&self, _: i64, _: i64) -> Result<Box<dyn Querier>, StorageError> {
        Ok(Box::new(Self))
    }
}

impl Querier for Million {
    fn select(
        &self,
        matchers: &[Matcher],
        hints: &SelectHints,
    ) -> Result<Vec<Box<dyn Series>>, StorageError> {
        let equals = |m: &&Matcher| m.name == "__name__" && m.op == MatchOp::Equal;
        let name = matchers.iter().find(equals).map_or("other", |m| m.value.as_str());
        let one = |i: usize| -> Box<dyn Series> {
            let labels = Labels::from_pairs([("__name__", name), ("i", &format!("{i:07}"))]);
            Box::new(One(labels, hints.maxt))
        };
        Ok((0..SERIES).map(one).collect())
    }

    fn label_names(&self, _: &LabelQuery) -> Result<Vec<String>, StorageError> {
        Ok(Vec::new())
    }

    fn label_values(&self, _: &str, _: &LabelQuery) -> Result<Vec<String>, StorageError> {
        Ok(Vec::new())
    }
}

#[test]
fn a_million_times_a_million_series_stop_at_the_budget() {
    const MAX_BYTES: u64 = 512 << 20;
    let query = "many * on () group_left (i) one";
    let engine = Engine::new(EngineOptions { max_bytes: MAX_BYTES, ..EngineOptions::default() });
    let begin = Instant::now();
    let answer = engine.instant(&Million, query, 1000, &QueryOptions::default());
    let error = answer.expect_err(query);
    let limited = matches!(error, EngineError::TooManySamples | EngineError::TooMuchMemory { .. });
    assert!(limited, "{query}: {error}");
    assert!(begin.elapsed() < Duration::from_secs(60), "{query}: {:?}", begin.elapsed());
}
