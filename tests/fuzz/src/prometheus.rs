//! Directories of Prometheus, and the checksums of its files.

use crate::base::Base;
use crate::edit::Files;
use crate::look::{BLOCK_MS, DIR, open};
use narthex_storage::codec::varint;
use narthex_storage::io::Files as Door;
use narthex_storage::prometheus::PrometheusBlockWriter;
use narthex_storage::testing::disk::SimDisk;
use narthex_storage::testing::{rng::Rng, samples::histogram};
use narthex_storage::{Columns, Labels};
use std::path::Path;
use std::sync::Arc;

const ULID: &str = "01JDFX6B1N8VZ4M3T9QK7W2RCE";
/// Bytes of a page of the log.
const PAGE: usize = 32 << 10;

/// A block as Prometheus writes it today, and one with an index of version 1. Both have tombstones.
#[must_use]
pub fn blocks() -> Vec<Base> {
    let disk = SimDisk::default();
    let door = Door::on(Arc::new(disk.clone()));
    let mut writer =
        PrometheusBlockWriter::new(&door, Path::new(DIR), ULID.to_owned(), 0, 10 * BLOCK_MS).unwrap();
    let mut rng = Rng::new(3);
    for n in 1..6u32 {
        let mut columns = Columns::default();
        for t in (0..150).map(|t| t * 3_000) {
            match n {
                1 | 2 => columns.push(t, (t % 7_000) as f64 / f64::from(n)),
                3 if t % 30_000 == 0 => columns.push(t, narthex_storage::STALE_NAN),
                _ => columns.push_histogram(t, histogram(n, &mut rng), 0),
            }
        }
        let labels = Labels::from_pairs([("__name__", "m"), ("n", &n.to_string())]);
        writer.add_series(&labels, &columns).unwrap();
    }
    let path = writer.finish().unwrap().unwrap();
    let mut files: Files = disk.files(Path::new(DIR)).into_iter().collect();
    files.insert(path.join("tombstones"), tombstones(&[(1, 3_000, 9_000), (2, 0, BLOCK_MS)]));
    let mut old = files.clone();
    old.insert(path.join("index"), index_of_version_1());
    let bases: Vec<_> = [files, old].into_iter().map(|files| Base::of(files, |_| true)).collect();
    for base in &bases {
        let db = open(&base.disk());
        assert_eq!((db.open_report().blocks, db.open_report().corruptions()), (1, 0), "{:?}", db.open_report());
    }
    bases
}

fn tombstones(intervals: &[(u64, i64, i64)]) -> Vec<u8> {
    let mut out = 0x0130_BA30u32.to_be_bytes().to_vec();
    out.push(1);
    for (series, first, last) in intervals {
        varint::put(&mut out, *series);
        varint::put_signed(&mut out, *first);
        varint::put_signed(&mut out, *last);
    }
    out.extend([0; 4]);
    seal_tombstones(&mut out);
    out
}

fn put_text(text: &str, out: &mut Vec<u8>) {
    varint::put(out, text.len() as u64);
    out.extend(text.as_bytes());
}

/// Length, bytes, room for a checksum.
fn put_section(bytes: &[u8], out: &mut Vec<u8>) -> u64 {
    let at = out.len() as u64;
    out.extend((bytes.len() as u32).to_be_bytes());
    out.extend(bytes);
    out.extend([0; 4]);
    at
}

/// An index of version 1 with two series, the chunk of both being the first one.
fn index_of_version_1() -> Vec<u8> {
    let mut out = 0xBAAA_D700u32.to_be_bytes().to_vec();
    out.push(1);
    let texts = ["", "1", "2", "__name__", "m", "n"];
    let mut section = (texts.len() as u32).to_be_bytes().to_vec();
    // Version 1 refers to a symbol by its place in the file.
    let mut places = Vec::new();
    for text in texts {
        places.push((out.len() + 4 + section.len()) as u64);
        put_text(text, &mut section);
    }
    let symbols = put_section(&section, &mut out);
    let series_at = out.len() as u64;
    let mut references = Vec::new();
    for value in [1, 2] {
        references.push(out.len() as u32);
        let mut entry = vec![2];
        for symbol in [3, 4, 5, value] {
            varint::put(&mut entry, places[symbol]);
        }
        entry.push(1);
        varint::put_signed(&mut entry, 0);
        varint::put(&mut entry, 357_000);
        varint::put(&mut entry, 8);
        varint::put(&mut out, entry.len() as u64);
        out.extend(entry);
        out.extend([0; 4]);
    }
    let list = |references: &[u32]| {
        let mut list = (references.len() as u32).to_be_bytes().to_vec();
        references.iter().for_each(|one| list.extend(one.to_be_bytes()));
        list
    };
    let mut table = 4u32.to_be_bytes().to_vec();
    let postings = out.len() as u64;
    for (name, value, which) in [
        ("", "", references.as_slice()),
        ("n", "2", &references[1..]),
        ("n", "1", &references[..1]),
        ("__name__", "m", &references),
    ] {
        table.push(2);
        put_text(name, &mut table);
        put_text(value, &mut table);
        varint::put(&mut table, out.len() as u64);
        put_section(&list(which), &mut out);
    }
    let table = put_section(&table, &mut out);
    for at in [symbols, series_at, 0, 0, postings, table] {
        out.extend(at.to_be_bytes());
    }
    out.extend([0; 4]);
    seal_index(&mut out);
    out
}

/// Puts the checksums of all files of a block right.
pub fn seal(files: &mut Files) {
    for (path, bytes) in files {
        if path.ends_with("index") {
            seal_index(bytes);
        } else if path.ends_with("tombstones") {
            seal_tombstones(bytes);
        } else if path.parent().is_some_and(|dir| dir.ends_with("chunks")) {
            seal_chunks(bytes);
        }
    }
}

