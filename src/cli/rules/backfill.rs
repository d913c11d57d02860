//! `narthex rules backfill`: the past of recording rules, as blocks beside those that are there.

use super::args::BackfillOptions;
use super::{Fault, data_directory, engine, load};
use crate::rules::backfill::{Filled, backfill};
use crate::rules::sink::OutputValue;
use narthex_storage::io::Files;
use narthex_storage::prometheus::LateSamples;
use narthex_storage::{Db, Queryable};
use std::io::Write;
use std::sync::Arc;

pub(super) fn run(options: &BackfillOptions, out: &mut impl Write) -> Result<(), Fault> {
    data_directory(&options.path)?;
    let rules = load(&options.rules)?;
    std::fs::create_dir_all(&options.output)
        .map_err(|e| Fault::Told(format!("cannot create {}: {e}", options.output.display())))?;
    let files = Files::os();
    // A server would not see the blocks, and takes half a block for garbage when it starts.
    let _lock = files.lock_directory(&options.output)?;
    let store: Arc<dyn Queryable> = Arc::new(Db::open_read_only(&options.path)?);
    let mut late = LateSamples::new(&files, &options.output);
    let wanted = |name: &str| options.names.is_empty() || options.names.iter().any(|one| one == name);
    let mut write = |(labels, time, value): Filled<'_>| -> Result<(), Fault> {
        match value {
            OutputValue::Float(value) => late.float(labels, (time, *value, 0))?,
            OutputValue::Histogram(histogram) => late.histogram(labels, (time, Arc::clone(histogram), 0))?,
        }
        Ok(())
    };
    let engine = engine(options.span.interval_ms);
    let done = backfill(&rules, options.span, &store, &engine, &wanted, &mut write)?;
    let blocks = late.finish()?;
    if let Some((rule, error)) = &done.replayed.error {
        let (failures, all) = (done.replayed.failures, done.replayed.evaluations);
        eprintln!("warning: {failures} of {all} evaluations failed, the first of {rule}: {error}");
    }
    if !options.quiet {
        for path in &blocks {
            writeln!(out, "{}", path.display())?;
        }
        let (written, present) = (done.written, done.present);
        writeln!(out, "{written} samples in {} blocks, {present} were there already", blocks.len())?;
    }
    Ok(())
}
