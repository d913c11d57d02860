//! Who is to be scraped: groups of targets, from the configuration or from files.

pub mod file;

use crate::config::StaticConfig;

/// Targets that came together. A later group of the same source replaces the earlier one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetGroup {
    /// Who said so, for log lines.
    pub source: String,
    /// Labels of each target, by name; they hold `__address__`.
    pub targets: Vec<Vec<(String, String)>>,
    /// Labels of all of them.
    pub labels: Vec<(String, String)>,
}

impl TargetGroup {
    /// A group of the configuration or of a file.
    #[must_use]
    pub fn new(source: String, config: &StaticConfig) -> Self {
        let address = |target: &String| vec![("__address__".to_owned(), target.clone())];
        Self { source, targets: config.targets.iter().map(address).collect(), labels: config.labels.clone() }
    }
}

/// The groups of `static_configs`.
#[must_use]
pub fn static_groups(configs: &[StaticConfig]) -> Vec<TargetGroup> {
    configs.iter().enumerate().map(|(i, config)| TargetGroup::new(i.to_string(), config)).collect()
}
