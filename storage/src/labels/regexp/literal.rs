//! Shapes of expressions that need no automaton.

use regex_syntax::hir::{Class, Hir, HirKind};

/// Alternatives beyond this number are left to the automaton.
const SET_MAX: usize = 4096;

/// How the anchored expression can be answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Shape {
    /// `.*`
    Anything,
    /// `.+`
    NotEmpty,
    /// Exactly one of these texts, sorted and distinct.
    Set(Vec<String>),
    /// `text.*`
    Prefix(String),
    /// `.*text`
    Suffix(String),
    /// `.*text.*`
    Contains(String),
    /// Anything else.
    Automaton,
}

impl Shape {
    pub(super) fn of(hir: &Hir) -> Self {
        if let Some(mut set) = texts(hir, 0) {
            set.sort_unstable();
            set.dedup();
            return Self::Set(set);
        }
        match repetition_of_any(hir) {
            Some(0) => return Self::Anything,
            Some(1) => return Self::NotEmpty,
            _ => {}
        }
        let HirKind::Concat(parts) = hir.kind() else { return Self::Automaton };
        let any = |h: &Hir| repetition_of_any(h) == Some(0);
        match parts.as_slice() {
            [text, tail] if any(tail) => literal(text).map_or(Self::Automaton, Self::Prefix),
            [head, text] if any(head) => literal(text).map_or(Self::Automaton, Self::Suffix),
            [head, text, tail] if any(head) && any(tail) => {
                literal(text).map_or(Self::Automaton, Self::Contains)
            }
            _ => Self::Automaton,
        }
    }

    #[inline]
    pub(super) fn is_match(&self, text: &str) -> Option<bool> {
        Some(match self {
            Self::Anything => true,
            Self::NotEmpty => !text.is_empty(),
            Self::Set(set) => match set.as_slice() {
                [one] => one == text,
                few if few.len() <= 8 => few.iter().any(|t| t == text),
                many => many.binary_search_by(|t| t.as_str().cmp(text)).is_ok(),
            },
            Self::Prefix(part) => text.starts_with(part.as_str()),
            Self::Suffix(part) => text.ends_with(part.as_str()),
            Self::Contains(part) => text.contains(part.as_str()),
            Self::Automaton => return None,
        })
    }
}

/// The literal with which every match begins.
pub(super) fn required_prefix(hir: &Hir) -> Option<String> {
    match hir.kind() {
        HirKind::Literal(_) => literal(hir),
        HirKind::Capture(capture) => required_prefix(&capture.sub),
        HirKind::Concat(parts) => parts.first().and_then(required_prefix),
        _ => None,
    }
}

fn literal(hir: &Hir) -> Option<String> {
    match hir.kind() {
        HirKind::Literal(literal) => String::from_utf8(literal.0.to_vec()).ok(),
        HirKind::Capture(capture) => literal(&capture.sub),
        _ => None,
    }
}

/// The minimum of `.*`, `.+` where `.` is any character at all.
fn repetition_of_any(hir: &Hir) -> Option<u32> {
    match hir.kind() {
        HirKind::Capture(capture) => repetition_of_any(&capture.sub),
        HirKind::Repetition(repetition) if repetition.max.is_none() => match repetition.sub.kind() {
            HirKind::Class(Class::Unicode(class)) => {
                let ranges = class.ranges();
                let whole = ranges.first().is_some_and(|r| r.start() == '\0' && r.end() == char::MAX);
                whole.then_some(repetition.min)
            }
            _ => None,
        },
        _ => None,
    }
}

/// All texts that the expression matches, when they are few and free of conditions.
fn texts(hir: &Hir, depth: usize) -> Option<Vec<String>> {
    if depth > 32 {
        return None;
    }
    match hir.kind() {
        HirKind::Empty => Some(vec![String::new()]),
        HirKind::Literal(_) => literal(hir).map(|text| vec![text]),
        HirKind::Capture(capture) => texts(&capture.sub, depth + 1),
        HirKind::Class(Class::Unicode(class)) => {
            let count: u32 =
                class.ranges().iter().map(|r| u32::from(r.end()) - u32::from(r.start()) + 1).sum();
            (count <= 16).then(|| {
                class
                    .ranges()
                    .iter()
                    .flat_map(|r| (r.start()..=r.end()).map(String::from))
                    .collect::<Vec<_>>()
            })
        }
        HirKind::Alternation(alternatives) => {
            let mut all = Vec::new();
            for alternative in alternatives {
                all.extend(texts(alternative, depth + 1)?);
                if all.len() > SET_MAX {
                    return None;
                }
            }
            Some(all)
        }
        HirKind::Concat(parts) => {
            let mut all = vec![String::new()];
            for part in parts {
                let tails = texts(part, depth + 1)?;
                if all.len() * tails.len() > SET_MAX {
                    return None;
                }
                all = all
                    .iter()
                    .flat_map(|head| tails.iter().map(move |tail| format!("{head}{tail}")))
                    .collect();
            }
            Some(all)
        }
        HirKind::Look(_) | HirKind::Repetition(_) | HirKind::Class(Class::Bytes(_)) => None,
    }
}
