//! Text → tokens with byte ranges, on nom.

use super::ast::Span;
use nom::branch::alt;
use nom::bytes::complete::{is_not, tag, take_while, take_while1};
use nom::character::complete::{char, one_of, satisfy};
use nom::combinator::{opt, recognize};
use nom::multi::many1_count;
use nom::sequence::{pair, preceded};
use nom::{IResult, Parser};

/// What a token is.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    /// Name, keyword or number word; `:` is allowed inside.
    Word,
    /// A number that is no duration.
    Number(f64),
    /// A duration, ms.
    Duration(i64),
    /// A quoted text, unquoted.
    Text(String),
    /// An operator or bracket.
    Symbol(&'static str),
    /// The end of the text.
    End,
    /// Text that is no token, with what is wrong in Prometheus's words. Nothing follows.
    Fault(String),
}

/// A token and its bytes.
#[derive(Debug, Clone, PartialEq)]
pub struct Token {
    /// What it is.
    pub kind: Kind,
    /// Where it is.
    pub span: Span,
}

/// Longer symbols first.
const SYMBOLS: &[&str] = &[
    "==", "=~", "!=", "!~", ">=", "<=", "=", ">", "<", "+", "-", "*", "/", "%", "^", "(", ")", "{", "}", "[",
    "]", ",", ":", "@",
];

/// Units of a duration in their order, ms.
const UNITS: &[(&str, i64)] = &[
    ("y", 31_536_000_000),
    ("w", 604_800_000),
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1000),
    ("ms", 1),
];

/// What is open where the lexer stands.
#[derive(Default)]
struct Open {
    parens: usize,
    braces: bool,
    bracket: bool,
}

impl Open {
    /// Books a bracket of any kind; what is wrong with it there.
    fn book(&mut self, symbol: &str) -> Result<(), &'static str> {
        match symbol {
            "(" => self.parens += 1,
            ")" => {
                self.parens = self.parens.checked_sub(1).ok_or("unexpected right parenthesis ')'")?;
            }
            "[" if self.bracket => return Err("unexpected left bracket '['"),
            "[" => self.bracket = true,
            "]" if !self.bracket => return Err("unexpected right bracket ']'"),
            "]" => self.bracket = false,
            "{" if self.braces => return Err("unexpected left brace '{'"),
            "{" => self.braces = true,
            "}" => self.braces = false,
            _ => {}
        }
        Ok(())
    }

    /// What is missing when the text ends.
    fn missing(&self) -> Option<&'static str> {
        match self {
            Self { braces: true, .. } => Some("unexpected end of input inside braces"),
            Self { bracket: true, .. } => Some("unexpected end of input in duration expression"),
            Self { parens: 1.., .. } => Some("unclosed left parenthesis"),
            _ => None,
        }
    }
}

/// Splits the text; the last token is [`Kind::End`] or [`Kind::Fault`].
#[must_use]
pub fn tokens(text: &str) -> Vec<Token> {
    let mut all = Vec::new();
    let mut open = Open::default();
    let mut rest = text;
    loop {
        rest = skip_blank(rest);
        let start = text.len() - rest.len();
        let Some(first) = rest.chars().next() else {
            let kind = open.missing().map_or(Kind::End, |text| Kind::Fault(text.to_owned()));
            all.push(Token { kind, span: span(start, start) });
            return all;
        };
        let read = if open.braces { inside_braces(rest, first) } else { one(rest, first) };
        let read = read.and_then(|(kind, tail)| match kind {
            Kind::Symbol(symbol) => open.book(symbol).map(|()| (kind, tail)).map_err(str::to_owned),
            kind => Ok((kind, tail)),
        });
        match read {
            Ok((kind, tail)) => {
                all.push(Token { kind, span: span(start, text.len() - tail.len()) });
                rest = tail;
            }
            Err(message) => {
                all.push(Token { kind: Kind::Fault(message), span: span(start, start) });
                return all;
            }
        }
    }
}

/// Between braces stand names, texts and the operators of matchers only.
fn inside_braces(rest: &str, first: char) -> Result<(Kind, &str), String> {
    match first {
        'a'..='z' | 'A'..='Z' | '_' => {
            let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
            Ok((Kind::Word, rest.get(end..).unwrap_or_default()))
        }
        '!' if !rest.starts_with("!=") && !rest.starts_with("!~") => {
            let next = rest.chars().nth(1).unwrap_or(char::REPLACEMENT_CHARACTER);
            Err(format!("unexpected character after '!' inside braces: {next:?}"))
        }
        '=' if rest.starts_with("==") => Ok((Kind::Symbol("="), rest.get(1..).unwrap_or_default())),
        '"' | '\'' | '`' | ',' | '=' | '!' | '{' | '}' => one(rest, first),
        other => Err(format!("unexpected character inside braces: {other:?}")),
    }
}

