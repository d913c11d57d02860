//! The web configuration file: TLS, authentication, headers and a rate limit of the server's own port.
//!
//! Fields and texts are those of Prometheus's exporter toolkit; `bearer_tokens` is narthex's own.

use crate::settings::decode::{Decoder, Fields};
use crate::settings::http::Source;
use crate::settings::yaml::{self, Kind, Node};
use crate::settings::{ConfigError, Fault, Secret, read};
use http::{HeaderName, HeaderValue};
use narthex_storage::labels::quote;
use ring::digest::{SHA256, digest};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Cipher suites that Go has, of which those of TLS 1.3 are always on.
const CIPHERS: &[&str] = &[
    "TLS_AES_128_GCM_SHA256",
    "TLS_AES_256_GCM_SHA384",
    "TLS_CHACHA20_POLY1305_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
];
const CURVES: &[&str] = &["CurveP256", "CurveP384", "CurveP521", "X25519"];
const VERSIONS: &[&str] = &["TLS10", "TLS11", "TLS12", "TLS13"];

/// Headers that may be set, and the values that they may have, if not any.
const HEADERS: &[(&str, &[&str])] = &[
    ("Strict-Transport-Security", &[]),
    ("X-Content-Type-Options", &["nosniff"]),
    ("X-Frame-Options", &["deny", "sameorigin"]),
    ("X-XSS-Protection", &[]),
    ("Content-Security-Policy", &[]),
];

/// A whole file.
#[derive(Debug, Clone, Default)]
pub struct WebConfig {
    /// TLS, where the file asks for it.
    pub tls: Option<TlsServer>,
    /// Offer HTTP/2 over TLS.
    pub http2: bool,
    /// Headers of every answer.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// Users with the bcrypt hashes of their passwords.
    pub users: BTreeMap<String, Secret>,
    /// Tokens of programs.
    pub tokens: Vec<BearerToken>,
    /// Requests that are taken.
    pub rate: Option<Rate>,
    /// Every file that this was read from, and those with certificates and keys.
    pub files: Vec<PathBuf>,
}

/// `tls_server_config`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsServer {
    /// Certificate chain.
    pub cert: Source,
    /// Its key.
    pub key: Source,
    /// Who may vouch for clients.
    pub client_ca: Option<Source>,
    /// What is asked of clients.
    pub client_auth: ClientAuth,
    /// Names of which a client's certificate has to hold one; empty for any.
    pub client_allowed_sans: Vec<String>,
    /// `TLS10` … `TLS13`.
    pub min_version: String,
    /// `TLS10` … `TLS13`.
    pub max_version: String,
    /// Go's names of the suites to offer with TLS 1.2; empty for all.
    pub cipher_suites: Vec<String>,
    /// Go's names of the curves; empty for all.
    pub curves: Vec<String>,
    /// The order of the suites is the server's.
    pub prefer_server_cipher_suites: bool,
}

/// What is asked of clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientAuth {
    /// Nothing.
    None,
    /// A certificate, any or none.
    Request,
    /// A certificate, any.
    RequireAny,
    /// None, or one that a known authority vouches for.
    VerifyIfGiven,
    /// One that a known authority vouches for.
    RequireAndVerify,
}

const CLIENT_AUTH: &[(&str, ClientAuth)] = &[
    ("", ClientAuth::None),
    ("NoClientCert", ClientAuth::None),
    ("RequestClientCert", ClientAuth::Request),
    ("RequireAnyClientCert", ClientAuth::RequireAny),
    ("RequireClientCert", ClientAuth::RequireAny),
    ("VerifyClientCertIfGiven", ClientAuth::VerifyIfGiven),
    ("RequireAndVerifyClientCert", ClientAuth::RequireAndVerify),
];

/// What a token allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Queries and everything else that only reads.
    Read,
    /// Bringing in samples.
    Write,
    /// Everything: also the admin API and the server's life.
    Admin,
}

