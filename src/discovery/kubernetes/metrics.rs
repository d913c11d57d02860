//! What discovery in Kubernetes tells about itself: `prometheus_sd_kubernetes_…`.

use super::config::Role;
use crate::telemetry::family::Family;
use crate::telemetry::metrics::{Counter, Page};
use crate::telemetry::summary::Summary;

/// What may happen to an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Happening {
    /// It is new.
    Add,
    /// It changed.
    Update,
    /// It is gone.
    Delete,
}

impl Happening {
    const ALL: [Self; 3] = [Self::Add, Self::Delete, Self::Update];

    fn as_str(self) -> &'static str {
        match self {
            Self::Add => "add",
            Self::Update => "update",
            Self::Delete => "delete",
        }
    }
}

/// Metrics of discovery in Kubernetes.
#[derive(Debug)]
pub struct KubernetesMetrics {
    events: Family<Counter>,
    requests: Family<Counter>,
    durations: Family<Summary>,
}

impl Default for KubernetesMetrics {
    fn default() -> Self {
        let events = Family::new(
            "prometheus_sd_kubernetes_events_total",
            "The number of Kubernetes events handled.",
            &["role", "event"],
        );
        for role in Role::ALL {
            for event in Happening::ALL {
                events.of(&[role.as_str(), event.as_str()]);
            }
        }
        Self {
            events,
            requests: Family::new(
                "prometheus_sd_kubernetes_http_request_total",
                "Total number of HTTP requests to the Kubernetes API by status code.",
                &["status_code"],
            ),
            durations: Family::with(
                "prometheus_sd_kubernetes_http_request_duration_seconds",
                "Summary of latencies for HTTP requests to the Kubernetes API by endpoint.",
                &["endpoint"],
                || Summary::new(&[]),
            ),
        }
    }
}

impl KubernetesMetrics {
    /// Something happened to an object.
    pub fn event(&self, role: Role, event: Happening) {
        self.events.of(&[role.as_str(), event.as_str()]).add(1);
    }

    /// A request was answered, or failed with the status `<error>`, after so many seconds.
    pub fn request(&self, path: &str, status: &str, seconds: f64) {
        self.requests.of(&[status]).add(1);
        self.durations.of(&[path]).observe(seconds);
    }

    /// Adds them to a page.
    pub fn render(&self, page: &mut Page) {
        self.events.render(page);
        self.requests.render(page);
        self.durations.render(page);
    }
}
