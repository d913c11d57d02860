//! `narthex tsdb import openmetrics`: history from a text, read piece by piece, in bounded memory.

use super::Fault;
use super::args::ImportOptions;
use super::progress::Progress;
use crate::scrape::exposition::{Entry, Exposition, Format, parse_labels};
use narthex_storage::io::Files;
use narthex_storage::prometheus::LateSamples;
use narthex_storage::{Labels, LabelsBuilder};
use std::collections::HashMap;
use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;

/// Bytes that are parsed at once; a line may be longer.
const PIECE: usize = 4 << 20;
/// A line that is longer is refused.
const LINE_MAX: usize = 64 << 20;
/// Series whose labels are remembered.
const SERIES_MAX: usize = 1 << 18;

pub(super) fn run(options: &ImportOptions, out: &mut impl Write) -> Result<(), Fault> {
    let told = |what: &str, path: &Path, error: std::io::Error| {
        Fault::Told(format!("cannot {what} {}: {error}", path.display()))
    };
    let mut input = File::open(&options.input).map_err(|e| told("open", &options.input, e))?;
    let all = input.metadata().map_err(|e| told("read", &options.input, e))?.len();
    std::fs::create_dir_all(&options.path).map_err(|e| told("create", &options.path, e))?;
    let files = Files::os();
    // A server would not see the blocks, and takes half a block for garbage when it starts.
    let _lock = files.lock_directory(&options.path)?;
    let mut import =
        Import { late: LateSamples::new(&files, &options.path), known: HashMap::new(), lines: 0 };
    let mut progress = Progress::new("importing");
    let (mut buffer, mut done, mut samples) = (Vec::new(), 0u64, 0u64);
    let mut ended = false;
    loop {
        let before = buffer.len();
        let read = (&mut input).take(PIECE as u64).read_to_end(&mut buffer);
        read.map_err(|e| told("read", &options.input, e))?;
        let last = buffer.len() == before;
        let whole = match memchr::memrchr(b'\n', &buffer) {
            Some(newline) => newline + 1,
            None if last => buffer.len(),
            None => 0,
        };
        if whole == 0 && buffer.len() > LINE_MAX {
            return Err(Fault::Told(format!("line {} is longer than {LINE_MAX} bytes", import.lines + 1)));
        }
        let piece = buffer.get(..whole).unwrap_or_default();
        if ended && !piece.is_empty() {
            return Err(Fault::Told(format!("line {}: unexpected data after # EOF", import.lines + 1)));
        }
        if !piece.is_empty() {
            samples += import.piece(piece, &mut ended)?;
        }
        done += whole as u64;
        buffer.drain(..whole);
        progress.show(done, Some(all), &format!("{samples} samples"));
        if last && buffer.is_empty() {
            break;
        }
    }
    if !ended {
        return Err(Fault::Told("data does not end with # EOF".to_owned()));
    }
    let blocks = import.late.finish()?;
    drop(progress);
    if !options.quiet {
        for path in &blocks {
            writeln!(out, "{}", path.display())?;
        }
        writeln!(out, "{samples} samples in {} blocks", blocks.len())?;
    }
    Ok(())
}

struct Import<'a> {
    late: LateSamples<'a>,
    known: HashMap<Vec<u8>, Labels>,
    /// Lines before the piece.
    lines: usize,
}

impl Import<'_> {
    /// The labels of a series as it is written.
    fn labels(&mut self, series: &[u8]) -> Labels {
        if let Some(labels) = self.known.get(series) {
            return labels.clone();
        }
        let mut labels = LabelsBuilder::new();
        parse_labels(series, |name, value| {
            labels.set(name, value);
        });
        let labels = labels.build();
        if self.known.len() >= SERIES_MAX {
            self.known.clear();
        }
        self.known.insert(series.to_vec(), labels.clone());
        labels
    }

    /// Takes the samples of whole lines; the answer is how many there are.
    fn piece(&mut self, piece: &[u8], ended: &mut bool) -> Result<u64, Fault> {
        let page = Exposition::new(piece, Format::OpenMetrics);
        let (mut at, mut samples) = (0, 0);
        while at < piece.len() {
            let (entry, next) = page.entry(at).map_err(|mut error| {
                error.line += self.lines;
                Fault::Told(error.to_string())
            })?;
            let line = |at: usize| {
                self.lines + 1 + memchr::memchr_iter(b'\n', piece.get(..at).unwrap_or_default()).count()
            };
            if *ended {
                return Err(Fault::Told(format!("line {}: unexpected data after # EOF", line(at))));
            }
            match entry {
                Entry::Series(sample) => {
                    let Some(timestamp) = sample.timestamp else {
                        return Err(Fault::Told(format!(
                            "line {}: expected a timestamp, got none",
                            line(at)
                        )));
                    };
                    let labels = self.labels(sample.series);
                    self.late.float(&labels, (timestamp, sample.value, 0))?;
                    samples += 1;
                }
                Entry::End => *ended = true,
                Entry::Type { .. } | Entry::Help { .. } | Entry::Unit { .. } | Entry::Comment => {}
            }
            at = next.max(at + 1);
        }
        self.lines += memchr::memchr_iter(b'\n', piece).count();
        Ok(samples)
    }
}