fn put(bytes: &mut [u8], at: usize, crc: u32) {
    if let Some(place) = bytes.get_mut(at..at.saturating_add(4)) {
        place.copy_from_slice(&crc.to_be_bytes());
    }
}

fn u32_at(bytes: &[u8], at: usize) -> Option<usize> {
    Some(u32::from_be_bytes(*bytes.get(at..)?.first_chunk()?) as usize)
}

fn seal_tombstones(bytes: &mut [u8]) {
    if let Some(at) = bytes.len().checked_sub(4).filter(|at| *at >= 5) {
        let crc = crc32c::crc32c(&bytes[5..at]);
        put(bytes, at, crc);
    }
}

/// The section at a place; where the next one may begin.
fn seal_section(bytes: &mut [u8], at: usize) -> Option<usize> {
    let end = at.checked_add(4)?.checked_add(u32_at(bytes, at)?)?;
    let crc = crc32c::crc32c(bytes.get(at + 4..end)?);
    put(bytes, end, crc);
    Some(end + 4)
}

/// What begins with a length of one varint; `more` bytes are not counted by it.
fn seal_counted(bytes: &mut [u8], at: usize, more: usize) -> Option<usize> {
    let mut rest = bytes.get(at..)?;
    let len = usize::try_from(varint::take(&mut rest).ok()?).ok()?;
    let start = bytes.len() - rest.len();
    let end = start.checked_add(len)?.checked_add(more)?;
    let crc = crc32c::crc32c(bytes.get(start..end)?);
    put(bytes, end, crc);
    Some(end + 4)
}

fn seal_index(bytes: &mut [u8]) {
    let Some(toc) = bytes.len().checked_sub(52) else { return };
    let crc = crc32c::crc32c(&bytes[toc..toc + 48]);
    put(bytes, toc + 48, crc);
    let place = |n: usize| {
        let at = bytes.get(toc + n * 8..)?.first_chunk()?;
        usize::try_from(u64::from_be_bytes(*at)).ok()
    };
    let [Some(symbols), Some(series), Some(postings), Some(table)] = [0, 1, 4, 5].map(place) else { return };
    let aligned = if bytes.get(4) == Some(&1) { 1 } else { 16 };
    let next = |at: usize, to: usize| at.checked_next_multiple_of(to);
    seal_section(bytes, symbols);
    let mut at = next(series, aligned);
    while let Some(entry) = at.filter(|at| *at < postings) {
        at = seal_counted(bytes, entry, 0).and_then(|end| next(end, aligned));
    }
    let aligned = if aligned == 1 { 1 } else { 4 };
    let mut at = next(postings, aligned);
    while let Some(list) = at.filter(|at| *at < table) {
        at = seal_section(bytes, list).and_then(|end| next(end, aligned));
    }
    seal_section(bytes, table);
}

fn seal_chunks(bytes: &mut [u8]) {
    let mut at = Some(8);
    while let Some(chunk) = at.filter(|at| *at < bytes.len()) {
        // The length counts neither the encoding nor the checksum.
        at = seal_counted(bytes, chunk, 1);
    }
}

/// A file of chunks with these: encoding and bytes.
#[must_use]
pub fn chunks(all: &[(u8, &[u8])]) -> Vec<u8> {
    let mut out = 0x85BD_40DDu32.to_be_bytes().to_vec();
    out.extend([1, 0, 0, 0]);
    for (encoding, bytes) in all {
        varint::put(&mut out, bytes.len() as u64);
        out.push(*encoding);
        out.extend(*bytes);
        out.extend([0; 4]);
    }
    seal_chunks(&mut out);
    out
}

/// Appends a record to a segment of the log: plain, packed with snappy or with zstd, or plain and in parts.
pub fn put_record(out: &mut Vec<u8>, packing: u8, record: &[u8]) {
    let (packed, flag) = match packing & 3 {
        1 => (snap::raw::Encoder::new().compress_vec(record).unwrap_or_default(), 8),
        2 => (zstd::bulk::compress(record, 1).unwrap_or_default(), 16),
        _ => (record.to_vec(), 0),
    };
    let part = if packing & 3 == 3 { (packed.len() / 3).max(1) } else { PAGE };
    let mut rest = packed.as_slice();
    let mut first = true;
    loop {
        let room = PAGE - out.len() % PAGE;
        if room <= 7 {
            out.resize(out.len() + room, 0);
            continue;
        }
        let (bytes, left) = rest.split_at(rest.len().min(room - 7).min(part));
        rest = left;
        out.push(flag | match (first, rest.is_empty()) {
            (true, true) => 1,
            (true, false) => 2,
            (false, false) => 3,
            (false, true) => 4,
        });
        first = false;
        out.extend((bytes.len() as u16).to_be_bytes());
        out.extend(crc32c::crc32c(bytes).to_be_bytes());
        out.extend(bytes);
        if rest.is_empty() {
            return;
        }
    }
}

/// Appends a chunk of the head to a file of them, which begins with the first one.
pub fn put_head_chunk(out: &mut Vec<u8>, series: u64, encoding: u8, bytes: &[u8]) {
    if out.is_empty() {
        out.extend(0x0130_BC91u32.to_be_bytes());
        out.extend([1, 0, 0, 0]);
    }
    let start = out.len();
    out.extend(series.to_be_bytes());
    out.extend(0u64.to_be_bytes());
    out.extend(BLOCK_MS.to_be_bytes());
    out.push(encoding);
    varint::put(out, bytes.len() as u64);
    out.extend(bytes);
    let crc = crc32c::crc32c(&out[start..]);
    out.extend(crc.to_be_bytes());
}
