//! All jobs: follows the configuration and discovery, and shows the state of every target.

use super::append::MetadataEntry;
use super::attempt::{self, Attempt};
use super::pool::{Pool, SeriesLimit};
use super::scrape_loop::{Handle, Health, LastScrape, Order};
use super::store::Store;
use super::target::offset_seed;
use crate::config::{Config, ScrapeConfig};
use crate::discovery::SubscriptionSet;
use crate::discovery::manager::{Providers, changed};
use crate::settings::duration::format_duration;
use crate::telemetry::metrics::Page;
use crate::telemetry::{Collect, Telemetry};
use narthex_storage::{Labels, SeriesBudget};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tracing::error;

/// Discovery that changes all the time makes a job look at its targets no more often than this.
const PACE: Duration = Duration::from_secs(1);

/// So many targets are tried at once: each may take the memory of the largest page that is let in.
const ATTEMPTS_AT_ONCE: usize = 2;

/// A target as the API shows it.
#[derive(Debug, Clone)]
pub struct TargetView {
    /// Labels before relabelling.
    pub discovered_labels: Labels,
    /// Labels of its samples.
    pub labels: Labels,
    /// Its job.
    pub scrape_pool: String,
    /// Where its page is.
    pub scrape_url: String,
    /// Why the last scrape failed; empty when it did not.
    pub last_error: String,
    /// When it was scraped last, ms; 0 for never.
    pub last_scrape_ms: i64,
    /// How long that took, seconds.
    pub last_duration_s: f64,
    /// How it went.
    pub health: Health,
    /// Time from scrape to scrape.
    pub interval: String,
    /// A scrape's time limit.
    pub timeout: String,
}

/// A dropped target as the API shows it.
#[derive(Debug, Clone)]
pub struct DroppedView {
    /// Labels before relabelling.
    pub discovered_labels: Labels,
    /// Its job.
    pub scrape_pool: String,
}

/// What a target says about its metrics.
#[derive(Debug, Clone)]
pub struct TargetMetadata {
    /// The target.
    pub labels: Labels,
    /// Its metrics, by name.
    pub entries: Vec<MetadataEntry>,
}

/// What holds for all jobs.
#[derive(Debug, Clone, Copy)]
pub struct ManagerSettings {
    /// Every series gets `__type__` and `__unit__`.
    pub type_and_unit: bool,
    /// Series that a job without a limit of its own may bring, 0 for any number.
    pub max_series_per_job: u64,
}

/// Runs the jobs of the configuration in force.
pub struct ScrapeManager {
    store: Store,
    telemetry: Arc<Telemetry>,
    providers: Arc<Providers>,
    host: String,
    type_and_unit: bool,
    max_series_per_job: u64,
    jobs: Mutex<BTreeMap<String, Job>>,
    /// Loops of jobs that are gone, until their series have ended.
    retiring: Mutex<Vec<Handle>>,
    /// Turns of those who try targets.
    attempts: Semaphore,
}

struct Job {
    pool: Pool,
    discovered: SubscriptionSet,
    follower: Option<JoinHandle<()>>,
}

