//! What was found damaged on the disk: noted once each, whether at the start or by a query.

use crate::query::StorageError;
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Damaged places that are remembered.
const REMEMBERED_MAX: usize = 1000;

/// Which part of the database is damaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum DamageKind {
    /// A whole block: its index or `meta.json`.
    Block,
    /// A page of samples or a timestamp column of a block, or a part of the index of one of Prometheus's.
    Page,
    /// A file of level 0, or a page or column of it.
    Level0,
    /// The catalogue of series.
    Catalogue,
    /// A segment of the write-ahead log.
    Log,
    /// A file where a directory should be, or the other way round.
    Misplaced,
    /// The statistics of cardinality, which begin anew.
    Statistics,
}

impl DamageKind {
    /// The name of the kind.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Block => "block",
            Self::Page => "page",
            Self::Level0 => "level 0",
            Self::Catalogue => "series catalogue",
            Self::Log => "write-ahead log",
            Self::Misplaced => "misplaced",
            Self::Statistics => "statistics of cardinality",
        }
    }
}

/// What the database does about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum DamageAction {
    /// The file is left where it lies and not served.
    NotServed,
    /// The bytes are left where they are and skipped; the rest of the file is served.
    Skipped,
    /// The bytes were cut off the file's end.
    CutOff,
    /// It was given another name.
    MovedAside,
}

impl DamageAction {
    /// The action in words.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotServed => "left in place, not served",
            Self::Skipped => "skipped, the rest is served",
            Self::CutOff => "cut off",
            Self::MovedAside => "moved aside",
        }
    }
}

/// A damaged file, or a damaged place of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// The file or directory.
    pub path: PathBuf,
    /// Which part of the database it is.
    pub kind: DamageKind,
    /// Where in the file the damage begins.
    pub offset: u64,
    /// How many bytes it is; 0 when that is not known.
    pub bytes: u64,
    /// First and last timestamp of what it may cost, ms, where that is known.
    pub range: Option<(i64, i64)>,
    /// What the database does about it.
    pub action: DamageAction,
    /// What is wrong.
    pub detail: String,
}

/// All that was found.
#[derive(Debug, Default)]
pub(crate) struct DamageList {
    found: Mutex<Found>,
    count: AtomicU64,
}

#[derive(Debug, Default)]
struct Found {
    places: HashSet<(PathBuf, u64)>,
    list: Vec<Damage>,
}

impl DamageList {
    fn found(&self) -> MutexGuard<'_, Found> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a damaged place, unless it is known.
    pub(crate) fn note(&self, damage: Damage) {
        let mut found = self.found();
        if found.list.len() < REMEMBERED_MAX && found.places.insert((damage.path.clone(), damage.offset)) {
            self.count.fetch_add(1, Ordering::Release);
            found.list.push(damage);
        }
    }

    /// Notes a file in which a read met damage; the error is given back.
    pub(crate) fn met(
        &self,
        path: &Path,
        kind: DamageKind,
        range: (i64, i64),
        error: StorageError,
    ) -> StorageError {
        self.note(Damage {
            path: path.to_owned(),
            kind,
            offset: 0,
            bytes: 0,
            range: Some(range),
            action: DamageAction::Skipped,
            detail: error.to_string(),
        });
        error
    }

    /// What was found, oldest first.
    pub(crate) fn list(&self) -> Vec<Damage> {
        self.found().list.clone()
    }

    /// How much of it was found so far.
    pub(crate) fn count(&self) -> u64 {
        self.count.load(Ordering::Acquire)
    }
}
