//! The ring beside a model that keeps lists and looks at everything.

use super::kept::Kept;
use super::ring::{Ring, Verdict};
use super::*;
use proptest::prelude::*;

/// All exemplars in the order in which they came, and the rules told plainly.
#[derive(Default)]
struct Model {
    max: usize,
    all: Vec<(Labels, Exemplar)>,
}

impl Model {
    fn of(&self, series: &Labels) -> Vec<Exemplar> {
        let own = self.all.iter().filter(|(of, _)| of == series).map(|(_, one)| one.clone());
        let mut own: Vec<Exemplar> = own.collect();
        own.sort_by_key(|one| one.timestamp);
        own
    }

    fn add(&mut self, series: &Labels, one: &Exemplar, window_ms: i64) -> Verdict {
        let chars = |text: &str| text.chars().count();
        if self.max == 0 {
            return Verdict::Off;
        }
        if one.labels.iter().map(|(name, value)| chars(name) + chars(value)).sum::<usize>() > 128 {
            return Verdict::TooLong;
        }
        let own = self.of(series);
        if let Some(newest) = own.last() {
            let same_time = newest.timestamp == one.timestamp;
            let untimed = !newest.has_timestamp && !one.has_timestamp;
            if newest.labels == one.labels && newest.value == one.value && (same_time || untimed) {
                return Verdict::Duplicate;
            }
            let too_late = one.timestamp < newest.timestamp && newest.timestamp - one.timestamp >= window_ms;
            let hash = |one: &Exemplar| labels_hash(&one.labels);
            let lesser = one.value < newest.value || one.value == newest.value && hash(one) < hash(newest);
            if too_late || same_time && lesser {
                return Verdict::OutOfOrder;
            }
            if !same_time && own.iter().any(|other| other.timestamp == one.timestamp) {
                return Verdict::Duplicate;
            }
        }
        if self.all.len() == self.max {
            self.all.remove(0);
        }
        self.all.push((series.clone(), one.clone()));
        Verdict::Stored
    }
}

fn series(number: u8) -> Labels {
    Labels::from_pairs([("__name__", "a"), ("n", number.to_string().as_str())])
}

fn print(all: &[Exemplar]) -> Vec<String> {
    all.iter().map(|one| format!("{one:?}")).collect()
}

fn exemplar() -> impl Strategy<Value = Exemplar> {
    let labels = prop_oneof![
        3 => (0u8..3).prop_map(|trace| Labels::from_pairs([("trace_id", trace.to_string().as_str())])),
        1 => (118usize..124).prop_map(|len| Labels::from_pairs([("trace_id", "µ".repeat(len).as_str())])),
    ];
    (labels, 0i32..3, 0i64..20, any::<bool>()).prop_map(|(labels, value, timestamp, has_timestamp)| {
        Exemplar { labels, value: f64::from(value), timestamp, has_timestamp }
    })
}

proptest! {
    #[test]
    fn the_ring_keeps_what_the_model_keeps(
        max in 0usize..9, window_ms in prop_oneof![Just(0i64), 0i64..25],
        steps in proptest::collection::vec(
            prop_oneof![9 => (0u8..4, exemplar()).prop_map(Ok), 1 => (0usize..12).prop_map(Err)], 0..80),
        mint in 0i64..20, maxt in 0i64..20,
    ) {
        let (mut ring, mut model) = (Ring::default(), Model { max, ..Model::default() });
        ring.resize(max);
        for step in &steps {
            match step {
                Ok((number, one)) => {
                    let series = series(*number);
                    let sequence = ring.next_sequence();
                    let got = ring.add(&series, one.clone(), sequence, window_ms);
                    prop_assert_eq!(got, model.add(&series, one, window_ms));
                }
                Err(max) => {
                    ring.resize(*max);
                    model.max = *max;
                    let older = model.all.len().saturating_sub(*max);
                    model.all.drain(..older);
                }
            }
            for series in (0..4).map(series) {
                prop_assert_eq!(print(&ring.within(&series, i64::MIN, i64::MAX)), print(&model.of(&series)));
            }
            let told: Vec<String> = ring.told(0).map(|told| format!("{:?}", told.exemplar)).collect();
            let all: Vec<String> = model.all.iter().map(|(_, one)| format!("{one:?}")).collect();
            prop_assert_eq!(told, all);
            let stats = ring.stats();
            let lists = (0..4).filter(|number| !model.of(&series(*number)).is_empty()).count();
            let oldest = model.all.first().map(|(_, one)| one.timestamp);
            prop_assert_eq!((stats.stored, stats.series, stats.oldest_ms), (model.all.len(), lists, oldest));
        }
        let exemplars = Exemplars::default();
        *exemplars.ring() = ring;
        let found = exemplars.select(mint, maxt, &[vec![Matcher::equal("n", "1")], vec![Matcher::equal("n", "3")]]);
        let within = |number: u8| -> Vec<Exemplar> {
            model.of(&series(number)).into_iter().filter(|one| (mint..=maxt).contains(&one.timestamp)).collect()
        };
        let want: Vec<_> = [1, 3].into_iter().filter(|number| !within(*number).is_empty())
            .map(|number| (series(number), print(&within(number)))).collect();
        let found: Vec<_> = found.iter().map(|one| (one.labels.clone(), print(&one.exemplars))).collect();
        prop_assert_eq!(found, want);
    }

    #[test]
    fn the_newest_that_were_told_are_kept_each_once(
        max in 1usize..20, told in proptest::collection::vec(0u64..60, 0..200),
    ) {
        let mut kept = Kept::new(max);
        let one = Exemplar { labels: Labels::empty(), value: 0.0, timestamp: 0, has_timestamp: false };
        told.iter().for_each(|sequence| kept.add(*sequence, series(0), one.clone()));
        let mut want = told;
        want.sort_unstable();
        want.dedup();
        want.drain(..want.len().saturating_sub(max));
        let got: Vec<u64> = kept.take().iter().map(|(sequence, ..)| *sequence).collect();
        prop_assert_eq!(got, want);
    }
}

#[test]
fn labels_hash_as_prometheus_hashes_them() {
    // XXH64 of length and text of each name and value.
    let text = b"\x08trace_id\x03abc";
    let labels = Labels::from_pairs([("trace_id", "abc")]);
    assert_eq!(labels_hash(&labels), xxhash_rust::xxh64::xxh64(text, 0));
    let long = "x".repeat(300);
    let labels = Labels::from_pairs([("a", long.as_str())]);
    let text = [b"\x01a\xff\x2c\x01\x00", long.as_bytes()].concat();
    assert_eq!(labels_hash(&labels), xxhash_rust::xxh64::xxh64(&text, 0));
}
