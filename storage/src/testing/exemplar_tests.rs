//! Exemplars when the disk is cut: those that were acknowledged are there, and nothing that never was.

use super::disk::SimDisk;
use super::image::{Image, Op};
use super::rng::Rng;
use super::workload::{Mode, open, options};
use crate::{Db, DbOptions, Exemplar, Labels, Matcher};

const MAX: usize = 6;

fn opened(disk: &SimDisk) -> Db {
    let options = DbOptions { max_exemplars: MAX, retention_ms: None, ..options(Mode::Always) };
    open(disk, &options).unwrap()
}

fn series(number: usize) -> Labels {
    Labels::from_pairs([("__name__", "seconds_bucket"), ("n", number.to_string().as_str())])
}

fn store(db: &Db, number: usize, timestamp: i64) {
    let mut samples = db.appender();
    samples.append(&series(number), timestamp, 1.0).unwrap();
    samples.commit().unwrap();
    let text = timestamp.to_string();
    let labels = Labels::from_pairs([("trace_id", text.as_str())]);
    let mut exemplars = db.exemplar_appender();
    let exemplar = Exemplar { labels, value: 0.5, timestamp, has_timestamp: true };
    exemplars.stage(&series(number), exemplar).unwrap();
    assert_eq!(exemplars.commit().unwrap().stored, 1);
}

fn shown(db: &Db) -> Vec<String> {
    let all = db.exemplars(i64::MIN, i64::MAX, &[vec![Matcher::equal("__name__", "seconds_bucket")]]);
    all.iter().flat_map(|one| one.exemplars.iter().map(|it| format!("{:?} {it:?}", one.labels))).collect()
}

/// What is left after an operation that was under way.
fn remains(image: &Image, under_way: Option<&Op>, power_cut: bool, rng: &mut Rng) -> Image {
    let mut image = image.clone();
    match under_way {
        Some(Op::Append(number, bytes)) => {
            let part = bytes.get(..rng.below(bytes.len() + 1)).unwrap_or_default();
            image.apply(&Op::Append(*number, part.into()));
        }
        Some(op) if rng.once_in(2) => image.apply(op),
        _ => {}
    }
    if power_cut { image.power_cut(rng) } else { image.killed() }
}

#[test]
fn acknowledged_exemplars_survive_wherever_the_disk_is_cut() {
    let mut cuts = 0;
    for seed in 0..12 {
        let (mut rng, disk) = (Rng::new(seed), SimDisk::default());
        let mut db = opened(&disk);
        // What is shown from an operation of the disk on.
        let mut states = vec![(0, Vec::new())];
        for step in 0..24 {
            match rng.below(8) {
                0 | 1 => drop(db.flush().unwrap()),
                2 => {
                    if rng.once_in(2) {
                        db.close().unwrap();
                    }
                    drop(db);
                    db = opened(&disk);
                }
                3 => drop(db.maintain(step * 10_000).unwrap()),
                _ => store(&db, rng.below(4), step * 10_000),
            }
            states.push((disk.now(), shown(&db)));
        }
        let journal = disk.journal();
        let mut image = Image::default();
        for at in 0..=journal.len() {
            let before = states.iter().rposition(|(since, _)| *since <= at).unwrap();
            let allowed: Vec<_> = states.iter().skip(before).take(2).map(|(_, shown)| shown).collect();
            for power_cut in [false, true] {
                let remains = remains(&image, journal.get(at), power_cut, &mut rng);
                let db = opened(&SimDisk::of(remains));
                let shown = shown(&db);
                assert!(
                    allowed.contains(&&shown),
                    "seed {seed}, operation {at}, power cut {power_cut}: {shown:#?} is none of {allowed:#?}"
                );
                cuts += 1;
            }
            if let Some(op) = journal.get(at) {
                image.apply(op);
            }
        }
    }
    assert!(cuts > 2_000, "{cuts}");
}