impl Drop for Job {
    fn drop(&mut self) {
        if let Some(follower) = &self.follower {
            follower.abort();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl ScrapeManager {
    /// A manager without jobs. `host` is this machine's name.
    #[must_use]
    pub fn new(
        store: Store,
        telemetry: Arc<Telemetry>,
        providers: Arc<Providers>,
        host: String,
        settings: ManagerSettings,
    ) -> Arc<Self> {
        let ManagerSettings { type_and_unit, max_series_per_job } = settings;
        let (jobs, retiring) = (Mutex::default(), Mutex::default());
        Arc::new(Self {
            store,
            telemetry,
            providers,
            host,
            type_and_unit,
            max_series_per_job,
            jobs,
            retiring,
            attempts: Semaphore::new(ATTEMPTS_AT_ONCE),
        })
    }

    /// Follows a configuration: jobs and targets that stay go on undisturbed.
    pub fn apply_config(self: &Arc<Self>, config: &Config) {
        // Alone with its host a server has nothing to spread its scrapes for.
        let seed = (!config.zero).then(|| offset_seed(&self.host, &config.external_labels));
        let mut jobs = lock(&self.jobs);
        let names: Vec<&str> = config.scrape_configs.iter().map(|c| c.job_name.as_str()).collect();
        self.providers.metrics().begin("scrape", &names);
        self.telemetry.scrape.retain(|job| names.contains(&job));
        let gone: Vec<String> = jobs.keys().filter(|name| !names.contains(&name.as_str())).cloned().collect();
        for name in gone {
            if let Some(mut job) = jobs.remove(&name) {
                lock(&self.retiring).append(&mut job.pool.close(true));
            }
        }
        lock(&self.retiring).retain(|handle| !handle.is_finished());
        for scrape in &config.scrape_configs {
            if let Err(reason) = self.apply_job(&mut jobs, scrape, seed) {
                error!(
                    scrape_pool = scrape.job_name,
                    error = reason,
                    "error creating or reloading scrape pool"
                );
            }
        }
    }

    fn apply_job(
        self: &Arc<Self>,
        jobs: &mut BTreeMap<String, Job>,
        scrape: &ScrapeConfig,
        seed: Option<u64>,
    ) -> Result<(), String> {
        let config = Arc::new(scrape.clone());
        let (metrics, begin, mut reloaded) = (&self.telemetry.scrape, Instant::now(), false);
        let job = match jobs.entry(scrape.job_name.clone()) {
            std::collections::btree_map::Entry::Occupied(entry) => {
                let job = entry.into_mut();
                let changed = *config != **job.pool.config();
                metrics.reloads.add(u64::from(changed));
                job.pool
                    .reconfigure(config, seed)
                    .inspect_err(|_| metrics.reloads_failed.add(u64::from(changed)))?;
                reloaded = changed;
                job
            }
            std::collections::btree_map::Entry::Vacant(entry) => {
                let budget = SeriesBudget::new(None);
                self.telemetry.budgets.add_job(&scrape.job_name, &budget);
                let limit = SeriesLimit { budget, default: self.max_series_per_job };
                metrics.pools.add(1);
                let pool = Pool::new(config, seed, self.type_and_unit, limit)
                    .inspect_err(|_| metrics.pools_failed.add(1))?;
                let discovered = SubscriptionSet::new("scrape", &scrape.job_name);
                entry.insert(Job { pool, discovered, follower: None })
            }
        };
        job.discovered.apply(&self.providers, &scrape.discovery);
        job.sync(self);
        if reloaded {
            metrics.reloaded(scrape.common.interval_ms, begin.elapsed().as_secs_f64());
        }
        self.follow(job, &scrape.job_name);
        Ok(())
    }

    /// Syncs the job whenever its discovery has news.
    fn follow(self: &Arc<Self>, job: &mut Job, name: &str) {
        let mut listeners = job.discovered.listeners();
        let (name, manager) = (name.to_owned(), Arc::downgrade(self));
        let delayed = self.providers.metrics().delayed("scrape");
        let follower = tokio::spawn(async move {
            loop {
                changed(&mut listeners).await;
                let Some(manager) = manager.upgrade() else { return };
                if let Some(job) = lock(&manager.jobs).get_mut(&name) {
                    job.sync(&manager);
                }
                drop(manager);
                tokio::time::sleep(PACE).await;
                let waited = listeners.iter().filter(|one| one.has_changed().unwrap_or(false));
                delayed.add(waited.count() as u64);
            }
        });
        if let Some(former) = job.follower.replace(follower) {
            former.abort();
        }
    }

    /// The targets that are, or ought to be, scraped: by job, then by URL.
    #[must_use]
    pub fn targets_active(&self) -> Vec<TargetView> {
        let jobs = lock(&self.jobs);
        let mut views = Vec::new();
        for (name, job) in jobs.iter() {
            for active in job.pool.active() {
                let last = match &active.handle {
                    Some(handle) => handle.state.last(),
                    None => LastScrape {
                        health: Health::Down,
                        error: active.refused.clone(),
                        ..LastScrape::default()
                    },
                };
                let target = &active.target;
                views.push(TargetView {
                    discovered_labels: target.discovered.clone(),
                    labels: target.labels.clone(),
                    scrape_pool: name.clone(),
                    scrape_url: target.url_text.clone(),
                    last_error: last.error,
                    last_scrape_ms: last.at_ms,
                    last_duration_s: last.duration_s,
                    health: last.health,
                    interval: format_duration(target.interval_ms),
                    timeout: format_duration(target.timeout_ms),
                });
            }
        }
        views.sort_by(|a, b| (&a.scrape_pool, &a.labels).cmp(&(&b.scrape_pool, &b.labels)));
        views
    }

    /// The dropped targets that are remembered.
    #[must_use]
    pub fn targets_dropped(&self) -> Vec<DroppedView> {
        let jobs = lock(&self.jobs);
        let views = jobs.iter().flat_map(|(name, job)| {
            let view = |labels: &Labels| DroppedView {
                discovered_labels: labels.clone(),
                scrape_pool: name.clone(),
            };
            job.pool.dropped().0.iter().map(view)
        });
        views.collect()
    }

    /// How many targets of each job were dropped, remembered or not.
    #[must_use]
    pub fn dropped_counts(&self) -> BTreeMap<String, usize> {
        lock(&self.jobs).iter().map(|(name, job)| (name.clone(), job.pool.dropped().1)).collect()
    }

    /// Names of the jobs, sorted.
    #[must_use]
    pub fn scrape_pools(&self) -> Vec<String> {
        lock(&self.jobs).keys().cloned().collect()
    }

    /// The configuration of a job.
    #[must_use]
    pub fn pool_config(&self, name: &str) -> Option<Arc<ScrapeConfig>> {
        lock(&self.jobs).get(name).map(|job| job.pool.config().clone())
    }

    /// Asks a target, named by its job and the labels that discovery gave it, for its page now; nothing is stored.
    /// `None` when the job has no such target.
    pub async fn attempt(&self, job: &str, discovered: &Labels) -> Option<Attempt> {
        let plan = lock(&self.jobs).get(job)?.pool.plan_of(discovered)?;
        // The semaphore is never closed.
        let _turn = self.attempts.acquire().await;
        Some(attempt::run(&plan).await)
    }

    /// What the active targets say about their metrics.
    #[must_use]
    pub fn metadata(&self) -> Vec<TargetMetadata> {
        let states: Vec<_> = {
            let jobs = lock(&self.jobs);
            let active = jobs.values().flat_map(|job| job.pool.active());
            let state = |active: &super::pool::Active| {
                active.handle.as_ref().map(|h| (active.target.labels.clone(), h.state.clone()))
            };
            active.filter_map(state).collect()
        };
        states
            .into_iter()
            .map(|(labels, state)| TargetMetadata { labels, entries: state.metadata() })
            .collect()
    }

    /// Ends all loops, without ending any series: the server comes back.
    pub async fn stop(&self) {
        let jobs = std::mem::take(&mut *lock(&self.jobs));
        let mut handles = std::mem::take(&mut *lock(&self.retiring));
        handles.iter().for_each(|handle| handle.order(Order::Stop));
        for (_, mut job) in jobs {
            handles.append(&mut job.pool.close(false));
        }
        for handle in handles {
            handle.join().await;
        }
    }
}

/// What jobs hold at the moment.
impl Collect for ScrapeManager {
    fn collect(&self, page: &mut Page) {
        let jobs = lock(&self.jobs);
        if jobs.is_empty() {
            return;
        }
        let sizes: Vec<(&str, (usize, usize))> = jobs
            .iter()
            .map(|(name, job)| {
                let handles = job.pool.active().filter_map(|active| active.handle.as_ref());
                let sizes = handles.map(|handle| handle.state.metadata_size());
                (name.as_str(), sizes.fold((0, 0), |sum, size| (sum.0 + size.0, sum.1 + size.1)))
            })
            .collect();
        let name = "prometheus_target_metadata_cache_entries";
        page.family(name, "gauge", "Total number of metric metadata entries in the cache");
        for (job, (entries, _)) in &sizes {
            page.sample(name, &[("scrape_job", job)], *entries as f64);
        }
        let name = "prometheus_target_metadata_cache_bytes";
        page.family(
            name,
            "gauge",
            "The number of bytes that are currently used for storing metric metadata in the cache",
        );
        for (job, (_, bytes)) in &sizes {
            page.sample(name, &[("scrape_job", job)], *bytes as f64);
        }
    }
}

impl std::fmt::Debug for ScrapeManager {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ScrapeManager").field("jobs", &self.scrape_pools()).finish_non_exhaustive()
    }
}

impl Job {
    fn sync(&mut self, manager: &ScrapeManager) {
        let fixed = &self.pool.config().static_configs;
        let groups = self.discovered.groups(manager.providers.metrics(), fixed);
        self.pool.sync(&manager.store, &manager.telemetry, &groups);
    }
}
