//! The objects of one kind that are known, by namespace and name.

use kube::core::ObjectMeta;
use std::collections::{BTreeMap, HashSet};

/// Namespace and name; the namespace of nodes and namespaces is empty.
pub type Key = (String, String);

/// The key of an object.
#[must_use]
pub fn key(meta: &ObjectMeta) -> Key {
    (meta.namespace.clone().unwrap_or_default(), meta.name.clone().unwrap_or_default())
}

/// Objects of one kind, filled by one or more watches.
#[derive(Debug)]
pub struct Store<K> {
    namespaces: BTreeMap<String, BTreeMap<String, K>>,
    watches: Vec<Watch>,
}

/// How far a watch has come.
#[derive(Debug)]
struct Watch {
    /// The namespace that it is limited to.
    namespace: Option<String>,
    /// It has listed all objects once.
    listed: bool,
    /// What a list has named so far, while it is read.
    named: HashSet<Key>,
}

impl<K> Default for Store<K> {
    fn default() -> Self {
        Self { namespaces: BTreeMap::new(), watches: Vec::new() }
    }
}

impl<K> Store<K> {
    /// One more watch fills the store; its number.
    pub fn add_watch(&mut self, namespace: Option<String>) -> usize {
        self.watches.push(Watch { namespace, listed: false, named: HashSet::new() });
        self.watches.len() - 1
    }

    /// All watches have listed their objects once.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.watches.iter().all(|watch| watch.listed)
    }

    /// A watch begins to list.
    pub fn begin(&mut self, watch: usize) {
        if let Some(watch) = self.watches.get_mut(watch) {
            watch.named.clear();
        }
    }

    /// A list names an object.
    pub fn name(&mut self, watch: usize, key: Key) {
        // Only a later list can miss objects that are known.
        if let Some(watch) = self.watches.get_mut(watch).filter(|watch| watch.listed) {
            watch.named.insert(key);
        }
    }

    /// A list is complete; the objects of the watch that it did not name.
    pub fn end(&mut self, watch: usize) -> Vec<Key> {
        let Some(watch) = self.watches.get_mut(watch) else { return Vec::new() };
        let named = std::mem::take(&mut watch.named);
        if !std::mem::replace(&mut watch.listed, true) {
            return Vec::new();
        }
        let only = watch.namespace.as_ref();
        let spaces = self.namespaces.iter().filter(|(space, _)| only.is_none_or(|only| only == *space));
        let keys =
            spaces.flat_map(|(space, objects)| objects.keys().map(|name| (space.clone(), name.clone())));
        keys.filter(|key| !named.contains(key)).collect()
    }

    /// Puts an object in; the one that was there.
    pub fn insert(&mut self, key: Key, object: K) -> Option<K> {
        self.namespaces.entry(key.0).or_default().insert(key.1, object)
    }

    /// Takes an object out.
    pub fn remove(&mut self, key: &Key) -> Option<K> {
        let objects = self.namespaces.get_mut(&key.0)?;
        let removed = objects.remove(&key.1);
        if objects.is_empty() {
            self.namespaces.remove(&key.0);
        }
        removed
    }

    /// An object.
    #[must_use]
    pub fn get(&self, namespace: &str, name: &str) -> Option<&K> {
        self.namespaces.get(namespace)?.get(name)
    }

    /// The objects of a namespace, by name.
    pub fn of_namespace<'a>(&'a self, namespace: &str) -> impl Iterator<Item = (&'a String, &'a K)> {
        self.namespaces.get(namespace).into_iter().flatten()
    }

    /// All objects: namespace, name and object.
    pub fn iter(&self) -> impl Iterator<Item = (&String, &String, &K)> {
        self.namespaces
            .iter()
            .flat_map(|(space, objects)| objects.iter().map(move |(name, object)| (space, name, object)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(namespace: &str, name: &str) -> Key {
        (namespace.to_owned(), name.to_owned())
    }

    #[test]
    fn a_second_list_tells_what_is_gone_in_its_namespace() {
        let mut store = Store::default();
        let (a, b) = (store.add_watch(Some("a".to_owned())), store.add_watch(Some("b".to_owned())));
        for (watch, space) in [(a, "a"), (b, "b")] {
            assert!(!store.is_complete());
            store.begin(watch);
            for name in ["1", "2"] {
                store.name(watch, named(space, name));
                store.insert(named(space, name), name);
            }
            assert!(store.end(watch).is_empty());
        }
        assert!(store.is_complete());
        store.begin(a);
        store.name(a, named("a", "1"));
        // The list fails half way and begins anew.
        store.begin(a);
        store.name(a, named("a", "2"));
        assert_eq!(store.end(a), [named("a", "1")]);
        assert_eq!(store.remove(&named("a", "1")), Some("1"));
        assert_eq!(store.of_namespace("a").collect::<Vec<_>>(), [(&"2".to_owned(), &"2")]);
        assert_eq!(store.iter().count(), 3);
        assert_eq!((store.get("b", "1"), store.get("a", "1")), (Some(&"1"), None));
    }
}
