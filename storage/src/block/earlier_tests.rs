//! Blocks as earlier versions wrote them: 3 and 4 with the frames that values had then, 4 and 5 with downsampled series.

use super::Block;
use super::tests::{MIN, bits, open, read};
use crate::io::Files;
use crate::query::rows::{Row, SIDES, Wanted};
use crate::query::tidy::Joints;
use crate::sample::STALE_NAN;
use crate::{Columns, Labels};
use std::fs;
use std::path::{Path, PathBuf};

const SAMPLES: i64 = 100;

type ValueAt = fn(i64) -> f64;

/// What is in the files of earlier versions: a series for each way in which values were written.
pub(crate) fn recorded() -> Vec<(&'static str, Columns)> {
    let series: [(&str, ValueAt); 7] = [
        ("constant", |_| 0.1),
        ("counter", |at| (1_000_000 + at * 1_500 + at % 7 * 100) as f64),
        ("gauge", |at| (at * 7_919 % 400) as f64 / 100.0),
        ("gauge_with_odd_values", |at| match at {
            0 => -0.0,
            50 => f64::NEG_INFINITY,
            99 => STALE_NAN,
            _ => (at % 10) as f64,
        }),
        ("noise", |at| f64::from_bits((at.cast_unsigned() + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15))),
        ("sum", |at| 1.1 * at as f64 + 0.1 / 3.0),
        ("zero", |_| 0.0),
    ];
    let columns = |value: ValueAt| {
        let mut columns = Columns::default();
        (0..SAMPLES).for_each(|at| columns.push(MIN + at * 15_000, value(at)));
        columns
    };
    series.into_iter().map(|(name, value)| (name, columns(value))).collect()
}

/// The series of the blocks of versions 4 and 5, of which some are downsampled.
const DOWNSAMPLED: [&str; 4] = ["constant", "counter", "gauge", "sum"];

/// What is in those blocks.
fn recorded_and_downsampled() -> Vec<(&'static str, Columns)> {
    let mut series = recorded();
    for (_, columns) in series.iter_mut().filter(|(name, _)| DOWNSAMPLED.contains(name)) {
        for (at, value) in columns.values.clone().into_iter().enumerate() {
            let sides = [value - 0.5, value + at as f64, value * 20.0, 20.0];
            columns.rows.push(at, Row { resolution: 300_000, sides });
        }
    }
    series
}

fn fixture(version: u32) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("src/block/fixtures/version{version}"))
}

/// A copy of the block of version 3 that says it has another version.
fn copy_as_version(version: u32) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for file in ["meta.json", "chunks", "timelines", "index"] {
        fs::copy(fixture(3).join(file), dir.path().join(file)).unwrap();
    }
    let meta = fs::read_to_string(dir.path().join("meta.json")).unwrap();
    let changed = meta.replace("\"version\": 3", &format!("\"version\": {version}"));
    fs::write(dir.path().join("meta.json"), changed).unwrap();
    dir
}

/// Everything, and what downsampled samples stand for.
fn all_bits(columns: &Columns) -> String {
    let row = |at: usize| {
        let sides = SIDES.map(|side| columns.rows.side(side, at).map(f64::to_bits));
        (columns.rows.resolution(at), sides)
    };
    format!("{} {:?}", bits(columns), (0..columns.len()).map(row).collect::<Vec<_>>())
}

fn has_all_its_samples(version: u32, contents: Vec<(&str, Columns)>) {
    let block = open(&fixture(version));
    assert_eq!(block.meta().version, version);
    for (number, (name, columns)) in (0..).zip(contents) {
        let labels = Labels::from_pairs([("__name__", name), ("job", "node")]);
        assert_eq!(block.find(&labels).unwrap(), Some(number));
        let mut all = Columns::default();
        let mut joints = Joints::new(&all);
        block.read(number, (i64::MIN, i64::MAX), Wanted::All, &mut all, &mut joints).unwrap();
        assert_eq!(all_bits(&all), all_bits(&columns), "{name}");
        assert_eq!(bits(&read(&block, number, (i64::MIN, i64::MAX))), bits(&columns), "{name}");
    }
}

#[test]
fn a_block_of_version_3_has_all_its_samples() {
    has_all_its_samples(3, recorded());
}

#[test]
fn a_block_of_version_4_has_all_its_samples_and_what_they_stand_for() {
    has_all_its_samples(4, recorded_and_downsampled());
}

#[test]
fn a_block_of_version_5_has_all_its_samples_and_what_they_stand_for() {
    has_all_its_samples(5, recorded_and_downsampled());
}

#[test]
fn a_block_of_a_newer_version_is_refused_by_its_number() {
    let dir = copy_as_version(7);
    let error = Block::open(&Files::os(), dir.path()).err().unwrap().to_string();
    assert!(error.contains("version 7 is not ours"), "{error}");
}

#[test]
fn a_block_of_version_6_without_a_checksum_of_its_facts_is_refused() {
    let dir = copy_as_version(6);
    let error = Block::open(&Files::os(), dir.path()).err().unwrap().to_string();
    assert!(error.contains("checksum missing"), "{error}");
}
