//! Tokens → tree: a Pratt parser whose texts are Prometheus's.
//!
//! Faults of grammar are found here, in the order of the text; what needs types is left to
//! [`super::check`], which runs once the whole text has been read.

use super::ast::{AggregateOp, Binary, BinaryOp, Expr, Span};
use super::check;
use super::lexer::{Kind, Lexer, Token};
use super::literal;
use narthex_storage::Matcher;
use narthex_storage::labels::quote;

/// Expressions nest at most this deep; deeper ones would exhaust the stack of whoever walks the tree.
const DEPTH_MAX: usize = 256;
/// Nodes from the root to the farthest leaf; `a+a+…` makes a tree as high as it is long.
const HEIGHT_MAX: usize = 2304;
/// Longest query text, bytes.
const TEXT_MAX: usize = 4 << 20;

/// What the parser accepts beyond the stable language.
#[derive(Debug, Clone, Copy, Default)]
pub struct ParseOptions {
    /// Functions and aggregations that Prometheus calls experimental.
    pub experimental_functions: bool,
    /// Computed durations (`promql-duration-expr`).
    pub duration_expressions: bool,
    /// `anchored` and `smoothed` (`promql-extended-range-selectors`).
    pub extended_ranges: bool,
    /// `fill` and its kin (`promql-binop-fill-modifiers`).
    pub fill_modifiers: bool,
}

impl ParseOptions {
    /// Everything that this parser knows.
    #[must_use]
    pub const fn all() -> Self {
        Self {
            experimental_functions: true,
            duration_expressions: true,
            extended_ranges: true,
            fill_modifiers: true,
        }
    }
}

/// A text that is no expression.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: parse error: {message}", self.place())]
pub struct ParseError {
    /// From 1; 0 in an empty text, which has no places.
    pub line: usize,
    /// From 1, in bytes.
    pub column: usize,
    /// What is wrong, in Prometheus's words.
    pub message: String,
}

impl ParseError {
    /// A fault at a byte of the text.
    pub(super) fn at(text: &str, at: u32, message: impl Into<String>) -> Self {
        let message = message.into();
        if text.is_empty() {
            return Self { line: 0, column: 0, message };
        }
        let before = text.as_bytes().get(..at as usize).unwrap_or(text.as_bytes());
        let line_start = before.iter().rposition(|b| *b == b'\n').map_or(0, |i| i + 1);
        let line = before.iter().filter(|b| **b == b'\n').count() + 1;
        Self { line, column: before.len() - line_start + 1, message }
    }

    fn place(&self) -> String {
        if self.line == 0 { "unknown position".to_owned() } else { format!("{}:{}", self.line, self.column) }
    }
}

/// Parses and checks an expression.
///
/// # Errors
/// The first fault, with its place.
pub fn parse_expr(text: &str, options: &ParseOptions) -> Result<Expr, ParseError> {
    let mut parser = Parser::new(text, *options)?;
    if parser.current.kind == Kind::End {
        return Err(parser.error_at(0, "no expression found in input"));
    }
    let mut expr = parser.expr(0)?;
    parser.end()?;
    check::check(text, &mut expr)?;
    Ok(expr)
}

/// Parses a selector without time modifiers, as `match[]` has it. It may match every series.
///
/// # Errors
/// The first fault, with its place.
pub fn parse_selector(text: &str) -> Result<Vec<Matcher>, ParseError> {
    let mut parser = Parser::new(text, ParseOptions::default())?;
    let selector = parser.selector()?;
    parser.end()?;
    Ok(selector.matchers)
}

/// Where a token was not expected, and what was: the two ends of an error text.
pub(super) type Context = (&'static str, &'static str);

/// Nothing is known of the place.
pub(super) const NOWHERE: Context = ("", "");

pub(super) struct Parser<'a> {
    text: &'a str,
    lexer: Lexer<'a>,
    /// The token to be read next.
    pub(super) current: Token,
    /// Where the last token ended.
    end: u32,
    depth: usize,
    /// Height of the tree that was read last.
    pub(super) height: usize,
    pub(super) options: ParseOptions,
    /// What a fault is reported as that nothing more precise is known of.
    context: Context,
}

