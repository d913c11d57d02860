//! Scrape configs that come from elsewhere than the file.

use super::{Config, ConfigError, Fault, credential_files, yaml};
use crate::config::ScrapeConfig;
use crate::settings::decode::Decoder;
use narthex_storage::labels::quote;
use std::path::Path;

impl Config {
    /// Adds a scrape config, given as the text of one entry of `scrape_configs`.
    ///
    /// # Errors
    /// Everything that is wrong with it; nothing is added then.
    pub fn add_scrape_config(&mut self, text: &str) -> Result<(), ConfigError> {
        let failed = |faults| ConfigError { path: "(generated)".to_owned(), faults };
        let root = yaml::parse(text)
            .map_err(|e| failed(vec![Fault { line: e.line, message: e.message, shape: false }]))?;
        let mut decoder = Decoder::default();
        let config = ScrapeConfig::decode(&mut decoder, &root, Path::new(""), &self.global);
        if let Some(config) = &config
            && self.scrape_configs.iter().any(|known| known.job_name == config.job_name)
        {
            let name = quote(&config.job_name);
            decoder.fault(root.line, format!("found multiple scrape configs with job name {name}"));
        }
        if !decoder.faults.is_empty() {
            return Err(failed(decoder.faults));
        }
        if let Some(config) = config {
            credential_files(&config, &mut self.files);
            self.scrape_configs.push(config);
        }
        Ok(())
    }
}
