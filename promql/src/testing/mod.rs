//! Runs acceptance scripts: `load`, `clear` and `eval` statements, each evaluation looked at in up to three
//! ways (as written, pinned with `@`, inside a range).
//!
//! The language is that of Prometheus's own PromQL tests, release 3.14.

mod chunk;
mod compare;
mod expect;
pub mod generate;
mod histograms;
mod load;
mod nhcb;
mod pin;
mod run;
mod script;
mod show;
mod store;

pub use run::run_script;
pub use store::{MemorySample, MemoryStore, MemoryStoreError};

/// An evaluation, or a load, that did not do what the script says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Line of the statement, from 1.
    pub line: usize,
    /// The statement.
    pub statement: String,
    /// What the script wants.
    pub expected: String,
    /// What happened.
    pub got: String,
}

/// The outcome of a script.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// Evaluations that passed.
    pub passed: usize,
    /// Those that did not, and loads that the store refused.
    pub failures: Vec<Failure>,
}

/// A script of which nothing was run, because a statement or an expression in it does not parse.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {statement}: {reason}")]
pub struct Rejection {
    /// Line of the first such statement, from 1.
    pub line: usize,
    /// The statement.
    pub statement: String,
    /// What is wrong with it.
    pub reason: String,
}
