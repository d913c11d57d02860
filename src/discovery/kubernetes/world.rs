//! What is known of a cluster, and the target groups that follow from it.

use super::around::Around;
use super::config::{Attach, Role};
use super::metrics::{Happening, KubernetesMetrics};
use super::objects::{
    EndpointSlice, Endpoints, Ingress, Job, Namespace, Node, Pod, ReplicaSet, Service, controller,
};
use super::store::{Key, Store, key};
use super::watch::Watchable;
use super::{endpoints, endpointslice, ingress, node, pod, service};
use crate::discovery::TargetGroup;
use kube::core::ObjectMeta;
use kube::runtime::watcher::Event;
use std::collections::BTreeSet;
use std::sync::Arc;

/// The objects around the targets of one configuration.
pub struct World {
    role: Role,
    attach: Attach,
    metrics: Arc<KubernetesMetrics>,
    nodes: Store<Node>,
    pods: Store<Pod>,
    services: Store<Service>,
    endpoints: Store<Endpoints>,
    slices: Store<EndpointSlice>,
    ingresses: Store<Ingress>,
    namespaces: Store<Namespace>,
    replica_sets: Store<ReplicaSet>,
    jobs: Store<Job>,
    /// Groups that may have changed, by the object that they come from.
    dirty: BTreeSet<Key>,
}

/// A kind of objects of the world.
pub trait Kept: Watchable + PartialEq {
    /// As the metric of events has it; `None` for kinds that are no roles.
    const ROLE: Option<Role>;
    /// Where these objects are.
    fn store(world: &mut World) -> &mut Store<Self>;
    /// Marks the groups that depend on an object; `old` is what it was, if it was known before.
    fn mark(world: &mut World, key: &Key, old: Option<&Self>, new: Option<&Self>);
    /// Forgets what no group needs.
    fn lighten(&mut self) {}
}

impl World {
    /// An empty world.
    #[must_use]
    pub fn new(role: Role, attach: Attach, metrics: Arc<KubernetesMetrics>) -> Self {
        Self {
            role,
            attach,
            metrics,
            nodes: Store::default(),
            pods: Store::default(),
            services: Store::default(),
            endpoints: Store::default(),
            slices: Store::default(),
            ingresses: Store::default(),
            namespaces: Store::default(),
            replica_sets: Store::default(),
            jobs: Store::default(),
            dirty: BTreeSet::new(),
        }
    }

    /// Takes what a watch tells.
    pub fn take<K: Kept>(&mut self, watch: usize, event: Event<K>) {
        match event {
            Event::Init => K::store(self).begin(watch),
            Event::InitApply(object) => {
                K::store(self).name(watch, key(object.meta()));
                self.put(object);
            }
            Event::InitDone => {
                for gone in K::store(self).end(watch) {
                    self.remove::<K>(&gone);
                }
            }
            Event::Apply(object) => self.put(object),
            Event::Delete(object) => self.remove::<K>(&key(object.meta())),
        }
    }

    fn put<K: Kept>(&mut self, mut object: K) {
        object.lighten();
        let key = key(object.meta());
        let old = K::store(self).remove(&key);
        let happening = if old.is_some() { Happening::Update } else { Happening::Add };
        if old.as_ref() != Some(&object) {
            K::mark(self, &key, old.as_ref(), Some(&object));
        }
        K::store(self).insert(key, object);
        self.count::<K>(happening);
    }

    fn remove<K: Kept>(&mut self, key: &Key) {
        if let Some(old) = K::store(self).remove(key) {
            K::mark(self, key, Some(&old), None);
            self.count::<K>(Happening::Delete);
        }
    }

    fn count<K: Kept>(&self, happening: Happening) {
        if let Some(role) = K::ROLE {
            self.metrics.event(role, happening);
        }
    }

