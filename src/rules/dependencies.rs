//! Which rules of a group read what others of it write, and so which of them can be evaluated side by side.

use super::file::RuleSpec;
use super::rule::{FOR_STATE, Rule};
use super::workers::Workers;
use narthex_promql::syntax::ast::Expr;
use narthex_storage::Matcher;

const NAME: &str = "__name__";

/// The rules of a group in the order in which they may be evaluated: the rules of a batch side by side.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Batches(Vec<Vec<usize>>);

impl Batches {
    /// First those that read from no other rule, together. Then those that read and are read, one by one; then those
    /// that only read, together.
    pub(super) fn of(rules: &[RuleSpec]) -> Self {
        let Some(reads) = reads(rules) else {
            return Self((0..rules.len()).map(|at| vec![at]).collect());
        };
        let reader = |at: usize| reads.iter().any(|(reader, _)| *reader == at);
        let is_read = |at: usize| reads.iter().any(|(_, read)| *read == at);
        let (first, rest): (Vec<usize>, Vec<usize>) = (0..rules.len()).partition(|at| !reader(*at));
        let (middle, last): (Vec<usize>, Vec<usize>) = rest.into_iter().partition(|at| is_read(*at));
        let middle = middle.into_iter().map(|at| vec![at]);
        let batches = std::iter::once(first).chain(middle).chain(std::iter::once(last));
        Self(batches.filter(|batch| !batch.is_empty()).collect())
    }

    /// Does something to every rule, batch by batch.
    pub(super) fn run<R: Send>(
        &self,
        rules: &mut [Rule],
        workers: &Workers,
        work: &(dyn Fn(&mut Rule) -> R + Sync),
    ) -> Vec<R> {
        let mut done = Vec::with_capacity(rules.len());
        for batch in &self.0 {
            // Batches list their rules in ascending order.
            let mut wanted = batch.iter().copied().peekable();
            let items = rules.iter_mut().enumerate().filter(|(at, _)| wanted.next_if_eq(at).is_some());
            done.extend(workers.each(items.map(|(_, rule)| rule).collect(), work));
        }
        done
    }
}

/// Which rule reads what an earlier one writes; `None` when a selector could read anything.
fn reads(rules: &[RuleSpec]) -> Option<Vec<(usize, usize)>> {
    let mut reads = Vec::new();
    for (reader, rule) in rules.iter().enumerate() {
        for matchers in selectors(rule) {
            if !matchers.iter().any(|matcher| matcher.name == NAME) {
                return None;
            }
            let earlier = rules.iter().enumerate().take(reader);
            reads.extend(earlier.filter(|(_, one)| writes(one, matchers)).map(|(at, _)| (reader, at)));
        }
    }
    Some(reads)
}

/// The matchers of all selectors of a rule.
fn selectors(rule: &RuleSpec) -> impl Iterator<Item = &[Matcher]> {
    rule.query.expr().descendants().filter_map(|expr| match expr {
        Expr::Vector(selector) | Expr::Matrix { selector, .. } => Some(selector.matchers.as_slice()),
        _ => None,
    })
}

/// Whether a selector may read what a rule writes.
fn writes(rule: &RuleSpec, matchers: &[Matcher]) -> bool {
    let all = |label: &str, value: &str| {
        matchers.iter().filter(|matcher| matcher.name == label).all(|matcher| matcher.matches(value))
    };
    match rule.alert {
        None => all(NAME, &rule.name),
        Some(_) => (all(NAME, "ALERTS") || all(NAME, FOR_STATE)) && all("alertname", &rule.name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::file::{self, FileOptions};

    fn batches(rules: &[&str]) -> Vec<Vec<usize>> {
        let text = format!("groups: [{{name: g, rules: [{}]}}]", rules.join(","));
        let file = file::parse(&text, &FileOptions::default()).unwrap();
        Batches::of(&file.groups[0].rules).0
    }

    #[test]
    fn rules_wait_for_those_that_they_read() {
        assert_eq!(
            batches(&[
                "{record: a, expr: x}",
                "{record: b, expr: sum(a)}",
                "{record: c, expr: 'rate(b[5m])'}",
                "{record: d, expr: y}",
                "{alert: D, expr: 'c > 1'}",
            ]),
            [vec![0, 3], vec![1], vec![2], vec![4]]
        );
        assert_eq!(batches(&["{record: a, expr: x}", "{record: b, expr: x}"]), [vec![0, 1]]);
        assert!(batches(&[]).is_empty());
    }

    #[test]
    fn alerts_are_read_by_their_names() {
        let alert = "{alert: A, expr: x}";
        let reads = |expr: &str| batches(&[alert, &format!("{{record: b, expr: '{expr}'}}")]).len() == 2;
        assert!(reads("ALERTS"));
        assert!(reads("ALERTS{alertname=\"A\"}"));
        assert!(reads("ALERTS_FOR_STATE{alertname=~\"A|B\"}"));
        assert!(!reads("ALERTS{alertname=\"B\"}"));
        assert!(!reads("A"));
    }

    #[test]
    fn a_selector_without_a_name_may_read_anything() {
        assert_eq!(
            batches(&["{record: a, expr: x}", "{record: b, expr: 'sum({job=\"c\"})'}"]),
            [vec![0], vec![1]]
        );
    }
}