fn span(start: usize, end: usize) -> Span {
    Span { start: start as u32, end: end as u32 }
}

fn skip_blank(text: &str) -> &str {
    let mut rest = text.trim_start();
    while let Some(comment) = rest.strip_prefix('#') {
        rest = comment.split_once('\n').map_or("", |(_, tail)| tail).trim_start();
    }
    rest
}

fn one(rest: &str, first: char) -> Result<(Kind, &str), String> {
    match first {
        '"' | '\'' | '`' => quoted(rest, first),
        '0'..='9' | '.' => numeral(rest),
        'a'..='z' | 'A'..='Z' | '_' => {
            let (tail, _) = word(rest).map_err(|_| unexpected(first))?;
            Ok((Kind::Word, tail))
        }
        // A name may begin with a colon; a lone one separates range and step.
        ':' if rest[1..].starts_with(|c: char| c.is_ascii_alphabetic() || c == '_' || c == ':') => {
            let (tail, _) = word(rest).map_err(|_| unexpected(first))?;
            Ok((Kind::Word, tail))
        }
        _ => {
            let symbol = SYMBOLS.iter().find(|symbol| rest.starts_with(**symbol));
            let symbol = symbol
                .ok_or_else(|| if first == '!' { unexpected_after_bang(rest) } else { unexpected(first) })?;
            Ok((Kind::Symbol(symbol), rest.get(symbol.len()..).unwrap_or_default()))
        }
    }
}

fn unexpected(c: char) -> String {
    format!("unexpected character: {c:?}")
}

fn unexpected_after_bang(rest: &str) -> String {
    match rest.chars().nth(1) {
        Some(c) => format!("unexpected character after '!': {c:?}"),
        None => "unexpected character after '!': end of input".to_owned(),
    }
}

fn word(input: &str) -> IResult<&str, &str> {
    take_while1(|c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':').parse(input)
}

fn digits(input: &str) -> IResult<&str, &str> {
    recognize(pair(satisfy(|c| c.is_ascii_digit()), take_while(|c: char| c.is_ascii_digit() || c == '_')))
        .parse(input)
}

fn decimal(input: &str) -> IResult<&str, &str> {
    let mantissa = alt((recognize((digits, opt((char('.'), opt(digits))))), recognize((char('.'), digits))));
    recognize((mantissa, opt((one_of("eE"), opt(one_of("+-")), digits)))).parse(input)
}

fn hexadecimal(input: &str) -> IResult<&str, &str> {
    preceded(alt((tag("0x"), tag("0X"))), take_while1(|c: char| c.is_ascii_hexdigit() || c == '_'))
        .parse(input)
}

fn duration(input: &str) -> IResult<&str, &str> {
    let unit = alt((tag("ms"), tag("y"), tag("w"), tag("d"), tag("h"), tag("m"), tag("s")));
    recognize(many1_count((take_while1(|c: char| c.is_ascii_digit()), unit))).parse(input)
}

fn numeral(rest: &str) -> Result<(Kind, &str), String> {
    let ends_well =
        |tail: &str| !tail.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.');
    let bad = || {
        let word: String =
            rest.chars().take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.')).collect();
        format!("bad number or duration syntax: {word:?}")
    };
    if let Ok((tail, text)) = duration(rest)
        && ends_well(tail)
    {
        return parse_duration(text).map(|ms| (Kind::Duration(ms), tail));
    }
    if let Ok((tail, digits)) = hexadecimal(rest)
        && ends_well(tail)
    {
        let value = u64::from_str_radix(&digits.replace('_', ""), 16).map_err(|_| bad())?;
        return Ok((Kind::Number(value as f64), tail));
    }
    let (tail, text) = decimal(rest).map_err(|_| bad())?;
    if !ends_well(tail) {
        return Err(bad());
    }
    let text = text.replace('_', "");
    // A leading zero makes a whole number octal, as in Go.
    let octal = text.len() > 1 && text.starts_with('0') && text.bytes().all(|b| (b'0'..=b'7').contains(&b));
    let value = if octal { i64::from_str_radix(&text, 8).ok().map(|i| i as f64) } else { text.parse().ok() };
    Ok((Kind::Number(value.ok_or_else(bad)?), tail))
}

