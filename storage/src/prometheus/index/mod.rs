//! The index of a block of Prometheus, versions 1 and 2.
//!
//! ```text
//! magic u32 | version u8 | symbols | series* | label indices | postings* | label table | postings table
//! | where these begin, u64 × 6 | checksum u32
//! ```
//!
//! Prometheus refers to a series by the place of its entry. Here a series' number is its place in the list of all
//! series, which stands in label order.

mod postings;
mod series;
mod symbols;
mod table;
mod writer;

use super::bytes::{section, take_u32, take_u64};
use crate::codec::{CodecError, varint};
use crate::damage::{DamageKind, DamageList};
use crate::filenames;
use crate::io::mmap::Bytes;
use crate::io::{Files, corrupt};
use crate::query::StorageError;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use symbols::Symbols;
use table::PairTable;

pub(super) use series::ChunkRef;
pub(super) use writer::IndexWriter;

/// First bytes of an index.
pub(super) const MAGIC: u32 = 0xBAAA_D700;
/// Bytes of the table of contents.
const TOC_LEN: usize = 6 * 8 + 4;

/// An open index.
pub(super) struct Index {
    path: PathBuf,
    bytes: Bytes,
    /// Version 1: references are offsets in bytes, and symbols are referred to by their place.
    first_version: bool,
    symbols: Symbols,
    pairs: PairTable,
    /// References of all series, four bytes each.
    all: Range<usize>,
    /// Where damage is noted, and what it may cost: first and last timestamp, ms.
    damage: Arc<DamageList>,
    range: (i64, i64),
}

/// Where the sections begin that are read; 0 for none.
struct Contents {
    symbols: u64,
    postings_table: u64,
}

fn contents(bytes: &[u8]) -> Result<(bool, Contents), CodecError> {
    let mut head = bytes;
    if take_u32(&mut head)? != MAGIC {
        return Err(CodecError("not an index"));
    }
    let first_version = match head.first() {
        Some(1) => true,
        Some(2) => false,
        _ => return Err(CodecError("unknown version of an index")),
    };
    let toc = bytes.len().checked_sub(TOC_LEN).and_then(|at| bytes.get(at..));
    let mut toc = toc.ok_or(CodecError("index too short"))?;
    let mut fields = super::bytes::take_checked(&mut toc, TOC_LEN - 4)?;
    let symbols = take_u64(&mut fields)?;
    for _series_and_label_indices in 0..4 {
        take_u64(&mut fields)?;
    }
    Ok((first_version, Contents { symbols, postings_table: take_u64(&mut fields)? }))
}

impl Index {
    /// Opens the index of the block in `dir`, and checks what is read of it as a whole.
    pub(super) fn open(files: &Files, dir: &Path, range: (i64, i64)) -> Result<Self, StorageError> {
        let path = dir.join(filenames::INDEX);
        let bytes = files.map(&path)?;
        let read = || -> Result<_, CodecError> {
            let (first_version, contents) = contents(&bytes)?;
            let symbols = Symbols::open(&bytes, contents.symbols, first_version)?;
            let pairs = PairTable::open(&bytes, contents.postings_table, first_version)?;
            let all = match pairs.find(&bytes, "", "")? {
                Some(offset) => postings::list(&bytes, offset)?,
                None => 0..0,
            };
            Ok((first_version, symbols, pairs, all))
        };
        let (first_version, symbols, pairs, all) = read().map_err(|e| corrupt(&path, "index", e))?;
        let damage = Arc::clone(files.damage());
        Ok(Self { path, bytes, first_version, symbols, pairs, all, damage, range })
    }

    /// Bytes of the file.
    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// The number of series.
    pub(super) fn series_count(&self) -> u32 {
        u32::try_from(self.all.len() / 4).unwrap_or(u32::MAX)
    }

    fn damaged(&self, error: CodecError) -> StorageError {
        self.damage.met(&self.path, DamageKind::Page, self.range, corrupt(&self.path, "read", error))
    }

    /// How Prometheus refers to a series.
    pub(super) fn reference(&self, number: u32) -> Option<u32> {
        postings::reference(&self.bytes, &self.all, number as usize)
    }

    /// The number of the series to which Prometheus refers so.
    pub(super) fn number(&self, reference: u64) -> Option<u32> {
        let reference = u32::try_from(reference).ok()?;
        let (mut low, mut high) = (0, self.series_count());
        while low < high {
            let middle = u32::midpoint(low, high);
            match self.reference(middle)? {
                found if found < reference => low = middle + 1,
                found if found > reference => high = middle,
                _ => return Some(middle),
            }
        }
        None
    }

    /// The entry of a series, its checksum verified.
    fn entry(&self, number: u32) -> Result<&[u8], CodecError> {
        let reference = self.reference(number).ok_or(CodecError("series out of bounds"))? as usize;
        let offset = if self.first_version { Some(reference) } else { reference.checked_mul(16) };
        let mut bytes =
            offset.and_then(|at| self.bytes.get(at..)).ok_or(CodecError("series out of bounds"))?;
        let len =
            usize::try_from(varint::take(&mut bytes)?).map_err(|_| CodecError("length out of bounds"))?;
        super::bytes::take_checked(&mut bytes, len)
    }

    /// Label names, sorted.
    pub(super) fn label_names(&self) -> Vec<&str> {
        self.pairs.names(&self.bytes).filter(|name| !name.is_empty()).collect()
    }

    /// Values of a label, sorted.
    pub(super) fn label_values(&self, name: &str) -> Vec<&str> {
        let mut values = Vec::new();
        // What cannot be read was refused when the table was opened.
        let _ = self.pairs.each_value(&self.bytes, name, |value, _| {
            values.push(value);
            Ok(())
        });
        values
    }

    /// Verifies every checksum of the file; `each` is told what is wrong, and where.
    pub(super) fn verify(&self, mut each: impl FnMut(u64, CodecError)) {
        for number in 0..self.series_count() {
            if let Err(error) = self.entry(number) {
                let reference = u64::from(self.reference(number).unwrap_or(0));
                each(if self.first_version { reference } else { reference * 16 }, error);
            }
        }
        for name in self.pairs.names(&self.bytes) {
            let checked = self.pairs.each_value(&self.bytes, name, |_, offset| {
                if let Err(error) = section(&self.bytes, offset) {
                    each(offset, error);
                }
                Ok(())
            });
            debug_assert!(checked.is_ok(), "the table was read when it was opened");
        }
    }
}
