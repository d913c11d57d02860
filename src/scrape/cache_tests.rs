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
    wanted: Exemplars,
    /// By series text: labels, bits of the value, timestamp, and that of the line.
    exemplars: Vec<(String, Shown)>,
}

type Shown = (String, u64, Option<i64>, Option<i64>);

fn shown(one: &ExposedExemplar<'_>, timestamp: Option<i64>) -> Shown {
    let labels = String::from_utf8_lossy(one.labels).into_owned();
    (labels, one.value.to_bits(), one.timestamp, timestamp)
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

    fn exemplars(&self) -> Exemplars {
        self.wanted
    }

    fn exemplar(&mut self, target: Target, exemplar: &ExposedExemplar<'_>, timestamp: Option<i64>) {
        let (Target::Row(id) | Target::Stamped(id)) = target else { panic!("{target:?}") };
        let name = self.names[id as usize].clone().expect("not released");
        self.exemplars.push((name, shown(exemplar, timestamp)));
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

#[derive(Debug, Clone)]
enum Edit {
    Remove(usize, usize),
    Insert(usize, Vec<String>),
    Move(usize, usize),
    Twice(usize, usize),
    Value(usize, u32),
    Spoil(usize),
}

fn edit() -> impl Strategy<Value = Edit> {
    let at = || 0..200usize;
    let new = "[a-c]{3}|#[a-c]|[a-c]{3}\\{x=\"[a-c]\"\\}";
    prop_oneof![
        6 => (at(), 1..8usize).prop_map(|(at, len)| Edit::Remove(at, len)),
        6 => (at(), proptest::collection::vec(new, 1..8)).prop_map(|(at, new)| Edit::Insert(at, new)),
        1 => (at(), at()).prop_map(|(from, to)| Edit::Move(from, to)),
        1 => (at(), at()).prop_map(|(from, to)| Edit::Twice(from, to)),
        6 => (at(), any::<u32>()).prop_map(|(at, value)| Edit::Value(at, value)),
        1 => at().prop_map(Edit::Spoil),
    ]
}

impl Edit {
    fn apply(self, page: &mut Vec<(String, String)>) {
        let place = |at: usize, page: &[_]| at.min(page.len());
        match self {
            Self::Remove(at, len) => {
                let at = place(at, page);
                page.drain(at..place(at + len, page));
            }
            Self::Insert(at, new) => {
                let at = place(at, page);
                page.splice(at..at, new.into_iter().map(|name| (name, "7".to_owned())));
            }
            Self::Move(from, to) if from < page.len() => {
                let line = page.remove(from);
                page.insert(place(to, page), line);
            }
            Self::Twice(from, to) if from < page.len() => page.insert(place(to, page), page[from].clone()),
            Self::Value(at, value) if at < page.len() => page[at].1 = value.to_string(),
            Self::Spoil(at) if at < page.len() => page[at].1 = "x".to_owned(),
            _ => {}
        }
    }
}

proptest! {
    #[test]
    fn a_page_with_lines_that_come_and_go_is_kept_as_if_it_were_the_first(
        pages in proptest::collection::vec(proptest::collection::vec(edit(), 0..5), 1..10)
    ) {
        let (mut cache, mut sink) = (LayoutCache::new(true, false), Recorder::default());
        let name = |i: usize| if i.is_multiple_of(7) { format!("# HELP m{i}") } else { format!("m{{i=\"{i}\"}}") };
        let mut last: Vec<(String, String)> = (0..150).map(|i| (name(i), i.to_string())).collect();
        for edits in pages {
            let mut lines = last.clone();
            edits.into_iter().for_each(|edit| edit.apply(&mut lines));
            let body: String = lines.iter().map(|(name, value)| format!("{name} {value}\n")).collect();
            let page = Exposition::new(body.as_bytes(), Format::Text);
            sink.samples.clear();
            let got = cache.read(&page, &mut sink);
            match plainly(&page) {
                Ok(want) => {
                    prop_assert!(got.is_ok(), "{got:?}");
                    prop_assert_eq!(&sink.samples, &want);
                    last = lines;
                    let (mut fresh, mut other) = (LayoutCache::new(true, false), Recorder::default());
                    fresh.read(&page, &mut other).unwrap();
                    let (kept, anew) = (cache.packed.as_ref().unwrap(), fresh.packed.as_ref().unwrap());
                    prop_assert!(kept.shows_the_same_as(anew), "{kept:?} {anew:?}");
                    let comments = |cache: &LayoutCache| cache.comments().map(<[u8]>::to_vec).collect::<Vec<_>>();
                    prop_assert_eq!(comments(&cache), comments(&fresh));
                }
                Err(error) => prop_assert_eq!(got, Err(error)),
            }
            let live = sink.names.iter().flatten().count();
            let kept = cache.targets().into_iter().filter(|target| *target != Target::Comment).count();
            prop_assert_eq!(live, kept);
        }
    }
}

/// All exemplars of a page, as [`Recorder`] keeps them.
fn exposed(page: &Exposition<'_>) -> Vec<(String, Shown)> {
    let exemplar = |entry: Result<Entry<'_>, ParseError>| match entry {
        Ok(Entry::Series(sample)) => {
            let mut labels = Vec::new();
            parse_labels(sample.series, |n, v| labels.push(format!("{n}={v}")));
            Some((labels.join(","), shown(&sample.exemplar?, sample.timestamp)))
        }
        _ => None,
    };
    page.entries().filter_map(exemplar).collect()
}

fn openmetrics_line() -> impl Strategy<Value = String> {
    let exemplar = prop_oneof![
        2 => Just(String::new()),
        3 => ("[ab#]?", 0..2u8, prop_oneof![3 => Just(""), 1 => Just(" 7"), 1 => Just(" 8.5")])
            .prop_map(|(trace, value, ts)| format!(" # {{trace_id=\"{trace}\"}} {value}{ts}")),
    ];
    let timestamp = prop_oneof![8 => Just(""), 1 => Just(" 1"), 1 => Just(" 2")];
    prop_oneof![
        12 => ("[abc](\\{x=\"[1#]\"\\})?", "[0-9]|1e5", timestamp, exemplar)
            .prop_map(|(series, value, ts, exemplar)| format!("{series} {value}{ts}{exemplar}\n")),
        1 => Just("# HELP a b\n".to_owned()),
    ]
}

proptest! {
    #[test]
    fn exemplars_that_the_last_page_did_not_have_are_always_handed_over(
        pages in proptest::collection::vec(proptest::collection::vec(openmetrics_line(), 0..12), 1..8),
        honor: bool,
    ) {
        let (mut cache, mut sink) = (LayoutCache::new(honor, false), Recorder::default());
        let mut last: Vec<(String, Shown)> = Vec::new();
        for lines in pages {
            let body = lines.concat() + "# EOF\n";
            let page = Exposition::new(body.as_bytes(), Format::OpenMetrics);
            let mut all = exposed(&page);
            if !honor {
                all.iter_mut().for_each(|(_, shown)| shown.3 = None);
            }
            for wanted in [Exemplars::New, Exemplars::New, Exemplars::All, Exemplars::None] {
                (sink.wanted, sink.exemplars) = (wanted, Vec::new());
                cache.read(&page, &mut sink).unwrap();
                match wanted {
                    Exemplars::All => prop_assert_eq!(&sink.exemplars, &all),
                    Exemplars::None => prop_assert!(sink.exemplars.is_empty()),
                    Exemplars::New => {
                        prop_assert!(sink.exemplars.iter().all(|one| all.contains(one)));
                        let without_line = |(name, shown): &(String, Shown)| {
                            (name.clone(), shown.0.clone(), shown.1, shown.2)
                        };
                        let known: Vec<_> = last.iter().map(without_line).collect();
                        let mut new = all.iter().filter(|one| !known.contains(&without_line(one)));
                        prop_assert!(new.all(|one| sink.exemplars.contains(one)), "{all:?} after {last:?}");
                    }
                }
                last.clone_from(&all);
            }
        }
    }
}

#[test]
fn a_page_shows_nothing_new_when_only_values_have_changed() {
    let (mut cache, mut sink) = (LayoutCache::new(true, false), Recorder::default());
    sink.wanted = Exemplars::New;
    let page = |value: u32, trace: &str| {
        let line =
            |i: u32| format!("b_bucket{{le=\"{i}\"}} {} # {{trace_id=\"{trace}\"}} 0.5 1.25\n", value + i);
        (0..40).map(line).collect::<String>() + "# EOF\n"
    };
    for (value, trace, new) in
        [(1, "a", 40), (1, "a", 0), (2, "a", 0), (2, "b", 40), (3, "c", 40), (3, "c", 0)]
    {
        sink.exemplars.clear();
        let body = page(value, trace);
        cache.read(&Exposition::new(body.as_bytes(), Format::OpenMetrics), &mut sink).unwrap();
        assert_eq!(sink.exemplars.len(), new, "{value} {trace}");
        assert!(cache.packed.is_some());
    }
    assert_eq!(sink.resolved, 40);
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
