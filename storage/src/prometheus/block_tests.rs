//! Blocks that the writer wrote, read by the reader.

use super::{PrometheusBlock, PrometheusBlockWriter};
use crate::block::ServedBlock;
use crate::io::Files;
use crate::query::tidy::Joints;
use crate::query::{Columns, postings::resolve};
use crate::{Db, DbOptions, Labels, LabelsBuf, Matcher, Queryable, SelectHints, WalSync};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

const ULID: &str = "01JDFX6B1N8VZ4M3T9QK7W2RCE";

type Model = BTreeMap<Labels, Vec<(i64, f64)>>;

fn write(dir: &Path, model: &Model) -> Option<PathBuf> {
    let mut block = PrometheusBlockWriter::new(&Files::os(), dir, ULID.to_owned(), 0, 7_200_000).unwrap();
    for (labels, samples) in model {
        let mut columns = Columns::default();
        samples.iter().for_each(|(t, v)| columns.push(*t, *v));
        block.add_series(labels, &columns).unwrap();
    }
    block.finish().unwrap()
}

fn read(block: &PrometheusBlock, number: u32, range: (i64, i64)) -> Vec<(i64, f64)> {
    let mut columns = Columns::default();
    let mut joints = Joints::new(&columns);
    block.read(number, range, &mut columns, &mut joints).unwrap();
    columns.timestamps.into_iter().zip(columns.values).collect()
}