const SCOPES: &[(&str, Scope)] = &[("read", Scope::Read), ("write", Scope::Write), ("admin", Scope::Admin)];

impl Scope {
    /// As the file names it.
    #[must_use]
    pub fn name(self) -> &'static str {
        SCOPES.iter().find(|(_, scope)| *scope == self).map_or("", |(name, _)| name)
    }

    /// Whether a token of this scope may do what another scope stands for.
    #[must_use]
    pub fn allows(self, other: Self) -> bool {
        self == Self::Admin || self == other
    }
}

/// A token of a program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BearerToken {
    /// For the log and error texts; may be empty.
    pub name: String,
    /// What it allows.
    pub scope: Scope,
    /// SHA-256 of the token: all that is kept of it.
    pub digest: [u8; 32],
}

/// A token bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Time in which a request is earned.
    pub interval: Duration,
    /// Requests that can be saved up.
    pub burst: u64,
}

/// SHA-256 of a token.
#[must_use]
pub fn token_digest(token: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(digest(&SHA256, token).as_ref());
    out
}

impl WebConfig {
    /// Reads a file, and the files of its tokens.
    ///
    /// # Errors
    /// Everything that is wrong, with lines. Certificates are not looked into.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let failed = |faults| ConfigError { path: path.display().to_string(), faults };
        let whole = |line, message| failed(vec![Fault { line, message, shape: false }]);
        let text = read(path).map_err(|message| whole(0, message))?;
        let root = yaml::parse(&text).map_err(|e| whole(e.line, e.message))?;
        let mut decoder = Decoder::default();
        let config = Self::decode(&mut decoder, &root, path);
        if decoder.faults.is_empty() { Ok(config) } else { Err(failed(decoder.faults)) }
    }

    fn decode(decoder: &mut Decoder, root: &Node, path: &Path) -> Self {
        let dir = path.parent().unwrap_or(Path::new(""));
        let mut config = Self { http2: true, files: vec![path.to_owned()], ..Self::default() };
        let mut fields = Fields::of(decoder, root, "web.Config");
        if let Some(node) = fields.take("tls_server_config") {
            config.tls = tls(fields.decoder, node, dir);
        }
        if let Some(node) = fields.take("http_server_config") {
            let mut http = Fields::of(fields.decoder, node, "web.HTTPConfig");
            config.http2 = http.bool("http2").unwrap_or(true);
            if let Some(node) = http.take("headers") {
                config.headers = headers(http.decoder, node);
            }
            http.finish();
        }
        for (user, line, hash) in fields.string_map("basic_auth_users") {
            match check_hash(&hash) {
                Ok(()) => drop(config.users.insert(user, Secret::new(hash))),
                Err(text) => fields.decoder.fault(line, text),
            }
        }
        if let Some(node) = fields.take("bearer_tokens") {
            config.tokens = tokens(fields.decoder, node, dir, &mut config.files);
        }
        if let Some(node) = fields.take("rate_limit") {
            let mut rate = Fields::of(fields.decoder, node, "web.RateLimiterConfig");
            let interval = Duration::from_millis(rate.duration("interval").unwrap_or(0).unsigned_abs());
            let burst = rate.uint("burst").unwrap_or(0);
            rate.finish();
            config.rate = (!interval.is_zero()).then_some(Rate { interval, burst });
        }
        fields.finish();
        let sources =
            config.tls.iter().flat_map(|tls| [Some(&tls.cert), Some(&tls.key), tls.client_ca.as_ref()]);
        config.files.extend(sources.flatten().filter_map(|source| match source {
            Source::File(path) => Some(path.clone()),
            Source::Inline(_) => None,
        }));
        config
    }

    /// Whether a request has to say who it is from.
    #[must_use]
    pub fn authenticates(&self) -> bool {
        !self.users.is_empty() || !self.tokens.is_empty()
    }
}

