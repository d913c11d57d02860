//! All groups of all rule files that a configuration names.

use super::file::{self, FileOptions, GroupSpec};
use crate::config::Config;
use crate::discovery::groups::expand_glob;
use narthex_promql::ParseOptions;
use narthex_storage::labels::quote;
use std::collections::HashSet;
use std::path::Path;
use tracing::warn;

/// A group and the file that it stands in.
#[derive(Debug, Clone)]
pub struct LoadedGroup {
    /// As the configuration leads to it.
    pub file: String,
    /// The group.
    pub spec: GroupSpec,
}

/// Reads the rule files of a configuration; a file that two patterns name counts once.
///
/// # Errors
/// One text per file that cannot be read or has a fault.
pub fn load(config: &Config, parse: ParseOptions) -> Result<Vec<LoadedGroup>, Vec<String>> {
    let options = FileOptions { names: config.global.names, parse, ignore_unknown_fields: false };
    let (mut groups, mut errors, mut seen) = (Vec::new(), Vec::new(), HashSet::new());
    for pattern in &config.rule_files {
        for path in expand_glob(pattern) {
            if !seen.insert(path.clone()) {
                continue;
            }
            let shown = path.display().to_string();
            match file::load(&path, &options) {
                Ok(file) => {
                    if let Some(line) = file.second_document {
                        warn!(file = shown, line, "Only the first document of a rule file is read");
                    }
                    let each = file.groups.into_iter().map(|spec| LoadedGroup { file: shown.clone(), spec });
                    groups.extend(each);
                }
                Err(faults) => errors.push(format!(
                    "parse rules from file {} (pattern: {}): {}",
                    quote(&shown),
                    quote(&pattern.display().to_string()),
                    file::faults_of(&path, &faults)
                )),
            }
        }
    }
    for (name, text) in &config.rule_texts {
        match file::parse(text, &options) {
            Ok(file) => {
                let each = file.groups.into_iter().map(|spec| LoadedGroup { file: name.clone(), spec });
                groups.extend(each);
            }
            Err(faults) => errors.push(file::faults_of(Path::new(name), &faults)),
        }
    }
    if errors.is_empty() { Ok(groups) } else { Err(errors) }
}
