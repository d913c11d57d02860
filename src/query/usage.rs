//! Notes which metrics queries read, for the statistics of cardinality.

use narthex_storage::{
    Db, LabelQuery, MatchOp, Matcher, Querier, Queryable, SelectHints, Series, StorageError, labels,
};

/// Metrics that one selector is noted for, where it names none.
const NAMES_MAX: usize = 1000;

/// The database, as one query of a certain time reads it.
pub struct Noted<'a> {
    db: &'a Db,
    seconds: u32,
}

impl<'a> Noted<'a> {
    /// The database for a query that was received at a time, ms.
    #[must_use]
    pub fn new(db: &'a Db, received_ms: i64) -> Self {
        Self { db, seconds: u32::try_from(received_ms / 1000).unwrap_or(0) }
    }
}

impl Queryable for Noted<'_> {
    fn querier(&self, mint: i64, maxt: i64) -> Result<Box<dyn Querier>, StorageError> {
        let inner = self.db.querier(mint, maxt)?;
        Ok(Box::new(NotedQuerier { inner, db: self.db.clone(), seconds: self.seconds }))
    }
}

struct NotedQuerier {
    inner: Box<dyn Querier>,
    db: Db,
    seconds: u32,
}

impl NotedQuerier {
    /// Notes what was found: a selector of something that is not there says nothing.
    fn note(&self, matchers: &[Matcher], found: &[Box<dyn Series>]) {
        if found.is_empty() {
            return;
        }
        let named = |m: &&Matcher| m.name == labels::METRIC_NAME && m.op == MatchOp::Equal;
        if let Some(matcher) = matchers.iter().find(named) {
            self.db.note_queried(&matcher.value, self.seconds);
            return;
        }
        let mut last = "";
        let mut left = NAMES_MAX;
        // In label order the series of a metric most often come one after the other.
        for name in found.iter().map(|series| series.labels().metric_name()) {
            if name != last {
                self.db.note_queried(name, self.seconds);
                (last, left) = (name, left - 1);
                if left == 0 {
                    return;
                }
            }
        }
    }
}

impl Querier for NotedQuerier {
    fn select(
        &self,
        matchers: &[Matcher],
        hints: &SelectHints,
    ) -> Result<Vec<Box<dyn Series>>, StorageError> {
        let found = self.inner.select(matchers, hints)?;
        self.note(matchers, &found);
        Ok(found)
    }

    fn label_names(&self, query: &LabelQuery) -> Result<Vec<String>, StorageError> {
        self.inner.label_names(query)
    }

    fn label_values(&self, name: &str, query: &LabelQuery) -> Result<Vec<String>, StorageError> {
        self.inner.label_values(name, query)
    }

    fn warnings(&self) -> Vec<String> {
        self.inner.warnings()
    }
}
