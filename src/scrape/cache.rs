//! What a target's page looked like last time: its text, and for each line where it leads.
//!
//! Pages hardly change between scrapes. A line whose bytes are the same costs a compare; one whose series
//! is the same costs a compare and a number. Only when the layout changes, lines are looked for, as [`super::reading`]
//! tells, and only new series have their labels parsed. A warm scrape allocates nothing. Between scrapes the
//! page is [`Packed`] where it is of the usual kind; otherwise its text is kept, and a few words per line.
//!
//! Invariant: the lines of the cache are those of its text, in order and without gaps.

use super::buffers;
use super::exposition::{
    Entry, ExposedExemplar, Exposition, MetricType, ParseError, Sample, exemplar_text, read_plain,
};
use super::family::{Families, Family};
use super::packed::Packed;
use super::reading::Reading;
use super::refused::RefusedSeries;
use super::segments::Segment;
use foldhash::fast::FixedState;
use std::hash::BuildHasher;
use std::ops::Range;
use std::sync::Arc;

/// What a known series leads to; the cache's user decides what the number means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
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
    pub(super) fn takes(self, sample: &Sample<'_>) -> bool {
        match self {
            Self::Row(_) => sample.timestamp.is_none(),
            Self::Stamped(_) => sample.timestamp.is_some(),
            Self::Dropped => true,
            Self::Comment | Self::Refused => false,
        }
    }
}

/// A line of a page, or several comments.
#[derive(Debug, Clone, Copy)]
pub(super) struct Line {
    /// Where the line ends in the text; the next one begins there.
    pub(super) end: u32,
    /// Bytes of the series, with which the line begins; 0 for a comment, and for a line that is written otherwise.
    pub(super) series_len: u32,
    pub(super) target: Target,
    pub(super) value: f64,
    /// What the comments before a series say, where that counts.
    pub(super) family: Family,
}

/// What a series leads to that was not known by its text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Resolved {
    pub(super) target: Target,
    /// Another line leads there as well, which may have the same text.
    pub(super) shared: bool,
}

/// How a page describes the series that follow, where that counts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Described<'a> {
    /// Type, unknown where none is told.
    pub(super) kind: MetricType,
    /// Unit, empty where none is told.
    pub(super) unit: &'a str,
}

/// Which exemplars of a page are handed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Exemplars {
    /// None.
    #[default]
    None,
    /// Those that do not stand with their series in the page before: the others are known.
    New,
    /// All.
    All,
}

impl Exemplars {
    /// Whether a line has to be read for its exemplar although nothing of it has changed since the last page.
    #[inline]
    pub(super) fn wants_known(self, behind_series: &[u8]) -> bool {
        self == Self::All && !exemplar_text(behind_series).is_empty()
    }

    /// Whether the exemplar in what follows a series is wanted, where that was `old` in the last page.
    #[inline]
    pub(super) fn wants(self, old: &[u8], new: &[u8]) -> bool {
        match self {
            Self::None => false,
            Self::New => exemplar_text(old) != exemplar_text(new),
            Self::All => true,
        }
    }
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
    fn resolve(&mut self, sample: &Sample<'_>, described: Described<'_>) -> Result<Resolved, Self::Error>;

    /// Takes back what was resolved last, and shared: the cache does know the series.
    fn revoke(&mut self, target: Target);

    /// A sample of a known series.
    fn sample(&mut self, target: Target, value: f64, timestamp: Option<i64>);

    /// Which exemplars it takes; it stays so for a page.
    fn exemplars(&self) -> Exemplars;

    /// The exemplar of the sample that was handed over last, with the timestamp of its line.
    fn exemplar(&mut self, target: Target, exemplar: &ExposedExemplar<'_>, timestamp: Option<i64>);

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
    /// The page, when it is packed; then there are neither text nor lines.
    packed: Option<Packed>,
    pub(super) text: Vec<u8>,
    pub(super) lines: Vec<Line>,
    pub(super) hasher: FixedState,
    honor_timestamps: bool,
    /// A series is another one under another type or unit.
    pub(super) described: bool,
    pub(super) families: Families,
    pub(super) refused: RefusedSeries,
    /// The comments are not those that were asked for last.
    pub(super) comments_changed: bool,
    /// What the page that is read is asked for.
    pub(super) exemplars: Exemplars,
}

/// How far a page was read along the lines of the last one.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Progress {
    /// Bytes of the page.
    pub(super) at: usize,
    /// Bytes of the old text.
    pub(super) old_at: usize,
    /// Lines.
    pub(super) known: usize,
}

impl LayoutCache {
    /// An empty cache; timestamps of the page are ignored unless they are honoured, types and units unless
    /// series are `described` by them.
    pub(super) fn new(honor_timestamps: bool, described: bool) -> Self {
        Self { honor_timestamps, described, ..Self::default() }
    }

