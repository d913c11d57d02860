//! Damaged files are listed, and everything else is served.

use crate::harness::Narthex;
use narthex_storage::{Db, DbOptions, Labels};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::time::SystemTime;
use tempfile::TempDir;

const HOUR_MS: i64 = 3_600_000;
const BLOCK_MS: i64 = 2 * HOUR_MS;

/// Writes a sample a minute for four blocks and what is left in the head; the blocks, oldest first, and where the
/// oldest begins.
fn fill(dir: &Path) -> (Vec<PathBuf>, i64) {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_millis();
    let begin_ms = (i64::try_from(now).unwrap() - 7 * BLOCK_MS) / BLOCK_MS * BLOCK_MS;
    let options = DbOptions { max_block_range_ms: Some(0), ..DbOptions::default() };
    let db = Db::open(dir, options).unwrap();
    let labels = Labels::from_pairs([("__name__", "minutes")]);
    let mut appender = db.appender();
    for minute in 0..=600_i32 {
        appender.append(&labels, begin_ms + i64::from(minute) * 60_000, f64::from(minute)).unwrap();
    }
    appender.commit().unwrap();
    let blocks = db.maintain(begin_ms + 10 * HOUR_MS).unwrap().blocks_written;
    db.close().unwrap();
    assert_eq!(blocks.len(), 4);
    (blocks, begin_ms)
}

fn flip_a_byte_in_the_middle(path: &Path) {
    let mut bytes = std::fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x10;
    std::fs::write(path, bytes).unwrap();
}

fn listed(narthex: &Narthex) -> Vec<Value> {
    narthex.get("/api/v1/narthex/storage/damage").data()["files"].as_array().unwrap().clone()
}

#[test]
fn damaged_blocks_are_listed_and_everything_else_is_served() {
    let dir = TempDir::new().unwrap();
    let data = dir.path().join("data");
    let (blocks, begin_ms) = fill(&data);
    flip_a_byte_in_the_middle(&blocks[0].join("index"));
    flip_a_byte_in_the_middle(&blocks[1].join("chunks"));

    let narthex = Narthex::with_config(dir.path(), "scrape_configs: []\n", &[]);
    let found = listed(&narthex);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0]["kind"], "block");
    assert_eq!(found[0]["path"], blocks[0].display().to_string());
    assert_eq!(found[0]["action"], "left in place, not served");

    // The last sample of each stretch of two hours.
    let ask = |block: i64| {
        let time = (begin_ms + (block + 1) * BLOCK_MS) / 1000 - 60;
        let time = time.to_string();
        narthex.post("/api/v1/query", &[("query", "count_over_time(minutes[119m])"), ("time", &time)])
    };
    assert_eq!(ask(0).data()["result"].as_array().unwrap().len(), 0, "it is not served");
    let (_, error) = ask(1).error();
    assert!(error.contains("chunks"), "{error}");
    for block in 2..5 {
        assert_eq!(ask(block).data()["result"][0]["value"][1], "119", "of block {block}");
    }

    let found = listed(&narthex);
    let page = found.iter().find(|file| file["kind"] == "page").unwrap();
    assert_eq!(page["path"], blocks[1].join("chunks").display().to_string());
    assert_eq!(page["action"], "queries that need it fail, the rest is served");
    assert_eq!(found.len(), 2, "{found:?}");
    let metrics = narthex.get("/metrics").text();
    assert!(metrics.contains("\nnarthex_storage_damaged_places 2\n"), "{metrics}");
}
