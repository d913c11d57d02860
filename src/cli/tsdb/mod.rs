//! `narthex tsdb`: looks into a data directory, and brings data in and out.
//!
//! What only reads needs no lock, changes nothing, and works beside the server that uses the directory. Answers
//! go to standard output, progress and faults to standard error.

mod analyze;
pub mod args;
mod export;
mod export_blocks;
mod import;
mod list;
mod progress;
mod verify;
mod who;

use args::{Action, Dump};
use narthex_storage::block::ServedBlock;
use narthex_storage::io::Files;
use narthex_storage::io::read_only::ReadOnlyDisk;
use narthex_storage::{Db, Matcher, Querier, Queryable, SelectHints, Series, StorageError};
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

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
        Action::List(options) => list::run(options, &mut out).map(|()| true),
        Action::Analyze(options) => analyze::run(options, &mut out).map(|()| true),
        Action::Verify(path) => verify::run(path, &mut out),
        Action::Import(options) => import::run(options, &mut out).map(|()| true),
        Action::Export(options) => export::run(options, &mut out).map(|()| true),
        Action::ExportBlocks(options) => export_blocks::run(options, &mut out).map(|()| true),
    };
    match done.and_then(|good| Ok(out.flush().map(|()| good)?)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
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

/// The blocks of a data directory, oldest first. One that cannot be read is told on standard error.
fn blocks(dir: &Path) -> Result<Vec<ServedBlock>, Fault> {
    std::fs::metadata(dir).map_err(|e| Fault::Told(format!("cannot open {}: {e}", dir.display())))?;
    let files = Files::on(Arc::new(ReadOnlyDisk::default()));
    let mut blocks = Vec::new();
    for path in ServedBlock::list(&files, dir)? {
        match ServedBlock::open(&files, &path) {
            Ok(block) => blocks.push(block),
            Err(error) => eprintln!("warning: {} cannot be read: {error}", path.display()),
        }
    }
    blocks.sort_by_key(|block| (block.meta().min_time, block.meta().max_time));
    Ok(blocks)
}

/// The series that satisfy any of the selectors, each once, and the times that are asked for.
fn select(db: &Db, dump: &Dump) -> Result<Vec<Box<dyn Series>>, Fault> {
    let hints = SelectHints { mint: dump.mint, maxt: dump.maxt, ..SelectHints::default() };
    let querier: Box<dyn Querier> = db.querier(dump.mint, dump.maxt)?;
    let everything: Vec<Vec<Matcher>> = vec![Vec::new()];
    let sets = if dump.matches.is_empty() { &everything } else { &dump.matches };
    let mut all = Vec::new();
    for matchers in sets {
        all.append(&mut querier.select(matchers, &hints)?);
    }
    if sets.len() > 1 {
        all.sort_by(|a, b| a.labels().cmp(b.labels()));
        all.dedup_by(|a, b| a.labels() == b.labels());
    }
    Ok(all)
}

/// A UTC time to the second, as promtool prints it.
fn utc(ms: i64) -> String {
    let time = jiff::Timestamp::from_millisecond(ms.div_euclid(1000) * 1000);
    time.map_or_else(|_| ms.to_string(), |time| time.strftime("%Y-%m-%d %H:%M:%S +0000 UTC").to_string())
}
