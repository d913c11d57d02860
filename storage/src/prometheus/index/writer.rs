//! Writes an index, version 2, without label indices, which nobody reads any more.

use super::super::bytes::checksum;
use super::{ChunkRef, MAGIC};
use crate::codec::varint;
use crate::labels::Labels;
use std::collections::BTreeMap;

/// The version that is written.
const VERSION: u8 = 2;

/// Collects series, in label order.
#[derive(Default)]
pub(in crate::prometheus) struct IndexWriter {
    series: Vec<(Labels, Vec<u8>)>,
}

/// A list of chunks as an entry has it.
fn put_chunks(chunks: &[ChunkRef], out: &mut Vec<u8>) {
    varint::put(out, chunks.len() as u64);
    let mut before: Option<&ChunkRef> = None;
    for chunk in chunks {
        match before {
            None => varint::put_signed(out, chunk.min),
            Some(before) => varint::put(out, chunk.min.wrapping_sub(before.max) as u64),
        }
        varint::put(out, chunk.max.wrapping_sub(chunk.min) as u64);
        match before {
            None => varint::put(out, chunk.place),
            Some(before) => varint::put_signed(out, chunk.place.wrapping_sub(before.place) as i64),
        }
        before = Some(chunk);
    }
}

impl IndexWriter {
    /// Adds the next series and where its chunks are.
    pub(in crate::prometheus) fn add(&mut self, labels: Labels, chunks: &[ChunkRef]) {
        let mut list = Vec::new();
        put_chunks(chunks, &mut list);
        self.series.push((labels, list));
    }

    pub(in crate::prometheus) fn len(&self) -> usize {
        self.series.len()
    }

    /// The bytes of the file, handed out part by part; `None` when a section exceeds 4 GiB.
    pub(in crate::prometheus) fn finish<E>(
        &self,
        write: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<Option<()>, E> {
        let mut out = Out { write, len: 0 };
        let mut symbols: BTreeMap<&str, u32> = BTreeMap::new();
        for (name, value) in self.series.iter().flat_map(|(labels, _)| labels) {
            symbols.insert(name, 0);
            symbols.insert(value, 0);
        }
        symbols.values_mut().zip(0u32..).for_each(|(number, at)| *number = at);
        out.put(&[MAGIC.to_be_bytes().as_slice(), &[VERSION]].concat())?;

        let symbols_at = out.len;
        let mut section = (symbols.len() as u32).to_be_bytes().to_vec();
        symbols.keys().for_each(|symbol| put_text(symbol, &mut section));
        if out.section(&section)?.is_none() {
            return Ok(None);
        }

        out.align(16)?;
        let series_at = out.len;
        // The pair that no label has lists all series.
        let mut lists: BTreeMap<Option<(u32, u32)>, Vec<u8>> = BTreeMap::from([(None, Vec::new())]);
        let (mut entry, mut framed) = (Vec::new(), Vec::new());
        for (labels, chunks) in &self.series {
            out.align(16)?;
            let Ok(reference) = u32::try_from(out.len / 16) else { return Ok(None) };
            entry.clear();
            varint::put(&mut entry, labels.len() as u64);
            let mut list = |pair| {
                let references: &mut Vec<u8> = lists.entry(pair).or_default();
                references.extend_from_slice(&reference.to_be_bytes());
            };
            list(None);
            for (name, value) in labels {
                let symbol = |text| symbols.get(text).copied().unwrap_or_default();
                let pair = (symbol(name), symbol(value));
                varint::put(&mut entry, u64::from(pair.0));
                varint::put(&mut entry, u64::from(pair.1));
                list(Some(pair));
            }
            entry.extend_from_slice(chunks);
            framed.clear();
            varint::put(&mut framed, entry.len() as u64);
            framed.extend_from_slice(&entry);
            framed.extend_from_slice(&checksum(&entry).to_be_bytes());
            out.put(&framed)?;
        }

        let texts: Vec<&str> = symbols.keys().copied().collect();
        let text = |symbol: u32| texts.get(symbol as usize).copied().unwrap_or_default();
        out.align(4)?;
        let postings_at = out.len;
        let mut table = (lists.len() as u32).to_be_bytes().to_vec();
        for (pair, references) in lists {
            out.align(4)?;
            let (name, value) = pair.map_or(("", ""), |(name, value)| (text(name), text(value)));
            table.push(2);
            put_text(name, &mut table);
            put_text(value, &mut table);
            varint::put(&mut table, out.len);
            let count = (references.len() / 4) as u32;
            if out.section(&[&count.to_be_bytes(), references.as_slice()].concat())?.is_none() {
                return Ok(None);
            }
        }
        let table_at = out.len;
        if out.section(&table)?.is_none() {
            return Ok(None);
        }
        let mut contents = Vec::new();
        for at in [symbols_at, series_at, 0, 0, postings_at, table_at] {
            contents.extend_from_slice(&at.to_be_bytes());
        }
        let crc = checksum(&contents);
        contents.extend_from_slice(&crc.to_be_bytes());
        out.put(&contents)?;
        Ok(Some(()))
    }
}

fn put_text(text: &str, out: &mut Vec<u8>) {
    varint::put(out, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}

struct Out<F> {
    write: F,
    len: u64,
}

impl<E, F: FnMut(&[u8]) -> Result<(), E>> Out<F> {
    fn put(&mut self, bytes: &[u8]) -> Result<(), E> {
        self.len += bytes.len() as u64;
        (self.write)(bytes)
    }

    fn align(&mut self, to: u64) -> Result<(), E> {
        let padding = (to - self.len % to) % to;
        self.put([0; 16].get(..padding as usize).unwrap_or_default())
    }

    /// Length, bytes, checksum; `None` when the length is beyond four bytes.
    fn section(&mut self, bytes: &[u8]) -> Result<Option<()>, E> {
        let Ok(len) = u32::try_from(bytes.len()) else { return Ok(None) };
        self.put(&len.to_be_bytes())?;
        self.put(bytes)?;
        self.put(&checksum(bytes).to_be_bytes())?;
        Ok(Some(()))
    }
}
