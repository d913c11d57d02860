//! A file of a block while it is written: bytes are handed to the disk in large pieces.

use crate::io::disk::DiskFile;
use crate::io::{Files, failed};
use crate::query::StorageError;
use std::path::{Path, PathBuf};

/// Size of the pieces.
const WRITE_BYTES: usize = 256 << 10;

/// A new file that grows at its end.
#[derive(Debug)]
pub(super) struct NewFile {
    path: PathBuf,
    file: Box<dyn DiskFile>,
    pending: Vec<u8>,
    written: u64,
}

impl NewFile {
    pub(super) fn create(files: &Files, path: &Path) -> Result<Self, StorageError> {
        let file = files.create(path)?;
        Ok(Self { path: path.to_owned(), file, pending: Vec::new(), written: 0 })
    }

    /// Bytes that were appended.
    pub(super) fn len(&self) -> u64 {
        self.written + self.pending.len() as u64
    }

    pub(super) fn append(&mut self, bytes: &[u8]) -> Result<(), StorageError> {
        self.pending.extend_from_slice(bytes);
        if self.pending.len() >= WRITE_BYTES { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<(), StorageError> {
        self.file.append(&self.pending).map_err(failed("write", &self.path))?;
        self.written += self.pending.len() as u64;
        self.pending.clear();
        Ok(())
    }

    /// Waits until all is on the disk.
    pub(super) fn finish(mut self) -> Result<(), StorageError> {
        self.flush()?;
        self.file.sync().map_err(failed("sync", &self.path))
    }

    /// An error for what the format cannot hold.
    pub(super) fn refuse(&self, why: &str) -> StorageError {
        failed("write", &self.path)(std::io::Error::other(why.to_owned()))
    }
}
