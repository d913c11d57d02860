//! Text → tokens with byte ranges, one at a time.
//!
//! What a character means depends on where it stands: between braces there are only matchers, and after an
//! opening bracket only arithmetic on durations until the first numeral has been read.

use super::ast::Span;
use super::literal::{self, Numeral, quoted_char};
use nom::bytes::complete::{take_till, take_while, take_while1};
use nom::{IResult, Parser};

pub use super::literal::parse_duration;

/// What a token is. The text it stands for is in its span.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Name or keyword; `:` is allowed inside.
    Word,
    /// A number that is no duration, `Inf` and `NaN` among them.
    Number,
    /// A duration.
    Duration,
    /// A quoted text, with its quotes.
    Text,
    /// An operator or bracket.
    Symbol(&'static str),
    /// The end of the text.
    End,
    /// Text that is no token: [`Lexer::fault`] says what is wrong. Nothing follows.
    Fault,
}

/// A token and its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Token {
    /// What it is.
    pub kind: Kind,
    /// Where it is.
    pub span: Span,
}

/// Symbols outside braces; longer ones first.
const SYMBOLS: &[&str] = &[
    "==", "!=", ">=", "<=", ">/", "</", "=", ">", "<", "+", "-", "*", "/", "%", "^", "(", ")", "{", "[", "]",
    ",", "@",
];

/// Symbols between braces.
const BRACE_SYMBOLS: &[&str] = &["=~", "!~", "!=", "=", "{", "}", ","];

/// Symbols of arithmetic on durations.
const BRACKET_SYMBOLS: &[&str] = &["+", "-", "*", "/", "%", "^", "(", ")", "]", ",", ":"];

/// Words that stand for a duration.
const DURATION_WORDS: &[&str] = &["step", "range", "min_of", "max_of"];

/// An open bracket.
#[derive(Default)]
struct Bracket {
    /// The colon of a subquery has been read.
    colon: bool,
    /// Something that may be a range has been read.
    duration: bool,
    /// A numeral has been read, after which the rules of the text outside apply again.
    numeral: bool,
}

/// Where a fault is, and what it is.
type Fault = (usize, String);

/// Reads tokens from a text.
pub struct Lexer<'a> {
    text: &'a str,
    at: usize,
    parens: usize,
    braces: bool,
    bracket: Option<Bracket>,
    fault: Option<Fault>,
}

impl<'a> Lexer<'a> {
    /// Begins at the start of the text.
    #[must_use]
    pub fn new(text: &'a str) -> Self {
        Self { text, at: 0, parens: 0, braces: false, bracket: None, fault: None }
    }

    /// What is wrong with the text where a [`Kind::Fault`] was read, in Prometheus's words.
    #[must_use]
    pub fn fault(&self) -> Option<&str> {
        self.fault.as_ref().map(|(_, message)| message.as_str())
    }