pub(super) type Parsed<T> = Result<T, ParseError>;

impl<'a> Parser<'a> {
    fn new(text: &'a str, options: ParseOptions) -> Parsed<Self> {
        if text.len() > TEXT_MAX {
            let message = format!("query of {} bytes is longer than {TEXT_MAX} bytes", text.len());
            return Err(ParseError::at(text, 0, message));
        }
        let mut lexer = Lexer::new(text);
        let current = lexer.token();
        Ok(Self { text, lexer, current, end: 0, depth: 0, height: 0, options, context: NOWHERE })
    }

    pub(super) fn error_at(&self, at: u32, message: impl Into<String>) -> ParseError {
        ParseError::at(self.text, at, message)
    }

    /// Takes the current token.
    pub(super) fn next(&mut self) -> Token {
        let next = self.lexer.token();
        let token = std::mem::replace(&mut self.current, next);
        self.end = token.span.end;
        token
    }

    fn end(&self) -> Parsed<()> {
        if self.current.kind == Kind::End { Ok(()) } else { Err(self.unexpected()) }
    }

    pub(super) fn source(&self, span: Span) -> &'a str {
        self.text.get(span.start as usize..span.end as usize).unwrap_or_default()
    }

    pub(super) fn is_symbol(&self, symbol: &str) -> bool {
        matches!(self.current.kind, Kind::Symbol(s) if s == symbol)
    }

    pub(super) fn eat(&mut self, symbol: &str) -> bool {
        let found = self.is_symbol(symbol);
        if found {
            self.next();
        }
        found
    }

    /// Takes this symbol or reports what stands there instead.
    pub(super) fn expect(&mut self, symbol: &str) -> Parsed<Token> {
        self.expect_in(symbol, self.context)
    }

    pub(super) fn expect_in(&mut self, symbol: &str, context: Context) -> Parsed<Token> {
        if self.is_symbol(symbol) { Ok(self.next()) } else { Err(self.unexpected_in(context)) }
    }

    /// The current token's text, if it is a word.
    pub(super) fn word(&self) -> Option<&'a str> {
        (self.current.kind == Kind::Word).then(|| self.source(self.current.span))
    }

    pub(super) fn is_word(&self, word: &str) -> bool {
        self.word().is_some_and(|w| w.eq_ignore_ascii_case(word))
    }

    pub(super) fn eat_word(&mut self, word: &str) -> bool {
        let found = self.is_word(word);
        if found {
            self.next();
        }
        found
    }

    /// Takes a sign; whether it is a minus.
    pub(super) fn eat_sign(&mut self) -> Option<bool> {
        let negative = self.is_symbol("-");
        (negative || self.is_symbol("+")).then(|| {
            self.next();
            negative
        })
    }

    /// Whether the current word is `fill` or its kin, which are keywords only before a parenthesis.
    pub(super) fn is_fill(&self) -> bool {
        let behind = self.text.get(self.current.span.end as usize..).unwrap_or_default();
        ["fill", "fill_left", "fill_right"].iter().any(|word| self.is_word(word))
            && behind.trim_start_matches([' ', '\t', '\n', '\r']).starts_with('(')
    }

    /// Reads with a context for the faults inside.
    pub(super) fn within<T>(
        &mut self,
        context: Context,
        read: impl FnOnce(&mut Self) -> Parsed<T>,
    ) -> Parsed<T> {
        let outer = std::mem::replace(&mut self.context, context);
        let result = read(self);
        self.context = outer;
        result
    }

    pub(super) fn unexpected(&self) -> ParseError {
        self.unexpected_in(self.context)
    }

    /// `unexpected X in CONTEXT, expected WHAT`
    pub(super) fn unexpected_in(&self, (place, expected): Context) -> ParseError {
        let token = self.current;
        if token.kind == Kind::Fault {
            return self.error_at(token.span.start, self.lexer.fault().unwrap_or_default());
        }
        let mut text = format!("unexpected {}", self.describe(token));
        for (word, part) in [(" in ", place), (", expected ", expected)] {
            if !part.is_empty() {
                text.push_str(word);
                text.push_str(part);
            }
        }
        self.error_at(token.span.start, text)
    }

    fn describe(&self, token: Token) -> String {
        let source = self.source(token.span);
        // Long ones are cut.
        let short = || match source.char_indices().nth(10) {
            Some((end, _)) => quote(source.get(..end).unwrap_or(source)) + "...",
            None if source.len() > 10 => quote(source) + "...",
            None => quote(source),
        };
        match token.kind {
            Kind::Word if is_operator(source) => format!("<op:{source}>"),
            Kind::Word if is_keyword(source) || self.is_fill() => format!("<{source}>"),
            Kind::Word if AggregateOp::find(source).is_some() => format!("<aggr:{source}>"),
            Kind::Word if is_any(source, PREPROCESSORS) => quote(source),
            Kind::Word if source.contains(':') => format!("metric identifier {}", quote(source)),
            Kind::Word => format!("identifier {}", quote(source)),
            Kind::Number => format!("number {}", short()),
            Kind::Duration => format!("duration {}", short()),
            Kind::Text => format!("string {}", short()),
            Kind::Symbol(symbol) if is_operator(symbol) || is_any(symbol, &["=~", "!~", "@"]) => {
                format!("<op:{symbol}>")
            }
            Kind::Symbol(symbol) => quote(symbol),
            Kind::End | Kind::Fault => "end of input".to_owned(),
        }
    }

    /// The bytes from a place to the end of the last token.
    pub(super) fn spanned(&self, start: u32) -> Span {
        Span { start, end: self.end.max(start) }
    }

    /// The value of the number or duration that is the current token, and whether it is a duration.
    pub(super) fn numeral(&mut self) -> Parsed<Option<(f64, bool)>> {
        let token = self.current;
        let duration = token.kind == Kind::Duration;
        if !duration && token.kind != Kind::Number {
            return Ok(None);
        }
        let source = self.source(token.span);
        let value = if duration { literal::duration_seconds(source) } else { literal::number(source) };
        let value = value.map_err(|message| self.error_at(token.span.start, message))?;
        self.next();
        Ok(Some((value, duration)))
    }

    /// Goes a level down, if there is one left.
    pub(super) fn descend<T>(&mut self, read: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            let text = format!("expression nests deeper than {DEPTH_MAX} levels");
            return Err(self.error_at(self.current.span.start, text));
        }
        let result = read(self);
        self.depth -= 1;
        result
    }

    /// Books a node above subtrees of this height.
    pub(super) fn above(&mut self, height: usize) -> Parsed<()> {
        self.height = height + 1;
        if self.height > HEIGHT_MAX {
            let text = format!("expression is higher than {HEIGHT_MAX} levels");
            return Err(self.error_at(self.current.span.start, text));
        }
        Ok(())
    }

    pub(super) fn operator(&self) -> Option<BinaryOp> {
        let written = match self.current.kind {
            Kind::Symbol(symbol) => symbol,
            Kind::Word => self.word()?,
            _ => return None,
        };
        BinaryOp::ALL.iter().find(|(_, s, _)| s.eq_ignore_ascii_case(written)).map(|(op, _, _)| *op)
    }

    /// An expression whose operators bind at least this tightly.
    pub(super) fn expr(&mut self, least: u8) -> Parsed<Expr> {
        self.descend(|parser| {
            let mut left = parser.signed()?;
            while let Some(op) = parser.operator().filter(|op| op.precedence() >= least) {
                let height = parser.height;
                parser.next();
                let (return_bool, matching) = parser.matching()?;
                // The power binds to the right, all others to the left.
                let right = parser.expr(op.precedence() + u8::from(op != BinaryOp::Pow))?;
                let span = Span { start: left.span().start, end: right.span().end };
                let filled = matching.fill_left.is_some() || matching.fill_right.is_some();
                if filled && !parser.options.fill_modifiers {
                    let text = "binop fill modifiers are experimental and not enabled";
                    return Err(parser.error_at(span.start, text));
                }
                left = Expr::Binary(Box::new(Binary { op, left, right, return_bool, matching, span }));
                parser.above(height.max(parser.height))?;
            }
            Ok(left)
        })
    }

    fn signed(&mut self) -> Parsed<Expr> {
        let start = self.current.span.start;
        let Some(negative) = self.eat_sign() else { return self.postfix() };
        let operand = self.expr(BinaryOp::Pow.precedence())?;
        let span = Span { start, end: operand.span().end };
        self.above(self.height)?;
        Ok(match operand {
            Expr::Number { value, duration, .. } => {
                Expr::Number { value: if negative { -value } else { value }, duration, span }
            }
            expr => Expr::Unary { negative, expr: Box::new(expr), span },
        })
    }

    pub(super) fn primary(&mut self) -> Parsed<Expr> {
        self.height = 1;
        let span = self.current.span;
        if let Some((value, duration)) = self.numeral()? {
            return Ok(Expr::Number { value, duration, span });
        }
        match self.current.kind {
            Kind::Text => {
                self.next();
                Ok(Expr::String { value: literal::unquote(self.source(span)), span })
            }
            Kind::Symbol("(") => {
                self.next();
                let expr = Box::new(self.expr(0)?);
                self.expect(")")?;
                self.above(self.height)?;
                Ok(Expr::Paren { expr, span: self.spanned(span.start) })
            }
            Kind::Word if !self.is_fill() => self.named(),
            Kind::Symbol("{") => self.selector().map(|selector| Expr::Vector(Box::new(selector))),
            _ => Err(self.unexpected()),
        }
    }

    /// An aggregation, a call or a selector.
    fn named(&mut self) -> Parsed<Expr> {
        let span = self.current.span;
        let name = self.source(span);
        if !names_a_metric(name) {
            return Err(self.unexpected());
        }
        self.next();
        if let Some(op) = AggregateOp::find(name)
            && (self.is_symbol("(") || self.is_word("by") || self.is_word("without"))
        {
            return self.aggregate(op, span);
        }
        let keyword = is_operator(name) || is_keyword(name) || name.contains(':');
        if self.is_symbol("(") && !keyword {
            return self.call(name, span);
        }
        self.selector_after(Some((name, span))).map(|selector| Expr::Vector(Box::new(selector)))
    }

    /// Whether an expression may begin with the current token.
    pub(super) fn begins_operand(&self) -> bool {
        match self.current.kind {
            Kind::Word => !self.is_fill() && self.word().is_some_and(names_a_metric),
            Kind::Number | Kind::Duration | Kind::Text | Kind::Symbol("(" | "{" | "+" | "-") => true,
            _ => false,
        }
    }
}

fn is_any(word: &str, words: &[&str]) -> bool {
    words.iter().any(|w| word.eq_ignore_ascii_case(w))
}

fn is_operator(written: &str) -> bool {
    BinaryOp::ALL.iter().any(|(_, symbol, _)| written.eq_ignore_ascii_case(symbol))
}

/// Words that `@` and durations know.
const PREPROCESSORS: &[&str] = &["start", "end", "step", "range", "min_of", "max_of"];

fn is_keyword(word: &str) -> bool {
    const WORDS: &[&str] = &[
        "offset",
        "smoothed",
        "anchored",
        "by",
        "without",
        "on",
        "ignoring",
        "group_left",
        "group_right",
        "bool",
    ];
    is_any(word, WORDS)
}

/// All words but those that may follow an operator.
pub(super) fn names_a_metric(word: &str) -> bool {
    !is_any(word, &["atan2", "bool", "on", "ignoring", "group_left", "group_right"])
}
