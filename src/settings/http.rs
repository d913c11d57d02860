//! How to speak to an HTTP server: credentials, TLS, headers.

use super::ConfigError;
use super::decode::{Decoder, Fault, Fields};
use super::oauth2::OAuth2;
use super::proxy::Proxy;
use super::secret::Secret;
use super::yaml::{self, Kind, Node};
use serde_json::{Map, Value, json};
use std::path::{Path, PathBuf};

/// A text given directly or by a file, which is read anew for each use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// The text.
    Inline(Secret),
    /// The file that holds it.
    File(PathBuf),
}

/// `basic_auth`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BasicAuth {
    /// User.
    pub username: Source,
    /// Password.
    pub password: Source,
}

/// `authorization`, and the older bearer token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authorization {
    /// `Bearer`, unless said otherwise.
    pub scheme: String,
    /// What follows it.
    pub credentials: Source,
}

/// `tls_config`
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TlsConfig {
    /// Certificates to trust instead of the system's.
    pub ca: Option<Source>,
    /// Client certificate chain.
    pub cert: Option<Source>,
    /// Its key.
    pub key: Option<Source>,
    /// Name to expect in the server's certificate, instead of the host.
    pub server_name: String,
    /// Accept any certificate.
    pub insecure_skip_verify: bool,
    /// `TLS10` … `TLS13`.
    pub min_version: Option<String>,
    /// `TLS10` … `TLS13`.
    pub max_version: Option<String>,
}

impl TlsConfig {
    /// As `status/config` shows it, into the section, unless nothing is set.
    pub fn to_value(&self, out: &mut Map<String, Value>) {
        if *self != Self::default() {
            let mut section = Map::new();
            put_source(&mut section, "ca", self.ca.as_ref());
            put_source(&mut section, "cert", self.cert.as_ref());
            put_source(&mut section, "key", self.key.as_ref());
            if !self.server_name.is_empty() {
                section.insert("server_name".to_owned(), json!(self.server_name));
            }
            section.insert("insecure_skip_verify".to_owned(), json!(self.insecure_skip_verify));
            for (key, version) in [("min_version", &self.min_version), ("max_version", &self.max_version)] {
                if let Some(version) = version {
                    section.insert(key.to_owned(), json!(version));
                }
            }
            out.insert("tls_config".to_owned(), section.into());
        }
    }
}

/// The HTTP client fields of a section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpClientConfig {
    /// `basic_auth`
    pub basic_auth: Option<BasicAuth>,
    /// `authorization`
    pub authorization: Option<Authorization>,
    /// `tls_config`
    pub tls: TlsConfig,
    /// Go where a 3xx points.
    pub follow_redirects: bool,
    /// Offer HTTP/2 over TLS.
    pub enable_http2: bool,
    /// Headers to add: name and values.
    pub headers: Vec<(String, Vec<Source>)>,
    /// `oauth2`
    pub oauth2: Option<Box<OAuth2>>,
    /// The proxy fields.
    pub proxy: Proxy,
}

impl Default for HttpClientConfig {
    fn default() -> Self {
        Self {
            basic_auth: None,
            authorization: None,
            tls: TlsConfig::default(),
            follow_redirects: true,
            enable_http2: true,
            headers: Vec::new(),
            oauth2: None,
            proxy: Proxy::default(),
        }
    }
}

/// Headers that the server sets itself.
const RESERVED: &[&str] = &[
    "Authorization",
    "Host",
    "Content-Encoding",
    "Content-Length",
    "Content-Type",
    "User-Agent",
    "Connection",
    "Keep-Alive",
    "Proxy-Authenticate",
    "Proxy-Authorization",
    "Www-Authenticate",
    "Accept-Encoding",
    "X-Prometheus-Remote-Write-Version",
    "X-Prometheus-Remote-Read-Version",
    "X-Prometheus-Scrape-Timeout-Seconds",
    "X-Amz-Date",
    "X-Amz-Security-Token",
    "X-Amz-Content-Sha256",
];

fn path(dir: &Path, file: &str) -> PathBuf {
    dir.join(file)
}

/// Takes `name` or `name_file`; `clash` is the fault of having both.
pub fn source(fields: &mut Fields<'_, '_>, dir: &Path, name: &str, clash: &str) -> Option<Source> {
    let (inline, file) = (fields.string(name, ""), fields.string(&format!("{name}_file"), ""));
    let reference = fields.string(&format!("{name}_ref"), "");
    if [&inline, &file, &reference].iter().filter(|s| !s.is_empty()).count() > 1 {
        fields.fault(clash);
    }
    if !reference.is_empty() {
        fields.fault("cannot use secret ref without manager");
    }
    match (inline.is_empty(), file.is_empty()) {
        (_, false) => Some(Source::File(path(dir, &file))),
        (false, _) => Some(Source::Inline(Secret::new(inline))),
        _ => None,
    }
}

