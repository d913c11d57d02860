//! The bytes of finished files, most often as read-only maps: the only `unsafe` of the engine.
#![allow(unsafe_code)]

use std::fs::File;
use std::io;
use std::ops::Deref;
use std::sync::Arc;

/// The bytes of a file that nobody changes any more.
#[derive(Debug)]
pub struct Bytes(Kind);

#[derive(Debug)]
enum Kind {
    Mapped(memmap2::Mmap),
    Memory(Arc<[u8]>),
}

impl Bytes {
    /// Maps a finished file.
    ///
    /// # Errors
    /// The file cannot be mapped.
    pub fn map(file: &File) -> io::Result<Self> {
        if file.metadata()?.len() == 0 {
            return Ok(Self::default());
        }
        // SAFETY: finished files are written aside, fsynced, renamed into place (segments of the log: closed)
        // and from then on only ever unlinked, never truncated or written; an unlinked file stays mapped
        // until this value is dropped.
        Ok(Self(Kind::Mapped(unsafe { memmap2::Mmap::map(file) }?)))
    }

    /// Gives the memory back to the kernel until the bytes are read again.
    pub fn release(&self) {
        if let Kind::Mapped(map) = &self.0 {
            // SAFETY: the map is shared and read-only: pages that are dropped come back from the file with
            // the same bytes.
            let _ = unsafe { map.unchecked_advise(memmap2::UncheckedAdvice::DontNeed) };
        }
    }
}

impl Default for Bytes {
    fn default() -> Self {
        Self(Kind::Memory(Arc::default()))
    }
}

impl From<Vec<u8>> for Bytes {
    fn from(bytes: Vec<u8>) -> Self {
        Self(Kind::Memory(Arc::from(bytes)))
    }
}

impl Deref for Bytes {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        match &self.0 {
            Kind::Mapped(map) => map,
            Kind::Memory(bytes) => bytes,
        }
    }
}
