//! The shape of a rule file: groups of recording and alerting rules, checked as Prometheus checks them when
//! it loads a file. Templates are not looked into.

use super::relabel::NameValidation;
use crate::settings::decode::{Decoder, Fault, Fields};
use crate::settings::yaml::{self, Kind, Node};
use narthex_promql::{ParseOptions, parse_expr};
use narthex_storage::labels::quote;

/// Checks a rule file and counts its rules.
///
/// # Errors
/// Every fault with its line.
pub fn check_rule_file(text: &str, names: NameValidation) -> Result<usize, Vec<Fault>> {
    let root = yaml::parse(text)
        .map_err(|error| vec![Fault { line: error.line, message: error.message, shape: false }])?;
    let mut decoder = Decoder::default();
    let mut file = Fields::of(&mut decoder, &root, "rulefmt.RuleGroups");
    let mut rules = 0;
    let mut seen: Vec<String> = Vec::new();
    if let Some(list) = file.take("groups") {
        for node in file.decoder.list(list, "[]rulefmt.RuleGroup") {
            let (name, count) = group(file.decoder, node, names);
            rules += count;
            if seen.contains(&name) {
                let text = format!("groupname: {} is repeated in the same file", quote(&name));
                file.decoder.fault(node.line, text);
            }
            seen.push(name);
        }
    }
    file.finish();
    if decoder.faults.is_empty() { Ok(rules) } else { Err(decoder.faults) }
}

/// The expression of a rule, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleExpression {
    /// The group's name.
    pub group: String,
    /// The name of the alert or of the recorded series.
    pub name: String,
    /// The rule is an alert.
    pub alert: bool,
    /// Line of the expression, from 1.
    pub line: usize,
    /// PromQL.
    pub expr: String,
}

/// The expressions of a rule file, in its order; rules without one are left out.
///
/// # Errors
/// The text is no YAML of the shape of a rule file.
pub fn rule_expressions(text: &str) -> Result<Vec<RuleExpression>, Vec<Fault>> {
    let root = yaml::parse(text)
        .map_err(|error| vec![Fault { line: error.line, message: error.message, shape: false }])?;
    let mut decoder = Decoder::default();
    let mut found = Vec::new();
    let mut file = Fields::of(&mut decoder, &root, "rulefmt.RuleGroups");
    let groups = file.take("groups");
    file.finish();
    for node in groups.map_or(&[][..], |list| decoder.list(list, "[]rulefmt.RuleGroup")) {
        let mut fields = Fields::of(&mut decoder, node, "rulefmt.RuleGroup");
        let group = fields.string("name", "");
        let rules = fields.take("rules");
        for node in rules.map_or(&[][..], |list| decoder.list(list, "[]rulefmt.Rule")) {
            let mut fields = Fields::of(&mut decoder, node, "rulefmt.Rule");
            let (record, alert) = (fields.string("record", ""), fields.string("alert", ""));
            let expr = fields.string("expr", "");
            let (alert, name) = if record.is_empty() { (true, alert) } else { (false, record) };
            if !expr.is_empty() {
                let line = line_of(node, "expr");
                found.push(RuleExpression { group: group.clone(), name, alert, line, expr });
            }
        }
    }
    if decoder.faults.is_empty() { Ok(found) } else { Err(decoder.faults) }
}

/// Checks a group; gives its name and the number of its rules.
fn group(decoder: &mut Decoder, node: &Node, names: NameValidation) -> (String, usize) {
    let mut fields = Fields::of(decoder, node, "rulefmt.RuleGroup");
    let name = fields.string("name", "");
    if name.is_empty() {
        fields.fault("Groupname must not be empty");
    }
    fields.duration("interval");
    fields.duration("query_offset");
    integer(&mut fields, "limit");
    for (label, line, _) in fields.string_map("labels") {
        if !valid_label(&label, names) {
            fields.decoder.fault(line, format!("invalid label name: {label}"));
        }
    }
    let mut count = 0;
    if let Some(list) = fields.take("rules") {
        for node in fields.decoder.list(list, "[]rulefmt.Rule") {
            count += 1;
            rule(fields.decoder, node, names, &name, count);
        }
    }
    fields.finish();
    (name, count)
}

