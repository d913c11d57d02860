//! Reads and watches the custom resources, and writes their jobs anew when something changed.

use super::Written;
use super::monitors::{pod_monitor, probe, service_monitor};
use super::rules::rule_file;
use super::scrape_config::scrape_config;
use super::secrets::{Place, Refused, Secrets};
use crate::discovery::SdMetrics;
use crate::discovery::kubernetes::client::Connect;
use crate::discovery::kubernetes::store::{Store, key};
use crate::discovery::kubernetes::watch::{Fares, Wanted, Watchable, reason, watch};
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::core::{NamespaceResourceScope, ObjectMeta};
use kube::runtime::watcher::Event;
use kube::{Api, Client, Resource};
use serde::Deserialize;
use serde_json::Value;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch as channel};
use tokio::task::{JoinHandle, JoinSet};
use tracing::{error, info};

/// Changes that come together are written together.
const SETTLE: Duration = Duration::from_millis(500);
/// Secrets are not watched, which would need the right to read all of them; they are read again this often.
const SECRETS: Duration = Duration::from_secs(60);

macro_rules! custom {
    ($name:ident, $version:literal, $plural:literal) => {
        #[derive(Debug, Clone, Default, PartialEq, Deserialize)]
        struct $name {
            #[serde(default)]
            metadata: ObjectMeta,
            #[serde(default)]
            spec: Value,
        }

        impl Resource for $name {
            type DynamicType = ();
            type Scope = NamespaceResourceScope;
            fn kind((): &()) -> Cow<'_, str> {
                stringify!($name).into()
            }
            fn group((): &()) -> Cow<'_, str> {
                "monitoring.coreos.com".into()
            }
            fn version((): &()) -> Cow<'_, str> {
                $version.into()
            }
            fn plural((): &()) -> Cow<'_, str> {
                $plural.into()
            }
            fn meta(&self) -> &ObjectMeta {
                &self.metadata
            }
            fn meta_mut(&mut self) -> &mut ObjectMeta {
                &mut self.metadata
            }
        }

        impl Custom for $name {
            fn store(resources: &mut Resources) -> &mut Store<Value> {
                &mut resources.$name
            }
            fn spec(self) -> Value {
                self.spec
            }
        }
    };
}

trait Custom: Watchable<Scope = NamespaceResourceScope> {
    fn store(resources: &mut Resources) -> &mut Store<Value>;
    fn spec(self) -> Value;
}

/// What all resources say.
#[derive(Default)]
#[expect(non_snake_case, reason = "the fields are named after the kinds")]
struct Resources {
    ServiceMonitor: Store<Value>,
    PodMonitor: Store<Value>,
    Probe: Store<Value>,
    ScrapeConfig: Store<Value>,
    PrometheusRule: Store<Value>,
}

custom!(ServiceMonitor, "v1", "servicemonitors");
custom!(PodMonitor, "v1", "podmonitors");
custom!(Probe, "v1", "probes");
custom!(ScrapeConfig, "v1alpha1", "scrapeconfigs");
custom!(PrometheusRule, "v1", "prometheusrules");

impl Resources {
    fn take<K: Custom>(&mut self, watch: usize, event: Event<K>) {
        let store = K::store(self);
        match event {
            Event::Init => store.begin(watch),
            Event::InitApply(object) => {
                let key = key(object.meta());
                store.name(watch, key.clone());
                store.insert(key, object.spec());
            }
            Event::InitDone => {
                for gone in store.end(watch) {
                    store.remove(&gone);
                }
            }
            Event::Apply(object) => {
                store.insert(key(object.meta()), object.spec());
            }
            Event::Delete(object) => {
                store.remove(&key(object.meta()));
            }
        }
    }

    fn is_complete(&self) -> bool {
        [&self.ServiceMonitor, &self.PodMonitor, &self.Probe, &self.ScrapeConfig, &self.PrometheusRule]
            .iter()
            .all(|store| store.is_complete())
    }

    /// What all resources ask for, and the resources that are refused, with the reason.
    fn write(&self, secrets: &mut Secrets) -> (Written, Vec<String>) {
        type Writer = fn(&str, &str, &Value, &mut Secrets) -> Result<Vec<Value>, Refused>;
        let kinds: [(&str, &Store<Value>, Writer); 4] = [
            ("ServiceMonitor", &self.ServiceMonitor, service_monitor),
            ("PodMonitor", &self.PodMonitor, pod_monitor),
            ("Probe", &self.Probe, probe),
            ("ScrapeConfig", &self.ScrapeConfig, scrape_config),
        ];
        let (mut jobs, mut refused) = (Vec::new(), Vec::new());
        for (kind, store, write) in kinds {
            for (namespace, name, spec) in store.iter() {
                match write(namespace, name, spec, secrets) {
                    Ok(written) => jobs.extend(written.iter().map(Value::to_string)),
                    Err(reason) => refused.push(format!("{kind} {namespace}/{name}: {reason}")),
                }
            }
        }
        let rules = self.PrometheusRule.iter();
        let rule_files = rules.map(|(namespace, name, spec)| rule_file(namespace, name, spec)).collect();
        (Written { scrape_configs: jobs, rule_files }, refused)
    }
}

