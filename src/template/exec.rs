//! Runs a parsed template, as Go's `text/template` does: what is printed, and at which node errors stand.

use super::Parsed;
use super::ast::{Branch, BranchKind, Command, Pipe, Statement, TemplateCall, Term, TermKind, Tree};
use super::budget::{Context, DEPTH_MAX, TEXT_MAX};
use super::format::{Output, print, print_one};
use super::go::quote;
use super::value::{Data, Integer, Type, Value, args_keys};
use std::rc::Rc;

/// Where execution stands.
#[derive(Clone, Copy)]
pub(super) enum At<'t> {
    Pipe(&'t Pipe),
    Command(&'t Command),
    Term(&'t Term),
    Template(&'t TemplateCall),
}

impl At<'_> {
    fn pos(&self) -> usize {
        match self {
            Self::Pipe(pipe) => pipe.pos,
            Self::Command(command) => command.pos,
            Self::Term(term) => term.pos,
            Self::Template(call) => call.pos,
        }
    }
}

/// How a list of statements ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Flow {
    Next,
    Break,
    Continue,
}

/// An error, told in full.
pub(super) struct ExecError(pub String);

pub(super) type Result<T> = std::result::Result<T, ExecError>;

/// One expansion under way.
pub(super) struct Execution<'t, 'w> {
    parsed: &'t Parsed,
    tree: &'t Tree,
    at: Option<At<'t>>,
    /// Variables that exist, the newest last.
    variables: Vec<(&'t str, Value)>,
    depth: usize,
    pub(super) context: Context<'w>,
    out: String,
}

/// Expands a template.
pub(super) fn run(parsed: &Parsed, data: Data, context: Context<'_>) -> Result<String> {
    let variables = vec![
        ("$labels", data.labels.clone()),
        ("$externalLabels", data.external_labels.clone()),
        ("$externalURL", Value::Text(data.external_url.clone())),
        ("$value", data.value.clone()),
    ];
    let dot = Value::Data(Rc::new(data));
    let mut run = Execution {
        parsed,
        tree: &parsed.main,
        at: None,
        variables: vec![("$", dot.clone())],
        depth: 0,
        context,
        out: String::new(),
    };
    run.variables.extend(variables);
    run.list(&dot, &parsed.main.body)?;
    run.context.world.allowance.keep(run.out.len()).map_err(|text| run.error(&text))?;
    Ok(run.out)
}

impl<'t> Execution<'t, '_> {
    /// An error where execution stands.
    pub(super) fn error(&self, text: &str) -> ExecError {
        let name = &self.tree.name;
        let Some(at) = self.at else { return ExecError(format!("template: {name}: {text}")) };
        let (line, column) = self.parsed.place(at.pos());
        let shown = match at {
            At::Pipe(pipe) => pipe.to_string(),
            At::Command(command) => command.to_string(),
            At::Term(term) => term.to_string(),
            At::Template(call) => call.to_string(),
        };
        let main = &self.parsed.main.name;
        let name = quote(name);
        ExecError(format!("template: {main}:{line}:{column}: executing {name} at <{shown}>: {text}"))
    }

    pub(super) fn stand(&mut self, at: At<'t>) {
        self.at = Some(at);
    }

    fn step(&mut self) -> Result<()> {
        self.context.step(1).map_err(|text| self.error(&text))
    }

    fn deeper(&mut self) -> Result<()> {
        if self.depth >= DEPTH_MAX {
            return Err(self.error(&format!("exceeded maximum template depth ({DEPTH_MAX})")));
        }
        self.depth += 1;
        Ok(())
    }

    fn write(&mut self, text: &str) -> Result<()> {
        if text.len() > TEXT_MAX - self.out.len() {
            return Err(self.error(&format!("output exceeds {TEXT_MAX} bytes")));
        }
        self.out.push_str(text);
        Ok(())
    }

    fn list(&mut self, dot: &Value, list: &'t [Statement]) -> Result<Flow> {
        for statement in list {
            self.step()?;
            let flow = match statement {
                Statement::Text(text) => {
                    self.write(text)?;
                    Flow::Next
                }
                Statement::Action(pipe) => {
                    self.action(dot, pipe)?;
                    Flow::Next
                }
                Statement::Branch(branch) => {
                    self.deeper()?;
                    let known = self.variables.len();
                    let flow = match branch.kind {
                        BranchKind::Range => self.range(dot, branch),
                        _ => self.if_or_with(dot, branch),
                    }?;
                    self.variables.truncate(known);
                    self.depth -= 1;
                    flow
                }
                Statement::Template(call) => {
                    self.template(dot, call)?;
                    Flow::Next
                }
                Statement::Break => Flow::Break,
                Statement::Continue => Flow::Continue,
            };
            if flow != Flow::Next {
                return Ok(flow);
            }
        }
        Ok(Flow::Next)
    }

    fn action(&mut self, dot: &Value, pipe: &'t Pipe) -> Result<()> {
        let value = self.pipeline(dot, pipe)?;
        // What a variable takes is not printed.
        if !pipe.variables.is_empty() {
            return Ok(());
        }
        self.stand(At::Pipe(pipe));
        let mut out = Output::new(TEXT_MAX);
        print_one(&mut out, &value);
        let text = out.finish().map_err(|text| self.error(&text))?;
        self.write(&text)
    }

    fn if_or_with(&mut self, dot: &Value, branch: &'t Branch) -> Result<Flow> {
        let value = self.pipeline(dot, &branch.pipe)?;
        match (value.is_true(), branch.kind) {
            (true, BranchKind::With) => self.list(&value, &branch.body),
            (true, _) => self.list(dot, &branch.body),
            (false, _) => self.list(dot, &branch.otherwise),
        }
    }

    fn range(&mut self, dot: &Value, branch: &'t Branch) -> Result<Flow> {
        let value = self.pipeline(dot, &branch.pipe)?;
        let int = |at: usize| Value::int(at);
        let mut turns: Box<dyn Iterator<Item = (Value, Value)>> = match &value {
            Value::Samples(samples) => Box::new(
                samples.iter().enumerate().map(|(at, sample)| (int(at), Value::Sample(sample.clone()))),
            ),
            Value::Labels(labels) => {
                Box::new(labels.iter().map(|(name, value)| (Value::text(name), Value::text(value))))
            }
            Value::Args(values) => Box::new(
                args_keys(values.len())
                    .into_iter()
                    .filter_map(|(key, at)| Some((Value::text(key), values.get(at)?.clone()))),
            ),
            Value::Int(count, Integer::Int | Integer::Int32 | Integer::Int64 | Integer::Byte) => {
                if branch.pipe.variables.len() > 1 {
                    let text = format!("can't use {count} to iterate over more than one variable");
                    return Err(self.error(&text));
                }
                let kind = if let Value::Int(_, kind) = value { kind } else { Integer::Int };
                Box::new((0..*count).map(move |at| (Value::Missing, Value::Int(at, kind))))
            }
            Value::Missing | Value::Nil(_) => Box::new(std::iter::empty()),
            other => {
                let mut out = Output::new(1_000);
                print(&mut out, std::slice::from_ref(other));
                let shown = out.finish().unwrap_or_default();
                return Err(self.error(&format!("range can't iterate over {shown}")));
            }
        };
        let Some(first) = turns.next() else { return self.list(dot, &branch.otherwise) };
        let known = self.variables.len();
        for (key, element) in std::iter::once(first).chain(turns) {
            self.step()?;
            self.turn(&branch.pipe, key, &element)?;
            let flow = self.list(&element, &branch.body)?;
            self.variables.truncate(known);
            if flow == Flow::Break {
                break;
            }
        }
        Ok(Flow::Next)
    }

    /// Gives the variables of a range what belongs to a turn: with two, the first takes the key.
    fn turn(&mut self, pipe: &'t Pipe, key: Value, element: &Value) -> Result<()> {
        let values = match pipe.variables.as_slice() {
            [] => return Ok(()),
            [only] => vec![(only, element.clone())],
            [first, second, ..] => vec![(first, key), (second, element.clone())],
        };
        for (name, value) in values {
            self.assign(name, value)?;
        }
        Ok(())
    }

    fn assign(&mut self, name: &str, value: Value) -> Result<()> {
        match self.variables.iter_mut().rev().find(|(known, _)| *known == name) {
            Some((_, slot)) => {
                *slot = value;
                Ok(())
            }
            None => Err(self.error(&format!("undefined variable: {name}"))),
        }
    }

    fn template(&mut self, dot: &Value, call: &'t TemplateCall) -> Result<()> {
        self.stand(At::Template(call));
        let Some(tree) = self.parsed.tree(&call.name) else {
            return Err(self.error(&format!("template {} not defined", quote(&call.name))));
        };
        self.deeper()?;
        let dot = match &call.pipe {
            Some(pipe) => self.pipeline(dot, pipe)?,
            None => Value::Missing,
        };
        // A template sees none of the variables of its caller.
        let outer_tree = std::mem::replace(&mut self.tree, tree);
        let outer = std::mem::replace(&mut self.variables, vec![("$", dot.clone())]);
        self.list(&dot, &tree.body)?;
        self.variables = outer;
        self.tree = outer_tree;
        self.depth -= 1;
        Ok(())
    }
}

/// Values.
impl<'t> Execution<'t, '_> {
    /// What a pipeline comes to; its variables take it.
    pub(super) fn pipeline(&mut self, dot: &Value, pipe: &'t Pipe) -> Result<Value> {
        self.stand(At::Pipe(pipe));
        let mut value = None;
        for command in &pipe.commands {
            value = Some(self.command(dot, command, value)?);
        }
        let value = match value {
            None | Some(Value::Nil(Type::Any)) => Value::Missing,
            Some(value) => value,
        };
        for name in &pipe.variables {
            if pipe.assigns {
                self.assign(name, value.clone())?;
            } else {
                self.variables.push((name, value.clone()));
            }
        }
        Ok(value)
    }

    /// A command; `last` is what the pipeline passes on to it.
    fn command(&mut self, dot: &Value, command: &'t Command, last: Option<Value>) -> Result<Value> {
        self.step()?;
        let (first, arguments) = (&command.first, command.arguments.as_slice());
        match &first.kind {
            TermKind::Function(function) => {
                self.stand(At::Term(first));
                return self.call_function(dot, function, At::Command(command), arguments, last);
            }
            TermKind::Pipe(pipe) => {
                self.takes_nothing(first, arguments, &last)?;
                return self.nested(dot, pipe);
            }
            TermKind::Field(_) | TermKind::Chain(..) | TermKind::Variable(..) => {
                return self.fields_of(dot, first, arguments, last);
            }
            _ => {}
        }
        self.stand(At::Term(first));
        self.takes_nothing(first, arguments, &last)?;
        match &first.kind {
            TermKind::Nil => Err(self.error("nil is not a command")),
            TermKind::Dot => Ok(dot.clone()),
            _ => self.constant(first),
        }
    }

    pub(super) fn nested(&mut self, dot: &Value, pipe: &'t Pipe) -> Result<Value> {
        self.deeper()?;
        let value = self.pipeline(dot, pipe)?;
        self.depth -= 1;
        Ok(value)
    }

    fn takes_nothing(&self, first: &Term, arguments: &[Term], last: &Option<Value>) -> Result<()> {
        if arguments.is_empty() && last.is_none() {
            return Ok(());
        }
        Err(self.error(&format!("can't give argument to non-function {first}")))
    }

    /// The value of a literal where no type is asked for.
    pub(super) fn constant(&mut self, term: &'t Term) -> Result<Value> {
        self.stand(At::Term(term));
        match &term.kind {
            TermKind::Bool(value) => Ok(Value::Bool(*value)),
            TermKind::Text(_, text) => Ok(Value::text(text.as_str())),
            TermKind::Number(number) => match (number.float, number.int) {
                (Some(float), _) if number.is_written_as_float() => Ok(Value::Float(float)),
                (_, Some(int)) => Ok(Value::Int(int, Integer::Int)),
                _ => Err(self.error(&format!("{} overflows int", number.text))),
            },
            _ => Err(self.error(&format!("can't evaluate command {}", quote(&term.to_string())))),
        }
    }

    /// A term with fields; the last of them may be a method that takes the arguments.
    pub(super) fn fields_of(
        &mut self,
        dot: &Value,
        term: &'t Term,
        arguments: &'t [Term],
        last: Option<Value>,
    ) -> Result<Value> {
        self.stand(At::Term(term));
        let (receiver, names) = match &term.kind {
            TermKind::Field(names) => (dot.clone(), names),
            TermKind::Variable(name, names) => {
                let found = self.variables.iter().rev().find(|(known, _)| known == name);
                let Some((_, value)) = found else {
                    return Err(self.error(&format!("undefined variable: {name}")));
                };
                if names.is_empty() {
                    self.takes_nothing(term, arguments, &last)?;
                    return Ok(value.clone());
                }
                (value.clone(), names)
            }
            TermKind::Chain(inner, names) => {
                let value = match &inner.kind {
                    TermKind::Pipe(pipe) => self.nested(dot, pipe)?,
                    TermKind::Function(function) => {
                        self.stand(At::Term(inner));
                        self.call_function(dot, function, At::Term(inner), &[], None)?
                    }
                    _ => self.constant(inner)?,
                };
                (value, names)
            }
            _ => return self.constant(term),
        };
        let Some((method, path)) = names.split_last() else { return Ok(receiver) };
        let mut receiver = receiver;
        let mut any = false;
        for name in path {
            let next = self.field(dot, &receiver, any, name, &[], None)?;
            // The field `Value` is declared as `interface {}`, and errors name it so.
            any = name == "Value" && matches!(receiver, Value::Data(_) | Value::Sample(_));
            receiver = next;
        }
        self.field(dot, &receiver, any, method, arguments, last)
    }
}