fn integer(fields: &mut Fields<'_, '_>, name: &str) {
    let Some(node) = fields.take(name) else { return };
    let good = match &node.kind {
        Kind::Null => true,
        Kind::Scalar { text, plain } => *plain && text.parse::<i64>().is_ok(),
        _ => false,
    };
    if !good {
        fields.decoder.fault(node.line, format!("{name} must be a whole number"));
    }
}

fn valid_label(name: &str, names: NameValidation) -> bool {
    name != "__name__" && names.accepts(name)
}

/// Checks a rule, number `at` (from 1) of its group.
fn rule(decoder: &mut Decoder, node: &Node, names: NameValidation, group: &str, at: usize) {
    let mut fields = Fields::of(decoder, node, "rulefmt.Rule");
    let (record_at, alert_at) = (line_of(node, "record"), line_of(node, "alert"));
    let record = fields.string("record", "");
    let alert = fields.string("alert", "");
    let name = if record.is_empty() { &alert } else { &record };
    let place = format!("group {}, rule {at}, {}: ", quote(group), quote(name));
    let mut faults: Vec<(usize, String)> = Vec::new();
    match (record.is_empty(), alert.is_empty()) {
        (false, false) => faults.push((record_at, "only one of 'record' and 'alert' must be set".to_owned())),
        (true, true) => {
            let line = if record_at == node.line { alert_at } else { record_at };
            faults.push((line, "one of 'record' or 'alert' must be set".to_owned()));
        }
        _ => {}
    }
    expression(&mut fields, &mut faults);
    let waits = ["for", "keep_firing_for"]
        .map(|field| (field, line_of(node, field), fields.duration(field).is_some_and(|ms| ms != 0)));
    let annotations = fields.string_map("annotations");
    let labels = fields.string_map("labels");
    if !record.is_empty() {
        recording(&record, record_at, names, &mut faults);
        faults.extend(
            waits
                .iter()
                .filter(|(_, _, set)| *set)
                .map(|(field, line, _)| (*line, format!("invalid field '{field}' in recording rule"))),
        );
        if let Some((_, line, _)) = annotations.first() {
            faults.push((*line, "invalid field 'annotations' in recording rule".to_owned()));
        }
    }
    let bad_label = |name: &str| !valid_label(name, names);
    let bad_labels = labels.iter().filter(|(name, _, _)| bad_label(name));
    faults.extend(bad_labels.map(|(name, line, _)| (*line, format!("invalid label name: {name}"))));
    let bad_annotations = annotations.iter().filter(|(name, _, _)| !names.accepts(name));
    faults.extend(bad_annotations.map(|(name, line, _)| (*line, format!("invalid annotation name: {name}"))));
    for (line, text) in faults {
        fields.decoder.fault(line, format!("{place}{text}"));
    }
    fields.finish();
}

fn expression(fields: &mut Fields<'_, '_>, faults: &mut Vec<(usize, String)>) {
    let node = fields.take("expr");
    let line = node.map_or(fields.line, |node| node.line);
    let text = node.map(|node| fields.decoder.string(node)).unwrap_or_default();
    if text.is_empty() {
        faults.push((line, "field 'expr' must be set in rule".to_owned()));
    } else if let Err(error) = parse_expr(&text, &ParseOptions::default()) {
        faults.push((line, format!("could not parse expression: {error}")));
    }
}

fn recording(record: &str, line: usize, names: NameValidation, faults: &mut Vec<(usize, String)>) {
    let legal = match names {
        NameValidation::Utf8 => true,
        NameValidation::Legacy => names.accepts(&record.replace(':', "_")),
    };
    if record.contains(['{', '}']) {
        let text = format!("braces present in the recording rule name; should it be in expr?: {record}");
        faults.push((line, text));
    } else if !legal {
        faults.push((line, format!("invalid recording rule name: {record}")));
    }
}

