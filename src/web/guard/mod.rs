//! Who may ask what: the web configuration file at work.
//!
//! The file is looked at for every request and every handshake, and read again when it or a file that it names has
//! changed; one that cannot be used refuses everything until it is put right.

mod bucket;
mod users;

use super::respond::{self, Reply, TEXT};
use super::tls::server_config;
use crate::config::web::{BearerToken, Scope, WebConfig, token_digest};
use arc_swap::ArcSwap;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bucket::Bucket;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use rustls::ServerConfig;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;
use subtle::{Choice, ConstantTimeEq};
use tracing::error;
use users::Users;

/// The web configuration file in force.
pub struct Guard {
    path: PathBuf,
    /// Whether connections begin with a handshake. Settled at the start: a file that is broken later must not turn a
    /// port with TLS into one without.
    tls: bool,
    loaded: ArcSwap<Loaded>,
    users: Users,
    bucket: Bucket,
    /// The token with which this server asks itself, where nobody else could tell it how.
    own: Option<[u8; 32]>,
}

/// The file as it was read last.
pub struct Loaded {
    stamps: Vec<(PathBuf, Option<Stamp>)>,
    config: Result<WebConfig, String>,
    /// What handshakes need; `None` without TLS.
    tls: Option<Result<Arc<ServerConfig>, String>>,
}

/// Tells whether a file has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    modified: Option<SystemTime>,
    length: u64,
    inode: u64,
}

impl Stamp {
    /// `None` where there is no file.
    fn of(path: &Path) -> Option<Self> {
        use std::os::unix::fs::MetadataExt;
        let meta = std::fs::metadata(path).ok()?;
        Some(Self { modified: meta.modified().ok(), length: meta.len(), inode: meta.ino() })
    }
}

impl Loaded {
    fn read(path: &Path) -> Self {
        // Taken before the files are read, so that a change in between is noticed the next time.
        let before = Stamp::of(path);
        let config = WebConfig::load(path).map_err(|e| e.to_string());
        let named = config.as_ref().map(|config| config.files.clone()).unwrap_or_default();
        let mut stamps: Vec<(PathBuf, Option<Stamp>)> = vec![(path.to_owned(), before)];
        stamps.extend(named.into_iter().skip(1).map(|file| (file.clone(), Stamp::of(&file))));
        let tls = config.as_ref().ok().and_then(|config| Some((config.tls.as_ref()?, config.http2)));
        let tls = tls.map(|(tls, http2)| server_config(tls, http2).map(Arc::new));
        Self { stamps, config, tls }
    }

    /// What cannot be used is read again each time: which of the files that it names is at fault is not known.
    fn is_current(&self) -> bool {
        self.fault().is_none() && self.stamps.iter().all(|(path, stamp)| Stamp::of(path) == *stamp)
    }

    /// What is wrong with it.
    fn fault(&self) -> Option<&String> {
        self.config.as_ref().err().or_else(|| self.tls.as_ref().and_then(|tls| tls.as_ref().err()))
    }
}

impl Guard {
    /// Reads the file. `own` is a token that this server uses itself.
    ///
    /// # Errors
    /// It cannot be used.
    pub fn new(path: &Path, own: Option<&str>) -> Result<Self, String> {
        let loaded = Loaded::read(path);
        if let Some(fault) = loaded.fault() {
            return Err(fault.clone());
        }
        Ok(Self {
            path: path.to_owned(),
            tls: loaded.tls.is_some(),
            loaded: ArcSwap::from_pointee(loaded),
            users: Users::default(),
            bucket: Bucket::default(),
            own: own.map(|own| token_digest(own.as_bytes())),
        })
    }

    /// Whether connections begin with a handshake; this is settled at the start.
    #[must_use]
    pub fn has_tls(&self) -> bool {
        self.tls
    }

    /// The file as it is now.
    async fn current(self: &Arc<Self>) -> Arc<Loaded> {
        let guard = self.clone();
        let task = tokio::task::spawn_blocking(move || {
            let loaded = guard.loaded.load_full();
            if loaded.is_current() {
                return loaded;
            }
            let fresh = Arc::new(Loaded::read(&guard.path));
            if let Some(reason) = fresh.fault().filter(|reason| loaded.fault() != Some(*reason)) {
                error!(file = %guard.path.display(), error = reason, "The web configuration file cannot be used");
            }
            guard.loaded.store(fresh.clone());
            fresh
        });
        task.await.unwrap_or_else(|_| self.loaded.load_full())
    }

    /// What a handshake needs.
    ///
    /// # Errors
    /// The file cannot be used, or asks for no TLS any more.
    pub async fn handshake(self: &Arc<Self>) -> Result<Arc<ServerConfig>, String> {
        let loaded = self.current().await;
        if let Err(reason) = &loaded.config {
            return Err(reason.clone());
        }
        loaded.tls.clone().unwrap_or_else(|| Err("TLS config is not present".to_owned()))
    }

    /// Whether a request is taken, and which headers its answer gets; `path` is without the route prefix.
    ///
    /// # Errors
    /// The answer to one that is not taken.
    pub async fn admit(
        self: &Arc<Self>,
        method: &Method,
        path: &str,
        headers: &HeaderMap,
    ) -> Result<Arc<Loaded>, Reply> {
        let loaded = self.current().await;
        let Ok(config) = &loaded.config else {
            return Err(respond::reply(StatusCode::INTERNAL_SERVER_ERROR, TEXT, "Internal Server Error\n"));
        };
        if !self.bucket.take(config.rate) {
            let refused = respond::reply(StatusCode::TOO_MANY_REQUESTS, TEXT, "Too Many Requests\n");
            return Err(loaded.dress(refused));
        }
        match self.authenticate(config, method, path, headers).await {
            Ok(()) => Ok(loaded),
            Err(refused) => Err(loaded.dress(refused)),
        }
    }

