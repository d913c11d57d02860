//! Pages that wait for the database to open, packed: a start must not take more memory than the server that it follows.

use super::fetch::FetchError;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// Bytes that wait, of all targets together; beyond it pages are not kept.
const BYTES_MAX: usize = 64 << 20;

static BYTES: AtomicUsize = AtomicUsize::new(0);

/// What a scrape brought.
pub(super) struct Held {
    /// Its time, ms.
    pub(super) timestamp: i64,
    /// How long it took.
    pub(super) took: Duration,
    /// The content type, or why there is no page.
    pub(super) fetched: Result<Option<String>, FetchError>,
    packed: Vec<u8>,
}

impl Held {
    /// Keeps a page; `None` when there is no room for it.
    pub(super) fn new(
        timestamp: i64,
        took: Duration,
        fetched: Result<Option<String>, FetchError>,
        page: &[u8],
    ) -> Option<Self> {
        let page = if fetched.is_ok() { page } else { &[] };
        let packed = snap::raw::Encoder::new().compress_vec(page).ok()?;
        let held = Self { timestamp, took, fetched, packed };
        let before = BYTES.fetch_add(held.packed.len(), Ordering::Relaxed);
        // A page that is dropped gives its bytes back.
        (before + held.packed.len() <= BYTES_MAX).then_some(held)
    }

    /// The page.
    pub(super) fn page(&self) -> Vec<u8> {
        // It is of our own making.
        snap::raw::Decoder::new().decompress_vec(&self.packed).unwrap_or_default()
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        BYTES.fetch_sub(self.packed.len(), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_come_back_and_the_bytes_of_all_are_bounded() {
        let mut state = 88_172_645_463_325_252u64;
        let mut byte = || {
            // Xorshift: nothing that could be packed.
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 32) as u8
        };
        let noise: Vec<u8> = (0..3 << 20).map(|_| byte()).collect();
        let hold = || Held::new(1, Duration::ZERO, Ok(None), &noise);
        let held: Vec<Held> = std::iter::from_fn(hold).take(100).collect();
        assert!(!held.is_empty() && held.len() < 100, "{}", held.len());
        assert!(held.iter().all(|held| held.page() == noise));
        assert!(BYTES.load(Ordering::Relaxed) <= BYTES_MAX);
        drop(held);
        assert!(hold().is_some());
        let failed = Held::new(1, Duration::ZERO, Err(FetchError::Gzip), &noise).unwrap();
        assert!(failed.page().is_empty());
    }
}
