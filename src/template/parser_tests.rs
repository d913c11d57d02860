use super::*;

fn error(text: &str) -> String {
    parse("t", text, &["$"]).map(|_| ()).unwrap_err()
}

#[test]
fn errors_are_go_s() {
    for (text, want) in [
        ("{{", "template: t:1: unclosed action"),
        ("{{\n", "template: t:2: unclosed action started at t:1"),
        ("{{ $x }}", "template: t:1: undefined variable \"$x\""),
        ("{{ foo }}", "template: t:1: function \"foo\" not defined"),
        ("\n{{ if }}", "template: t:2: missing value for if"),
        ("{{ if 1 }}", "template: t:1: unexpected EOF"),
        ("{{ end }}", "template: t:1: unexpected {{end}}"),
        ("{{ else }}", "template: t:1: unexpected {{else}}"),
        ("{{ break }}", "template: t:1: {{break}} outside {{range}}"),
        ("{{ range . }}{{ define \"x\" }}{{ end }}", "template: t:1: unexpected <define> in command"),
        ("{{ 1 | 2 }}", "template: t:1: non executable command in pipeline stage 2"),
        ("{{ nil.x }}", "template: t:1: unexpected . after term \"nil\""),
        ("{{ (1 }}", "template: t:1: unclosed left paren"),
        ("{{ $x, $y := . }}", "template: t:1: too many declarations in command"),
        ("{{ range $x, 1 := . }}{{end}}", "template: t:1: range can only initialize variables"),
        ("{{ 1 * 2 }}", "template: t:1: unexpected \"*\" in operand"),
        ("{{ \"\\q\" }}", "template: t:1: invalid syntax"),
        ("{{ template x }}", "template: t:1: unexpected \"x\" in template clause"),
        (
            "{{define \"a\"}}1{{end}}{{define \"a\"}}2{{end}}",
            "template: t:1: template: multiple definition of template \"a\"",
        ),
        ("{{ if 1 }}{{ else }}{{ else }}{{ end }}", "template: t:1: expected end; found {{else}}"),
        ("{{ define \"a\" }}{{ else }}{{ end }}", "template: t:1: unexpected {{else}} in define clause"),
    ] {
        assert_eq!(error(text), want, "{text}");
    }
}

#[test]
fn nesting_ends_in_an_error() {
    for (open, close) in [("(", ")"), ("{{ if 1 }}", "{{ end }}"), ("{{ if 1 }}{{ else if 2 }}", "")] {
        let nested = format!("{}{}", open.repeat(5000), close.repeat(5000));
        let text = if open == "(" {
            format!("{{{{ {}1{} }}}}", open.repeat(5000), close.repeat(5000))
        } else {
            nested
        };
        assert_eq!(error(&text), "template: t:1: max expression depth exceeded", "{open}");
    }
}

#[test]
fn terms_are_quoted_as_written() {
    let text = "{{ $x := (args \"a\" 1.50).arg0 .A.B | print $.C nil true }}";
    let (tree, _) = parse("t", text, &["$"]).unwrap();
    let Some(Statement::Action(pipe)) = tree.body.first() else { panic!("{tree:?}") };
    assert_eq!(pipe.to_string(), "$x := (args \"a\" 1.50).arg0 .A.B | print $.C nil true");
}
