//! What was deleted of a block: the only file in its directory that is ever replaced.

use super::Block;
use crate::filenames;
use crate::io::{Files, corrupt};
use crate::query::StorageError;
use crate::tombstones::{Tombstones, file};
use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;

/// Tombstones, and the length of their file.
pub(super) struct Deleted {
    tombstones: Arc<Tombstones>,
    bytes: usize,
}

impl Deleted {
    /// Reads the file of the block in `dir`, which need not have one.
    pub(super) fn read(files: &Files, dir: &Path, series: usize) -> Result<Option<Self>, StorageError> {
        let path = dir.join(filenames::TOMBSTONES);
        let bytes = match files.map(&path) {
            Ok(bytes) => bytes,
            Err(StorageError::Io { source, .. }) if source.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let tombstones = file::decode(&bytes, series).map_err(|e| corrupt(&path, "tombstones", e))?;
        Ok(Some(Self { tombstones: Arc::new(tombstones), bytes: bytes.len() }))
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
        self.tombstones.load().as_ref().map(|deleted| Arc::clone(&deleted.tombstones))
    }

    pub(super) fn tombstone_bytes(&self) -> usize {
        self.tombstones.load().as_ref().map_or(0, |deleted| deleted.bytes)
    }

    /// Says what is deleted of the block: durably first, then to whoever selects from now on.
    pub(crate) fn set_tombstones(&self, files: &Files, tombstones: Tombstones) -> Result<(), StorageError> {
        let bytes = file::encode(&tombstones);
        files.replace_durably(&self.dir().join(filenames::TOMBSTONES), &bytes)?;
        let deleted = Deleted { tombstones: Arc::new(tombstones), bytes: bytes.len() };
        self.tombstones.store(Some(Arc::new(deleted)));
        Ok(())
    }
}
