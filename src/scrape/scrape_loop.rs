//! The life of one target: a scrape at its place in every interval, until it is gone.

use super::append::{Report, ScrapeAppender, ScrapeError, ScrapeSettings};
use super::buffers;
use super::fetch::{self, FetchError};
use super::held::Held;
use super::store::Store;
use super::target::Target;
use crate::http::HttpClient;
use crate::http::kept::Kept;
use crate::telemetry::Telemetry;
use crate::telemetry::budget::TargetRefusals;
use crate::telemetry::scrape::Distance;
use http::HeaderMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;
use tracing::{debug, error, warn};

/// Pages larger than this are parsed where they hold nobody up, bytes. That takes another thread, which costs more
/// than a page that is read within a millisecond.
const INLINE_MAX: usize = 1 << 20;

/// How a target is scraped; a reload may give a new one.
pub struct Plan {
    /// The job as the configuration names it.
    pub job: String,
    /// The target.
    pub target: Target,
    /// Connection.
    pub client: Arc<HttpClient>,
    /// Headers of every request.
    pub headers: HeaderMap,
    /// Limit of a page, bytes.
    pub body_limit: u64,
    /// How pages are taken.
    pub settings: ScrapeSettings,
    /// What tells this server's scrapes from a replica's; `None` begins at once.
    pub seed: Option<u64>,
}

/// Whether a target answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Health {
    /// Not scraped yet.
    #[default]
    Unknown,
    /// The last scrape succeeded.
    Up,
    /// The last scrape failed.
    Down,
}

impl Health {
    /// As the API names it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Up => "up",
            Self::Down => "down",
        }
    }
}

/// The last scrape.
#[derive(Debug, Clone, Default)]
pub struct LastScrape {
    /// How it went.
    pub health: Health,
    /// Why it failed; empty when it did not.
    pub error: String,
    /// When, ms; 0 for never.
    pub at_ms: i64,
    /// How long it took, seconds.
    pub duration_s: f64,
}

/// What others may see of a running target.
pub struct TargetState {
    last: Mutex<LastScrape>,
    /// `None` until the database is open.
    appender: Mutex<Option<ScrapeAppender>>,
    /// Metrics with metadata, and the bytes of it.
    metadata_size: Mutex<(usize, usize)>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl TargetState {
    /// The last scrape.
    #[must_use]
    pub fn last(&self) -> LastScrape {
        lock(&self.last).clone()
    }

    /// How many metrics have metadata, and the bytes of it.
    #[must_use]
    pub fn metadata_size(&self) -> (usize, usize) {
        *lock(&self.metadata_size)
    }

    fn note_metadata(&self, entries: &[super::append::MetadataEntry]) {
        let bytes = entries.iter().map(|e| e.metric.len() + e.help.len() + e.unit.len()).sum();
        *lock(&self.metadata_size) = (entries.len(), bytes);
    }

    /// Metadata of the last good page.
    #[must_use]
    pub fn metadata(&self) -> Vec<super::append::MetadataEntry> {
        lock(&self.appender).as_ref().map(ScrapeAppender::metadata).unwrap_or_default()
    }
}

/// What is asked of a loop.
#[derive(Clone)]
pub enum Order {
    /// Go on, as the plan says.
    Run(Arc<Plan>),
    /// The target is gone: end its series.
    Retire,
    /// The server stops.
    Stop,
}

/// A running loop.
pub struct Handle {
    /// What it shows.
    pub state: Arc<TargetState>,
    orders: watch::Sender<Order>,
    task: tokio::task::JoinHandle<()>,
}

impl Handle {
    /// Starts a loop.
    ///
    /// # Errors
    /// The store takes no more series.
    pub fn start(store: &Store, telemetry: Arc<Telemetry>, plan: Arc<Plan>) -> Result<Self, String> {
        let appender = store.get().map(|db| ScrapeAppender::new(&db, plan.settings.clone()));
        let appender = appender.transpose().map_err(|e| e.to_string())?;
        let state = Arc::new(TargetState {
            last: Mutex::default(),
            appender: Mutex::new(appender),
            metadata_size: Mutex::default(),
        });
        let label = |name: &str| plan.target.labels.get(name).unwrap_or_default();
        let refusals = telemetry.budgets.add_target(&plan.job, label("job"), label("instance"));
        let (orders, receiver) = watch::channel(Order::Run(plan));
        let (store, held, kept) = (store.clone(), Vec::new(), Kept::default());
        let run = Loop { store, telemetry, state: state.clone(), refusals, held, kept };
        Ok(Self { state, orders, task: tokio::spawn(run.run(receiver)) })
    }