fn some_model() -> Model {
    (0..40i64)
        .map(|n| {
            let (n_text, job) = (format!("{n}"), if n % 3 == 0 { "a" } else { "ü" });
            let labels = Labels::from_pairs([("__name__", "m"), ("n", n_text.as_str()), ("job", job)]);
            (labels, (0..300).map(|t| (t * 15_000 + n, (t * n) as f64 / 8.0)).collect())
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn a_block_comes_back_with_its_postings(
        series in proptest::collection::btree_map(
            proptest::collection::btree_map("[a-d]", "[xyzü]{1,2}", 0..4),
            proptest::collection::btree_map(0i64..7_200_000, any::<i16>().prop_map(f64::from), 1..150),
            1..60),
        value in "[xyzü]{1,2}",
        name in "[a-e]",
        range in (0i64..7_200_000, 0i64..7_200_000),
    ) {
        let dir = tempfile::tempdir().unwrap();
        let model: Model = series
            .into_iter()
            .map(|(labels, samples)| {
                let pairs = labels.iter().map(|(n, v)| (n.as_str(), v.as_str()));
                (Labels::from_pairs(pairs), samples.into_iter().collect())
            })
            .collect();
        let path = write(dir.path(), &model).unwrap();
        let block = PrometheusBlock::open(&Files::os(), &path).unwrap();
        prop_assert_eq!(block.verify(), []);
        prop_assert_eq!(block.meta().stats.num_series, model.len() as u64);
        for (number, (labels, samples)) in (0u32..).zip(&model) {
            let mut buffer = LabelsBuf::default();
            block.labels(number, &mut buffer).unwrap();
            prop_assert_eq!(&buffer.to_labels(), labels);
            prop_assert_eq!(block.find(labels).unwrap(), Some(number));
            let want: Vec<_> =
                samples.iter().filter(|(t, _)| (range.0..=range.1).contains(t)).copied().collect();
            prop_assert_eq!(read(&block, number, range), want);
        }
        let served = ServedBlock::Prometheus(Box::new(block));
        for matcher in [
            Matcher::equal(&*name, value.clone()),
            Matcher::new(crate::MatchOp::Regex, &*name, format!("{value}|x.*")).unwrap(),
            Matcher::new(crate::MatchOp::NotEqual, &*name, &*value).unwrap(),
        ] {
            let want: Vec<u32> = (0u32..)
                .zip(model.keys())
                .filter(|(_, labels)| matcher.matches(labels.get(&name).unwrap_or("")))
                .map(|(number, _)| number)
                .collect();
            let got: Vec<u32> = resolve(&served, std::slice::from_ref(&matcher)).unwrap().into_iter().collect();
            prop_assert_eq!(got, want, "{}", matcher);
        }
        let names: std::collections::BTreeSet<&str> = model.keys().flatten().map(|(name, _)| name).collect();
        prop_assert_eq!(served.label_names(), names.into_iter().collect::<Vec<_>>());
        let values: std::collections::BTreeSet<&str> = model.keys().filter_map(|l| l.get(&name)).collect();
        prop_assert_eq!(served.label_values(&name).unwrap(), values.into_iter().collect::<Vec<_>>());
    }
}

#[test]
fn an_empty_block_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(write(dir.path(), &Model::new()), None);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn every_flipped_bit_is_found_and_none_brings_a_panic() {
    let dir = tempfile::tempdir().unwrap();
    let model: Model = some_model().into_iter().take(4).collect();
    let path = write(dir.path(), &model).unwrap();
    for name in ["index", "chunks/000001"] {
        let file = path.join(name);
        let good = fs::read(&file).unwrap();
        for at in (0..good.len()).step_by(1 + good.len() / 1_500) {
            let mut bad = good.clone();
            bad[at] ^= 0x10;
            fs::write(&file, &bad).unwrap();
            let Ok(block) = PrometheusBlock::open(&Files::os(), &path) else { continue };
            let mut whole = true;
            for number in 0..5 {
                let mut buffer = LabelsBuf::default();
                whole &= block.labels(number, &mut buffer).is_ok() || number == 4;
                let mut columns = Columns::default();
                let mut joints = Joints::new(&columns);
                whole &= block.read(number, (0, i64::MAX), &mut columns, &mut joints).is_ok() || number == 4;
            }
            let _ = resolve(
                &ServedBlock::Prometheus(Box::new(PrometheusBlock::open(&Files::os(), &path).unwrap())),
                &[Matcher::equal("job", "a")],
            );
            // Padding between sections and behind the header has no checksum, in Prometheus's format.
            if !whole {
                assert!(!block.verify().is_empty(), "{name}, byte {at}");
            }
        }
        for len in (0..good.len()).step_by(1 + good.len() / 97) {
            fs::write(&file, &good[..len]).unwrap();
            if let Ok(block) = PrometheusBlock::open(&Files::os(), &path) {
                assert!(!block.verify().is_empty() || len <= 8 || name != "index", "{name} of {len} bytes");
            }
        }
        fs::write(&file, &good).unwrap();
    }
}

#[test]
fn deleted_intervals_are_masked_and_a_series_without_samples_is_not_selected() {
    let dir = tempfile::tempdir().unwrap();
    let model = some_model();
    let path = write(dir.path(), &model).unwrap();
    let block = PrometheusBlock::open(&Files::os(), &path).unwrap();
    let reference = |number| u64::from(block.index.reference(number).unwrap());
    let mut body = Vec::new();
    for (series, (first, last)) in
        [(reference(0), (i64::MIN, i64::MAX)), (reference(1), (30_000, 60_000)), (1 << 40, (0, 1))]
    {
        crate::codec::varint::put(&mut body, series);
        crate::codec::varint::put_signed(&mut body, first);
        crate::codec::varint::put_signed(&mut body, last);
    }
    let crc = super::bytes::checksum(&body).to_be_bytes();
    let file = [0x0130_BA30u32.to_be_bytes().as_slice(), &[1], &body, &crc].concat();
    fs::write(path.join("tombstones"), file).unwrap();
    let block = PrometheusBlock::open(&Files::os(), &path).unwrap();
    assert_eq!(block.tombstones(), 2);
    assert!(!block.has_chunk(0, 0, i64::MAX).unwrap());
    assert_eq!(read(&block, 0, (0, i64::MAX)), []);
    let second = model.values().nth(1).unwrap();
    let want: Vec<_> = second.iter().filter(|(t, _)| !(30_000..=60_000).contains(t)).copied().collect();
    assert_eq!(read(&block, 1, (0, i64::MAX)), want);
}

#[test]
fn a_database_serves_blocks_of_either_kind_and_lets_them_go_in_time() {
    let dir = tempfile::tempdir().unwrap();
    let model = some_model();
    let path = write(dir.path(), &model).unwrap();
    let options =
        DbOptions { wal_sync: WalSync::Never, retention_ms: Some(36_000_000), ..DbOptions::default() };
    let db = Db::open(dir.path(), options).unwrap();
    assert_eq!((db.open_report().blocks, db.open_report().corruptions()), (1, 0));
    let (labels, samples) = model.first_key_value().unwrap();
    let mut appender = db.appender();
    assert!(appender.append(labels, 7_199_999, 1.0).is_err(), "the block has that time");
    appender.append(labels, 7_200_000, 1.0).unwrap();
    appender.commit().unwrap();
    let hints = SelectHints { mint: 0, maxt: i64::MAX, ..SelectHints::default() };
    let selected = db.querier(0, i64::MAX).unwrap().select(&[], &hints).unwrap();
    assert_eq!(selected.iter().map(|s| s.labels()).collect::<Vec<_>>(), model.keys().collect::<Vec<_>>());
    let mut columns = Columns::default();
    selected[0].read(0, i64::MAX, &mut columns).unwrap();
    assert_eq!(columns.len(), samples.len() + 1);
    db.maintain(7_200_000 + 36_000_000 - 1).unwrap();
    assert!(path.exists());
    assert_eq!(db.maintain(7_200_000 + 36_000_000).unwrap().blocks_deleted, std::slice::from_ref(&path));
    assert!(!path.exists());
}
