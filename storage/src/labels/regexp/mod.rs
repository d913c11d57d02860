//! Regular expressions in Go's RE2 syntax and meaning, run by `regex-automata`.
//!
//! `parse` translates Go's syntax (package `regexp/syntax`, Perl flags) into the representation of
//! `regex-syntax`; Rust's own syntax is never consulted, because the two disagree silently on `\w`,
//! set operations inside brackets and word boundaries. Common shapes of label matchers (a literal, a
//! list of literals, a prefix, a suffix) are answered without the automaton.

mod class;
mod literal;
mod parse;

use literal::Shape;
use regex_automata::meta;
use regex_automata::util::captures::Captures;
use regex_syntax::hir::{Class, Hir, HirKind, Look};
use std::fmt;
use std::sync::Arc;

/// Bytes that the compiled program of one expression may take.
const PROGRAM_SIZE_LIMIT: usize = 10 << 20;

/// Ranges of characters and bytes of literals that an expression may come to with its repeats written out.
/// Far above what fits [`PROGRAM_SIZE_LIMIT`], so that what certainly does not fit is not even compiled.
const WEIGHT_LIMIT: u64 = 400_000;

/// An expression that Go's `regexp` package would refuse, with its wording.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("error parsing regexp: {reason}: `{place}`")]
pub struct RegexError {
    reason: &'static str,
    place: String,
}

/// A compiled expression. Cloning is cheap.
#[derive(Clone)]
pub struct GoRegex {
    inner: Arc<Inner>,
}

struct Inner {
    pattern: Box<str>,
    regex: meta::Regex,
    shape: Shape,
    prefix: Option<String>,
}

impl GoRegex {
    /// Compiles `^(?s:pattern)$`, as label matchers and relabelling do: the whole text has to match,
    /// and `.` matches a line feed too.
    ///
    /// # Errors
    /// The pattern is not valid in Go's syntax, or compiles to a program larger than 10 MiB.
    pub fn anchored(pattern: &str) -> Result<Self, RegexError> {
        let hir = parse::parse(pattern, true)?;
        let shape = Shape::of(&hir);
        let prefix = literal::required_prefix(&hir);
        let whole = Hir::concat(vec![Hir::look(Look::Start), hir, Hir::look(Look::End)]);
        Self::compile(pattern, &whole, shape, prefix)
    }

    /// Compiles `pattern` as Go's `regexp.MustCompile` does: a match may lie anywhere in the text.
    ///
    /// # Errors
    /// As [`GoRegex::anchored`].
    pub fn unanchored(pattern: &str) -> Result<Self, RegexError> {
        let hir = parse::parse(pattern, false)?;
        Self::compile(pattern, &hir, Shape::Automaton, None)
    }

    fn compile(pattern: &str, hir: &Hir, shape: Shape, prefix: Option<String>) -> Result<Self, RegexError> {
        let too_large = || RegexError { reason: "expression too large", place: pattern.to_owned() };
        if weight(hir) > WEIGHT_LIMIT {
            return Err(too_large());
        }
        let config = meta::Config::new().nfa_size_limit(Some(PROGRAM_SIZE_LIMIT));
        let regex = meta::Regex::builder().configure(config).build_from_hir(hir).map_err(|_| too_large())?;
        Ok(Self { inner: Arc::new(Inner { pattern: pattern.into(), regex, shape, prefix }) })
    }

