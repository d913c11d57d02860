//! Queries as the server sees them: who waits, who runs, who ran, and what they may use.
//!
//! A query enters, waits for its turn, runs and leaves; what is held for it (its place in the list, its slot,
//! its line in the tracker's file) goes with its [`Ticket`].

pub mod log;
pub mod memory;
pub mod registry;
pub mod shape;
pub mod slots;
pub mod top;
pub mod tracker;
pub mod usage;

use crate::telemetry::Telemetry;
use crate::telemetry::engine::Slice;
use log::{Entry, QueryLog};
use narthex_promql::MemoryPool;
use registry::{Registry, Running, Spec, State};
use slots::{Slot, SlotError, Slots};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use top::{Finished, Top};
use tracker::Tracker;

/// What queries may use together, and each for itself.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Longest that a query may take, waiting included.
    pub timeout: Duration,
    /// Queries at once.
    pub concurrent: usize,
    /// Queries that may wait for a slot.
    pub waiting: usize,
    /// Points per series of a range query.
    pub points: u64,
    /// Memory that all running queries share.
    pub pool: Arc<MemoryPool>,
}

/// Everything that the server knows of its queries.
#[derive(Debug)]
pub struct Queries {
    /// What queries may use.
    pub limits: Limits,
    /// Queries that wait or run.
    pub registry: Registry,
    /// The last day's queries by shape.
    pub top: Top,
    /// The file that every query is noted in.
    pub log: QueryLog,
    slots: Slots,
    tracker: Option<Tracker>,
    telemetry: Arc<Telemetry>,
}

/// How a query ended.
#[derive(Debug, Clone, Copy)]
pub struct End<'a> {
    /// Time of the evaluation.
    pub evaluation: Duration,
    /// The error that the client reads, if it failed.
    pub error: Option<&'a str>,
    /// Stored samples that it went through.
    pub samples: u64,
    /// Most samples that it held at once.
    pub peak_samples: u64,
    /// The text was no query: it counts nowhere.
    pub refused: bool,
    /// The wall clock, ms since the epoch.
    pub now_ms: i64,
}

impl Queries {
    /// No queries yet. `dir` is where the tracker's file lies; queries that were under way when the process
    /// died are logged.
    #[must_use]
    pub fn new(limits: Limits, dir: &Path, telemetry: Arc<Telemetry>) -> Self {
        telemetry.engine.concurrent_max.set(limits.concurrent as f64);
        Self {
            registry: Registry::default(),
            top: Top::default(),
            log: QueryLog::default(),
            slots: Slots::new(limits.concurrent, limits.waiting, limits.pool.clone()),
            tracker: Tracker::open(dir, limits.concurrent),
            limits,
            telemetry,
        }
    }

    /// Turns the query log on, to another file, or off; a file that is open is opened anew.
    ///
    /// # Errors
    /// The file cannot be opened; what was there before stays.
    pub fn set_log(&self, path: Option<&Path>) -> std::io::Result<()> {
        self.log.set(path)?;
        self.telemetry.engine.log_enabled.set(f64::from(u8::from(path.is_some())));
        Ok(())
    }

    /// Takes a query into the list, as one that waits.
    #[must_use]
    pub fn enter(self: &Arc<Self>, spec: Spec) -> Ticket {
        self.telemetry.engine.enter();
        Ticket {
            running: self.registry.add(spec),
            queries: self.clone(),
            begun: Instant::now(),
            waited: Duration::ZERO,
            slot: None,
            line: None,
        }
    }
}

/// A query's way through the server; dropping it takes the query off the list.
#[derive(Debug)]
pub struct Ticket {
    /// As others see the query.
    pub running: Arc<Running>,
    queries: Arc<Queries>,
    begun: Instant,
    waited: Duration,
    slot: Option<Slot>,
    line: Option<tracker::Line>,
}

impl Ticket {
    /// Waits for the query's turn, which comes in the order of [`Queries::enter`]'s callers.
    ///
    /// # Errors
    /// The deadline passed, the query was ended, or too many wait.
    pub async fn wait(&mut self, deadline: Instant) -> Result<(), SlotError> {
        let taken = self.queries.slots.take(deadline, self.running.ended()).await;
        self.waited = self.begun.elapsed();
        self.queries.telemetry.engine.observe(Slice::QueueTime, self.waited);
        self.slot = Some(taken?);
        self.line = self.queries.tracker.as_ref().and_then(|t| t.note(&self.running.spec.text));
        self.running.set_state(State::Running);
        Ok(())
    }

    /// Notes how the evaluation ended and gives its slot to the next; the query stays in the list until its
    /// answer is sent and the ticket dropped.
    pub fn evaluated(&mut self, end: &End<'_>) {
        self.running.set_state(State::Sending);
        (self.slot, self.line) = (None, None);
        if end.refused {
            return;
        }
        let engine = &self.queries.telemetry.engine;
        engine.observe(Slice::InnerEval, end.evaluation);
        // The engine parses, plans and sorts within the evaluation; the slices are there for those who add them up.
        engine.observe(Slice::PrepareTime, Duration::ZERO);
        engine.observe(Slice::ResultSort, Duration::ZERO);
        engine.samples.add(end.samples);
        let spec = &self.running.spec;
        self.queries.top.add(&Finished {
            text: &spec.text,
            seconds: end.evaluation.as_secs_f64(),
            samples: end.samples,
            peak_bytes: self.running.progress.bytes_peak(),
            failed: end.error.is_some(),
            source: spec.client.source(),
            now_ms: end.now_ms,
        });
        self.note(end);
    }

    /// Notes that the query left the queue without having run.
    pub fn gave_up(&mut self, error: &str, now_ms: i64) {
        let end = End {
            evaluation: Duration::ZERO,
            error: Some(error),
            samples: 0,
            peak_samples: 0,
            refused: false,
            now_ms,
        };
        self.note(&end);
    }

    /// How long the query waited for its turn.
    #[must_use]
    pub fn waited(&self) -> Duration {
        self.waited
    }

    fn note(&self, end: &End<'_>) {
        if !self.queries.log.is_on() {
            return;
        }
        let entry = Entry { spec: &self.running.spec, end, waited: self.waited };
        if let Err(error) = self.queries.log.write(&entry) {
            self.queries.telemetry.engine.log_failures.add(1);
            tracing::error!(%error, "can't log query");
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.queries.registry.remove(self.running.id);
        self.queries.telemetry.engine.leave();
    }
}
