//! All Alertmanagers: follows the configuration and discovery, and hands alerts to their queues.

use super::Alert;
use super::endpoint::{Found, endpoints};
use super::metrics::NotifyMetrics;
use super::queue::{Destination, End, Queue, Sender};
use crate::config::{AlertmanagerConfig, Config, Rule};
use crate::discovery::SubscriptionSet;
use crate::discovery::aws::signer::Signer;
use crate::discovery::manager::{Providers, changed};
use crate::http::HttpClient;
use crate::relabel;
use crate::telemetry::Collect;
use arc_swap::ArcSwap;
use http::Uri;
use narthex_storage::LabelsBuilder;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::task::JoinHandle;
use tracing::error;

/// Discovery that changes all the time changes the Alertmanagers no more often than this.
const PACE: Duration = Duration::from_secs(1);

/// What the command line says.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// Alerts that may wait for an Alertmanager.
    pub capacity: usize,
    /// Alerts in a request, at least 1.
    pub batch: usize,
    /// Send what waits before an end.
    pub drain: bool,
}

/// Alertmanagers as the API shows them, by URL.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Alertmanagers {
    /// Alerts go to these.
    pub active: Vec<String>,
    /// Relabelling dropped these.
    pub dropped: Vec<String>,
}

/// Sends alerts to the Alertmanagers of the configuration in force.
#[derive(Debug)]
pub struct Notifier {
    providers: Arc<Providers>,
    metrics: Arc<NotifyMetrics>,
    settings: Settings,
    state: Mutex<State>,
    /// What [`Self::send`] needs; it never waits for a change of the state.
    route: ArcSwap<Route>,
}

#[derive(Debug, Default)]
struct State {
    sections: Vec<Section>,
    external: Arc<Vec<(String, String)>>,
    relabel: Arc<Vec<Rule>>,
    next_id: u64,
}

/// A section of the configuration at work.
#[derive(Debug)]
struct Section {
    /// Stays with the section over reloads.
    id: u64,
    config: Arc<AlertmanagerConfig>,
    client: Arc<HttpClient>,
    signer: Option<Arc<Signer>>,
    discovered: SubscriptionSet,
    follower: Option<JoinHandle<()>>,
    /// By URL.
    senders: BTreeMap<String, Sender>,
    dropped: BTreeSet<String>,
}

#[derive(Debug, Default)]
struct Route {
    external: Arc<Vec<(String, String)>>,
    relabel: Arc<Vec<Rule>>,
    sections: Vec<(Arc<AlertmanagerConfig>, Vec<Arc<Queue>>)>,
}

impl Drop for Section {
    fn drop(&mut self) {
        if let Some(follower) = &self.follower {
            follower.abort();
        }
    }
}

impl Notifier {
    /// Knows no Alertmanager yet.
    #[must_use]
    pub fn new(providers: Arc<Providers>, settings: Settings) -> Arc<Self> {
        let metrics = Arc::new(NotifyMetrics::new(settings.capacity));
        Arc::new(Self { providers, metrics, settings, state: Mutex::default(), route: ArcSwap::default() })
    }

