//! Writes inputs to begin with, made from valid files: `cargo run --manifest-path tests/fuzz/Cargo.toml --bin seeds`
//! fills `tests/fuzz/corpus`.

use narthex_fuzz::base::{self, Base};
use narthex_fuzz::edit::WHOLE;
use narthex_fuzz::prometheus;
use narthex_storage::codec::varint;
use narthex_storage::wal::record;
use std::fs;
use std::path::{Path, PathBuf};

/// The corpus of one target.
struct Corpus {
    dir: PathBuf,
    written: usize,
}

impl Corpus {
    fn of(target: &str) -> Self {
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target);
        fs::create_dir_all(&dir).unwrap();
        Self { dir, written: 0 }
    }

    fn add(&mut self, parts: &[&[u8]]) {
        fs::write(self.dir.join(format!("seed-{:03}", self.written)), parts.concat()).unwrap();
        self.written += 1;
    }

    /// Every file of a base as a whole, and some changes of each.
    fn add_base(&mut self, choice: u8, base: &Base) {
        for (file, bytes) in (0u8..).zip(base.files.values()) {
            self.add(&[&[choice, WHOLE, file], bytes]);
            for (at, what) in [(8u16, 0u8), (20, 2), (40, 3), (60, 4), (3, 5), (12, 6)] {
                let [low, high] = at.to_le_bytes();
                self.add(&[&[choice, 0, file, what, low, high, 0x55]]);
            }
        }
    }
}

fn main() {
    let mut corpus = Corpus::of("block");
    for (choice, base) in (0u8..).zip(&base::blocks()) {
        corpus.add_base(choice << 1 | 1, base);
    }
    Corpus::of("head").add_base(1, &base::head());
    wal(&mut Corpus::of("wal"));
    prometheus_block(&mut Corpus::of("prometheus_block"));
    takeover(&mut Corpus::of("takeover"));
}

/// A segment as it is, and its records as the target takes them.
fn wal(corpus: &mut Corpus) {
    let segment = base::segment();
    corpus.add(&[&segment]);
    let (mut rest, mut records) = (segment.as_slice(), Vec::new());
    while let Ok((kind, payload)) = record::take(&mut rest) {
        let kinds = [1u8, 2, 3, 4, 5, 6, 7, 8, 15];
        let at = kinds.iter().position(|known| *known == kind as u8);
        let kept = &payload[..payload.len().min(255)];
        let record = [&[at.unwrap_or_default() as u8, kept.len() as u8], kept].concat();
        corpus.add(&[&record]);
        records.extend(record);
    }
    corpus.add(&[&records]);
}

fn prometheus_block(corpus: &mut Corpus) {
    for (choice, base) in (0u8..).zip(&prometheus::blocks()) {
        corpus.add_base(choice | 0x80, base);
        let segment = base.files.iter().find(|(path, _)| path.parent().is_some_and(|dir| dir.ends_with("chunks")));
        let mut chunks = &segment.unwrap().1[8..];
        // Each chunk as the first one, in its own encoding and in those that hold start timestamps.
        while let Ok(len) = varint::take(&mut chunks) {
            let (chunk, rest) = chunks.split_at(len as usize + 1);
            for encoding in [chunk[0], 4, 5, 6] {
                corpus.add(&[&[choice | 2 | encoding << 2], &chunk[1..]]);
            }
            chunks = &rest[4..];
        }
    }
}

/// Records of every type, in every file and packing.
fn takeover(corpus: &mut Corpus) {
    let mut names = vec![1u8];
    for series in 1..4u64 {
        names.extend(series.to_be_bytes());
        names.push(2);
        for text in ["__name__", "m", "n", &series.to_string()] {
            names.push(text.len() as u8);
            names.extend(text.as_bytes());
        }
    }
    let whole = |count: u8| {
        // Hint, schema, zero threshold, zero count, count, sum, spans, populations.
        let mut out = vec![0, 2];
        out.extend(0.001f64.to_be_bytes());
        out.extend([1, count]);
        out.extend(7.5f64.to_be_bytes());
        out.extend([1, 0, 2, 0, 2, 2, 2, 0]);
        out
    };
    let float = || {
        let mut out = vec![2, 2];
        for number in [0.001f64, 1.0, 3.0, 7.5] {
            out.extend(number.to_be_bytes());
        }
        out.extend([1, 0, 2, 0, 2]);
        [1.0f64, 2.0].iter().for_each(|number| out.extend(number.to_be_bytes()));
        out.push(0);
        out
    };
    let value = |kind: u8| match kind {
        2 | 11 => 1.5f64.to_be_bytes().to_vec(),
        7 | 9 | 12 => whole(3),
        _ => float(),
    };
    let mut bodies = vec![];
    for kind in [2u8, 7, 8, 9, 10] {
        let mut out = vec![kind];
        out.extend(1u64.to_be_bytes());
        out.extend(1_000u64.to_be_bytes());
        for (series, time) in [(0, 0), (1, 500), (2, 5_000)] {
            varint::put_signed(&mut out, series);
            varint::put_signed(&mut out, time);
            out.extend(value(kind));
        }
        bodies.push(out);
    }
    for kind in [11u8, 12, 13] {
        let mut out = vec![kind];
        for number in [1, 2_000, 1_500] {
            varint::put_signed(&mut out, number);
        }
        out.extend(value(kind));
        for start in [&[0u8][..], &[1], &[2, 8]] {
            varint::put_signed(&mut out, 1);
            varint::put_signed(&mut out, 10);
            out.extend(start);
            out.extend(value(kind));
        }
        bodies.push(out);
    }
    let mut deleted = vec![3u8];
    deleted.extend(1u64.to_be_bytes());
    varint::put_signed(&mut deleted, 0);
    varint::put_signed(&mut deleted, 1_200);
    bodies.push(deleted);
    let put = |place: u8, record: &[u8]| [&[place, record.len() as u8], record].concat();
    let mut all = put(0x40, &names);
    for (at, body) in (0u8..).zip(&bodies) {
        for file in 0..3u8 {
            let record = put(file | (at & 3) << 2, body);
            corpus.add(&[&put(0x40, &names), &record]);
            all.extend(record);
        }
    }
    corpus.add(&[&all]);
    for encoding in [1u8, 2, 3, 4, 5, 6, 0x81] {
        corpus.add(&[&put(0, &names), &put(3, &[1, encoding, 0, 2, 0, 60, 1, 2, 3, 4, 5, 6, 7])]);
    }
}
