//! Tokens → checked tree: a Pratt parser whose texts are Prometheus's.

use super::ast::{
    Aggregate, AggregateOp, At, Binary, BinaryOp, Call, Cardinality, Expr, Matching, Span, Subquery,
    TimeModifier, ValueType,
};
use super::functions;
use super::lexer::{self, Kind, Token};
use narthex_storage::Matcher;

/// Expressions nest at most this deep; deeper ones would exhaust the stack of whoever walks the tree.
const DEPTH_MAX: usize = 256;
/// Operators in a row; `a+a+…` makes a tree as deep as it is long.
const CHAIN_MAX: usize = 2048;
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
    if parser.peek().kind == Kind::End {
        return Err(parser.error_at(Span::default(), "no expression found in input"));
    }
    let expr = parser.expr(0)?;
    if parser.peek().kind != Kind::End {
        return Err(parser.unexpected(""));
    }
    Ok(expr)
}

/// Parses a selector without time modifiers, as `match[]` has it.
///
/// # Errors
/// The first fault, with its place.
pub fn parse_selector(text: &str) -> Result<Vec<Matcher>, ParseError> {
    let mut parser = Parser::new(text, ParseOptions::default())?;
    parser.matches_all = true;
    if parser.peek().kind == Kind::End {
        return Err(parser.error_at(Span::default(), "no expression found in input"));
    }
    let selector = match parser.expr(0)? {
        Expr::Vector(selector) if selector.time == TimeModifier::default() => selector,
        other => return Err(parser.error_at(other.span(), "expected a selector without modifiers")),
    };
    if parser.peek().kind != Kind::End {
        return Err(parser.unexpected(""));
    }
    Ok(selector.matchers)
}

pub(super) struct Parser<'a> {
    text: &'a str,
    tokens: Vec<Token>,
    at: usize,
    depth: usize,
    options: ParseOptions,
    /// A selector may match every series: who parses a selector alone decides on that.
    pub(super) matches_all: bool,
}

pub(super) type Parsed<T> = Result<T, ParseError>;

fn place(text: &str, at: u32) -> (usize, usize) {
    if text.is_empty() {
        return (0, 0);
    }
    let before = text.as_bytes().get(..at as usize).unwrap_or(text.as_bytes());
    let line_start = before.iter().rposition(|b| *b == b'\n').map_or(0, |i| i + 1);
    (before.iter().filter(|b| **b == b'\n').count() + 1, before.len() - line_start + 1)
}

impl<'a> Parser<'a> {
    fn new(text: &'a str, options: ParseOptions) -> Parsed<Self> {
        let error = |at: u32, message: String| {
            let (line, column) = place(text, at);
            ParseError { line, column, message }
        };
        if text.len() > TEXT_MAX {
            return Err(error(0, format!("query of {} bytes is longer than {TEXT_MAX} bytes", text.len())));
        }
        let tokens = lexer::tokens(text);
        Ok(Self { text, tokens, at: 0, depth: 0, options, matches_all: false })
    }

    pub(super) fn error_at(&self, span: Span, message: impl Into<String>) -> ParseError {
        let (line, column) = place(self.text, span.start);
        ParseError { line, column, message: message.into() }
    }

    pub(super) fn peek(&self) -> &Token {
        const END: Token = Token { kind: Kind::End, span: Span { start: 0, end: 0 } };
        static LAST: Token = END;
        self.tokens.get(self.at).or(self.tokens.last()).unwrap_or(&LAST)
    }

    pub(super) fn next(&mut self) -> Token {
        let token = self.peek().clone();
        self.at += 1;
        token
    }

