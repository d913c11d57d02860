//! What pages have in common: targets of one kind have the same comments and the same series, so that the text of
//! a layout is kept once for all of them.

use foldhash::fast::FixedState;
use hashbrown::HashTable;
use std::borrow::Cow;
use std::hash::BuildHasher;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// A segment has about as many lines; it ends before a line that says so by its hash, wherever that stands, so that
/// pages with other lines before it have the same segments behind.
const LINES: u64 = 32;
/// Segments of the last page that are compared where a page does not go on with the next one.
const AHEAD: usize = 4;
/// A segment has no fewer lines and no more.
const LINES_MIN: usize = 8;
const LINES_MAX: usize = 256;
/// Segments that are looked for before the unused ones are forgotten, at least.
const KNOWN_MIN: usize = 1024;

/// Some consecutive lines of a page without their values.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Segment {
    text: Box<[u8]>,
    lines: Box<[Part]>,
}

/// The part of a line, or of several comments, that is the same in every page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Part {
    /// Where it ends in the text; the next one begins there.
    end: u32,
    /// Whole lines without a sample; otherwise a series, whose value follows in the page.
    is_comment: bool,
}

impl Segment {
    fn of(pieces: &[Piece<'_>]) -> Self {
        let mut text = Vec::with_capacity(pieces.iter().map(|piece| piece.text.len()).sum());
        let part = |piece: &Piece<'_>| {
            text.extend_from_slice(&piece.text);
            Part { end: u32::try_from(text.len()).unwrap_or(u32::MAX), is_comment: piece.is_comment }
        };
        let lines = pieces.iter().map(part).collect();
        Self { text: text.into(), lines }
    }

    /// Whether a page goes on with the lines of the segment.
    fn begins(&self, pieces: &[Piece<'_>]) -> bool {
        self.lines.len() <= pieces.len()
            && self
                .parts()
                .zip(pieces)
                .all(|((text, is_comment), piece)| piece.is_comment == is_comment && *piece.text == *text)
    }

    /// The parts with their text.
    pub(super) fn parts(&self) -> impl Iterator<Item = (&[u8], bool)> {
        let mut begin = 0;
        self.lines.iter().map(move |part| {
            let end = part.end as usize;
            let text = self.text.get(begin..end).unwrap_or_default();
            begin = end;
            (text, part.is_comment)
        })
    }
}

/// All segments that are in use.
struct Known {
    segments: HashTable<(u64, Weak<Segment>)>,
    /// At this many the unused ones are forgotten.
    limit: usize,
}

static KNOWN: Mutex<Known> = Mutex::new(Known { segments: HashTable::new(), limit: KNOWN_MIN });

/// A part of a page; what is between two of them are values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Piece<'a> {
    pub(super) text: Cow<'a, [u8]>,
    /// Whole lines without a sample, as many as follow each other.
    pub(super) is_comment: bool,
}

/// What a page has in place of some parts of the last one.
#[derive(Debug)]
pub(super) struct Change<'a> {
    /// The parts that it does not have, by number; none of them where lines came in before the first.
    pub(super) gone: Range<usize>,
    pub(super) new: Vec<Piece<'a>>,
}

