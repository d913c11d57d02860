//! Where a page leaves the lines of the last one: some that are new, some that are gone, and on in the old order.
//!
//! What takes more than that, lines that have moved first of all, is left to [`super::reading`].

use super::cache::{Described, Exemplars, Resolved, Sink, Target};
use super::exposition::{Entry, Exposition};
use super::family::Family;
use super::segments::{Piece, Segment};
use std::ops::Range;
use std::sync::Arc;

/// How many parts ahead the old order is searched for a line at which the page follows it again.
const AHEAD_MAX: usize = 64;
/// New lines in a row; more are read otherwise.
const LINES_MAX: usize = 64;

/// A line, or several comments, that the last page does not have.
#[derive(Debug, Clone, Copy)]
pub(super) struct NewLine {
    /// Where it begins in the page.
    begin: usize,
    /// Bytes up to the value.
    head: usize,
    /// All its bytes.
    pub(super) len: usize,
    /// What the series leads to, and its value; `None` for a comment.
    pub(super) sample: Option<(Target, f64)>,
}

impl NewLine {
    /// What is the same in every page.
    pub(super) fn piece(self, page: &[u8]) -> Piece<'_> {
        let text = page.get(self.begin..self.begin + self.head).unwrap_or_default();
        Piece { text: text.into(), is_comment: self.sample.is_none() }
    }

    /// What follows the series.
    pub(super) fn tail(self, page: &[u8]) -> &[u8] {
        page.get(self.begin + self.head..self.begin + self.len).unwrap_or_default()
    }

    /// Bytes of the series.
    pub(super) fn series_len(self) -> usize {
        self.sample.map_or(0, |_| self.head)
    }
}

/// Where a detour ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Way {
    /// Somewhere where lines have to be looked for one by one.
    #[default]
    Lost,
    /// The page follows the old order again.
    Back,
    /// The page ends.
    End,
}

/// Other lines than those of the last page.
#[derive(Debug, Default)]
pub(super) struct Detour {
    pub(super) way: Way,
    /// The new lines.
    pub(super) lines: Vec<NewLine>,
    /// Parts of the last page that stood here, and their samples.
    pub(super) parts: Range<usize>,
    pub(super) samples: Range<usize>,
    /// Where what followed their series begins in the tails of the last page.
    pub(super) tails: usize,
    /// Whether there are comments among the lines that came or went.
    pub(super) comments: bool,
    /// A series of the page for which there is no room.
    pub(super) refused: Option<Range<usize>>,
}

/// A place in the old order where the page does not follow it.
pub(super) struct Fork<'a> {
    pub(super) page: &'a Exposition<'a>,
    pub(super) honor_timestamps: bool,
    pub(super) segments: &'a [Arc<Segment>],
    /// Parts of the segments before the place, and their samples.
    pub(super) parts: usize,
    pub(super) samples: usize,
}

impl Fork<'_> {
    /// Reads the lines at `at`, up to where the page follows the old order again.
    #[cold]
    pub(super) fn read<S: Sink>(&self, mut at: usize, sink: &mut S) -> Detour {
        let parts = || self.segments.iter().flat_map(|segment| segment.parts()).skip(self.parts);
        let ahead: Vec<(&[u8], bool)> = parts().take(AHEAD_MAX + 1).collect();
        let mut detour = Detour::default();
        let gone = loop {
            let rest = self.page.body().get(at..).unwrap_or_default();
            let goes_on = |(text, is_comment): &(&[u8], bool)| {
                rest.strip_prefix(*text).is_some_and(|behind| *is_comment || behind.starts_with(b" "))
            };
            if let Some(gone) = ahead.iter().position(goes_on) {
                // A line that stands where it stood, and cannot be followed.
                if gone == 0 && detour.lines.is_empty() {
                    break 0;
                }
                detour.way = Way::Back;
                break gone;
            }
            if detour.lines.len() >= LINES_MAX {
                break 0;
            }
            match self.line(at, sink, &mut detour) {
                Some(line) => {
                    at += line.len;
                    detour.comments |= line.sample.is_none();
                    detour.lines.push(line);
                }
                None if detour.way == Way::End => break parts().count(),
                None => break 0,
            }
        };
        detour.comments |= parts().take(gone).any(|(_, is_comment)| is_comment);
        let samples = parts().take(gone).filter(|(_, is_comment)| !is_comment).count();
        detour.parts = self.parts..self.parts + gone;
        detour.samples = self.samples..self.samples + samples;
        detour
    }

    /// The line at `at`, whose sample is handed over; `None` at the end of the page, and for a line that is not of the
    /// usual kind or leads to a series that others lead to.
    fn line<S: Sink>(&self, at: usize, sink: &mut S, detour: &mut Detour) -> Option<NewLine> {
        let (entry, next) = self.page.entry(at).ok()?;
        let mut sample = match entry {
            Entry::End => {
                detour.way = Way::End;
                return None;
            }
            Entry::Series(sample) => Some(sample),
            _ => None,
        };
        let text = self.page.body().get(at..next)?.strip_suffix(b"\n")?;
        let mut line = NewLine { begin: at, head: next - at, len: next - at, sample: None };
        let Some(sample) = &mut sample else { return Some(line) };
        line.head = sample.series.len();
        let usual = text.starts_with(sample.series)
            && u8::try_from(line.len.saturating_sub(line.head)).is_ok()
            && !(self.honor_timestamps && sample.timestamp.is_some());
        if !usual {
            return None;
        }
        sample.timestamp = None;
        let described = Described { kind: Family::default().kind, unit: "" };
        // Why it is refused, if it is, is told when the line is read again.
        let Resolved { target, shared } = sink.resolve(sample, described).ok()?;
        if shared {
            sink.revoke(target);
            return None;
        }
        if target == Target::Refused {
            detour.refused = Some(at..at + line.head);
            return None;
        }
        sink.sample(target, sample.value, None);
        if let Some(exemplar) = &sample.exemplar
            && sink.exemplars() != Exemplars::None
        {
            sink.exemplar(target, exemplar, None);
        }
        line.sample = Some((target, sample.value));
        Some(line)
    }
}