    /// Every object that matters was listed once.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.nodes.is_complete()
            && self.pods.is_complete()
            && self.services.is_complete()
            && self.endpoints.is_complete()
            && self.slices.is_complete()
            && self.ingresses.is_complete()
            && self.namespaces.is_complete()
            && self.replica_sets.is_complete()
            && self.jobs.is_complete()
    }

    /// All groups.
    pub fn all(&mut self) -> Vec<TargetGroup> {
        self.mark_all();
        self.changes().into_iter().filter_map(|(_, group)| group).collect()
    }

    /// The groups that changed since the last question, by source; `None` for one that is gone.
    pub fn changes(&mut self) -> Vec<(String, Option<TargetGroup>)> {
        std::mem::take(&mut self.dirty).iter().filter_map(|key| self.built(key)).collect()
    }

    fn mark_all(&mut self) {
        fn keys<K>(store: &Store<K>) -> BTreeSet<Key> {
            store.iter().map(|(namespace, name, _)| (namespace.clone(), name.clone())).collect()
        }
        self.dirty = match self.role {
            Role::Node => keys(&self.nodes),
            Role::Pod => keys(&self.pods),
            Role::Service => keys(&self.services),
            Role::Endpoints => keys(&self.endpoints),
            Role::EndpointSlice => keys(&self.slices),
            Role::Ingress => keys(&self.ingresses),
        };
    }

    /// Source and group of an object; nothing for a node whose address is not known at present.
    fn built(&self, key: &Key) -> Option<(String, Option<TargetGroup>)> {
        let (namespace, name) = (key.0.as_str(), key.1.as_str());
        let meta = self.namespace(namespace);
        let group = match self.role {
            Role::Node => match self.nodes.get("", name) {
                Some(found) => Some(node::group(found)?),
                None => None,
            },
            Role::Pod => self.pods.get(namespace, name).map(|found| pod::group(found, &self.attached(found))),
            Role::Service => self.services.get(namespace, name).map(|found| service::group(found, meta)),
            Role::Endpoints => {
                self.endpoints.get(namespace, name).map(|found| endpoints::group(found, &self.around(meta)))
            }
            Role::EndpointSlice => {
                self.slices.get(namespace, name).map(|found| endpointslice::group(found, &self.around(meta)))
            }
            Role::Ingress => self.ingresses.get(namespace, name).map(|found| ingress::group(found, meta)),
        };
        let kind = match self.role {
            Role::Node => return Some((format!("node/{name}"), group)),
            Role::Service => "svc",
            role => role.as_str(),
        };
        Some((format!("{kind}/{namespace}/{name}"), group.filter(|group| !group.targets.is_empty())))
    }

    fn namespace(&self, name: &str) -> Option<&ObjectMeta> {
        self.attach.namespace.then(|| self.namespaces.get("", name)).flatten().map(|found| &found.metadata)
    }

    fn around<'a>(&'a self, namespace: Option<&'a ObjectMeta>) -> Around<'a> {
        let nodes = self.attach.node.then_some(&self.nodes);
        Around { pods: &self.pods, services: &self.services, nodes, namespace }
    }

    fn attached<'a>(&'a self, pod: &'a Pod) -> pod::Attached<'a> {
        let namespace = pod.metadata.namespace.as_deref().unwrap_or_default();
        let owner = controller(&pod.metadata);
        let set = owner.filter(|(kind, _)| *kind == "ReplicaSet").map(|(_, name)| name);
        let job = owner.filter(|(kind, _)| *kind == "Job").map(|(_, name)| name);
        let above = |meta: Option<&'a ObjectMeta>, kind: &str| {
            meta.and_then(controller).filter(|(found, _)| *found == kind).map(|(_, name)| name)
        };
        let set = set.and_then(|name| self.replica_sets.get(namespace, name)).map(|set| &set.metadata);
        let its_job = job.and_then(|name| self.jobs.get(namespace, name)).map(|job| &job.metadata);
        pod::Attached {
            node: self.attach.node.then(|| self.nodes.get("", &pod.spec.node_name)),
            namespace: self.namespace(namespace),
            deployment: above(set, "Deployment"),
            job: job.filter(|_| self.attach.job),
            cron_job: above(its_job, "CronJob"),
        }
    }

    /// Marks the groups of a namespace that `depends` says yes to.
    fn mark_where<K>(
        dirty: &mut BTreeSet<Key>,
        store: &Store<K>,
        namespace: &str,
        depends: impl Fn(&K) -> bool,
    ) {
        let found = store.of_namespace(namespace).filter(|(_, object)| depends(object));
        dirty.extend(found.map(|(name, _)| (namespace.to_owned(), name.clone())));
    }

    /// Marks the groups of pods with this controller.
    fn mark_owned(&mut self, key: &Key, kind: &str) {
        let owned = |pod: &Pod| controller(&pod.metadata) == Some((kind, key.1.as_str()));
        Self::mark_where(&mut self.dirty, &self.pods, &key.0, owned);
    }
}

