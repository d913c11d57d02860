//! Blocks of every version against a plain list, and against bytes that nobody wrote.

use super::v2::writer as old;
use super::{Block, BlockPlan, BlockWriter, Compaction, Packing};
use crate::histogram::FloatHistogram;
use crate::io::Files;
use crate::query::postings::{Postings, resolve};
use crate::query::rows::Wanted;
use crate::query::tidy::Joints;
use crate::{Columns, Labels, LabelsBuf, MatchOp, Matcher};
use proptest::prelude::*;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub(crate) type Contents = Vec<(Labels, Columns)>;

const ULID: &str = "01JDFX6B1N8VZ4M3T9QK7W2RCE";
pub(crate) const MIN: i64 = 1_000_000;
const MAX: i64 = MIN + 40_000_000;

fn write(dir: &Path, packing: Packing, contents: &Contents) -> PathBuf {
    write_named(dir, ULID, packing, contents)
}

pub(crate) fn write_named(dir: &Path, ulid: &str, packing: Packing, contents: &Contents) -> PathBuf {
    let compaction = Compaction::of_head(ulid, false);
    let plan = BlockPlan {
        ulid: ulid.to_owned(),
        min_time: MIN,
        max_time: MAX,
        compaction,
        packing,
        applied: String::new(),
    };
    let mut writer = BlockWriter::new(&Files::os(), dir, plan).unwrap();
    for (labels, samples) in contents {
        writer.add_series(labels, samples).unwrap();
    }
    writer.finish().unwrap().unwrap()
}

/// The same in version 2.
pub(crate) fn write_old(dir: &Path, ulid: &str, contents: &Contents) -> PathBuf {
    let path = dir.join(ulid);
    old::write(&path, ulid, (MIN, MAX), contents);
    path
}

pub(crate) fn open(path: &Path) -> Block {
    Block::open(&Files::os(), path).unwrap()
}

pub(crate) fn read(block: &Block, number: u32, (mint, maxt): (i64, i64)) -> Columns {
    let mut out = Columns::default();
    let mut joints = Joints::new(&out);
    block.read(number, (mint, maxt), Wanted::Last, &mut out, &mut joints).unwrap();
    joints.tidy(&mut out);
    out
}

/// Series that look like those of an exporter, with columns that are shared, private and of several frames.
pub(crate) fn contents() -> impl Strategy<Value = Contents> {
    let value = prop_oneof![4 => (0i32..50).prop_map(f64::from), 1 => any::<f64>()];
    let samples =
        (0i64..30_000_000, 1i64..9_000, 1usize..1200, proptest::collection::vec(value, 1..20), 0u8..8);
    let labels = ("[ab]{1,3}", proptest::option::of("[a-c]{1,2}"), proptest::option::of("[0-9]{1,3}|ü{1,2}"));
    proptest::collection::btree_map(labels, samples, 1..60).prop_map(|series| {
        let mut contents: Contents = series
            .into_iter()
            .map(|((name, job, n), (first, step, count, values, kind))| {
                let pairs = [("__name__", Some(name)), ("job", job), ("n", n)];
                let pairs = pairs.iter().filter_map(|(name, value)| Some((*name, value.as_deref()?)));
                let mut columns = Columns::default();
                let (first, step) = if kind < 5 { (0, 15_000) } else { (first, step) };
                for (at, value) in (0..count as i64).zip(values.iter().cycle()) {
                    let t = MIN + first + at * step;
                    if kind == 7 && at % 3 == 0 {
                        let histogram = FloatHistogram { count: *value, ..FloatHistogram::default() };
                        columns.push_histogram(t, Arc::new(histogram), 0);
                    } else if t < MAX {
                        columns.push_started(t, *value, i64::from(kind == 6) * at);
                    }
                }
                (Labels::from_pairs(pairs), columns)
            })
            .filter(|(_, columns)| columns.timestamps.last().is_some_and(|last| *last < MAX))
            .collect();
        contents.sort_by(|a, b| a.0.cmp(&b.0));
        contents
    })
}

/// A NaN is what it is, bit for bit.
pub(crate) fn bits(columns: &Columns) -> String {
    let values: Vec<u64> = columns.values.iter().map(|value| value.to_bits()).collect();
    let histograms: Vec<_> = columns.histograms.iter().map(|(at, h)| (at, h.count.to_bits())).collect();
    let starts: Vec<i64> = (0..columns.len()).map(|at| columns.start(at)).collect();
    format!("{:?} {values:?} {histograms:?} {starts:?}", columns.timestamps)
}

