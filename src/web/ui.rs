//! The web UI: files that the build packed, and the page that loads them.

use super::encode::Encoding;
use super::respond::{self, HTML, Reply, TEXT};
use super::ui_dir::{self, Unreadable};
use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};
use rustls::crypto::ring;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A file of the UI, packed.
#[derive(Debug, Clone, Copy)]
pub struct File {
    /// Below the route prefix, without a leading `/`.
    pub path: &'static str,
    /// Its bytes, gzip.
    pub gzip: &'static [u8],
}

#[allow(clippy::needless_raw_string_hashes)]
mod built {
    use super::File;
    include!(concat!(env!("OUT_DIR"), "/ui.rs"));
}

pub use built::BUILD;

/// First parts of the paths of pages: those of the UI and, leading to the same pages, Prometheus's. The UI's own list is
/// `ui/src/app/pages.ts`; a test compares them.
const PAGES: &[&str] = &[
    "",
    "overview",
    "query",
    "explore",
    "graph",
    "dashboards",
    "targets",
    "service-discovery",
    "alerts",
    "rules",
    "cardinality",
    "tsdb-status",
    "queries",
    "status",
    "config",
    "flags",
    "config-and-flags",
    "runtime-info",
    "tsdb",
];

/// Media types by extension.
const TYPES: &[(&str, &str)] = &[
    (".js", "text/javascript; charset=utf-8"),
    (".css", "text/css; charset=utf-8"),
    (".svg", "image/svg+xml"),
    (".woff2", "font/woff2"),
    (".html", HTML),
];

/// The answer to a path without the prefix (`/targets`, `/assets/…`), if it is the UI's. With a directory, the UI is
/// what lies there.
pub async fn serve(
    directory: Option<&Arc<PathBuf>>,
    path: &str,
    encoding: Option<Encoding>,
) -> Option<Reply> {
    let Some(directory) = directory.cloned() else { return built_in(path, encoding) };
    let path = path.to_owned();
    let task = tokio::task::spawn_blocking(move || from_directory(&directory, &path, encoding));
    task.await.unwrap_or_else(|_| Some(respond::worker_failed()))
}

fn built_in(path: &str, encoding: Option<Encoding>) -> Option<Reply> {
    let index = built::INDEX?;
    let name = path.strip_prefix('/')?;
    if PAGES.contains(&name) {
        return Some(page(index, encoding));
    }
    built::FILES.iter().find(|file| file.path == name).map(|file| asset(file, encoding))
}

fn from_directory(directory: &Path, path: &str, encoding: Option<Encoding>) -> Option<Reply> {
    let name = path.strip_prefix('/')?;
    let is_page = PAGES.contains(&name);
    match ui_dir::read(directory, if is_page { "index.html" } else { name }) {
        Ok(bytes) if is_page => Some(page(&String::from_utf8_lossy(&bytes), encoding)),
        Ok(bytes) => {
            let mut reply = respond::packed(StatusCode::OK, kind(name), bytes, encoding);
            let headers = reply.headers_mut();
            headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
            headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
            Some(reply)
        }
        Err(Unreadable::Absent) if is_page => {
            let text =
                format!("There is no index.html in {}: `npm run build` makes it.\n", directory.display());
            Some(respond::reply(StatusCode::NOT_FOUND, TEXT, text))
        }
        Err(Unreadable::Absent) => None,
        Err(error) => Some(respond::reply(StatusCode::INTERNAL_SERVER_ERROR, TEXT, format!("{error}\n"))),
    }
}

/// The media type of a file, by its name.
fn kind(name: &str) -> &'static str {
    let found = TYPES.iter().find(|(extension, _)| name.ends_with(extension));
    found.map_or("application/octet-stream", |(_, kind)| *kind)
}

/// The page. What may load and run is fixed: this server's own files, and styles that know the page's own word.
fn page(index: &str, encoding: Option<Encoding>) -> Reply {
    let nonce = nonce();
    let text = index.replace("NONCE", &nonce);
    let mut reply = respond::packed(StatusCode::OK, HTML, text.into_bytes(), encoding);
    let policy = format!(
        "default-src 'self'; style-src 'self' 'nonce-{nonce}'; img-src 'self' data:; object-src 'none'; \
         base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
    );
    let headers = reply.headers_mut();
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    reply
}

/// A word that nobody can guess, 128 bits in hexadecimal digits.
fn nonce() -> String {
    let mut bytes = [0; 16];
    // Without randomness the word is fixed: it only lets the editor's styles in.
    let _ = ring::default_provider().secure_random.fill(&mut bytes);
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn asset(file: &File, encoding: Option<Encoding>) -> Reply {
    let kind = kind(file.path);
    let mut reply = if encoding == Some(Encoding::Gzip) {
        let mut reply = respond::reply(StatusCode::OK, kind, Bytes::from_static(file.gzip));
        reply.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        reply
    } else {
        let mut plain = Vec::new();
        // What the build packed can be unpacked.
        let _ = flate2::read::GzDecoder::new(file.gzip).read_to_end(&mut plain);
        respond::reply(StatusCode::OK, kind, plain)
    };
    let headers = reply.headers_mut();
    // Names below `assets` hold a hash of the content.
    let kept =
        if file.path.starts_with("assets/") { "public, max-age=31536000, immutable" } else { "no-cache" };
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(kept));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.append(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    reply
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_page_of_the_ui_has_its_path_here() {
        let text =
            std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/ui/src/app/pages.ts")).unwrap();
        let lines: Vec<&str> = text.lines().filter(|line| line.contains("load: () => import")).collect();
        assert!(lines.len() >= 5, "{text}");
        let mut listed = Vec::new();
        for line in lines {
            let path = line.split("path: \"").nth(1).and_then(|rest| rest.split('"').next()).unwrap();
            let also = line.split("also: [").nth(1).and_then(|rest| rest.split(']').next()).unwrap();
            listed.push(path);
            listed.extend(also.split('"').skip(1).step_by(2));
        }
        listed.sort_unstable();
        let mut here = PAGES.to_vec();
        here.sort_unstable();
        assert_eq!(here, listed);
    }

    #[test]
    fn words_differ() {
        assert_ne!(nonce(), nonce());
        assert_eq!(nonce().len(), 32);
    }
}
