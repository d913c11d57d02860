//! A token bucket over all requests.

use crate::config::web::Rate;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// Requests that are saved up.
#[derive(Debug, Default)]
pub(super) struct Bucket(Mutex<Option<State>>);

#[derive(Debug, Clone, Copy)]
struct State {
    rate: Rate,
    /// Never more than the burst.
    saved: f64,
    at: Instant,
}

impl Bucket {
    /// Whether a request may go on; without a rate every one may.
    pub(super) fn take(&self, rate: Option<Rate>) -> bool {
        rate.is_none_or(|rate| self.take_at(rate, Instant::now()))
    }

    fn take_at(&self, rate: Rate, now: Instant) -> bool {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let full = State { rate, saved: rate.burst as f64, at: now };
        let mut next = state.filter(|state| state.rate == rate).unwrap_or(full);
        let earned = now.saturating_duration_since(next.at).as_secs_f64() / rate.interval.as_secs_f64();
        next.saved = (next.saved + earned).min(rate.burst as f64);
        next.at = now;
        let taken = next.saved >= 1.0;
        if taken {
            next.saved -= 1.0;
        }
        *state = Some(next);
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_burst_passes_and_then_one_for_each_interval() {
        let bucket = Bucket::default();
        let rate = Rate { interval: Duration::from_secs(10), burst: 3 };
        let begin = Instant::now();
        let passed = |from: u64, count: usize| {
            (0..count).filter(|_| bucket.take_at(rate, begin + Duration::from_secs(from))).count()
        };
        assert_eq!(passed(0, 5), 3);
        assert_eq!(passed(9, 1), 0);
        assert_eq!(passed(10, 2), 1);
        assert_eq!(passed(1000, 9), 3, "no more than the burst is saved up");
        let wider = Rate { burst: 5, ..rate };
        assert!(bucket.take_at(wider, begin + Duration::from_secs(1000)), "a changed rate begins anew");
    }
}
