//! Text → checked tree, and back.

pub mod ast;
pub mod functions;
pub mod histogram_literal;
pub mod lexer;
mod parser;
mod pretty;
mod printer;
mod selector;
pub mod series_notation;

pub use parser::{ParseError, ParseOptions, parse_expr, parse_selector};
pub use pretty::pretty;
pub use printer::format_duration;
