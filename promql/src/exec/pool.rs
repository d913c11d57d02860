//! The threads that decode and compute: one per core for all queries together.

use rayon::{ThreadPool, ThreadPoolBuilder};
use std::sync::LazyLock;

/// `None` where the system gives no threads: the caller's then does everything.
static POOL: LazyLock<Option<ThreadPool>> =
    LazyLock::new(|| ThreadPoolBuilder::new().thread_name(|i| format!("query-{i}")).build().ok());

/// How many threads work side by side.
pub(crate) fn width() -> usize {
    POOL.as_ref().map_or(1, ThreadPool::current_num_threads)
}

/// Applies `work` to `0..count`, side by side; the results keep their order.
pub(crate) fn map<T: Send>(count: usize, work: impl Fn(usize) -> T + Sync + Send) -> Vec<T> {
    use rayon::prelude::*;
    match POOL.as_ref() {
        Some(pool) if count > 1 && pool.current_num_threads() > 1 => {
            pool.install(|| (0..count).into_par_iter().map(&work).collect())
        }
        _ => (0..count).map(work).collect(),
    }
}
