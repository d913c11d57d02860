use super::*;
use proptest::prelude::*;

fn faults(rules: &str) -> Vec<String> {
    let text = format!("groups:\n- name: g\n  rules:\n{rules}");
    let legacy = FileOptions { names: NameValidation::Legacy, ..FileOptions::default() };
    parse(&text, &legacy).unwrap_err().iter().map(ToString::to_string).collect()
}

#[test]
fn a_good_file_is_read_whole() {
    let text = "groups:\n- name: g\n  interval: 1m\n  query_offset: 0s\n  limit: 5\n  labels: {team: a, s: group}\n  rules:\n  \
                - {record: 'a:b', expr: up}\n  \
                - {alert: X, expr: 'up == 0', for: 5m, keep_firing_for: 1m, labels: {s: page}, annotations: {d: 'x {{ $value }}'}}\n";
    let file = parse(text, &FileOptions::default()).unwrap();
    assert_eq!(file.rules(), 2);
    let group = &file.groups[0];
    assert_eq!((group.interval_ms, group.query_offset_ms, group.limit), (Some(60_000), Some(0), Some(5)));
    let pairs = |labels: &[(String, String)]| {
        labels.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(",")
    };
    assert_eq!(pairs(&group.rules[0].labels), "s=group,team=a");
    assert_eq!(pairs(&group.rules[1].labels), "s=page,team=a");
    let alert = group.rules[1].alert.as_ref().unwrap();
    assert_eq!((alert.for_ms, alert.keep_firing_for_ms), (300_000, 60_000));
    assert_eq!(pairs(&alert.annotations), "d=x {{ $value }}");
    assert_eq!(group.rules[1].line, 9);
    assert_eq!(parse("", &FileOptions::default()).unwrap().rules(), 0);
    // Of two documents the first counts.
    assert_eq!(parse("groups: []\n---\nnonsense: 1\n", &FileOptions::default()).unwrap().rules(), 0);
}

#[test]
fn every_fault_of_a_rule_is_found_with_its_place() {
    for (rules, want) in [
        (
            "  - record: a\n    alert: b\n    expr: up\n",
            "4:13: 5:12: group \"g\", rule 1, \"b\": only one of 'record' and 'alert' must be set",
        ),
        ("  - expr: up\n", "4:5: 4:5: group \"g\", rule 1, \"\": one of 'record' or 'alert' must be set"),
        ("  - record: a\n", "4:5: group \"g\", rule 1, \"a\": field 'expr' must be set in rule"),
        (
            "  - record: a\n    expr: up +\n",
            "5:11: group \"g\", rule 1, \"a\": could not parse expression: 1:5: parse error: unexpected end of input",
        ),
        (
            "  - record: 'a{b=\"c\"}'\n    expr: up\n",
            "4:13: group \"g\", rule 1, \"a{b=\\\"c\\\"}\": braces present in the recording rule name; should it be in expr?: a{b=\"c\"}",
        ),
        (
            "  - record: a-b\n    expr: up\n",
            "4:13: group \"g\", rule 1, \"a-b\": invalid recording rule name: a-b",
        ),
        (
            "  - record: a\n    expr: up\n    for: 1m\n",
            "4:13: group \"g\", rule 1, \"a\": invalid field 'for' in recording rule",
        ),
        (
            "  - record: a\n    expr: up\n    keep_firing_for: 1m\n",
            "4:13: group \"g\", rule 1, \"a\": invalid field 'keep_firing_for' in recording rule",
        ),
        (
            "  - record: a\n    expr: up\n    annotations: {x: y}\n",
            "4:13: group \"g\", rule 1, \"a\": invalid field 'annotations' in recording rule",
        ),
        (
            "  - alert: a\n    expr: up\n    labels: {__name__: x}\n",
            "group \"g\", rule 1, \"a\": invalid label name: __name__",
        ),
        (
            "  - alert: a\n    expr: up\n    annotations: {ins-tance: x}\n",
            "group \"g\", rule 1, \"a\": invalid annotation name: ins-tance",
        ),
        (
            "  - alert: a\n    expr: up\n    annotation: {x: y}\n",
            "yaml: unmarshal errors:\n  line 6: field annotation not found in type rulefmt.Rule",
        ),
        (
            "  - alert: a\n    expr: up\n    labels: {x: '{{ $label.instance }}'}\n",
            "group \"g\", rule 1, \"a\": label \"x\": template: __alert_a:1: undefined variable \"$label\"",
        ),
        (
            "  - alert: a\n    expr: up\n    annotations: {x: '{{$this_is_wrong}}'}\n",
            "group \"g\", rule 1, \"a\": annotation \"x\": template: __alert_a:1: undefined variable \"$this_is_wrong\"",
        ),
    ] {
        let found = faults(rules);
        assert!(found.iter().any(|got| got.starts_with(want)), "{rules}: {found:#?}");
    }
    assert!(!faults("  - {alert: a, expr: up, labels: {x: '{{$labels.quantile * 100}}'}}\n").is_empty());
    let both = faults("  - {alert: a, expr: '('}\n  - {record: b, expr: ')'}\n");
    assert_eq!(both.len(), 2, "{both:?}");
}

