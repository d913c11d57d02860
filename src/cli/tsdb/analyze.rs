//! `narthex tsdb analyze`: cardinality and churn of a block, as `promtool tsdb analyze` prints them.

use super::args::AnalyzeOptions;
use super::list::go_duration;
use super::progress::Progress;
use super::{Fault, blocks, who};
use narthex_storage::Columns;
use narthex_storage::block::ServedBlock;
use std::collections::HashMap;
use std::io::{self, Write};

/// What is counted of a block.
#[derive(Default)]
struct Counts {
    series: u64,
    /// Labels of all series.
    pairs: u64,
    /// Series by label pair.
    by_pair: HashMap<(String, String), u64>,
    /// Time without samples of the series that have it, ms, by label pair and by name.
    uncovered_by_pair: HashMap<(String, String), i128>,
    uncovered_by_name: HashMap<String, i128>,
}

fn count(block: &ServedBlock) -> Result<Counts, Fault> {
    let mut counts = Counts::default();
    let meta = block.meta();
    let length = i128::from(meta.max_time) - i128::from(meta.min_time);
    let mut progress = Progress::new("analyzing");
    let mut columns = Columns::default();
    block.each_series(|labels, series| {
        columns.clear();
        series.read(&mut columns)?;
        let ends = columns.timestamps.first().zip(columns.timestamps.last());
        let uncovered = length - ends.map_or(0, |(first, last)| i128::from(*last) - i128::from(*first));
        counts.series += 1;
        for (name, value) in labels {
            let pair = (name.to_owned(), value.to_owned());
            counts.pairs += 1;
            *counts.by_pair.entry(pair.clone()).or_default() += 1;
            *counts.uncovered_by_pair.entry(pair).or_default() += uncovered;
            *counts.uncovered_by_name.entry(name.to_owned()).or_default() += uncovered;
        }
        progress.show(counts.series, Some(meta.stats.num_series), "");
        Ok(())
    })?;
    Ok(counts)
}

fn pair_text((name, value): &(String, String)) -> String {
    format!("{name}={value}")
}

pub(super) fn run(options: &AnalyzeOptions, out: &mut impl Write) -> Result<(), Fault> {
    let all = blocks(&options.path)?;
    let block = match &options.block {
        Some(ulid) => {
            let found = all.iter().find(|block| block.meta().ulid == *ulid);
            found.ok_or_else(|| Fault::Told(format!("block {ulid} not found")))?
        }
        None => all.last().ok_or_else(|| Fault::Told("no blocks found".to_owned()))?,
    };
    let counts = count(block)?;
    let meta = block.meta();
    let length = meta.max_time.saturating_sub(meta.min_time);
    writeln!(out, "Block ID: {}", meta.ulid)?;
    writeln!(out, "Duration: {}", go_duration(length))?;
    writeln!(out, "Series: {}", counts.series)?;
    writeln!(out, "Label names: {}", counts.uncovered_by_name.len())?;
    writeln!(out, "Postings (unique label pairs): {}", counts.by_pair.len())?;
    writeln!(out, "Postings entries (total label pairs): {}", counts.pairs)?;

    let parts = |uncovered: &i128| (uncovered / i128::from(length.max(1))).try_into().unwrap_or(0u64);
    let by_pair = counts.uncovered_by_pair.iter().map(|(pair, ms)| (pair_text(pair), parts(ms)));
    section(out, "Label pairs most involved in churning", by_pair, options.limit)?;
    let by_name = counts.uncovered_by_name.iter().map(|(name, ms)| (name.clone(), parts(ms)));
    section(out, "Label names most involved in churning", by_name, options.limit)?;
    let common = counts.by_pair.iter().map(|(pair, series)| (pair_text(pair), *series));
    section(out, "Most common label pairs", common, options.limit)?;
    let mut lengths: HashMap<&str, (u64, u64)> = HashMap::new();
    for (name, value) in counts.by_pair.keys() {
        let (bytes, values) = lengths.entry(name).or_default();
        *bytes += value.len() as u64;
        *values += 1;
    }
    let bytes = lengths.iter().map(|(name, (bytes, _))| ((*name).to_owned(), *bytes));
    section(out, "Label names with highest cumulative label value length", bytes, options.limit)?;
    let values = lengths.iter().map(|(name, (_, values))| ((*name).to_owned(), *values));
    section(out, "Highest cardinality labels", values, options.limit)?;
    let metrics = counts.by_pair.iter().filter(|((name, _), _)| name == "__name__");
    let metrics = metrics.map(|((_, metric), series)| (metric.clone(), *series));
    section(out, "Highest cardinality metric names", metrics, options.limit)?;
    who::write(&options.path, &all, options.limit, out)
}

/// A heading and the greatest numbers below it.
fn section(
    out: &mut impl Write,
    heading: &str,
    items: impl Iterator<Item = (String, u64)>,
    limit: usize,
) -> io::Result<()> {
    writeln!(out, "\n{heading}:")?;
    let mut items: Vec<(String, u64)> = items.collect();
    items.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    items.iter().take(limit).try_for_each(|(name, number)| writeln!(out, "{number} {name}"))
}
