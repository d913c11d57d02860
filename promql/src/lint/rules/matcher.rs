//! Matchers: regular expressions are anchored, and a label that is absent is the empty value.

use super::super::hint::{Finding, Severity};
use super::super::walk::Visit;
use crate::syntax::ast::{Expr, Span, VectorSelector};
use narthex_storage::labels::quote;
use narthex_storage::{MatchOp, Matcher};

/// What has a meaning of its own in a regular expression.
const META: &[char] = &['.', '*', '+', '?', '(', ')', '[', ']', '{', '}', '|', '\\', '^', '$'];

/// The selector of a node, and the node's bytes.
fn selector<'a>(visit: &Visit<'a>) -> Option<(&'a VectorSelector, Span)> {
    match visit.expr {
        Expr::Vector(selector) => Some((selector, selector.span)),
        Expr::Matrix { selector, span, .. } => Some((selector, *span)),
        _ => None,
    }
}

/// The node with a matcher exchanged, or taken out.
fn with(expr: &Expr, at: usize, matcher: Option<Matcher>) -> String {
    let mut changed = expr.clone();
    if let Expr::Vector(selector) | Expr::Matrix { selector, .. } = &mut changed {
        match (selector.matchers.get_mut(at), matcher) {
            (Some(slot), Some(matcher)) => *slot = matcher,
            (Some(_), None) => drop(selector.matchers.remove(at)),
            _ => {}
        }
    }
    changed.to_string()
}

fn is_regex(matcher: &Matcher) -> bool {
    matches!(matcher.op, MatchOp::Regex | MatchOp::NotRegex)
}

/// The comparison without a pattern.
fn literal(matcher: &Matcher, value: &str) -> Option<Matcher> {
    let op = if matcher.op == MatchOp::Regex { MatchOp::Equal } else { MatchOp::NotEqual };
    Matcher::new(op, matcher.name.clone(), value).ok()
}

/// Whether every `.` stands between letters or digits and nothing else is special: `10.0.0.1:9100`.
fn only_dots(pattern: &str) -> bool {
    let bytes = pattern.as_bytes();
    let plain = |at: Option<usize>| at.and_then(|at| bytes.get(at)).is_some_and(u8::is_ascii_alphanumeric);
    let mut dots = pattern.match_indices('.').peekable();
    dots.peek().is_some()
        && !pattern.contains(|c| c != '.' && META.contains(&c))
        && dots.all(|(at, _)| plain(at.checked_sub(1)) && plain(Some(at + 1)))
}

pub(super) fn without_pattern(visit: &Visit<'_>, found: &mut dyn FnMut(Finding)) {
    let Some((selector, span)) = selector(visit) else { return };
    for (at, matcher) in selector.matchers.iter().enumerate().filter(|(_, m)| is_regex(m)) {
        let value = &matcher.value;
        let finding = if !value.contains(META) {
            Finding::new(
                Severity::Warning,
                span,
                format!(
                    "{matcher} has no pattern in it: expressions match whole values, so it means {} only",
                    quote(value)
                ),
                if value.is_empty() {
                    "use = or !=".to_owned()
                } else {
                    format!(
                        "use = or !=; if values that contain it are meant, write {}",
                        quote(&format!(".*{value}.*"))
                    )
                },
            )
        } else if only_dots(value) {
            Finding::new(
                Severity::Info,
                span,
                format!("{matcher} has no pattern but dots, each of which matches any character"),
                "use = or != if the dots are meant literally, else write \\\\. for each",
            )
        } else {
            continue;
        };
        found(match literal(matcher, value) {
            Some(literal) => finding.edit(span, with(visit.expr, at, Some(literal))),
            None => finding,
        });
    }
}

pub(super) fn matches_all(visit: &Visit<'_>, found: &mut dyn FnMut(Finding)) {
    let Some((selector, span)) = selector(visit) else { return };
    for (at, matcher) in selector.matchers.iter().enumerate() {
        if matcher.op != MatchOp::Regex || !matches!(matcher.value.as_str(), ".*" | "^.*$" | "(.*)") {
            continue;
        }
        let finding = Finding::new(
            Severity::Info,
            span,
            format!("{matcher} drops nothing: it matches every value, and series without the label"),
            format!("leave it out; {}!=\"\" selects the series that have the label", matcher.name),
        );
        // The last condition has to stay: a selector needs one that is not empty.
        let rest = selector.matchers.iter().enumerate().filter(|(other, _)| *other != at);
        let stands = rest.into_iter().any(|(_, m)| !m.matches_empty());
        found(if stands { finding.edit(span, with(visit.expr, at, None)) } else { finding });
    }
}