impl HttpClientConfig {
    /// Reads a file that holds these fields and nothing else, as `--http.config.file` of the command line.
    ///
    /// # Errors
    /// Everything that is wrong, with lines.
    pub fn load(file: &Path) -> Result<Self, ConfigError> {
        let failed = |faults| ConfigError { path: file.display().to_string(), faults };
        let whole = |message| failed(vec![Fault { line: 0, message, shape: false }]);
        let text = super::read(file).map_err(whole)?;
        let root = yaml::parse(&text)
            .map_err(|e| failed(vec![Fault { line: e.line, message: e.message, shape: false }]))?;
        let mut decoder = Decoder::default();
        let mut fields = Fields::of(&mut decoder, &root, "config.HTTPClientConfig");
        let http = Self::take(&mut fields, file.parent().unwrap_or(Path::new("")));
        fields.finish();
        if decoder.faults.is_empty() { Ok(http) } else { Err(failed(decoder.faults)) }
    }

    /// The files that secrets and certificates are read from, with the fields that name them.
    #[must_use]
    pub fn files(&self) -> Vec<(&'static str, &PathBuf)> {
        let tls = &self.tls;
        let mut sources: Vec<(&'static str, Option<&Source>)> = vec![
            ("ca_file", tls.ca.as_ref()),
            ("cert_file", tls.cert.as_ref()),
            ("key_file", tls.key.as_ref()),
        ];
        if let Some(auth) = &self.basic_auth {
            sources.push(("username_file", Some(&auth.username)));
            sources.push(("password_file", Some(&auth.password)));
        }
        if let Some(auth) = &self.authorization {
            sources.push(("credentials_file", Some(&auth.credentials)));
        }
        if let Some(oauth2) = &self.oauth2 {
            sources.extend(oauth2.sources());
        }
        let headers = self.headers.iter().flat_map(|(_, values)| values);
        sources.extend(headers.map(|value| ("http_headers", Some(value))));
        sources
            .into_iter()
            .filter_map(|entry| match entry.1 {
                Some(Source::File(path)) => Some((entry.0, path)),
                _ => None,
            })
            .collect()
    }

    /// Takes the fields out of a section; relative paths start at `dir`.
    pub fn take(fields: &mut Fields<'_, '_>, dir: &Path) -> Self {
        let mut http = Self::default();
        let oauth2 = fields.take("oauth2").filter(|node| node.kind != Kind::Null);
        http.oauth2 = oauth2.map(|node| Box::new(OAuth2::decode(fields.decoder, node, dir)));
        http.basic_auth = fields.take("basic_auth").map(|node| basic_auth(fields.decoder, node, dir));
        http.authorization =
            fields.take("authorization").map(|node| authorization(fields.decoder, node, dir));
        http.bearer(fields, dir, oauth2.is_some());
        let ways = [oauth2.is_some(), http.basic_auth.is_some(), http.authorization.is_some()];
        if ways.iter().filter(|way| **way).count() > 1 {
            fields.fault("at most one of basic_auth, oauth2 & authorization must be configured");
        }
        if let Some(node) = fields.take("tls_config") {
            http.tls = tls(fields.decoder, node, dir);
        }
        http.follow_redirects = fields.bool("follow_redirects").unwrap_or(true);
        http.enable_http2 = fields.bool("enable_http2").unwrap_or(true);
        http.proxy = Proxy::take(fields);
        if let Some(node) = fields.take("http_headers") {
            http.headers = headers(fields.decoder, node, dir);
        }
        http
    }

    /// `bearer_token` and its file become an authorization.
    fn bearer(&mut self, fields: &mut Fields<'_, '_>, dir: &Path, oauth2: bool) {
        let clash = "at most one of bearer_token & bearer_token_file must be configured";
        let Some(credentials) = source(fields, dir, "bearer_token", clash) else { return };
        if self.authorization.is_some() {
            fields.fault("authorization is not compatible with bearer_token & bearer_token_file");
        } else if self.basic_auth.is_some() || oauth2 {
            fields.fault(
                "at most one of basic_auth, oauth2, bearer_token & bearer_token_file must be configured",
            );
        } else {
            self.authorization = Some(Authorization { scheme: "Bearer".to_owned(), credentials });
        }
    }