/// Divides a page into segments, of which most are among those of the last page, in their order.
pub(super) fn divide(mut pieces: &[Piece<'_>], last: &[Arc<Segment>]) -> Box<[Arc<Segment>]> {
    let hasher = FixedState::default();
    let mut segments = Vec::with_capacity(last.len() + 1);
    let mut expected = 0;
    while !pieces.is_empty() {
        let near = last.iter().enumerate().skip(expected).take(AHEAD);
        let same = near.into_iter().find(|(_, segment)| segment.begins(pieces));
        // Another line behind it would belong to it.
        let ends =
            |len: usize| len == pieces.len() || (len >= LINES_MIN && ends_before(&hasher, pieces, len, None));
        let same = same.filter(|(_, segment)| ends(segment.lines.len()));
        let len = match same {
            Some((number, segment)) => {
                expected = number + 1;
                segments.push(Arc::clone(segment));
                segment.lines.len()
            }
            None => {
                let len = first_len(&hasher, pieces, None).unwrap_or(pieces.len());
                segments.push(share(Segment::of(pieces.get(..len).unwrap_or_default())));
                len
            }
        };
        pieces = pieces.get(len..).unwrap_or_default();
    }
    segments.into()
}

/// Divides a page that differs from the last one by `changes`, which are in order and apart: as [`divide`] does it, but
/// only the segments that change are looked at.
pub(super) fn amend(last: &[Arc<Segment>], changes: &[Change<'_>]) -> Box<[Arc<Segment>]> {
    let mut amended = Amended {
        hasher: FixedState::default(),
        segments: Vec::with_capacity(last.len() + 1),
        open: Vec::new(),
        gone: changes,
        new: changes,
    };
    let mut begin = 0;
    for (number, segment) in last.iter().enumerate() {
        let end = begin + segment.lines.len();
        if amended.open.is_empty() && !amended.touches(begin, end) {
            amended.segments.push(Arc::clone(segment));
        } else {
            for (at, (text, is_comment)) in (begin..).zip(segment.parts()) {
                amended.add_new(at);
                if !amended.is_gone(at) {
                    amended.add(Piece { text: Cow::Borrowed(text), is_comment });
                }
            }
            // Lines that come in before a segment belong to the one before it.
            amended.add_new(end);
            match last.get(number + 1).and_then(|next| next.parts().next()) {
                // Only the segment behind tells what the next line is.
                Some(next) if amended.touches(end, end) || amended.joins(next) => {}
                next => amended.close(next.map(|(text, _)| text)),
            }
        }
        begin = end;
    }
    amended.add_new(begin);
    amended.close(None);
    amended.segments.into()
}

/// A page as far as it was amended.
struct Amended<'a> {
    hasher: FixedState,
    segments: Vec<Arc<Segment>>,
    /// Lines that do not make a segment yet.
    open: Vec<Piece<'a>>,
    /// The changes whose lines are yet to go, and those whose lines are yet to come in.
    gone: &'a [Change<'a>],
    new: &'a [Change<'a>],
}

impl<'a> Amended<'a> {
    /// Whether something changes in these parts, or in the line behind them, which may be comments that others join.
    fn touches(&mut self, begin: usize, end: usize) -> bool {
        self.pass(begin);
        let (gone, new) = (self.gone.first(), self.new.first());
        [gone, new].into_iter().flatten().any(|change| change.gone.start <= end + 1)
    }

    /// Whether the next line is one with the last open one.
    fn joins(&self, (_, is_comment): (&[u8], bool)) -> bool {
        is_comment && self.open.last().is_some_and(|last| last.is_comment)
    }

    /// Leaves out the changes whose lines have all gone before a part.
    fn pass(&mut self, at: usize) {
        while let Some((change, rest)) = self.gone.split_first()
            && change.gone.end <= at
        {
            self.gone = rest;
        }
    }

    fn is_gone(&mut self, at: usize) -> bool {
        self.pass(at);
        self.gone.first().is_some_and(|change| change.gone.contains(&at))
    }

    /// Adds the lines that come in before a part.
    fn add_new(&mut self, at: usize) {
        while let Some((change, rest)) = self.new.split_first()
            && change.gone.start <= at
        {
            self.new = rest;
            change.new.iter().for_each(|piece| self.add(piece.clone()));
        }
    }

    fn add(&mut self, piece: Piece<'a>) {
        match self.open.last_mut() {
            Some(last) if last.is_comment && piece.is_comment => {
                last.text.to_mut().extend_from_slice(&piece.text);
            }
            _ => self.open.push(piece),
        }
    }

