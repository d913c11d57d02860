//! Go's `regexp/syntax` parser with Perl flags, building the representation of `regex-syntax`.
//!
//! Invariant: `rest` is always a suffix of `pattern`; errors quote the slice that Go quotes.

use super::RegexError;
use super::class;
use regex_syntax::hir::{Capture, Class, ClassUnicode, ClassUnicodeRange, Hir, HirKind, Look, Repetition};

/// Groups and operators may nest this deep, as in Go.
const DEPTH_MAX: usize = 1000;
/// Parts of one expression; keeps memory in proportion however the pattern looks.
const PATTERN_BYTES_MAX: usize = 1 << 20;
const REPEAT_MAX: u32 = 1000;

#[derive(Clone, Copy)]
struct Flags {
    fold: bool,
    multi_line: bool,
    dot_newline: bool,
    swap_greed: bool,
}

/// An open group: what surrounds it, and what it has so far.
struct Group {
    alternatives: Vec<Hir>,
    parts: Vec<Hir>,
    /// The flags to return to at the closing parenthesis.
    outer_flags: Flags,
    /// Index and name of a capturing group.
    capture: Option<(u32, Option<String>)>,
}

struct Parser<'a> {
    pattern: &'a str,
    rest: &'a str,
    flags: Flags,
    groups: Vec<Group>,
    captures: u32,
    names: Vec<String>,
}

/// Parses `pattern`; `dot_newline` is the flag `s` at the start.
pub(super) fn parse(pattern: &str, dot_newline: bool) -> Result<Hir, RegexError> {
    if pattern.len() > PATTERN_BYTES_MAX {
        let place: String = pattern.chars().take(64).collect();
        return Err(error("expression too large", &place));
    }
    let flags = Flags { fold: false, multi_line: false, dot_newline, swap_greed: false };
    let root = Group { alternatives: Vec::new(), parts: Vec::new(), outer_flags: flags, capture: None };
    let mut parser =
        Parser { pattern, rest: pattern, flags, groups: vec![root], captures: 0, names: Vec::new() };
    parser.run()
}

fn error(reason: &'static str, place: &str) -> RegexError {
    RegexError { reason, place: place.to_owned() }
}

/// The part of `from` that was consumed when `rest` is what is left of it.
fn consumed<'a>(from: &'a str, rest: &str) -> &'a str {
    from.get(..from.len() - rest.len()).unwrap_or(from)
}

impl<'a> Parser<'a> {
    fn run(&mut self) -> Result<Hir, RegexError> {
        let mut last_repeat: Option<&'a str> = None;
        while let Some(c) = self.rest.chars().next() {
            let start = self.rest;
            let mut repeat = None;
            match c {
                '(' => self.open()?,
                ')' => self.close()?,
                '|' => {
                    self.advance(c);
                    let group = self.group();
                    let parts = std::mem::take(&mut group.parts);
                    group.alternatives.push(Hir::concat(parts));
                }
                '^' => self.look(c, Look::Start, Look::StartLF),
                '$' => self.look(c, Look::End, Look::EndLF),
                '.' => {
                    self.advance(c);
                    let mut class = class::any();
                    if !self.flags.dot_newline {
                        class.difference(&class::from_ranges(&[('\n', '\n')]));
                    }
                    self.push(Hir::class(Class::Unicode(class)));
                }
                '[' => {
                    let class = self.bracket()?;
                    self.push(Hir::class(Class::Unicode(class)));
                }
                '*' | '+' | '?' => {
                    self.advance(c);
                    let (min, max) = match c {
                        '*' => (0, None),
                        '+' => (1, None),
                        _ => (0, Some(1)),
                    };
                    self.repeat(start, last_repeat, min, max)?;
                    repeat = Some(start);
                }
                '{' => match parse_counts(start) {
                    None => {
                        self.advance(c);
                        self.literal(c);
                    }
                    Some((counts, after)) => {
                        let valid = counts.filter(|&(min, max)| max.is_none_or(|max| min <= max));
                        let Some((min, max)) = valid else {
                            return Err(error("invalid repeat count", consumed(start, after)));
                        };
                        self.rest = after;
                        self.repeat(start, last_repeat, min, max)?;
                        repeat = Some(start);
                    }
                },
                '\\' => self.escape()?,
                _ => {
                    self.advance(c);
                    self.literal(c);
                }
            }
            last_repeat = repeat;
        }
        if self.groups.len() > 1 {
            return Err(error("missing closing )", self.pattern));
        }
        let group = self.groups.pop();
        Ok(group.map_or_else(Hir::empty, finish_group))
    }

