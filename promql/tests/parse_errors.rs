//! Error texts and positions of the parser, as Prometheus words and places them.

use narthex_promql::{ParseOptions, parse_expr, parse_selector};

/// Without anything experimental.
const STABLE: ParseOptions = ParseOptions {
    experimental_functions: false,
    duration_expressions: false,
    extended_ranges: false,
    fill_modifiers: false,
};

fn assert_faults(options: ParseOptions, cases: &[(&str, &str)]) {
    for (text, fault) in cases {
        let got = parse_expr(text, &options).map_or_else(|e| e.to_string(), |expr| format!("parsed: {expr}"));
        let (place, message) = fault.split_once(' ').unwrap_or((fault, ""));
        assert_eq!(got, format!("{place}: parse error: {message}"), "{text:?}");
    }
}

#[test]
fn an_input_without_an_expression_is_none() {
    let fault = |text: &str| parse_expr(text, &ParseOptions::all()).expect_err(text).to_string();
    assert_eq!(fault(""), "unknown position: parse error: no expression found in input");
    assert_eq!(fault(" "), "1:1: parse error: no expression found in input");
    assert_eq!(fault("# just a comment\n\n"), "1:1: parse error: no expression found in input");
}

#[test]
fn faults_of_brackets_are_placed_where_the_lexer_stands() {
    assert_faults(
        ParseOptions::all(),
        &[
            ("sum(", "1:5 unclosed left parenthesis"),
            ("sum(rate(", "1:10 unclosed left parenthesis"),
            ("(1", "1:3 unclosed left parenthesis"),
            ("((1)", "1:5 unclosed left parenthesis"),
            ("1)", "1:3 unexpected right parenthesis ')'"),
            ("(1))", "1:5 unexpected right parenthesis ')'"),
            ("x\n + \n  )", "3:4 unexpected right parenthesis ')'"),
            ("x]", "1:2 unexpected right bracket ']'"),
            ("}", "1:1 unexpected character: '}'"),
            ("some}", "1:5 unexpected character: '}'"),
            ("{", "1:2 unexpected end of input inside braces"),
            ("some{", "1:6 unexpected end of input inside braces"),
            ("x{a=\"b\"", "1:8 unexpected end of input inside braces"),
            ("x{{", "1:3 unexpected left brace '{'"),
            ("foo{bar=\"baz\"}[", "1:16 unexpected end of input in duration expression"),
            ("foo[5m", "1:7 unclosed left bracket"),
            ("(foo[5m", "1:8 unclosed left parenthesis"),
            ("foo[[", "1:5 unexpected character in duration expression: '['"),
            ("foo[5m[", "1:7 unexpected left bracket '['"),
            ("foo[:5m]", "1:6 unexpected colon before duration in duration expression"),
            ("foo[5m:6s:]", "1:10 unexpected colon ':'"),
            ("foo[step()::]", "1:13 unexpected repeated colon in duration expression"),
            ("foo[\"5m\"]", "1:5 unexpected character in duration expression: '\"'"),
            ("foo[5m\"]", "1:7 unterminated quoted string"),
            ("foo[x]", "1:5 unexpected character in duration expression: 'x'"),
            ("foo[5s x 5s]", "1:8 unexpected character: 'x', expected ':'"),
            ("foo[5s s 5s]", "1:8 unexpected character: 's', expected ':'"),
        ],
    );
}

#[test]
fn characters_that_begin_no_token_are_named() {
    assert_faults(
        ParseOptions::all(),
        &[
            (".", "1:1 unexpected character: '.'"),
            ("x ; y", "1:3 unexpected character: ';'"),
            ("x ö", "1:3 unexpected character: 'ö'"),
            ("1 =~ 1", "1:3 unexpected character after '=': '~'"),
            ("1 !~ 1", "1:3 unexpected character after '!': '~'"),
            ("x ! y", "1:3 unexpected character after '!': ' '"),
            ("x !", "1:3 unexpected character after '!': '\u{fffd}'"),
            ("x{a!b}", "1:4 unexpected character after '!' inside braces: 'b'"),
            ("x{a=1}", "1:5 unexpected character inside braces: '1'"),
            ("foo{a*\"b\"}", "1:6 unexpected character inside braces: '*'"),
            ("some_metric{a:b=\"b\"}", "1:14 unexpected character inside braces: ':'"),
        ],
    );
}

