//! The `for` state of alerts after a restart: since when they were active before it, from `ALERTS_FOR_STATE`.

use super::evaluator::Evaluator;
use super::group::Group;
use super::rule::{FOR_STATE, Rule};
use narthex_promql::EngineError;
use narthex_storage::{
    Columns, Labels, LabelsBuilder, Matcher, Newest, Queryable, SelectHints, StorageError, is_stale_nan,
};
use std::collections::HashMap;

/// How far the state before a restart counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RestoreOptions {
    /// State that is older is no longer known, ms.
    pub outage_tolerance_ms: i64,
    /// An alert that had to wait no longer than this fires this late, ms; rules that wait shorter start afresh.
    pub grace_period_ms: i64,
}

impl Group {
    /// Whether there is a rule that waits for [`Group::restore`].
    #[must_use]
    pub fn is_unrestored(&self) -> bool {
        self.rules.iter().any(|rule| !rule.restored)
    }

    /// Whether the group is one of the first load.
    pub(super) fn waits_for_past(&self) -> bool {
        self.first_load
    }

    /// Lets alerts go on as if there had been no restart: they are what they were at the last slot before it.
    pub(super) fn go_on_from(&mut self, slot_ms: i64, evaluator: &Evaluator<'_>, options: RestoreOptions) {
        let moment = self.moment(slot_ms, evaluator.default_offset_ms);
        for rule in self.rules.iter_mut().filter(|rule| !rule.restored) {
            let known = evaluator.vector(&rule.view.spec.query, moment.sample_ms).and_then(|samples| {
                rule.apply(&samples, moment, self.spec.limit, &self.external, evaluator)?;
                Ok(last_states(rule, evaluator.store, slot_ms, options).map_err(EngineError::from)?)
            });
            rule.restored = true;
            match known {
                Ok(states) => {
                    for alert in rule.alerts.iter_mut() {
                        let last = states.get(&alert.labels).filter(|last| !is_stale_nan(last.value));
                        if let Some(last) = last {
                            alert.active_at_ms = (last.value as i64).saturating_mul(1000);
                        }
                    }
                }
                Err(error) => {
                    let name = &rule.view.spec.name;
                    tracing::warn!(%error, alertname = name, "Failed to restore 'for' state");
                }
            }
        }
    }

    /// Gives the alerts the times from before a restart; to be called after the second evaluation.
    pub fn restore(&mut self, store: &dyn Queryable, now_ms: i64, options: RestoreOptions) {
        for rule in self.rules.iter_mut().filter(|rule| !rule.restored) {
            let name = &rule.view.spec.name;
            let for_ms = rule.view.spec.alert.as_ref().map_or(0, |alert| alert.for_ms);
            // Also where it fails: there is no second try, and an alert has to fire in the end.
            rule.restored = true;
            if for_ms < options.grace_period_ms {
                continue;
            }
            match last_states(rule, store, now_ms, options) {
                Ok(states) => restore(rule, &states, now_ms, (for_ms, options)),
                Err(error) => {
                    tracing::error!(%error, alertname = name, "Failed to restore 'for' state");
                }
            }
        }
    }
}

/// The newest sample of each `ALERTS_FOR_STATE` series of a rule, by the alert's labels.
fn last_states(
    rule: &Rule,
    store: &dyn Queryable,
    now_ms: i64,
    options: RestoreOptions,
) -> Result<HashMap<Labels, Newest>, StorageError> {
    let spec = &rule.view.spec;
    let mut matchers =
        vec![Matcher::equal("__name__", FOR_STATE), Matcher::equal("alertname", spec.name.clone())];
    let templates = spec.alert.iter().flat_map(|alert| &alert.label_templates);
    matchers.extend(
        templates.filter_map(|(name, text)| Some(Matcher::equal(name.clone(), text.is_plain()?.to_owned()))),
    );
    let mint = now_ms.saturating_sub(options.outage_tolerance_ms);
    let hints = SelectHints { mint, maxt: now_ms, ..SelectHints::default() };
    let mut scratch = Columns::default();
    let mut states = HashMap::new();
    for series in store.querier(mint, now_ms)?.select(&matchers, &hints)? {
        if let Some(newest) = series.newest(mint, now_ms, &mut scratch)? {
            states.insert(LabelsBuilder::from_labels(series.labels()).remove("__name__").build(), newest);
        }
    }
    Ok(states)
}

fn restore(
    rule: &mut Rule,
    states: &HashMap<Labels, Newest>,
    now_ms: i64,
    (for_ms, options): (i64, RestoreOptions),
) {
    for alert in rule.alerts.iter_mut() {
        let Some(last) = states.get(&alert.labels).filter(|last| !is_stale_nan(last.value)) else { continue };
        alert.active_at_ms = active_at(last, now_ms, for_ms, options.grace_period_ms);
    }
}

/// Since when an alert counts as active whose last state before the outage was `last`.
fn active_at(last: &Newest, now_ms: i64, for_ms: i64, grace_ms: i64) -> i64 {
    // Whole seconds; what is no time saturates.
    let since = (last.value as i64).saturating_mul(1000);
    let spent = last.timestamp.saturating_sub(since);
    let left = for_ms.saturating_sub(spent);
    if left <= 0 {
        since
    } else if left < grace_ms {
        now_ms.saturating_add(grace_ms).saturating_sub(for_ms)
    } else {
        // The outage does not count.
        since.saturating_add(now_ms.saturating_sub(last.timestamp))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_does_not_count_and_nothing_fires_within_the_grace_period() {
        const MINUTE: i64 = 60_000;
        let last = |active_min: i64, seen_min: i64| Newest {
            timestamp: seen_min * MINUTE,
            value: (active_min * 60) as f64,
            histogram: None,
            start: 0,
            resolution: 0,
        };
        let at = |last: &Newest| active_at(last, 100 * MINUTE, 30 * MINUTE, 10 * MINUTE) / MINUTE;
        // It fired already: it fires on.
        assert_eq!(at(&last(20, 60)), 20);
        assert_eq!(at(&last(20, 50)), 20);
        // Five minutes were left: it fires after the grace period.
        assert_eq!(at(&last(35, 60)) + 30, 110);
        // Twenty were left: twenty are left.
        assert_eq!(at(&last(50, 60)) + 30, 120);
    }
}
