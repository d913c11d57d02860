//! Template text → tokens, as Go's `text/template/parse` cuts it.
//!
//! Blanks inside actions are tokens, because `$x .y` and `$x.y` differ; white space that trim markers take
//! away never becomes one. The last token is an end or an error.

use super::go::{is_printable, quote};
use std::borrow::Cow;

const OPEN: &str = "{{";
const CLOSE: &str = "}}";
const COMMENT_OPEN: &str = "/*";
const COMMENT_CLOSE: &str = "*/";
/// Bytes of a trim marker: the minus and its blank.
const TRIM_MARKER: usize = 2;

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Error,
    Bool,
    /// Punctuation without a meaning of its own, such as a comma.
    Char,
    CharConstant,
    Assign,
    Declare,
    End,
    Field,
    Identifier,
    Open,
    LeftParen,
    Number,
    Pipe,
    RawString,
    Close,
    RightParen,
    Space,
    String,
    Text,
    Variable,
    Keyword(Keyword),
}

/// Words, and the dot, that are no names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keyword {
    Block,
    Break,
    Continue,
    Define,
    Dot,
    Else,
    End,
    If,
    Nil,
    Range,
    Template,
    With,
}

const KEYWORDS: &[(&str, Keyword)] = &[
    ("block", Keyword::Block),
    ("break", Keyword::Break),
    ("continue", Keyword::Continue),
    ("define", Keyword::Define),
    ("else", Keyword::Else),
    ("end", Keyword::End),
    ("if", Keyword::If),
    ("nil", Keyword::Nil),
    ("range", Keyword::Range),
    ("template", Keyword::Template),
    ("with", Keyword::With),
];

/// A piece of the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Token<'a> {
    pub kind: Kind,
    /// Byte at which it begins.
    pub pos: usize,
    /// Line at which it begins, from 1.
    pub line: usize,
    /// Its bytes; the message of an error.
    pub text: Cow<'a, str>,
}

/// How error texts show a token.
impl std::fmt::Display for Token<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.kind {
            Kind::End => f.write_str("EOF"),
            Kind::Error => f.write_str(&self.text),
            Kind::Keyword(_) => write!(f, "<{}>", self.text),
            _ if self.text.len() > 10 => {
                let short: String = self.text.chars().take(10).collect();
                write!(f, "{}...", quote(&short))
            }
            _ => f.write_str(&quote(&self.text)),
        }
    }
}

/// Cuts the text into tokens.
pub(super) fn lex(text: &str) -> Vec<Token<'_>> {
    let mut lexer = Lexer { text, pos: 0, start: 0, start_line: 1, parens: 0, tokens: Vec::new() };
    if let Err(message) = lexer.run() {
        let (pos, line) = (lexer.start, lexer.start_line);
        lexer.tokens.push(Token { kind: Kind::Error, pos, line, text: Cow::Owned(message) });
    }
    lexer.tokens
}

struct Lexer<'a> {
    text: &'a str,
    pos: usize,
    /// Where the current token began.
    start: usize,
    start_line: usize,
    parens: usize,
    tokens: Vec<Token<'a>>,
}

