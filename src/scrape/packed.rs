//! A page at rest: its layout in segments that targets share, and of its own only the values.
//!
//! Most pages have the lines of the one before, or leave them for some others only, as [`super::detour`] tells. Such a
//! page is read along the segments, and what is kept of it are the bytes behind each series, the value that they say,
//! and where that leads.

use super::buffers;
use super::cache::{Exemplars, Line, Sink, Target};
use super::detour::{Detour, Fork, NewLine, Way};
use super::exposition::{Entry, ExposedExemplar, Exposition, exemplar_text, read_number, read_plain};
use super::family::Family;
use super::segments::{Change, Piece, Segment, amend, divide};
use std::ops::Range;
use std::sync::Arc;

/// The slot of a series that relabelling dropped.
const DROPPED: u32 = u32::MAX;

/// A page whose series all belong to the target's row, or to nobody.
#[derive(Debug)]
pub(super) struct Packed {
    segments: Box<[Arc<Segment>]>,
    values: Box<[f64]>,
    slots: Box<[u32]>,
    /// What follows each series in the page, up to and with the line break, and how long that is.
    tails: Vec<u8>,
    lengths: Box<[u8]>,
}

/// How far a page has the lines of the one before.
#[derive(Debug, Default)]
pub(super) struct Followed {
    /// It was read to its end.
    pub(super) whole: bool,
    /// Bytes of the page.
    pub(super) at: usize,
    /// Parts of the old segments.
    parts: usize,
    /// Samples of them.
    samples: usize,
    /// Where the page has other lines.
    detours: Vec<Detour>,
    /// Where the page has a series for which there is no room.
    pub(super) refused: Option<Range<usize>>,
    /// The new tails, but for the last ones that did not change; those begin here in the old tails, and end here.
    tails: Vec<u8>,
    same: usize,
    old: usize,
}

/// A page taken apart.
#[derive(Debug)]
pub(super) struct Unpacked {
    /// The text of the old lines.
    pub(super) text: Vec<u8>,
    pub(super) lines: Vec<Line>,
    /// So many of the lines, the first ones, are of the new page.
    pub(super) known: usize,
    pub(super) segments: Box<[Arc<Segment>]>,
}

impl Packed {
    /// Packs a page; `None` when it is not of the usual kind. Most of its segments are among those of the last one.
    pub(super) fn of(text: &[u8], lines: &[Line], last: &[Arc<Segment>]) -> Option<Self> {
        let samples = lines.iter().filter(|line| line.target != Target::Comment).count();
        let mut pieces: Vec<Piece<'_>> = Vec::with_capacity(lines.len());
        let (mut values, mut slots) = (Vec::with_capacity(samples), Vec::with_capacity(samples));
        let (mut tails, mut lengths) = (buffers::TAILS.buffer(), Vec::with_capacity(samples));
        tails.clear();
        let (mut begin, mut comments) = (0, 0);
        for line in lines {
            let (from, end) = (begin, line.end as usize);
            let whole = text.get(from..end).filter(|line| line.ends_with(b"\n"))?;
            begin = end;
            let slot = match line.target {
                Target::Comment => {
                    match pieces.last_mut() {
                        Some(last) if last.is_comment => last.text = text.get(comments..end)?.into(),
                        _ => {
                            comments = from;
                            pieces.push(Piece { text: whole.into(), is_comment: true });
                        }
                    }
                    continue;
                }
                Target::Row(slot) if slot != DROPPED => slot,
                Target::Dropped => DROPPED,
                _ => return None,
            };
            if line.series_len == 0 || line.family != Family::default() {
                return None;
            }
            let (series, tail) = whole.split_at_checked(line.series_len as usize)?;
            pieces.push(Piece { text: series.into(), is_comment: false });
            lengths.push(u8::try_from(tail.len()).ok()?);
            tails.extend_from_slice(tail);
            values.push(line.value);
            slots.push(slot);
        }
        let segments = divide(&pieces, last);
        let own = tails.as_slice().to_vec();
        buffers::TAILS.give_back(tails);
        Some(Self {
            segments,
            values: values.into(),
            slots: slots.into(),
            tails: own,
            lengths: lengths.into(),
        })
    }

