//! The log at a start: which segments there are, how far each is to be believed, and what they say.

use super::open::{OpenReport, lost};
use super::progress::ReplayProgress;
use crate::damage::{DamageAction, DamageKind};
use crate::filenames;
use crate::head::replay::Replay;
use crate::io::Files;
use crate::io::mmap::Bytes;
use crate::query::StorageError;
use crate::wal::reader::read_segment;
use crate::wal::record::{self, Kind};
use crate::wal::{WalSync, writer};
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// Records are applied once they have so many bytes, so that progress is seen within a segment.
const BATCH: usize = 16 << 20;

/// A segment that is to be read.
pub(super) struct Segment {
    number: u64,
    path: PathBuf,
    bytes: Bytes,
    /// From here on a later segment tells what is true.
    end: usize,
}

impl Segment {
    fn believed(&self) -> &[u8] {
        self.bytes.get(..self.end).unwrap_or_default()
    }
}

/// The segments from `first` on, oldest first; older ones are deleted, since a flush has what they say. What a
/// killed process wrote is forced to the disk, because whoever sees it takes it for stored.
///
/// # Errors
/// A segment cannot be read or synced.
pub(super) fn find(
    files: &Files,
    dir: &Path,
    first: u64,
    policy: WalSync,
) -> Result<Vec<Segment>, StorageError> {
    for one in files.list(dir)? {
        if one.path.to_str().is_some_and(|name| name.ends_with(filenames::CREATING_SUFFIX)) {
            let _ = files.remove_file(&one.path);
        }
    }
    let (mut found, mut voids) = (Vec::new(), HashMap::new());
    for (number, path) in writer::segments(files, dir)? {
        if number < first {
            // A crash came before it was deleted. If that fails now, the next flush tries it again.
            let _ = files.remove_file(&path);
            continue;
        }
        let bytes = files.map(&path)?;
        if policy != WalSync::Never && files.sync_file(&path).is_err() {
            // The kernel may have dropped what it could not write: write it anew, from what can be read.
            files.replace_durably(&path, &bytes)?;
        }
        for (segment, from) in record::voids(&bytes) {
            let end = voids.entry(segment).or_insert(from);
            *end = from.min(*end);
        }
        found.push((number, path, bytes));
    }
    let segment = |(number, path, bytes): (u64, PathBuf, Bytes)| {
        let end = voids.get(&number).and_then(|from| usize::try_from(*from).ok());
        let end = end.unwrap_or(usize::MAX).min(bytes.len());
        Segment { number, path, bytes, end }
    };
    Ok(found.into_iter().map(segment).collect())
}

/// A number for the next segment that nothing in the directory has, whatever it is.
///
/// # Errors
/// The directory cannot be listed.
pub(super) fn next_number(files: &Files, dir: &Path, first: u64) -> Result<u64, StorageError> {
    let number = |path: &Path| path.file_name()?.to_str()?.parse::<u64>().ok();
    let taken = files.list(dir)?.iter().filter_map(|one| number(&one.path)).max();
    Ok(taken.map_or(first, |taken| taken.saturating_add(1).max(first)))
}

/// Replays the labels of every segment.
pub(super) fn read_labels(
    files: &Files,
    segments: &[Segment],
    replay: &mut Replay,
    report: &mut OpenReport,
    progress: &ReplayProgress,
) {
    if let (Some(first), Some(last)) = (segments.first(), segments.last()) {
        let bytes = segments.iter().map(|segment| segment.end as u64).sum();
        progress.begin(first.number, last.number, bytes);
    }
    for segment in segments {
        let mut records = Vec::new();
        let damage = read_segment(segment.believed(), |kind, payload| {
            if kind == Kind::Series {
                records.push(payload);
            }
        });
        replay.labels(&records);
        if let Some(at) = damage.torn_at {
            let len = segment.end - at;
            let mut torn = lost(segment.path.clone(), DamageKind::Log, at, len);
            torn.action = DamageAction::CutOff;
            report.note(files, torn);
        }
        for (at, len) in damage.gaps {
            report.note(files, lost(segment.path.clone(), DamageKind::Log, at, len));
        }
        segment.bytes.release();
        progress.read(segment.end as u64);
    }
}

/// Replays everything but labels.
pub(super) fn read(
    segments: Vec<Segment>,
    files: &Files,
    replay: &mut Replay,
    report: &mut OpenReport,
    progress: &ReplayProgress,
) {
    for segment in segments {
        progress.enter(segment.number);
        let mut records = Vec::new();
        let damage = read_segment(segment.believed(), |kind, payload| {
            if kind != Kind::Series {
                records.push((kind, payload));
            }
        });
        let unflushed = |kind: Kind| matches!(kind, Kind::Full | Kind::Row | Kind::Samples | Kind::Runs);
        report.unflushed_records += records.iter().filter(|(kind, _)| unflushed(*kind)).count() as u64;
        let mut applied = 0;
        for batch in batches(&records) {
            replay.records(batch);
            let bytes = bytes_of(batch);
            applied += bytes;
            progress.read(bytes as u64);
        }
        // Labels, and what stands around records.
        progress.read(segment.end.saturating_sub(applied) as u64);
        report.segments += 1;
        let Segment { path, bytes, .. } = segment;
        // Nobody has it mapped any more.
        drop(bytes);
        if let Some(at) = damage.torn_at {
            // What stands behind is not read in any case.
            let _ = files.cut_durably(&path, at as u64);
        }
    }
}

fn bytes_of(records: &[(Kind, &[u8])]) -> usize {
    records.iter().map(|(_, payload)| payload.len()).sum()
}

/// Consecutive records of about `BATCH` bytes each.
fn batches<'a, 'b>(records: &'b [(Kind, &'a [u8])]) -> impl Iterator<Item = &'b [(Kind, &'a [u8])]> {
    let mut bytes = 0;
    records.chunk_by(move |(_, payload), _| {
        bytes += payload.len();
        let goes_on = bytes < BATCH;
        if !goes_on {
            bytes = 0;
        }
        goes_on
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_have_all_records_in_order_and_end_once_they_are_large() {
        let large = vec![0; BATCH / 2];
        let records: Vec<(Kind, &[u8])> = (0..7).map(|_| (Kind::Row, large.as_slice())).collect();
        let sizes: Vec<usize> = batches(&records).map(<[_]>::len).collect();
        assert_eq!(sizes, [2, 2, 2, 1]);
        assert_eq!(batches(&[]).count(), 0);
    }
}