    pub(super) fn source(&self, span: Span) -> &'a str {
        self.text.get(span.start as usize..span.end as usize).unwrap_or_default()
    }

    pub(super) fn is_symbol(&self, symbol: &str) -> bool {
        matches!(self.peek().kind, Kind::Symbol(s) if s == symbol)
    }

    pub(super) fn eat(&mut self, symbol: &str) -> bool {
        let found = self.is_symbol(symbol);
        self.at += usize::from(found);
        found
    }

    fn word(&self) -> Option<&'a str> {
        let token = self.peek();
        (token.kind == Kind::Word).then(|| self.source(token.span))
    }

    fn eat_word(&mut self, word: &str) -> bool {
        let found = self.word().is_some_and(|w| w.eq_ignore_ascii_case(word));
        self.at += usize::from(found);
        found
    }

    pub(super) fn expect(&mut self, symbol: &str, context: &str) -> Parsed<Token> {
        if self.is_symbol(symbol) { Ok(self.next()) } else { Err(self.unexpected(context)) }
    }

    /// `unexpected X in CONTEXT`
    pub(super) fn unexpected(&self, context: &str) -> ParseError {
        let token = self.peek();
        let source = self.source(token.span);
        let quoted = |text: &str| narthex_storage::labels::quote(text);
        // Long ones are cut.
        let short = |text: &str| match text.char_indices().nth(10) {
            Some((end, _)) => quoted(text.get(..end).unwrap_or(text)) + "...",
            None => quoted(text),
        };
        let what = match &token.kind {
            Kind::End => "end of input".to_owned(),
            Kind::Fault(message) => return self.error_at(token.span, message.clone()),
            Kind::Word if is_operator_word(source) => format!("<op:{}>", source.to_ascii_lowercase()),
            Kind::Word if is_keyword(source) => format!("<{}>", source.to_ascii_lowercase()),
            Kind::Word if AggregateOp::find(source).is_some() => {
                format!("<aggr:{}>", source.to_ascii_lowercase())
            }
            Kind::Word if source.contains(':') => format!("metric identifier {}", quoted(source)),
            Kind::Word => format!("identifier {}", quoted(source)),
            Kind::Number(_) => format!("number {}", short(source)),
            Kind::Duration(_) => format!("duration {}", short(source)),
            Kind::Text(_) => format!("string {}", short(source)),
            Kind::Symbol(symbol) if BinaryOp::ALL.iter().any(|(_, s, _)| s == symbol) => {
                format!("<op:{symbol}>")
            }
            Kind::Symbol(symbol) => format!("{symbol:?}"),
        };
        let context = if context.is_empty() { String::new() } else { format!(" in {context}") };
        self.error_at(token.span, format!("unexpected {what}{context}"))
    }

    pub(super) fn spanned(&self, start: u32) -> Span {
        let end = self.at.checked_sub(1).and_then(|i| self.tokens.get(i)).map_or(start, |t| t.span.end);
        Span { start, end }
    }

    fn operator(&self) -> Option<BinaryOp> {
        let written = match self.peek().kind {
            Kind::Symbol(symbol) => symbol,
            Kind::Word => self.word()?,
            _ => return None,
        };
        BinaryOp::ALL.iter().find(|(_, s, _)| s.eq_ignore_ascii_case(written)).map(|(op, _, _)| *op)
    }

    fn expr(&mut self, least: u8) -> Parsed<Expr> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(
                self.error_at(self.peek().span, format!("expression nests deeper than {DEPTH_MAX} levels"))
            );
        }
        let start = self.peek().span.start;
        let mut left = self.unary()?;
        let mut chain = 0;
        while let Some(op) = self.operator().filter(|op| op.precedence() >= least.max(1)) {
            chain += 1;
            if chain > CHAIN_MAX {
                return Err(
                    self.error_at(self.peek().span, format!("more than {CHAIN_MAX} operators in a row"))
                );
            }
            let op_span = self.next().span;
            let (return_bool, matching) = self.modifiers(op)?;
            // The power binds to the right, all others to the left.
            let right = self.expr(if op == BinaryOp::Pow { op.precedence() } else { op.precedence() + 1 })?;
            let span = self.spanned(start);
            let binary = Binary { op, left, right, return_bool, matching, span };
            left = Expr::Binary(Box::new(self.check_binary(binary, op_span)?));
        }
        self.depth -= 1;
        Ok(left)
    }

    fn unary(&mut self) -> Parsed<Expr> {
        let start = self.peek().span.start;
        let negative = self.is_symbol("-");
        if !negative && !self.is_symbol("+") {
            return self.postfix();
        }
        self.next();
        let operand = self.expr(BinaryOp::Pow.precedence())?;
        match operand.value_type() {
            ValueType::Scalar | ValueType::Vector => {}
            other => {
                let text = format!(
                    "unary expression only allowed on expressions of type scalar or instant vector, got {:?}",
                    other.name()
                );
                return Err(self.error_at(Span { start, end: start }, text));
            }
        }
        let span = self.spanned(start);
        Ok(match operand {
            Expr::Number { value, duration, .. } => {
                Expr::Number { value: if negative { -value } else { value }, duration, span }
            }
            expr => Expr::Unary { negative, expr: Box::new(expr), span },
        })
    }

    /// `bool`, `on`, `ignoring`, `group_left`, `group_right`
    fn modifiers(&mut self, op: BinaryOp) -> Parsed<(bool, Matching)> {
        let return_bool = self.eat_word("bool");
        let mut matching = Matching::default();
        if op.is_set() {
            matching.card = Cardinality::ManyToMany;
        }
        let is_on = self.word().is_some_and(|w| w.eq_ignore_ascii_case("on"));
        if is_on || self.word().is_some_and(|w| w.eq_ignore_ascii_case("ignoring")) {
            self.next();
            matching.on = is_on;
            matching.labels = self.labels()?;
            let left = self.word().is_some_and(|w| w.eq_ignore_ascii_case("group_left"));
            if left || self.word().is_some_and(|w| w.eq_ignore_ascii_case("group_right")) {
                let span = self.next().span;
                matching.card = if left { Cardinality::ManyToOne } else { Cardinality::OneToMany };
                if self.is_symbol("(") {
                    matching.include = self.labels()?;
                }
                if op.is_set() {
                    let text = format!("no grouping allowed for {:?} operation", op.symbol());
                    return Err(self.error_at(span, text));
                }
            }
        }
        Ok((return_bool, matching))
    }

    fn check_binary(&self, binary: Binary, op_span: Span) -> Parsed<Binary> {
        let (left, right) = (binary.left.value_type(), binary.right.value_type());
        let op = binary.op;
        if binary.return_bool && !op.is_comparison() {
            return Err(self.error_at(op_span, "bool modifier can only be used on comparison operators"));
        }
        if op.is_comparison()
            && !binary.return_bool
            && (left, right) == (ValueType::Scalar, ValueType::Scalar)
        {
            return Err(self.error_at(op_span, "comparisons between scalars must use BOOL modifier"));
        }
        for side in [&binary.left, &binary.right] {
            if !matches!(side.value_type(), ValueType::Scalar | ValueType::Vector) {
                let text = "binary expression must contain only scalar and instant vector types";
                return Err(self.error_at(side.span(), text));
            }
        }
        if op.is_set() && (left == ValueType::Scalar || right == ValueType::Scalar) {
            let text = format!("set operator {:?} not allowed in binary scalar expression", op.symbol());
            return Err(self.error_at(op_span, text));
        }
        let vectors = (left, right) == (ValueType::Vector, ValueType::Vector);
        let matching = &binary.matching;
        if !vectors && (matching.on || !matching.labels.is_empty()) {
            return Err(self.error_at(op_span, "vector matching only allowed between instant vectors"));
        }
        if matching.on
            && let Some(both) = matching.labels.iter().find(|label| matching.include.contains(label))
        {
            return Err(self
                .error_at(op_span, format!("label {both:?} must not occur in ON and GROUP clause at once")));
        }
        Ok(binary)
    }

    /// `(a, b, "c.d",)`
    fn labels(&mut self) -> Parsed<Vec<String>> {
        self.expect("(", "grouping opts, expected \"(\"")?;
        let mut labels = Vec::new();
        while !self.eat(")") {
            let token = self.peek().clone();
            let label = match token.kind {
                Kind::Word if !self.source(token.span).contains(':') => self.source(token.span).to_owned(),
                Kind::Text(text) => text,
                _ => return Err(self.unexpected("grouping opts, expected label")),
            };
            self.next();
            labels.push(label);
            if !self.is_symbol(")") {
                self.expect(",", "grouping opts, expected \",\" or \")\"")?;
            }
        }
        Ok(labels)
    }

    /// A primary with its `[…]`, `offset` and `@`.
    fn postfix(&mut self) -> Parsed<Expr> {
        let start = self.peek().span.start;
        let mut expr = self.primary()?;
        let (mut offset_seen, mut at_seen) = (false, false);
        loop {
            if self.is_symbol("[") {
                expr = self.range(expr, start)?;
                (offset_seen, at_seen) = (false, false);
            } else if self.is_symbol("@") {
                let span = self.next().span;
                let at = self.at_time()?;
                if std::mem::replace(&mut at_seen, true) {
                    return Err(self.error_at(span, "@ <timestamp> may not be set multiple times"));
                }
                let what = "@ modifier must be preceded by an instant vector selector or range vector selector or a subquery";
                self.modify(&mut expr, start, what, |time| time.at = Some(at))?;
            } else if self.eat_word("offset") {
                let negative = self.eat("-");
                if !negative {
                    self.eat("+");
                }
                let ms = self.duration("offset, expected number, duration, step(), or range()")?;
                if std::mem::replace(&mut offset_seen, true) {
                    return Err(
                        self.error_at(Span { start, end: start }, "offset may not be set multiple times")
                    );
                }
                let what = "offset modifier must be preceded by an instant vector selector or range vector selector or a subquery";
                self.modify(&mut expr, start, what, |time| time.offset_ms = if negative { -ms } else { ms })?;
            } else {
                return Ok(expr);
            }
        }
    }

    fn modify(
        &self,
        expr: &mut Expr,
        start: u32,
        what: &str,
        set: impl FnOnce(&mut TimeModifier),
    ) -> Parsed<()> {
        let whole = self.spanned(start);
        match expr {
            Expr::Vector(selector) => {
                set(&mut selector.time);
                selector.span = whole;
            }
            Expr::Matrix { selector, span, .. } => {
                set(&mut selector.time);
                *span = whole;
            }
            Expr::Subquery(subquery) => {
                set(&mut subquery.time);
                subquery.span = whole;
            }
            other => return Err(self.error_at(other.span(), what)),
        }
        Ok(())
    }

    fn at_time(&mut self) -> Parsed<At> {
        let word = self.word().map(str::to_ascii_lowercase);
        if let Some(at) = match word.as_deref() {
            Some("start") => Some(At::Start),
            Some("end") => Some(At::End),
            _ => None,
        } {
            self.next();
            self.expect("(", "@, expected timestamp")?;
            self.expect(")", "@, expected timestamp")?;
            return Ok(at);
        }
        let negative = self.eat("-");
        if !negative {
            self.eat("+");
        }
        let token = self.peek().clone();
        let seconds = match token.kind {
            Kind::Number(value) => value,
            Kind::Duration(ms) => ms as f64 / 1000.0,
            Kind::Word => number_word(self.source(token.span))
                .ok_or_else(|| self.unexpected("@, expected timestamp"))?,
            _ => return Err(self.unexpected("@, expected timestamp")),
        };
        self.next();
        let ms = (if negative { -seconds } else { seconds } * 1000.0).round();
        if !ms.is_finite() || ms.abs() >= i64::MAX as f64 {
            let text = format!("timestamp out of bounds for @ modifier: {:.6}", ms / 1000.0);
            return Err(self.error_at(token.span, text));
        }
        Ok(At::Timestamp(ms as i64))
    }

    /// A duration or a number of seconds, ms.
    fn duration(&mut self, context: &str) -> Parsed<i64> {
        let token = self.peek().clone();
        let ms = match token.kind {
            Kind::Duration(ms) => ms,
            Kind::Number(seconds) if (seconds * 1000.0).abs() < i64::MAX as f64 => {
                (seconds * 1000.0).round() as i64
            }
            Kind::Number(_) => return Err(self.error_at(token.span, "duration out of range")),
            _ => return Err(self.unexpected(context)),
        };
        self.next();
        Ok(ms)
    }

    fn positive_duration(&mut self) -> Parsed<i64> {
        let span = self.peek().span;
        let ms =
            self.duration("subquery or range selector, expected number, duration, step(), or range()")?;
        if ms <= 0 { Err(self.error_at(span, "duration must be greater than 0")) } else { Ok(ms) }
    }

    fn range(&mut self, expr: Expr, start: u32) -> Parsed<Expr> {
        let bracket = self.next().span;
        let range_ms = self.positive_duration()?;
        if self.eat(":") {
            let step_ms = if self.is_symbol("]") { None } else { Some(self.positive_duration()?) };
            self.expect("]", "subquery selector, expected number, duration, step(), range(), or \"]\"")?;
            if expr.value_type() != ValueType::Vector && expr.value_type() != ValueType::Scalar {
                let text = format!(
                    "subquery is only allowed on instant vector, got {} in {:?} instead",
                    expr.value_type().name(),
                    expr.to_string()
                );
                return Err(self.error_at(expr.span(), text));
            }
            let (time, span) = (TimeModifier::default(), self.spanned(start));
            return Ok(Expr::Subquery(Box::new(Subquery {
                expr,
                range_ms,
                range_expr: None,
                step_ms,
                step_expr: None,
                time,
                span,
            })));
        }
        self.expect("]", "subquery or range, expected \":\" or \"]\"")?;
        match expr {
            Expr::Vector(selector) if selector.time == TimeModifier::default() => {
                Ok(Expr::Matrix { selector, range_ms, range_expr: None, span: self.spanned(start) })
            }
            Expr::Vector(selector) if selector.time.at.is_some() => {
                Err(self.error_at(bracket, "no @ modifiers allowed before range"))
            }
            Expr::Vector(_) => Err(self.error_at(bracket, "no offset modifiers allowed before range")),
            _ => Err(self.error_at(bracket, "ranges only allowed for vector selectors")),
        }
    }

    fn primary(&mut self) -> Parsed<Expr> {
        let token = self.peek().clone();
        let span = token.span;
        match token.kind {
            Kind::Number(value) => {
                self.next();
                Ok(Expr::Number { value, duration: false, span })
            }
            Kind::Duration(ms) => {
                self.next();
                Ok(Expr::Number { value: ms as f64 / 1000.0, duration: true, span })
            }
            Kind::Text(value) => {
                self.next();
                Ok(Expr::String { value, span })
            }
            Kind::Symbol("(") => {
                self.next();
                let expr = Box::new(self.expr(0)?);
                self.expect(")", "parenthesized expression")?;
                Ok(Expr::Paren { expr, span: self.spanned(span.start) })
            }
            Kind::Symbol("{") => self.selector(None, span.start),
            Kind::Word => self.named(),
            _ => Err(self.unexpected("")),
        }
    }

    /// A number word, an aggregation, a call or a selector.
    fn named(&mut self) -> Parsed<Expr> {
        let span = self.next().span;
        let name = self.source(span);
        if let Some(value) = number_word(name)
            && !self.is_symbol("{")
        {
            return Ok(Expr::Number { value, duration: false, span });
        }
        let by =
            self.word().is_some_and(|w| w.eq_ignore_ascii_case("by") || w.eq_ignore_ascii_case("without"));
        if let Some(op) = AggregateOp::find(name)
            && (self.is_symbol("(") || by)
        {
            return self.aggregate(op, span);
        }
        if self.is_symbol("(") {
            return self.call(name, span);
        }
        if is_operator_word(name) {
            self.at -= 1;
            return Err(self.unexpected(""));
        }
        self.selector(Some(name), span.start)
    }

    fn call(&mut self, name: &str, name_span: Span) -> Parsed<Expr> {
        let Some(function) = functions::find(name) else {
            return Err(self.error_at(name_span, format!("unknown function with name {name:?}")));
        };
        if function.experimental && !self.options.experimental_functions {
            let text = format!("function {name:?} is not enabled");
            return Err(self.error_at(name_span, text));
        }
        let args = self.args()?;
        let span = self.spanned(name_span.start);
        let (min, max) = (function.min_args, function.max_args);
        if args.len() < min || args.len() > max {
            let wanted = match () {
                () if min == max => format!("expected {min} argument(s)"),
                () if args.len() < min => format!("expected at least {min} argument(s)"),
                () => format!("expected at most {max} argument(s)"),
            };
            let text = format!("{wanted} in call to {name:?}, got {}", args.len());
            return Err(self.error_at(span, text));
        }
        for (i, arg) in args.iter().enumerate() {
            let wanted = function.args.get(i).or(function.args.last()).copied().unwrap_or(ValueType::Vector);
            self.check_type(arg, wanted, &format!("call to function {name:?}"))?;
        }
        Ok(Expr::Call(Box::new(Call { function, args, span })))
    }

    fn check_type(&self, expr: &Expr, wanted: ValueType, context: &str) -> Parsed<()> {
        let got = expr.value_type();
        if got == wanted {
            return Ok(());
        }
        Err(self.error_at(
            expr.span(),
            format!("expected type {} in {context}, got {}", wanted.name(), got.name()),
        ))
    }

    fn args(&mut self) -> Parsed<Vec<Expr>> {
        self.expect("(", "function call")?;
        let mut args = Vec::new();
        while !self.eat(")") {
            args.push(self.expr(0)?);
            if !self.is_symbol(")") {
                let comma = self.expect(",", "function call args")?;
                if self.is_symbol(")") {
                    return Err(
                        self.error_at(comma.span, "trailing commas not allowed in function call args")
                    );
                }
            }
        }
        Ok(args)
    }

    fn aggregate(&mut self, op: AggregateOp, name_span: Span) -> Parsed<Expr> {
        let mut clause = self.grouping()?;
        let mut args = self.args()?;
        if clause.is_none() {
            clause = self.grouping()?;
        }
        let span = self.spanned(name_span.start);
        if op.experimental() && !self.options.experimental_functions {
            let text = format!(
                "{}() is experimental and must be enabled with --enable-feature=promql-experimental-functions",
                op.name()
            );
            return Err(self.error_at(span, text));
        }
        let wanted = 1 + usize::from(op.param().is_some());
        if args.len() != wanted {
            if args.is_empty() {
                return Err(self.error_at(span, "no arguments for aggregate expression provided"));
            }
            let text = format!(
                "wrong number of arguments for aggregate expression provided, expected {wanted}, got {}",
                args.len()
            );
            return Err(self.error_at(span, text));
        }
        let param = op.param().map(|_| args.remove(0));
        let expr = args.remove(0);
        self.check_type(&expr, ValueType::Vector, "aggregation expression")?;
        if let (Some(param), Some(wanted)) = (&param, op.param()) {
            self.check_type(param, wanted, "aggregation parameter")?;
        }
        let (without, grouping) = clause.unwrap_or_default();
        Ok(Expr::Aggregate(Box::new(Aggregate { op, expr, param, grouping, without, span })))
    }

    fn grouping(&mut self) -> Parsed<Option<(bool, Vec<String>)>> {
        let without = self.word().is_some_and(|w| w.eq_ignore_ascii_case("without"));
        if !without && !self.word().is_some_and(|w| w.eq_ignore_ascii_case("by")) {
            return Ok(None);
        }
        self.next();
        Ok(Some((without, self.labels()?)))
    }
}

fn number_word(word: &str) -> Option<f64> {
    if word.eq_ignore_ascii_case("inf") {
        Some(f64::INFINITY)
    } else {
        word.eq_ignore_ascii_case("nan").then_some(f64::NAN)
    }
}

/// Words that cannot name a metric where an operand is wanted.
fn is_operator_word(word: &str) -> bool {
    ["and", "or", "unless", "atan2"].iter().any(|k| word.eq_ignore_ascii_case(k))
}

fn is_keyword(word: &str) -> bool {
    const WORDS: &[&str] =
        &["offset", "by", "without", "on", "ignoring", "group_left", "group_right", "bool"];
    is_operator_word(word) || WORDS.iter().any(|k| word.eq_ignore_ascii_case(k))
}
