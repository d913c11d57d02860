//! Work on many things side by side, by as many threads as there are cores.

use std::sync::{Mutex, OnceLock, PoisonError};

/// Threads at once, at most.
const THREADS_MAX: usize = 8;

/// How many threads [`map`] uses at most. Asked once: the answer takes a look at several files.
pub(crate) fn threads() -> usize {
    static THREADS: OnceLock<usize> = OnceLock::new();
    *THREADS.get_or_init(|| std::thread::available_parallelism().map_or(1, usize::from).min(THREADS_MAX))
}

/// Does `work` on every item; the results in the order of the items.
pub(crate) fn map<T: Send, R: Send>(items: Vec<T>, work: impl Fn(T) -> R + Sync) -> Vec<R> {
    let count = items.len();
    let helpers = count.min(threads()).saturating_sub(1);
    if helpers == 0 {
        return items.into_iter().map(work).collect();
    }
    let waiting = Mutex::new(items.into_iter().enumerate());
    let done = Mutex::new(Vec::with_capacity(count));
    let run = || {
        loop {
            let next = waiting.lock().unwrap_or_else(PoisonError::into_inner).next();
            let Some((at, item)) = next else { return };
            let result = work(item);
            done.lock().unwrap_or_else(PoisonError::into_inner).push((at, result));
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..helpers {
            // Where there is no thread to be had, the others do its part.
            let _ = std::thread::Builder::new().name("storage".to_owned()).spawn_scoped(scope, run);
        }
        run();
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_unstable_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, result)| result).collect()
}

/// Does `work` on consecutive parts of `items`, each of at least `least` but where there are fewer; the results in
/// the order of the parts.
pub(crate) fn parts<'a, T: Sync, R: Send>(
    items: &'a [T],
    least: usize,
    work: impl Fn(&'a [T]) -> R + Sync,
) -> Vec<R> {
    let count = (items.len() / least.max(1)).clamp(1, threads());
    let len = items.len().div_ceil(count).max(1);
    map(items.chunks(len).collect(), work)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn results_come_in_the_order_of_the_items(items in proptest::collection::vec(any::<u32>(), 0..200), least in 0usize..50) {
            let want: Vec<u64> = items.iter().map(|item| u64::from(*item) + 1).collect();
            prop_assert_eq!(&map(items.clone(), |item| u64::from(item) + 1), &want);
            let parts = parts(&items, least, |part| part.iter().map(|item| u64::from(*item) + 1).collect::<Vec<_>>());
            prop_assert_eq!(parts.concat(), want);
        }
    }
}
