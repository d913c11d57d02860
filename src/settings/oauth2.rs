//! `oauth2`: credentials that a token server hands out for a while.

use super::decode::{Decoder, Fields};
use super::http::{Source, TlsConfig, put_source, source, tls};
use super::proxy::Proxy;
use super::yaml::Node;
use serde_json::{Map, Value, json};
use std::path::Path;

/// What a JWT of an `oauth2` section is signed with.
const ALGORITHMS: &[&str] = &["RS256", "RS384", "RS512"];
const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// `oauth2`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OAuth2 {
    /// Who asks.
    pub client_id: String,
    /// With which secret; not with a JWT.
    pub client_secret: Option<Source>,
    /// Set for tokens that are asked for with a signed statement.
    pub jwt: Option<JwtBearer>,
    /// Scopes to ask for.
    pub scopes: Vec<String>,
    /// The token server.
    pub token_url: String,
    /// Further parameters of the question, by name.
    pub endpoint_params: Vec<(String, String)>,
    /// How to speak to the token server.
    pub tls: TlsConfig,
    /// Through which proxy.
    pub proxy: Proxy,
}

/// What `grant_type: urn:ietf:params:oauth:grant-type:jwt-bearer` needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JwtBearer {
    /// Names the key.
    pub key_id: String,
    /// The private key, PEM.
    pub key: Option<Source>,
    /// `RS256`, `RS384` or `RS512`.
    pub algorithm: String,
    /// Who states; the client when empty.
    pub issuer: String,
    /// To whom; the token server when empty.
    pub audience: String,
    /// Further claims, by name.
    pub claims: Vec<(String, String)>,
}

impl OAuth2 {
    pub(super) fn decode(decoder: &mut Decoder, node: &Node, dir: &Path) -> Self {
        let mut fields = Fields::of(decoder, node, "config.plain");
        let client_id = fields.string("client_id", "");
        if client_id.is_empty() {
            fields.fault("oauth2 client_id must be configured");
        }
        let grant = fields.string("grant_type", "client_credentials");
        let only_one = |name: &str, grant: &str| {
            format!(
                "at most one of oauth2 {name}, {name}_file & {name}_ref must be configured using grant-type={grant}"
            )
        };
        let clash = only_one("client_secret", "client_credentials");
        let client_secret = source(&mut fields, dir, "client_secret", &clash);
        let jwt = JwtBearer {
            key_id: fields.string("client_certificate_key_id", ""),
            key: source(
                &mut fields,
                dir,
                "client_certificate_key",
                &only_one("client_certificate_key", JWT_BEARER),
            ),
            algorithm: fields.string("signature_algorithm", "RS256"),
            issuer: fields.string("iss", ""),
            audience: fields.string("audience", ""),
            claims: pairs(&mut fields, "claims"),
        };
        match grant.as_str() {
            "client_credentials" | "" => {}
            JWT_BEARER if !ALGORITHMS.contains(&jwt.algorithm.as_str()) => {
                fields.fault("valid signature algorithms are RS256, RS384 and RS512");
            }
            JWT_BEARER if jwt.key.is_none() => {
                fields.fault("oauth2 client_certificate_key must be configured using grant-type=jwt-bearer");
            }
            JWT_BEARER => {}
            _ => fields.fault(format!("unsupported oauth2 grant_type {grant:?}")),
        }
        let scopes = fields.strings("scopes");
        let token_url = fields.string("token_url", "");
        if token_url.is_empty() {
            fields.fault("oauth2 token_url must be configured");
        }
        let endpoint_params = pairs(&mut fields, "endpoint_params");
        let proxy = Proxy::take(&mut fields);
        let tls = match fields.take("tls_config") {
            Some(node) => tls(fields.decoder, node, dir),
            None => TlsConfig::default(),
        };
        fields.finish();
        let jwt = (grant == JWT_BEARER).then_some(jwt);
        Self { client_id, client_secret, jwt, scopes, token_url, endpoint_params, tls, proxy }
    }

    /// The files that it names, with the fields that name them.
    pub(super) fn sources(&self) -> [(&'static str, Option<&Source>); 5] {
        [
            ("client_secret_file", self.client_secret.as_ref()),
            ("client_certificate_key_file", self.jwt.as_ref().and_then(|jwt| jwt.key.as_ref())),
            ("ca_file", self.tls.ca.as_ref()),
            ("cert_file", self.tls.cert.as_ref()),
            ("key_file", self.tls.key.as_ref()),
        ]
    }

    pub(super) fn to_value(&self) -> Value {
        let mut out = Map::new();
        out.insert("client_id".to_owned(), json!(self.client_id));
        put_source(&mut out, "client_secret", self.client_secret.as_ref());
        if let Some(jwt) = &self.jwt {
            out.insert("grant_type".to_owned(), json!(JWT_BEARER));
            put_source(&mut out, "client_certificate_key", jwt.key.as_ref());
            let texts = [
                ("client_certificate_key_id", &jwt.key_id),
                ("signature_algorithm", &jwt.algorithm),
                ("iss", &jwt.issuer),
                ("audience", &jwt.audience),
            ];
            for (name, text) in texts.into_iter().filter(|(_, text)| !text.is_empty()) {
                out.insert(name.to_owned(), json!(text));
            }
            put_pairs(&mut out, "claims", &jwt.claims);
        }
        if !self.scopes.is_empty() {
            out.insert("scopes".to_owned(), json!(self.scopes));
        }
        out.insert("token_url".to_owned(), json!(self.token_url));
        put_pairs(&mut out, "endpoint_params", &self.endpoint_params);
        self.tls.to_value(&mut out);
        self.proxy.to_value(&mut out);
        out.into()
    }
}

fn pairs(fields: &mut Fields<'_, '_>, name: &str) -> Vec<(String, String)> {
    fields.string_map(name).into_iter().map(|(key, _, value)| (key, value)).collect()
}

fn put_pairs(out: &mut Map<String, Value>, name: &str, pairs: &[(String, String)]) {
    if !pairs.is_empty() {
        let map: Map<String, Value> = pairs.iter().map(|(key, value)| (key.clone(), json!(value))).collect();
        out.insert(name.to_owned(), map.into());
    }
}
