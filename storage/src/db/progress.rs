//! How far the log has been read at a start, for whoever waits for it.

use std::sync::atomic::{AtomicU64, Ordering};

/// Changes while the database is being opened, and stays afterwards.
#[derive(Debug, Default)]
pub struct ReplayProgress {
    first: AtomicU64,
    last: AtomicU64,
    current: AtomicU64,
    bytes: AtomicU64,
    all: AtomicU64,
}

/// How far the log has been read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ReplayState {
    /// The first segment that is read; 0 while nobody knows the segments.
    pub first: u64,
    /// The last one.
    pub last: u64,
    /// The one whose samples are being read.
    pub current: u64,
    /// Bytes that were read. Every segment is read twice: for labels, then for samples.
    pub bytes: u64,
    /// Bytes that are to be read altogether.
    pub all: u64,
}

impl ReplayProgress {
    /// How far it is.
    #[must_use]
    pub fn state(&self) -> ReplayState {
        let get = |number: &AtomicU64| number.load(Ordering::Relaxed);
        ReplayState {
            first: get(&self.first),
            last: get(&self.last),
            current: get(&self.current),
            bytes: get(&self.bytes),
            all: get(&self.all),
        }
    }

    /// These segments are going to be read, from which so many bytes are to be believed.
    pub(super) fn begin(&self, first: u64, last: u64, bytes: u64) {
        self.first.store(first, Ordering::Relaxed);
        self.current.store(first, Ordering::Relaxed);
        self.last.store(last, Ordering::Relaxed);
        self.all.store(bytes.saturating_mul(2), Ordering::Relaxed);
        self.bytes.store(0, Ordering::Relaxed);
    }

    pub(super) fn enter(&self, segment: u64) {
        self.current.store(segment, Ordering::Relaxed);
    }

    pub(super) fn read(&self, bytes: u64) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }
}
