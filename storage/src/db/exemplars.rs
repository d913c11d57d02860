//! Exemplars of the database: taking them, finding them, and telling them to the log again.

use super::{Db, Inner};
use crate::exemplar::{ExemplarAppender, ExemplarSeries, ExemplarStats};
use crate::labels::matcher::Matcher;
use crate::query::StorageError;
use std::sync::Arc;

impl Db {
    /// An appender of exemplars.
    #[must_use]
    pub fn exemplar_appender(&self) -> ExemplarAppender {
        ExemplarAppender::new(Arc::clone(&self.inner.head))
    }

    /// The exemplars with times in `[mint, maxt]`, ms, of the series that one of the selectors matches: series in
    /// label order, their exemplars by time.
    #[must_use]
    pub fn exemplars(&self, mint: i64, maxt: i64, selectors: &[Vec<Matcher>]) -> Vec<ExemplarSeries> {
        self.inner.head.exemplars.select(mint, maxt, selectors)
    }

    /// Changes [`super::DbOptions::max_exemplars`]; the newest stay. How many those are.
    pub fn set_max_exemplars(&self, max: usize) -> usize {
        self.inner.head.exemplars.resize(max)
    }

    /// Facts about the exemplars in memory.
    #[must_use]
    pub fn exemplar_stats(&self) -> ExemplarStats {
        self.inner.head.exemplars.stats()
    }
}

impl Inner {
    /// Tells the newest segment of the log what older ones told of the exemplars in memory, those before the number
    /// `until`; whether there are any.
    pub(super) fn log_exemplars_again(&self, until: u64) -> Result<bool, StorageError> {
        let head = &self.head;
        let (mut from, mut any) = (Some(0), false);
        // Piece by piece: the log is not kept from others for long.
        while let Some(first) = from {
            head.wal.append(|_, out| {
                from = head.exemplars.tell(first, until, out);
                any |= !out.is_empty();
            })?;
        }
        Ok(any)
    }
}
