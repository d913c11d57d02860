//! What the files of a configuration hold, in short: to notice that they change.

use crate::discovery::groups::expand_glob;
use crate::settings;
use crate::settings::yaml::{self, Kind, Node};
use ring::digest::{Context, SHA256};
use std::path::Path;

/// The lists of further files that a configuration may have.
const LISTS: &[&str] = &["rule_files", "scrape_config_files"];

/// SHA-256 over the file and over all rule and scrape configuration files that it names, names included. A file that
/// is no YAML counts by itself.
///
/// # Errors
/// A file cannot be read.
pub fn checksum(file: &Path) -> Result<[u8; 32], String> {
    let mut sum = Context::new(&SHA256);
    let text = settings::read(file)?;
    add(&mut sum, file, &text);
    let dir = file.parent().unwrap_or(Path::new(""));
    let root = yaml::parse(&text).ok();
    for pattern in root.iter().flat_map(patterns) {
        for named in expand_glob(&dir.join(pattern)) {
            add(&mut sum, &named, &settings::read(&named)?);
        }
    }
    let mut out = [0; 32];
    out.copy_from_slice(sum.finish().as_ref());
    Ok(out)
}

/// Name and text, each with its length, so that nothing can move from the one to the other.
fn add(sum: &mut Context, file: &Path, text: &str) {
    for part in [file.as_os_str().as_encoded_bytes(), text.as_bytes()] {
        sum.update(&(part.len() as u64).to_be_bytes());
        sum.update(part);
    }
}

fn patterns(root: &Node) -> Vec<&str> {
    let Kind::Map(entries) = &root.kind else { return Vec::new() };
    let lists = entries.iter().filter(|(key, _, _)| LISTS.contains(&key.as_str()));
    let items = lists.filter_map(|(_, _, list)| match &list.kind {
        Kind::List(items) => Some(items),
        _ => None,
    });
    fn text(item: &Node) -> Option<&str> {
        match &item.kind {
            Kind::Scalar { text, .. } => Some(text.as_str()),
            _ => None,
        }
    }
    items.flatten().filter_map(text).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sum_follows_every_file_that_is_named_and_no_other() {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).unwrap();
        let sum = || checksum(&dir.path().join("c.yml")).unwrap();
        write("c.yml", "rule_files: ['r*.yml']\nscrape_config_files: [s.yml]\n");
        let mut seen = vec![sum()];
        for (name, text) in [("r1.yml", "a"), ("r1.yml", "b"), ("r2.yml", "b"), ("s.yml", ""), ("c.yml", "{")]
        {
            write(name, text);
            let now = sum();
            assert!(!seen.contains(&now), "{name}");
            seen.push(now);
        }
        write("other.yml", "x");
        assert_eq!(seen.last(), Some(&sum()));
        assert!(checksum(&dir.path().join("none.yml")).unwrap_err().contains("no such file"));
    }
}