impl<'a> Lexer<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.pos..).unwrap_or_default()
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.pos += c.len_utf8();
        Some(c)
    }

    fn accept(&mut self, any_of: &str) -> bool {
        let found = self.peek().is_some_and(|c| any_of.contains(c));
        self.pos += usize::from(found);
        found
    }

    fn accept_run(&mut self, any_of: &str) {
        while self.accept(any_of) {}
    }

    fn current(&self) -> &'a str {
        self.text.get(self.start..self.pos).unwrap_or_default()
    }

    fn emit(&mut self, kind: Kind) {
        let text = self.current();
        self.tokens.push(Token { kind, pos: self.start, line: self.start_line, text: Cow::Borrowed(text) });
        self.ignore();
    }

    /// Leaves what was read out.
    fn ignore(&mut self) {
        self.start_line += self.current().bytes().filter(|b| *b == b'\n').count();
        self.start = self.pos;
    }

    fn run(&mut self) -> Result<(), String> {
        while let Some(at) = self.rest().find(OPEN) {
            let open = self.pos + at;
            let after = self.text.get(open + OPEN.len()..).unwrap_or_default();
            let before = self.text.get(self.pos..open).unwrap_or_default();
            let kept = if trims_left(after) { before.trim_end_matches(is_space).len() } else { before.len() };
            self.pos += kept;
            if kept > 0 {
                self.emit(Kind::Text);
            }
            self.pos = open;
            self.ignore();
            self.open()?;
        }
        self.pos = self.text.len();
        if self.pos > self.start {
            self.emit(Kind::Text);
        }
        self.emit(Kind::End);
        Ok(())
    }

    /// An action or a comment, from its opening braces to behind its closing ones.
    fn open(&mut self) -> Result<(), String> {
        self.pos += OPEN.len();
        let marker = if trims_left(self.rest()) { TRIM_MARKER } else { 0 };
        if self.rest().get(marker..).is_some_and(|rest| rest.starts_with(COMMENT_OPEN)) {
            self.pos += marker;
            self.ignore();
            return self.comment();
        }
        self.emit(Kind::Open);
        self.pos += marker;
        self.ignore();
        self.parens = 0;
        while !self.inside()? {}
        Ok(())
    }

    fn comment(&mut self) -> Result<(), String> {
        self.pos += COMMENT_OPEN.len();
        let end = self.rest().find(COMMENT_CLOSE).ok_or("unclosed comment")?;
        self.pos += end + COMMENT_CLOSE.len();
        let Some(trims) = self.at_close() else {
            return Err("comment ends before closing delimiter".to_owned());
        };
        self.pos += if trims { TRIM_MARKER } else { 0 } + CLOSE.len();
        self.skip_trimmed(trims);
        self.ignore();
        Ok(())
    }

    /// Whether an action ends here, and if so, whether it trims the text behind it.
    fn at_close(&self) -> Option<bool> {
        let rest = self.rest();
        if trims_right(rest) && rest.get(TRIM_MARKER..).is_some_and(|rest| rest.starts_with(CLOSE)) {
            return Some(true);
        }
        rest.starts_with(CLOSE).then_some(false)
    }

    fn close(&mut self, trims: bool) {
        if trims {
            self.pos += TRIM_MARKER;
            self.ignore();
        }
        self.pos += CLOSE.len();
        self.emit(Kind::Close);
        self.skip_trimmed(trims);
        self.ignore();
    }

    fn skip_trimmed(&mut self, trims: bool) {
        if trims {
            self.pos += self.rest().len() - self.rest().trim_start_matches(is_space).len();
        }
    }

    /// One token inside an action; true at the action's end.
    fn inside(&mut self) -> Result<bool, String> {
        if let Some(trims) = self.at_close() {
            if self.parens > 0 {
                return Err("unclosed left paren".to_owned());
            }
            self.close(trims);
            return Ok(true);
        }
        let before = self.pos;
        let c = self.next().ok_or("unclosed action")?;
        match c {
            c if is_space(c) => self.space(),
            '=' => self.emit(Kind::Assign),
            ':' if self.accept("=") => self.emit(Kind::Declare),
            ':' => return Err("expected :=".to_owned()),
            '|' => self.emit(Kind::Pipe),
            '"' => self.quoted('"', Kind::String, "unterminated quoted string")?,
            '`' => {
                let end = self.rest().find('`').ok_or("unterminated raw quoted string")?;
                self.pos += end + 1;
                self.emit(Kind::RawString);
            }
            '\'' => self.quoted('\'', Kind::CharConstant, "unterminated character constant")?,
            '$' => self.name(Kind::Variable)?,
            // A dot can begin a number.
            '.' if !self.peek().is_none_or(|c| c.is_ascii_digit()) => {
                self.name(Kind::Field)?;
            }
            '+' | '-' | '.' | '0'..='9' => {
                self.pos = before;
                self.number()?;
            }
            c if is_alphanumeric(c) => self.word()?,
            '(' => {
                self.emit(Kind::LeftParen);
                self.parens += 1;
            }
            ')' => {
                self.emit(Kind::RightParen);
                self.parens = self.parens.checked_sub(1).ok_or("unexpected right paren")?;
            }
            c if c.is_ascii_graphic() => self.emit(Kind::Char),
            c => return Err(format!("unrecognized character in action: {}", code_point(c))),
        }
        Ok(false)
    }

    /// A run of blanks; one before a minus may be the trim marker's.
    fn space(&mut self) {
        let mut last = self.start;
        while self.peek().is_some_and(is_space) {
            last = self.pos;
            self.pos += 1;
        }
        let end = self.pos;
        self.pos = last;
        if self.at_close() == Some(true) {
            if self.pos > self.start {
                self.emit(Kind::Space);
            }
            return;
        }
        self.pos = end;
        self.emit(Kind::Space);
    }

    fn quoted(&mut self, end: char, kind: Kind, unterminated: &str) -> Result<(), String> {
        loop {
            match self.next() {
                Some('\\') if self.next().is_some_and(|c| c != '\n') => {}
                None | Some('\n' | '\\') => return Err(unterminated.to_owned()),
                Some(c) if c == end => break,
                Some(_) => {}
            }
        }
        self.emit(kind);
        Ok(())
    }

    /// What follows a dollar sign or a dot.
    fn name(&mut self, kind: Kind) -> Result<(), String> {
        if self.at_terminator() {
            self.emit(if kind == Kind::Field { Kind::Keyword(Keyword::Dot) } else { kind });
            return Ok(());
        }
        self.alphanumerics()?;
        self.emit(kind);
        Ok(())
    }

    fn word(&mut self) -> Result<(), String> {
        self.alphanumerics()?;
        let word = self.current();
        let keyword = KEYWORDS.iter().find(|(name, _)| *name == word);
        self.emit(match (keyword, word) {
            (Some((_, keyword)), _) => Kind::Keyword(*keyword),
            (None, "true" | "false") => Kind::Bool,
            (None, _) => Kind::Identifier,
        });
        Ok(())
    }

    fn alphanumerics(&mut self) -> Result<(), String> {
        while self.peek().is_some_and(is_alphanumeric) {
            self.next();
        }
        if self.at_terminator() {
            return Ok(());
        }
        Err(format!("bad character {}", self.peek().map(code_point).unwrap_or_default()))
    }

    /// Whether a name may end here.
    fn at_terminator(&self) -> bool {
        match self.peek() {
            None | Some('.' | ',' | '|' | ':' | ')' | '(') => true,
            Some(c) => is_space(c) || self.rest().starts_with(CLOSE),
        }
    }

    /// A number, roughly: the parser looks closer.
    fn number(&mut self) -> Result<(), String> {
        self.accept("+-");
        let mut digits = "0123456789_";
        if self.accept("0") {
            digits = match () {
                () if self.accept("xX") => "0123456789abcdefABCDEF_",
                () if self.accept("oO") => "01234567_",
                () if self.accept("bB") => "01_",
                () => digits,
            };
        }
        self.accept_run(digits);
        if self.accept(".") {
            self.accept_run(digits);
        }
        if digits.len() == 11 && self.accept("eE") {
            self.accept("+-");
            self.accept_run("0123456789_");
        }
        if digits.len() == 23 && self.accept("pP") {
            self.accept("+-");
            self.accept_run("0123456789_");
        }
        let next = self.peek();
        if next.is_some_and(is_alphanumeric) {
            self.next();
        }
        // A sign here would make a complex number, which no template function takes.
        if next.is_some_and(|c| is_alphanumeric(c) || c == '+' || c == '-') {
            return Err(format!("bad number syntax: {}", quote(self.current())));
        }
        self.emit(Kind::Number);
        Ok(())
    }
}

