//! The series that catalogue and log name: their labels are read side by side, and then told to the index in the
//! order of the records.

use crate::codec::{CodecError, varint};
use crate::head::Head;
use crate::head::index::Index;
use crate::head::labels::SeriesLabels;
use crate::head::series::MemSeries;
use crate::labels::Labels;
use crate::level0::Level0;
use crate::parallel;
use roaring::RoaringBitmap;
use std::collections::{HashMap, HashSet};
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

/// Records that are worth a thread.
const PART: usize = 16;

/// Which series an id means.
#[derive(Default)]
pub(super) struct Names {
    /// Ids whose series have another one: their labels were told twice.
    aliases: HashMap<u32, u32>,
    /// Ids that the index gave to series whose own one was taken. The log does not speak of them.
    given: HashSet<u32>,
}

/// What a record says of a series.
enum Told {
    /// The index has it.
    Known(u32),
    /// A series.
    New(Arc<MemSeries>),
}

/// What a part of the records says, and how many of them are damaged.
type Part = (Vec<Told>, u64);

impl Names {
    /// The series with an id.
    pub(super) fn find<'a>(&self, index: &'a Index, id: u32) -> Option<&'a Arc<MemSeries>> {
        match self.aliases.get(&id) {
            Some(meant) => index.get(*meant),
            None if self.given.contains(&id) => None,
            None => index.get(id),
        }
    }

    /// Takes the labels in the payloads of SERIES records; `told` gets the ids of the series. How many records are
    /// damaged; what stands before the damage is taken.
    pub(super) fn read(&mut self, head: &Head, records: &[&[u8]], told: &mut RoaringBitmap) -> u64 {
        let level0 = head.level0.load();
        let parts: Vec<Part> = {
            let index = head.index();
            parallel::parts(records, PART, |records| read_part(records, &index, &level0))
        };
        let mut index = head.index.write().unwrap_or_else(PoisonError::into_inner);
        index.reserve(parts.iter().map(|(all, _)| all.len()).sum());
        let mut damaged = 0;
        for (all, broken) in parts {
            damaged += broken;
            all.into_iter().for_each(|one| self.tell(&mut index, one, &level0, told));
        }
        damaged
    }

    fn tell(&mut self, index: &mut Index, one: Told, level0: &[Arc<Level0>], told: &mut RoaringBitmap) {
        let series = match one {
            Told::New(series) => series,
            Told::Known(id) => {
                if index.get(id).is_some() {
                    told.insert(id);
                }
                return;
            }
        };
        let id = series.id;
        index.reserve_id(id);
        if let Some(known) = self.find(index, id).filter(|known| known.labels == series.labels) {
            if known.id == id {
                told.insert(id);
            }
            return;
        }
        let taken = index.get(id).is_some();
        match index.find_series(&series.labels) {
            // Of two ids for the same labels the older one's series went, with all its samples, before the
            // other came.
            Some(old) if old.id < id && !taken => {
                index.remove(&old);
                self.aliases.values_mut().filter(|meant| **meant == old.id).for_each(|meant| *meant = id);
                self.aliases.insert(old.id, id);
                index.insert_series(series);
                told.insert(id);
            }
            Some(known) => {
                self.aliases.insert(id, known.id);
            }
            None if !taken => {
                index.insert_series(series);
                told.insert(id);
            }
            None => {
                let new = index.insert(&series.labels.to_labels());
                set_up(&new, level0);
                self.given.insert(new.id);
                self.aliases.insert(id, new.id);
            }
        }
    }
}

fn read_part(records: &[&[u8]], index: &Index, level0: &[Arc<Level0>]) -> Part {
    let pairs = index.pair_table();
    // Neighbours have most of their labels in common.
    let mut like: Option<SeriesLabels> = None;
    let (mut all, mut damaged) = (Vec::new(), 0);
    for record in records {
        let mut payload = *record;
        while !payload.is_empty() {
            let Ok((id, text)) = take(&mut payload) else {
                damaged += 1;
                break;
            };
            if index.get(id).is_some_and(|known| known.labels.is(text)) {
                all.push(Told::Known(id));
                continue;
            }
            if !Labels::is_encoded(text) {
                damaged += 1;
                break;
            }
            let labels = pairs.labels(text, like.as_ref());
            like = Some(labels.clone());
            let series = MemSeries::new(id, labels);
            set_up(&series, level0);
            all.push(Told::New(Arc::new(series)));
        }
    }
    (all, damaged)
}

/// The id and the labels of the next series in a payload.
fn take<'a>(payload: &mut &'a [u8]) -> Result<(u32, &'a str), CodecError> {
    let id = super::take_id(payload)?;
    let len = varint::take_count(payload, 8)?;
    let text = std::str::from_utf8(varint::take_bytes(payload, len)?);
    Ok((id, text.map_err(|_| CodecError("damaged label set"))?))
}

/// Says what a start knows of a series.
fn set_up(series: &MemSeries, level0: &[Arc<Level0>]) {
    // The catalogue has the labels, or will before the log is deleted.
    series.logged.store(true, Ordering::Relaxed);
    series.state().stored = level0.iter().any(|file| file.has(series.id));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::Files;
    use crate::wal::{Wal, WalSync};

    fn record(series: &[(u32, &str)]) -> Vec<u8> {
        let mut out = Vec::new();
        for (id, value) in series {
            let labels = Labels::from_pairs([("n", *value)]);
            MemSeries::new(*id, SeriesLabels::of(&labels)).encode(&mut out);
        }
        out
    }

    #[test]
    fn an_id_means_the_series_that_has_its_labels_at_the_end() {
        let dir = tempfile::tempdir().unwrap();
        let head = Head::new(Wal::create(&Files::os(), dir.path(), 0, WalSync::Never), 1000, None);
        let (mut names, mut told) = (Names::default(), RoaringBitmap::new());
        let first = record(&[(1, "a"), (2, "b"), (3, "c")]);
        // The series of 1 went and came again as 5, and once more as 8; 7 is told too late; 2 is another's; the
        // end is damaged.
        let mut second = record(&[(2, "b"), (5, "a"), (9, "d"), (7, "d"), (8, "a"), (2, "x")]);
        second.extend([4, 200]);
        assert_eq!(names.read(&head, &[&first], &mut told), 0);
        assert_eq!(names.read(&head, &[&second], &mut told), 1);
        let index = head.index();
        let meant =
            |id| names.find(&index, id).map(|series| series.labels.get("n").unwrap_or_default().to_owned());
        let all: Vec<_> = [1, 2, 3, 5, 7, 8, 9, 10].into_iter().map(meant).collect();
        let some = |value: &str| Some(value.to_owned());
        assert_eq!(all, [some("a"), some("x"), some("c"), some("a"), some("d"), some("a"), some("d"), None]);
        assert_eq!(index.len(), 5);
        assert_eq!(told.iter().collect::<Vec<_>>(), [1, 2, 3, 5, 8, 9]);
        assert!(index.iter().all(|series| series.logged.load(Ordering::Relaxed)));
    }
}
