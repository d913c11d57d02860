//! The relabelling engine: an ordered list of rules that rewrite, keep or drop a label set.
//!
//! A rule never fails: what is wrong with it is found when the configuration is loaded, and a rule
//! that does not apply to a label set leaves it as it is.

use crate::config::{Action, Rule};
use md5::{Digest, Md5};
use narthex_storage::LabelsBuilder;

/// Applies `rules` in order. Returns whether the label set is kept; after a drop the remaining rules
/// do not run and the builder holds what the earlier ones made.
#[must_use]
pub fn process(labels: &mut LabelsBuilder, rules: &[Rule]) -> bool {
    rules.iter().all(|rule| apply(labels, rule))
}

fn apply(labels: &mut LabelsBuilder, rule: &Rule) -> bool {
    match rule.action {
        Action::LabelMap => map_names(labels, rule),
        Action::LabelDrop => {
            labels.retain(|name, _| !rule.regex.is_match(name));
        }
        Action::LabelKeep => {
            labels.retain(|name, _| rule.regex.is_match(name));
        }
        _ => return apply_to_value(labels, rule, &joined(labels, rule)),
    }
    true
}

fn apply_to_value(labels: &mut LabelsBuilder, rule: &Rule, value: &str) -> bool {
    let target = rule.target_label.as_str();
    match rule.action {
        Action::Keep => return rule.regex.is_match(value),
        Action::Drop => return !rule.regex.is_match(value),
        Action::KeepEqual => return labels.get(target).unwrap_or_default() == value,
        Action::DropEqual => return labels.get(target).unwrap_or_default() != value,
        Action::Replace => replace(labels, rule, value),
        Action::HashMod => {
            if let Some(remainder) = hash(value).checked_rem(rule.modulus) {
                labels.set(target, &remainder.to_string());
            }
        }
        Action::Lowercase => {
            labels.set(target, &value.chars().map(simple_lowercase).collect::<String>());
        }
        Action::Uppercase => {
            labels.set(target, &value.chars().map(simple_uppercase).collect::<String>());
        }
        // These work on names, not on a value.
        Action::LabelMap | Action::LabelDrop | Action::LabelKeep => {}
    }
    true
}

fn joined(labels: &LabelsBuilder, rule: &Rule) -> String {
    let mut value = String::new();
    for (i, name) in rule.source_labels.iter().enumerate() {
        if i > 0 {
            value.push_str(&rule.separator);
        }
        value.push_str(labels.get(name).unwrap_or_default());
    }
    value
}

fn replace(labels: &mut LabelsBuilder, rule: &Rule, value: &str) {
    let Some(target) = rule.regex.expand(value, &rule.target_label) else { return };
    if !rule.names.accepts(&target) {
        return;
    }
    let replacement = rule.regex.expand(value, &rule.replacement).unwrap_or_default();
    labels.set(&target, &replacement);
}

/// Copies are made of the labels as they were before the rule, so a copy is never copied again.
fn map_names(labels: &mut LabelsBuilder, rule: &Rule) {
    let copies: Vec<(String, String)> = labels
        .iter()
        .filter_map(|(name, value)| Some((rule.regex.expand(name, &rule.replacement)?, value.to_owned())))
        .collect();
    for (name, value) in copies {
        labels.set(&name, &value);
    }
}

/// The last eight bytes of the MD5 sum, big-endian.
fn hash(value: &str) -> u64 {
    let sum: [u8; 16] = Md5::digest(value.as_bytes()).into();
    // The cast cuts off the upper half of the sum, which is what is wanted.
    u128::from_be_bytes(sum) as u64
}

/// Go maps each character to exactly one (Unicode's simple mapping); Rust's full mapping may give
/// several, and then the simple one has to be named here.
fn simple_lowercase(c: char) -> char {
    if c == '\u{130}' { 'i' } else { single(c.to_lowercase()).unwrap_or(c) }
}

