//! Thousands of generated expressions over generated samples, put to narthex and to Debian's Prometheus: the
//! same JSON, or a difference whose cause is listed.
//!
//! `DIFFERENTIAL_SEED` (a number, or `random`) and `DIFFERENTIAL_CASES` change the run; the seed is printed.
//! `DIFFERENTIAL_ASK` names one expression, whose answers are shown instead.

mod causes;
mod compare;
mod data;
mod generate;

use crate::harness::random::Random;
use crate::harness::samples::write;
use crate::harness::{Narthex, Peer, program};
use causes::CAUSES;
use compare::{Answered, Case, Form};
use generate::{Exact, Expression, Generator};
use std::time::{Duration, Instant, SystemTime};
use tempfile::TempDir;

/// Expressions of a run.
const CASES: usize = 4000;
/// A run ends here even if it has not seen all of them.
const LONGEST: Duration = Duration::from_secs(240);
/// Differences that are shown.
const SHOWN: usize = 20;

fn seed() -> u64 {
    match std::env::var("DIFFERENTIAL_SEED").as_deref() {
        Ok("random") => {
            SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_nanos() as u64 % 1_000_000
        }
        Ok(number) => number.parse().unwrap(),
        Err(_) => 1,
    }
}

/// A time at a half second, behind the first scrapes; ms.
fn moment(random: &mut Random) -> i64 {
    let span = (data::END - data::START - 300) as usize;
    (data::START + 200 + random.below(span) as i64) * 1000 + 500
}

fn forms(random: &mut Random, ranged: bool) -> Vec<Form> {
    let mut forms = vec![Form::Instant(moment(random))];
    if ranged {
        let start = moment(random);
        let step = random.pick(&[7_000, 15_000, 30_000, 60_000, 97_000]);
        // Some begin before the data ends and end behind it.
        forms.push(Form::Range(start, start + step * (1 + random.below(30) as i64), step));
    }
    forms
}

#[test]
fn generated_expressions_answer_as_prometheus_does() {
    let Some(prometheus) = program("prometheus") else { return };
    let seed = seed();
    let cases = std::env::var("DIFFERENTIAL_CASES").map_or(CASES, |text| text.parse().unwrap());
    println!("differential: seed {seed}");
    let peer = Peer::prometheus(&prometheus, "scrape_configs: []\n");
    let dir = TempDir::new().unwrap();
    let narthex =
        Narthex::with_config(dir.path(), "scrape_configs: []\n", &["--web.enable-remote-write-receiver"]);
    let series = data::generate(seed);
    println!("differential: {} series", series.len());
    for url in [&narthex.url, &peer.url] {
        for part in series.chunks(100) {
            let answer = write(url, part.to_vec());
            assert!((200..300).contains(&answer.status), "{url}: {}", answer.text());
        }
    }
    if let Ok(text) = std::env::var("DIFFERENTIAL_ASK") {
        let expression = Expression { text, exact: Exact::Same, ranked: Vec::new() };
        let at = data::START + 1500;
        for form in [Form::Instant(at * 1000 + 500), Form::Range(at * 1000 + 500, at * 1000 + 90_500, 30_000)]
        {
            let case = Case::ask(&narthex.url, &peer.url, &expression, form);
            println!("{:?}\nours: {:#}\ntheirs: {:#}", case.form, case.ours, case.theirs);
        }
        return;
    }
    let mut generator = Generator::new(seed);
    let mut random = Random::new(seed ^ 0x5eed);
    let begin = Instant::now();
    let (mut asked, mut answered, mut failed, mut empty) = (0, 0, 0, 0);
    let mut explained = vec![0; CAUSES.len()];
    let mut unexplained = Vec::new();
    for case in 0..cases {
        if begin.elapsed() > LONGEST {
            println!("differential: time is up after {case} expressions");
            break;
        }
        let (expression, ranged) = generator.any();
        for form in forms(&mut random, ranged) {
            let case = Case::ask(&narthex.url, &peer.url, &expression, form);
            asked += 1;
            match &case.theirs {
                Answered::Error { .. } => failed += 1,
                Answered::Data(_) if case.size() == 0 => empty += 1,
                Answered::Data(_) => answered += 1,
            }
            if case.equal() {
                continue;
            }
            match CAUSES.iter().position(|cause| (cause.explains)(&case)) {
                Some(cause) => explained[cause] += 1,
                None => unexplained.push(case.describe()),
            }
        }
    }
    println!(
        "differential: {asked} questions in {:.0} s: {answered} with values, {empty} empty, {failed} errors",
        begin.elapsed().as_secs_f64()
    );
    for (cause, count) in CAUSES.iter().zip(&explained) {
        println!("differential: {count:5} explained: {}", cause.text);
    }
    // The shortest say most.
    unexplained.sort_by_key(String::len);
    let shown: String = unexplained.iter().take(SHOWN).map(|text| format!("{text}\n")).collect();
    assert!(unexplained.is_empty(), "seed {seed}: {} unexplained differences:\n{shown}", unexplained.len());
    assert!(answered * 2 > asked, "most expressions have values: {answered} of {asked}");
}
