//! The expressions of a rule file, for those who look at nothing else of it: also of rules that cannot be loaded.

use crate::settings::Fault;
use crate::settings::decode::{Decoder, Fields};
use crate::settings::yaml::{self, Kind};

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
                let line = match &node.kind {
                    Kind::Map(entries) => entries.iter().find(|(key, _, _)| key == "expr"),
                    _ => None,
                }
                .map_or(node.line, |(_, line, _)| *line);
                found.push(RuleExpression { group: group.clone(), name, alert, line, expr });
            }
        }
    }
    if decoder.faults.is_empty() { Ok(found) } else { Err(decoder.faults) }
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
