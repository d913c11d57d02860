//! Hours of history out of 26 minutes: the real scrapes of a node exporter, one of which was made every half second, are
//! walked through again and again in true steps of 15 seconds, each time from another half second on.
//!
//! A step is longer or shorter by up to a second, at random for each target and scrape, so that no two targets tell the
//! same numbers; gauges go on where the next walk begins, counters go on from where they stood.

use narthex::scrape::exposition::{Entry, Exposition, Format};
use std::collections::HashMap;
use std::io::Read;
use std::path::Path;

/// Time between two scrapes, ms.
pub const INTERVAL_MS: i64 = 15_000;
/// The first scrape, ms: a midnight, with which blocks of every length begin.
pub const START_MS: i64 = 1_735_689_600_000;

/// Recorded scrapes in one step.
const STEP: usize = 30;
/// By so many scrapes a step may be longer or shorter.
const JITTER: u64 = 2;
/// Targets have been up for at most so many walks.
const WALKS_BEFORE: u64 = 500;
/// Counters keep at most so many decimals.
const DECIMALS_MAX: i32 = 9;

/// A series of the recorded page.
pub struct Recorded {
    /// As it stands on the page.
    pub text: String,
    /// How its values go.
    pub class: &'static str,
    /// By how much it rises in one walk, if it is a counter.
    rise: f64,
    /// The power of ten that makes all its values whole; 0 when there is none.
    power: f64,
}

/// The scrapes.
pub struct Recording {
    pub series: Vec<Recorded>,
    /// Scrape by scrape.
    values: Vec<f64>,
    scrapes: usize,
}

/// Where in the recording a target is.
#[derive(Clone, Copy)]
struct Place {
    scrape: usize,
    walk: u64,
}

/// A random number for each pair.
fn hash(a: u64, b: u64) -> u64 {
    let mut z = a.wrapping_mul(0xd6e8_feb8_6659_fd93) ^ b.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

fn class(values: &[f64]) -> &'static str {
    let whole = values.iter().all(|value| value.fract() == 0.0);
    let constant = values.windows(2).all(|pair| pair[0].to_bits() == pair[1].to_bits());
    match (constant, whole, values.is_sorted()) {
        (true, ..) => "constant",
        (_, true, true) => "integer counters",
        (_, true, false) => "integer gauges",
        (_, false, true) => "float counters",
        (_, false, false) => "float gauges",
    }
}

fn power(values: &[f64]) -> f64 {
    let powers = (0..=DECIMALS_MAX).map(|decimals| 10f64.powi(decimals));
    let whole = |power: &f64| values.iter().all(|value| (value * power).round() / power == *value);
    powers.into_iter().find(whole).unwrap_or(0.0)
}

impl Recording {
    /// The series that all recorded scrapes have, `wanted` of them; `None` when there is no such file.
    pub fn open(path: &Path, wanted: usize) -> Option<Self> {
        let file = std::fs::File::open(path).ok()?;
        let mut reader = std::io::BufReader::new(zstd::Decoder::new(file).unwrap());
        let mut all: HashMap<Vec<u8>, Vec<f64>> = HashMap::new();
        let (mut head, mut scrapes) = ([0u8; 20], 0);
        while reader.read_exact(&mut head).is_ok() {
            let mut body = vec![0; u32::from_le_bytes(*head.last_chunk().unwrap()) as usize];
            reader.read_exact(&mut body).unwrap();
            if body.is_empty() {
                continue;
            }
            scrapes += 1;
            for entry in Exposition::new(&body, Format::Text).entries() {
                if let Entry::Series(sample) = entry.unwrap() {
                    match all.get_mut(sample.series) {
                        Some(values) => values.push(sample.value),
                        None => drop(all.insert(sample.series.to_vec(), vec![sample.value])),
                    }
                }
            }
        }
        let mut kept: Vec<_> = all.into_iter().filter(|(_, values)| values.len() == scrapes).collect();
        // Which series stay follows from their texts alone.
        let place = |text: &[u8]| text.iter().fold(7, |all, byte| hash(all, u64::from(*byte)));
        kept.sort_by_cached_key(|(text, _)| place(text));
        kept.truncate(wanted);
        let mut values = vec![0.0; kept.len() * scrapes];
        for (number, (_, column)) in kept.iter().enumerate() {
            column.iter().enumerate().for_each(|(at, value)| values[at * kept.len() + number] = *value);
        }
        let recorded = |(text, values): (Vec<u8>, Vec<f64>)| {
            let class = class(&values);
            let rise = values[scrapes - 1] - values[0];
            Recorded {
                text: String::from_utf8(text).unwrap(),
                class,
                rise: if class.ends_with("counters") { rise } else { 0.0 },
                power: power(&values),
            }
        };
        Some(Self { series: kept.into_iter().map(recorded).collect(), values, scrapes })
    }

    fn place(&self, target: usize, scrape: i64) -> Place {
        let (target, scrape) = (target as u64 + 1, scrape.cast_unsigned());
        let steps = ((self.scrapes - 2 * JITTER as usize) / STEP - 1) as u64;
        let walk = scrape / steps;
        let from = hash(target, walk) % STEP as u64 + hash(target, !scrape) % (2 * JITTER + 1);
        Place {
            scrape: from as usize + (scrape % steps) as usize * STEP,
            walk: walk + hash(target, u64::MAX) % WALKS_BEFORE,
        }
    }

    /// The values that a target shows at a scrape, in the order of the series.
    pub fn values(&self, target: usize, scrape: i64) -> impl Iterator<Item = f64> {
        let place = self.place(target, scrape);
        let row = &self.values[place.scrape * self.series.len()..][..self.series.len()];
        self.series.iter().zip(row).map(move |(series, value)| series.after(*value, place.walk))
    }

    /// The value of one series.
    pub fn value(&self, target: usize, scrape: i64, series: usize) -> f64 {
        let place = self.place(target, scrape);
        self.series[series].after(self.values[place.scrape * self.series.len() + series], place.walk)
    }
}

impl Recorded {
    /// What a value has become after some walks.
    fn after(&self, value: f64, walks: u64) -> f64 {
        let grown = value + self.rise * walks as f64;
        match (self.rise == 0.0, self.power == 0.0) {
            (true, _) => value,
            (_, true) => grown,
            _ => (grown * self.power).round() / self.power,
        }
    }
}

/// When a target is scraped, ms.
pub fn time(target: usize, scrape: i64) -> i64 {
    START_MS + scrape * INTERVAL_MS + (hash(target as u64 + 1, 7) % INTERVAL_MS as u64).cast_signed()
}

/// What a target's series have as their `instance`.
pub fn instance(target: usize) -> String {
    format!("10.0.{}.{}:9100", target / 200, target % 200 + 11)
}
