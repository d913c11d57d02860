//! A failure that comes again and again is told once, and then now and then with how often it came: whatever is gone
//! for an hour must be seen in the log, and must not fill it.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// While it goes on, a failure is told again after this time.
const AGAIN: Duration = Duration::from_secs(60);

/// Failures of one kind, since it last worked.
#[derive(Debug, Default)]
pub struct Repeated(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    told: Option<Instant>,
    untold: u64,
    failures: u64,
}

impl Repeated {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a failure. If it is to be told: how many before it were not.
    pub fn failed(&self) -> Option<u64> {
        self.failed_at(Instant::now())
    }

    fn failed_at(&self, now: Instant) -> Option<u64> {
        let mut state = self.lock();
        state.failures += 1;
        if state.told.is_some_and(|told| now.saturating_duration_since(told) < AGAIN) {
            state.untold += 1;
            return None;
        }
        state.told = Some(now);
        Some(std::mem::take(&mut state.untold))
    }

    /// It works. If it had failed: how often.
    pub fn worked(&self) -> Option<u64> {
        let state = std::mem::take(&mut *self.lock());
        (state.failures > 0).then_some(state.failures)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_told_at_first_and_once_a_minute_and_its_end_is_told_once() {
        let (repeated, begin) = (Repeated::default(), Instant::now());
        let at = |seconds| repeated.failed_at(begin + Duration::from_secs(seconds));
        assert_eq!(repeated.worked(), None);
        assert_eq!([at(0), at(1), at(59), at(60), at(61)], [Some(0), None, None, Some(2), None]);
        assert_eq!(repeated.worked(), Some(5));
        assert_eq!(repeated.worked(), None);
        assert_eq!(at(62), Some(0), "what fails anew is told at once");
    }
}