#[test]
fn faults_of_literals_tell_what_was_read() {
    assert_faults(
        ParseOptions::all(),
        &[
            ("2.5.", "1:1 bad number or duration syntax: \"2.5.\""),
            ("100..4", "1:1 bad number or duration syntax: \"100..\""),
            ("0deadbeef", "1:1 bad number or duration syntax: \"0de\""),
            ("foo[5mm]", "1:5 bad number or duration syntax: \"5mm\""),
            ("foo[5m1]", "1:5 bad number or duration syntax: \"5m1\""),
            ("foo[5m:1m1]", "1:8 bad number or duration syntax: \"1m1\""),
            ("some_metric[5m] OFFSET 1mm", "1:24 bad number or duration syntax: \"1mm\""),
            ("foo[5y1hs]", "1:5 unknown unit \"hs\" in duration \"5y1hs\""),
            ("foo[5m1h]", "1:5 not a valid duration string: \"5m1h\""),
            ("foo[5m1m]", "1:5 not a valid duration string: \"5m1m\""),
            ("foo[300y]", "1:5 duration out of range"),
            ("foo[9.5e10]", "1:5 duration out of range"),
            ("foo offset 9.5e10", "1:12 duration out of range"),
            ("foo offset -9.5e10", "1:12 duration out of range"),
            ("1e400", "1:1 error parsing number: strconv.ParseFloat: parsing \"1e400\": value out of range"),
            ("1_ + 1", "1:1 error parsing number: strconv.ParseFloat: parsing \"1_\": invalid syntax"),
            ("1 + 0x", "1:5 error parsing number: strconv.ParseFloat: parsing \"0x\": invalid syntax"),
            ("`\\``", "1:4 unterminated raw string"),
            ("x{a=\"b}", "1:5 unterminated quoted string"),
            ("\"a\nb\"", "1:1 unterminated quoted string"),
            ("\"\\", "1:1 escape sequence not terminated"),
            ("\"\\u00", "1:1 escape sequence not terminated"),
            ("\"\\c\"", "1:1 unknown escape sequence U+0063 'c'"),
            ("\"\\'\"", "1:1 unknown escape sequence U+0027 '''"),
            ("\"\\x.\"", "1:1 illegal character U+002E '.' in escape sequence"),
            ("\"\\ud800\"", "1:1 escape sequence is an invalid Unicode code point"),
            ("\"\\777\"", "1:1 escape sequence is an invalid Unicode code point"),
            ("x{a=\"\u{fffd}\"}", "1:5 invalid UTF-8 rune"),
            ("sum by (\"foo)(some_metric{})", "1:9 unterminated quoted string"),
        ],
    );
}

