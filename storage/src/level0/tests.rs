//! What was written is read, and what is damaged is noticed.

use super::{Level0, Marks, Writer};
use crate::block::earlier_tests::recorded;
use crate::codec::timestamp::Timeline;
use crate::head::entry::SampleValue;
use crate::head::series::Chunk;
use crate::io::Files;
use crate::query::Columns;
use crate::query::tidy::Joints;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

type Chunks = Vec<Vec<(i64, f64)>>;

fn chunk(samples: &[(i64, f64)]) -> Chunk {
    let mut columns = Columns::default();
    samples.iter().for_each(|(timestamp, value)| columns.push(*timestamp, *value));
    Chunk::seal(Arc::new(Timeline::of(&columns.timestamps)), &columns, 0..columns.len())
}

fn write(dir: &Path, series: &BTreeMap<u32, Chunks>, marks: &Marks) -> Level0 {
    let files = Files::os();
    let mut writer = Writer::new(&files, dir, 7).unwrap();
    for (id, chunks) in series {
        writer.add(*id, &chunks.iter().map(|samples| chunk(samples)).collect::<Vec<_>>()).unwrap();
    }
    Level0::open(&files, &writer.finish(marks).unwrap().unwrap()).unwrap()
}

fn read(file: &Level0, id: u32, mint: i64, maxt: i64) -> Result<Vec<(i64, u64)>, String> {
    let mut columns = Columns::default();
    let mut joints = Joints::new(&columns);
    file.read(id, mint, maxt, &mut columns, &mut joints).map_err(|e| e.to_string())?;
    joints.tidy(&mut columns);
    Ok(columns.timestamps.iter().copied().zip(columns.values.iter().map(|value| value.to_bits())).collect())
}

fn series() -> impl Strategy<Value = BTreeMap<u32, Chunks>> {
    let samples =
        (0i64..50, proptest::collection::vec((1i64..4, prop_oneof![Just(1.0), any::<f64>()]), 1..40));
    let chunks = proptest::collection::vec(samples, 1..4).prop_map(|chunks| {
        let mut at = 0;
        let mut one = |(gap, samples): (i64, Vec<(i64, f64)>)| {
            at += gap;
            let next = |(step, value)| {
                at += step;
                (at, value)
            };
            samples.into_iter().map(next).collect::<Vec<_>>()
        };
        chunks.into_iter().map(&mut one).collect()
    });
    let id = prop_oneof![0u32..20, 200u32..300, any::<u32>().prop_map(|id| id % 100_000)];
    proptest::collection::btree_map(id, chunks, 1..40)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn samples_come_back_by_id_and_time(
        series in series(), mint in -5i64..200, length in 0i64..200, other in 0u32..100_000,
    ) {
        let dir = tempfile::tempdir().unwrap();
        let marks = Marks { segment: 3, next_group: 9, groups: [(1, 20), (8, 0)].into() };
        let file = write(dir.path(), &series, &marks);
        prop_assert_eq!(file.marks(), &marks);
        prop_assert_eq!(file.has(other), series.contains_key(&other));
        let maxt = mint + length;
        for (id, chunks) in &series {
            let all = chunks.iter().flatten().map(|(t, v)| (*t, v.to_bits()));
            let want: Vec<_> = all.clone().filter(|(t, _)| (mint..=maxt).contains(t)).collect();
            prop_assert_eq!(read(&file, *id, mint, maxt).unwrap(), want.clone());
            prop_assert!(file.may_have(*id, mint, maxt).unwrap() || want.is_empty());
            let newest = super::newest(&[Arc::new(write_again(&file))], *id).unwrap();
            let SampleValue::Float(value) = newest.value else { panic!("a float") };
            prop_assert_eq!(Some((newest.timestamp, value.to_bits())), all.clone().next_back());
        }
    }
}

fn write_again(file: &Level0) -> Level0 {
    Level0::open(&Files::os(), file.path()).unwrap()
}

#[test]
fn no_flipped_or_missing_byte_goes_unnoticed() {
    let dir = tempfile::tempdir().unwrap();
    let series: BTreeMap<u32, Chunks> = [
        (2, vec![vec![(1, 1.0), (2, 2.5)], vec![(3, 0.1), (9, f64::NAN)]]),
        (700, vec![(10..60).map(|t| (t * t, (t % 7) as f64)).collect()]),
    ]
    .into();
    let file = write(dir.path(), &series, &Marks::default());
    let path = file.path().to_owned();
    let want: Vec<_> = series.keys().map(|id| read(&file, *id, i64::MIN, i64::MAX).unwrap()).collect();
    let good = std::fs::read(&path).unwrap();
    let check = |bytes: &[u8]| {
        std::fs::remove_file(&path).unwrap();
        std::fs::write(&path, bytes).unwrap();
        let Ok(file) = Level0::open(&Files::os(), &path) else { return };
        let found: Result<Vec<_>, _> = series.keys().map(|id| read(&file, *id, i64::MIN, i64::MAX)).collect();
        assert!(found.as_ref().map_or(true, |found| *found == want), "{found:?}");
        assert!(found.is_err() || bytes == good);
    };
    check(&good);
    for at in 0..good.len() {
        for bit in 0..8 {
            let mut bad = good.clone();
            bad[at] ^= 1 << bit;
            check(&bad);
        }
        check(&good[..at]);
    }
}

#[test]
fn files_of_the_version_before_are_read_and_newer_ones_refused() {
    let dir = tempfile::tempdir().unwrap();
    let series: BTreeMap<u32, Chunks> = [(2, vec![vec![(1, 1.0), (2, 2.5)]])].into();
    let file = write(dir.path(), &series, &Marks::default());
    let good = std::fs::read(file.path()).unwrap();
    for (version, error) in [(1u32, None), (2, None), (3, Some("written by a newer version"))] {
        let mut bytes = good.clone();
        let (crc_at, footer_at) = (bytes.len() - 4, bytes.len() - super::FOOTER_LEN);
        bytes[crc_at - 4..crc_at].copy_from_slice(&version.to_le_bytes());
        let crc = crc32fast::hash(&bytes[footer_at..crc_at]);
        bytes[crc_at..].copy_from_slice(&crc.to_le_bytes());
        std::fs::remove_file(file.path()).unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        let opened = Level0::open(&Files::os(), file.path());
        match error {
            None => assert_eq!(read(&opened.unwrap(), 2, 0, 9).unwrap().len(), 2),
            Some(error) => assert!(opened.err().unwrap().to_string().contains(error)),
        }
    }
}

#[test]
fn a_file_of_version_1_has_all_its_samples() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/level0/fixtures/version1");
    let file = Level0::open(&Files::os(), &path).unwrap();
    let mut ids = (0..100).filter(|id| file.has(*id));
    for (name, columns) in recorded() {
        let values = columns.values.iter().map(|value| value.to_bits());
        let want: Vec<_> = columns.timestamps.iter().copied().zip(values).collect();
        assert_eq!(read(&file, ids.next().unwrap(), i64::MIN, i64::MAX).unwrap(), want, "{name}");
    }
    assert_eq!(ids.next(), None);
}
