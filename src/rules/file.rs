//! Rule files: groups of recording and alerting rules, read strictly and checked as a whole. What is checked is
//! what is loaded: there is no other way to a rule.
//!
//! Field names, checks and error texts are those of Prometheus 3.14.

use super::templates;
use crate::config::NameValidation;
use crate::settings;
use crate::settings::decode::{Decoder, Fields};
use crate::settings::yaml::{self, Kind, Node};
use crate::template::Template;
use narthex_promql::{ParseOptions, PreparedQuery};
use narthex_storage::labels::quote;
use std::collections::HashSet;
use std::path::Path;

/// How rule files are read.
#[derive(Debug, Clone, Copy)]
pub struct FileOptions {
    /// Which names are valid.
    pub names: NameValidation,
    /// What expressions may contain.
    pub parse: ParseOptions,
    /// Fields that nobody knows are skipped.
    pub ignore_unknown_fields: bool,
}

impl Default for FileOptions {
    fn default() -> Self {
        // Prometheus has these durations on since 3.14.
        let parse = ParseOptions { duration_expressions: true, ..ParseOptions::default() };
        Self { names: NameValidation::Utf8, parse, ignore_unknown_fields: false }
    }
}

/// A rule file.
#[derive(Debug, Clone, Default)]
pub struct RuleFile {
    /// In the order of the file.
    pub groups: Vec<GroupSpec>,
    /// Where a second document begins, of which nothing is read.
    pub second_document: Option<usize>,
}

impl RuleFile {
    /// How many rules there are.
    #[must_use]
    pub fn rules(&self) -> usize {
        self.groups.iter().map(|group| group.rules.len()).sum()
    }
}

/// A group as its file has it.
#[derive(Debug, Clone, Default)]
pub struct GroupSpec {
    /// Unlike that of every other group of the file.
    pub name: String,
    /// Distance of the evaluations, ms; `None` for the default.
    pub interval_ms: Option<i64>,
    /// How long before its time a rule looks, ms; `None` for the default.
    pub query_offset_ms: Option<i64>,
    /// Most results of a rule; `None` for no limit.
    pub limit: Option<usize>,
    /// In the order of evaluation.
    pub rules: Vec<RuleSpec>,
}

/// A rule as its file has it.
#[derive(Debug, Clone)]
pub struct RuleSpec {
    /// Name of the recorded series, or of the alert.
    pub name: String,
    /// What is asked.
    pub query: PreparedQuery,
    /// Labels of the group and the rule, those of the rule over those of the group; by name.
    pub labels: Vec<(String, String)>,
    /// What only alerts have.
    pub alert: Option<AlertSpec>,
    /// Line of the expression, from 1.
    pub line: usize,
}

/// What only alerts have.
#[derive(Debug, Clone, Default)]
pub struct AlertSpec {
    /// How long a result has to be there before the alert fires, ms.
    pub for_ms: i64,
    /// How long an alert goes on firing without a result, ms.
    pub keep_firing_for_ms: i64,
    /// By name, as written.
    pub annotations: Vec<(String, String)>,
    /// The rule's labels, ready to expand.
    pub label_templates: Vec<(String, Template)>,
    /// The rule's annotations, ready to expand.
    pub annotation_templates: Vec<(String, Template)>,
}

impl GroupSpec {
    /// Whether two groups are the same for whoever evaluates them.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        self.name == other.name
            && (self.interval_ms, self.query_offset_ms, self.limit)
                == (other.interval_ms, other.query_offset_ms, other.limit)
            && self.rules.len() == other.rules.len()
            && self.rules.iter().zip(&other.rules).all(|(one, other)| one.is_same(other))
    }
}

impl RuleSpec {
    fn is_same(&self, other: &Self) -> bool {
        let alert = |rule: &Self| {
            rule.alert.as_ref().map(|a| (a.for_ms, a.keep_firing_for_ms, a.annotations.clone()))
        };
        (&self.name, self.query.text(), &self.labels, alert(self))
            == (&other.name, other.query.text(), &other.labels, alert(other))
    }
}

/// Something wrong with a rule file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleFault {
    /// From 1; 0 when the fault has no place.
    pub line: usize,
    /// The places that the text begins with: line and column, from 1.
    pub places: Vec<(usize, usize)>,
    /// In Prometheus's words.
    pub message: String,
}

impl RuleFault {
    /// A fault of a file as a whole.
    fn of_file(message: String) -> Self {
        Self { line: 0, places: Vec::new(), message }
    }
}

impl std::fmt::Display for RuleFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.places.iter().try_for_each(|(line, column)| write!(f, "{line}:{column}: "))?;
        f.write_str(&self.message)
    }
}

/// Reads a rule file.
///
/// # Errors
/// Every fault; the file's name stands in front of each when it is printed by [`faults_of`].
pub fn load(path: &Path, options: &FileOptions) -> Result<RuleFile, Vec<RuleFault>> {
    let text = settings::read(path).map_err(|message| vec![RuleFault::of_file(message)])?;
    parse(&text, options)
}