    /// Reads a page as far as it has the lines of this one, but for a few others in between; the values of those lines
    /// are those of the new page then.
    pub(super) fn follow<S: Sink>(
        &mut self,
        page: &Exposition<'_>,
        honor_timestamps: bool,
        sink: &mut S,
    ) -> Followed {
        let mut followed = Followed { tails: buffers::TAILS.buffer(), ..Followed::default() };
        followed.tails.clear();
        loop {
            if self.follow_lines(page, honor_timestamps, sink, &mut followed)
                && let Ok((Entry::End, _)) = page.entry(followed.at)
            {
                followed.whole = true;
                return followed;
            }
            let fork = Fork {
                page,
                honor_timestamps,
                segments: &self.segments,
                parts: followed.parts,
                samples: followed.samples,
            };
            let detour = fork.read(followed.at, sink);
            let way = detour.way;
            self.take_detour(page.body(), detour, &mut followed);
            followed.whole = way == Way::End;
            if way != Way::Back {
                return followed;
            }
        }
    }

    /// Reads on in the page up to a line that is not the next one; whether it has all the others.
    fn follow_lines<S: Sink>(
        &mut self,
        page: &Exposition<'_>,
        honor_timestamps: bool,
        sink: &mut S,
        followed: &mut Followed,
    ) -> bool {
        let (body, exemplars) = (page.body(), sink.exemplars());
        let (values, lengths) = (self.values.iter_mut(), self.lengths.iter_mut());
        let mut samples = values.zip(&self.slots).zip(lengths).skip(followed.samples);
        let parts = self.segments.iter().flat_map(|segment| segment.parts()).skip(followed.parts);
        for (text, is_comment) in parts {
            let Some(behind) = body.get(followed.at..).and_then(|rest| rest.strip_prefix(text)) else {
                return false;
            };
            let mut len = text.len();
            if !is_comment {
                let Some(((value, slot), length)) = samples.next() else { return false };
                let end = followed.old + usize::from(*length);
                let old = self.tails.get(followed.old..end).unwrap_or_default();
                let mut exemplar = None;
                if !behind.starts_with(old) || exemplars.wants_known(old) {
                    let known = if exemplars == Exemplars::All { &[] } else { old };
                    let line =
                        Changed { page, honor_timestamps, at: followed.at, series: text, behind, known };
                    let Some((new, new_length, exposed)) = line.read() else { return false };
                    let same = self.tails.get(followed.same..followed.old).unwrap_or_default();
                    followed.tails.extend_from_slice(same);
                    let tail = behind.get(..usize::from(new_length)).unwrap_or_default();
                    exemplar = exposed.filter(|_| exemplars.wants(old, tail));
                    followed.tails.extend_from_slice(tail);
                    followed.same = end;
                    (*value, *length) = (new, new_length);
                }
                sink.sample(target(*slot), *value, None);
                if let Some(exemplar) = &exemplar {
                    sink.exemplar(target(*slot), exemplar, None);
                }
                len += usize::from(*length);
                followed.old = end;
                followed.samples += 1;
            }
            followed.at += len;
            followed.parts += 1;
        }
        true
    }

    /// Goes on behind a detour.
    fn take_detour(&self, page: &[u8], mut detour: Detour, followed: &mut Followed) {
        followed.refused.clone_from(&detour.refused);
        if detour.lines.is_empty() && detour.parts.is_empty() {
            return;
        }
        let same = self.tails.get(followed.same..followed.old).unwrap_or_default();
        followed.tails.extend_from_slice(same);
        for line in &detour.lines {
            followed.at += line.len;
            followed.tails.extend_from_slice(line.tail(page));
        }
        detour.tails = followed.old;
        let gone = self.lengths.get(detour.samples.clone()).unwrap_or_default();
        followed.old += gone.iter().map(|length| usize::from(*length)).sum::<usize>();
        followed.same = followed.old;
        (followed.parts, followed.samples) = (detour.parts.end, detour.samples.end);
        followed.detours.push(detour);
    }

