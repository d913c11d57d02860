//! What pages have in common: targets of one kind have the same comments and the same series, so that the text of
//! a layout is kept once for all of them.

use foldhash::fast::FixedState;
use hashbrown::HashTable;
use std::hash::BuildHasher;
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
    fn of(page: &[u8], spans: &[Span]) -> Self {
        let mut text = Vec::with_capacity(spans.iter().map(|span| span.end - span.begin).sum());
        let part = |span: &Span| {
            text.extend_from_slice(span.text(page));
            Part { end: u32::try_from(text.len()).unwrap_or(u32::MAX), is_comment: span.is_comment }
        };
        let lines = spans.iter().map(part).collect();
        Self { text: text.into(), lines }
    }

    /// Whether a page goes on with the lines of the segment.
    fn begins(&self, page: &[u8], spans: &[Span]) -> bool {
        self.lines.len() <= spans.len()
            && self
                .parts()
                .zip(spans)
                .all(|((text, is_comment), span)| span.is_comment == is_comment && span.text(page) == text)
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

/// Where a part of a page stands in its text; what is between two of them are values.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    pub(super) begin: usize,
    pub(super) end: usize,
    /// Whole lines without a sample, as many as follow each other.
    pub(super) is_comment: bool,
}

impl Span {
    fn text<'a>(&self, page: &'a [u8]) -> &'a [u8] {
        page.get(self.begin..self.end).unwrap_or_default()
    }
}

/// Divides a page into segments, of which most are among those of the last page, in their order.
pub(super) fn divide(page: &[u8], mut spans: &[Span], last: &[Arc<Segment>]) -> Box<[Arc<Segment>]> {
    let hasher = FixedState::default();
    let mut segments = Vec::with_capacity(last.len() + 1);
    let mut expected = 0;
    while !spans.is_empty() {
        let near = last.iter().enumerate().skip(expected).take(AHEAD);
        let same = near.into_iter().find(|(_, segment)| segment.begins(page, spans));
        // Another line behind it would belong to it.
        let same = same.filter(|(_, segment)| ends_before(&hasher, page, spans, segment.lines.len()));
        let len = match same {
            Some((number, segment)) => {
                expected = number + 1;
                segments.push(Arc::clone(segment));
                segment.lines.len()
            }
            None => {
                let ends = |len: &usize| ends_before(&hasher, page, spans, *len);
                let len = (LINES_MIN..LINES_MAX).find(ends).unwrap_or(LINES_MAX).min(spans.len());
                segments.push(share(Segment::of(page, spans.get(..len).unwrap_or_default())));
                len
            }
        };
        spans = spans.get(len..).unwrap_or_default();
    }
    segments.into()
}

/// Whether a segment that begins with the spans may end after `len` of them.
fn ends_before(hasher: &FixedState, page: &[u8], spans: &[Span], len: usize) -> bool {
    len >= LINES_MAX
        || spans.get(len).is_none_or(|next| hasher.hash_one(next.text(page)).is_multiple_of(LINES))
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

    fn divide(lines: &[String], last: &[Arc<Segment>]) -> Box<[Arc<Segment>]> {
        let (mut page, mut spans) = (Vec::new(), Vec::new());
        for line in lines {
            let begin = page.len();
            page.extend_from_slice(line.as_bytes());
            spans.push(Span { begin, end: page.len(), is_comment: line.starts_with('#') });
            page.extend_from_slice(b" 1\n");
        }
        super::divide(&page, &spans, last)
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
}
