//! One run of a workload, cut at any operation of the disk: what opens on the remains must be what the model
//! says, and go on.

use super::disk::SimDisk;
use super::image::{Image, Op};
use super::model::{End, Model};
use super::rng::Rng;
use super::samples::dump;
use super::workload::{Mode, Workload, open, options};

/// What was checked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Workloads.
    pub runs: u64,
    /// Changes of the disk that workloads made.
    pub operations: u64,
    /// Samples that were acknowledged.
    pub samples: u64,
    /// Moments at which the disk was cut.
    pub cuts: u64,
    /// Of these, cuts during the recovery from another one.
    pub double_cuts: u64,
    /// Databases that went on after a cut, to be cut again.
    pub went_on: u64,
    /// Workloads whose disk failed at an operation.
    pub faults: u64,
    /// Samples that came late and were taken.
    pub late: u64,
    /// Deletions.
    pub deletions: u64,
}

impl Tally {
    /// Adds what was checked elsewhere.
    pub fn add(&mut self, other: Self) {
        self.runs += other.runs;
        self.operations += other.operations;
        self.samples += other.samples;
        self.cuts += other.cuts;
        self.double_cuts += other.double_cuts;
        self.went_on += other.went_on;
        self.faults += other.faults;
        self.late += other.late;
        self.deletions += other.deletions;
    }
}

/// A workload that was run to its end.
pub struct Run {
    seed: u64,
    mode: Mode,
    journal: Vec<Op>,
    model: Model,
    now_ms: i64,
}

/// Whether the steps of workloads are told, as the environment says by `TORTURE_VERBOSE`.
pub(super) fn is_verbose() -> bool {
    std::env::var_os("TORTURE_VERBOSE").is_some()
}

/// How a seed's log is synced.
#[must_use]
pub fn mode_of(seed: u64) -> Mode {
    match seed % 5 {
        0 => Mode::Never,
        1 | 2 => Mode::Always,
        _ => Mode::Interval,
    }
}

impl Run {
    /// Runs the workload of a seed, and checks after every step what the database shows.
    ///
    /// # Errors
    /// It shows what it must not.
    pub fn new(seed: u64, steps: usize, tally: &mut Tally) -> Result<Self, String> {
        let (mode, disk) = (mode_of(seed), SimDisk::default());
        let mut workload = Workload::new(seed, &disk, mode, Model::default(), 1_000_000);
        workload.verbose = is_verbose();
        for step in 0..steps {
            workload
                .step()
                .and_then(|()| workload.check(step % 8 == 7))
                .map_err(|error| format!("step {step}: {error}"))?;
        }
        workload.check(true)?;
        let (journal, now_ms) = (disk.journal(), workload.now_ms());
        tally.runs += 1;
        tally.operations += journal.len() as u64;
        tally.samples += workload.model.acknowledged() as u64;
        let (late, deletions) = workload.counts();
        tally.late += late;
        tally.deletions += deletions;
        let model = workload.model;
        Ok(Self { seed, mode, journal, model, now_ms })
    }

    /// Cuts the run at every operation, and at `more` further moments within operations.
    ///
    /// # Errors
    /// Says which cut showed what it must not.
    pub fn cut_everywhere(&self, tally: &mut Tally) -> Result<(), String> {
        let mut rng = Rng::new(self.seed ^ 0xc0ffee);
        let mut image = Image::default();
        for at in 0..=self.journal.len() {
            self.cut(&image, at, &mut rng, tally)?;
            if let Some(op) = self.journal.get(at) {
                image.apply(op);
            }
        }
        Ok(())
    }

    /// Cuts the run at a number of random operations.
    ///
    /// # Errors
    /// Says which cut showed what it must not.
    pub fn cut_somewhere(&self, cuts: usize, tally: &mut Tally) -> Result<(), String> {
        let mut rng = Rng::new(self.seed ^ 0xc0ffee);
        let mut places: Vec<usize> = (0..cuts).map(|_| rng.below(self.journal.len() + 1)).collect();
        places.sort_unstable();
        let (mut image, mut applied) = (Image::default(), 0);
        for at in places {
            for op in self.journal.get(applied..at).unwrap_or_default() {
                image.apply(op);
            }
            applied = at;
            self.cut(&image, at, &mut rng, tally)?;
        }
        Ok(())
    }