    /// Its metrics, for the page.
    #[must_use]
    pub fn metrics(&self) -> Arc<dyn Collect> {
        self.metrics.clone()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands alerts to the queue of every Alertmanager. Never waits.
    pub fn send(&self, alerts: Vec<Alert>) {
        let route = self.route.load();
        if route.sections.iter().all(|(_, queues)| queues.is_empty()) {
            return;
        }
        let prepared = alerts.into_iter().filter_map(|mut alert| {
            let mut labels = LabelsBuilder::from_labels(&alert.labels);
            for (name, value) in route.external.iter() {
                if labels.get(name).is_none_or(str::is_empty) {
                    labels.set(name, value);
                }
            }
            let kept = relabel::process(&mut labels, &route.relabel);
            alert.labels = labels.build();
            kept.then(|| Arc::new(alert))
        });
        let prepared: Vec<Arc<Alert>> = prepared.collect();
        for (config, queues) in &route.sections {
            let own = relabelled(&prepared, &config.alert_relabel);
            let alerts = own.as_ref().unwrap_or(&prepared);
            if !alerts.is_empty() {
                queues.iter().for_each(|queue| queue.push(alerts));
            }
        }
    }

    /// Follows a configuration: sections that stay keep their Alertmanagers and what waits for them.
    ///
    /// # Errors
    /// A section cannot be used; the others are in force.
    pub fn apply_config(self: &Arc<Self>, config: &Config) -> Result<(), String> {
        let sections = &config.alerting.alertmanagers;
        let names: Vec<String> = (0..sections.len()).map(|i| format!("config-{i}")).collect();
        let mut faults = Vec::new();
        // Clients read files, so they are made before anybody has to wait.
        let clients: Vec<_> = sections.iter().map(client).collect();
        let mut state = self.lock();
        let shown: Vec<&str> = names.iter().map(String::as_str).collect();
        self.providers.metrics().begin("notify", &shown);
        let mut former = std::mem::take(&mut state.sections);
        for ((section, client), name) in sections.iter().zip(clients).zip(&names) {
            let mut discovered = SubscriptionSet::new("notify", name);
            discovered.apply(&self.providers, &section.discovery);
            let same = former.iter().position(|old| *old.config == *section);
            let mut kept = match (same, client) {
                (Some(at), _) => former.swap_remove(at),
                (None, Ok((client, signer))) => {
                    state.next_id += 1;
                    Section::new(state.next_id, section, client, signer)
                }
                (None, Err(error)) => {
                    error!(line = section.line, %error, "Cannot use a section of Alertmanagers");
                    faults.push(format!("Alertmanagers at line {}: {error}", section.line));
                    continue;
                }
            };
            kept.discovered = discovered;
            self.sync(&mut kept);
            self.follow(&mut kept);
            state.sections.push(kept);
        }
        former.iter_mut().for_each(|section| drop(self.end(section)));
        state.external = Arc::new(config.external_labels.clone());
        state.relabel = config.alerting.relabel.clone();
        self.publish(&state);
        if faults.is_empty() { Ok(()) } else { Err(faults.join("; ")) }
    }

    /// Looks at what discovery has found for a section.
    fn sync(&self, section: &mut Section) {
        let fixed = &section.config.static_configs;
        let groups = section.discovered.groups(self.providers.metrics(), fixed);
        let mut wanted = BTreeSet::new();
        section.dropped.clear();
        for group in groups {
            match endpoints(&group, &section.config) {
                Ok(all) => {
                    for found in all {
                        match found {
                            Found::Active(url) => drop(wanted.insert(url)),
                            Found::Dropped(url) => drop(section.dropped.insert(url)),
                        }
                    }
                }
                Err(reason) => {
                    error!(group = group.source, error = reason, "Creating alertmanagers failed");
                }
            }
        }
        let gone: Vec<String> =
            section.senders.keys().filter(|url| !wanted.contains(*url)).cloned().collect();
        for sender in gone.iter().filter_map(|url| section.senders.remove(url)) {
            // It empties its queue, or gives it up, on its own.
            drop(sender.end(self.how_to_end()));
        }
        for url in wanted {
            if section.senders.contains_key(&url) {
                continue;
            }
            match url.parse::<Uri>() {
                Ok(uri) => {
                    let sender = self.start(section, &url, uri);
                    section.senders.insert(url, sender);
                }
                Err(error) => error!(alertmanager = url, %error, "Creating alertmanagers failed"),
            }
        }
    }

    fn start(&self, section: &Section, url: &str, uri: Uri) -> Sender {
        let queue = Queue::new(url.to_owned(), self.settings.capacity, self.metrics.of(url));
        let to = Destination {
            url: uri,
            client: section.client.clone(),
            signer: section.signer.clone(),
            timeout: Duration::from_millis(section.config.timeout_ms.unsigned_abs()),
            batch: self.settings.batch,
        };
        Sender::start(Arc::new(queue), to)
    }

    fn how_to_end(&self) -> End {
        if self.settings.drain { End::Drained } else { End::AtOnce }
    }

    fn end(&self, section: &mut Section) -> Vec<JoinHandle<()>> {
        let senders = std::mem::take(&mut section.senders);
        senders.into_values().map(|sender| sender.end(self.how_to_end())).collect()
    }

    /// Puts the state in force for [`Self::send`].
    fn publish(&self, state: &State) {
        let queues = |section: &Section| section.senders.values().map(|s| s.queue.clone()).collect();
        let sections: Vec<_> =
            state.sections.iter().map(|section| (section.config.clone(), queues(section))).collect();
        let (external, relabel) = (state.external.clone(), state.relabel.clone());
        self.route.store(Arc::new(Route { external, relabel, sections }));
        let active: BTreeSet<&str> =
            state.sections.iter().flat_map(|section| section.senders.keys().map(String::as_str)).collect();
        self.metrics.retain(|url| active.contains(url));
        let all: usize = state.sections.iter().map(|section| section.senders.len()).sum();
        self.metrics.discovered.set(all as f64);
    }

    /// Looks again whenever a section's discovery has news.
    fn follow(self: &Arc<Self>, section: &mut Section) {
        let mut listeners = section.discovered.listeners();
        if let Some(former) = section.follower.take() {
            former.abort();
        }
        if listeners.is_empty() {
            return;
        }
        let (id, notifier) = (section.id, Arc::downgrade(self));
        let delayed = self.providers.metrics().delayed("notify");
        section.follower = Some(tokio::spawn(async move {
            loop {
                changed(&mut listeners).await;
                let Some(notifier) = notifier.upgrade() else { return };
                {
                    let mut state = notifier.lock();
                    if let Some(section) = state.sections.iter_mut().find(|section| section.id == id) {
                        notifier.sync(section);
                    }
                    notifier.publish(&state);
                }
                drop(notifier);
                tokio::time::sleep(PACE).await;
                let waited = listeners.iter().filter(|one| one.has_changed().unwrap_or(false));
                delayed.add(waited.count() as u64);
            }
        }));
    }

    /// The Alertmanagers of all sections.
    #[must_use]
    pub fn alertmanagers(&self) -> Alertmanagers {
        let state = self.lock();
        let active = state.sections.iter().flat_map(|section| section.senders.keys().cloned());
        let dropped = state.sections.iter().flat_map(|section| section.dropped.iter().cloned());
        Alertmanagers { active: active.collect(), dropped: dropped.collect() }
    }

    /// Ends every sender; with draining, once everything is sent or a minute is over.
    pub async fn stop(&self) {
        let tasks: Vec<_> = {
            let mut state = self.lock();
            let mut sections = std::mem::take(&mut state.sections);
            self.route.store(Arc::default());
            sections.iter_mut().flat_map(|section| self.end(section)).collect()
        };
        for task in tasks {
            // A task that panicked has ended too; the hook has logged it.
            let _ = task.await;
        }
    }
}

/// What a section's requests are sent with, and signed with.
fn client(section: &AlertmanagerConfig) -> Result<(HttpClient, Option<Signer>), String> {
    let client = HttpClient::new("alertmanager", &section.http).map_err(|error| error.to_string())?;
    Ok((client, section.sigv4.as_ref().map(Signer::new).transpose()?))
}

impl Section {
    fn new(id: u64, config: &AlertmanagerConfig, client: HttpClient, signer: Option<Signer>) -> Self {
        Self {
            id,
            config: Arc::new(config.clone()),
            client: Arc::new(client),
            signer: signer.map(Arc::new),
            discovered: SubscriptionSet::new("notify", ""),
            follower: None,
            senders: BTreeMap::new(),
            dropped: BTreeSet::new(),
        }
    }
}

/// The alerts as a section's own rules make them; `None` where it has none.
fn relabelled(alerts: &[Arc<Alert>], rules: &[Rule]) -> Option<Vec<Arc<Alert>>> {
    if rules.is_empty() {
        return None;
    }
    let each = alerts.iter().filter_map(|alert| {
        let mut labels = LabelsBuilder::from_labels(&alert.labels);
        let kept = relabel::process(&mut labels, rules);
        kept.then(|| Arc::new(Alert { labels: labels.build(), ..Alert::clone(alert) }))
    });
    Some(each.collect())
}
