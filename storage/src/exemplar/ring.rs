//! The newest exemplars of all series together, in one array that is written round and round; those of a series are a
//! list through it, in the order of their times.

use super::{Exemplar, ExemplarStats};
use crate::labels::Labels;
use crate::wal::exemplars::{Told, Whose};
use foldhash::fast::RandomState;
use hashbrown::HashTable;
use std::hash::BuildHasher;

/// No place.
const NONE: u32 = u32::MAX;

/// Places by which a ring grows, at least.
const GROWTH_MIN: usize = 64;

/// What becomes of an exemplar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is stored.
    Stored,
    /// It is there already.
    Duplicate,
    /// It is older than others of its series, and than the window for such ones.
    OutOfOrder,
    /// Its labels are too long.
    TooLong,
    /// None are kept.
    Off,
}

/// A place of the ring.
struct Place {
    exemplar: Exemplar,
    /// Ascends in the order in which the places were written.
    sequence: u64,
    list: u32,
    /// The exemplars of the series before and after this one.
    before: u32,
    after: u32,
}

/// The exemplars of a series.
struct List {
    series: Labels,
    oldest: u32,
    newest: u32,
}

/// The exemplars in memory.
#[derive(Default)]
pub(crate) struct Ring {
    max: usize,
    /// Grows up to `max`; from then on `next` is the one that came first.
    places: Vec<Place>,
    next: usize,
    lists: Vec<List>,
    free: Vec<u32>,
    by_series: HashTable<u32>,
    hasher: RandomState,
    next_sequence: u64,
    appended: u64,
    out_of_order: u64,
}

impl Ring {
    pub(crate) fn max(&self) -> usize {
        self.max
    }

    pub(crate) fn len(&self) -> usize {
        self.places.len()
    }

    pub(crate) fn next_sequence(&self) -> u64 {
        self.next_sequence
    }

    fn place(&self, at: u32) -> Option<&Place> {
        self.places.get(at as usize)
    }

    fn list(&self, number: u32) -> Option<&List> {
        self.lists.get(number as usize)
    }

    fn find(&self, series: &Labels) -> Option<u32> {
        let is = |number: &u32| self.list(*number).is_some_and(|list| list.series == *series);
        self.by_series.find(self.hasher.hash_one(series), is).copied()
    }

    /// What [`Ring::add`] would do, as far as it does not depend on others that come before.
    pub(crate) fn check(&self, series: &Labels, exemplar: &Exemplar, window_ms: i64) -> Verdict {
        if self.max == 0 {
            return Verdict::Off;
        }
        if exemplar.is_too_long() {
            return Verdict::TooLong;
        }
        match self.find(series) {
            Some(list) => self.check_within(list, exemplar, window_ms),
            None => Verdict::Stored,
        }
    }

    fn check_within(&self, list: u32, exemplar: &Exemplar, window_ms: i64) -> Verdict {
        let newest = self.list(list).and_then(|list| self.place(list.newest));
        let Some(newest) = newest.map(|place| &place.exemplar) else { return Verdict::Stored };
        if newest.same(exemplar) {
            return Verdict::Duplicate;
        }
        let late = exemplar.timestamp < newest.timestamp;
        let refused = match late {
            true => exemplar.timestamp <= newest.timestamp.saturating_sub(window_ms.max(0)),
            false => exemplar.precedes(newest),
        };
        if refused { Verdict::OutOfOrder } else { Verdict::Stored }
    }

    /// Stores an exemplar, in the place of the one that came first if there is no other.
    pub(crate) fn add(
        &mut self,
        series: &Labels,
        exemplar: Exemplar,
        sequence: u64,
        window_ms: i64,
    ) -> Verdict {
        let verdict = self.judge(series, &exemplar, window_ms);
        match verdict {
            Verdict::Stored => self.push(series, exemplar, sequence),
            Verdict::OutOfOrder => self.out_of_order += 1,
            _ => {}
        }
        self.appended += u64::from(verdict == Verdict::Stored);
        self.next_sequence = self.next_sequence.max(sequence.saturating_add(1));
        verdict
    }

    fn judge(&self, series: &Labels, exemplar: &Exemplar, window_ms: i64) -> Verdict {
        let verdict = self.check(series, exemplar, window_ms);
        // A late one of a time that is there is taken for the one that is there.
        let known = |list: u32| {
            let (list, before) = (self.list(list)?, self.place(self.last_until(list, exemplar.timestamp))?);
            let late = exemplar.timestamp < self.place(list.newest)?.exemplar.timestamp;
            (late && before.exemplar.timestamp == exemplar.timestamp).then_some(Verdict::Duplicate)
        };
        let stored = || self.find(series).and_then(known).unwrap_or(verdict);
        if verdict == Verdict::Stored { stored() } else { verdict }
    }

    /// The last one of a list that is not later than `timestamp`.
    fn last_until(&self, list: u32, timestamp: i64) -> u32 {
        let mut at = self.list(list).map_or(NONE, |list| list.newest);
        while let Some(place) = self.place(at).filter(|place| place.exemplar.timestamp > timestamp) {
            at = place.before;
        }
        at
    }

    fn push(&mut self, series: &Labels, exemplar: Exemplar, sequence: u64) {
        let is_full = self.places.len() >= self.max;
        if is_full {
            self.unlink(self.next);
        }
        let list = self.find(series).unwrap_or_else(|| self.begin_list(series));
        let before = self.last_until(list, exemplar.timestamp);
        let oldest = self.list(list).map_or(NONE, |list| list.oldest);
        let after = self.place(before).map_or(oldest, |place| place.after);
        let place = Place { exemplar, sequence, list, before, after };
        let at = self.next as u32;
        match self.places.get_mut(self.next) {
            Some(old) => *old = place,
            None => {
                self.grow();
                self.places.push(place);
            }
        }
        self.link(list, before, at, after);
        self.next = (self.next + 1) % self.max;
    }

