//! Damaged files are listed, and everything else is served.

use crate::harness::Narthex;
use narthex_storage::io::Files;
use narthex_storage::prometheus::PrometheusBlockWriter;
use narthex_storage::{Columns, Db, DbOptions, Labels};
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

/// Counts the samples of a selector in the ten hours that the blocks and the head have; the warnings too.
fn count(narthex: &Narthex, selector: &str, end_ms: i64) -> (Value, Vec<String>) {
    let (query, time) = (format!("count_over_time({selector}[10h])"), (end_ms / 1000).to_string());
    let answer = narthex.post("/api/v1/query", &[("query", &query), ("time", &time)]).json();
    assert_eq!(answer["status"], "success", "{answer}");
    let warnings = answer["warnings"].as_array().cloned().unwrap_or_default();
    let texts = warnings.iter().map(|text| text.as_str().unwrap().to_owned()).collect();
    (answer["data"]["result"][0]["value"][1].clone(), texts)
}

#[test]
fn damaged_blocks_are_listed_and_everything_else_is_served() {
    let dir = TempDir::new().unwrap();
    let data = dir.path().join("data");
    let (blocks, begin_ms) = fill(&data);
    flip_a_byte_in_the_middle(&blocks[0].join("index"));

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
    for block in 1..5 {
        assert_eq!(ask(block).data()["result"][0]["value"][1], "119", "of block {block}");
    }
}

#[test]
fn a_query_that_meets_damage_answers_with_the_rest_and_a_warning() {
    let dir = TempDir::new().unwrap();
    let data = dir.path().join("data");
    let (blocks, begin_ms) = fill(&data);
    let level0 = std::fs::read_dir(data.join("level0")).unwrap().next().unwrap().unwrap().path();
    flip_a_byte_in_the_middle(&blocks[1].join("chunks"));
    flip_a_byte_in_the_middle(&blocks[2].join("timelines"));
    let mut bytes = std::fs::read(&level0).unwrap();
    // Behind the magic, and the length and the checksum of the first page.
    bytes[18] ^= 0x10;
    std::fs::write(&level0, bytes).unwrap();

    let narthex = Narthex::with_config(dir.path(), "scrape_configs: []\n", &[]);
    let end_ms = begin_ms + 10 * HOUR_MS;
    let (left, warnings) = count(&narthex, "minutes", end_ms);
    // A minute does not count, since a range is open at its start.
    assert_eq!(left, "239", "of two blocks: {warnings:?}");
    let damaged = [blocks[1].join("chunks"), blocks[2].join("timelines"), level0];
    assert_eq!(warnings.len(), 3, "{warnings:?}");
    for path in &damaged {
        let path = path.display().to_string();
        assert!(warnings.iter().any(|text| text.starts_with(&format!("corrupt {path} "))), "{warnings:?}");
    }
    // The newest sample is the head's, and lost.
    let time = (end_ms / 1000).to_string();
    let newest = narthex.post("/api/v1/query", &[("query", "minutes"), ("time", &time)]).json();
    assert_eq!(newest["data"]["result"], Value::Array(Vec::new()));
    assert_eq!(newest["warnings"].as_array().map(Vec::len), Some(1), "{newest}");
    // Where nothing is damaged there is no warning.
    assert_eq!(count(&narthex, "minutes", begin_ms + BLOCK_MS - 60_000), ("120".into(), Vec::new()));

    let found = listed(&narthex);
    assert_eq!(found.len(), 3, "{found:?}");
    for (path, kind) in damaged.iter().zip(["page", "page", "level 0"]) {
        let one = found.iter().find(|file| file["path"] == path.display().to_string()).unwrap();
        assert_eq!((&one["kind"], &one["action"]), (&kind.into(), &"skipped, the rest is served".into()));
    }
    let metrics = narthex.get("/metrics").text();
    assert!(metrics.contains("\nnarthex_storage_damaged_places 3\n"), "{metrics}");
}

#[test]
fn damage_in_a_block_of_prometheus_costs_the_chunk_or_the_series_and_is_told() {
    let dir = TempDir::new().unwrap();
    let data = dir.path().join("data");
    std::fs::create_dir_all(&data).unwrap();
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_millis();
    let begin_ms = (i64::try_from(now).unwrap() - 3 * BLOCK_MS) / BLOCK_MS * BLOCK_MS;
    let name = "01JDFX6B1N8VZ4M3T9QK7W2RCE".to_owned();
    let mut block =
        PrometheusBlockWriter::new(&Files::os(), &data, name, begin_ms, begin_ms + BLOCK_MS).unwrap();
    for n in ["a", "b"] {
        let mut columns = Columns::default();
        (0..240).for_each(|t| columns.push(begin_ms + t * 30_000, t as f64));
        block.add_series(&Labels::from_pairs([("__name__", "theirs"), ("n", n)]), &columns).unwrap();
    }
    let block = block.finish().unwrap().unwrap();
    let (chunks, index) = (block.join("chunks/000001"), block.join("index"));
    // The last chunk of the second series, before its checksum.
    let mut bytes = std::fs::read(&chunks).unwrap();
    let last = bytes.len() - 6;
    bytes[last] ^= 0x10;
    std::fs::write(&chunks, bytes).unwrap();
    // The entry of the first series: the second place that the table of contents tells.
    let mut bytes = std::fs::read(&index).unwrap();
    let told = bytes.len() - 52 + 8;
    let entry = u64::from_be_bytes(bytes[told..told + 8].try_into().unwrap());
    bytes[usize::try_from(entry).unwrap() + 3] ^= 0x10;
    std::fs::write(&index, bytes).unwrap();

    let narthex = Narthex::with_config(dir.path(), "scrape_configs: []\n", &[]);
    assert_eq!(listed(&narthex), Vec::<Value>::new(), "nothing reads all of a block at the start");
    let (left, warnings) = count(&narthex, "theirs", begin_ms + BLOCK_MS);
    assert_eq!(left, "120", "of the second series, the first is lost: {warnings:?}");
    assert_eq!(warnings.len(), 2, "{warnings:?}");
    let answer = narthex.get("/api/v1/series?match[]=theirs").json();
    assert_eq!(answer["data"].as_array().map(Vec::len), Some(1), "{answer}");
    assert_eq!(answer["warnings"].as_array().map(Vec::len), Some(1), "{answer}");
    let found = listed(&narthex);
    let mut paths: Vec<&str> = found.iter().filter_map(|file| file["path"].as_str()).collect();
    paths.sort_unstable();
    assert_eq!(paths, [chunks.to_str().unwrap(), index.to_str().unwrap()]);
}
