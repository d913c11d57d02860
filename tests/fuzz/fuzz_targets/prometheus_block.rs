//! Blocks of Prometheus with changed files: index of version 1 and 2, segments of chunks, tombstones, `meta.json`; and
//! any bytes as chunks of every encoding. The block is served or set aside, never a panic, and what it answers
//! does not contradict itself.
#![no_main]

use libfuzzer_sys::fuzz_target;
use narthex_fuzz::base::Base;
use narthex_fuzz::{edit, look, prometheus};
use std::path::Path;
use std::sync::LazyLock;

static BASES: LazyLock<Vec<Base>> = LazyLock::new(prometheus::blocks);

/// Chunk encodings that there are, and one that there is not.
const ENCODINGS: u8 = 7;

fuzz_target!(|bytes: &[u8]| {
    let Some((choice, input)) = bytes.split_first() else { return };
    let base = &BASES[usize::from(choice & 1)];
    let disk = if choice & 2 == 0 {
        let Some(disk) = edit::case(base, input, prometheus::seal) else { return };
        disk
    } else {
        // The first chunk of the block.
        let disk = base.disk();
        let segment = base.files.keys().find(|path| path.parent().is_some_and(|dir| dir.ends_with("chunks")));
        let encoding = (choice >> 2) % (ENCODINGS + 1);
        disk.overwrite(segment.map_or(Path::new(""), |path| path), prometheus::chunks(&[(encoding, input)]));
        disk
    };
    let db = look::open(&disk);
    let report = db.open_report();
    assert_eq!(report.blocks + report.damaged_blocks.len(), 1);
    look::look(&db);
    if choice >> 7 == 1 {
        look::work(&db);
    }
});
