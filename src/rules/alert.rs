//! The alerts of one rule, from evaluation to evaluation: pending, firing, resolved.

use super::error::EvalError;
use foldhash::fast::RandomState;
use narthex_promql::InstantSample;
use narthex_storage::Labels;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// A resolved alert is kept for so long, so that it is told again.
const RESOLVED_KEPT_MS: i64 = 15 * 60_000;

/// How far an alert is, in the order in which states outweigh each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum AlertState {
    /// It is not, or no longer.
    Inactive,
    /// Not for long enough.
    Pending,
    /// It is told.
    Firing,
}

impl AlertState {
    /// As series and the API name it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Inactive => "inactive",
            Self::Pending => "pending",
            Self::Firing => "firing",
        }
    }
}

/// Names with their texts.
pub type Annotations = Arc<[(String, String)]>;

/// An alert. Times are ms since the epoch.
#[derive(Debug, Clone, PartialEq)]
pub struct Alert {
    /// How far it is.
    pub state: AlertState,
    /// Those of the sample, the rule's own, and `alertname`.
    pub labels: Labels,
    /// Expanded for the newest sample.
    pub annotations: Annotations,
    /// The newest sample's value; 0 for a histogram.
    pub value: f64,
    /// Since when there is a result.
    pub active_at_ms: i64,
    /// When it began to fire.
    pub fired_at_ms: Option<i64>,
    /// When its result was gone.
    pub resolved_at_ms: Option<i64>,
    /// Since when it fires without a result.
    pub keep_firing_since_ms: Option<i64>,
    /// When it was last told.
    pub last_sent_ms: Option<i64>,
    /// Until when what was told holds.
    pub valid_until_ms: i64,
}

impl Alert {
    /// Whether it has to be told now.
    fn is_due(&self, slot_ms: i64, resend_delay_ms: i64) -> bool {
        if self.state == AlertState::Pending {
            return false;
        }
        let Some(sent) = self.last_sent_ms else { return true };
        self.resolved_at_ms.is_some_and(|resolved| resolved > sent)
            || sent.saturating_add(resend_delay_ms) < slot_ms
    }
}

/// How long alerts of a rule wait, ms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Waits {
    /// Until it fires.
    pub for_ms: i64,
    /// Until it no longer fires without a result.
    pub keep_firing_for_ms: i64,
}

/// The alerts of one rule by their labels.
#[derive(Debug, Clone, Default)]
pub struct AlertSet {
    alerts: HashMap<Labels, Alert, RandomState>,
}

impl AlertSet {
    /// Takes in the result of an evaluation; `expand` gives labels and annotations of a sample. The answer is how many
    /// alerts are pending or firing.
    ///
    /// # Errors
    /// Two samples have the same labels; nothing changes.
    pub fn step(
        &mut self,
        slot_ms: i64,
        samples: &[InstantSample],
        waits: Waits,
        mut expand: impl FnMut(&InstantSample) -> (Labels, Annotations),
    ) -> Result<usize, EvalError> {
        let mut coming = Vec::with_capacity(samples.len());
        let mut seen: HashSet<Labels, RandomState> = HashSet::default();
        for sample in samples {
            let (labels, annotations) = expand(sample);
            if !seen.insert(labels.clone()) {
                return Err(EvalError::SameAlertLabels);
            }
            let value = if sample.histogram.is_some() { 0.0 } else { sample.value };
            coming.push((labels, annotations, value));
        }
        for (labels, annotations, value) in coming {
            match self.alerts.get_mut(&labels).filter(|alert| alert.state != AlertState::Inactive) {
                Some(alert) => (alert.value, alert.annotations) = (value, annotations),
                None => {
                    let alert = Alert {
                        state: AlertState::Pending,
                        labels: labels.clone(),
                        annotations,
                        value,
                        active_at_ms: slot_ms,
                        fired_at_ms: None,
                        resolved_at_ms: None,
                        keep_firing_since_ms: None,
                        last_sent_ms: None,
                        valid_until_ms: 0,
                    };
                    self.alerts.insert(labels, alert);
                }
            }
        }
        let mut active = 0;
        self.alerts.retain(|labels, alert| {
            let kept = alert.step(slot_ms, seen.contains(labels), waits);
            active += usize::from(kept && alert.state != AlertState::Inactive);
            kept
        });
        Ok(active)
    }

    /// Forgets all alerts.
    pub fn clear(&mut self) {
        self.alerts.clear();
    }

    /// Whether there is none, not even a resolved one.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.alerts.is_empty()
    }

    /// All alerts, resolved ones among them, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &Alert> {
        self.alerts.values()
    }

    /// As [`AlertSet::iter`], to change them; not their labels.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut Alert> {
        self.alerts.values_mut()
    }

    /// Adds the alerts of another set.
    pub fn take_from(&mut self, other: Self) {
        self.alerts.extend(other.alerts);
    }

    /// The alerts that have to be told now; they count as told.
    pub fn due(&mut self, slot_ms: i64, resend_delay_ms: i64, interval_ms: i64) -> Vec<Alert> {
        let mut due = Vec::new();
        for alert in self.alerts.values_mut() {
            if alert.is_due(slot_ms, resend_delay_ms) {
                alert.last_sent_ms = Some(slot_ms);
                alert.valid_until_ms = slot_ms.saturating_add(4 * interval_ms.max(resend_delay_ms));
                due.push(alert.clone());
            }
        }
        due
    }
}

