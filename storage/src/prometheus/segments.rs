//! The segments in which a block's chunks are.
//!
//! ```text
//! magic u32 | version u8 | 0 u8 × 3 | (length varint | encoding u8 | chunk | checksum u32)*
//! ```
//!
//! The length counts the chunk, the checksum covers encoding and chunk.

use super::bytes::{take_checked, take_u32};
use crate::codec::{CodecError, varint};
use crate::damage::{DamageKind, DamageList};
use crate::io::mmap::Bytes;
use crate::io::{Files, corrupt};
use crate::query::StorageError;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Directory of the segments.
pub(super) const DIR: &str = "chunks";
/// First bytes of a segment.
pub(super) const MAGIC: u32 = 0x85BD_40DD;
/// The version that there is.
pub(super) const VERSION: u8 = 1;
/// Bytes before the first chunk.
pub(super) const HEADER_LEN: usize = 8;

/// The segments of a block.
pub(super) struct Segments {
    all: Vec<(PathBuf, Bytes)>,
    /// Where damage is noted, and what it may cost: first and last timestamp, ms.
    damage: Arc<DamageList>,
    range: (i64, i64),
}

/// Files with a number for a name, in the order of the numbers.
pub(super) fn numbered(files: &Files, dir: &Path) -> Result<Vec<(u64, PathBuf)>, StorageError> {
    let number = |path: &Path| {
        let name = path.file_name()?.to_str()?;
        name.parse().ok().filter(|_| name.bytes().all(|b| b.is_ascii_digit()))
    };
    let listed = files.list(dir)?.into_iter().filter(|listed| !listed.is_dir);
    let mut found: Vec<_> = listed.filter_map(|listed| Some((number(&listed.path)?, listed.path))).collect();
    found.sort_unstable();
    Ok(found)
}

/// Encoding and chunk at a place, and where the next one begins.
fn chunk_at(segment: &[u8], offset: usize) -> Result<(u8, &[u8], usize), CodecError> {
    let mut bytes = segment.get(offset..).ok_or(CodecError("chunk out of bounds"))?;
    let len = usize::try_from(varint::take(&mut bytes)?).map_err(|_| CodecError("length out of bounds"))?;
    let len = len.checked_add(1).ok_or(CodecError("length out of bounds"))?;
    let (encoding, chunk) =
        take_checked(&mut bytes, len)?.split_first().ok_or(CodecError("chunk without an encoding"))?;
    Ok((*encoding, chunk, segment.len() - bytes.len()))
}

impl Segments {
    /// Opens the segments of the block in `dir`.
    pub(super) fn open(files: &Files, dir: &Path, range: (i64, i64)) -> Result<Self, StorageError> {
        let mut segments = Vec::new();
        for (_, path) in numbered(files, &dir.join(DIR))? {
            let bytes = files.map(&path)?;
            let mut head: &[u8] = &bytes;
            let magic = take_u32(&mut head).map_err(|e| corrupt(&path, "header", e))?;
            if magic != MAGIC || head.first() != Some(&VERSION) {
                return Err(corrupt(&path, "header", "not a segment of chunks"));
            }
            segments.push((path, bytes));
        }
        Ok(Self { all: segments, damage: Arc::clone(files.damage()), range })
    }

    /// Bytes of the files.
    pub(super) fn len(&self) -> u64 {
        self.all.iter().map(|(_, bytes)| bytes.len() as u64).sum()
    }

    /// Encoding and chunk at a place, checked.
    pub(super) fn get(&self, place: u64) -> Result<(u8, &[u8]), StorageError> {
        let (_, segment) = self.at(place)?;
        let (encoding, chunk, _) =
            chunk_at(segment, place as u32 as usize).map_err(|e| self.damaged(place, e))?;
        Ok((encoding, chunk))
    }

    fn at(&self, place: u64) -> Result<&(PathBuf, Bytes), StorageError> {
        let segment = usize::try_from(place >> 32).ok().and_then(|number| self.all.get(number));
        segment
            .ok_or_else(|| corrupt(Path::new(DIR), "segment", format!("there is no segment {}", place >> 32)))
    }

    /// The error of a chunk at a place, which is noted.
    pub(super) fn damaged(&self, place: u64, error: CodecError) -> StorageError {
        match self.at(place) {
            Ok((path, _)) => self.damage.met(path, DamageKind::Page, self.range, at(path, place, error)),
            Err(error) => error,
        }
    }

    /// Decodes every chunk; `each` is told what is wrong, and where. Behind damage a segment is not read on.
    pub(super) fn verify(&self, mut each: impl FnMut(&Path, u64, CodecError)) {
        for (path, segment) in &self.all {
            let mut offset = HEADER_LEN;
            while offset < segment.len() {
                let checked = chunk_at(segment, offset).and_then(|(encoding, chunk, end)| {
                    super::chunk::check(encoding, chunk)?;
                    Ok(end)
                });
                match checked {
                    Ok(end) => offset = end,
                    Err(error) => {
                        each(path, offset as u64, error);
                        break;
                    }
                }
            }
        }
    }
}

fn at(path: &Path, place: u64, error: CodecError) -> StorageError {
    corrupt(path, &format!("chunk at {}", place as u32), error)
}