    /// Cuts after `at` operations, of which the next one may be under way.
    fn cut(&self, image: &Image, at: usize, rng: &mut Rng, tally: &mut Tally) -> Result<(), String> {
        for end in [End::Kill, End::PowerCut] {
            if end == End::PowerCut && self.mode == Mode::Never && rng.once_in(2) {
                continue;
            }
            let remains = remains(image, self.journal.get(at), end, rng);
            self.survive(&remains, at, end, rng, tally).map_err(|error| {
                format!("{end:?} after operation {at} of {}: {error}", self.journal.len())
            })?;
        }
        Ok(())
    }

    fn survive(
        &self,
        remains: &Image,
        at: usize,
        end: End,
        rng: &mut Rng,
        tally: &mut Tally,
    ) -> Result<(), String> {
        tally.cuts += 1;
        let disk = SimDisk::of(remains.clone());
        let db = open(&disk, &options(self.mode)).map_err(|error| format!("refuses to start: {error}"))?;
        let shown = dump(&db, None)?;
        self.model.check_survivor(&shown, at, end)?;
        drop(db);
        if rng.once_in(4) {
            self.cut_again(remains, &disk.journal(), (at, end), rng, tally)
                .map_err(|error| format!("cut again during the recovery: {error}"))?;
        }
        if rng.once_in(4) {
            tally.went_on += 1;
            let model = Model::of(shown).with_deletions_of(&self.model, at);
            let mut workload = Workload::new(rng.bits(), &disk, self.mode, model, self.now_ms);
            go_on(&mut workload, &disk, rng).map_err(|error| format!("going on: {error}"))?;
        }
        Ok(())
    }

    /// Cuts the recovery, too.
    fn cut_again(
        &self,
        remains: &Image,
        journal: &[Op],
        (at, end): (usize, End),
        rng: &mut Rng,
        tally: &mut Tally,
    ) -> Result<(), String> {
        tally.cuts += 1;
        tally.double_cuts += 1;
        let again = rng.below(journal.len() + 1);
        let mut image = remains.clone();
        journal.iter().take(again).for_each(|op| image.apply(op));
        let second = if rng.once_in(3) { End::Kill } else { End::PowerCut };
        let remains = self::remains(&image, journal.get(again), second, rng);
        let db = open(&SimDisk::of(remains), &options(self.mode))
            .map_err(|error| format!("refuses to start: {error}"))?;
        let worst = if second == End::PowerCut { second } else { end };
        self.model
            .check_survivor(&dump(&db, None)?, at, worst)
            .map_err(|error| format!("{second:?} after operation {again} of {}: {error}", journal.len()))
    }
}

/// What is left when the machine or the process ends; the operation under way may be done in part.
fn remains(image: &Image, under_way: Option<&Op>, end: End, rng: &mut Rng) -> Image {
    let mut image = image.clone();
    match under_way {
        Some(Op::Sync(_) | Op::SyncFailed(_) | Op::SyncDir(_) | Op::SyncDirFailed(_)) | None => {}
        Some(Op::Append(number, bytes)) if end == End::Kill => {
            let part = bytes.get(..rng.below(bytes.len() + 1)).unwrap_or_default();
            image.apply(&Op::Append(*number, part.into()));
        }
        Some(op) if rng.once_in(2) => image.apply(op),
        Some(_) => {}
    }
    match end {
        End::Kill => image,
        End::PowerCut => image.power_cut(rng),
    }
}

/// Lets a database that was just opened work for a while, and cuts it once more.
///
/// # Errors
/// It does what it must not.
pub(super) fn go_on(workload: &mut Workload, disk: &SimDisk, rng: &mut Rng) -> Result<(), String> {
    workload.verbose = is_verbose();
    workload.tell(|| "going on".to_owned());
    workload.open()?;
    for _ in 0..rng.below(8) {
        workload.step()?;
    }
    workload.open()?;
    workload.row()?;
    workload.sync()?;
    workload.check(true)?;
    let (now, image) = (disk.now(), disk.image());
    // Where nothing is promised, even what the database showed at its start may go with the power.
    let killed = rng.once_in(3) || workload.mode() == Mode::Never;
    let end = if killed { End::Kill } else { End::PowerCut };
    workload.tell(|| format!("{end:?} at last"));
    let remains = remains(&image, None, end, rng);
    let db = open(&SimDisk::of(remains), &options(workload.mode()))
        .map_err(|error| format!("refuses to start: {error}"))?;
    workload.model.check_survivor(&dump(&db, None)?, now, end)
}
