//! The top of every table, hour by hour, for two days; and the file that keeps it over a restart.
//!
//! ```text
//! "NXCARDS1"
//! names      varint count, (varint length, bytes, varint length of the first part)*
//! snapshots  varint count, (zigzag ms, varint total, list × 5)*, oldest first
//!   list     varint rest, varint count, (varint name, varint series)*
//! usage      varint count, (varint length, bytes, varint seconds)*
//! crc32      u32, of everything before it
//! ```

use super::counters::Counters;
use super::table::Name;
use super::{Dimension, HOUR_MS};
use crate::codec::{CodecError, varint};
use std::collections::{HashMap, VecDeque};

const MAGIC: &[u8; 8] = b"NXCARDS1";
/// Snapshots that are kept.
const SNAPSHOTS_MAX: usize = 48;
/// Names of each table that a snapshot keeps.
const NAMES_MAX: usize = 500;

type OwnName = (Box<str>, Box<str>);

/// Metrics with the second in which they were queried last.
type Queried = Vec<(Box<str>, u32)>;

/// Snapshots, and the names that they speak of.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct History {
    names: Vec<OwnName>,
    /// Oldest first.
    snapshots: VecDeque<Snapshot>,
}

/// What there was at one moment.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Snapshot {
    pub(super) at_ms: i64,
    pub(super) total: u64,
    lists: [List; Dimension::ALL.len()],
}

/// The names of one table that counted most.
#[derive(Debug, Default, PartialEq, Eq)]
struct List {
    /// What a name that is not listed counted at most.
    rest: u64,
    rows: Vec<(u32, u64)>,
}

/// One table of a snapshot, to be asked for names.
pub(super) struct Then<'a> {
    counts: HashMap<Name<'a>, u64>,
    rest: u64,
}

impl Then<'_> {
    /// What the name counted, and whether that is known; else it is what it counted at most.
    pub(super) fn count(&self, name: Name<'_>) -> (u64, bool) {
        match self.counts.get(&name) {
            Some(count) => (*count, true),
            None => (self.rest, self.rest == 0),
        }
    }
}

impl History {
    /// Time of the newest snapshot, ms.
    pub(super) fn newest_ms(&self) -> Option<i64> {
        self.snapshots.back().map(|snapshot| snapshot.at_ms)
    }

    /// The snapshot to compare with: the newest that is not younger than `at_ms`, else the oldest.
    pub(super) fn at(&self, at_ms: i64) -> Option<&Snapshot> {
        self.snapshots.iter().rev().find(|snapshot| snapshot.at_ms <= at_ms).or(self.snapshots.front())
    }

    /// One table of a snapshot.
    pub(super) fn then(&self, snapshot: &Snapshot, by: Dimension) -> Then<'_> {
        let list = snapshot.lists.get(by as usize);
        let rows = list.into_iter().flat_map(|list| &list.rows);
        let counts = rows.filter_map(|(name, series)| {
            let (a, b) = self.names.get(*name as usize)?;
            Some(((&**a, &**b), *series))
        });
        Then { counts: counts.collect(), rest: list.map_or(0, |list| list.rest) }
    }

    /// Takes a snapshot. One that is later than it, by a clock that was set back, is forgotten.
    pub(super) fn push(&mut self, at_ms: i64, counters: &Counters) {
        self.snapshots.retain(|snapshot| snapshot.at_ms < at_ms);
        let mut ids: HashMap<OwnName, u32> = HashMap::new();
        for name in std::mem::take(&mut self.names) {
            let id = ids.len() as u32;
            ids.insert(name, id);
        }
        let lists = Dimension::ALL.map(|by| {
            let table = counters.table(by);
            let top = table.top(NAMES_MAX, |_| true);
            let whole = table.is_exact() && top.len() == table.len();
            let rest = if whole { 0 } else { top.last().map_or(0, |row| row.series) };
            let rows = top.iter().map(|row| {
                let (a, b) = row.name();
                let next = ids.len() as u32;
                (*ids.entry((a.into(), b.into())).or_insert(next), row.series)
            });
            List { rest, rows: rows.collect() }
        });
        self.snapshots.push_back(Snapshot { at_ms, total: counters.series(), lists });
        let excess = self.snapshots.len().saturating_sub(SNAPSHOTS_MAX);
        self.snapshots.drain(..excess);
        self.keep_names(ids);
    }

    /// Forgets the names that no snapshot speaks of any more.
    fn keep_names(&mut self, ids: HashMap<OwnName, u32>) {
        let mut names: Vec<Option<OwnName>> = vec![None; ids.len()];
        for (name, id) in ids {
            if let Some(place) = names.get_mut(id as usize) {
                *place = Some(name);
            }
        }
        let mut moved: Vec<Option<u32>> = vec![None; names.len()];
        let rows = self.snapshots.iter_mut().flat_map(|snapshot| &mut snapshot.lists);
        for (id, _) in rows.flat_map(|list| &mut list.rows) {
            let Some(place) = moved.get_mut(*id as usize) else { continue };
            if place.is_none() {
                *place = Some(self.names.len() as u32);
                self.names.extend(names.get_mut(*id as usize).and_then(Option::take));
            }
            *id = place.unwrap_or_default();
        }
    }
}

