//! What was deleted of a block: the only file of one that is ever replaced.

use super::Block;
use crate::filenames;
use crate::io::{Files, corrupt};
use crate::query::StorageError;
use crate::tombstones::{Tombstones, file};
use arc_swap::ArcSwapOption;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Tombstones, and the length of their file.
struct Deleted {
    tombstones: Arc<Tombstones>,
    bytes: usize,
}

/// The tombstones of a block, of which there need not be any.
pub(crate) struct BlockTombstones {
    path: PathBuf,
    deleted: ArcSwapOption<Deleted>,
}

impl BlockTombstones {
    /// Those in the directory of a block of ours, which has so many series.
    pub(super) fn within(files: &Files, dir: &Path, series: usize) -> Result<Self, StorageError> {
        Self::read(files, dir.join(filenames::TOMBSTONES), series)
    }

    /// Those that lie beside a block of Prometheus, whose directory is left as it is.
    pub(crate) fn beside(files: &Files, dir: &Path, series: usize) -> Result<Self, StorageError> {
        let name = dir.file_name().unwrap_or_default();
        Self::read(files, dir.with_file_name(filenames::TOMBSTONES_DIR).join(name), series)
    }

    fn read(files: &Files, path: PathBuf, series: usize) -> Result<Self, StorageError> {
        let deleted = match files.map(&path) {
            Ok(bytes) => {
                let tombstones = file::decode(&bytes, series).map_err(|e| corrupt(&path, "tombstones", e))?;
                Some(Arc::new(Deleted { tombstones: Arc::new(tombstones), bytes: bytes.len() }))
            }
            Err(StorageError::Io { source, .. }) if source.kind() == ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        Ok(Self { path, deleted: ArcSwapOption::new(deleted) })
    }

    /// What is deleted; `None` when nothing ever was.
    pub(crate) fn get(&self) -> Option<Arc<Tombstones>> {
        self.deleted.load().as_ref().map(|deleted| Arc::clone(&deleted.tombstones))
    }

    /// Where the file lies, if there is one.
    pub(crate) fn path(&self) -> Option<&Path> {
        self.deleted.load().is_some().then_some(&self.path)
    }

    /// Bytes of the file.
    pub(crate) fn bytes(&self) -> usize {
        self.deleted.load().as_ref().map_or(0, |deleted| deleted.bytes)
    }

    /// Says what is deleted: durably first, then to whoever selects from now on.
    pub(crate) fn set(&self, files: &Files, tombstones: Tombstones) -> Result<(), StorageError> {
        let bytes = file::encode(&tombstones);
        files.replace_durably(&self.path, &bytes)?;
        let deleted = Deleted { tombstones: Arc::new(tombstones), bytes: bytes.len() };
        self.deleted.store(Some(Arc::new(deleted)));
        Ok(())
    }
}

impl Block {
    /// The first and the last timestamp of a series, ms.
    pub(crate) fn span(&self, number: u32) -> Result<Option<(i64, i64)>, StorageError> {
        let mut span: Option<(i64, i64)> = None;
        self.entries().each_chunk(number, (i64::MIN, i64::MAX), |chunk| {
            let (min, max) = span.unwrap_or((chunk.min, chunk.max));
            span = Some((min.min(chunk.min), max.max(chunk.max)));
            Ok(true)
        })?;
        Ok(span)
    }

    /// What is deleted of the block; `None` when nothing ever was.
    pub(crate) fn tombstones(&self) -> Option<Arc<Tombstones>> {
        self.tombstones.get()
    }
}
