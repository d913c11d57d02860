//! Merging against a plain map.

use super::{Merged, merge};
use crate::block::tests::{Contents, MIN, bits, contents, open, read, write_named, write_old};
use crate::block::{Block, Packing};
use crate::filenames;
use crate::io::Files;
use crate::{Columns, Labels, LabelsBuf};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

const RESULT: &str = "01JDFX6B1N8VZ4M3T9QK7W2RZZ";

fn merged(dir: &Path, parents: &[Arc<Block>]) -> Block {
    let go_on = AtomicBool::new(false);
    let merged = merge(&Files::os(), dir, RESULT.to_owned(), parents, &go_on).unwrap();
    let path = dir.join(filenames::block(RESULT));
    assert_eq!(merged, Merged::Block(path.clone()));
    open(&path)
}

fn name(n: usize) -> String {
    format!("01JDFX6B1N8VZ4M3T9QK7W2R{n:02}")
}

fn all(block: &Block) -> Vec<(Labels, Columns)> {
    let mut buffer = LabelsBuf::default();
    let mut entries = block.entries();
    let mut one = |number| {
        entries.labels(number, &mut buffer).unwrap();
        (buffer.to_labels(), read(block, number, (i64::MIN, i64::MAX)))
    };
    (0..block.series_count()).map(&mut one).collect()
}

/// What the parents hold together: of two samples for one timestamp the first parent's.
fn expected(parents: &[Contents]) -> Vec<(Labels, Columns)> {
    let mut series: BTreeMap<Labels, BTreeMap<i64, (usize, usize)>> = BTreeMap::new();
    for (parent, contents) in parents.iter().enumerate() {
        for (labels, columns) in contents {
            let samples = series.entry(labels.clone()).or_default();
            for (at, t) in columns.timestamps.iter().enumerate() {
                samples.entry(*t).or_insert((parent, at));
            }
        }
    }
    let columns = |labels: &Labels, samples: BTreeMap<i64, (usize, usize)>| {
        let mut out = Columns::default();
        for (t, (parent, at)) in samples {
            let from = &parents[parent].iter().find(|(known, _)| known == labels).unwrap().1;
            match from.histogram(at) {
                Some(histogram) => out.push_histogram(t, Arc::clone(histogram), from.start(at)),
                None => out.push_started(t, from.values[at], from.start(at)),
            }
        }
        out
    };
    series
        .into_iter()
        .map(|(labels, samples)| {
            let c = columns(&labels, samples);
            (labels, c)
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn a_merged_block_holds_what_its_parents_hold(
        parents in proptest::collection::vec((contents(), 0u8..3), 1..4),
    ) {
        let parents: Vec<(Contents, u8)> = parents.into_iter().filter(|(c, _)| !c.is_empty()).collect();
        prop_assume!(!parents.is_empty());
        let dir = tempfile::tempdir().unwrap();
        let blocks: Vec<Arc<Block>> = parents.iter().enumerate().map(|(n, (contents, kind))| {
            Arc::new(open(&match kind {
                0 => write_old(dir.path(), &name(n), contents),
                1 => write_named(dir.path(), &name(n), Packing::Plain, contents),
                _ => write_named(dir.path(), &name(n), Packing::Zstd, contents),
            }))
        }).collect();
        let block = merged(dir.path(), &blocks);
        let contents: Vec<Contents> = parents.into_iter().map(|(contents, _)| contents).collect();
        let (got, want) = (all(&block), expected(&contents));
        prop_assert_eq!(got.len(), want.len());
        for ((labels, got), (wanted, want)) in got.iter().zip(&want) {
            prop_assert_eq!(labels, wanted);
            prop_assert_eq!(bits(got), bits(want));
        }
        let meta = block.meta();
        prop_assert_eq!(meta.stats.num_samples, want.iter().map(|(_, c)| c.len() as u64).sum::<u64>());
        prop_assert_eq!(meta.stats.num_series, want.len() as u64);
        prop_assert_eq!(meta.compaction.level, 2);
        prop_assert_eq!(meta.compaction.sources.clone(), (0..blocks.len()).map(name).collect::<Vec<_>>());
        prop_assert!(blocks.iter().all(|parent| parent.meta().is_replaced_by(meta)));
        prop_assert!(!meta.is_replaced_by(blocks[0].meta()));
    }
}

/// A series with `count` samples from the `from`th on.
fn stretch(from: usize, count: usize) -> Contents {
    let mut columns = Columns::default();
    for at in from..from + count {
        columns.push(MIN + at as i64 * 15_000, (at as f64).sqrt());
    }
    vec![(Labels::from_pairs([("a", "1")]), columns)]
}

fn blocks(dir: &Path, parts: &[Contents]) -> Vec<Arc<Block>> {
    let write = |(n, part)| Arc::new(open(&write_named(dir, &name(n), Packing::Plain, part)));
    parts.iter().enumerate().map(write).collect()
}

fn frames(block: &Block) -> Vec<Vec<u8>> {
    let mut frames = Vec::new();
    block
        .entries()
        .each_chunk(0, (i64::MIN, i64::MAX), |chunk| {
            frames.push(block.frame(&chunk)?.to_vec());
            Ok(true)
        })
        .unwrap();
    frames
}

#[test]
fn long_frames_are_copied_and_short_ones_joined() {
    let dir = tempfile::tempdir().unwrap();
    let long = blocks(dir.path(), &[stretch(0, 480), stretch(480, 400), stretch(880, 512)]);
    let parents: Vec<Vec<u8>> = long.iter().flat_map(|block| frames(block)).collect();
    assert_eq!(frames(&merged(dir.path(), &long)), parents);
    let dir = tempfile::tempdir().unwrap();
    let short =
        blocks(dir.path(), &[stretch(0, 120), stretch(120, 120), stretch(240, 120), stretch(360, 120)]);
    let block = merged(dir.path(), &short);
    assert_eq!(block.meta().stats.num_chunks, 1);
    assert_eq!(bits(&all(&block)[0].1), bits(&stretch(0, 480)[0].1));
}

#[test]
fn a_series_of_many_short_frames_is_written_in_frames_of_the_usual_length() {
    let dir = tempfile::tempdir().unwrap();
    let parts: Vec<Contents> = (0..30).map(|n| stretch(n * 100, 100)).collect();
    let block = merged(dir.path(), &blocks(dir.path(), &parts));
    assert_eq!(block.meta().stats.num_chunks, 3000_u64.div_ceil(480));
    assert_eq!(bits(&all(&block)[0].1), bits(&stretch(0, 3000)[0].1));
}

#[test]
fn a_cancelled_merge_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let parents = blocks(dir.path(), &[stretch(0, 10), stretch(10, 10)]);
    let stop = AtomicBool::new(true);
    let ended = merge(&Files::os(), dir.path(), RESULT.to_owned(), &parents, &stop).unwrap();
    assert_eq!(ended, Merged::Cancelled);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2);
}

#[test]
fn a_parent_with_a_damaged_page_is_an_error_that_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let path = write_named(dir.path(), &name(0), Packing::Plain, &stretch(0, 480));
    let mut chunks = fs::read(path.join("chunks")).unwrap();
    chunks[40] ^= 1;
    fs::write(path.join("chunks"), chunks).unwrap();
    let parents = [Arc::new(open(&path))];
    let go_on = AtomicBool::new(false);
    assert!(merge(&Files::os(), dir.path(), RESULT.to_owned(), &parents, &go_on).is_err());
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
}