impl Alert {
    /// Moves on; `false` when it is to be forgotten.
    fn step(&mut self, slot_ms: i64, is_there: bool, waits: Waits) -> bool {
        if is_there {
            self.keep_firing_since_ms = None;
        } else {
            let mut goes_on = false;
            if self.state == AlertState::Firing && waits.keep_firing_for_ms > 0 {
                let since = *self.keep_firing_since_ms.get_or_insert(slot_ms);
                goes_on = slot_ms - since < waits.keep_firing_for_ms;
            }
            if !goes_on {
                let old = self.resolved_at_ms.is_some_and(|at| slot_ms - at > RESOLVED_KEPT_MS);
                if self.state == AlertState::Pending || old {
                    return false;
                }
                if self.state == AlertState::Firing {
                    self.state = AlertState::Inactive;
                    self.resolved_at_ms = Some(slot_ms);
                }
                return true;
            }
        }
        let long_enough = slot_ms.saturating_sub(self.active_at_ms) >= waits.for_ms;
        match self.state {
            AlertState::Pending if long_enough => {
                self.state = AlertState::Firing;
                self.fired_at_ms = Some(slot_ms);
            }
            AlertState::Firing if !long_enough => {
                // The rule waits longer now than when the alert fired.
                self.state = AlertState::Pending;
                (self.fired_at_ms, self.last_sent_ms) = (None, None);
            }
            _ => {}
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: i64 = 60_000;

    fn sample(value: f64) -> InstantSample {
        InstantSample { labels: Labels::from_pairs([("a", "b")]), timestamp: 0, value, histogram: None }
    }

    /// Steps a minute each: `x` for a result, `.` for none; the states afterwards, `-` for no alert.
    fn states(set: &mut AlertSet, from: i64, steps: &str, waits: Waits) -> String {
        let mut out = String::new();
        for (at, step) in (from..).zip(steps.chars()) {
            let samples = if step == 'x' { vec![sample(at as f64)] } else { Vec::new() };
            set.step(at * MINUTE, &samples, waits, |s| (s.labels.clone(), Arc::from([]))).unwrap();
            out.push(match set.iter().next().map(|alert| alert.state) {
                None => '-',
                Some(AlertState::Inactive) => 'i',
                Some(AlertState::Pending) => 'p',
                Some(AlertState::Firing) => 'f',
            });
        }
        out
    }

    #[test]
    fn an_alert_waits_fires_and_is_resolved() {
        let resolved = format!("f{}-", "i".repeat(16));
        for (for_min, keep_min, steps, want) in [
            (0, 0, ".xx..x", "-ffiif"),
            (2, 0, "xx.xxxx.", "pp-ppffi"),
            (2, 2, "xxx..xx...", "ppfffffffi"),
            (0, 2, "x...", "fffi"),
            (0, 0, "x.................", resolved.as_str()),
        ] {
            let waits = Waits { for_ms: for_min * MINUTE, keep_firing_for_ms: keep_min * MINUTE };
            let got = states(&mut AlertSet::default(), 0, steps, waits);
            assert_eq!(got, want, "{for_min} {keep_min} {steps}");
        }
    }

    #[test]
    fn a_longer_wait_makes_a_firing_alert_pending_again() {
        let mut set = AlertSet::default();
        assert_eq!(states(&mut set, 0, "xx", Waits::default()), "ff");
        let longer = Waits { for_ms: 5 * MINUTE, keep_firing_for_ms: 0 };
        assert_eq!(states(&mut set, 2, "xxxx", longer), "pppf");
    }

    #[test]
    fn alerts_are_told_again_after_the_delay_and_at_once_when_resolved() {
        let mut set = AlertSet::default();
        let (delay, interval) = (MINUTE, 30_000);
        let mut told = Vec::new();
        for half in 0..8 {
            let samples = if half < 5 { vec![sample(1.0)] } else { Vec::new() };
            let slot = half * interval;
            set.step(slot, &samples, Waits::default(), |s| (s.labels.clone(), Arc::from([]))).unwrap();
            for alert in set.due(slot, delay, interval) {
                assert_eq!(alert.valid_until_ms, slot + 4 * MINUTE);
                told.push((half, alert.resolved_at_ms.is_some()));
            }
        }
        // A minute is not longer than the delay of a minute.
        assert_eq!(told, [(0, false), (3, false), (5, true)]);
    }

    #[test]
    fn equal_labels_change_nothing() {
        let mut set = AlertSet::default();
        let two = [sample(1.0), sample(2.0)];
        let error = set.step(0, &two, Waits::default(), |s| (s.labels.clone(), Arc::from([]))).unwrap_err();
        assert_eq!(
            error.to_string(),
            "vector contains metrics with the same labelset after applying alert labels"
        );
        assert!(set.is_empty());
    }
}
