//! The door to the disk: durable writes, renames and read-only maps, with errors that name the file.

pub mod disk;
pub mod mmap;
pub mod read_only;

use crate::damage::DamageList;
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

/// A file that has its name, and whether the name is on the disk.
pub(crate) type Named = (Box<dyn DiskFile>, Result<(), StorageError>);

/// A disk, with errors that name the file, and the list of what was found damaged on it.
#[derive(Debug, Clone)]
pub struct Files {
    disk: Arc<dyn Disk>,
    damage: Arc<DamageList>,
}

impl Files {
    /// Files on any disk.
    #[must_use]
    pub fn on(disk: Arc<dyn Disk>) -> Self {
        Self { disk, damage: Arc::default() }
    }

    /// Files on the disk of the operating system.
    #[must_use]
    pub fn os() -> Self {
        Self::on(Arc::new(OsDisk))
    }

    /// What was found damaged.
    pub(crate) fn damage(&self) -> &Arc<DamageList> {
        &self.damage
    }

    pub(crate) fn create_dirs(&self, dir: &Path) -> Result<(), StorageError> {
        self.disk.create_dirs(dir).map_err(failed("create", dir))
    }

    /// What a directory holds, sorted by name.
    pub(crate) fn list(&self, dir: &Path) -> Result<Vec<Listed>, StorageError> {
        let mut found = self.disk.list(dir).map_err(failed("list", dir))?;
        found.sort_unstable_by(|a, b| a.path.cmp(&b.path));
        Ok(found)
    }

    pub(crate) fn create(&self, path: &Path) -> Result<Box<dyn DiskFile>, StorageError> {
        self.disk.create(path).map_err(failed("create", path))
    }

    pub(crate) fn open(&self, path: &Path) -> Result<Box<dyn DiskFile>, StorageError> {
        self.disk.open(path).map_err(failed("open", path))
    }

    pub(crate) fn map(&self, path: &Path) -> Result<Bytes, StorageError> {
        self.disk.map(path).map_err(failed("open", path))
    }

    /// Waits until the bytes of an existing file are on the disk.
    pub(crate) fn sync_file(&self, path: &Path) -> Result<(), StorageError> {
        self.open(path)?.sync().map_err(failed("sync", path))
    }

    pub(crate) fn rename(&self, from: &Path, to: &Path) -> Result<(), StorageError> {
        self.disk.rename(from, to).map_err(failed("rename", from))
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
        self.write_aside(path, bytes)?.1
    }

    /// Writes a new file aside, waits until its bytes are on the disk, and gives it its name; the second
    /// result says whether the name is on the disk, too.
    pub(crate) fn write_aside(&self, path: &Path, bytes: &[u8]) -> Result<Named, StorageError> {
        let mut aside = path.to_owned().into_os_string();
        aside.push(filenames::CREATING_SUFFIX);
        let aside = Path::new(&aside);
        // One that an earlier attempt left.
        let _ = self.disk.remove_file(aside);
        let file = self.create(aside)?;
        file.append(bytes).map_err(failed("write", aside))?;
        file.sync().map_err(failed("sync", aside))?;
        self.disk.rename(aside, path).map_err(failed("rename", aside))?;
        Ok((file, path.parent().map_or(Ok(()), |dir| self.sync_dir(dir))))
    }

    /// Renames within one directory and makes the rename durable.
    pub(crate) fn rename_durably(&self, from: &Path, to: &Path) -> Result<(), StorageError> {
        self.disk.rename(from, to).map_err(failed("rename", from))?;
        to.parent().map_or(Ok(()), |dir| self.sync_dir(dir))
    }

    /// Gives a file a second name.
    ///
    /// # Errors
    /// As [`Disk::link`].
    pub fn link(&self, from: &Path, to: &Path) -> Result<(), StorageError> {
        self.disk.link(from, to).map_err(failed("link", from))
    }

    pub(crate) fn remove_file(&self, path: &Path) -> Result<(), StorageError> {
        self.disk.remove_file(path).map_err(failed("delete", path))
    }

    /// Removes a directory with all it holds.
    pub(crate) fn remove_tree(&self, dir: &Path) -> Result<(), StorageError> {
        for Listed { path, is_dir, .. } in self.list(dir)? {
            if is_dir { self.remove_tree(&path) } else { self.remove_file(&path) }?;
        }
        self.disk.remove_dir(dir).map_err(failed("delete", dir))
    }

    /// Waits until the directory's entries are on the disk.
    pub(crate) fn sync_dir(&self, dir: &Path) -> Result<(), StorageError> {
        self.disk.sync_dir(dir).map_err(failed("sync directory", dir))
    }

    pub(crate) fn lock(&self, path: &Path) -> Result<DiskLock, StorageError> {
        let lock = self.disk.lock(path).map_err(failed("lock", path))?;
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
        let found = self.disk.list(dir).unwrap_or_default();
        found.iter().map(|one| if one.is_dir { self.tree_bytes(&one.path) } else { one.len }).sum()
    }

    /// Bytes that may still be written, where that is known.
    #[must_use]
    pub fn free_bytes(&self, dir: &Path) -> Option<u64> {
        self.disk.free_bytes(dir).ok().flatten()
    }
}
