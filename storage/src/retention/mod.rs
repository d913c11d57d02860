//! What is kept of which series, for how long and how finely.
//!
//! The first rule that selects a series holds for it; a series without a rule keeps the global retention. A
//! [`Plan`] says what the rules mean for one block at one time.

use crate::labels::Labels;
use crate::labels::matcher::Matcher;
use std::fmt::Write;
use std::sync::Arc;
use xxhash_rust::xxh3::xxh3_128;

/// What is kept of the series that a selector takes.
#[derive(Debug, Clone)]
pub struct RetentionRule {
    /// Selectors; a series has to satisfy all matchers of any one of them.
    pub selectors: Vec<Vec<Matcher>>,
    /// How long samples are kept, ms; `None` for as long as all others, `i64::MAX` for ever.
    pub keep_ms: Option<i64>,
    /// When samples become coarser; both times ascend.
    pub downsample: Vec<DownsampleStage>,
}

/// When samples are downsampled, and how far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DownsampleStage {
    /// Age of the samples, ms.
    pub after_ms: i64,
    /// Length of the intervals of which one sample each stays, ms.
    pub resolution_ms: u32,
}

impl RetentionRule {
    fn selects(&self, labels: &Labels) -> bool {
        let satisfied = |matcher: &Matcher| matcher.matches(labels.get(&matcher.name).unwrap_or_default());
        self.selectors.iter().any(|matchers| matchers.iter().all(satisfied))
    }
}

/// The rules in force.
#[derive(Debug, Default)]
pub(crate) struct Rules {
    list: Vec<RetentionRule>,
}

/// What becomes of a series of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    /// Its time has passed.
    Drop,
    /// It stays, with at most one sample for each interval of this length, ms; 0 for all of them.
    Keep { resolution: u32 },
}

/// What the rules mean for one block.
pub(crate) struct Plan {
    rules: Arc<Rules>,
    /// By rule.
    actions: Vec<Action>,
    /// For series without a rule.
    other: Action,
}

/// Up to when samples have expired, by rule. What is expired is not shown, though it may be there still.
pub(crate) struct Expiry {
    rules: Arc<Rules>,
    /// First time that is left, ms, by rule.
    first_ms: Vec<i64>,
    /// The greatest of them.
    pub(crate) latest_ms: i64,
}

impl Rules {
    pub(crate) fn new(list: Vec<RetentionRule>) -> Self {
        Self { list }
    }

    /// The shortest of all times that rules name, ms.
    pub(crate) fn shortest_ms(&self) -> Option<i64> {
        let stages = self.list.iter().flat_map(|rule| rule.downsample.iter().map(|stage| stage.after_ms));
        self.list.iter().filter_map(|rule| rule.keep_ms).chain(stages).min()
    }

    /// What the rules mean for a block that ends before `end_ms`; series without a rule are kept for `keep_ms`.
    pub(crate) fn plan(self: &Arc<Self>, end_ms: i64, keep_ms: Option<i64>, now_ms: i64) -> Plan {
        let passed = |time: i64| end_ms <= now_ms.saturating_sub(time);
        let action = |rule: &RetentionRule| {
            if rule.keep_ms.or(keep_ms).is_some_and(passed) {
                return Action::Drop;
            }
            let stages = rule.downsample.iter().filter(|stage| passed(stage.after_ms));
            Action::Keep { resolution: stages.map(|stage| stage.resolution_ms).max().unwrap_or(0) }
        };
        let actions = self.list.iter().map(action).collect();
        let other = if keep_ms.is_some_and(passed) { Action::Drop } else { Action::Keep { resolution: 0 } };
        Plan { rules: Arc::clone(self), actions, other }
    }

    /// What has expired by rules with a time of their own; `None` where there is no such rule.
    pub(crate) fn expiry(self: &Arc<Self>, now_ms: i64) -> Option<Expiry> {
        let first = |rule: &RetentionRule| rule.keep_ms.map_or(i64::MIN, |keep| now_ms.saturating_sub(keep));
        let first_ms: Vec<i64> = self.list.iter().map(first).collect();
        let latest_ms = first_ms.iter().copied().max().filter(|latest| *latest > i64::MIN)?;
        Some(Expiry { rules: Arc::clone(self), first_ms, latest_ms })
    }

    fn position(&self, labels: &Labels) -> Option<usize> {
        self.list.iter().position(|rule| rule.selects(labels))
    }
}

impl Plan {
    /// What becomes of a series.
    pub(crate) fn action(&self, labels: &Labels) -> Action {
        // Without a difference nobody has to look at labels.
        if self.actions.iter().all(|action| *action == self.other) {
            return self.other;
        }
        self.rules.position(labels).and_then(|at| self.actions.get(at)).copied().unwrap_or(self.other)
    }

