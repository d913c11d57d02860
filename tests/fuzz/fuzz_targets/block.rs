//! Blocks of ours with changed files: pages, columns, index, tombstones and `meta.json`, of version 6 as they are cut
//! and as they are merged, and of version 2. The block is served or set aside, never a panic, and what it answers
//! does not contradict itself.
#![no_main]

use libfuzzer_sys::fuzz_target;
use narthex_fuzz::base::{Base, blocks};
use narthex_fuzz::{edit, look, seal};
use std::sync::LazyLock;

static BASES: LazyLock<Vec<Base>> = LazyLock::new(blocks);

fuzz_target!(|bytes: &[u8]| {
    let Some((choice, input)) = bytes.split_first() else { return };
    let base = &BASES[usize::from(choice >> 1) % BASES.len()];
    let Some(disk) = edit::case(base, input, seal::own) else { return };
    let db = look::open(&disk);
    let report = db.open_report();
    assert_eq!(report.blocks + report.damaged_blocks.len(), base.blocks());
    look::look(&db);
    if choice & 1 == 1 {
        look::work(&db);
    }
});
