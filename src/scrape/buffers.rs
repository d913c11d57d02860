//! Memory for the pages that are being read: a target needs it for a moment, and others wait meanwhile.

use std::sync::{Mutex, PoisonError};

/// Buffers that wait for the next page.
const WAITING_MAX: usize = 16;
/// A larger one is given back to the system, bytes.
const BYTES_MAX: usize = 4 << 20;

static WAITING: Mutex<Vec<Vec<u8>>> = Mutex::new(Vec::new());

/// A buffer, with whatever is left in it.
pub(super) fn take() -> Vec<u8> {
    WAITING.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default()
}

/// Gives a buffer back.
pub(super) fn give(buffer: Vec<u8>) {
    let mut waiting = WAITING.lock().unwrap_or_else(PoisonError::into_inner);
    if waiting.len() < WAITING_MAX && buffer.capacity() <= BYTES_MAX {
        waiting.push(buffer);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_buffers_and_many_are_not_kept() {
        (0..2 * WAITING_MAX).for_each(|_| give(Vec::with_capacity(10)));
        give(Vec::with_capacity(BYTES_MAX + 1));
        let waiting = WAITING.lock().unwrap();
        assert!(waiting.len() <= WAITING_MAX);
        assert!(waiting.iter().all(|buffer| buffer.capacity() <= BYTES_MAX));
    }
}