    fn advance(&mut self, c: char) {
        self.rest = self.rest.get(c.len_utf8()..).unwrap_or_default();
    }

    fn group(&mut self) -> &mut Group {
        if self.groups.is_empty() {
            let outer_flags = self.flags;
            self.groups.push(Group {
                alternatives: Vec::new(),
                parts: Vec::new(),
                outer_flags,
                capture: None,
            });
        }
        let last = self.groups.len() - 1;
        &mut self.groups[last]
    }

    fn push(&mut self, hir: Hir) {
        self.group().parts.push(hir);
    }

    fn literal(&mut self, c: char) {
        let hir = if self.flags.fold {
            let mut class = class::from_ranges(&[(c, c)]);
            class::fold(&mut class);
            Hir::class(Class::Unicode(class))
        } else {
            Hir::literal(c.encode_utf8(&mut [0; 4]).as_bytes())
        };
        self.push(hir);
    }

    fn look(&mut self, c: char, text: Look, line: Look) {
        self.advance(c);
        let look = if self.flags.multi_line { line } else { text };
        self.push(Hir::look(look));
    }

    fn repeat(
        &mut self,
        op: &'a str,
        last: Option<&'a str>,
        min: u32,
        max: Option<u32>,
    ) -> Result<(), RegexError> {
        let mut greedy = !self.flags.swap_greed;
        if let Some(after) = self.rest.strip_prefix('?') {
            self.rest = after;
            greedy = !greedy;
        }
        if let Some(last) = last {
            return Err(error("invalid nested repetition operator", consumed(last, self.rest)));
        }
        let rest = self.rest;
        let Some(sub) = self.group().parts.pop() else {
            return Err(error("missing argument to repetition operator", consumed(op, rest)));
        };
        let hir = Hir::repetition(Repetition { min, max, greedy, sub: Box::new(sub) });
        if (min >= 2 || max.is_some_and(|m| m >= 2)) && !repeats_fit(&hir, REPEAT_MAX) {
            return Err(error("invalid repeat count", consumed(op, rest)));
        }
        self.push(hir);
        Ok(())
    }

    fn open(&mut self) -> Result<(), RegexError> {
        if self.groups.len() > DEPTH_MAX {
            return Err(error("expression nests too deeply", self.pattern));
        }
        let start = self.rest;
        let outer_flags = self.flags;
        let named = start.strip_prefix("(?P<").or_else(|| start.strip_prefix("(?<"));
        let capture = if let Some(after) = named {
            let Some((name, tail)) = after.split_once('>') else {
                return Err(error("invalid named capture", start));
            };
            if name.is_empty() || !name.bytes().all(|b| b == b'_' || b.is_ascii_alphanumeric()) {
                return Err(error("invalid named capture", consumed(start, tail)));
            }
            if self.names.iter().any(|n| n == name) {
                return Err(error("invalid named capture", name));
            }
            self.names.push(name.to_owned());
            self.rest = tail;
            Some(Some(name.to_owned()))
        } else if start.starts_with("(?") {
            if !self.group_flags()? {
                return Ok(());
            }
            None
        } else {
            self.advance('(');
            Some(None)
        };
        let capture = capture.map(|name| {
            self.captures += 1;
            (self.captures, name)
        });
        self.groups.push(Group { alternatives: Vec::new(), parts: Vec::new(), outer_flags, capture });
        Ok(())
    }

    /// Reads `(?flags)` or `(?flags:`; whether a group opens.
    fn group_flags(&mut self) -> Result<bool, RegexError> {
        let start = self.rest;
        let mut flags = self.flags;
        let (mut on, mut seen) = (true, false);
        let mut rest = start.get(2..).unwrap_or_default();
        loop {
            let Some(c) = rest.chars().next() else { return Err(error("missing closing )", self.pattern)) };
            rest = rest.get(c.len_utf8()..).unwrap_or_default();
            match c {
                'i' => (flags.fold, seen) = (on, true),
                'm' => (flags.multi_line, seen) = (on, true),
                's' => (flags.dot_newline, seen) = (on, true),
                'U' => (flags.swap_greed, seen) = (on, true),
                '-' if on => (on, seen) = (false, false),
                ':' | ')' if on || seen => {
                    self.rest = rest;
                    self.flags = flags;
                    return Ok(c == ':');
                }
                _ => return Err(error("invalid or unsupported Perl syntax", consumed(start, rest))),
            }
        }
    }

