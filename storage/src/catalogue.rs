//! The catalogue: the labels of the head's series, by their ids.
//!
//! The log tells the labels of a series before the first record that speaks of it. When a flush makes the log
//! superfluous, the labels of new series are appended here first: SERIES records as in the log, small ones, so
//! that damage costs few series. What is there of series that are gone is dropped by writing the file anew.

use crate::filenames;
use crate::head::series::MemSeries;
use crate::io::disk::DiskFile;
use crate::io::{Files, failed};
use crate::query::StorageError;
use crate::wal::reader::{Damage, read_segment};
use crate::wal::record::{self, Kind};
use roaring::RoaringBitmap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Bytes of a record.
const RECORD_BYTES: usize = 16 << 10;
/// Bytes are handed to the disk in pieces of about this size.
const WRITE_BYTES: usize = 1 << 20;

/// The open catalogue.
#[derive(Debug)]
pub(crate) struct Catalogue {
    files: Files,
    path: PathBuf,
    /// `None`: the file is not there, or a failed write left something behind; then it is written anew.
    file: Option<Box<dyn DiskFile>>,
    known: RoaringBitmap,
    /// Bytes behind the last whole record when it was opened.
    pub(crate) torn_bytes: usize,
}

impl Catalogue {
    /// Opens the catalogue in a data directory and hands the payloads of its records to `take`, which tells
    /// the ids it found. A torn end is cut off.
    ///
    /// # Errors
    /// The file is there and cannot be read.
    pub(crate) fn open(
        files: &Files,
        dir: &Path,
        take: impl FnOnce(&[&[u8]]) -> RoaringBitmap,
    ) -> Result<(Self, Damage), StorageError> {
        let path = dir.join(filenames::CATALOGUE);
        let mut known = RoaringBitmap::new();
        let there = files.list(dir)?.iter().any(|listed| listed.path == path);
        let mut damage = Damage::default();
        let mut torn_bytes = 0;
        if there {
            let bytes = files.map(&path)?;
            let mut records = Vec::new();
            damage = read_segment(&bytes, |kind, payload| {
                if kind == Kind::Series {
                    records.push(payload);
                }
            });
            known = take(&records);
            torn_bytes = damage.torn_at.map_or(0, |at| bytes.len() - at);
        }
        let cut = damage.torn_at.map_or(Ok(()), |at| files.cut_durably(&path, at as u64));
        let file = if there && cut.is_ok() { files.open(&path).ok() } else { None };
        Ok((Self { files: files.clone(), path, file, known, torn_bytes }, damage))
    }

    /// The log still tells the labels of these series: the flush that was to make them durable here may not have
    /// come to its end.
    pub(crate) fn doubt(&mut self, series: &RoaringBitmap) {
        self.known -= series;
    }

    /// Makes the labels of all `live` series durable.
    ///
    /// # Errors
    /// They cannot be written; what the file held is still there.
    pub(crate) fn save(&mut self, live: &[Arc<MemSeries>]) -> Result<(), StorageError> {
        let dead = self.known.len().saturating_sub(live.len() as u64);
        if self.file.is_none() || dead > 1024.max(live.len() as u64) {
            return self.rewrite(live);
        }
        let new: Vec<&Arc<MemSeries>> = live.iter().filter(|one| !self.known.contains(one.id)).collect();
        if new.is_empty() {
            return Ok(());
        }
        // Until all of it is written and synced, nobody knows how the file ends.
        let Some(file) = self.file.take() else { return Ok(()) };
        write(&*file, &new, &self.path)?;
        self.known.extend(new.iter().map(|one| one.id));
        self.file = Some(file);
        Ok(())
    }

    fn rewrite(&mut self, live: &[Arc<MemSeries>]) -> Result<(), StorageError> {
        self.file = None;
        let mut aside = self.path.clone().into_os_string();
        aside.push(filenames::CREATING_SUFFIX);
        let aside = Path::new(&aside);
        // One that an earlier attempt left.
        let _ = self.files.remove_file(aside);
        let file = self.files.create(aside)?;
        write(&*file, &live.iter().collect::<Vec<_>>(), aside)?;
        self.files.rename_durably(aside, &self.path)?;
        self.known = live.iter().map(|one| one.id).collect();
        self.file = Some(file);
        Ok(())
    }
}

fn write(file: &dyn DiskFile, series: &[&Arc<MemSeries>], path: &Path) -> Result<(), StorageError> {
    let mut out = Vec::new();
    let mut series = series.iter().peekable();
    while series.peek().is_some() {
        record::put(&mut out, Kind::Series, |out| {
            let start = out.len();
            while out.len() - start < RECORD_BYTES
                && let Some(one) = series.next()
            {
                one.encode(out);
            }
        });
        if out.len() >= WRITE_BYTES || series.peek().is_none() {
            file.append(&out).map_err(failed("write", path))?;
            out.clear();
        }
    }
    file.sync().map_err(failed("sync", path))
}
