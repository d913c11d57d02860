//! `check service-discovery`: what a job's discovery finds, and what relabelling makes of it.

use super::Verdict;
use super::args::DiscoveryRequest;
use crate::config::{Config, ScrapeConfig};
use crate::discovery::manager::Providers;
use crate::discovery::{SdMetrics, SubscriptionSet, TargetGroup};
use crate::scrape::target::{Outcome, targets_of};
use narthex_storage::Labels;
use serde_json::{Map, Value, json};
use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;

/// Asks the providers of a job, until each has answered or the time is up, and prints its targets as JSON.
///
/// # Errors
/// `out` or `err` cannot be written.
pub(super) fn check(
    request: &DiscoveryRequest,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> io::Result<Verdict> {
    let config = match Config::load(&request.file) {
        Ok(config) => config,
        Err(error) => {
            writeln!(err, "Cannot load config {error}")?;
            return Ok(Verdict::Bad);
        }
    };
    let Some(job) = config.scrape_configs.iter().find(|job| job.job_name == request.job) else {
        writeln!(err, "Job {} not found. Select one of:", request.job)?;
        config.scrape_configs.iter().try_for_each(|job| writeln!(err, "\t{}", job.job_name))?;
        return Ok(Verdict::Bad);
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let (groups, all_answered) = runtime.block_on(discover(job, request.timeout));
    if !all_answered {
        writeln!(err, "warning: not every provider has answered within {} s", request.timeout.as_secs())?;
    }
    let mut results: Vec<Value> = Vec::new();
    for result in groups.iter().flat_map(|group| results_of(group, job)) {
        if !results.contains(&result) {
            results.push(result);
        }
    }
    writeln!(out, "{}", serde_json::to_string_pretty(&results)?)?;
    Ok(Verdict::Good)
}

/// The groups of a job, and whether every provider has answered.
async fn discover(job: &ScrapeConfig, longest: Duration) -> (Vec<Arc<TargetGroup>>, bool) {
    let metrics = Arc::new(SdMetrics::default());
    let providers = Providers::new(Arc::clone(&metrics));
    let mut set = SubscriptionSet::new("scrape", &job.job_name);
    set.apply(&providers, &job.discovery);
    let answers = async {
        for mut listener in set.listeners() {
            // One that has ended has said all that it will.
            let _ = listener.wait_for(Option::is_some).await;
        }
    };
    let all_answered = tokio::time::timeout(longest, answers).await.is_ok();
    (set.groups(&metrics, &job.static_configs), all_answered)
}

/// Each target of a group: labels as discovered, labels of its samples, and what is wrong with it.
fn results_of(group: &TargetGroup, job: &ScrapeConfig) -> Vec<Value> {
    let found = targets_of(group, job).into_iter().zip(&group.targets);
    let each = found.map(|(outcome, target)| match outcome {
        Ok(Outcome::Active(target)) => {
            json!({ "discoveredLabels": object(&target.discovered), "labels": object(&target.labels) })
        }
        Ok(Outcome::Dropped(discovered)) => json!({ "discoveredLabels": object(&discovered), "labels": {} }),
        Ok(Outcome::Nothing) => json!({ "discoveredLabels": {}, "labels": {} }),
        Err(error) => {
            let all = group.labels.iter().chain(target);
            let labels = Labels::from_pairs(all.map(|(name, value)| (name.as_str(), value.as_str())));
            json!({ "discoveredLabels": object(&labels), "labels": {}, "error": error })
        }
    });
    each.collect()
}

fn object(labels: &Labels) -> Value {
    let entries = labels.iter().map(|(name, value)| (name.to_owned(), Value::from(value)));
    Value::Object(entries.collect::<Map<_, _>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_job(job: &str) -> (Verdict, String, String) {
        let dir = tempfile::tempdir().unwrap();
        let targets = r#"[{"targets": ["h:1", "h:2"], "labels": {"zone": "a"}}]"#;
        std::fs::write(dir.path().join("t.json"), targets).unwrap();
        let file = dir.path().join("c.yml");
        let text = "scrape_configs:\n- job_name: files\n  file_sd_configs: [{files: [t.json]}]\n  \
            static_configs: [{targets: ['s:1']}, {targets: ['bad/host']}]\n  relabel_configs:\n  \
            - {source_labels: [__address__], regex: 'h:2', action: drop}\n- job_name: other\n";
        std::fs::write(&file, text).unwrap();
        let request = DiscoveryRequest { file, job: job.to_owned(), timeout: Duration::from_secs(60) };
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let verdict = check(&request, &mut out, &mut err).unwrap();
        (verdict, String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
    }

    #[test]
    fn targets_are_shown_before_and_after_relabelling() {
        let (verdict, out, err) = check_job("files");
        assert_eq!((verdict, err.as_str()), (Verdict::Good, ""));
        let results: Vec<Value> = serde_json::from_str(&out).unwrap();
        let labels: Vec<&Value> = results.iter().map(|result| &result["labels"]).collect();
        assert_eq!(labels.len(), 4, "{out}");
        assert!(labels.contains(&&json!({"instance": "s:1", "job": "files"})), "{out}");
        assert!(labels.contains(&&json!({"instance": "h:1", "job": "files", "zone": "a"})), "{out}");
        let dropped =
            results.iter().find(|result| result["discoveredLabels"]["__address__"] == "h:2").unwrap();
        assert_eq!(dropped["labels"], json!({}));
        let bad = results.iter().find(|result| !result["error"].is_null()).unwrap();
        assert!(bad["error"].as_str().unwrap().contains("\"bad/host\" is not a valid hostname"), "{out}");
    }

    #[test]
    fn a_job_that_is_not_there_gives_the_list_of_jobs() {
        let (verdict, out, err) = check_job("nothing");
        assert_eq!((verdict, out.as_str()), (Verdict::Bad, ""));
        assert_eq!(err, "Job nothing not found. Select one of:\n\tfiles\n\tother\n");
    }
}
