//! Who is to be scraped, and who is to be told of alerts: groups of targets from many mechanisms.
//!
//! A mechanism is one file: a [`Mechanism`] that reads its section, and a [`Provider`] that finds targets. The table
//! [`MECHANISMS`] lists them; nothing else has to know one.

pub mod api;
pub mod aws;
pub mod cloud;
pub mod consul;
pub mod dns;
pub mod entry;
pub mod file;
pub mod groups;
pub mod http;
#[cfg(feature = "kubernetes")]
pub mod kubernetes;
pub mod manager;
pub mod metrics;
pub mod moby;
pub mod polled;
pub mod refresh;
pub mod section;
pub mod static_config;
pub mod target;
#[cfg(test)]
pub(crate) mod testing;
pub mod xml;

pub use manager::{Subscription, SubscriptionSet};
pub use metrics::SdMetrics;
pub use section::Discovery;
pub use static_config::{StaticConfig, static_groups};

use crate::settings::HttpClientConfig;
use crate::settings::decode::Fields;
use crate::telemetry::metrics::Counter;
use refresh::Refresh;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use tokio::sync::watch;

/// The mechanisms that are served.
pub const MECHANISMS: &[&Mechanism] = &[
    &aws::ec2::MECHANISM,
    &aws::lightsail::MECHANISM,
    &aws::role::MECHANISM,
    &consul::MECHANISM,
    &dns::MECHANISM,
    &file::MECHANISM,
    &http::MECHANISM,
    #[cfg(feature = "kubernetes")]
    &kubernetes::MECHANISM,
    &moby::docker::MECHANISM,
    &moby::swarm::MECHANISM,
    &cloud::azure::MECHANISM,
    &cloud::digitalocean::MECHANISM,
    &cloud::eureka::MECHANISM,
    &cloud::gce::MECHANISM,
    &cloud::hetzner::MECHANISM,
    &cloud::ionos::MECHANISM,
    &cloud::kuma::MECHANISM,
    &cloud::linode::MECHANISM,
    &cloud::marathon::MECHANISM,
    &cloud::nomad::MECHANISM,
    &cloud::openstack::MECHANISM,
    &cloud::ovhcloud::MECHANISM,
    &cloud::puppetdb::MECHANISM,
    &cloud::scaleway::MECHANISM,
    &cloud::triton::MECHANISM,
    &cloud::uyuni::MECHANISM,
    &cloud::vultr::MECHANISM,
];

/// Targets that came together. A later group of the same source replaces the earlier one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TargetGroup {
    /// The key of the group within its provider.
    pub source: String,
    /// Labels of each target, by name; they hold `__address__`.
    pub targets: Vec<Vec<(String, String)>>,
    /// Labels of all of them.
    pub labels: Vec<(String, String)>,
}

/// A way to find targets that the configuration may name.
#[derive(Debug)]
pub struct Mechanism {
    /// `consul` for `consul_sd_configs`.
    pub name: &'static str,
    /// What error texts call an entry of the list: `consul.plain`.
    pub type_name: &'static str,
    /// Reads an entry. Relative paths start at the directory; faults go to the fields. Every field has to be taken.
    pub decode: fn(&mut Fields<'_, '_>, &Path) -> Arc<dyn Provider>,
}

/// What an entry of the configuration asks for.
pub trait Provider: Debug + Send + Sync {
    /// As `status/config` shows the entry: defaults filled in, secrets hidden.
    fn to_value(&self) -> Value;

    /// How to find its targets.
    ///
    /// # Errors
    /// It cannot be set up: a certificate that does not exist, a client that cannot be built.
    fn start(&self, context: &Context) -> Result<Running, String>;

    /// The settings of its HTTP client, for those who check the files that they name.
    fn http(&self) -> Option<&HttpClientConfig> {
        None
    }

    /// What is wrong with the files that the entry of this job names, for `check config`.
    fn problems(&self, _job: &str) -> Vec<Problem> {
        Vec::new()
    }
}

/// Something that `check config` finds outside the configuration file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Problem {
    /// It cannot work.
    Fault(String),
    /// It may come right by itself.
    Warning(String),
}

/// What a provider may use.
#[derive(Debug, Clone)]
pub struct Context {
    /// Whose targets these are: the job, or `config-0` for the first section of Alertmanagers.
    pub config: String,
    /// Metrics of discovery.
    pub metrics: Arc<SdMetrics>,
}