#[test]
fn groups_need_names_of_their_own() {
    let error = parse("groups:\n- name: a\n- name: a\n- rules: []\n", &FileOptions::default()).unwrap_err();
    let texts: Vec<String> = error.iter().map(ToString::to_string).collect();
    assert_eq!(
        texts,
        ["3:3: groupname: \"a\" is repeated in the same file", "4:3: Groupname must not be empty"]
    );
}

#[test]
fn unknown_fields_can_be_skipped() {
    let text = "groups:\n- {name: g, x: 1, rules: [{record: a, expr: up, y: 2}]}\nz: 3\n";
    let found = parse(text, &FileOptions::default()).unwrap_err();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].message.lines().count(), 4);
    let lenient = FileOptions { ignore_unknown_fields: true, ..FileOptions::default() };
    assert_eq!(parse(text, &lenient).unwrap().rules(), 1);
}

#[test]
fn aliases_stand_for_what_they_name() {
    let text = "groups:\n- name: g\n  rules:\n  - &first\n    record: a\n    expr: up\n    labels: {x: y}\n  - <<: *first\n    record: b\n";
    let file = parse(text, &FileOptions::default()).unwrap();
    let shown: Vec<_> = file.groups[0].rules.iter().map(|r| (r.name.as_str(), r.query.text())).collect();
    assert_eq!(shown, [("a", "up"), ("b", "up")]);
}

#[test]
fn a_group_is_the_same_whatever_its_spelling() {
    let of = |text: &str| parse(text, &FileOptions::default()).unwrap().groups[0].clone();
    let one = of("groups: [{name: g, interval: 60s, rules: [{record: a, expr: 'sum by(x) (up)'}]}]");
    assert!(
        one.is_same(&of("groups: [{name: g, interval: 1m, rules: [{record: a, expr: 'sum  by (x)(up)'}]}]"))
    );
    for other in [
        "groups: [{name: g, interval: 1m, limit: 3, rules: [{record: a, expr: 'sum by(x) (up)'}]}]",
        "groups: [{name: g, interval: 1m, rules: [{record: a, expr: 'sum by(x) (up)', labels: {a: b}}]}]",
        "groups: [{name: g, interval: 1m, rules: [{alert: a, expr: 'sum by(x) (up)'}]}]",
        "groups: [{name: g, interval: 1m, rules: [{record: a, expr: 'sum by(x) (down)'}]}]",
        "groups: [{name: g, interval: 1m, rules: []}]",
    ] {
        assert!(!one.is_same(&of(other)), "{other}");
    }
}

proptest! {
    #[test]
    fn arbitrary_text_never_panics(text in "(groups|rules|name|expr|record|alert|labels|[-:{}\\[\\], \n'\"a-z0-9$]){0,60}") {
        let _ = parse(&text, &FileOptions::default());
    }
}