/// The bytes of the file.
pub(super) fn encode(history: &History, usage: &[(Box<str>, u32)]) -> Vec<u8> {
    let mut out = MAGIC.to_vec();
    varint::put(&mut out, history.names.len() as u64);
    for (a, b) in &history.names {
        put_text(&mut out, &[a, b]);
        varint::put(&mut out, a.len() as u64);
    }
    varint::put(&mut out, history.snapshots.len() as u64);
    for snapshot in &history.snapshots {
        varint::put_signed(&mut out, snapshot.at_ms);
        varint::put(&mut out, snapshot.total);
        for list in &snapshot.lists {
            varint::put(&mut out, list.rest);
            varint::put(&mut out, list.rows.len() as u64);
            for (name, series) in &list.rows {
                varint::put(&mut out, u64::from(*name));
                varint::put(&mut out, *series);
            }
        }
    }
    varint::put(&mut out, usage.len() as u64);
    for (metric, seconds) in usage {
        put_text(&mut out, &[metric]);
        varint::put(&mut out, u64::from(*seconds));
    }
    let crc = crc32fast::hash(&out);
    out.extend_from_slice(&crc.to_le_bytes());
    out
}

/// Reads what [`encode`] wrote.
///
/// # Errors
/// The bytes are something else.
pub(super) fn decode(bytes: &[u8]) -> Result<(History, Queried), CodecError> {
    let (body, crc) = bytes.split_last_chunk::<4>().ok_or(CodecError("shorter than a checksum"))?;
    if !body.starts_with(MAGIC) {
        return Err(CodecError("not a file of this version"));
    }
    if crc32fast::hash(body) != u32::from_le_bytes(*crc) {
        return Err(CodecError("wrong checksum"));
    }
    let mut rest = body.get(MAGIC.len()..).unwrap_or_default();
    let rest = &mut rest;
    let mut history = History::default();
    for _ in 0..varint::take_count(rest, 16)? {
        let text = take_text(rest)?;
        let split = usize::try_from(varint::take(rest)?).unwrap_or(usize::MAX);
        let (a, b) = text.split_at_checked(split).ok_or(CodecError("a name split outside of it"))?;
        history.names.push((a.into(), b.into()));
    }
    for _ in 0..varint::take_count(rest, 96)? {
        let (at_ms, total) = (varint::take_signed(rest)?, varint::take(rest)?);
        let mut lists: [List; Dimension::ALL.len()] = Default::default();
        for list in &mut lists {
            list.rest = varint::take(rest)?;
            for _ in 0..varint::take_count(rest, 16)? {
                let name = u32::try_from(varint::take(rest)?).unwrap_or(u32::MAX);
                if name as usize >= history.names.len() {
                    return Err(CodecError("a snapshot of a name that is not there"));
                }
                list.rows.push((name, varint::take(rest)?));
            }
        }
        history.snapshots.push_back(Snapshot { at_ms, total, lists });
    }
    if !history.snapshots.iter().is_sorted_by(|a, b| a.at_ms < b.at_ms) {
        return Err(CodecError("snapshots out of order"));
    }
    let mut usage = Vec::new();
    for _ in 0..varint::take_count(rest, 16)? {
        let metric = take_text(rest)?.into();
        usage.push((metric, u32::try_from(varint::take(rest)?).unwrap_or(u32::MAX)));
    }
    if rest.is_empty() { Ok((history, usage)) } else { Err(CodecError("more than the file holds")) }
}

fn put_text(out: &mut Vec<u8>, parts: &[&str]) {
    varint::put(out, parts.iter().map(|part| part.len() as u64).sum());
    parts.iter().for_each(|part| out.extend_from_slice(part.as_bytes()));
}

fn take_text<'a>(bytes: &mut &'a [u8]) -> Result<&'a str, CodecError> {
    let len = varint::take_count(bytes, 8)?;
    std::str::from_utf8(varint::take_bytes(bytes, len)?).map_err(|_| CodecError("a name that is no text"))
}

