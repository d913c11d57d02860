//! Target groups in files: what file discovery reads.

use super::static_config::{StaticConfig, labels};
use crate::settings::decode::{Decoder, Fields};
use crate::settings::yaml::{self, Kind};
use std::path::{Path, PathBuf};

/// Reads a list of target groups; JSON is a part of YAML.
///
/// # Errors
/// Every fault with its line.
pub fn parse_groups(text: &str) -> Result<Vec<StaticConfig>, String> {
    let root = yaml::parse(text).map_err(|e| e.message)?;
    let mut decoder = Decoder::default();
    let mut groups = Vec::new();
    for item in decoder.list(&root, "[]*targetgroup.Group") {
        if item.kind == Kind::Null {
            decoder.fault(item.line, "nil target group item found");
            continue;
        }
        let mut group = Fields::of(&mut decoder, item, "targetgroup.plain");
        let targets = group.strings("targets");
        let labels = labels(&mut group);
        group.finish();
        groups.push(StaticConfig { targets, labels });
    }
    if decoder.faults.is_empty() {
        return Ok(groups);
    }
    let faults = decoder.faults.iter().map(|fault| format!("line {}: {}", fault.line, fault.message));
    Err(faults.collect::<Vec<_>>().join("; "))
}

/// The files that a path names, sorted; its last element may have one `*`.
#[must_use]
pub fn expand_glob(pattern: &Path) -> Vec<PathBuf> {
    let name = pattern.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    let Some((prefix, suffix)) = name.split_once('*') else {
        return if pattern.exists() { vec![pattern.to_owned()] } else { Vec::new() };
    };
    let dir = pattern.parent().filter(|d| !d.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    let mut files: Vec<PathBuf> = entries
        .filter(|entry| {
            let file = entry.file_name().to_string_lossy().into_owned();
            file.len() >= prefix.len() + suffix.len() && file.starts_with(prefix) && file.ends_with(suffix)
        })
        .map(|entry| pattern.with_file_name(entry.file_name()))
        .collect();
    files.sort();
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_read_from_json_and_yaml() {
        let want = [StaticConfig {
            targets: vec!["a:1".to_owned(), "b:2".to_owned()],
            labels: vec![("x".to_owned(), "1".to_owned())],
        }];
        assert_eq!(parse_groups(r#"[{"targets": ["a:1", "b:2"], "labels": {"x": "1"}}]"#).unwrap(), want);
        assert_eq!(parse_groups("- targets: ['a:1', 'b:2']\n  labels:\n    x: 1\n").unwrap(), want);
        assert_eq!(parse_groups("").unwrap(), []);
        assert_eq!(
            parse_groups("- targets: []\n  foo: 1\n").unwrap_err(),
            "line 2: field foo not found in type targetgroup.plain"
        );
        assert_eq!(parse_groups("[null]").unwrap_err(), "line 1: nil target group item found");
    }

    #[test]
    fn a_star_stands_for_part_of_a_name() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["a1.json", "a2.json", "b.json", "a.yml"] {
            std::fs::write(dir.path().join(name), "").unwrap();
        }
        let found = expand_glob(&dir.path().join("a*.json"));
        assert_eq!(found, [dir.path().join("a1.json"), dir.path().join("a2.json")]);
        assert_eq!(expand_glob(&dir.path().join("none.json")), Vec::<PathBuf>::new());
    }
}