type Change = Box<dyn FnOnce(&mut Resources) + Send>;

/// What is written, and the task that writes it.
type Started = (channel::Receiver<Option<Arc<Written>>>, JoinHandle<()>);

/// Begins to follow the resources of the cluster that this server runs in.
///
/// # Errors
/// It runs in none.
pub fn start(metrics: &Arc<SdMetrics>) -> Result<Started, String> {
    let connect = Connect::in_cluster(&metrics.kubernetes)?;
    let (sender, written) = channel::channel(None);
    let metrics = metrics.clone();
    let task = tokio::spawn(async move {
        // In the cluster nothing has to be read before there is a client.
        if let Ok(client) = connect.client().await {
            run(client, metrics, sender).await;
        }
    });
    Ok((written, task))
}

async fn run(client: Client, metrics: Arc<SdMetrics>, sender: channel::Sender<Option<Arc<Written>>>) {
    const QUEUE: usize = 256;
    let (changes, mut queue) = mpsc::channel(QUEUE);
    let (mut resources, mut tasks) = (Resources::default(), JoinSet::new());
    spawn::<ServiceMonitor>(&client, &changes, &metrics, &mut resources, &mut tasks);
    spawn::<PodMonitor>(&client, &changes, &metrics, &mut resources, &mut tasks);
    spawn::<Probe>(&client, &changes, &metrics, &mut resources, &mut tasks);
    spawn::<ScrapeConfig>(&client, &changes, &metrics, &mut resources, &mut tasks);
    spawn::<PrometheusRule>(&client, &changes, &metrics, &mut resources, &mut tasks);
    let (mut secrets, mut told) = (Secrets::default(), Vec::new());
    loop {
        let change = tokio::select! {
            change = queue.recv() => change,
            () = tokio::time::sleep(SECRETS), if !secrets.wanted.is_empty() => {
                secrets.known.clear();
                None
            }
        };
        if let Some(change) = change {
            change(&mut resources);
            tokio::time::sleep(SETTLE).await;
        }
        while let Ok(change) = queue.try_recv() {
            change(&mut resources);
        }
        if !resources.is_complete() {
            continue;
        }
        secrets.wanted.clear();
        resources.write(&mut secrets);
        read_secrets(&client, &mut secrets).await;
        let (written, refused) = resources.write(&mut secrets);
        if told != refused {
            refused.iter().for_each(|text| error!("Custom resource refused: {text}"));
            told = refused;
        }
        let written = Some(Arc::new(written));
        sender.send_if_modified(|old| {
            let changed = *old != written;
            *old = written;
            changed
        });
    }
}

fn spawn<K: Custom>(
    client: &Client,
    changes: &mpsc::Sender<Change>,
    metrics: &Arc<SdMetrics>,
    resources: &mut Resources,
    tasks: &mut JoinSet<()>,
) {
    let number = K::store(resources).add_watch(None);
    let (changes, metrics) = (changes.clone(), metrics.clone());
    let fares = move |fares: Fares<'_>| match fares {
        Fares::Failed { error, tell } => {
            metrics.count("kubernetes_failures");
            if let Some(untold) = tell {
                error!(kind = %K::plural(&()), error = reason(error), untold, "Failed to watch custom resources; what was found before stays in force");
            }
        }
        Fares::Works(failures) => {
            info!(kind = %K::plural(&()), failures, "Watching custom resources again");
        }
    };
    let tell = async move |event| {
        let change: Change = Box::new(move |resources| resources.take::<K>(number, event));
        changes.send(change).await.is_ok()
    };
    tasks.spawn(watch(Api::<K>::all(client.clone()), Wanted::default(), fares, tell));
}

/// Reads the secrets that are wanted and not there yet.
async fn read_secrets(client: &Client, secrets: &mut Secrets) {
    secrets.known.retain(|place, _| secrets.wanted.contains(place));
    for place in secrets.wanted.clone() {
        if matches!(secrets.known.get(&place), Some(Some(_))) {
            continue;
        }
        match read(client, &place).await {
            Ok(content) => {
                secrets.known.insert(place, content);
            }
            Err(error) => {
                error!(namespace = place.namespace, name = place.name, %error, "Cannot read a secret")
            }
        }
    }
}

async fn read(client: &Client, place: &Place) -> Result<Option<BTreeMap<String, String>>, kube::Error> {
    if place.config_map {
        let api: Api<ConfigMap> = Api::namespaced(client.clone(), &place.namespace);
        return Ok(api.get_opt(&place.name).await?.map(|found| found.data.unwrap_or_default()));
    }
    let api: Api<Secret> = Api::namespaced(client.clone(), &place.namespace);
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).trim_end_matches('\n').to_owned();
    let content = |found: Secret| {
        let data = found.data.unwrap_or_default();
        data.into_iter().map(|(key, value)| (key, text(value.0))).collect()
    };
    Ok(api.get_opt(&place.name).await?.map(content))
}