#[test]
fn tokens_that_were_not_expected_are_named_in_their_kind() {
    assert_faults(
        ParseOptions::all(),
        &[
            ("1+", "1:3 unexpected end of input"),
            ("1 +", "1:4 unexpected end of input"),
            ("* 1", "1:1 unexpected <op:*>"),
            ("-=", "1:2 unexpected \"=\""),
            ("++-++-+-+-<", "1:11 unexpected <op:<>"),
            ("e-+=/(0)", "1:4 unexpected \"=\""),
            ("x + </ 1", "1:5 unexpected <op:</>"),
            ("@@", "1:1 unexpected <op:@>"),
            ("1 x", "1:3 unexpected identifier \"x\""),
            ("1 a:b", "1:3 unexpected metric identifier \"a:b\""),
            ("1 start", "1:3 unexpected \"start\""),
            ("1 By", "1:3 unexpected <By>"),
            ("1 SUM", "1:3 unexpected <aggr:SUM>"),
            ("1 + atan2", "1:5 unexpected <op:atan2>"),
            ("x 5m", "1:3 unexpected duration \"5m\""),
            ("x \"y\"", "1:3 unexpected string \"\\\"y\\\"\""),
            ("x nan", "1:3 unexpected number \"nan\""),
            ("inf{a=\"b\"}", "1:4 unexpected \"{\""),
            ("x 123456789012", "1:3 unexpected number \"1234567890\"..."),
            ("x \"ééééé\"", "1:3 unexpected string \"\\\"ééééé\\\"\"..."),
            ("()", "1:2 unexpected \")\""),
            ("(a b)", "1:4 unexpected identifier \"b\""),
            ("a:b(c)", "1:4 unexpected \"(\""),
            ("by(c)", "1:3 unexpected \"(\""),
            ("a + fill(b)", "1:10 unexpected identifier \"b\""),
            ("a + fill(1)", "1:12 unexpected end of input"),
            ("a + fill(1) fill_left(2) b", "1:13 unexpected <fill_left>"),
            ("a + fill_left(1) on(x) b", "1:18 unexpected <on>"),
            ("fill(1)", "1:1 unexpected <fill>"),
            ("a - on(b) ignoring(c) d", "1:11 unexpected <ignoring>"),
            ("foo + group_left(baz) bar", "1:7 unexpected <group_left>"),
            ("sum some_metric by (test)", "1:5 unexpected identifier \"some_metric\""),
            ("MIN (some_metric) keep_common", "1:19 unexpected identifier \"keep_common\""),
            ("sum (some_metric) without (test) by (test)", "1:34 unexpected <by>"),
            ("rate(foo bar)", "1:10 unexpected identifier \"bar\""),
        ],
    );
}

#[test]
fn what_was_expected_is_told_where_it_is_known() {
    assert_faults(
        ParseOptions::all(),
        &[
            ("sum(foo bar)", "1:9 unexpected identifier \"bar\" in aggregation"),
            ("sum((foo +))", "1:11 unexpected \")\" in aggregation"),
            ("sum by (x) y", "1:12 unexpected identifier \"y\" in aggregation"),
            ("sum by x (y)", "1:8 unexpected identifier \"x\" in grouping opts, expected \"(\""),
            (
                "sum (some_metric) by test",
                "1:22 unexpected identifier \"test\" in grouping opts, expected \"(\"",
            ),
            ("sum by (1) (y)", "1:9 unexpected number \"1\" in grouping opts, expected label"),
            ("sum without(==)(some_metric)", "1:13 unexpected <op:==> in grouping opts, expected label"),
            ("sum without(,)(some_metric)", "1:13 unexpected \",\" in grouping opts, expected label"),
            ("sum without(foo,,)(some_metric)", "1:17 unexpected \",\" in grouping opts, expected label"),
            ("sum by (without) (x)", "1:9 unexpected <without> in grouping opts, expected label"),
            (
                "sum by (a b) (x)",
                "1:11 unexpected identifier \"b\" in grouping opts, expected \",\" or \")\"",
            ),
            ("sum by (\"\") (x)", "1:9 invalid label name for grouping: \"\""),
            (
                "some_metric[5m] OFFSET",
                "1:23 unexpected end of input in offset, expected number, duration, step(), or range()",
            ),
            (
                "x offset y",
                "1:10 unexpected identifier \"y\" in offset, expected number, duration, step(), or range()",
            ),
            (
                "x offset (1 +)",
                "1:14 unexpected \")\" in offset, expected number, duration, step(), or range()",
            ),
            (
                "x offset --1",
                "1:11 unexpected <op:-> in offset, expected number, duration, step(), or range()",
            ),
            ("some_metric[5m] @", "1:18 unexpected end of input in @, expected timestamp"),
            ("x @ sum", "1:5 unexpected <aggr:sum> in @, expected timestamp"),
            ("x @ start", "1:10 unexpected end of input in @, expected timestamp"),
            (
                "foo[]",
                "1:5 unexpected \"]\" in subquery or range selector, expected number, duration, step(), or range()",
            ),
            (
                "foo[step]",
                "1:9 unexpected \"]\" in subquery or range selector, expected number, duration, step(), or range()",
            ),
            (
                "foo[5 +]",
                "1:8 unexpected \"]\" in subquery or range selector, expected number, duration, step(), or range()",
            ),
            ("foo[5m 5m]", "1:8 unexpected duration \"5m\" in subquery or range, expected \":\" or \"]\""),
            (
                "foo[5m:,]",
                "1:8 unexpected \",\" in subquery selector, expected number, duration, step(), range(), or \"]\"",
            ),
            ("foo[5m:1m 2m]", "1:11 unexpected duration \"2m\" in subquery selector, expected \"]\""),
            ("foo{gibberish}", "1:14 unexpected \"}\" in label matching, expected label matching operator"),
            ("x{a b}", "1:5 unexpected identifier \"b\" in label matching, expected label matching operator"),
            ("x{a=b}", "1:5 unexpected identifier \"b\" in label matching, expected string"),
            ("foo{\"a\"=}", "1:9 unexpected \"}\" in label matching, expected string"),
            ("foo{__name__ == \"bar\"}", "1:15 unexpected \"=\" in label matching, expected string"),
            ("foo{,}", "1:5 unexpected \",\" in label matching, expected identifier or \"}\""),
            ("foo{=~\"x\"}", "1:5 unexpected <op:=~> in label matching, expected identifier or \"}\""),
            (
                "foo{__name__=\"bar\" lol}",
                "1:20 unexpected identifier \"lol\" in label matching, expected \",\" or \"}\"",
            ),
        ],
    );
}