/// Milliseconds of a Prometheus duration: units in descending order, each at most once.
///
/// # Errors
/// Not a duration, or longer than fits.
pub fn parse_duration(text: &str) -> Result<i64, String> {
    let bad = || format!("not a valid duration string: {text:?}");
    if text == "0" {
        return Ok(0);
    }
    let (mut rest, mut total, mut last) = (text, 0i64, None);
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(bad)?;
        let (number, tail) = rest.split_at(end);
        let unit_end = tail.find(|c: char| c.is_ascii_digit()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(unit_end);
        let place = UNITS.iter().position(|(name, _)| *name == unit).ok_or_else(bad)?;
        if last.is_some_and(|last| place <= last) {
            return Err(bad());
        }
        let factor = UNITS.get(place).map_or(0, |(_, ms)| *ms);
        let ms = number.parse::<i64>().ok().and_then(|n| n.checked_mul(factor));
        total = ms.and_then(|ms| total.checked_add(ms)).ok_or("duration out of range")?;
        (last, rest) = (Some(place), tail);
    }
    if last.is_none() { Err(bad()) } else { Ok(total) }
}

fn quoted(rest: &str, quote: char) -> Result<(Kind, &str), String> {
    let body = rest.get(1..).unwrap_or_default();
    if quote == '`' {
        let (text, tail) = body.split_once('`').ok_or("unterminated raw string")?;
        return Ok((Kind::Text(text.to_owned()), tail));
    }
    let mut out = String::new();
    let mut bytes = Vec::new();
    let mut rest = body;
    loop {
        let plain: IResult<&str, &str> = is_not("\\\"'\n").parse(rest);
        if let Ok((tail, text)) = plain {
            flush(&mut out, &mut bytes);
            out.push_str(text);
            rest = tail;
        }
        let Some(c) = rest.chars().next() else { return Err("unterminated quoted string".to_owned()) };
        let tail = rest.get(1..).unwrap_or_default();
        match c {
            '\n' => return Err("unterminated quoted string".to_owned()),
            c if c == quote => {
                flush(&mut out, &mut bytes);
                return Ok((Kind::Text(out), tail));
            }
            '\\' => rest = escape(tail, quote, &mut out, &mut bytes)?,
            c => {
                flush(&mut out, &mut bytes);
                out.push(c);
                rest = tail;
            }
        }
    }
}

/// Bytes written by `\x` and octal escapes may form a character together.
fn flush(out: &mut String, bytes: &mut Vec<u8>) {
    if !bytes.is_empty() {
        out.push_str(&String::from_utf8_lossy(bytes));
        bytes.clear();
    }
}

fn escape<'a>(rest: &'a str, quote: char, out: &mut String, bytes: &mut Vec<u8>) -> Result<&'a str, String> {
    let Some(c) = rest.chars().next() else { return Err("escape sequence not terminated".to_owned()) };
    let tail = rest.get(c.len_utf8()..).unwrap_or_default();
    let simple = match c {
        'a' => '\x07',
        'b' => '\x08',
        'f' => '\x0c',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'v' => '\x0b',
        '\\' => '\\',
        c if c == quote => c,
        'x' | 'u' | 'U' | '0'..='7' => {
            let (digits, radix, source) = match c {
                'x' => (2, 16, tail),
                'u' => (4, 16, tail),
                'U' => (8, 16, tail),
                _ => (3, 8, rest),
            };
            let text = source.get(..digits).ok_or("escape sequence not terminated")?;
            let value =
                u32::from_str_radix(text, radix).map_err(|_| format!("unknown escape sequence {c:?}"))?;
            match c {
                'u' | 'U' => {
                    flush(out, bytes);
                    out.push(
                        char::from_u32(value).ok_or("escape sequence is an invalid Unicode code point")?,
                    );
                }
                _ => bytes.push(
                    u8::try_from(value).map_err(|_| "escape sequence is an invalid Unicode code point")?,
                ),
            }
            return Ok(source.get(digits..).unwrap_or_default());
        }
        c => return Err(format!("unknown escape sequence U+{:04X} {c:?}", u32::from(c))),
    };
    flush(out, bytes);
    out.push(simple);
    Ok(tail)
}
