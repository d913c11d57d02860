//! What a target's page looked like last time: its lines in order, each with its slot.
//!
//! Pages hardly change between scrapes. A line whose bytes are the same costs a compare; one whose series
//! is the same costs a compare and a number. Only lines that are new, or have moved, are looked up, and
//! only new ones have their labels parsed. A warm scrape allocates nothing.
//!
//! Invariant: `order` holds the lines of the last good page; every line of the slab that is not free is in
//! `order` (perhaps twice) and in `index` exactly once.

use super::exposition::{Entry, Exposition, MetricType, ParseError, Sample, read_plain};
use super::family::{Families, Family};
use super::refused::RefusedSeries;
use foldhash::fast::FixedState;
use hashbrown::HashTable;
use std::hash::BuildHasher;

/// Longest rest of a line that is remembered, bytes.
const TAIL_MAX: usize = 30;
/// The arena is rewritten when less than half of it is in use and it is larger than this, bytes.
const ARENA_SLACK: usize = 64 << 10;

/// What a known series leads to; the cache's user decides what the number means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Target {
    /// A slot of the target's row.
    Row(u32),
    /// A series with a timestamp of its own.
    Stamped(u32),
    /// Relabelling dropped it.
    Dropped,
    /// The store has no room for it. Such a line is not kept.
    Refused,
    /// A line without a sample.
    Comment,
}

impl Target {
    /// Whether a sample of the series may go there.
    fn takes(self, sample: &Sample<'_>) -> bool {
        match self {
            Self::Row(_) => sample.timestamp.is_none(),
            Self::Stamped(_) => sample.timestamp.is_some(),
            Self::Dropped => true,
            Self::Comment | Self::Refused => false,
        }
    }
}

#[derive(Debug, Clone)]
struct Line {
    /// Series text, or the whole line of a comment.
    text_at: u32,
    text_len: u32,
    target: Target,
    value: f64,
    /// Bytes after the series up to and with the line break; 0 when they are not remembered.
    tail_len: u8,
    tail: [u8; TAIL_MAX],
    /// The page that last had the line.
    seen: u32,
    /// What the comments before a series say, where that counts.
    family: Family,
}

/// How a page describes the series that follow, where that counts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Described<'a> {
    /// Type, unknown where none is told.
    pub(super) kind: MetricType,
    /// Unit, empty where none is told.
    pub(super) unit: &'a str,
}

/// The receiver of a page's samples.
pub(super) trait Sink {
    /// Why a page is refused.
    type Error: From<ParseError>;

    /// A series that the cache does not know: decides what it leads to. After `Refused` it is asked for again
    /// when [`Sink::room`] has changed.
    ///
    /// # Errors
    /// The page is refused.
    fn resolve(&mut self, sample: &Sample<'_>, described: Described<'_>) -> Result<Target, Self::Error>;

    /// A sample of a known series.
    fn sample(&mut self, target: Target, value: f64, timestamp: Option<i64>);

    /// A sample of a series for which there is no room.
    fn refused(&mut self);

    /// Changes when there may be room for what was refused.
    fn room(&self) -> u64;

    /// A series that is forgotten.
    fn release(&mut self, target: Target);
}

/// The layout of a target's pages.
#[derive(Debug, Default)]
pub(super) struct LayoutCache {
    arena: Vec<u8>,
    live: usize,
    lines: Vec<Line>,
    free: Vec<u32>,
    order: Vec<u32>,
    index: HashTable<u32>,
    hasher: FixedState,
    page: u32,
    honor_timestamps: bool,
    /// A series is another one under another type or unit.
    described: bool,
    families: Families,
    refused: RefusedSeries,
}

impl LayoutCache {
    /// An empty cache; timestamps of the page are ignored unless they are honoured, types and units unless
    /// series are `described` by them.
    pub(super) fn new(honor_timestamps: bool, described: bool) -> Self {
        Self { honor_timestamps, described, ..Self::default() }
    }

