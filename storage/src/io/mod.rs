//! The door to the disk: durable writes, renames and read-only maps, with errors that name the file.

pub mod disk;
pub mod mmap;
pub mod read_only;

use crate::filenames;
use crate::query::StorageError;
use disk::{Disk, DiskFile, DiskLock, Listed, OsDisk};
use mmap::Bytes;
use std::path::Path;
use std::sync::Arc;

/// Wraps a kernel error with what was being done.
pub(crate) fn failed(verb: &str, path: &Path) -> impl FnOnce(std::io::Error) -> StorageError {
    let action = format!("{verb} {}", path.display());
    move |source| StorageError::Io { action, source }
}

/// A [`StorageError::Corrupt`] naming file and place.
pub(crate) fn corrupt(path: &Path, place: &str, detail: impl ToString) -> StorageError {
    StorageError::Corrupt { what: format!("{} ({place})", path.display()), detail: detail.to_string() }
}

/// A disk, with errors that name the file.
#[derive(Debug, Clone)]
pub struct Files(Arc<dyn Disk>);

impl Files {
    /// Files on any disk.
    #[must_use]
    pub fn on(disk: Arc<dyn Disk>) -> Self {
        Self(disk)
    }

    /// Files on the disk of the operating system.
    #[must_use]
    pub fn os() -> Self {
        Self(Arc::new(OsDisk))
    }

    pub(crate) fn create_dirs(&self, dir: &Path) -> Result<(), StorageError> {
        self.0.create_dirs(dir).map_err(failed("create", dir))
    }

    /// What a directory holds, sorted by name.
    pub(crate) fn list(&self, dir: &Path) -> Result<Vec<Listed>, StorageError> {
        let mut found = self.0.list(dir).map_err(failed("list", dir))?;
        found.sort_unstable_by(|a, b| a.path.cmp(&b.path));
        Ok(found)
    }

    pub(crate) fn create(&self, path: &Path) -> Result<Box<dyn DiskFile>, StorageError> {
        self.0.create(path).map_err(failed("create", path))
    }

    pub(crate) fn open(&self, path: &Path) -> Result<Box<dyn DiskFile>, StorageError> {
        self.0.open(path).map_err(failed("open", path))
    }

    pub(crate) fn map(&self, path: &Path) -> Result<Bytes, StorageError> {
        self.0.map(path).map_err(failed("open", path))
    }

    /// Cuts a file short and waits until that is on the disk.
    pub(crate) fn cut_durably(&self, path: &Path, len: u64) -> Result<(), StorageError> {
        let file = self.open(path)?;
        file.set_len(len).map_err(failed("truncate", path))?;
        file.sync().map_err(failed("sync", path))
    }

    /// Writes a new file and waits until its bytes are on the disk.
    pub(crate) fn write_durably(&self, path: &Path, bytes: &[u8]) -> Result<(), StorageError> {
        let file = self.create(path)?;
        file.append(bytes).map_err(failed("write", path))?;
        file.sync().map_err(failed("sync", path))
    }

    /// Puts a file in the place of the one with its name, if there is one: after a crash one of the two is
    /// there, whole.
    ///
    /// # Errors
    /// The file cannot be written, synced or renamed.
    pub fn replace_durably(&self, path: &Path, bytes: &[u8]) -> Result<(), StorageError> {
        let mut aside = path.to_owned().into_os_string();
        aside.push(filenames::CREATING_SUFFIX);
        let aside = Path::new(&aside);
        // One that a crash left.
        let _ = self.0.remove_file(aside);
        self.write_durably(aside, bytes)?;
        self.rename_durably(aside, path)
    }

    /// Renames within one directory and makes the rename durable.
    pub(crate) fn rename_durably(&self, from: &Path, to: &Path) -> Result<(), StorageError> {
        self.0.rename(from, to).map_err(failed("rename", from))?;
        to.parent().map_or(Ok(()), |dir| self.sync_dir(dir))
    }

    /// Gives a file a second name.
    ///
    /// # Errors
    /// As [`Disk::link`].
    pub fn link(&self, from: &Path, to: &Path) -> Result<(), StorageError> {
        self.0.link(from, to).map_err(failed("link", from))
    }

    pub(crate) fn remove_file(&self, path: &Path) -> Result<(), StorageError> {
        self.0.remove_file(path).map_err(failed("delete", path))
    }

    /// Removes a directory with all it holds.
    pub(crate) fn remove_tree(&self, dir: &Path) -> Result<(), StorageError> {
        for Listed { path, is_dir, .. } in self.list(dir)? {
            if is_dir { self.remove_tree(&path) } else { self.remove_file(&path) }?;
        }
        self.0.remove_dir(dir).map_err(failed("delete", dir))
    }

    /// Waits until the directory's entries are on the disk.
    pub(crate) fn sync_dir(&self, dir: &Path) -> Result<(), StorageError> {
        self.0.sync_dir(dir).map_err(failed("sync directory", dir))
    }

    pub(crate) fn lock(&self, path: &Path) -> Result<DiskLock, StorageError> {
        let lock = self.0.lock(path).map_err(failed("lock", path))?;
        lock.ok_or_else(|| StorageError::Locked(path.display().to_string()))
    }

    /// Takes the lock of a data directory, for as long as the value lives.
    ///
    /// # Errors
    /// Another process has it.
    pub fn lock_directory(&self, dir: &Path) -> Result<DiskLock, StorageError> {
        self.lock(&dir.join(filenames::LOCK))
    }

    /// Bytes of everything in a directory and below it. What vanishes meanwhile does not count.
    pub(crate) fn tree_bytes(&self, dir: &Path) -> u64 {
        let found = self.0.list(dir).unwrap_or_default();
        found.iter().map(|one| if one.is_dir { self.tree_bytes(&one.path) } else { one.len }).sum()
    }

    /// Bytes that may still be written, where that is known.
    #[must_use]
    pub fn free_bytes(&self, dir: &Path) -> Option<u64> {
        self.0.free_bytes(dir).ok().flatten()
    }
}
