//! What a cache does with pages that change.

use super::super::exposition::{Format, parse_labels};
use super::*;
use proptest::prelude::*;

/// Keeps what it is told, by series text.
#[derive(Default)]
struct Recorder {
    names: Vec<Option<String>>,
    resolved: usize,
    /// Series that may be there at once, and how many were refused.
    limit: Option<usize>,
    refused: usize,
    room: u64,
    samples: Vec<(String, u64, Option<i64>)>,
}

impl Sink for Recorder {
    type Error = ParseError;

    fn resolve(&mut self, sample: &Sample<'_>, _: Described<'_>) -> Result<Resolved, ParseError> {
        self.resolved += 1;
        let mut labels = Vec::new();
        parse_labels(sample.series, |n, v| labels.push(format!("{n}={v}")));
        let labels = labels.join(",");
        let shared = self.names.iter().flatten().any(|name| *name == labels);
        if !shared && self.limit.is_some_and(|limit| self.names.iter().flatten().count() >= limit) {
            return Ok(Resolved { target: Target::Refused, shared: false });
        }
        let id = self.names.len() as u32;
        let target = if sample.timestamp.is_some() { Target::Stamped(id) } else { Target::Row(id) };
        self.names.push(Some(labels));
        Ok(Resolved { target, shared })
    }

    fn revoke(&mut self, target: Target) {
        self.resolved -= 1;
        self.release(target);
    }

    fn sample(&mut self, target: Target, value: f64, timestamp: Option<i64>) {
        let (Target::Row(id) | Target::Stamped(id)) = target else { panic!("{target:?}") };
        let name = self.names[id as usize].clone().expect("not released");
        let stamped = matches!(target, Target::Stamped(_));
        self.samples.push((name, value.to_bits(), timestamp.filter(|_| stamped)));
    }

    fn refused(&mut self) {
        self.refused += 1;
    }

    fn room(&self) -> u64 {
        self.room
    }

    fn release(&mut self, target: Target) {
        if let Target::Row(id) | Target::Stamped(id) = target {
            self.names[id as usize].take().expect("released once");
        }
    }
}

fn plainly(page: &Exposition<'_>) -> Result<Vec<(String, u64, Option<i64>)>, ParseError> {
    let mut out = Vec::new();
    for entry in page.entries() {
        if let Entry::Series(sample) = entry? {
            let mut labels = Vec::new();
            parse_labels(sample.series, |n, v| labels.push(format!("{n}={v}")));
            out.push((labels.join(","), sample.value.to_bits(), sample.timestamp));
        }
    }
    Ok(out)
}

fn line() -> impl Strategy<Value = String> {
    let sample = (
        "[abc](\\{x=\"[12]\"\\})?",
        "[0-9]{1,2}|NaN|1e5|x",
        prop_oneof![
            8 => Just(String::new()),
            1 => (0..3i64).prop_map(|t| format!(" {t}")),
        ],
    );
    prop_oneof![
        12 => sample.prop_map(|(series, value, ts)| format!("{series} {value}{ts}\n")),
        1 => "[abc]  [0-9] \n",
        1 => Just("# HELP a b\n".to_owned()),
        1 => Just("\n".to_owned()),
    ]
}

proptest! {
    #[test]
    fn a_cached_page_reads_as_an_uncached_one(
        pages in proptest::collection::vec(
            (proptest::collection::vec(line(), 0..12), any::<bool>()), 1..8)
    ) {
        let (mut cache, mut sink) = (LayoutCache::new(true, false), Recorder::default());
        for (lines, cut) in pages {
            let mut body = lines.concat();
            if cut {
                body.pop();
            }
            // Twice: changed against the page before, then unchanged.
            for _ in 0..2 {
                sink.samples.clear();
                let page = Exposition::new(body.as_bytes(), Format::Text);
                let got = cache.read(&page, &mut sink);
                match plainly(&page) {
                    Ok(want) => {
                        prop_assert!(got.is_ok(), "{got:?}");
                        prop_assert_eq!(&sink.samples, &want);
                    }
                    Err(error) => prop_assert_eq!(got, Err(error)),
                }
                let live = sink.names.iter().flatten().count();
                let kept = cache.targets().into_iter().filter(|target| *target != Target::Comment).count();
                prop_assert_eq!(live, kept);
            }
        }
        cache.clear(&mut sink);
        prop_assert_eq!(sink.names.iter().flatten().count(), 0);
    }
}

#[test]
fn a_warm_page_resolves_nothing() {
    let (mut cache, mut sink) = (LayoutCache::new(true, false), Recorder::default());
    let page = |value: f64, skip: usize| {
        (0..500)
            .filter(|i| *i != skip)
            .map(|i| format!("m{{i=\"{i}\"}} {}\n", value + f64::from(i as u32)))
            .collect::<String>()
    };
    let read = |cache: &mut LayoutCache, sink: &mut Recorder, body: &str| {
        cache.read(&Exposition::new(body.as_bytes(), Format::Text), sink).unwrap();
    };
    read(&mut cache, &mut sink, &page(0.5, 500));
    assert_eq!(sink.resolved, 500);
    read(&mut cache, &mut sink, &page(1.5, 500));
    read(&mut cache, &mut sink, &page(2.5, 100));
    assert_eq!(sink.resolved, 500);
    read(&mut cache, &mut sink, &page(2.5, 500));
    assert_eq!(sink.resolved, 501);
}