    fn entry<'a>(&self, page: &Exposition<'a>, at: usize) -> Result<(Entry<'a>, usize), ParseError> {
        let (mut entry, next) = page.entry(at)?;
        if let (Entry::Series(sample), false) = (&mut entry, self.honor_timestamps) {
            sample.timestamp = None;
        }
        Ok((entry, next))
    }

    /// Hands every sample of the page to the sink. After an error the cache knows the series
    /// that it knew before.
    ///
    /// # Errors
    /// The page is malformed, or the sink refused it.
    pub(super) fn read<S: Sink>(&mut self, page: &Exposition<'_>, sink: &mut S) -> Result<(), S::Error> {
        self.page = self.page.wrapping_add(1);
        self.families.begin();
        self.refused.begin(sink.room());
        let (mut at, mut known) = (0, 0);
        let known_layout = loop {
            let Some(id) = self.order.get(known).copied() else {
                break matches!(self.entry(page, at)?, (Entry::End, _));
            };
            match self.known_line(page, at, id, sink) {
                Some(next) => (at, known) = (next, known + 1),
                None => match self.entry(page, at)? {
                    (Entry::Series(sample), next) if self.is_line(id, &sample) => {
                        self.take(id, page, &sample, at, next, sink);
                        (at, known) = (next, known + 1);
                    }
                    _ => break false,
                },
            }
        };
        if !known_layout {
            self.read_rest(page, at, known, sink)?;
        }
        self.refused.end();
        Ok(())
    }

    fn text(&self, line: &Line) -> &[u8] {
        let at = line.text_at as usize;
        self.arena.get(at..at + line.text_len as usize).unwrap_or_default()
    }

    /// Whether the sample belongs to the line: same series, and a timestamp only where the line has one.
    fn is_line(&self, id: u32, sample: &Sample<'_>) -> bool {
        let (line, family) = (self.lines.get(id as usize), self.families.current());
        line.is_some_and(|line| {
            line.target.takes(sample) && line.family == family && self.text(line) == sample.series
        })
    }

    /// Reads the line at `at` when it is the line `id` and simple; tells where the next one begins.
    #[inline]
    fn known_line<S: Sink>(
        &mut self,
        page: &Exposition<'_>,
        at: usize,
        id: u32,
        sink: &mut S,
    ) -> Option<usize> {
        let line = self.lines.get_mut(id as usize)?;
        let text_at = line.text_at as usize;
        let text = self.arena.get(text_at..text_at + line.text_len as usize)?;
        let rest = page.body().get(at..)?.strip_prefix(text)?;
        let text_end = at + text.len();
        if line.target == Target::Comment {
            line.seen = self.page;
            if self.described {
                self.note_comment(page, at);
            }
            return Some(text_end);
        }
        if line.family != self.families.current() {
            return None;
        }
        // A timestamp is read anew: what was refused or rolled back last time may be taken now.
        if matches!(line.target, Target::Stamped(_)) {
            return None;
        }
        let tail_len = usize::from(line.tail_len);
        if tail_len > 0 && rest.get(..tail_len) == line.tail.get(..tail_len) {
            line.seen = self.page;
            sink.sample(line.target, line.value, None);
            return Some(text_end + tail_len);
        }
        if rest.first() != Some(&b' ') {
            return None;
        }
        let (value, len) = read_plain(rest.get(1..)?)?;
        line.seen = self.page;
        line.value = value;
        remember(line, rest.get(..len + 1)?);
        sink.sample(line.target, value, None);
        Some(text_end + len + 1)
    }

    /// Follows the comment at `at`. It was read before, so that it has no faults.
    #[cold]
    fn note_comment(&mut self, page: &Exposition<'_>, at: usize) {
        if let Ok((entry, _)) = page.entry(at) {
            self.families.note(&entry);
        }
    }

    /// Takes a sample of a known line, however it is written.
    fn take<S: Sink>(
        &mut self,
        id: u32,
        page: &Exposition<'_>,
        sample: &Sample<'_>,
        at: usize,
        next: usize,
        sink: &mut S,
    ) {
        let Some(line) = self.lines.get_mut(id as usize) else { return };
        line.seen = self.page;
        line.value = sample.value;
        line.tail_len = 0;
        let body = page.body();
        // Blanks before the series would shift the line against its text.
        if body.get(at..).is_some_and(|rest| rest.starts_with(sample.series)) {
            let tail = body.get(at + sample.series.len()..next).unwrap_or_default();
            // The last line of a page without a line break is read anew each time.
            if tail.last() == Some(&b'\n') {
                remember(line, tail);
            }
        }
        sink.sample(line.target, sample.value, sample.timestamp);
    }

    /// Reads from `at` on without relying on the order, and keeps the new one.
    fn read_rest<S: Sink>(
        &mut self,
        page: &Exposition<'_>,
        mut at: usize,
        known: usize,
        sink: &mut S,
    ) -> Result<(), S::Error> {
        let mut order: Vec<u32> = self.order.get(..known).unwrap_or_default().to_vec();
        let mut added = Vec::new();
        // Where the old order goes on, if the page follows it again.
        let mut expected = known;
        let result = loop {
            if let Some(id) = self.order.get(expected).copied()
                && let Some(next) = self.known_line(page, at, id, sink)
            {
                order.push(id);
                (at, expected) = (next, expected + 1);
                continue;
            }
            let (entry, next) = match self.entry(page, at) {
                Ok(read) => read,
                Err(error) => break Err(error.into()),
            };
            let id = match entry {
                Entry::End => break Ok(()),
                Entry::Series(sample) => match self.find(&sample) {
                    Some(id) => {
                        self.take(id, page, &sample, at, next, sink);
                        Some(id)
                    }
                    None if self.is_refused(&sample) => {
                        sink.refused();
                        None
                    }
                    None => match sink.resolve(&sample, self.description()) {
                        Err(error) => break Err(error),
                        Ok(Target::Refused) => {
                            self.refused.add(self.refused_hash(&sample));
                            sink.refused();
                            None
                        }
                        Ok(target) => {
                            let id = self.insert(sample.series, target);
                            if let Some(id) = id {
                                added.push(id);
                                self.take(id, page, &sample, at, next, sink);
                            } else {
                                sink.sample(target, sample.value, sample.timestamp);
                                sink.release(target);
                            }
                            id
                        }
                    },
                },
                comment => {
                    if self.described {
                        self.families.note(&comment);
                    }
                    let text = page.body().get(at..next).unwrap_or_default();
                    let whole = text.last() == Some(&b'\n');
                    let known = self.find_text(text, |line| line.target == Target::Comment);
                    known.or_else(|| {
                        let id = whole.then(|| self.insert(text, Target::Comment)).flatten();
                        added.extend(id);
                        id
                    })
                }
            };
            if let Some(id) = id {
                order.push(id);
                if let Some(line) = self.lines.get_mut(id as usize) {
                    line.seen = self.page;
                }
                // A line of the old order: the page may go on from there.
                if let Some(ahead) =
                    self.order.get(expected..).unwrap_or_default().iter().take(64).position(|o| *o == id)
                {
                    expected += ahead + 1;
                }
            }
            at = next;
        };
        if result.is_err() {
            added.into_iter().for_each(|id| self.remove(id, sink));
            return result;
        }
        let old = std::mem::replace(&mut self.order, order);
        for id in old {
            if self.lines.get(id as usize).is_some_and(|line| line.seen != self.page) {
                self.remove(id, sink);
            }
        }
        self.compact();
        result
    }

    fn find(&self, sample: &Sample<'_>) -> Option<u32> {
        let family = self.families.current();
        self.find_text(sample.series, |line| line.target.takes(sample) && line.family == family)
    }

    /// Whether the series was refused last time, and nothing has changed since.
    fn is_refused(&mut self, sample: &Sample<'_>) -> bool {
        !self.refused.is_empty() && self.refused.again(self.refused_hash(sample))
    }

    fn refused_hash(&self, sample: &Sample<'_>) -> u64 {
        self.hasher.hash_one((sample.series, self.families.current()))
    }

    fn description(&self) -> Described<'_> {
        Described { kind: self.families.current().kind, unit: self.families.unit() }
    }

    fn find_text(&self, text: &[u8], fits: impl Fn(&Line) -> bool) -> Option<u32> {
        let hash = self.hasher.hash_one(text);
        let found = self.index.find(hash, |id| {
            self.lines.get(*id as usize).is_some_and(|line| fits(line) && self.text(line) == text)
        });
        found.copied()
    }

    /// Adds a line; `None` when the cache is full (4 GiB of series texts).
    fn insert(&mut self, text: &[u8], target: Target) -> Option<u32> {
        let text_at = u32::try_from(self.arena.len()).ok()?;
        let text_len = u32::try_from(text.len()).ok()?;
        text_at.checked_add(text_len)?;
        self.arena.extend_from_slice(text);
        self.live += text.len();
        let (seen, family) = (self.page, self.families.current());
        let line =
            Line { text_at, text_len, target, value: 0.0, tail_len: 0, tail: [0; TAIL_MAX], seen, family };
        let id = match self.free.pop() {
            Some(id) => {
                *self.lines.get_mut(id as usize)? = line;
                id
            }
            None => {
                self.lines.push(line);
                u32::try_from(self.lines.len() - 1).ok()?
            }
        };
        let (lines, arena, hasher) = (&self.lines, &self.arena, &self.hasher);
        self.index.insert_unique(hasher.hash_one(text), id, |id| {
            lines.get(*id as usize).map_or(0, |line| {
                let at = line.text_at as usize;
                hasher.hash_one(arena.get(at..at + line.text_len as usize).unwrap_or_default())
            })
        });
        Some(id)
    }

    fn remove<S: Sink>(&mut self, id: u32, sink: &mut S) {
        let Some(line) = self.lines.get(id as usize) else { return };
        let hash = self.hasher.hash_one(self.text(line));
        let (len, target) = (line.text_len as usize, line.target);
        // A line that stood twice in the page is removed once.
        if let Ok(entry) = self.index.find_entry(hash, |other| *other == id) {
            entry.remove();
            self.live -= len;
            self.free.push(id);
            if let Some(line) = self.lines.get_mut(id as usize) {
                line.seen = self.page;
            }
            sink.release(target);
        }
    }

    /// Rewrites the arena in page order when most of it is dead.
    fn compact(&mut self) {
        if self.arena.len() < ARENA_SLACK || self.live * 2 > self.arena.len() {
            return;
        }
        let mut arena = Vec::with_capacity(self.live);
        // The index still knows every live line, each once.
        let ids: Vec<u32> = self.index.iter().copied().collect();
        for id in ids {
            let Some(line) = self.lines.get_mut(id as usize) else { continue };
            let at = line.text_at as usize;
            let text = self.arena.get(at..at + line.text_len as usize).unwrap_or_default();
            line.text_at = arena.len() as u32;
            arena.extend_from_slice(text);
        }
        self.arena = arena;
    }

    /// Forgets everything.
    #[cfg(test)]
    fn clear<S: Sink>(&mut self, sink: &mut S) {
        for id in std::mem::take(&mut self.order) {
            self.remove(id, sink);
        }
    }

    /// The comment lines of the last good page, whole.
    pub(super) fn comments(&self) -> impl Iterator<Item = &[u8]> {
        let lines = self.order.iter().filter_map(|id| self.lines.get(*id as usize));
        lines.filter(|line| line.target == Target::Comment).map(|line| self.text(line))
    }

    /// Bytes that the cache holds.
    #[cfg(test)]
    fn arena_len(&self) -> usize {
        self.arena.len()
    }
}

