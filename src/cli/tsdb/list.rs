//! `narthex tsdb list`: the blocks of a directory, as `promtool tsdb list` prints them, and whose they are.

use super::args::ListOptions;
use super::{Fault, blocks, utc};
use crate::settings::duration::format_duration;
use narthex_storage::block::BlockMeta;
use std::io::Write;

/// The least width of a column, and the spaces behind it: those of promtool.
const COLUMN_MIN: usize = 13;
const GAP: usize = 2;

const HEADS: [&str; 9] = [
    "BLOCK ULID",
    "MIN TIME",
    "MAX TIME",
    "DURATION",
    "NUM SAMPLES",
    "NUM CHUNKS",
    "NUM SERIES",
    "SIZE",
    "FORMAT",
];

pub(super) fn run(options: &ListOptions, out: &mut impl Write) -> Result<(), Fault> {
    let mut rows = vec![HEADS.map(str::to_owned)];
    for block in blocks(&options.path)? {
        let meta = block.meta();
        let time = |ms: i64| if options.human { utc(ms) } else { ms.to_string() };
        let size = block.size_bytes();
        rows.push([
            meta.ulid.clone(),
            time(meta.min_time),
            time(meta.max_time),
            go_duration(meta.max_time.saturating_sub(meta.min_time)),
            meta.stats.num_samples.to_string(),
            meta.stats.num_chunks.to_string(),
            meta.stats.num_series.to_string(),
            if options.human { base2_bytes(size) } else { size.to_string() },
            format(meta),
        ]);
    }
    let width = |at: usize| {
        let longest = rows.iter().filter_map(|row| row.get(at)).map(String::len).max().unwrap_or(0);
        (longest + GAP).max(COLUMN_MIN)
    };
    let widths: Vec<usize> = (0..HEADS.len()).map(width).collect();
    for row in &rows {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        writeln!(out, "{}", cells.collect::<String>().trim_end())?;
    }
    Ok(())
}

/// Whose block it is, and the intervals that its samples stand for.
fn format(meta: &BlockMeta) -> String {
    let intervals = meta.rules.downsampled.iter().map(|one| format_duration(i64::from(one.resolution)));
    std::iter::once(meta.format.clone()).chain(intervals).collect::<Vec<_>>().join(" ")
}

/// A duration as Go prints it: `1h59m0.501s`.
pub(super) fn go_duration(ms: i64) -> String {
    let sign = if ms < 0 { "-" } else { "" };
    let ms = ms.unsigned_abs();
    if ms == 0 {
        return "0s".to_owned();
    }
    if ms < 1000 {
        return format!("{sign}{ms}ms");
    }
    let (hours, minutes, rest) = (ms / 3_600_000, ms / 60_000 % 60, ms % 60_000);
    let fraction = format!(".{:03}", rest % 1000);
    let seconds = format!("{}{}s", rest / 1000, fraction.trim_end_matches('0').trim_end_matches('.'));
    match (hours, minutes) {
        (0, 0) => format!("{sign}{seconds}"),
        (0, minutes) => format!("{sign}{minutes}m{seconds}"),
        (hours, minutes) => format!("{sign}{hours}h{minutes}m{seconds}"),
    }
}

/// Bytes in binary units, each as often as it fits: `1KiB183B`.
fn base2_bytes(mut bytes: u64) -> String {
    if bytes == 0 {
        return "0B".to_owned();
    }
    let mut out = String::new();
    for (unit, name) in [(1u64 << 40, "TiB"), (1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB"), (1, "B")]
    {
        if bytes >= unit {
            out.push_str(&format!("{}{name}", bytes / unit));
            bytes %= unit;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_and_sizes_are_those_of_go() {
        for (ms, text) in [
            (0, "0s"),
            (7, "7ms"),
            (1_500, "1.5s"),
            (60_000, "1m0s"),
            (7_140_501, "1h59m0.501s"),
            (-7_200_000, "-2h0m0s"),
        ] {
            assert_eq!(go_duration(ms), text);
        }
        assert_eq!([0, 1207, 1 << 30].map(base2_bytes), ["0B", "1KiB183B", "1GiB"]);
    }
}
