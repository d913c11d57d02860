//! Threads that help to evaluate the rules of a group side by side, bounded over all groups.

use std::sync::atomic::{AtomicUsize, Ordering};

/// How many may help at once.
#[derive(Debug)]
pub struct Workers {
    free: AtomicUsize,
}

/// A place among the workers; free again when dropped.
struct Place<'a>(&'a Workers);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.free.fetch_add(1, Ordering::AcqRel);
    }
}

impl Workers {
    /// So many workers.
    #[must_use]
    pub fn new(count: usize) -> Self {
        Self { free: AtomicUsize::new(count) }
    }

    fn place(&self) -> Option<Place<'_>> {
        let taken = self.free.fetch_update(Ordering::AcqRel, Ordering::Acquire, |free| free.checked_sub(1));
        taken.is_ok().then(|| Place(self))
    }

    /// Does something to all items, side by side as far as there are workers and else in line; the answers are in the
    /// order of the items.
    pub(super) fn each<T: Send, R: Send>(
        &self,
        items: Vec<&mut T>,
        work: &(dyn Fn(&mut T) -> R + Sync),
    ) -> Vec<R> {
        if items.len() < 2 {
            return items.into_iter().map(work).collect();
        }
        std::thread::scope(|scope| {
            let mut answers: Vec<Result<R, std::thread::ScopedJoinHandle<'_, R>>> = Vec::new();
            for item in items {
                answers.push(match self.place() {
                    Some(place) => Err(scope.spawn(move || {
                        let _place = place;
                        work(item)
                    })),
                    None => Ok(work(item)),
                });
            }
            // A panic of a worker is one of the group.
            answers.into_iter().filter_map(|answer| answer.or_else(|thread| thread.join()).ok()).collect()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_help_than_there_are_workers_and_answers_keep_their_order() {
        let workers = Workers::new(2);
        let (now, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let mut numbers: Vec<usize> = (0..50).collect();
        let work = |n: &mut usize| {
            most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            std::thread::yield_now();
            now.fetch_sub(1, Ordering::SeqCst);
            *n * 2
        };
        let doubled = workers.each(numbers.iter_mut().collect(), &work);
        assert_eq!(doubled, (0..50).map(|n| n * 2).collect::<Vec<_>>());
        // Two workers and whoever asked.
        assert!(most.load(Ordering::SeqCst) <= 3);
        assert_eq!(workers.free.load(Ordering::SeqCst), 2);
    }
}