    pub(super) fn entry<'a>(
        &self,
        page: &Exposition<'a>,
        at: usize,
    ) -> Result<(Entry<'a>, usize), ParseError> {
        let (mut entry, next) = page.entry(at)?;
        if let (Entry::Series(sample), false) = (&mut entry, self.honor_timestamps) {
            sample.timestamp = None;
        }
        Ok((entry, next))
    }

    /// Hands every sample of the page to the sink. After an error the cache knows the series that it knew before.
    ///
    /// # Errors
    /// The page is malformed, or the sink refused it.
    pub(super) fn read<S: Sink>(&mut self, page: &Exposition<'_>, sink: &mut S) -> Result<(), S::Error> {
        self.families.begin();
        self.refused.begin(sink.room());
        self.exemplars = sink.exemplars();
        let mut progress = Progress::default();
        let mut segments: Box<[Arc<Segment>]> = Box::default();
        if let Some(mut packed) = self.packed.take() {
            let mut followed = packed.follow(page, self.honor_timestamps, sink);
            if followed.whole {
                self.comments_changed |= packed.keep(page.body(), followed, sink);
                self.packed = Some(packed);
                self.refused.end();
                return Ok(());
            }
            if let Some(series) = followed.refused.take() {
                let series = page.body().get(series).unwrap_or_default();
                self.refused.add(self.hash_of(series));
            }
            let at = followed.at;
            let unpacked = packed.unpack(followed);
            (self.text, self.lines, segments) = (unpacked.text, unpacked.lines, unpacked.segments);
            progress = Progress { at, old_at: 0, known: unpacked.known };
        }
        let read = self.read_lines(page, progress, sink);
        // Those that were refused stand between the lines of every page.
        if !self.described && self.refused.is_empty() {
            self.packed = Packed::of(&self.text, &self.lines, &segments);
        }
        if self.packed.is_some() {
            buffers::TEXTS.give_back(std::mem::take(&mut self.text));
            buffers::LINES.give_back(std::mem::take(&mut self.lines));
        } else {
            self.lines.shrink_to_fit();
        }
        read
    }

    /// Reads the page from where it was followed to, by lines.
    fn read_lines<S: Sink>(
        &mut self,
        page: &Exposition<'_>,
        mut progress: Progress,
        sink: &mut S,
    ) -> Result<(), S::Error> {
        let read = match self.follow(page, &mut progress, sink) {
            Ok(true) => Ok(None),
            Ok(false) => Reading::of(self, page, progress, sink).map(Some),
            Err(error) => Err(error.into()),
        };
        match read {
            Ok(None) => self.keep(page.body()),
            Ok(Some(reading)) => {
                let (lines, kept) = reading.into_page();
                self.keep(kept.as_deref().unwrap_or(page.body()));
                buffers::LINES.give_back(std::mem::replace(&mut self.lines, lines));
            }
            Err(error) => {
                self.step_back(page.body(), progress);
                return Err(error);
            }
        }
        self.refused.end();
        Ok(())
    }

    /// Reads the page along the lines of the last one; whether it has just these. The lines that were passed
    /// stand for the new page.
    fn follow<S: Sink>(
        &mut self,
        page: &Exposition<'_>,
        progress: &mut Progress,
        sink: &mut S,
    ) -> Result<bool, ParseError> {
        let body = page.body();
        while let Some(line) = self.lines.get(progress.known).copied() {
            let Some(next) = self.follow_line(page, progress.at, &line, progress.old_at, sink)? else {
                return Ok(false);
            };
            progress.at = usize::try_from(next.end).unwrap_or(body.len());
            progress.old_at = line.end as usize;
            if let Some(place) = self.lines.get_mut(progress.known) {
                *place = next;
            }
            progress.known += 1;
        }
        Ok(matches!(self.entry(page, progress.at)?, (Entry::End, _)))
    }

    /// Reads the line at `at` when it is the old line that begins at `old_at`, and gives it for the new page.
    #[inline]
    pub(super) fn follow_line<S: Sink>(
        &mut self,
        page: &Exposition<'_>,
        at: usize,
        line: &Line,
        old_at: usize,
        sink: &mut S,
    ) -> Result<Option<Line>, ParseError> {
        let Some(old) = self.text.get(old_at..line.end as usize) else { return Ok(None) };
        let rest = page.body().get(at..).unwrap_or_default();
        let (series, tail) = old.split_at_checked(line.series_len as usize).unwrap_or((&[], old));
        let (same_series, behind) = match rest.strip_prefix(series) {
            Some(behind) => (true, behind),
            None => (false, rest),
        };
        // The last line of a page may lack its break: then more may follow where it ended.
        let same = same_series && tail.last() == Some(&b'\n') && behind.starts_with(tail);
        let same_end = at + old.len();
        if line.target == Target::Comment {
            if same && self.described {
                self.note_comment(page, at);
            }
            return Ok(same.then(|| line.until(same_end)));
        }
        if line.family != self.families.current() {
            return Ok(None);
        }
        // A timestamp is read anew: what was refused or rolled back last time may be taken now.
        if !matches!(line.target, Target::Stamped(_)) {
            if same && !self.exemplars.wants_known(tail) {
                sink.sample(line.target, line.value, None);
                return Ok(Some(line.until(same_end)));
            }
            if line.series_len > 0
                && same_series
                && let Some((b' ', number)) = behind.split_first()
                && let Some((value, len)) = read_plain(number)
            {
                sink.sample(line.target, value, None);
                return Ok(Some(Line { value, ..line.until(at + series.len() + 1 + len) }));
            }
        }
        let (Entry::Series(sample), next) = self.entry(page, at)? else { return Ok(None) };
        if line.series_len == 0 || !line.target.takes(&sample) || sample.series != series {
            return Ok(None);
        }
        sink.sample(line.target, sample.value, sample.timestamp);
        if let Some(exemplar) = &sample.exemplar
            && self.exemplars.wants(tail, page.body().get(at + series.len()..next).unwrap_or_default())
        {
            sink.exemplar(line.target, exemplar, sample.timestamp);
        }
        Ok(Some(Line::of(page, &sample, at..next, line.target, line.family)))
    }

    /// Follows the comment at `at`. It was read before, so that it has no faults.
    #[cold]
    fn note_comment(&mut self, page: &Exposition<'_>, at: usize) {
        if let Ok((entry, _)) = page.entry(at) {
            self.families.note(&entry);
        }
    }

    /// Puts a page in the place of the text, with little room to grow.
    fn keep(&mut self, page: &[u8]) {
        self.text.clear();
        if self.text.capacity() < page.len() || self.text.capacity() / 2 > page.len() {
            self.text = Vec::with_capacity(page.len() + page.len() / 32);
        }
        self.text.extend_from_slice(page);
    }

    /// Makes lines and text agree again after a page that was refused behind `progress`.
    fn step_back(&mut self, body: &[u8], progress: Progress) {
        let mut text = body.get(..progress.at).unwrap_or_default().to_vec();
        text.extend_from_slice(self.text.get(progress.old_at..).unwrap_or_default());
        for line in self.lines.iter_mut().skip(progress.known) {
            let end = line.end as usize + progress.at - progress.old_at.min(line.end as usize);
            line.end = u32::try_from(end).unwrap_or(u32::MAX);
        }
        self.text = text;
    }

    pub(super) fn is_refused(&mut self, sample: &Sample<'_>) -> bool {
        self.refused.knows_some() && self.refused.again(self.refused_hash(sample))
    }

    pub(super) fn refused_hash(&self, sample: &Sample<'_>) -> u64 {
        self.hash_of(sample.series)
    }

    fn hash_of(&self, series: &[u8]) -> u64 {
        self.hasher.hash_one((series, self.families.current()))
    }

    pub(super) fn description(&self) -> Described<'_> {
        Described { kind: self.families.current().kind, unit: self.families.unit() }
    }

    /// The comment lines of the last good page, whole.
    pub(super) fn comments(&self) -> impl Iterator<Item = &[u8]> {
        let begins = std::iter::once(0).chain(self.lines.iter().map(|line| line.end as usize));
        let comments = self.lines.iter().zip(begins).filter(|(line, _)| line.target == Target::Comment);
        let comments = comments.filter_map(|(line, begin)| self.text.get(begin..line.end as usize));
        let comments = comments.flat_map(|lines| lines.split_inclusive(|byte| *byte == b'\n'));
        comments.chain(self.packed.iter().flat_map(Packed::comments))
    }

    /// Whether the comments may have changed since this was asked last.
    pub(super) fn take_comments_changed(&mut self) -> bool {
        std::mem::take(&mut self.comments_changed)
    }

    /// What the lines lead to.
    #[cfg(test)]
    fn targets(&self) -> std::collections::HashSet<Target> {
        let packed = self.packed.iter().flat_map(Packed::targets);
        self.lines.iter().map(|line| line.target).chain(packed).collect()
    }

    /// Forgets everything.
    #[cfg(test)]
    fn clear<S: Sink>(&mut self, sink: &mut S) {
        self.targets().into_iter().for_each(|target| sink.release(target));
        (self.lines, self.text, self.packed) = Default::default();
    }
}

