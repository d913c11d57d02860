//! `narthex promql`: expressions formatted, explained and looked over, without a server or with one.

pub mod args;
mod explain;
mod format;
mod lint;
mod plan;
mod report;

use args::Action;
use narthex_promql::{Expr, ParseOptions, parse_expr};
use std::process::ExitCode;

/// Does what is asked.
#[must_use]
pub fn run(action: &Action) -> ExitCode {
    match action {
        Action::Format(options) => format::run(options),
        Action::Explain(options) => explain::run(options),
        Action::Lint(options) => lint::run(options),
    }
}

/// Longest text that is read from standard input, bytes.
const STDIN_MAX: u64 = 4 << 20;

/// The expression of an argument; `-` stands for standard input.
///
/// # Errors
/// Standard input cannot be read.
fn source(argument: &str) -> Result<String, String> {
    use std::io::Read;
    if argument != "-" {
        return Ok(argument.to_owned());
    }
    let mut text = String::new();
    let read = std::io::stdin().lock().take(STDIN_MAX + 1).read_to_string(&mut text);
    match read {
        Ok(length) if length as u64 > STDIN_MAX => {
            Err(format!("standard input is longer than {STDIN_MAX} bytes: no expression is"))
        }
        Ok(_) => Ok(text.trim_end().to_owned()),
        Err(error) => Err(format!("cannot read standard input: {error}")),
    }
}

/// Parses an expression with everything that the language has; a fault is told with its place.
fn parsed(text: &str) -> Result<Expr, String> {
    use super::excerpt::{excerpt, offset};
    parse_expr(text, &ParseOptions::all()).map_err(|error| {
        let at = offset(text, error.line, error.column);
        format!("{error}\n{}", excerpt(text, at..at, "  ").trim_end())
    })
}
