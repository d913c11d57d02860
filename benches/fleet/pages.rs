//! What a node of the fleet shows: pages of a real node exporter, cut to the wanted number of series, some of which
//! come and go.

use std::io::Read;
use std::path::Path;
use std::sync::Arc;

/// Lines of a page that a series and its value make, with the comments before them.
struct Line {
    text: String,
    /// A series that a churning fleet renames.
    churns: bool,
}

/// The pages of a node, one for each second.
pub struct Pages {
    seconds: Vec<Vec<Line>>,
}

/// One series in this many is renamed as time goes by, if the fleet churns.
const CHURNING_SHARE: u64 = 10;

impl Pages {
    /// The real scrapes at `path`, cut to `series`; `None` when there is no such file.
    pub fn real(path: &Path, series: usize) -> Option<Self> {
        let file = std::fs::File::open(path).ok()?;
        let mut reader = std::io::BufReader::new(zstd::Decoder::new(file).unwrap());
        let mut bodies = Vec::new();
        let mut head = [0u8; 20];
        let mut number = 0;
        while reader.read_exact(&mut head).is_ok() {
            let len = u32::from_le_bytes(*head.last_chunk().unwrap()) as usize;
            let mut body = vec![0; len];
            reader.read_exact(&mut body).unwrap();
            number += 1;
            // They are half a second apart.
            if number % 2 == 1 && !body.is_empty() {
                bodies.push(String::from_utf8(body).unwrap());
            }
        }
        let all = bodies.first()?.lines().filter(|line| !line.starts_with('#')).count();
        // Every series stands for so many; which ones stay follows from their names alone, so that all pages agree.
        let keep = |name: &str| hash(name) % all as u64 <= series.min(all) as u64;
        Some(Self { seconds: bodies.iter().map(|body| cut(body, keep)).collect() })
    }

    /// Made-up pages: counters of which a third is idle, gauges of which a quarter moves, families that never change.
    pub fn generated(series: usize) -> Self {
        let second = |second: usize| {
            let line = |i: usize| {
                let moves = if i.is_multiple_of(3) { (second * (i + 1)) as f64 / 7.0 } else { 0.0 };
                let family = i / 16;
                let mut text = String::new();
                if i.is_multiple_of(16) {
                    text += &format!("# HELP node_family_{family}_total Statistic {family}.\n");
                    text += &format!("# TYPE node_family_{family}_total counter\n");
                }
                let value = (i * 7919) as f64 + moves;
                text += &format!("node_family_{family}_total{{device=\"device{}\"}} {value:.2}\n", i % 16);
                Line { churns: (i as u64).is_multiple_of(CHURNING_SHARE), text }
            };
            (0..series).map(line).collect()
        };
        Self { seconds: (0..120).map(second).collect() }
    }

    /// Series of a page.
    pub fn series(&self) -> usize {
        self.seconds.first().map_or(0, Vec::len)
    }

    /// The page at a second, as an answer to be sent; `percent` of its series are renamed each minute. `flavour` shifts
    /// the time, so that not all nodes show the same.
    pub fn answer(&self, second: u64, flavour: u64, percent: u64) -> Arc<Vec<u8>> {
        use std::io::Write;
        let lines = &self.seconds[((second + flavour * 37) % self.seconds.len() as u64) as usize];
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        let mut churning = 0;
        for line in lines {
            // A tenth of the series, each renamed ten times as often, and not all at once.
            let renamed = line.churns && percent > 0;
            churning += u64::from(renamed);
            let generation = (second * percent * CHURNING_SHARE / 60 + churning) / 100;
            match line.text.rfind(' ').filter(|_| renamed).map(|at| line.text.split_at(at)) {
                Some((series, value)) => {
                    let label = format!("pod=\"pod-{}\"", generation.wrapping_mul(2_654_435_761) % (1 << 32));
                    let named = match series.strip_suffix('}') {
                        Some(open) => format!("{open},{label}}}"),
                        None => format!("{series}{{{label}}}"),
                    };
                    encoder.write_all(named.as_bytes()).unwrap();
                    encoder.write_all(value.as_bytes()).unwrap();
                }
                None => encoder.write_all(line.text.as_bytes()).unwrap(),
            }
        }
        let body = encoder.finish().unwrap();
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        Arc::new([head.as_bytes(), &body].concat())
    }
}

fn hash(text: &str) -> u64 {
    // FNV: the same in every run.
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |h, byte| (h ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

fn cut(body: &str, keep: impl Fn(&str) -> bool) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut comments = String::new();
    for line in body.lines() {
        if line.starts_with("# HELP") {
            comments.clear();
        }
        if line.starts_with('#') {
            comments += line;
            comments.push('\n');
            continue;
        }
        let name = line.rsplit_once(' ').map_or(line, |(name, _)| name);
        if keep(name) {
            let churns = (hash(name) >> 32).is_multiple_of(CHURNING_SHARE);
            lines.push(Line { text: format!("{}{line}\n", std::mem::take(&mut comments)), churns });
        }
    }
    lines
}