#[test]
fn what_was_refused_is_not_resolved_again_until_there_may_be_room() {
    let (mut cache, mut sink) = (LayoutCache::new(true, false), Recorder::default());
    sink.limit = Some(100);
    let page = |from: usize, to: usize| (from..to).map(|i| format!("m{{i=\"{i}\"}} 1\n")).collect::<String>();
    let mut read = |sink: &mut Recorder, body: &str| {
        (sink.resolved, sink.refused) = (0, 0);
        sink.samples.clear();
        let read = cache.read(&Exposition::new(body.as_bytes(), Format::Text), sink);
        (read.is_ok(), sink.resolved, sink.refused, sink.samples.len(), cache.targets().len())
    };
    let arena = read(&mut sink, &page(0, 100)).4;
    assert_eq!(arena, 100);
    // The refused ones stand before, between and behind those that are known.
    let mixed = page(1000, 1300) + &page(0, 50) + &page(1300, 1600) + &page(50, 100) + &page(1600, 1900);
    assert_eq!(read(&mut sink, &mixed), (true, 900, 900, 100, arena), "the known ones go on");
    for _ in 0..2 {
        assert_eq!(read(&mut sink, &mixed), (true, 0, 900, 100, arena));
    }
    let broken = mixed.clone() + "{\n";
    assert!(!read(&mut sink, &broken).0);
    assert_eq!(read(&mut sink, &mixed).1, 0, "a page that is refused as a whole changes nothing");
    assert_eq!(read(&mut sink, &(page(2000, 2001) + &mixed)), (true, 1, 901, 100, arena));
    (sink.limit, sink.room) = (Some(300), 1);
    let (ok, resolved, refused, samples, _) = read(&mut sink, &mixed);
    assert_eq!((ok, resolved, refused, samples), (true, 900, 700, 300));
    // Without them the page is the old one, and nothing is remembered of them.
    read(&mut sink, &page(0, 100));
    assert!(cache.refused.is_empty());
}

#[test]
fn the_cache_holds_little_more_than_the_values_of_the_last_page() {
    let (mut cache, mut sink) = (LayoutCache::new(true, false), Recorder::default());
    for round in 0..200 {
        let line = |i| format!("# HELP metric\nmetric_with_a_long_name{{i=\"{round}-{i}\"}} 1\n");
        let body: String = (0..100).map(line).collect();
        cache.read(&Exposition::new(body.as_bytes(), Format::Text), &mut sink).unwrap();
        assert!(cache.lines.capacity() == 0 && cache.text.capacity() == 0);
        let own = cache.packed.as_ref().unwrap().own_bytes();
        assert!(own <= 100 * 20, "{own}");
        assert_eq!(cache.comments().collect::<Vec<_>>(), vec![b"# HELP metric\n"; 100]);
    }
    assert_eq!(sink.names.iter().flatten().count(), 100);
}

#[test]
fn numbers_of_every_spelling_leave_the_page_packed() {
    let (mut cache, mut sink) = (LayoutCache::new(false, false), Recorder::default());
    for value in ["1", "1.50", "NaN", "+Inf", "-1e-7", "  3", "NaN 1000", "2 \t", "5"] {
        let body = format!("a 1\nb{{x=\"1\"}} {value}\nc 2\n");
        let page = Exposition::new(body.as_bytes(), Format::Text);
        for _ in 0..2 {
            sink.samples.clear();
            cache.read(&page, &mut sink).unwrap();
            let got: Vec<u64> = sink.samples.iter().map(|sample| sample.1).collect();
            let want: Vec<u64> = plainly(&page).unwrap().iter().map(|sample| sample.1).collect();
            assert_eq!(got, want, "{value}");
            assert!(cache.packed.is_some(), "{value}");
        }
    }
    assert_eq!(sink.resolved, 3);
}

#[test]
fn lines_that_move_or_stand_twice_are_known_again() {
    let (mut cache, mut sink) = (LayoutCache::new(true, false), Recorder::default());
    let line = |i: usize| format!("m{{i=\"{i}\"}} {i}\n");
    let page = |order: &[usize]| order.iter().map(|i| line(*i)).collect::<String>();
    let mut read = |order: &[usize]| {
        (sink.resolved, sink.samples) = (0, Vec::new());
        cache.read(&Exposition::new(page(order).as_bytes(), Format::Text), &mut sink).unwrap();
        let values: Vec<f64> = sink.samples.iter().map(|sample| f64::from_bits(sample.1)).collect();
        assert_eq!(values, order.iter().map(|i| *i as f64).collect::<Vec<_>>());
        (sink.resolved, sink.names.iter().flatten().count())
    };
    let all: Vec<usize> = (0..300).collect();
    assert_eq!(read(&all), (300, 300));
    let backwards: Vec<usize> = (0..300).rev().collect();
    assert_eq!(read(&backwards), (0, 300));
    let mut twice = all.clone();
    twice.insert(10, 290);
    twice.insert(250, 5);
    assert_eq!(read(&twice), (0, 300));
    let mut new = all.clone();
    new.splice(100..200, 1000..1150);
    assert_eq!(read(&new), (150, 350));
    assert_eq!(read(&all), (100, 300));
}