    /// Makes segments of the open lines, of which the last one may stay open when there is a `next` line.
    fn close(&mut self, next: Option<&[u8]>) {
        let mut rest: &[Piece<'_>] = &self.open;
        while !rest.is_empty()
            && let Some(len) = first_len(&self.hasher, rest, next)
        {
            self.segments.push(share(Segment::of(rest.get(..len).unwrap_or_default())));
            rest = rest.get(len..).unwrap_or_default();
        }
        let done = self.open.len() - rest.len();
        self.open.drain(..done);
    }
}

/// How many of the lines make a segment; `None` when lines behind them and `next` belong to it too.
fn first_len(hasher: &FixedState, pieces: &[Piece<'_>], next: Option<&[u8]>) -> Option<usize> {
    let len = (LINES_MIN..=LINES_MAX.min(pieces.len())).find(|len| ends_before(hasher, pieces, *len, next));
    len.or_else(|| next.is_none().then_some(pieces.len()))
}

/// Whether a segment that begins with the lines may end after `len` of them; `next` stands behind them all.
fn ends_before(hasher: &FixedState, pieces: &[Piece<'_>], len: usize, next: Option<&[u8]>) -> bool {
    let next = pieces.get(len).map(|piece| &*piece.text).or(next);
    len >= LINES_MAX || next.is_none_or(|next| hasher.hash_one(next).is_multiple_of(LINES))
}

/// The segment, in memory that others share where they have the same.
fn share(segment: Segment) -> Arc<Segment> {
    let hash = FixedState::default().hash_one(&segment.text);
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    let found = known.segments.iter_hash(hash).filter_map(|(_, other)| other.upgrade());
    if let Some(same) = found.into_iter().find(|other| **other == segment) {
        return same;
    }
    if known.segments.len() >= known.limit {
        known.segments.retain(|(_, other)| other.strong_count() > 0);
        known.limit = KNOWN_MIN.max(2 * known.segments.len());
    }
    let segment = Arc::new(segment);
    known.segments.insert_unique(hash, (hash, Arc::downgrade(&segment)), |(hash, _)| *hash);
    segment
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn pieces(lines: &[String]) -> Vec<Piece<'_>> {
        let mut pieces: Vec<Piece<'_>> = Vec::new();
        for line in lines {
            let is_comment = line.starts_with('#');
            match pieces.last_mut() {
                Some(last) if last.is_comment && is_comment => last.text.to_mut().extend(line.bytes()),
                _ => pieces.push(Piece { text: line.as_bytes().into(), is_comment }),
            }
        }
        pieces
    }

    fn divide(lines: &[String], last: &[Arc<Segment>]) -> Box<[Arc<Segment>]> {
        super::divide(&pieces(lines), last)
    }

    fn lines(of: &str) -> Vec<String> {
        (0..2000)
            .map(|i| if i % 3 == 0 { format!("# HELP {of}{i} x\n") } else { format!("{of}{i}") })
            .collect()
    }

    #[test]
    fn pages_that_differ_in_a_line_share_all_but_its_segment() {
        let a = lines("shared");
        let mut b = a.clone();
        b.insert(700, "another".to_owned());
        let (a, apart, behind) = (divide(&a, &[]), divide(&b, &[]), divide(&b, &divide(&a, &[])));
        let b = apart;
        assert!(a.len() > 10);
        let same = b.iter().zip(&behind).all(|(one, other)| Arc::ptr_eq(one, other));
        assert!(same && b.len() == behind.len(), "a page is divided in one way, whatever was before");
        let theirs = |one: &&Arc<Segment>| b.iter().any(|other| Arc::ptr_eq(one, other));
        assert!(a.iter().filter(theirs).count() + 2 >= a.len());
        let text = |page: &[Arc<Segment>]| page.iter().flat_map(|one| one.text.to_vec()).collect::<Vec<_>>();
        assert_eq!(text(&a), lines("shared").concat().into_bytes());
    }

    #[test]
    fn segments_that_nobody_uses_are_forgotten() {
        for round in 0..200 {
            divide(&lines(&format!("round{round}_")), &[]);
        }
        let known = KNOWN.lock().unwrap();
        assert!(known.segments.len() <= known.limit && known.limit <= 8 * KNOWN_MIN, "{}", known.limit);
    }

    /// Which parts are gone, and the lines in their place.
    type Place = (Range<usize>, Vec<String>);

    fn changed() -> impl Strategy<Value = (Vec<String>, Vec<Place>)> {
        let new = || proptest::collection::vec("[a-f]{1,2}|# [a-f]\n", 0..6);
        let place = (0..700usize, 0..12usize, new());
        (400..700usize, proptest::collection::vec(place, 0..8)).prop_map(|(len, mut places)| {
            let old = lines("amended").into_iter().take(len).collect();
            places.sort_by_key(|(start, ..)| *start);
            (old, places.into_iter().map(|(start, gone, new)| (start..start + gone, new)).collect())
        })
    }

    proptest! {
        #[test]
        fn an_amended_page_is_divided_as_if_it_were_new((old, places) in changed()) {
            let old_pieces = pieces(&old);
            let last = super::divide(&old_pieces, &[]);
            let (mut changes, mut new, mut at) = (Vec::new(), Vec::new(), 0);
            for (gone, lines) in &places {
                let gone = gone.start.min(old_pieces.len())..gone.end.min(old_pieces.len());
                if gone.start < at || (gone.is_empty() && lines.is_empty()) {
                    continue;
                }
                new.extend_from_slice(&old_pieces[at..gone.start]);
                new.extend(pieces(lines));
                at = gone.end;
                changes.push(Change { gone, new: pieces(lines) });
            }
            new.extend_from_slice(&old_pieces[at..]);
            let text = |piece: &Piece<'_>| String::from_utf8_lossy(&piece.text).into_owned();
            let new: Vec<String> = new.iter().map(text).collect();
            let (amended, anew) = (amend(&last, &changes), divide(&new, &[]));
            prop_assert_eq!(amended, anew);
        }
    }
}