    fn close(&mut self) -> Result<(), RegexError> {
        if self.groups.len() <= 1 {
            return Err(error("unexpected )", self.pattern));
        }
        self.advance(')');
        if let Some(mut group) = self.groups.pop() {
            self.flags = group.outer_flags;
            let capture = group.capture.take();
            let sub = finish_group(group);
            self.push(match capture {
                Some((index, name)) => Hir::capture(Capture {
                    index,
                    name: name.map(String::into_boxed_str),
                    sub: Box::new(sub),
                }),
                None => sub,
            });
        }
        Ok(())
    }

    fn escape(&mut self) -> Result<(), RegexError> {
        let start = self.rest;
        let after = start.get(1..).unwrap_or_default();
        let Some(c) = after.chars().next() else {
            return Err(error("trailing backslash at end of expression", ""));
        };
        let look = match c {
            'A' => Some(Look::Start),
            'z' => Some(Look::End),
            'b' => Some(Look::WordAscii),
            'B' => Some(Look::WordAsciiNegate),
            _ => None,
        };
        if let Some(look) = look {
            self.rest = after.get(1..).unwrap_or_default();
            self.push(Hir::look(look));
            return Ok(());
        }
        if c == 'Q' {
            let quoted = after.get(1..).unwrap_or_default();
            let (text, tail) = quoted.split_once("\\E").unwrap_or((quoted, ""));
            text.chars().for_each(|c| self.literal(c));
            self.rest = tail;
            return Ok(());
        }
        if let Some(mut class) = self.class_escape()? {
            if self.flags.fold {
                class::fold(&mut class);
            }
            self.push(Hir::class(Class::Unicode(class)));
            return Ok(());
        }
        let c = self.char_escape()?;
        self.literal(c);
        Ok(())
    }

    /// `\d`, `\pN`, `\p{^Greek}` and their kin; `None` leaves `rest` alone.
    fn class_escape(&mut self) -> Result<Option<ClassUnicode>, RegexError> {
        let start = self.rest;
        let mut chars = start.chars();
        let (Some('\\'), Some(letter)) = (chars.next(), chars.next()) else { return Ok(None) };
        if let Some(class) = class::perl(letter) {
            self.rest = chars.as_str();
            return Ok(Some(class));
        }
        if letter != 'p' && letter != 'P' {
            return Ok(None);
        }
        let mut negated = letter == 'P';
        let after = chars.as_str();
        let (name, tail) = match after.strip_prefix('{') {
            Some(braced) => match braced.split_once('}') {
                Some(parts) => parts,
                None => return Err(error("invalid character class range", start)),
            },
            None => after.split_at(after.chars().next().map_or(0, char::len_utf8)),
        };
        let name = name.strip_prefix('^').map_or(name, |bare| {
            negated = !negated;
            bare
        });
        let Some(mut class) = class::unicode(name) else {
            return Err(error("invalid character class range", consumed(start, tail)));
        };
        if negated {
            class.negate();
        }
        self.rest = tail;
        Ok(Some(class))
    }

    /// An escape that stands for one character; `rest` begins with the backslash.
    fn char_escape(&mut self) -> Result<char, RegexError> {
        let start = self.rest;
        let mut chars = start.chars();
        chars.next();
        let Some(c) = chars.next() else {
            return Err(error("trailing backslash at end of expression", ""));
        };
        let mut tail = chars.as_str();
        let value = match c {
            'a' => Some('\x07'),
            'f' => Some('\x0c'),
            'n' => Some('\n'),
            'r' => Some('\r'),
            't' => Some('\t'),
            'v' => Some('\x0b'),
            'x' => match hex_escape(tail) {
                Some((value, rest)) => {
                    tail = rest;
                    value
                }
                None => None,
            },
            '0'..='7' => {
                let octal = |t: &str| t.bytes().next().filter(|b| (b'0'..=b'7').contains(b));
                // A single digit other than 0 would be a backreference.
                if c == '0' || octal(tail).is_some() {
                    let mut value = u32::from(c) - u32::from('0');
                    for _ in 0..2 {
                        let Some(digit) = octal(tail) else { break };
                        value = value * 8 + u32::from(digit - b'0');
                        tail = tail.get(1..).unwrap_or_default();
                    }
                    char::from_u32(value)
                } else {
                    None
                }
            }
            c if c.is_ascii() && !c.is_ascii_alphanumeric() => Some(c),
            _ => None,
        };
        self.rest = tail;
        value.ok_or_else(|| error("invalid escape sequence", consumed(start, tail)))
    }