/// Where a piece of a text begins in it.
pub(super) fn offset(text: &[u8], part: &[u8]) -> usize {
    (part.as_ptr() as usize).saturating_sub(text.as_ptr() as usize)
}

impl Line {
    /// A line that ends at `end`, of no family.
    pub(super) fn new(end: usize, series_len: usize, target: Target, value: f64) -> Self {
        Self { end: word(end), series_len: word(series_len), target, value, family: Family::default() }
    }

    /// A line with a sample, at `range` of the page.
    pub(super) fn of(
        page: &Exposition<'_>,
        sample: &Sample<'_>,
        range: Range<usize>,
        target: Target,
        family: Family,
    ) -> Self {
        let text = page.body().get(range.clone()).unwrap_or_default();
        // Blanks before the series would shift the line against its text.
        let series_len = if text.starts_with(sample.series) { sample.series.len() } else { 0 };
        let (end, series_len) = (word(range.end), word(series_len));
        Self { end, series_len, target, value: sample.value, family }
    }

    pub(super) fn until(self, end: usize) -> Self {
        Self { end: word(end), ..self }
    }
}

/// A place in a page, which has less than 4 GiB.
fn word(place: usize) -> u32 {
    u32::try_from(place).unwrap_or(u32::MAX)
}

#[cfg(test)]
#[path = "cache_tests.rs"]
mod tests;
