//! Text → checked tree, and back.

pub mod ast;
mod call;
mod check;
mod duration;
pub mod functions;
pub mod histogram_literal;
pub mod lexer;
mod literal;
mod modifiers;
mod parser;
mod prepare;
mod pretty;
mod printer;
mod selector;
pub mod series_notation;
mod visit;

pub use parser::{ParseError, ParseOptions, parse_expr, parse_selector};
pub use prepare::{PrepareError, QueryWindow, prepare};
pub use pretty::pretty;
pub use printer::format_duration;
pub use visit::children;
