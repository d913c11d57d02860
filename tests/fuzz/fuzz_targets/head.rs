//! What the head leaves on the disk, with changed files: files of level 0, the catalogue of series, segments of the
//! log, the statistics of cardinality. The database opens, answers, and goes on.
#![no_main]

use libfuzzer_sys::fuzz_target;
use narthex_fuzz::base::{Base, head};
use narthex_fuzz::{edit, look, seal};
use std::sync::LazyLock;

static BASE: LazyLock<Base> = LazyLock::new(head);

fuzz_target!(|bytes: &[u8]| {
    let Some((choice, input)) = bytes.split_first() else { return };
    let Some(disk) = edit::case(&BASE, input, seal::own) else { return };
    let db = look::open(&disk);
    look::look(&db);
    if choice & 1 == 1 {
        look::work(&db);
        let _ = db.close();
        drop(db);
        look::look(&look::open(&disk));
    }
});
