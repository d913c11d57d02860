//! The command line: flags, their help, and the subcommands.

mod advice;
pub mod check;
pub mod check_config;
pub mod check_web_config;
mod excerpt;
mod features;
pub mod flag_table;
pub mod flags;
mod parse;
pub mod promql;
pub mod query;
pub mod rules;
mod terminal;
pub mod test_promql;
pub mod test_rules;
pub mod tsdb;

#[cfg(test)]
mod flags_tests;

pub use flags::{Flags, all_flags, changed_flags};
pub use parse::{Command, UsageError, parse};
