//! The custom resources of the Prometheus operator: what it would write into the configuration file for them.
//!
//! `monitors` and `scrape_config` are pure functions from a resource to scrape configs in the words of the file, and
//! `rules` to a rule file; both then take the way of every other configuration. `follow` reads and watches the resources.

#[cfg(feature = "kubernetes")]
mod access;
#[cfg(feature = "kubernetes")]
mod follow;
#[cfg(feature = "kubernetes")]
mod job;
#[cfg(feature = "kubernetes")]
mod monitors;
#[cfg(feature = "kubernetes")]
mod rules;
#[cfg(feature = "kubernetes")]
mod scrape_config;
#[cfg(feature = "kubernetes")]
mod secrets;

#[cfg(all(test, feature = "kubernetes"))]
mod tests;

use crate::discovery::SdMetrics;
use std::sync::Arc;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// What all resources together ask for, as JSON texts, which are YAML too.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Written {
    /// Entries of `scrape_configs`.
    pub scrape_configs: Vec<String>,
    /// Rule files: name and text.
    pub rule_files: Vec<(String, String)>,
}

/// Follows the resources for as long as it lives.
#[derive(Debug)]
pub struct Operator {
    /// `None` inside until all resources were read once.
    written: watch::Receiver<Option<Arc<Written>>>,
    task: JoinHandle<()>,
}

impl Drop for Operator {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Operator {
    /// Begins to follow the resources of the cluster that this server runs in.
    ///
    /// # Errors
    /// It runs in none.
    #[cfg(feature = "kubernetes")]
    pub fn start(metrics: &Arc<SdMetrics>) -> Result<Self, String> {
        let (written, task) = follow::start(metrics)?;
        Ok(Self { written, task })
    }

    /// As a build without Kubernetes has it.
    ///
    /// # Errors
    /// Always.
    #[cfg(not(feature = "kubernetes"))]
    pub fn start(_: &Arc<SdMetrics>) -> Result<Self, String> {
        Err("this binary was built without the feature kubernetes".to_owned())
    }

    /// What is written at present.
    #[must_use]
    pub fn written(&self) -> Arc<Written> {
        self.written.borrow().clone().unwrap_or_default()
    }

    /// Ends when they have changed.
    pub async fn changed(&mut self) {
        if self.written.changed().await.is_err() {
            // What was written stays.
            std::future::pending::<()>().await;
        }
    }
}
