//! Puts the checksums of files right, so that what stands behind them is reached.

use crate::edit::Files;
use std::path::Path;

/// Puts the checksums of all files of our format right, each by its name.
pub fn own(files: &mut Files) {
    let columns: Vec<_> = files
        .iter()
        .filter(|(path, index)| path.ends_with("index") && index.starts_with(b"NXINDEX3"))
        .filter_map(|(path, index)| Some((path.with_file_name("timelines"), columns(index)?)))
        .collect();
    let old: Vec<_> = files
        .iter()
        .filter(|(path, index)| path.ends_with("index") && index.starts_with(b"NXINDEX1"))
        .map(|(path, _)| path.parent().unwrap_or(path).to_owned())
        .collect();
    for (path, bytes) in files.iter_mut() {
        let is_old = path.parent().is_some_and(|dir| old.iter().any(|old| dir == old));
        match name(path) {
            "index" if is_old => contents(bytes, 4, 0),
            "index" => contents(bytes, 7, 8),
            "chunks" | "timelines" if is_old => {
                let end = bytes.len();
                counted(bytes, 0, end);
            }
            "chunks" => pages(bytes),
            "timelines" => {
                let starts = columns.iter().find(|(of, _)| of == path).map(|(_, starts)| starts.as_slice());
                timelines(bytes, starts.unwrap_or_default());
            }
            "meta.json" => meta(bytes),
            "tombstones" => behind(bytes, 8),
            "cardinality" => last(bytes),
            _ if path.parent().is_some_and(|dir| dir.ends_with("level0")) => level0(bytes),
            _ => {}
        }
    }
}

/// The last field of a block's facts covers what stands before it.
fn meta(bytes: &mut [u8]) {
    let key = b"\"crc32\": \"";
    let Some(at) = bytes.windows(key.len()).rposition(|found| found == key) else { return };
    let crc = format!("{:08x}", crc32fast::hash(&bytes[..at]));
    if let Some(place) = bytes.get_mut(at + key.len()..at + key.len() + crc.len()) {
        place.copy_from_slice(crc.as_bytes());
    }
}

fn name(path: &Path) -> &str {
    path.file_name().and_then(|name| name.to_str()).unwrap_or_default()
}

fn put(bytes: &mut [u8], at: usize, crc: u32) {
    if let Some(place) = bytes.get_mut(at..at.saturating_add(4)) {
        place.copy_from_slice(&crc.to_le_bytes());
    }
}

fn u32_at(bytes: &[u8], at: usize) -> Option<usize> {
    Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?) as usize)
}

fn u64_at(bytes: &[u8], at: usize) -> Option<usize> {
    usize::try_from(u64::from_le_bytes(*bytes.get(at..)?.first_chunk()?)).ok()
}

/// The ends and checksums of sections at the end of an index: interleaved from version 3 on, one after the other in the
/// versions before.
fn contents(bytes: &mut [u8], sections: usize, mut start: usize) {
    let Some(toc) = bytes.len().checked_sub(sections * 12 + 4) else { return };
    let interleaved = sections == 7;
    for section in 0..sections {
        let (end_at, crc_at) = if interleaved {
            (toc + section * 12, toc + section * 12 + 8)
        } else {
            (toc + section * 8, toc + sections * 8 + section * 4)
        };
        let Some(end) = u64_at(bytes, end_at) else { return };
        if let Some(section) = bytes.get(start..end) {
            let crc = crc32fast::hash(section);
            put(bytes, crc_at, crc);
        }
        start = end;
    }
    let crc = crc32fast::hash(&bytes[toc..bytes.len() - 4]);
    put(bytes, bytes.len() - 4, crc);
}

/// Where the timestamp columns begin, as an index from version 3 on says.
fn columns(index: &[u8]) -> Option<Vec<usize>> {
    let toc = index.len().checked_sub(7 * 12 + 4)?;
    let (start, end) = (u64_at(index, toc + 12)?, u64_at(index, toc + 24)?);
    let rows = index.get(start..end)?.chunks_exact(16);
    Some(rows.map(|row| u64_at(row, 0).unwrap_or_default() & ((1 << 48) - 1)).collect())
}

fn timelines(bytes: &mut [u8], starts: &[usize]) {
    for (at, start) in starts.iter().enumerate() {
        let end = starts.get(at + 1).copied().unwrap_or(bytes.len());
        if let Some(column) = bytes.get(start.saturating_add(4)..end) {
            let crc = crc32fast::hash(column);
            put(bytes, *start, crc);
        }
    }
}

/// Pages from version 3 on: length, checksum, and what it covers with five bytes in front.
fn pages(bytes: &mut [u8]) {
    let mut at = 0;
    while let Some(stored) = u32_at(bytes, at) {
        let Some(covered) = bytes.get(at + 8..(at + 13).saturating_add(stored)) else { return };
        let crc = crc32fast::hash(covered);
        put(bytes, at + 4, crc);
        at += 13 + stored;
    }
}

/// Pieces of a length, a checksum and what it covers.
fn counted(bytes: &mut [u8], mut at: usize, end: usize) {
    while at < end
        && let Some(len) = u32_at(bytes, at)
    {
        let Some(covered) = bytes.get(at + 8..(at + 8).saturating_add(len)) else { return };
        let crc = crc32fast::hash(covered);
        put(bytes, at + 4, crc);
        at += 8 + len;
    }
}

/// A checksum at a place that covers everything behind it.
fn behind(bytes: &mut [u8], at: usize) {
    if let Some(covered) = bytes.get(at + 4..) {
        let crc = crc32fast::hash(covered);
        put(bytes, at, crc);
    }
}

/// A checksum at the end that covers everything before it.
fn last(bytes: &mut [u8]) {
    if let Some(at) = bytes.len().checked_sub(4) {
        let crc = crc32fast::hash(&bytes[..at]);
        put(bytes, at, crc);
    }
}

/// A file of level 0: pages and columns, then three sections, told by a footer of 84 bytes.
fn level0(bytes: &mut [u8]) {
    let Some(footer) = bytes.len().checked_sub(84) else { return };
    let ends: Vec<usize> = (0..5).filter_map(|at| u64_at(bytes, footer + 24 + at * 8)).collect();
    let [pages, timelines, entries, directory, marks] = ends[..] else { return };
    counted(bytes, 8, pages);
    counted(bytes, pages, timelines);
    for (at, section) in [timelines..entries, entries..directory, directory..marks].into_iter().enumerate() {
        if let Some(section) = bytes.get(section) {
            let crc = crc32fast::hash(section);
            put(bytes, footer + 64 + at * 4, crc);
        }
    }
    let crc = crc32fast::hash(&bytes[footer..footer + 80]);
    put(bytes, footer + 80, crc);
}
