//! How many series there may be, altogether and of one user of the database. What is known always goes on:
//! only a series that would be new is refused, before anything of it is kept.

use super::series::MemSeries;
use super::{AppendError, Head};
use crate::labels::Labels;
use roaring::RoaringBitmap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

/// The series of one user, such as a scrape job, and how many there may be. A series counts from when the user
/// brings it until the head lets it go, also while nobody exposes it.
#[derive(Debug)]
pub struct SeriesBudget {
    /// 0 for none.
    limit: AtomicU64,
    owned: Mutex<RoaringBitmap>,
    refused: AtomicU64,
    /// Changes with the limit.
    room: AtomicU64,
}

impl SeriesBudget {
    /// A budget of so many series; `None` for any number. It counts those of the database in which it is used first.
    #[must_use]
    pub fn new(limit: Option<u64>) -> Arc<Self> {
        let limit = AtomicU64::new(limit.unwrap_or(0));
        Arc::new(Self { limit, owned: Mutex::default(), refused: AtomicU64::new(0), room: AtomicU64::new(0) })
    }

    /// How many series there may be; `None` for any number.
    #[must_use]
    pub fn limit(&self) -> Option<u64> {
        Some(self.limit.load(Ordering::Acquire)).filter(|limit| *limit > 0)
    }

    /// Changes the limit. Series that are there stay, however many.
    pub fn set_limit(&self, limit: Option<u64>) {
        let limit = limit.unwrap_or(0);
        if self.limit.swap(limit, Ordering::AcqRel) != limit {
            self.room.fetch_add(1, Ordering::AcqRel);
        }
    }

    /// How many series there are.
    #[must_use]
    pub fn series(&self) -> u64 {
        self.owned().len()
    }

    /// How often a new series was refused because of this limit.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    fn owned(&self) -> MutexGuard<'_, RoaringBitmap> {
        self.owned.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The limit of the database and the budgets of its users.
#[derive(Debug, Default)]
pub(crate) struct Budgets {
    /// Series of the head altogether; 0 for any number.
    limit: u64,
    refused: AtomicU64,
    users: Mutex<Vec<Weak<SeriesBudget>>>,
    /// Changes when series left the head.
    room: AtomicU64,
}

impl Budgets {
    pub(crate) fn new(limit: Option<u64>) -> Self {
        Self { limit: limit.unwrap_or(0), ..Self::default() }
    }

    pub(crate) fn limit(&self) -> Option<u64> {
        Some(self.limit).filter(|limit| *limit > 0)
    }

    /// How often a new series was refused because of the limit of the database.
    pub(crate) fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    /// Changes when a series that was refused may be taken.
    pub(crate) fn room(&self, user: Option<&SeriesBudget>) -> u64 {
        let own = user.map_or(0, |user| user.room.load(Ordering::Acquire));
        self.room.load(Ordering::Acquire).wrapping_add(own)
    }

    /// From now on the budget is told which series leave the head.
    pub(crate) fn join(&self, budget: &Arc<SeriesBudget>) {
        let mut users = self.users.lock().unwrap_or_else(PoisonError::into_inner);
        let budget = Arc::downgrade(budget);
        if !users.iter().any(|user| user.ptr_eq(&budget)) {
            users.retain(|user| user.strong_count() > 0);
            users.push(budget);
        }
    }

    /// Whether there is room for a new series beside those of the head.
    fn admit(&self, series: usize, user: Option<&SeriesBudget>) -> Result<(), AppendError> {
        if let Some(user) = user
            && let Some(limit) = user.limit()
            && user.series() >= limit
        {
            user.refused.fetch_add(1, Ordering::Relaxed);
            return Err(AppendError::BudgetSpent(limit));
        }
        match self.limit() {
            Some(limit) if series as u64 >= limit => {
                self.refused.fetch_add(1, Ordering::Relaxed);
                Err(AppendError::TooManySeries(limit))
            }
            _ => Ok(()),
        }
    }

    /// Series left the head: there is room again.
    pub(crate) fn let_go(&self, gone: &[Arc<MemSeries>]) {
        if gone.is_empty() {
            return;
        }
        let ids: RoaringBitmap = gone.iter().map(|series| series.id).collect();
        let users = self.users.lock().unwrap_or_else(PoisonError::into_inner);
        for user in users.iter().filter_map(Weak::upgrade) {
            *user.owned() -= &ids;
        }
        drop(users);
        self.room.fetch_add(1, Ordering::AcqRel);
    }
}

/// Who brings a series, and whether it may be refused.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bringer<'a> {
    pub(crate) budget: Option<&'a SeriesBudget>,
    pub(crate) always: bool,
}

impl Head {
    /// The series with these labels, made when it is new and there is room. It counts as the bringer's.
    pub(crate) fn series(
        &self,
        labels: &Labels,
        bringer: Bringer<'_>,
    ) -> Result<Arc<MemSeries>, AppendError> {
        let series = match self.find_encoded(labels.as_encoded()) {
            Some(series) => series,
            None => {
                self.admit(bringer)?;
                self.new_series(labels, bringer)?
            }
        };
        if let Some(budget) = bringer.budget {
            // Whoever holds the series keeps it in the head.
            budget.owned().insert(series.id);
        }
        Ok(series)
    }

    /// Whether there is room for a new series; seen without holding up anybody, so that it may be wrong soon.
    pub(crate) fn admit(&self, bringer: Bringer<'_>) -> Result<(), AppendError> {
        if bringer.always {
            return Ok(());
        }
        let series = self.index().len();
        self.budgets.admit(series, bringer.budget)
    }

    fn new_series(&self, labels: &Labels, bringer: Bringer<'_>) -> Result<Arc<MemSeries>, AppendError> {
        let mut index = self.index.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(series) = index.find(labels) {
            return Ok(series);
        }
        if !bringer.always {
            self.budgets.admit(index.len(), bringer.budget)?;
        }
        self.series_created.fetch_add(1, Ordering::Relaxed);
        let series = index.insert(labels);
        if let Some(budget) = bringer.budget {
            // Before anybody else is admitted.
            budget.owned().insert(series.id);
        }
        Ok(series)
    }
}
