//! A page at rest: its layout in segments that targets share, and of its own only the values.
//!
//! Most pages have the lines of the one before. Such a page is read along the segments, and what is kept of it are
//! the bytes behind each series, the value that they say, and where that leads.

use super::buffers;
use super::cache::{Exemplars, Line, Sink, Target};
use super::exposition::{Entry, ExposedExemplar, Exposition, exemplar_text, read_number, read_plain};
use super::family::Family;
use super::segments::{Segment, Span, divide};
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
    /// It has all of them.
    pub(super) whole: bool,
    /// Bytes of the page.
    pub(super) at: usize,
    /// Parts of segments.
    pub(super) parts: usize,
    /// Samples.
    samples: usize,
    /// The new tails, but for the last ones that did not change; those begin here in the old tails, and end here.
    tails: Vec<u8>,
    same: usize,
    old: usize,
}

impl Packed {
    /// Packs a page; `None` when it is not of the usual kind. Most of its segments are among those of the last one.
    pub(super) fn of(text: &[u8], lines: &[Line], last: &[Arc<Segment>]) -> Option<Self> {
        let samples = lines.iter().filter(|line| line.target != Target::Comment).count();
        let mut spans: Vec<Span> = Vec::with_capacity(lines.len());
        let (mut values, mut slots) = (Vec::with_capacity(samples), Vec::with_capacity(samples));
        let (mut tails, mut lengths) = (buffers::TAILS.buffer(), Vec::with_capacity(samples));
        tails.clear();
        let mut begin = 0;
        for line in lines {
            let (from, end) = (begin, line.end as usize);
            let whole = text.get(from..end).filter(|line| line.ends_with(b"\n"))?;
            begin = end;
            let slot = match line.target {
                Target::Comment => {
                    match spans.last_mut() {
                        Some(last) if last.is_comment => last.end = end,
                        _ => spans.push(Span { begin: from, end, is_comment: true }),
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
            spans.push(Span { begin: from, end: from + series.len(), is_comment: false });
            lengths.push(u8::try_from(tail.len()).ok()?);
            tails.extend_from_slice(tail);
            values.push(line.value);
            slots.push(slot);
        }
        let segments = divide(text, &spans, last);
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

    /// Reads a page as far as it has the lines of this one; their values are those of the new page then.
    pub(super) fn follow<S: Sink>(
        &mut self,
        page: &Exposition<'_>,
        honor_timestamps: bool,
        sink: &mut S,
    ) -> Followed {
        let (body, exemplars) = (page.body(), sink.exemplars());
        let mut followed = Followed { tails: buffers::TAILS.buffer(), ..Followed::default() };
        followed.tails.clear();
        let mut samples = self.values.iter_mut().zip(&self.slots).zip(&mut self.lengths);
        for (text, is_comment) in self.segments.iter().flat_map(|segment| segment.parts()) {
            let Some(behind) = body.get(followed.at..).and_then(|rest| rest.strip_prefix(text)) else {
                return followed;
            };
            let mut len = text.len();
            if !is_comment {
                let Some(((value, slot), length)) = samples.next() else { return followed };
                let end = followed.old + usize::from(*length);
                let old = self.tails.get(followed.old..end).unwrap_or_default();
                let mut exemplar = None;
                if !behind.starts_with(old) || exemplars.wants_known(old) {
                    let known = if exemplars == Exemplars::All { &[] } else { old };
                    let line =
                        Changed { page, honor_timestamps, at: followed.at, series: text, behind, known };
                    let Some((new, new_length, exposed)) = line.read() else { return followed };
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
        followed.whole = true;
        followed
    }

    /// Keeps the new page, which has all lines of this one.
    pub(super) fn keep(&mut self, followed: Followed) {
        let Followed { mut tails, same, .. } = followed;
        if same > 0 {
            tails.extend_from_slice(self.tails.get(same..).unwrap_or_default());
            if self.tails.capacity() < tails.len() {
                self.tails = Vec::with_capacity(tails.len() + tails.len() / 32);
            }
            self.tails.clear();
            self.tails.extend_from_slice(&tails);
        }
        buffers::TAILS.give_back(tails);
    }

    /// The text of the lines that were not followed, all lines of the page, those that were followed as they stand in
    /// the new one, and the segments.
    pub(super) fn unpack(self, followed: Followed) -> (Vec<u8>, Vec<Line>, Box<[Arc<Segment>]>) {
        let (mut text, mut lines) = (buffers::TEXTS.buffer(), buffers::LINES.buffer());
        text.clear();
        lines.clear();
        let (mut at, mut old) = (0, followed.old);
        let mut samples = self.values.iter().zip(&self.slots).zip(&self.lengths);
        for (number, (part, is_comment)) in self.segments.iter().flat_map(|one| one.parts()).enumerate() {
            let is_followed = number < followed.parts;
            if !is_followed {
                text.extend_from_slice(part);
            }
            at += part.len();
            let mut line = Line {
                end: 0,
                series_len: 0,
                target: Target::Comment,
                value: 0.0,
                family: Family::default(),
            };
            if !is_comment && let Some(((value, slot), length)) = samples.next() {
                let length = usize::from(*length);
                if !is_followed {
                    text.extend_from_slice(self.tails.get(old..old + length).unwrap_or_default());
                    old += length;
                }
                at += length;
                line.series_len = u32::try_from(part.len()).unwrap_or(0);
                (line.target, line.value) = (target(*slot), *value);
            }
            let end = if is_followed { at } else { text.len() };
            line.end = u32::try_from(end).unwrap_or(u32::MAX);
            lines.push(line);
        }
        buffers::TAILS.give_back(followed.tails);
        (text, lines, self.segments)
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

    /// Bytes that are the target's own.
    #[cfg(test)]
    pub(super) fn own_bytes(&self) -> usize {
        size_of_val(&*self.segments) + self.tails.capacity() + self.slots.len() * (8 + 4 + 1)
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