    async fn authenticate(
        &self,
        config: &WebConfig,
        method: &Method,
        path: &str,
        headers: &HeaderMap,
    ) -> Result<(), Reply> {
        if !config.authenticates() {
            return Ok(());
        }
        let given = headers.get(header::AUTHORIZATION).map(HeaderValue::as_bytes).unwrap_or_default();
        if let Some(token) = credentials(given, "bearer") {
            let refused = self.refuse_token(config, token_digest(token), scope_of(method, path));
            return refused.map_or(Ok(()), Err);
        }
        if let Some((user, password)) = credentials(given, "basic").and_then(basic)
            && self.users.knows(config, user, password).await
        {
            return Ok(());
        }
        Err(unauthorized(config))
    }

    /// The answer to a token that does not allow what is wanted.
    fn refuse_token(&self, config: &WebConfig, digest: [u8; 32], wanted: Scope) -> Option<Reply> {
        let equal = |known: &[u8; 32]| known.ct_eq(&digest);
        let own = self.own.as_ref().map_or(Choice::from(0), equal);
        // Every token is compared, so that the time does not tell which one was near.
        let mut found: Option<&BearerToken> = None;
        for token in &config.tokens {
            if bool::from(equal(&token.digest)) {
                found = Some(token);
            }
        }
        match found {
            _ if bool::from(own) => None,
            Some(token) if token.scope.allows(wanted) => None,
            Some(token) => {
                let (name, has, needs) = (&token.name, token.scope.name(), wanted.name());
                let text =
                    format!("Forbidden: the token {name:?} has the scope {has}, and this needs {needs}\n");
                Some(respond::reply(StatusCode::FORBIDDEN, TEXT, text))
            }
            None => Some(unauthorized(config)),
        }
    }
}

impl Loaded {
    /// Gives an answer the headers that the file asks for.
    #[must_use]
    pub fn dress(&self, mut reply: Reply) -> Reply {
        for (name, value) in self.config.iter().flat_map(|config| &config.headers) {
            reply.headers_mut().insert(name.clone(), value.clone());
        }
        reply
    }
}

fn unauthorized(config: &WebConfig) -> Reply {
    let mut reply = respond::reply(StatusCode::UNAUTHORIZED, TEXT, "Unauthorized\n");
    for (asked, scheme) in [(!config.users.is_empty(), "Basic"), (!config.tokens.is_empty(), "Bearer")] {
        if asked {
            reply.headers_mut().append(header::WWW_AUTHENTICATE, HeaderValue::from_static(scheme));
        }
    }
    reply
}

/// What follows the scheme in an `Authorization` header.
fn credentials<'a>(given: &'a [u8], scheme: &str) -> Option<&'a [u8]> {
    let (name, rest) = given.split_at_checked(scheme.len())?;
    let rest = rest.strip_prefix(b" ")?;
    name.eq_ignore_ascii_case(scheme.as_bytes()).then(|| rest.trim_ascii())
}

/// User and password.
fn basic(encoded: &[u8]) -> Option<(String, Vec<u8>)> {
    let decoded = STANDARD.decode(encoded).ok()?;
    let colon = decoded.iter().position(|byte| *byte == b':')?;
    let (user, password) = decoded.split_at_checked(colon)?;
    Some((String::from_utf8(user.to_vec()).ok()?, password.get(1..)?.to_vec()))
}

/// What a request needs a token for.
fn scope_of(method: &Method, path: &str) -> Scope {
    let reads = matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS);
    let endpoint = path.strip_prefix("/api/v1/").unwrap_or_default();
    let acts = endpoint.starts_with("admin/")
        || path.starts_with("/debug/")
        || matches!(path, "/-/reload" | "/-/quit")
        || *method == Method::DELETE;
    if acts && !(reads && path.starts_with("/-/")) {
        Scope::Admin
    } else if endpoint == "write" || endpoint.starts_with("otlp/") {
        Scope::Write
    } else {
        Scope::Read
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_follow_from_what_a_request_does() {
        for (method, path, want) in [
            (Method::GET, "/api/v1/query", Scope::Read),
            (Method::POST, "/api/v1/query_range", Scope::Read),
            (Method::GET, "/metrics", Scope::Read),
            (Method::GET, "/-/ready", Scope::Read),
            (Method::POST, "/api/v1/read", Scope::Read),
            (Method::POST, "/api/v1/write", Scope::Write),
            (Method::POST, "/api/v1/otlp/v1/metrics", Scope::Write),
            (Method::POST, "/-/reload", Scope::Admin),
            (Method::PUT, "/-/quit", Scope::Admin),
            (Method::POST, "/api/v1/admin/tsdb/snapshot", Scope::Admin),
            (Method::DELETE, "/api/v1/narthex/queries/active/1", Scope::Admin),
            (Method::GET, "/debug/pprof/heap", Scope::Admin),
        ] {
            assert_eq!(scope_of(&method, path), want, "{method} {path}");
        }
    }

    #[test]
    fn credentials_are_taken_apart_as_they_come() {
        assert_eq!(credentials(b"bEaReR  x ", "bearer"), Some(&b"x"[..]));
        assert_eq!(credentials(b"Bearerx", "bearer"), None);
        assert_eq!(credentials(b"", "basic"), None);
        let encoded = STANDARD.encode("user:pass:word");
        assert_eq!(basic(encoded.as_bytes()), Some(("user".to_owned(), b"pass:word".to_vec())));
        assert_eq!(basic(STANDARD.encode("user").as_bytes()), None);
        assert_eq!(basic(b"!"), None);
    }
}