/// The line of a field, or of the section if it has no such field.
fn line_of(node: &Node, field: &str) -> usize {
    match &node.kind {
        Kind::Map(entries) => {
            entries.iter().find(|(key, _, _)| key == field).map_or(node.line, |(_, line, _)| *line)
        }
        _ => node.line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn faults(rules: &str) -> Vec<(usize, String)> {
        let text = format!("groups:\n- name: g\n  rules:\n{rules}");
        let faults = check_rule_file(&text, NameValidation::Legacy).unwrap_err();
        faults.into_iter().map(|fault| (fault.line, fault.message)).collect()
    }

    #[test]
    fn good_files_are_counted() {
        let text = "groups:\n- name: g\n  interval: 1m\n  limit: 5\n  rules:\n  - {record: 'a:b', expr: up}\n  \
                    - {alert: X, expr: 'up == 0', for: 5m, labels: {s: page}, annotations: {d: 'x {{ $value }}'}}\n";
        assert_eq!(check_rule_file(text, NameValidation::Legacy), Ok(2));
        assert_eq!(check_rule_file("", NameValidation::Utf8), Ok(0));
    }

    #[test]
    fn expressions_come_with_their_rules() {
        let text = "groups:\n- name: g\n  rules:\n  - record: a:b\n    expr: |\n      up +\n      1\n  - {alert: X, expr: up}\n  - {alert: Y}\n";
        let found = rule_expressions(text).unwrap();
        let shown: Vec<_> =
            found.iter().map(|r| (r.name.as_str(), r.alert, r.line, r.expr.as_str())).collect();
        assert_eq!(shown, [("a:b", false, 5, "up +\n1\n"), ("X", true, 8, "up")]);
        assert!(found.iter().all(|rule| rule.group == "g"));
        assert_eq!(rule_expressions(""), Ok(Vec::new()));
        assert!(rule_expressions("groups: 5").is_err());
        assert!(rule_expressions("alerts: []").is_err());
    }

    #[test]
    fn every_fault_of_a_rule_is_found_with_its_line() {
        let table = [
            (
                "  - record: a\n    alert: b\n    expr: up\n",
                4,
                "only one of 'record' and 'alert' must be set",
            ),
            ("  - expr: up\n", 4, "one of 'record' or 'alert' must be set"),
            ("  - record: a\n", 4, "field 'expr' must be set in rule"),
            ("  - record: a\n    expr: up +\n", 5, "could not parse expression: 1:5: parse error"),
            (
                "  - record: 'a{b=\"c\"}'\n    expr: up\n",
                4,
                "braces present in the recording rule name; should it be in expr?: a{b=\"c\"}",
            ),
            ("  - record: a-b\n    expr: up\n", 4, "invalid recording rule name: a-b"),
            (
                "  - record: a\n    expr: up\n    for: 1m\n",
                6,
                "group \"g\", rule 1, \"a\": invalid field 'for' in recording rule",
            ),
            (
                "  - record: a\n    expr: up\n    annotations: {x: y}\n",
                6,
                "invalid field 'annotations' in recording rule",
            ),
            ("  - alert: a\n    expr: up\n    labels: {__name__: x}\n", 6, "invalid label name: __name__"),
            (
                "  - alert: a\n    expr: up\n    annotations: {ins-tance: x}\n",
                6,
                "invalid annotation name: ins-tance",
            ),
            (
                "  - alert: a\n    expr: up\n    annotation: {x: y}\n",
                6,
                "field annotation not found in type rulefmt.Rule",
            ),
        ];
        for (rules, line, text) in table {
            let found = faults(rules);
            assert!(found.iter().any(|(at, got)| *at == line && got.contains(text)), "{rules}: {found:?}");
        }
        let both = faults("  - {alert: a, expr: '('}\n  - {record: b, expr: ')'}\n");
        assert_eq!(both.len(), 2, "{both:?}");
    }

    #[test]
    fn groups_need_names_of_their_own() {
        let error = check_rule_file("groups:\n- name: a\n- name: a\n- rules: []\n", NameValidation::Utf8);
        let texts: Vec<_> = error.unwrap_err().into_iter().map(|f| (f.line, f.message)).collect();
        let want = [(3, "groupname: \"a\" is repeated in the same file"), (4, "Groupname must not be empty")];
        assert_eq!(texts, want.map(|(line, text)| (line, text.to_owned())));
    }

    proptest! {
        #[test]
        fn arbitrary_text_never_panics(text in "(groups|rules|name|expr|record|[-:{}\\[\\], \n'\"a-z0-9]){0,60}") {
            let _ = check_rule_file(&text, NameValidation::Utf8);
        }
    }
}
