//! Parsed templates, and how error texts quote them.

use super::functions::Function;
use super::go::quote;
use super::number::Number;
use std::fmt::{self, Display, Formatter};

/// A template with its name: the main one, or a defined one.
#[derive(Debug)]
pub(super) struct Tree {
    pub name: String,
    pub body: Vec<Statement>,
}

#[derive(Debug)]
pub(super) enum Statement {
    Text(String),
    Action(Pipe),
    Branch(Branch),
    Template(TemplateCall),
    Break,
    Continue,
}

/// `if`, `with` and `range`.
#[derive(Debug)]
pub(super) struct Branch {
    pub kind: BranchKind,
    pub pipe: Pipe,
    pub body: Vec<Statement>,
    pub otherwise: Vec<Statement>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BranchKind {
    If,
    With,
    Range,
}

#[derive(Debug)]
pub(super) struct TemplateCall {
    pub pos: usize,
    pub name: String,
    pub pipe: Option<Pipe>,
}

/// Commands that pass a value on, and the variables that take it.
#[derive(Debug)]
pub(super) struct Pipe {
    pub pos: usize,
    /// The variables exist already.
    pub assigns: bool,
    pub variables: Vec<String>,
    pub commands: Vec<Command>,
}

/// A term and its arguments; at least the term.
#[derive(Debug)]
pub(super) struct Command {
    pub pos: usize,
    pub first: Term,
    pub arguments: Vec<Term>,
}

#[derive(Debug)]
pub(super) struct Term {
    pub pos: usize,
    pub kind: TermKind,
}

#[derive(Debug)]
pub(super) enum TermKind {
    Function(&'static Function),
    Dot,
    Nil,
    Bool(bool),
    Number(Number),
    /// As written, with quotes, and what it stands for.
    Text(String, String),
    /// The variable with its dollar sign, and fields of it.
    Variable(String, Vec<String>),
    /// Fields of the dot.
    Field(Vec<String>),
    /// Fields of something else.
    Chain(Box<Term>, Vec<String>),
    /// In parentheses.
    Pipe(Box<Pipe>),
}

impl Display for Pipe {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if !self.variables.is_empty() {
            let sign = if self.assigns { "=" } else { ":=" };
            write!(f, "{} {sign} ", self.variables.join(", "))?;
        }
        for (i, command) in self.commands.iter().enumerate() {
            write!(f, "{}{command}", if i == 0 { "" } else { " | " })?;
        }
        Ok(())
    }
}

impl Display for Command {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.first)?;
        self.arguments.iter().try_for_each(|argument| write!(f, " {argument}"))
    }
}

impl Display for Term {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let fields =
            |f: &mut Formatter<'_>, names: &[String]| names.iter().try_for_each(|name| write!(f, ".{name}"));
        match &self.kind {
            TermKind::Function(function) => f.write_str(function.name),
            TermKind::Dot => f.write_str("."),
            TermKind::Nil => f.write_str("nil"),
            TermKind::Bool(value) => write!(f, "{value}"),
            TermKind::Number(number) => f.write_str(&number.text),
            TermKind::Text(written, _) => f.write_str(written),
            TermKind::Variable(name, names) => {
                f.write_str(name)?;
                fields(f, names)
            }
            TermKind::Field(names) => fields(f, names),
            TermKind::Chain(term, names) => {
                write!(f, "{term}")?;
                fields(f, names)
            }
            TermKind::Pipe(pipe) => write!(f, "({pipe})"),
        }
    }
}

impl Display for TemplateCall {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{{{{template {}", quote(&self.name))?;
        if let Some(pipe) = &self.pipe {
            write!(f, " {pipe}")?;
        }
        f.write_str("}}")
    }
}