#[inline]
fn remember(line: &mut Line, tail: &[u8]) {
    line.tail_len = 0;
    if let Some(place) = line.tail.get_mut(..tail.len()) {
        place.copy_from_slice(tail);
        line.tail_len = tail.len() as u8;
    }
}

#[cfg(test)]
mod tests {
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

        fn resolve(&mut self, sample: &Sample<'_>, _: Described<'_>) -> Result<Target, ParseError> {
            self.resolved += 1;
            if self.limit.is_some_and(|limit| self.names.iter().flatten().count() >= limit) {
                return Ok(Target::Refused);
            }
            let mut labels = Vec::new();
            parse_labels(sample.series, |n, v| labels.push(format!("{n}={v}")));
            self.names.push(Some(labels.join(",")));
            let id = (self.names.len() - 1) as u32;
            Ok(if sample.timestamp.is_some() { Target::Stamped(id) } else { Target::Row(id) })
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
                    let kept = cache.index.iter().filter(|id| cache.lines[**id as usize].target != Target::Comment);
                    prop_assert_eq!(live, kept.count());
                }
            }
            cache.clear(&mut sink);
            prop_assert_eq!(sink.names.iter().flatten().count(), 0);
        }
    }

    #[test]
    fn a_warm_page_resolves_nothing_and_keeps_the_arena() {
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
        let arena = cache.arena_len();
        read(&mut cache, &mut sink, &page(1.5, 500));
        read(&mut cache, &mut sink, &page(2.5, 100));
        assert_eq!((sink.resolved, cache.arena_len()), (500, arena));
        read(&mut cache, &mut sink, &page(2.5, 500));
        assert_eq!(sink.resolved, 501);
    }

    #[test]
    fn what_was_refused_is_not_resolved_again_until_there_may_be_room() {
        let (mut cache, mut sink) = (LayoutCache::new(true, false), Recorder::default());
        sink.limit = Some(100);
        let page =
            |from: usize, to: usize| (from..to).map(|i| format!("m{{i=\"{i}\"}} 1\n")).collect::<String>();
        let mut read = |sink: &mut Recorder, body: &str| {
            (sink.resolved, sink.refused) = (0, 0);
            sink.samples.clear();
            let read = cache.read(&Exposition::new(body.as_bytes(), Format::Text), sink);
            (read.is_ok(), sink.resolved, sink.refused, sink.samples.len(), cache.arena_len())
        };
        let arena = read(&mut sink, &page(0, 100)).4;
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
    fn churn_does_not_grow_the_arena_for_ever() {
        let (mut cache, mut sink) = (LayoutCache::new(true, false), Recorder::default());
        for round in 0..200 {
            let body: String =
                (0..100).map(|i| format!("metric_with_a_long_name{{i=\"{round}-{i}\"}} 1\n")).collect();
            cache.read(&Exposition::new(body.as_bytes(), Format::Text), &mut sink).unwrap();
        }
        assert!(cache.arena_len() < 3 * ARENA_SLACK, "{}", cache.arena_len());
        assert_eq!(sink.names.iter().flatten().count(), 100);
    }
}