pub(super) fn redundant_anchors(visit: &Visit<'_>, found: &mut dyn FnMut(Finding)) {
    let Some((selector, span)) = selector(visit) else { return };
    for (at, matcher) in selector.matchers.iter().enumerate().filter(|(_, m)| is_regex(m)) {
        let value = matcher.value.as_str();
        let front = value.strip_prefix('^');
        let bare = front.unwrap_or(value);
        let bare = match bare.strip_suffix('$') {
            // An escaped dollar is one that belongs to the value.
            Some(rest) if rest.bytes().rev().take_while(|b| *b == b'\\').count() % 2 == 0 => rest,
            _ => bare,
        };
        if bare.len() == value.len() {
            continue;
        }
        let finding = Finding::new(
            Severity::Info,
            span,
            format!("{matcher} is anchored twice: expressions always match whole values"),
            format!("write {}", quote(bare)),
        );
        let shorter = Matcher::new(matcher.op, matcher.name.clone(), bare).ok();
        found(match shorter {
            Some(shorter) => finding.edit(span, with(visit.expr, at, Some(shorter))),
            None => finding,
        });
    }
}

pub(super) fn matches_nothing(visit: &Visit<'_>, found: &mut dyn FnMut(Finding)) {
    let Some((selector, span)) = selector(visit) else { return };
    let matchers = &selector.matchers;
    for matcher in matchers
        .iter()
        .filter(|m| m.op == MatchOp::NotRegex && matches!(m.value.as_str(), ".*" | "^.*$" | "(.*)"))
    {
        found(Finding::new(
            Severity::Warning,
            span,
            format!(
                "{matcher} selects nothing: the expression matches every value, and series without the label"
            ),
            format!("for series without the label write {}=\"\", else leave the matcher out", matcher.name),
        ));
    }
    for (at, exact) in matchers.iter().enumerate().filter(|(_, m)| m.op == MatchOp::Equal) {
        let mut others = matchers
            .iter()
            .enumerate()
            .filter(|(i, m)| m.name == exact.name && *i != at && !(m.op == MatchOp::Equal && *i < at));
        if let Some((_, other)) = others.find(|(_, other)| !other.matches(&exact.value)) {
            found(Finding::new(
                Severity::Error,
                span,
                format!("no series satisfies both {exact} and {other}"),
                format!("keep one of them; for either of several values write {}=~\"a|b\"", exact.name),
            ));
        }
    }
}

pub(super) fn glob(visit: &Visit<'_>, found: &mut dyn FnMut(Finding)) {
    let Some((selector, span)) = selector(visit) else { return };
    for (at, matcher) in selector.matchers.iter().enumerate().filter(|(_, m)| is_regex(m)) {
        let value = &matcher.value;
        let stars: Vec<usize> = value.match_indices('*').map(|(at, _)| at).collect();
        let bytes = value.as_bytes();
        let literal = |star: &usize| {
            let before = star.checked_sub(1).and_then(|at| bytes.get(at));
            before.is_some_and(|b| b.is_ascii_alphanumeric() || b"_-/:".contains(b))
        };
        // With other patterns around, the star is more likely to be meant as it is.
        let simple = !value.contains(|c| c != '*' && c != '.' && META.contains(&c));
        if stars.is_empty() || !simple || !stars.iter().all(literal) {
            continue;
        }
        let meant = value.replace('*', ".*");
        let finding = Finding::new(
            Severity::Warning,
            span,
            format!(
                "{matcher} reads like a shell pattern: in a regular expression * repeats the character before it"
            ),
            format!("write {}", quote(&meant)),
        );
        found(match Matcher::new(matcher.op, matcher.name.clone(), meant).ok() {
            Some(meant) => finding.edit(span, with(visit.expr, at, Some(meant))),
            None => finding,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_have_only_dots() {
        for (pattern, want) in [
            ("10.0.0.1:9100", true),
            ("a.b", true),
            ("a.*b", false),
            (".a", false),
            ("a", false),
            ("a.", false),
        ] {
            assert_eq!(only_dots(pattern), want, "{pattern}");
        }
    }
}
