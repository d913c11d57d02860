//! Appends records to segments; one `write` per commit.

use crate::filenames;
use crate::io::disk::{DiskFile, Listed};
use crate::io::{Files, failed};
use crate::query::StorageError;
use crate::wal::record;
use crate::work::{Counters, Work, count};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
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

/// Bytes that may wait for a sync, since they are kept in memory until then.
const UNSYNCED_MAX: usize = 8 << 20;
/// Memory for records that is kept for the next ones, bytes.
const BUFFER_MAX: usize = 512 << 10;
/// Segments that failed and are remembered, for appends that wait for their sync meanwhile.
const FAILED_MAX: usize = 16;

/// The open end of the log.
pub struct Wal {
    files: Files,
    dir: PathBuf,
    sync: WalSync,
    inner: Mutex<Inner>,
    /// Held while a file is synced: an error of the kernel goes to one caller only.
    turn: Mutex<()>,
    bytes_written: AtomicU64,
    /// Of them, those before the last deletion of segments.
    bytes_flushed: AtomicU64,
    failures: AtomicU64,
    /// What the database does; its parts share them.
    pub(crate) counters: Arc<Counters>,
}

struct Inner {
    /// `None`: the next write begins a segment, since there is none or the last one cannot be trusted.
    file: Option<Arc<dyn DiskFile>>,
    segment: u64,
    len: u64,
    /// Up to where the segment is on the disk.
    synced: u64,
    /// Under the interval policy what stands behind `synced`: a failed sync may have lost it on the disk.
    unsynced: Vec<u8>,
    /// The number of the next segment.
    next: u64,
    /// Segments that are not to be believed, and from which place on; the next segment says so.
    voids: Vec<(u64, u64)>,
    /// All those that failed lately.
    failed: Vec<(u64, u64)>,
    buffer: Vec<u8>,
}