    /// Gives the loop a new plan, or ends it.
    pub fn order(&self, order: Order) {
        self.orders.send_replace(order);
    }

    /// Whether the loop has ended.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.task.is_finished()
    }

    /// Waits for the end of a loop that was told to stop.
    pub async fn join(self) {
        // A loop that panicked has ended too; the hook has logged it.
        let _ = self.task.await;
    }
}

struct Loop {
    store: Store,
    telemetry: Arc<Telemetry>,
    state: Arc<TargetState>,
    refusals: Arc<TargetRefusals>,
    /// What was scraped while the database was opening.
    held: Vec<Held>,
    /// The connection to the target.
    kept: Kept,
}

/// Scrapes at `start_ms + k * interval`: the same instants by the clock that cannot be set.
struct Schedule {
    start: Instant,
    start_ms: i64,
    interval_ms: i64,
    tick: i64,
}

impl Schedule {
    fn new(target: &Target, seed: Option<u64>) -> Self {
        let (now, since) = (Instant::now(), since_epoch());
        let interval_ms = target.interval_ms.max(1);
        let now_ms = ms(since);
        let Some(seed) = seed else { return Self { start: now, start_ms: now_ms, interval_ms, tick: 0 } };
        let wait = (target.offset_ms(seed) - now_ms).rem_euclid(interval_ms);
        let start_ms = now_ms + wait;
        // To the microsecond: those that begin at one tick begin at once.
        let start = now + millis(start_ms).saturating_sub(since);
        Self { start, start_ms, interval_ms, tick: 0 }
    }

    fn at(&self, tick: i64) -> Instant {
        self.start + millis(tick.saturating_mul(self.interval_ms))
    }

    /// The time of the scrape: that of the schedule, when it is hardly late.
    fn timestamp(&self, now_ms: i64) -> i64 {
        let planned = self.start_ms + self.tick * self.interval_ms;
        let tolerance = (self.interval_ms / 100).min(2);
        if (now_ms - planned).abs() <= tolerance { planned } else { now_ms }
    }

    /// Moves on to the next tick that is not over: missed ones are skipped, never made up for.
    fn advance(&mut self) {
        let elapsed = Instant::now().saturating_duration_since(self.start).as_millis();
        let over = i64::try_from(elapsed).unwrap_or(i64::MAX) / self.interval_ms;
        self.tick = (self.tick + 1).max(over);
        if self.at(self.tick) < Instant::now() {
            self.tick += 1;
        }
    }
}

fn millis(ms: i64) -> Duration {
    Duration::from_millis(u64::try_from(ms).unwrap_or(0))
}

fn since_epoch() -> Duration {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default()
}