#[test]
fn calls_and_aggregations_are_checked() {
    assert_faults(
        ParseOptions::all(),
        &[
            ("foo(x)", "1:1 unknown function with name \"foo\""),
            ("a>b()", "1:3 unknown function with name \"b\""),
            ("RATE(x[1m])", "1:1 unknown function with name \"RATE\""),
            ("floor()", "1:1 expected 1 argument(s) in call to \"floor\", got 0"),
            ("1 + floor(x, 1)", "1:5 expected 1 argument(s) in call to \"floor\", got 2"),
            ("label_join(x, \"y\")", "1:1 expected at least 3 argument(s) in call to \"label_join\", got 2"),
            ("hour(x, x, x)", "1:1 expected at most 1 argument(s) in call to \"hour\", got 3"),
            ("time(x)", "1:1 expected 0 argument(s) in call to \"time\", got 1"),
            ("floor(1)", "1:7 expected type instant vector in call to function \"floor\", got scalar"),
            ("rate(avg)", "1:6 expected type range vector in call to function \"rate\", got instant vector"),
            ("vector(\"1\")", "1:8 expected type scalar in call to function \"vector\", got string"),
            ("rate(x,)", "1:7 trailing commas not allowed in function call args"),
            ("topk(some_metric,)", "1:17 trailing commas not allowed in function call args"),
            ("rate(x, *)", "1:7 trailing commas not allowed in function call args"),
            ("sum () by (test)", "1:1 no arguments for aggregate expression provided"),
            (
                "topk(some_metric)",
                "1:1 wrong number of arguments for aggregate expression provided, expected 2, got 1",
            ),
            (
                "sum(x, y)",
                "1:1 wrong number of arguments for aggregate expression provided, expected 1, got 2",
            ),
            ("sum(1)", "1:5 expected type instant vector in aggregation expression, got scalar"),
            ("topk(x, y)", "1:6 expected type scalar in aggregation parameter, got instant vector"),
            ("count_values(5, y)", "1:14 expected type string in aggregation parameter, got scalar"),
            (
                "info(rate(x{}[5m]), target_info{foo=\"bar\"})",
                "1:21 expected label selectors only, got vector selector instead",
            ),
            ("info(x, {foo=\"bar\"} == 1)", "1:9 expected label selectors only"),
            ("info(x, ({foo=\"bar\"}))", "1:9 expected label selectors only"),
            ("0 + info(x, 1)", "1:5 expected type instant vector in call to function \"info\", got scalar"),
        ],
    );
}