impl Wal {
    /// Starts segment `segment` in `dir`. Where that is not possible now, the first append does it.
    #[must_use]
    pub fn create(files: &Files, dir: &Path, segment: u64, sync: WalSync) -> Self {
        let wal = Self {
            files: files.clone(),
            dir: dir.to_owned(),
            sync,
            inner: Mutex::new(Inner {
                file: None,
                segment,
                len: 0,
                synced: 0,
                unsynced: Vec::new(),
                next: segment,
                voids: Vec::new(),
                failed: Vec::new(),
                buffer: Vec::new(),
            }),
            turn: Mutex::default(),
            bytes_written: AtomicU64::new(0),
            bytes_flushed: AtomicU64::new(0),
            failures: AtomicU64::new(0),
            counters: Arc::default(),
        };
        let begun = wal.begin(&mut wal.inner());
        if begun.is_err() {
            wal.failures.fetch_add(1, Ordering::Relaxed);
        }
        wal
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets `encode` append records for the current segment, then writes them with one `write`. When it
    /// returns the records are with the kernel, and under the policy `always` on the disk.
    ///
    /// # Errors
    /// They could not be written or synced; nothing of them stays in the log. The next append tries anew.
    pub fn append(&self, encode: impl FnOnce(u64, &mut Vec<u8>)) -> Result<(), StorageError> {
        let appended = self.try_append(encode);
        if appended.is_err() {
            self.failures.fetch_add(1, Ordering::Relaxed);
        }
        appended
    }

    fn try_append(&self, encode: impl FnOnce(u64, &mut Vec<u8>)) -> Result<(), StorageError> {
        if self.inner().is_full() {
            let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
            let mut inner = self.inner();
            if inner.is_full() {
                // A segment that no other can follow now grows on.
                let _ = self.rotate_locked(&mut inner);
            }
        }
        let mut guard = self.inner();
        let inner = &mut *guard;
        if inner.file.is_none() {
            self.begin(inner)?;
        }
        inner.buffer.clear();
        encode(inner.segment, &mut inner.buffer);
        if inner.buffer.is_empty() {
            return Ok(());
        }
        let Some(file) = inner.file.clone() else { return Ok(()) };
        let path = self.dir.join(filenames::segment(inner.segment));
        if let Err(error) = file.append(&inner.buffer) {
            // Half a record in the middle would hide what follows: cut it off, or go on elsewhere.
            if file.set_len(inner.len).is_err() {
                self.distrust(inner);
            }
            return Err(failed("write", &path)(error));
        }
        count(&self.counters.log_writes);
        inner.len += inner.buffer.len() as u64;
        self.bytes_written.fetch_add(inner.buffer.len() as u64, Ordering::Relaxed);
        if inner.buffer.capacity() > BUFFER_MAX {
            inner.unsynced.extend_from_slice(self.kept(&std::mem::take(&mut inner.buffer)));
        } else {
            inner.unsynced.extend_from_slice(self.kept(&inner.buffer));
        }
        let (segment, end, waiting) = (inner.segment, inner.len, inner.unsynced.len());
        drop(guard);
        match self.sync {
            WalSync::Always => self.sync_to(segment, end),
            WalSync::Interval(_) if waiting > UNSYNCED_MAX => {
                // The samples are logged, and known here until they are synced.
                let _ = self.sync();
                Ok(())
            }
            WalSync::Interval(_) | WalSync::Never => Ok(()),
        }
    }

    /// What has to be kept of written bytes until they are synced. Without an interval there is nothing to keep:
    /// either an append is not acknowledged before, or nothing is promised.
    fn kept<'a>(&self, written: &'a [u8]) -> &'a [u8] {
        if matches!(self.sync, WalSync::Interval(_)) { written } else { &[] }
    }

    /// Begins a new segment; returns its number.
    ///
    /// # Errors
    /// The old segment cannot be synced or the new one created. The log goes on where that is possible.
    pub fn rotate(&self) -> Result<u64, StorageError> {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let mut guard = self.inner();
        self.rotate_locked(&mut guard)?;
        Ok(guard.segment)
    }

    fn rotate_locked(&self, inner: &mut Inner) -> Result<(), StorageError> {
        if let Some(file) = &inner.file {
            match self.counters.timed(Work::LogSync, || file.sync()) {
                Ok(()) => inner.synced_to(inner.len),
                Err(_) => self.distrust(inner),
            }
        }
        self.begin(inner)
    }

    /// Goes on in a new segment. When the last one failed, the new one first says from where on that is void, and
    /// tells again what may be lost of it: written aside, synced, and only then given its name.
    fn begin(&self, inner: &mut Inner) -> Result<(), StorageError> {
        let path = self.dir.join(filenames::segment(inner.next));
        let mut told = Vec::new();
        let file = if inner.voids.is_empty() {
            let file = self.files.create(&path)?;
            // Whatever comes of it, the number is taken.
            inner.next += 1;
            if let Err(error) = self.files.sync_dir(&self.dir) {
                let _ = self.files.remove_file(&path);
                return Err(error);
            }
            file
        } else {
            record::put_voids(&mut told, &inner.voids);
            told.extend_from_slice(&inner.unsynced);
            let (file, renamed) = self.files.write_aside(&path, &told)?;
            inner.next += 1;
            if let Err(error) = renamed {
                inner.voids.push((inner.next - 1, 0));
                return Err(error);
            }
            file
        };
        (inner.file, inner.segment, inner.len) = (Some(Arc::from(file)), inner.next - 1, told.len() as u64);
        inner.synced_to(inner.len);
        inner.voids.clear();
        Ok(())
    }

    /// The segment cannot be trusted any more: the kernel may have dropped what it reported as unwritten, and
    /// a second sync would then claim success; or half a record stands at its end.
    fn distrust(&self, inner: &mut Inner) {
        let from = if self.sync == WalSync::Never { inner.len } else { inner.synced };
        inner.file = None;
        inner.voids.push((inner.segment, from));
        if inner.failed.len() >= FAILED_MAX {
            inner.failed.remove(0);
        }
        inner.failed.push((inner.segment, from));
    }

    /// Forces what was written to the disk. What a failed sync may have lost is written again, to a new segment.
    ///
    /// # Errors
    /// That failed too, or the policy is `never`, under which nothing is known that could be written again.
    pub fn sync(&self) -> Result<(), StorageError> {
        let (segment, end) = {
            let mut inner = self.inner();
            if inner.file.is_none() {
                return self.begin(&mut inner);
            }
            if inner.synced == inner.len {
                return Ok(());
            }
            (inner.segment, inner.len)
        };
        let result = self.sync_to(segment, end);
        if result.is_err() && self.sync != WalSync::Never {
            let mut inner = self.inner();
            return if inner.file.is_none() { self.begin(&mut inner) } else { Ok(()) };
        }
        result
    }

    /// Waits until a segment is on the disk up to a place.
    fn sync_to(&self, segment: u64, end: u64) -> Result<(), StorageError> {
        let failure = || failed("sync write-ahead log in", &self.dir);
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let (file, len) = {
            let inner = self.inner();
            if inner.failed.iter().any(|(failed, from)| *failed == segment && *from < end) {
                return Err(failure()(std::io::Error::other("an earlier sync failed")));
            }
            match &inner.file {
                Some(file) if inner.segment == segment && inner.synced < end => (Arc::clone(file), inner.len),
                _ => return Ok(()),
            }
        };
        let synced = self.counters.timed(Work::LogSync, || file.sync());
        let mut inner = self.inner();
        if inner.segment == segment && inner.file.is_some() {
            match &synced {
                Ok(()) => inner.synced_to(len),
                Err(_) => self.distrust(&mut inner),
            }
        }
        synced.map_err(failure())
    }

    /// Whether the log cannot be written at the moment.
    #[must_use]
    pub fn is_failing(&self) -> bool {
        self.inner().file.is_none()
    }

    /// Appends that failed since the start.
    #[must_use]
    pub fn failures(&self) -> u64 {
        self.failures.load(Ordering::Relaxed)
    }

    /// The segment that is written.
    #[must_use]
    pub fn segment(&self) -> u64 {
        self.inner().segment
    }

    /// The policy given at creation.
    #[must_use]
    pub fn policy(&self) -> WalSync {
        self.sync
    }

    /// Deletes the segments below `segment`.
    ///
    /// # Errors
    /// A segment cannot be deleted; the others are.
    pub fn delete_before(&self, segment: u64) -> Result<(), StorageError> {
        count(&self.counters.log_truncations);
        let deleted = self.try_delete_before(segment);
        if deleted.is_err() {
            count(&self.counters.log_truncations_failed);
        }
        deleted
    }

    fn try_delete_before(&self, segment: u64) -> Result<(), StorageError> {
        let mut result = Ok(());
        for (number, path) in segments(&self.files, &self.dir)? {
            if number < segment {
                result = result.and(self.files.remove_file(&path));
            }
        }
        self.bytes_flushed.store(self.bytes_written(), Ordering::Relaxed);
        result.and(self.files.sync_dir(&self.dir))
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
}

