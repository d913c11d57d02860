//! What a group takes over from the one that it replaces: alerts, and the series that have not ended.

use super::group::Group;
use super::rule::Rule;
use super::view::GroupView;
use std::collections::{HashMap, VecDeque};
use std::hash::Hash;

/// Numbers of rules by what identifies them, the first of equal ones first.
fn by_identity<K: Hash + Eq>(rules: impl Iterator<Item = K>) -> HashMap<K, VecDeque<usize>> {
    let mut found: HashMap<K, VecDeque<usize>> = HashMap::new();
    for (at, key) in rules.enumerate() {
        found.entry(key).or_default().push_back(at);
    }
    found
}

impl Group {
    /// Takes over the state of the group that this one replaces. Rules are the same by name and labels, of several the
    /// n-th the n-th; series of rules that are no more end after the next evaluation.
    pub fn take_state(&mut self, old: Self) {
        let pairs: Vec<Option<usize>> = {
            let mut known = by_identity(old.rules.iter().map(Rule::identity));
            self.rules.iter().map(|rule| known.get_mut(&rule.identity())?.pop_front()).collect()
        };
        let mut left: Vec<Option<Rule>> = old.rules.into_iter().map(Some).collect();
        for (rule, pair) in self.rules.iter_mut().zip(pairs) {
            let Some(before) = pair.and_then(|at| left.get_mut(at)?.take()) else { continue };
            rule.outputs = before.outputs;
            if rule.view.spec.alert.is_some() && before.view.spec.alert.is_some() {
                rule.alerts.take_from(before.alerts);
            }
        }
        self.ended.extend(old.ended);
        self.ended.extend(left.into_iter().flatten().map(|rule| rule.outputs));
    }
}

impl GroupView {
    /// Shows of the same rules what the view before showed, until they are evaluated.
    pub fn take_status(&self, old: &Self) {
        let identity = |view: &std::sync::Arc<super::view::RuleView>| {
            (view.spec.name.clone(), view.spec.labels.clone(), view.spec.alert.is_some())
        };
        let mut known = by_identity(old.rules.iter().map(identity));
        for rule in &self.rules {
            let before = known.get_mut(&identity(rule)).and_then(VecDeque::pop_front);
            if let Some(before) = before.and_then(|at| old.rules.get(at)) {
                let alerts = before.status().alerts;
                rule.update(|status| status.alerts = alerts);
            }
        }
        self.set_status(old.status());
    }
}