fn trims_left(after_open: &str) -> bool {
    after_open.strip_prefix('-').is_some_and(|rest| rest.starts_with(is_space))
}

fn trims_right(rest: &str) -> bool {
    rest.strip_prefix(is_space).is_some_and(|rest| rest.starts_with('-'))
}

fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r' | '\n')
}

fn is_alphanumeric(c: char) -> bool {
    c == '_' || c.is_alphanumeric()
}

/// Go's `%#U`.
fn code_point(c: char) -> String {
    let number = format!("U+{:04X}", u32::from(c));
    if is_printable(c) { format!("{number} '{c}'") } else { number }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Vec<String> {
        lex(text).iter().map(|token| format!("{:?} {token}", token.kind)).collect()
    }

    #[test]
    fn actions_are_cut_into_tokens() {
        assert_eq!(
            shown("a{{ $x.y | f 1.5 }}"),
            [
                r#"Text "a""#,
                r#"Open "{{""#,
                r#"Space " ""#,
                r#"Variable "$x""#,
                r#"Field ".y""#,
                r#"Space " ""#,
                r#"Pipe "|""#,
                r#"Space " ""#,
                r#"Identifier "f""#,
                r#"Space " ""#,
                r#"Number "1.5""#,
                r#"Space " ""#,
                r#"Close "}}""#,
                "End EOF"
            ]
        );
    }

    #[test]
    fn markers_trim_white_space_outside_only() {
        let texts = |text| -> Vec<String> {
            let tokens = lex(text);
            let texts = tokens.iter().filter(|token| token.kind == Kind::Text);
            texts.map(|token| token.text.clone().into_owned()).collect()
        };
        assert_eq!(texts("a \n{{- 1 -}} \n b"), ["a", "b"]);
        assert_eq!(texts("a {{- /* c */ -}} b"), ["a", "b"]);
        assert_eq!(texts("a {{-1}} b"), ["a ", " b"]);
        assert_eq!(texts("a {{1 -}}\n"), ["a "]);
    }

    #[test]
    fn errors_name_what_is_wrong() {
        for (text, want) in [
            ("{{", "unclosed action"),
            ("{{ (1 }}", "unclosed left paren"),
            ("{{ 1) }}", "unexpected right paren"),
            ("{{ \u{a0} }}", "unrecognized character in action: U+00A0"),
            ("{{ $x=1 }}", "bad character U+003D '='"),
            ("{{ : }}", "expected :="),
            ("{{ \"a\n\" }}", "unterminated quoted string"),
            ("{{ ' }}", "unterminated character constant"),
            ("{{ ` }}", "unterminated raw quoted string"),
            ("{{/* }}", "unclosed comment"),
            ("{{/* */ }}", "comment ends before closing delimiter"),
            ("{{ 1x }}", "bad number syntax: \"1x\""),
        ] {
            let last = lex(text).pop().unwrap();
            assert_eq!((last.kind, &*last.text), (Kind::Error, want), "{text}");
        }
    }

    #[test]
    fn lines_are_those_of_the_token_s_start() {
        let lines: Vec<_> = lex("a\nb{{ `x\ny`\n1 }}\n{{2}}").iter().map(|t| (t.kind, t.line)).collect();
        assert!(lines.contains(&(Kind::RawString, 2)) && lines.contains(&(Kind::Open, 5)), "{lines:?}");
    }
}