impl Inner {
    fn is_full(&self) -> bool {
        self.file.is_some() && self.len >= SEGMENT_BYTES_MAX
    }

    /// The segment is on the disk up to a place.
    fn synced_to(&mut self, len: u64) {
        let waiting = usize::try_from(self.len.saturating_sub(len)).unwrap_or(usize::MAX);
        let done = self.unsynced.len().saturating_sub(waiting);
        self.unsynced.drain(..done);
        // A burst, as when series are created, is over.
        if self.unsynced.capacity() > BUFFER_MAX && self.unsynced.len() < self.unsynced.capacity() / 4 {
            self.unsynced.shrink_to(BUFFER_MAX);
        }
        self.synced = len;
    }
}

/// The segments in a directory, oldest first. A directory with such a name is none.
///
/// # Errors
/// The directory cannot be listed.
pub fn segments(files: &Files, dir: &Path) -> Result<Vec<(u64, PathBuf)>, StorageError> {
    let mut found = Vec::new();
    for Listed { path, is_dir, .. } in files.list(dir)? {
        if is_dir {
            continue;
        }
        let number = path.file_name().and_then(|n| n.to_str()).and_then(|n| n.parse().ok());
        if let Some(number) = number {
            found.push((number, path));
        }
    }
    found.sort_unstable();
    Ok(found)
}
