//! Evaluations that were missed while the server was down, made up at its start.
//!
//! They come before the group's first slot, which waits for them no longer than an interval: what is written later
//! could not be preceded any more, and what has not been made up by then is left out. Recording rules are evaluated
//! for the whole gap. Alerts only if the samples from before the gap still count now: then an alert goes on as if the
//! server had not been down. After a longer gap there is nothing to see of most of it, and the `for` state is restored
//! as Prometheus restores it.

use super::group::Group;
use super::history::{Past, Replayed, Slots};
use super::manager::{Run, now_ns};
use super::rule::Rule;
use super::schedule::Slot;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

impl Run {
    /// Makes up what the group missed before `first`; `None` if the group was lost because the runtime ends.
    pub(super) async fn catch_up(self: Arc<Self>, group: Group, first: Slot) -> Option<Group> {
        let Some(slots) = self.missed_slots(&group, first) else { return Some(group) };
        let left =
            Duration::from_nanos(self.deadline_ns(first).saturating_sub(now_ns()).max(0).unsigned_abs());
        let shared = Arc::clone(&self.shared);
        let Ok(Ok(turn)) = tokio::time::timeout(left, shared.past_turns.acquire()).await else {
            return Some(group);
        };
        let caught_up = tokio::task::spawn_blocking(move || {
            let mut group = group;
            self.replay(&mut group, &slots, first);
            group
        });
        let group = caught_up.await.ok();
        drop(turn);
        group
    }

    /// The slots between the last sample from before the start and the first slot after it.
    fn missed_slots(&self, group: &Group, first: Slot) -> Option<Slots> {
        let settings = &self.shared.settings;
        // Only groups of the first load wait for their state from before.
        let alive_ms = settings.alive_until_ms.filter(|_| group.waits_for_past())?;
        let interval_ms = group.view.interval_ms;
        let from_ms = alive_ms.max(first.ms().saturating_sub(settings.catch_up_ms));
        let count = first.ms().saturating_sub(from_ms).saturating_sub(1) / interval_ms;
        let count = usize::try_from(count).ok().filter(|_| settings.catch_up_ms > 0)?;
        let back = i64::try_from(count).unwrap_or(i64::MAX);
        Some(Slots { first_ms: self.schedule.after(first, -back).ms(), step_ms: interval_ms, count })
    }

    /// Until when the first slot waits, ns since the epoch.
    fn deadline_ns(&self, first: Slot) -> i64 {
        self.schedule.after(first, 1).ns
    }

    fn replay(&self, group: &mut Group, slots: &Slots, first: Slot) {
        let token = || self.shared.watchdog.token();
        let evaluator = self.shared.evaluator(&token);
        let deadline_ns = self.deadline_ns(first);
        let go_on = || now_ns() < deadline_ns && !self.stop.now.load(Ordering::Acquire);
        let lookback_ms = self.shared.parts.engine.options().lookback_ms;
        let alive_ms = self.shared.settings.alive_until_ms.unwrap_or(i64::MIN);
        let alerts_too = first.ms().saturating_sub(alive_ms) <= lookback_ms;
        if alerts_too {
            // The last evaluation before the gap.
            let last_ms = slots.first_ms.saturating_sub(slots.step_ms);
            group.go_on_from(last_ms, &evaluator, self.shared.settings.restore);
        }
        let wanted = |rule: &Rule| alerts_too || rule.view.spec.alert.is_none();
        let mut done = Replayed::default();
        for piece in slots.pieces() {
            let mut past = Past { wanted: &wanted, observe: &mut |_, _, _| (), go_on: &go_on };
            done.add(group.replay(&piece, &evaluator, &mut past));
        }
        let rules = group.rules().iter().filter(|rule| wanted(rule)).count().max(1);
        self.metrics.caught_up.add((done.evaluations / rules) as u64);
        if let Some((rule, error)) = &done.error {
            tracing::warn!(
                group = group.view.name,
                failures = done.failures,
                rule,
                error,
                "Evaluations that were missed while the server was down could not all be made up"
            );
        }
    }
}
