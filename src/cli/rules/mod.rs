//! `narthex rules`: rules over stored history.

pub mod args;
mod ask;
mod backfill;
mod backtest;

use crate::rules::file::{self, FileOptions, RuleFile};
use args::Action;
use narthex_promql::{Engine, EngineOptions};
use narthex_storage::StorageError;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Why a command ended early.
#[derive(Debug, thiserror::Error)]
enum Fault {
    /// The answer cannot be written.
    #[error("cannot write the answer: {0}")]
    Output(#[from] io::Error),
    /// The directory cannot be read, or written.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// Anything else, told in full.
    #[error("{0}")]
    Told(String),
}

/// Does what is asked. The exit code is 1 when something is wrong.
#[must_use]
pub fn run(action: &Action) -> ExitCode {
    let mut out = BufWriter::new(io::stdout().lock());
    let done = match action {
        Action::Backtest(options) => backtest::run(options, &mut out),
        Action::Backfill(options) => backfill::run(options, &mut out),
    };
    match done.and_then(|()| Ok(out.flush()?)) {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever reads has seen enough.
        Err(Fault::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(fault) => {
            // What was written before is not lost for it.
            let _ = out.flush();
            eprintln!("error: {fault}");
            ExitCode::FAILURE
        }
    }
}

fn load(paths: &[PathBuf]) -> Result<Vec<(String, RuleFile)>, Fault> {
    let one = |path: &PathBuf| {
        let rules = file::load(path, &FileOptions::default())
            .map_err(|faults| Fault::Told(file::faults_of(path, &faults)))?;
        Ok((path.display().to_string(), rules))
    };
    paths.iter().map(one).collect()
}

fn engine(interval_ms: i64) -> Engine {
    let parse = FileOptions::default().parse;
    Engine::new(EngineOptions { subquery_step_ms: interval_ms, parse, ..EngineOptions::default() })
}

/// Whether a path is a directory with data.
fn data_directory(path: &Path) -> Result<(), Fault> {
    match path.is_dir() {
        true => Ok(()),
        false => Err(Fault::Told(format!("{} is no data directory", path.display()))),
    }
}