#[test]
fn operators_are_checked() {
    assert_faults(
        ParseOptions::all(),
        &[
            ("1 == 1", "1:3 comparisons between scalars must use BOOL modifier"),
            ("(1)\n  == 1", "2:3 comparisons between scalars must use BOOL modifier"),
            ("foo + bool bar", "1:5 bool modifier can only be used on comparison operators"),
            ("foo and bool 10", "1:5 bool modifier can only be used on comparison operators"),
            ("foo </ bool 1", "1:5 bool modifier can only be used on comparison operators"),
            ("1 and 1", "1:1 set operator \"and\" not allowed in binary scalar expression"),
            ("x + (foo or 1)", "1:6 set operator \"or\" not allowed in binary scalar expression"),
            ("1 or on(bar) foo", "1:1 vector matching only allowed between instant vectors"),
            ("foo == on(bar) 10", "1:1 vector matching only allowed between instant vectors"),
            ("foo == fill(0) 10", "1:1 filling in missing series only allowed between instant vectors"),
            ("foo and fill(0) bar", "1:1 filling in missing series not allowed for set operators"),
            ("foo and on(bar) group_left(baz) bar", "1:1 no grouping allowed for \"and\" operation"),
            (
                "a + on(b, c) group_left(d, c) e",
                "1:3 label \"c\" must not occur in ON and GROUP clause at once",
            ),
            ("1 + x[5m]", "1:5 binary expression must contain only scalar and instant vector types"),
            ("\"a\" + x", "1:1 binary expression must contain only scalar and instant vector types"),
            (
                "x + -\"string\"",
                "1:5 unary expression only allowed on expressions of type scalar or instant vector, got \"string\"",
            ),
            (
                "-test[5m]",
                "1:1 unary expression only allowed on expressions of type scalar or instant vector, got \"range vector\"",
            ),
        ],
    );
}

#[test]
fn selectors_and_their_modifiers_are_checked() {
    let preceded = |modifier: &str| {
        format!(
            "1:1 {modifier} modifier must be preceded by an instant vector selector or range vector selector or a subquery"
        )
    };
    assert_faults(
        ParseOptions::all(),
        &[
            ("{}", "1:1 vector selector must contain at least one non-empty matcher"),
            ("x + {a=~\".*\"}", "1:5 vector selector must contain at least one non-empty matcher"),
            ("{x!=\"a\"}", "1:1 vector selector must contain at least one non-empty matcher"),
            ("foo{__name__=\"bar\"}", "1:1 metric name must not be set twice: \"foo\" or \"bar\""),
            ("foo{\"bar\"}", "1:1 metric name must not be set twice: \"foo\" or \"bar\""),
            ("x{a=\"b\",c=~\"(\"}", "1:9 error parsing regexp: missing closing ): `(`"),
            ("1 offset 1d", &preceded("offset")),
            ("rate(x[5m]) @ 1234", &preceded("@")),
            ("foo offset 1s offset 2s", "1:1 offset may not be set multiple times"),
            ("foo offset step() offset 2s", "1:1 offset may not be set multiple times"),
            ("foo @ 1 @ 2", "1:1 @ <timestamp> may not be set multiple times"),
            ("foo @ start() @ 2", "1:1 @ <timestamp> may not be set multiple times"),
            ("foo @ +Inf", "1:1 timestamp out of bounds for @ modifier: +Inf"),
            ("foo @ NaN", "1:1 timestamp out of bounds for @ modifier: NaN"),
            ("foo @ -1e19", "1:1 timestamp out of bounds for @ modifier: -10000000000000000000.000000"),
            ("some_metric OFFSET 1m[5m]", "1:22 no offset modifiers allowed before range"),
            ("some_metric @ 1234 [5m]", "1:20 no @ modifiers allowed before range"),
            ("(foo + bar)[5m]", "1:12 ranges only allowed for vector selectors"),
            ("rate(food[1m])[1h] offset 1h", "1:15 ranges only allowed for vector selectors"),
            ("1[5m] smoothed", "1:2 ranges only allowed for vector selectors"),
            (
                "x[5d] OFFSET 10s [10m:5s]",
                "1:1 subquery is only allowed on instant vector, got matrix instead",
            ),
            ("1[10m:5s]", "1:1 subquery is only allowed on instant vector, got scalar instead"),
            ("x[5m:] anchored", "1:1 anchored modifier is not supported for subqueries"),
            ("rate(x[5m]) smoothed", "1:1 smoothed modifier not implemented"),
            ("x[5m] anchored smoothed", "1:1 anchored and smoothed modifiers cannot be used together"),
            ("foo[0m]", "1:5 duration must be greater than 0"),
            ("foo[-1]", "1:5 duration must be greater than 0"),
            ("foo[5m:0]", "1:8 duration must be greater than 0"),
            ("foo[step()/0d]", "1:11 division by zero"),
            ("foo offset (4d/0)", "1:15 division by zero"),
            ("foo[5s%0d]", "1:7 modulo by zero"),
        ],
    );
}

