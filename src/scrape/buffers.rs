//! Memory for the pages that are being read, and their rows: a target needs it for a moment, and others wait meanwhile.

use narthex_storage::Row;
use std::sync::{Mutex, PoisonError};

/// Buffers that wait for the next page.
const WAITING_MAX: usize = 16;
/// A larger one is given back to the system, bytes.
const BYTES_MAX: usize = 4 << 20;

static PAGES: Pool<Vec<u8>> = Pool::new();
static ROWS: Pool<Row> = Pool::new();

/// What waits for its next user.
struct Pool<T>(Mutex<Vec<T>>);

impl<T: Default> Pool<T> {
    const fn new() -> Self {
        Self(Mutex::new(Vec::new()))
    }

    fn take(&self) -> T {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default()
    }

    fn give(&self, one: T, bytes: usize) {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() < WAITING_MAX && bytes <= BYTES_MAX {
            waiting.push(one);
        }
    }
}

/// A buffer, with whatever is left in it.
pub(super) fn take() -> Vec<u8> {
    PAGES.take()
}

/// Gives a buffer back.
pub(super) fn give(buffer: Vec<u8>) {
    let bytes = buffer.capacity();
    PAGES.give(buffer, bytes);
}

/// An empty row.
pub(super) fn take_row() -> Row {
    let mut row = ROWS.take();
    row.clear();
    row
}

/// Gives a row back.
pub(super) fn give_row(row: Row) {
    let bytes = row.slots() * size_of::<f64>();
    ROWS.give(row, bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_buffers_and_many_are_not_kept() {
        (0..2 * WAITING_MAX).for_each(|_| give(Vec::with_capacity(10)));
        give(Vec::with_capacity(BYTES_MAX + 1));
        let waiting = PAGES.0.lock().unwrap();
        assert!(waiting.len() <= WAITING_MAX);
        assert!(waiting.iter().all(|buffer| buffer.capacity() <= BYTES_MAX));
    }
}
