//! Values of the cluster's secrets and config maps, as far as custom resources name them.

use std::collections::{BTreeMap, BTreeSet};

/// Why a resource gives no jobs.
pub type Refused = String;

/// A secret or a config map.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// A config map rather than a secret.
    pub config_map: bool,
    /// Where it is.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

/// What is known of them, and which were asked for.
#[derive(Debug, Clone, Default)]
pub struct Secrets {
    /// Contents by key; `None` for a place that is not there.
    pub known: BTreeMap<Place, Option<BTreeMap<String, String>>>,
    /// Places that somebody named.
    pub wanted: BTreeSet<Place>,
}

impl Secrets {
    /// A value.
    ///
    /// # Errors
    /// It is not there, or is not known yet.
    pub fn get(&mut self, place: Place, key: &str) -> Result<String, Refused> {
        let kind = if place.config_map { "configmap" } else { "secret" };
        let shown = format!("{kind} {}/{}", place.namespace, place.name);
        let known = self.known.get(&place).cloned();
        self.wanted.insert(place);
        match known {
            None => Err(format!("unable to get {shown}: not read yet")),
            Some(None) => Err(format!("unable to get {shown}: not found")),
            Some(Some(content)) => {
                content.get(key).cloned().ok_or_else(|| format!("key {key:?} in {shown} not found"))
            }
        }
    }
}
