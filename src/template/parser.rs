//! Tokens → tree. Messages and the lines in them are those of Go's `text/template/parse`.

use super::ast::{Branch, BranchKind, Command, Pipe, Statement, TemplateCall, Term, TermKind, Tree};
use super::functions::find;
use super::go::{quote, unquote};
use super::lexer::{Keyword, Kind, Token, lex};
use super::number::Number;
use std::borrow::Cow;

/// How deep parentheses and control structures may nest together.
const DEPTH_MAX: usize = 100;

/// Parses a text whose variables `known` exist from the start. Gives the main tree and the defined ones.
///
/// # Errors
/// `template: NAME:LINE: …`.
pub(super) fn parse(name: &str, text: &str, known: &[&str]) -> Result<(Tree, Vec<Tree>), String> {
    let mut parser = Parser {
        name,
        tokens: lex(text).into_iter(),
        window: [no_token(), no_token(), no_token()],
        pushed_back: 0,
        scope: Scope { variables: known.iter().map(|name| (*name).to_owned()).collect(), ..Scope::default() },
        trees: Vec::new(),
        depth: 0,
    };
    match parser.main() {
        Ok(tree) => Ok((tree, parser.trees)),
        Err(message) => Err(format!("template: {name}:{}: {message}", parser.window[0].line)),
    }
}

fn no_token<'a>() -> Token<'a> {
    Token { kind: Kind::End, pos: 0, line: 0, text: Cow::Borrowed("") }
}

/// What a template definition has to itself.
#[derive(Default)]
struct Scope {
    variables: Vec<String>,
    /// Ranges around the present place.
    ranges: usize,
    /// Line at which the present action began; 0 outside of actions.
    action_line: usize,
}

impl Scope {
    fn of_definition() -> Self {
        Self { variables: vec!["$".to_owned()], ..Self::default() }
    }
}

struct Parser<'a> {
    name: &'a str,
    tokens: std::vec::IntoIter<Token<'a>>,
    /// The newest token, and older ones that were put back.
    window: [Token<'a>; 3],
    pushed_back: usize,
    scope: Scope,
    trees: Vec<Tree>,
    depth: usize,
}

/// What ended a list of statements.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ending {
    End,
    Else,
}

impl Ending {
    fn shown(self) -> &'static str {
        match self {
            Self::End => "{{end}}",
            Self::Else => "{{else}}",
        }
    }
}

/// What an action is to the list that holds it.
enum Item {
    Statement(Statement),
    Ending(Ending),
}

/// Tokens.
impl<'a> Parser<'a> {
    fn next(&mut self) -> Token<'a> {
        if self.pushed_back > 0 {
            self.pushed_back -= 1;
        } else if let Some(token) = self.tokens.next() {
            self.window[0] = token;
        }
        self.window.get(self.pushed_back).cloned().unwrap_or_else(no_token)
    }

    fn back(&mut self) {
        self.pushed_back += 1;
    }

    fn peek(&mut self) -> Token<'a> {
        let token = self.next();
        self.back();
        token
    }

    fn next_word(&mut self) -> Token<'a> {
        loop {
            let token = self.next();
            if token.kind != Kind::Space {
                return token;
            }
        }
    }

    fn peek_word(&mut self) -> Token<'a> {
        let token = self.next_word();
        self.back();
        token
    }

    fn expect(&mut self, kind: Kind, context: &str) -> Result<Token<'a>, String> {
        let token = self.next_word();
        if token.kind == kind { Ok(token) } else { Err(self.unexpected(&token, context)) }
    }

    fn unexpected(&self, token: &Token<'_>, context: &str) -> String {
        if token.kind != Kind::Error {
            return format!("unexpected {token} in {context}");
        }
        let line = self.scope.action_line;
        if line == 0 || line == token.line {
            return token.to_string();
        }
        let noun = if token.text.ends_with(" action") { "" } else { " in action" };
        format!("{token}{noun} started at {}:{line}", self.name)
    }
}

