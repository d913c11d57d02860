//! When each metric was queried last.

use foldhash::fast::RandomState;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{PoisonError, RwLock, RwLockReadGuard};

/// Metrics that are remembered; the quarter that was queried longest ago makes room for new ones.
const METRICS_MAX: usize = 1 << 16;

/// Seconds since the epoch, by metric.
#[derive(Debug, Default)]
pub(crate) struct Usage {
    metrics: RwLock<HashMap<Box<str>, AtomicU32, RandomState>>,
}

impl Usage {
    fn read(&self) -> RwLockReadGuard<'_, HashMap<Box<str>, AtomicU32, RandomState>> {
        self.metrics.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that a metric was queried. What is known costs a look-up; only a new name takes turns.
    pub(crate) fn note(&self, metric: &str, seconds: u32) {
        if let Some(last) = self.read().get(metric) {
            last.fetch_max(seconds, Ordering::Relaxed);
            return;
        }
        let mut metrics = self.metrics.write().unwrap_or_else(PoisonError::into_inner);
        if metrics.len() >= METRICS_MAX {
            let mut times: Vec<u32> = metrics.values().map(|last| last.load(Ordering::Relaxed)).collect();
            let (_, bound, _) = times.select_nth_unstable(METRICS_MAX / 4);
            let bound = *bound;
            // Names of one second may go beyond the quarter: the map stays bounded whatever the times are.
            metrics.retain(|_, last| last.load(Ordering::Relaxed) > bound);
        }
        metrics.entry(metric.into()).or_default().fetch_max(seconds, Ordering::Relaxed);
    }

    /// When the metric was queried last, if it was.
    pub(crate) fn last(&self, metric: &str) -> Option<u32> {
        self.read().get(metric).map(|last| last.load(Ordering::Relaxed))
    }

    /// All of it.
    pub(crate) fn all(&self) -> Vec<(Box<str>, u32)> {
        self.read().iter().map(|(name, last)| (name.clone(), last.load(Ordering::Relaxed))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_time_is_kept_and_the_oldest_names_make_room() {
        let usage = Usage::default();
        usage.note("a", 7);
        usage.note("a", 5);
        assert_eq!((usage.last("a"), usage.last("b")), (Some(7), None));
        for n in 0..METRICS_MAX as u32 + 10 {
            usage.note(&n.to_string(), 100 + n);
        }
        assert!(usage.all().len() <= METRICS_MAX);
        assert_eq!((usage.last("a"), usage.last("0")), (None, None));
        assert_eq!(usage.last(&METRICS_MAX.to_string()), Some(100 + METRICS_MAX as u32));
    }
}
