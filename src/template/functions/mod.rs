//! The functions of templates: Go's built-ins and those that Prometheus adds.

mod builtin;
mod compare;
mod escape;
mod humanize;
mod index;
mod prometheus;
mod text;

use super::budget::Context;
use super::value::{Type, Value};
use std::fmt::{self, Debug, Formatter};

/// A function. Its arguments have the types of its parameters, or are nil where those take nil.
pub(super) struct Function {
    pub name: &'static str,
    /// Types of the parameters that have to be given.
    pub fixed: &'static [Type],
    /// Type of any further ones.
    pub rest: Option<Type>,
    pub run: Run,
}

/// What a function does.
pub(super) enum Run {
    /// `and` (false) and `or` (true): evaluation ends at the first argument of that truth.
    Until(bool),
    /// The error text is that of the call.
    Call(fn(&mut Context<'_>, &[Value]) -> Result<Value, String>),
}

impl Debug for Function {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// The function of a name.
pub(super) fn find(name: &str) -> Option<&'static Function> {
    builtin::FUNCTIONS.iter().chain(prometheus::FUNCTIONS).find(|function| function.name == name)
}

/// The text of an argument whose type is a text.
fn text(arguments: &[Value], at: usize) -> &str {
    match arguments.get(at) {
        Some(Value::Text(text)) => text,
        _ => "",
    }
}

fn argument(arguments: &[Value], at: usize) -> &Value {
    arguments.get(at).unwrap_or(&Value::Missing)
}
