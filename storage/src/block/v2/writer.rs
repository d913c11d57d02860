//! Writes blocks of version 2, to be read by tests.

use super::MAGIC;
use crate::block::{CHUNK_SAMPLES, PAGE_BYTES};
use crate::codec::{frame, timestamp, varint};
use crate::filenames;
use crate::labels::Labels;
use crate::query::Columns;
use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::Path;

struct PendingSeries {
    labels: Labels,
    chunks: Vec<u8>,
}

/// Writes a block of series in label order into a new directory `dir`.
pub(in crate::block) fn write(
    dir: &Path,
    ulid: &str,
    (min_time, max_time): (i64, i64),
    all: &[(Labels, Columns)],
) {
    let (mut chunks, mut page, mut timelines) = (Vec::new(), Vec::new(), Vec::new());
    let mut timeline_ids: HashMap<Vec<u8>, u64> = HashMap::new();
    let (mut series, mut samples_count, mut chunk_count) = (Vec::new(), 0, 0);
    let flush = |page: &mut Vec<u8>, chunks: &mut Vec<u8>| {
        chunks.extend_from_slice(&(page.len() as u32).to_le_bytes());
        chunks.extend_from_slice(&crc32fast::hash(page).to_le_bytes());
        chunks.append(page);
    };
    for (labels, samples) in all {
        let mut list = Vec::new();
        let pieces = frame::pieces(samples, CHUNK_SAMPLES);
        varint::put(&mut list, pieces.len() as u64);
        chunk_count += pieces.len();
        samples_count += samples.len();
        for piece in pieces {
            let timestamps = &samples.timestamps[piece.clone()];
            let mut encoded = Vec::new();
            timestamp::encode(timestamps, &mut encoded);
            let timeline = *timeline_ids.entry(encoded.clone()).or_insert_with(|| {
                let at = timelines.len() as u64;
                timelines.extend_from_slice(&(encoded.len() as u32).to_le_bytes());
                timelines.extend_from_slice(&crc32fast::hash(&encoded).to_le_bytes());
                timelines.extend_from_slice(&encoded);
                at
            });
            if page.len() >= PAGE_BYTES {
                flush(&mut page, &mut chunks);
            }
            varint::put_signed(&mut list, timestamps[0] - min_time);
            varint::put(&mut list, (timestamps[timestamps.len() - 1] - timestamps[0]) as u64);
            for offset in [timeline, chunks.len() as u64, page.len() as u64] {
                varint::put(&mut list, offset);
            }
            frame::encode(samples, piece, &mut page);
        }
        series.push(PendingSeries { labels: labels.clone(), chunks: list });
    }
    flush(&mut page, &mut chunks);
    let meta = serde_json::json!({
        "ulid": ulid, "minTime": min_time, "maxTime": max_time, "format": "narthex", "version": 2,
        "stats": { "numSamples": samples_count, "numSeries": series.len(), "numChunks": chunk_count },
    });
    fs::create_dir_all(dir).unwrap();
    fs::write(dir.join(filenames::CHUNKS), chunks).unwrap();
    fs::write(dir.join(filenames::TIMELINES), timelines).unwrap();
    fs::write(dir.join(filenames::INDEX), encode_index(&series).unwrap()).unwrap();
    fs::write(dir.join(filenames::META), meta.to_string()).unwrap();
}

/// Symbols, series, postings table, postings lists, and the table of contents behind them.
fn encode_index(series: &[PendingSeries]) -> Option<Vec<u8>> {
    let mut symbols: BTreeMap<&str, u32> = BTreeMap::new();
    for (name, value) in series.iter().flat_map(|s| &s.labels) {
        symbols.insert(name, 0);
        symbols.insert(value, 0);
    }
    symbols.values_mut().zip(0u32..).for_each(|(id, number)| *id = number);
    let mut out = MAGIC.to_vec();
    let mut ends = Vec::new();
    put_table(&mut out, symbols.keys().map(|text| text.as_bytes()))?;
    ends.push(out.len());

    let mut postings: BTreeMap<(u32, u32), Vec<u32>> = BTreeMap::new();
    let mut entries = Vec::with_capacity(series.len());
    for (number, pending) in (0u32..).zip(series) {
        let mut entry = Vec::new();
        let pairs: Vec<(u32, u32)> = pending
            .labels
            .iter()
            .filter_map(|(name, value)| Some((*symbols.get(name)?, *symbols.get(value)?)))
            .collect();
        varint::put(&mut entry, pairs.len() as u64);
        for pair in pairs {
            varint::put(&mut entry, u64::from(pair.0));
            varint::put(&mut entry, u64::from(pair.1));
            postings.entry(pair).or_default().push(number);
        }
        entry.extend_from_slice(&pending.chunks);
        entries.push(entry);
    }
    put_table(&mut out, entries.iter().map(Vec::as_slice))?;
    ends.push(out.len());

    let mut lists = Vec::new();
    out.extend_from_slice(&u32::try_from(postings.len()).ok()?.to_le_bytes());
    for ((name, value), numbers) in &postings {
        let start = u32::try_from(lists.len()).ok()?;
        varint::put(&mut lists, numbers.len() as u64);
        let mut previous = 0;
        for number in numbers {
            varint::put(&mut lists, u64::from(number - previous));
            previous = *number;
        }
        for field in [*name, *value, start] {
            out.extend_from_slice(&field.to_le_bytes());
        }
    }
    ends.push(out.len());
    out.extend_from_slice(&lists);
    ends.push(out.len());

    let mut toc = Vec::new();
    ends.iter().for_each(|end| toc.extend_from_slice(&(*end as u64).to_le_bytes()));
    let mut start = 0;
    for end in ends {
        toc.extend_from_slice(&crc32fast::hash(out.get(start..end)?).to_le_bytes());
        start = end;
    }
    let crc = crc32fast::hash(&toc);
    out.extend_from_slice(&toc);
    out.extend_from_slice(&crc.to_le_bytes());
    Some(out)
}

/// Count, then the end of each item, then the items.
fn put_table<'a>(out: &mut Vec<u8>, items: impl Iterator<Item = &'a [u8]> + Clone) -> Option<()> {
    out.extend_from_slice(&u32::try_from(items.clone().count()).ok()?.to_le_bytes());
    let mut end = 0u32;
    for item in items.clone() {
        end = end.checked_add(u32::try_from(item.len()).ok()?)?;
        out.extend_from_slice(&end.to_le_bytes());
    }
    items.for_each(|item| out.extend_from_slice(item));
    Some(())
}
