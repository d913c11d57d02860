//! Error texts and positions of the parser, as Prometheus words them.

use narthex_promql::{ParseOptions, parse_expr};

#[test]
fn faults_are_worded_and_placed_as_in_prometheus() {
    for (text, fault) in [
        ("", "unknown position: parse error: no expression found in input"),
        (" ", "1:1: parse error: no expression found in input"),
        ("sum(", "1:5: parse error: unclosed left parenthesis"),
        ("(1", "1:3: parse error: unclosed left parenthesis"),
        ("1)", "1:3: parse error: unexpected right parenthesis ')'"),
        ("x]", "1:2: parse error: unexpected right bracket ']'"),
        ("x{", "1:3: parse error: unexpected end of input inside braces"),
        ("x{a=\"b\"", "1:8: parse error: unexpected end of input inside braces"),
        ("x{a=1}", "1:5: parse error: unexpected character inside braces: '1'"),
        ("x{a!b}", "1:4: parse error: unexpected character after '!' inside braces: 'b'"),
        (
            "x{a b}",
            "1:5: parse error: unexpected identifier \"b\" in label matching, expected label matching operator",
        ),
        ("x{a=b}", "1:5: parse error: unexpected identifier \"b\" in label matching, expected string"),
        ("1 +", "1:4: parse error: unexpected end of input"),
        ("* 1", "1:1: parse error: unexpected <op:*>"),
        ("1 x", "1:3: parse error: unexpected identifier \"x\""),
        ("1 a:b", "1:3: parse error: unexpected metric identifier \"a:b\""),
        ("x 123456789012", "1:3: parse error: unexpected number \"1234567890\"..."),
        ("sum by x (y)", "1:8: parse error: unexpected identifier \"x\" in grouping opts, expected \"(\""),
        ("sum by (1) (y)", "1:9: parse error: unexpected number \"1\" in grouping opts, expected label"),
        (
            "x offset",
            "1:9: parse error: unexpected end of input in offset, expected number, duration, step(), or range()",
        ),
        ("x @ sum", "1:5: parse error: unexpected <aggr:sum> in @, expected timestamp"),
        ("x\n + \n  )", "3:4: parse error: unexpected right parenthesis ')'"),
        ("foo(x)", "1:1: parse error: unknown function with name \"foo\""),
        ("x ! y", "1:3: parse error: unexpected character after '!': ' '"),
        ("1 == 1", "1:3: parse error: comparisons between scalars must use BOOL modifier"),
        (
            "rate(x)",
            "1:6: parse error: expected type range vector in call to function \"rate\", got instant vector",
        ),
        ("{a=~\".*\"}", "1:1: parse error: vector selector must contain at least one non-empty matcher"),
    ] {
        let error = parse_expr(text, &ParseOptions::default()).expect_err(text).to_string();
        assert_eq!(error, fault, "{text:?}");
    }
}