/// Whether the same is told of an object elsewhere than in its own group.
fn told_same(old: &ObjectMeta, new: &ObjectMeta) -> bool {
    old.labels == new.labels && old.annotations == new.annotations
}

macro_rules! target {
    ($kind:ty, $role:expr, $store:ident) => {
        impl Kept for $kind {
            const ROLE: Option<Role> = Some($role);
            fn store(world: &mut World) -> &mut Store<Self> {
                &mut world.$store
            }
            fn mark(world: &mut World, key: &Key, _: Option<&Self>, _: Option<&Self>) {
                world.dirty.insert(key.clone());
            }
        }
    };
}

target!(Endpoints, Role::Endpoints, endpoints);
target!(EndpointSlice, Role::EndpointSlice, slices);
target!(Ingress, Role::Ingress, ingresses);

impl Kept for Node {
    const ROLE: Option<Role> = Some(Role::Node);

    fn store(world: &mut World) -> &mut Store<Self> {
        &mut world.nodes
    }

    fn mark(world: &mut World, key: &Key, old: Option<&Self>, new: Option<&Self>) {
        let name = &key.1;
        if world.role == Role::Node {
            world.dirty.insert(key.clone());
            return;
        }
        if let (Some(old), Some(new)) = (old, new)
            && told_same(&old.metadata, &new.metadata)
        {
            return;
        }
        let World { pods, endpoints, slices, dirty, .. } = world;
        match world.role {
            Role::Pod => {
                let on = pods.iter().filter(|(_, _, pod)| pod.spec.node_name == *name);
                dirty.extend(on.map(|(namespace, name, _)| (namespace.clone(), name.clone())));
            }
            Role::Endpoints => {
                let on = endpoints.iter().filter(|(_, _, object)| {
                    let of = |subset: &super::objects::Subset| {
                        let all = subset.addresses.iter().chain(&subset.not_ready_addresses);
                        all.map(|address| (&address.node_name, &address.target_ref))
                            .any(|(node, target)| is_on(node.as_deref(), target.as_ref(), name))
                    };
                    object.subsets.iter().any(of)
                });
                dirty.extend(on.map(|(namespace, name, _)| (namespace.clone(), name.clone())));
            }
            Role::EndpointSlice => {
                let on = slices.iter().filter(|(_, _, slice)| {
                    let mut all = slice.endpoints.iter();
                    all.any(|at| is_on(at.node_name.as_deref(), at.target_ref.as_ref(), name))
                });
                dirty.extend(on.map(|(namespace, name, _)| (namespace.clone(), name.clone())));
            }
            Role::Node | Role::Service | Role::Ingress => {}
        }
    }
}

type Target = k8s_openapi::api::core::v1::ObjectReference;

/// Whether an address is on a node.
fn is_on(node_name: Option<&str>, target: Option<&Target>, name: &str) -> bool {
    node_name == Some(name) || target.is_some_and(|target| refers(target, "Node", name))
}