fn ms(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

fn now_ms() -> i64 {
    ms(since_epoch())
}

impl Loop {
    async fn run(mut self, mut orders: watch::Receiver<Order>) {
        let Order::Run(mut plan) = orders.borrow_and_update().clone() else { return };
        let mut schedule = Schedule::new(&plan.target, plan.seed);
        let mut distance = Distance::default();
        loop {
            let order = tokio::select! {
                biased;
                changed = orders.changed() => match changed {
                    Ok(()) => Some(orders.borrow_and_update().clone()),
                    // Whoever gives the orders is gone: the server stops.
                    Err(_) => Some(Order::Stop),
                },
                () = self.store.opened(), if !self.held.is_empty() => {
                    self.take_held(&plan);
                    continue;
                }
                () = tokio::time::sleep_until(schedule.at(schedule.tick)) => None,
            };
            match order {
                None => {
                    let at = schedule.timestamp(now_ms());
                    distance.tick(&self.telemetry.scrape, plan.target.interval_ms);
                    self.scrape(&plan, at).await;
                    schedule.advance();
                }
                Some(Order::Run(next)) => {
                    let timing = (plan.target.interval_ms, plan.seed) != (next.target.interval_ms, next.seed);
                    self.replan(&next);
                    if !(Arc::ptr_eq(&plan.client, &next.client) && plan.target.url == next.target.url) {
                        self.kept = Kept::default();
                    }
                    plan = next;
                    if timing {
                        schedule = Schedule::new(&plan.target, plan.seed);
                    }
                }
                Some(Order::Retire) => return self.retire(&schedule, orders).await,
                Some(Order::Stop) => return,
            }
        }
    }

    /// Goes on with what is known of the series where that still holds.
    fn replan(&self, plan: &Plan) {
        let mut guard = lock(&self.state.appender);
        // One that is yet to be made follows the new plan.
        let (Some(appender), Some(db)) = (guard.as_mut(), self.store.get()) else { return };
        if appender.continues(&plan.settings) {
            appender.set_settings(plan.settings.clone());
            return;
        }
        match ScrapeAppender::new(&db, plan.settings.clone()) {
            Ok(fresh) => {
                let mut old = std::mem::replace(appender, fresh);
                drop(guard);
                if let Err(error) = old.end_of_run(now_ms()) {
                    warn!(%error, "cannot end the series of the old configuration");
                }
            }
            Err(error) => warn!(%error, "cannot follow the new configuration"),
        }
    }

    async fn scrape(&mut self, plan: &Plan, timestamp: i64) {
        let started = Instant::now();
        let limit = millis(plan.target.timeout_ms);
        let mut page = Vec::new();
        let fetching = fetch::fetch(
            (&plan.client, &mut self.kept),
            &plan.target.url,
            &plan.headers,
            plan.body_limit,
            &mut page,
        );
        let fetched = match tokio::time::timeout(limit, fetching).await {
            Ok(fetched) => fetched,
            Err(_) => Err(FetchError::Timeout(plan.target.url_text.clone())),
        };
        if self.store.get().is_none() {
            self.held.extend(Held::new(timestamp, started.elapsed(), fetched, &page));
            buffers::PAGES.give_back(page);
            return;
        }
        self.take_held(plan);
        let take = |page: &[u8]| self.take(plan, timestamp, started, fetched, page);
        if page.len() > INLINE_MAX {
            tokio::task::block_in_place(|| take(&page))
        } else {
            take(&page)
        }
        buffers::PAGES.give_back(page);
    }

    /// Stores what was scraped while the database was opening.
    fn take_held(&mut self, plan: &Plan) {
        for mut held in std::mem::take(&mut self.held) {
            let now = Instant::now();
            let started = now.checked_sub(held.took).unwrap_or(now);
            let fetched = std::mem::replace(&mut held.fetched, Ok(None));
            tokio::task::block_in_place(|| self.take(plan, held.timestamp, started, fetched, &held.page()));
        }
    }

    /// The appender, made now if the database was not open before.
    fn appender(&self, plan: &Plan) -> Result<MutexGuard<'_, Option<ScrapeAppender>>, String> {
        let mut guard = lock(&self.state.appender);
        if guard.is_none()
            && let Some(db) = self.store.get()
        {
            *guard = Some(ScrapeAppender::new(&db, plan.settings.clone()).map_err(|e| e.to_string())?);
        }
        Ok(guard)
    }

    /// Parses and stores a page, and reports.
    fn take(
        &self,
        plan: &Plan,
        timestamp: i64,
        started: Instant,
        fetched: Result<Option<String>, FetchError>,
        page: &[u8],
    ) {
        self.telemetry.scrapes.add(1);
        let target = &plan.target.url_text;
        let mut guard = match self.appender(plan) {
            Ok(guard) => guard,
            Err(error) => {
                error!(target, %error, "Scrape commit failed");
                return;
            }
        };
        let Some(appender) = guard.as_mut() else { return };
        let body_bytes = match &fetched {
            Ok(_) => page.len() as f64,
            Err(FetchError::TooLarge) => -1.0,
            Err(_) => 0.0,
        };
        let ingested: Result<(), String> = match fetched {
            Ok(content_type) => appender
                .ingest(page, content_type.as_deref(), timestamp)
                .map_err(|e: ScrapeError| e.to_string()),
            Err(error) => {
                appender.begin();
                Err(error.to_string())
            }
        };
        let duration_s = started.elapsed().as_secs_f64();
        let report = Report {
            up: ingested.is_ok(),
            duration_s,
            timeout_s: plan.target.timeout_ms as f64 / 1000.0,
            body_bytes,
        };
        let stored = appender.finish(timestamp, &report);
        let counts = appender.counts();
        if ingested.is_ok() && appender.take_metadata_changed() {
            self.state.note_metadata(&appender.metadata());
        }
        drop(guard);
        if plan.settings.extra_metrics {
            self.telemetry.scrape.whole.observe(started.elapsed().as_secs_f64());
        }
        let target = &plan.target.url_text;
        if let Err(error) = &stored {
            error!(target, %error, "Scrape commit failed");
        }
        if counts.out_of_order + counts.duplicate + counts.out_of_bounds > 0 {
            let (out_of_order, duplicate, out_of_bounds) =
                (counts.out_of_order, counts.duplicate, counts.out_of_bounds);
            warn!(target, out_of_order, duplicate, out_of_bounds, "Some samples of the scrape were dropped");
            self.telemetry.scrape_samples_rejected(
                out_of_order as u64,
                duplicate as u64,
                out_of_bounds as u64,
            );
        }
        if counts.exemplars_out_of_order > 0 {
            let dropped = counts.exemplars_out_of_order;
            warn!(target, dropped, "Exemplars of the scrape were dropped, since they are out of order");
            self.telemetry.exemplars_out_of_order.add(dropped as u64);
        }
        let before = self.refusals.set(counts.refused as u64);
        if counts.refused > 0 && before == 0 {
            let refused = counts.refused;
            warn!(
                target,
                refused, "New series are refused: there is no room for them. Those that are known go on"
            );
        }
        if let Err(error) = &ingested {
            self.telemetry.scrape.refused(error);
            debug!(target, error, "Scrape failed");
        }
        let error = ingested.err().or_else(|| stored.err().map(|e| e.to_string()));
        let health = if error.is_none() { Health::Up } else { Health::Down };
        *lock(&self.state.last) =
            LastScrape { health, error: error.unwrap_or_default(), at_ms: timestamp, duration_s };
    }

    /// Ends the series of a target that is gone, once nobody can have taken it over: after two more ticks
    /// and a little, with the time of the first of them. A server that stops ends nothing.
    async fn retire(self, schedule: &Schedule, mut orders: watch::Receiver<Order>) {
        let first = schedule.start_ms + schedule.tick * schedule.interval_ms;
        let until = schedule.at(schedule.tick + 1) + millis(schedule.interval_ms / 10);
        tokio::select! {
            () = tokio::time::sleep_until(until) => {}
            _ = orders.wait_for(|order| matches!(order, Order::Stop)) => return,
        }
        let mut guard = lock(&self.state.appender);
        let Some(appender) = guard.as_mut() else { return };
        if let Err(error) = appender.end_of_run(first) {
            warn!(%error, "cannot end the series of a target that is gone");
        }
    }
}
