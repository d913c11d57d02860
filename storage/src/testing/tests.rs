use super::crash::{Run, Tally};
use super::fault;

/// Runs a check for seeds, on both of the machine's cores.
fn for_seeds(
    seeds: std::ops::Range<u64>,
    check: impl Fn(u64, &mut Tally) -> Result<(), String> + Sync,
) -> Tally {
    let next = std::sync::atomic::AtomicU64::new(seeds.start);
    let work = || {
        let mut tally = Tally::default();
        loop {
            let seed = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            if seed >= seeds.end {
                return tally;
            }
            check(seed, &mut tally).unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        }
    };
    std::thread::scope(|scope| {
        let other = scope.spawn(work);
        let mut tally = work();
        tally.add(other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        tally
    })
}

#[test]
fn the_database_agrees_with_the_model() {
    let tally = for_seeds(0..400, |seed, tally| Run::new(seed, 120, tally).map(|_| ()));
    assert!(tally.samples > 5_000 && tally.late > 500 && tally.deletions > 500, "{tally:?}");
}

#[test]
fn nothing_acknowledged_is_lost_wherever_the_disk_is_cut() {
    let tally = for_seeds(0..80, |seed, tally| Run::new(seed, 40, tally)?.cut_everywhere(tally));
    assert!(tally.cuts > 16_000 && tally.double_cuts > 1_000, "{tally:?}");
}

#[test]
fn longer_runs_survive_cuts_too() {
    let tally = for_seeds(1_000..1_800, |seed, tally| Run::new(seed, 100, tally)?.cut_somewhere(3, tally));
    assert!(tally.cuts > 3_000, "{tally:?}");
}

#[test]
fn a_fault_at_any_operation_is_told_and_survived() {
    let tally = for_seeds(0..8, |seed, tally| fault::fail_everywhere(seed, 25, tally));
    assert!(tally.faults > 300, "{tally:?}");
}

#[test]
fn longer_runs_survive_faults_too() {
    let tally = for_seeds(1_000..1_600, |seed, tally| fault::fail_somewhere(seed, 80, tally));
    assert_eq!(tally.faults, 600);
}
