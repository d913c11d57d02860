//! `file_sd_configs`: target groups in files, noticed when they change.

use super::groups::{expand_glob, parse_groups};
use super::{Context, Mechanism, Problem, Provider, Running, SdMetrics, TargetGroup, Updates};
use crate::settings;
use crate::settings::decode::Fields;
use crate::settings::duration::format_duration;
use narthex_storage::labels::quote;
use notify::{RecursiveMode, Watcher};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, UNIX_EPOCH};
use tokio::sync::mpsc;
use tracing::{error, warn};

/// Changes that come together are read together.
const SETTLE: Duration = Duration::from_millis(100);

/// `file_sd_configs`
pub const MECHANISM: Mechanism = Mechanism { name: "file", type_name: "file.plain", decode };

/// Files that list targets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileSd {
    /// Paths; the last element may have one `*`.
    files: Vec<String>,
    /// Time between two looks even if nothing was noticed, ms.
    refresh_ms: i64,
}

fn decode(fields: &mut Fields<'_, '_>, dir: &Path) -> Arc<dyn Provider> {
    let files = fields.strings("files");
    if files.is_empty() {
        fields.fault("file service discovery config must contain at least one path name");
    }
    for file in files.iter().filter(|file| !is_pattern(file)) {
        fields.fault(format!("path name {} is not valid for file discovery", quote(file)));
    }
    let refresh_ms = fields.duration("refresh_interval").unwrap_or(300_000);
    let files = files.iter().map(|file| dir.join(file).display().to_string()).collect();
    Arc::new(FileSd { files, refresh_ms })
}

/// One `*` at most, in the last element, and an extension that tells the syntax.
fn is_pattern(file: &str) -> bool {
    let name = file.rsplit('/').next().unwrap_or_default();
    let known = ["json", "yml", "yaml", "JSON", "YML", "YAML"];
    let extension = name.rsplit_once('.').is_some_and(|(_, extension)| known.contains(&extension));
    extension && file.matches('*').count() == name.matches('*').count() && name.matches('*').count() <= 1
}

impl Provider for FileSd {
    fn to_value(&self) -> Value {
        json!({"files": self.files, "refresh_interval": format_duration(self.refresh_ms)})
    }

    fn start(&self, context: &Context) -> Result<Running, String> {
        let (config, metrics) = (self.clone(), context.metrics.clone());
        Ok(Running::Watch(Box::new(move |updates| Box::pin(run(config, metrics, updates)))))
    }

    /// A file that is missing may come later, one that is there has to be readable.
    fn problems(&self, job: &str) -> Vec<Problem> {
        let mut problems = Vec::new();
        for pattern in &self.files {
            let found = expand_glob(Path::new(pattern));
            if found.is_empty() && !pattern.contains('*') {
                let (file, job) = (quote(pattern), quote(job));
                let text = format!("file {file} for file_sd in scrape job {job} does not exist");
                problems.push(Problem::Warning(text));
            }
            for file in found {
                if let Err(why) = settings::read(&file).and_then(|text| parse_groups(&text)) {
                    problems.push(Problem::Fault(format!("{}: {why}", file.display())));
                }
            }
        }
        problems
    }
}

/// The groups of each file that was ever readable.
#[derive(Debug, Default)]
struct Files {
    groups: BTreeMap<PathBuf, Vec<TargetGroup>>,
}

impl Files {
    /// Reads all files anew. A file that cannot be read keeps its groups; one that is gone loses them.
    fn refresh(&mut self, config: &FileSd, metrics: &SdMetrics) -> Vec<TargetGroup> {
        let mut found: Vec<PathBuf> =
            config.files.iter().flat_map(|pattern| expand_glob(Path::new(pattern))).collect();
        found.sort();
        found.dedup();
        self.groups.retain(|path, _| {
            let stays = found.contains(path);
            if !stays {
                metrics.file_gone(&path.display().to_string());
            }
            stays
        });
        for path in found {
            match read(&path) {
                Ok(groups) => {
                    if let Some(at) = changed_at(&path) {
                        metrics.file_read(&path.display().to_string(), at);
                    }
                    self.groups.insert(path, groups);
                }
                Err(reason) => {
                    metrics.count("file_read_errors");
                    error!(file = %path.display(), error = reason, "Error reading file, keeping its last good groups");
                }
            }
        }
        self.groups.values().flatten().cloned().collect()
    }
}

/// When a file changed last, seconds since the epoch.
fn changed_at(path: &Path) -> Option<f64> {
    let changed = std::fs::metadata(path).and_then(|meta| meta.modified()).ok()?;
    Some(changed.duration_since(UNIX_EPOCH).ok()?.as_secs_f64())
}

fn read(path: &Path) -> Result<Vec<TargetGroup>, String> {
    let text = settings::read(path)?;
    let shown = path.display().to_string();
    let group = |(i, config)| {
        let mut group = TargetGroup::new(format!("{shown}:{i}"), config);
        group.labels.push(("__meta_filepath".to_owned(), shown.clone()));
        group
    };
    Ok(parse_groups(&text)?.iter().enumerate().map(group).collect())
}

/// Reads the files now and whenever they change, until nobody listens.
async fn run(config: FileSd, metrics: Arc<SdMetrics>, updates: Updates) {
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
        .map_err(|error| {
            metrics.count("file_watcher_errors");
            warn!(%error, "cannot watch files, relying on refresh_interval");
        })
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
                metrics.count("file_watcher_errors");
                warn!(dir = %dir.display(), %error, "cannot watch directory, relying on refresh_interval");
            }
        }
    }
    let refresh = Duration::from_millis(u64::try_from(config.refresh_ms).unwrap_or(0).max(1000));
    let mut files = Files::default();
    loop {
        let (config, metrics) = (config.clone(), metrics.clone());
        let read = tokio::task::spawn_blocking(move || {
            let begin = Instant::now();
            let groups = files.refresh(&config, &metrics);
            metrics.file_scan.observe(begin.elapsed().as_secs_f64());
            (files, groups)
        });
        let Ok((kept, found)) = read.await else { return };
        files = kept;
        updates.replace(found);
        tokio::select! {
            () = updates.closed() => return,
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
    use crate::discovery::Known;

    fn addresses(known: &Known) -> Vec<String> {
        let groups = known.iter().flatten().flat_map(|(_, group)| &group.targets);
        groups.map(|target| target[0].1.clone()).collect()
    }

    #[tokio::test]
    async fn a_changed_file_is_noticed_and_a_broken_one_keeps_its_groups() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("a.json");
        std::fs::write(&file, r#"[{"targets": ["a:1"]}]"#).unwrap();
        let pattern = dir.path().join("*.json").display().to_string();
        let config = FileSd { files: vec![pattern], refresh_ms: 3_600_000 };
        let (updates, mut receiver) = Updates::channel();
        let task = tokio::spawn(run(config, Arc::default(), updates));
        let wait = Duration::from_secs(30);
        tokio::time::timeout(wait, receiver.wait_for(|g| addresses(g) == ["a:1"])).await.unwrap().unwrap();
        let first = receiver.borrow().iter().flatten().next().unwrap().1.clone();
        assert_eq!(first.labels[0].0, "__meta_filepath");
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