    /// Keeps the new page, which was followed to its end; whether its comments are others.
    pub(super) fn keep<S: Sink>(&mut self, page: &[u8], followed: Followed, sink: &mut S) -> bool {
        let Followed { mut tails, same, detours, .. } = followed;
        if same > 0 || !detours.is_empty() {
            tails.extend_from_slice(self.tails.get(same..).unwrap_or_default());
            if self.tails.capacity() < tails.len() {
                self.tails = Vec::with_capacity(tails.len() + tails.len() / 32);
            }
            self.tails.clear();
            self.tails.extend_from_slice(&tails);
        }
        buffers::TAILS.give_back(tails);
        self.keep_detours(page, &detours, sink);
        detours.iter().any(|detour| detour.comments)
    }

    /// Puts the lines of the detours in the place of those that are gone, and lets go of what no line leads to.
    fn keep_detours<S: Sink>(&mut self, page: &[u8], detours: &[Detour], sink: &mut S) {
        if detours.is_empty() {
            return;
        }
        let change = |detour: &Detour| Change {
            gone: detour.parts.clone(),
            new: detour.lines.iter().map(|line| line.piece(page)).collect(),
        };
        self.segments = amend(&self.segments, &detours.iter().map(change).collect::<Vec<_>>());
        let gone =
            detours.iter().flat_map(|detour| self.slots.get(detour.samples.clone()).unwrap_or_default());
        let mut gone: Vec<u32> = gone.copied().collect();
        self.values = spliced(&self.values, detours, |line| Some(line.sample?.1));
        self.slots = spliced(&self.slots, detours, |line| Some(slot(line.sample?.0)));
        // Longer ones are not taken on a detour.
        let length =
            |line: &NewLine| line.sample.map(|_| u8::try_from(line.tail(page).len()).unwrap_or(u8::MAX));
        self.lengths = spliced(&self.lengths, detours, length);
        // A series may stand in the page twice, and is released once.
        gone.sort_unstable();
        gone.dedup();
        for slot in gone.into_iter().filter(|slot| !self.slots.contains(slot)) {
            sink.release(target(slot));
        }
    }

    /// Takes the page apart into lines: those of the new page as far as it was read, and the old ones that it does not
    /// have so far.
    pub(super) fn unpack(self, followed: Followed) -> Unpacked {
        let (mut text, mut lines) = (buffers::TEXTS.buffer(), buffers::LINES.buffer());
        text.clear();
        lines.clear();
        // What the page does not have, as far as it was read.
        let mut others = Vec::new();
        let mut detours = followed.detours.iter().peekable();
        let (mut at, mut gone, mut old) = (0, 0, followed.old);
        let mut samples = self.values.iter().zip(&self.slots).zip(&self.lengths);
        let parts = self.segments.iter().flat_map(|one| one.parts());
        for (number, (part, is_comment)) in parts.enumerate() {
            if number == followed.parts {
                old = followed.old;
            }
            if let Some(detour) = detours.next_if(|detour| detour.parts.start == number) {
                push_new(&mut lines, detour, &mut at);
                (gone, old) = (detour.parts.end, detour.tails);
            }
            let is_followed = (gone..followed.parts).contains(&number);
            let (mut len, mut series_len, mut leads_to, mut says) = (part.len(), 0, Target::Comment, 0.0);
            if !is_followed {
                text.extend_from_slice(part);
            }
            if !is_comment && let Some(((value, slot), length)) = samples.next() {
                let length = usize::from(*length);
                if !is_followed {
                    text.extend_from_slice(self.tails.get(old..old + length).unwrap_or_default());
                    old += length;
                }
                (series_len, leads_to, says) = (len, target(*slot), *value);
                len += length;
            }
            if is_followed {
                at += len;
                lines.push(Line::new(at, series_len, leads_to, says));
            } else {
                others.push(Line::new(text.len(), series_len, leads_to, says));
            }
        }
        detours.for_each(|detour| push_new(&mut lines, detour, &mut at));
        let known = lines.len();
        lines.append(&mut others);
        buffers::TAILS.give_back(followed.tails);
        Unpacked { text, lines, known, segments: self.segments }
    }

    /// The comment lines of the page.
    pub(super) fn comments(&self) -> impl Iterator<Item = &[u8]> {
        let comments = self.segments.iter().flat_map(|segment| segment.parts()).filter(|part| part.1);
        comments.flat_map(|(lines, _)| lines.split_inclusive(|byte| *byte == b'\n'))
    }