/// Statements.
impl Parser<'_> {
    fn main(&mut self) -> Result<Tree, String> {
        let mut body = Vec::new();
        while self.peek().kind != Kind::End {
            if self.peek().kind == Kind::Open {
                let open = self.next();
                if self.next_word().kind == Kind::Keyword(Keyword::Define) {
                    self.definition()?;
                    continue;
                }
                self.window[1] = open;
                self.pushed_back = 2;
            }
            match self.text_or_action()? {
                Item::Statement(statement) => body.push(statement),
                Item::Ending(ending) => return Err(format!("unexpected {}", ending.shown())),
            }
        }
        let tree = Tree { name: self.name.to_owned(), body };
        // The main template is never empty: the alert's variables stand in front of its text.
        if self.trees.iter().any(|defined| defined.name == tree.name && !is_empty(&defined.body)) {
            return Err(multiple(&tree.name));
        }
        Ok(tree)
    }

    fn definition(&mut self) -> Result<(), String> {
        const CONTEXT: &str = "define clause";
        let token = self.next_word();
        let name = self.template_name(&token, CONTEXT)?;
        self.expect(Kind::Close, CONTEXT)?;
        self.define(name, CONTEXT)
    }

    /// The body of a definition, up to its end.
    fn define(&mut self, name: String, context: &str) -> Result<(), String> {
        let outer = std::mem::replace(&mut self.scope, Scope::of_definition());
        let (body, ending) = self.list()?;
        if ending != Ending::End {
            return Err(format!("unexpected {} in {context}", ending.shown()));
        }
        self.scope = outer;
        let tree = Tree { name, body };
        match self.trees.iter_mut().find(|defined| defined.name == tree.name) {
            None => self.trees.push(tree),
            Some(defined) if is_empty(&defined.body) => *defined = tree,
            Some(_) if is_empty(&tree.body) => {}
            Some(_) => return Err(multiple(&tree.name)),
        }
        Ok(())
    }

    fn list(&mut self) -> Result<(Vec<Statement>, Ending), String> {
        self.deeper()?;
        let mut list = Vec::new();
        while self.peek_word().kind != Kind::End {
            match self.text_or_action()? {
                Item::Statement(statement) => list.push(statement),
                Item::Ending(ending) => {
                    self.depth -= 1;
                    return Ok((list, ending));
                }
            }
        }
        Err("unexpected EOF".to_owned())
    }

    fn deeper(&mut self) -> Result<(), String> {
        if self.depth >= DEPTH_MAX {
            return Err("max expression depth exceeded".to_owned());
        }
        self.depth += 1;
        Ok(())
    }

    fn text_or_action(&mut self) -> Result<Item, String> {
        let token = self.next_word();
        match token.kind {
            Kind::Text => Ok(Item::Statement(Statement::Text(token.text.into_owned()))),
            Kind::Open => {
                self.scope.action_line = token.line;
                let item = self.action()?;
                self.scope.action_line = 0;
                Ok(item)
            }
            _ => Err(self.unexpected(&token, "input")),
        }
    }

    fn action(&mut self) -> Result<Item, String> {
        let token = self.next_word();
        let Kind::Keyword(keyword) = token.kind else { return self.command_action() };
        let statement = match keyword {
            Keyword::Block => self.block()?,
            Keyword::Break => self.leave(Statement::Break, "{{break}}")?,
            Keyword::Continue => self.leave(Statement::Continue, "{{continue}}")?,
            Keyword::Else => {
                let next = self.peek_word().kind;
                if !matches!(next, Kind::Keyword(Keyword::If | Keyword::With)) {
                    self.expect(Kind::Close, "else")?;
                }
                return Ok(Item::Ending(Ending::Else));
            }
            Keyword::End => {
                self.expect(Kind::Close, "end")?;
                return Ok(Item::Ending(Ending::End));
            }
            Keyword::If => self.branch(BranchKind::If)?,
            Keyword::With => self.branch(BranchKind::With)?,
            Keyword::Range => self.branch(BranchKind::Range)?,
            Keyword::Template => self.template()?,
            Keyword::Define | Keyword::Dot | Keyword::Nil => return self.command_action(),
        };
        Ok(Item::Statement(statement))
    }

    fn command_action(&mut self) -> Result<Item, String> {
        self.back();
        // Variables stay until the end of the list.
        Ok(Item::Statement(Statement::Action(self.pipeline("command", Kind::Close)?)))
    }

    fn leave(&mut self, statement: Statement, name: &str) -> Result<Statement, String> {
        self.expect(Kind::Close, name)?;
        if self.scope.ranges == 0 { Err(format!("{name} outside {{{{range}}}}")) } else { Ok(statement) }
    }

    fn branch(&mut self, kind: BranchKind) -> Result<Statement, String> {
        let (context, chained) = match kind {
            BranchKind::If => ("if", Some(Keyword::If)),
            BranchKind::With => ("with", Some(Keyword::With)),
            BranchKind::Range => ("range", None),
        };
        let known = self.scope.variables.len();
        let pipe = self.pipeline(context, Kind::Close)?;
        let inside = usize::from(kind == BranchKind::Range);
        self.scope.ranges += inside;
        let (body, ending) = self.list()?;
        self.scope.ranges -= inside;
        let mut otherwise = Vec::new();
        if ending == Ending::Else {
            let next = self.peek().kind;
            if chained.is_some_and(|keyword| next == Kind::Keyword(keyword)) {
                // `else if`: the inner branch takes the end that both share.
                self.next();
                self.deeper()?;
                otherwise.push(self.branch(kind)?);
                self.depth -= 1;
            } else {
                let (list, ending) = self.list()?;
                if ending != Ending::End {
                    return Err(format!("expected end; found {}", ending.shown()));
                }
                otherwise = list;
            }
        }
        self.scope.variables.truncate(known);
        Ok(Statement::Branch(Branch { kind, pipe, body, otherwise }))
    }

    fn block(&mut self) -> Result<Statement, String> {
        const CONTEXT: &str = "block clause";
        let token = self.next_word();
        let name = self.template_name(&token, CONTEXT)?;
        let pipe = self.pipeline(CONTEXT, Kind::Close)?;
        self.define(name.clone(), CONTEXT)?;
        Ok(Statement::Template(TemplateCall { pos: token.pos, name, pipe: Some(pipe) }))
    }

    fn template(&mut self) -> Result<Statement, String> {
        const CONTEXT: &str = "template clause";
        let token = self.next_word();
        let name = self.template_name(&token, CONTEXT)?;
        let mut pipe = None;
        if self.next_word().kind != Kind::Close {
            self.back();
            pipe = Some(self.pipeline(CONTEXT, Kind::Close)?);
        }
        Ok(Statement::Template(TemplateCall { pos: token.pos, name, pipe }))
    }

    fn template_name(&mut self, token: &Token<'_>, context: &str) -> Result<String, String> {
        if !matches!(token.kind, Kind::String | Kind::RawString) {
            return Err(self.unexpected(token, context));
        }
        unquote(&token.text).ok_or_else(|| "invalid syntax".to_owned())
    }
}

