//! What pages have in common: targets of one kind have the same comments and the same series, so that the text of
//! a layout is kept once for all of them.

use foldhash::fast::FixedState;
use hashbrown::HashTable;
use std::hash::BuildHasher;
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// A segment has about as many lines; it ends before a line that says so by its hash, wherever that stands, so that
/// pages with other lines before it have the same segments behind.
const LINES: u64 = 32;
/// A segment has no fewer lines and no more.
const LINES_MIN: usize = 8;
const LINES_MAX: usize = 256;
/// Segments that are looked for before the unused ones are forgotten, at least.
const KNOWN_MIN: usize = 1024;

/// Some consecutive lines of a page without their values.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Segment {
    text: Box<[u8]>,
    lines: Box<[Part]>,
}

/// The part of a line, or of several comments, that is the same in every page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Part {
    /// Where it ends in the text; the next one begins there.
    end: u32,
    /// Whole lines without a sample; otherwise a series, whose value follows in the page.
    pub(super) is_comment: bool,
}

impl Segment {
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

/// Divides a page into segments.
#[derive(Default)]
pub(super) struct Divider {
    hasher: FixedState,
    segments: Vec<Arc<Segment>>,
    text: Vec<u8>,
    lines: Vec<Part>,
}

impl Divider {
    /// Adds the next part of the page.
    pub(super) fn push(&mut self, text: &[u8], is_comment: bool) {
        let ends = self.lines.len() >= LINES_MIN && self.hasher.hash_one(text).is_multiple_of(LINES);
        if ends || self.lines.len() >= LINES_MAX {
            self.end();
        }
        self.text.extend_from_slice(text);
        let end = u32::try_from(self.text.len()).unwrap_or(u32::MAX);
        match self.lines.last_mut() {
            Some(last) if last.is_comment && is_comment => last.end = end,
            _ => self.lines.push(Part { end, is_comment }),
        }
    }

    /// All segments of the page.
    pub(super) fn finish(mut self) -> Box<[Arc<Segment>]> {
        self.end();
        self.segments.into()
    }

    fn end(&mut self) {
        if self.lines.is_empty() {
            return;
        }
        let segment = Segment { text: self.text.as_slice().into(), lines: self.lines.as_slice().into() };
        self.text.clear();
        self.lines.clear();
        let hash = self.hasher.hash_one(&segment);
        self.segments.push(share(hash, segment));
    }
}

/// The segment, in memory that others share where they have the same.
fn share(hash: u64, segment: Segment) -> Arc<Segment> {
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

    fn divide(lines: &[String]) -> Box<[Arc<Segment>]> {
        let mut divider = Divider::default();
        lines.iter().for_each(|line| divider.push(line.as_bytes(), line.starts_with('#')));
        divider.finish()
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
        let (a, b) = (divide(&a), divide(&b));
        assert!(a.len() > 10);
        let theirs = |one: &&Arc<Segment>| b.iter().any(|other| Arc::ptr_eq(one, other));
        assert!(a.iter().filter(theirs).count() + 2 >= a.len());
        let text = |page: &[Arc<Segment>]| page.iter().flat_map(|one| one.text.to_vec()).collect::<Vec<_>>();
        assert_eq!(text(&a), lines("shared").concat().into_bytes());
    }

    #[test]
    fn segments_that_nobody_uses_are_forgotten() {
        for round in 0..200 {
            divide(&lines(&format!("round{round}_")));
        }
        let known = KNOWN.lock().unwrap();
        assert!(known.segments.len() <= known.limit && known.limit <= 8 * KNOWN_MIN, "{}", known.limit);
    }
}