    /// Whether no series stays, whatever its labels.
    pub(crate) fn drops_all(&self) -> bool {
        self.other == Action::Drop && self.actions.iter().all(|action| *action == Action::Drop)
    }

    /// Whether every series stays as it is, whatever its labels.
    pub(crate) fn is_idle(&self) -> bool {
        let mut all = self.actions.iter().chain([&self.other]);
        all.all(|action| *action == Action::Keep { resolution: 0 })
    }

    /// A text that is another one when the plan would make another block.
    pub(crate) fn fingerprint(&self) -> String {
        let mut text = format!("{:?}", self.other);
        for (rule, action) in self.rules.list.iter().zip(&self.actions) {
            let _ = write!(text, "\n{action:?}");
            for matchers in &rule.selectors {
                text.push('|');
                for Matcher { name, op, value, .. } in matchers {
                    let _ = write!(text, "{name:?}{}{value:?},", op.as_str());
                }
            }
        }
        format!("{:032x}", xxh3_128(text.as_bytes()))
    }
}

impl Expiry {
    /// The first time at which a series has samples that have not expired, ms; `i64::MIN` without a rule of its own.
    pub(crate) fn first_ms(&self, labels: &Labels) -> i64 {
        let rule = self.rules.position(labels);
        rule.and_then(|at| self.first_ms.get(at)).copied().unwrap_or(i64::MIN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400_000;

    fn rule(job: &str, keep: Option<i64>, downsample: &[(i64, u32)]) -> RetentionRule {
        let stage = |(after, resolution_ms): &(i64, u32)| DownsampleStage {
            after_ms: after * DAY,
            resolution_ms: *resolution_ms,
        };
        RetentionRule {
            selectors: vec![vec![Matcher::equal("job", job)]],
            keep_ms: keep.map(|days| days * DAY),
            downsample: downsample.iter().map(stage).collect(),
        }
    }

    fn labels(job: &str) -> Labels {
        Labels::from_pairs([("__name__", "m"), ("job", job)])
    }

    #[test]
    fn the_first_rule_that_selects_a_series_holds() {
        let rules = Arc::new(Rules::new(vec![
            rule("a", Some(1), &[]),
            rule("a", Some(99), &[]),
            rule("b", None, &[(2, 60), (4, 3600)]),
        ]));
        let at = |end: i64, job: &str| rules.plan(end * DAY, Some(10 * DAY), 100 * DAY).action(&labels(job));
        let keep = |resolution| Action::Keep { resolution };
        assert_eq!([at(100, "a"), at(99, "a"), at(98, "a")], [keep(0), Action::Drop, Action::Drop]);
        assert_eq!(
            [at(99, "b"), at(98, "b"), at(96, "b"), at(90, "b")],
            [keep(0), keep(60), keep(3600), Action::Drop]
        );
        assert_eq!([at(91, "c"), at(90, "c")], [keep(0), Action::Drop]);
        assert_eq!(rules.shortest_ms(), Some(DAY));
    }

    #[test]
    fn a_plan_knows_whether_there_is_anything_to_do() {
        let rules = Arc::new(Rules::new(vec![rule("a", Some(20), &[(2, 60)])]));
        let plan = |end: i64, keep| rules.plan(end * DAY, keep, 100 * DAY);
        assert!(plan(99, None).is_idle() && !plan(98, None).is_idle());
        assert!(!plan(85, Some(10 * DAY)).drops_all(), "one is kept longer");
        assert!(plan(80, Some(10 * DAY)).drops_all() && !plan(80, None).drops_all());
        assert_eq!(plan(98, None).fingerprint(), plan(90, None).fingerprint());
        assert_ne!(plan(99, None).fingerprint(), plan(98, None).fingerprint());
        assert_ne!(plan(98, None).fingerprint(), plan(98, Some(DAY)).fingerprint());
    }

    #[test]
    fn what_has_expired_depends_on_the_series() {
        let rules = Arc::new(Rules::new(vec![
            rule("a", Some(20), &[]),
            rule("b", None, &[(1, 60)]),
            RetentionRule { keep_ms: Some(i64::MAX), ..rule("c", None, &[]) },
        ]));
        let expiry = rules.expiry(100 * DAY).unwrap();
        assert_eq!(expiry.latest_ms, 80 * DAY);
        assert_eq!(["a", "b", "x"].map(|job| expiry.first_ms(&labels(job))), [80 * DAY, i64::MIN, i64::MIN]);
        assert!(expiry.first_ms(&labels("c")) < 0);
        assert!(Arc::new(Rules::new(vec![rule("b", None, &[(1, 60)])])).expiry(0).is_none());
    }
}
