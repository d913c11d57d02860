//! What the tests stand on: processes that end with their test, a client, pages to scrape, samples to send.

pub mod client;
pub mod page;
pub mod process;
pub mod random;
pub mod samples;

pub use client::{Answer, get, get_as, post_form, request};
pub use page::{Body, Page, PageServer};
pub use process::{Narthex, Peer};

use std::path::PathBuf;
use std::time::{Duration, Instant};

/// The shared acceptance data, or `None` after saying loudly that the test is skipped.
pub fn shared(what: &str) -> Option<PathBuf> {
    let named = std::env::var_os("NARTHEX_SHARED").map_or_else(|| PathBuf::from("../shared"), PathBuf::from);
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(named).join(what);
    if path.exists() {
        return Some(path);
    }
    println!("SKIPPED: {} is not there; NARTHEX_SHARED names its parent", path.display());
    None
}

/// The path of another project's program, or `None` after saying loudly that the test is skipped.
pub fn program(name: &str) -> Option<PathBuf> {
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&paths).map(|dir| dir.join(name)).find(|path| path.is_file());
    if found.is_none() {
        println!("SKIPPED: {name} is not installed");
    }
    found
}

/// An address on which nobody listens yet.
pub fn free_address() -> String {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

/// Asks until there is an answer; gives up after half a minute.
pub fn eventually<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let begin = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(begin.elapsed() < Duration::from_secs(30), "it never came true that {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
