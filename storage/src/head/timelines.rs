//! Timestamp columns that sealed chunks share: series that move together have the same ones.

use crate::codec::timestamp::Timeline;
use foldhash::fast::RandomState;
use std::collections::HashMap;
use std::hash::BuildHasher;
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// Columns that are looked for; beyond that the unused ones are forgotten, or all of them.
const KNOWN_MAX: usize = 4096;

/// The columns that chunks hold at present.
#[derive(Default)]
pub(crate) struct Timelines {
    known: Mutex<HashMap<u64, Weak<Timeline>, RandomState>>,
    hasher: RandomState,
}

impl Timelines {
    /// The column, in memory that others share where they have the same.
    pub(crate) fn share(&self, timestamps: &[i64]) -> Arc<Timeline> {
        let hash = self.hasher.hash_one(timestamps);
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(column) = known.get(&hash).and_then(Weak::upgrade)
            && column.holds(timestamps)
        {
            return column;
        }
        if known.len() >= KNOWN_MAX {
            known.retain(|_, column| column.strong_count() > 0);
            if known.len() >= KNOWN_MAX {
                known.clear();
            }
        }
        let column = Arc::new(Timeline::of(timestamps));
        known.insert(hash, Arc::downgrade(&column));
        column
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_columns_are_one() {
        let timelines = Timelines::default();
        let uneven = [1, 2, 4];
        assert!(Arc::ptr_eq(&timelines.share(&uneven), &timelines.share(&uneven)));
        let even = timelines.share(&[1, 2, 3]);
        assert!(Arc::ptr_eq(&even, &timelines.share(&[1, 2, 3])));
        for i in 0..3 * KNOWN_MAX as i64 {
            timelines.share(&[0, 5, 100 + i]);
        }
        assert!(timelines.known.lock().unwrap().len() <= KNOWN_MAX);
        assert_eq!(*timelines.share(&[1, 2, 3]), Timeline::Regular { first: 1, step: 1, count: 3 });
    }
}