    /// The next token; at the end and after a fault always the same one.
    pub fn token(&mut self) -> Token {
        if self.fault.is_none() {
            match self.read() {
                Ok((kind, start)) => return Token { kind, span: span(start, self.at) },
                Err(fault) => self.fault = Some(fault),
            }
        }
        let at = self.fault.as_ref().map_or(self.at, |(at, _)| *at);
        Token { kind: Kind::Fault, span: span(at, at) }
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// Whether only arithmetic on durations may stand here.
    fn in_arithmetic(&self) -> bool {
        !self.braces && self.bracket.as_ref().is_some_and(|bracket| !bracket.numeral)
    }

    fn read(&mut self) -> Result<(Kind, usize), Fault> {
        let blank = if self.in_arithmetic() { spaces(self.rest()) } else { blank(self.rest()) };
        self.at += blank;
        let start = self.at;
        let rest = self.rest();
        let at_start = |message: String| (start, message);
        let Some(first) = rest.chars().next() else {
            return self
                .missing()
                .map_or(Ok((Kind::End, start)), |message| Err(at_start(message.to_owned())));
        };
        let (kind, length) = if self.braces {
            inside_braces(rest, first)
        } else if self.in_arithmetic() {
            inside_bracket(rest, first)
        } else {
            outside(rest, first, self.bracket.is_some())
        }
        .map_err(at_start)?;
        if let (Kind::Number | Kind::Duration | Kind::Word, Some(bracket)) = (kind, &mut self.bracket) {
            bracket.duration = true;
            bracket.numeral |= kind != Kind::Word;
        }
        self.at += length;
        if let Kind::Symbol(symbol) = kind {
            self.book(symbol, first, start)?;
        }
        Ok((kind, start))
    }

    /// Books a bracket of any kind, or says what is wrong with it here.
    fn book(&mut self, symbol: &str, first: char, start: usize) -> Result<(), Fault> {
        let unexpected = |what: &str| format!("unexpected {what} {}", quoted_char(Some(first)));
        // Prometheus places some of these behind the character, some on it.
        let behind = self.at;
        match (symbol, &mut self.bracket) {
            ("(", _) => self.parens += 1,
            (")", _) => {
                let open = self.parens.checked_sub(1);
                self.parens = open.ok_or_else(|| (behind, unexpected("right parenthesis")))?;
            }
            ("{", _) if self.braces => return Err((start, unexpected("left brace"))),
            ("{", _) => self.braces = true,
            ("}", _) => self.braces = false,
            ("[", Some(_)) => return Err((start, unexpected("left bracket"))),
            ("[", none) => *none = Some(Bracket::default()),
            ("]", None) => return Err((start, unexpected("right bracket"))),
            ("]", open) => *open = None,
            (":", Some(bracket)) => {
                let repeated = std::mem::replace(&mut bracket.colon, true);
                return match (bracket.numeral, bracket.duration) {
                    (true, _) if repeated => Err((start, unexpected("colon"))),
                    (false, true) if repeated => {
                        Err((behind, "unexpected repeated colon in duration expression".to_owned()))
                    }
                    (false, false) => {
                        Err((behind, "unexpected colon before duration in duration expression".to_owned()))
                    }
                    _ => Ok(()),
                };
            }
            _ => {}
        }
        Ok(())
    }

    /// What is missing when the text ends.
    fn missing(&self) -> Option<&'static str> {
        match self {
            Self { braces: true, .. } => Some("unexpected end of input inside braces"),
            Self { bracket: Some(Bracket { numeral: false, .. }), .. } => {
                Some("unexpected end of input in duration expression")
            }
            Self { parens: 1.., .. } => Some("unclosed left parenthesis"),
            Self { bracket: Some(_), .. } => Some("unclosed left bracket"),
            _ => None,
        }
    }
}

/// All tokens of a text, without its end.
///
/// # Errors
/// What is wrong with the text, in Prometheus's words.
pub fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut lexer = Lexer::new(text);
    let mut all = Vec::new();
    loop {
        match lexer.token() {
            Token { kind: Kind::End, .. } => return Ok(all),
            Token { kind: Kind::Fault, .. } => return Err(lexer.fault().unwrap_or_default().to_owned()),
            token => all.push(token),
        }
    }
}

fn span(start: usize, end: usize) -> Span {
    Span { start: start as u32, end: end as u32 }
}

/// Bytes that a reader of the text's start takes.
fn length(read: IResult<&str, &str>) -> usize {
    read.map_or(0, |(_, taken)| taken.len())
}

fn spaces(text: &str) -> usize {
    length(take_while(|c| matches!(c, ' ' | '\t' | '\n' | '\r')).parse(text))
}

/// White space and comments.
fn blank(text: &str) -> usize {
    let mut rest = text;
    loop {
        rest = rest.get(spaces(rest)..).unwrap_or_default();
        if !rest.starts_with('#') {
            return text.len() - rest.len();
        }
        let comment = length(take_till(|c| matches!(c, '\n' | '\r')).parse(rest));
        rest = rest.get(comment..).unwrap_or_default();
    }
}

