//! Any records as the log of a Prometheus, its checkpoint and its log of late samples, and any chunks as those that
//! its head mapped; or any bytes as one of these files. The database opens, answers, and a second start agrees.
#![no_main]

use libfuzzer_sys::fuzz_target;
use narthex_fuzz::base::Base;
use narthex_fuzz::{look, prometheus};
use std::path::Path;

const FILES: [&str; 4] =
    ["wal/checkpoint.00000001/00000000", "wal/00000002", "wbl/00000000", "chunks_head/000001"];

fuzz_target!(|bytes: &[u8]| {
    let mut files: [Vec<u8>; 4] = Default::default();
    match bytes {
        // All of the input is one file.
        [0xff, file, rest @ ..] => files[usize::from(*file) % 4] = rest.to_vec(),
        _ => records(bytes, &mut files),
    }
    let files = FILES.iter().zip(files).filter(|(_, bytes)| !bytes.is_empty());
    let base = Base::of(files.map(|(name, bytes)| (Path::new(look::DIR).join(name), bytes)), |_| true);
    let disk = base.disk();
    let db = look::open(&disk);
    look::look(&db);
    if bytes.first().is_some_and(|first| first & 0x40 != 0) {
        look::work(&db);
    }
    drop(db);
    let db = look::open(&disk);
    assert_eq!(db.open_report().takeover, None, "it is taken over once");
    look::look(&db);
});

/// Where a record goes and how it is packed, its length, and its bytes.
fn records(mut bytes: &[u8], files: &mut [Vec<u8>; 4]) {
    while let [place, len, rest @ ..] = bytes {
        let (record, rest) = rest.split_at(usize::from(*len).min(rest.len()));
        bytes = rest;
        let file = usize::from(place & 3);
        match (file, record) {
            (3, [series, encoding, chunk @ ..]) => {
                prometheus::put_head_chunk(&mut files[3], u64::from(series & 15), *encoding, chunk);
            }
            (3, _) => {}
            _ => prometheus::put_record(&mut files[file], place >> 2, record),
        }
    }
}
