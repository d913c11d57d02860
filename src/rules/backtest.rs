//! Would it have fired? When the alerts of rules would have been pending and firing over stored history.

use super::alert::AlertState;
use super::rule::Rule;
use foldhash::fast::RandomState;
use narthex_storage::Labels;
use std::collections::HashMap;

/// A time during which an alert fired.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Firing {
    /// First evaluation at which it fired, ms.
    pub start_ms: i64,
    /// Last evaluation at which it fired, ms.
    pub end_ms: i64,
    /// The value at the first one.
    pub value: f64,
}

/// What would have been of one alert.
#[derive(Debug, Clone, PartialEq)]
pub struct AlertHistory {
    /// With `alertname`.
    pub labels: Labels,
    /// First and last evaluation of each time that it was pending, ms.
    pub pending: Vec<(i64, i64)>,
    /// Each time that it fired.
    pub firing: Vec<Firing>,
}

/// Watches alerts while rules are evaluated over the past.
#[derive(Debug, Clone)]
pub struct Recorder {
    step_ms: i64,
    limit: usize,
    found: HashMap<Labels, AlertHistory, RandomState>,
    /// There were more alerts than are told.
    pub truncated: bool,
}

impl Recorder {
    /// For evaluations that are `step_ms` apart; tells no more than `limit` alerts.
    #[must_use]
    pub fn new(step_ms: i64, limit: usize) -> Self {
        Self { step_ms, limit, found: HashMap::default(), truncated: false }
    }

    /// Takes in the alerts of a rule as they are after an evaluation.
    pub fn see(&mut self, rule: &Rule, slot_ms: i64) {
        for alert in rule.alerts.iter() {
            if alert.state == AlertState::Inactive {
                continue;
            }
            if !self.found.contains_key(&alert.labels) && self.found.len() >= self.limit {
                self.truncated = true;
                continue;
            }
            let history = self.found.entry(alert.labels.clone()).or_insert_with_key(|labels| AlertHistory {
                labels: labels.clone(),
                pending: Vec::new(),
                firing: Vec::new(),
            });
            let before_ms = slot_ms.saturating_sub(self.step_ms);
            if alert.state == AlertState::Pending {
                match history.pending.last_mut().filter(|(_, end)| *end >= before_ms) {
                    Some((_, end)) => *end = slot_ms,
                    None => history.pending.push((slot_ms, slot_ms)),
                }
                continue;
            }
            match history.firing.last_mut().filter(|firing| firing.end_ms >= before_ms) {
                Some(firing) => firing.end_ms = slot_ms,
                None => {
                    history.firing.push(Firing { start_ms: slot_ms, end_ms: slot_ms, value: alert.value });
                }
            }
        }
    }

    /// The alerts, by labels.
    #[must_use]
    pub fn into_histories(self) -> Vec<AlertHistory> {
        let mut found: Vec<AlertHistory> = self.found.into_values().collect();
        found.sort_by(|a, b| a.labels.cmp(&b.labels));
        found
    }
}

/// A part of an alert's history that is not in another.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    /// The alert.
    pub labels: Labels,
    /// When it fires here and not there.
    pub firing: Vec<Firing>,
}

/// What fires in `these` and does not, at the same time and with the same labels, in `those`.
#[must_use]
pub fn missing(these: &[AlertHistory], those: &[AlertHistory]) -> Vec<Difference> {
    let others: HashMap<&Labels, &AlertHistory> = those.iter().map(|one| (&one.labels, one)).collect();
    let differs = |one: &AlertHistory| {
        let other = others.get(&one.labels).map_or(&[][..], |other| &other.firing);
        let firing: Vec<Firing> = one.firing.iter().flat_map(|firing| without(*firing, other)).collect();
        (!firing.is_empty()).then(|| Difference { labels: one.labels.clone(), firing })
    };
    these.iter().filter_map(differs).collect()
}

/// What is left of a time when others, in order, are taken out.
fn without(whole: Firing, others: &[Firing]) -> Vec<Firing> {
    let mut left = Vec::new();
    let mut start_ms = whole.start_ms;
    for other in others.iter().filter(|o| o.end_ms >= whole.start_ms && o.start_ms <= whole.end_ms) {
        if other.start_ms > start_ms {
            left.push(Firing { start_ms, end_ms: other.start_ms, ..whole });
        }
        start_ms = start_ms.max(other.end_ms.saturating_add(1));
    }
    if start_ms <= whole.end_ms {
        left.push(Firing { start_ms, ..whole });
    }
    left
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fires(start_ms: i64, end_ms: i64) -> Firing {
        Firing { start_ms, end_ms, value: 1.0 }
    }

    fn history(name: &str, firing: Vec<Firing>) -> AlertHistory {
        AlertHistory { labels: Labels::from_pairs([("alertname", name)]), pending: Vec::new(), firing }
    }

    #[test]
    fn the_difference_is_what_fires_here_and_not_there() {
        let old = [history("A", vec![fires(10, 50), fires(80, 90)]), history("B", vec![fires(0, 5)])];
        let new = [history("A", vec![fires(20, 30), fires(70, 95)])];
        let shown = |difference: Vec<Difference>| {
            difference
                .iter()
                .flat_map(|d| {
                    d.firing
                        .iter()
                        .map(|f| (d.labels.get("alertname").unwrap().to_owned(), f.start_ms, f.end_ms))
                })
                .collect::<Vec<_>>()
        };
        let own = |name: &str, start, end| (name.to_owned(), start, end);
        assert_eq!(shown(missing(&old, &new)), [own("A", 10, 20), own("A", 31, 50), own("B", 0, 5)]);
        assert_eq!(shown(missing(&new, &old)), [own("A", 70, 80), own("A", 91, 95)]);
        assert!(missing(&old, &old).is_empty());
    }
}
