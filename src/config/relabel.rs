//! Relabelling rules, checked.

use crate::settings::decode::Fields;
use crate::settings::yaml::{Kind, Node};
use narthex_storage::GoRegex;
use narthex_storage::labels::{is_plain_name, quote};
use serde_json::{Map, Value, json};

/// What a rule does with the joined value of its source labels (`value` below).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Sets the target label to the expanded replacement when `value` matches.
    Replace,
    /// Drops the label set unless `value` matches.
    Keep,
    /// Drops the label set when `value` matches.
    Drop,
    /// Drops the label set unless the target label equals `value`.
    KeepEqual,
    /// Drops the label set when the target label equals `value`.
    DropEqual,
    /// Sets the target label to the hash of `value`, modulo the modulus.
    HashMod,
    /// Copies every label whose name matches to the name made from the replacement.
    LabelMap,
    /// Removes the labels whose names match.
    LabelDrop,
    /// Removes the labels whose names do not match.
    LabelKeep,
    /// Sets the target label to `value` in lower case.
    Lowercase,
    /// Sets the target label to `value` in upper case.
    Uppercase,
}

const ACTIONS: &[(&str, Action)] = &[
    ("replace", Action::Replace),
    ("keep", Action::Keep),
    ("drop", Action::Drop),
    ("keepequal", Action::KeepEqual),
    ("dropequal", Action::DropEqual),
    ("hashmod", Action::HashMod),
    ("labelmap", Action::LabelMap),
    ("labeldrop", Action::LabelDrop),
    ("labelkeep", Action::LabelKeep),
    ("lowercase", Action::Lowercase),
    ("uppercase", Action::Uppercase),
];

impl Action {
    /// As the configuration names it.
    #[must_use]
    pub fn name(self) -> &'static str {
        ACTIONS.iter().find(|(_, action)| *action == self).map_or("", |(name, _)| name)
    }
}

/// Which texts may become label names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NameValidation {
    /// Any text that is not empty.
    Utf8,
    /// `[a-zA-Z_][a-zA-Z0-9_]*`.
    Legacy,
}

impl NameValidation {
    /// Whether a text may be a label's name.
    #[must_use]
    pub fn accepts(self, name: &str) -> bool {
        match self {
            Self::Utf8 => !name.is_empty(),
            Self::Legacy => is_plain_name(name),
        }
    }
}

/// One rule with every default filled in.
#[derive(Debug, Clone)]
pub struct Rule {
    /// Labels whose values are joined; a label that is not there counts as empty.
    pub source_labels: Vec<String>,
    /// Text between the joined values.
    pub separator: String,
    /// Expression that the whole value (or label name) has to match.
    pub regex: GoRegex,
    /// Divisor of [`Action::HashMod`]; with 0 that action does nothing.
    pub modulus: u64,
    /// Label that is set or compared; a template for [`Action::Replace`].
    pub target_label: String,
    /// Template of the new value, or of the new name for [`Action::LabelMap`].
    pub replacement: String,
    /// What to do.
    pub action: Action,
    /// Which names [`Action::Replace`] may make.
    pub names: NameValidation,
}

const ANY: &str = "(.*)";

impl Rule {
    /// The rules of a list; `null_text` is the fault of an empty entry.
    pub(super) fn list(
        fields: &mut Fields<'_, '_>,
        name: &str,
        null_text: &str,
        names: NameValidation,
    ) -> Vec<Self> {
        let Some(node) = fields.take(name) else { return Vec::new() };
        let items = fields.decoder.list(node, "[]*relabel.Config");
        let mut rules = Vec::new();
        for item in items {
            if item.kind == Kind::Null {
                fields.decoder.fault(item.line, null_text);
            } else {
                rules.extend(Self::decode(&mut Fields::of(fields.decoder, item, "relabel.plain"), names));
            }
        }
        rules
    }

