//! The list of queries that wait or run, and the way to end one.

use super::shape::cut;
use narthex_promql::{CancelToken, Progress};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// Longest part of a `User-Agent` that is kept, bytes.
const AGENT_MAX: usize = 200;

/// What is evaluated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// At one time.
    Instant,
    /// At many times.
    Range,
    /// At one or many times, for its cost.
    Explain,
    /// At many times, for the alerts that would have been.
    Backtest,
    /// No expression: the samples of selectors as they are stored.
    Samples,
}

impl Kind {
    /// As the API names it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Instant => "instant",
            Self::Range => "range",
            Self::Explain => "explain",
            Self::Backtest => "backtest",
            Self::Samples => "samples",
        }
    }
}

/// How far a query is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Waits for its turn.
    Queued,
    /// Is evaluated.
    Running,
    /// Its answer is on its way.
    Sending,
}

impl State {
    /// As the API names it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Sending => "sending",
        }
    }
}

/// Who asks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Client {
    /// Address without the port.
    pub address: String,
    /// What the client calls itself.
    pub agent: String,
    /// Method of the request.
    pub method: String,
    /// Path of the request.
    pub path: String,
}

impl Client {
    /// A client; a long `agent` is cut.
    #[must_use]
    pub fn new(address: String, agent: &str, method: &str, path: &str) -> Self {
        Self {
            address,
            agent: cut(agent, AGENT_MAX).to_owned(),
            method: method.to_owned(),
            path: path.to_owned(),
        }
    }

    /// The program, without its version and remarks.
    #[must_use]
    pub fn source(&self) -> &str {
        match self.agent.split(['/', ' ']).next() {
            Some(name) if !name.is_empty() => name,
            _ => "unknown",
        }
    }
}

/// A query as it was asked.
#[derive(Debug, Clone)]
pub struct Spec {
    /// The expression.
    pub text: String,
    /// What is evaluated.
    pub kind: Kind,
    /// First time, ms since the epoch.
    pub start: i64,
    /// Last time, ms.
    pub end: i64,
    /// Between two times, ms; 0 for one time.
    pub step: i64,
    /// Who asks.
    pub client: Client,
    /// The wall clock when it came, ms since the epoch.
    pub received_ms: i64,
}

impl Spec {
    /// How many times it is evaluated at.
    #[must_use]
    pub fn steps(&self) -> usize {
        let after_first = self.end.saturating_sub(self.start).checked_div(self.step).unwrap_or(0);
        usize::try_from(after_first).unwrap_or(0) + 1
    }
}

/// A query that waits or runs.
#[derive(Debug)]
pub struct Running {
    /// Names it; never used twice by a process.
    pub id: u64,
    /// As it was asked.
    pub spec: Spec,
    /// Its figures.
    pub progress: Arc<Progress>,
    /// Ends its evaluation.
    pub cancel: CancelToken,
    begun: Instant,
    state: AtomicU8,
    killed: AtomicBool,
    wake: Notify,
}

impl Running {
    /// How long it has been here.
    #[must_use]
    pub fn age(&self) -> Duration {
        self.begun.elapsed()
    }

    /// How far it is.
    #[must_use]
    pub fn state(&self) -> State {
        match self.state.load(Ordering::Relaxed) {
            0 => State::Queued,
            1 => State::Running,
            _ => State::Sending,
        }
    }

    pub(super) fn set_state(&self, state: State) {
        self.state.store(state as u8, Ordering::Relaxed);
    }

    /// Ends the query, wherever it is.
    pub fn kill(&self) {
        self.killed.store(true, Ordering::Release);
        self.cancel.cancel();
        self.wake.notify_waiters();
    }

    /// Whether somebody ended it.
    #[must_use]
    pub fn is_killed(&self) -> bool {
        self.killed.load(Ordering::Acquire)
    }

    /// Comes back when somebody ends it.
    pub async fn ended(&self) {
        let woken = self.wake.notified();
        tokio::pin!(woken);
        // Enlisted before the flag is read, so that an end in between is not missed.
        woken.as_mut().enable();
        if !self.is_killed() {
            woken.await;
        }
    }
}

/// Queries that wait or run, in the order in which they came.
#[derive(Debug, Default)]
pub struct Registry {
    queries: Mutex<BTreeMap<u64, Arc<Running>>>,
    last: AtomicU64,
}

impl Registry {
    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<u64, Arc<Running>>> {
        self.queries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn add(&self, spec: Spec) -> Arc<Running> {
        let running = Arc::new(Running {
            id: self.last.fetch_add(1, Ordering::Relaxed) + 1,
            spec,
            progress: Arc::default(),
            cancel: CancelToken::default(),
            begun: Instant::now(),
            state: AtomicU8::new(State::Queued as u8),
            killed: AtomicBool::new(false),
            wake: Notify::new(),
        });
        self.lock().insert(running.id, running.clone());
        running
    }

    pub(super) fn remove(&self, id: u64) {
        self.lock().remove(&id);
    }

    /// Everything on the list, oldest first.
    #[must_use]
    pub fn all(&self) -> Vec<Arc<Running>> {
        self.lock().values().cloned().collect()
    }

    /// The query of this number.
    #[must_use]
    pub fn get(&self, id: u64) -> Option<Arc<Running>> {
        self.lock().get(&id).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(text: &str) -> Spec {
        Spec {
            text: text.to_owned(),
            kind: Kind::Instant,
            start: 0,
            end: 0,
            step: 0,
            client: Client::default(),
            received_ms: 0,
        }
    }

    #[tokio::test]
    async fn a_query_that_is_ended_wakes_whoever_waits_before_or_after() {
        let registry = Registry::default();
        let (a, b) = (registry.add(spec("a")), registry.add(spec("b")));
        assert_eq!(registry.all().iter().map(|q| q.id).collect::<Vec<_>>(), [1, 2]);
        let waiting = tokio::spawn({
            let a = a.clone();
            async move { a.ended().await }
        });
        tokio::task::yield_now().await;
        a.kill();
        waiting.await.unwrap();
        a.ended().await;
        assert!(!b.is_killed());
        registry.remove(1);
        assert!(registry.get(1).is_none() && registry.get(2).is_some());
    }

    #[test]
    fn a_client_is_named_by_its_program() {
        for (agent, source) in [
            ("Grafana/10.1 (x)", "Grafana"),
            ("curl", "curl"),
            ("", "unknown"),
            ("Mozilla/5.0 (X11)", "Mozilla"),
        ] {
            assert_eq!(Client::new(String::new(), agent, "GET", "/").source(), source);
        }
        assert_eq!(Client::new(String::new(), &"é".repeat(300), "GET", "/").agent.len(), AGENT_MAX);
    }
}