fn refers(target: &Target, kind: &str, name: &str) -> bool {
    target.kind.as_deref() == Some(kind) && target.name.as_deref() == Some(name)
}

impl Kept for Pod {
    const ROLE: Option<Role> = Some(Role::Pod);

    fn store(world: &mut World) -> &mut Store<Self> {
        &mut world.pods
    }

    fn mark(world: &mut World, key: &Key, _: Option<&Self>, new: Option<&Self>) {
        let (namespace, name) = key;
        match world.role {
            Role::Pod => {
                world.dirty.insert(key.clone());
            }
            // The address of a pod that ended is about to go: until then its target keeps its labels.
            _ if new.is_none() => {}
            Role::Endpoints => {
                let depends = |object: &Endpoints| {
                    let subsets = object.subsets.iter();
                    let mut all = subsets.flat_map(|s| s.addresses.iter().chain(&s.not_ready_addresses));
                    all.any(|address| address.target_ref.as_ref().is_some_and(|t| refers(t, "Pod", name)))
                };
                World::mark_where(&mut world.dirty, &world.endpoints, namespace, depends);
            }
            Role::EndpointSlice => {
                let depends = |slice: &EndpointSlice| {
                    let mut all = slice.endpoints.iter();
                    all.any(|at| at.target_ref.as_ref().is_some_and(|target| refers(target, "Pod", name)))
                };
                World::mark_where(&mut world.dirty, &world.slices, namespace, depends);
            }
            Role::Node | Role::Service | Role::Ingress => {}
        }
    }
}

impl Kept for Service {
    const ROLE: Option<Role> = Some(Role::Service);

    fn store(world: &mut World) -> &mut Store<Self> {
        &mut world.services
    }

    fn mark(world: &mut World, key: &Key, _: Option<&Self>, _: Option<&Self>) {
        match world.role {
            Role::Service => {
                world.dirty.insert(key.clone());
            }
            Role::Endpoints if world.endpoints.get(&key.0, &key.1).is_some() => {
                world.dirty.insert(key.clone());
            }
            Role::EndpointSlice => {
                let depends = |slice: &EndpointSlice| endpointslice::service_name(slice) == Some(&key.1);
                World::mark_where(&mut world.dirty, &world.slices, &key.0, depends);
            }
            _ => {}
        }
    }
}

impl Kept for Namespace {
    const ROLE: Option<Role> = None;

    fn store(world: &mut World) -> &mut Store<Self> {
        &mut world.namespaces
    }

    fn mark(world: &mut World, key: &Key, _: Option<&Self>, _: Option<&Self>) {
        let namespace = &key.1;
        let World { pods, services, endpoints, slices, ingresses, dirty, .. } = world;
        match world.role {
            Role::Node => {}
            Role::Pod => World::mark_where(dirty, pods, namespace, |_| true),
            Role::Service => World::mark_where(dirty, services, namespace, |_| true),
            Role::Endpoints => World::mark_where(dirty, endpoints, namespace, |_| true),
            Role::EndpointSlice => World::mark_where(dirty, slices, namespace, |_| true),
            Role::Ingress => World::mark_where(dirty, ingresses, namespace, |_| true),
        }
    }
}

macro_rules! owner {
    ($kind:ident, $store:ident) => {
        impl Kept for $kind {
            const ROLE: Option<Role> = None;
            fn store(world: &mut World) -> &mut Store<Self> {
                &mut world.$store
            }
            fn mark(world: &mut World, key: &Key, _: Option<&Self>, _: Option<&Self>) {
                world.mark_owned(key, stringify!($kind));
            }
            fn lighten(&mut self) {
                (self.metadata.labels, self.metadata.annotations) = (None, None);
            }
        }
    };
}

owner!(ReplicaSet, replica_sets);
owner!(Job, jobs);
