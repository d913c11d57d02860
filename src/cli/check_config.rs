//! `narthex check config`: everything that is wrong with configuration files and the files that they name,
//! each fault with its place and what to do about it.
//!
//! Progress and success go to standard output, faults to standard error, as promtool does it.

use super::advice::advice;
use super::check::Verdict;
use super::check::args::ConfigOptions;
use super::check::rules::lint;
use crate::config::{Config, NameValidation};
use crate::discovery::groups::expand_glob;
use crate::discovery::{Discovery, Problem};
use crate::http::tls::client_config;
use crate::rules::file::{self as rule_file, FileOptions};
use crate::settings::duration::format_duration;
use crate::settings::http::Source;
use crate::settings::{self, HttpClientConfig, yaml};
use narthex_storage::labels::quote;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Checks the files.
///
/// # Errors
/// `out` or `err` cannot be written.
pub fn check_config(
    files: &[PathBuf],
    options: &ConfigOptions,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> io::Result<Verdict> {
    for name in &options.features.unknown {
        writeln!(out, "  WARNING: Unknown option for --enable-feature: {name:?}")?;
    }
    let mut verdict = Verdict::Good;
    for file in files {
        writeln!(out, "Checking {}", file.display())?;
        let findings = check_file(file, options);
        if !findings.faults.is_empty() {
            verdict = Verdict::Bad;
        }
        report(file, &findings, out, err)?;
        for text in &findings.lint {
            writeln!(err, "  FAILED: {text}")?;
            verdict = verdict.max(Verdict::Questionable);
        }
        writeln!(out)?;
        for rules in &findings.rule_files {
            verdict = verdict.max(check_rules(rules, findings.names, options, out, err)?);
            writeln!(out)?;
        }
    }
    Ok(verdict)
}

/// What a configuration file gave rise to.
struct Findings {
    /// Line and text; line 0 speaks of the whole file.
    faults: Vec<(usize, String)>,
    /// What may be on purpose.
    warnings: Vec<(usize, String)>,
    /// What is questionable.
    lint: Vec<String>,
    rule_files: Vec<PathBuf>,
    names: NameValidation,
}

fn check_file(file: &Path, options: &ConfigOptions) -> Findings {
    let mut findings = Findings {
        faults: Vec::new(),
        warnings: Vec::new(),
        lint: Vec::new(),
        rule_files: Vec::new(),
        names: NameValidation::Utf8,
    };
    match Config::load(file) {
        Ok(config) => {
            findings.names = config.global.names;
            if options.agent {
                agent_mode(&config, &mut findings);
            }
            // It was read a moment ago.
            let text = settings::read(file).unwrap_or_default();
            if let Some(line) = yaml::second_document(&text) {
                findings.warnings.push((line, "only the first document of the file is read".to_owned()));
            }
            if !options.syntax_only {
                named_files(&config, &mut findings);
                for job in &config.scrape_configs {
                    let owner = format!("job {}", quote(&job.job_name));
                    tls(&job.http, job.line, &owner, &mut findings);
                    target_files(&job.discovery, &job.job_name, &mut findings);
                }
                for (i, section) in config.alerting.alertmanagers.iter().enumerate() {
                    tls(&section.http, section.line, "an Alertmanager", &mut findings);
                    target_files(&section.discovery, &format!("config-{i}"), &mut findings);
                }
            }
            if options.lint.long_intervals {
                long_intervals(&config, options.lookback_ms, &mut findings);
            }
            let unserved = config.unserved.iter();
            findings.warnings.extend(
                unserved.map(|what| (what.line, format!("{} is accepted and not served yet", what.section))),
            );
        }
        Err(error) => {
            findings.faults.extend(error.faults.into_iter().map(|fault| (fault.line, fault.message)));
        }
    }
    findings.faults.sort_by_key(|(line, _)| *line);
    findings
}

/// Sections that agent mode does not allow.
fn agent_mode(config: &Config, findings: &mut Findings) {
    let section = config.alerting.alertmanagers.first().map(|section| section.line);
    let alerting = section.or((!config.alerting.relabel.is_empty()).then_some(0));
    let rules = config.files.iter().find(|(_, _, what)| what == "rule_files").map(|(_, line, _)| *line);
    let remote_read = config.unserved.iter().find(|what| what.section == "remote_read").map(|what| what.line);
    for (name, line) in [("alerting", alerting), ("rule_files", rules), ("remote_read", remote_read)] {
        let fault = |line| (line, format!("field {name} is not allowed in agent mode"));
        findings.faults.extend(line.map(fault));
    }
}

/// Jobs whose series a query does not see between two scrapes.
fn long_intervals(config: &Config, lookback_ms: i64, findings: &mut Findings) {
    for job in config.scrape_configs.iter().filter(|job| job.common.interval_ms >= lookback_ms) {
        findings.lint.push(format!(
            "too long scrape interval found, data point will be marked as stale - job: {}, interval: {}",
            job.job_name,
            format_duration(job.common.interval_ms)
        ));
    }
}

fn report(file: &Path, findings: &Findings, out: &mut dyn Write, err: &mut dyn Write) -> io::Result<()> {
    for (line, text) in &findings.faults {
        failed(file, *line, text, err)?;
    }
    for (line, text) in &findings.warnings {
        writeln!(out, "  WARNING: {}: {text}", place(file, *line))?;
    }
    if !findings.faults.is_empty() {
        return Ok(());
    }
    if !findings.rule_files.is_empty() {
        writeln!(out, "  SUCCESS: {} rule files found", findings.rule_files.len())?;
    }
    writeln!(out, " SUCCESS: {} is valid prometheus config file syntax", file.display())
}

fn failed(file: &Path, line: usize, text: &str, err: &mut dyn Write) -> io::Result<()> {
    // The YAML reader's own texts begin with the line too.
    let yaml = format!("yaml: line {line}: ");
    writeln!(err, "  FAILED: {}: {}", place(file, line), text.strip_prefix(&yaml).unwrap_or(text))?;
    match advice(text) {
        Some(advice) => writeln!(err, "    {advice}"),
        None => Ok(()),
    }
}

fn place(file: &Path, line: usize) -> String {
    if line == 0 { file.display().to_string() } else { format!("{}:{line}", file.display()) }
}

/// Rule files, credentials and certificates that the configuration names.
fn named_files(config: &Config, findings: &mut Findings) {
    for (path, line, what) in &config.files {
        let shown = path.display().to_string();
        if what == "rule_files" {
            let found = expand_glob(path);
            if found.is_empty() && !shown.contains('*') {
                let text = format!("{} does not point to an existing file", quote(&shown));
                findings.faults.push((*line, text));
            }
            findings.rule_files.extend(found);
        } else if !path.is_file() {
            let text = format!("{what}: {} does not point to an existing file", quote(&shown));
            findings.faults.push((*line, text));
        } else if let Err(why) = settings::read(path) {
            findings.faults.push((*line, format!("{what}: {why}")));
        }
    }
}

/// Certificates and keys have to hold what their names say.
fn tls(http: &HttpClientConfig, line: usize, owner: &str, findings: &mut Findings) {
    let tls = &http.tls;
    let sources = [&tls.ca, &tls.cert, &tls.key];
    let missing = |source: &&Option<Source>| matches!(source, Some(Source::File(path)) if !path.is_file());
    // A file that is not there has been told already.
    if sources.iter().all(|source| source.is_none()) || sources.iter().any(missing) {
        return;
    }
    if let Err(why) = client_config(tls) {
        findings.faults.push((line, format!("tls_config of {owner}: {why}")));
    }
}

/// Files of discovery.
fn target_files(discoveries: &[Discovery], job: &str, findings: &mut Findings) {
    for discovery in discoveries {
        for problem in discovery.provider().problems(job) {
            match problem {
                Problem::Fault(text) => findings.faults.push((discovery.line(), text)),
                Problem::Warning(text) => findings.warnings.push((discovery.line(), text)),
            }
        }
    }
}

fn check_rules(
    file: &Path,
    names: NameValidation,
    options: &ConfigOptions,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> io::Result<Verdict> {
    writeln!(out, "Checking {}", file.display())?;
    let read = FileOptions {
        names,
        parse: options.features.parse,
        ignore_unknown_fields: options.ignore_unknown_fields,
    };
    match rule_file::load(file, &read) {
        Ok(rules) => lint(&rules, options.lint.duplicate_rules, out, err),
        Err(faults) => {
            faults.iter().try_for_each(|fault| failed(file, fault.line, &fault.message, err))?;
            Ok(Verdict::Bad)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Writes the files, checks the first one, and gives success, standard output and standard error, in
    /// which the directory is called `D`.
    fn check(files: &[(&str, &str)]) -> (bool, String, String) {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in files {
            std::fs::write(dir.path().join(name), text).unwrap();
        }
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let options = ConfigOptions::default();
        let verdict = check_config(&[dir.path().join(files[0].0)], &options, &mut out, &mut err).unwrap();
        let good = verdict == Verdict::Good;
        let plain = |bytes| String::from_utf8(bytes).unwrap().replace(dir.path().to_str().unwrap(), "D");
        (good, plain(out), plain(err))
    }

    #[test]
    fn a_good_file_with_rules_says_so() {
        let (good, out, err) = check(&[
            (
                "c.yml",
                "rule_files: ['r*.yml']\nscrape_configs:\n- job_name: a\n  static_configs: [{targets: ['h:1']}]\n",
            ),
            ("r1.yml", "groups: [{name: g, rules: [{record: a, expr: up}]}]\n"),
        ]);
        assert_eq!((good, err.as_str()), (true, ""));
        assert_eq!(
            out,
            "Checking D/c.yml\n  \
             SUCCESS: 1 rule files found\n SUCCESS: D/c.yml is valid prometheus config file syntax\n\n\
             Checking D/r1.yml\n  SUCCESS: 1 rules found\n\n"
        );
    }

    #[test]
    fn every_fault_is_told_with_its_line_and_what_to_do() {
        let (good, _, err) = check(&[(
            "c.yml",
            "global:\n  scrape_intervall: 1s\nscrape_configs:\n- scheme: http\n- job_name: b\n  scrape_interval: 5\n",
        )]);
        assert!(!good);
        assert_eq!(
            err,
            "  FAILED: D/c.yml:2: field scrape_intervall not found in type config.plain\n    \
             did you mean scrape_interval?\n  \
             FAILED: D/c.yml:4: job_name is empty\n    \
             give the job a name: job_name: NAME\n  \
             FAILED: D/c.yml:6: not a valid duration string: \"5\"\n    \
             write a number with a unit: 15s, 1m, 1h30m\n"
        );
    }

    #[test]
    fn files_that_are_named_are_looked_into() {
        let (good, out, err) = check(&[
            (
                "c.yml",
                "rule_files: [none.yml, bad.yml]\nscrape_configs:\n- job_name: a\n  \
                 authorization: {credentials_file: token}\n  tls_config: {ca_file: ca.pem}\n  \
                 file_sd_configs: [{files: [t.json, later.json]}]\n",
            ),
            ("bad.yml", "groups:\n- name: g\n  rules:\n  - {record: a, expr: 'up('}\n"),
            ("ca.pem", "not a certificate"),
            ("t.json", "[{\"targets\": 1}]"),
        ]);
        assert!(!good);
        for want in [
            "D/c.yml:1: \"D/none.yml\" does not point to an existing file",
            "D/c.yml:3: credentials_file of job \"a\": \"D/token\" does not point to an existing file",
            "unable to use specified CA cert file D/ca.pem",
            "D/c.yml:6: D/t.json: line 1: cannot unmarshal !!int `1` into []string",
            "D/bad.yml:4: group \"g\", rule 1, \"a\": could not parse expression: ",
        ] {
            assert!(err.contains(want), "{want} is missing in\n{err}");
        }
        assert!(out.contains(
            "WARNING: D/c.yml:6: file \"D/later.json\" for file_sd in scrape job \"a\" does not exist"
        ));
    }

    #[test]
    fn agent_mode_allows_no_alerting_rules_and_remote_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("c.yml");
        let text = "rule_files: ['*.rules.yml']\nalerting:\n  alertmanagers:\n  - static_configs: [{targets: [a]}]\n\
                    remote_read:\n- url: http://h/\n";
        std::fs::write(&path, text).unwrap();
        let checked = |agent: bool| {
            let (mut out, mut err) = (Vec::new(), Vec::new());
            let options = ConfigOptions { agent, ..ConfigOptions::default() };
            let verdict = check_config(std::slice::from_ref(&path), &options, &mut out, &mut err).unwrap();
            (verdict, String::from_utf8(err).unwrap().replace(dir.path().to_str().unwrap(), "D"))
        };
        assert_eq!(checked(false), (Verdict::Good, String::new()));
        let (verdict, err) = checked(true);
        assert_eq!(verdict, Verdict::Bad);
        for fault in [
            "D/c.yml:1: field rule_files is not allowed in agent mode\n",
            "D/c.yml:4: field alerting is not allowed in agent mode\n",
            "field remote_read is not allowed in agent mode\n",
        ] {
            assert!(err.contains(fault), "{fault} is not in {err}");
        }
    }

    #[test]
    fn of_several_documents_the_first_is_read_and_the_others_are_mentioned() {
        let group = |name: &str| format!("groups: [{{name: {name}, rules: [{{record: a, expr: up}}]}}]\n");
        let rules = format!("{}---\n{}", group("one"), group("two"));
        let (good, out, err) = check(&[
            ("c.yml", "rule_files: [r.yml]\n---\nno_field_of_a_configuration: 1\n"),
            ("r.yml", rules.as_str()),
        ]);
        assert_eq!((good, err.as_str()), (true, ""));
        for line in [
            "  WARNING: D/c.yml:2: only the first document of the file is read\n",
            "  WARNING: line 2: only the first document of the file is read\n  SUCCESS: 1 rules found\n",
        ] {
            assert!(out.contains(line), "{line} is not in {out}");
        }
    }

    #[test]
    fn intervals_that_leave_gaps_are_questionable() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("c.yml");
        let text = "rule_files: [none.yml]\nscrape_configs:\n- {job_name: a, scrape_interval: 5m}\n- {job_name: b}\n";
        std::fs::write(&path, text).unwrap();
        let mut options = ConfigOptions { syntax_only: true, ..ConfigOptions::default() };
        options.lint.long_intervals = true;
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let verdict = check_config(&[path], &options, &mut out, &mut err).unwrap();
        assert_eq!(verdict, Verdict::Questionable);
        assert_eq!(
            String::from_utf8(err).unwrap(),
            "  FAILED: too long scrape interval found, data point will be marked as stale - job: a, interval: 5m\n"
        );
    }

    #[test]
    fn a_file_that_is_not_there_is_a_fault() {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let dir = tempfile::tempdir().unwrap();
        let files = [dir.path().join("x.yml")];
        let verdict = check_config(&files, &ConfigOptions::default(), &mut out, &mut err).unwrap();
        assert_eq!(verdict, Verdict::Bad);
        assert!(String::from_utf8(err).unwrap().contains("x.yml: open "));
    }

    #[test]
    fn the_charts_configurations_and_rules_are_good() {
        let shared = std::env::var_os("NARTHEX_SHARED")
            .map_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared")), PathBuf::from);
        if !shared.is_dir() {
            eprintln!("SKIPPED: no shared data at {}", shared.display());
            return;
        }
        let mut checked = 0;
        for entry in std::fs::read_dir(shared.join("corpus/rules")).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|e| e == "yaml" || e == "yml") {
                let file = rule_file::load(&path, &FileOptions::default());
                checked += file.unwrap_or_else(|f| panic!("{path:?}: {f:?}")).rules();
            }
        }
        assert!(checked > 50, "{checked}");
    }
}
