//! Records of the write-ahead log.
//!
//! ```text
//! record  = magic u16 | length u32 | crc32 u32 (of type and payload) | type u8 | payload
//! SERIES  (id varint, length varint, encoded labels)*
//! FULL    group varint, sequence varint, timestamp zigzag,
//!         (slot gap varint, series id << 1 | present varint, bits u64 when present)*
//! SCHEMA  group varint, (slot varint, series id varint)*
//! ROW     group varint, sequence varint, timestamp zigzag, changes as in `codec::cell`, gaps in slots
//! SAMPLES (series id varint, timestamp zigzag, bits u64)*: read, but no longer written
//! RUNS    samples by series, as in `wal::runs`
//! TOMBSTONES deleted intervals by series, as in `tombstones::file`
//! LATE    the same, of samples older than others of their series
//! EXEMPLARS exemplars by series, as in `wal::exemplars`
//! SETTLED which late samples blocks have, as in `wal::settled`
//! VOID    (segment varint, offset varint)*
//! ```
//! `sequence` counts a group's rows; a gap tells the replay that a row is missing, after which the group
//! waits for its next FULL.

use crate::codec::{CodecError, varint};

/// Begins every record; finds the next one behind a damaged one.
pub const MAGIC: [u8; 2] = [0xa7, 0x5e];
/// Bytes before the payload: magic, length, checksum, type.
pub const HEADER_LEN: usize = 11;
/// A record that claims to be longer is damaged.
pub const RECORD_MAX: usize = 256 << 20;

/// Lists that would make a longer payload go on in another record.
const LIST_BYTES: usize = 4 << 20;

/// What a record tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// Labels of series.
    Series = 1,
    /// A row with every present slot, its series and its value.
    Full = 2,
    /// Slots and their series.
    Schema = 3,
    /// A row: what changed.
    Row = 4,
    /// Samples with timestamps of their own.
    Samples = 5,
    /// Samples with timestamps of their own, by series; histograms and start timestamps too.
    Runs = 6,
    /// What is deleted of series.
    Tombstones = 7,
    /// Segments that are void from a place on; only at the beginning of a segment.
    Void = 15,
    /// Late samples, in the form of [`Kind::Runs`].
    Late = 8,
    /// Blocks have the late samples before a time that stand before this in the log.
    Settled = 9,
    /// Exemplars.
    Exemplars = 10,
}

impl Kind {
    fn from_byte(byte: u8) -> Option<Self> {
        let rows = [Self::Series, Self::Full, Self::Schema, Self::Row];
        let samples = [Self::Samples, Self::Runs, Self::Tombstones, Self::Late];
        let marks = [Self::Settled, Self::Exemplars, Self::Void];
        rows.into_iter().chain(samples).chain(marks).find(|k| *k as u8 == byte)
    }
}

/// Appends a record; `payload` writes its body.
pub fn put(out: &mut Vec<u8>, kind: Kind, payload: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(&MAGIC);
    out.extend_from_slice(&[0; 8]);
    out.push(kind as u8);
    payload(out);
    let body = out.get(start + HEADER_LEN - 1..).unwrap_or_default();
    let (len, crc) = ((body.len() - 1) as u32, crc32fast::hash(body));
    if let Some(header) = out.get_mut(start + 2..start + 10) {
        let (len_field, crc_field) = header.split_at_mut(4);
        len_field.copy_from_slice(&len.to_le_bytes());
        crc_field.copy_from_slice(&crc.to_le_bytes());
    }
}

/// Appends a record that says from which offset on segments are void.
pub fn put_voids(out: &mut Vec<u8>, voids: &[(u64, u64)]) {
    put(out, Kind::Void, |out| {
        for (segment, from) in voids {
            varint::put(out, *segment);
            varint::put(out, *from);
        }
    });
}

/// Which segments are void, and from which offset on, as the segment that begins with `bytes` says.
#[must_use]
pub fn voids(mut bytes: &[u8]) -> Vec<(u64, u64)> {
    let mut found = Vec::new();
    if let Ok((Kind::Void, mut payload)) = take(&mut bytes) {
        while let (Ok(segment), Ok(from)) = (varint::take(&mut payload), varint::take(&mut payload)) {
            found.push((segment, from));
        }
    }
    found
}

/// Appends a list whose items `encode` writes, in as many records as it takes; none when it is empty.
pub fn put_list<T>(
    out: &mut Vec<u8>,
    kind: Kind,
    items: impl IntoIterator<Item = T>,
    mut encode: impl FnMut(&mut Vec<u8>, T),
) {
    let mut items = items.into_iter().peekable();
    while items.peek().is_some() {
        put(out, kind, |out| {
            let start = out.len();
            while out.len() - start < LIST_BYTES
                && let Some(item) = items.next()
            {
                encode(out, item);
            }
        });
    }
}

/// Takes one whole, undamaged record off the front of `bytes`.
///
/// # Errors
/// The bytes do not begin with such a record.
pub fn take<'a>(bytes: &mut &'a [u8]) -> Result<(Kind, &'a [u8]), CodecError> {
    let mut rest = *bytes;
    if varint::take_bytes(&mut rest, 2)? != MAGIC {
        return Err(CodecError("no record begins here"));
    }
    let len = varint::take_u32(&mut rest)? as usize;
    let crc = varint::take_u32(&mut rest)?;
    if len > RECORD_MAX {
        return Err(CodecError("record length out of bounds"));
    }
    let body = varint::take_bytes(&mut rest, len + 1)?;
    if crc32fast::hash(body) != crc {
        return Err(CodecError("checksum mismatch"));
    }
    let (kind, payload) = body.split_first().ok_or(CodecError("empty record"))?;
    let kind = Kind::from_byte(*kind).ok_or(CodecError("unknown record type"))?;
    *bytes = rest;
    Ok((kind, payload))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_list_goes_on_in_another_record() {
        let mut out = Vec::new();
        put_list(&mut out, Kind::Series, 0..3, |out, i| out.extend(std::iter::repeat_n(i, LIST_BYTES / 2)));
        put_list(&mut out, Kind::Series, 0..0, |_, _: u8| {});
        let (mut rest, mut parts) = (&out[..], Vec::new());
        while !rest.is_empty() {
            let (kind, payload) = take(&mut rest).unwrap();
            assert_eq!(kind, Kind::Series);
            parts.push(payload.len());
        }
        assert_eq!(parts, [LIST_BYTES, LIST_BYTES / 2]);
    }
}