/// A future that may run on any thread.
pub type Task<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A provider at work.
pub enum Running {
    /// Asks again and again.
    Refresh {
        /// The mechanism, for metrics and the log.
        mechanism: &'static str,
        /// Time from question to question, ms.
        every_ms: i64,
        /// Whom to ask.
        source: Box<dyn Refresh>,
    },
    /// Is told of changes; the task ends when it is dropped.
    Watch(Box<dyn FnOnce(Updates) -> Task<'static, ()> + Send>),
}

/// What a provider knows, by source; `None` before its first answer.
pub type Known = Option<BTreeMap<String, Arc<TargetGroup>>>;

/// Where a provider puts what it found.
#[derive(Debug)]
pub struct Updates {
    sender: watch::Sender<Known>,
    received: Arc<Counter>,
}

impl Updates {
    /// A place for updates, and the other end of it.
    #[must_use]
    pub fn channel() -> (Self, watch::Receiver<Known>) {
        Self::counted(Arc::default())
    }

    /// As `channel`; the updates are counted, also those that change nothing.
    #[must_use]
    pub fn counted(received: Arc<Counter>) -> (Self, watch::Receiver<Known>) {
        let (sender, receiver) = watch::channel(None);
        (Self { sender, received }, receiver)
    }

    /// These groups are all there are.
    pub fn replace(&self, groups: Vec<TargetGroup>) {
        self.received.add(1);
        self.sender.send_if_modified(|known| {
            let old = known.take();
            let same = |group: &TargetGroup| old.as_ref().and_then(|old| old.get(&group.source)).cloned();
            let new: BTreeMap<_, _> = groups
                .into_iter()
                .map(|group| {
                    let kept = same(&group).filter(|old| **old == group);
                    (group.source.clone(), kept.unwrap_or_else(|| Arc::new(group)))
                })
                .collect();
            let changed = old.as_ref() != Some(&new);
            *known = Some(new);
            changed
        });
    }

    /// Changes some groups: by source, `None` for one that is gone. What is not named stays.
    pub fn change(&self, changes: Vec<(String, Option<TargetGroup>)>) {
        self.received.add(1);
        self.sender.send_if_modified(|known| {
            let mut changed = known.is_none();
            let groups = known.get_or_insert_default();
            for (source, group) in changes {
                match group {
                    Some(group) if groups.get(&source).is_some_and(|old| **old == group) => {}
                    Some(group) => {
                        groups.insert(source, Arc::new(group));
                        changed = true;
                    }
                    None => changed |= groups.remove(&source).is_some(),
                }
            }
            changed
        });
    }

    /// Ends when nobody wants to know any more.
    pub async fn closed(&self) {
        self.sender.closed().await;
    }
}

/// A free text as a part of a label name: what is no letter, digit or `_` becomes `_`.
#[must_use]
pub fn sanitize(text: &str) -> String {
    text.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(source: &str, address: &str) -> TargetGroup {
        let target = vec![("__address__".to_owned(), address.to_owned())];
        TargetGroup { source: source.to_owned(), targets: vec![target], labels: Vec::new() }
    }

    #[test]
    fn only_changes_are_told() {
        let (updates, mut receiver) = Updates::channel();
        let mut told = |want: bool| {
            assert_eq!(receiver.has_changed().unwrap(), want);
            receiver.borrow_and_update().clone().map_or(0, |groups| groups.len())
        };
        assert_eq!(told(false), 0);
        updates.replace(vec![group("a", "1"), group("b", "2")]);
        assert_eq!(told(true), 2);
        updates.replace(vec![group("a", "1"), group("b", "2")]);
        assert_eq!(told(false), 2);
        updates.change(vec![("b".to_owned(), Some(group("b", "2"))), ("c".to_owned(), None)]);
        assert_eq!(told(false), 2);
        updates.change(vec![("b".to_owned(), None), ("c".to_owned(), Some(group("c", "3")))]);
        assert_eq!(told(true), 2);
        updates.replace(Vec::new());
        assert_eq!(told(true), 0);
    }

    #[test]
    fn an_empty_first_answer_is_told_too() {
        let (updates, receiver) = Updates::channel();
        updates.change(Vec::new());
        assert!(receiver.has_changed().unwrap());
        assert_eq!(*receiver.borrow(), Some(BTreeMap::new()));
    }

    #[test]
    fn label_names_hold_letters_digits_and_underscores() {
        assert_eq!(sanitize("app.kubernetes.io/näme-1_x"), "app_kubernetes_io_n_me_1_x");
    }
}
