//! Tells Alertmanagers of alerts: relabelling, a queue for each of them, batches, one request at a time.
//!
//! Nothing is tried again: whoever evaluates the rules sends a firing alert anew every minute. Nothing here waits for
//! an Alertmanager but the task that speaks to it.

mod endpoint;
mod manager;
mod metrics;
mod payload;
mod queue;

pub use manager::{Alertmanagers, Notifier, Settings};

use narthex_storage::Labels;

/// An alert as Alertmanagers know it. Times are milliseconds since the epoch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alert {
    /// Who it is, `alertname` included.
    pub labels: Labels,
    /// What is said about it.
    pub annotations: Vec<(String, String)>,
    /// Since when it fires.
    pub starts_at_ms: i64,
    /// When it ended, or until when it is to be believed.
    pub ends_at_ms: i64,
    /// Where to look into it; may be empty.
    pub generator_url: String,
}