    /// The expression as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.inner.pattern
    }

    /// Whether `text` matches.
    #[inline]
    #[must_use]
    pub fn is_match(&self, text: &str) -> bool {
        self.inner.shape.is_match(text).unwrap_or_else(|| self.inner.regex.is_match(text))
    }

    /// The only texts that match, when they can be listed; sorted.
    #[must_use]
    pub fn set_matches(&self) -> Option<&[String]> {
        match &self.inner.shape {
            Shape::Set(set) => Some(set),
            _ => None,
        }
    }

    /// Whether every text matches: `.*`.
    #[must_use]
    pub fn matches_anything(&self) -> bool {
        self.inner.shape == Shape::Anything
    }

    /// Whether every text but the empty one matches: `.+`.
    #[must_use]
    pub fn matches_all_but_empty(&self) -> bool {
        self.inner.shape == Shape::NotEmpty
    }

    /// A text with which every match begins, when there is one.
    #[must_use]
    pub fn prefix(&self) -> Option<&str> {
        self.inner.prefix.as_deref()
    }

    /// Expands a Go template (`$1`, `${name}`, `$$`) with the groups of the match of `text`;
    /// `None` when `text` does not match. A group that took no part expands to nothing; `$1x` is the
    /// group named `1x`, as in Go's `Regexp.Expand`.
    #[must_use]
    pub fn expand(&self, text: &str, template: &str) -> Option<String> {
        let mut captures = self.inner.regex.create_captures();
        self.inner.regex.captures(text, &mut captures);
        if !captures.is_match() {
            return None;
        }
        let mut out = String::with_capacity(template.len());
        expand_into(&captures, text, template, &mut out);
        Some(out)
    }

    /// Replaces every match by the expanded template, as Go's `Regexp.ReplaceAllString`; `None` when the
    /// result would be longer than `limit` bytes.
    #[must_use]
    pub fn replace_all(&self, text: &str, template: &str, limit: usize) -> Option<String> {
        let mut out = String::new();
        let mut copied = 0;
        for captures in self.inner.regex.captures_iter(text) {
            let Some(span) = captures.get_match() else { continue };
            out.push_str(text.get(copied..span.start()).unwrap_or_default());
            expand_into(&captures, text, template, &mut out);
            copied = span.end();
            if out.len() > limit {
                return None;
            }
        }
        out.push_str(text.get(copied..).unwrap_or_default());
        (out.len() <= limit).then_some(out)
    }
}

fn expand_into(captures: &Captures, text: &str, template: &str, out: &mut String) {
    let mut rest = template;
    while let Some(at) = rest.find('$') {
        let (before, after) = rest.split_at(at);
        out.push_str(before);
        let after = &after[1..];
        if let Some(tail) = after.strip_prefix('$') {
            out.push('$');
            rest = tail;
            continue;
        }
        let Some((name, tail)) = template_name(after) else {
            out.push('$');
            rest = after;
            continue;
        };
        let span = match group_number(name) {
            Some(number) => captures.get_group(number),
            None => captures.get_group_by_name(name),
        };
        if let Some(span) = span {
            out.push_str(text.get(span.start..span.end).unwrap_or_default());
        }
        rest = tail;
    }
    out.push_str(rest);
}

impl fmt::Debug for GoRegex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GoRegex").field("shape", &self.inner.shape).finish_non_exhaustive()
    }
}

/// The name after a `$` and the text behind it; `None` for a `$` that stands for itself.
fn template_name(after_dollar: &str) -> Option<(&str, &str)> {
    let is_name = |c: char| c == '_' || c.is_alphanumeric();
    let (braced, text) = match after_dollar.strip_prefix('{') {
        Some(text) => (true, text),
        None => (false, after_dollar),
    };
    let end = text.find(|c| !is_name(c)).unwrap_or(text.len());
    let (name, tail) = text.split_at(end);
    if name.is_empty() {
        return None;
    }
    if braced { tail.strip_prefix('}').map(|tail| (name, tail)) } else { Some((name, tail)) }
}

fn group_number(name: &str) -> Option<usize> {
    let digits = name.bytes().all(|b| b.is_ascii_digit());
    if !digits || (name.len() > 1 && name.starts_with('0')) { None } else { name.parse().ok() }
}