#[test]
fn what_is_experimental_has_to_be_enabled() {
    let duration = "experimental duration expression is not enabled";
    assert_faults(
        STABLE,
        &[
            ("1 + step()", "1:5 function \"step\" is not enabled"),
            ("mad_over_time(x[5m])", "1:1 function \"mad_over_time\" is not enabled"),
            (
                "limitk(2, x)",
                "1:1 limitk() is experimental and must be enabled with --enable-feature=promql-experimental-functions",
            ),
            ("x anchored", "1:1 anchored modifier is experimental and not enabled"),
            ("rate(x[5m] smoothed)", "1:6 smoothed modifier is experimental and not enabled"),
            ("x + a * fill(0) b", "1:5 binop fill modifiers are experimental and not enabled"),
            ("foo[5m+1m]", &format!("1:5 {duration}")),
            ("foo[1m+1m*2]", &format!("1:8 {duration}")),
            ("foo[5m:step()]", &format!("1:8 {duration}")),
            ("foo offset (5m)", &format!("1:13 {duration}")),
            ("foo offset -range()", &format!("1:13 {duration}")),
        ],
    );
}

#[test]
fn only_the_first_fault_is_told() {
    assert_faults(
        ParseOptions::all(),
        &[
            // Faults of grammar come before those of types.
            ("rate(x) + (", "1:12 unclosed left parenthesis"),
            ("foo(x) + (", "1:1 unknown function with name \"foo\""),
            (
                "floor(1) + floor(2)",
                "1:7 expected type instant vector in call to function \"floor\", got scalar",
            ),
            ("rate(rate(x), y)", "1:1 expected 1 argument(s) in call to \"rate\", got 2"),
        ],
    );
}

#[test]
fn a_selector_alone_has_no_modifiers_and_may_match_everything() {
    let fault = |text: &str| parse_selector(text).expect_err(text).to_string();
    assert_eq!(fault("x offset 5m"), "1:3: parse error: unexpected <offset>");
    assert_eq!(fault("sum(x)"), "1:4: parse error: unexpected \"(\"");
    assert_eq!(fault("1"), "1:1: parse error: unexpected number \"1\"");
    assert_eq!(fault(""), "unknown position: parse error: unexpected end of input");
    assert_eq!(parse_selector("{}").map(|matchers| matchers.len()), Ok(0));
    assert_eq!(parse_selector("sum{\"a.b\"!=\"c\"}").map(|matchers| matchers.len()), Ok(2));
}

#[test]
fn keywords_are_names_wherever_the_grammar_has_no_use_for_them() {
    for text in [
        "sum",
        "and",
        "by + without",
        "offset offset 5m",
        "start @ start()",
        "and and and",
        "fill",
        "other + fill_left",
        "anchored anchored",
        "step{step=\"1s\"}[5m]",
        "x{on=\"1\", nan=\"2\"}",
        "sum by (bool, atan2, on, a:b, fill) (x)",
        "a - on(offset, step,) group_left(by) b",
        "sum(sum) by (sum)",
        ":",
        "min_of",
        "fill # (\n + fill",
    ] {
        let parsed = parse_expr(text, &ParseOptions::all());
        assert!(parsed.is_ok(), "{text}: {parsed:?}");
    }
}
