//! The sections of an index file, each with its checksum, and the table of contents behind them.
//!
//! ```text
//! magic (8 bytes) | section* | (end u64 | crc32 u32) × sections | crc32 u32 of the table
//! ```

use crate::block::file::NewFile;
use crate::codec::{CodecError, varint};
use crate::io::Files;
use crate::query::StorageError;
use std::ops::Range;
use std::path::Path;

const MAGIC: &[u8; 8] = b"NXINDEX3";
/// Sections of an index.
pub(super) const SECTIONS: usize = 7;
const TOC_LEN: usize = SECTIONS * 12 + 4;

/// Where the sections lie; each was checked against its checksum.
pub(super) fn read(index: &[u8]) -> Result<[Range<usize>; SECTIONS], CodecError> {
    let toc_at = index.len().checked_sub(TOC_LEN).ok_or(CodecError("index too short"))?;
    let (body, toc) = index.split_at(toc_at);
    let (mut fields, crc) = toc.split_at(TOC_LEN - 4);
    if varint::take_u32(&mut &*crc)? != crc32fast::hash(fields) {
        return Err(CodecError("checksum mismatch in the table of contents"));
    }
    if !body.starts_with(MAGIC) {
        return Err(CodecError("not an index"));
    }
    let mut start = MAGIC.len();
    let mut sections = std::array::from_fn(|_| 0..0);
    for section in &mut sections {
        let end = usize::try_from(varint::take_u64(&mut fields)?);
        let end = end.map_err(|_| CodecError("section out of bounds"))?;
        let bytes = body.get(start..end).ok_or(CodecError("section out of bounds"))?;
        if varint::take_u32(&mut fields)? != crc32fast::hash(bytes) {
            return Err(CodecError("checksum mismatch in a section"));
        }
        *section = start..end;
        start = end;
    }
    Ok(sections)
}

/// Writes an index file section by section.
#[derive(Debug)]
pub(super) struct SectionWriter {
    file: NewFile,
    crc: crc32fast::Hasher,
    toc: Vec<u8>,
}

impl SectionWriter {
    pub(super) fn create(files: &Files, path: &Path) -> Result<Self, StorageError> {
        let mut file = NewFile::create(files, path)?;
        file.append(MAGIC)?;
        Ok(Self { file, crc: crc32fast::Hasher::new(), toc: Vec::new() })
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<(), StorageError> {
        self.crc.update(bytes);
        self.file.append(bytes)
    }

    pub(super) fn end_section(&mut self) {
        self.toc.extend_from_slice(&self.file.len().to_le_bytes());
        self.toc.extend_from_slice(&std::mem::take(&mut self.crc).finalize().to_le_bytes());
    }

    /// Writes the table of contents and waits until all is on the disk.
    pub(super) fn finish(mut self) -> Result<(), StorageError> {
        let crc = crc32fast::hash(&self.toc);
        self.file.append(&self.toc)?;
        self.file.append(&crc.to_le_bytes())?;
        self.file.finish()
    }

    /// An error for what the format cannot hold.
    pub(super) fn refuse(&self, why: &str) -> StorageError {
        self.file.refuse(why)
    }
}
