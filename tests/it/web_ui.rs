//! The web UI: the one that is built in, and one that lies in a directory.

use crate::harness::Narthex;
use crate::harness::process::{file, run};
use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::TcpStream;
use tempfile::TempDir;

/// Asks for a path exactly as it is written; a client would tidy it first. Status and body.
fn raw(narthex: &Narthex, path: &str) -> (u16, String) {
    let address = narthex.url.trim_start_matches("http://").split('/').next().unwrap().to_owned();
    let mut stream = TcpStream::connect(&address).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

#[test]
fn a_directory_takes_the_place_of_the_ui_that_is_built_in() {
    let root = TempDir::new().unwrap();
    let ui = root.path().join("ui");
    std::fs::create_dir_all(ui.join("assets")).unwrap();
    let index = file(&ui, "index.html", "<meta content=\"NONCE\"><p>of the directory</p>");
    file(&ui, "assets/own.js", "let answer = 42;");
    file(root.path(), "secret", "not for you");
    let flag = format!("--web.ui-dir={}", ui.display());
    let narthex = Narthex::start(&root.path().join("data"), &[&flag]);

    for path in ["/", "/query", "/targets"] {
        let page = narthex.get(path);
        assert_eq!(page.status, 200, "{path}");
        assert!(page.text().contains("of the directory"), "{path}");
        let nonce = page.text().split('"').nth(1).unwrap().to_owned();
        assert_eq!(nonce.len(), 32, "{nonce}");
        let policy = page.header("content-security-policy").to_owned();
        assert!(policy.starts_with("default-src 'self'") && policy.contains(&nonce), "{policy}");
    }
    let script = narthex.get("/assets/own.js");
    assert_eq!((script.status, script.text().as_str()), (200, "let answer = 42;"));
    assert_eq!(script.header("content-type"), "text/javascript; charset=utf-8");
    assert_eq!(script.header("cache-control"), "no-cache");

    // What is changed there is seen at once.
    std::fs::write(&index, "<p>changed</p>").unwrap();
    assert!(narthex.get("/").text().contains("changed"));
    std::fs::remove_file(&index).unwrap();
    let gone = narthex.get("/");
    assert_eq!(gone.status, 404);
    assert!(gone.text().contains("There is no index.html in"), "{}", gone.text());
}

#[test]
fn nothing_beside_the_directory_of_the_ui_is_served() {
    let root = TempDir::new().unwrap();
    let ui = root.path().join("ui");
    std::fs::create_dir_all(ui.join("assets")).unwrap();
    file(&ui, "index.html", "<p>of the directory</p>");
    let secret = file(root.path(), "secret", "not for you");
    std::os::unix::fs::symlink(&secret, ui.join("link")).unwrap();
    let flag = format!("--web.ui-dir={}", ui.display());
    let narthex = Narthex::start(&root.path().join("data"), &[&flag]);
    let mut encoded = String::new();
    for byte in b"../secret" {
        write!(encoded, "%{byte:02x}").unwrap();
    }
    for path in [
        "/../secret",
        "/assets/../../secret",
        "/assets/..%2f..%2fsecret",
        "/%2e%2e/secret",
        "/..%5csecret",
        "/%252e%252e/secret",
        "/./../secret",
        "//../secret",
        "/link",
        &format!("/{encoded}"),
        &format!("/{}", secret.display()),
    ] {
        let (status, body) = raw(&narthex, path);
        assert!(status == 404 || status == 400, "{path}: {status} {body}");
        assert!(!body.contains("not for you"), "{path}: {body}");
    }
}

#[test]
fn the_version_names_the_ui_that_is_inside() {
    let (good, text) = run(&["--version"]);
    let line = text.lines().find_map(|line| line.trim().strip_prefix("web UI:"));
    let ui = line.unwrap_or_else(|| panic!("{text}")).trim();
    let hash = ui.len() == 16 && ui.bytes().all(|byte| byte.is_ascii_hexdigit());
    assert!(good && (hash || ui == "plain page"), "{text}");
}