/// `name_file`, or else `name`: the file wins.
fn source(fields: &mut Fields<'_, '_>, dir: &Path, name: &str) -> Option<Source> {
    let (inline, file) = (fields.string(name, ""), fields.string(&format!("{name}_file"), ""));
    match (inline.is_empty(), file.is_empty()) {
        (_, false) => Some(Source::File(dir.join(file))),
        (false, true) => Some(Source::Inline(Secret::new(inline))),
        _ => None,
    }
}

fn tls(decoder: &mut Decoder, node: &Node, dir: &Path) -> Option<TlsServer> {
    let empty = match &node.kind {
        Kind::Null => true,
        Kind::Map(entries) => entries.is_empty(),
        _ => false,
    };
    let mut fields = Fields::of(decoder, node, "web.TLSConfig");
    let (cert, key) = (source(&mut fields, dir, "cert"), source(&mut fields, dir, "key"));
    let client_ca = source(&mut fields, dir, "client_ca");
    let auth = fields.string("client_auth_type", "");
    let client_auth = CLIENT_AUTH.iter().find(|(name, _)| *name == auth).map(|(_, auth)| *auth);
    if client_auth.is_none() {
        fields.fault(format!("invalid ClientAuth: {auth}"));
    }
    let client_auth = client_auth.unwrap_or(ClientAuth::None);
    if client_ca.is_some() && client_auth == ClientAuth::None {
        fields.fault("client CA's have been configured without a Client Auth Policy");
    }
    let mut words = |field: &str, known: &[&str], what: &str| {
        let words = fields.strings(field);
        for word in words.iter().filter(|word| !known.contains(&word.as_str())) {
            fields.fault(format!("unknown {what}: {word}"));
        }
        words
    };
    let cipher_suites = words("cipher_suites", CIPHERS, "cipher");
    let curves = words("curve_preferences", CURVES, "curve");
    let mut version = |field: &str, default: &str| {
        let version = fields.string(field, default);
        if !VERSIONS.contains(&version.as_str()) {
            fields.fault(format!("unknown TLS version: {version}"));
        }
        version
    };
    let (min_version, max_version) = (version("min_version", "TLS12"), version("max_version", "TLS13"));
    let client_allowed_sans = fields.strings("client_allowed_sans");
    let prefer_server_cipher_suites = fields.bool("prefer_server_cipher_suites").unwrap_or(true);
    if !empty {
        let missing = [(&cert, "missing one of cert or cert_file"), (&key, "missing one of key or key_file")];
        if let Some((_, text)) = missing.iter().find(|(source, _)| source.is_none()) {
            fields.fault(*text);
        }
    }
    fields.finish();
    Some(TlsServer {
        cert: cert?,
        key: key?,
        client_ca,
        client_auth,
        client_allowed_sans,
        min_version,
        max_version,
        cipher_suites,
        curves,
        prefer_server_cipher_suites,
    })
}

fn headers(decoder: &mut Decoder, node: &Node) -> Vec<(HeaderName, HeaderValue)> {
    let mut out = Vec::new();
    for (name, line, node) in decoder.map(node, "map[string]string") {
        let value = decoder.string(node);
        let Some((_, allowed)) = HEADERS.iter().find(|(known, _)| *known == name) else {
            decoder.fault(line, format!("HTTP header {} can not be configured", quote(name)));
            continue;
        };
        if !allowed.is_empty() && !allowed.contains(&value.as_str()) {
            let allowed: Vec<String> = allowed.iter().map(|value| quote(value)).collect();
            let (allowed, value) = (allowed.join(" "), quote(&value));
            let text = format!("invalid value for {name}. Expected one of: [{allowed}], but got: {value}");
            decoder.fault(line, text);
            continue;
        }
        match (HeaderName::try_from(name), HeaderValue::try_from(&value)) {
            (Ok(name), Ok(value)) if value.to_str().is_ok() => out.push((name, value)),
            _ => decoder.fault(line, format!("invalid value for {name}: {}", quote(&value))),
        }
    }
    out
}