    fn bracket(&mut self) -> Result<ClassUnicode, RegexError> {
        let start = self.rest;
        self.advance('[');
        let negated = self.rest.starts_with('^');
        if negated {
            self.advance('^');
        }
        let mut class = ClassUnicode::empty();
        let mut first = true;
        loop {
            if self.rest.is_empty() {
                return Err(error("missing closing ]", start));
            }
            if self.rest.starts_with(']') && !first {
                self.advance(']');
                break;
            }
            first = false;
            if let Some((name, tail)) = self.rest.strip_prefix("[:").and_then(|named| named.split_once(":]"))
            {
                let Some(posix) = class::posix(name) else {
                    return Err(error("invalid character class range", consumed(self.rest, tail)));
                };
                class.union(&posix);
                self.rest = tail;
                continue;
            }
            if let Some(escaped) = self.class_escape()? {
                class.union(&escaped);
                continue;
            }
            let range_start = self.rest;
            let low = self.class_char(start)?;
            let mut high = low;
            if self.rest.starts_with('-') && !self.rest.starts_with("-]") && self.rest.len() >= 2 {
                self.advance('-');
                high = self.class_char(start)?;
                if high < low {
                    return Err(error("invalid character class range", consumed(range_start, self.rest)));
                }
            }
            class.push(ClassUnicodeRange::new(low, high));
        }
        if self.flags.fold {
            class::fold(&mut class);
        }
        if negated {
            class.negate();
        }
        Ok(class)
    }

    fn class_char(&mut self, class_start: &str) -> Result<char, RegexError> {
        match self.rest.chars().next() {
            None => Err(error("missing closing ]", class_start)),
            Some('\\') => self.char_escape(),
            Some(c) => {
                self.advance(c);
                Ok(c)
            }
        }
    }
}

fn finish_group(mut group: Group) -> Hir {
    let last = Hir::concat(group.parts);
    if group.alternatives.is_empty() {
        return last;
    }
    group.alternatives.push(last);
    Hir::alternation(group.alternatives)
}

/// Whether nested counted repetitions multiply to at most `budget`.
fn repeats_fit(hir: &Hir, budget: u32) -> bool {
    match hir.kind() {
        HirKind::Repetition(repetition) => {
            if repetition.max == Some(0) {
                return true;
            }
            let count = repetition.max.unwrap_or(repetition.min);
            count <= budget && repeats_fit(&repetition.sub, budget.checked_div(count).unwrap_or(budget))
        }
        HirKind::Capture(capture) => repeats_fit(&capture.sub, budget),
        HirKind::Concat(parts) | HirKind::Alternation(parts) => {
            parts.iter().all(|part| repeats_fit(part, budget))
        }
        HirKind::Empty | HirKind::Literal(_) | HirKind::Class(_) | HirKind::Look(_) => true,
    }
}

/// `{2}`, `{2,}`, `{2,3}`: the counts (`None` when out of bounds) and what follows. Anything else that
/// begins with a brace is literal text.
#[allow(clippy::type_complexity)] // the pair of pairs is taken apart at once by the only caller
fn parse_counts(text: &str) -> Option<(Option<(u32, Option<u32>)>, &str)> {
    let body = text.strip_prefix('{')?;
    let (min, rest) = number(body)?;
    if let Some(after) = rest.strip_prefix('}') {
        return Some((min.map(|n| (n, Some(n))), after));
    }
    let rest = rest.strip_prefix(',')?;
    if let Some(after) = rest.strip_prefix('}') {
        return Some((min.map(|n| (n, None)), after));
    }
    let (max, rest) = number(rest)?;
    let after = rest.strip_prefix('}')?;
    Some((min.zip(max).map(|(min, max)| (min, Some(max))), after))
}

/// Decimal digits without a leading zero; the inner value is `None` above the limit.
fn number(text: &str) -> Option<(Option<u32>, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, rest) = text.split_at(end);
    if digits.is_empty() || (digits.len() > 1 && digits.starts_with('0')) {
        return None;
    }
    Some((digits.parse().ok().filter(|&n| n <= REPEAT_MAX), rest))
}

/// What follows `\x`: two digits, or any number of them in braces.
fn hex_escape(text: &str) -> Option<(Option<char>, &str)> {
    let (digits, tail) = match text.strip_prefix('{') {
        Some(braced) => braced.split_once('}')?,
        None => (text.get(..2)?, text.get(2..)?),
    };
    let valid = !digits.is_empty() && digits.len() <= 8 && digits.bytes().all(|b| b.is_ascii_hexdigit());
    let value = valid.then(|| u32::from_str_radix(digits, 16).ok()).flatten();
    Some((value.and_then(char::from_u32), tail))
}
