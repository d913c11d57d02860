//! What queries may hold: per query and for all running ones together.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

/// Memory that all running queries share.
#[derive(Debug)]
pub struct MemoryPool {
    limit: u64,
    used: AtomicU64,
}

impl MemoryPool {
    /// A pool of `limit` bytes.
    #[must_use]
    pub fn new(limit: u64) -> Self {
        Self { limit, used: AtomicU64::new(0) }
    }

    /// Bytes that may be held.
    #[must_use]
    pub fn limit(&self) -> u64 {
        self.limit
    }

    /// Bytes that are held now.
    #[must_use]
    pub fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }

    fn charge(&self, bytes: u64) -> bool {
        let grown = self.used.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes);
        if grown > self.limit {
            self.used.fetch_sub(bytes, Ordering::Relaxed);
            return false;
        }
        true
    }

    fn release(&self, bytes: u64) {
        self.used.fetch_sub(bytes, Ordering::Relaxed);
    }
}

/// Figures of a running query, for whoever watches it.
#[derive(Debug, Default)]
pub struct Progress {
    samples_read: AtomicU64,
    samples_held: AtomicU64,
    samples_peak: AtomicU64,
    bytes_held: AtomicU64,
    bytes_peak: AtomicU64,
    steps: OnceLock<StepCounts>,
}

/// Samples of each step of a query.
#[derive(Debug)]
pub(crate) struct StepCounts {
    first: i64,
    /// All samples that a step looks at.
    looked_at: Box<[AtomicU64]>,
    /// Those of them that the step before did not look at.
    new: Box<[AtomicU64]>,
}

impl StepCounts {
    /// Counts the windows of a series, positions of samples by step.
    pub(crate) fn windows(&self, windows: &[(u32, u32)]) {
        let mut before = 0;
        for (step, (from, to)) in windows.iter().enumerate() {
            self.add(
                step,
                u64::from(to.saturating_sub(*from)),
                u64::from(to.saturating_sub(before.max(*from))),
            );
            before = before.max(*to);
        }
    }

    /// Counts samples of a step.
    pub(crate) fn add(&self, step: usize, looked_at: u64, new: u64) {
        for (counts, samples) in [(&self.looked_at, looked_at), (&self.new, new)] {
            if let Some(count) = counts.get(step) {
                count.fetch_add(samples, Ordering::Relaxed);
            }
        }
    }
}

impl Progress {
    /// Counts samples by step from now on, for a query of `count` steps from `first` (ms) on.
    pub fn count_steps(&self, first: i64, count: usize) {
        let zeros = || (0..count).map(|_| AtomicU64::default()).collect();
        // Who calls twice gets the counts of the first call.
        let _ = self.steps.set(StepCounts { first, looked_at: zeros(), new: zeros() });
    }

    /// Samples that each step looked at, and those that the step before did not look at; empty when they are
    /// not counted. Selections at fixed times and inside of subqueries are in no step's count.
    #[must_use]
    pub fn samples_by_step(&self) -> Vec<(u64, u64)> {
        let Some(steps) = self.steps.get() else { return Vec::new() };
        let load = |count: &AtomicU64| count.load(Ordering::Relaxed);
        steps.looked_at.iter().map(load).zip(steps.new.iter().map(load)).collect()
    }

    /// The counts of these steps, if they are those of the query and wanted.
    pub(crate) fn steps(&self, times: &[i64]) -> Option<&StepCounts> {
        let steps = self.steps.get()?;
        (times.len() == steps.looked_at.len() && times.first() == Some(&steps.first)).then_some(steps)
    }

    /// Stored samples that went into the answer so far.
    #[must_use]
    pub fn samples_read(&self) -> u64 {
        self.samples_read.load(Ordering::Relaxed)
    }

    /// Most samples held at once.
    #[must_use]
    pub fn samples_peak(&self) -> u64 {
        self.samples_peak.load(Ordering::Relaxed)
    }

    /// Bytes held now.
    #[must_use]
    pub fn bytes_held(&self) -> u64 {
        self.bytes_held.load(Ordering::Relaxed)
    }

    /// Most bytes held at once.
    #[must_use]
    pub fn bytes_peak(&self) -> u64 {
        self.bytes_peak.load(Ordering::Relaxed)
    }

    pub(crate) fn read(&self, samples: u64) {
        self.samples_read.fetch_add(samples, Ordering::Relaxed);
    }
}

