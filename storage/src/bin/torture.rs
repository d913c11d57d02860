//! Tortures the storage engine: workloads on a simulated disk, cut and failing everywhere, for as long as one likes.
//!
//! `torture [--seeds N] [--minutes M] [--first SEED] [--steps S]`

use narthex_storage::testing::crash::{Run, Tally};
use narthex_storage::testing::fault;
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// What is asked for.
struct Options {
    seeds: u64,
    minutes: u64,
    first: u64,
    steps: usize,
}

fn options(mut args: impl Iterator<Item = String>) -> Result<Options, String> {
    let mut options = Options { seeds: u64::MAX, minutes: 1, first: 0, steps: 60 };
    while let Some(flag) = args.next() {
        let value = args.next().ok_or_else(|| format!("{flag} needs a number"))?;
        let number: u64 = value.parse().map_err(|_| format!("{flag} needs a number, not {value:?}"))?;
        match flag.as_str() {
            "--seeds" => options.seeds = number,
            "--minutes" => options.minutes = number,
            "--first" => options.first = number,
            "--steps" => options.steps = usize::try_from(number).unwrap_or(usize::MAX),
            _ => return Err(format!("unknown flag {flag}: --seeds, --minutes, --first, --steps")),
        }
    }
    Ok(options)
}

fn main() -> ExitCode {
    let options = match options(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    };
    let (begun, time) = (Instant::now(), Duration::from_secs(options.minutes.saturating_mul(60)));
    let (mut tally, mut told) = (Tally::default(), Instant::now());
    let mut seeds = 0;
    while seeds < options.seeds && begun.elapsed() < time {
        let seed = options.first.wrapping_add(seeds);
        if let Err(error) = torture(seed, options.steps, &mut tally) {
            eprintln!("seed {seed}: {error}");
            eprintln!("replay: TORTURE_VERBOSE=1 torture --first {seed} --seeds 1 --steps {}", options.steps);
            return ExitCode::FAILURE;
        }
        seeds += 1;
        if told.elapsed() > Duration::from_secs(10) {
            told = Instant::now();
            tell(seeds, &tally, begun);
        }
    }
    tell(seeds, &tally, begun);
    ExitCode::SUCCESS
}

fn torture(seed: u64, steps: usize, tally: &mut Tally) -> Result<(), String> {
    Run::new(seed, steps, tally)?.cut_everywhere(tally)?;
    fault::fail_somewhere(seed, steps, tally)
}

fn tell(seeds: u64, tally: &Tally, begun: Instant) {
    println!(
        "{seeds} seeds, {} operations of the disk, {} samples, {} late ones, {} deletions, {} cuts ({} during a \
         recovery), {} databases that went on, {} faults, {} s",
        tally.operations,
        tally.samples,
        tally.late,
        tally.deletions,
        tally.cuts,
        tally.double_cuts,
        tally.went_on,
        tally.faults,
        begun.elapsed().as_secs()
    );
}
