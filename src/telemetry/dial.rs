//! Connections to others: `net_conntrack_dialer_…`. As in Go's library they are counted for the whole process.

use super::Collect;
use super::family::Family;
use super::metrics::{Counter, Page};
use std::sync::{Arc, LazyLock};

/// Why a connection failed, in the words of the label `reason`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DialFailure {
    /// The name is not known.
    Resolution,
    /// Nobody listens there.
    Refused,
    /// There was no answer in time, or nobody waited for it any more.
    Timeout,
    /// Anything else.
    Unknown,
}

/// What has become of connections.
#[derive(Debug)]
pub struct DialMetrics {
    attempted: Family<Counter>,
    established: Family<Counter>,
    closed: Family<Counter>,
    failed: Family<Counter>,
}

/// Those of the process.
pub static DIALS: LazyLock<Arc<DialMetrics>> = LazyLock::new(Arc::default);

impl Default for DialMetrics {
    fn default() -> Self {
        let family = |name, help| Family::new(name, help, &["dialer_name"]);
        Self {
            attempted: family(
                "net_conntrack_dialer_conn_attempted_total",
                "Total number of connections attempted by the given dialer a given name.",
            ),
            established: family(
                "net_conntrack_dialer_conn_established_total",
                "Total number of connections successfully established by the given dialer a given name.",
            ),
            closed: family(
                "net_conntrack_dialer_conn_closed_total",
                "Total number of connections closed which originated from the dialer of a given name.",
            ),
            failed: Family::new(
                "net_conntrack_dialer_conn_failed_total",
                "Total number of connections failed to dial by the dialer a given name.",
                &["dialer_name", "reason"],
            ),
        }
    }
}

/// The connections of one name: a job, `alertmanager`, a mechanism of discovery.
#[derive(Debug, Clone)]
pub struct Dialer {
    attempted: Arc<Counter>,
    established: Arc<Counter>,
    closed: Arc<Counter>,
    resolution: Arc<Counter>,
    refused: Arc<Counter>,
    timeout: Arc<Counter>,
    unknown: Arc<Counter>,
}

impl DialMetrics {
    /// Those of a name; they are there from now on.
    pub fn of(&self, name: &str) -> Dialer {
        let failed = |reason: &str| self.failed.of(&[name, reason]);
        Dialer {
            attempted: self.attempted.of(&[name]),
            established: self.established.of(&[name]),
            closed: self.closed.of(&[name]),
            resolution: failed("resolution"),
            refused: failed("refused"),
            timeout: failed("timeout"),
            unknown: failed("unknown"),
        }
    }
}

impl Dialer {
    /// A connection is attempted.
    #[must_use]
    pub fn attempt(&self) -> Dial {
        self.attempted.add(1);
        Dial { dialer: self.clone(), stage: Stage::Attempted }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Attempted,
    Established,
    Failed,
}

/// A connection, or an attempt at one; dropped when it is over.
#[derive(Debug)]
pub struct Dial {
    dialer: Dialer,
    stage: Stage,
}

impl Dial {
    /// The connection stands.
    pub fn establish(&mut self) {
        self.stage = Stage::Established;
        self.dialer.established.add(1);
    }

    /// There is none.
    pub fn fail(&mut self, why: DialFailure) {
        self.stage = Stage::Failed;
        let counter = match why {
            DialFailure::Resolution => &self.dialer.resolution,
            DialFailure::Refused => &self.dialer.refused,
            DialFailure::Timeout => &self.dialer.timeout,
            DialFailure::Unknown => &self.dialer.unknown,
        };
        counter.add(1);
    }
}

impl Drop for Dial {
    fn drop(&mut self) {
        match self.stage {
            // Whoever waited has given up.
            Stage::Attempted => self.fail(DialFailure::Timeout),
            Stage::Established => self.dialer.closed.add(1),
            Stage::Failed => {}
        }
    }
}

impl Collect for DialMetrics {
    fn collect(&self, page: &mut Page) {
        self.attempted.render(page);
        self.established.render(page);
        self.closed.render(page);
        self.failed.render(page);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_attempt_ends_as_a_closed_connection_or_a_failure() {
        let metrics = DialMetrics::default();
        let dialer = metrics.of("job");
        let mut open = dialer.attempt();
        open.establish();
        let mut done = dialer.attempt();
        done.establish();
        drop(done);
        dialer.attempt().fail(DialFailure::Refused);
        drop(dialer.attempt());
        let mut page = Page::default();
        metrics.collect(&mut page);
        let text = page.into_text();
        for line in [
            "net_conntrack_dialer_conn_attempted_total{dialer_name=\"job\"} 4",
            "net_conntrack_dialer_conn_established_total{dialer_name=\"job\"} 2",
            "net_conntrack_dialer_conn_closed_total{dialer_name=\"job\"} 1",
            "net_conntrack_dialer_conn_failed_total{dialer_name=\"job\",reason=\"refused\"} 1",
            "net_conntrack_dialer_conn_failed_total{dialer_name=\"job\",reason=\"timeout\"} 1",
            "net_conntrack_dialer_conn_failed_total{dialer_name=\"job\",reason=\"unknown\"} 0",
        ] {
            assert!(text.lines().any(|l| l == line), "{line} in {text}");
        }
    }
}