/// A budget that a query went over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exceeded {
    /// Samples of the query.
    Samples { wanted: u64, limit: u64 },
    /// Bytes of the query.
    Bytes { wanted: u64, limit: u64 },
    /// Bytes of all queries together.
    Pool { wanted: u64, used: u64, limit: u64 },
}

/// The budget of one query; shared by the threads that work on it.
#[derive(Debug, Clone)]
pub(crate) struct Budget {
    pub(crate) max_samples: u64,
    pub(crate) max_bytes: u64,
    pub(crate) pool: Option<Arc<MemoryPool>>,
    pub(crate) progress: Arc<Progress>,
}

/// Something held; given back when dropped.
#[derive(Debug)]
pub(crate) struct Charge {
    budget: Budget,
    samples: u64,
    bytes: u64,
}

impl Budget {
    /// Books samples and bytes that are held from now on.
    pub(crate) fn charge(&self, samples: u64, bytes: u64) -> Result<Charge, Exceeded> {
        let mut charge = Charge { budget: self.clone(), samples: 0, bytes: 0 };
        charge.grow(samples, bytes)?;
        Ok(charge)
    }
}

impl Charge {
    /// Books more.
    pub(crate) fn grow(&mut self, samples: u64, bytes: u64) -> Result<(), Exceeded> {
        let (budget, progress) = (&self.budget, &self.budget.progress);
        if let Some(pool) = &budget.pool
            && !pool.charge(bytes)
        {
            return Err(Exceeded::Pool { wanted: bytes, used: pool.used(), limit: pool.limit() });
        }
        let held = progress.samples_held.fetch_add(samples, Ordering::Relaxed) + samples;
        let weighed = progress.bytes_held.fetch_add(bytes, Ordering::Relaxed) + bytes;
        self.samples += samples;
        self.bytes += bytes;
        progress.samples_peak.fetch_max(held, Ordering::Relaxed);
        progress.bytes_peak.fetch_max(weighed, Ordering::Relaxed);
        let exceeded = if held > budget.max_samples {
            Exceeded::Samples { wanted: held, limit: budget.max_samples }
        } else if weighed > budget.max_bytes {
            Exceeded::Bytes { wanted: weighed, limit: budget.max_bytes }
        } else {
            return Ok(());
        };
        self.shrink(samples, bytes);
        Err(exceeded)
    }

    /// Gives back a part.
    pub(crate) fn shrink(&mut self, samples: u64, bytes: u64) {
        let (samples, bytes) = (samples.min(self.samples), bytes.min(self.bytes));
        self.samples -= samples;
        self.bytes -= bytes;
        self.budget.progress.samples_held.fetch_sub(samples, Ordering::Relaxed);
        self.budget.progress.bytes_held.fetch_sub(bytes, Ordering::Relaxed);
        if let Some(pool) = &self.budget.pool {
            pool.release(bytes);
        }
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.shrink(self.samples, self.bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_counts_its_window_and_what_is_new_in_it() {
        let progress = Progress::default();
        progress.count_steps(100, 3);
        assert!(progress.steps(&[100, 110]).is_none() && progress.steps(&[90, 100, 110]).is_none());
        let steps = progress.steps(&[100, 110, 120]).unwrap();
        steps.windows(&[(0, 3), (1, 4), (6, 8)]);
        steps.add(1, 1, 1);
        assert_eq!(progress.samples_by_step(), [(3, 3), (4, 2), (2, 2)]);
    }

    #[test]
    fn what_is_dropped_is_given_back_to_query_and_pool() {
        let pool = Arc::new(MemoryPool::new(100));
        let budget =
            Budget { max_samples: 10, max_bytes: 80, pool: Some(pool.clone()), progress: Arc::default() };
        let mut held = budget.charge(5, 60).unwrap();
        assert_eq!(held.grow(6, 0), Err(Exceeded::Samples { wanted: 11, limit: 10 }));
        assert_eq!(held.grow(0, 50), Err(Exceeded::Pool { wanted: 50, used: 60, limit: 100 }));
        assert_eq!(held.grow(0, 30), Err(Exceeded::Bytes { wanted: 90, limit: 80 }));
        drop(held);
        assert_eq!((pool.used(), budget.progress.bytes_held()), (0, 0));
        assert_eq!(budget.progress.bytes_peak(), 90);
    }
}