    /// Makes room for one more place, and for no more than there may be.
    fn grow(&mut self) {
        let len = self.places.len();
        if len == self.places.capacity() {
            self.places.reserve_exact(len.max(GROWTH_MIN).min(self.max.saturating_sub(len)));
        }
    }

    /// Makes the neighbours of the place `at`, or the ends of its list, point to it.
    fn link(&mut self, list: u32, before: u32, at: u32, after: u32) {
        self.set_after(list, before, at);
        self.set_before(list, after, at);
    }

    fn set_after(&mut self, list: u32, of: u32, after: u32) {
        match self.places.get_mut(of as usize) {
            Some(place) => place.after = after,
            None => {
                if let Some(list) = self.lists.get_mut(list as usize) {
                    list.oldest = after;
                }
            }
        }
    }

    fn set_before(&mut self, list: u32, of: u32, before: u32) {
        match self.places.get_mut(of as usize) {
            Some(place) => place.before = before,
            None => {
                if let Some(list) = self.lists.get_mut(list as usize) {
                    list.newest = before;
                }
            }
        }
    }

    /// Takes the exemplar at a place out of its list; a list without any goes.
    fn unlink(&mut self, at: usize) {
        let Some(&Place { list, before, after, .. }) = self.places.get(at) else { return };
        self.set_after(list, before, after);
        self.set_before(list, after, before);
        let Some(emptied) = self.list(list).filter(|list| list.oldest == NONE) else { return };
        let hash = self.hasher.hash_one(&emptied.series);
        if let Ok(entry) = self.by_series.find_entry(hash, |number| *number == list) {
            entry.remove();
        }
        if let Some(list) = self.lists.get_mut(list as usize) {
            list.series = Labels::empty();
        }
        self.free.push(list);
    }

    fn begin_list(&mut self, series: &Labels) -> u32 {
        let list = List { series: series.clone(), oldest: NONE, newest: NONE };
        let number = match self.free.pop() {
            Some(number) => number,
            None => self.lists.len() as u32,
        };
        match self.lists.get_mut(number as usize) {
            Some(old) => *old = list,
            None => self.lists.push(list),
        }
        let (lists, hasher) = (&self.lists, &self.hasher);
        let rehash =
            |number: &u32| lists.get(*number as usize).map_or(0, |list| hasher.hash_one(&list.series));
        self.by_series.insert_unique(hasher.hash_one(series), number, rehash);
        number
    }

    /// Changes how many are kept; the newest stay.
    pub(crate) fn resize(&mut self, max: usize) {
        let max = max.min(NONE as usize - 1);
        let mut places = std::mem::take(&mut self.places);
        if places.len() == self.max {
            places.rotate_left(self.next);
        }
        places.drain(..places.len().saturating_sub(max));
        let lists = std::mem::take(&mut self.lists);
        (self.max, self.next) = (max, 0);
        self.free = Vec::new();
        self.by_series = HashTable::new();
        for Place { exemplar, sequence, list, .. } in places {
            if let Some(List { series, .. }) = lists.get(list as usize) {
                self.push(series, exemplar, sequence);
            }
        }
    }

    /// All places, in the order in which they were written.
    fn in_order(&self) -> impl Iterator<Item = &Place> {
        let (new, old) = self.places.split_at(self.next.min(self.places.len()));
        old.iter().chain(new)
    }

    /// What the log is told of the exemplars from number `from` on.
    pub(crate) fn told(&self, from: u64) -> impl Iterator<Item = Told<'_>> {
        let told = |place: &Place| self.list(place.list).map(|list| (place.list, &list.series));
        let wanted = self.in_order().skip_while(move |place| place.sequence < from);
        wanted.filter_map(move |place| {
            let whose = told(place).map(|(number, labels)| Whose::Labels(number, labels))?;
            Some(Told { sequence: place.sequence, whose, exemplar: &place.exemplar })
        })
    }

    /// The series that may have exemplars within `[mint, maxt]`.
    pub(super) fn series_within(&self, mint: i64, maxt: i64) -> Vec<Labels> {
        let time = |at: u32| self.place(at).map(|place| place.exemplar.timestamp);
        let overlaps = |list: &&List| {
            time(list.oldest).is_some_and(|oldest| oldest <= maxt)
                && time(list.newest).is_some_and(|newest| newest >= mint)
        };
        let lists = self.by_series.iter().filter_map(|number| self.list(*number));
        lists.filter(overlaps).map(|list| list.series.clone()).collect()
    }

    /// The exemplars of a series within `[mint, maxt]`.
    pub(super) fn within(&self, series: &Labels, mint: i64, maxt: i64) -> Vec<Exemplar> {
        let mut found = Vec::new();
        let mut at = self.find(series).and_then(|number| self.list(number)).map_or(NONE, |list| list.oldest);
        while let Some(place) = self.place(at).filter(|place| place.exemplar.timestamp <= maxt) {
            if place.exemplar.timestamp >= mint {
                found.push(place.exemplar.clone());
            }
            at = place.after;
        }
        found
    }

    pub(super) fn stats(&self) -> ExemplarStats {
        ExemplarStats {
            appended: self.appended,
            out_of_order: self.out_of_order,
            stored: self.places.len(),
            series: self.by_series.len(),
            oldest_ms: self.in_order().next().map(|place| place.exemplar.timestamp),
            max: self.max,
        }
    }
}
