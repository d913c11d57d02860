//! Character classes: Perl's, POSIX's, Unicode's, and their folding.

use regex_syntax::hir::{ClassUnicode, ClassUnicodeRange, HirKind};

/// Names in `[:name:]` with their ranges (all ASCII).
const POSIX: &[(&str, &[(char, char)])] = &[
    ("alnum", &[('0', '9'), ('A', 'Z'), ('a', 'z')]),
    ("alpha", &[('A', 'Z'), ('a', 'z')]),
    ("ascii", &[('\0', '\x7f')]),
    ("blank", &[('\t', '\t'), (' ', ' ')]),
    ("cntrl", &[('\0', '\x1f'), ('\x7f', '\x7f')]),
    ("digit", &[('0', '9')]),
    ("graph", &[('!', '~')]),
    ("lower", &[('a', 'z')]),
    ("print", &[(' ', '~')]),
    ("punct", &[('!', '/'), (':', '@'), ('[', '`'), ('{', '~')]),
    ("space", &[('\t', '\r'), (' ', ' ')]),
    ("upper", &[('A', 'Z')]),
    ("word", &[('0', '9'), ('A', 'Z'), ('_', '_'), ('a', 'z')]),
    ("xdigit", &[('0', '9'), ('A', 'F'), ('a', 'f')]),
];

const DIGIT: &[(char, char)] = &[('0', '9')];
const SPACE: &[(char, char)] = &[('\t', '\n'), ('\x0c', '\r'), (' ', ' ')];
const WORD: &[(char, char)] = &[('0', '9'), ('A', 'Z'), ('_', '_'), ('a', 'z')];

pub(super) fn from_ranges(ranges: &[(char, char)]) -> ClassUnicode {
    ClassUnicode::new(ranges.iter().map(|&(a, b)| ClassUnicodeRange::new(a, b)))
}

pub(super) fn any() -> ClassUnicode {
    from_ranges(&[('\0', char::MAX)])
}

/// `\d \D \s \S \w \W`
pub(super) fn perl(letter: char) -> Option<ClassUnicode> {
    let ranges = match letter.to_ascii_lowercase() {
        'd' => DIGIT,
        's' => SPACE,
        'w' => WORD,
        _ => return None,
    };
    let mut class = from_ranges(ranges);
    if letter.is_ascii_uppercase() {
        class.negate();
    }
    Some(class)
}

/// The class of `[:name:]` or `[:^name:]`.
pub(super) fn posix(name: &str) -> Option<ClassUnicode> {
    let (negated, name) = name.strip_prefix('^').map_or((false, name), |n| (true, n));
    let (_, ranges) = POSIX.iter().find(|(n, _)| *n == name)?;
    let mut class = from_ranges(ranges);
    if negated {
        class.negate();
    }
    Some(class)
}

/// The class of `\p{name}`: a general category, a script, `Any`, `ASCII` or `Assigned`.
pub(super) fn unicode(name: &str) -> Option<ClassUnicode> {
    if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b' '))
    {
        return None;
    }
    let plain = name.to_ascii_lowercase();
    let queries = match plain.as_str() {
        "any" | "ascii" | "assigned" => vec![format!(r"\p{{{plain}}}")],
        _ => vec![format!(r"\p{{gc={name}}}"), format!(r"\p{{sc={name}}}")],
    };
    queries.iter().find_map(|query| match regex_syntax::parse(query).ok()?.into_kind() {
        HirKind::Class(regex_syntax::hir::Class::Unicode(class)) => Some(class),
        _ => None,
    })
}

/// Adds the simple case foldings of every member.
pub(super) fn fold(class: &mut ClassUnicode) {
    // The tables are compiled in; should they be missing, the class stays as written.
    let _ = class.try_case_fold_simple();
}