    fn decode(fields: &mut Fields<'_, '_>, names: NameValidation) -> Option<Self> {
        let line = fields.line;
        let source_labels = fields.strings("source_labels");
        let separator = match fields.take("separator") {
            Some(node) => fields.decoder.string(node),
            None => ";".to_owned(),
        };
        let regex_node = fields.take("regex");
        let pattern = regex_node.map_or(ANY.to_owned(), |node: &Node| fields.decoder.string(node));
        let regex = match GoRegex::anchored(&pattern) {
            Ok(regex) => Some(regex),
            Err(error) => {
                fields.decoder.fault(regex_node.map_or(line, |n| n.line), error.to_string());
                None
            }
        };
        let modulus = fields.uint("modulus").unwrap_or(0);
        let target_label = fields.string("target_label", "");
        let replacement = match fields.take("replacement") {
            Some(node) => fields.decoder.string(node),
            None => "$1".to_owned(),
        };
        let action = match fields.take("action") {
            None => Some(Action::Replace),
            Some(node) if node.kind == Kind::Null => {
                fields.decoder.fault(node.line, "relabel action cannot be empty");
                None
            }
            Some(node) => {
                let name = fields.decoder.string(node);
                let found = ACTIONS.iter().find(|(n, _)| n.eq_ignore_ascii_case(&name)).map(|(_, a)| *a);
                if found.is_none() {
                    fields.decoder.fault(node.line, format!("unknown relabel action {}", quote(&name)));
                }
                found
            }
        };
        let unknown = fields.take_all(|_| true);
        for (key, key_line, _) in unknown {
            fields.decoder.faults.push(crate::settings::decode::Fault {
                line: key_line,
                message: format!("field {key} not found in type relabel.plain"),
                shape: true,
            });
        }
        let (regex, action) = (regex?, action?);
        let rule =
            Self { source_labels, separator, regex, modulus, target_label, replacement, action, names };
        if let Some(text) = rule.invalid() {
            fields.decoder.fault(line, text);
            return None;
        }
        Some(rule)
    }

    /// What is wrong with the rule as a whole, in Prometheus's order of checks.
    fn invalid(&self) -> Option<String> {
        use Action as A;
        let name = self.action.name();
        let needs_target = matches!(
            self.action,
            A::Replace | A::KeepEqual | A::DropEqual | A::HashMod | A::Lowercase | A::Uppercase
        );
        if self.action == A::HashMod && self.modulus == 0 {
            return Some("relabel configuration for hashmod requires non-zero modulus".to_owned());
        }
        if needs_target && self.target_label.is_empty() {
            return Some(format!("relabel configuration for {name} action requires 'target_label' value"));
        }
        if needs_target && !self.valid_target() {
            let target = quote(&self.target_label);
            return Some(format!("{target} is invalid 'target_label' for {name} action"));
        }
        let changes_case = matches!(self.action, A::Lowercase | A::Uppercase);
        if changes_case && self.replacement != "$1" {
            return Some(format!("'replacement' can not be set for {name} action"));
        }
        if self.action == A::LabelMap && !self.valid_template(&self.replacement) {
            let replacement = quote(&self.replacement);
            return Some(format!("{replacement} is invalid 'replacement' for labelmap action"));
        }
        let plain = self.separator == ";" && self.modulus == 0 && self.replacement == "$1";
        let sources = !self.source_labels.is_empty();
        if matches!(self.action, A::LabelDrop | A::LabelKeep)
            && (sources || !self.target_label.is_empty() || !plain)
        {
            return Some(format!("{name} action requires only 'regex', and no other fields"));
        }
        if matches!(self.action, A::KeepEqual | A::DropEqual) && (self.regex.as_str() != ANY || !plain) {
            return Some(format!(
                "{name} action requires only 'source_labels' and `target_label`, and no other fields"
            ));
        }
        None
    }

    fn valid_target(&self) -> bool {
        if self.action == Action::Replace && self.target_label.contains('$') {
            return self.valid_template(&self.target_label);
        }
        self.names.accepts(&self.target_label)
    }

    /// Whether a template can make a label name: with the references in it taken for letters.
    fn valid_template(&self, template: &str) -> bool {
        if self.names == NameValidation::Utf8 {
            return !template.is_empty();
        }
        let mut name = String::new();
        let mut rest = template;
        while let Some((before, after)) = rest.split_once('$') {
            name.push_str(before);
            name.push('x');
            let word = |text: &str| {
                text.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(text.len())
            };
            rest = match after.strip_prefix('{').and_then(|inner| inner.split_once('}')) {
                Some((reference, tail)) if !reference.is_empty() && word(reference) == reference.len() => {
                    tail
                }
                Some(_) => return false,
                None if word(after) > 0 => after.get(word(after)..).unwrap_or_default(),
                None => return false,
            };
        }
        name.push_str(rest);
        is_plain_name(&name)
    }

    /// As `status/config` shows it.
    #[must_use]
    pub fn to_value(&self) -> Value {
        let mut out = Map::new();
        if !self.source_labels.is_empty() {
            out.insert("source_labels".to_owned(), json!(self.source_labels));
        }
        out.insert("separator".to_owned(), json!(self.separator));
        if self.regex.as_str() != ANY || !matches!(self.action, Action::KeepEqual | Action::DropEqual) {
            out.insert("regex".to_owned(), json!(self.regex.as_str()));
        }
        if self.modulus != 0 {
            out.insert("modulus".to_owned(), json!(self.modulus));
        }
        if !self.target_label.is_empty() {
            out.insert("target_label".to_owned(), json!(self.target_label));
        }
        out.insert("replacement".to_owned(), json!(self.replacement));
        out.insert("action".to_owned(), json!(self.action.name()));
        out.into()
    }
}
