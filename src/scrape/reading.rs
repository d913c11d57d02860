//! Pages that do not follow the last one: lines have come, gone or moved.
//!
//! Most pages differ in a few lines, behind which they go on in the old order: a line is looked for a little ahead of
//! where the last page stands. What is not found there is new, unless what it leads to is in use; only then, and for
//! series with timestamps of their own, an index of all series is made.

use super::buffers;
use super::cache::{Exemplars, LayoutCache, Line, Progress, Sink, Target, offset};
use super::exposition::{Entry, Exposition, Sample};
use super::family::Family;
use foldhash::fast::FixedState;
use hashbrown::HashTable;
use std::collections::HashSet;
use std::hash::BuildHasher;
use std::ops::Range;

/// How far ahead the old order is searched for a line at which the page follows it again.
const AHEAD_MAX: usize = 64;
/// After so many lines in a row that were not found ahead, none is looked for there until one was found otherwise.
const MISSED_MAX: usize = 64;

/// Where the text of a known series lies.
#[derive(Debug, Clone, Copy)]
enum Place {
    /// In the page that is read.
    New,
    /// In the text of the one before, in the line with this number.
    Old(u32),
}

#[derive(Debug, Clone, Copy)]
struct Known {
    place: Place,
    at: usize,
    len: usize,
    target: Target,
    family: Family,
}

impl Known {
    fn series<'a>(&self, (page, old): (&'a [u8], &'a [u8])) -> &'a [u8] {
        let text = match self.place {
            Place::New => page,
            Place::Old(_) => old,
        };
        text.get(self.at..self.at + self.len).unwrap_or_default()
    }
}

/// A page as far as it was read.
#[derive(Debug)]
pub(super) struct Reading {
    at: usize,
    /// The lines of the new page.
    lines: Vec<Line>,
    /// What the lines cover of the page, where that is not all of it.
    kept: Option<Vec<u8>>,
    /// From where on the old lines are not those of the new page.
    from: Progress,
    /// Where the old order goes on, if the page follows it again: line, and place in the old text.
    expected: usize,
    expected_at: usize,
    /// Which of the old lines from `from` on the page has.
    found: Vec<bool>,
    /// Lines in a row that were not found ahead.
    missed: usize,
    /// What was resolved for this page.
    added: Vec<Known>,
    index: Option<HashTable<(u64, Known)>>,
}

impl Reading {
    /// Reads a page on from where it was followed to. After an error the sink has forgotten what was new.
    ///
    /// # Errors
    /// The page is malformed, or the sink refused it.
    pub(super) fn of<S: Sink>(
        cache: &mut LayoutCache,
        page: &Exposition<'_>,
        progress: Progress,
        sink: &mut S,
    ) -> Result<Self, S::Error> {
        let mut lines = buffers::LINES.buffer();
        lines.clear();
        lines.extend_from_slice(cache.lines.get(..progress.known).unwrap_or_default());
        let mut reading = Self {
            at: progress.at,
            lines,
            kept: None,
            from: progress,
            expected: progress.known,
            expected_at: progress.old_at,
            found: vec![false; cache.lines.len().saturating_sub(progress.known)],
            missed: 0,
            added: Vec::new(),
            index: None,
        };
        let result = loop {
            match reading.line(cache, page, sink) {
                Ok(true) => {}
                Ok(false) => break Ok(()),
                Err(error) => break Err(error),
            }
        };
        if let Err(error) = result {
            reading.added.iter().for_each(|known| sink.release(known.target));
            return Err(error);
        }
        reading.release_gone(cache, sink);
        Ok(reading)
    }

    /// The lines, and the text that they cover where that is not the whole page.
    pub(super) fn into_page(self) -> (Vec<Line>, Option<Vec<u8>>) {
        (self.lines, self.kept)
    }