fn within(columns: &Columns, (mint, maxt): (i64, i64)) -> Columns {
    let mut out = Columns::default();
    for (at, t) in columns.timestamps.iter().enumerate().filter(|(_, t)| (mint..=maxt).contains(*t)) {
        match columns.histogram(at) {
            Some(histogram) => out.push_histogram(*t, Arc::clone(histogram), columns.start(at)),
            None => out.push_started(*t, columns.values[at], columns.start(at)),
        }
    }
    out
}

fn agrees(block: &Block, contents: &Contents, range: (i64, i64)) -> Result<(), TestCaseError> {
    prop_assert_eq!(block.series_count() as usize, contents.len());
    let mut buffer = LabelsBuf::default();
    let mut entries = block.entries();
    // Forwards, backwards and in leaps.
    let count = contents.len();
    let order = (0..count).chain((0..count).rev()).chain((0..count).map(|n| n * 7 % count));
    for number in order {
        let (labels, columns) = &contents[number];
        let number = number as u32;
        entries.labels(number, &mut buffer).unwrap();
        prop_assert_eq!(buffer.as_encoded(), labels.as_encoded());
        let want = within(columns, range);
        // A chunk may overlap a range that falls between its samples.
        let outside = columns.timestamps[0] > range.1 || *columns.timestamps.last().unwrap() < range.0;
        let any = entries.has_chunk(number, range.0, range.1).unwrap();
        prop_assert!(any || want.is_empty());
        prop_assert!(!(any && outside));
        prop_assert_eq!(bits(&read(block, number, range)), bits(&want));
    }
    for (number, (labels, columns)) in (0u32..).zip(contents) {
        prop_assert_eq!(block.find(labels).unwrap(), Some(number));
        prop_assert_eq!(bits(&read(block, number, (i64::MIN, i64::MAX))), bits(columns));
    }
    for unknown in [&[("__name__", "a"), ("job", "zz")][..], &[("__name__", "zz")], &[]] {
        let labels = Labels::from_pairs(unknown.iter().copied());
        prop_assert_eq!(block.find(&labels).unwrap().is_some(), contents.iter().any(|(l, _)| *l == labels));
    }
    let names: std::collections::BTreeSet<&str> =
        contents.iter().flat_map(|(labels, _)| labels.iter().map(|(name, _)| name)).collect();
    prop_assert!(names.iter().copied().eq(block.label_names()));
    for name in ["__name__", "job", "n", "absent"] {
        let values: std::collections::BTreeSet<&str> =
            contents.iter().filter_map(|(labels, _)| labels.get(name)).collect();
        prop_assert_eq!(block.value_count(name), values.len());
        prop_assert!(values.iter().copied().eq(block.label_values(name).unwrap().iter().map(String::as_str)));
        for value in ["a", "b", "ab", "1", "12", "ü", "zz", ""].into_iter().chain(values) {
            for (op, value) in [
                (MatchOp::Equal, value.to_owned()),
                (MatchOp::NotEqual, value.to_owned()),
                (MatchOp::Regex, format!("{value}.*")),
                (MatchOp::NotRegex, format!("{value}.+")),
                (MatchOp::Regex, format!("[{value}a]+")),
            ] {
                let matcher = Matcher::new(op, name, value).unwrap();
                let fits = |labels: &Labels| matcher.matches(labels.get(name).unwrap_or(""));
                let want = (0u32..).zip(contents).filter(|(_, (labels, _))| fits(labels)).map(|(n, _)| n);
                let got = resolve(block, std::slice::from_ref(&matcher)).unwrap();
                prop_assert!(got.iter().eq(want), "{matcher}");
            }
        }
        let kept = block.filter(&block.everything(), name, &|value| value != "a").unwrap();
        let want = (0u32..).zip(contents).filter(|(_, (l, _))| l.get(name) != Some("a")).map(|(n, _)| n);
        prop_assert!(kept.iter().eq(want));
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn blocks_of_every_version_agree_with_a_list(
        contents in contents(), mint in 0i64..20_000_000, length in 0i64..20_000_000,
    ) {
        prop_assume!(!contents.is_empty());
        let range = (MIN + mint, MIN + mint + length);
        for packing in [Packing::Plain, Packing::Zstd] {
            let dir = tempfile::tempdir().unwrap();
            let block = open(&write(dir.path(), packing, &contents));
            prop_assert_eq!(block.meta().version, 6);
            agrees(&block, &contents, range)?;
        }
        let dir = tempfile::tempdir().unwrap();
        let block = open(&write_old(dir.path(), ULID, &contents));
        prop_assert_eq!((block.meta().version, block.meta().compaction.sources.clone()), (2, vec![ULID.to_owned()]));
        agrees(&block, &contents, range)?;
    }
}

/// Asks a block everything; errors are welcome.
fn ask(path: &Path) {
    let Ok(block) = Block::open(&Files::os(), path) else { return };
    let mut buffer = LabelsBuf::default();
    let mut entries = block.entries();
    for number in (0..block.series_count().min(300)).chain([u32::MAX]) {
        let _ = entries.labels(number, &mut buffer);
        let _ = block.find(&buffer.to_labels());
        let _ = entries.has_chunk(number, MIN, MIN + 1);
        let mut out = Columns::default();
        let mut joints = Joints::new(&out);
        let _ = block.read(number, (i64::MIN, i64::MAX), Wanted::All, &mut out, &mut joints);
    }
    for name in ["__name__", "job", "n"] {
        let _ = (block.label_names(), block.label_values(name), block.value_count(name));
        let _ = (block.with_name(name), block.with_value(name, "a"), block.with_prefix(name, "a", &|_| true));
        let _ = block.filter(&(0..40).collect(), name, &|value| value.is_empty());
    }
}

/// Corrects the checksums of a table of contents after a section was changed.
fn resealed(mut index: Vec<u8>) -> Vec<u8> {
    let toc = index.len() - 7 * 12 - 4;
    let mut start = 8;
    for row in (toc..toc + 84).step_by(12) {
        let end = u64::from_le_bytes(index[row..row + 8].try_into().unwrap()) as usize;
        if let Some(section) = index[..toc].get(start..end) {
            let crc = crc32fast::hash(section);
            index[row + 8..row + 12].copy_from_slice(&crc.to_le_bytes());
        }
        start = end;
    }
    let crc = crc32fast::hash(&index[toc..toc + 84]);
    index[toc + 84..].copy_from_slice(&crc.to_le_bytes());
    index
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    #[test]
    fn an_index_with_any_bytes_is_read_or_refused(
        contents in contents(),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        sealed in any::<bool>(),
    ) {
        prop_assume!(!contents.is_empty());
        let dir = tempfile::tempdir().unwrap();
        let path = write(dir.path(), Packing::Zstd, &contents);
        let mut index = fs::read(path.join("index")).unwrap();
        for (at, byte) in changes {
            let at = at.index(index.len());
            index[at] = byte;
        }
        fs::write(path.join("index"), if sealed { resealed(index) } else { index }).unwrap();
        ask(&path);
    }

    #[test]
    fn sections_of_any_bytes_are_read_or_refused(
        contents in contents(),
        sections in proptest::collection::vec(proptest::collection::vec(prop_oneof![0u8..4, any::<u8>()], 0..80), 7),
        keep in 0u8..128,
    ) {
        prop_assume!(!contents.is_empty());
        let dir = tempfile::tempdir().unwrap();
        let path = write(dir.path(), Packing::Plain, &contents);
        let index = fs::read(path.join("index")).unwrap();
        let toc = index.len() - 7 * 12 - 4;
        let (mut out, mut rows, mut start) = (index[..8].to_vec(), Vec::new(), 8);
        for (number, section) in sections.iter().enumerate() {
            let row = toc + number * 12;
            let end = u64::from_le_bytes(index[row..row + 8].try_into().unwrap()) as usize;
            out.extend_from_slice(if keep >> number & 1 == 1 { &index[start..end] } else { section });
            rows.extend_from_slice(&(out.len() as u64).to_le_bytes());
            rows.extend_from_slice(&[0; 4]);
            start = end;
        }
        out.extend_from_slice(&rows);
        out.extend_from_slice(&[0; 4]);
        fs::write(path.join("index"), resealed(out)).unwrap();
        ask(&path);
    }

    #[test]
    fn damage_in_any_file_is_noticed_or_harmless(
        contents in contents(), file in 0usize..4, at in any::<prop::sample::Index>(), bit in 0u8..8, cut in any::<bool>(),
    ) {
        prop_assume!(!contents.is_empty());
        let dir = tempfile::tempdir().unwrap();
        let path = write(dir.path(), Packing::Zstd, &contents);
        let name = ["index", "chunks", "timelines", "meta.json"][file];
        let mut bytes = fs::read(path.join(name)).unwrap();
        let at = at.index(bytes.len());
        if cut { bytes.truncate(at) } else { bytes[at] ^= 1 << bit }
        fs::write(path.join(name), bytes).unwrap();
        ask(&path);
        if name == "index" {
            prop_assert!(Block::open(&Files::os(), &path).is_err());
        }
        if name == "chunks" || name == "timelines" {
            let block = open(&path);
            for (number, (_, columns)) in (0u32..).zip(&contents) {
                let mut out = Columns::default();
                let mut joints = Joints::new(&out);
                if block.read(number, (i64::MIN, i64::MAX), Wanted::All, &mut out, &mut joints).is_ok() {
                    prop_assert_eq!(bits(&out), bits(columns));
                }
            }
        }
    }
}

#[test]
fn what_little_is_behind_a_full_frame_goes_into_it() {
    let mut columns = Columns::default();
    (0..481).for_each(|at| columns.push(MIN + at * 15_000, at as f64));
    let dir = tempfile::tempdir().unwrap();
    let contents = vec![(Labels::from_pairs([("a", "1")]), columns)];
    let block = open(&write(dir.path(), Packing::Plain, &contents));
    assert_eq!(block.meta().stats.num_chunks, 1);
    assert_eq!(bits(&read(&block, 0, (i64::MIN, i64::MAX))), bits(&contents[0].1));
}

#[test]
fn a_writer_that_is_given_up_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let compaction = Compaction::of_head(ULID, false);
    let plan = BlockPlan {
        ulid: ULID.to_owned(),
        min_time: MIN,
        max_time: MAX,
        compaction,
        packing: Packing::Zstd,
        applied: String::new(),
    };
    let mut writer = BlockWriter::new(&Files::os(), dir.path(), plan).unwrap();
    let mut columns = Columns::default();
    columns.push(MIN, 1.0);
    writer.add_series(&Labels::from_pairs([("b", "1")]), &columns).unwrap();
    assert!(writer.add_series(&Labels::from_pairs([("a", "1")]), &columns).is_err(), "out of order");
    drop(writer);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

/// The series of a real page of node_exporter, for many instances, with one chunk each.
fn fleet(instances: usize) -> Option<Contents> {
    let shared = std::env::var("NARTHEX_SHARED").unwrap_or_else(|_| "../../shared".to_owned());
    let page = fs::read_to_string(Path::new(&shared).join("expositions/node-exporter.txt")).ok()?;
    let mut contents = Contents::new();
    for (line_number, line) in page.lines().filter(|line| !line.starts_with('#')).enumerate() {
        let (series, _) = line.rsplit_once(' ').unwrap_or_default();
        let (name, rest) = series.split_once('{').unwrap_or((series, ""));
        let pairs: Vec<(&str, &str)> =
            rest.trim_end_matches('}').split("\",").filter_map(|pair| pair.split_once("=\"")).collect();
        for instance in 0..instances {
            let address = format!("10.0.{}.{}:9100", instance / 250, instance % 250);
            let mut builder = crate::LabelsBuilder::new();
            builder.set("__name__", name).set("instance", &address).set("job", "node");
            for (name, value) in &pairs {
                builder.set(name, value.trim_end_matches('"'));
            }
            let mut columns = Columns::default();
            for at in 0..3 {
                let value = if line_number % 2 == 0 { 1.0 } else { (at * at) as f64 };
                columns.push(MIN + at * 15_000 + instance as i64, value);
            }
            contents.push((builder.build(), columns));
        }
    }
    contents.sort_by(|a, b| a.0.cmp(&b.0));
    Some(contents)
}

#[test]
fn an_index_takes_a_dozen_bytes_a_series() {
    let Some(contents) = fleet(60) else {
        println!("SKIPPED: no shared expositions");
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let size = |path: PathBuf| fs::metadata(path.join("index")).unwrap().len() as f64 / contents.len() as f64;
    let new = size(write(dir.path(), Packing::Plain, &contents));
    let old = size(write_old(dir.path(), "old", &contents));
    println!("{new:.2} bytes a series in version 3, {old:.2} in version 2, {} series", contents.len());
    assert!(new < 12.0 && new < old / 4.0, "{new} bytes a series, {old} in version 2");
}