/// The faults of a file as one text, each with the file's name.
#[must_use]
pub fn faults_of(path: &Path, faults: &[RuleFault]) -> String {
    let lines: Vec<String> = faults.iter().map(|fault| format!("{}: {fault}", path.display())).collect();
    lines.join("\n")
}

/// Reads the text of a rule file; of several documents the first.
///
/// # Errors
/// Every fault.
pub fn parse(text: &str, options: &FileOptions) -> Result<RuleFile, Vec<RuleFault>> {
    let root = yaml::parse(text)
        .map_err(|e| vec![RuleFault { line: e.line, places: Vec::new(), message: e.message }])?;
    let mut reader = Reader { options, faults: Vec::new() };
    let mut decoder = Decoder::default();
    let mut file = reader.file(&mut decoder, &root);
    file.second_document = yaml::second_document(text);
    let mut faults = shape_faults(decoder);
    // What has the wrong shape has not been understood: nothing else is said about it.
    if faults.is_empty() {
        faults = reader.faults;
    }
    if faults.is_empty() { Ok(file) } else { Err(faults) }
}

/// What the YAML says that the fields cannot hold.
fn shape_faults(decoder: Decoder) -> Vec<RuleFault> {
    let (shapes, values): (Vec<_>, Vec<_>) = decoder.faults.into_iter().partition(|fault| fault.shape);
    let mut faults: Vec<RuleFault> = Vec::new();
    if let Some(first) = shapes.first() {
        let lines: Vec<String> =
            shapes.iter().map(|fault| format!("\n  line {}: {}", fault.line, fault.message)).collect();
        let message = format!("yaml: unmarshal errors:{}", lines.concat());
        faults.push(RuleFault { line: first.line, places: Vec::new(), message });
    }
    faults.extend(values.into_iter().map(|fault| RuleFault {
        line: fault.line,
        places: Vec::new(),
        message: format!("line {}: {}", fault.line, fault.message),
    }));
    faults
}

/// Collects the faults of meaning.
struct Reader<'a> {
    options: &'a FileOptions,
    faults: Vec<RuleFault>,
}

/// The places where the fields of a rule stand.
struct Places<'a> {
    node: &'a Node,
}

impl Places<'_> {
    /// Where a field's value is, or the rule if it has no such field.
    fn of(&self, field: &str) -> (usize, usize) {
        let Kind::Map(entries) = &self.node.kind else { return (self.node.line, self.node.column) };
        let found = entries.iter().find(|(key, _, _)| key == field).map(|(_, _, value)| value);
        let node = found.unwrap_or(self.node);
        (node.line, node.column)
    }
}