    /// What the samples lead to.
    #[cfg(test)]
    pub(super) fn targets(&self) -> impl Iterator<Item = Target> {
        self.slots.iter().map(|slot| target(*slot))
    }

    /// Whether all but what the samples lead to is the same.
    #[cfg(test)]
    pub(super) fn shows_the_same_as(&self, other: &Self) -> bool {
        let values = |one: &Self| one.values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
        self.segments == other.segments
            && values(self) == values(other)
            && (&self.tails, &self.lengths) == (&other.tails, &other.lengths)
    }

    /// Bytes that are the target's own.
    #[cfg(test)]
    pub(super) fn own_bytes(&self) -> usize {
        size_of_val(&*self.segments) + self.tails.capacity() + self.slots.len() * (8 + 4 + 1)
    }
}

/// Adds the lines of a detour, which begin at `at` in the page.
fn push_new(lines: &mut Vec<Line>, detour: &Detour, at: &mut usize) {
    for line in &detour.lines {
        *at += line.len;
        let (leads_to, says) = line.sample.unwrap_or((Target::Comment, 0.0));
        lines.push(Line::new(*at, line.series_len(), leads_to, says));
    }
}

/// What is known of each sample, with those of new lines in the place of those that are gone.
fn spliced<T: Copy>(old: &[T], detours: &[Detour], new: impl Fn(&NewLine) -> Option<T>) -> Box<[T]> {
    let mut all = Vec::with_capacity(old.len());
    let mut at = 0;
    for detour in detours {
        all.extend_from_slice(old.get(at..detour.samples.start).unwrap_or_default());
        all.extend(detour.lines.iter().filter_map(&new));
        at = detour.samples.end;
    }
    all.extend_from_slice(old.get(at..).unwrap_or_default());
    all.into()
}

#[inline]
fn slot(target: Target) -> u32 {
    match target {
        Target::Row(slot) => slot,
        _ => DROPPED,
    }
}

#[inline]
fn target(slot: u32) -> Target {
    if slot == DROPPED { Target::Dropped } else { Target::Row(slot) }
}

/// A line with the series of the old one and another value.
struct Changed<'a> {
    page: &'a Exposition<'a>,
    honor_timestamps: bool,
    /// Where the line begins.
    at: usize,
    series: &'a [u8],
    /// What follows the series.
    behind: &'a [u8],
    /// What followed it in the last page, if the exemplar there is not wanted again; otherwise empty.
    known: &'a [u8],
}

impl<'a> Changed<'a> {
    /// The value, the bytes behind the series, and the exemplar; `None` where the line is not of the usual kind.
    #[inline]
    fn read(&self) -> Option<(f64, u8, Option<ExposedExemplar<'a>>)> {
        if let Some((b' ', number)) = self.behind.split_first()
            && let Some((value, len)) = read_plain(number)
            && let Ok(length) = u8::try_from(len + 1)
        {
            return Some((value, length, None));
        }
        self.read_known().or_else(|| self.read_fully())
    }

    /// Another value before the exemplar of the last page.
    fn read_known(&self) -> Option<(f64, u8, Option<ExposedExemplar<'a>>)> {
        let known = exemplar_text(self.known);
        if known.is_empty() {
            return None;
        }
        let (value, len) = read_number(self.behind.strip_prefix(b" ")?)?;
        let exemplar = self.behind.get(len + 1..)?.strip_prefix(b" ")?;
        let length = u8::try_from(len + 2 + known.len()).ok()?;
        exemplar.starts_with(known).then_some((value, length, None))
    }

    fn read_fully(&self) -> Option<(f64, u8, Option<ExposedExemplar<'a>>)> {
        // Most lines with an exemplar come here: their series is not looked at again.
        let read = match self.behind.first() {
            Some(b' ') => self.page.entry_behind(self.at, self.series.len()),
            _ => self.page.entry(self.at),
        };
        let Ok((Entry::Series(sample), next)) = read else { return None };
        let line = self.page.body().get(self.at..next)?;
        let usual = sample.series == self.series
            && line.starts_with(self.series)
            && line.ends_with(b"\n")
            && !(self.honor_timestamps && sample.timestamp.is_some());
        let length = u8::try_from(line.len().checked_sub(self.series.len())?).ok()?;
        usual.then_some((sample.value, length, sample.exemplar))
    }
}
