//! `kubernetes_sd_configs`: targets from the objects of a Kubernetes cluster.
//!
//! The roles are pure functions from objects to groups, one file each. `world` keeps the objects and knows which groups
//! depend on which of them, `watch` keeps it up to date, and this file connects them.

pub mod around;
pub mod client;
pub mod config;
pub mod endpoints;
pub mod endpointslice;
pub mod ingress;
pub mod labels;
pub mod metrics;
pub mod node;
pub mod objects;
pub mod pod;
pub mod selector;
pub mod service;
pub mod store;
pub mod watch;
pub mod world;
#[cfg(test)]
mod world_tests;

use super::{Context, Mechanism, Provider, Running, SdMetrics, Updates};
use crate::settings::HttpClientConfig;
use crate::settings::decode::Fields;
use client::Connect;
use config::{Access, KubernetesSd, Role};
use kube::{Api, Client};
use objects::{EndpointSlice, Endpoints, Ingress, Job, Namespace, Node, Pod, ReplicaSet, Service};
use serde_json::Value;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tracing::{error, info, warn};
use watch::{Fares, Wanted, reason, watch};
use world::{Kept, World};

/// Pause before a kubeconfig that cannot be used is read again.
const RETRY: Duration = Duration::from_secs(15);
/// Events that wait to be looked at.
const QUEUE: usize = 1024;

/// `kubernetes_sd_configs`
pub const MECHANISM: Mechanism = Mechanism { name: "kubernetes", type_name: "kubernetes.plain", decode };

fn decode(fields: &mut Fields<'_, '_>, dir: &Path) -> Arc<dyn Provider> {
    Arc::new(KubernetesSd::decode(fields, dir))
}

impl Provider for KubernetesSd {
    fn to_value(&self) -> Value {
        Self::to_value(self)
    }

    fn start(&self, context: &Context) -> Result<Running, String> {
        let connect = Connect::new(self, &context.metrics.kubernetes)?;
        let mut namespaces: Vec<Option<String>> = self.namespaces.iter().cloned().map(Some).collect();
        if self.own_namespace {
            namespaces.push(Some(client::own_namespace()?));
        }
        if namespaces.is_empty() {
            namespaces.push(None);
        }
        namespaces.sort();
        namespaces.dedup();
        let (config, context) = (self.clone(), context.clone());
        Ok(Running::Watch(Box::new(move |updates| {
            Box::pin(run(config, namespaces, context, connect, updates))
        })))
    }

    fn http(&self) -> Option<&HttpClientConfig> {
        matches!(self.access, Access::Server(_)).then_some(&self.http)
    }
}

/// A change of the world, made by a watch.
type Change = Box<dyn FnOnce(&mut World) + Send>;

/// Starts the watches of a configuration.
struct Watches {
    client: Client,
    config: KubernetesSd,
    /// `None` for all.
    namespaces: Vec<Option<String>>,
    context: Context,
    changes: mpsc::Sender<Change>,
    tasks: JoinSet<()>,
}

impl Watches {
    /// Watches all objects that the role needs.
    fn start(&mut self, world: &mut World) {
        let attach = self.config.attach;
        match self.config.role {
            Role::Node => self.everywhere::<Node>(world),
            Role::Pod => {
                self.each::<Pod>(world);
                if attach.deployment {
                    self.each::<ReplicaSet>(world);
                }
                if attach.cron_job {
                    self.each::<Job>(world);
                }
            }
            Role::Service => self.each::<Service>(world),
            Role::Endpoints => {
                self.each::<Endpoints>(world);
                self.each::<Service>(world);
                self.each::<Pod>(world);
            }
            Role::EndpointSlice => {
                self.each::<EndpointSlice>(world);
                self.each::<Service>(world);
                self.each::<Pod>(world);
            }
            Role::Ingress => self.each::<Ingress>(world),
        }
        let with_nodes = matches!(self.config.role, Role::Pod | Role::Endpoints | Role::EndpointSlice);
        if attach.node && with_nodes {
            self.everywhere::<Node>(world);
        }
        if attach.namespace && self.config.role != Role::Node {
            self.everywhere::<Namespace>(world);
        }
    }

    /// Watches objects that are in no namespace.
    fn everywhere<K: Kept>(&mut self, world: &mut World) {
        let number = K::store(world).add_watch(None);
        self.spawn::<K>(Api::all(self.client.clone()), number, None);
    }

    /// Watches the objects of each namespace.
    fn each<K: Kept<Scope = kube::core::NamespaceResourceScope>>(&mut self, world: &mut World) {
        for namespace in self.namespaces.clone() {
            let number = K::store(world).add_watch(namespace.clone());
            let client = self.client.clone();
            let api = match &namespace {
                Some(namespace) => Api::namespaced(client, namespace),
                None => Api::all(client),
            };
            self.spawn::<K>(api, number, namespace);
        }
    }

    fn spawn<K: Kept>(&mut self, api: Api<K>, number: usize, namespace: Option<String>) {
        let (label, field) = K::ROLE.map_or((None, None), |role| self.config.selector(role));
        let (changes, metrics) = (self.changes.clone(), self.context.metrics.clone());
        let (config, role) = (self.context.config.clone(), self.config.role.as_str());
        let fares = move |fares: Fares<'_>| {
            let (kind, namespace) = (K::plural(&()), namespace.as_deref().unwrap_or("(all)"));
            match fares {
                Fares::Failed { error, tell } => {
                    metrics.count("kubernetes_failures");
                    if let Some(untold) = tell {
                        error!(
                            discovery = "kubernetes",
                            config,
                            role,
                            %kind,
                            namespace,
                            error = reason(error),
                            untold,
                            "Failed to watch; what was found before stays in force"
                        );
                    }
                }
                Fares::Works(failures) => {
                    info!(discovery = "kubernetes", config, role, %kind, namespace, failures, "Watching again");
                }
            }
        };
        let tell = async move |event| {
            let change: Change = Box::new(move |world| world.take::<K>(number, event));
            changes.send(change).await.is_ok()
        };
        self.tasks.spawn(watch(api, Wanted { label, field }, fares, tell));
    }
}

/// Follows the cluster until nobody listens.
async fn run(
    config: KubernetesSd,
    namespaces: Vec<Option<String>>,
    context: Context,
    connect: Connect,
    updates: Updates,
) {
    let client = tokio::select! {
        client = connected(&connect, &context.metrics) => client,
        () = updates.closed() => return,
    };
    let mut world = World::new(config.role, config.attach, context.metrics.kubernetes.clone());
    let (changes, mut queue) = mpsc::channel(QUEUE);
    let mut watches = Watches { client, config, namespaces, context, changes, tasks: JoinSet::new() };
    watches.start(&mut world);
    let mut told = false;
    loop {
        let change = tokio::select! {
            change = queue.recv() => change,
            () = updates.closed() => return,
        };
        let Some(change) = change else { return };
        change(&mut world);
        // What comes together is told together.
        for _ in 0..QUEUE {
            let Ok(change) = queue.try_recv() else { break };
            change(&mut world);
        }
        if told {
            let changes = world.changes();
            if !changes.is_empty() {
                updates.change(changes);
            }
        } else if world.is_complete() {
            told = true;
            updates.replace(world.all());
        }
    }
}

/// A client, as soon as there is one.
async fn connected(connect: &Connect, metrics: &SdMetrics) -> Client {
    loop {
        match connect.client().await {
            Ok(client) => return client,
            Err(error) => {
                metrics.count("kubernetes_failures");
                warn!(discovery = "kubernetes", error, "Cannot connect to the API server yet");
                tokio::time::sleep(RETRY).await;
            }
        }
    }
}
