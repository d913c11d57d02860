//! Ends queries of rules that take too long, and all of them at a stop.

use narthex_promql::CancelToken;
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The queries of rules that were begun less than a timeout ago.
#[derive(Debug)]
pub(super) struct Watchdog {
    timeout: Duration,
    begun: Mutex<Begun>,
}

#[derive(Debug, Default)]
struct Begun {
    /// By deadline, since all have the same time.
    tokens: VecDeque<(Instant, CancelToken)>,
    stopped: bool,
}

impl Watchdog {
    pub(super) fn new(timeout: Duration) -> Self {
        Self { timeout, begun: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, Begun> {
        self.begun.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The token of a query that begins now.
    pub(super) fn token(&self) -> CancelToken {
        let token = CancelToken::default();
        let mut begun = self.lock();
        if begun.stopped {
            token.cancel();
        }
        begun.tokens.push_back((Instant::now() + self.timeout, token.clone()));
        token
    }

    /// Ends the queries whose time is up; those that have ended do not notice.
    pub(super) fn look(&self, now: Instant) {
        let mut begun = self.lock();
        while begun.tokens.front().is_some_and(|(deadline, _)| *deadline <= now) {
            if let Some((_, token)) = begun.tokens.pop_front() {
                token.time_out();
            }
        }
    }

    /// Ends all queries, and those that begin later.
    pub(super) fn stop(&self) {
        let mut begun = self.lock();
        begun.stopped = true;
        begun.tokens.drain(..).for_each(|(_, token)| token.cancel());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use narthex_promql::testing::MemoryStore;
    use narthex_promql::{Engine, EngineError, QueryOptions};

    fn run(token: &CancelToken) -> Result<(), EngineError> {
        let options = QueryOptions { cancel: token.clone(), ..QueryOptions::default() };
        Engine::default().instant(&MemoryStore::default(), "sum(x)", 0, &options).map(drop)
    }

    #[test]
    fn queries_end_at_their_time_and_at_a_stop() {
        let dog = Watchdog::new(Duration::from_secs(60));
        let token = dog.token();
        dog.look(Instant::now());
        assert!(run(&token).is_ok());
        dog.look(Instant::now() + Duration::from_secs(61));
        assert!(matches!(run(&token), Err(EngineError::Timeout)));
        let running = dog.token();
        dog.stop();
        for token in [running, dog.token()] {
            assert!(matches!(run(&token), Err(EngineError::Canceled)));
        }
    }
}
