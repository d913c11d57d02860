//! Appends records to segments; one `write` per commit.

use crate::filenames;
use crate::io::disk::{DiskFile, Listed};
use crate::io::{Files, failed};
use crate::query::StorageError;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// A segment is closed when it grows beyond this.
const SEGMENT_BYTES_MAX: u64 = 128 << 20;

/// When written records are forced to the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WalSync {
    /// At most this long after the write: what a power cut may cost.
    Interval(Duration),
    /// Before an append returns.
    Always,
    /// When the kernel likes.
    Never,
}

/// The open end of the log.
pub struct Wal {
    files: Files,
    dir: PathBuf,
    sync: WalSync,
    inner: Mutex<Inner>,
    dirty: AtomicBool,
    poisoned: AtomicBool,
    bytes_written: AtomicU64,
    /// Of them, those before the last deletion of segments.
    bytes_flushed: AtomicU64,
}

struct Inner {
    file: Arc<dyn DiskFile>,
    segment: u64,
    len: u64,
    buffer: Vec<u8>,
}

impl Wal {
    /// Starts segment `segment` in `dir`.
    ///
    /// # Errors
    /// The segment cannot be created.
    pub fn create(files: &Files, dir: &Path, segment: u64, sync: WalSync) -> Result<Self, StorageError> {
        let file = create_segment(files, dir, segment)?;
        let inner = Inner { file, segment, len: 0, buffer: Vec::new() };
        Ok(Self {
            files: files.clone(),
            dir: dir.to_owned(),
            sync,
            inner: Mutex::new(inner),
            dirty: AtomicBool::new(false),
            poisoned: AtomicBool::new(false),
            bytes_written: AtomicU64::new(0),
            bytes_flushed: AtomicU64::new(0),
        })
    }

    /// Lets `encode` append records for the current segment, then writes them with one `write`. When it
    /// returns the records are with the kernel.
    ///
    /// # Errors
    /// The write failed (nothing of it stays in the log), or an earlier `fdatasync` did.
    pub fn append(&self, encode: impl FnOnce(u64, &mut Vec<u8>)) -> Result<(), StorageError> {
        let mut guard = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let inner = &mut *guard;
        self.check()?;
        if inner.len >= SEGMENT_BYTES_MAX {
            self.rotate_locked(inner)?;
        }
        inner.buffer.clear();
        encode(inner.segment, &mut inner.buffer);
        if inner.buffer.is_empty() {
            return Ok(());
        }
        let path = self.dir.join(filenames::segment(inner.segment));
        if let Err(error) = inner.file.append(&inner.buffer) {
            // Half a record in the middle would hide what follows: cut it off, or refuse to go on.
            if inner.file.set_len(inner.len).is_err() {
                self.poisoned.store(true, Ordering::Release);
            }
            return Err(failed("write", &path)(error));
        }
        inner.len += inner.buffer.len() as u64;
        self.bytes_written.fetch_add(inner.buffer.len() as u64, Ordering::Relaxed);
        self.dirty.store(true, Ordering::Release);
        if inner.buffer.capacity() > 16 << 20 {
            inner.buffer = Vec::new();
        }
        if self.sync == WalSync::Always {
            let file = Arc::clone(&inner.file);
            drop(guard);
            self.sync_file(&*file)?;
        }
        Ok(())
    }

    /// Begins a new segment; returns its number.
    ///
    /// # Errors
    /// The old segment cannot be synced or the new one created.
    pub fn rotate(&self) -> Result<u64, StorageError> {
        let mut guard = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        self.check()?;
        self.rotate_locked(&mut guard)?;
        Ok(guard.segment)
    }

    fn rotate_locked(&self, inner: &mut Inner) -> Result<(), StorageError> {
        self.sync_file(&*inner.file)?;
        inner.file = create_segment(&self.files, &self.dir, inner.segment + 1)?;
        inner.segment += 1;
        inner.len = 0;
        Ok(())
    }

    /// Forces what was written to the disk.
    ///
    /// # Errors
    /// `fdatasync` failed; from then on every append fails, since the kernel may have dropped the pages.
    pub fn sync(&self) -> Result<(), StorageError> {
        if !self.dirty.swap(false, Ordering::AcqRel) {
            return Ok(());
        }
        let file = Arc::clone(&self.inner.lock().unwrap_or_else(PoisonError::into_inner).file);
        self.sync_file(&*file)
    }

    /// The policy given at creation.
    #[must_use]
    pub fn policy(&self) -> WalSync {
        self.sync
    }

    /// Deletes the segments below `segment`.
    ///
    /// # Errors
    /// A segment cannot be deleted.
    pub fn delete_before(&self, segment: u64) -> Result<(), StorageError> {
        for (number, path) in segments(&self.files, &self.dir)? {
            if number < segment {
                self.files.remove_file(&path)?;
            }
        }
        self.bytes_flushed.store(self.bytes_written(), Ordering::Relaxed);
        self.files.sync_dir(&self.dir)
    }

    /// Bytes appended since segments were last deleted.
    pub(crate) fn bytes_since_flush(&self) -> u64 {
        self.bytes_written().saturating_sub(self.bytes_flushed.load(Ordering::Relaxed))
    }

    /// Bytes appended since the start.
    #[must_use]
    pub fn bytes_written(&self) -> u64 {
        self.bytes_written.load(Ordering::Relaxed)
    }

    fn sync_file(&self, file: &dyn DiskFile) -> Result<(), StorageError> {
        file.sync().map_err(|error| {
            self.poisoned.store(true, Ordering::Release);
            failed("sync write-ahead log in", &self.dir)(error)
        })
    }

    fn check(&self) -> Result<(), StorageError> {
        if self.poisoned.load(Ordering::Acquire) {
            let source =
                std::io::Error::other("an earlier sync or write failed; restart after mending the disk");
            return Err(failed("append to write-ahead log in", &self.dir)(source));
        }
        Ok(())
    }
}

fn create_segment(files: &Files, dir: &Path, segment: u64) -> Result<Arc<dyn DiskFile>, StorageError> {
    let file = files.create(&dir.join(filenames::segment(segment)))?;
    files.sync_dir(dir)?;
    Ok(Arc::from(file))
}

/// The segments in a directory, oldest first.
///
/// # Errors
/// The directory cannot be listed.
pub fn segments(files: &Files, dir: &Path) -> Result<Vec<(u64, PathBuf)>, StorageError> {
    let mut found = Vec::new();
    for Listed { path, .. } in files.list(dir)? {
        let number = path.file_name().and_then(|n| n.to_str()).and_then(|n| n.parse().ok());
        if let Some(number) = number {
            found.push((number, path));
        }
    }
    found.sort_unstable();
    Ok(found)
}