/// Pipelines.
impl Parser<'_> {
    fn pipeline(&mut self, context: &str, end: Kind) -> Result<Pipe, String> {
        let pos = self.peek_word().pos;
        let mut pipe = Pipe { pos, assigns: false, variables: Vec::new(), commands: Vec::new() };
        while self.variable(&mut pipe, context)? {}
        loop {
            let token = self.next_word();
            match token.kind {
                kind if kind == end => break,
                Kind::Bool
                | Kind::CharConstant
                | Kind::Keyword(Keyword::Dot | Keyword::Nil)
                | Kind::Field
                | Kind::Identifier
                | Kind::Number
                | Kind::RawString
                | Kind::String
                | Kind::Variable
                | Kind::LeftParen => {
                    self.back();
                    pipe.commands.push(self.command()?);
                }
                _ => return Err(self.unexpected(&token, context)),
            }
        }
        if pipe.commands.is_empty() {
            return Err(format!("missing value for {context}"));
        }
        // Only the first command may be a value that takes nothing.
        for (at, command) in pipe.commands.iter().enumerate().skip(1) {
            if is_value(&command.first.kind) {
                return Err(format!("non executable command in pipeline stage {}", at + 1));
            }
        }
        Ok(pipe)
    }

    /// A variable that the pipeline declares or assigns; whether another one follows.
    fn variable(&mut self, pipe: &mut Pipe, context: &str) -> Result<bool, String> {
        let variable = self.peek_word();
        if variable.kind != Kind::Variable {
            return Ok(false);
        }
        self.next();
        // Whether a blank follows decides what is put back: `$x .y` is not `$x.y`.
        let after = self.peek();
        let next = self.peek_word();
        match next.kind {
            Kind::Assign | Kind::Declare => {
                pipe.assigns = next.kind == Kind::Assign;
                self.next_word();
                self.declare(pipe, &variable);
                Ok(false)
            }
            Kind::Char if next.text == "," => {
                self.next_word();
                self.declare(pipe, &variable);
                if context != "range" || pipe.variables.len() > 1 {
                    return Err(format!("too many declarations in {context}"));
                }
                match self.peek_word().kind {
                    Kind::Variable | Kind::Close | Kind::RightParen => Ok(true),
                    _ => Err("range can only initialize variables".to_owned()),
                }
            }
            _ if after.kind == Kind::Space => {
                self.window[1] = after;
                self.window[2] = variable;
                self.pushed_back = 3;
                Ok(false)
            }
            _ => {
                self.window[1] = variable;
                self.pushed_back = 2;
                Ok(false)
            }
        }
    }

    fn declare(&mut self, pipe: &mut Pipe, variable: &Token<'_>) {
        pipe.variables.push(variable.text.clone().into_owned());
        self.scope.variables.push(variable.text.clone().into_owned());
    }

    fn command(&mut self) -> Result<Command, String> {
        let pos = self.peek_word().pos;
        let mut terms = Vec::new();
        loop {
            self.peek_word();
            terms.extend(self.operand()?);
            let token = self.next();
            match token.kind {
                Kind::Space => {}
                Kind::Close | Kind::RightParen => {
                    self.back();
                    break;
                }
                Kind::Pipe => break,
                _ => return Err(self.unexpected(&token, "operand")),
            }
        }
        let mut terms = terms.into_iter();
        let first = terms.next().ok_or("empty command")?;
        Ok(Command { pos, first, arguments: terms.collect() })
    }

    /// A term with the fields behind it; `None` if what follows is none.
    fn operand(&mut self) -> Result<Option<Term>, String> {
        let Some(mut term) = self.term()? else { return Ok(None) };
        let first = self.peek();
        if first.kind != Kind::Field {
            return Ok(Some(term));
        }
        let mut fields = Vec::new();
        while self.peek().kind == Kind::Field {
            fields.push(self.next().text.trim_start_matches('.').to_owned());
        }
        let pos = first.pos;
        term = match term.kind {
            TermKind::Field(mut names) => {
                names.append(&mut fields);
                Term { pos, kind: TermKind::Field(names) }
            }
            TermKind::Variable(name, mut names) => {
                names.append(&mut fields);
                Term { pos, kind: TermKind::Variable(name, names) }
            }
            ref kind if is_value(kind) => {
                return Err(format!("unexpected . after term {}", quote(&term.to_string())));
            }
            _ => Term { pos, kind: TermKind::Chain(Box::new(term), fields) },
        };
        Ok(Some(term))
    }

    fn term(&mut self) -> Result<Option<Term>, String> {
        let token = self.next_word();
        let kind = match token.kind {
            Kind::Identifier => TermKind::Function(
                find(&token.text).ok_or_else(|| format!("function {} not defined", quote(&token.text)))?,
            ),
            Kind::Keyword(Keyword::Dot) => TermKind::Dot,
            Kind::Keyword(Keyword::Nil) => TermKind::Nil,
            Kind::Variable => {
                if !self.scope.variables.iter().any(|known| *known == token.text) {
                    return Err(format!("undefined variable {}", quote(&token.text)));
                }
                TermKind::Variable(token.text.into_owned(), Vec::new())
            }
            Kind::Field => TermKind::Field(vec![token.text.trim_start_matches('.').to_owned()]),
            Kind::Bool => TermKind::Bool(token.text == "true"),
            Kind::CharConstant => TermKind::Number(Number::from_char(&token.text)?),
            Kind::Number => TermKind::Number(Number::parse(&token.text)?),
            Kind::LeftParen => {
                self.deeper()?;
                let pipe = self.pipeline("parenthesized pipeline", Kind::RightParen)?;
                self.depth -= 1;
                return Ok(Some(Term { pos: pipe.pos, kind: TermKind::Pipe(Box::new(pipe)) }));
            }
            Kind::String | Kind::RawString => {
                let text = unquote(&token.text).ok_or("invalid syntax")?;
                TermKind::Text(token.text.into_owned(), text)
            }
            _ => {
                self.back();
                return Ok(None);
            }
        };
        Ok(Some(Term { pos: token.pos, kind }))
    }
}

fn multiple(name: &str) -> String {
    format!("template: multiple definition of template {}", quote(name))
}

/// Whether a term is a value that takes no arguments and has no fields.
fn is_value(kind: &TermKind) -> bool {
    matches!(
        kind,
        TermKind::Bool(_) | TermKind::Dot | TermKind::Nil | TermKind::Number(_) | TermKind::Text(..)
    )
}

/// Whether a template holds nothing but white space.
fn is_empty(body: &[Statement]) -> bool {
    body.iter().all(|statement| match statement {
        Statement::Text(text) => text.trim().is_empty(),
        _ => false,
    })
}

#[cfg(test)]
#[path = "parser_tests.rs"]
mod tests;