    /// Lets go of what no line leads to any more. A series may stand in the page twice, and is released once.
    fn release_gone<S: Sink>(&self, cache: &mut LayoutCache, sink: &mut S) {
        let old = cache.lines.get(self.from.known..).unwrap_or_default();
        let mut gone: HashSet<Target, FixedState> =
            old.iter().zip(&self.found).filter(|(_, found)| !**found).map(|(line, _)| line.target).collect();
        cache.comments_changed |= gone.remove(&Target::Comment);
        if !gone.is_empty() {
            self.lines.iter().for_each(|line| {
                gone.remove(&line.target);
            });
        }
        gone.into_iter().for_each(|target| sink.release(target));
    }

    /// Reads a line; whether there was one.
    fn line<S: Sink>(
        &mut self,
        cache: &mut LayoutCache,
        page: &Exposition<'_>,
        sink: &mut S,
    ) -> Result<bool, S::Error> {
        let at = self.at;
        if let Some(line) = self.follow_ahead(cache, page, sink)? {
            self.push(page, at..line.end as usize, line);
            return Ok(true);
        }
        let (entry, next) = cache.entry(page, at)?;
        let sample = match entry {
            Entry::End => return Ok(false),
            Entry::Series(sample) => sample,
            comment => {
                cache.comments_changed = true;
                if cache.described {
                    cache.families.note(&comment);
                }
                self.push(page, at..next, Line::new(0, 0, Target::Comment, 0.0));
                return Ok(true);
            }
        };
        let target = self.target(cache, page, &sample, sink)?;
        if target == Target::Refused {
            sink.refused();
            self.skip(page, next);
            return Ok(true);
        }
        sink.sample(target, sample.value, sample.timestamp);
        if let Some(exemplar) = &sample.exemplar
            && cache.exemplars != Exemplars::None
        {
            sink.exemplar(target, exemplar, sample.timestamp);
        }
        let line = Line::of(page, &sample, at..next, target, cache.families.current());
        self.push(page, at..next, line);
        Ok(true)
    }

    /// Reads the line when the old order has it, here or a little ahead.
    fn follow_ahead<S: Sink>(
        &mut self,
        cache: &mut LayoutCache,
        page: &Exposition<'_>,
        sink: &mut S,
    ) -> Result<Option<Line>, S::Error> {
        let rest = page.body().get(self.at..).unwrap_or_default();
        let ahead = if self.index.is_none() && self.missed < MISSED_MAX { AHEAD_MAX } else { 0 };
        let mut old_at = self.expected_at;
        for number in self.expected..=self.expected + ahead {
            let Some(old) = cache.lines.get(number).copied() else { break };
            let head = match old.target {
                Target::Comment => old.end as usize,
                _ => old_at + old.series_len as usize,
            };
            // A line without a head is read to know it: only where it is expected.
            let begins = cache.text.get(old_at..head).is_some_and(|head| rest.starts_with(head));
            if begins
                && (number == self.expected || head > old_at)
                && let Some(line) = cache.follow_line(page, self.at, &old, old_at, sink)?
            {
                self.go_on_behind(number, &old);
                return Ok(Some(line));
            }
            old_at = old.end as usize;
        }
        self.missed += 1;
        Ok(None)
    }

    /// The page has the old line with this number.
    fn go_on_behind(&mut self, number: usize, line: &Line) {
        if let Some(found) = number.checked_sub(self.from.known).and_then(|at| self.found.get_mut(at)) {
            *found = true;
        }
        if number >= self.expected && number - self.expected <= AHEAD_MAX {
            (self.expected, self.expected_at) = (number + 1, line.end as usize);
            self.missed = 0;
        }
    }

