//! Providers at work: equal entries of the configuration share one, and it lives as long as anybody listens.

use super::{
    Context, Discovery, Known, Running, SdMetrics, StaticConfig, TargetGroup, Updates, refresh, static_groups,
};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tracing::error;

/// All providers of the server.
#[derive(Debug)]
pub struct Providers {
    metrics: Arc<SdMetrics>,
    running: Mutex<HashMap<u128, Weak<Provided>>>,
}

/// A provider that runs.
#[derive(Debug)]
struct Provided {
    groups: watch::Receiver<Known>,
    /// `None` when it could not be set up.
    task: Option<JoinHandle<()>>,
}

impl Drop for Provided {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

/// What somebody hears from a provider.
#[derive(Debug, Clone)]
pub struct Subscription {
    identity: u128,
    provided: Arc<Provided>,
}

impl Providers {
    /// Without any provider yet.
    #[must_use]
    pub fn new(metrics: Arc<SdMetrics>) -> Arc<Self> {
        Arc::new(Self { metrics, running: Mutex::default() })
    }

    /// The metrics of discovery.
    #[must_use]
    pub fn metrics(&self) -> &Arc<SdMetrics> {
        &self.metrics
    }

    /// Listens to an entry of the configuration for `config` (the job); starts its provider unless it runs.
    fn subscribe(&self, set: &'static str, config: &str, discovery: &Discovery) -> Subscription {
        let identity = discovery.identity();
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        running.retain(|_, provided| provided.strong_count() > 0);
        let provided = running.get(&identity).and_then(Weak::upgrade).unwrap_or_else(|| {
            let provided = Arc::new(self.start(set, config, discovery));
            running.insert(identity, Arc::downgrade(&provided));
            provided
        });
        Subscription { identity, provided }
    }

    fn start(&self, set: &'static str, config: &str, discovery: &Discovery) -> Provided {
        let context = Context { config: config.to_owned(), metrics: self.metrics.clone() };
        let (updates, groups) = Updates::counted(self.metrics.received(set));
        let task = match discovery.provider().start(&context) {
            Ok(Running::Refresh { mechanism, every_ms, source }) => {
                Some(tokio::spawn(refresh::run(mechanism, every_ms, source, context, updates)))
            }
            Ok(Running::Watch(run)) => Some(tokio::spawn(run(updates))),
            Err(reason) => {
                self.metrics.failed(set);
                error!(
                    discovery = discovery.mechanism(),
                    config,
                    error = reason,
                    "Cannot create service discovery"
                );
                updates.replace(Vec::new());
                None
            }
        };
        Provided { groups, task }
    }
}

/// What one job, or one section of Alertmanagers, hears from all its providers.
#[derive(Debug)]
pub struct SubscriptionSet {
    /// `scrape` or `notify`.
    set: &'static str,
    config: String,
    subscriptions: Vec<Subscription>,
    /// Groups of providers that a reload ended, until those that came instead have answered.
    former: Vec<Arc<TargetGroup>>,
}

impl SubscriptionSet {
    /// Hears nothing yet. `set` is `scrape` or `notify`, `config` the job or section.
    #[must_use]
    pub fn new(set: &'static str, config: &str) -> Self {
        Self { set, config: config.to_owned(), subscriptions: Vec::new(), former: Vec::new() }
    }

    /// Follows the configuration: entries that stay go on undisturbed.
    pub fn apply(&mut self, providers: &Providers, discoveries: &[Discovery]) {
        let wanted = |sub: &Subscription| discoveries.iter().any(|d| d.identity() == sub.identity);
        let (kept, gone): (Vec<_>, Vec<_>) = self.subscriptions.drain(..).partition(wanted);
        self.former.extend(gone.iter().flat_map(Subscription::groups));
        self.subscriptions = kept;
        for discovery in discoveries {
            if !self.subscriptions.iter().any(|sub| sub.identity == discovery.identity()) {
                self.subscriptions.push(providers.subscribe(self.set, &self.config, discovery));
            }
        }
    }

    /// The groups known at present, after those of the configuration itself.
    pub fn groups(&mut self, metrics: &SdMetrics, fixed: &[StaticConfig]) -> Vec<Arc<TargetGroup>> {
        if self.subscriptions.iter().all(Subscription::answered) {
            self.former.clear();
        }
        let mut groups = static_groups(fixed);
        groups.extend(self.subscriptions.iter().flat_map(Subscription::groups));
        groups.extend(self.former.iter().cloned());
        metrics.updated(self.set, &self.config, groups.iter().map(|group| group.targets.len()).sum());
        groups
    }

    /// Listeners, one for each provider: each is told when something changes.
    #[must_use]
    pub fn listeners(&self) -> Vec<watch::Receiver<Known>> {
        self.subscriptions.iter().map(|sub| sub.provided.groups.clone()).collect()
    }
}

impl Subscription {
    fn groups(&self) -> Vec<Arc<TargetGroup>> {
        self.provided
            .groups
            .borrow()
            .as_ref()
            .map(|known| known.values().cloned().collect())
            .unwrap_or_default()
    }

    fn answered(&self) -> bool {
        self.provided.groups.borrow().is_some()
    }
}

/// Ends when any of the listeners has news, or never if there is none to listen to.
pub async fn changed(listeners: &mut [watch::Receiver<Known>]) {
    let waiting = listeners.iter_mut().map(|listener| {
        Box::pin(async move {
            // A provider that has ended has no more news.
            if listener.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        })
    });
    let mut waiting: Vec<_> = waiting.collect();
    std::future::poll_fn(|cx| {
        let ready = waiting.iter_mut().any(|wait| wait.as_mut().poll(cx).is_ready());
        if ready { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
}