/// The hour in which a time lies.
pub(super) fn hour(at_ms: i64) -> i64 {
    at_ms.div_euclid(HOUR_MS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::labels::Labels;
    use proptest::prelude::*;

    fn counters(metrics: &[(&str, usize)]) -> Counters {
        let mut counters = Counters::default();
        for (metric, count) in metrics {
            for n in 0..*count {
                let n = n.to_string();
                let pairs = [("__name__", *metric), ("job", "j"), ("instance", "i"), ("n", n.as_str())];
                counters.add(&Labels::from_pairs(pairs));
            }
        }
        counters
    }

    #[test]
    fn a_name_that_was_not_listed_counted_no_more_than_the_least_listed() {
        let mut history = History::default();
        let many: Vec<String> = (0..NAMES_MAX + 5).map(|n| format!("m{n}")).collect();
        let mut metrics: Vec<(&str, usize)> = many.iter().map(|name| (name.as_str(), 2)).collect();
        metrics.push(("large", 9));
        history.push(1, &counters(&metrics));
        let snapshot = history.at(5).unwrap();
        let then = history.then(snapshot, Dimension::Metric);
        assert_eq!(then.count(("large", "")), (9, true));
        assert_eq!(then.count(("new", "")), (2, false));
        let then = history.then(snapshot, Dimension::Job);
        assert_eq!(then.count(("new", "")), (0, true), "all jobs are listed");
    }

    #[test]
    fn old_snapshots_and_their_names_go() {
        let mut history = History::default();
        for n in 0..SNAPSHOTS_MAX as i64 + 10 {
            history.push(n * HOUR_MS, &counters(&[("stays", 1), (format!("m{n}").as_str(), 3)]));
        }
        assert_eq!(history.snapshots.len(), SNAPSHOTS_MAX);
        assert_eq!(history.at(i64::MIN).unwrap().at_ms, 10 * HOUR_MS);
        assert_eq!(history.at(20 * HOUR_MS + 5).unwrap().at_ms, 20 * HOUR_MS);
        let metric =
            |history: &History, name: &str| history.names.iter().any(|(a, b)| (&**a, &**b) == (name, ""));
        assert!(metric(&history, "stays") && metric(&history, "m10") && !metric(&history, "m9"));
        let then = history.then(history.at(20 * HOUR_MS).unwrap(), Dimension::Metric);
        assert_eq!(then.count(("m20", "")), (3, true));
        assert_eq!(then.count(("m21", "")), (0, true));
        // The clock was set back.
        history.push(20 * HOUR_MS, &counters(&[]));
        assert_eq!(history.newest_ms(), Some(20 * HOUR_MS));
        assert_eq!(history.snapshots.len(), 11);
    }

    proptest! {
        #[test]
        fn what_was_written_is_read(
            rounds in proptest::collection::vec(proptest::collection::vec(("[ab]{1,2}", 1usize..4), 0..5), 0..6),
            usage in proptest::collection::vec(("[ab:é]{0,3}", any::<u32>()), 0..5),
        ) {
            let mut history = History::default();
            for (n, metrics) in rounds.iter().enumerate() {
                let metrics: Vec<(&str, usize)> = metrics.iter().map(|(name, n)| (name.as_str(), *n)).collect();
                history.push(n as i64 * 1000 - 2000, &counters(&metrics));
            }
            let usage: Vec<(Box<str>, u32)> = usage.into_iter().map(|(name, at)| (name.into(), at)).collect();
            let bytes = encode(&history, &usage);
            prop_assert_eq!(decode(&bytes), Ok((history, usage)));
            for len in 0..bytes.len() {
                prop_assert!(decode(&bytes[..len]).is_err());
                let mut flipped = bytes.clone();
                flipped[len] ^= 1 << (len % 8);
                prop_assert!(decode(&flipped).is_err());
            }
        }

        #[test]
        fn any_bytes_under_a_right_checksum_end_in_an_answer(body in proptest::collection::vec(prop_oneof![0u8..4, any::<u8>()], 0..200)) {
            let mut bytes = [MAGIC.as_slice(), &body].concat();
            bytes.extend_from_slice(&crc32fast::hash(&bytes).to_le_bytes());
            if let Ok((history, _)) = decode(&bytes) {
                let lists = history.snapshots.iter().flat_map(|snapshot| &snapshot.lists);
                let known = |name: u32| (name as usize) < history.names.len();
                let whole = lists.flat_map(|list| &list.rows).all(|(name, _)| known(*name));
                prop_assert!(whole);
            }
        }
    }
}
