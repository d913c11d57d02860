//! `file_sd_configs`: target groups in files, noticed when they change.

use super::TargetGroup;
use crate::config::FileSdConfig;
use crate::config::groups::{expand_glob, parse_groups};
use notify::{RecursiveMode, Watcher};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tracing::{error, warn};

/// Largest file, bytes.
const FILE_MAX: u64 = 64 << 20;
/// Changes that come together are read together.
const SETTLE: Duration = Duration::from_millis(100);

/// The groups of each file that was ever readable.
#[derive(Debug, Default)]
struct Files {
    groups: BTreeMap<PathBuf, Vec<TargetGroup>>,
}

impl Files {
    /// Reads all files anew. A file that cannot be read keeps its groups; one that is gone loses them.
    fn refresh(&mut self, config: &FileSdConfig) -> Vec<TargetGroup> {
        let mut found: Vec<PathBuf> =
            config.files.iter().flat_map(|pattern| expand_glob(Path::new(pattern))).collect();
        found.sort();
        found.dedup();
        self.groups.retain(|path, _| found.contains(path));
        for path in found {
            match read(&path) {
                Ok(groups) => {
                    self.groups.insert(path, groups);
                }
                Err(reason) => {
                    error!(file = %path.display(), error = reason, "Error reading file, keeping its last good groups");
                }
            }
        }
        self.groups.values().flatten().cloned().collect()
    }
}

fn read(path: &Path) -> Result<Vec<TargetGroup>, String> {
    let size = std::fs::metadata(path).map_err(|e| e.to_string())?.len();
    if size > FILE_MAX {
        return Err(format!("the file has {size} bytes, more than {FILE_MAX}"));
    }
    let text = std::fs::read_to_string(path).map_err(|e| e.to_string())?;
    let shown = path.display().to_string();
    let group = |(i, config)| {
        let mut group = TargetGroup::new(format!("{shown}:{i}"), config);
        group.labels.push(("__meta_filepath".to_owned(), shown.clone()));
        group
    };
    Ok(parse_groups(&text)?.iter().enumerate().map(group).collect())
}

/// Reads the files now and whenever they change, until the receiver is dropped.
pub async fn run(config: FileSdConfig, groups: watch::Sender<Vec<TargetGroup>>) {
    let (sender, mut changes) = mpsc::channel(1);
    // One waiting note is enough: the files are read anew as a whole.
    let note = move |event: notify::Result<notify::Event>| {
        // Reading the files must not count as a change of them.
        if !event.is_ok_and(|event| event.kind.is_access()) {
            let _ = sender.try_send(());
        }
    };
    // Kept until the end: dropping the watcher ends the watching.
    let mut watcher = notify::recommended_watcher(note)
        .map_err(|error| warn!(%error, "cannot watch files, relying on refresh_interval"))
        .ok();
    let dirs: Vec<PathBuf> = config
        .files
        .iter()
        .map(|pattern| Path::new(pattern).parent().map_or(PathBuf::from("."), Path::to_owned))
        .map(|dir| if dir.as_os_str().is_empty() { PathBuf::from(".") } else { dir })
        .collect();
    if let Some(watcher) = &mut watcher {
        for dir in &dirs {
            if let Err(error) = watcher.watch(dir, RecursiveMode::NonRecursive) {
                warn!(dir = %dir.display(), %error, "cannot watch directory, relying on refresh_interval");
            }
        }
    }
    let refresh = Duration::from_millis(u64::try_from(config.refresh_ms).unwrap_or(0).max(1000));
    let mut files = Files::default();
    loop {
        let config = config.clone();
        let read = tokio::task::spawn_blocking(move || {
            let groups = files.refresh(&config);
            (files, groups)
        });
        let Ok((kept, found)) = read.await else { return };
        files = kept;
        groups.send_if_modified(|current| {
            let changed = *current != found;
            *current = found;
            changed
        });
        tokio::select! {
            () = groups.closed() => return,
            () = tokio::time::sleep(refresh) => {}
            Some(()) = changes.recv() => {
                tokio::time::sleep(SETTLE).await;
                while changes.try_recv().is_ok() {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(groups: &[TargetGroup]) -> Vec<String> {
        groups.iter().flat_map(|g| &g.targets).map(|t| t[0].1.clone()).collect()
    }

    #[tokio::test]
    async fn a_changed_file_is_noticed_and_a_broken_one_keeps_its_groups() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("a.json");
        std::fs::write(&file, r#"[{"targets": ["a:1"]}]"#).unwrap();
        let pattern = dir.path().join("*.json").display().to_string();
        let config = FileSdConfig { files: vec![pattern], refresh_ms: 3_600_000 };
        let (sender, mut receiver) = watch::channel(Vec::new());
        let task = tokio::spawn(run(config, sender));
        let wait = Duration::from_secs(30);
        tokio::time::timeout(wait, receiver.wait_for(|g| addresses(g) == ["a:1"])).await.unwrap().unwrap();
        assert_eq!(receiver.borrow()[0].labels[0].0, "__meta_filepath");
        std::fs::write(dir.path().join("b.json"), r#"[{"targets": ["b:1"]}]"#).unwrap();
        std::fs::write(&file, "[broken").unwrap();
        tokio::time::timeout(wait, receiver.wait_for(|g| addresses(g) == ["a:1", "b:1"]))
            .await
            .unwrap()
            .unwrap();
        std::fs::remove_file(&file).unwrap();
        tokio::time::timeout(wait, receiver.wait_for(|g| addresses(g) == ["b:1"])).await.unwrap().unwrap();
        drop(receiver);
        task.await.unwrap();
    }
}
