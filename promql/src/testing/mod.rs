//! Runs acceptance scripts: `load`, `clear` and `eval` statements, each evaluation looked at in up to three
//! ways (as written, pinned with `@`, inside a range).
//!
//! The language is that of Prometheus's own PromQL tests, release 3.14.

mod compare;
mod run;
mod script;
mod store;

pub use run::run_script;
pub use store::MemoryStore;

/// An evaluation, or a statement, that did not do what the script says.
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
    /// The evaluation has to do with native histograms.
    pub histograms: bool,
}

/// The outcome of a script.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// Evaluations that passed.
    pub passed: usize,
    /// Those that did not, and statements that could not be run.
    pub failures: Vec<Failure>,
}
