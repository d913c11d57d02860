//! Counts of many things in fixed memory: a count-min sketch. It also counts down, and never says too little.

/// Rows, each with a hash of its own; the least of a thing's counters is its estimate.
const ROWS: usize = 4;
/// Counters of a row, a power of two.
const WIDTH: usize = 1 << 15;

/// Half a MiB of counters.
#[derive(Debug)]
pub(super) struct Sketch {
    counters: Vec<u32>,
}

impl Sketch {
    pub(super) fn new() -> Self {
        Self { counters: vec![0; ROWS * WIDTH] }
    }

    /// Adds to what the thing with this hash counts; its estimate thereafter.
    pub(super) fn add(&mut self, hash: u64, count: u32) -> u64 {
        self.each(hash, |counter| *counter = counter.saturating_add(count));
        self.estimate(hash)
    }

    /// Takes one away from what the thing with this hash counts; it was added before.
    pub(super) fn remove(&mut self, hash: u64) {
        self.each(hash, |counter| *counter = counter.saturating_sub(1));
    }

    /// At least what the thing with this hash counts.
    pub(super) fn estimate(&self, hash: u64) -> u64 {
        places(hash).filter_map(|at| self.counters.get(at)).min().map_or(0, |least| u64::from(*least))
    }

    fn each(&mut self, hash: u64, change: impl Fn(&mut u32)) {
        places(hash).for_each(|at| {
            if let Some(counter) = self.counters.get_mut(at) {
                change(counter);
            }
        });
    }
}

/// Where the thing with this hash is counted, once in each row.
fn places(hash: u64) -> impl Iterator<Item = usize> {
    // Two independent halves make as many hashes as there are rows.
    let step = (hash >> 32) | 1;
    (0..ROWS as u64).map(move |row| {
        let place = hash.wrapping_add(row.wrapping_mul(step)) as usize & (WIDTH - 1);
        row as usize * WIDTH + place
    })
}
