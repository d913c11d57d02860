//! Read-only maps of finished files: the only `unsafe` of the workspace.
#![allow(unsafe_code)]

use super::failed;
use crate::query::StorageError;
use std::fs::File;
use std::ops::Deref;
use std::path::Path;

/// The bytes of a file that nobody changes any more.
#[derive(Debug)]
pub struct Mapped(Option<memmap2::Mmap>);

impl Mapped {
    /// Maps a file of a finished block.
    ///
    /// # Errors
    /// The file cannot be opened or mapped.
    pub fn open(path: &Path) -> Result<Self, StorageError> {
        let file = File::open(path).map_err(failed("open", path))?;
        if file.metadata().map_err(failed("stat", path))?.len() == 0 {
            return Ok(Self(None));
        }
        // SAFETY: block files are written aside, fsynced, renamed into place and from then on only ever
        // unlinked, never truncated or written; an unlinked file stays mapped until this value is dropped.
        let map = unsafe { memmap2::Mmap::map(&file) }.map_err(failed("map", path))?;
        Ok(Self(Some(map)))
    }
}

impl Deref for Mapped {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        self.0.as_deref().unwrap_or_default()
    }
}
