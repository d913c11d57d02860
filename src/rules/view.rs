//! Groups and rules as others see them: what they are, and how the last evaluation went. Locks are held for a copy
//! and never over an evaluation.

use super::alert::{Alert, AlertState};
use super::file::{GroupSpec, RuleSpec};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How a rule's last evaluation went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Health {
    /// There was none.
    #[default]
    Unknown,
    /// Well.
    Good,
    /// Badly.
    Bad,
}

impl Health {
    /// As the API names it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Good => "ok",
            Self::Bad => "err",
        }
    }
}

/// What changes with each evaluation of a rule.
#[derive(Debug, Clone, Default)]
pub struct RuleStatus {
    /// How it went.
    pub health: Health,
    /// Why it failed, if it did.
    pub last_error: Option<String>,
    /// How long it took, seconds.
    pub evaluation_seconds: f64,
    /// When it began, by the clock, ms; `None` before the first one.
    pub last_evaluation_ms: Option<i64>,
    /// The rule's alerts, in no order.
    pub alerts: Vec<Alert>,
}

impl RuleStatus {
    /// The state of the rule: that of its foremost alert.
    #[must_use]
    pub fn state(&self) -> &'static str {
        if self.last_evaluation_ms.is_none() {
            return "unknown";
        }
        self.alerts.iter().map(|alert| alert.state).max().unwrap_or(AlertState::Inactive).name()
    }
}

/// A rule.
#[derive(Debug)]
pub struct RuleView {
    /// What it is.
    pub spec: RuleSpec,
    status: Mutex<RuleStatus>,
}

impl RuleView {
    fn lock(&self) -> MutexGuard<'_, RuleStatus> {
        self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How the last evaluation went.
    #[must_use]
    pub fn status(&self) -> RuleStatus {
        self.lock().clone()
    }

    /// Changes the status.
    pub fn update(&self, change: impl FnOnce(&mut RuleStatus)) {
        change(&mut self.lock());
    }
}

/// What changes with each evaluation of a group.
#[derive(Debug, Clone, Copy, Default)]
pub struct GroupStatus {
    /// How long it took, seconds.
    pub evaluation_seconds: f64,
    /// When it began, by the clock, ms; `None` before the first one.
    pub last_evaluation_ms: Option<i64>,
}

/// A group.
#[derive(Debug)]
pub struct GroupView {
    /// Its file.
    pub file: String,
    /// Its name.
    pub name: String,
    /// Distance of the evaluations, ms.
    pub interval_ms: i64,
    /// Most results of a rule; `None` for no limit.
    pub limit: Option<usize>,
    /// In the order of evaluation.
    pub rules: Vec<Arc<RuleView>>,
    status: Mutex<GroupStatus>,
}

impl GroupView {
    /// A group that was not evaluated yet.
    #[must_use]
    pub fn new(spec: &GroupSpec, file: &str, default_interval_ms: i64) -> Self {
        let rule = |spec: &RuleSpec| Arc::new(RuleView { spec: spec.clone(), status: Mutex::default() });
        Self {
            file: file.to_owned(),
            name: spec.name.clone(),
            interval_ms: spec.interval_ms.unwrap_or(default_interval_ms).max(1),
            limit: spec.limit,
            rules: spec.rules.iter().map(rule).collect(),
            status: Mutex::default(),
        }
    }

    /// As metrics name the group.
    #[must_use]
    pub fn key(&self) -> String {
        format!("{};{}", self.file, self.name)
    }

    /// How the last evaluation went.
    #[must_use]
    pub fn status(&self) -> GroupStatus {
        *self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes how an evaluation went.
    pub fn set_status(&self, status: GroupStatus) {
        *self.status.lock().unwrap_or_else(PoisonError::into_inner) = status;
    }
}