/// What an expression comes to with its repeats written out; see [`WEIGHT_LIMIT`].
fn weight(hir: &Hir) -> u64 {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => 0,
        HirKind::Literal(literal) => literal.0.len() as u64,
        HirKind::Class(Class::Unicode(class)) => class.ranges().len() as u64,
        HirKind::Class(Class::Bytes(class)) => class.ranges().len() as u64,
        HirKind::Repetition(repetition) => {
            let times = repetition.max.unwrap_or(repetition.min).max(1);
            weight(&repetition.sub).saturating_mul(u64::from(times))
        }
        HirKind::Capture(capture) => weight(&capture.sub),
        HirKind::Concat(parts) | HirKind::Alternation(parts) => {
            parts.iter().fold(0, |sum, part| sum.saturating_add(weight(part)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn matches(pattern: &str, text: &str) -> bool {
        GoRegex::anchored(pattern).unwrap().is_match(text)
    }

    fn error(pattern: &str) -> String {
        GoRegex::anchored(pattern).map(|_| ()).unwrap_err().to_string()
    }

    #[test]
    fn the_whole_text_has_to_match() {
        assert!(matches("a|b", "a") && matches("a|b", "b"));
        assert!(!matches("a|b", "ab") && !matches("b", "abc"));
        assert!(matches("", "") && !matches("", "x"));
        assert!(matches(".*", "a\nb") && matches("a.b", "a\nb"));
        assert!(!matches(".+", "") && matches("(?-s:a.b)", "a-b") && !matches("(?-s:a.b)", "a\nb"));
    }

    #[test]
    fn perl_classes_are_ascii_and_brackets_know_no_set_operations() {
        assert!(
            !matches(r"\w", "é") && matches(r"\w", "_") && !matches(r"\d", "٣") && !matches(r"\s", "\u{b}")
        );
        assert!(matches("[a&&b]+", "a&b") && matches("[a~~b]", "~") && matches("[[a]", "["));
        assert!(
            matches(r"[\w-]+", "a-b")
                && matches("[]a]", "]")
                && matches("[^]a]", "b")
                && matches("[a-]", "-")
        );
        assert!(
            matches("[[:alpha:]]+", "abc") && !matches("[[:^alpha:]]", "a") && matches(r"[\d\pL]+", "1é")
        );
        assert!(matches(r"\<", "<") && matches(r"\pL\p{Greek}\P{Greek}\p{^L}", "éαb1"));
    }

    #[test]
    fn braces_that_are_no_repetition_are_literal() {
        assert!(
            matches("a{", "a{") && matches("{}", "{}") && matches("a{,2}", "a{,2}") && matches("a{2}", "aa")
        );
        assert!(matches("a{1,2}?", "aa") && matches("a{2,}", "aaaa") && matches("a{01}", "a{01}"));
    }

    #[test]
    fn escapes_are_go_s() {
        assert!(
            matches(r"\Qa.b\E+", "a.bb")
                && matches(r"\Qa.b", "a.b")
                && matches(r"\x41\x{1F600}\101\0", "A😀A\0")
        );
        assert!(matches(r"\Aab\z", "ab") && matches(r"a\b-", "a-") && matches(r"\.\-\/", ".-/"));
        assert!(
            matches("(?i)straSSe", "STRAſsE") && matches("(?i:k)", "\u{212a}") && matches("a(?i)b|c", "C")
        );
    }

    #[test]
    fn errors_read_as_go_s() {
        for (pattern, want) in [
            ("(a", "missing closing ): `(a`"),
            ("a)", "unexpected ): `a)`"),
            ("a**", "invalid nested repetition operator: `**`"),
            ("a*+?b", "invalid nested repetition operator: `*+?`"),
            ("*", "missing argument to repetition operator: `*`"),
            ("a|+?", "missing argument to repetition operator: `+?`"),
            ("a{1001}", "invalid repeat count: `{1001}`"),
            ("a{2,1}", "invalid repeat count: `{2,1}`"),
            ("(a{100}){100}", "invalid repeat count: `{100}`"),
            ("[a", "missing closing ]: `[a`"),
            ("[z-a]", "invalid character class range: `z-a`"),
            ("[[:foo:]]", "invalid character class range: `[:foo:]`"),
            (r"\pX", r"invalid character class range: `\pX`"),
            (r"\8", r"invalid escape sequence: `\8`"),
            (r"\C", r"invalid escape sequence: `\C`"),
            (r"\u0041", r"invalid escape sequence: `\u`"),
            ("a\\", "trailing backslash at end of expression: ``"),
            ("(?=a)", "invalid or unsupported Perl syntax: `(?=`"),
            ("(?x)", "invalid or unsupported Perl syntax: `(?x`"),
            ("(?P<a b>c)", "invalid named capture: `(?P<a b>`"),
            ("(?P<a>b)(?P<a>c)", "duplicate capture group name"),
        ] {
            let got = error(pattern);
            let want = if want.starts_with("duplicate") { "invalid named capture: `a`" } else { want };
            assert_eq!(got, format!("error parsing regexp: {want}"), "{pattern}");
        }
        assert!(error(&"(".repeat(5000)).contains("expression nests too deeply"));
        assert!(error("((a{100}){10}){10}").contains("invalid repeat count"));
    }

    #[test]
    fn hostile_sizes_end_in_an_error() {
        let pattern = format!("({})", vec![r"\pL{900}"; 60].join(""));
        assert!(error(&pattern).contains("expression too large"));
    }

    #[test]
    fn templates_expand_as_in_go() {
        let regex = GoRegex::anchored(r"(?P<host>[^:]+):(\d+)(x)?").unwrap();
        let expand = |template| regex.expand("node-1:9100", template).unwrap();
        assert_eq!(expand("$1/$2"), "node-1/9100");
        assert_eq!(expand("${host}-$host $$1 $"), "node-1-node-1 $1 $");
        assert_eq!(expand("$1x|${1}x|$3|$9|${1"), "|node-1x|||${1");
        assert_eq!(regex.expand("nothing", "$1"), None);
    }

    #[test]
    fn every_match_is_replaced() {
        let replaced = |pattern, text, template| {
            GoRegex::unanchored(pattern).unwrap().replace_all(text, template, 100).unwrap()
        };
        assert_eq!(replaced("(a)b", "abcab", "x$1"), "xacxa");
        assert_eq!(replaced("", "ab", "-"), "-a-b-");
        assert_eq!(replaced("a*", "baac", "x"), "xbxcx");
        assert_eq!(replaced("z", "ab", "$0"), "ab");
        assert_eq!(GoRegex::unanchored("a").unwrap().replace_all(&"a".repeat(60), "$0$0", 100), None);
    }

    #[test]
    fn shapes_agree_with_the_automaton() {
        let texts = ["", "a", "b", "ab", "abc", "xab", "xabx", "A", "\n", "a\nb", "abab", "aab"];
        for pattern in [
            "", "a", "a|b", "a|bc?", ".*", ".+", "ab.*", ".*ab", ".*ab.*", "ab.+", ".+ab", "(ab|a)", "(?i)a",
            "a.*b",
        ] {
            let regex = GoRegex::anchored(pattern).unwrap();
            for text in texts {
                assert_eq!(regex.is_match(text), regex.inner.regex.is_match(text), "{pattern} on {text:?}");
            }
        }
        assert_eq!(GoRegex::anchored("b|a|b").unwrap().set_matches().unwrap(), ["a", "b"]);
        assert_eq!(GoRegex::anchored("node_.*").unwrap().prefix(), Some("node_"));
    }

    proptest! {
        #[test]
        fn any_pattern_compiles_or_is_refused(pattern in r"[a-c\\\[\](){}|*+?.^$,:<>=!PisQEpLdwx0-9 -]{0,24}", text in "[a-c]{0,6}") {
            if let Ok(regex) = GoRegex::anchored(&pattern) {
                prop_assert_eq!(regex.is_match(&text), regex.inner.regex.is_match(text.as_str()), "{}", pattern);
                let _ = regex.expand(&text, "$1${2}");
            }
        }

        #[test]
        fn escaped_text_matches_itself(text in "\\PC{0,12}") {
            let pattern: String = text.chars().flat_map(|c| {
                let escape = c.is_ascii_punctuation().then_some('\\');
                escape.into_iter().chain([c])
            }).collect();
            prop_assert!(GoRegex::anchored(&pattern).unwrap().is_match(&text));
        }
    }
}
