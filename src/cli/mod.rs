//! The command line: flags, their help, and the subcommands.

mod advice;
pub mod check_config;
pub mod check_web_config;
mod excerpt;
pub mod flag_table;
pub mod flags;
mod parse;
pub mod promql;
pub mod query;
mod terminal;
pub mod test_promql;
pub mod tsdb;

#[cfg(test)]
mod flags_tests;

pub use check_config::check_config;
pub use check_web_config::check_web_config;
pub use flags::{Flags, all_flags};
pub use parse::{Command, UsageError, parse};