impl Reader<'_> {
    fn fault(&mut self, places: &[(usize, usize)], message: String) {
        let line = places.first().map_or(0, |(line, _)| *line);
        self.faults.push(RuleFault { line, places: places.to_vec(), message });
    }

    /// A fault without a place of its own; `line` is for those who show lines beside the text.
    fn unplaced(&mut self, line: usize, message: String) {
        self.faults.push(RuleFault { line, places: Vec::new(), message });
    }

    fn finish(&self, fields: Fields<'_, '_>) {
        if !self.options.ignore_unknown_fields {
            fields.finish();
        }
    }

    fn file(&mut self, decoder: &mut Decoder, root: &Node) -> RuleFile {
        let mut file = Fields::of(decoder, root, "rulefmt.RuleGroups");
        let mut groups = Vec::new();
        let mut seen = HashSet::new();
        if let Some(list) = file.take("groups") {
            for node in file.decoder.list(list, "[]rulefmt.RuleGroup") {
                let group = self.group(file.decoder, node);
                if !seen.insert(group.name.clone()) {
                    let text = format!("groupname: \"{}\" is repeated in the same file", group.name);
                    self.fault(&[(node.line, node.column)], text);
                }
                groups.push(group);
            }
        }
        self.finish(file);
        RuleFile { groups, second_document: None }
    }

    fn group(&mut self, decoder: &mut Decoder, node: &Node) -> GroupSpec {
        let mut fields = Fields::of(decoder, node, "rulefmt.RuleGroup");
        let name = fields.string("name", "");
        if name.is_empty() {
            self.fault(&[(node.line, node.column)], "Groupname must not be empty".to_owned());
        }
        let interval_ms = fields.duration("interval").filter(|ms| *ms > 0);
        let query_offset_ms = fields.duration("query_offset");
        let limit = fields.int("limit").and_then(|limit| usize::try_from(limit).ok()).filter(|n| *n > 0);
        let labels = fields.string_map("labels");
        for (label, line, _) in &labels {
            if !self.is_label(label) {
                self.unplaced(*line, format!("invalid label name: {label}"));
            }
        }
        let mut rules = Vec::new();
        if let Some(list) = fields.take("rules") {
            for (at, node) in fields.decoder.list(list, "[]rulefmt.Rule").iter().enumerate() {
                rules.extend(self.rule(fields.decoder, node, &labels, (&name, at + 1)));
            }
        }
        self.finish(fields);
        GroupSpec { name, interval_ms, query_offset_ms, limit, rules }
    }

    /// A label that a rule may set.
    fn is_label(&self, name: &str) -> bool {
        name != "__name__" && self.options.names.accepts(name)
    }

    /// Reads a rule, number `at` (from 1) of its group; `None` when something is wrong with it.
    fn rule(
        &mut self,
        decoder: &mut Decoder,
        node: &Node,
        group_labels: &[(String, usize, String)],
        (group, at): (&str, usize),
    ) -> Option<RuleSpec> {
        let mut fields = Fields::of(decoder, node, "rulefmt.Rule");
        let places = Places { node };
        let (record, alert) = (fields.string("record", ""), fields.string("alert", ""));
        let expr = fields.string("expr", "");
        let [for_ms, keep_firing_for_ms] =
            ["for", "keep_firing_for"].map(|field| fields.duration(field).unwrap_or(0));
        let labels = fields.string_map("labels");
        let annotations = fields.string_map("annotations");
        self.finish(fields);
        let before = self.faults.len();
        let both = [places.of("record"), places.of("alert")];
        match (record.is_empty(), alert.is_empty()) {
            (false, false) => {
                self.fault(&both, "only one of 'record' and 'alert' must be set".to_owned());
            }
            (true, true) => self.fault(&both, "one of 'record' or 'alert' must be set".to_owned()),
            _ => {}
        }
        let query = self.query(&expr, places.of("expr"));
        if !record.is_empty() {
            for (field, set) in [
                ("annotations", !annotations.is_empty()),
                ("for", for_ms != 0),
                ("keep_firing_for", keep_firing_for_ms != 0),
            ] {
                if set {
                    self.fault(&both[..1], format!("invalid field '{field}' in recording rule"));
                }
            }
            self.recorded(&record, both[0]);
        }
        for (label, line, _) in
            labels.iter().filter(|(label, _, _)| !self.is_label(label)).collect::<Vec<_>>()
        {
            self.unplaced(*line, format!("invalid label name: {label}"));
        }
        for (name, line, _) in &annotations {
            if !self.options.names.accepts(name) {
                self.unplaced(*line, format!("invalid annotation name: {name}"));
            }
        }
        let alert_spec = (!alert.is_empty()).then(|| {
            let annotation_templates = self.templates(&alert, "annotation", &annotations);
            let own = self.templates(&alert, "label", &labels);
            let of_group = self.templates(&alert, "label", group_labels);
            AlertSpec {
                for_ms,
                keep_firing_for_ms,
                label_templates: templates::merged(&of_group, own),
                annotation_templates,
                annotations: unlined(annotations),
            }
        });
        let name = if alert.is_empty() { record } else { alert };
        let in_rule = format!("group {}, rule {at}, {}: ", quote(group), quote(&name));
        for fault in self.faults.iter_mut().skip(before) {
            fault.message.insert_str(0, &in_rule);
        }
        let [group_labels, own] = [group_labels.to_vec(), labels].map(unlined);
        let labels = templates::merged(&group_labels, own);
        Some(RuleSpec { name, query: query?, labels, alert: alert_spec, line: places.of("expr").0 })
    }

    fn query(&mut self, expr: &str, place: (usize, usize)) -> Option<PreparedQuery> {
        if expr.is_empty() {
            self.fault(&[place], "field 'expr' must be set in rule".to_owned());
            return None;
        }
        let parsed = PreparedQuery::parse(expr, &self.options.parse);
        parsed.map_err(|error| self.fault(&[place], format!("could not parse expression: {error}"))).ok()
    }

    /// Checks the name of a recorded series.
    fn recorded(&mut self, record: &str, place: (usize, usize)) {
        let legal = match self.options.names {
            NameValidation::Utf8 => true,
            NameValidation::Legacy => self.options.names.accepts(&record.replace(':', "_")),
        };
        if !legal {
            self.fault(&[place], format!("invalid recording rule name: {record}"));
        }
        if record.contains(['{', '}']) {
            let text = format!("braces present in the recording rule name; should it be in expr?: {record}");
            self.fault(&[place], text);
        }
    }

    /// Reads the templates of an alert's labels or annotations.
    fn templates(
        &mut self,
        alert: &str,
        what: &str,
        texts: &[(String, usize, String)],
    ) -> Vec<(String, Template)> {
        let mut read = Vec::new();
        for (name, line, text) in texts {
            match templates::read(alert, text) {
                Ok(template) => read.push((name.clone(), template)),
                Err(error) => self.unplaced(*line, format!("{what} {}: {error}", quote(name))),
            }
        }
        read
    }
}

/// Names and texts without their lines.
fn unlined(pairs: Vec<(String, usize, String)>) -> Vec<(String, String)> {
    pairs.into_iter().map(|(name, _, text)| (name, text)).collect()
}

#[cfg(test)]
#[path = "file_tests.rs"]
mod tests;
