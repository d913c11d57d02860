//! Queries that are made to hurt: long, deep, or both. Each is answered, by a tree or by an error, in a time
//! that grows no faster than its length, and every tree can be walked and printed on the stack of a thread.

use narthex_promql::syntax::pretty;
use narthex_promql::{ParseOptions, parse_expr};
use std::time::{Duration, Instant};

/// Generous: these take some ten milliseconds when nothing else runs.
const PATIENCE: Duration = Duration::from_secs(10);

/// Bytes of a long query.
const LONG: usize = 1 << 20;

fn repeated(part: &str) -> String {
    part.repeat(LONG / part.len())
}

#[test]
fn a_megabyte_of_anything_is_answered_in_time() {
    let long = |before: &str, part: &str, after: &str| format!("{before}{}{after}", repeated(part));
    for text in [
        long("", "(", ""),
        long("", "-", "x"),
        long("", "- + ", "x"),
        long("", "a+", "a"),
        long("", "a^", "a"),
        long("", "a and ", "a"),
        long("", "fill    ", ""),
        long("x + fill", " ", ""),
        long("x", "[1m:]", ""),
        long("x", " offset 1m", ""),
        long("x", " offset 0", ""),
        long("x", " smoothed", ""),
        long("x[", "(", "1m"),
        long("x[", "-", "1m]"),
        long("x[", "1m+", "1m]"),
        long("x[", "1m^", "1m]"),
        long("x[", "min_of(1m,", "1m]"),
        long("x[", "1m:", "1m]"),
        long("x offset (", "1m*", "1m)"),
        long("x{", "a=\"b\",", "}"),
        long("x{a=\"", "\\xff", "\"}"),
        long("\"", "\\n", ""),
        long("`", "é", ""),
        long("", "# x\n", "x"),
        long("", "\n", "("),
        long("sum by (", "a,", ") (x)"),
        long("a + on(", "l,", &long("x) group_left(", "m,", ") b")),
        long("rate(", "x,", "x)"),
        long("", "sum(", "x"),
        long("", "1e", ""),
        long("", "9", ""),
        long("0x", "f_", "f"),
        long("", "1h", ""),
        long("x{a=~\"", "(", "\"}"),
        long("x{a=~\"", "a|", "a\"}"),
        long("x{a=~\"", "a?", "\"}"),
    ] {
        let start = Instant::now();
        if let Ok(tree) = parse_expr(&text, &ParseOptions::all()) {
            assert!(!tree.to_string().is_empty());
            assert!(!pretty(&tree).is_empty());
        }
        let (took, shown) = (start.elapsed(), text.chars().take(20).collect::<String>());
        assert!(took < PATIENCE, "{shown}… took {took:?}");
    }
}

#[test]
fn the_highest_tree_that_is_accepted_can_be_walked() {
    let parts = 2200;
    for text in [format!("{}a", "a + ".repeat(parts)), format!("x[{}1m]", "1m + ".repeat(parts))] {
        let tree = parse_expr(&text, &ParseOptions::all()).unwrap();
        assert_eq!(tree.to_string(), text);
        assert_eq!(tree.clone(), tree);
        assert!(tree.descendants().count() >= 1);
        assert!(!pretty(&tree).is_empty());
    }
    // Deep and long at once would be higher still.
    let mut text = "a".to_owned();
    for _ in 0..100 {
        text = format!("({text}{})", " + a".repeat(100));
    }
    let error = parse_expr(&text, &ParseOptions::all()).unwrap_err();
    assert_eq!(error.message, "expression is higher than 2304 levels");
}

#[test]
fn regular_expressions_that_would_grow_huge_are_refused_at_once() {
    for (regex, fault) in [
        ("a{1001}", "error parsing regexp: invalid repeat count: `{1001}`"),
        ("a{99999999999}", "error parsing regexp: invalid repeat count: `{99999999999}`"),
        ("(a{100}){100}", "error parsing regexp: invalid repeat count: `{100}`"),
        ("((((a{30}){30}){30}){30}){30}", "error parsing regexp: invalid repeat count: `{30}`"),
        ("(?:(?:a{0,1000}){0,1000}){0,1000}", "error parsing regexp: invalid repeat count: `{0,1000}`"),
    ] {
        let start = Instant::now();
        let error = parse_expr(&format!("x{{a=~\"{regex}\"}}"), &ParseOptions::all()).unwrap_err();
        assert_eq!(error.to_string(), format!("1:3: parse error: {fault}"));
        assert!(start.elapsed() < Duration::from_millis(500));
    }
    // Go lets these pass, but they would take some ten megabytes each.
    for regex in ["\\\\pL{1000}", "((?i)\\\\pL{1,50}|\\\\pN{1,50}){1,20}"] {
        let start = Instant::now();
        let error = parse_expr(&format!("x{{a=~\"{regex}\"}}"), &ParseOptions::all()).unwrap_err();
        assert!(error.message.starts_with("error parsing regexp: expression too large"), "{error}");
        assert!(start.elapsed() < Duration::from_millis(500));
    }
}
