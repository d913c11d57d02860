//! Who brought which label, and since when: over all blocks and the head.

use super::progress::Progress;
use super::{Fault, utc};
use narthex_storage::block::ServedBlock;
use narthex_storage::{Columns, Db, Labels, Queryable, SelectHints, StorageError};
use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

/// Jobs of a label that are printed.
const JOBS: usize = 5;
/// Jobs that are told apart for a label; the others are one.
const JOBS_MAX: usize = 1000;

/// What a job did with a label.
#[derive(Clone, Copy)]
struct Seen {
    /// Its oldest sample, ms.
    first_ms: i64,
    /// The part of the data (a block, or the head) in which it was seen first.
    part: usize,
}

/// By label name and job.
#[derive(Default)]
struct Finds(BTreeMap<String, BTreeMap<String, Seen>>);

impl Finds {
    /// Notes a series of a part. Its samples are read only where they can tell something new: in the first part
    /// that has a label of a job.
    fn note(
        &mut self,
        part: usize,
        labels: &Labels,
        first: &mut dyn FnMut() -> Result<Option<i64>, StorageError>,
    ) -> Result<(), StorageError> {
        let job = labels.get("job").or_else(|| labels.get("instance")).unwrap_or("(no job)");
        let mut known: Option<Option<i64>> = None;
        for (name, _) in labels {
            let before = self.0.get(name).and_then(|jobs| jobs.get(job));
            if before.is_some_and(|seen| seen.part != part) {
                continue;
            }
            let found = match known {
                Some(found) => found,
                None => *known.insert(first()?),
            };
            let Some(first_ms) = found else { continue };
            let jobs = self.0.entry(name.to_owned()).or_default();
            let job = if jobs.len() >= JOBS_MAX && !jobs.contains_key(job) { "(others)" } else { job };
            let seen = jobs.entry(job.to_owned()).or_insert(Seen { first_ms, part });
            seen.first_ms = seen.first_ms.min(first_ms);
        }
        Ok(())
    }
}

/// Writes a line for each label: the jobs that have it, oldest first, and when each was first seen with it.
pub(super) fn write(
    dir: &Path,
    blocks: &[ServedBlock],
    limit: usize,
    out: &mut impl Write,
) -> Result<(), Fault> {
    let mut finds = Finds::default();
    let mut columns = Columns::default();
    let mut progress = Progress::new("looking for labels");
    for (part, block) in blocks.iter().enumerate() {
        progress.show(part as u64, Some(blocks.len() as u64), &block.meta().ulid);
        block.each_series(|labels, series| {
            finds.note(part, labels, &mut || {
                columns.clear();
                series.read(&mut columns)?;
                Ok(columns.timestamps.first().copied())
            })
        })?;
    }
    let db = Db::open_read_only(dir)?;
    let stats = db.stats(0);
    if stats.min_time <= stats.max_time {
        let (mint, maxt) = (stats.min_time, stats.max_time);
        let hints = SelectHints { mint, maxt, ..SelectHints::default() };
        for series in db.querier(mint, maxt)?.select(&[], &hints)? {
            finds.note(blocks.len(), series.labels(), &mut || {
                columns.clear();
                series.read(mint, maxt, &mut columns)?;
                Ok(columns.timestamps.first().copied())
            })?;
        }
    }
    drop(progress);
    writeln!(out, "\nWho brought which label, newest first:")?;
    let mut lines: Vec<(i64, &String, &BTreeMap<String, Seen>)> = Vec::new();
    for (name, jobs) in &finds.0 {
        lines.push((jobs.values().map(|seen| seen.first_ms).min().unwrap_or(0), name, jobs));
    }
    lines.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(b.1)));
    for (_, name, jobs) in lines.into_iter().take(limit) {
        let mut jobs: Vec<(&String, &Seen)> = jobs.iter().collect();
        jobs.sort_by_key(|(job, seen)| (seen.first_ms, *job));
        let more = jobs.len().saturating_sub(JOBS);
        let told = jobs.iter().take(JOBS).map(|(job, seen)| format!("{job} since {}", utc(seen.first_ms)));
        let told = told.collect::<Vec<_>>().join(", ");
        let more = if more > 0 { format!(", and {more} more") } else { String::new() };
        writeln!(out, "{name}: {told}{more}")?;
    }
    Ok(())
}
