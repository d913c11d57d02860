//! Memory for the pages that are being read, and their rows: a target needs it for a moment, and others wait meanwhile.

use super::cache::Line;
use libdeflater::Decompressor;
use narthex_storage::Row;
use std::sync::{Mutex, PoisonError};

/// Buffers of one use that wait for the next page: about as many as are read at once.
const WAITING_MAX: usize = 4;
/// A larger one is given back to the system, bytes.
const BYTES_MAX: usize = 4 << 20;

/// Buffers of one use are of about one size: each use has its own.
pub(super) static PAGES: Pool<Vec<u8>> = Pool::new();
/// For answers as they come.
pub(super) static BODIES: Pool<Vec<u8>> = Pool::new();
/// For what follows the series of a page.
pub(super) static TAILS: Pool<Vec<u8>> = Pool::new();
/// For the text of a page whose lines are looked at one by one.
pub(super) static TEXTS: Pool<Vec<u8>> = Pool::new();
/// For the lines of such a page.
pub(super) static LINES: Pool<Vec<Line>> = Pool::new();
static ROWS: Pool<Row> = Pool::new();
static DECOMPRESSORS: Pool<Decompressor> = Pool::new();

/// What waits for its next user.
pub(super) struct Pool<T>(Mutex<Vec<T>>);

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

impl<E> Pool<Vec<E>> {
    /// A buffer, with whatever is left in it.
    pub(super) fn buffer(&self) -> Vec<E> {
        self.take()
    }

    /// Gives a buffer back.
    pub(super) fn give_back(&self, buffer: Vec<E>) {
        let bytes = buffer.capacity() * size_of::<E>();
        if bytes > 0 {
            self.give(buffer, bytes);
        }
    }
}

/// Lets `work` use a decompressor.
pub(super) fn with_decompressor<R>(work: impl FnOnce(&mut Decompressor) -> R) -> R {
    let mut decompressor = DECOMPRESSORS.take();
    let result = work(&mut decompressor);
    DECOMPRESSORS.give(decompressor, 0);
    result
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
        let pool: Pool<Vec<u8>> = Pool::new();
        (0..2 * WAITING_MAX).for_each(|_| pool.give_back(Vec::with_capacity(10)));
        pool.give_back(Vec::with_capacity(BYTES_MAX + 1));
        let waiting = pool.0.lock().unwrap();
        assert_eq!(waiting.len(), WAITING_MAX);
        assert!(waiting.iter().all(|buffer| buffer.capacity() <= BYTES_MAX));
    }
}