/// Whether a text is a bcrypt hash, with the texts of Go's library.
fn check_hash(hash: &str) -> Result<(), String> {
    const LENGTH: usize = 60;
    let mut chars = hash.chars();
    if hash.len() < LENGTH - 1 {
        return Err("crypto/bcrypt: hashedSecret too short to be a bcrypted password".to_owned());
    }
    match chars.next() {
        Some('$') => {}
        first => {
            let first = first.unwrap_or_default();
            return Err(format!(
                "crypto/bcrypt: bcrypt hashes must start with '$', but hashedSecret started with '{first}'"
            ));
        }
    }
    if let Some(version) = chars.next().filter(|version| *version > '2') {
        return Err(format!(
            "crypto/bcrypt: bcrypt algorithm version '{version}' requested is newer than current version '2'"
        ));
    }
    let cost: u32 = hash
        .split('$')
        .nth(2)
        .and_then(|cost| cost.parse().ok())
        .ok_or_else(|| "crypto/bcrypt: the hash names no cost".to_owned())?;
    if !(4..=31).contains(&cost) {
        return Err(format!("crypto/bcrypt: cost {cost} is outside allowed inclusive range 4..31"));
    }
    // The rest is what a comparison would say.
    bcrypt::verify("", hash_with_cheap_cost(hash).as_str())
        .map(|_| ())
        .map_err(|error| format!("crypto/bcrypt: {error}"))
}

/// The hash as if it had the least cost: to see whether it can be read at all.
fn hash_with_cheap_cost(hash: &str) -> String {
    let parts: Vec<&str> = hash.split('$').collect();
    match parts.as_slice() {
        ["", version, _, rest] => format!("${version}$04${rest}"),
        _ => hash.to_owned(),
    }
}