    /// What a series leads to that does not stand where it was expected.
    fn target<S: Sink>(
        &mut self,
        cache: &mut LayoutCache,
        page: &Exposition<'_>,
        sample: &Sample<'_>,
        sink: &mut S,
    ) -> Result<Target, S::Error> {
        if sample.timestamp.is_some() {
            self.need_index(cache, page);
        }
        if let Some(target) = self.find(cache, page, sample) {
            return Ok(target);
        }
        if cache.is_refused(sample) {
            return Ok(Target::Refused);
        }
        let resolved = sink.resolve(sample, cache.description())?;
        if resolved.target == Target::Refused {
            cache.refused.add(cache.refused_hash(sample));
            return Ok(Target::Refused);
        }
        if resolved.shared && self.index.is_none() {
            self.need_index(cache, page);
            if let Some(target) = self.find(cache, page, sample) {
                sink.revoke(resolved.target);
                return Ok(target);
            }
        }
        let (at, len) = (offset(page.body(), sample.series), sample.series.len());
        let family = cache.families.current();
        let known = Known { place: Place::New, at, len, target: resolved.target, family };
        self.added.push(known);
        if let Some(index) = &mut self.index {
            insert(index, &cache.hasher, known, sample.series);
        }
        Ok(resolved.target)
    }

    /// What the index knows of a series.
    fn find(&mut self, cache: &LayoutCache, page: &Exposition<'_>, sample: &Sample<'_>) -> Option<Target> {
        let index = self.index.as_ref()?;
        let family = cache.families.current();
        let fits = |known: &Known| {
            known.target.takes(sample)
                && known.family == family
                && known.series((page.body(), &cache.text)) == sample.series
        };
        let hash = cache.hasher.hash_one(sample.series);
        let known = index.find(hash, |(_, known)| fits(known))?.1;
        if let Place::Old(number) = known.place
            && let Some(line) = cache.lines.get(number as usize)
        {
            self.go_on_behind(number as usize, line);
        }
        Some(known.target)
    }

    /// Makes the index of the series that are known.
    fn need_index(&mut self, cache: &LayoutCache, page: &Exposition<'_>) {
        if self.index.is_some() {
            return;
        }
        let mut index = HashTable::with_capacity(cache.lines.len() + self.added.len());
        let old = page.like(&cache.text);
        let mut begin = 0;
        for (number, line) in (0u32..).zip(&cache.lines) {
            let is_new = (number as usize) < self.from.known;
            if number as usize == self.from.known {
                begin = self.from.old_at;
            }
            let page = if is_new { page } else { &old };
            let text = page.body().get(begin..line.end as usize).unwrap_or_default();
            let series = match (line.target, line.series_len) {
                (Target::Comment, _) => None,
                // Written in some other way than most: read it to know.
                (_, 0) => match page.entry(begin) {
                    Ok((Entry::Series(sample), _)) => Some(sample.series),
                    _ => None,
                },
                (_, len) => text.get(..len as usize),
            };
            if let Some(series) = series {
                let place = if is_new { Place::New } else { Place::Old(number) };
                let (at, len) = (begin + offset(text, series), series.len());
                let known = Known { place, at, len, target: line.target, family: line.family };
                insert(&mut index, &cache.hasher, known, series);
            }
            begin = line.end as usize;
        }
        for known in &self.added {
            insert(&mut index, &cache.hasher, *known, known.series((page.body(), &cache.text)));
        }
        self.index = Some(index);
    }

    /// Adds a line that stands at `range` of the page.
    fn push(&mut self, page: &Exposition<'_>, range: Range<usize>, line: Line) {
        self.at = range.end;
        let mut end = range.end;
        if let Some(kept) = &mut self.kept {
            kept.extend_from_slice(page.body().get(range).unwrap_or_default());
            end = kept.len();
        }
        self.lines.push(line.until(end));
    }

    /// Leaves a line out.
    fn skip(&mut self, page: &Exposition<'_>, next: usize) {
        if self.kept.is_none() {
            self.kept = Some(page.body().get(..self.at).unwrap_or_default().to_vec());
        }
        self.at = next;
    }
}

fn insert(index: &mut HashTable<(u64, Known)>, hasher: &FixedState, known: Known, series: &[u8]) {
    let hash = hasher.hash_one(series);
    index.insert_unique(hash, (hash, known), |(hash, _)| *hash);
}
