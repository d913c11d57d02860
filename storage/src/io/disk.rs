//! The disk as the engine sees it: few operations, each of which may fail or be cut short by a crash.
//!
//! Everything the engine reads or writes goes through [`Disk`], so that a test can put a disk beneath it that
//! loses, tears and reorders what was not synced.

use super::mmap::Bytes;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Where files are. What a process writes is visible to itself at once; what survives a power cut is what
/// was synced: a file's bytes by [`DiskFile::sync`], its name by [`Disk::sync_dir`] of its directory.
pub trait Disk: Send + Sync + std::fmt::Debug {
    /// Creates a directory and those above it, where missing.
    ///
    /// # Errors
    /// As the kernel says; so for every operation.
    fn create_dirs(&self, dir: &Path) -> io::Result<()>;
    /// What a directory holds, in any order.
    ///
    /// # Errors
    /// The directory cannot be listed.
    fn list(&self, dir: &Path) -> io::Result<Vec<Listed>>;
    /// A new, empty file that must not exist yet.
    ///
    /// # Errors
    /// The file exists or cannot be created.
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;
    /// An existing file, to be cut or synced.
    ///
    /// # Errors
    /// The file cannot be opened.
    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;
    /// The bytes of a file that nobody writes any more.
    ///
    /// # Errors
    /// The file cannot be opened or mapped.
    fn map(&self, path: &Path) -> io::Result<Bytes>;
    /// Gives a file or directory another name, which it replaces if it is a file's.
    ///
    /// # Errors
    /// The name cannot be changed.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Gives a file a second name.
    ///
    /// # Errors
    /// The file system has no hard links, or `to` exists.
    fn link(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Takes a file's name away; whoever has it mapped keeps its bytes.
    ///
    /// # Errors
    /// The file cannot be removed.
    fn remove_file(&self, path: &Path) -> io::Result<()>;
    /// Removes an empty directory.
    ///
    /// # Errors
    /// The directory is not empty or cannot be removed.
    fn remove_dir(&self, dir: &Path) -> io::Result<()>;
    /// Waits until the names in a directory are on the disk.
    ///
    /// # Errors
    /// They cannot be written.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;
    /// Takes the lock of a file, which is made where missing, as long as the value lives; `None` when another
    /// process has it.
    ///
    /// # Errors
    /// The file cannot be opened or locked.
    fn lock(&self, path: &Path) -> io::Result<Option<DiskLock>>;
    /// Bytes that may still be written, where that is known.
    ///
    /// # Errors
    /// The file system cannot be asked.
    fn free_bytes(&self, dir: &Path) -> io::Result<Option<u64>>;
}

/// Held as long as the lock is.
pub type DiskLock = Box<dyn std::any::Any + Send + Sync>;

/// What stands in a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// The directory and the name in it.
    pub path: PathBuf,
    /// Whether it is a directory itself.
    pub is_dir: bool,
    /// Bytes of a file.
    pub len: u64,
}

/// A file that is written from its beginning to its end.
pub trait DiskFile: Send + Sync + std::fmt::Debug {
    /// Writes behind what was written. After an error any part of `bytes` may be there.
    ///
    /// # Errors
    /// Not all of it was written.
    fn append(&self, bytes: &[u8]) -> io::Result<()>;
    /// Waits until the bytes and the length are on the disk.
    ///
    /// # Errors
    /// They cannot be written, and may be lost for good.
    fn sync(&self) -> io::Result<()>;
    /// Cuts the file to a length.
    ///
    /// # Errors
    /// The length cannot be changed.
    fn set_len(&self, len: u64) -> io::Result<()>;
}

/// The disk of the operating system.
#[derive(Debug, Clone, Copy, Default)]
pub struct OsDisk;

impl Disk for OsDisk {
    fn create_dirs(&self, dir: &Path) -> io::Result<()> {
        fs::create_dir_all(dir)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<Listed>> {
        let mut found = Vec::new();
        for entry in fs::read_dir(dir)? {
            let path = entry?.path();
            // What vanishes while it is listed was not there; a link counts as what it leads to.
            if let Ok(meta) = fs::metadata(&path) {
                found.push(Listed { path, is_dir: meta.is_dir(), len: meta.len() });
            }
        }
        Ok(found)
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(OpenOptions::new().append(true).create_new(true).open(path)?))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(OpenOptions::new().append(true).open(path)?))
    }

    fn map(&self, path: &Path) -> io::Result<Bytes> {
        Bytes::map(&File::open(path)?)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::hard_link(from, to)
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn remove_dir(&self, dir: &Path) -> io::Result<()> {
        fs::remove_dir(dir)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        File::open(dir)?.sync_all()
    }

    fn lock(&self, path: &Path) -> io::Result<Option<DiskLock>> {
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(path)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Box::new(file))),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    fn free_bytes(&self, dir: &Path) -> io::Result<Option<u64>> {
        let stat = rustix::fs::statvfs(dir)?;
        Ok(Some(stat.f_bavail.saturating_mul(stat.f_frsize)))
    }
}

impl DiskFile for File {
    fn append(&self, bytes: &[u8]) -> io::Result<()> {
        (&mut &*self).write_all(bytes)
    }

    fn sync(&self) -> io::Result<()> {
        self.sync_data()
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        Self::set_len(self, len)
    }
}