/// A token and its bytes; or what is wrong.
type Read = Result<(Kind, usize), String>;

fn symbol(rest: &str, symbols: &[&'static str]) -> Option<(Kind, usize)> {
    let found = symbols.iter().find(|symbol| rest.starts_with(**symbol))?;
    Some((Kind::Symbol(found), found.len()))
}

fn string(rest: &str, quote: char) -> Read {
    Ok((Kind::Text, literal::string_end(rest, quote)?))
}

fn numeral(rest: &str) -> Read {
    match literal::numeral(rest) {
        Ok((Numeral::Number, length)) => Ok((Kind::Number, length)),
        Ok((Numeral::Duration, length)) => Ok((Kind::Duration, length)),
        Err(read) => {
            let text = narthex_storage::labels::quote(rest.get(..read).unwrap_or(rest));
            Err(format!("bad number or duration syntax: {text}"))
        }
    }
}

fn begins_numeral(rest: &str) -> bool {
    rest.strip_prefix('.').unwrap_or(rest).starts_with(|c: char| c.is_ascii_digit())
}

/// `step`, `range` and so on at the start of the text. Digits end the word.
fn duration_word(rest: &str) -> Option<(Kind, usize)> {
    let read: IResult<&str, &str> = take_while1(|c: char| c.is_ascii_alphabetic() || c == '_').parse(rest);
    let (_, word) = read.ok()?;
    let known = DURATION_WORDS.iter().any(|known| word.eq_ignore_ascii_case(known));
    known.then_some((Kind::Word, word.len()))
}

/// Between braces stand names, texts and the operators of matchers only.
fn inside_braces(rest: &str, first: char) -> Read {
    match first {
        'a'..='z' | 'A'..='Z' | '_' => {
            Ok((Kind::Word, length(take_while(|c: char| c.is_ascii_alphanumeric() || c == '_').parse(rest))))
        }
        '"' | '\'' | '`' => string(rest, first),
        _ => symbol(rest, BRACE_SYMBOLS).ok_or_else(|| {
            if first == '!' {
                let next = quoted_char(rest.chars().nth(1));
                format!("unexpected character after '!' inside braces: {next}")
            } else {
                format!("unexpected character inside braces: {}", quoted_char(Some(first)))
            }
        }),
    }
}

fn inside_bracket(rest: &str, first: char) -> Read {
    if begins_numeral(rest) {
        return numeral(rest);
    }
    symbol(rest, BRACKET_SYMBOLS)
        .or_else(|| duration_word(rest))
        .ok_or_else(|| format!("unexpected character in duration expression: {}", quoted_char(Some(first))))
}

fn outside(rest: &str, first: char, in_bracket: bool) -> Read {
    match first {
        '"' | '\'' | '`' => string(rest, first),
        _ if begins_numeral(rest) => numeral(rest),
        ':' if in_bracket => Ok((Kind::Symbol(":"), 1)),
        'a'..='z' | 'A'..='Z' | '_' if in_bracket => duration_word(rest)
            .ok_or_else(|| format!("unexpected character: {}, expected ':'", quoted_char(Some(first)))),
        'a'..='z' | 'A'..='Z' | '_' | ':' => {
            let word =
                length(take_while(|c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':').parse(rest));
            let name = rest.get(..word).unwrap_or_default();
            let is_number = name.eq_ignore_ascii_case("inf") || name.eq_ignore_ascii_case("nan");
            Ok((if is_number { Kind::Number } else { Kind::Word }, word))
        }
        '=' if rest.starts_with("=~") => Err("unexpected character after '=': '~'".to_owned()),
        '!' if !rest.starts_with("!=") => {
            Err(format!("unexpected character after '!': {}", quoted_char(rest.chars().nth(1))))
        }
        _ => {
            symbol(rest, SYMBOLS).ok_or_else(|| format!("unexpected character: {}", quoted_char(Some(first))))
        }
    }
}
