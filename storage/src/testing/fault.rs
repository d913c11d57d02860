//! Operations of the disk that fail while the database runs: errors are told, nothing is lost, and work goes on
//! by itself once the disk does.

use super::crash::{Tally, go_on, is_verbose, mode_of};
use super::disk::{Fault, FaultKind, SimDisk};
use super::image::Image;
use super::model::{End, Model};
use super::rng::Rng;
use super::samples::dump;
use super::workload::{Workload, open, options};

/// Operations of a fault that lasts until the disk is mended.
const LASTING: u64 = u64::MAX;

/// Runs the workload of a seed with a fault at each operation in turn, of each kind, once and lasting.
///
/// # Errors
/// Says which fault led to what must not be.
pub fn fail_everywhere(seed: u64, steps: usize, tally: &mut Tally) -> Result<(), String> {
    let calls = run(seed, steps, None, tally)?;
    let mut rng = Rng::new(seed);
    for first in 0..calls {
        let kind = [FaultKind::Io, FaultKind::Full, FaultKind::Short][rng.below(3)];
        let count = [1, 1, 2, 5, LASTING][rng.below(5)];
        fail(seed, steps, Fault { kind, first, count }, tally)?;
    }
    Ok(())
}

/// Runs the workload of a seed with one random fault.
///
/// # Errors
/// Says which fault led to what must not be.
pub fn fail_somewhere(seed: u64, steps: usize, tally: &mut Tally) -> Result<(), String> {
    let calls = run(seed, steps, None, tally)?;
    let mut rng = Rng::new(seed);
    let kind = [FaultKind::Io, FaultKind::Full, FaultKind::Short][rng.below(3)];
    let count = [1, 2, 5, 20, LASTING][rng.below(5)];
    fail(seed, steps, Fault { kind, first: rng.bits() % calls.max(1), count }, tally)
}

fn fail(seed: u64, steps: usize, fault: Fault, tally: &mut Tally) -> Result<(), String> {
    tally.faults += 1;
    run(seed, steps, Some(fault), tally).map(|_| ()).map_err(|error| format!("{fault:?}: {error}"))
}

/// Runs a workload on a disk that may fail; how many operations it asked of the disk.
fn run(seed: u64, steps: usize, fault: Option<Fault>, tally: &mut Tally) -> Result<u64, String> {
    let (mode, disk) = (mode_of(seed), SimDisk::default());
    let mut workload = Workload::new(seed, &disk, mode, Model::default(), 1_000_000);
    workload.verbose = is_verbose();
    workload.tell(|| format!("{fault:?}"));
    disk.fail(fault);
    for step in 0..steps {
        workload
            .step()
            .and_then(|()| workload.check(false))
            .map_err(|error| format!("step {step}: {error}"))?;
    }
    workload.check(true)?;
    let calls = disk.calls();
    disk.fail(None);
    tally.runs += 1;
    // What failed goes on now, without a restart.
    workload.open()?;
    workload.row()?;
    workload.sync()?;
    workload.maintain()?;
    workload.check(true)?;
    let mut rng = Rng::new(seed ^ 0xfa17);
    let (journal, mut image) = (disk.journal(), Image::default());
    let cut_at = rng.below(journal.len() + 1);
    for at in 0..=journal.len() {
        if at == cut_at || at == journal.len() {
            for end in [End::Kill, End::PowerCut] {
                tally.cuts += 1;
                let remains = if end == End::Kill { image.clone() } else { image.power_cut(&mut rng) };
                let disk = SimDisk::of(remains);
                let db = open(&disk, &options(mode)).map_err(|error| format!("refuses to start: {error}"))?;
                let shown = dump(&db, None)?;
                workload
                    .model
                    .check_survivor(&shown, at, end)
                    .map_err(|error| format!("{end:?} after operation {at} of {}: {error}", journal.len()))?;
                drop(db);
                if rng.once_in(4) {
                    tally.went_on += 1;
                    let model = Model::of(shown).with_deletions_of(&workload.model, at);
                    let mut next = Workload::new(rng.bits(), &disk, mode, model, workload.now_ms());
                    go_on(&mut next, &disk, &mut rng).map_err(|error| format!("going on: {error}"))?;
                }
            }
        }
        if let Some(op) = journal.get(at) {
            image.apply(op);
        }
    }
    Ok(calls)
}