fn tokens(decoder: &mut Decoder, node: &Node, dir: &Path, files: &mut Vec<PathBuf>) -> Vec<BearerToken> {
    let mut out = Vec::new();
    for item in decoder.list(node, "[]web.BearerToken") {
        if item.kind == Kind::Null {
            decoder.fault(item.line, "empty or null section in bearer_tokens");
            continue;
        }
        let mut fields = Fields::of(decoder, item, "web.BearerToken");
        let name = fields.string("name", "");
        let inline = fields.string("token", "");
        let file = fields.string("token_file", "");
        let scope = fields.string("scope", "");
        let found = SCOPES.iter().find(|(known, _)| *known == scope).map(|(_, scope)| *scope);
        if found.is_none() {
            fields.fault(format!(
                "scope of a bearer token must be read, write or admin, got {}",
                quote(&scope)
            ));
        }
        let token = match (inline.is_empty(), file.is_empty()) {
            (false, true) => Some(inline),
            (true, false) => {
                let path = dir.join(file);
                let text = read(&path).map_err(|why| fields.fault(why)).ok();
                files.push(path);
                text.map(|text| text.trim().to_owned())
            }
            _ => {
                fields.fault("exactly one of token & token_file must be configured");
                None
            }
        };
        if token.as_ref().is_some_and(String::is_empty) {
            fields.fault("a bearer token must not be empty");
        }
        fields.finish();
        if let (Some(token), Some(scope)) = (token, found) {
            out.push(BearerToken { name, scope, digest: token_digest(token.as_bytes()) });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str) -> Result<WebConfig, String> {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("token"), " secret\n").unwrap();
        let path = dir.path().join("web.yml");
        std::fs::write(&path, text).unwrap();
        WebConfig::load(&path).map_err(|error| {
            error.faults.iter().map(|f| format!("{}: {}", f.line, f.message)).collect::<Vec<_>>().join("\n")
        })
    }

    fn hash() -> String {
        bcrypt::hash("p", 4).unwrap()
    }

    #[test]
    fn a_full_file_is_read() {
        let config = load(&format!(
            "tls_server_config:\n  cert_file: c.pem\n  cert: ignored\n  key: k\n  client_ca_file: /ca.pem\n  \
             client_auth_type: RequireAndVerifyClientCert\n  client_allowed_sans: [a]\n  min_version: TLS13\n  \
             cipher_suites: [TLS_AES_128_GCM_SHA256]\n  curve_preferences: [X25519]\n\
             http_server_config:\n  http2: false\n  headers: {{X-Frame-Options: deny}}\n\
             basic_auth_users: {{u: '{}'}}\nrate_limit: {{interval: 1s, burst: 20}}\n\
             bearer_tokens: [{{name: n, token_file: token, scope: write}}, {{token: t, scope: admin}}]\n",
            hash()
        ))
        .unwrap();
        let tls = config.tls.as_ref().unwrap();
        assert!(matches!(&tls.cert, Source::File(path) if path.ends_with("c.pem") && path.is_absolute()));
        assert_eq!(tls.client_auth, ClientAuth::RequireAndVerify);
        assert_eq!((config.http2, config.headers.len(), config.users.len()), (false, 1, 1));
        assert_eq!(config.rate, Some(Rate { interval: Duration::from_secs(1), burst: 20 }));
        let scopes: Vec<_> = config.tokens.iter().map(|token| (token.scope, token.digest)).collect();
        assert_eq!(scopes, [(Scope::Write, token_digest(b"secret")), (Scope::Admin, token_digest(b"t"))]);
        let names: Vec<_> = config.files.iter().map(|f| f.file_name().unwrap().to_str().unwrap()).collect();
        assert_eq!(names, ["web.yml", "token", "c.pem", "ca.pem"]);
        assert!(!format!("{config:?}").contains("$2b$"));
        let empty = load("").unwrap();
        assert!(empty.tls.is_none() && empty.http2 && !empty.authenticates());
    }

    #[test]
    fn faults_have_prometheuss_texts_and_their_lines() {
        for (text, want) in [
            ("tls_server_config: {key: k}", "1: missing one of cert or cert_file"),
            ("tls_server_config: {cert: c}", "1: missing one of key or key_file"),
            (
                "tls_server_config:\n  cert: c\n  key: k\n  client_ca: x\n",
                "2: client CA's have been configured without a Client Auth Policy",
            ),
            ("tls_server_config: {cert: c, key: k, client_auth_type: x}", "1: invalid ClientAuth: x"),
            ("tls_server_config: {cert: c, key: k, min_version: TLS9}", "1: unknown TLS version: TLS9"),
            ("tls_server_config: {cert: c, key: k, cipher_suites: [x]}", "1: unknown cipher: x"),
            ("tls_server_config: {cert: c, key: k, curve_preferences: [x]}", "1: unknown curve: x"),
            ("\nfoo: 1\n", "2: field foo not found in type web.Config"),
            (
                "http_server_config:\n  headers: {X-Other: a}\n",
                "2: HTTP header \"X-Other\" can not be configured",
            ),
            (
                "http_server_config:\n  headers: {X-Content-Type-Options: b}\n",
                "2: invalid value for X-Content-Type-Options. Expected one of: [\"nosniff\"], but got: \"b\"",
            ),
            (
                "basic_auth_users:\n  a: short\n",
                "2: crypto/bcrypt: hashedSecret too short to be a bcrypted password",
            ),
            (
                "bearer_tokens: [{token: a, scope: all}]",
                "1: scope of a bearer token must be read, write or admin",
            ),
            ("bearer_tokens: [{scope: read}]", "1: exactly one of token & token_file must be configured"),
            ("bearer_tokens: [{scope: read, token_file: none}]", "no such file or directory"),
        ] {
            let error = load(text).unwrap_err();
            assert!(error.contains(want), "{want} in {error}");
        }
        let bad = hash().replace("$04$", "$99$");
        let error = load(&format!("basic_auth_users: {{a: '{bad}'}}")).unwrap_err();
        assert!(error.contains("cost 99 is outside"), "{error}");
        let mut bad = hash();
        bad.replace_range(20..21, "!");
        let error = load(&format!("basic_auth_users: {{a: '{bad}'}}")).unwrap_err();
        assert!(error.contains("crypto/bcrypt: "), "{error}");
    }
}