/// As [`simple_lowercase`]. The characters with a simple and a longer full mapping are the Greek
/// small letters with iota subscript, whose capitals lie 8 or 9 code points on.
fn simple_uppercase(c: char) -> char {
    let capital = match c {
        '\u{1f80}'..='\u{1f87}' | '\u{1f90}'..='\u{1f97}' | '\u{1fa0}'..='\u{1fa7}' => {
            char::from_u32(u32::from(c) + 8)
        }
        '\u{1fb3}' | '\u{1fc3}' | '\u{1ff3}' => char::from_u32(u32::from(c) + 9),
        _ => single(c.to_uppercase()),
    };
    capital.unwrap_or(c)
}

fn single(mut chars: impl Iterator<Item = char>) -> Option<char> {
    let first = chars.next();
    if chars.next().is_some() { None } else { first }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::NameValidation;
    use narthex_storage::{GoRegex, Labels};
    use proptest::prelude::*;

    fn rule(action: Action, sources: &[&str], regex: &str, target: &str, replacement: &str) -> Rule {
        Rule {
            source_labels: sources.iter().map(|s| (*s).to_owned()).collect(),
            separator: ";".to_owned(),
            regex: GoRegex::anchored(regex).unwrap(),
            modulus: 0,
            target_label: target.to_owned(),
            replacement: replacement.to_owned(),
            action,
            names: NameValidation::Utf8,
        }
    }

    fn run(labels: &[(&str, &str)], rules: &[Rule]) -> Option<String> {
        let mut builder = LabelsBuilder::from_labels(&Labels::from_pairs(labels.iter().copied()));
        process(&mut builder, rules).then(|| format!("{:?}", builder.build()))
    }

    fn one(labels: &[(&str, &str)], rule: Rule) -> String {
        run(labels, &[rule]).unwrap()
    }

    #[test]
    fn replace_expands_target_and_replacement() {
        let labels = [("a", "foo"), ("b", "bar")];
        let r = |regex, target, replacement| rule(Action::Replace, &["a", "b"], regex, target, replacement);
        assert_eq!(one(&labels, r("f(.*);(.*)r", "a", "b${1}${2}m")), r#"{a="boobam", b="bar"}"#);
        assert_eq!(one(&labels, r("(.*);(.*)", "${1}_x", "$2")), r#"{a="foo", b="bar", foo_x="bar"}"#);
        assert_eq!(one(&labels, r("foo", "a", "x")), r#"{a="foo", b="bar"}"#, "the whole value has to match");
        assert_eq!(one(&labels, r("(.*)", "c", "fixed")), r#"{a="foo", b="bar", c="fixed"}"#);
        assert_eq!(one(&labels, r(".*", "a", "")), r#"{b="bar"}"#, "an empty result deletes the label");
        assert_eq!(one(&labels, r(".*", "$9", "x")), r#"{a="foo", b="bar"}"#, "an empty name does nothing");
    }

    #[test]
    fn replace_makes_only_names_of_the_scheme() {
        let mut dotted = rule(Action::Replace, &["a"], "(.*)", "$1", "x");
        assert_eq!(one(&[("a", "b.c")], dotted.clone()), r#"{a="b.c", "b.c"="x"}"#);
        dotted.names = NameValidation::Legacy;
        assert_eq!(one(&[("a", "b.c")], dotted), r#"{a="b.c"}"#);
    }

    #[test]
    fn a_missing_source_label_is_empty() {
        let r = rule(Action::Replace, &["no", "a", "nor"], "(.*)", "joined", "$1");
        assert_eq!(one(&[("a", "1")], r), r#"{a="1", joined=";1;"}"#);
    }

    #[test]
    fn keep_and_drop_decide_and_end_the_run() {
        let labels = [("a", "foo"), ("b", "foo"), ("c", "bar")];
        for (action, regex, kept) in [
            (Action::Keep, "fo+", true),
            (Action::Keep, "fo", false),
            (Action::Drop, "fo+", false),
            (Action::Drop, "fo", true),
        ] {
            assert_eq!(run(&labels, &[rule(action, &["a"], regex, "", "")]).is_some(), kept, "{action:?}");
        }
        for (action, target, kept) in [
            (Action::KeepEqual, "b", true),
            (Action::KeepEqual, "c", false),
            (Action::KeepEqual, "none", false),
            (Action::DropEqual, "b", false),
            (Action::DropEqual, "c", true),
        ] {
            let r = rule(action, &["a"], "(.*)", target, "$1");
            assert_eq!(run(&labels, &[r]).is_some(), kept, "{action:?} {target}");
        }
        let mut builder = LabelsBuilder::from_labels(&Labels::from_pairs(labels));
        let rules =
            [rule(Action::Drop, &["a"], "foo", "", ""), rule(Action::Replace, &[], ".*", "after", "x")];
        assert!(!process(&mut builder, &rules));
        assert_eq!(builder.get("after"), None);
    }

    #[test]
    fn hashmod_takes_the_lower_half_of_md5() {
        // MD5 of nothing is d41d8cd98f00b204e9800998ecf8427e, of "a" 0cc175b9c0f1b6a831c399e269772661.
        assert_eq!(hash(""), 0xe980_0998_ecf8_427e);
        assert_eq!(hash("a"), 0x31c3_99e2_6977_2661);
        let mut r = rule(Action::HashMod, &["c"], "(.*)", "d", "$1");
        r.modulus = 1000;
        let want = format!(r#"{{c="a", d="{}"}}"#, 0x31c3_99e2_6977_2661_u64 % 1000);
        assert_eq!(one(&[("c", "a")], r.clone()), want);
        r.modulus = 0;
        assert_eq!(one(&[("c", "a")], r), r#"{c="a"}"#);
    }

    #[test]
    fn label_actions_work_on_names() {
        let labels = [("__meta_x", "1"), ("__meta_y", "2"), ("a", "3")];
        let r = |action| rule(action, &[], "__meta_(.+)", "", "$1");
        assert_eq!(one(&labels, r(Action::LabelMap)), r#"{__meta_x="1", __meta_y="2", a="3", x="1", y="2"}"#);
        assert_eq!(one(&labels, r(Action::LabelDrop)), r#"{a="3"}"#);
        assert_eq!(one(&labels, r(Action::LabelKeep)), r#"{__meta_x="1", __meta_y="2"}"#);
        let again = rule(Action::LabelMap, &[], "(a+)", "", "a$1");
        assert_eq!(one(&[("a", "1"), ("aa", "2")], again), r#"{a="1", aa="1", aaa="2"}"#);
    }

    #[test]
    fn case_is_mapped_character_by_character() {
        let case = |action, text: &str| one(&[("a", text)], rule(action, &["a"], "(.*)", "a", "$1"));
        assert_eq!(case(Action::Lowercase, "BaRΣİ"), r#"{a="barσi"}"#);
        assert_eq!(case(Action::Uppercase, "baßé\u{1f80}\u{1fb3}"), "{a=\"BAßÉ\u{1f88}\u{1fbc}\"}");
        assert_eq!(one(&[("b", "x")], rule(Action::Uppercase, &["a"], "(.*)", "b", "$1")), "{}");
    }

    proptest! {
        #[test]
        fn case_mapping_keeps_the_number_of_characters(c in any::<char>()) {
            let full: Vec<char> = c.to_uppercase().collect();
            if let [capital] = full[..] {
                prop_assert_eq!(simple_uppercase(c), capital);
            }
            let full: Vec<char> = c.to_lowercase().collect();
            if let [small] = full[..] {
                prop_assert_eq!(simple_lowercase(c), small);
            }
        }

        #[test]
        fn keep_and_drop_are_opposites(value in "\\PC{0,8}", regex in "[ab.*]{0,2}") {
            prop_assume!(GoRegex::anchored(&regex).is_ok());
            let kept = run(&[("a", &value)], &[rule(Action::Keep, &["a"], &regex, "", "")]).is_some();
            let dropped = run(&[("a", &value)], &[rule(Action::Drop, &["a"], &regex, "", "")]).is_none();
            prop_assert_eq!(kept, dropped);
        }
    }
}
