//! The door to the disk: durable writes, renames and read-only maps, with errors that name the file.

pub mod mmap;

use crate::query::StorageError;
use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

/// Wraps a kernel error with what was being done.
pub(crate) fn failed(verb: &str, path: &Path) -> impl FnOnce(std::io::Error) -> StorageError {
    let action = format!("{verb} {}", path.display());
    move |source| StorageError::Io { action, source }
}

/// A [`StorageError::Corrupt`] naming file and place.
pub(crate) fn corrupt(path: &Path, place: &str, detail: impl ToString) -> StorageError {
    StorageError::Corrupt { what: format!("{} ({place})", path.display()), detail: detail.to_string() }
}

/// Writes a new file and waits until its bytes are on the disk.
pub(crate) fn write_durably(path: &Path, bytes: &[u8]) -> Result<(), StorageError> {
    let mut file = File::create(path).map_err(failed("create", path))?;
    file.write_all(bytes).map_err(failed("write", path))?;
    file.sync_all().map_err(failed("sync", path))
}

/// Waits until the directory's entries are on the disk.
pub(crate) fn sync_dir(path: &Path) -> Result<(), StorageError> {
    File::open(path).and_then(|dir| dir.sync_all()).map_err(failed("sync directory", path))
}

/// Renames within one directory and makes the rename durable.
pub(crate) fn rename_durably(from: &Path, to: &Path) -> Result<(), StorageError> {
    fs::rename(from, to).map_err(failed("rename", from))?;
    to.parent().map_or(Ok(()), sync_dir)
}
