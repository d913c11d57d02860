//! The queue of queries: so many run at once, the others wait in the order in which they came.
//!
//! A query whose turn has come also waits while running ones hold most of the memory that all share:
//! starting it then would make it, or one of them, fail.

use narthex_promql::MemoryPool;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// No query starts while more than this share of the memory is held, in percent.
const FULL_PERCENT: u64 = 80;
/// How often memory is looked at while it is short.
const MEMORY_POLL: Duration = Duration::from_millis(10);

/// Why a query left the queue without a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SlotError {
    /// Its time was up.
    #[error("query timed out in query queue")]
    Timeout,
    /// Somebody ended it.
    #[error("query was canceled in query queue")]
    Canceled,
    /// Too many wait.
    #[error(
        "query queue is full: {0} queries wait for one of the slots. Try again later, or raise --query.max-queue or --query.max-concurrency"
    )]
    Full(usize),
}

/// The right to run.
#[derive(Debug)]
pub struct Slot {
    _permit: OwnedSemaphorePermit,
}

/// Slots, and the queue for them.
#[derive(Debug)]
pub struct Slots {
    slots: Arc<Semaphore>,
    waiting: AtomicUsize,
    waiting_max: usize,
    pool: Arc<MemoryPool>,
}

/// Counts a query among those that wait, for as long as it does.
struct Waiting<'a>(&'a AtomicUsize);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Slots {
    /// `concurrent` slots, at least one, and room for `waiting_max` queries in the queue.
    #[must_use]
    pub fn new(concurrent: usize, waiting_max: usize, pool: Arc<MemoryPool>) -> Self {
        let slots = Arc::new(Semaphore::new(concurrent.clamp(1, Semaphore::MAX_PERMITS)));
        Self { slots, waiting: AtomicUsize::new(0), waiting_max, pool }
    }

    /// Waits for a slot until `deadline`, or until `ended` comes back.
    ///
    /// # Errors
    /// There will be none.
    pub async fn take(&self, deadline: Instant, ended: impl Future<Output = ()>) -> Result<Slot, SlotError> {
        if !self.memory_is_short()
            && let Ok(permit) = self.slots.clone().try_acquire_owned()
        {
            return Ok(Slot { _permit: permit });
        }
        let before = self.waiting.fetch_add(1, Ordering::Relaxed);
        let _waiting = Waiting(&self.waiting);
        if before >= self.waiting_max {
            return Err(SlotError::Full(before));
        }
        tokio::select! {
            slot = self.turn() => slot,
            () = tokio::time::sleep_until(deadline.into()) => Err(SlotError::Timeout),
            () = ended => Err(SlotError::Canceled),
        }
    }

    /// The semaphore hands its permits out in the order of the askers. Whoever waits for memory holds a
    /// permit, so that the order stays.
    async fn turn(&self) -> Result<Slot, SlotError> {
        // Nobody closes the semaphore.
        let permit = self.slots.clone().acquire_owned().await.map_err(|_| SlotError::Canceled)?;
        while self.memory_is_short() {
            tokio::time::sleep(MEMORY_POLL).await;
        }
        Ok(Slot { _permit: permit })
    }

    fn memory_is_short(&self) -> bool {
        self.pool.used() > self.pool.limit() / 100 * FULL_PERCENT
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(30)
    }

    fn never() -> impl Future<Output = ()> {
        std::future::pending()
    }

    #[tokio::test]
    async fn queries_take_their_turn_in_order() {
        let slots = Arc::new(Slots::new(1, 10, Arc::new(MemoryPool::new(1000))));
        let first = slots.take(soon(), never()).await.unwrap();
        let order = Arc::new(std::sync::Mutex::new(Vec::new()));
        let mut tasks = Vec::new();
        for i in 0..4 {
            let (slots, order) = (slots.clone(), order.clone());
            tasks.push(tokio::spawn(async move {
                let slot = slots.take(soon(), never()).await.unwrap();
                order.lock().unwrap().push(i);
                drop(slot);
            }));
            tokio::task::yield_now().await;
        }
        drop(first);
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(*order.lock().unwrap(), [0, 1, 2, 3]);
    }

    #[tokio::test]
    async fn the_queue_is_left_at_the_deadline_at_an_end_and_when_it_is_full() {
        let slots = Slots::new(1, 1, Arc::new(MemoryPool::new(1000)));
        let held = slots.take(soon(), never()).await.unwrap();
        let now = Instant::now();
        assert_eq!(slots.take(now, never()).await.unwrap_err(), SlotError::Timeout);
        assert_eq!(slots.take(soon(), std::future::ready(())).await.unwrap_err(), SlotError::Canceled);
        let waiting = slots.take(soon(), never());
        tokio::pin!(waiting);
        tokio::select! {
            biased;
            _ = &mut waiting => panic!("there is no slot"),
            full = slots.take(soon(), never()) => assert_eq!(full.unwrap_err(), SlotError::Full(1)),
        }
        drop(held);
        waiting.await.unwrap();
    }
}