    /// As `status/config` shows it, into the section.
    pub fn to_value(&self, out: &mut Map<String, Value>) {
        if let Some(auth) = &self.basic_auth {
            let mut section = Map::new();
            let name = match &auth.username {
                Source::Inline(name) => ("username", name.reveal().to_owned()),
                Source::File(file) => ("username_file", file.display().to_string()),
            };
            section.insert(name.0.to_owned(), name.1.into());
            put_source(&mut section, "password", Some(&auth.password));
            out.insert("basic_auth".to_owned(), section.into());
        }
        if let Some(auth) = &self.authorization {
            let mut section = Map::new();
            section.insert("type".to_owned(), auth.scheme.clone().into());
            put_source(&mut section, "credentials", Some(&auth.credentials));
            out.insert("authorization".to_owned(), section.into());
        }
        if let Some(oauth2) = &self.oauth2 {
            out.insert("oauth2".to_owned(), oauth2.to_value());
        }
        self.tls.to_value(out);
        out.insert("follow_redirects".to_owned(), json!(self.follow_redirects));
        out.insert("enable_http2".to_owned(), json!(self.enable_http2));
        if !self.headers.is_empty() {
            let mut section = Map::new();
            for (name, sources) in &self.headers {
                let count = sources.len();
                section.insert(name.clone(), json!({ "secrets": vec!["<secret>"; count] }));
            }
            out.insert("http_headers".to_owned(), section.into());
        }
        self.proxy.to_value(out);
    }
}

pub(super) fn put_source(section: &mut Map<String, Value>, name: &str, source: Option<&Source>) {
    match source {
        Some(Source::Inline(_)) => section.insert(name.to_owned(), json!("<secret>")),
        Some(Source::File(file)) => section.insert(format!("{name}_file"), json!(file.display().to_string())),
        None => None,
    };
}

fn basic_auth(decoder: &mut Decoder, node: &Node, dir: &Path) -> BasicAuth {
    let mut fields = Fields::of(decoder, node, "config.plain");
    let clash =
        |name: &str| format!("at most one of basic_auth {name}, {name}_file & {name}_ref must be configured");
    let empty = || Source::Inline(Secret::default());
    let username = source(&mut fields, dir, "username", &clash("username")).unwrap_or_else(empty);
    let password = source(&mut fields, dir, "password", &clash("password")).unwrap_or_else(empty);
    fields.finish();
    BasicAuth { username, password }
}

fn authorization(decoder: &mut Decoder, node: &Node, dir: &Path) -> Authorization {
    let mut fields = Fields::of(decoder, node, "config.plain");
    let scheme = fields.string("type", "Bearer").trim().to_owned();
    if scheme.eq_ignore_ascii_case("basic") {
        fields.fault("authorization type cannot be set to \"basic\", use \"basic_auth\" instead");
    }
    let clash = "at most one of authorization credentials & credentials_file must be configured";
    let credentials = source(&mut fields, dir, "credentials", clash);
    fields.finish();
    Authorization { scheme, credentials: credentials.unwrap_or(Source::Inline(Secret::default())) }
}

/// Decodes a `tls_config`; relative paths start at `dir`.
pub fn tls(decoder: &mut Decoder, node: &Node, dir: &Path) -> TlsConfig {
    let mut fields = Fields::of(decoder, node, "config.plain");
    let ca = source(&mut fields, dir, "ca", "at most one of ca, ca_file & ca_ref must be configured");
    let cert =
        source(&mut fields, dir, "cert", "at most one of cert, cert_file & cert_ref must be configured");
    let key = source(&mut fields, dir, "key", "at most one of key and key_file must be configured");
    match (&cert, &key) {
        (Some(_), None) => fields.fault(
            "exactly one of key or key_file must be configured when a client certificate is configured",
        ),
        (None, Some(_)) => fields
            .fault("exactly one of cert or cert_file must be configured when a client key is configured"),
        _ => {}
    }
    let server_name = fields.string("server_name", "");
    let insecure_skip_verify = fields.bool("insecure_skip_verify").unwrap_or(false);
    let mut version = |name: &str| {
        let version = fields.string(name, "");
        if !matches!(version.as_str(), "" | "TLS10" | "TLS11" | "TLS12" | "TLS13") {
            fields.fault(format!("unknown TLS version: {version}"));
        }
        (!version.is_empty()).then_some(version)
    };
    let (min_version, max_version) = (version("min_version"), version("max_version"));
    fields.finish();
    TlsConfig { ca, cert, key, server_name, insecure_skip_verify, min_version, max_version }
}

fn headers(decoder: &mut Decoder, node: &Node, dir: &Path) -> Vec<(String, Vec<Source>)> {
    let mut out = Vec::new();
    for (name, line, node) in decoder.map(node, "map[string]config.Header") {
        if let Some(reserved) = RESERVED.iter().find(|r| r.eq_ignore_ascii_case(name)) {
            decoder.fault(line, format!("setting header \"{reserved}\" is not allowed"));
        }
        let mut fields = Fields::of(decoder, node, "config.Header");
        let inline = |text: String| Source::Inline(Secret::new(text));
        let mut sources: Vec<Source> = fields.strings("values").into_iter().map(inline).collect();
        sources.extend(fields.strings("secrets").into_iter().map(inline));
        sources.extend(fields.strings("files").into_iter().map(|f| Source::File(path(dir, &f))));
        fields.finish();
        out.push((name.to_owned(), sources));
    }
    out
}
